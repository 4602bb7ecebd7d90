//! What the first connection to a host shows of it as a whole.

use std::net::SocketAddr;

use super::super::visit::{Observation, ServerCertificate, ServerCertificateFault};
use super::asking::Prober;
use super::report::{HostReport, ServedReport};
use crate::dates;
use crate::lock::Authority;
use crate::model::SiteCertificates;
use crate::verify::Site;

impl Prober<'_> {
    /// What the first connection shows of the host as a whole.
    pub fn look(
        &self,
        site: &Site,
        seen: &Observation,
        address: SocketAddr,
        told: &mut HostReport,
    ) {
        told.address = Some(address.to_string());
        told.tls = seen.tls;
        if let Some(served) = &seen.served {
            self.look_at_certificate(served, told);
        }
        if seen.tls.is_none() {
            return;
        }
        match (&seen.asked, site.asks()) {
            (None, true) => told.wrong.push(String::from("it asks for no certificate")),
            (Some(_), false) => told.wrong.push(String::from(
                "it asks for a certificate, and none is declared to be needed",
            )),
            (Some(hints), true) if !hints.is_empty() => self.look_at_hints(hints, told),
            _ => {}
        }
    }

    /// The authorities that the server says it takes.
    fn look_at_hints(&self, hints: &[Vec<u8>], told: &mut HostReport) {
        let subject = |authority: &Authority| authority.certificate.subject_der();
        for authority in self.lock.trusted() {
            if !hints.contains(&subject(authority)) {
                let name = authority.common_name();
                told.wrong
                    .push(format!("it does not trust the authority `{name}`"));
            }
        }
        for hint in hints {
            let known = self.lock.authorities.iter().find(|a| subject(a) == *hint);
            match known {
                Some(authority) if authority.is_trusted() => {}
                Some(authority) => told.wrong.push(format!(
                    "it trusts the authority `{}` still, which was retired",
                    authority.common_name()
                )),
                None => told.wrong.push(String::from(
                    "it trusts an authority that homelab.lock does not know",
                )),
            }
        }
    }

    fn look_at_certificate(&self, served: &ServerCertificate, told: &mut HostReport) {
        let fields = served.certificate.as_ref().map(|one| one.fields());
        let internal = self.homelab.edge.certificates == SiteCertificates::Internal;
        match &served.fault {
            Some(ServerCertificateFault::UnknownIssuer)
                if internal && self.arguments.ca.is_none() =>
            {
                told.notes.push(String::from(
                    "its certificate is not verified: name the root of Caddy's own authority with `--ca`",
                ));
            }
            Some(ServerCertificateFault::UnknownIssuer) => {
                let is_own = fields.as_ref().is_some_and(|f| f.subject == f.issuer);
                told.wrong.push(String::from(match is_own {
                    true => "its certificate is signed by itself, and not known here",
                    false => "its certificate is of an authority that is not known here",
                }));
            }
            Some(ServerCertificateFault::Other(what)) => {
                told.wrong.push(format!("its certificate {what}"))
            }
            None => {}
        }
        let Some(fields) = fields else {
            return;
        };
        if let (None, Some(from), Some(until)) =
            (&served.fault, fields.not_before, fields.not_after)
        {
            // Caddy gets another when a third is left.
            let life = until.duration_since(from);
            if until.duration_since(self.now) < life / 6 {
                let when = dates::relative(until, self.now);
                told.notes
                    .push(format!("its certificate ends {when}: is it renewed?"));
            }
        }
        told.certificate = Some(ServedReport {
            issuer: fields.issuer,
            not_after: fields.not_after,
        });
    }
}
