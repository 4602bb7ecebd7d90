//! homelab.lock goes back: `git stash`, a revert, a checkout, a forced push. Who was shut out stays so, wherever something remembers.

use std::fs;

use crate::renewal::states;
use crate::support::files::changed;
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::recipe::{CA, P256, Recipe};
use crate::support::tools;

const DECLARATION: &str = r#"domain "home.example.com"
person "alice" { device "pixel" platform="android"; device "laptop" platform="linux"; }
person "bob" { device "iphone" platform="ios"; }
service "notes" { upstream "http://127.0.0.1:1"; allow "alice" "bob"; }
"#;

const IPHONE: &str = "person \"bob\" { device \"iphone\" platform=\"ios\"; }\n";

/// What refuses an older lock, most of it without the secret.
const REFUSING: [&[&str]; 7] = [
    &["build"],
    &["build", "--edge"],
    &["build", "--locked"],
    &["build", "--check"],
    &["plan"],
    &["plan", "--edge"],
    &["check"],
];

fn run<const N: usize>(lab: &Lab, arguments: [&str; N]) -> Outcome {
    lab.command(arguments).run()
}

/// A homelab whose phone was revoked, and the lock from before.
fn revoked(how: &[&str]) -> (Lab, String, String) {
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, ["build"]).succeeds();
    let before = lab.read("homelab.lock");
    let stolen = fingerprint(&before, "bob/iphone");
    let words = ["revoke", "bob/iphone"].iter().chain(how).copied();
    lab.command(words).run().succeeds();
    (lab, before, stolen)
}

/// The fingerprint of a device's first certificate in a lock.
fn fingerprint(lock: &str, device: &str) -> String {
    let begin = format!("certificate \"{device}\" ");
    let line = lock.lines().find(|line| line.starts_with(&begin));
    let (_, rest) = line
        .expect("it is there")
        .split_once(" fingerprint=\"")
        .expect("it has one");
    rest[..64].to_owned()
}

/// The number of the revocation list, and how many are on it.
fn list(lab: &Lab) -> (u32, usize) {
    let mut openssl = tools::command("openssl");
    let told = outcome::run(
        openssl.args(["crl", "-noout", "-text", "-crlnumber"]),
        &lab.read_bytes("out/edge/ca.crl"),
    );
    let text = told.succeeds().stdout();
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("crlNumber="));
    let number = number.expect("it has one").trim_start_matches("0x");
    let number = u32::from_str_radix(number, 16).expect("a number");
    (number, text.matches("Serial Number:").count())
}

#[track_caller]
fn refuses(lab: &Lab, commands: &[&[&str]]) {
    let before = lab.snapshot();
    for command in commands {
        let outcome = lab.command(command.iter().copied()).run();
        outcome
            .fails_with(4)
            .stderr_contains("lock::went-back")
            .stderr_contains("`bob/iphone`")
            .stderr_contains("--accept-return-of bob/iphone")
            .stdout_lacks("locks out")
            .stdout_lacks("is right");
        assert_eq!(changed(&before, &lab.snapshot()), [""; 0], "{command:?}");
    }
}

#[test]
fn an_older_lock_lets_nobody_in_again() {
    for how in [&[][..], &["--no-replace"]] {
        let (lab, before, stolen) = revoked(how);
        assert_eq!(list(&lab), (2, 1));
        lab.write("homelab.lock", &before);
        refuses(&lab, &REFUSING);
        // Whatever else is asked for, and before anything is written.
        refuses(
            &lab,
            &[
                &["renew", "bob/iphone"],
                &["renew", "--all"],
                &["revoke", "alice/pixel"],
                &["rotate", "--authority"],
                &["rotate", "--root"],
                &["build", "--accept-return-of", "alice/pixel"],
            ],
        );
        assert!(!lab.let_in().contains(&stolen));
        let told = run(&lab, ["status"]);
        told.succeeds()
            .stdout_contains("was shut out: homelab.lock went back\n")
            .stderr_contains("bob/iphone was shut out");
        run(&lab, ["status", "--exit-code"]).fails_with(4);
        // Elsewhere, too, as long as the usual place remembers.
        refuses(
            &lab,
            &[
                &["build", "--out", "elsewhere"],
                &["build", "--edge", "--out", "elsewhere"],
            ],
        );
        // The newer one has been there all the while.
        run(&lab, ["check", "--accept-return-of", "bob/iphone"]).succeeds();
    }
}

