//! Devices whose keys are of other kinds than those that are made here.

use crate::family::Bundle;
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::recipe::{CA, P256, PASSWORD, RSA, Recipe};
use crate::support::upstream::Upstream;

const HOST: &str = "it.home.example.com";

/// The devices, how their keys are made, and how their requests are signed.
const DEVICES: [(&str, &str, &str); 5] = [
    ("rsa", RSA, "-sha512"),
    (
        "long",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096",
        "-sha256",
    ),
    (
        "p384",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        "-sha384",
    ),
    ("ed25519", "genpkey -algorithm ED25519", "-sha256"),
    ("p256", P256, "-sha512"),
];

fn lets_in(version: Version) {
    let upstream = Upstream::start("it");
    let recipe = Recipe::new(P256, CA);
    let declared = DEVICES.map(|(name, ..)| format!("device \"{name}\" csr=\"{name}.csr\";"));
    let declaration = format!(
        r#"
        domain "home.example.com"
        person "alice" {{ {} }}
        service "it" {{ upstream "http://{}"; allow "alice"; identity; certificate "asked"; }}
        "#,
        declared.concat(),
        upstream.address()
    );
    let house = House::unbuilt(&declaration);
    for (name, key, how) in DEVICES {
        recipe.openssl(&format!("{key} -out {name}.key"));
        recipe.openssl(&format!(
            "req -new {how} -key {name}.key -subj /CN=x -out {name}.csr"
        ));
        let request = std::fs::read(recipe.path(&format!("{name}.csr")));
        let path = format!("{name}.csr");
        house.lab.write(&path, request.expect("it was made"));
    }
    house.lab.command(["build"]).run().succeeds();
    let mut caddy = house.serve(version);
    let visit = |caddy: &Caddy, name: &str| {
        let certificate = format!("out/people/alice/{name}/alice-{name}.crt");
        let path = recipe.bundle(name, &house.lab.path().join(certificate));
        let password = PASSWORD.to_owned();
        Bundle { path, password }
            .shown(caddy.visit(HOST, "/"))
            .run()
    };
    for (name, ..) in DEVICES {
        let answer = visit(&caddy, name);
        answer.has_status(200);
        assert_eq!(answer.arrival().header("Remote-User"), ["alice"], "{name}");
    }
    // Lost, each is out like any other, and the others are not.
    let kept = recipe.path("rsa.crt");
    let own = house.lab.path().join("out/people/alice/rsa/alice-rsa.crt");
    std::fs::copy(own, &kept).expect("it is there");
    house.lab.command(["revoke", "alice/rsa"]).run().succeeds();
    house.reload(&mut caddy);
    let (path, password) = (recipe.bundle("rsa", &kept), PASSWORD.to_owned());
    let lost = Bundle { path, password };
    lost.shown(caddy.visit(HOST, "/")).run().has_status(403);
    visit(&caddy, "ed25519").has_status(200);
}

#[test]
fn keys_of_all_kinds_come_in_on_the_old_caddy() {
    lets_in(Version::Old);
}

#[test]
fn keys_of_all_kinds_come_in_on_the_new_caddy() {
    lets_in(Version::New);
}
