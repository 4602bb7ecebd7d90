//! What is served: each host asked as each visitor, and the answers held against the declaration.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, ToSpan};
use miette::{Diagnostic, Report};
use rayon::prelude::*;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use thiserror::Error;

use super::visit::{Seen, Served, ServedFault, Shown, Visit, Visitors};
use super::{VerifyError, counted, keyring, resolve};
use crate::cli::arguments::Verify;
use crate::cli::failure::{Exit, Failure};
use crate::cli::workspace::Workspace;
use crate::cli::{believed, clock, report};
use crate::diagnostic::did_you_mean;
use crate::issue::{Credential, Signer};
use crate::lock::{Authority, Issued, Lock, State};
use crate::model::{Homelab, SiteCertificates};
use crate::pki::{
    AuthorityProfile, Issuer, IssuerName, LeafProfile, PrivateKey, Serial, Validity, issue,
    self_sign,
};
use crate::plan::shown_moment;
use crate::root::Keyring;
use crate::status::relative;
use crate::verify::{
    Answer, Place, Probe, Site, Standing, Verdict, Visitor, judge, probes, sites, standing,
};

/// How many hosts are asked at once.
const AT_ONCE: usize = 8;

/// A stranger's key is no secret: nothing trusts it.
const STRANGER_SEED: [u8; 32] = *b"a stranger's, whom nobody trusts";

#[derive(Debug, Error, Diagnostic)]
enum LiveError {
    #[error("`{name}` is no service, and no host of one")]
    #[diagnostic(code("verify::unknown-service"))]
    UnknownService {
        name: String,
        #[help]
        help: String,
    },

    #[error("`{}` holds no certificate in PEM", path.display())]
    #[diagnostic(
        code("verify::bad-ca"),
        help(
            "name the root of whoever issues the hosts' certificates; Caddy's own is pki/authorities/local/root.crt in its data directory"
        )
    )]
    BadCa { path: PathBuf },

    #[error("{what}")]
    #[diagnostic(
        code("verify::not-as-declared"),
        help(
            "deploy `out/edge/` as it is built, `homelab build --check` says whether it is; then reload Caddy and run this again"
        )
    )]
    NotAsDeclared { what: String },

    #[error("{what}")]
    #[diagnostic(
        code("verify::unreached"),
        help(
            "see that Caddy runs and the names lead to it; `--resolve HOST:PORT:ADDR` says where a host is, `--port` at which port"
        )
    )]
    Unreached { what: String },

    #[error("no device was tried, for the root secret could not be had")]
    #[diagnostic(
        code("verify::without-secret"),
        help("what else there is to verify was; with `--no-secret` that is all that is asked")
    )]
    WithoutSecret,
}

/// What is served.
#[derive(Debug, Serialize)]
struct LiveReport {
    now: Timestamp,
    hosts: Vec<HostReport>,
    /// Whether any devices' certificates were tried.
    devices_tried: usize,
    not_tried: Vec<NotTried>,
}

/// A certificate that was not tried.
#[derive(Debug, Serialize)]
struct NotTried {
    certificate: String,
    why: String,
}

/// What is served at a host.
#[derive(Debug, Serialize)]
struct HostReport {
    host: String,
    service: String,
    address: Option<String>,
    /// From where it was asked.
    place: Option<Place>,
    tls: Option<&'static str>,
    certificate: Option<ServedReport>,
    requests: Vec<RequestReport>,
    /// What is wrong with the host as a whole.
    wrong: Vec<String>,
    notes: Vec<String>,
    /// Why it could not be asked, or not to the end.
    unreached: Option<String>,
}

/// A host's own certificate.
#[derive(Debug, Serialize)]
struct ServedReport {
    issuer: String,
    not_after: Option<Timestamp>,
}

/// A request, and what came of it.
#[derive(Debug, Serialize)]
struct RequestReport {
    visitor: String,
    path: String,
    /// The name in the handshake, where that is another host's.
    server_name: Option<String>,
    expected: String,
    got: String,
    verdict: Verdict,
    why: Option<String>,
}

/// A certificate of the lock that can be shown.
struct Card<'l> {
    issued: &'l Issued,
    standing: Standing,
    name: String,
    shown: Shown,
}

