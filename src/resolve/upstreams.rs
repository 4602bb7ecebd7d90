//! The addresses of an `upstream`, and how they are chosen and verified.

use super::{Resolver, meant};
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{
    Address, HostPath, POLICIES, Scheme, Transport, Trust, UpstreamTls, Upstreams, is_upstream_host,
};
use crate::parse::declaration::{Text, UpstreamLine};
use crate::source::Span;

impl Resolver<'_> {
    /// Reads one line; `port` is that of the app behind it, for an address that says none.
    pub(super) fn upstreams(
        &mut self,
        line: &UpstreamLine,
        port: Option<u16>,
    ) -> Option<Upstreams> {
        let mut addresses: Vec<(Address, Span)> = Vec::new();
        for written in &line.addresses {
            let address = self.address(written, port);
            addresses.extend(address.map(|address| (address, written.span)));
        }
        let (first, first_span) = addresses.first()?;
        for (address, span) in &addresses {
            if (address.scheme, &address.prefix) != (first.scheme, &first.prefix) {
                self.refuse(mistake!(
                    "resolve::mixed-upstreams",
                    "upstreams of two kinds in one line",
                    at(*span, "another scheme or path"),
                    at(*first_span, "than this one's"),
                    help("give all of them one scheme and one path: each request could go to any of them"),
                ));
            }
        }
        let upstreams = Upstreams {
            scheme: first.scheme,
            prefix: first.prefix.clone(),
            policy: self.policy(line),
            stream: false,
            own_host: false,
            health: None,
            transport: Transport {
                tls: self.upstream_tls(line, first.scheme, *first_span),
                ..Transport::default()
            },
            addresses: addresses.into_iter().map(|(address, _)| address).collect(),
        };
        (upstreams.addresses.len() == line.addresses.len()).then_some(upstreams)
    }

    fn address(&mut self, written: &Text, port: Option<u16>) -> Option<Address> {
        let reader = |address: &str| Address::new(address, port);
        self.read(written, reader, |address, why| {
            let (why, help) = match meant::upstream(address) {
                _ if address.contains(['{', '$']) => (
                    "there are no variables here",
                    "write the address itself, such as `upstream \"http://10.0.0.7:2283\"`".to_owned(),
                ),
                Some(meant) => (why, format!("write `upstream \"{meant}\"`")),
                None => (why, "write `upstream \"http://HOST:PORT\"`, or `\"https://HOST:PORT\"`, `\"h2c://HOST:PORT\"`, `\"unix//run/app.sock\"`".to_owned()),
            };
            mistake!(
                "resolve::bad-upstream",
                "`{address}` cannot be an upstream",
                at(written.span, "{why}"),
                help(help),
            )
        })
    }

    fn policy(&mut self, line: &UpstreamLine) -> Option<&'static str> {
        let written = line.policy.as_ref()?;
        if line.addresses.len() == 1 {
            self.refuse(mistake!(
                "resolve::policy-for-one",
                "a policy for one upstream",
                at(written.span, "nothing to choose from"),
                help("remove `policy`, or add the other addresses"),
            ));
        }
        let known = |word: &str| POLICIES.into_iter().find(|policy| *policy == word);
        self.know(written, known, |word| {
            mistake!(
                "resolve::unknown-policy",
                "there is no policy `{word}`",
                at(written.span, "not known"),
                help(did_you_mean(word, POLICIES)),
            )
        })
    }

    fn upstream_tls(
        &mut self,
        line: &UpstreamLine,
        scheme: Scheme,
        address: Span,
    ) -> Option<UpstreamTls> {
        if scheme != Scheme::Https {
            self.refuse_tls(line, address);
        }
        let unverified = line.verify.as_ref().filter(|verify| !verify.value);
        let trust = match (unverified, &line.ca) {
            (None, None) => Trust::System,
            (None, Some(ca)) => {
                let ca = self.host_path(ca, HostPath::new);
                ca.map_or(Trust::System, Trust::Authority)
            }
            (Some(_), None) => Trust::Unverified,
            (Some(unverified), Some(ca)) => {
                self.refuse(mistake!(
                    "resolve::authority-unverified",
                    "`ca` on an upstream that is not verified",
                    at(ca.span, "would vouch for it"),
                    at(unverified.span, "nobody looks"),
                    help("remove `verify=#false`: with `ca` the certificate can be verified"),
                ));
                Trust::Unverified
            }
        };
        let server_name = line.server_name.as_ref();
        if let Some(Text { value, span }) =
            server_name.filter(|name| !is_upstream_host(&name.value))
        {
            self.refuse(mistake!(
                "resolve::bad-server-name",
                "`{value}` cannot be the name of a server",
                at(*span, "neither a name nor an address"),
                help("write the name that stands in its certificate, such as `server-name=\"nas.local\"`"),
            ));
        }
        (scheme == Scheme::Https).then(|| UpstreamTls {
            trust,
            server_name: server_name.map(|name| name.value.clone()),
        })
    }

    /// What is said of TLS has no meaning for an upstream without.
    fn refuse_tls(&mut self, line: &UpstreamLine, address: Span) {
        let verify = line.verify.as_ref().map(|verify| verify.span);
        let ca = line.ca.as_ref().map(|ca| ca.span);
        let server_name = line.server_name.as_ref().map(|name| name.span);
        for (what, span) in [("verify", verify), ("ca", ca), ("server-name", server_name)] {
            let Some(span) = span else { continue };
            self.refuse(mistake!(
                "resolve::no-tls-upstream",
                "`{what}` on an upstream without TLS",
                at(span, "nothing to verify"),
                at(address, "speaks in the clear"),
                help("remove `{what}`, or write the address with `https://`"),
            ));
        }
    }
}
