//! What goes wrong on the way. Each time the host serves either what it served before or the new release, whole, the command says
//! which, and the next deploy mends it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

use crate::host::{Host, assert_root, gets_in, served, short};
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::tools::site_certificate;
use crate::support::upstream::Upstream;

/// A host that serves its first release, and a homelab that has changed since: bob gets in by the second.
fn changed(version: Version) -> (Host, Lab, Upstream, String) {
    let (host, lab, upstream) = served(version);
    let first = host.current().expect("a release is served");
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    (host, lab, upstream, first)
}

/// What is served, and what a start of Caddy would find, is the first release; the next deploy brings the second.
#[track_caller]
fn is_as_before(host: &mut Host, lab: &Lab, first: &str) {
    assert_eq!(host.current().as_deref(), Some(first));
    assert!(gets_in(host, lab, "alice/pixel"));
    assert!(!gets_in(host, lab, "bob/iphone"));
    assert_eq!(host.left(), [""; 0]);
    host.deploy(lab, &[]).run().succeeds();
    assert!(gets_in(host, lab, "bob/iphone"));
}

#[test]
fn a_configuration_that_caddy_refuses_is_not_served() {
    let (mut host, lab, _upstream, first) = changed(Version::New);
    let right = host.read("etc/Caddyfile");
    host.write(
        "etc/Caddyfile",
        &format!("{right}\nwiki.home.example.com {{\n\trespond mine\n}}\n"),
    );
    let outcome = host.deploy(&lab, &[]).run();
    outcome.fails_with(4).stderr_contains("deploy::not-valid");
    let said = short(&host, &outcome);
    assert!(
        said.contains(&format!("serves what it served before: {first}")),
        "{said}"
    );
    host.write("etc/Caddyfile", &right);
    is_as_before(&mut host, &lab, &first);
}

/// A site of the host's own is harmless until a release guards that host.
#[test]
fn what_lint_finds_is_not_served() {
    let (mut host, lab, _upstream, first) = changed(Version::New);
    let right = host.read("etc/Caddyfile");
    let own = format!(
        "{right}\nhttp://photos.home.example.com:{} {{\n\treverse_proxy 127.0.0.1:1\n}}\n",
        host.ports.http.number()
    );
    host.write("etc/Caddyfile", &own);
    let declaration = lab.read("homelab.kdl");
    let photos = "service \"photos\" { upstream \"http://127.0.0.1:1\"; allow \"alice\"; }\n";
    lab.write("homelab.kdl", format!("{declaration}{photos}"));
    let outcome = host.deploy(&lab, &[]).run();
    outcome
        .fails_with(4)
        .stderr_contains("deploy::lint")
        .stderr_contains("photos.home.example.com");
    lab.write("homelab.kdl", declaration);
    is_as_before(&mut host, &lab, &first);
}

/// What was there before homelab is told, and stays the affair of who wrote it.
#[test]
fn what_the_host_s_own_sites_let_in_is_told_and_hinders_nothing() {
    let (host, lab, _upstream, _first) = changed(Version::New);
    let right = host.read("etc/Caddyfile");
    let open = right.replace("admin 127.0.0.1:", "admin 0.0.0.0:");
    assert_ne!(open, right);
    host.write("etc/Caddyfile", &open);
    let outcome = host.deploy(&lab, &["--no-verify"]).run();
    outcome.succeeds().stderr_contains("as before (1 found)");
}

#[test]
fn what_cannot_be_loaded_is_put_back() {
    for version in Version::ALL {
        let (mut host, lab, _upstream, first) = changed(version);
        let declaration = lab.read("homelab.kdl");
        lab.write(
            "homelab.kdl",
            declaration.replace(&host.reload(), "systemctl reload no-such-unit"),
        );
        let outcome = host.deploy(&lab, &[]).run();
        outcome
            .fails_with(3)
            .stderr_contains("deploy::cannot-reload")
            .stderr_contains("systemctl reload no-such-unit");
        lab.write("homelab.kdl", declaration);
        is_as_before(&mut host, &lab, &first);
    }
}

/// The release is served, and an answer is not as declared: the sites' certificates are not of the authority that is named.
#[test]
fn what_is_not_as_declared_is_put_back() {
    for version in Version::ALL {
        let (mut host, lab, _upstream, first) = changed(version);
        site_certificate(&host.path("data"), "elsewhere.test");
        let elsewhere = host.path("data/site.pem");
        let elsewhere = elsewhere.to_str().expect("a test's paths are UTF-8");
        let outcome = host.deploy_believing(&lab, elsewhere).run();
        outcome
            .fails_with(4)
            .stderr_contains("deploy::not-as-declared")
            .stdout_contains("wrong");
        let said = short(&host, &outcome);
        assert!(
            said.contains("serves what it served before again"),
            "{said}"
        );
        is_as_before(&mut host, &lab, &first);
    }
}

