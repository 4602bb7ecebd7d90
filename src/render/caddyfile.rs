//! The Caddyfile and the files that it imports.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use super::Artifact;
use crate::derive::{Link, Pages};
use crate::diagnostic::Mistake;
use crate::model::{Domain, Email};
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
    /// The page on one line.
    html: String,
}

/// What a page itself is given.
#[derive(Serialize)]
struct PageContext<'p> {
    domain: &'p Domain,
    email: &'p Option<Email>,
    links: &'p [Link],
}

/// Renders the file that holds the pages, each as one word: a file beside it would have to be named by a
/// path of the Caddy host, which nobody knows here.
pub(super) fn render_pages(pages: &Pages, templates: &Templates) -> Result<Artifact, Mistake> {
    let mut used = BTreeSet::new();
    let mut page = |name: Cow<'static, str>, template: &str, links: &[Link]| {
        let context = PageContext {
            domain: &pages.domain,
            email: &pages.email,
            links,
        };
        let rendered = templates.render(&format!("pages/{template}.html.j2"), &context)?;
        used.extend(rendered.used);
        Ok::<_, Mistake>(Page {
            name,
            html: one_line(&rendered.text),
        })
    };
    let mut rendered = Vec::new();
    for kind in KINDS {
        rendered.push(page(Cow::Borrowed(kind), kind, &[])?);
    }
    if pages.elsewhere {
        rendered.push(page(Cow::Borrowed("elsewhere"), "elsewhere", &[])?);
    }
    if let Some(landing) = &pages.landing {
        for (number, links) in (1..).zip(&landing.visitors) {
            rendered.push(page(
                Cow::Owned(format!("visitors-{number}")),
                "landing",
                links,
            )?);
        }
        if !landing.home.is_empty() {
            rendered.push(page(Cow::Borrowed("at-home"), "landing", &landing.home)?);
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
