//! `rotate --reseal` and `--seal-command`: who can open homelab.age, and that somebody always can.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::renewal::{DECLARATION, run};
use crate::support::files::changed;
use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::recipe::Recipe;
use crate::support::tools;

fn own(lab: &Lab) -> PathBuf {
    lab.home().join(".config/homelab/identity.txt")
}

#[track_caller]
fn recipient(identity: &Path) -> String {
    let mut public = tools::command("age-keygen");
    let public = outcome::run(public.arg("-y").arg(identity), b"");
    public.succeeds().stdout().trim().to_owned()
}

/// A new identity, and its recipient.
#[track_caller]
fn identity(lab: &Lab, name: &str) -> (PathBuf, String) {
    let path = lab.home().join(name);
    let mut keygen = tools::command("age-keygen");
    outcome::run(keygen.arg("-o").arg(&path), b"").succeeds();
    let recipient = recipient(&path);
    (path, recipient)
}

/// Whether Debian's age opens homelab.age with this.
fn opens(lab: &Lab, identity: &Path) -> bool {
    let mut age = tools::command("age");
    age.args(["-d", "-i"]).arg(identity);
    let opened = outcome::run(age.arg(lab.path().join("homelab.age")), b"");
    opened.status.success()
}

#[track_caller]
fn refused<const N: usize>(lab: &Lab, arguments: [&str; N], code: i32, said: &str) {
    let before = lab.snapshot();
    let outcome = run(lab, 1, arguments);
    outcome
        .fails_with(code)
        .stderr_contains(said)
        .stderr_lacks("homelab-root-1 ");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0], "{arguments:?}");
}

#[test]
fn nobody_locks_himself_out_without_insisting() {
    let lab = Lab::built_on(0, DECLARATION);
    let (other, to_other) = identity(&lab, "other.txt");
    for command in ["--reseal", "--root"] {
        let said = "root::locked-out";
        refused(&lab, ["rotate", command, "-r", &to_other], 3, said);
    }
    let recipe = Recipe::of_2026();
    let [certificate, key] =
        ["ca.pem", "ca.key"].map(|name| recipe.path(name).display().to_string());
    let adopt = ["adopt", &certificate, "--key", &key, "-r", &to_other];
    refused(&lab, adopt, 3, "root::locked-out");
    run(&lab, 1, ["rotate", "--reseal", "-r", &to_other, "--force"])
        .succeeds()
        .stderr_contains(&recipient(&own(&lab)))
        .stderr_contains("homelab rotate --root");
    assert!(opens(&lab, &other) && !opens(&lab, &own(&lab)));
    // The word that it had before says the same, and which one it is now.
    let path = other.to_str().expect("a temporary path is plain");
    let to_own = recipient(&own(&lab));
    run(
        &lab,
        1,
        [
            "rotate",
            "--identity",
            "-r",
            &to_own,
            "-r",
            &to_other,
            "-i",
            path,
        ],
    )
    .succeeds()
    .stderr_contains("rotate --reseal");
    assert!(opens(&lab, &other) && opens(&lab, &own(&lab)));
    refused(&lab, ["rotate"], 2, "rotate::nothing");
    run(&lab, 1, ["rotate"])
        .stderr_contains("it is not said what to rotate")
        .stderr_contains("say `--authority` or `--root` to begin, `--finish` to end");
    refused(&lab, ["rotate", "-i", path], 2, "rotate::nothing");
    for both in ["--root", "--authority", "--finish"] {
        assert_eq!(
            run(&lab, 1, ["rotate", "--reseal", both]).status.code(),
            Some(2)
        );
    }
}