pub fn verify(arguments: &Verify) -> Result<(), Failure> {
    let workspace = Workspace::of(&arguments.declaration);
    let homelab = workspace.homelab()?;
    let lock = workspace.lock()?;
    let lock = lock.ok_or_else(|| Failure::environment(VerifyError::NoLock))?;
    believed::refuse_unsigned(&lock)?;
    let now = clock::now()?;
    clock::doubt(now, &lock);
    let all = sites(&homelab, &lock);
    let asked = named(arguments, &all)?;
    let templates = workspace.templates()?.of_the_edge();
    let timeout = Duration::from_secs(arguments.timeout.into());
    let visitors = Visitors::new(roots(arguments)?, now, timeout);

    let (keyring, reports) = match asked.iter().any(|site| site.asks()) {
        true => keyring(arguments, &workspace, &lock),
        false => (None, Vec::new()),
    };
    let mut not_tried = Vec::new();
    let cards = match &keyring {
        Some(keyring) => cards(keyring, &homelab, &lock, now, &mut not_tried),
        None => Vec::new(),
    };
    let stranger = stranger(&lock, now);
    if stranger.is_none() {
        not_tried.push(NotTried {
            certificate: String::from("a stranger's"),
            why: String::from("there is no authority yet whose name it could bear"),
        });
    }
    let asking = Asking {
        arguments,
        homelab: &homelab,
        lock: &lock,
        now,
        // What the global options say changes no page.
        own_templates: templates.iter().any(|name| name != "globals.caddyfile.j2"),
        all: &all,
        cards: &cards,
        stranger,
        visitors,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE).build();
    let ask = || asked.par_iter().map(|site| asking.host(site)).collect();
    let hosts: Vec<HostReport> = match pool {
        Ok(pool) => pool.install(ask),
        // Without threads of their own they are asked by those that there are.
        Err(_) => ask(),
    };
    let told = LiveReport {
        now,
        hosts,
        devices_tried: cards.len(),
        not_tried,
    };
    match arguments.json {
        true => report::json(&told)?,
        false => report::table(&text(&told))?,
    }
    conclude(&told, reports)
}

fn conclude(told: &LiveReport, secrets: Vec<Report>) -> Result<(), Failure> {
    let wrong: usize = told.hosts.iter().map(HostReport::count_wrong).sum();
    let unreached = told.hosts.iter().filter(|host| host.unreached.is_some());
    let mut failure = Failure {
        exit: Exit::Done,
        reports: Vec::new(),
    };
    if !secrets.is_empty() {
        failure.exit = Exit::Environment;
        failure.reports.extend(secrets);
        failure.reports.push(Report::new(LiveError::WithoutSecret));
    }
    match unreached.count() {
        0 => {}
        count => {
            failure.exit = Exit::Environment;
            let what = format!("{} could not be reached", counted(count, "host"));
            failure
                .reports
                .push(Report::new(LiveError::Unreached { what }));
        }
    }
    if wrong > 0 {
        failure.exit = Exit::Difference;
        let what = match wrong {
            1 => String::from("1 answer is not as declared"),
            _ => format!("{wrong} answers are not as declared"),
        };
        failure
            .reports
            .push(Report::new(LiveError::NotAsDeclared { what }));
    }
    match failure.exit {
        Exit::Done => Ok(()),
        _ => Err(failure),
    }
}

/// The sites that are asked for, by service or by host; all where none is named.
fn named<'s>(arguments: &Verify, all: &'s [Site]) -> Result<Vec<&'s Site>, Failure> {
    let mut wanted = BTreeSet::new();
    for name in &arguments.what {
        let name = name.to_string_lossy();
        let is_it = |site: &&Site| site.service == name || site.host == name;
        let found: BTreeSet<&str> = all
            .iter()
            .filter(is_it)
            .map(|site| site.host.as_str())
            .collect();
        if found.is_empty() {
            let known = all.iter().map(|site| site.service.as_str());
            let help = did_you_mean(&name, known);
            let name = name.into_owned();
            let unknown = LiveError::UnknownService { name, help };
            return Err(Failure::new(Exit::Usage, unknown));
        }
        wanted.extend(found);
    }
    let is_wanted = |site: &&Site| arguments.what.is_empty() || wanted.contains(site.host.as_str());
    Ok(all.iter().filter(is_wanted).collect())
}

