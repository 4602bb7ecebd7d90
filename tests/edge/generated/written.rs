//! Declarations as `homelab.kdl` says them.

use std::fmt::Write;

use super::declaration::{
    Access, Allow, Backend, Certificates, Declaration, Edge, Open, Openings, PathPolicy, Person,
    Public, Scheme, Service, Trust, Upstreams,
};

impl Declaration {
    /// The whole as KDL 2.
    pub fn kdl(&self) -> String {
        self.written(false)
    }

    /// What was declared before the former devices went.
    pub fn kdl_before(&self) -> String {
        self.written(true)
    }

    fn written(&self, before: bool) -> String {
        let mut text = format!("domain {}\n", word(self.domain));
        text += &self.edge.kdl();
        for person in &self.people {
            text += &person.kdl(before);
        }
        for (name, members) in &self.groups {
            text += &format!("group {}{}\n", word(name), words(members));
        }
        for (name, ranges) in &self.networks {
            text += &format!("network {}{}\n", word(name), words(ranges));
        }
        for service in &self.services {
            text += &service.kdl();
        }
        text
    }
}

impl Edge {
    fn kdl(&self) -> String {
        let mut lines = vec![match &self.certificates {
            Certificates::Acme => String::new(),
            Certificates::Internal => "certificates \"internal\"".to_owned(),
            Certificates::Dns => {
                "certificates \"dns\" provider=\"nobody\" token-env=\"TOKEN\"".to_owned()
            }
            Certificates::Files { cert, key } => {
                format!(
                    "certificates \"files\" cert={} key={}",
                    word(cert),
                    word(key)
                )
            }
        }];
        lines.extend(
            self.email
                .as_ref()
                .map(|email| format!("email {}", word(email))),
        );
        if !self.lan.is_empty() {
            lines.push(format!("lan{}", words(&self.lan)));
        }
        if let Some(behind) = &self.behind {
            let by = if behind.proxy_protocol {
                " by=\"proxy-protocol\""
            } else {
                ""
            };
            lines.push(format!("behind{}{by}", words(&behind.proxies)));
        }
        lines.extend(self.caddy.map(|caddy| format!("caddy \"{caddy}\"")));
        lines.extend(self.asked.then(|| "certificate \"asked\"".to_owned()));
        lines.extend(self.landing.then(|| "landing".to_owned()));
        block("edge", lines)
    }
}

impl Person {
    fn kdl(&self, before: bool) -> String {
        let mut lines = Vec::new();
        lines.extend(
            self.display
                .as_ref()
                .map(|name| format!("name {}", word(name))),
        );
        lines.extend(
            self.email
                .as_ref()
                .map(|email| format!("email {}", word(email))),
        );
        let former = if before { &self.former[..] } else { &[] };
        for device in self.devices.iter().chain(former) {
            lines.push(format!("device {} platform=\"linux\"", word(device)));
        }
        block(&format!("person {}", word(&self.name)), lines)
    }
}

impl Service {
    fn kdl(&self) -> String {
        let mut lines = Vec::new();
        if !self.hosts.is_empty() {
            lines.push(format!("host{}", words(&self.hosts)));
        }
        lines.extend(
            self.title
                .as_ref()
                .map(|title| format!("title {}", word(title))),
        );
        lines.extend(self.app.map(|app| format!("app {}", word(app.name))));
        lines.extend(self.backend.kdl());
        lines.extend(self.access.kdl());
        lines.extend(self.paths.iter().map(PathPolicy::kdl));
        if !self.preflight.is_empty() {
            lines.push(format!("preflight{}", words(&self.preflight)));
        }
        lines.extend(
            self.max_body
                .map(|(size, _)| format!("max-body \"{size}\"")),
        );
        lines.extend(
            self.header_underscores
                .then(|| "header-underscores".to_owned()),
        );
        for (name, value) in &self.headers {
            lines.push(format!("header {} {}", word(name), word(value)));
        }
        for raw in &self.raw {
            lines.push(match raw.lines.contains('\n') {
                // A string of several lines needs no escapes where it is raw.
                true => format!("raw #\"\"\"{}\"\"\"#", raw.lines),
                false => format!("raw {}", word(raw.lines)),
            });
        }
        block(&format!("service {}", word(&self.name)), lines)
    }
}

