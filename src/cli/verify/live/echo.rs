//! What upstreams are told of who came, where one of them answers with what it was told.

use std::net::SocketAddr;
use std::str::FromStr;

use super::super::visit::{Protocol, Request, Visit, Wanted};
use super::asking::{Prober, with_port};
use super::report::{HostReport, RequestReport};
use crate::model::Person;
use crate::verify::{Answer, Echo, FORGED, Judgement, MARK, Site, Verdict, Visitor};

/// `SERVICE` or `SERVICE=PATH`: where an upstream answers with the headers that it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoAt {
    /// The service, or a host of it.
    pub service: String,
    /// The path.
    pub path: String,
}

impl FromStr for EchoAt {
    type Err = String;

    fn from_str(text: &str) -> Result<EchoAt, String> {
        let (service, path) = text.split_once('=').unwrap_or((text, "/"));
        let is_plain = |b: u8| b.is_ascii_graphic();
        if service.is_empty() || !path.starts_with('/') || !path.bytes().all(is_plain) {
            return Err(String::from(
                "write it as `SERVICE`, or as `whoami=/headers`",
            ));
        }
        Ok(EchoAt {
            service: service.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl Prober<'_> {
    /// Asks a site that echoes as everybody who is let in, with all that somebody could claim to be.
    pub fn echo(&self, site: &Site, at: SocketAddr, told: &mut HostReport) {
        let is_it = |echo: &&EchoAt| echo.service == site.service || echo.service == site.host;
        let Some(echo) = self.arguments.echo.iter().find(is_it) else {
            return;
        };
        let devices = self
            .cards
            .iter()
            .enumerate()
            .filter(|(_, card)| site.admits(&card.issued.device.person, card.standing));
        let devices = devices.map(|(place, _)| Visitor::Device(place));
        for visitor in [Visitor::Nobody].into_iter().chain(devices) {
            if let Some(request) = self.echoed(site, echo, at, visitor) {
                told.requests.push(request);
            }
        }
    }

    /// What of an echo is told; none where nobody without a certificate is let in.
    fn echoed(
        &self,
        site: &Site,
        echo: &EchoAt,
        at: SocketAddr,
        visitor: Visitor,
    ) -> Option<RequestReport> {
        let host = with_port(&site.host, at.port());
        let headers: Vec<(&str, &str)> = FORGED.iter().copied().chain([MARK]).collect();
        let seen = self.visitors.make(&Visit {
            address: at,
            server_name: Some(&site.host),
            protocol: Protocol::Http1,
            request: Request {
                method: "GET",
                host: &host,
                path: &echo.path,
                headers: &headers,
                wanted: Wanted::Body,
            },
            shown: self.shown(visitor),
        });
        let person = match visitor {
            Visitor::Device(place) if site.identity => {
                let name = &self.cards[place].issued.device.person;
                self.homelab.people.get(name)
            }
            _ => None,
        };
        let body = seen.reply.as_ref().map(|reply| reply.body.as_slice());
        let judged = match Echo::read(body.unwrap_or_default()) {
            Some(echo) => judged(&echo, &host, person),
            None if visitor == Visitor::Nobody => return None,
            None => match &seen.answer {
                Answer::Unreached(why) => Judgement::unreached(why),
                other => Judgement::wrong(format!(
                    "no echo of the headers that were sent came back (got {other}): see docs/verify.md for what is understood"
                )),
            },
        };
        Some(RequestReport {
            visitor: self.name(visitor),
            path: echo.path.clone(),
            server_name: None,
            expected: match person {
                Some(person) => format!("told to be {}", person.name),
                None => String::from("told to be nobody"),
            },
            got: match judged.verdict {
                Verdict::Fine => String::from("that"),
                _ => seen.answer.to_string(),
            },
            verdict: judged.verdict,
            why: judged.why,
        })
    }
}

fn judged(echo: &Echo, host: &str, person: Option<&Person>) -> Judgement {
    let faults = echo.faults(host, person);
    match faults.is_empty() {
        true => Judgement::fine(),
        // A server's words are shown, not believed: neither here may they move the cursor.
        false => Judgement::wrong(crate::verify::shown(&faults.join("; "))),
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
