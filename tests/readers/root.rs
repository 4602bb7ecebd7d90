//! The root secret: what age makes of homelab.age, and homelab of what age wrote.

use std::path::{Path, PathBuf};

use crate::family::{Built, ISSUED};
use crate::support::files::{changed, snapshot};
use crate::support::lab::{Invocation, Lab};
use crate::support::outcome;
use crate::support::tools;
use crate::terminal::{PYTHON, TYPIST, away_from_terminals, typing};

/// Few devices: these tests build often.
const SMALL: &str = "domain \"home.example.com\"\nperson \"alice\" {\n    device \"pixel\" platform=\"android\"\n    device \"laptop\" platform=\"linux\"\n}\n";

const PASSPHRASE: &str = "correct horse battery staple";

/// The identity that homelab makes where there is none.
pub fn identity(lab: &Lab) -> PathBuf {
    lab.home().join(".config/homelab/identity.txt")
}

/// What Debian's age finds in homelab.age.
#[track_caller]
pub fn plaintext(lab: &Lab) -> String {
    decrypt(lab, &identity(lab))
}

#[track_caller]
fn decrypt(lab: &Lab, identity: &Path) -> String {
    let mut command = tools::command("age");
    command
        .arg("-d")
        .arg("-i")
        .arg(identity)
        .arg(lab.path().join("homelab.age"));
    outcome::run(&mut command, b"")
        .succeeds()
        .stdout()
        .to_owned()
}

/// What `homelab-root-1` introduces: the 64 hexadecimal digits of the secret itself.
#[track_caller]
pub fn digits(plaintext: &str) -> &str {
    let digits = plaintext
        .strip_prefix("homelab-root-1 ")
        .and_then(|rest| rest.strip_suffix('\n'))
        .unwrap_or_else(|| panic!("no root secret: {plaintext:?}"));
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    assert!(
        digits.len() == 64 && digits.bytes().all(hexadecimal),
        "{digits:?}"
    );
    digits
}

#[test]
fn age_opens_the_root_secret() {
    let built = Built::of(SMALL);
    digits(&plaintext(&built.lab));

    let recipient = recipient(&identity(&built.lab));
    let file = std::fs::read_to_string(identity(&built.lab)).expect("homelab has made it");
    assert!(
        file.contains(&format!("# public key: {recipient}\n")),
        "it is the one that age computes"
    );

    let other = built.scratch().join("other.txt");
    keygen(&other);
    let mut command = tools::command("age");
    command
        .arg("-d")
        .arg("-i")
        .arg(&other)
        .arg(built.lab.path().join("homelab.age"));
    outcome::run(&mut command, b"")
        .fails_with(1)
        .stderr_contains("no identity matched");
}

#[test]
fn an_identity_that_age_keygen_made_is_taken() {
    let lab = Lab::new().declare(SMALL);
    let key = lab.home().join("key.txt");
    keygen(&key);
    let key = key.to_str().expect("temporary paths are UTF-8");
    lab.command(["build", "--identity", key]).run().succeeds();
    digits(&decrypt(&lab, Path::new(key)));
    assert!(!identity(&lab).exists(), "no other identity is made");
    lab.command(["password", "alice/pixel"])
        .run()
        .fails_with(3)
        .stderr_contains("root::no-identity");
    lab.command(["password", "alice/pixel"])
        .env("HOMELAB_IDENTITY", key)
        .run()
        .succeeds();
}

/// age's own encryption, armoured and not, to one recipient and to several.
#[test]
fn a_root_secret_that_age_encrypted_anew_gives_the_same_tree() {
    let built = Built::of(SMALL);
    let (ours, text) = (identity(&built.lab), plaintext(&built.lab));
    let other = built.scratch().join("other.txt");
    keygen(&other);
    let (to_us, to_other) = (recipient(&ours), recipient(&other));
    for options in [
        &["-r", &to_us][..],
        &["-a", "-r", &to_us],
        &["-a", "-r", &to_other, "-r", &to_us],
    ] {
        let lab = built.lab.copy();
        let mut command = tools::command("age");
        command.args(options);
        let sealed = outcome::run(&mut command, text.as_bytes());
        lab.write("homelab.age", &sealed.succeeds().stdout);
        std::fs::remove_dir_all(lab.path().join("out")).expect("it was copied");
        lab.command(["build", "--locked"]).run().succeeds();
        assert_same_tree(&built.lab, &lab);
    }
}

