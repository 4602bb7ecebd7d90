//! The Caddyfile and the files that it imports.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Artifact;
use crate::derive::{Known, KnownDevice, LandingPages, Link, Pages};
use crate::diagnostic::Mistake;
use crate::model::{DisplayName, Domain, Email, Language, Name};
use crate::pki::Fingerprint;
use crate::template::{Templates, VISITOR_NAME, VISITOR_UNTIL, one_line, tidy};

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
    /// Those in which there are pages, but for English.
    languages: &'p [Language],
    /// Whom the landing page greets.
    visitors: Vec<Visitor<'p>>,
    /// Whether the certificate of one of them is its device's last.
    lasts: bool,
    pages: Vec<Page>,
}

/// Somebody whom the landing page greets.
#[derive(Serialize)]
struct Visitor<'p> {
    name: &'p Name,
    display_name: &'p DisplayName,
    language: Option<&'p Language>,
    devices: Vec<VisitorDevice>,
}

#[derive(Serialize)]
struct VisitorDevice {
    fingerprint: Fingerprint,
    /// Until when its certificate works, in HTML, where that is told.
    until: String,
    /// In which language it is told that no newer one follows; empty where one does.
    last: String,
}

/// A page in its place in the file.
#[derive(Serialize)]
struct Page {
    name: Cow<'static, str>,
    /// The page on one line: in English, or in the language of whom alone it is for.
    html: String,
    /// The same in other languages.
    translated: Vec<Translated>,
    /// What is said in place of it to devices whose certificates are their last.
    last: Vec<Translated>,
    /// What says by which placeholder one of these is chosen.
    chosen_by: ChosenBy,
}

/// What a page's language is chosen by.
#[derive(Debug, Clone, Copy, Serialize)]
enum ChosenBy {
    /// The language of who sees it, and else of the browser.
    #[serde(rename = "page.language")]
    VisitorOrBrowser,
    /// The language of who sees it alone.
    #[serde(rename = "visitor.language")]
    Visitor,
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
    /// The name of who sees this, where Caddy knows it.
    visitor_name: Option<&'static str>,
    /// Until when the certificate of who sees this works, as Caddy knows it.
    visitor_until: &'static str,
}

impl<'p> PageContext<'p> {
    fn of(pages: &'p Pages) -> PageContext<'p> {
        PageContext {
            domain: &pages.domain,
            email: &pages.email,
            links: &[],
            renewed_at: &pages.renewed_at,
            waiting: false,
            visitor_name: None,
            visitor_until: VISITOR_UNTIL,
        }
    }
}

/// In which languages a page is there.
#[derive(Clone, Copy)]
enum Told<'p> {
    /// In all: who is known is told in the own one, everybody else in that of the browser.
    InAll(ChosenBy),
    /// In that of whom alone it is for.
    InOne(&'p Language),
}

/// The pages of one file, as they are rendered.
struct Rendering<'p> {
    pages: &'p Pages,
    templates: &'p Templates,
    used: BTreeSet<String>,
    rendered: Vec<Page>,
}

