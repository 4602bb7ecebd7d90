//! A homelab whose days a test walks: its clock, its Caddy's and its people's are one, which the test sets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::clock::Clock;
use crate::support::curl::Curl;
use crate::support::lab::for_the_old_caddy;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::user::User;

pub const HOST: &str = "home.example.com";

pub struct Days {
    pub house: House,
    pub clock: Clock,
    pub day: u64,
    caddy: Option<Caddy>,
    served: String,
    place: TempDir,
    /// Every certificate that was ever issued, with its key and the day of that, by its fingerprint.
    pems: BTreeMap<String, (PathBuf, u64)>,
    devices: &'static [&'static str],
}

impl Days {
    /// Day 0: with certificates of 90 days, and with people and services as said. `csr/NAME.csr` is there for each of these names.
    #[track_caller]
    pub fn begin(
        version: Version,
        rest: &str,
        devices: &'static [&'static str],
        own_keys: &[&str],
    ) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let at = place.path();
        // The sites' own certificate is none of homelab's matters here: it lasts.
        openssl(
            at,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 800 -subj /CN=site -keyout site.key -out site.pem \
             -addext subjectAltName=DNS:home.example.com,DNS:*.home.example.com",
        );
        let house = House::unbuilt("");
        fs::create_dir(house.lab.path().join("csr")).expect("the homelab can be written to");
        for name in own_keys {
            openssl(
                at,
                &format!(
                    "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout {name}.key -out {name}.csr"
                ),
            );
            let request = fs::read(at.join(format!("{name}.csr"))).expect("it was made");
            house.lab.write(&format!("csr/{name}.csr"), request);
        }
        let declaration = format!(
            r#"domain "home.example.com"
            validity {{ device "90d"; renew "30d"; }}
            edge {{ certificates "files" cert="{at}/site.pem" key="{at}/site.key"; landing; pick-up root="{root}"; }}
            {rest}"#,
            at = at.display(),
            root = house.lab.path().join("out/edge").display()
        );
        house.build(&match version {
            Version::Old => for_the_old_caddy(&declaration),
            _ => declaration,
        });
        let clock = Clock::new();
        let caddy = house.serve_at(version, &clock);
        let mut days = Self {
            served: house.generated(version),
            house,
            clock,
            day: 0,
            caddy: Some(caddy),
            place,
            pems: BTreeMap::new(),
            devices,
        };
        days.keep_pems();
        days
    }

    /// The morning of that day: what a timer runs, `homelab renew --due`, and a deploy of what came of it. Gives what was said.
    #[track_caller]
    pub fn dawns(&mut self, day: u64) -> Outcome {
        self.day = day;
        self.clock.set(day);
        let renewed = self.homelab(&["renew", "--due"]);
        renewed.succeeds();
        let caddy = self.caddy.as_mut().expect("it is there until the end");
        let generated = self.house.generated(caddy.version());
        if generated != self.served {
            self.house.reload(caddy);
            self.served = generated;
            self.keep_pems();
        }
        renewed
    }

    /// `homelab` with these words, on that day.
    pub fn homelab(&self, words: &[&str]) -> Outcome {
        let mut command = self.house.lab.command(words.iter().copied());
        for (name, value) in self.clock.environment() {
            command = command.env(name, value);
        }
        command.run()
    }

    fn keep_pems(&mut self) {
        let kept = self.place.path().to_owned();
        for device in self.devices {
            let (person, name) = device.split_once('/').expect("PERSON/DEVICE");
            let pem = if self.own_key(name).exists() {
                let path = self.file(device, "crt");
                fs::read_to_string(path).expect("it was built")
                    + &fs::read_to_string(self.own_key(name)).expect("it was made")
            } else {
                let pem = self.house.bundle(person, name).pem(&kept);
                fs::read_to_string(pem).expect("it was written")
            };
            let path = kept.join("new.pem");
            fs::write(&path, pem).expect("a temporary directory can be written to");
            let fingerprint = tools::fingerprint(&path);
            let own = kept.join(format!("{fingerprint}.pem"));
            fs::rename(path, &own).expect("as above");
            self.pems.entry(fingerprint).or_insert((own, self.day));
        }
    }

    fn own_key(&self, name: &str) -> PathBuf {
        self.place.path().join(format!("{name}.key"))
    }

    /// A file of a device's folder, by its ending.
    pub fn file(&self, device: &str, ending: &str) -> PathBuf {
        let (person, name) = device.split_once('/').expect("PERSON/DEVICE");
        let folder = self.house.lab.path().join(format!("out/people/{device}"));
        folder.join(format!("{person}-{name}.{ending}"))
    }

    /// The certificate that a device's folder has, with its key.
    #[track_caller]
    pub fn newest(&self, device: &str) -> String {
        let (person, name) = device.split_once('/').expect("PERSON/DEVICE");
        if self.own_key(name).exists() {
            return tools::fingerprint(&self.file(device, "crt"));
        }
        let bundle = self.house.bundle(person, name);
        bundle.fingerprint(&self.house.lab.home()).to_uppercase()
    }

    /// The certificate of that fingerprint with its key, as PEM.
    pub fn pem(&self, fingerprint: &str) -> &Path {
        &self.pems[fingerprint].0
    }

    /// Whether its 90 days are not over.
    pub fn lasts(&self, fingerprint: &str) -> bool {
        self.day < self.pems[fingerprint].1 + 90
    }

    pub fn https_port(&self) -> u16 {
        let caddy = self.caddy.as_ref().expect("it is there until the end");
        caddy.https_port()
    }

    /// A visit with that certificate.
    pub fn shown(&self, fingerprint: &str, host: &str, path: &str) -> Curl {
        let visit = Curl::https(host, self.https_port(), path).root(&self.site());
        let pem = self.pem(fingerprint);
        visit.pem(pem, pem)
    }

    /// Who is believed for servers.
    pub fn site(&self) -> PathBuf {
        self.place.path().join("site.pem")
    }

    /// What a visit to the wiki with that certificate gets: none where the connection does not come about.
    pub fn wiki(&self, fingerprint: &str) -> Option<u16> {
        self.shown(fingerprint, "wiki.home.example.com", "/")
            .status()
    }

    /// A script of a device's folder, run by its owner on that day.
    pub fn script(&self, user: &User, script: &Path, words: &[&str], stdin: &str) -> Outcome {
        let mut command = user.command("sh");
        command
            .arg(script)
            .args(words)
            .envs(self.clock.environment());
        outcome::run(&mut command, stdin.as_bytes())
    }

    /// Where the edge is, and whom it is believed by, as this user's curl is told.
    pub fn tell_curl(&self, user: &User) {
        user.tell_curl(self.https_port(), &self.site());
    }
}

#[track_caller]
fn openssl(directory: &Path, words: &str) {
    let mut openssl = tools::command("openssl");
    openssl
        .current_dir(directory)
        .args(words.split_whitespace());
    outcome::run(&mut openssl, b"").succeeds();
}
