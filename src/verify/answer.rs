//! What can come of a request, as it was seen.

use std::fmt;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Http {
        status: u16,
        whose: Whose,
    },
    /// The handshake ended with an alert about certificates.
    HandshakeRefused(String),
    /// The connection ended without a word, after a certificate had been asked for.
    Closed,
    /// The connection ended without a word, after a handshake in which none was.
    ClosedUnasked,
    /// The handshake failed for another reason.
    HandshakeFailed(String),
    /// Something was said that is no answer in HTTP.
    NotHttp(String),
    Unreached(Unreached),
}

/// Who answers, as far as the answer says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It is one of the edge's own pages.
    Edge,
    /// It is what the gateway says to who has not signed in.
    Gateway,
    /// It is a service's, or nobody knows.
    #[default]
    Unmarked,
}

/// Why nobody could be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreached {
    /// The host's name leads nowhere.
    NoAddress,
    /// It is none that stands in a handshake.
    NoServerName,
    Closed,
    /// In the system's words.
    Io(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Http {
                status,
                whose: Whose::Edge,
            } => write!(f, "{status} from the edge"),
            Answer::Http {
                status,
                whose: Whose::Gateway,
            } => write!(f, "{status} from the gateway"),
            Answer::Http { status, .. } => write!(f, "{status}"),
            Answer::HandshakeRefused(alert) => write!(f, "refused in the handshake ({alert})"),
            Answer::Closed | Answer::ClosedUnasked => f.write_str("a connection that was closed"),
            Answer::HandshakeFailed(why) => write!(f, "no handshake ({why})"),
            Answer::NotHttp(why) => write!(f, "no answer in HTTP ({why})"),
            Answer::Unreached(why) => write!(f, "no connection ({why})"),
        }
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unreached::NoAddress => "its name has no address",
            Unreached::NoServerName => "its name is none that TLS could ask for",
            Unreached::Closed => "the connection was closed",
            Unreached::Io(why) => why,
        })
    }
}
