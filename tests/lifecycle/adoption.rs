//! `adopt`: an authority of the openssl recipe signs here or is trusted, and devices that have their certificate or their key already.

use std::fs;

use crate::renewal::states;
use crate::support::files::changed;
use crate::support::lab::Lab;
use crate::support::outcome::Outcome;
use crate::support::recipe::{CA, P256, PASSWORD, RSA, Recipe};

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" { device "pixel" platform="android"; }
service "it" { upstream "http://127.0.0.1:1"; allow "alice"; }
"#;

const ED25519: &str = "genpkey -algorithm ED25519";

/// Another device of alice's.
fn with(device: &str) -> String {
    let place = "person \"alice\" {";
    DECLARATION.replace(place, &format!("{place} {device};"))
}

#[track_caller]
fn run<const N: usize>(lab: &Lab, arguments: [&str; N]) -> Outcome {
    lab.command(arguments).run()
}

/// `homelab adopt` of the recipe's authority, with its key or whatever else is said.
#[track_caller]
fn adopt(lab: &Lab, recipe: &Recipe, how: &[&str]) -> Outcome {
    let certificate = recipe.path("ca.pem");
    let certificate = certificate.to_str().expect("a temporary path is plain");
    let key = recipe.path("ca.key");
    let key = key.to_str().expect("so is this");
    let how = how
        .iter()
        .map(|word| if *word == "KEY" { key } else { word });
    lab.command(["adopt", certificate].into_iter().chain(how))
        .run()
}

/// How many secrets homelab.age holds; whether one of them is this, in hexadecimal.
#[track_caller]
fn sealed(lab: &Lab) -> Vec<String> {
    let mut age = crate::support::tools::command("age");
    age.args(["-d", "-i"])
        .arg(lab.home().join(".config/homelab/identity.txt"));
    let opened = crate::support::outcome::run(age.arg(lab.path().join("homelab.age")), b"");
    let lines = opened.succeeds().stdout().lines();
    lines.map(str::to_owned).collect()
}

#[test]
fn an_adopted_authority_signs_from_the_first_on() {
    let recipe = Recipe::new(P256, CA);
    let fingerprint = recipe.issue("old-laptop");
    let old = format!("device \"old-laptop\" fingerprint=\"{fingerprint}\"");
    let lab = Lab::new().declare(&with(&old));
    adopt(&lab, &recipe, &["--key", "KEY"])
        .succeeds()
        .stdout_contains("adopted authority `Home CA`\nissued alice/pixel until")
        .stdout_contains("homelab.lock and homelab.age");
    assert_eq!(
        lab.read("out/edge/ca.pem"),
        fs::read_to_string(recipe.path("ca.pem")).expect("it is there"),
        "and no other authority"
    );
    let secrets = sealed(&lab);
    assert!(
        secrets
            .iter()
            .any(|line| line.starts_with("homelab-root-1 "))
    );
    assert!(
        secrets
            .iter()
            .any(|line| line.starts_with("homelab-authority-1 "))
    );
    assert_eq!(secrets.len(), 2);
    // Nothing is rendered for a device that has its certificate.
    let files = lab.snapshot();
    assert!(
        !files.keys().any(|path| path.contains("old-laptop")),
        "{files:?}"
    );
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    let plain = fingerprint.replace(':', "").to_lowercase();
    assert!(caddyfile.contains(&plain), "{caddyfile}");
    assert!(
        lab.read("out/edge/exposure.md")
            .contains("alice/old-laptop")
    );
    run(&lab, ["build", "--check"]).succeeds();
    run(&lab, ["build", "--locked"]).succeeds();
    run(&lab, ["check"]).succeeds();
    run(&lab, ["status"])
        .succeeds()
        .stdout_contains("authority `Home CA`: valid")
        .stdout_contains("devices: 1 valid, 1 installed");
    for (command, instead) in [
        ("renew", "take `fingerprint` out of homelab.kdl and build"),
        ("revoke", "delete the device from homelab.kdl and build"),
        ("share", "so there is nothing to share"),
    ] {
        let refused = run(&lab, [command, "alice/old-laptop"]);
        refused.fails_with(2).stderr_contains("device::installed");
        let stderr = refused.stderr().replace("\n        ", " ");
        assert!(stderr.contains(instead), "{stderr}");
    }
    adopt(&lab, &recipe, &["--key", "KEY"])
        .succeeds()
        .stdout_contains("`Home CA` is trusted already");
    // Deleted, it is out; nothing had been issued.
    lab.write("homelab.kdl", DECLARATION);
    run(&lab, ["build"]).succeeds();
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    let mut lists = caddyfile.lines().filter(|line| line.contains(&plain));
    assert!(lists.all(|line| line.contains("@retired ")), "{caddyfile}");
    // In its place comes one that is issued.
    lab.write(
        "homelab.kdl",
        with("device \"old-laptop\" platform=\"linux\""),
    );
    run(&lab, ["build"])
        .succeeds()
        .stdout_contains("issued alice/old-laptop");
}

