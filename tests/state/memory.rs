//! Somebody who may push to the repository and has no root secret: by what git brings, nobody who was shut out comes back, nothing
//! is handed out that homelab has not made, and nobody else's root secret takes over.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::home::{git, is_unchanged, value};
use super::support::lab::{Invocation, Lab};
use super::support::outcome::Outcome;

const DECLARATION: &str = r#"domain "home.example.com"
person "alice" { device "pixel" platform="android"; device "macbook" platform="macos"; }
service "immich" { upstream "http://127.0.0.1:2283"; allow "alice"; }
"#;

fn run<const N: usize>(lab: &Lab, words: [&str; N]) -> Outcome {
    lab.command(words).run()
}

/// The homelab of an owner in a repository, and a clone of it that somebody else pushes from.
struct Pushed {
    owner: Lab,
    attacker: Lab,
}

impl Pushed {
    fn new() -> Pushed {
        let (owner, attacker) = (Lab::new().declare(DECLARATION), Lab::new());
        git(&owner, ".", &["init", "-q"]);
        run(&owner, ["build"]).succeeds();
        let pushed = Pushed { owner, attacker };
        pushed.commit("begin");
        git(
            &pushed.owner,
            "..",
            &["clone", "-q", "--bare", "lab", "r.git"],
        );
        fs::remove_dir(pushed.attacker.path()).expect("it is empty");
        let repository = pushed.repository();
        let clone = pushed.attacker.path();
        let clone = clone.to_str().expect("it is plain");
        git(&pushed.owner, ".", &["clone", "-q", &repository, clone]);
        pushed
    }

    fn repository(&self) -> String {
        let repository = self.owner.path().with_file_name("r.git");
        repository.to_str().expect("it is plain").to_owned()
    }

    fn commit(&self, message: &str) {
        git(&self.owner, ".", &["add", "-A"]);
        git(&self.owner, ".", &["commit", "-qm", message]);
    }

    fn push(&self) {
        git(
            &self.owner,
            ".",
            &["push", "-q", &self.repository(), "main"],
        );
        git(&self.attacker, ".", &["pull", "-q"]);
    }

    /// What the attacker has added goes to the owner.
    fn reaches_the_owner(&self) {
        git(&self.attacker, ".", &["commit", "-qam", "tidy up"]);
        git(&self.attacker, ".", &["push", "-q", "origin", "main"]);
        git(
            &self.owner,
            ".",
            &["pull", "-q", &self.repository(), "main"],
        );
    }

    /// A clone elsewhere, as CI has it.
    fn clone(&self) -> Lab {
        let clone = Lab::new();
        fs::remove_dir(clone.path()).expect("it is empty");
        let path = clone.path();
        let path = path.to_str().expect("it is plain");
        git(&self.owner, ".", &["clone", "-q", &self.repository(), path]);
        clone
    }
}

/// A build that is killed while it remembers has lost nothing of what it remembered before.
#[test]
fn a_build_that_is_killed_remembers_what_it_did() {
    let lab = Lab::built(DECLARATION);
    let revoked = fingerprint(&lab.read("homelab.lock"), "alice/pixel");
    run(&lab, ["revoke", "alice/pixel"]).succeeds();
    let remembers = || {
        let state = fs::read_dir(lab.home().join(".local/state/homelab")).expect("it was made");
        let files = state.map(|file| file.expect("it is listed").path());
        let mut texts = files.filter_map(|file| fs::read_to_string(file).ok());
        texts.any(|text| text.contains(&revoked))
    };
    assert!(remembers());
    let mut killed = 0;
    for kind in ["unlinkat", "linkat", "renameat"] {
        for nth in 1..=12 {
            let name = format!("person \"alice\" {{ name \"{kind} {nth}\";");
            lab.write(
                "homelab.kdl",
                DECLARATION.replace("person \"alice\" {", &name),
            );
            let inject = format!("inject={kind}:signal=SIGKILL:when={nth}");
            let build = lab.command(["build", "--jobs=1"]);
            let outcome = build.tampered(&inject).run();
            killed += u32::from(!outcome.status.success());
            assert!(remembers(), "{inject}\n{outcome}");
        }
    }
    assert!(killed >= 12, "{killed}");
}

