//! `homelab verify` of trees and of single bundles: what was tampered with is named; other programs' bundles are read; no file
//! brings it down.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::family::{Built, ISSUED, WHILE_VALID};
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::recipe::{CA, P256, PASSWORD, Recipe};
use crate::support::tools;
use crate::terminal::{away_from_terminals, typing};

const PIXEL: &str = "out/people/alice/pixel/alice-pixel.p12";

#[track_caller]
fn verify(lab: &Lab, arguments: &[&str]) -> Outcome {
    let command = lab.command(["verify"].iter().chain(arguments));
    let before = lab.snapshot();
    let outcome = away_from_terminals(command.at(WHILE_VALID)).run();
    assert!(before == lab.snapshot(), "it changes nothing\n{outcome}");
    outcome
}

#[test]
fn what_was_built_is_well() {
    let family = Built::family();
    verify(&family.lab, &[])
        .succeeds()
        .stdout_is("out: 42 files in the manifest, 12 bundles opened; nothing is wrong\n")
        .stderr_is("");
    verify(&family.lab, &["out/"]).succeeds();
    verify(&family.lab, &["--no-secret"])
        .succeeds()
        .stdout_contains("0 bundles opened, 12 not opened; nothing else is wrong\n");
    verify(&family.lab, &["--identity", "/nowhere"])
        .fails_with(3)
        .stdout_contains("0 bundles opened, 12 not opened")
        .stderr_contains("12 bundles were not opened, for the root secret could not be had");
    let json = verify(&family.lab, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(json.succeeds().stdout()).expect("JSON");
    assert_eq!(json["bundles_opened"], 12);
    assert_eq!(json["findings"], serde_json::json!([]));
    verify(&family.lab, &["elsewhere"])
        .fails_with(3)
        .stderr_contains("verify::nothing-there");
    verify(&family.lab, &["out", "out"]).fails_with(2);
}

/// Each fault, planted in a copy, and what is said of it.
#[test]
fn every_kind_of_fault_in_a_tree_is_named() {
    type Plant<'a> = Box<dyn Fn(&Lab) + 'a>;
    let family = Built::family();
    let path = |lab: &Lab, name: &str| lab.path().join(name);
    let mode = |lab: &Lab, name: &str, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path(lab, name), mode).expect("it is there");
    };
    let append = |lab: &Lab, name: &str| {
        let mut bytes = lab.read_bytes(name);
        bytes.push(b'\n');
        lab.write(name, bytes);
    };
    let plants: Vec<(Plant<'_>, &str)> = vec![
        (
            Box::new(|lab| append(lab, "out/edge/Caddyfile")),
            "wrong  out/edge/Caddyfile: its content is not what was written\n",
        ),
        (
            Box::new(|lab| fs::remove_file(path(lab, "out/edge/ca.crl")).unwrap()),
            "wrong  out/edge/ca.crl: it is missing\n",
        ),
        (
            Box::new(|lab| mode(lab, PIXEL, 0o644)),
            "wrong  out/people/alice/pixel/alice-pixel.p12: its mode is 0644, and was 0600\n",
        ),
        (
            Box::new(|lab| mode(lab, "out/people/alice/pixel", 0o755)),
            "wrong  out/people/alice/pixel: its mode is another than was given to it\n",
        ),
        (
            Box::new(|lab| {
                fs::rename(path(lab, PIXEL), path(lab, "kept.p12")).unwrap();
                symlink("/etc/passwd", path(lab, PIXEL)).unwrap();
            }),
            "wrong  out/people/alice/pixel/alice-pixel.p12: it is no file any more\n",
        ),
        (
            Box::new(|lab| lab.write(PIXEL, lab.read_bytes("out/people/bob/ipad/bob-ipad.p12"))),
            "it does not open with the password of alice/pixel: the password is wrong, or the file is damaged\n",
        ),
        (
            Box::new(|lab| lab.write(PIXEL, "no bundle")),
            "wrong  out/people/alice/pixel/alice-pixel.p12: it is not a PKCS#12 file, or it is cut short\n",
        ),
        (
            Box::new(|lab| append(lab, "out/.homelab/manifest.kdl")),
            "wrong  out/.homelab/manifest.kdl: it is damaged, and tells of no file\n",
        ),
    ];
    for (plant, said) in plants {
        let lab = family.lab.copy();
        plant(&lab);
        verify(&lab, &[])
            .fails_with(4)
            .stdout_contains(said)
            .stderr_contains("verify::not-as-it-should-be");
    }
    let lab = family.lab.copy();
    lab.write("out/people/alice/notes.txt", "mine");
    verify(&lab, &[])
        .succeeds()
        .stdout_contains("note   out/people/alice/notes.txt: it is not homelab's\n");
}

