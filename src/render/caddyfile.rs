//! The Caddyfile, and the pages in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Artifact;
use crate::plan::{Edge, Link};
use crate::template::{TemplateError, Templates, one_line, tidy};

/// What the template is given: the edge, and each page on one line.
#[derive(Serialize)]
struct Context<'e> {
    #[serde(flatten)]
    edge: &'e Edge,
    pages: Pages,
}

#[derive(Serialize)]
struct Pages {
    /// What a visitor is told in place of a service, by the name of its template.
    #[serde(flatten)]
    by_kind: BTreeMap<&'static str, String>,
    /// The landing page of each group of visitors.
    visitors: Vec<String>,
    /// The landing page of who is at home.
    at_home: String,
}

/// What a page is given.
#[derive(Serialize)]
struct Page<'e> {
    domain: &'e str,
    email: &'e Option<String>,
    links: &'e [Link],
}

/// Every page that a visitor may meet in place of a service.
const KINDS: [&str; 6] = [
    "certificate",
    "certificate-or-home",
    "home",
    "retired",
    "forbidden",
    "down",
];

/// Renders the Caddyfile. Its pages stand in it, each as one word: a file beside it would have to be
/// named by a path of the Caddy host, which nobody knows here.
pub fn render(edge: &Edge, templates: &Templates) -> Result<Artifact, TemplateError> {
    let mut used = BTreeSet::new();
    let mut page = |kind: &str, links: &[Link]| {
        let page = Page {
            domain: &edge.domain,
            email: &edge.email,
            links,
        };
        let rendered = templates.render(&format!("pages/{kind}.html.j2"), &page)?;
        used.extend(rendered.used);
        Ok::<_, TemplateError>(one_line(&rendered.text))
    };
    let by_kind = KINDS.into_iter().map(|kind| Ok((kind, page(kind, &[])?)));
    let by_kind = by_kind.collect::<Result<_, TemplateError>>()?;
    let landing = edge.landing.as_ref();
    let visitors = landing.map_or(&[][..], |landing| &landing.visitors);
    let pages = Pages {
        by_kind,
        visitors: visitors
            .iter()
            .map(|visitors| page("landing", &visitors.links))
            .collect::<Result<_, _>>()?,
        at_home: match landing {
            Some(landing) => page("landing", &landing.home)?,
            None => String::new(),
        },
    };
    let rendered = templates.render("Caddyfile.j2", &Context { edge, pages })?;
    used.extend(rendered.used);
    Ok(Artifact {
        bytes: tidy(&rendered.text).into_bytes(),
        templates: used.into_iter().collect(),
    })
}