/// Files and lock of the owner's on a machine that has no secret.
fn without_secret(owner: &Lab) -> Lab {
    let lab = Lab::new().declare(&owner.read("homelab.kdl"));
    lab.write("homelab.lock", owner.read("homelab.lock"));
    run(&lab, ["build", "--edge"]).succeeds();
    lab
}

fn line(lock: &str, begin: &str) -> String {
    let line = lock.lines().find(|line| line.starts_with(begin));
    line.unwrap_or_else(|| panic!("{begin} in {lock}"))
        .to_owned()
}

fn fingerprint(lock: &str, device: &str) -> String {
    let line = line(lock, &format!("certificate \"{device}\""));
    value(&line, "fingerprint").expect("it has one").to_owned()
}

fn key(lab: &Lab) -> String {
    let line = line(&lab.read("homelab.lock"), "root ");
    value(&line, "key").expect("it has one").to_owned()
}

/// A lock without some of its lines, and with others.
fn without(lock: &str, left_out: impl Fn(&str) -> bool, added: &[&str]) -> String {
    let kept = lock
        .lines()
        .filter(|line| *line != "end" && !left_out(line));
    let lines: Vec<&str> = kept.chain(added.iter().copied()).chain(["end"]).collect();
    lines.join("\n") + "\n"
}

#[track_caller]
fn refuses(lab: &Lab, commands: &[&[&str]], words: &[&str]) {
    for command in commands {
        let refused = lab.command(command.iter().copied()).run();
        refused.fails_with(4).stderr_contains("lock::went-back");
        for word in words {
            refused.stderr_contains(word);
        }
    }
}

const ALL: [&[&str]; 6] = [
    &["build", "--edge"],
    &["build", "--locked"],
    &["build"],
    &["plan"],
    &["plan", "--edge"],
    &["check"],
];
const EDGE: [&[&str]; 3] = [&["build", "--edge"], &["plan", "--edge"], &["check"]];

/// The line of a revoked certificate is left out: the next list would not have it. It is put back as help says, or forgotten by name.
#[test]
fn a_revocation_is_not_forgotten() {
    let lab = Lab::built(DECLARATION);
    let stolen = fingerprint(&lab.read("homelab.lock"), "alice/pixel");
    let before = lab.read("homelab.lock");
    run(&lab, ["revoke", "alice/pixel"]).succeeds();
    let lock = lab.read("homelab.lock");
    let revoked = { lock.lines() }.find(|line| line.contains(&stolen));
    let revoked = revoked.expect("it is there");
    let list = lab.read_bytes("out/edge/ca.crl.der");
    let cut = without(&lock, |line| line == revoked, &[]);
    lab.write("homelab.lock", &cut);
    let words = [
        "has lost what shut out `alice/pixel`",
        "--accept-return-of alice/pixel",
    ];
    refuses(&lab, &ALL, &words);
    refuses(
        &lab,
        &[
            &["renew", "--all"],
            &["revoke", "alice/macbook"],
            &["rotate", "--authority"],
        ],
        &words,
    );
    run(&lab, ["status"])
        .succeeds()
        .stderr_contains("has lost what shut out `alice/pixel`");
    // Whatever of the three remembers.
    for remembering in [
        &[
            "out/edge/ca.crl",
            "out/edge/ca.crl.der",
            "out/edge/exposure.json",
        ][..],
        &["out/edge/ca.crl", "out/edge/ca.crl.der", "memory"],
        &["out/edge/exposure.json", "memory"],
    ] {
        let lab = lab.copy();
        for gone in remembering {
            match *gone {
                "memory" => lab.forget(),
                path => fs::remove_file(lab.path().join(path)).expect("it was built"),
            }
        }
        refuses(&lab, &ALL, &["has lost what shut out"]);
    }
    // The older line comes back in its place: as ever.
    let older = line(&before, "certificate \"alice/pixel\"");
    let back = without(
        &cut,
        |line| line.starts_with("certificate \"alice/pixel\""),
        &[&older],
    );
    lab.write("homelab.lock", back);
    refuses(&lab, &ALL, &["homelab.lock lets in", "alice/pixel"]);
    assert!(!lab.let_in().contains(&stolen));
    assert_eq!(lab.read_bytes("out/edge/ca.crl.der"), list);

    // Put back at the end, as whoever has found it in git's history does.
    lab.write("homelab.lock", without(&cut, |_| false, &[revoked]));
    run(&lab, ["build"]).succeeds();
    assert_eq!(lab.read_bytes("out/edge/ca.crl.der"), list);

    lab.write("homelab.lock", &cut);
    run(&lab, ["build", "--accept-return-of", "alice/pixel"]).succeeds();
    assert_ne!(lab.read_bytes("out/edge/ca.crl.der"), list);
    is_unchanged(&run(&lab, ["build"]));
}

