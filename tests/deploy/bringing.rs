//! What goes well.

use crate::host::{Host, gets_in, lab, served, short};
use crate::support::caddy::Version;
use crate::support::upstream::Upstream;

/// A first deploy, one that changes nothing, one that does, and the way back.
fn brought(version: Version) {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(version);
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);

    let outcome = host.deploy(&lab, &[]).run();
    outcome.succeeds();
    let first = host.current().expect("a release is served");
    let said = short(&host, &outcome);
    for line in [
        format!("copied 9 files to HOST/etc/homelab/releases/{first}\n"),
        format!("serves {first}\n"),
    ] {
        assert!(said.contains(&line), "{line} in\n{said}");
    }
    assert!(
        said.contains("there can load it, and lint finds nothing new in it\n"),
        "{said}"
    );
    assert!(said.contains("2 hosts, "), "{said}");
    assert!(said.contains("with 3 certificates of devices"), "{said}");
    assert!(gets_in(&host, &lab, "alice/pixel"));
    assert!(!gets_in(&host, &lab, "bob/iphone"));

    // The same again is no other release.
    host.deploy(&lab, &[]).run().succeeds();
    assert_eq!(host.releases(), std::slice::from_ref(&first));

    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    let outcome = host.deploy(&lab, &[]).run();
    outcome.succeeds();
    let said = short(&host, &outcome);
    assert!(said.contains("bob may now open wiki"), "{said}");
    let second = host.current().expect("a release is served");
    assert_ne!(first, second);
    assert!(gets_in(&host, &lab, "bob/iphone"));

    // Back, and the same one forward again.
    let outcome = host.deploy(&lab, &["--rollback"]).run();
    outcome.succeeds();
    let said = short(&host, &outcome);
    assert!(said.contains("bob may no longer open wiki"), "{said}");
    // It is asked, as after a deploy, and nothing is put back for what it answers.
    assert!(said.contains("2 hosts, "), "{said}");
    outcome.stderr_contains("2 answers are not as homelab.kdl has it now");
    assert_eq!(host.current(), Some(first.clone()));
    assert!(!gets_in(&host, &lab, "bob/iphone"));
    host.deploy(&lab, &[]).run().succeeds();
    assert_eq!(host.current(), Some(second));

    // What is served is what a start of Caddy finds.
    host.restart();
    assert!(gets_in(&host, &lab, "bob/iphone"));
    assert_eq!(host.left(), [""; 0]);
}

#[test]
fn an_edge_is_brought_to_the_old_caddy_and_back() {
    brought(Version::Old);
}

#[test]
fn an_edge_is_brought_to_the_new_caddy_and_back() {
    brought(Version::New);
}

/// A host whose Caddyfile does not import the edge is told what to write, and can write it without Caddy finding nothing there.
#[test]
fn who_does_not_import_the_edge_is_told_the_line() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    let (with, without) = (host.caddyfile(), host.caddyfile_before());
    host.write("etc/Caddyfile", &without);
    host.start();
    let lab = lab(&host, &host.word(), &upstream);
    for more in [&[][..], &["--first"][..]] {
        let outcome = host.deploy(&lab, more).run();
        outcome
            .fails_with(4)
            .stderr_contains("deploy::not-imported")
            .stderr_contains("import homelab/current/Caddyfile");
        assert_eq!(host.read("etc/Caddyfile"), without, "nobody writes into it");
        assert!(host.current().is_some(), "the line finds something there");
    }
    host.write("etc/Caddyfile", &with);
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
}

/// Debian's own Caddyfile, or none, is given the line where somebody says so.
#[test]
fn a_caddyfile_of_nobodys_is_given_the_line_and_kept() {
    const DEBIANS: &str = "# The Caddyfile is an easy way to configure your Caddy web server.\n\n:80 {\n\t# Set this path to your site's directory.\n\troot * /usr/share/caddy\n\n\t# Enable the static file server.\n\tfile_server\n}\n";
    for before in [Some(DEBIANS), Some("# nothing yet\n"), None] {
        let upstream = Upstream::start("wiki");
        let mut host = Host::new(Version::New);
        let without = host.caddyfile_before();
        host.write("etc/Caddyfile", &without);
        host.start();
        match before {
            Some(text) => host.write("etc/Caddyfile", text),
            None => std::fs::remove_file(host.path("etc/Caddyfile")).expect("it is there"),
        }
        // Its ports are the test's, so they stand in the declaration as a Caddyfile's lines.
        let lab = lab(&host, &host.word(), &upstream);
        let outcome = host.deploy(&lab, &["--no-verify"]).run();
        outcome.fails_with(4).stderr_contains("--first");
        lab.write("templates/globals.caddyfile.j2", globals(&host));
        host.deploy(&lab, &["--first"]).run().succeeds();
        assert_eq!(
            host.read("etc/Caddyfile"),
            "import homelab/current/Caddyfile\n"
        );
        if let Some(text) = before {
            assert_eq!(host.read("etc/Caddyfile.before-homelab"), text);
        }
        assert!(gets_in(&host, &lab, "alice/pixel"));
        assert_eq!(host.left(), [""; 0]);
    }
}

