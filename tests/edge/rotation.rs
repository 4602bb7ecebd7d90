//! From one authority to the next: at each stage every device that should get in does, and after the end none that has not moved.

use std::fs;

use crate::family::{Bundle, now};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::upstream::Upstream;

const DAY: u64 = 24 * 60 * 60;
const HOST: &str = "it.home.example.com";
const DEVICES: [&str; 4] = ["laptop", "pixel", "tablet", "watch"];

struct Move {
    house: House,
    caddy: Caddy,
    /// Every certificate that was issued, with its device.
    bundles: Vec<Bundle>,
}

impl Move {
    fn begin(version: Version, upstream: &Upstream) -> Self {
        let devices = DEVICES.map(|device| format!("device \"{device}\" platform=\"linux\";"));
        let house = House::unbuilt(&format!(
            r#"
            domain "home.example.com"
            validity {{ device "1y"; renew "30d"; }}
            person "alice" {{ {} }}
            service "it" {{ upstream "http://{}"; allow "alice"; }}
            "#,
            devices.concat(),
            upstream.address()
        ));
        house.command_at(now() - 40 * DAY, ["build"]);
        let caddy = house.serve(version);
        Self {
            house,
            caddy,
            bundles: Vec::new(),
        }
    }

    fn keep(&mut self, device: &str) {
        let Bundle { path, password } = self.house.bundle("alice", device);
        let kept = path.with_extension(format!("{}.p12", self.bundles.len()));
        fs::rename(&path, &kept).expect("it was copied there");
        let path = kept;
        self.bundles.push(Bundle { path, password });
    }

    /// Which of the certificates are let in once Caddy has what is built now: the service is for certificates only, so that the others are
    /// refused while shaking hands or by the list.
    #[track_caller]
    fn admits(&mut self, expected: &[bool]) {
        self.house.reload(&mut self.caddy);
        let statuses = self.bundles.iter().map(|bundle| {
            let answer = bundle.shown(self.caddy.visit(HOST, "/")).run();
            answer.status == Some(200)
        });
        assert_eq!(statuses.collect::<Vec<_>>(), expected);
    }

    /// The certificate is refused while shaking hands.
    #[track_caller]
    fn is_unknown(&self, certificate: usize) {
        let visit = self.bundles[certificate].shown(self.caddy.visit(HOST, "/"));
        visit.run().is_refused_in_tls();
    }
}

fn rotates(version: Version, what: &str) {
    let upstream = Upstream::start("it");
    let mut moving = Move::begin(version, &upstream);
    let at = |days: u64| now() - days * DAY;
    for device in DEVICES {
        moving.keep(device);
    }
    moving.admits(&[true; 4]);

    moving.house.command_at(at(20), ["rotate", what]);
    moving.admits(&[true; 4]);
    moving.house.command_at(at(19), ["renew", "alice/laptop"]);
    moving.keep("laptop");
    moving.admits(&[true; 5]);
    moving
        .house
        .command_at(at(18), ["renew", "alice/pixel", "alice/tablet"]);
    moving.keep("pixel");
    moving.keep("tablet");
    moving.admits(&[true; 7]);
    moving
        .house
        .command_at(at(17), ["renew", "--finish", "alice/laptop"]);
    moving.admits(&[false, true, true, true, true, true, true]);
    // A device that is lost in between is out with both.
    moving
        .house
        .command_at(at(16), ["revoke", "--no-replace", "alice/tablet"]);
    moving.admits(&[false, true, false, true, true, true, false]);
    // The pixel's owner is slow, and the watch was forgotten; the admin does not wait.
    moving
        .house
        .command_at(at(15), ["rotate", "--finish", "--force"]);
    moving.admits(&[false, false, false, false, true, true, false]);
    // The old authority is not even known any more: it is refused before there is any request.
    moving.is_unknown(1);
    // Who had no other certificate was issued one.
    moving.keep("watch");
    moving.admits(&[false, false, false, false, true, true, false, true]);

    // Once more, and to the end: nobody has to be forced where everybody has moved.
    moving.house.command_at(at(10), ["rotate", what]);
    moving.house.command_at(at(9), ["renew", "--all"]);
    for device in ["laptop", "pixel", "watch"] {
        moving.keep(device);
    }
    let mut expected = [
        false, false, false, false, true, true, false, true, true, true, true,
    ];
    moving.admits(&expected);
    let moved = ["alice/laptop", "alice/pixel", "alice/watch"];
    moving
        .house
        .command_at(at(8), ["renew", "--finish", moved[0], moved[1], moved[2]]);
    expected[..8].fill(false);
    moving.admits(&expected);
    moving.house.command_at(at(7), ["rotate", "--finish"]);
    moving.admits(&expected);
    moving.is_unknown(4);
}

#[test]
fn the_authority_rotates_on_the_old_caddy() {
    rotates(Version::Old, "--authority");
}

#[test]
fn the_authority_rotates_on_the_new_caddy() {
    rotates(Version::New, "--authority");
}

#[test]
fn the_root_rotates_on_the_old_caddy() {
    rotates(Version::Old, "--root");
}

#[test]
fn the_root_rotates_on_the_new_caddy() {
    rotates(Version::New, "--root");
}
