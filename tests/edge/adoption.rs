//! Authorities and certificates that were there before: who has one is let in without installing anything anew.

use crate::family::Bundle;
use crate::house::House;
use crate::support::caddy::Version;
use crate::support::recipe::{CA, P256, PASSWORD, RSA, Recipe};
use crate::support::upstream::Upstream;

const HOST: &str = "it.home.example.com";

/// On the page of who comes with a certificate that was let in once.
const SUPERSEDED: &str = "This certificate is no longer let in";

/// On the page of who comes with one that is let in elsewhere, or was never.
const FORBIDDEN: &str = "You may not use this";

const P384: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384";

/// Where the adopted authority signs.
enum Signs {
    Here,
    Elsewhere,
}

fn migrates(version: Version, key: &str, signs: Signs) {
    let upstream = Upstream::start("it");
    let recipe = Recipe::new(key, CA);
    let stranger = Recipe::new(P256, CA);
    let (known, _unknown) = (recipe.issue("old-laptop"), recipe.issue("shared"));
    // The same name and the same extensions, and another key.
    let theirs = stranger.issue("old-laptop");
    assert_ne!(known, theirs);
    recipe.openssl(&format!("{P256} -out yubikey.key"));
    recipe.openssl("req -new -key yubikey.key -subj /CN=x -out yubikey.csr");
    let declaration = |old: &str| {
        format!(
            r#"
            domain "home.example.com"
            person "alice" {{
                device "pixel" platform="linux"
                device "yubikey" csr="yubikey.csr"
                {old}
            }}
            service "it" {{ upstream "http://{}"; allow "alice"; identity; certificate "asked"; }}
            "#,
            upstream.address()
        )
    };
    let old = format!("device \"old-laptop\" fingerprint=\"{known}\"");
    let house = House::unbuilt(&declaration(&old));
    let request = std::fs::read(recipe.path("yubikey.csr")).expect("it was made");
    house.lab.write("yubikey.csr", request);
    house.lab.command(["build"]).run().succeeds();
    let mut caddy = house.serve(version);

    let by_hand = |recipe: &Recipe, name: &str| Bundle {
        path: recipe.path(&format!("{name}.p12")),
        password: PASSWORD.to_owned(),
    };
    let own = house
        .lab
        .path()
        .join("out/people/alice/yubikey/alice-yubikey.crt");
    recipe.bundle("yubikey", &own);
    let pixel = house.bundle("alice", "pixel");
    let (laptop, shared) = (by_hand(&recipe, "old-laptop"), by_hand(&recipe, "shared"));
    let (theirs, yubikey) = (
        by_hand(&stranger, "old-laptop"),
        by_hand(&recipe, "yubikey"),
    );

    let visit = |caddy: &crate::support::caddy::Caddy, bundle: &Bundle| {
        bundle.shown(caddy.visit(HOST, "/")).run()
    };
    // Its fingerprint is on the list, but nobody vouches for it yet.
    visit(&caddy, &laptop).is_refused_in_tls();
    visit(&caddy, &yubikey).has_status(200);

    let certificate = recipe.path("ca.pem").display().to_string();
    let key_file = recipe.path("ca.key").display().to_string();
    let adopted = match signs {
        Signs::Here => house
            .lab
            .command(["adopt", &certificate, "--key", &key_file]),
        Signs::Elsewhere => house.lab.command(["adopt", &certificate, "--trust-only"]),
    };
    adopted.run().succeeds();
    house.reload(&mut caddy);
    let answer = visit(&caddy, &laptop);
    answer.has_status(200);
    assert_eq!(answer.arrival().header("Remote-User"), ["alice"]);
    visit(&caddy, &pixel).has_status(200);
    visit(&caddy, &yubikey).has_status(200);
    // The authority has signed it, but nobody has declared it.
    visit(&caddy, &shared).has_status(403);
    visit(&caddy, &theirs).is_refused_in_tls();

    // What is issued from now on is let in as well.
    house.lab.command(["renew", "--all"]).run().succeeds();
    house.reload(&mut caddy);
    visit(&caddy, &house.bundle("alice", "pixel")).has_status(200);
    recipe.bundle("yubikey", &own);
    visit(&caddy, &yubikey).has_status(200);

    house.build(&declaration(""));
    house.reload(&mut caddy);
    visit(&caddy, &laptop).has_status(403).contains(SUPERSEDED);
    visit(&caddy, &shared).has_status(403).contains(FORBIDDEN);
    visit(&caddy, &house.bundle("alice", "pixel")).has_status(200);
    // Lost with its key.
    house
        .lab
        .command(["revoke", "alice/yubikey"])
        .run()
        .succeeds();
    house.reload(&mut caddy);
    visit(&caddy, &yubikey).has_status(403).contains(SUPERSEDED);
}

#[test]
fn who_was_let_in_before_is_on_the_old_caddy() {
    migrates(Version::Old, P256, Signs::Here);
}