#[test]
fn somebody_is_added_and_removed_by_name() {
    let lab = Lab::built_on(0, DECLARATION);
    let to_own = recipient(&own(&lab));
    let (second, to_second) = identity(&lab, "second.txt");
    let (third, to_third) = identity(&lab, "third.txt");
    run(&lab, 1, ["rotate", "--reseal", "--add", &to_second])
        .succeeds()
        .stdout_contains("encrypted to 2 recipients")
        .stdout_contains(&to_second)
        .stderr_is("");
    run(
        &lab,
        1,
        ["rotate", "--reseal", "--add", &to_third, "--add", &to_third],
    )
    .succeeds();
    assert!(
        [&own(&lab), &second, &third]
            .iter()
            .all(|identity| opens(&lab, identity))
    );
    // Who they are is kept by whatever writes the file anew.
    run(&lab, 1, ["rotate", "--root"]).succeeds();
    assert!(
        [&own(&lab), &second, &third]
            .iter()
            .all(|identity| opens(&lab, identity))
    );
    // Anybody of them may take out another, and is told what that does not undo.
    let path = second.to_str().expect("a temporary path is plain");
    run(
        &lab,
        1,
        ["rotate", "--reseal", "--remove", &to_third, "-i", path],
    )
    .succeeds()
    .stderr_contains(&to_third)
    .stderr_contains("What cannot be undone")
    .stderr_contains("homelab rotate --root");
    assert!(opens(&lab, &own(&lab)) && opens(&lab, &second) && !opens(&lab, &third));
    let gone = ["rotate", "--reseal", "--remove", &to_third];
    refused(&lab, gone, 3, "root::not-a-recipient");
    let oneself = ["rotate", "--reseal", "--remove", &to_own];
    refused(&lab, oneself, 3, "root::locked-out");
    let all = [
        "rotate", "--reseal", "--remove", &to_own, "--remove", &to_second,
    ];
    refused(&lab, all, 3, "root::nobody-left");
    run(&lab, 1, ["build", "--check"]).succeeds();

    // What another program has encrypted tells nobody's name: then all are named once.
    let mut age = tools::command("age");
    let plain = outcome::run(
        age.args(["-d", "-i"])
            .arg(own(&lab))
            .arg(lab.path().join("homelab.age")),
        b"",
    );
    for recipients in [&[&to_own, &to_second, &to_third][..], &[&to_own, &to_third]] {
        let mut age = tools::command("age");
        age.arg("-a");
        recipients.iter().for_each(|to| _ = age.args(["-r", to]));
        let plain: String = match recipients.len() {
            // Not even where as many are said as there are: the one who opens it is not among them.
            2 => plain.stdout().replace(&to_own, &to_third),
            _ => plain.stdout().to_owned(),
        };
        let sealed = outcome::run(&mut age, plain.as_bytes());
        lab.write("homelab.age", &sealed.succeeds().stdout);
        let add = ["rotate", "--reseal", "--add", &to_second];
        refused(&lab, add, 3, "root::unknown-recipients");
    }
    run(
        &lab,
        1,
        ["rotate", "--reseal", "-r", &to_own, "-r", &to_third],
    )
    .succeeds()
    .stderr_contains("Whoever else could open it");
    run(&lab, 1, ["rotate", "--reseal", "--remove", &to_third]).succeeds();
    assert!(opens(&lab, &own(&lab)) && !opens(&lab, &third));
}

/// A key that only age can use, as one on hardware: of SSH here.
struct Keeper {
    seal: String,
    root: String,
    key: PathBuf,
}

impl Keeper {
    #[track_caller]
    fn new(lab: &Lab, name: &str) -> Keeper {
        let key = lab.home().join(name);
        let mut keygen = tools::command("ssh-keygen");
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key);
        outcome::run(&mut keygen, b"").succeeds();
        let path = key.display();
        Keeper {
            seal: format!("age -R {path}.pub -a"),
            root: format!("age -d -i {path} homelab.age"),
            key,
        }
    }
}