/// The roots of the hosts' own certificates.
fn roots(arguments: &Verify) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(path) = &arguments.ca else {
        // What cannot be read among them is a root less: it shows as an issuer that is not known.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let bad = || Failure::environment(LiveError::BadCa { path: path.clone() });
    let blocks = fs::read(path)
        .ok()
        .and_then(|text| pem::parse_many(text).ok());
    for block in blocks.unwrap_or_default() {
        if block.tag() == "CERTIFICATE" {
            let certificate = CertificateDer::from(block.into_contents());
            roots.add(certificate).map_err(|_| bad())?;
        }
    }
    match roots.is_empty() {
        true => Err(bad()),
        false => Ok(roots),
    }
}

/// Every certificate that has not ended, and whose key can be derived.
fn cards<'l>(
    keyring: &Keyring,
    homelab: &Homelab,
    lock: &'l Lock,
    now: Timestamp,
    not_tried: &mut Vec<NotTried>,
) -> Vec<Card<'l>> {
    let mut cards = Vec::new();
    for authority in &lock.authorities {
        let of = |issued: &&Issued| issued.authority == authority.id;
        let is_over = |issued: &Issued| issued.validity.not_after() < now;
        let gone = |issued: &Issued| is_over(issued) && issued.state != State::Active;
        let certificates = lock.certificates.iter().filter(of);
        let certificates: Vec<&Issued> = certificates.filter(|issued| !gone(issued)).collect();
        if certificates.is_empty() {
            continue;
        }
        let signer = authority.can_sign().then(|| Signer::of(keyring, authority));
        for issued in certificates {
            let name = card_name(issued, homelab);
            let derived = match &signer {
                _ if issued.own_key.is_some() => Err("its key is on the device alone"),
                None => Err("it was made elsewhere, with its key"),
                Some(Err(_)) => Err("the key of its authority cannot be had any more"),
                Some(Ok(signer)) => Credential::derive(keyring, signer, issued)
                    .map_err(|_| "what is derived is not what homelab.lock records"),
            };
            match derived {
                Ok(Credential { key, certificate }) => cards.push(Card {
                    issued,
                    standing: Standing::of(issued, homelab, lock, now),
                    name,
                    shown: Shown::new(key, &certificate),
                }),
                Err(why) => not_tried.push(NotTried {
                    certificate: name,
                    why: why.to_owned(),
                }),
            }
        }
    }
    not_tried.extend(homelab.installed().map(|(device, _)| NotTried {
        certificate: device.to_string(),
        why: String::from("its key is on the device alone"),
    }));
    cards.sort_by(|a, b| a.name.cmp(&b.name));
    cards
}

fn card_name(issued: &Issued, homelab: &Homelab) -> String {
    let device = &issued.device;
    match (standing(issued), homelab.device(device)) {
        (("active", _), Some(_)) => device.to_string(),
        (("active", _), None) => format!("{device} (removed)"),
        (("replaced", Some(at)), _) => {
            format!("{device} (older, until {})", shown_moment(at))
        }
        ((state, Some(at)), _) => format!("{device} ({state} {})", shown_moment(at)),
        ((state, None), _) => format!("{device} ({state})"),
    }
}

/// A certificate with the names and numbers of one of ours, from an authority with the name of ours: only
/// the signature is another's.
fn stranger(lock: &Lock, now: Timestamp) -> Option<Shown> {
    let authority = lock.signing().or_else(|| lock.trusted().next())?;
    let key = || PrivateKey::from_seed(&STRANGER_SEED).expect("it is long enough");
    let validity = Validity::new(now - 1.hour(), now + 24.hours()).ok()?;
    let known = lock.active().into_values().next();
    let (common_name, serial, email) = match known {
        Some(issued) => (
            issued.device.common_name(),
            issued.serial,
            issued.email.to_string(),
        ),
        None => (
            String::from("stranger"),
            Serial::from_bytes([1; 20]),
            format!("stranger@{}", authority.domain),
        ),
    };
    let name = IssuerName::of(&authority.certificate).or_else(|_| named_alike(authority, validity));
    let issuer = Issuer {
        key: &key(),
        name: &name.ok()?,
        validity,
    };
    let profile = LeafProfile {
        common_name,
        organization: authority.domain.to_string(),
        email,
        serial,
        validity,
    };
    let leaf = issue(&issuer, &key().public_key(), &profile).ok()?;
    Some(Shown::new(key(), &leaf))
}

