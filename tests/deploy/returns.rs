//! Who is shut out stays out, whatever is deployed, put back or restored.

use crate::host::{Host, copy, gets_in, served};
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;

/// Revokes alice's laptop; the homelab as it was before, by which it can be seen whether it gets in.
fn lost(lab: &Lab) -> Lab {
    let before = lab.copy();
    lab.command(["revoke", "--no-replace", "alice/laptop"])
        .run()
        .succeeds()
        .stdout_contains("\n1. `homelab deploy`: from then on it is refused\n");
    before
}

/// A host that has served a release with alice's laptop, and one without it since: it was revoked.
fn after_a_loss() -> (Host, Lab, Lab, Upstream) {
    let (host, lab, upstream) = served(Version::New);
    assert!(gets_in(&host, &lab, "alice/laptop"));
    let before = lost(&lab);
    host.deploy(&lab, &[]).run().succeeds();
    assert!(!gets_in(&host, &before, "alice/laptop"));
    (host, lab, before, upstream)
}

/// Going back would let it in: it is refused, and done where somebody names the device.
#[test]
fn a_rollback_does_not_let_in_again_what_was_revoked() {
    let (host, lab, before, _upstream) = after_a_loss();
    let current = host.current();
    let outcome = host.deploy(&lab, &["--rollback"]).run();
    outcome
        .fails_with(4)
        .stderr_contains("deploy::lets-in-again")
        .stderr_contains("homelab deploy --rollback --accept-return-of alice/laptop");
    assert_eq!(host.current(), current);
    assert!(!gets_in(&host, &before, "alice/laptop"));
    let other = ["--rollback", "--accept-return-of", "alice/pixel"];
    host.deploy(&lab, &other).run().fails_with(4);
    let named = ["--rollback", "--accept-return-of", "alice/laptop"];
    host.deploy(&lab, &named).run().succeeds();
    assert!(gets_in(&host, &before, "alice/laptop"));
}

/// A clone that went back, and remembers nothing itself: the host does.
#[test]
fn an_older_lock_is_refused_by_what_the_host_serves() {
    let (host, _lab, before, _upstream) = after_a_loss();
    let current = host.current();
    before.forget();
    let outcome = host.deploy(&before, &[]).run();
    outcome
        .fails_with(4)
        .stderr_contains("lock::went-back")
        .stderr_contains("homelab deploy --accept-return-of alice/laptop");
    assert_eq!(host.current(), current);
    let outcome = host.deploy(&before, &["--dry-run"]).run();
    outcome.fails_with(4).stderr_contains("lock::went-back");
    let named = ["--accept-return-of", "alice/laptop"];
    host.deploy(&before, &named).run().succeeds();
    assert!(gets_in(&host, &before, "alice/laptop"));
}

/// Something else is wrong with the release that shuts the device out. It stays, for the one before lets it in.
#[test]
fn nothing_is_put_back_that_lets_in_what_the_release_shuts_out() {
    let (host, lab, _upstream) = served(Version::New);
    let (first, before) = (host.current(), lost(&lab));
    // What is served is asked at a port where nobody is.
    let nobody = crate::support::port::Port::reserve();
    let number = nobody.number().to_string();
    let resolve = format!("*:{number}:127.0.0.1");
    let outcome = lab
        .command([
            "deploy",
            "--port",
            &number,
            "--resolve",
            &resolve,
            "--timeout",
            "1",
        ])
        .env("PATH", host.search_path())
        .run();
    outcome
        .fails_with(4)
        .stderr_contains("deploy::not-as-declared")
        .stderr_contains("stays: the one before");
    assert_ne!(host.current(), first);
    assert!(!gets_in(&host, &before, "alice/laptop"));
    assert_eq!(host.left(), [""; 0]);
}

/// Caddy does not load the release that shuts the device out, and goes on letting it in: that is told first of all, and a start of Caddy
/// shuts it out.
#[test]
fn a_caddy_that_goes_on_with_what_lets_it_in_is_told() {
    let (mut host, lab, _upstream) = served(Version::New);
    let (first, before) = (host.current(), lost(&lab));
    let declaration = lab.read("homelab.kdl");
    lab.write("homelab.kdl", declaration.replace(&host.reload(), "false"));
    let outcome = host.deploy(&lab, &["--json"]).run();
    outcome
        .fails_with(3)
        .stderr_contains("deploy::cannot-reload")
        .stderr_contains("Caddy runs the release before");
    let told: serde_json::Value = serde_json::from_str(outcome.stdout()).expect("one object");
    assert_eq!(told["serves"], "former");
    assert_ne!(host.current(), first);
    assert!(
        gets_in(&host, &before, "alice/laptop"),
        "nothing was loaded"
    );
    host.restart();
    assert!(!gets_in(&host, &before, "alice/laptop"));
}

/// The host's disk was put back to last week's: what is declared is brought to it again.
#[test]
fn a_host_that_went_back_in_time_is_brought_up_to_date() {
    let (mut host, lab, _upstream) = served(Version::New);
    copy(&host.path("etc"), &host.path("backup"));
    let before = lost(&lab);
    host.deploy(&lab, &[]).run().succeeds();
    host.stop();
    std::fs::remove_dir_all(host.path("etc")).expect("it is ours");
    copy(&host.path("backup"), &host.path("etc"));
    host.start();
    assert!(gets_in(&host, &before, "alice/laptop"), "it went back");
    host.deploy(&lab, &[]).run().succeeds();
    assert!(!gets_in(&host, &before, "alice/laptop"));
}
