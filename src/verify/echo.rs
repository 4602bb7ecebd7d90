//! What an upstream was told of who came, read off an upstream that answers with the headers it got.
//!
//! Three forms are understood: lines `Name: value`, as traefik/whoami writes; and JSON with an object
//! `headers` of texts or of lists of texts, as httpbin, whoami's `/api` and http-https-echo write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::model::Person;

/// The header by which an echo is known to be one.
pub(crate) const MARK: (&str, &str) = ("X-Homelab-Verify", "echo");

/// An address that nobody has (RFC 5737 §3), and a host that is none (RFC 6761 §6.4).
pub(crate) const NOBODYS_ADDRESS: &str = "203.0.113.66";
const HOST: &str = "homelab-verify.invalid";

/// What a visitor might say to be taken for somebody else.
pub(crate) const FORGED: &[(&str, &str)] = &[
    ("Remote-User", "homelab-verify"),
    ("remote-name", "homelab-verify"),
    ("Remote-Email", "homelab-verify"),
    ("Remote-Groups", "homelab-verify"),
    ("Remote_User", "homelab-verify"),
    ("Remote.User", "homelab-verify"),
    ("Remote-Homelab-Verify", "homelab-verify"),
    ("X-Forwarded-For", NOBODYS_ADDRESS),
    ("X-Forwarded-Host", HOST),
    ("X-Forwarded-Proto", "http"),
    ("Upgrade", "h2c"),
    // What stands here is taken out by proxies (RFC 9110 §7.6.1): also what they have put in themselves.
    ("Connection", "close, Remote-User, Remote-Groups, Upgrade"),
];

/// The headers that arrived, names in lower case and with hyphens throughout, for some upstreams see no
/// difference.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Echo(BTreeMap<String, Vec<String>>);

impl Echo {
    /// Reads an answer's body; none where it does not echo what was asked.
    pub(crate) fn read(body: &[u8]) -> Option<Echo> {
        let text = std::str::from_utf8(body).ok()?;
        let echo = match serde_json::from_str::<Value>(text) {
            Ok(json) => Echo::of_json(&json)?,
            Err(_) => Echo::of_lines(text),
        };
        let (name, value) = MARK;
        let marks = echo.0.get(&name.to_ascii_lowercase())?;
        marks.iter().any(|mark| mark == value).then_some(echo)
    }

    fn of_lines(text: &str) -> Echo {
        let mut echo = Echo(BTreeMap::new());
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            echo.add(name, value.trim());
        }
        echo
    }

    fn of_json(json: &Value) -> Option<Echo> {
        let mut echo = Echo(BTreeMap::new());
        for (name, value) in json.get("headers")?.as_object()? {
            let values = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            for value in values {
                echo.add(name, value.as_str().unwrap_or_default());
            }
        }
        Some(echo)
    }

    fn add(&mut self, name: &str, value: &str) {
        let plain = |c: char| match c {
            '_' | '.' => '-',
            other => other.to_ascii_lowercase(),
        };
        let name = name.chars().map(plain).collect();
        self.0.entry(name).or_default().push(value.to_owned());
    }

    /// What of it is not as it should be, where that host was asked for by that person, or by somebody of
    /// whom nothing is to be told.
    pub(crate) fn faults(&self, host: &str, person: Option<&Person>) -> Vec<EchoFault> {
        let mut faults = self.identity_faults(person);
        let forged = |values: &[String]| {
            values
                .iter()
                .any(|v| v.contains(NOBODYS_ADDRESS) || v.contains(HOST))
        };
        for (name, values) in self.0.iter().filter(|(_, values)| forged(values)) {
            faults.push(EchoFault::Claimed {
                name: name.clone(),
                values: values.clone(),
            });
        }
        for (name, wanted) in [("x-forwarded-proto", "https"), ("x-forwarded-host", host)] {
            let values = self.0.get(name).map_or(&[][..], Vec::as_slice);
            if values
                .iter()
                .any(|value| value != wanted && !value.contains(HOST))
            {
                faults.push(EchoFault::told(name, values, Some(wanted)));
            }
        }
        if self.0.contains_key("upgrade") {
            faults.push(EchoFault::Upgrade);
        }
        faults
    }

    /// What is told of who came, and should not be, or otherwise.
    fn identity_faults(&self, person: Option<&Person>) -> Vec<EchoFault> {
        let told: BTreeMap<String, String> = person.map(told_of).unwrap_or_default();
        let mut faults = Vec::new();
        let arrived = self.0.keys().filter(|name| name.starts_with("remote-"));
        let names: BTreeSet<&String> = arrived.chain(told.keys()).collect();
        for name in names {
            let values = self.0.get(name).map_or(&[][..], Vec::as_slice);
            let wanted = told.get(name).map(String::as_str);
            let is_right = match (wanted, values) {
                (Some(wanted), [value]) => wanted == value,
                // An empty value may as well be left out on the way.
                (Some(""), []) => true,
                _ => false,
            };
            if !is_right {
                faults.push(EchoFault::told(name, values, wanted));
            }
        }
        faults
    }
}