#[test]
fn who_was_let_in_before_is_on_the_new_caddy() {
    migrates(Version::New, P256, Signs::Here);
}

#[test]
fn an_authority_of_rsa_signs_for_the_old_caddy() {
    migrates(Version::Old, RSA, Signs::Here);
}

#[test]
fn an_authority_of_rsa_signs_for_the_new_caddy() {
    migrates(Version::New, RSA, Signs::Here);
}

#[test]
fn an_authority_of_p384_signs_for_the_old_caddy() {
    migrates(Version::Old, P384, Signs::Here);
}

#[test]
fn an_authority_of_p384_signs_for_the_new_caddy() {
    migrates(Version::New, P384, Signs::Here);
}

#[test]
fn an_authority_of_rsa_is_trusted_on_the_old_caddy() {
    migrates(Version::Old, RSA, Signs::Elsewhere);
}

#[test]
fn an_authority_of_rsa_is_trusted_on_the_new_caddy() {
    migrates(Version::New, RSA, Signs::Elsewhere);
}

/// A certificate that a device had already is let in as long as it is declared, and afterwards told that it is not any more: whoever
/// built the edge, with the root secret or without.
fn a_deleted_one_meets_its_page(version: Version) {
    let upstream = Upstream::start("it");
    let recipe = Recipe::new(P256, CA);
    let fingerprint = recipe.issue("old-laptop");
    recipe.issue("never");
    let declaration = |alice: &str, bob: &str| {
        format!(
            r#"
            domain "home.example.com"
            person "alice" {{ device "pixel" platform="linux"; {alice}; }}
            person "bob" {{ device "iphone" platform="ios"; {bob}; }}
            service "it" {{ upstream "http://{}"; allow "alice"; certificate "asked"; }}
            "#,
            upstream.address()
        )
    };
    let old = format!("device \"old-laptop\" fingerprint=\"{fingerprint}\"");
    let (with, without) = (
        declaration(&old, "name \"Bob\""),
        declaration("name \"Alice\"", "name \"Bob\""),
    );
    let house = House::unbuilt(&with);
    let certificate = recipe.path("ca.pem").display().to_string();
    let adopt = house.lab.command(["adopt", &certificate, "--trust-only"]);
    adopt.run().succeeds();
    let mut caddy = house.serve(version);
    let by_hand = |name: &str| Bundle {
        path: recipe.path(&format!("{name}.p12")),
        password: PASSWORD.to_owned(),
    };
    let (laptop, never) = (by_hand("old-laptop"), by_hand("never"));
    let pixel = house.bundle("alice", "pixel");
    let visit = |caddy: &crate::support::caddy::Caddy, bundle: &Bundle| {
        bundle.shown(caddy.visit(HOST, "/")).run()
    };
    let is_superseded = |caddy: &crate::support::caddy::Caddy| {
        visit(caddy, &laptop).has_status(403).contains(SUPERSEDED);
        visit(caddy, &never)
            .has_status(403)
            .contains(FORBIDDEN)
            .lacks(SUPERSEDED);
        visit(caddy, &pixel).has_status(200);
    };
    visit(&caddy, &laptop).has_status(200);
    let let_in = upstream.arrivals().len();

    // At once, by who has no secret.
    let identity = house.lab.home().join(".config/homelab/identity.txt");
    let aside = house.lab.home().join("aside");
    std::fs::rename(&identity, &aside).expect("it is there");
    house.lab.write("homelab.kdl", &without);
    house.lab.command(["build", "--edge"]).run().succeeds();
    house.reload(&mut caddy);
    is_superseded(&caddy);
    std::fs::rename(&aside, &identity).expect("it is there");
    house.build(&without);
    house.reload(&mut caddy);
    is_superseded(&caddy);
    assert_eq!(upstream.arrivals().len(), let_in + 2, "but for the pixel");

    // Its line lets it in again; with somebody else it is a good one that may not use this.
    house.build(&with);
    house.reload(&mut caddy);
    visit(&caddy, &laptop).has_status(200);
    house.build(&declaration("name \"Alice\"", &old));
    house.reload(&mut caddy);
    let bobs = visit(&caddy, &laptop);
    bobs.has_status(403).contains(FORBIDDEN).lacks(SUPERSEDED);

    // One that is issued takes its place.
    let issued = "device \"old-laptop\" platform=\"linux\"";
    house.build(&declaration(issued, "name \"Bob\""));
    house.reload(&mut caddy);
    is_superseded(&caddy);
    visit(&caddy, &house.bundle("alice", "old-laptop")).has_status(200);

    // Once nobody vouches for it any more, it gets no further than the handshake.
    house.lab.command(["rotate", "--finish"]).run().succeeds();
    house.reload(&mut caddy);
    visit(&caddy, &laptop).is_refused_in_tls();
}

#[test]
fn a_deleted_fingerprint_meets_its_page_on_the_old_caddy() {
    a_deleted_one_meets_its_page(Version::Old);
}

