//! What is served, drawn for people.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::{AnsiColor, Style};

use super::counted;
use crate::probe::{HostReport, LiveReport, NotTried};
use crate::verify::{Explanation, Verdict};

const RED: Style = AnsiColor::Red.on_default();

/// A line for each host and server, and below it what is not as declared, or cannot be told.
pub(super) fn text(told: &LiveReport) -> String {
    let width = told.all().map(|host| host.host.len()).max().unwrap_or(0);
    let mut text: String = told.all().map(|host| lines(host, width)).collect();
    text += &explained(told);
    text += &not_tried(&told.not_tried);
    let requests: usize = told.all().map(|host| host.requests.len()).sum();
    let devices = match told.devices_tried {
        0 => String::from("no device's certificate was tried"),
        count => format!(
            "with {} of devices",
            counted(count, "certificate", "certificates")
        ),
    };
    text + &format!(
        "{}, {}; {devices}\n",
        counted(told.hosts.len(), "host", "hosts"),
        counted(requests, "request", "requests")
    )
}

/// What there is to know of answers that depend on a visitor's place, once for all of them.
fn explained(told: &LiveReport) -> String {
    let requests = told.all().flat_map(|host| &host.requests);
    let explanations = requests.filter_map(|request| request.judgement.explanation());
    let explanations: BTreeSet<Explanation> = explanations.collect();
    let lines = explanations.iter().map(|what| format!("note   {what}\n"));
    lines.collect()
}

/// A line for each reason, however many certificates it keeps from being tried.
fn not_tried(all: &[NotTried]) -> String {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for NotTried { certificate, why } in all {
        let reason = reasons.entry(why.to_string()).or_default();
        reason.push(certificate);
    }
    let line = |(why, certificates): (String, Vec<&str>)| match certificates.as_slice() {
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
        let (word, style) = match request.judgement.verdict() {
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
        let under = request.policy.as_ref();
        let under = under.map(|policy| format!(", under the policy of `{policy}`"));
        let under = under.unwrap_or_default();
        let why = request.judgement.why();
        let why = why.map(ToString::to_string).unwrap_or_default();
        text +=
            &format!("       {style}{word}  {visitor} at {path}{behind}{under}: {why}{style:#}\n");
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
    let at = host.address;
    let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
    let answers = match &host.unreached {
        Some(why) => format!("not reached{at}: {why}"),
        None => {
            let requests = host.requests.iter();
            let fine = requests.filter(|request| request.judgement.verdict() != Verdict::Wrong);
            let tls = host.tls.map(|tls| format!(", {}", tls.as_str()));
            let tls = tls.unwrap_or_default();
            let (fine, asked) = (fine.count(), host.requests.len());
            let others = match host.wrong.len() {
                0 => String::new(),
                count => format!(", {} else wrong", counted(count, "thing", "things")),
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
    use jiff::Timestamp;

    use crate::probe::{HostFault, WhyNotTried};

    #[test]
    fn reasons_are_told_once_and_what_is_wrong_beside_the_answers_is_counted() {
        let not_tried = |certificate: &str, why| NotTried {
            certificate: certificate.to_owned(),
            why,
        };
        let host = HostReport {
            host: String::from("home.example.com"),
            wrong: vec![HostFault::SpeaksQuic],
            ..HostReport::default()
        };
        let told = LiveReport {
            now: Timestamp::UNIX_EPOCH,
            hosts: vec![host],
            servers: Vec::new(),
            devices_tried: 1,
            not_tried: vec![
                not_tried("alice/pixel", WhyNotTried::OwnKey),
                not_tried("bob/iphone", WhyNotTried::OwnKey),
                not_tried("a stranger's", WhyNotTried::NoAuthority),
            ],
        };
        let text = anstream::adapter::strip_str(&text(&told)).to_string();
        assert_eq!(
            text,
            "wrong  home.example.com  0 of 0 answers as declared, 1 thing else wrong\n       \
             wrong  it speaks QUIC: HTTP/3 is to be off\n\
             not tried: 2 certificates, for its key is on the device alone\n\
             not tried: a stranger's, for there is no authority yet whose name it could bear\n\
             1 host, 0 requests; with 1 certificate of devices\n"
        );
    }
}