impl Rendering<'_> {
    fn say(
        &mut self,
        language: &str,
        template: &str,
        context: &impl Serialize,
    ) -> Result<String, Mistake> {
        let template = format!("pages/{template}.html.j2");
        let rendered = self.templates.render_in(language, &template, context)?;
        self.used.extend(rendered.used);
        Ok(rendered.text)
    }

    fn page(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        template: &str,
        told: Told<'_>,
        context: &PageContext<'_>,
    ) -> Result<&mut Page, Mistake> {
        let (own, chosen_by, others) = match told {
            Told::InOne(language) => (language.as_str(), ChosenBy::Visitor, &[][..]),
            Told::InAll(by) => (Language::ENGLISH, by, &self.pages.languages[..]),
        };
        let html = one_line(&self.say(own, template, context)?);
        let translated = others
            .iter()
            .map(|language| self.translated(language, template, context));
        let translated = translated.collect::<Result<_, Mistake>>()?;
        Ok(self.rendered.push_mut(Page {
            name: name.into(),
            html,
            translated,
            last: Vec::new(),
            chosen_by,
        }))
    }

    fn translated(
        &mut self,
        language: &Language,
        template: &str,
        context: &PageContext<'_>,
    ) -> Result<Translated, Mistake> {
        let html = one_line(&self.say(language.as_str(), template, context)?);
        let language = language.clone();
        Ok(Translated { language, html })
    }

    /// Everybody whom the landing page greets; in each language it is said at once until when certificates work.
    fn visitors<'k>(&mut self, known: &'k [Known]) -> Result<Vec<Visitor<'k>>, Mistake> {
        let mut ends: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for known in known {
            let settled = known.devices.iter().filter_map(|device| device.settled);
            let ends = ends.entry(told_in(known)).or_default();
            ends.extend(settled.map(|settled| settled.until.to_string()));
        }
        let mut said: BTreeMap<(&str, String), String> = BTreeMap::new();
        for (language, ends) in ends {
            let text = self.say(language, "ends", &Ends { ends: &ends })?;
            let lines = text.lines().map(str::to_owned);
            said.extend(ends.into_iter().map(|end| (language, end)).zip(lines));
        }
        let visitors = known.iter().map(|known| Visitor {
            name: &known.name,
            display_name: &known.display_name,
            language: known.language.as_ref(),
            devices: { known.devices.iter() }
                .map(|device| VisitorDevice {
                    fingerprint: device.fingerprint,
                    until: { device.settled }
                        .map(|settled| (told_in(known), settled.until.to_string()))
                        .and_then(|end| said.get(&end).cloned())
                        .unwrap_or_default(),
                    last: { device.settled.filter(|settled| settled.is_last) }
                        .map(|_| told_in(known).to_owned())
                        .unwrap_or_default(),
                })
                .collect(),
        });
        Ok(visitors.collect())
    }

    /// What the landing page is for each visitor, and what devices are told of newer certificates.
    fn landing(&mut self, landing: &LandingPages) -> Result<(), Mistake> {
        let pages = self.pages;
        let plain = || PageContext::of(pages);
        let in_all = Told::InAll(ChosenBy::VisitorOrBrowser);
        for (number, shown) in (1..).zip(&landing.visitors) {
            let context = PageContext {
                links: &shown.links,
                waiting: shown.waiting.is_some(),
                visitor_name: Some(VISITOR_NAME),
                ..plain()
            };
            let told = shown.waiting.as_ref().map_or(in_all, Told::InOne);
            self.page(format!("visitors-{number}"), "landing", told, &context)?;
        }
        if !landing.home.is_empty() {
            let context = PageContext {
                links: &landing.home,
                ..plain()
            };
            self.page("at-home", "landing", in_all, &context)?;
        }
        let for_devices = Told::InAll(ChosenBy::Visitor);
        if landing.settles() {
            let name = "renewal-nothing";
            let last = self.renewal_last(&landing.known)?;
            self.page(name, name, for_devices, &plain())?.last = last;
        }
        for name in landing.waits().then_some(OFFERED).into_iter().flatten() {
            self.page(name, name, for_devices, &plain())?;
        }
        Ok(())
    }

    /// What is said to devices that are let in for a while and have their last certificate, in each language of theirs.
    fn renewal_last(&mut self, known: &[Known]) -> Result<Vec<Translated>, Mistake> {
        let is_last = |device: &KnownDevice| device.settled.is_some_and(|settled| settled.is_last);
        let guests = { known.iter() }.filter(|known| known.devices.iter().any(is_last));
        let languages = guests.map(|known| known.language.clone().unwrap_or_default());
        let languages: BTreeSet<Language> = languages.collect();
        let context = PageContext::of(self.pages);
        let last = { languages.iter() }
            .map(|language| self.translated(language, "renewal-last", &context));
        last.collect()
    }
}

#[derive(Serialize)]
struct Ends<'e> {
    ends: &'e BTreeSet<String>,
}

fn told_in(known: &Known) -> &str {
    let language = known.language.as_ref();
    language.map_or(Language::ENGLISH, Language::as_str)
}

/// Renders the file that holds the pages, each as one word: a file beside it would have to be named by a
/// path of the Caddy host, which nobody knows here.
pub(super) fn render_pages(pages: &Pages, templates: &Templates) -> Result<Artifact, Mistake> {
    let mut rendering = Rendering {
        pages,
        templates,
        used: BTreeSet::new(),
        rendered: Vec::new(),
    };
    let in_all = Told::InAll(ChosenBy::VisitorOrBrowser);
    let elsewhere = pages.elsewhere.then_some("elsewhere");
    for kind in KINDS.into_iter().chain(elsewhere) {
        rendering.page(kind, kind, in_all, &PageContext::of(pages))?;
    }
    let mut visitors = Vec::new();
    if let Some(landing) = &pages.landing {
        rendering.landing(landing)?;
        visitors = rendering.visitors(&landing.known)?;
    }
    let mut used = rendering.used;
    let context = Context {
        domain: &pages.domain,
        hsts: pages.hsts,
        languages: &pages.languages,
        lasts: rendering.rendered.iter().any(|page| !page.last.is_empty()),
        visitors,
        pages: rendering.rendered,
    };
    let mut file = render("pages.caddyfile.j2", &context, templates)?;
    used.extend(file.templates);
    file.templates = used.into_iter().collect();
    Ok(file)
}