/// One push leaves lines out, and the next puts older ones back.
#[test]
fn two_pushes_bring_nobody_back() {
    let owner = Lab::built(DECLARATION);
    let first = owner.read("homelab.lock");
    let stolen = fingerprint(&first, "alice/pixel");
    run(&owner, ["rotate", "--authority"]).succeeds();
    let moving = owner.read("homelab.lock");
    run(&owner, ["revoke", "alice/pixel"]).succeeds();
    run(&owner, ["renew", "--all"]).succeeds();
    run(
        &owner,
        ["renew", "--finish", "alice/macbook", "alice/pixel"],
    )
    .succeeds();
    run(&owner, ["rotate", "--finish"]).succeeds();
    let last = owner.read("homelab.lock");
    let authority = line(&first, "authority ");
    let id = authority.split('"').nth(1).expect("it has one").to_owned();
    let of_id = format!("authority \"{id}\"");
    let trusted = line(&moving, &of_id);
    let admitted = { moving.lines() }.find(|line| line.contains(&stolen));
    let is_old =
        |line: &str| line.starts_with(&of_id) || line.starts_with("certificate \"alice/pixel\"");
    let back = without(&last, is_old, &[&trusted, admitted.expect("it was let in")]);
    let left_out = without(&last, |line| line.contains(&stolen), &[]);
    for (lab, commands) in [
        (without_secret(&owner), &EDGE[..]),
        (owner.copy(), &ALL[..]),
    ] {
        lab.write("homelab.lock", &left_out);
        // The authority that signed it is not trusted any more: so far nothing is lost.
        run(&lab, ["build", "--edge"]).succeeds();
        lab.write("homelab.lock", &back);
        refuses(&lab, commands, &["which was let go of"]);
        // Nor with both lines of the authority left out in between.
        lab.write(
            "homelab.lock",
            without(
                &left_out,
                |line| line.starts_with(&of_id) || line.contains(&id),
                &[],
            ),
        );
        refuses(&lab, commands, &["it does not have the authority"]);
        assert!(!lab.let_in().contains(&stolen));
        // The tree tells of it without the machine's memory, too.
        lab.forget();
        lab.write("homelab.lock", &back);
        refuses(&lab, commands, &["which was let go of"]);
    }
}

/// Whoever had the root secret that was left since issues a certificate, and puts a `root` line from the midst of the rotation back,
/// by which that secret is believed.
#[test]
fn a_secret_that_was_left_does_not_come_back() {
    let owner = Lab::built(DECLARATION);
    let thief = owner.copy();
    run(&owner, ["rotate", "--root"]).succeeds();
    let (moving, sealed) = (owner.read("homelab.lock"), owner.read_bytes("homelab.age"));
    run(&owner, ["renew", "--all"]).succeeds();
    run(
        &owner,
        ["renew", "--finish", "alice/pixel", "alice/macbook"],
    )
    .succeeds();
    run(&owner, ["rotate", "--finish"]).succeeds();
    let last = owner.read("homelab.lock");
    let edge = without_secret(&owner);

    run(&thief, ["renew", "alice/pixel"]).succeeds();
    let stolen = thief.read("homelab.lock");
    let stolen = { stolen.lines() }.find(|line| {
        line.starts_with("certificate \"alice/pixel\"") && line.contains("\"active\"")
    });
    let stolen = stolen.expect("it was issued");
    let fingerprint = value(stolen, "fingerprint").expect("it has one").to_owned();
    let left =
        { moving.lines() }.find(|line| line.starts_with("authority ") && line.contains(" root="));
    let left = left.expect("it is trusted still");
    let of_id = left.split_inclusive('"').take(2).collect::<String>();
    let mine =
        |line: &str| line.starts_with("certificate \"alice/pixel\"") && line.contains("\"active\"");
    let is_old = |line: &str| line.starts_with("root ") || line.starts_with(&of_id) || mine(line);
    let back = without(&last, is_old, &[&line(&moving, "root "), left, stolen]);
    let pin = key(&owner);
    for (lab, commands) in [(&edge, &EDGE[..]), (&owner, &ALL[..])] {
        lab.write("homelab.lock", &back);
        refuses(
            lab,
            commands,
            &[
                "it is of epoch 1, and one of epoch 2 was built from",
                "--accept-epoch 1",
            ],
        );
        let pinned = lab
            .command(["build", "--edge"])
            .env("HOMELAB_ROOT_KEY", &pin)
            .run();
        pinned.fails_with(4).stderr_contains("epoch");
        assert!(!lab.let_in().contains(&fingerprint));
    }
    owner.write("homelab.age", sealed);
    refuses(
        &owner,
        &[&["build"], &["renew", "--all"], &["rotate", "--authority"]],
        &["epoch"],
    );
    // The tree tells the epoch, too.
    edge.forget();
    refuses(&edge, &EDGE, &["epoch 2"]);

    // The owner who wants the lock of the midst back says so.
    owner.write("homelab.lock", &moving);
    refuses(&owner, &[&["build", "--accept-epoch", "2"]], &["epoch"]);
    run(
        &owner,
        [
            "build",
            "--accept-epoch",
            "1",
            "--accept-return-of",
            "alice/pixel",
            "--accept-return-of",
            "alice/macbook",
        ],
    )
    .succeeds();
    is_unchanged(&run(&owner, ["build"]));
}

