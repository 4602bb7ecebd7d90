//! What was found, for people and for scripts.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde::Serialize;

use super::super::counted;
use crate::verify::{Place, Verdict};

/// What is served.
#[derive(Debug, Serialize)]
pub struct LiveReport {
    /// When it was asked.
    pub now: Timestamp,
    /// The declared hosts.
    pub hosts: Vec<HostReport>,
    /// The servers that they are at, as wholes.
    pub servers: Vec<HostReport>,
    /// Whether any devices' certificates were tried.
    pub devices_tried: usize,
    /// Those that were not.
    pub not_tried: Vec<NotTried>,
}

/// A certificate that was not tried.
#[derive(Debug, Serialize)]
pub struct NotTried {
    /// Whose.
    pub certificate: String,
    /// Why.
    pub why: String,
}

/// What is served at a host; or by a server as a whole, which is called by its address.
#[derive(Debug, Default, Serialize)]
pub struct HostReport {
    /// The host, or the server's address.
    pub host: String,
    /// The service; none of a server.
    pub service: Option<String>,
    /// Where it was asked.
    pub address: Option<String>,
    /// From where it was asked.
    pub place: Option<Place>,
    /// The version of TLS.
    pub tls: Option<&'static str>,
    /// Its own certificate.
    pub certificate: Option<ServedReport>,
    /// What was asked.
    pub requests: Vec<RequestReport>,
    /// What is wrong with it as a whole.
    pub wrong: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Why it could not be asked, or not to the end.
    pub unreached: Option<String>,
}

/// A host's own certificate.
#[derive(Debug, Serialize)]
pub struct ServedReport {
    /// Who issued it.
    pub issuer: String,
    /// When it ends.
    pub not_after: Option<Timestamp>,
}

/// A request, and what came of it.
#[derive(Debug, Serialize)]
pub struct RequestReport {
    /// Who made it.
    pub visitor: String,
    /// The path, behind the method where that is not `GET`; a URL where it was asked without TLS.
    pub path: String,
    /// The name in the handshake, where that is not the host's; empty where none was said.
    pub server_name: Option<String>,
    /// What was to come of it.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What is thought of that.
    pub verdict: Verdict,
    /// Why.
    pub why: Option<String>,
}

impl HostReport {
    /// How many things are wrong.
    pub fn count_wrong(&self) -> usize {
        let requests = self.requests.iter();
        let wrong = requests.filter(|request| request.verdict == Verdict::Wrong);
        self.wrong.len() + wrong.count()
    }

    /// Says once what is wrong with it as a whole.
    pub fn is_wrong(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.wrong.contains(&what) {
            self.wrong.push(what);
        }
    }
}

impl LiveReport {
    /// The hosts and the servers.
    pub fn all(&self) -> impl Iterator<Item = &HostReport> {
        self.hosts.iter().chain(&self.servers)
    }
}

const RED: Style = AnsiColor::Red.on_default();

/// A line for each host and server, and below it what is not as declared, or cannot be told.
pub fn text(told: &LiveReport) -> String {
    let width = told.all().map(|host| host.host.len()).max().unwrap_or(0);
    let mut text: String = told.all().map(|host| lines(host, width)).collect();
    text += &not_tried(&told.not_tried);
    let requests: usize = told.all().map(|host| host.requests.len()).sum();
    let devices = match told.devices_tried {
        0 => String::from("no device's certificate was tried"),
        count => format!("with {} of devices", counted(count, "certificate")),
    };
    text + &format!(
        "{}, {}; {devices}\n",
        counted(told.hosts.len(), "host"),
        counted(requests, "request")
    )
}

/// A line for each reason, however many certificates it keeps from being tried.
fn not_tried(all: &[NotTried]) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for NotTried { certificate, why } in all {
        reasons.entry(why).or_default().push(certificate);
    }
    let line = |(why, certificates): (&str, Vec<&str>)| match certificates.as_slice() {
        [one] => format!("not tried: {one}, for {why}\n"),
        several => format!("not tried: {} certificates, for {why}\n", several.len()),
    };
    reasons.into_iter().map(line).collect()
}

fn lines(host: &HostReport, width: usize) -> String {
    let mut text = summary(host, width);
    for what in &host.wrong {
        text += &format!("       {RED}wrong  {what}{RED:#}\n");
    }
    for request in &host.requests {
        let (word, style) = match request.verdict {
            Verdict::Wrong => ("wrong", RED),
            Verdict::Either => ("note ", Style::new()),
            Verdict::Fine | Verdict::Unreached => continue,
        };
        let behind = match request.server_name.as_deref() {
            Some("") => String::from(" behind no name"),
            Some(name) => format!(" behind the name {name}"),
            None => String::new(),
        };
        let (visitor, path) = (&request.visitor, &request.path);
        let why = request.why.as_deref().unwrap_or_default();
        text += &format!("       {style}{word}  {visitor} at {path}{behind}: {why}{style:#}\n");
    }
    for what in &host.notes {
        text += &format!("       note   {what}\n");
    }
    text
}

fn summary(host: &HostReport, width: usize) -> String {
    let (word, style) = match (host.count_wrong(), &host.unreached) {
        (1.., _) => ("wrong", RED),
        (0, Some(_)) => ("????", AnsiColor::Yellow.on_default()),
        (0, None) => ("ok", AnsiColor::Green.on_default()),
    };
    let at = host.address.as_deref();
    let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
    let answers = match &host.unreached {
        Some(why) => format!("not reached{at}: {why}"),
        None => {
            let fine = host.requests.iter().filter(|r| r.verdict != Verdict::Wrong);
            let tls = host.tls.map(|tls| format!(", {tls}")).unwrap_or_default();
            let (fine, asked) = (fine.count(), host.requests.len());
            let others = match host.wrong.len() {
                0 => String::new(),
                count => format!(", {} else wrong", counted(count, "thing")),
            };
            format!("{fine} of {asked} answers as declared{others}{at}{tls}")
        }
    };
    format!(
        "{style}{word:5}{style:#}  {:width$}  {answers}\n",
        host.host
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_once_and_what_is_wrong_beside_the_answers_is_counted() {
        let not_tried = |certificate: &str, why: &str| NotTried {
            certificate: certificate.to_owned(),
            why: why.to_owned(),
        };
        let mut host = HostReport {
            host: String::from("home.example.com"),
            ..HostReport::default()
        };
        host.is_wrong("HTTP/3 is served");
        let told = LiveReport {
            now: Timestamp::UNIX_EPOCH,
            hosts: vec![host],
            servers: Vec::new(),
            devices_tried: 1,
            not_tried: vec![
                not_tried("alice/pixel", "the key is lost"),
                not_tried("bob/iphone", "the key is lost"),
                not_tried("a stranger's", "there is none"),
            ],
        };
        let text = anstream::adapter::strip_str(&text(&told)).to_string();
        assert_eq!(
            text,
            "wrong  home.example.com  0 of 0 answers as declared, 1 thing else wrong\n       \
             wrong  HTTP/3 is served\n\
             not tried: 2 certificates, for the key is lost\n\
             not tried: a stranger's, for there is none\n\
             1 host, 0 requests; with 1 certificate of devices\n"
        );
    }
}