#[test]
fn the_key_stands_nowhere_but_in_the_sealed_file() {
    let recipe = Recipe::new(P256, CA);
    let lab = Lab::new().declare(DECLARATION);
    adopt(&lab, &recipe, &["--key", "KEY"]).succeeds();
    let line = sealed(&lab)
        .into_iter()
        .find(|line| line.starts_with("homelab-authority-1 "));
    let line = line.expect("the key is there");
    let scalar = line.rsplit(' ').next().expect("it has words").to_owned();
    let bytes = data_encoding::HEXLOWER
        .decode(scalar.as_bytes())
        .expect("it is hexadecimal");
    // It is the recipe's key.
    let text = recipe.openssl("pkey -in ca.key -noout -text");
    let shown = text.replace([' ', '\n', ':'], "");
    assert!(shown.contains(&scalar), "{shown}");
    for (path, entry) in lab.snapshot() {
        let content = fs::read(lab.path().join(&path)).unwrap_or_default();
        let has = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
        assert!(!has(&bytes) && !has(scalar.as_bytes()), "{path}: {entry:?}");
    }
}

/// Its key stands in the sealed file as PKCS#8; through renewals, revocation and a rotation it signs as any other does.
#[test]
fn an_authority_of_another_kind_signs_as_one_of_p256_does() {
    for kind in [
        RSA,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    ] {
        let recipe = Recipe::new(kind, CA);
        let lab = Lab::built(DECLARATION);
        adopt(&lab, &recipe, &["--key", "KEY"]).succeeds();
        let line = sealed(&lab)
            .into_iter()
            .find_map(|line| Some(line.strip_prefix("homelab-authority-2 ")?.to_owned()));
        let line = line.expect("the key is there");
        let (_, key) = line.split_once(' ').expect("an id is before it");
        let der = data_encoding::BASE64
            .decode(key.as_bytes())
            .expect("it is base64");
        fs::write(recipe.path("found.der"), &der).expect("the directory is there");
        assert_eq!(
            recipe.openssl("pkey -inform DER -in found.der"),
            recipe.openssl("pkey -in ca.key"),
        );
        for (path, entry) in lab.snapshot() {
            let content = fs::read(lab.path().join(&path)).unwrap_or_default();
            let has = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
            let part = &der[der.len() - 64..];
            assert!(!has(part) && !has(key.as_bytes()), "{path}: {entry:?}");
        }
        run(&lab, ["renew", "--all"]).succeeds();
        run(&lab, ["renew", "--finish", "alice/pixel"]).succeeds();
        run(&lab, ["rotate", "--finish"]).succeeds();
        let tree = lab.snapshot();
        run(&lab, ["build", "--check"]).succeeds();
        // What it signs is the same whenever it signs it.
        fs::remove_dir_all(lab.path().join("out")).expect("it was built");
        run(&lab, ["build", "--locked"]).succeeds();
        assert_eq!(changed(&tree, &lab.snapshot()), [""; 0]);
        run(&lab, ["revoke", "alice/pixel"]).succeeds();
        let list = lab.path().join("out/edge/ca.crl").display().to_string();
        let certificate = recipe.path("ca.pem").display().to_string();
        let text = recipe.openssl(&format!(
            "crl -in {list} -CAfile {certificate} -noout -text"
        ));
        assert!(text.matches("Serial Number: ").count() >= 1, "{text}");
        run(&lab, ["verify"]).succeeds();
        run(&lab, ["rotate", "--authority"]).succeeds();
        run(&lab, ["renew", "--all"]).succeeds();
        run(&lab, ["rotate", "--finish", "--force"]).succeeds();
        assert_eq!(sealed(&lab).len(), 1, "its key goes with it");
    }
}

