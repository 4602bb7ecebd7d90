//! What upstreams are told of who came, where one of them answers with what it was told.

use std::net::SocketAddr;
use std::str::FromStr;

use super::Prober;
use super::report::{HostReport, RequestReport};
use super::request::{Protocol, Request, Visit, Wanted, with_port};
use crate::model::Person;
use crate::verify::{Answer, AnswerFault, Echo, FORGED, Judgement, MARK, Site, Verdict, Visitor};

/// Where an upstream answers with the headers that it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EchoAt {
    /// The service, or a host of it.
    pub service: String,
    pub path: String,
}

/// `SERVICE` or `SERVICE=PATH`.
impl FromStr for EchoAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<EchoAt, &'static str> {
        let (service, path) = text.split_once('=').unwrap_or((text, "/"));
        let is_plain = |b: u8| b.is_ascii_graphic();
        if service.is_empty() || !path.starts_with('/') || !path.bytes().all(is_plain) {
            return Err("write it as `SERVICE`, or as `whoami=/headers`");
        }
        Ok(EchoAt {
            service: service.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl Prober<'_> {
    /// Asks a site that echoes as everybody who is let in, with all that somebody could claim to be.
    pub(super) fn echo(&self, site: &Site, at: SocketAddr, told: &mut HostReport) {
        let is_it = |echo: &&EchoAt| echo.service == site.service || echo.service == site.host;
        let Some(echo) = self.echoes.iter().find(is_it) else {
            return;
        };
        let devices = self
            .certificates
            .iter()
            .enumerate()
            .filter(|(_, one)| site.admits(&one.issued.device, one.standing));
        let devices = devices.map(|(place, _)| Visitor::Device(place));
        for visitor in [Visitor::Nobody].into_iter().chain(devices) {
            let request = self.echoed(site, &echo.path, at, visitor);
            told.requests.extend(request);
        }
    }

    /// What of an echo is told; none where nobody without a certificate is let in.
    fn echoed(
        &self,
        site: &Site,
        path: &str,
        at: SocketAddr,
        visitor: Visitor,
    ) -> Option<RequestReport> {
        let host = with_port(&site.host, at.port());
        let headers: Vec<(&str, &str)> = FORGED.iter().copied().chain([MARK]).collect();
        let seen = self.client.visit(&Visit {
            address: at,
            server_name: Some(&site.host),
            protocol: Protocol::Http1,
            request: Request {
                headers: &headers,
                wanted: Wanted::Body,
                ..Request::get(&host, path)
            },
            identity: self.identity(visitor),
        });
        let person = self.told_of(site, visitor);
        let body = seen.reply.as_ref().map(|reply| reply.body.as_slice());
        let judgement = match (Echo::read(body.unwrap_or_default()), &seen.answer) {
            (Some(echo), _) => match echo.faults(&host, person) {
                faults if faults.is_empty() => Judgement::Fine,
                faults => Judgement::Wrong(AnswerFault::Echo(faults)),
            },
            (None, _) if visitor == Visitor::Nobody => return None,
            (None, Answer::Unreached(why)) => Judgement::Unreached(why.clone()),
            (None, other) => Judgement::Wrong(AnswerFault::NoEcho { got: other.clone() }),
        };
        Some(RequestReport {
            visitor: self.name(visitor).to_owned(),
            path: path.to_owned(),
            policy: None,
            server_name: None,
            expected: match person {
                Some(person) => format!("told to be {}", person.name),
                None => String::from("told to be nobody"),
            },
            is_without_handshake: false,
            got: match judgement.verdict() {
                Verdict::Fine => String::from("that"),
                _ => seen.answer.to_string(),
            },
            judgement,
        })
    }

    /// Of whom a site's upstream is to be told.
    fn told_of(&self, site: &Site, visitor: Visitor) -> Option<&Person> {
        match visitor {
            Visitor::Device(place) if site.identity => {
                let name = &self.certificates[place].issued.device.person;
                self.homelab.people.get(name)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_echoes_are_read() {
        let read = |text: &str| text.parse::<EchoAt>();
        let at = |service: &str, path: &str| EchoAt {
            service: service.to_owned(),
            path: path.to_owned(),
        };
        assert_eq!(read("whoami"), Ok(at("whoami", "/")));
        assert_eq!(read("whoami=/api?x=1"), Ok(at("whoami", "/api?x=1")));
        for bad in [
            "",
            "=/",
            "whoami=",
            "whoami=api",
            "whoami=/a b",
            "whoami=/a\r\nX: y",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