#[test]
fn another_root_secret_is_refused_though_age_encrypted_it_well() {
    let built = Built::of(SMALL);
    let to_us = recipient(&identity(&built.lab));
    let text = plaintext(&built.lab);
    for (plain, code) in [
        (
            format!("homelab-root-1 {}\n", "00".repeat(32)),
            "root::foreign",
        ),
        (text[..text.len() - 2].to_owned(), "root::cannot-open"),
        (String::from("rubbish\n"), "root::cannot-open"),
        (String::new(), "root::cannot-open"),
    ] {
        let lab = built.lab.copy();
        let mut command = tools::command("age");
        let sealed = outcome::run(command.args(["-r", &to_us]), plain.as_bytes());
        lab.write("homelab.age", &sealed.succeeds().stdout);
        let before = lab.snapshot();
        for command in [&["build"][..], &["password", "alice/pixel"]] {
            lab.command(command)
                .run()
                .fails_with(3)
                .stdout_is("")
                .stderr_contains(code);
        }
        assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
    }
}

/// After `init` alone, that is: there is a secret, and nothing has been issued from it yet.
#[test]
fn a_first_build_that_cannot_open_the_secret_writes_nothing() {
    let lab = Lab::new();
    lab.command(["init"]).run().succeeds();
    let lab = lab.declare(SMALL);
    let stranger = lab.home().join("stranger.txt");
    keygen(&stranger);
    let stranger = stranger.to_str().expect("temporary paths are UTF-8");
    let before = lab.snapshot();
    for options in [["--identity", stranger], ["--root-command", "false"]] {
        let build = lab.command(["build"].iter().chain(&options).copied());
        build.run().fails_with(3).stdout_is("");
        assert_eq!(changed(&before, &lab.snapshot()), [""; 0], "{options:?}");
    }
}

#[test]
fn a_passphrase_is_asked_for_on_the_terminal() {
    let lab = Lab::new();
    let init = || lab.command(["init", "--passphrase"]);
    let different = typing(init(), &[PASSPHRASE, "correct horse battery stable"]).run();
    different
        .fails_with(3)
        .stdout_contains("was not the same both times");
    // Before it is asked for again.
    typing(init(), &["too short"])
        .run()
        .fails_with(3)
        .stdout_contains("fewer than 12 characters")
        .stdout_contains("five random words")
        .stdout_lacks("Once more");
    assert_eq!(lab.snapshot().len(), 1, "nothing was written");
    away_from_terminals(init())
        .run()
        .fails_with(3)
        .stderr_contains("root::no-terminal");

    let done = typing(init(), &[PASSPHRASE, PASSPHRASE]).run();
    done.succeeds();
    assert!(!done.stdout().contains(PASSPHRASE), "{done}");
    assert!(!identity(&lab).exists(), "no identity is needed");
    let lab = lab.declare(SMALL);
    let build = || lab.command(["build"]).at(ISSUED);

    let before = lab.read("homelab.lock");
    let wrong = typing(build(), &["correct horse battery stable"]).run();
    wrong
        .fails_with(3)
        .stdout_contains("root::cannot-open")
        .stdout_contains("the passphrase is wrong");
    let nobody = away_from_terminals(build()).run();
    nobody
        .fails_with(3)
        .stderr_contains("root::no-terminal")
        .stderr_contains("run this in a terminal");
    // What is on standard input is nobody's answer.
    away_from_terminals(build())
        .stdin(format!("{PASSPHRASE}\n"))
        .run()
        .fails_with(3);
    assert_eq!(lab.read("homelab.lock"), before, "nothing was issued");

    typing(build(), &[PASSPHRASE])
        .run()
        .succeeds()
        .stdout_contains("issued alice/pixel");
    // Nothing is to be made, so nothing is asked.
    away_from_terminals(build()).run().succeeds();
    let password = || lab.command(["password", "alice/pixel"]);
    typing(password(), &[PASSPHRASE]).run().succeeds();
    away_from_terminals(password())
        .run()
        .fails_with(3)
        .stdout_is("");

    let mut age = tools::command(PYTHON);
    age.args(["-c", TYPIST])
        .arg(tools::tool("age"))
        .arg("-d")
        .arg(lab.path().join("homelab.age"));
    let opened = outcome::run(&mut age, format!("{PASSPHRASE}\n").as_bytes());
    let shown = opened.succeeds().stdout();
    let from = shown
        .find("homelab-root-1 ")
        .unwrap_or_else(|| panic!("{opened}"));
    digits(&shown[from..]);
}