#[test]
fn an_authority_is_adopted_in_place_of_the_derived_one() {
    let recipe = Recipe::new(P256, CA);
    let lab = Lab::built(DECLARATION);
    let bundle = lab.read_bytes("out/people/alice/pixel/alice-pixel.p12");
    adopt(&lab, &recipe, &["--key", "KEY"]).succeeds();
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 2);
    let pixel = "out/people/alice/pixel/alice-pixel.p12";
    assert_eq!(bundle, lab.read_bytes(pixel), "nobody's file changes by it");
    run(&lab, ["rotate", "--finish"])
        .fails_with(4)
        .stderr_contains("alice/pixel (not renewed yet)");
    run(&lab, ["renew", "--all"]).succeeds();
    run(&lab, ["renew", "--finish", "alice/pixel"]).succeeds();
    assert_ne!(bundle, lab.read_bytes(pixel));
    run(&lab, ["rotate", "--finish"])
        .succeeds()
        .stdout_contains("No longer trusted: home.example.com devices ");
    let own = fs::read_to_string(recipe.path("ca.pem")).expect("it is there");
    assert_eq!(lab.read("out/edge/ca.pem"), own);
    run(&lab, ["build", "--check"]).succeeds();
    assert_eq!(states(&lab, "alice/pixel").len(), 2);
    // And on to a derived one again, with another root: its key leaves homelab.age.
    run(&lab, ["rotate", "--root"]).succeeds();
    assert_eq!(sealed(&lab).len(), 3);
    run(&lab, ["renew", "--all"]).succeeds();
    run(&lab, ["rotate", "--finish", "--force"]).succeeds();
    assert_eq!(sealed(&lab).len(), 1);
    run(&lab, ["build", "--check"]).succeeds();
}

#[test]
fn an_authority_that_is_only_trusted_signs_nothing() {
    let recipe = Recipe::new(ED25519, CA);
    let fingerprint = recipe.issue("old-laptop");
    let old = format!("device \"old-laptop\" fingerprint=\"{fingerprint}\"");
    let lab = Lab::new().declare(&with(&old));
    // A key of Ed25519 is for trusting only, and the error says so.
    let before = lab.snapshot();
    adopt(&lab, &recipe, &["--key", "KEY"])
        .fails_with(3)
        .stderr_contains("adopt::key")
        .stderr_contains("only keys of P-256, P-384 and RSA")
        .stderr_contains("--trust-only");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);

    run(&lab, ["build"])
        .succeeds()
        .stderr_contains("alice/old-laptop is not let in: no authority is trusted");
    run(&lab, ["status"])
        .succeeds()
        .stdout_contains("homelab adopt the authority that signed it");
    run(&lab, ["status", "--exit-code"]).fails_with(4);
    // Nobody without the secret says whom to trust.
    let identity = lab.home().join(".config/homelab/identity.txt");
    let aside = lab.home().join("aside");
    fs::rename(&identity, &aside).expect("it is there");
    let before = lab.read("homelab.lock");
    adopt(&lab, &recipe, &["--trust-only"])
        .fails_with(3)
        .stderr_contains("root::no-identity")
        .stdout_lacks("trusted");
    assert_eq!(lab.read("homelab.lock"), before);
    fs::rename(&aside, &identity).expect("it is there");
    adopt(&lab, &recipe, &["--trust-only"])
        .succeeds()
        .stdout_contains("trusted authority `Home CA`")
        .stdout_lacks("issued alice");
    assert_eq!(sealed(&lab).len(), 1);
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 2);
    assert_eq!(
        lab.read("out/edge/ca.crl").matches("BEGIN").count(),
        1,
        "of ours alone"
    );
    run(&lab, ["status", "--exit-code"])
        .succeeds()
        .stderr_is("");
    adopt(&lab, &recipe, &["--trust-only"])
        .succeeds()
        .stdout_contains("`Home CA` is trusted already");
    // Nothing is over while a device needs it, and that is said.
    run(&lab, ["rotate", "--finish"]).succeeds().stdout_contains(
        "no rotation is under way; `Home CA` stays trusted for devices that are declared by fingerprint: alice/old-laptop\n",
    );
    // A rotation goes its way beside it.
    run(&lab, ["rotate", "--authority"]).succeeds();
    run(&lab, ["renew", "--all"]).succeeds();
    run(&lab, ["renew", "--finish", "alice/pixel"]).succeeds();
    run(&lab, ["rotate", "--finish"]).succeeds();
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 2);
    // Once nobody needs it, the end of a rotation drops it.
    lab.write("homelab.kdl", DECLARATION);
    run(&lab, ["build"]).succeeds();
    run(&lab, ["status"])
        .succeeds()
        .stdout_contains("no device is declared by fingerprint; `homelab rotate --finish` drops it")
        .stdout_lacks("every device has moved");
    run(&lab, ["rotate", "--finish"])
        .succeeds()
        .stdout_contains("No longer trusted: Home CA.");
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 1);
    run(&lab, ["build", "--check"]).succeeds();
}