/// Trees that are what their manifest says, and not what the declaration and the lock say.
#[test]
fn a_tree_of_other_inputs_is_named() {
    let family = Built::family();
    let lab = family.lab.copy();
    let declaration = lab.read("homelab.kdl");
    let wider = declaration.replace("allow \"alice\"", "allow \"alice\" \"bob\"");
    assert!(wider != declaration);
    lab.write("homelab.kdl", wider);
    lab.command(["build"]).at(ISSUED).run().succeeds();
    lab.write("homelab.kdl", &declaration);
    verify(&lab, &[]).fails_with(4).stdout_contains(
        "wrong  out/edge/sites.caddyfile: it is not what homelab.kdl and homelab.lock give",
    );

    let lab = family.lab.copy();
    let revoke = lab.command(["revoke", "alice/pixel", "--out", "elsewhere"]);
    revoke.at(ISSUED).run().succeeds();
    let outcome = verify(&lab, &["out"]);
    outcome
        .fails_with(4)
        .stdout_contains("out/edge/ca.crl.der: it does not list a certificate of alice/pixel\n")
        .stdout_contains("alice-pixel.p12: it does not open with the password of alice/pixel");
    verify(&lab, &["elsewhere"]).succeeds();

    let lab = family.lab.copy();
    let rotate = lab.command(["rotate", "--authority", "--out", "elsewhere"]);
    rotate.at(ISSUED).run().succeeds();
    verify(&lab, &["out"])
        .fails_with(4)
        .stdout_contains("out/edge/ca.pem: it does not hold the authorities of homelab.lock\n");

    // Time alone.
    let late = family
        .lab
        .command(["verify"])
        .at(WHILE_VALID + 366 * 24 * 3600);
    late.run().fails_with(4).stdout_contains(
        "alice-pixel.p12: its certificate ended on 2027-01-01 00:00 UTC, 25 hours ago\n",
    );
}

#[test]
fn a_bundle_is_told_whose_it_is() {
    let family = Built::family();
    let lab = &family.lab;
    let strange = family.file("Download (3).bin", lab.read_bytes(PIXEL));
    let strange = strange.to_str().expect("a test's paths are UTF-8");
    verify(lab, &[strange])
        .succeeds()
        .stdout_contains("  device       alice/pixel, active (android)\n")
        .stdout_contains("2025-12-31 23:00 UTC to 2027-01-01 00:00 UTC, ends in 11 months; certificates begin")
        .stdout_contains("  kind of file modern (")
        .stdout_contains("; the platform wants modern\nnothing is wrong\n")
        .stdout_contains("; certificates begin an hour before they are issued, for servers whose clocks are late\n");
    lab.command(["renew", "alice/pixel"])
        .at(ISSUED)
        .run()
        .succeeds();
    verify(lab, &[strange])
        .succeeds()
        .stdout_contains(
            "  device       alice/pixel, replaced, let in until 2026-01-31 00:00 UTC (android)\n",
        )
        .stdout_contains("note   ");
    lab.command(["renew", "--finish", "alice/pixel"])
        .at(ISSUED)
        .run()
        .succeeds();
    verify(lab, &[strange])
        .fails_with(4)
        .stdout_contains("alice/pixel, retired since 2026-01-01 00:00 UTC (android)\n")
        .stdout_contains(
            "its certificate was shut out on 2026-01-01 00:00 UTC, and is let in nowhere\n",
        );
    let revoke = ["revoke", "--no-replace", "bob/ipad"];
    let kept = family.file(
        "ipad.p12",
        lab.read_bytes("out/people/bob/ipad/bob-ipad.p12"),
    );
    lab.command(revoke).at(ISSUED).run().succeeds();
    let kept = kept.to_str().expect("a test's paths are UTF-8");
    verify(lab, &[kept])
        .fails_with(4)
        .stdout_contains("bob/ipad, barred since");

    // The lock has forgotten it, as after its end, or as where somebody signs with a stolen key.
    let line = family.device("carol/firefox").fingerprint.clone();
    let lock = lab.read("homelab.lock");
    let without: String = lock
        .lines()
        .filter(|l| !l.contains(&line))
        .map(|l| format!("{l}\n"))
        .collect();
    let file = lab.read_bytes("out/people/carol/firefox/carol-firefox.p12");
    let password = family.password(family.device("carol/firefox"));
    lab.write("homelab.lock", without);
    let file = family.file("x.p12", file);
    let file = file.to_str().expect("a test's paths are UTF-8");
    let secret = family.file("password", format!("{password}\n"));
    let secret = secret.to_str().expect("a test's paths are UTF-8");
    verify(lab, &[file, "--password-file", secret])
        .fails_with(4)
        .stdout_contains("homelab.lock does not record its certificate, though `")
        .stdout_contains("it is let in nowhere\n");
}