#[test]
fn commands_seal_and_open_from_init_to_the_end_of_a_rotation() {
    let lab = Lab::new();
    let keeper = Keeper::new(&lab, "key");
    let by = [
        "--seal-command",
        &keeper.seal,
        "--root-command",
        &keeper.root,
    ];
    let with = |lab: &Lab, day, words: &[&str], options: &[&str]| {
        let arguments = words.iter().chain(options).copied();
        lab.command(arguments).on(day).run()
    };
    with(&lab, 0, &["init"], &by).succeeds();
    assert!(!own(&lab).exists(), "no identity is needed");
    let lab = lab.declare(DECLARATION);
    with(&lab, 0, &["build"], &by[2..]).succeeds();
    assert!(opens(&lab, &keeper.key));
    // What has to write the file anew says what is missing.
    with(&lab, 1, &["rotate", "--root"], &by[2..])
        .fails_with(3)
        .stderr_contains("root::command-keeps")
        .stderr_contains("--seal-command");
    with(&lab, 1, &["rotate", "--root"], &by).succeeds();
    assert!(opens(&lab, &keeper.key));
    with(&lab, 2, &["renew", "--all"], &by[2..]).succeeds();
    // Nothing is dropped from the lock that could not be dropped from the file.
    let before = lab.snapshot();
    with(&lab, 3, &["rotate", "--finish", "--force"], &by[2..])
        .fails_with(3)
        .stderr_contains("root::command-keeps");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
    with(&lab, 3, &["rotate", "--finish", "--force"], &by).succeeds();
    let recipe = Recipe::of_2026();
    let [certificate, key] =
        ["ca.pem", "ca.key"].map(|name| recipe.path(name).display().to_string());
    let adopt = ["adopt", &certificate, "--key", &key];
    with(&lab, 4, &adopt, &by)
        .succeeds()
        .stdout_contains("adopted authority");
    with(&lab, 4, &["build", "--check"], &by[2..]).succeeds();
    assert!(opens(&lab, &keeper.key));

    // To another key, to an identity, and back.
    let next = Keeper::new(&lab, "next");
    let (plain, to_plain) = identity(&lab, "plain.txt");
    let plain = plain.to_str().expect("a temporary path is plain");
    let to_next = ["--seal-command", &next.seal, "--root-command", &next.root];
    with(&lab, 5, &["rotate", "--reseal"], &to_next)
        .fails_with(3)
        .stderr_contains("`--identity FILE`");
    let reseal = ["rotate", "--reseal", "-r", &to_plain, "-i", plain];
    with(&lab, 5, &reseal, &by[2..]).succeeds();
    with(&lab, 5, &["build", "--check", "-i", plain], &[]).succeeds();
    with(&lab, 5, &["rotate", "--reseal", "-i", plain], &to_next).succeeds();
    assert!(opens(&lab, &next.key) && !opens(&lab, &keeper.key));
    let names: Vec<String> = lab
        .snapshot()
        .into_keys()
        .filter(|name| name.contains(".age."))
        .collect();
    assert_eq!(names, [""; 0], "nothing is left beside it");
}

#[test]
fn a_seal_command_that_fails_loses_nothing() {
    let lab = Lab::built_on(0, DECLARATION);
    let keeper = Keeper::new(&lab, "key");
    let stranger = Keeper::new(&lab, "stranger");
    let path = own(&lab);
    let path = path.to_str().expect("a temporary path is plain");
    for (seal, root, said) in [
        ("false", keeper.root.as_str(), "exit status: 1"),
        ("no-such-command", &keeper.root, "exit status: 127"),
        ("true", &keeper.root, "no age file"),
        // What would put the secret itself into git.
        ("cat", &keeper.root, "no age file"),
        ("yes", &keeper.root, "root::seal-command"),
        (
            "echo age-encryption.org/v1; cat",
            &keeper.root,
            "no age file",
        ),
        (&stranger.seal, &keeper.root, "root::does-not-open"),
        (
            &format!("head -c 20 | {}", keeper.seal),
            &keeper.root,
            "root::does-not-open",
        ),
        (
            &format!("cat homelab.age; exit 3; {}", keeper.seal),
            &keeper.root,
            "exit status: 3",
        ),
        // Another file that opens well, and is not what was sealed.
        (
            &format!("echo homelab-root-1 {} | {}", "00".repeat(32), keeper.seal),
            &keeper.root,
            "root::does-not-open",
        ),
        (
            &keeper.seal,
            "pass show homelab",
            "root::command-names-nothing",
        ),
        (&keeper.seal, "true # homelab.age", "root::does-not-open"),
    ] {
        let reseal = [
            "rotate",
            "--reseal",
            "-i",
            path,
            "--seal-command",
            seal,
            "--root-command",
            root,
        ];
        refused(&lab, reseal, 3, said);
    }
    // A script is told where the file lies.
    let script = format!("age -d -i {} \"$HOMELAB_AGE\"", keeper.key.display());
    run(
        &lab,
        1,
        [
            "rotate",
            "--reseal",
            "-i",
            path,
            "--seal-command",
            &keeper.seal,
            "--root-command",
            &script,
        ],
    )
    .succeeds();
    run(&lab, 1, ["build", "--check", "--root-command", &script]).succeeds();
    assert!(opens(&lab, &keeper.key));
    run(
        &lab,
        1,
        ["rotate", "--reseal", "--seal-command", &keeper.seal],
    )
    .fails_with(2);
}

