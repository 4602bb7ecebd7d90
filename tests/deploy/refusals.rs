//! What is refused before anything has changed.

use crate::host::{self, Host, lab, release_file};
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;

/// A host that serves something, its homelab, and an upstream.
fn served() -> (Host, Lab, Upstream, String) {
    let (host, lab, upstream) = host::served(Version::New);
    let current = host.current().expect("a release is served");
    (host, lab, upstream, current)
}

#[test]
fn without_a_place_there_is_nothing_to_deploy_to() {
    let lab = Lab::built(
        "domain \"home.example.com\"\nperson \"alice\" { device \"pixel\" platform=\"android\"; }\n",
    );
    lab.command(["deploy"])
        .run()
        .fails_with(1)
        .stderr_contains("deploy::nowhere")
        .stderr_contains("deploy \"root@edge.lan\"");
}

#[test]
fn what_is_not_issued_yet_is_not_deployed() {
    let (host, lab, _upstream, current) = served();
    lab.edit(
        "device \"iphone\" platform=\"ios\";",
        "device \"iphone\" platform=\"ios\"; device \"ipad\" platform=\"ios\";",
    );
    host.deploy(&lab, &[])
        .run()
        .fails_with(4)
        .stderr_contains("homelab build");
    assert_eq!(host.current(), Some(current));
}

/// Another homelab's edge would put another authority in the place of this one's.
#[test]
fn another_homelab_s_release_is_not_replaced() {
    let (host, _lab, upstream, current) = served();
    let other = lab(&host, &host.word(), &upstream);
    let outcome = host.deploy(&other, &[]).run();
    outcome.fails_with(3).stderr_contains("lock::other-key");
    assert_eq!(host.current(), Some(current));
    assert_eq!(host.releases().len(), 1);
}

#[test]
fn a_host_without_its_tools_is_told_so() {
    let (host, lab, _upstream, current) = served();
    // A PATH in which there is nothing but what begins the session.
    for (name, real) in [("sh", "/bin/sh"), ("dd", "/bin/dd")] {
        host.script(name, &format!("exec {real} \"$@\""));
    }
    let outcome = host.deploy(&lab, &[]).env("PATH", host.path("bin")).run();
    outcome.fails_with(3).stderr_contains("deploy::no-tool");
    assert_eq!(host.current(), Some(current));
}

/// Whoever has changed a release on its host does not get it served again.
#[test]
fn a_release_that_was_changed_on_its_host_is_brought_anew() {
    let (host, lab, _upstream, current) = served();
    let sites = release_file(&host, &current, "sites.caddyfile");
    let text = std::fs::read_to_string(&sites).expect("it is there");
    std::fs::write(&sites, text.replace("respond", "# respond")).expect("it can be changed");
    host.deploy(&lab, &[]).run().succeeds();
    let anew = host.current().expect("a release is served");
    assert_eq!(anew, format!("{current}-2"));
    let sites = release_file(&host, &anew, "sites.caddyfile");
    assert_eq!(std::fs::read_to_string(sites).expect("it is there"), text);
}

/// An output that somebody has changed is not what is deployed.
#[test]
fn what_was_changed_in_the_output_is_built_anew_first() {
    let (host, lab, _upstream, current) = served();
    let text = lab.read("out/edge/sites.caddyfile");
    lab.write(
        "out/edge/sites.caddyfile",
        text.replace("respond", "# respond"),
    );
    host.deploy(&lab, &[]).run().succeeds();
    assert_eq!(host.current(), Some(current));
    assert_eq!(lab.read("out/edge/sites.caddyfile"), text);
}

#[test]
fn a_rollback_needs_a_release_before_this_one() {
    let (host, lab, _upstream, current) = served();
    let outcome = host.deploy(&lab, &["--rollback"]).run();
    outcome.fails_with(4).stderr_contains("deploy::no-former");
    assert_eq!(host.current(), Some(current));
}
