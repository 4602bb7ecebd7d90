//! Odd names where a home is so large that its edge takes other forms: certificates in one table with classes, in tables by their first
//! digits, people in several tables, and, for Caddy 2.6, lists in parts. No two people become one, and nobody becomes somebody.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::thread;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::outcome;
use crate::support::recipe::{CA, P256, Recipe};
use crate::support::tools;
use crate::support::upstream::{Arrival, Upstream};
use crate::wire::{Wire, request};

/// Names that somebody could take for numbers, many of them for the same; for truth and for nothing; for words of Caddy, of CEL and of
/// what homelab writes; and for each other, where they are read in part.
#[rustfmt::skip]
const NAMES: [&str; 63] = [
    "0", "00", "0x0", "0e0", "1", "01", "1e0", "1e3", "1e03", "01e3", "10e2", "1000", "01000", "1e-3", "16", "0x10", "020", "0b1",
    "0x1p4", "1e400", "2e400", "9007199254740992", "9007199254740993", "inf", "infinity", "nan",
    "true", "t", "false", "f", "yes", "off", "null", "nil", "none",
    "default", "import", "map", "vars", "in", "has", "error", "visitor",
    "class", "class-1", "class-2", "class-10", "audience-1", "people-1", "part-1", "person-1e3", "person", "told", "told-person", "crowd-1",
    "e", "e3", "a", "aa", "a-a", "d-d",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1",
];

/// Each lets in those whose number has that bit set, so that of any two people one is let in where the other is not.
const BITS: [&str; 6] = ["1e3", "1000", "true", "class-1", "audience-1", "0"];

/// The one of them whose upstream is told nothing.
const UNTOLD: &str = "1000";

/// Who is let in besides, and has no certificate that anybody could show.
#[derive(Clone, Copy, Debug)]
enum Crowd {
    /// One person with so many devices.
    Devices(usize),
    /// So many people with a device each, whose names are numbers.
    People(usize),
}

/// One table; one for each first digit; and people in several.
const CROWDS: [Crowd; 3] = [
    Crowd::Devices(480),
    Crowd::Devices(1_450),
    Crowd::People(1_450),
];

impl Crowd {
    /// Those people, and the group of them.
    fn declared(self, text: &mut String) {
        match self {
            Crowd::Devices(count) => {
                *text += "person \"crowd\" {\n";
                for number in 0..count {
                    let print = fingerprint(number);
                    writeln!(text, "    device \"d{number}\" fingerprint=\"{print}\"").unwrap();
                }
                *text += "}\ngroup \"many\" \"crowd\"\n";
            }
            Crowd::People(count) => {
                let mut group = String::from("group \"many\"");
                for number in 0..count {
                    let print = fingerprint(number);
                    writeln!(
                        text,
                        "person \"{number:06}\" {{ device \"d\" fingerprint=\"{print}\"; }}"
                    )
                    .unwrap();
                    let gap = if number % 100 == 0 { " \\\n    " } else { " " };
                    write!(group, "{gap}\"{number:06}\"").unwrap();
                }
                *text += &group;
                text.push('\n');
            }
        }
    }

    /// Tables by digits are for Caddys with named routes; what the oldest has instead, both others have.
    fn versions(self) -> &'static [Version] {
        match self {
            Crowd::Devices(1_450) => &[Version::New],
            _ => &Version::ALL,
        }
    }

    /// Whether the files have the forms that this is about.
    #[track_caller]
    fn shapes(self, version: Version, files: &str) {
        let has = |part: &str| files.contains(part);
        if version == Version::Old {
            assert!(!has("&(") && has("(audience-1e3)") && has("(people-1e3)"));
            let in_parts = !matches!(self, Crowd::Devices(480));
            assert_eq!(has("@audience-2-1e3 "), in_parts, "{self:?}");
            // One list of several sites, and lists of one.
            assert!(has("@audience-1-default vars ") && has("@audience-1-1e3 expression "));
            return;
        }
        assert!(has("&(classes)") && has("&(people)") && has("&(audience-1e3)"));
        assert_eq!(has("@begins-0 "), !matches!(self, Crowd::Devices(480)));
        assert_eq!(has("map @people-2 "), matches!(self, Crowd::People(_)));
    }
}

