//! A certificate that cannot stand for an authority, with what can be done about it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;

use crate::pki::NotAnAuthority;

/// Which certificate of a file, and why it is refused.
#[derive(Debug)]
pub struct AuthorityRefusal {
    /// The file.
    pub path: PathBuf,
    /// The certificate's number in the file, counted from 1, and its name, where the file has several.
    pub which: Option<(usize, String)>,
    /// Why.
    pub source: NotAnAuthority,
}

/// What can be done about it.
enum Remedy {
    /// Its key writes another certificate for itself.
    WriteAgain,
    /// The same, with the curve's name and the whole point in the key.
    NameTheCurve,
    /// Its devices get other certificates.
    LeaveIt,
    /// It is another file that is meant.
    AnotherFile,
}

impl AuthorityRefusal {
    /// One slug for each kind of refusal.
    fn slug(&self) -> &'static str {
        match &self.source {
            NotAnAuthority::Encoding(_) => "encoding",
            NotAnAuthority::Serial(_) => "serial",
            NotAnAuthority::Name { .. } => "name",
            NotAnAuthority::Date { .. } | NotAnAuthority::Dates(_) => "date",
            NotAnAuthority::KeyKind(_) => "key-kind",
            NotAnAuthority::KeyForm(_) => "key-form",
            NotAnAuthority::KeySize(_) => "key-size",
            NotAnAuthority::Critical(_) => "critical",
            NotAnAuthority::Extension { .. } => "extension",
            NotAnAuthority::Constraints(_) => "name-constraints",
            NotAnAuthority::AlternativeName(_) => "alternative-name",
            NotAnAuthority::NotForClients => "not-for-clients",
            NotAnAuthority::NotNow { .. } => "not-now",
            NotAnAuthority::NotCa
            | NotAnAuthority::AnotherKey
            | NotAnAuthority::Constrained
            | NotAnAuthority::IssuerName(_) => "no-authority",
        }
    }

    fn remedy(&self) -> Remedy {
        match &self.source {
            NotAnAuthority::Name { .. }
            | NotAnAuthority::KeyKind(_)
            | NotAnAuthority::KeySize(_) => Remedy::LeaveIt,
            NotAnAuthority::KeyForm(_) => Remedy::NameTheCurve,
            NotAnAuthority::NotCa
            | NotAnAuthority::AnotherKey
            | NotAnAuthority::Constrained
            | NotAnAuthority::IssuerName(_) => Remedy::AnotherFile,
            _ => Remedy::WriteAgain,
        }
    }
}

impl fmt::Display for AuthorityRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.which {
            None => write!(f, "`{path}` cannot be trusted to say who may come in"),
            Some((number, name)) => write!(
                f,
                "certificate {number} in `{path}`, `{name}`, cannot be trusted to say who may come in"
            ),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const AGAIN: &str = "adopt another certificate of the same name and key, and what it has signed stays good: \
             `openssl x509 -in CERTIFICATE -signkey KEY -clrext -extfile ca.ext -set_serial 1 -days 3650 -out again.pem`; \
             in ca.ext are the lines `basicConstraints=critical,CA:TRUE`, `keyUsage=critical,keyCertSign,cRLSign` and \
             `subjectKeyIdentifier=hash`";
        match self {
            Remedy::WriteAgain => f.write_str(AGAIN),
            Remedy::NameTheCurve => write!(
                f,
                "write the key with the name of its curve, `openssl ec -in KEY -param_enc named_curve -conv_form uncompressed -out named.key`, \
                 and then with named.key {AGAIN}"
            ),
            Remedy::LeaveIt => f.write_str(
                "no other certificate of that authority helps, for Caddy would refuse what it has signed: take `fingerprint` \
                 off its devices in homelab.kdl, say `platform` instead, and the next build gives each a certificate of its own",
            ),
            Remedy::AnotherFile => f.write_str(
                "name the certificate of the authority that has signed your devices' certificates",
            ),
        }
    }
}

impl Error for AuthorityRefusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Diagnostic for AuthorityRefusal {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("adopt::{}", self.slug())))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.remedy()))
    }
}