/// The older lock, and what `out/edge/` was then, in the place of what it is now.
#[test]
fn git_does_not_write_what_is_remembered() {
    let pushed = Pushed::new();
    let stolen = fingerprint(&pushed.owner.read("homelab.lock"), "alice/pixel");
    run(&pushed.owner, ["revoke", "alice/pixel"]).succeeds();
    pushed.commit("revoke");
    pushed.push();
    let attacker = &pushed.attacker;
    git(
        attacker,
        ".",
        &["checkout", "-q", "HEAD~1", "--", "homelab.lock"],
    );
    run(attacker, ["build", "--edge"]).succeeds();
    git(attacker, ".", &["add", "-f", "out/edge"]);
    pushed.reaches_the_owner();
    // Git has put it there without a word. It is told, and nothing is built.
    assert!(pushed.owner.let_in().contains(&stolen));
    refuses(&pushed.owner, &ALL, &["alice/pixel"]);
    for way in [&["build"][..], &["build", "--edge"]] {
        let told = pushed.owner.command(way.iter().copied()).run();
        told.stderr_contains("git keeps `")
            .stderr_contains("deploy nothing of it before one has succeeded");
    }
    run(&pushed.owner, ["verify", "--no-secret"]).fails_with(4);
    // Where only the lock is put right, the edge is made anew.
    git(
        &pushed.owner,
        ".",
        &["checkout", "-q", "HEAD~1", "--", "homelab.lock"],
    );
    let mended = run(&pushed.owner, ["build"]);
    mended
        .succeeds()
        .stdout_contains("restored out/edge/sites.caddyfile");
    assert!(!pushed.owner.let_in().contains(&stolen));
}

/// Makes a manifest fit files that somebody has changed, as whoever can write there can.
fn forge(lab: &Lab, changes: &[(&str, &dyn Fn(String) -> String)]) {
    let mut manifest = lab.read("out/.homelab/manifest.kdl");
    for (path, change) in changes {
        let before = lab.read_bytes(&format!("out/{path}"));
        let after = change(String::from_utf8_lossy(&before).into_owned());
        let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        let (from, to) = (hash(&before), hash(after.as_bytes()));
        assert!(manifest.contains(&from) && from != to, "{path}");
        manifest = manifest.replace(&from, &to);
        lab.write(&format!("out/{path}"), after);
    }
    let body = &manifest[..manifest.rfind("end digest=").expect("it ends")];
    let digest = blake3::hash(body.as_bytes()).to_hex();
    lab.write(
        "out/.homelab/manifest.kdl",
        format!("{body}end digest=\"{digest}\"\n"),
    );
}