/// Its first digit is one of the first twelve, so that some certificates of others begin as none in the tables does.
fn fingerprint(number: usize) -> String {
    let bits = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let digits = format!("{bits:032x}{bits:032x}");
    format!("{:x}{}", number % 12, &digits[1..])
}

/// A place at which people ask, and who of [`NAMES`] is let in there.
struct Place {
    service: &'static str,
    path: &'static str,
    lets_in: BTreeSet<&'static str>,
    told: bool,
}

fn places(names: &[&'static str]) -> Vec<Place> {
    let of = |service, path, lets_in: BTreeSet<&'static str>| Place {
        service,
        path,
        lets_in,
        told: service != UNTOLD,
    };
    let bits = BITS.iter().enumerate().map(|(bit, service)| {
        let numbered = NAMES.iter().zip(1..);
        let on = numbered.filter(|(name, number)| number >> bit & 1 == 1 && names.contains(name));
        of(service, "/", on.map(|(name, _)| *name).collect())
    });
    let mut places: Vec<Place> = bits.collect();
    places.extend([
        of("default", "/", names.iter().copied().collect()),
        of("in", "/", names.iter().copied().collect()),
        of("parts", "/", BTreeSet::from(["1000", "0"])),
        of("parts", "/x/y", BTreeSet::from(["1e3", "00"])),
        of("near", "/", BTreeSet::from(["1e3", "0"])),
    ]);
    places
}