/// The command is killed at twenty moments: the host has one release or the other, and the next deploy goes through.
#[test]
fn a_command_that_is_killed_leaves_one_release_or_the_other() {
    let (mut host, lab, _upstream, first) = changed(Version::New);
    let begin = Instant::now();
    host.deploy(&lab, &[]).run().succeeds();
    let whole = begin.elapsed();
    host.deploy(&lab, &["--rollback"]).run().succeeds();
    let mut ends = BTreeSet::new();
    for moment in 0..20 {
        let mut child = host.deploy(&lab, &[]).start();
        std::thread::sleep(whole * moment / 16);
        let _ = child.kill();
        let _ = child.wait();
        host.await_lock();
        let current = host.current().expect("a release is served");
        let lets_in = gets_in(&host, &lab, "bob/iphone");
        assert_eq!(lets_in, current != first, "moment {moment}: {current}");
        assert!(gets_in(&host, &lab, "alice/pixel"));
        ends.insert(current != first);
        if current != first {
            host.deploy(&lab, &["--rollback"]).run().succeeds();
        }
    }
    assert!(ends.contains(&false), "some came in time");
    host.restart();
    is_as_before(&mut host, &lab, &first);
}

/// The host's disk is full, or has room for so many pages: what was served stays, and with room enough the next deploy goes through.
#[test]
fn a_full_disk_leaves_what_was_served() {
    assert_root("mounts need root");
    let (mut host, lab, _upstream, first) = changed(Version::New);
    let homelab = host.path("etc/homelab").display().to_string();
    let mount = format!("tmpfs on {homelab}");
    // Its own disk, as large as what lies there and half as much again: the release that is brought fits in once.
    let script = format!(
        "cp -a {homelab} {homelab}.kept && mount -t tmpfs -o size=400k,mode=755 tmpfs {homelab} && cp -a {homelab}.kept/. {homelab}"
    );
    let mounted = Command::new("sh").args(["-c", &script]).status();
    assert!(mounted.expect("sh runs").success(), "{mount}");
    let _mounted = Mounted(homelab.clone());
    let fill = host.path("etc/homelab/fill");
    let mut ends = BTreeSet::new();
    for pages in [0, 1, 2, 4, 8, 16, 24, 32, 48] {
        // All that there is, but for so many pages.
        let script = format!(
            "dd if=/dev/zero of={0} bs=4096 2>/dev/null; size=$(wc -c <{0}); [ $size -gt $(({pages} * 4096)) ] && truncate -s $((size - {pages} * 4096)) {0}",
            fill.display()
        );
        let filled = Command::new("sh").args(["-c", &script]).status();
        assert!(filled.expect("sh runs").success(), "{pages}");
        let outcome = host.deploy(&lab, &[]).run();
        let served = host.current().expect("a release is served");
        let is_done = outcome.status.success();
        assert_eq!(is_done, served != first, "{pages}: {}", outcome.stderr());
        assert_eq!(gets_in(&host, &lab, "bob/iphone"), is_done);
        assert!(gets_in(&host, &lab, "alice/pixel"));
        std::fs::remove_file(&fill).expect("it is ours");
        if is_done {
            host.deploy(&lab, &["--rollback"]).run().succeeds();
        }
        ends.insert(is_done);
    }
    assert!(ends.contains(&false), "some were too few");
    is_as_before(&mut host, &lab, &first);
}

/// What was mounted there, until it is dropped.
struct Mounted(String);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Two at once: one after the other, and what is served is whole.
#[test]
fn two_deploys_at_once_come_one_after_the_other() {
    let (host, lab, _upstream, _first) = changed(Version::New);
    let other = lab.copy();
    other.edit("respond \"here\"", "respond \"there\"");
    let one = host.deploy(&lab, &["--no-verify"]).start();
    let two = host.deploy(&other, &["--no-verify"]).start();
    for child in [one, two] {
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let current = host.current().expect("a release is served");
    assert!(host.releases().contains(&current));
    assert_eq!(host.left(), [""; 0]);
    assert!(gets_in(&host, &lab, "bob/iphone"));
}