/// A whole `out/`, with a manifest that fits, out of the repository: in CI and at the owner's.
#[test]
fn git_brings_no_edge() {
    let pushed = Pushed::new();
    let good = pushed.owner.read("out/edge/sites.caddyfile");
    let attacker = &pushed.attacker;
    run(attacker, ["build", "--edge"]).succeeds();
    let sites: &dyn Fn(String) -> String =
        &|text| text.replace("\terror 403\n", "\treverse_proxy 127.0.0.1:2283\n");
    forge(attacker, &[("edge/sites.caddyfile", sites)]);
    assert_ne!(attacker.read("out/edge/sites.caddyfile"), good);
    git(attacker, ".", &["add", "-f", "out"]);
    pushed.reaches_the_owner();
    let ci = pushed.clone();
    let plan = run(&ci, ["plan", "--edge"]);
    plan.succeeds()
        .stdout_contains("edge/sites.caddyfile")
        .stdout_contains("not what this machine has written");
    let verified = run(&ci, ["verify", "--no-secret"]);
    verified
        .fails_with(4)
        .stdout_contains("edge/sites.caddyfile");
    for (lab, way) in [(&ci, "--edge"), (&pushed.owner, "--jobs=1")] {
        let told = run(lab, ["build", way]);
        told.succeeds()
            .stdout_contains("restored out/edge/sites.caddyfile")
            .stderr_contains("is not as this machine remembers it")
            .stderr_contains("git keeps `");
        assert_eq!(lab.read("out/edge/sites.caddyfile"), good);
        let again = run(lab, ["build", way]);
        is_unchanged_but_for_git(&again);
    }
}

#[track_caller]
fn is_unchanged_but_for_git(build: &Outcome) {
    build
        .succeeds()
        .stdout_lacks("built")
        .stdout_lacks("restored")
        .stderr_lacks("remembers it");
}

/// A .p12 and a profile exchanged together with the manifest: neither build nor share takes them for homelab's.
#[test]
fn a_manifest_that_fits_vouches_for_nothing() {
    let lab = Lab::built(DECLARATION);
    let (p12, crl) = ("people/alice/pixel/alice-pixel.p12", "edge/ca.crl");
    let good = [p12, crl].map(|path| lab.read_bytes(&format!("out/{path}")));
    let evil: &dyn Fn(String) -> String = &|_| String::from("evil");
    forge(&lab, &[(p12, evil)]);
    let share = [
        "share",
        "alice/pixel",
        "--address",
        "127.0.0.1",
        "--minutes",
        "1",
    ];
    run(&lab, share)
        .fails_with(3)
        .stderr_contains("share::altered");
    // An edge alone believes nothing of it either, and leaves no manifest that would be believed.
    let edge = run(&lab, ["build", "--edge"]);
    edge.succeeds()
        .stderr_contains("everything is made anew and compared");
    run(&lab, share)
        .fails_with(3)
        .stderr_contains("share::altered");
    let built = run(&lab, ["build"]);
    built
        .succeeds()
        .stdout_contains("restored out/people/alice/pixel/alice-pixel.p12\n")
        .stdout_contains("\n1 restored, ")
        .stderr_lacks("panicked");
    assert_eq!(
        [p12, crl].map(|path| lab.read_bytes(&format!("out/{path}"))),
        good
    );
    is_unchanged(&run(&lab, ["build"]));
    run(&lab, ["verify"]).succeeds();
}

/// Another root secret, sealed to the owner's identity, with a lock that names the former authority.
#[test]
fn no_root_secret_of_somebody_elses_takes_over() {
    let (owner, other) = (Lab::built(DECLARATION), Lab::new().declare(DECLARATION));
    fs::create_dir_all(other.home().join(".config/homelab")).expect("it is a new home");
    let identity = ".config/homelab/identity.txt";
    // To whom homelab.age is sealed is no secret; here the identity stands for the recipient.
    fs::copy(owner.home().join(identity), other.home().join(identity)).expect("it was made");
    run(&other, ["build"]).succeeds();
    let (ours, theirs) = (key(&owner), key(&other));
    for file in ["homelab.lock", "homelab.age"] {
        owner.write(file, other.read_bytes(file));
    }
    let before = owner.read("out/edge/exposure.json");
    for command in [
        &["build"][..],
        &["build", "--edge"],
        &["build", "--locked"],
        &["build", "--check"],
        &["plan"],
        &["check"],
        &["status"],
        &["renew", "--all"],
        &["verify"],
    ] {
        let refused = owner.command(command.iter().copied()).run();
        refused
            .fails_with(3)
            .stderr_contains("lock::other-key")
            .stderr_contains(&ours)
            .stderr_contains(&theirs);
    }
    assert_eq!(owner.read("out/edge/exposure.json"), before);
    // Without out/ the machine knows it still.
    fs::remove_dir_all(owner.path().join("out")).expect("it was built");
    run(&owner, ["build"])
        .fails_with(3)
        .stderr_contains("lock::other-key");
    let named = owner.command(["build", "--root-key", &theirs]).run();
    named
        .fails_with(4)
        .stderr_contains("it does not have the authority");
    run(
        &owner,
        ["build", "--root-key", &theirs, "--accept-epoch", "0"],
    )
    .succeeds();
    is_unchanged(&run(&owner, ["build"]));
}