fn declared_services(upstream: &str, names: &[&'static str]) -> String {
    let mut text = String::new();
    for (number, place) in places(names).iter().enumerate() {
        let allowed = place.lets_in.iter().map(|name| format!("\"{name}\""));
        let allowed = allowed.chain(["\"many\"".to_owned()]);
        let allowed: Vec<String> = allowed.collect();
        let (allowed, service) = (allowed.join(" "), place.service);
        let more = match (service, place.path) {
            ("parts", "/x/y") => continue,
            ("parts", _) => {
                "identity; certificate \"asked\"; path \"/x/*\" { allow \"00\" \"1e3\" \"many\"; }; "
            }
            (UNTOLD, _) => "certificate \"asked\"; ",
            _ if number % 2 == 0 => "identity; certificate \"asked\"; ",
            _ => "identity; ",
        };
        let from = if service == "near" {
            " from=\"lan\""
        } else {
            ""
        };
        writeln!(
            text,
            "service \"{service}\" {{ upstream \"http://{upstream}\"; {more}allow {allowed}{from}; }}"
        )
        .unwrap();
    }
    text
}

/// A large home in which these have a device each, with a key of their own making.
struct Home {
    house: House,
    upstream: Upstream,
    names: Vec<&'static str>,
    crowd: Crowd,
}

impl Home {
    #[track_caller]
    fn new(names: &[&'static str], crowd: Crowd) -> Self {
        let upstream = Upstream::start("it");
        let home = Home {
            house: House::unbuilt(""),
            names: names.to_vec(),
            upstream,
            crowd,
        };
        let script = r#"
            for name; do
                openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
                    -keyout "$name.key" -out "$name.csr" 2>/dev/null
            done
        "#;
        let mut shell = tools::command("sh");
        shell.args(["-ec", script, "sh"]).args(names).arg("lost");
        outcome::run(shell.current_dir(home.house.lab.path()), b"").succeeds();
        home.house.build(&home.declaration(""));
        home
    }

    /// With a device more of `1e3`.
    fn declaration(&self, more: &str) -> String {
        let mut text = String::from("domain \"home.example.com\"\nedge { lan \"127.0.0.0/8\"; }\n");
        for name in &self.names {
            let more = if *name == "1e3" { more } else { "" };
            let shown = shown(name);
            writeln!(
                text,
                "person \"{name}\" {{ name \"{shown}\"; device \"{}\" csr=\"{name}.csr\"; {more}}}",
                device(name)
            )
            .unwrap();
        }
        self.crowd.declared(&mut text);
        text + &declared_services(&self.upstream.address(), &self.names)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.house.lab.path().join(format!("{name}.key"))
    }

    fn certificate(&self, name: &str, device: &str) -> PathBuf {
        let made = format!("out/people/{name}/{device}/{name}-{device}.crt");
        self.house.lab.path().join(made)
    }

    /// Where these are not let in as they should be, are let in elsewhere, or are told of as somebody else.
    fn confused(&self, caddy: &Caddy, names: &[&'static str]) -> Vec<String> {
        let mut places = places(&self.names);
        // It is as `in` is.
        places.retain(|place| place.service != "default");
        let visits: Vec<(&'static str, &Place)> = { names.iter() }
            .flat_map(|name| places.iter().map(move |place| (*name, place)))
            .collect();
        four_at_once(&visits, |number, (name, place)| {
            let wrong = self.confusion(caddy, name, place, number)?;
            let Place { service, path, .. } = place;
            Some(format!("{name} at {service}{path}: {wrong}"))
        })
    }

    fn confusion(&self, caddy: &Caddy, name: &str, place: &Place, number: usize) -> Option<String> {
        let visit = caddy.visit(&format!("{}.home.example.com", place.service), place.path);
        let visit = visit.pem(&self.certificate(name, device(name)), &self.key(name));
        let claims = CLAIMS[number % CLAIMS.len()].iter();
        let visit = claims.fold(visit, |visit, (name, value)| visit.header(name, value));
        let answer = visit.run();
        let expected = match (place.lets_in.contains(name), place.told) {
            (false, _) => {
                return (answer.status != Some(403))
                    .then(|| format!("should be refused: {answer}"));
            }
            (true, false) => Vec::new(),
            (true, true) => told(name),
        };
        if answer.status != Some(200) {
            return Some(format!("should be let in: {answer}"));
        }
        let found = said_of_who_came(&answer.arrival());
        (found != expected).then(|| format!("told of as {found:?}, should be {expected:?}"))
    }
}

/// What is wrong with each of these, by its number and itself.
fn four_at_once<T: Sync>(
    all: &[T],
    wrong: impl Fn(usize, &T) -> Option<String> + Sync,
) -> Vec<String> {
    let wrong = &wrong;
    let numbered: Vec<(usize, &T)> = all.iter().enumerate().collect();
    thread::scope(|scope| {
        let parts = numbered.chunks(numbered.len().div_ceil(4)).map(|part| {
            let each = part.iter().filter_map(|(number, one)| wrong(*number, one));
            scope.spawn(move || each.collect::<Vec<String>>())
        });
        let parts: Vec<_> = parts.collect();
        let ended = parts.into_iter().map(|part| part.join());
        ended
            .flat_map(|wrong| wrong.expect("no visit panics"))
            .collect()
    })
}

/// A name to show that is another's.
fn shown(name: &str) -> String {
    match name {
        "1e3" => "1000".to_owned(),
        "1000" => "1e3".to_owned(),
        "true" => "false".to_owned(),
        "default" => "-".to_owned(),
        "null" => "default".to_owned(),
        name => format!("+{name}"),
    }
}

/// The name of the device of each, odd as well: with the person's, no two have the same.
fn device(name: &str) -> &'static str {
    match name.len() % 3 {
        0 => "0",
        1 => "true",
        _ => "1e3",
    }
}

/// What the upstream is told of who came.
fn told(name: &str) -> Vec<(String, String)> {
    let all = [
        ("remote-email", format!("{name}@home.example.com")),
        ("remote-groups", String::new()),
        ("remote-name", shown(name)),
        ("remote-user", name.to_owned()),
    ];
    all.map(|(header, value)| (header.to_owned(), value)).into()
}

/// Whatever an upstream could take for that, in any spelling.
fn said_of_who_came(arrival: &Arrival) -> Vec<(String, String)> {
    let is_said = |name: &str, value: &str| {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        name.to_lowercase().starts_with("remote") || value.contains("mallory")
    };
    let said = arrival.headers.iter();
    let said = said.filter(|(name, value)| is_said(name, value));
    let mut said: Vec<(String, String)> = said
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect();
    said.sort_unstable();
    said
}

/// What visitors say of themselves, to be taken for others.
const CLAIMS: [&[(&str, &str)]; 7] = [
    &[],
    &[
        ("Remote-User", "1000"),
        ("Remote-Name", "1e3"),
        ("Remote-Groups", "many"),
        ("Remote-Email", "0@home.example.com"),
    ],
    &[
        ("remote_user", "1000"),
        ("REMOTE_NAME", "mallory"),
        ("Remote_Groups", "many"),
        ("rEMOTE_eMAIL", "mallory"),
    ],
    &[
        ("Remote.User", "1000"),
        ("Remote-User-", "mallory"),
        ("Remote-User_", "mallory"),
    ],
    &[
        (
            "Connection",
            "Remote-User, Remote-Name, Remote-Email, Remote-Groups",
        ),
        ("Remote-User", "1000"),
    ],
    &[
        ("Visitor.Class", "class-1"),
        ("Visitor.Person", "1000"),
        ("Told.Person", "1000"),
        ("Told.Name", "1e3"),
        ("Told-Person", "1000"),
    ],
    &[
        ("Http.Vars.Told-Person", "1000"),
        ("Audience-1e3", "in"),
        ("Http.Vars.Audience-1e3", "in"),
        ("Cookie", "told-person=1000; visitor.class=class-1"),
    ],
];

fn are_told_apart(crowd: Crowd) {
    let home = Home::new(&NAMES, crowd);
    for &version in crowd.versions() {
        crowd.shapes(version, &home.house.generated(version));
        let caddy = home.house.serve(version);
        let wrong = home.confused(&caddy, &NAMES);
        let wrong = wrong.iter().map(|wrong| format!("{version:?}: {wrong}"));
        crate::assert_none(&wrong.collect::<Vec<_>>());
    }
}

#[test]
fn namesakes_are_told_apart_by_one_table() {
    are_told_apart(CROWDS[0]);
}

#[test]
fn namesakes_are_told_apart_by_tables_by_digits() {
    are_told_apart(CROWDS[1]);
}

#[test]
fn namesakes_are_told_apart_among_very_many_people() {
    are_told_apart(CROWDS[2]);
}

/// A few of them, for those who are nobody.
const FEW: [&str; 6] = ["0", "00", "1000", "1e3", "class-1", "default"];

/// Somebody with a certificate that is in no table, or with none.
struct Stranger {
    what: String,
    /// The certificate and its key in one file.
    pem: Option<PathBuf>,
    /// Certificates that are sent behind it.
    behind: Option<PathBuf>,
    /// Whether an authority of the home's has signed it.
    is_signed: bool,
}

impl Stranger {
    fn new(what: impl Into<String>, pem: PathBuf) -> Self {
        Self {
            what: what.into(),
            pem: Some(pem),
            behind: None,
            is_signed: true,
        }
    }
}

/// Subjects of certificates; `\u0020` stands for a blank. The first is the name of a certificate that is let in.
const SUBJECTS: [&str; 14] = [
    "/CN=1e3-0",
    "/CN=1e3",
    "/CN=1000",
    "/CN=true",
    "/CN=default",
    "/CN=class-1",
    "/CN=person-1e3",
    "/CN={visitor.class}",
    "/CN={http.vars.told-person}",
    "/CN=1e3-0/CN=1000-true",
    "/O=1e3-0",
    "/CN=\\u0020",
    "/CN=-",
    "/",
];

impl Home {
    /// A home that had one device more, which was lost, and trusts an authority that has signed others too.
    #[track_caller]
    fn with_strangers(crowd: Crowd) -> (Self, Recipe, Vec<Stranger>) {
        let home = Home::new(&FEW, crowd);
        let lab = &home.house.lab;
        let known = Recipe::new(P256, CA);
        let certificate = known.path("ca.pem").display().to_string();
        let adopted = lab.command(["adopt", &certificate, "--trust-only"]);
        adopted.run().succeeds();
        let lost = "device \"lost\" csr=\"lost.csr\"; ";
        home.house.build(&home.declaration(lost));
        let gone = joined(
            &known,
            "gone",
            &home.certificate("1e3", "lost"),
            &home.key("lost"),
        );
        home.house.build(&home.declaration(""));

        let mut strangers = vec![Stranger::new("a lost device", gone)];
        for (number, subject) in SUBJECTS.iter().enumerate() {
            let pem = signed(&known, &format!("s{number}"), subject, number % 2 == 0);
            strangers.push(Stranger::new(*subject, pem));
        }
        let emptied = with_an_empty_name(&known);
        strangers.push(Stranger::new("an empty name", emptied));
        // The certificates of others are no secret.
        strangers.push(Stranger {
            behind: Some(home.certificate("1e3", device("1e3"))),
            ..Stranger::new("one before that of 1e3", known.path("s0.pem"))
        });
        let theirs = Recipe::new(P256, CA);
        for subject in ["/CN=1e3-0", "/"] {
            let pem = signed(&theirs, "s", subject, true);
            let kept = known.path(&format!("theirs{}.pem", strangers.len()));
            std::fs::copy(pem, &kept).expect("it was made");
            strangers.push(Stranger {
                is_signed: false,
                ..Stranger::new(format!("{subject} of another authority"), kept)
            });
        }
        strangers.push(Stranger {
            what: "nobody".to_owned(),
            pem: None,
            behind: None,
            is_signed: false,
        });
        (home, known, strangers)
    }

    /// Where these are anything but refused, whatever they say of themselves.
    fn taken_for_somebody(&self, caddy: &Caddy, strangers: &[Stranger]) -> Vec<String> {
        let mut places = places(&self.names);
        // One of each form.
        places.retain(|place| {
            !["true", "class-1", "audience-1", "0", "default"].contains(&place.service)
        });
        let before = self.upstream.arrived();
        let mut wrong = four_at_once(strangers, |_, stranger| {
            let each = { places.iter() }.filter_map(|place| not_refused(caddy, stranger, place));
            let wrong: Vec<String> = each.collect();
            (!wrong.is_empty()).then(|| wrong.join("\n"))
        });
        let arrived = self.upstream.arrivals_after(before);
        wrong.extend(arrived.iter().take(3).map(|arrival| format!("{arrival:?}")));
        wrong
    }
}

fn not_refused(caddy: &Caddy, stranger: &Stranger, place: &Place) -> Option<String> {
    let Place { service, path, .. } = place;
    let host = format!("{service}.home.example.com");
    let mut requests = String::new();
    for claims in CLAIMS {
        write!(requests, "GET {path} HTTP/1.1\r\nHost: {host}\r\n").unwrap();
        for (name, value) in claims {
            write!(requests, "{name}: {value}\r\n").unwrap();
        }
        requests += "\r\n";
    }
    requests += &request("GET", path, &host);
    let mut wire = Wire::named(caddy, &host).maybe_pem(stranger.pem.as_ref());
    if let Some(behind) = &stranger.behind {
        wire = wire.with(["-cert_chain", behind.to_str().expect("it is UTF-8")]);
    }
    let reply = wire.send(&requests);
    let refused = [403; CLAIMS.len() + 1];
    let is_right = match (&reply.statuses[..], stranger.is_signed) {
        (statuses, true) => *statuses == refused,
        // With none, one may be asked for it.
        (statuses, false) => statuses.is_empty() || stranger.pem.is_none() && *statuses == refused,
    };
    let Stranger { what, .. } = stranger;
    (!is_right).then(|| format!("{what} at {service}{path}: {:?}", reply.statuses))
}

/// A certificate with that subject. Its fingerprint begins as one in the tables may, or as none.
#[track_caller]
fn signed(authority: &Recipe, name: &str, subject: &str, begins_so: bool) -> PathBuf {
    authority.openssl(&format!("{P256} -out {name}.key"));
    authority.openssl(&format!(
        "req -new -key {name}.key -subj {subject} -out {name}.csr"
    ));
    loop {
        authority.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out {name}.crt"
        ));
        let fingerprint = tools::fingerprint(&authority.path(&format!("{name}.crt")));
        if fingerprint.to_lowercase().starts_with(['c', 'd', 'e', 'f']) != begins_so {
            let [certificate, key] =
                ["crt", "key"].map(|end| authority.path(&format!("{name}.{end}")));
            return joined(authority, name, &certificate, &key);
        }
    }
}

/// The two in one file, for openssl.
#[track_caller]
fn joined(beside: &Recipe, name: &str, certificate: &Path, key: &Path) -> PathBuf {
    let [certificate, key] = [certificate, key].map(std::fs::read_to_string);
    let file = format!("{name}.pem");
    beside.write(
        &file,
        &(certificate.expect("it was made") + &key.expect("it was made")),
    );
    beside.path(&file)
}

/// A certificate whose common name has no characters, which openssl does not write: one of another name, changed and signed anew.
#[track_caller]
fn with_an_empty_name(authority: &Recipe) -> PathBuf {
    signed(authority, "empty", "/CN=emptied", true);
    authority.openssl("x509 -in empty.crt -outform DER -out empty.der");
    let der = std::fs::read(authority.path("empty.der")).expect("it was made");
    let (_, certificate, _) = element(&der);
    let (tag, to_be_signed, rest) = element(certificate);
    let (algorithm_tag, algorithm, _) = element(rest);
    let to_be_signed = encoded(tag, &emptied(to_be_signed));
    std::fs::write(authority.path("empty.tbs"), &to_be_signed).expect("the directory is there");
    authority.openssl("dgst -sha256 -sign ca.key -out empty.sig empty.tbs");
    let mut signature = vec![0];
    signature.extend(std::fs::read(authority.path("empty.sig")).expect("it was made"));
    let algorithm = encoded(algorithm_tag, algorithm);
    let whole = [to_be_signed, algorithm, encoded(0x03, &signature)].concat();
    std::fs::write(authority.path("empty.der"), encoded(0x30, &whole)).expect("as before");
    authority.openssl("x509 -inform DER -in empty.der -out empty.crt");
    let subject = authority.openssl("x509 -in empty.crt -noout -subject");
    assert!(
        !subject.contains("emptied") && subject.contains("CN"),
        "{subject}"
    );
    let [certificate, key] = ["empty.crt", "empty.key"].map(|file| authority.path(file));
    joined(authority, "empty", &certificate, &key)
}

/// The first element of DER (X.690 §8.1): its tag, its content, and what is behind it.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, head) = match der[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = der[2..2 + digits].iter();
            (
                length.fold(0, |length, digit| length << 8 | usize::from(*digit)),
                2 + digits,
            )
        }
    };
    (der[0], &der[head..head + length], &der[head + length..])
}

fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let length = match content.len() {
        0..0x80 => vec![low],
        0x80..0x100 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &length[..], content].concat()
}

/// Elements without the text `emptied`.
fn emptied(mut der: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while !der.is_empty() {
        let (tag, content, rest) = element(der);
        let is_constructed = tag & 0x20 != 0;
        all.extend(match content {
            b"emptied" => encoded(tag, &[]),
            _ if is_constructed => encoded(tag, &emptied(content)),
            _ => encoded(tag, content),
        });
        der = rest;
    }
    all
}

fn are_nobody(crowd: Crowd) {
    let (home, _recipe, strangers) = Home::with_strangers(crowd);
    for &version in crowd.versions() {
        crowd.shapes(version, &home.house.generated(version));
        let caddy = home.house.serve(version);
        let wrong = home.taken_for_somebody(&caddy, &strangers);
        let wrong = wrong.iter().map(|wrong| format!("{version:?}: {wrong}"));
        crate::assert_none(&wrong.collect::<Vec<_>>());
        // Those whom they would be taken for are let in.
        crate::assert_none(&home.confused(&caddy, &["1e3"]));
    }
}

#[test]
fn strangers_are_nobody_by_one_table() {
    are_nobody(CROWDS[0]);
}

#[test]
fn strangers_are_nobody_by_tables_by_digits() {
    are_nobody(CROWDS[1]);
}