#[test]
fn what_was_only_trusted_can_be_signed_with_later() {
    let recipe = Recipe::new(P256, CA);
    let fingerprint = recipe.issue("old-laptop");
    let old = format!("device \"old-laptop\" fingerprint=\"{fingerprint}\"");
    let lab = Lab::new().declare(&with(&old));
    adopt(&lab, &recipe, &["--trust-only"]).succeeds();
    adopt(&lab, &recipe, &["--key", "KEY"]).succeeds();
    assert_eq!(
        lab.read("out/edge/ca.pem").matches("BEGIN").count(),
        2,
        "each once"
    );
    run(&lab, ["renew", "alice/pixel"]).succeeds();
    run(&lab, ["rotate", "--finish", "--force"]).succeeds();
    let own = fs::read_to_string(recipe.path("ca.pem")).expect("it is there");
    assert_eq!(lab.read("out/edge/ca.pem"), own);
    run(&lab, ["status", "--exit-code"]).succeeds();
    run(&lab, ["build", "--check"]).succeeds();
    // A device by fingerprint may be of the authority that goes: then somebody has to say so.
    run(&lab, ["rotate", "--authority"]).succeeds();
    run(&lab, ["renew", "--all"]).succeeds();
    run(&lab, ["renew", "--finish", "alice/pixel"]).succeeds();
    run(&lab, ["rotate", "--finish"])
        .fails_with(4)
        .stderr_contains("alice/old-laptop");
    run(&lab, ["rotate", "--finish", "--force"])
        .succeeds()
        .stderr_contains("alice/old-laptop is not let in");
}

#[test]
fn what_is_no_authority_is_refused_and_nothing_changes() {
    let lab = Lab::built(DECLARATION);
    let before = lab.snapshot();
    let other = Recipe::new(P256, CA);
    for (key, extensions, days, message) in [
        (
            P256,
            "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n",
            "9",
            "CA:TRUE",
        ),
        (P256, "subjectKeyIdentifier=hash\n", "9", "CA:TRUE"),
        (
            P256,
            "basicConstraints=CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=digitalSignature\n",
            "9",
            "keyCertSign",
        ),
        (
            P256,
            "basicConstraints=CA:TRUE\nsubjectKeyIdentifier=hash\nextendedKeyUsage=serverAuth\n",
            "9",
            "leaves out client",
        ),
        (
            P256,
            "basicConstraints=CA:TRUE\nsubjectKeyIdentifier=none\n",
            "9",
            "no subject key identifier",
        ),
        (
            P256,
            "basicConstraints=CA:TRUE\nsubjectKeyIdentifier=hash\nnameConstraints=permitted;email:example.com\n",
            "9",
            "name constraints",
        ),
        (
            P256,
            "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n1.2.3.4.5=critical,DER:0500\n",
            "9",
            "a critical extension 1.2.3.4.5",
        ),
        (P256, CA, "-1", "that is not now"),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
            CA,
            "9",
            "of P-521, and only keys of P-256",
        ),
        (ED25519, CA, "9", "of Ed25519, and only keys of P-256"),
    ] {
        let recipe = Recipe::lasting(key, extensions, days);
        let refused = adopt(&lab, &recipe, &["--key", "KEY"]);
        let said = refused.fails_with(3).stderr().replace("\n", " ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(message), "{message}: {refused}");
        assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
    }
    // A key that does not belong to it, a file that is none, one that is missing.
    fs::copy(other.path("ca.key"), lab.home().join("other.key")).expect("it is there");
    let recipe = Recipe::new(P256, CA);
    for (key, code) in [
        (other.path("ca.key"), "adopt::cannot-sign"),
        (recipe.path("ca.pem"), "adopt::key"),
        (recipe.path("nothing"), "adopt::missing"),
    ] {
        let key = key.to_str().expect("it is plain");
        adopt(&lab, &recipe, &["--key", key])
            .fails_with(3)
            .stderr_contains(code);
    }
    for (certificate, code) in [
        ("homelab.kdl", "adopt::no-certificate"),
        ("no", "adopt::missing"),
    ] {
        run(&lab, ["adopt", "--trust-only", certificate])
            .fails_with(3)
            .stderr_contains(code);
    }
    run(&lab, ["adopt", "homelab.kdl"]).fails_with(2);
    // A command opens homelab.age, so it cannot be written anew.
    let key = recipe.path("ca.key");
    let (key, certificate) = (
        key.display().to_string(),
        recipe.path("ca.pem").display().to_string(),
    );
    let command = "age -d -i ../home/.config/homelab/identity.txt homelab.age";
    run(
        &lab,
        [
            "adopt",
            &certificate,
            "--key",
            &key,
            "--root-command",
            command,
        ],
    )
    .fails_with(3)
    .stderr_contains("root::command-keeps");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
}