/// Global options with a test's ports.
pub fn globals(host: &Host) -> String {
    format!(
        "{{% extends \"builtin/globals.caddyfile.j2\" %}}\n{{% block global %}}\nadmin 127.0.0.1:{}\n{}{{% endblock %}}\n",
        host.ports.admin.number(),
        host.ports.options()
    )
}

/// It tells what it would mean, and changes nothing, here or there.
#[test]
fn a_dry_run_tells_who_would_get_in_and_changes_nothing() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    let outcome = host.deploy(&lab, &["--dry-run"]).run();
    outcome.succeeds().stdout_contains("would serve ");
    assert_eq!(host.current(), None);
    host.deploy(&lab, &[]).run().succeeds();
    let current = host.current();
    let outcome = host.deploy(&lab, &["--dry-run"]).run();
    outcome
        .succeeds()
        .stdout_contains("serves this release already");
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    let before = lab.snapshot();
    let outcome = host.deploy(&lab, &["--dry-run"]).run();
    outcome.succeeds().stdout_contains("bob may now open wiki");
    assert!(before == lab.snapshot());
    assert_eq!((host.current(), host.releases().len()), (current, 1));
}

/// Scripts get one object, also of what has failed.
#[test]
fn scripts_get_one_object() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    let json = |outcome: &crate::support::outcome::Outcome| -> serde_json::Value {
        serde_json::from_str(outcome.stdout()).expect("one object")
    };
    let outcome = host.deploy(&lab, &["--json"]).run();
    let told = json(outcome.succeeds());
    let release = host.current().expect("a release is served");
    assert_eq!(told["serves"], "new");
    assert_eq!(told["now"], release.as_str());
    assert_eq!(told["former"], serde_json::Value::Null);
    assert!(told["verify"]["hosts"].is_array());
    lab.edit("respond \"here\"", "respond \"there\"");
    host.script("caddy", "[ \"$1\" = version ]");
    let outcome = host.deploy(&lab, &["--json"]).run();
    let told = json(outcome.fails_with(4));
    assert_eq!(told["serves"], "former");
    assert_eq!(told["now"], release.as_str());
    assert!(
        told["error"]
            .as_str()
            .expect("words")
            .contains("Caddy cannot load")
    );
}

/// The last five that were kept stay, and no other.
#[test]
fn the_last_five_releases_are_kept() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    let mut served = Vec::new();
    let mut text = String::from("here");
    for round in 0..7 {
        let next = format!("round {round}");
        lab.edit(
            &format!("respond \"{text}\""),
            &format!("respond \"{next}\""),
        );
        text = next;
        host.deploy(&lab, &["--no-verify"]).run().succeeds();
        served.push(host.current().expect("a release is served"));
    }
    let mut last: Vec<String> = served.split_off(2);
    last.sort();
    assert_eq!(host.releases(), last);
}

/// The tools of a small host: all of them BusyBox's, but for `flock`, which Debian's leaves out.
#[test]
fn busybox_will_do_on_the_host() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    let busybox = crate::support::tools::tool("busybox");
    for name in [
        "sh", "dd", "tar", "mv", "ln", "cp", "rm", "mkdir", "cat", "diff", "readlink", "wc",
        "sync", "sleep", "tail", "grep", "id", "timeout", "su",
    ] {
        std::os::unix::fs::symlink(&busybox, host.path("bin").join(name)).expect("it is new");
    }
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "bob/iphone"));
    host.deploy(&lab, &["--rollback"]).run().succeeds();
    assert!(!gets_in(&host, &lab, "bob/iphone"));
    assert_eq!((host.left(), host.releases().len()), (Vec::new(), 2));
}