#[test]
fn a_deleted_fingerprint_meets_its_page_on_the_new_caddy() {
    a_deleted_one_meets_its_page(Version::New);
}

/// Apps send a device's certificate alone: then it is the one that signed it that has to be trusted.
fn vouches_for_one_below(version: Version) {
    let upstream = Upstream::start("it");
    let recipe = Recipe::new(P256, CA);
    recipe.intermediate("int");
    recipe.openssl(&format!("{P256} -out phone.key"));
    recipe.openssl("req -new -key phone.key -subj /CN=phone -out phone.csr");
    recipe.openssl(
        "x509 -req -in phone.csr -CA int.pem -CAkey int.key -CAcreateserial -days 365 -out phone.crt",
    );
    recipe.bundle("phone", &recipe.path("phone.crt"));
    let printed = recipe.openssl("x509 -noout -fingerprint -sha256 -in phone.crt");
    let (_, fingerprint) = printed.split_once('=').expect("it says what it is");
    let house = House::unbuilt(&format!(
        r#"
        domain "home.example.com"
        person "alice" {{
            device "pixel" platform="linux"
            device "phone" fingerprint="{}"
        }}
        service "it" {{ upstream "http://{}"; allow "alice"; }}
        "#,
        fingerprint.trim(),
        upstream.address()
    ));
    let adopt = |file: &str| {
        let file = recipe.path(file).display().to_string();
        let adopted = house.lab.command(["adopt", &file, "--trust-only"]).run();
        adopted.succeeds();
    };
    adopt("ca.pem");
    let mut caddy = house.serve(version);
    let phone = Bundle {
        path: recipe.path("phone.p12"),
        password: PASSWORD.to_owned(),
    };
    let visit = |caddy: &crate::support::caddy::Caddy| phone.shown(caddy.visit(HOST, "/")).run();
    visit(&caddy).is_refused_in_tls();
    recipe.write(
        "chain.pem",
        &(recipe.read("ca.pem") + &recipe.read("int.pem")),
    );
    adopt("chain.pem");
    house.reload(&mut caddy);
    visit(&caddy).has_status(200);
}

#[test]
fn an_intermediate_authority_vouches_on_the_old_caddy() {
    vouches_for_one_below(Version::Old);
}

#[test]
fn an_intermediate_authority_vouches_on_the_new_caddy() {
    vouches_for_one_below(Version::New);
}

/// A key of RSA that was made here, under an authority that was made here and then under one of RSA: who has it is let
/// in, and `verify --live` shows it.
fn a_key_of_rsa_is_let_in(version: Version) {
    let upstream = Upstream::start("it");
    let recipe = Recipe::new(RSA, CA);
    let house = House::new(&format!(
        r#"
        domain "home.example.com"
        person "alice" {{ device "watch" platform="wearos" key="rsa"; }}
        person "bob" {{ device "watch" platform="wearos" key="rsa"; }}
        service "it" {{ upstream "http://{}"; allow "alice"; certificate "asked"; }}
        "#,
        upstream.address()
    ));
    let mut caddy = house.serve(version);
    let visit = |caddy: &crate::support::caddy::Caddy, bundle: &Bundle| {
        bundle.shown(caddy.visit(HOST, "/")).run()
    };
    // A later one takes its place.
    let keep = |name: &str| {
        let Bundle { path, password } = house.bundle("alice", "watch");
        let kept = recipe.path(name);
        std::fs::copy(path, &kept).expect("it can be copied");
        let path = kept;
        Bundle { path, password }
    };
    let watch = keep("first.p12");
    visit(&caddy, &watch).has_status(200);
    visit(&caddy, &house.bundle("bob", "watch")).has_status(403);
    crate::verify::verify(&house, &caddy, &[])
        .succeeds()
        .stdout_lacks("not tried");

    let certificate = recipe.path("ca.pem").display().to_string();
    let key = recipe.path("ca.key").display().to_string();
    let adopt = house.lab.command(["adopt", &certificate, "--key", &key]);
    adopt.run().succeeds();
    house.lab.command(["renew", "--all"]).run().succeeds();
    house.reload(&mut caddy);
    let renewed = keep("renewed.p12");
    visit(&caddy, &renewed).has_status(200);
    visit(&caddy, &watch).has_status(200);
    house
        .lab
        .command(["revoke", "alice/watch"])
        .run()
        .succeeds();
    house.reload(&mut caddy);
    visit(&caddy, &renewed).has_status(403);
    visit(&caddy, &house.bundle("alice", "watch")).has_status(200);
}

#[test]
fn a_key_of_rsa_is_let_in_by_the_old_caddy() {
    a_key_of_rsa_is_let_in(Version::Old);
}

#[test]
fn a_key_of_rsa_is_let_in_by_the_new_caddy() {
    a_key_of_rsa_is_let_in(Version::New);
}