#[test]
fn keys_of_other_kinds_are_named_and_passed_over() {
    let lab = Lab::built_on(0, DECLARATION);
    let native = fs::read_to_string(own(&lab)).expect("it was made");
    let ssh = Keeper::new(&lab, "key");
    let ssh = fs::read_to_string(ssh.key).expect("it was made");
    let plugin = "# Recipient: age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t\nAGE-PLUGIN-YUBIKEY-1XQJYQYZVXCTQ9FGZ7V\n";
    let pq = "AGE-SECRET-KEY-PQ-1QQPQYQSZQ\n";
    lab.write("keys.txt", &native);
    let mut age = tools::command("age");
    let protected = outcome::run(
        age.args(["-a", "-r", &recipient(&own(&lab))]),
        native.as_bytes(),
    );
    for (text, said) in [
        (plugin, "a key of the plugin `age-plugin-yubikey`"),
        (pq, "a post-quantum key of age's"),
        (ssh.as_str(), "a key of SSH"),
        (protected.stdout(), "an identity that a passphrase protects"),
    ] {
        lab.write("keys.txt", text);
        let outcome = run(&lab, 1, ["password", "alice/pixel", "-i", "keys.txt"]);
        outcome
            .fails_with(3)
            .stderr_contains("root::bad-identity")
            .stderr_contains("--root-command");
        let told: String = outcome
            .stderr()
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ");
        assert!(told.contains(said), "{outcome}");
    }
    for text in [
        format!("{plugin}{native}{pq}{ssh}"),
        format!("\u{feff}{}", native.replace('\n', "\r\n")),
    ] {
        lab.write("keys.txt", text);
        run(&lab, 1, ["password", "alice/pixel", "-i", "keys.txt"]).succeeds();
    }
    let yubikey = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
    for (recipient, said) in [
        (yubikey, "age-plugin-yubikey"),
        ("age1pq1qqpqyqszq", "post-quantum"),
        ("ssh-ed25519 AAAA", "SSH"),
    ] {
        run(&lab, 1, ["rotate", "--reseal", "--add", recipient])
            .fails_with(2)
            .stderr_contains(said)
            .stderr_contains("--seal-command");
    }
}

/// Two branches that each encrypt homelab.age to somebody else: git's marks are named, and what is advised works.
#[test]
fn a_conflict_in_homelab_age_is_named_and_solved_as_it_is_said() {
    let lab = Lab::built_on(0, DECLARATION);
    let to_own = recipient(&own(&lab));
    let (second, to_second) = identity(&lab, "second.txt");
    let (third, to_third) = identity(&lab, "third.txt");
    lab.write(".gitignore", "/out/\n");
    let done = |arguments: &[&str]| {
        let output = lab.git(arguments);
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    };
    done(&["init", "-q", "-b", "main"]);
    // As where nobody has told git that the file is no text.
    fs::write(
        lab.path().join(".git/info/attributes"),
        "homelab.age text diff merge\n",
    )
    .expect("git has made it");
    done(&["add", "-A"]);
    done(&["commit", "-qm", "begin"]);
    done(&["checkout", "-qb", "other"]);
    run(&lab, 1, ["rotate", "--reseal", "--add", &to_second]).succeeds();
    done(&["commit", "-qam", "second"]);
    done(&["checkout", "-q", "main"]);
    run(&lab, 1, ["rotate", "--reseal", "--add", &to_third]).succeeds();
    done(&["commit", "-qam", "third"]);
    assert!(!lab.git(&["merge", "-q", "other"]).status.success());
    refused(&lab, ["renew", "alice/pixel"], 3, "root::conflict");
    refused(
        &lab,
        ["rotate", "--reseal", "--add", &to_second],
        3,
        "git checkout --ours homelab.age",
    );
    done(&["checkout", "--ours", "homelab.age"]);
    run(
        &lab,
        1,
        [
            "rotate", "--reseal", "-r", &to_own, "-r", &to_second, "-r", &to_third,
        ],
    )
    .succeeds();
    done(&["add", "homelab.age"]);
    done(&["commit", "-qm", "both"]);
    assert!(
        [&own(&lab), &second, &third]
            .iter()
            .all(|identity| opens(&lab, identity))
    );
}

const PASSPHRASE: &str = "correct horse battery staple";

