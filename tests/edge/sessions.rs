//! What outlives a handshake: a session's ticket taken to another site, and connections and sessions older than a removal.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};

use crate::family::{EXAMPLE, Family, replaced};
use crate::policy::{Asks, SITES, Site};
use crate::support::caddy::{Caddy, Version};
use crate::wire::{Wire, request};

const TLS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// Sites of every kind, from which a ticket is taken.
const FROM: [&str; 5] = [
    "immich.home.example.com",
    "paperless.home.example.com",
    "stats.home.example.com",
    "vault.example.org",
    "www.home.example.com",
];

/// Who goes about with tickets: a person with a certificate in PEM, or nobody.
type Visitor = Option<(&'static str, PathBuf)>;

/// Where a ticket from one site let somebody into another that its certificate, or its lack of one, does not.
pub fn carried_over(family: &Family, caddy: &Caddy) -> Vec<String> {
    let device = |person, device| {
        let pem = family.bundle(person, device).pem(&family.lab.home());
        Some((person, pem))
    };
    let visitors: [Visitor; 3] = [None, device("carol", "firefox"), device("bob", "ipad")];
    let mut resumed = 0;
    let mut wrong = not_resumed(family, caddy);
    for visitor in &visitors {
        for tls in TLS {
            for from in SITES.iter().filter(|site| FROM.contains(&site.host)) {
                if visitor.is_some() || from.asks != Asks::Surely {
                    wrong.extend(carried_from(
                        family,
                        caddy,
                        visitor,
                        tls,
                        from,
                        &mut resumed,
                    ));
                }
            }
        }
    }
    if resumed == 0 && gives_tickets(caddy.version()) {
        wrong.push("no session was resumed, so that they prove nothing".to_owned());
    }
    wrong
}

/// Whether a site that asks for certificates gives tickets, so that there is something to carry. Caddy 2.11 gives none there.
fn gives_tickets(version: Version) -> bool {
    version == Version::Old
}

/// The control: a ticket is kept and taken back, where no certificate is asked for, or else the others prove nothing.
fn not_resumed(family: &Family, caddy: &Caddy) -> Vec<String> {
    let (host, session) = ("www.home.example.com", family.lab.home().join("session"));
    let resumes = |tls: &&str| {
        let connect = || Wire::named(caddy, host).with([*tls]);
        connect().keep(&session).send(request("GET", "/", host));
        let again = connect().resume(&session).send(request("GET", "/", host));
        again.resumed && again.status() == Some(200)
    };
    let not = TLS.into_iter().filter(|tls| !resumes(tls));
    not.map(|tls| format!("{tls}: no session is resumed at {host}"))
        .collect()
}

/// Takes a ticket from one site to every other that asks for certificates, with the certificate still shown and without.
fn carried_from(
    family: &Family,
    caddy: &Caddy,
    visitor: &Visitor,
    tls: &str,
    from: &Site,
    resumed: &mut usize,
) -> Vec<String> {
    let pem = visitor.as_ref().map(|(_, pem)| pem);
    let person = visitor.as_ref().map(|(person, _)| *person);
    let session = family.lab.home().join("session");
    _ = fs::remove_file(&session);
    let first = Wire::named(caddy, from.host).with([tls]).maybe_pem(pem);
    first.keep(&session).send(request("GET", "/", from.host));
    let gives = from.asks == Asks::Nothing || gives_tickets(caddy.version());
    assert_eq!(
        session.exists(),
        gives,
        "whether {} gives a ticket",
        from.host
    );
    if !gives {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for to in SITES.iter().filter(|site| site.asks != Asks::Nothing) {
        for shown in [None, pem].into_iter().take(1 + usize::from(pem.is_some())) {
            let wire = Wire::named(caddy, to.host).with([tls]).resume(&session);
            let wire = wire.maybe_pem(shown);
            let (reply, arrivals) = family.arriving(|| wire.send(request("GET", "/", to.host)));
            *resumed += usize::from(reply.resumed);
            let admitted = person.is_some_and(|person| to.admits.contains(&person));
            let right = |(service, _): &(&str, _)| admitted && *service == to.service;
            if !arrivals.iter().all(right) {
                let (from, to) = (from.host, to.host);
                wrong.push(format!(
                    "{person:?} {tls} from {from} to {to}: {:?}",
                    reply.statuses
                ));
            }
        }
    }
    wrong
}

/// A connection that stays open.
struct Open {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Open {
    fn new(wire: Wire) -> Self {
        let mut process = wire
            .with(["-quiet"])
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let answers = BufReader::new(stdout);
        Self { process, answers }
    }

    /// The status of the next answer; none where the server has closed.
    fn ask(&mut self, host: &str) -> Option<u16> {
        let stdin = self.process.stdin.as_mut().expect("stdin is piped");
        write!(stdin, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").ok()?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3)?.parse().ok();
            } else if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            } else if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.answers.read_exact(&mut body).ok()?;
        status
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

const HOSTS: [&str; 3] = [
    "immich.home.example.com",
    "vault.example.org",
    "stats.home.example.com",
];

/// What a device reaches after its removal and a reload, with all that it had before. `change` gives the new files.
fn outlived(version: Version, change: impl FnOnce(&Family, Version) -> String) -> Vec<String> {
    let family = Family::new();
    let mut caddy = family.serve(version);
    let lost = family.bundle("alice", "workstation");
    let pem = lost.pem(&family.lab.home());
    let tickets: Vec<(&str, &str, PathBuf)> = HOSTS
        .into_iter()
        .flat_map(|host| TLS.map(|tls| (host, tls, family.lab.home().join(format!("{host}{tls}")))))
        .collect();
    for (host, tls, ticket) in &tickets {
        let wire = Wire::named(&caddy, host)
            .with([*tls])
            .pem(&pem)
            .keep(ticket);
        assert_eq!(wire.send(request("GET", "/", host)).status(), Some(200));
        assert_eq!(ticket.exists(), gives_tickets(version), "{host} {tls}");
    }
    let mut open = HOSTS.map(|host| (host, Open::new(Wire::named(&caddy, host).pem(&pem))));
    for (host, connection) in &mut open {
        assert_eq!(connection.ask(host), Some(200), "{host}");
    }

    let changed = change(&family, version);
    caddy.reload(&changed).succeeds();
    let mut wrong = Vec::new();
    for (host, connection) in &mut open {
        let (status, arrivals) = family.arriving(|| connection.ask(host));
        if !(arrivals.is_empty() && matches!(status, None | Some(403))) {
            wrong.push(format!("an open connection to {host}: {status:?}"));
        }
    }
    for (host, tls, ticket) in tickets.iter().filter(|(_, _, ticket)| ticket.exists()) {
        for show in [false, true] {
            let wire = Wire::named(&caddy, host).with([*tls]).resume(ticket);
            let wire = if show { wire.pem(&pem) } else { wire };
            let (reply, arrivals) = family.arriving(|| wire.send(request("GET", "/", host)));
            if !(arrivals.is_empty() && matches!(reply.status(), None | Some(403))) {
                wrong.push(format!("a session {tls} with {host}: {:?}", reply.statuses));
            }
        }
    }
    for host in HOSTS {
        let curl = caddy.visit(host, "/").p12(&lost.path, &lost.password);
        let (answer, arrivals) = family.arriving(|| curl.run());
        if answer.status != Some(403) || !arrivals.is_empty() {
            wrong.push(format!("a new connection to {host}: {:?}", answer.status));
        }
    }
    wrong
}

fn without_the_workstation(family: &Family, version: Version) -> String {
    let line = "    device \"workstation\" platform=\"linux\"\n";
    family.build(&replaced(EXAMPLE, line, ""), crate::family::now());
    family.testable(version)
}

/// Files that are new and let the same devices in.
fn with_the_workstation(family: &Family, version: Version) -> String {
    replaced(
        &family.testable(version),
        "grace_period 10s",
        "grace_period 9s",
    )
}

fn tickets_do_not_travel(version: Version) {
    let family = Family::new();
    let caddy = family.serve(version);
    crate::assert_none(&carried_over(&family, &caddy));
}

#[test]
fn tickets_do_not_travel_on_the_old_caddy() {
    tickets_do_not_travel(Version::Old);
}

#[test]
fn tickets_do_not_travel_on_the_new_caddy() {
    tickets_do_not_travel(Version::New);
}

#[test]
fn nothing_outlives_a_removal_on_the_old_caddy() {
    crate::assert_none(&outlived(Version::Old, without_the_workstation));
}

#[test]
fn nothing_outlives_a_removal_on_the_new_caddy() {
    crate::assert_none(&outlived(Version::New, without_the_workstation));
}

/// The check above notices a device that is still let in, over sessions and anew.
#[test]
fn a_device_that_stays_is_noticed() {
    let sessions = ["a session -tls1_2 with", "a session -tls1_3 with"];
    for version in Version::ALL {
        let noticed = outlived(version, with_the_workstation).join("\n");
        let old = sessions.into_iter().filter(|_| gives_tickets(version));
        for what in old.chain(["a new connection to"]) {
            for host in HOSTS {
                let line = format!("{what} {host}");
                assert!(noticed.contains(&line), "{version:?} {line}\n{noticed}");
            }
        }
    }
}