/// A rotation of the root is followed by whoever knows a key before, wherever they are.
#[test]
fn a_root_secret_that_was_vouched_for_takes_over() {
    let owner = Lab::built(DECLARATION);
    let (edge, late) = (without_secret(&owner), without_secret(&owner));
    for number in 1..=2 {
        run(&owner, ["rotate", "--root"]).succeeds();
        edge.write("homelab.lock", owner.read("homelab.lock"));
        run(&edge, ["build", "--edge"]).succeeds();
        run(&owner, ["rotate", "--finish", "--force"]).succeeds();
        let lock = owner.read("homelab.lock");
        let root = line(&lock, "root ");
        assert_eq!(
            value(&root, "epoch"),
            Some((2 * number).to_string().as_str())
        );
        assert_eq!(
            value(&root, "succeeds").map(|all| all.split(' ').count()),
            Some(number)
        );
    }
    for lab in [&edge, &late] {
        lab.write("homelab.lock", owner.read("homelab.lock"));
        run(lab, ["build", "--edge"]).succeeds();
    }
    // Where it is pinned, the new key is.
    let pinned = owner
        .command(["build", "--edge"])
        .env("HOMELAB_ROOT_KEY", key(&Lab::built(DECLARATION)))
        .run();
    pinned
        .fails_with(3)
        .stderr_contains("lock::not-the-pinned-key");
}

/// `out` as a link, out of the repository: to nowhere that whoever pushes may choose.
#[test]
fn a_link_that_git_keeps_is_not_built_in() {
    let pushed = Pushed::new();
    let (owner, attacker) = (&pushed.owner, &pushed.attacker);
    let secret = owner.home().join(".ssh");
    fs::create_dir(&secret).expect("it is new");
    symlink("../home/.ssh", attacker.path().join("out")).expect("nothing is there");
    git(attacker, ".", &["add", "-f", "out"]);
    fs::remove_dir_all(owner.path().join("out")).expect("it was built");
    pushed.reaches_the_owner();
    assert!(owner.path().join("out").is_symlink());
    for command in [
        &["build"][..],
        &["build", "--edge"],
        &["build", "--check"],
        &["plan"],
        &["renew", "--all"],
        &["verify"],
        &["build", "--out", "out/deeper"],
    ] {
        let refused = owner.command(command.iter().copied()).run();
        refused
            .fails_with(4)
            .stderr_contains("workspace::out-is-a-link");
    }
    assert_eq!(fs::read_dir(&secret).expect("it is there").count(), 0);
    // A link of the owner's own, which the line in .gitignore keeps git from taking.
    git(owner, ".", &["rm", "-qf", "out"]);
    pushed.commit("no link");
    symlink(&secret, owner.path().join("out")).expect("nothing is there");
    assert!(!git(owner, ".", &["status", "--short"]).contains("out"));
    run(owner, ["build"]).succeeds();
    assert!(secret.join("edge/sites.caddyfile").exists());
}

