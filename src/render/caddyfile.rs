//! The Caddyfile and the files that it imports.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use super::Artifact;
use crate::dates::Shown;
use crate::derive::{Link, Pages};
use crate::diagnostic::Mistake;
use crate::model::{Domain, Email, Language};
use crate::template::{Templates, one_line, tidy};

/// The pages that a visitor may meet in place of a service, in every homelab.
const KINDS: [&str; 6] = [
    "certificate",
    "certificate-or-home",
    "home",
    "retired",
    "forbidden",
    "down",
];

/// What a device may meet whose newer certificate waits.
const OFFERED: [&str; 2] = ["renewed", "renewal-missing"];

/// Renders one of the files from what its template is given.
pub(super) fn render(
    name: &str,
    context: &impl Serialize,
    templates: &Templates,
) -> Result<Artifact, Mistake> {
    let rendered = templates.render(name, context)?;
    Ok(Artifact {
        bytes: tidy(&rendered.text).into_bytes(),
        templates: rendered.used,
    })
}

/// What the template of the pages is given.
#[derive(Serialize)]
struct Context<'p> {
    domain: &'p Domain,
    hsts: bool,
    pages: Vec<Page>,
}

/// A page in its place in the file.
#[derive(Serialize)]
struct Page {
    name: Cow<'static, str>,
    /// The page on one line: in English, or in the language of whom alone it is for.
    html: String,
    /// The same in other languages.
    translated: Vec<Translated>,
}

#[derive(Serialize)]
struct Translated {
    language: Language,
    html: String,
}

/// What a page itself is given.
#[derive(Serialize)]
struct PageContext<'p> {
    domain: &'p Domain,
    email: &'p Option<Email>,
    links: &'p [Link],
    /// Where newer certificates are fetched, without the scheme; none where they are not.
    renewed_at: &'p Option<String>,
    /// Whether one waits for who sees this.
    waiting: bool,
    /// Until when it works, where the page is about it.
    expires: Option<Shown>,
}

impl<'p> PageContext<'p> {
    fn of(pages: &'p Pages) -> PageContext<'p> {
        static NOWHERE: Option<String> = None;
        let landing = pages.landing.as_ref();
        PageContext {
            domain: &pages.domain,
            email: &pages.email,
            links: &[],
            renewed_at: landing.map_or(&NOWHERE, |landing| &landing.renewed_at),
            waiting: false,
            expires: None,
        }
    }
}

/// Renders the file that holds the pages, each as one word: a file beside it would have to be named by a
/// path of the Caddy host, which nobody knows here.
pub(super) fn render_pages(pages: &Pages, templates: &Templates) -> Result<Artifact, Mistake> {
    let mut used = BTreeSet::new();
    // Who is known is told in the own language, everybody else in that of the browser.
    let mut page = |name: Cow<'static, str>, template: &str, own: Option<&Language>, context| {
        let template = format!("pages/{template}.html.j2");
        let context: PageContext<'_> = context;
        let mut said = |language: &str| {
            let rendered = templates.render_in(language, &template, &context)?;
            used.extend(rendered.used);
            Ok::<_, Mistake>(one_line(&rendered.text))
        };
        let others = pages.languages.iter().filter(|_| own.is_none());
        let translated = others.map(|language| {
            let html = said(language.as_str())?;
            let language = language.clone();
            Ok(Translated { language, html })
        });
        Ok::<_, Mistake>(Page {
            name,
            translated: translated.collect::<Result<_, Mistake>>()?,
            html: said(own.map_or(Language::ENGLISH, Language::as_str))?,
        })
    };
    let mut rendered = Vec::new();
    let plain = || PageContext::of(pages);
    for kind in KINDS {
        rendered.push(page(Cow::Borrowed(kind), kind, None, plain())?);
    }
    if pages.elsewhere {
        let name = "elsewhere";
        rendered.push(page(Cow::Borrowed(name), name, None, plain())?);
    }
    if let Some(landing) = &pages.landing {
        for (number, shown) in (1..).zip(&landing.visitors) {
            let context = PageContext {
                links: &shown.links,
                waiting: shown.waiting.is_some(),
                ..plain()
            };
            let name = Cow::Owned(format!("visitors-{number}"));
            rendered.push(page(name, "landing", shown.waiting.as_ref(), context)?);
        }
        if !landing.home.is_empty() {
            let context = PageContext {
                links: &landing.home,
                ..plain()
            };
            rendered.push(page(Cow::Borrowed("at-home"), "landing", None, context)?);
        }
        for (number, offer) in (1..).zip(&landing.offers) {
            for kind in OFFERED {
                let context = PageContext {
                    expires: Some(offer.expires),
                    ..plain()
                };
                let name = Cow::Owned(format!("{kind}-{number}"));
                rendered.push(page(name, kind, Some(&offer.language), context)?);
            }
        }
    }
    let context = Context {
        domain: &pages.domain,
        hsts: pages.hsts,
        pages: rendered,
    };
    let mut file = render("pages.caddyfile.j2", &context, templates)?;
    used.extend(file.templates);
    file.templates = used.into_iter().collect();
    Ok(file)
}