#[test]
fn a_passphrase_is_read_from_a_file_or_standard_input() {
    let lab = Lab::new();
    fs::write(lab.home().join("pass"), format!("{PASSPHRASE}\nmore\n")).expect("it can be written");
    fs::write(lab.home().join("new"), "another horse battery staple").expect("it can be written");
    fs::write(lab.home().join("short"), "short").expect("it can be written");
    let alone = |arguments: &[&str]| {
        lab.command(arguments.iter().copied())
            .on(0)
            .through(["setsid", "--wait"])
    };
    alone(&["init", "--passphrase-file", "../home/short"])
        .run()
        .fails_with(3)
        .stderr_contains("choose at least 12 characters, for instance five random words");
    alone(&["init", "--passphrase-file", "../home/none"])
        .run()
        .fails_with(3)
        .stderr_contains("root::passphrase-file");
    alone(&["init", "--passphrase-file", "../home/pass"])
        .run()
        .succeeds();
    lab.write("homelab.kdl", DECLARATION);
    alone(&["build"])
        .run()
        .fails_with(3)
        .stderr_contains("root::no-terminal")
        .stderr_contains("--root-passphrase-file");
    alone(&["build", "--root-passphrase-file", "-"])
        .stdin(format!("{PASSPHRASE}\n"))
        .run()
        .succeeds();
    alone(&[
        "password",
        "alice/pixel",
        "--root-passphrase-file",
        "../home/new",
    ])
    .run()
    .fails_with(3)
    .stderr_contains("the passphrase is wrong");
    let reseal = [
        "rotate",
        "--reseal",
        "--passphrase-file",
        "../home/new",
        "--root-passphrase-file",
        "../home/pass",
    ];
    alone(&reseal)
        .run()
        .succeeds()
        .stderr_contains("The former passphrase");
    alone(&[
        "password",
        "alice/pixel",
        "--root-passphrase-file",
        "../home/new",
    ])
    .run()
    .succeeds();
    // A pipe that somebody writes to, as a shell makes it.
    let piped = alone(&[
        "password",
        "alice/pixel",
        "--root-passphrase-file",
        "/dev/fd/9",
    ]);
    piped
        .through(["bash", "-c", "exec \"$@\" 9< <(cat ../home/new)", "bash"])
        .run()
        .succeeds();
}

/// As docs/lifecycle.md says it: a new homelab that trusts the old authority, and knows its certificates.
#[test]
fn who_has_lost_the_identity_carries_everybody_over() {
    let old = Lab::built_on(0, DECLARATION);
    fs::remove_file(own(&old)).expect("it was made");
    run(&old, 1, ["renew", "--all"]).fails_with(3);
    let status = run(&old, 1, ["status", "--json"]);
    let status: Value = serde_json::from_str(status.succeeds().stdout()).expect("it is JSON");
    let devices = status["devices"].as_array().expect("a list");
    let pixel = devices
        .iter()
        .find(|device| device["device"] == "alice/pixel" && device["state"] == "valid");
    let fingerprint = pixel.expect("it was issued")["certificate"]["fingerprint"].as_str();
    let fingerprint = fingerprint.expect("it has one");

    let device = "device \"pixel\" platform=\"android\";";
    let both = format!("{device} device \"pixel-before\" fingerprint=\"{fingerprint}\";");
    let new = Lab::new().declare(&DECLARATION.replace(device, &both));
    let authority = old.path().join("out/edge/ca.pem").display().to_string();
    run(&new, 1, ["adopt", &authority, "--trust-only"]).succeeds();
    let edge = new.read("out/edge/ca.pem");
    assert_eq!(edge.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(edge.contains(old.read("out/edge/ca.pem").trim()));
    let comes_in = new.snapshot().into_keys().any(|name| {
        name.starts_with("out/edge/")
            && name.ends_with("addyfile")
            && new.read(&name).contains(fingerprint)
    });
    assert!(comes_in, "the old certificate");
    assert!(
        new.path()
            .join("out/people/alice/pixel/alice-pixel.p12")
            .exists()
    );
    new.write("homelab.kdl", DECLARATION);
    run(&new, 2, ["build"]).succeeds();
    run(&new, 2, ["rotate", "--finish"]).succeeds();
    assert_eq!(
        new.read("out/edge/ca.pem")
            .matches("BEGIN CERTIFICATE")
            .count(),
        1
    );
}

/// What is sealed to the usual identity is opened by it, though the root command names what is yet to be sealed.
#[test]
fn the_usual_identity_opens_what_another_key_is_to_open() {
    let lab = Lab::built_on(0, DECLARATION);
    let keeper = Keeper::new(&lab, "key");
    assert!(opens(&lab, &own(&lab)) && !opens(&lab, &keeper.key));
    let arguments = [
        "rotate",
        "--reseal",
        "--seal-command",
        &keeper.seal,
        "--root-command",
        &keeper.root,
    ];
    lab.command(arguments).run().succeeds();
    assert!(opens(&lab, &keeper.key) && !opens(&lab, &own(&lab)));
    // From there on the command opens both, whatever lies in the usual place.
    lab.command(arguments).run().succeeds();
    assert!(opens(&lab, &keeper.key));
}