#[test]
fn strangers_are_nobody_among_very_many_people() {
    are_nobody(CROWDS[2]);
}

/// A change of what is deployed by which somebody would be somebody else.
type Mutation<'m> = (&'static str, Box<dyn Fn(&str) -> String + 'm>);

fn mutation<'m>(what: &'static str, change: impl Fn(&str) -> String + 'm) -> Mutation<'m> {
    (what, Box::new(change))
}

/// `text` with each line changed that has this part.
fn in_lines(text: &str, part: &str, change: impl Fn(&str) -> String) -> String {
    let line = |line: &str| match line.contains(part) {
        true => change(line) + "\n",
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Without the quotes around a person's name, in the lines of certificates.
fn unquoted(text: &str) -> String {
    in_lines(text, " \"", |line| {
        let word = line.trim_start().split(' ').next();
        match word.is_some_and(|word| word.len() == 64) && !is_no_json(line) {
            true => line.replace('"', ""),
            false => line.to_owned(),
        }
    })
}

/// Whether Caddy would take it for a number that is none in JSON, and load nothing.
fn is_no_json(line: &str) -> bool {
    line.contains("nan") || line.contains("inf")
}

fn mutations<'m>(version: Version, crowd: Crowd) -> Vec<Mutation<'m>> {
    let mut all = vec![
        mutation("names are read as numbers", unquoted),
        mutation("what is shown is read as a number", |text| {
            in_lines(text, "\t\tperson-", |line| {
                match line.strip_suffix(" \"\"") {
                    Some(line) if !is_no_json(line) => line.replace('"', "") + " \"\"",
                    _ => line.to_owned(),
                }
            })
        }),
        mutation("two people are one", |text| {
            in_lines(text, " \"1e3\"", |line| {
                line.replace(" \"1e3\"", " \"1000\"")
            })
        }),
        // Caddy itself refuses a table that has one name twice.
        mutation("a name is in no table", |text| {
            in_lines(text, "\t\tperson-1e3 ", |line| {
                line.replace("person-1e3 ", "person-1e3-x ")
            })
        }),
        mutation("a name stands alone", |text| {
            text.replace("person-{http.vars.told-person}", "{http.vars.told-person}")
        }),
        mutation("what they say of themselves stays", |text| {
            let text = text.replace("\trequest_header -Remote*\n", "");
            text.replace("\trequest_header -*_*\n", "")
        }),
        mutation("another's list", |text| {
            text.replace(
                "vars audience-1e3 in\n\thandle",
                "vars audience-0 in\n\thandle",
            )
        }),
    ];
    if version != Version::Old {
        all.extend([
            mutation("a class is what begins so", |text| {
                in_lines(text, "{visitor.class} in [", |line| {
                    let (before, list) = line.split_once("{visitor.class} in ").expect("a list");
                    let list = list.trim_end_matches('"');
                    format!("{before}{list}.exists(c, {{visitor.class}}.startsWith(c))\"")
                })
            }),
            mutation("a class is a number", |text| {
                in_lines(text, " class-", |line| line.replace(" class-", " "))
            }),
        ]);
    }
    if version != Version::Old && !matches!(crowd, Crowd::Devices(480)) {
        all.push(mutation("a digit anywhere", |text| {
            text.replace("fingerprint} ^", "fingerprint} ")
        }));
    }
    if version == Version::Old && matches!(crowd, Crowd::People(_)) {
        // It takes seconds to load each: those of one table say as much of the rest.
        all.truncate(2);
        all.push(mutation("a part is another", |text| {
            text.replace("part-2", "part-1")
        }));
    }
    all
}

/// By which somebody who is nobody would be somebody.
fn openings<'m>(version: Version) -> Vec<Mutation<'m>> {
    const SUBJECT: &str = "\t@subject expression \"{http.request.tls.client.subject} == 'CN=1e3-0'\"\n\tvars @subject audience-1e3 in";
    let of_list = |text: &str, change: &dyn Fn(&str) -> String| {
        let is_set = |line: &&str| {
            line.starts_with("\tvars @audience-1") && line.ends_with(" audience-1e3 in")
        };
        let line = text.lines().find(is_set).expect("a list is looked into");
        text.replace(line, &change(line))
    };
    let mut all = vec![
        mutation("a subject is somebody", move |text| {
            of_list(text, &|line| format!("{line}\n{SUBJECT}"))
        }),
        mutation("whoever comes is on a list", move |text| {
            of_list(text, &|_| "\tvars audience-1e3 in".to_owned())
        }),
    ];
    if version != Version::Old {
        all.extend([
            mutation("who is in no table has a class", |text| {
                text.replace("\t\tdefault \"\" \"\"", "\t\tdefault class-4 \"\"")
            }),
            mutation("who has no class is on a list", |text| {
                text.replace("{visitor.class} in [", "{visitor.class} in ['', ")
            }),
        ]);
    }
    all
}

fn are_noticed(crowd: Crowd, versions: &[Version]) {
    let (few, _recipe, strangers) = Home::with_strangers(crowd);
    let many = Home::new(&NAMES, crowd);
    let some = ["1e3", "01000", "1000", "true", "default"];
    let mut missed = Vec::new();
    for version in versions {
        let mut caddy = many.house.serve(*version);
        let files = many.house.generated(*version);
        for (what, change) in mutations(*version, crowd) {
            assert_ne!(change(&files), files, "{version:?}: {what}");
            many.house.reload_changed(&mut caddy, change);
            if many.confused(&caddy, &some).is_empty() {
                missed.push(format!("{version:?}: {what}"));
            }
        }
        let mut caddy = few.house.serve(*version);
        let files = few.house.generated(*version);
        for (what, change) in openings(*version) {
            assert_ne!(change(&files), files, "{version:?}: {what}");
            few.house.reload_changed(&mut caddy, change);
            if few.taken_for_somebody(&caddy, &strangers[..4]).is_empty() {
                missed.push(format!("{version:?}: {what}"));
            }
        }
    }
    crate::assert_none(&missed);
}

#[test]
fn who_would_be_somebody_else_by_one_table_is_noticed() {
    are_noticed(CROWDS[0], &Version::ALL);
}

#[test]
fn who_would_be_somebody_else_by_tables_by_digits_is_noticed() {
    are_noticed(CROWDS[1], &[Version::New]);
}

#[test]
fn who_would_be_somebody_else_among_very_many_people_is_noticed() {
    are_noticed(CROWDS[2], &[Version::Old]);
}