impl Access {
    fn kdl(&self) -> Vec<String> {
        match self {
            Self::Everyone => vec!["open \"everyone\"".to_owned()],
            Self::Networks { open, openings } => {
                [vec![format!("open{}", words(open))], openings.kdl()].concat()
            }
            Self::Certificate {
                allow,
                open,
                openings,
                asked,
                identity,
            } => {
                let mut lines: Vec<String> = allow.iter().map(Allow::kdl).collect();
                if !open.is_empty() {
                    lines.push(format!("open{}", words(open)));
                }
                lines.extend(openings.kdl());
                lines.extend(asked.map(|asked| {
                    format!(
                        "certificate \"{}\"",
                        if asked { "asked" } else { "required" }
                    )
                }));
                lines.extend(identity.then(|| "identity".to_owned()));
                lines
            }
        }
    }
}

impl Allow {
    fn kdl(&self) -> String {
        let from = self.from.map(|network| format!(" from={}", word(network)));
        format!("allow{}{}", words(&self.names), from.unwrap_or_default())
    }
}

impl PathPolicy {
    fn kdl(&self) -> String {
        let mut lines: Vec<String> = self.allow.iter().map(Allow::kdl).collect();
        lines.extend(match &self.open {
            Open::Nobody => None,
            Open::Networks(networks) => Some(format!("open{}", words(networks))),
            Open::Everyone(methods) => {
                let methods = methods.and_then(|methods| methods.written);
                let methods = methods.map(|methods| format!(" methods={}", word(methods)));
                Some(format!("open \"everyone\"{}", methods.unwrap_or_default()))
            }
        });
        format!("path {} {{ {}; }}", word(self.path), lines.join("; "))
    }
}

impl Openings {
    fn kdl(&self) -> Vec<String> {
        let line = |public: &Public| {
            let methods = public.methods.written;
            let methods = methods.map(|methods| format!(" methods={}", word(methods)));
            format!(
                "public{}{}",
                words(&public.paths),
                methods.unwrap_or_default()
            )
        };
        let mut lines: Vec<String> = self.public.iter().map(line).collect();
        lines.extend(self.share_links.then(|| "share-links".to_owned()));
        lines
    }

    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && !self.share_links
    }
}

impl Backend {
    fn kdl(&self) -> Vec<String> {
        match self {
            Self::Proxy {
                rest,
                by_path,
                dial,
                response,
                stream,
            } => {
                let mut lines = vec![format!("upstream{}", rest.kdl())];
                for (path, upstreams) in by_path {
                    lines.push(format!("upstream{} path={}", upstreams.kdl(), word(path)));
                }
                let timeouts = [("dial", dial), ("response", response)];
                let timeouts = timeouts
                    .into_iter()
                    .filter_map(|(what, time)| time.map(|(time, _)| format!(" {what}=\"{time}\"")));
                let timeouts: String = timeouts.collect();
                if !timeouts.is_empty() {
                    lines.push(format!("timeouts{timeouts}"));
                }
                lines.extend(stream.then(|| "stream".to_owned()));
                lines
            }
            Self::Files { root, browse } => {
                let browse = if *browse { " browse=#true" } else { "" };
                vec![format!("files {}{browse}", word(root))]
            }
            Self::Redirect {
                to,
                same_path,
                status,
            } => {
                let to = if *same_path {
                    format!("{to}/*")
                } else {
                    to.clone()
                };
                let status = status.map(|status| format!(" status={status}"));
                vec![format!(
                    "redirect {}{}",
                    word(&to),
                    status.unwrap_or_default()
                )]
            }
        }
    }
}

impl Upstreams {
    fn kdl(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
            Scheme::H2c => "h2c://",
            Scheme::Unix => "unix/",
        };
        let prefix = self.prefix.unwrap_or_default();
        let addresses = self.addresses.iter();
        let addresses: Vec<String> = addresses.map(|a| format!("{scheme}{a}{prefix}")).collect();
        let mut line = words(&addresses);
        if let Some(policy) = self.policy {
            write!(line, " policy={}", word(policy)).expect("a String takes all");
        }
        match &self.trust {
            Trust::System => {}
            Trust::Unverified => line += " verify=#false",
            Trust::Authority(file) => line += &format!(" ca={}", word(file)),
        }
        if let Some(name) = self.server_name {
            write!(line, " server-name={}", word(name)).expect("a String takes all");
        }
        line
    }
}

fn block(head: &str, lines: Vec<String>) -> String {
    let lines = lines.iter().filter(|line| !line.is_empty());
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    format!("{head} {{\n{lines}}}\n")
}

/// A string of KDL 2 in quotes.
fn word(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn words(texts: &[impl AsRef<str>]) -> String {
    texts
        .iter()
        .map(|text| format!(" {}", word(text.as_ref())))
        .collect()
}