/// What an upstream is told, and should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EchoFault {
    Told {
        name: String,
        values: Vec<String>,
        /// What it should be told; none where nothing.
        wanted: Option<String>,
    },
    /// What a visitor claims arrives.
    Claimed { name: String, values: Vec<String> },
    /// So does a wish for another protocol.
    Upgrade,
}

impl EchoFault {
    fn told(name: &str, values: &[String], wanted: Option<&str>) -> EchoFault {
        EchoFault::Told {
            name: name.to_owned(),
            values: values.to_vec(),
            wanted: wanted.map(str::to_owned),
        }
    }
}

impl fmt::Display for EchoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EchoFault::Told {
                name,
                values,
                wanted,
            } => {
                let values = values.join(", ");
                write!(
                    f,
                    "the upstream is told `{name}: {values}`, and should be told "
                )?;
                match wanted {
                    Some(wanted) => write!(f, "`{wanted}`"),
                    None => f.write_str("nothing"),
                }
            }
            EchoFault::Claimed { name, values } => {
                let values = values.join(", ");
                write!(
                    f,
                    "what a visitor claims reaches the upstream: `{name}: {values}`"
                )
            }
            EchoFault::Upgrade => {
                f.write_str("another protocol can be asked of the upstream: `Upgrade` reaches it")
            }
        }
    }
}

/// What an upstream is told of somebody.
fn told_of(person: &Person) -> BTreeMap<String, String> {
    let groups: Vec<&str> = person.groups.iter().map(|group| group.as_str()).collect();
    BTreeMap::from([
        (String::from("remote-user"), person.name.to_string()),
        (String::from("remote-name"), person.display_name.to_string()),
        (String::from("remote-email"), person.email.to_string()),
        (String::from("remote-groups"), groups.join(",")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn three_forms_are_read() {
        let lines = "Hostname: 8a1f\nGET / HTTP/1.1\nHost: a.test\nRemote_User: alice\nX-Homelab-Verify: echo\n";
        let httpbin = r#"{"headers": {"Remote.User": "alice", "X-Homelab-Verify": "echo"}}"#;
        let whoami = r#"{"headers": {"Remote-User": ["alice"], "X-Homelab-Verify": ["echo"]}, "method": "GET"}"#;
        for body in [lines, httpbin, whoami] {
            let echo = Echo::read(body.as_bytes()).expect("it is one");
            assert_eq!(echo.0["remote-user"], ["alice"], "{body}");
        }
        for body in [
            "",
            "<html>X-Homelab-Verify</html>",
            "X-Homelab-Verify: other\n",
            "{}",
            r#"{"headers": "X-Homelab-Verify: echo"}"#,
            r#"{"headers": {}}"#,
        ] {
            assert_eq!(Echo::read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(Echo::read(&[0xff; 8]), None);
    }

    #[test]
    fn what_is_told_wrongly_is_named() {
        let text = "domain \"home.example.com\"\nperson \"alice\" { name \"Alice L\"; device \"pixel\" platform=\"android\"; }\ngroup \"family\" \"alice\"\n";
        let homelab = crate::compile(&Source::new("homelab.kdl", text)).expect("it compiles");
        let alice = homelab.people.values().next().expect("there is one");
        let faults = |lines: &str, person| {
            let lines = format!("{lines}X-Homelab-Verify: echo\n");
            let echo = Echo::read(lines.as_bytes()).expect("it is one");
            echo.faults("a.test", person)
        };
        let right = format!(
            "Remote-User: alice\nRemote-Name: Alice L\nRemote-Email: {}\nRemote-Groups: family\nX-Forwarded-Proto: https\n",
            alice.email
        );
        assert_eq!(faults(&right, Some(alice)), []);
        assert_eq!(faults("", None), []);
        assert_eq!(faults(&right, None).len(), 4);
        assert_eq!(faults("", Some(alice)).len(), 4);
        for (more, said) in [
            ("Remote_User: mallory\n", "`remote-user: alice, mallory`"),
            ("REMOTE.ADMIN: 1\n", "should be told nothing"),
            ("X-Real-IP: 203.0.113.66\n", "what a visitor claims"),
            (
                "X-Forwarded-For: 203.0.113.66, 127.0.0.1\n",
                "what a visitor claims",
            ),
            ("X-Forwarded-Host: evil.test\n", "should be told `a.test`"),
            ("Upgrade: h2c\n", "another protocol"),
        ] {
            let found = faults(&format!("{right}{more}"), Some(alice));
            assert!(
                found.len() == 1 && found[0].to_string().contains(said),
                "{more}: {found:?}"
            );
        }
    }
}
