//! Services: names, hosts, and what they add to every answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audiences::Audiences;
use super::edges::Edges;
use super::names::Declared;
use super::networks::Networks;
use super::people::People;
use super::{Resolver, meant};
use crate::catalogue::App;
use crate::diagnostic::mistake;
use crate::model::{ByteSize, Domain, Header, Host, Name, Raw, Service};
use crate::parse::Declaration;
use crate::parse::declaration::{ServiceBlock, Text};
use crate::source::{Span, Spanned};

/// What a service calls its app by.
fn name_of(app: &App) -> Name {
    Name::new(&app.name.value)
        .expect("a test reads the names that are built in, and `apps` those of one's own")
}

impl<'l> Resolver<'l> {
    pub(super) fn services(
        &mut self,
        declaration: &Declaration,
        domain: Option<&Domain>,
        (people, networks): (&People, &Networks),
        edges: &Edges<'_>,
    ) -> BTreeMap<Name, Service> {
        let mut names = Declared::new("service");
        let mut audiences = Audiences::new(people);
        let mut hosts_taken = BTreeMap::new();
        let mut services = BTreeMap::new();
        for block in &declaration.services {
            let name = self.declare(&mut names, &block.name);
            let hosts = self.hosts(block, name.as_ref(), domain, &mut hosts_taken);
            let edge = self.edge_of(block, edges);
            let gateway = edge.gateway();
            let app = block.app.as_ref().and_then(|written| self.app(written));
            let backend = self.backend(block, app);
            let policy =
                self.service_policy(block, app, (&mut audiences, networks), (gateway, edge.mode));
            self.refuse_told_twice(block, gateway);
            let title = block.title.as_ref();
            let title = title.and_then(|written| self.display_name(written));
            let max_body = block.max_body.as_ref();
            let max_body = max_body.and_then(|written| self.size(written));
            let certificates = block.certificates.as_ref();
            let certificates = certificates.and_then(|line| self.certificates(line));
            let oldest_tls = block.tls.as_ref().and_then(|line| self.oldest_tls(line));
            let port = block.port.as_ref().and_then(|written| self.port(written));
            let log = block.log.as_ref();
            let log = log.and_then(|written| self.service_log(written));
            let request_headers = self.request_headers(block);
            let headers = self.headers(block);
            let raw = self.raw(block);
            let resolved = name.zip(backend).zip(policy);
            let Some(((name, backend), policy)) = resolved else {
                continue;
            };
            let title = match (title, app) {
                (Some(title), _) => title.to_string(),
                (None, Some(app)) => app.title.value.clone(),
                (None, None) => name.to_string(),
            };
            let service = Service {
                name: name.clone(),
                edge: Arc::clone(&edge.edge),
                title,
                hosts,
                access: policy.access,
                sign_in: policy.sign_in,
                paths: policy.paths,
                preflight: policy.preflight,
                certificate: policy.certificate,
                identity: block.identity.is_some(),
                certificates,
                oldest_tls,
                port,
                log,
                compress: block.compress.is_some(),
                request_headers,
                backend,
                max_body,
                header_underscores: block.header_underscores.is_some(),
                headers,
                raw,
                app: app.map(name_of),
            };
            services.insert(name, service);
        }
        self.refuse_at_landing(edges.landing(), domain, &hosts_taken);
        services
    }

    /// The domain itself is the landing page's, where there is one.
    fn refuse_at_landing(
        &mut self,
        landing: Option<Span>,
        domain: Option<&Domain>,
        taken: &BTreeMap<Host, Span>,
    ) {
        let (Some(landing), Some(domain)) = (landing, domain) else {
            return;
        };
        let host = domain.host("@").ok();
        if let Some(span) = host.and_then(|host| taken.get(&host)) {
            self.refuse(mistake!(
                "resolve::landing-host-taken",
                "the landing page and a service would both answer to `{domain}`",
                at(*span, "this service"),
                at(landing, "the landing page"),
                help("give the service another `host`, or remove `landing`"),
            ));
        }
    }

    fn hosts(
        &mut self,
        block: &ServiceBlock,
        name: Option<&Name>,
        domain: Option<&Domain>,
        taken: &mut BTreeMap<Host, Span>,
    ) -> Vec<Host> {
        let Some(domain) = domain else {
            return Vec::new();
        };
        let own = name.map(|name| Spanned::new(name.to_string(), block.name.span));
        let written = match block.hosts.as_slice() {
            // The service's name is its host; a bad name has been reported as a name.
            [] => own.iter().collect(),
            hosts => self.each_once(hosts),
        };
        let mut hosts = Vec::new();
        for text in written {
            hosts.extend(self.host(text, domain, taken));
        }
        hosts
    }

