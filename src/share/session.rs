//! What is answered to whom. Pure: time is what the caller says has passed since the beginning.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Kind, Offer, SecretPath};

/// What browsers ask for by themselves at any address: refused as everything is, but no try to guess.
const UNBIDDEN: &[&str] = &["/favicon.ico", "/robots.txt"];
const UNBIDDEN_ICONS: &str = "/apple-touch-icon";

/// How long, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long the whole is offered.
    pub total: Duration,
    /// How long whoever has the certificate may go on: to ask again, or for the other files.
    pub grace: Duration,
    /// How long a request may take to arrive.
    pub request: Duration,
    /// How long a visitor may take to confirm, by closing the connection, that all has arrived.
    pub confirmation: Duration,
    /// How long a connection may last.
    pub connection: Duration,
    /// How many connections there may be at once.
    pub connections: usize,
    /// The wrong try that ends it.
    pub wrong_tries: u8,
}

impl Limits {
    /// The limits of an offer that lasts so many minutes.
    pub(crate) fn minutes(minutes: u8) -> Limits {
        Limits {
            total: Duration::from_secs(60 * u64::from(minutes)),
            grace: Duration::from_secs(30),
            request: Duration::from_secs(10),
            confirmation: Duration::from_secs(10),
            connection: Duration::from_secs(60),
            connections: 512,
            wrong_tries: 5,
        }
    }
}

/// A request, as far as an answer depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'r> {
    /// Who asks.
    pub from: IpAddr,
    pub method: &'r str,
    /// The path as it was sent, without what follows a `?`.
    pub path: &'r str,
    /// What the Host header says, if there is exactly one.
    pub host: Option<&'r str>,
    /// The host in the request's target, if it has one.
    pub target_host: Option<&'r str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Page,
    /// The file at that place of the offer.
    File(usize),
    /// Somebody else has the file already.
    Gone,
    NotFound,
    /// That host is not here.
    Misdirected,
    /// Only GET and HEAD are.
    NotAllowed,
}

/// Whether what was sent has arrived whole, as far as the visitor's closing of the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Confirmed,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The page was opened, the first time by this visitor.
    Opened { from: IpAddr },
    /// A file has arrived whole.
    Fetched {
        name: Cow<'static, str>,
        from: IpAddr,
    },
    /// The certificate has arrived for the first time: it ends so much later.
    Closing { after: Duration },
    /// A file was sent, but not known to have arrived.
    Undelivered {
        name: Cow<'static, str>,
        from: IpAddr,
    },
    /// Somebody came who is not the one who was first.
    Refused { from: IpAddr, holder: IpAddr },
    /// A wrong path or host.
    WrongTry { from: IpAddr, count: u8, of: u8 },
}

/// Why it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The certificate was delivered, and the grace is over.
    Delivered,
    /// Time is over, and nobody has fetched it.
    TimeOver,
    /// Somebody tries to guess.
    WrongTries,
    /// Ctrl-C; whether the certificate had been delivered.
    Interrupted { delivered: bool },
}