#[test]
fn revoking_it_again_is_a_way_out_and_numbers_do_not_fall() {
    let (lab, before, stolen) = revoked(&[]);
    lab.write("homelab.lock", &before);
    run(&lab, ["revoke", "bob/iphone"]).succeeds();
    assert_eq!(
        (list(&lab), lab.let_in().contains(&stolen)),
        ((3, 1), false)
    );
    for way in ["--locked", "--check", "--edge"] {
        run(&lab, ["build", way]).succeeds().stderr_is("");
    }

    // Another removal under an older lock, by which the phone stays out since it is declared no more.
    lab.write("homelab.lock", &before);
    lab.write(
        "homelab.kdl",
        DECLARATION.replace(IPHONE, "person \"bob\"\n"),
    );
    let locked = run(&lab, ["build", "--locked"]);
    locked
        .fails_with(4)
        .stderr_contains("ca.crl is to be signed anew");
    run(&lab, ["check"]).succeeds();
    let crl = lab.read("out/edge/ca.crl");
    run(&lab, ["build", "--edge"])
        .succeeds()
        .stderr_contains("ca.crl is left as it is, for it is newer than homelab.lock");
    assert_eq!(lab.read("out/edge/ca.crl"), crl);
    run(&lab, ["plan"])
        .succeeds()
        .stdout_contains("the revocation list");
    run(&lab, ["build"]).succeeds();
    assert_eq!(
        (list(&lab), lab.let_in().contains(&stolen)),
        ((4, 1), false)
    );
}

/// A lock that went back to before something else than a revocation: its list is not handed out again either.
#[test]
fn a_list_is_not_followed_by_an_earlier_one() {
    let (lab, ..) = revoked(&[]);
    let second = lab.read("homelab.lock");
    run(&lab, ["revoke", "alice/pixel"]).succeeds();
    assert_eq!(list(&lab), (3, 2));
    lab.write("homelab.lock", second);
    lab.write(
        "homelab.kdl",
        DECLARATION.replace("device \"pixel\" platform=\"android\"; ", ""),
    );
    run(&lab, ["build"]).succeeds();
    assert_eq!(list(&lab), (4, 2));
}

#[test]
fn whoever_says_so_lets_it_in_again() {
    let (lab, before, stolen) = revoked(&[]);
    lab.write("homelab.lock", &before);
    let accepting = ["--accept-return-of", "bob/iphone"];
    let plan = lab
        .command(["plan"].iter().chain(&accepting).copied())
        .run();
    let means = "lets bob/iphone in again with a certificate that was shut out, and not with the one that it has had since\n";
    plan.succeeds()
        .stdout_contains(means)
        .stdout_lacks("locks out");

    // Without the secret the list stays, and is told.
    let edge = lab.copy();
    let built = edge
        .command(["build", "--edge"].iter().chain(&accepting).copied())
        .run();
    built
        .succeeds()
        .stdout_contains(means)
        .stderr_contains("ca.crl is left as it is, for it is newer than homelab.lock");
    assert_eq!(
        (list(&edge), edge.let_in().contains(&stolen)),
        ((2, 1), true)
    );
    refuses(&edge, &[&["build", "--edge"]]);

    let built = lab
        .command(["build"].iter().chain(&accepting).copied())
        .run();
    built.succeeds().stdout_contains(means);
    assert_eq!((list(&lab), lab.let_in().contains(&stolen)), ((3, 0), true));
    run(&lab, ["build"])
        .succeeds()
        .stdout_contains(" unchanged");
    run(&lab, ["build", "--check"]).succeeds();
}

