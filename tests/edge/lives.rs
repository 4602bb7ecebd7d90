//! The lives of a device's certificates: issued, renewed, lost, issued again; at each stage those that should get in do, and no other.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::family::{Bundle, now};
use crate::house::House;
use crate::support::caddy::{Caddy, Ports, Version};
use crate::support::upstream::Upstream;

const DAY: u64 = 24 * 60 * 60;
const HOST: &str = "it.home.example.com";

fn declaration(upstream: &Upstream, device: &str) -> String {
    format!(
        r#"
        domain "home.example.com"
        validity {{ device "1y"; renew "30d"; }}
        person "alice" {{ {device}; device "other" platform="linux"; }}
        service "it" {{ upstream "http://{}"; allow "alice"; certificate "asked"; }}
        "#,
        upstream.address()
    )
}

struct Life {
    house: House,
    caddy: Caddy,
    /// Every certificate that alice/pixel has had, in order.
    certificates: Vec<Bundle>,
}

impl Life {
    /// Keeps the certificate that is built now.
    fn issued(&mut self) {
        let Bundle { path, password } = self.house.bundle("alice", "pixel");
        let kept = path.with_extension(format!("{}.p12", self.certificates.len()));
        fs::rename(&path, &kept).expect("it was copied there");
        self.certificates.push(Bundle {
            path: kept,
            password,
        });
    }

    /// Which of the certificates are let in once Caddy has what is built now.
    #[track_caller]
    fn admits(&mut self, expected: &[bool]) {
        self.house.reload(&mut self.caddy);
        let statuses = self.certificates.iter().map(|bundle| {
            let answer = bundle.shown(self.caddy.visit(HOST, "/")).run();
            if answer.status == Some(403) {
                answer.contains("This certificate is no longer let in");
            }
            answer.status
        });
        let expected = expected
            .iter()
            .map(|admitted| Some(if *admitted { 200 } else { 403 }));
        assert_eq!(statuses.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        // The other device is never in question.
        let other = self.house.bundle("alice", "other");
        other
            .shown(self.caddy.visit(HOST, "/"))
            .run()
            .has_status(200);
    }
}

fn lives(version: Version) {
    let upstream = Upstream::start("it");
    let with = declaration(&upstream, r#"device "pixel" platform="linux""#);
    let without = declaration(&upstream, r#"name "Alice""#);
    let house = House::unbuilt(&with);
    house.command_at(now() - 40 * DAY, ["build"]);
    let caddy = house.serve(version);
    let mut life = Life {
        house,
        caddy,
        certificates: Vec::new(),
    };
    life.issued();
    life.admits(&[true]);

    life.house
        .command_at(now() - 20 * DAY, ["renew", "alice/pixel"]);
    life.issued();
    life.admits(&[true, true]);
    // The window of thirty days is open still.
    life.house.command_at(now(), ["build"]);
    life.admits(&[true, true]);
    life.house
        .command_at(now(), ["renew", "--finish", "alice/pixel"]);
    life.admits(&[false, true]);

    life.house.command_at(now(), ["revoke", "alice/pixel"]);
    life.issued();
    life.admits(&[false, false, true]);
    life.house
        .command_at(now(), ["revoke", "--no-replace", "alice/pixel"]);
    life.admits(&[false, false, false]);
    life.house.command_at(now(), ["build"]);
    life.admits(&[false, false, false]);
    life.house.command_at(now(), ["renew", "alice/pixel"]);
    life.issued();
    life.admits(&[false, false, false, true]);

    life.house.build(&without);
    life.admits(&[false, false, false, false]);
    life.house.build(&with);
    life.issued();
    life.admits(&[false, false, false, false, true]);
}

#[test]
fn a_device_s_lives_on_the_old_caddy() {
    lives(Version::Old);
}

#[test]
fn a_device_s_lives_on_the_new_caddy() {
    lives(Version::New);
}

/// Nobody finishes a renewal: the first build after the window does.
#[test]
fn a_window_closes_by_itself() {
    let upstream = Upstream::start("it");
    let house = House::unbuilt(&declaration(
        &upstream,
        r#"device "pixel" platform="linux""#,
    ));
    house.command_at(now() - 80 * DAY, ["build"]);
    let old = house.bundle("alice", "pixel");
    let kept = old.path.with_extension("old.p12");
    fs::rename(&old.path, &kept).expect("it was copied there");
    let old = Bundle { path: kept, ..old };
    house.command_at(now() - 31 * DAY, ["renew", "--all"]);
    let mut caddy = house.serve(Version::New);
    let visit = |caddy: &Caddy, bundle: &Bundle| bundle.shown(caddy.visit(HOST, "/")).run().status;
    assert_eq!(visit(&caddy, &old), Some(200));
    // Neither needs a clock, so neither knows that it is over.
    house.command_at(now(), ["build", "--locked"]);
    house.command_at(now(), ["build", "--edge"]);
    house.reload(&mut caddy);
    assert_eq!(visit(&caddy, &old), Some(200));
    house.command_at(now(), ["build"]);
    house.reload(&mut caddy);
    assert_eq!(visit(&caddy, &old), Some(403));
    assert_eq!(visit(&caddy, &house.bundle("alice", "pixel")), Some(200));
}

/// A guest's half day: let in until it is over, refused in the handshake afterwards, with nothing built or reloaded in between.
#[test]
fn a_short_life_ends_at_the_edge_by_itself() {
    /// Seconds that are left of it when it is issued.
    const LEFT: u64 = 30;
    let upstream = Upstream::start("it");
    let device = r#"device "loan" platform="other" validity="12h""#;
    let loaned = declaration(&upstream, device);
    // Caddy takes its time to start, and the guest has none to lose.
    let house = House::unbuilt(&loaned.replace(device, r#"name "Alice""#));
    house.command_at(now() - DAY, ["build"]);
    let ports = Version::ALL.map(|_| Ports::reserve());
    let mut caddies = [0, 1].map(|n| house.serve_on(Version::ALL[n], &ports[n]));
    house.lab.write("homelab.kdl", &loaned);
    house.command_at(now() - DAY / 2 + LEFT, ["build"]);
    let end = now() + LEFT;
    let loan = house.bundle("alice", "loan");
    for (caddy, ports) in caddies.iter_mut().zip(&ports) {
        house.reload_on(caddy, ports);
        loan.shown(caddy.visit(HOST, "/")).run().has_status(200);
    }
    while now() <= end {
        sleep(Duration::from_millis(200));
    }
    for caddy in &caddies {
        loan.shown(caddy.visit(HOST, "/")).run().is_refused_in_tls();
        // Chromium, say, does not show one that has ended: then the page tells what to do.
        caddy
            .visit(HOST, "/")
            .run()
            .has_status(403)
            .contains("or it has expired?");
    }
    assert_eq!(upstream.arrivals().len(), caddies.len());
}