#[test]
fn a_root_command_stands_in_for_the_identity() {
    let built = Built::of(SMALL);
    let lab = built.lab.copy();
    let away = lab.home().join("away.txt");
    std::fs::rename(identity(&lab), &away).expect("the identity was copied");
    std::fs::remove_dir_all(lab.path().join("out")).expect("it was copied");
    let command = format!("age -d -i '{}' homelab.age", away.display());

    lab.command(["build"])
        .run()
        .fails_with(3)
        .stderr_contains("root::no-identity");
    with_root_command(&lab, &["build"], &command)
        .run()
        .succeeds();
    assert_same_tree(&built.lab, &lab);
    let password = with_root_command(&lab, &["password", "alice/pixel"], &command).run();
    assert_eq!(
        password.succeeds().stdout(),
        format!("{}\n", built.password(built.device("alice/pixel")))
    );

    // The secret may be kept elsewhere altogether.
    std::fs::remove_file(lab.path().join("homelab.age")).expect("it was copied");
    std::fs::remove_dir_all(lab.path().join("out")).expect("it has been built");
    let elsewhere = format!("printf '{}\\n'", plaintext(&built.lab).trim_end());
    with_root_command(&lab, &["build"], &elsewhere)
        .run()
        .succeeds();
    assert_same_tree(&built.lab, &lab);
}

#[test]
fn a_root_command_that_fails_changes_nothing() {
    let built = Built::of(SMALL);
    let lab = &built.lab;
    std::fs::remove_dir_all(lab.path().join("out/people")).expect("it has been built");
    let before = lab.snapshot();
    let secret = plaintext(lab);
    let secret = secret.trim_end();
    for (command, said) in [
        ("false", "root::command"),
        ("exit 7", "exit status: 7"),
        ("kill -9 $$", "signal: 9"),
        ("no-such-command", "exit status: 127"),
        ("echo rubbish", "no root secret"),
        ("true", "no root secret"),
        ("printf '\\377\\376'", "no root secret"),
        // Endless rubbish ends too.
        ("yes", "root::command"),
        ("echo homelab-root-1 00", "no root secret"),
        (&format!("echo '{secret}'; echo more"), "no root secret"),
        // The right answer from a command that then failed is not to be trusted.
        (&format!("echo '{secret}'; exit 1"), "exit status: 1"),
        (
            &format!("echo homelab-root-1 {}", "00".repeat(32)),
            "root::foreign",
        ),
    ] {
        for arguments in [&["build"][..], &["password", "alice/pixel"]] {
            let refused = with_root_command(lab, arguments, command).run();
            refused.fails_with(3).stdout_is("").stderr_contains(said);
            refused.stderr_lacks(digits(&format!("{secret}\n")));
        }
        assert_eq!(changed(&before, &lab.snapshot()), [""; 0], "{command}");
    }
}

fn with_root_command(lab: &Lab, arguments: &[&str], command: &str) -> Invocation {
    lab.command(
        arguments
            .iter()
            .chain(&["--root-command", command])
            .copied(),
    )
}

/// The output trees are the same, but for the manifest: that records from which homelab.age the bundles were made.
#[track_caller]
fn assert_same_tree(one: &Lab, other: &Lab) {
    let differences = changed(
        &snapshot(&one.path().join("out")),
        &snapshot(&other.path().join("out")),
    );
    let manifest = "~ .homelab/manifest.kdl";
    assert!(
        differences.iter().all(|line| line.starts_with(manifest)),
        "{differences:#?}"
    );
}

#[track_caller]
fn keygen(path: &Path) {
    let mut command = tools::command("age-keygen");
    outcome::run(command.arg("-o").arg(path), b"").succeeds();
}

#[track_caller]
fn recipient(identity: &Path) -> String {
    let mut command = tools::command("age-keygen");
    let printed = outcome::run(command.arg("-y").arg(identity), b"");
    printed.succeeds().stdout().trim_end().to_owned()
}