/// A list counts where an authority of the lock's has signed it; otherwise it is told, and nothing is hidden.
#[test]
fn a_list_that_says_nothing_is_told() {
    let (lab, before, _) = revoked(&[]);
    lab.write("homelab.lock", &before);
    // Without what else remembers.
    lab.forget();
    fs::remove_file(lab.path().join("out/edge/exposure.json")).expect("it was built");
    let lists = ["out/edge/ca.crl", "out/edge/ca.crl.der"];
    let good = lists.map(|path| lab.read_bytes(path));
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_owned();
        let at = bytes.len() / 2;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        bytes
    };
    // One of the two is enough.
    for damaged in 0..2 {
        lab.write(lists[damaged], flipped(&good[damaged]));
        refuses(&lab, &REFUSING);
        run(&lab, ["check"]).stderr_contains(&format!(
            "{} is damaged, or somebody else's",
            lists[damaged]
        ));
        lab.write(lists[damaged], &good[damaged]);
        fs::remove_file(lab.path().join(lists[damaged])).expect("it is there");
        refuses(&lab, &[&["build"], &["check"]]);
        lab.write(lists[damaged], &good[damaged]);
    }
    // Of the same names, signed by somebody else.
    let (other, ..) = revoked(&[]);
    for nothing in [
        b"x".to_vec(),
        Vec::new(),
        other.read_bytes(lists[0]),
        vec![0x30; 40],
    ] {
        let lab = lab.copy();
        for list in lists {
            lab.write(list, &nothing);
        }
        run(&lab, ["check"])
            .succeeds()
            .stderr_contains("whether a device comes back that it shut out cannot be told from it");
    }
}

/// Where no list has it any more, or none is left, the edge tells whom it has shut out.
#[test]
fn the_edge_remembers_too() {
    let (lab, before, _) = revoked(&[]);
    lab.forget();
    lab.write("homelab.lock", before);
    for list in ["out/edge/ca.crl", "out/edge/ca.crl.der"] {
        fs::remove_file(lab.path().join(list)).expect("it was built");
    }
    refuses(&lab, &REFUSING);

    // An authority that is not trusted any more has no list.
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, ["build"]).succeeds();
    run(&lab, ["rotate", "--authority"]).succeeds();
    run(&lab, ["renew", "--all"]).succeeds();
    let moving = lab.read("homelab.lock");
    run(&lab, ["rotate", "--finish", "--force"]).succeeds();
    lab.write("homelab.lock", moving);
    refuses(&lab, &REFUSING);
    run(&lab, ["rotate", "--finish", "--force"]).succeeds();
}

/// The lists of every authority count, and those of one that an older lock does not know are told.
#[test]
fn the_lists_of_every_authority_count() {
    let recipe = Recipe::new(P256, CA);
    let (lab, before, _) = revoked(&[]);
    let paths = ["ca.pem", "ca.key"].map(|name| recipe.path(name));
    let [certificate, key] = paths
        .each_ref()
        .map(|path| path.to_str().expect("it is plain"));
    run(&lab, ["adopt", certificate, "--key", key]).succeeds();
    run(&lab, ["renew", "alice/pixel"]).succeeds();
    let adopted = lab.read("homelab.lock");
    run(&lab, ["revoke", "alice/pixel"]).succeeds();
    lab.write("homelab.lock", adopted);
    let refused = run(&lab, ["build"]);
    refused
        .fails_with(4)
        .stderr_contains("`alice/pixel`")
        .stderr_lacks("`bob/iphone`");
    // From before the adoption: one list is of an authority that it does not know.
    lab.write("homelab.lock", before);
    run(&lab, ["check"])
        .fails_with(4)
        .stderr_lacks("damaged")
        .stderr_contains("`bob/iphone`");
}

