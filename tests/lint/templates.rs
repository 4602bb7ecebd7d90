//! What a user's own templates let in is a reason to build nothing, where there is a Caddy that can be asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::fixtures::with_caddy;
use crate::support::caddy::Version;
use crate::support::lab::{Invocation, Lab};

const DECLARATION: &str = "domain \"home.example.com\"\n\
    person \"alice\" { device \"pixel\" platform=\"android\"; }\n\
    service \"notes\" { upstream \"http://127.0.0.1:9000\"; allow \"alice\"; }\n";

/// A site of one's own, through which everybody gets to the notes.
const OPEN: &str = "{% extends \"builtin/sites.caddyfile.j2\" %}\n{% block sites %}\nold.example.net {\n\treverse_proxy http://127.0.0.1:9000\n}\n{% endblock %}\n";

const TEMPLATE: &str = "templates/sites.caddyfile.j2";

fn lab(template: &str) -> Lab {
    let lab = Lab::new().declare(DECLARATION);
    lab.write(TEMPLATE, template);
    lab
}

fn with(invocation: Invocation, caddy: &TempDir) -> Invocation {
    invocation.env("PATH", caddy.path())
}

#[test]
fn a_build_is_refused_and_writes_nothing() {
    let (lab, caddy) = (lab(OPEN), with_caddy(Version::New));
    let before = lab.snapshot();
    // Nothing has been issued yet: the first reason is another.
    with(lab.command(["build", "--locked"]), &caddy)
        .run()
        .fails_with(4);
    for command in ["build", "check"] {
        with(lab.command([command]), &caddy)
            .run()
            .fails_with(1)
            .stderr_contains("lint::in-template")
            .stderr_contains("`templates/sites.caddyfile.j2`")
            .stderr_contains("old.example.net")
            .stderr_contains("homelab: allow open-elsewhere");
    }
    with(lab.command(["plan", "--json"]), &caddy)
        .run()
        .succeeds()
        .stdout_contains("lint::in-template");
    assert_eq!(lab.snapshot(), before);
}

#[test]
fn what_is_meant_is_said_in_the_template() {
    let allowed = format!("{{# homelab: allow open-elsewhere: the old name stays #}}\n{OPEN}");
    let (lab, caddy) = (lab(&allowed), with_caddy(Version::New));
    for words in [&["build"][..], &["check"], &["build"], &["verify"]] {
        with(lab.command(words.iter().copied()), &caddy)
            .run()
            .succeeds();
    }
    // Another form is not allowed by it.
    lab.write(TEMPLATE, allowed.replace("open-elsewhere", "wildcard-left"));
    with(lab.command(["build"]), &caddy)
        .run()
        .fails_with(1)
        .stderr_contains("lint::in-template");
}

/// The same bytes come of it with a Caddy and without.
#[test]
fn what_is_built_does_not_depend_on_the_machine() {
    let harmless = OPEN.replace("reverse_proxy http://127.0.0.1:9000", "respond hello");
    let lab = lab(&harmless);
    lab.command(["build"])
        .env("PATH", "/nowhere")
        .run()
        .succeeds();
    let before = lab.snapshot();
    let caddy = with_caddy(Version::New);
    for words in [
        &["build", "--check"][..],
        &["build", "--no-index"],
        &["build", "--edge"],
    ] {
        with(lab.command(words.iter().copied()), &caddy)
            .run()
            .succeeds();
    }
    assert_eq!(lab.snapshot(), before);
}

#[test]
fn without_a_caddy_it_is_built_and_verify_tells_where_there_is_one() {
    let lab = lab(OPEN);
    // The later ones have nothing to do, and what they found is not kept.
    for _ in 0..3 {
        lab.command(["build"])
            .env("PATH", "/nowhere")
            .run()
            .succeeds();
    }
    lab.command(["verify"])
        .env("PATH", "/nowhere")
        .run()
        .succeeds();
    let caddy = with_caddy(Version::New);
    with(lab.command(["verify"]), &caddy)
        .run()
        .fails_with(4)
        .stdout_contains("edge/Caddyfile: lint::open-elsewhere: old.example.net");
    // A build that had nothing to do is no reason to look at nothing.
    with(lab.command(["build"]), &caddy).run().fails_with(1);
    // A lost device does not wait for a template to be mended.
    with(lab.command(["revoke", "alice/pixel"]), &caddy)
        .run()
        .succeeds()
        .stderr_contains("would let somebody in");
}

/// One that does not know the files' words can say nothing of them.
#[test]
fn a_caddy_that_cannot_read_them_is_told_of() {
    let lab = lab(OPEN);
    let caddy = with_caddy(Version::Old);
    with(lab.command(["build"]), &caddy)
        .run()
        .succeeds()
        .stderr_contains("was not looked at: `caddy adapt` refuses the Caddyfile");
    with(lab.command(["verify"]), &caddy)
        .run()
        .succeeds()
        .stdout_contains("what it lets in was not looked at");
}

/// With the built-in templates a build runs no Caddy, whatever is called so.
#[test]
fn with_built_in_templates_nothing_is_run() {
    let lab = Lab::new().declare(DECLARATION);
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let ran = place.path().join("ran");
    let program = place.path().join("caddy");
    fs::write(
        &program,
        format!("#!/bin/sh\n: > {}\nexit 1\n", ran.display()),
    )
    .expect("it is empty");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    for words in [&["build"][..], &["check"], &["plan"], &["build", "--edge"]] {
        with(lab.command(words.iter().copied()), &place)
            .run()
            .succeeds();
    }
    assert!(!ran.exists());
    with(lab.command(["verify"]), &place).run().succeeds();
    assert!(ran.exists(), "verify asks it");
}
