//! Where the edge listens, what it writes down, and what it answers by itself.

use std::collections::BTreeMap;

use super::Resolver;
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{
    Admin, Fallback, Health, HealthUri, HostPath, LogTarget, Port, Redirect, RequestHeader,
    Respond, ServiceLog, Setting, SiteCertificates,
};
use crate::parse::declaration::{ServiceBlock, Text};
use crate::parse::extras::{FallbackLine, HealthLine, RequestHeaderLine, RespondLine};
use crate::source::{Span, Spanned};

impl Resolver<'_> {
    pub(super) fn port(&mut self, written: &Spanned<i128>) -> Option<Port> {
        let number = written.value;
        match Port::new(number) {
            Ok(port) => Some(port),
            Err(why) => {
                self.refuse(mistake!(
                    "resolve::bad-port",
                    "{number} cannot be the port of HTTPS",
                    at(written.span, "{why}"),
                    help("write the port that visitors type, such as `port 8443`"),
                ));
                None
            }
        }
    }

    pub(super) fn log(&mut self, written: &Text) -> Option<LogTarget> {
        match written.value.as_str() {
            "stderr" => Some(LogTarget::Stderr),
            _ => self.host_path(written, HostPath::new).map(LogTarget::File),
        }
    }

    pub(super) fn service_log(&mut self, written: &Text) -> Option<ServiceLog> {
        match written.value.as_str() {
            "off" => Some(ServiceLog::Off),
            _ => self.log(written).map(ServiceLog::To),
        }
    }

    pub(super) fn admin(&mut self, written: &Text) -> Option<Admin> {
        self.read(written, Admin::new, |text, why| {
            mistake!(
                "resolve::bad-admin",
                "Caddy's admin endpoint cannot be at `{text}`",
                at(written.span, "{why}"),
                help("write `admin \"localhost:2020\"`, `admin \"unix//run/caddy/admin.sock\"` or `admin \"off\"`: who reaches it replaces the configuration"),
            )
        })
    }

    pub(super) fn respond(&mut self, line: &RespondLine) -> Option<Respond> {
        self.answer(&line.text, line.status.as_ref(), 200)
    }

    fn answer(
        &mut self,
        text: &Text,
        status: Option<&Spanned<i128>>,
        default: i128,
    ) -> Option<Respond> {
        let number = status.map_or(default, |status| status.value);
        let span = status.map_or(text.span, |status| status.span);
        self.read(
            text,
            |text| Respond::new(text, number),
            |_, why| {
                mistake!(
                    "resolve::bad-respond",
                    "the edge cannot answer so",
                    at(span, "{why}"),
                    help("write it as `respond \"Coming soon\" status=503`"),
                )
            },
        )
    }

    /// Reads `fallback`, for which there has to be a certificate for any host.
    pub(super) fn fallback(
        &mut self,
        line: &FallbackLine,
        certificates: Option<&SiteCertificates>,
    ) -> Option<Fallback> {
        if let Some(SiteCertificates::Acme) = certificates {
            self.refuse(mistake!(
                "resolve::fallback-needs-wildcard",
                "nobody has a certificate for hosts that are not declared",
                at(line.span, "needs one for all hosts below the domain"),
                help("say `certificates \"dns\"` in `edge`, or `\"files\"` or `\"internal\"`: an authority that looks at each host issues none for all"),
            ));
            return None;
        }
        match (&line.text, &line.redirect) {
            (Some(text), None) => {
                let respond = self.answer(text, line.status.as_ref(), 404)?;
                Some(Fallback::Respond(respond))
            }
            (None, Some(to)) if line.status.is_none() => {
                let redirect = self.redirect_to(to, 302)?;
                Some(Fallback::Redirect(redirect))
            }
            _ => {
                self.refuse(mistake!(
                    "resolve::bad-fallback",
                    "`fallback` that says nothing, or two things",
                    at(line.span, "a text, or `redirect`"),
                    help("write `fallback \"There is nothing here.\" status=404` or `fallback redirect=\"https://home.example.com/\"`"),
                ));
                None
            }
        }
    }

    pub(super) fn redirect_to(&mut self, to: &Text, status: u16) -> Option<Redirect> {
        self.read(to, |text| Redirect::new(text, status), |text, why| {
            mistake!(
                "resolve::bad-redirect",
                "`{text}` cannot be redirected to",
                at(to.span, "{why}"),
                help("write a URL, such as `redirect \"https://photos.example.org/\"`; `/*` at its end keeps the path"),
            )
        })
    }

    pub(super) fn health(&mut self, line: &HealthLine) -> Option<Health> {
        let uri = self.read(&line.uri, HealthUri::new, |path, why| {
            mistake!(
                "resolve::bad-health",
                "an upstream cannot be asked for `{path}`",
                at(line.uri.span, "{why}"),
                help("write a path of the upstream, such as `health \"/healthz\" every=\"30s\"`"),
            )
        });
        let every = match &line.every {
            Some(written) => Some(self.timeout(written)?),
            None => None,
        };
        Some(Health { uri: uri?, every })
    }

    /// Whether the upstream is told its own name in place of the visitor's word.
    pub(super) fn is_told_its_own_host(&mut self, written: &Text) -> Option<bool> {
        let known = |word: &str| match word {
            "upstream" => Some(true),
            "visitor" => Some(false),
            _ => None,
        };
        self.know(written, known, |word| {
            mistake!(
                "resolve::unknown-host-header",
                "`host-header` knows no `{word}`",
                at(written.span, "not known"),
                help(did_you_mean(word, ["upstream", "visitor"])),
            )
        })
    }

    pub(super) fn request_headers(&mut self, block: &ServiceBlock) -> Vec<RequestHeader> {
        let mut firsts: BTreeMap<String, Span> = BTreeMap::new();
        let mut headers = Vec::new();
        for line in &block.request_headers {
            let Some(header) = self.request_header(line) else {
                continue;
            };
            let at = line.name.span;
            let first = *firsts.entry(header.name.to_ascii_lowercase()).or_insert(at);
            if first != at {
                let name = &header.name;
                self.refuse(mistake!(
                    "resolve::duplicate-request-header",
                    "the header `{name}` is told twice",
                    at(at, "again here"),
                    at(first, "first here"),
                    help("keep one of the two"),
                ));
                continue;
            }
            headers.push(header);
        }
        headers
    }

    fn request_header(&mut self, line: &RequestHeaderLine) -> Option<RequestHeader> {
        let value = match (&line.env, &line.value) {
            (Some(env), None) => Setting::Env(self.variable("env", env)?),
            (_, value) => Setting::Text(value.as_ref()?.value.clone()),
        };
        let is_both = line.env.is_some() && line.value.is_some();
        let reader = |name: &str| match is_both {
            true => Err("it has a value and `env`"),
            false => RequestHeader::new(name, value),
        };
        self.read(&line.name, reader, |name, why| {
            mistake!(
                "resolve::bad-request-header",
                "the header `{name}` cannot be told to an upstream",
                at(line.name.span, "{why}"),
                help("write it as `request-header \"X-Tenant\" \"home\"`, or with `env=\"VARIABLE\"` for a secret; `identity` tells who came, and `host-header` which host"),
            )
        })
    }
}