/// A directory that looks like a repository, beside the declaration: what its settings say is not run, and no link goes unseen.
#[test]
fn a_directory_that_looks_like_a_repository_starts_nothing() {
    let place = Lab::new();
    git(&place, ".", &["init", "-q"]);
    place.write("homelab/homelab.kdl", DECLARATION);
    let witness = place.path().join("started");
    git(&place, ".", &["init", "-q", "--bare", "bare"]);
    for name in ["HEAD", "objects", "refs"] {
        fs::rename(
            place.path().join("bare").join(name),
            place.path().join("homelab").join(name),
        )
        .expect("it was made");
    }
    place.write("homelab/config", format!("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = \"touch {} #\"\n", witness.display()));
    symlink(place.home(), place.path().join("homelab/out")).expect("nothing is there");
    git(
        &place,
        ".",
        &["add", "-f", "homelab/out", "homelab/homelab.kdl"],
    );
    let directory = place.path().join("homelab");
    let build = place.command(["build"]).directory(&directory).run();
    build
        .fails_with(4)
        .stderr_contains("workspace::out-is-a-link");
    assert!(!witness.exists());
}

/// Without a place to remember: all is built, and it is said what that means.
#[test]
fn without_a_home_all_is_built_and_said() {
    let lab = Lab::built(DECLARATION);
    let identity = lab.home().join(".config/homelab/identity.txt");
    let homeless = |words: &[&str]| -> Invocation {
        let command = lab
            .command(words.iter().copied())
            .env("HOMELAB_IDENTITY", &identity);
        command.without_env("HOME").without_env("XDG_CONFIG_HOME")
    };
    let told = homeless(&["build"]).run();
    told.succeeds()
        .stdout_contains(" unchanged")
        .stderr_contains("This machine cannot remember what was built (neither $XDG_STATE_HOME nor $HOME names a directory)");
    // One that cannot be written, or is damaged.
    let state = lab.home().join("state");
    fs::write(&state, "").expect("it is new");
    let blocked = lab.command(["build"]).env("XDG_STATE_HOME", &state).run();
    blocked
        .succeeds()
        .stderr_contains("This machine cannot remember");
    let memory = lab.memory();
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode(&memory), mode(memory.parent().expect("a directory"))),
        (0o600, 0o700)
    );
    let text = fs::read_to_string(&memory).expect("it is text");
    fs::write(&memory, text.replace("manifest", "manifold")).expect("it is ours");
    let told = run(&lab, ["build"]);
    told.succeeds()
        .stderr_contains("what this machine remembered of")
        .stdout_contains(" unchanged");
    is_unchanged(&run(&lab, ["build"]));
    // Elsewhere by the variable.
    let elsewhere = lab.home().join("elsewhere");
    lab.command(["build"])
        .env("XDG_STATE_HOME", &elsewhere)
        .run()
        .succeeds();
    let made = fs::read_dir(elsewhere.join("homelab")).expect("it was made");
    // Beside it lies what is known of the tree and of the lock.
    let mut ends: Vec<_> = made
        .map(|file| file.expect("it is listed").path())
        .map(|file| file.extension().expect("it has one").to_owned())
        .collect();
    ends.sort();
    assert_eq!(ends, ["index", "kdl", "verified"]);
}

/// Where another homelab begins in the same directory, the one before is forgotten.
#[test]
fn a_new_homelab_may_begin() {
    let lab = Lab::built(DECLARATION);
    for name in ["homelab.lock", "homelab.age"] {
        fs::remove_file(lab.path().join(name)).expect("it was made");
    }
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    let begun = run(&lab, ["build"]);
    begun
        .succeeds()
        .stderr_contains("what this machine remembered of it is forgotten");
    is_unchanged(&run(&lab, ["build"]));
}

/// What has ended may leave the lock, and is not asked for.
#[test]
fn what_has_ended_is_forgotten() {
    let lab = Lab::new().declare(&format!(
        "{DECLARATION}validity {{ device \"10d\"; renew \"2d\"; }}\n"
    ));
    let at = |words: &[&str], time: &str| lab.command(words.iter().copied()).faketime(time).run();
    at(&["build"], "2027-01-01 00:00:00").succeeds();
    let stolen = fingerprint(&lab.read("homelab.lock"), "alice/pixel");
    at(&["revoke", "alice/pixel"], "2027-01-02 00:00:00").succeeds();
    at(&["renew", "--all"], "2027-02-01 00:00:00").succeeds();
    assert!(!lab.read("homelab.lock").contains(&stolen));
    at(&["build"], "2027-02-01 00:00:00")
        .succeeds()
        .stderr_lacks("went-back");
    // The list of before is no reason, either.
    let memory = fs::read_to_string(lab.memory()).expect("it is text");
    assert!(memory.contains(&stolen));
}