/// Whether the year that stands for no end is told of; serial numbers, fingerprints and identifiers may have its digits in them.
fn tells_of_no_year(text: &str) -> bool {
    let is_random = |word: &&str| word.len() >= 32;
    let mut words = text.split(|character: char| !character.is_ascii_hexdigit());
    !words.any(|word| !is_random(&word) && word.contains("9999"))
}

/// RFC 5280 §4.1.2.5: the last second of the year 9999 stands for no end.
#[test]
fn an_authority_without_an_end_is_shown_as_such() {
    let recipe = Recipe::new(P256, CA);
    let fingerprint = recipe.issue("old-laptop");
    recipe.without_end();
    let old = format!("device \"old-laptop\" fingerprint=\"{fingerprint}\"");
    let lab = Lab::new().declare(&with(&old));
    adopt(&lab, &recipe, &["--trust-only"]).succeeds();
    run(&lab, ["status"]).succeeds().stdout_contains(
        "authority `Home CA`: trusted for devices that are declared by fingerprint, without an end",
    );
    adopt(&lab, &recipe, &["--key", "KEY"]).succeeds();
    run(&lab, ["status"])
        .succeeds()
        .stdout_contains("authority `Home CA`: valid, without an end\n");
    run(&lab, ["status", "--json"])
        .succeeds()
        .stdout_contains("\"common_name\": \"Home CA\"")
        .stdout_contains("\"not_after\": null");
    let says_nothing =
        |told: &Outcome| assert!(tells_of_no_year(told.succeeds().stdout()), "{told}");
    says_nothing(&run(&lab, ["plan"]));
    says_nothing(&run(&lab, ["renew", "--all"]));
    run(&lab, ["rotate", "--finish", "--force"]).succeeds();
    let calendar = lab.read("out/renewals.ics");
    assert!(tells_of_no_year(&calendar) && !calendar.contains("the authority of all devices ends"));
    assert!(calendar.contains("its certificate ends"), "{calendar}");
    let index = lab.read("out/index.html");
    assert!(
        index.contains("until no end") && !index.contains("9999-"),
        "{index}"
    );
    run(&lab, ["build", "--check"]).succeeds();
    run(&lab, ["check"]).succeeds().stderr_lacks("9999");
    says_nothing(&run(&lab, ["verify"]));
    // Such a certificate in a file of somebody's, too.
    recipe.bundle("ca", &recipe.path("ca.pem"));
    let bundle = recipe.path("ca.p12").display().to_string();
    lab.write("pw", PASSWORD);
    let told = run(&lab, ["verify", &bundle, "--password-file", "pw"]);
    told.stdout_contains("valid        from 2025-01-01 00:00 UTC on, without an end\n");
    assert!(tells_of_no_year(told.stdout()), "{told}");
}