/// What openssl writes, with each way of protecting it; there is no homelab where it is read.
#[test]
fn bundles_of_openssl_are_read_anywhere() {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let script = r#"
        set -eu
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=other -keyout ec.key -out ec.pem
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=other -keyout rsa.key -out rsa.pem
        make() { name=$1 kind=$2; shift 2; openssl pkcs12 -export -in $kind.pem -inkey $kind.key -name x -passout pass:other "$@" -out $name.p12; }
        openssl req -x509 -newkey ed25519 -nodes -days 30 -subj /CN=other -keyout ed25519.key -out ed25519.pem
        make default ec
        make triple ec -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1
        make mixed ec -certpbe PBE-SHA1-3DES -keypbe AES-128-CBC -macalg sha512 -iter 5000
        make nomac ec -nomac
        make rsa rsa
        make ed25519 ed25519
        make chain ec -certfile rsa.pem
        make rc2 ec -legacy
        make work ec -iter 4500000 -nomaciter
    "#;
    let mut shell = tools::command("sh");
    shell.args(["-c", script]).current_dir(place.path());
    outcome::run(&mut shell, b"").succeeds();
    let lab = Lab::new();
    let read = |lab: &Lab, name: &str, password: &str| {
        let path = place.path().join(name);
        let path = path.to_str().expect("a test's paths are UTF-8");
        let command = lab.command(["verify", path, "--password-file", "-"]);
        command.stdin(format!("{password}\n")).run()
    };
    for (name, said) in [
        (
            "default.p12",
            "modern (AES-256, PBKDF2-HMAC-SHA-256, 2048 iterations; MAC HMAC-SHA-256",
        ),
        ("rsa.p12", "modern (AES-256, PBKDF2-HMAC-SHA-256"),
        (
            "triple.p12",
            "compat (3DES, SHA-1, 2048 iterations; MAC HMAC-SHA-1, ",
        ),
        (
            "mixed.p12",
            "neither compat nor modern (3DES, SHA-1, 5000 iterations; AES-128, PBKDF2-HMAC-SHA-256, 5000 iterations; MAC HMAC-SHA-512",
        ),
    ] {
        read(&lab, name, "other")
            .succeeds()
            .stdout_contains("  device       not known here: there is no homelab.lock\n")
            .stdout_contains(
                "the file is readable; whether it is still let in cannot be told here\n",
            )
            .stdout_lacks("nothing is wrong")
            .stdout_contains(said);
        read(&lab, name, "wrong")
            .fails_with(3)
            .stderr_contains("the password is wrong");
    }
    for (name, said) in [
        ("nomac.p12", "it has no MAC, and importers refuse it"),
        (
            "ed25519.p12",
            "its key is not one of P-256, P-384 or RSA from 2048 to 4096 bits",
        ),
        ("chain.p12", "it holds 2 certificates, not one"),
    ] {
        read(&lab, name, "other")
            .fails_with(4)
            .stdout_contains(said);
    }
    read(&lab, "rc2.p12", "other")
        .fails_with(3)
        .stderr_contains("RC2 of 40 bits");
    let work = read(&lab, "work.p12", "other");
    work.fails_with(3)
        .stderr_contains("it asks for more work than any honest file does");
    assert!(work.elapsed.as_secs() < 20, "{work}");

    // Within a homelab it is a stranger's.
    let family = Built::family();
    read(&family.lab, "default.p12", "other")
        .fails_with(4)
        .stdout_contains("  device       unknown to this homelab\n")
        .stdout_contains("its certificate is not of this homelab\n")
        .stdout_contains("its certificate is one of an authority (CA:TRUE)\n");
}

#[test]
fn the_password_is_asked_for_where_it_is_not_known() {
    let family = Built::family();
    let lab = Lab::new();
    lab.write("handed-back.p12", family.lab.read_bytes(PIXEL));
    let password = family.password(family.device("alice/pixel"));
    let command = || lab.command(["verify", "handed-back.p12"]);
    typing(command(), &[&password])
        .run()
        .succeeds()
        .stdout_contains("Password of handed-back.p12:")
        .stdout_contains("CN=alice-pixel")
        .stdout_lacks(&password);
    typing(command(), &["wrong"])
        .run()
        .fails_with(3)
        .stdout_contains("verify::cannot-open");
    away_from_terminals(command())
        .run()
        .fails_with(3)
        .stderr_contains("verify::no-terminal");
    // The secret is elsewhere: who knows the password goes on.
    let command = family
        .lab
        .command(["verify", PIXEL, "--identity", "/nowhere"]);
    typing(command, &[&password])
        .run()
        .stdout_contains("No password can be derived, for there is no identity at `/nowhere`")
        .stdout_contains("alice/pixel, active");
}

