//! The settings of the whole: domain, validity, edge.

use super::{Resolver, meant};
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{
    AcmeAuthority, Admin, Behind, CaddyVersion, CertificateMode, Domain, Edge, Forwarding, IpRange,
    Lifetime, Name, NotALifetime, OldestTls, Port, SiteCertificates,
};
use crate::parse::declaration::{BehindLine, EdgeBlock, Text, ValidityBlock};
use crate::source::Span;

/// `validity { … }`, as far as it could be read.
pub(super) struct Validity {
    pub authority: Option<Lifetime>,
    /// A device's that says none itself.
    pub device: Option<Lifetime>,
    /// The window in which renewal is due.
    pub renew: Option<Lifetime>,
}

impl Resolver<'_> {
    pub(super) fn domain(&mut self, written: Option<&Text>) -> Option<Domain> {
        let Some(written) = written else {
            if !self.unread.is_whole {
                return None;
            }
            self.refuse(mistake!(
                "resolve::no-domain",
                "no domain is declared",
                at((0, 0).into(), "before this"),
                help("begin with `domain \"home.example.com\"`: the services stand below it"),
            ));
            return None;
        };
        self.read(written, Domain::new, |domain, why| {
            let meant = meant::host(domain);
            let why = match &meant {
                Some(_) if domain.starts_with('*') => "the hosts below it are meant anyway",
                Some(meant) if meant.why.contains("port") => {
                    "it has a port: only the name stands here"
                }
                Some(meant) => meant.why,
                None => why,
            };
            let help = match meant.and_then(|meant| meant.host) {
                Some(host) => format!("write `domain \"{host}\"`"),
                None => {
                    "write it as a browser shows it, such as `domain \"home.example.com\"`".into()
                }
            };
            mistake!(
                "resolve::bad-domain",
                "`{domain}` cannot be the domain",
                at(written.span, "{why}"),
                help(help),
            )
        })
    }

    /// Resolves `validity { … }` with its defaults: ten years, one year, thirty days.
    pub(super) fn validity(&mut self, block: &ValidityBlock) -> Validity {
        let mut read = |written: &Option<Text>, default: &str| match written {
            Some(written) => self.lifetime(written),
            None => Some(Lifetime::new(default).expect("the defaults are lifetimes")),
        };
        let validity = Validity {
            authority: read(&block.authority, "10y"),
            device: read(&block.device, "1y"),
            renew: read(&block.renew, "30d"),
        };
        if let Some(device) = &validity.device {
            // The longer of the two is the mistake; where only the authority was written, it is that.
            if let Some(written) = block.device.as_ref().or(block.authority.as_ref()) {
                self.refuse_outliving(&validity, device, written.span);
            }
            let window = validity.renew.as_ref();
            if window.is_some_and(|renew| !device.is_longer_than(renew))
                && let Some(written) = block.renew.as_ref().or(block.device.as_ref())
            {
                self.refuse(mistake!(
                    "resolve::renew-window-too-long",
                    "the window for renewal is as long as a device's certificate",
                    at(written.span, "not shorter than the devices' validity"),
                    help("shorten `renew`: every certificate would be due on the day that it is issued"),
                ));
            }
        }
        validity
    }

    /// A device's certificate that would outlive the authority's is a mistake.
    pub(super) fn refuse_outliving(&mut self, policy: &Validity, device: &Lifetime, span: Span) {
        let Some(authority) = &policy.authority else {
            return;
        };
        if device.is_longer_than(authority) {
            let (device, authority) = (device.as_str(), authority.as_str());
            self.refuse(mistake!(
                "resolve::outlives-authority",
                "a device's certificate would outlive the authority's",
                at(span, "longer than the authority's `{authority}`"),
                help("shorten `{device}`, or lengthen `authority` beyond it"),
            ));
        }
    }

    /// Reads a length of time.
    pub(super) fn lifetime(&mut self, written: &Text) -> Option<Lifetime> {
        let units = "write a number and `y`, `mo`, `w`, `d` or `h`, such as `\"1y\"`";
        self.read(written, Lifetime::new, |text, problem| {
            let (why, mut help) = match problem {
                NotALifetime::Unreadable if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    ("a number without its unit", units)
                }
                NotALifetime::Unreadable => ("cannot be read", units),
                NotALifetime::TooFine => (
                    "has minutes or less",
                    "write at least `\"1h\"`; a month is `1mo`, for `1m` is a minute",
                ),
                NotALifetime::TooShort => ("is less than an hour", units),
                NotALifetime::TooLong => ("is more than a century, 36600 days", units),
            };
            let meant = meant::lifetime(text).map(|meant| format!("write `\"{meant}\"`"));
            if let Some(meant) = &meant
                && matches!(problem, NotALifetime::Unreadable)
            {
                help = meant;
            }
            mistake!(
                "resolve::bad-duration",
                "`{text}` is no length of time that a certificate can have",
                at(written.span, "{why}"),
                help("{help}"),
            )
        })
    }

    /// Resolves `edge { … }` with its defaults.
    pub(super) fn edge(&mut self, block: &EdgeBlock, name: Option<Name>) -> Option<Edge> {
        let email = block.email.as_ref().map(|written| self.email(written));
        let certificates = match &block.certificates {
            Some(line) => self.certificates(line),
            None => Some(SiteCertificates::Acme),
        };
        let acme = match &block.acme {
            Some(line) => self.acme_authority(line),
            None => Some(AcmeAuthority::default()),
        };
        let oldest_tls = match &block.tls {
            Some(line) => self.oldest_tls(line),
            None => Some(OldestTls::default()),
        };
        let port = match &block.port {
            Some(written) => self.port(written),
            None => Some(Port::USUAL),
        };
        let log = block.log.as_ref().map(|written| self.log(written));
        let admin = match &block.admin {
            Some(written) => self.admin(written),
            None => Some(Admin::default()),
        };
        let fallback = block.fallback.as_ref();
        let fallback = fallback.map(|line| self.fallback(line, certificates.as_ref()));
        let gateway = block.sign_in.as_ref();
        let gateway = gateway.map(|block| self.gateway(block));
        let address = block.address.as_ref();
        let address = address.map(|line| self.edge_address(line));
        let deploy = block.deploy.as_ref().map(|line| self.deploy(line));
        let pick_up = { block.pick_up.as_ref() }.map(|line| self.pick_up(line, block, &deploy));
        let lan = self.ranges(&block.lan);
        let caddy = match &block.caddy {
            None => Some(CaddyVersion::DEFAULT),
            Some(written) => self.caddy(written),
        };
        let behind = block.behind.as_ref().map(|line| self.behind(line, caddy));
        let email = match email {
            Some(read) => Some(read?),
            None => None,
        };
        let behind = match behind {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Edge {
            name,
            email,
            certificates: certificates?,
            acme: acme?,
            oldest_tls: oldest_tls?,
            lan,
            behind,
            caddy: caddy?,
            promised: block.caddy.as_ref().and(caddy),
            landing: block.landing.is_some(),
            port: port?,
            log: said(log)?,
            compress: block.compress.is_some(),
            admin: admin?,
            metrics: block.metrics.is_some(),
            fallback: said(fallback)?,
            gateway: said(gateway)?,
            address: said(address)?,
            deploy: said(deploy)?,
            pick_up: said(pick_up)?,
        })
    }

    fn caddy(&mut self, written: &Text) -> Option<CaddyVersion> {
        self.read(written, CaddyVersion::new, |version, why| {
            mistake!(
                "resolve::bad-caddy-version",
                "`{version}` is no version of Caddy that can be served",
                at(written.span, "{why}"),
                help("write the oldest that runs, such as `caddy \"2.6\"`"),
            )
        })
    }

    pub(super) fn ranges(&mut self, list: &[Text]) -> Vec<IpRange> {
        let mut ranges = Vec::new();
        for written in list {
            ranges.extend(self.read(written, IpRange::new, |range, why| {
                mistake!(
                    "resolve::bad-range",
                    "`{range}` is no range of addresses",
                    at(written.span, "{why}"),
                    help("write it as `\"192.168.0.0/16\"` or `\"fd00::/8\"`"),
                )
            }));
        }
        ranges
    }

    /// Reads `behind "10.0.0.2" by="proxy-protocol"`; without `by`, the proxies speak HTTP.
    fn behind(&mut self, line: &BehindLine, caddy: Option<CaddyVersion>) -> Option<Behind> {
        let by = match &line.by {
            None => Some(Forwarding::XForwardedFor),
            Some(written) => self.forwarding(written),
        };
        let first = line.proxies.first()?;
        if caddy.is_some_and(|caddy| caddy < CaddyVersion::BEHIND) {
            let needed = "2.8";
            self.refuse(mistake!(
                "resolve::behind-needs-newer",
                "`behind` needs Caddy {needed} or later",
                at(first.span, "the files are for older ones too, as `caddy` says"),
                help("write `caddy \"{needed}\"`, and see that no older one runs: it would believe whatever a visitor says of its address"),
            ));
        }
        let proxies = self.ranges(&line.proxies);
        (proxies.len() == line.proxies.len()).then_some(())?;
        Some(Behind { proxies, by: by? })
    }

    fn forwarding(&mut self, written: &Text) -> Option<Forwarding> {
        let known = |word: &str| match word {
            "x-forwarded-for" => Some(Forwarding::XForwardedFor),
            "proxy-protocol" => Some(Forwarding::ProxyProtocol),
            _ => None,
        };
        self.know(written, known, |word| {
            mistake!(
                "resolve::unknown-forwarding",
                "no proxy speaks `{word}`",
                at(written.span, "not known"),
                help(did_you_mean(word, ["x-forwarded-for", "proxy-protocol"])),
            )
        })
    }

    /// Reads `certificate "asked"` or `"required"`.
    pub(super) fn certificate_mode(&mut self, written: &Text) -> Option<CertificateMode> {
        let known = |word: &str| match word {
            "asked" => Some(CertificateMode::Asked),
            "required" => Some(CertificateMode::Required),
            _ => None,
        };
        self.know(written, known, |word| {
            mistake!(
                "resolve::unknown-certificate-mode",
                "there is no certificate mode `{word}`",
                at(written.span, "not known"),
                help(did_you_mean(word, ["asked", "required"])),
            )
        })
    }
}

/// What a line says that may be left out; none where it is wrong.
fn said<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(read) => read.map(Some),
        None => Some(None),
    }
}