    fn host(
        &mut self,
        text: &Text,
        domain: &Domain,
        taken: &mut BTreeMap<Host, Span>,
    ) -> Option<Host> {
        let reader = |label: &str| domain.host(label);
        let host = self.read(text, reader, |written, why| {
            let meant = meant::host(written);
            let why = meant.as_ref().map_or(why, |meant| meant.why);
            let help = match meant.map(|meant| meant.host) {
                Some(Some(host)) => format!("write `host \"{host}\"`"),
                Some(None) => format!("leave `host` out, or write a label such as `\"stats\"`, which is found at `stats.{domain}`"),
                None => "write a label such as `\"stats\"`, `\"@\"` for the domain itself, or a full name".into(),
            };
            mistake!(
                "resolve::bad-host",
                "`{written}` cannot be a host",
                at(text.span, "{why}"),
                help(help),
            )
        })?;
        if let Some(first) = taken.get(&host) {
            self.refuse(mistake!(
                "resolve::duplicate-host",
                "two services answer to `{host}`",
                at(text.span, "this one"),
                at(*first, "and this one"),
                help("give one of them another `host`"),
            ));
            return None;
        }
        taken.insert(host.clone(), text.span);
        Some(host)
    }

    fn app(&mut self, written: &Text) -> Option<&'l App> {
        let (word, catalogue) = (&written.value, self.catalogue);
        let found = catalogue.app(word);
        if found.is_none() {
            let help = self.meant(word, written.span, catalogue.names());
            self.refuse(mistake!(
                "resolve::unknown-app",
                "the catalogue has no app `{word}`",
                at(written.span, "not known"),
                help(help),
            ));
        }
        found
    }

    pub(super) fn size(&mut self, written: &Text) -> Option<ByteSize> {
        self.read(written, ByteSize::new, |text, why| {
            let help = match meant::size(text) {
                Some(meant) => format!("write `\"{meant}\"`"),
                None => "write a number and a unit, such as `\"10GB\"` or `\"512MiB\"`".into(),
            };
            mistake!(
                "resolve::bad-size",
                "`{text}` is no size",
                at(written.span, "{why}"),
                help(help),
            )
        })
    }

    fn headers(&mut self, block: &ServiceBlock) -> Vec<Header> {
        let mut firsts: BTreeMap<String, Span> = BTreeMap::new();
        let mut headers = Vec::new();
        for line in &block.headers {
            let at = line.name.span;
            let reader = |name: &str| Header::new(name, &line.value.value);
            headers.extend(self.read(&line.name, reader, |name, why| {
                mistake!(
                    "resolve::bad-header",
                    "the header `{name}` cannot be set",
                    at(at, "{why}"),
                    help("write it as `header \"X-Frame-Options\" \"DENY\"`"),
                )
            }));
            let name = &line.name.value;
            if let Some(first) = firsts.insert(name.to_ascii_lowercase(), at) {
                self.refuse(mistake!(
                    "resolve::duplicate-header",
                    "the header `{name}` is set twice",
                    at(at, "again here"),
                    at(first, "first here"),
                    help("keep one of the two"),
                ));
            }
        }
        headers
    }

    fn raw(&mut self, block: &ServiceBlock) -> Vec<Raw> {
        let mut taken = Vec::new();
        for written in &block.raw {
            let raw = self.read(written, Raw::new, |_, why| {
                mistake!(
                    "resolve::bad-raw",
                    "these lines cannot be put into the Caddyfile as they are",
                    at(written.span, "{why}"),
                    help("write whole directives, each `{{` at the end of its line and each `}}` alone in its own"),
                )
            });
            taken.extend(raw.map(|raw| (raw, written.span)));
        }
        // With a mistake in some lines nobody knows what they define.
        if taken.len() == block.raw.len() {
            self.refuse_strange_matchers(&taken);
        }
        taken.into_iter().map(|(raw, _)| raw).collect()
    }

    /// Holds the matchers of a service's lines against each other, and against those of the policy.
    fn refuse_strange_matchers(&mut self, lines: &[(Raw, Span)]) {
        let mut known = BTreeSet::new();
        for (raw, span) in lines {
            for name in raw.defined() {
                if !Raw::is_taken(name) && known.insert(name.as_str()) {
                    continue;
                }
                let bare = name.trim_start_matches('@');
                self.refuse(mistake!(
                    "resolve::matcher-taken",
                    "`raw` defines the matcher `{name}`, which is there already",
                    at(*span, "{name} is defined here"),
                    help("give it another name, such as `@my-{bare}`: Caddy takes each name once, and the policy has some of its own"),
                ));
            }
        }
        for (raw, span) in lines {
            for name in { raw.used().iter() }.filter(|name| !known.contains(name.as_str())) {
                self.refuse(mistake!(
                    "resolve::unknown-matcher",
                    "`raw` uses a matcher `{name}` that these lines do not have",
                    at(*span, "{name} is used here"),
                    help("define it in the same service's `raw` lines, such as `{name} path /admin/*`"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_app_can_be_named_by_a_service() {
        for app in crate::catalogue::apps() {
            assert_eq!(name_of(app).as_str(), app.name.value);
        }
    }
}