/// An old `dd`, which takes octets one by one.
#[test]
fn an_old_dd_will_do_on_the_host() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.script(
        "dd",
        "case \"$*\" in *iflag*) exit 1 ;; esac\nexec /bin/dd \"$@\"",
    );
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
}

/// One step back each time, and never forward again by itself; what is deployed after that stands in place of what was taken back.
#[test]
fn a_second_rollback_goes_further_back() {
    let (host, lab, _upstream) = served(Version::New);
    let deployed = |allowed: &str| {
        let text = lab.read("homelab.kdl");
        let (before, rest) = text.split_once("allow ").expect("it has one");
        let (_, behind) = rest.split_once(';').expect("it ends");
        lab.write("homelab.kdl", format!("{before}allow {allowed};{behind}"));
        host.deploy(&lab, &[]).run().succeeds();
        host.current().expect("a release is served")
    };
    let first = host.current().expect("a release is served");
    let second = deployed("\"alice\" \"bob\"");
    let third = deployed("\"bob\"");
    for expected in [&second, &first] {
        host.deploy(&lab, &["--rollback"]).run().succeeds();
        assert_eq!(host.current().as_ref(), Some(expected));
    }
    let none = host.deploy(&lab, &["--rollback"]).run();
    none.fails_with(4).stderr_contains("deploy::no-former");
    assert_eq!(host.current().as_ref(), Some(&first));
    assert!(
        host.releases().contains(&third),
        "what was taken back lies there still"
    );

    // What is declared here is what the first rollback has taken back.
    host.deploy(&lab, &[]).run().succeeds();
    assert_eq!(host.current().as_ref(), Some(&third));
    assert!(!host.releases().contains(&second));
    host.deploy(&lab, &["--rollback"]).run().succeeds();
    assert_eq!(host.current().as_ref(), Some(&first));
}

/// Other answers are to be expected after a rollback; that nobody answers is not.
#[test]
fn a_rollback_after_which_nobody_answers_is_told() {
    let (host, lab, _upstream) = served(Version::New);
    let first = host.current();
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    host.deploy(&lab, &[]).run().succeeds();
    let nobody = crate::support::port::Port::reserve();
    let (port, at) = (
        nobody.number().to_string(),
        format!("*:{}:127.0.0.1", nobody.number()),
    );
    let lost = [
        "deploy",
        "--rollback",
        "--timeout",
        "1",
        "--port",
        &port,
        "--resolve",
        &at,
    ];
    let lost = lab.command(lost).env("PATH", host.search_path()).run();
    lost.fails_with(3)
        .stdout_contains("serves ")
        .stderr_contains("deploy::unreached-after")
        .stderr_contains("2 hosts cannot be reached");
    assert_eq!(host.current(), first);
}

/// The host's clock is seconds ahead: what its Caddy makes is not valid here yet, and no reason to go back.
#[test]
fn a_clock_that_is_ahead_is_waited_for() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    let brought = host.deploy(&lab, &[]).faketime("-4s").run();
    brought
        .succeeds()
        .stdout_lacks("its certificate is not valid yet");
    assert!(gets_in(&host, &lab, "alice/pixel"));
}

/// What is waited for is told on a terminal, which is what `script` makes, and gone when it is over.
#[test]
fn a_slow_host_is_told_on_a_terminal_alone() {
    let (host, lab, _upstream) = served(Version::New);
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    let caddy = host.read("bin/caddy");
    let slow = caddy.replacen("#!/bin/sh\n", "case $1 in validate) sleep 3 ;; esac\n", 1);
    host.script("caddy", &slow);
    let terminal = [
        "sh",
        "-c",
        r#"exec script --quiet --return --command "$*" /dev/null"#,
        "sh",
    ];
    let shown = host.deploy(&lab, &["--no-verify"]).env("TERM", "xterm");
    let shown = shown.through(terminal).run();
    let here = format!("{}: Caddy reads it, ", host.path("etc/homelab").display());
    shown.succeeds().stdout_contains(&here);
    shown.stdout_lacks("Caddy loads it, ");
    host.deploy(&lab, &["--rollback", "--no-verify"])
        .run()
        .succeeds();
    let piped = host
        .deploy(&lab, &["--no-verify"])
        .env("TERM", "xterm")
        .run();
    piped
        .succeeds()
        .stdout_lacks("reads it")
        .stderr_lacks("reads it");
}