/// A root and what it has signed, in one file.
#[test]
fn all_authorities_of_a_file_are_adopted() {
    let recipe = Recipe::new(P256, CA);
    recipe.intermediate("int");
    let intermediate = recipe.read("int.pem");
    recipe.write(
        "chain.pem",
        &format!("{}{intermediate}{intermediate}", recipe.read("ca.pem")),
    );
    let chain = recipe.path("chain.pem").display().to_string();
    let lab = Lab::built(DECLARATION);
    let before = lab.snapshot();
    // A device's own certificate is none of an authority, and then nothing of the file is adopted.
    recipe.issue("old-laptop");
    recipe.write(
        "full.pem",
        &format!("{}{}", recipe.read("old-laptop.crt"), recipe.read("ca.pem")),
    );
    let full = recipe.path("full.pem").display().to_string();
    run(&lab, ["adopt", &full, "--trust-only"])
        .fails_with(3)
        .stderr_contains("certificate 1 in")
        .stderr_contains("`old-laptop`")
        .stderr_contains("adopt::no-authority");
    let all: String = (0..9)
        .map(|_| Recipe::new(P256, CA).read("ca.pem"))
        .collect();
    recipe.write("all.pem", &all);
    let all = recipe.path("all.pem").display().to_string();
    run(&lab, ["adopt", &all, "--trust-only"])
        .fails_with(3)
        .stderr_contains("adopt::many")
        .stderr_contains("holds 9 certificates");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);

    run(&lab, ["adopt", &chain, "--trust-only"])
        .succeeds()
        .stdout_contains("trusted authority `Home CA`")
        .stdout_contains("trusted authority `int`");
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 3);
    run(&lab, ["adopt", &chain, "--trust-only"])
        .succeeds()
        .stdout_contains("`Home CA` is trusted already")
        .stdout_contains("`int` is trusted already");
    // With its key, the one that it belongs to signs.
    let key = recipe.path("int.key").display().to_string();
    run(&lab, ["adopt", &chain, "--key", &key])
        .succeeds()
        .stdout_contains("`Home CA` is trusted already")
        .stdout_contains("adopted authority `int`");
    run(&lab, ["status"])
        .succeeds()
        .stdout_contains("authority `int`: valid");
    run(&lab, ["build", "--check"]).succeeds();
}

/// One that was taken out must not come in again by its fingerprint.
#[test]
fn a_certificate_that_was_issued_here_is_not_declared_by_fingerprint() {
    let lab = Lab::built(DECLARATION);
    let lock = lab.read("homelab.lock");
    let (_, fingerprint) = lock.split_once("fingerprint=\"").expect("there is one");
    let fingerprint = &fingerprint[..64];
    run(&lab, ["revoke", "--no-replace", "alice/pixel"]).succeeds();
    let before = lab.snapshot();
    let back = format!("device \"back\" fingerprint=\"{fingerprint}\"");
    lab.write("homelab.kdl", with(&back));
    for command in [
        &["build"][..],
        &["build", "--edge"],
        &["build", "--locked"],
        &["check"],
    ] {
        let refused = lab.command(command.iter().copied()).run();
        refused
            .fails_with(1)
            .stderr_contains("lock::issued-here")
            .stderr_contains("alice/pixel");
    }
    assert_eq!(changed(&before, &lab.snapshot()), ["~ homelab.kdl"]);
}

/// A device's key and request, made by openssl.
#[track_caller]
fn request(lab: &Lab, recipe: &Recipe, key: &str) -> Vec<u8> {
    recipe.openssl(&format!("{key} -out own.key"));
    recipe.openssl("req -new -key own.key -subj /CN=whatever -out own.csr");
    let request = fs::read(recipe.path("own.csr")).expect("it was made");
    lab.write("csr/yubikey.csr", &request);
    request
}

