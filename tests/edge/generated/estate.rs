//! A home with something of everything that can be tried at a running Caddy.

use std::path::PathBuf;

use tempfile::TempDir;

use super::build;
use super::declaration::{Declaration, Person};
use super::rich::declared;
use crate::family::{Upstreams, bundle, stranger};
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::lab::Lab;
use crate::support::tls_front::TlsFront;
use crate::support::upstream::Upstream;

pub struct Estate {
    pub declared: Declaration,
    pub lab: Lab,
    pub ports: Ports,
    pub upstreams: Upstreams,
    front: TlsFront,
    _files: TempDir,
    pub visitors: Vec<Visitor>,
}

/// From where somebody comes.
#[derive(Debug)]
pub struct Place {
    /// Those of the declaration's networks that it lies in.
    pub networks: &'static [&'static str],
    /// An address of this machine.
    pub address: &'static str,
}

/// What counts as the LAN and as the office.
pub const LAN: &str = "127.0.6.0/24";
pub const OFFICE: &str = "127.0.7.0/24";

pub const AWAY: Place = Place {
    networks: &[],
    address: "127.0.0.1",
};
pub const AT_HOME: Place = Place {
    networks: &["lan"],
    address: "127.0.6.9",
};
pub const IN_OFFICE: Place = Place {
    networks: &["office"],
    address: "127.0.7.9",
};
pub const PLACES: [&Place; 3] = [&AWAY, &AT_HOME, &IN_OFFICE];

/// Somebody who comes over and over.
pub struct Visitor {
    /// `alice/pixel`, or what else to call them.
    pub name: String,
    pub shows: Shows,
    pub pem: Option<PathBuf>,
}

impl Visitor {
    /// The person and the device whose valid certificate they show.
    pub fn device<'v>(&'v self, declared: &'v Declaration) -> Option<(&'v Person, &'v str)> {
        let Shows::Device(name) = &self.shows else {
            return None;
        };
        let person = declared.people.iter().find(|person| person.name == *name);
        let (_, device) = self.name.split_once('/').expect("a device has a person");
        Some((person.expect("it is declared"), device))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    Nothing,
    /// A valid certificate of that person.
    Device(String),
    /// One that was valid once, and verifies.
    Retired,
    /// One that is ours in all but the signature.
    Stranger,
}

/// Where the services' upstreams are, as declared; of TLS, the first.
const ADDRESSES: [&str; 14] = [
    "127.0.0.1:1002",
    "127.0.0.1:1001",
    "127.0.0.1:1003",
    "127.0.0.1:1004",
    "127.0.0.1:1005",
    "127.0.0.1:1006",
    "127.0.0.1:1007",
    "127.0.0.1:1008",
    "127.0.0.1:1009",
    "127.0.0.1:1010",
    "127.0.0.1:1011",
    "127.0.0.1:1012",
    "127.0.0.1:1013",
    "127.0.0.1:1014",
];

/// What the directory of the service with files holds.
pub const FILE: (&str, &str) = ("/page.txt", "a page of the manual");

impl Estate {
    /// The home, built, and rebuilt without a device that is lost.
    pub fn new() -> Self {
        let lab = Lab::new();
        // Not within the lab, whose path has a dot before a name: Caddy would hide all of it.
        let files = tempfile::Builder::new()
            .prefix("files")
            .tempdir()
            .expect("a temporary directory can be made");
        for (name, text) in [("page.txt", FILE.1), (".secret", "hidden")] {
            std::fs::write(files.path().join(name), text).expect("it is new");
        }
        let declared = declared(files.path().to_str().expect("a test's paths are UTF-8"));
        build(&lab, &declared.kdl_before()).expect("it is valid");
        let pem = |person: &str, device: &str| Some(bundle(&lab, person, device).pem(&lab.home()));
        let visitor = |name: &str, shows, pem| Visitor {
            name: name.to_owned(),
            shows,
            pem,
        };
        let forged = stranger(&lab, &bundle(&lab, "alice", "pixel"));
        let mut visitors = vec![
            visitor("nobody", Shows::Nothing, None),
            visitor("a stranger", Shows::Stranger, Some(forged.pem(&lab.home()))),
            visitor("alice/lost", Shows::Retired, pem("alice", "lost")),
        ];
        build(&lab, &declared.kdl()).expect("it is valid");
        for person in &declared.people {
            for device in &person.devices {
                let name = format!("{}/{device}", person.name);
                let shows = Shows::Device(person.name.clone());
                visitors.push(visitor(&name, shows, pem(&person.name, device)));
            }
        }
        let upstreams = Upstreams(
            ADDRESSES
                .map(|address| (address, Upstream::start(address)))
                .into(),
        );
        let front = TlsFront::start(&upstreams.0[0].1);
        Self {
            declared,
            lab,
            ports: Ports::reserve(),
            upstreams,
            front,
            _files: files,
            visitors,
        }
    }

    /// Builds again, with templates of one's own in place of the built-in ones.
    #[track_caller]
    pub fn with_templates(&self, templates: &[(&str, String)]) {
        for (name, text) in templates {
            self.lab.write(&format!("templates/{name}"), text);
        }
        build(&self.lab, &self.declared.kdl()).expect("it is a template");
    }

    #[track_caller]
    pub fn serve(&self, version: Version) -> Caddy {
        let tls = ("https://127.0.0.1:1002", self.front.address());
        let others = self.upstreams.0.iter().skip(1);
        let others = others.map(|(written, upstream)| (*written, upstream.address()));
        let upstreams: Vec<(&str, String)> = [tls].into_iter().chain(others).collect();
        let generated = self.lab.built_edge();
        let caddyfile = rewrite(&generated, &self.ports, &upstreams);
        Caddy::start(version, &caddyfile, &self.lab.path())
    }
}
