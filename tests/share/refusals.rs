//! What is not shared, and why.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

use crate::sharing::DECLARATION;
use crate::support::lab::Lab;
use crate::support::outcome::Outcome;

const BUNDLE: &str = "out/people/alice/pixel/alice-pixel.p12";

fn share(lab: &Lab, options: &[&str]) -> Outcome {
    let arguments = ["share", "alice/pixel", "--address", "127.0.0.1"];
    lab.command(arguments.iter().chain(options).copied()).run()
}

#[test]
fn a_tree_that_is_behind_the_lock_is_not_shared() {
    let lab = Lab::built(DECLARATION);
    // Built elsewhere: the lock has a new certificate, out/ the file of the older one.
    lab.command(["renew", "alice/pixel", "--out", "elsewhere"])
        .run()
        .succeeds();
    let stale = share(&lab, &[]);
    stale
        .fails_with(3)
        .stderr_contains("share::stale")
        .stderr_contains("run `homelab build`");
    stale.stdout_is("");
    let none = share(&lab, &["--out", "nowhere"]);
    none.fails_with(3).stderr_contains("share::stale");
}

#[test]
fn a_file_that_is_not_the_one_that_was_built_is_not_shared() {
    let lab = Lab::built(DECLARATION);
    let path = lab.path().join(BUNDLE);
    let bytes = lab.read_bytes(BUNDLE);
    let refused = |what: &str| {
        let outcome = share(&lab, &[]);
        assert!(
            outcome.stderr().contains("share::altered"),
            "{what}\n{outcome}"
        );
        outcome.fails_with(3).stdout_is("");
    };
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    fs::write(&path, flipped).expect("it can be written");
    refused("a flipped bit");
    fs::remove_file(&path).expect("it is there");
    refused("nothing there");
    fs::write(lab.path().join("same.p12"), &bytes).expect("it can be written");
    symlink(lab.path().join("same.p12"), &path).expect("the place is free");
    refused("a link to the same bytes");
    fs::remove_file(&path).expect("it is there");
    let folder = path.parent().expect("it has one");
    fs::rename(folder, lab.path().join("moved")).expect("it can be moved");
    fs::write(lab.path().join("moved/alice-pixel.p12"), &bytes).expect("it can be written");
    symlink(lab.path().join("moved"), folder).expect("the place is free");
    let outcome = share(&lab, &[]);
    outcome.fails_with(3).stderr_contains("link").stdout_is("");
}

#[test]
fn only_a_device_whose_certificate_is_let_in_now_is_shared() {
    let lab = Lab::built(DECLARATION);
    let unknown = lab
        .command(["share", "alice/pixle", "--address", "127.0.0.1"])
        .run();
    unknown
        .fails_with(2)
        .stderr_contains("did you mean `alice/pixel`?");
    let share_later = lab.command(["share", "alice/pixel", "--address", "127.0.0.1"]);
    let ended = share_later.at(4_000_000_000_i64).run();
    ended
        .fails_with(3)
        .stderr_contains("share::ended")
        .stderr_contains("`homelab renew alice/pixel`");
    lab.command(["revoke", "--no-replace", "alice/pixel"])
        .run()
        .succeeds();
    let revoked = share(&lab, &[]);
    revoked
        .fails_with(3)
        .stderr_contains("share::no-certificate");
    let nothing = Lab::new().declare(&lab.read("homelab.kdl"));
    share(&nothing, &[])
        .fails_with(4)
        .stderr_contains("lock::nothing-issued");
}

#[test]
fn it_listens_only_where_a_browser_can_be_sent_to() {
    let lab = Lab::built(DECLARATION);
    for address in ["0.0.0.0", "::", "224.0.0.1", "fe80::1", "::ffff:0.0.0.0"] {
        let refused = lab
            .command(["share", "alice/pixel", "--address", address])
            .run();
        refused.fails_with(2).stderr_contains("share::bad-address");
    }
    // Documentation's addresses are nobody's (RFC 5737).
    let elsewhere = lab
        .command(["share", "alice/pixel", "--address", "192.0.2.1"])
        .run();
    elsewhere
        .fails_with(3)
        .stderr_contains("share::cannot-listen");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let refused = share(&lab, &["--port", &port]);
    refused
        .fails_with(3)
        .stderr_contains("share::cannot-listen")
        .stdout_is("");
    let lock = share(&lab, &["--qr", "homelab.lock"]);
    lock.fails_with(2).stderr_contains("share::not-svg");
    for minutes in ["0", "61", "-1"] {
        share(&lab, &["--minutes", minutes]).fails_with(2);
    }
}

/// Whoever may write into the tree may make the manifest fit: a script is made anew all the same, and compared.
#[test]
fn a_script_that_was_changed_together_with_the_manifest_is_not_shared() {
    let lab = Lab::built(
        "domain \"home.example.com\"\nperson \"alice\" { device \"box\" platform=\"linux\"; }\n",
    );
    let (script, manifest) = (
        "out/people/alice/box/install.sh",
        "out/.homelab/manifest.kdl",
    );
    let (was, evil) = (lab.read(script), lab.read(script) + "touch evil\n");
    lab.write(script, &evil);
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let forged = lab.read(manifest).replace(&hash(&was), &hash(&evil));
    let (body, _) = forged.split_once("end digest=").expect("it has an end");
    lab.write(manifest, format!("{body}end digest=\"{}\"\n", hash(body)));
    let command = lab.command(["share", "alice/box", "--address", "127.0.0.1"]);
    command
        .run()
        .fails_with(3)
        .stdout_is("")
        .stderr_contains("share::altered")
        .stderr_contains("install.sh");
    lab.command(["build"]).run().succeeds();
    assert_eq!(lab.read(script), was);
}