#[test]
fn a_device_that_made_its_key_gets_a_certificate_of_it() {
    let recipe = Recipe::new(P256, CA);
    let lab = Lab::new().declare(&with("device \"yubikey\" csr=\"csr/yubikey.csr\""));
    run(&lab, ["build"])
        .fails_with(1)
        .stderr_contains("request::missing")
        .stderr_contains("alice/yubikey");
    assert!(!lab.path().join("homelab.lock").exists());
    let first = request(&lab, &recipe, P256);
    run(&lab, ["check"]).succeeds();
    run(&lab, ["build"]).succeeds();
    let file = "out/people/alice/yubikey/alice-yubikey.crt";
    let files: Vec<String> = lab
        .snapshot()
        .into_keys()
        .filter(|path| path.contains("yubikey/"))
        .collect();
    assert_eq!(files, [file], "and no .p12");
    let key = |path: &std::path::Path, what: &str| {
        let path = path.to_str().expect("it is plain");
        recipe.openssl(&format!("{what} -in {path}"))
    };
    let certified = key(&lab.path().join(file), "x509 -noout -pubkey");
    assert_eq!(certified, key(&recipe.path("own.key"), "pkey -pubout"));
    let text = key(&lab.path().join(file), "x509 -noout -text");
    // What the request says of itself is not heard.
    assert!(
        text.contains("CN = alice-yubikey") && !text.contains("whatever"),
        "{text}"
    );
    run(&lab, ["build"])
        .succeeds()
        .stdout_contains(" unchanged\n")
        .stdout_lacks("built")
        .stderr_is("");
    run(&lab, ["build", "--check"]).succeeds();
    run(&lab, ["password", "alice/yubikey"])
        .fails_with(3)
        .stderr_contains("password::own-key");

    // Another key takes effect with a renewal, and a build says so.
    request(&lab, &recipe, P256);
    run(&lab, ["build"])
        .succeeds()
        .stderr_contains("is of another key than homelab.kdl says: `homelab renew alice/yubikey`");
    assert_eq!(
        certified,
        key(&lab.path().join(file), "x509 -noout -pubkey")
    );
    run(&lab, ["renew", "alice/yubikey"])
        .succeeds()
        .stderr_lacks("another key");
    let renewed = key(&lab.path().join(file), "x509 -noout -pubkey");
    assert_eq!(renewed, key(&recipe.path("own.key"), "pkey -pubout"));
    assert_eq!(states(&lab, "alice/yubikey").len(), 2);

    // Lost with its key, it is barred until it has another one: not even the first one will do.
    run(&lab, ["revoke", "alice/yubikey"])
        .succeeds()
        .stdout_contains("alice/yubikey gets no other certificate, for its key went with it")
        .stdout_lacks("issued alice");
    assert!(!lab.path().join(file).exists());
    let lost = fs::read(lab.path().join("csr/yubikey.csr")).expect("it is there");
    for _ in 0..2 {
        run(&lab, ["renew", "alice/yubikey"])
            .fails_with(1)
            .stderr_contains("request::shut-out");
        lab.write("csr/yubikey.csr", &first);
    }
    // Nor under another name, nor after it was deleted.
    lab.write("csr/yubikey.csr", &lost);
    let renamed = with("device \"stick\" csr=\"csr/yubikey.csr\"");
    for declaration in [&renamed, DECLARATION, &renamed] {
        lab.write("homelab.kdl", declaration);
        for command in [&["build"][..], &["check"], &["plan"]] {
            let done = lab.command(command.iter().copied()).run();
            match *declaration == *DECLARATION {
                true => done.succeeds(),
                false => done.fails_with(1).stderr_contains("request::shut-out"),
            };
        }
    }
    lab.write(
        "homelab.kdl",
        with("device \"yubikey\" csr=\"csr/yubikey.csr\""),
    );
    run(&lab, ["build"])
        .fails_with(1)
        .stderr_contains("request::shut-out");
    request(&lab, &recipe, P256);
    run(&lab, ["build"]).succeeds();
    // With the lost key's request back in its place, no renewal lets it in either.
    let good = fs::read(lab.path().join("csr/yubikey.csr")).expect("it is there");
    lab.write("csr/yubikey.csr", &lost);
    run(&lab, ["renew", "alice/yubikey"])
        .fails_with(1)
        .stderr_contains("request::shut-out");
    lab.write("csr/yubikey.csr", &good);
    run(&lab, ["renew", "alice/yubikey"]).succeeds();
    assert!(lab.path().join(file).exists());

    // From its own key to one that is made here.
    lab.write("homelab.kdl", with("device \"yubikey\" platform=\"linux\""));
    run(&lab, ["build"])
        .succeeds()
        .stderr_contains("homelab renew alice/yubikey");
    run(&lab, ["renew", "alice/yubikey"])
        .succeeds()
        .stderr_lacks("another key");
    assert!(
        lab.path()
            .join("out/people/alice/yubikey/alice-yubikey.p12")
            .exists()
    );
    assert!(!lab.path().join(file).exists());
}

#[test]
fn two_devices_do_not_have_one_key() {
    let recipe = Recipe::new(P256, CA);
    let devices =
        "device \"yubikey\" csr=\"csr/yubikey.csr\"; device \"other\" csr=\"csr/yubikey.csr\"";
    let lab = Lab::new().declare(&with(devices));
    request(&lab, &recipe, P256);
    run(&lab, ["build"])
        .fails_with(1)
        .stderr_contains("request::same-key")
        .stderr_contains("alice/other");
    assert!(!lab.path().join("homelab.lock").exists());
}

/// Revocation lists are found by an authority's name and key: under another certificate of the same they would be empty.
#[test]
fn an_authority_is_not_adopted_twice() {
    let recipe = Recipe::new(P256, CA);
    let lab = Lab::new().declare(DECLARATION);
    adopt(&lab, &recipe, &["--key", "KEY"]).succeeds();
    recipe
        .openssl("x509 -req -in ca.csr -signkey ca.key -days 9 -extfile extensions -out again.pem");
    let again = recipe.path("again.pem").display().to_string();
    let key = recipe.path("ca.key").display().to_string();
    run(&lab, ["adopt", &again, "--key", &key])
        .fails_with(3)
        .stderr_contains("adopt::same-key");
    run(&lab, ["rotate", "--authority"]).succeeds();
    run(&lab, ["renew", "--all"]).succeeds();
    run(&lab, ["rotate", "--finish", "--force"]).succeeds();
    adopt(&lab, &recipe, &["--key", "KEY"])
        .fails_with(3)
        .stderr_contains("adopt::same-key");
}