/// For an authority whose name cannot be repeated as it is.
fn named_alike(
    authority: &Authority,
    validity: Validity,
) -> Result<IssuerName, crate::pki::IssuerNameError> {
    let key = PrivateKey::from_seed(&STRANGER_SEED).expect("it is long enough");
    let profile = AuthorityProfile {
        common_name: format!("{} devices", authority.domain),
        serial: Serial::from_bytes([1; 20]),
        validity,
    };
    let made = self_sign(&key, &profile).expect("a domain fits a common name");
    IssuerName::of(&made)
}

struct Asking<'a> {
    arguments: &'a Verify,
    homelab: &'a Homelab,
    lock: &'a Lock,
    now: Timestamp,
    own_templates: bool,
    all: &'a [Site],
    cards: &'a [Card<'a>],
    stranger: Option<Shown>,
    visitors: Visitors,
}

impl Asking<'_> {
    fn host(&self, site: &Site) -> HostReport {
        let mut told = HostReport {
            host: site.host.clone(),
            service: site.service.clone(),
            address: None,
            place: None,
            tls: None,
            certificate: None,
            requests: Vec::new(),
            wrong: Vec::new(),
            notes: Vec::new(),
            unreached: None,
        };
        let port = self.arguments.port;
        let addresses = resolve::addresses(&site.host, port, &self.arguments.resolve);
        let addresses = match addresses {
            Ok(addresses) if !addresses.is_empty() => addresses,
            Ok(_) => {
                told.unreached = Some(String::from("its name has no address"));
                return told;
            }
            Err(why) => {
                told.unreached = Some(why);
                return told;
            }
        };
        let standings: Vec<(&Issued, Standing)> = self
            .cards
            .iter()
            .map(|card| (card.issued, card.standing))
            .collect();
        let lets_in_all = |other: &&Site| {
            other.host != site.host && other.guard != crate::verify::Guard::Required
        };
        let other = self.all.iter().find(lets_in_all);
        let probes = probes(site, &standings, other.map(|other| other.host.as_str()));
        let mut address = None;
        for probe in &probes {
            if probe.visitor == Visitor::Stranger && self.stranger.is_none() {
                continue;
            }
            let seen = match address {
                Some(address) => self.ask(site, probe, address),
                None => {
                    let (found, seen) = self.first(site, probe, &addresses);
                    address = Some(found);
                    self.look(site, &seen, found, &mut told);
                    seen
                }
            };
            let place = match (seen.local, address) {
                (Some(local), Some(address)) => Place::of(self.homelab, local, address.ip()),
                _ => Place::Unknown,
            };
            told.place = told.place.or(Some(place));
            let judged = judge(probe.expected, &seen.answer, place, self.own_templates);
            if judged.verdict == Verdict::Unreached {
                told.unreached = judged.why.clone();
            }
            told.requests.push(RequestReport {
                visitor: self.name(probe.visitor),
                path: probe.path.clone(),
                server_name: probe.server_name.clone(),
                expected: match probe.expected.at(place) {
                    Some(outcome) => outcome.to_string(),
                    None => format!(
                        "{} at home, {} elsewhere",
                        probe.expected.home, probe.expected.outside
                    ),
                },
                got: seen.answer.to_string(),
                verdict: judged.verdict,
                why: judged.why,
            });
            if judged.verdict == Verdict::Unreached {
                break;
            }
        }
        told
    }

    /// The first request, at the first address that answers.
    fn first(&self, site: &Site, probe: &Probe, addresses: &[SocketAddr]) -> (SocketAddr, Seen) {
        let mut last = (addresses[0], self.ask(site, probe, addresses[0]));
        for address in &addresses[1..] {
            if !matches!(last.1.answer, Answer::Unreached(_)) {
                break;
            }
            last = (*address, self.ask(site, probe, *address));
        }
        last
    }

    fn ask(&self, site: &Site, probe: &Probe, address: SocketAddr) -> Seen {
        let host = match address.port() {
            443 => site.host.clone(),
            port => format!("{}:{port}", site.host),
        };
        self.visitors.make(&Visit {
            address,
            server_name: probe.server_name.as_deref().unwrap_or(&site.host),
            host: &host,
            path: &probe.path,
            shown: match probe.visitor {
                Visitor::Nobody => None,
                Visitor::Stranger => self.stranger.clone(),
                Visitor::Device(place) => Some(self.cards[place].shown.clone()),
            },
        })
    }

    fn name(&self, visitor: Visitor) -> String {
        match visitor {
            Visitor::Nobody => String::from("nobody"),
            Visitor::Stranger => String::from("a stranger"),
            Visitor::Device(place) => self.cards[place].name.clone(),
        }
    }

    /// What the first connection shows of the host as a whole.
    fn look(&self, site: &Site, seen: &Seen, address: SocketAddr, told: &mut HostReport) {
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

    fn look_at_certificate(&self, served: &Served, told: &mut HostReport) {
        let fields = served.certificate.as_ref().map(|one| one.fields());
        let internal = self.homelab.edge.certificates == SiteCertificates::Internal;
        match &served.fault {
            Some(ServedFault::UnknownIssuer) if internal && self.arguments.ca.is_none() => {
                told.notes.push(String::from(
                    "its certificate is not verified: name the root of Caddy's own authority with `--ca`",
                ));
            }
            Some(ServedFault::UnknownIssuer) => {
                let is_own = fields.as_ref().is_some_and(|f| f.subject == f.issuer);
                told.wrong.push(String::from(match is_own {
                    true => "its certificate is signed by itself, and not known here",
                    false => "its certificate is of an authority that is not known here",
                }));
            }
            Some(ServedFault::Other(what)) => told.wrong.push(format!("its certificate {what}")),
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
                let when = relative(until, self.now);
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

impl HostReport {
    fn count_wrong(&self) -> usize {
        let requests = self.requests.iter();
        let wrong = requests.filter(|request| request.verdict == Verdict::Wrong);
        self.wrong.len() + wrong.count()
    }
}

/// A line for each host, and below it what is not as declared, or cannot be told.
fn text(told: &LiveReport) -> String {
    let width = told
        .hosts
        .iter()
        .map(|host| host.host.len())
        .max()
        .unwrap_or(0);
    let (red, yellow) = (AnsiColor::Red.on_default(), AnsiColor::Yellow.on_default());
    let mut text = String::new();
    for host in &told.hosts {
        let (wrong, asked) = (host.count_wrong(), host.requests.len());
        let (word, style) = match (wrong, &host.unreached) {
            (1.., _) => ("wrong", red),
            (0, Some(_)) => ("????", yellow),
            (0, None) => ("ok", AnsiColor::Green.on_default()),
        };
        text += &format!("{style}{word:5}{style:#}  {:width$}  ", host.host);
        let at = host
            .address
            .as_deref()
            .map(|at| format!(" at {at}"))
            .unwrap_or_default();
        text += &match &host.unreached {
            Some(why) => format!("not reached{at}: {why}\n"),
            None => {
                let fine = host.requests.iter().filter(|r| r.verdict != Verdict::Wrong);
                let tls = host.tls.map(|tls| format!(", {tls}")).unwrap_or_default();
                format!("{} of {asked} answers as declared{at}{tls}\n", fine.count())
            }
        };
        for what in &host.wrong {
            text += &format!("       {red}wrong  {what}{red:#}\n");
        }
        for request in &host.requests {
            let style = match request.verdict {
                Verdict::Wrong => red,
                Verdict::Either => Style::new(),
                Verdict::Fine | Verdict::Unreached => continue,
            };
            let word = if request.verdict == Verdict::Wrong {
                "wrong"
            } else {
                "note "
            };
            let behind = match &request.server_name {
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
    }
    for NotTried { certificate, why } in &told.not_tried {
        text += &format!("not tried: {certificate}, for {why}\n");
    }
    let requests: usize = told.hosts.iter().map(|host| host.requests.len()).sum();
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