/// Renewals that are forgotten are told for what they are.
#[test]
fn a_renewal_that_is_forgotten_is_told() {
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, ["build"]).succeeds();
    let before = lab.read("homelab.lock");
    run(&lab, ["renew", "bob/iphone"]).succeeds();
    lab.write("homelab.lock", &before);
    let means =
        "locks out bob/iphone where its newer file is installed, and lets in the older one\n";
    run(&lab, ["plan"]).succeeds().stdout_contains(means);
    run(&lab, ["build"]).succeeds().stdout_contains(means);

    // Once the older one is shut out, it does not come back.
    run(&lab, ["renew", "bob/iphone"]).succeeds();
    let open = lab.read("homelab.lock");
    run(&lab, ["renew", "--finish", "bob/iphone"]).succeeds();
    lab.write("homelab.lock", open);
    refuses(&lab, &REFUSING);
    run(&lab, ["renew", "--finish", "bob/iphone"]).succeeds();
    assert_eq!(list(&lab), (3, 1));
}

/// Without a tree the machine remembers; elsewhere nothing does: the documentation says so.
#[test]
fn where_nothing_remembers_nothing_is_compared() {
    let (lab, before, stolen) = revoked(&[]);
    lab.write("homelab.lock", before);
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    refuses(&lab, &REFUSING);
    lab.forget();
    run(&lab, ["build", "--edge"]).succeeds().stderr_is("");
    assert!(lab.let_in().contains(&stolen));
}

/// The ways of git, and a branch that is merged where it belongs.
#[test]
fn git_brings_nobody_back() {
    let lab = Lab::new();
    run(&lab, ["init"]).succeeds();
    lab.write("homelab.kdl", DECLARATION);
    run(&lab, ["build"]).succeeds();
    lab.git(&["init", "-q", "-b", "main"]).succeeds();
    lab.git(&["add", "-A"]).succeeds();
    lab.git(&["commit", "-qm", "begin"]).succeeds();
    lab.git(&["branch", "theirs"]).succeeds();
    let stolen = fingerprint(&lab.read("homelab.lock"), "bob/iphone");
    run(&lab, ["revoke", "bob/iphone"]).succeeds();

    lab.git(&["stash", "-q"]).succeeds();
    refuses(&lab, &REFUSING);
    lab.git(&["stash", "pop", "-q"]).succeeds();
    run(&lab, ["build"]).succeeds().stderr_is("");

    lab.git(&["commit", "-qam", "revoke"]).succeeds();
    lab.git(&["revert", "--no-edit", "HEAD"]).succeeds();
    refuses(&lab, &REFUSING);
    lab.git(&["reset", "-q", "--hard", "HEAD~1"]).succeeds();
    run(&lab, ["build"]).succeeds().stderr_is("");

    lab.git(&["checkout", "-q", "theirs"]).succeeds();
    refuses(&lab, &REFUSING);
    // What was done there, where nobody knew, merges without a word.
    let crl = ["out/edge/ca.crl", "out/edge/ca.crl.der"].map(|list| (list, lab.read_bytes(list)));
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    lab.forget();
    let more = DECLARATION.replace(
        "device \"laptop\"",
        "device \"watch\" platform=\"wearos\"; device \"laptop\"",
    );
    lab.write("homelab.kdl", more);
    run(&lab, ["build"]).succeeds();
    lab.git(&["commit", "-qam", "watch"]).succeeds();
    lab.git(&["merge", "-q", "--no-edit", "main"]).succeeds();
    for (list, bytes) in crl {
        lab.write(list, bytes);
    }
    run(&lab, ["check"]).succeeds().stderr_is("");
    run(&lab, ["build"]).succeeds().stderr_is("");
    assert!(!lab.let_in().contains(&stolen));
    assert_eq!(list(&lab).1, 1);
    assert_eq!(states(&lab, "alice/watch").len(), 1);
}