#[test]
fn a_request_that_cannot_be_met_is_refused() {
    let recipe = Recipe::new(P256, CA);
    let lab = Lab::new().declare(&with("device \"yubikey\" csr=\"csr/yubikey.csr\""));
    let request = request(&lab, &recipe, P256);
    run(&lab, ["check"]).succeeds();
    let der = pem::parse(&request)
        .expect("openssl writes PEM")
        .into_contents();
    lab.write("csr/yubikey.csr", &der);
    run(&lab, ["check"]).succeeds();
    // Whoever asks has to show that the key is theirs; and nothing that was cut or altered is taken.
    for at in 0..der.len() {
        let mut altered = der.clone();
        altered[at] ^= 1;
        assert!(
            homelab::internals::requested_key(&altered).is_err(),
            "altered at {at}"
        );
        assert!(
            homelab::internals::requested_key(&der[..at]).is_err(),
            "cut at {at}"
        );
    }
    for file in [
        &b""[..],
        b"-----BEGIN CERTIFICATE REQUEST-----\n",
        &[0x30; 1000],
    ] {
        lab.write("csr/yubikey.csr", file);
        run(&lab, ["check"])
            .fails_with(1)
            .stderr_contains("request::not-met");
    }
    assert!(!lab.path().join("homelab.lock").exists());
}

/// What a build would do for devices that have their certificate or their key, told beforehand.
#[test]
fn a_plan_knows_of_certificates_and_keys_that_are_there() {
    let recipe = Recipe::new(P256, CA);
    let fingerprint = recipe.issue("old-laptop");
    let devices = format!(
        "device \"yubikey\" csr=\"csr/yubikey.csr\"; device \"old-laptop\" fingerprint=\"{fingerprint}\""
    );
    let lab = Lab::built(DECLARATION);
    request(&lab, &recipe, P256);
    adopt(&lab, &recipe, &["--trust-only"]).succeeds();
    lab.write("homelab.kdl", with(&devices));
    let before = lab.snapshot();
    let planned = run(&lab, ["plan"]);
    planned
        .succeeds()
        .stdout_contains("alice/old-laptop is let in with the certificate that it has")
        .stdout_contains("alice/yubikey gets its first file")
        .stdout_contains("people/alice/yubikey/alice-yubikey.crt")
        .stdout_lacks("alice-yubikey.p12");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
    run(&lab, ["build"])
        .succeeds()
        .stdout_contains("alice/old-laptop is let in with the certificate that it has");
    run(&lab, ["plan", "--expect-no-changes"]).succeeds();
    lab.write("homelab.kdl", DECLARATION);
    run(&lab, ["plan"])
        .succeeds()
        .stdout_contains("locks out alice/old-laptop");
}

/// The name of an authority is somebody else's text, and reaches terminals, scripts and policies.
#[test]
fn a_name_that_does_not_show_harms_nothing() {
    let recipe = Recipe::new(P256, CA);
    recipe.openssl("req -new -utf8 -key ca.key -subj /CN=evil\u{202e}\u{1b}[2Jtxt -out evil.csr");
    recipe.openssl(
        "x509 -req -in evil.csr -signkey ca.key -days 900 -extfile extensions -out evil.pem",
    );
    let devices = "device \"pc\" platform=\"windows\"; device \"mac\" platform=\"macos\"; device \"box\" platform=\"linux\"";
    let lab = Lab::new().declare(&with(devices));
    let (certificate, key) = (recipe.path("evil.pem"), recipe.path("ca.key"));
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let hidden = |text: &str| text.contains(['\u{202e}', '\u{1b}']);
    for command in [
        &["adopt", &certificate, "--key", &key][..],
        &["adopt", &certificate, "--key", &key],
        &["status"],
        &["status", "--json"],
        &["revoke", "alice/pc"],
        &["verify"],
        &["verify", "out/people/alice/box/alice-box.p12"],
    ] {
        let done = lab.command(command.iter().copied()).run();
        done.succeeds();
        assert!(!hidden(done.stdout()) && !hidden(done.stderr()), "{done:?}");
    }
    assert!(!hidden(&lab.read("out/people/alice/box/install.sh")));
}