/// An offer, and what has become of it.
#[derive(Debug)]
pub(crate) struct Session {
    limits: Limits,
    hosts: Vec<String>,
    path: SecretPath,
    files: Vec<Offered>,
    /// Who asked first for the certificate: nobody else gets anything from then on.
    holder: Option<IpAddr>,
    /// When the grace is over.
    closes: Option<Duration>,
    wrong_tries: u8,
    opened: BTreeSet<IpAddr>,
    refused: BTreeSet<IpAddr>,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Offered {
    name: Cow<'static, str>,
    path: String,
    is_certificate: bool,
    delivered: bool,
}

impl Session {
    pub(crate) fn new(offer: &Offer, limits: Limits) -> Session {
        let files = offer.files.iter().enumerate().map(|(place, file)| Offered {
            name: file.name.clone(),
            path: offer.path.file(&file.name),
            is_certificate: place == 0 || file.kind() != Kind::Other,
            delivered: false,
        });
        Session {
            limits,
            hosts: hosts(offer.address),
            path: offer.path.clone(),
            files: files.collect(),
            holder: None,
            closes: None,
            wrong_tries: 0,
            opened: BTreeSet::new(),
            refused: BTreeSet::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn answer(&mut self, seen: &Seen<'_>) -> Answer {
        if self.gives_up() {
            return Answer::NotFound;
        }
        let is_ours = |host: &str| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
        if !seen.host.is_some_and(is_ours) || !seen.target_host.is_none_or(is_ours) {
            self.wrong_try(seen.from);
            return Answer::Misdirected;
        }
        let Some(wanted) = self.wanted(seen.path) else {
            if !UNBIDDEN.contains(&seen.path) && !seen.path.starts_with(UNBIDDEN_ICONS) {
                self.wrong_try(seen.from);
            }
            return Answer::NotFound;
        };
        if !matches!(seen.method, "GET" | "HEAD") {
            return Answer::NotAllowed;
        }
        if let Some(holder) = self.holder.filter(|holder| *holder != seen.from) {
            if self.refused.insert(seen.from) {
                let from = seen.from;
                self.events.push(Event::Refused { from, holder });
            }
            return Answer::Gone;
        }
        match wanted {
            Answer::File(file) if seen.method == "GET" && self.files[file].is_certificate => {
                self.holder = Some(seen.from);
            }
            Answer::Page if self.opened.insert(seen.from) => {
                self.events.push(Event::Opened { from: seen.from });
            }
            _ => {}
        }
        wanted
    }

    /// Takes note that a file was sent, and of what is known of its arrival.
    pub(crate) fn sent(&mut self, file: usize, from: IpAddr, arrival: Arrival, now: Duration) {
        let offered = &mut self.files[file];
        let name = offered.name.clone();
        if arrival == Arrival::Unknown {
            self.events.push(Event::Undelivered { name, from });
            return;
        }
        self.events.push(Event::Fetched { name, from });
        let is_new = !std::mem::replace(&mut offered.delivered, true);
        // Asking twice for the same does not make it longer.
        if is_new && (offered.is_certificate || self.closes.is_some()) {
            if self.closes.is_none() {
                let after = self.limits.grace;
                self.events.push(Event::Closing { after });
            }
            self.closes = Some(now + self.limits.grace);
        }
    }

    /// Whether it has ended, and why.
    pub(crate) fn end(&self, now: Duration) -> Option<End> {
        if self.gives_up() {
            Some(End::WrongTries)
        } else if now < self.closing() {
            None
        } else if self.is_delivered() {
            Some(End::Delivered)
        } else {
            Some(End::TimeOver)
        }
    }

    /// When it ends, if nothing more happens.
    pub(crate) fn closing(&self) -> Duration {
        self.closes
            .unwrap_or(self.limits.total)
            .min(self.limits.total)
    }

    /// Whether a certificate has arrived.
    pub(crate) fn is_delivered(&self) -> bool {
        self.closes.is_some()
    }

    /// What has happened since the last time.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn gives_up(&self) -> bool {
        self.wrong_tries >= self.limits.wrong_tries
    }

    /// What stands at exactly that path. With five tries there is nothing to learn from how long it takes.
    fn wanted(&self, path: &str) -> Option<Answer> {
        let page = self.path.page();
        // Who types it may leave the last slash out.
        if path == page || Some(path) == page.strip_suffix('/') {
            return Some(Answer::Page);
        }
        let file = self.files.iter().position(|file| file.path == path);
        file.map(Answer::File)
    }

    fn wrong_try(&mut self, from: IpAddr) {
        self.wrong_tries += 1;
        self.events.push(Event::WrongTry {
            from,
            count: self.wrong_tries,
            of: self.limits.wrong_tries,
        });
    }
}

/// What a browser that was given the address says in its Host header.
fn hosts(address: SocketAddr) -> Vec<String> {
    let full = address.to_string();
    match address.port() {
        80 => {
            let bare = full.trim_end_matches(":80").to_owned();
            vec![bare, full]
        }
        _ => vec![full],
    }
}