/// The command that a refusal tells, word by word as a shell would read it.
fn told(refused: &Outcome, begin: &str) -> Vec<String> {
    let stderr = refused.stderr();
    let (_, command) = stderr
        .split_once(&format!("  {begin}"))
        .unwrap_or_else(|| panic!("`{begin}` is not told: {stderr}"));
    let mut lines = command.lines();
    let mut words: Vec<String> = { begin.split(' ').skip(1) }.map(str::to_owned).collect();
    loop {
        let line = lines.next().expect("a command ends");
        let (line, goes_on) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        words.extend(line.split_whitespace().map(str::to_owned));
        if !goes_on {
            return words;
        }
    }
}

/// Many devices, so that some can go without a brake.
fn crowd(count: usize) -> String {
    let devices: String = (0..count)
        .map(|n| format!("device \"d{n}\" platform=\"linux\"; "))
        .collect();
    format!("{DECLARATION}person \"crowd\" {{ {devices}}}\n")
}

/// What was revoked and forgotten, whatever came between, is out again by the one command that the refusal tells,
/// and comes in by the other.
#[test]
fn the_command_that_is_told_settles_all_of_them() {
    let many: Vec<String> = (0..12).map(|n| format!("crowd/d{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let ways: [(&[&[&str]], &[&str]); 6] = [
        (
            &[&["revoke", "bob/iphone"], &["revoke", "alice/pixel"]],
            &["alice/pixel", "bob/iphone"],
        ),
        (
            &[
                &["revoke", "--no-replace", "bob/iphone", "alice/pixel"],
                &["revoke", "alice/laptop"],
            ],
            &["alice/laptop", "alice/pixel", "bob/iphone"],
        ),
        (
            &[
                &["revoke", "bob/iphone"],
                &["rotate", "--authority"],
                &["revoke", "alice/pixel"],
            ],
            &["alice/pixel", "bob/iphone"],
        ),
        (
            &[
                &["revoke", "bob/iphone", "alice/pixel"],
                &["rotate", "--authority"],
                &["renew", "--all"],
                &["revoke", "alice/laptop"],
            ],
            &["alice/laptop", "alice/pixel", "bob/iphone"],
        ),
        (
            &[
                &["revoke", "bob/iphone", "--no-replace"],
                &["rotate", "--root"],
                &["revoke", "alice/pixel"],
            ],
            &["alice/pixel", "bob/iphone"],
        ),
        (&[&[&["revoke"][..], &many].concat()], &many),
    ];
    for (commands, out) in ways {
        let mut out: Vec<&str> = out.to_vec();
        out.sort_unstable();
        let lab = Lab::new().declare(&match out[0].starts_with("crowd") {
            true => crowd(20),
            false => DECLARATION.to_owned(),
        });
        run(&lab, ["build"]).succeeds();
        let before = ["homelab.lock", "homelab.age"].map(|file| (file, lab.read_bytes(file)));
        let lock = lab.read("homelab.lock");
        let stolen: Vec<String> = out
            .iter()
            .map(|device| fingerprint(&lock, device))
            .collect();
        for command in commands {
            lab.command(command.iter().copied()).run().succeeds();
        }
        for (file, bytes) in before {
            lab.write(file, bytes);
        }
        // Before what came after an authority or a root secret counts, it is named.
        let rotated = |what: &str| commands.contains(&&["rotate", what][..]);
        let mut named: Vec<String> = Vec::new();
        if rotated("--root") {
            run(&lab, ["build"])
                .fails_with(3)
                .stderr_contains("lock::other-key");
            let (_, key) = lock.split_once(" key=\"").expect("its root has one");
            named = ["--root-key", &key[..64]].map(str::to_owned).to_vec();
        }
        let naming = |words: &[String]| lab.command(words.iter().chain(&named));
        let refused = naming(&[String::from("build")]).run();
        refused
            .fails_with(4)
            .stderr_contains("lock::went-back")
            .stderr_lacks("damaged");
        assert!(refused.stderr().len() < 3600, "{}", refused.stderr());
        let revoke = told(&refused, "homelab revoke");
        assert_eq!(revoke[1..], out, "{commands:?}");
        let accept = told(&refused, "homelab build");

        // Each by itself is refused, and tells the same command.
        for device in out.iter().take(3) {
            let one = naming(&["revoke", device].map(str::to_owned)).run();
            assert_eq!(told(one.fails_with(4), "homelab revoke"), revoke);
        }
        let is_behind = rotated("--authority") || rotated("--root");
        let behind = ["--accept-epoch", "0"].map(str::to_owned);
        if is_behind {
            refused
                .stderr_contains("of epoch 0")
                .stderr_contains("`--accept-epoch 0`");
        }
        named.extend(behind.into_iter().filter(|_| is_behind));
        let revoke: Vec<String> = revoke.into_iter().chain(named.clone()).collect();
        let accept: Vec<String> = accept.into_iter().chain(named).collect();
        if rotated("--root") {
            // What was built under the forgotten root secret is told to be moved away.
            let other = lab.command(revoke.iter()).run();
            other
                .fails_with(3)
                .stderr_contains("tree::another-homelab")
                .stderr_contains("move `out` away and run the same command again");
            let out = lab.path().join("out");
            fs::rename(&out, lab.path().join("former")).expect("it was built");
        }
        let back = lab.copy();
        lab.command(revoke).run().succeeds();
        for certificate in &stolen {
            assert!(!lab.let_in().contains(certificate), "{commands:?}");
        }
        for way in [
            &["build"][..],
            &["build", "--check"],
            &["build", "--edge"],
            &["check"],
        ] {
            lab.command(way.iter().copied())
                .run()
                .succeeds()
                .stderr_is("");
        }
        back.command(accept).run().succeeds();
        for certificate in stolen.iter().filter(|_| !out[0].starts_with("crowd")) {
            assert!(back.let_in().contains(certificate), "{commands:?}");
        }
        run(&back, ["build"]).succeeds().stderr_is("");
    }
}

/// One may come in again while the other stays out.
#[test]
fn some_come_in_again_and_others_stay_out() {
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, ["build"]).succeeds();
    let before = lab.read("homelab.lock");
    let [laptop, iphone] =
        ["alice/laptop", "bob/iphone"].map(|device| fingerprint(&before, device));
    run(&lab, ["revoke", "bob/iphone"]).succeeds();
    run(&lab, ["revoke", "alice/laptop"]).succeeds();
    lab.write("homelab.lock", before);
    let refused = run(&lab, ["build", "--accept-return-of", "alice/laptop"]);
    refused
        .fails_with(4)
        .stderr_contains("a device that was shut out:\n")
        .stderr_lacks("`alice/laptop`:");
    let accept = told(&refused, "homelab build");
    let both = [
        "build",
        "--accept-return-of",
        "alice/laptop",
        "--accept-return-of",
        "bob/iphone",
    ];
    assert_eq!(accept, both);
    let revoke = told(&refused, "homelab revoke");
    assert_eq!(
        revoke,
        ["revoke", "bob/iphone", "--accept-return-of", "alice/laptop"]
    );
    lab.command(revoke).run().succeeds();
    assert!(lab.let_in().contains(&laptop) && !lab.let_in().contains(&iphone));
    for way in [&["build"][..], &["build", "--check"], &["check"]] {
        lab.command(way.iter().copied())
            .run()
            .succeeds()
            .stderr_is("");
    }
}

/// A list of an authority that came later than the lock is whole, and is not called damaged.
#[test]
fn a_list_of_a_later_authority_is_not_called_damaged() {
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, ["build"]).succeeds();
    let before = lab.read("homelab.lock");
    run(&lab, ["rotate", "--authority"]).succeeds();
    lab.write("homelab.lock", before);
    for command in [&["check"][..], &["status"], &["build", "--locked"]] {
        let accepting = command.iter().copied().chain(["--accept-epoch", "0"]);
        lab.command(accepting)
            .run()
            .succeeds()
            .stderr_contains("out/edge/ca.crl is of an authority that homelab.lock does not know")
            .stderr_lacks("damaged");
        if command == ["build", "--locked"] {
            run(&lab, ["check"]).succeeds().stderr_is("");
        }
    }
}