#[test]
fn no_file_brings_it_down() {
    let family = Built::family();
    let whole = family.lab.read_bytes(PIXEL);
    let lab = Lab::new();
    let check = |bytes: &[u8]| {
        lab.write("x.p12", bytes);
        let outcome = lab
            .command(["verify", "x.p12", "--password-file", "-"])
            .stdin("x\n")
            .run();
        outcome.fails_with(3);
        assert!(outcome.elapsed.as_secs() < 20, "{outcome}");
    };
    for length in (0..whole.len()).step_by(whole.len() / 16) {
        check(&whole[..length]);
    }
    check(&vec![0x30; 100_000]);
    // Nested without end.
    check(&[0x30, 0x80].repeat(50_000));
    check(&vec![0; 1 << 20]);
    lab.write("dir/x", "");
    assert!(Path::new(&lab.path().join("dir")).is_dir());
    let fifo = lab.path().join("fifo");
    tools::run("mkfifo", [&fifo]).succeeds();
    let outcome = lab.command(["verify", "fifo"]).run();
    assert!(
        !outcome.status.success() && outcome.elapsed.as_secs() < 20,
        "{outcome}"
    );
}

/// A profile is held against what it should be as a whole: its .p12 may be right, and something else beside it.
#[test]
fn a_profile_that_was_added_to_is_named() {
    let family = Built::family();
    let profile = "out/people/bob/iphone/bob-iphone.mobileconfig";
    let altered = family
        .lab
        .read(profile)
        .replace("PayloadVersion", "PayloadVersions");
    family.lab.write(profile, &altered);
    // Whoever changes the manifest too.
    let manifest = "out/.homelab/manifest.kdl";
    let (was, is) = (
        family.lab.read(manifest),
        blake3::hash(altered.as_bytes()).to_hex().to_string(),
    );
    let line = was
        .lines()
        .find(|line| line.contains("bob-iphone.mobileconfig"));
    let line = line.expect("the manifest names it");
    let (_, content) = line.split_once(" content=\"").expect("it has a hash");
    let content = &content[..64];
    family.lab.write(manifest, was.replace(content, &is));
    let told = verify(&family.lab, &[]);
    told.fails_with(4).stdout_contains(profile);
}

/// NSS writes BER: Firefox, Thunderbird and pk12util.
#[test]
fn what_nss_writes_is_read() {
    let recipe = Recipe::new(P256, CA);
    recipe.issue("laptop");
    let database = tempfile::tempdir().expect("a temporary directory can be made");
    let place = format!("sql:{}", database.path().display());
    let nss = |tool: &str, arguments: &[&str]| {
        let mut command = tools::command(tool);
        outcome::run(command.args(arguments).args(["-d", &place]), b"")
    };
    nss("certutil", &["-N", "--empty-password"]).succeeds();
    let theirs = recipe.path("laptop.p12").display().to_string();
    nss("pk12util", &["-i", &theirs, "-n", "laptop", "-W", PASSWORD]).succeeds();
    let listed = nss("certutil", &["-L"]);
    let line = listed
        .succeeds()
        .stdout()
        .lines()
        .find(|line| line.contains("u,u,u"));
    let name = line
        .and_then(|line| line.split("  ").next())
        .expect("it has a key");
    let out = database.path().join("nss.p12");
    let shown = out.display().to_string();
    nss("pk12util", &["-o", &shown, "-n", name, "-W", "secret"]).succeeds();
    let written = fs::read(&out).expect("it was written");
    assert_eq!(written[..2], [0x30, 0x80], "of a length that is not told");

    let lab = Lab::new().declare("domain \"home.example.com\"\n");
    lab.write("pw", "secret");
    lab.write("wrong", "another");
    let verify = |password: &str| {
        lab.command(["verify", &shown, "--password-file", password])
            .run()
    };
    verify("pw")
        .stdout_contains("CN=laptop")
        .stdout_contains("PBKDF2");
    verify("wrong")
        .stdout_lacks("CN=laptop")
        .stderr_contains("the password is wrong");
    for length in (1..written.len()).step_by(101) {
        fs::write(&out, &written[..length]).expect("it can be written");
        verify("pw").fails_with(3).stdout_lacks("CN=laptop");
    }
}
