//! What is declared, as data that edits change, and the homelab that it stands in.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::support::lab::Lab;
use crate::support::outcome::Outcome;

/// Certificates that were made by hand, as declarations name them.
pub const FINGERPRINTS: [&str; 2] = [
    "3f8b08911e310a6c6239251e5a1b504fa5608f1b2e796f2f40b511db61e4314c",
    "7d1a08911e310a6c6239251e5a1b504fa5608f1b2e796f2f40b511db61e4314c",
];

/// A homelab, what its `homelab.kdl` says, and what the world around it is.
pub struct Home {
    pub lab: Lab,
    pub declared: Declared,
    /// The day of its commands.
    pub day: i64,
    /// Whether its commands can open `homelab.age`.
    pub opens: bool,
    /// Its locks until now, each after a build.
    pub locks: Vec<String>,
}

#[derive(Clone)]
pub struct Declared {
    pub domain: &'static str,
    /// For how long certificates are issued.
    pub validity: &'static str,
    /// How long before their end they are renewed.
    pub renew: &'static str,
    pub people: BTreeMap<String, Vec<Device>>,
    /// Who is in the group, by name.
    pub family: Vec<String>,
    /// Who may open the notes beside the group.
    pub notes: Vec<String>,
    /// Whom the films are open to without a certificate.
    pub films: &'static str,
    /// Lines that no declaration may have.
    pub mistake: Option<&'static str>,
}

#[derive(Clone)]
pub struct Device {
    pub name: String,
    pub by: By,
    pub validity: Option<&'static str>,
}

/// What a device is let in by.
#[derive(Clone, Debug)]
pub enum By {
    Platform(&'static str),
    RsaKey,
    /// The file below `csr/`.
    Request(&'static str),
    Fingerprint(String),
}

impl Declared {
    /// Three people with six devices, of each platform that gets other files.
    pub fn new() -> Declared {
        let device =
            |(name, platform): (&str, &'static str)| Device::new(name, By::Platform(platform));
        let devices =
            |devices: &[(&str, &'static str)]| devices.iter().copied().map(device).collect();
        let people = [
            (
                "alice",
                devices(&[("laptop", "linux"), ("phone", "ios"), ("pixel", "android")]),
            ),
            ("bob", devices(&[("desk", "windows"), ("tablet", "other")])),
            ("carol", devices(&[("phone", "android")])),
        ];
        Declared {
            domain: "home.example.com",
            validity: "1y",
            renew: "30d",
            people: people
                .map(|(name, devices)| (name.to_owned(), devices))
                .into(),
            family: vec!["alice".to_owned(), "bob".to_owned()],
            notes: vec!["carol".to_owned()],
            films: "lan",
            mistake: None,
        }
    }

    /// Every device, by person and place.
    pub fn devices(&self) -> Vec<(String, usize)> {
        let of_person = |(person, devices): (&String, &Vec<Device>)| {
            let person = person.clone();
            (0..devices.len())
                .map(move |place| (person.clone(), place))
                .collect::<Vec<_>>()
        };
        self.people.iter().flat_map(of_person).collect()
    }

    pub fn kdl(&self) -> String {
        let mut text = format!(
            "domain \"{}\"\nvalidity {{ device \"{}\"; renew \"{}\"; }}\n",
            self.domain, self.validity, self.renew
        );
        for (person, devices) in &self.people {
            let devices: Vec<String> = devices.iter().map(Device::kdl).collect();
            let devices = devices.join("");
            writeln!(
                text,
                "person \"{person}\" {{ name \"{person}\"; {devices}}}"
            )
            .expect("a String takes all");
        }
        let family = self.those_here(&self.family);
        if !family.is_empty() {
            writeln!(text, "group \"family\" {family}").expect("a String takes all");
        }
        let group = if family.is_empty() { "" } else { "\"family\"" };
        let notes = format!("{group} {}", self.those_here(&self.notes));
        for (service, allowed) in [("photos", group), ("notes", notes.trim())] {
            let policy = if allowed.is_empty() {
                "open \"lan\"".to_owned()
            } else {
                format!("allow {allowed}")
            };
            writeln!(
                text,
                "service \"{service}\" {{ upstream \"http://127.0.0.1:1\"; {policy}; }}"
            )
            .expect("a String takes all");
        }
        let films = self.films;
        writeln!(
            text,
            "service \"films\" {{ upstream \"http://127.0.0.1:2\"; open \"{films}\"; }}"
        )
        .expect("a String takes all");
        text + self.mistake.unwrap_or_default()
    }

    /// Those of them who are declared, as words.
    fn those_here(&self, names: &[String]) -> String {
        let here = names.iter().filter(|name| self.people.contains_key(*name));
        here.map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl Device {
    pub fn new(name: &str, by: By) -> Device {
        Device {
            name: name.to_owned(),
            by,
            validity: None,
        }
    }

    fn kdl(&self) -> String {
        let by = match &self.by {
            By::Platform(platform) => format!("platform=\"{platform}\""),
            By::RsaKey => "platform=\"wearos\" key=\"rsa\"".to_owned(),
            By::Request(file) => format!("csr=\"csr/{file}\""),
            By::Fingerprint(fingerprint) => format!("fingerprint=\"{fingerprint}\""),
        };
        let lasting = |validity: &str| format!(" validity=\"{validity}\"");
        let validity = match &self.by {
            By::Fingerprint(_) => String::new(),
            _ => self.validity.map(lasting).unwrap_or_default(),
        };
        format!("device \"{}\" {by}{validity}; ", self.name)
    }
}

impl Home {
    /// A copy of a homelab that was built from [`Declared::new`].
    pub fn of(lab: &Lab) -> Home {
        let lab = lab.copy();
        Home {
            locks: vec![lab.read("homelab.lock")],
            lab,
            declared: Declared::new(),
            day: 1,
            opens: true,
        }
    }

    /// The same elsewhere.
    pub fn copy(&self) -> Home {
        Home {
            lab: self.lab.copy(),
            declared: self.declared.clone(),
            day: self.day,
            opens: self.opens,
            locks: self.locks.clone(),
        }
    }

    pub fn declare(&self) {
        self.lab.write("homelab.kdl", self.declared.kdl());
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.lab
            .command(arguments.iter().copied())
            .on(self.day)
            .run()
    }

    /// The lock, where it is there and is text.
    pub fn lock(&self) -> Option<String> {
        fs::read_to_string(self.lab.path().join("homelab.lock")).ok()
    }

    /// The names of all files below `out/`, sorted, `.homelab/` apart.
    pub fn built(&self) -> Vec<String> {
        let names = self.below_out(|path| path.is_file());
        names
            .into_iter()
            .filter(|name| !name.starts_with(".homelab"))
            .collect()
    }

    /// The names of all directories below `out/`, sorted.
    pub fn folders(&self) -> Vec<String> {
        self.below_out(|path| path.is_dir())
    }

    fn below_out(&self, wanted: impl Fn(&std::path::Path) -> bool) -> Vec<String> {
        let out = self.lab.path().join("out");
        let walk = walkdir::WalkDir::new(&out).min_depth(1).sort_by_file_name();
        let entries = walk.into_iter().filter_map(Result::ok);
        let paths = entries
            .map(walkdir::DirEntry::into_path)
            .filter(|path| wanted(path));
        let name = |path: std::path::PathBuf| {
            let below = path.strip_prefix(&out).expect("it is below");
            below.to_str().expect("names are UTF-8").to_owned()
        };
        paths.map(name).collect()
    }
}
