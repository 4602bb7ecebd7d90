//! A Caddy in a container of a real Podman, of an image that has nothing but that Caddy.
//!
//! It runs in the host's network and in no control group of its own, for a machine on which tests run may be a container itself:
//! that leaves out what Podman does with networks and limits, and nothing of what a deploy deals with.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{Host, assert_root, gets_in, lab};
use crate::support::caddy::Version;
use crate::support::tools::tool;
use crate::support::upstream::Upstream;
use crate::support::wait;

/// A container called `edge`, which sees the host's `etc/` as `/etc/caddy`; gone when dropped.
struct Container<'h> {
    host: &'h Host,
}

impl<'h> Container<'h> {
    /// One that runs with a Caddyfile that does not know of homelab, in whose place one stands now that does.
    fn run_before(host: &'h Host) -> Container<'h> {
        let caddyfile = host.caddyfile();
        host.write("etc/Caddyfile", &host.caddyfile_before());
        let container = Container::run(host);
        host.write("etc/Caddyfile", &caddyfile);
        container
    }

    /// Makes the image, gives the host a `podman` of its own, and has the container run with the Caddyfile that is there.
    fn run(host: &'h Host) -> Container<'h> {
        assert_root("a container that sees the host's files needs root");
        host.script("podman", &engine(host));
        // What a deploy does not ask of the container it would ask of this one, and fail.
        host.script("caddy", "echo 'the Caddy is in the container' >&2; exit 1");
        let image = host.path("image");
        for directory in ["usr/bin", "etc/caddy", "data", "tmp"] {
            fs::create_dir_all(image.join(directory)).expect("it is new");
        }
        let caddy = tool(Version::New.tool());
        fs::copy(caddy, image.join("usr/bin/caddy")).expect("it is one static file");
        let archive = host.path("image.tar");
        let mut tar = Command::new(tool("tar"));
        let tar = tar.arg("-C").arg(&image).arg("-cf").arg(&archive).arg(".");
        assert!(tar.status().expect("tar runs").success());
        let container = Container { host };
        container.podman(&[
            "import",
            "--change",
            "ENV PATH=/usr/bin",
            "--change",
            "ENV XDG_DATA_HOME=/data",
            "--change",
            "ENV XDG_CONFIG_HOME=/data",
            path(&archive),
            "localhost/caddy:tried",
        ]);
        container.podman(&[
            "run",
            "--detach",
            "--name",
            "edge",
            "--network",
            "host",
            "--cgroups",
            "disabled",
            "--volume",
            &format!("{}:/etc/caddy", host.path("etc").display()),
            "--volume",
            &format!("{}:/data", host.path("data").display()),
            "localhost/caddy:tried",
            "caddy",
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            "/etc/caddy/Caddyfile",
        ]);
        container.await_start();
        container
    }

    #[track_caller]
    fn podman(&self, words: &[&str]) -> String {
        let mut command = Command::new(self.host.path("bin/podman"));
        let done = command.args(words).stdin(Stdio::null()).output();
        let done = done.expect("podman runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "podman {words:?}: {said}");
        String::from_utf8_lossy(&done.stdout).into_owned() + &said
    }

    #[track_caller]
    fn await_start(&self) {
        let log = || self.podman(&["logs", "edge"]);
        wait::until(|| log().contains("serving initial configuration"), log);
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let mut podman = Command::new(self.host.path("bin/podman"));
        let gone = podman
            .args(["rm", "--force", "--time", "0", "edge"])
            .output();
        assert!(
            gone.is_ok_and(|gone| gone.status.success()) || std::thread::panicking(),
            "the container is still there"
        );
    }
}

/// Podman with all that it keeps below the host, and a runtime that raises no limits. Of control groups it sees one version, as on a
/// host: where both are mounted, crun gives up.
fn engine(host: &Host) -> String {
    let keeps = host.path("podman");
    format!(
        "exec {unshare} --mount --propagation private sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"' sh \
         {podman} --root {keeps}/storage --runroot {keeps}/run --tmpdir {keeps}/tmp --storage-driver vfs --cgroup-manager cgroupfs \
         --events-backend none --runtime {runtime} \"$@\"",
        unshare = tool("unshare").display(),
        podman = tool("podman").display(),
        keeps = keeps.display(),
        runtime = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/tools/podman/crun")
            .display(),
    )
}

/// The word `deploy` for it, with more properties.
fn word(host: &Host, more: &str) -> String {
    let etc = host.path("etc").display().to_string();
    format!(
        "deploy path=\"{etc}/homelab\" config=\"{etc}/Caddyfile\" container=\"edge\" engine=\"podman\" {more}"
    )
}

fn path(of: &Path) -> &str {
    of.to_str().expect("plain")
}

#[test]
fn an_edge_is_brought_to_a_caddy_in_a_container_of_podman_and_back() {
    let upstream = Upstream::start("wiki");
    let host = Host::new(Version::New);
    let container = Container::run_before(&host);
    let lab = lab(&host, &word(&host, ""), &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
    assert!(!gets_in(&host, &lab, "bob/iphone"));

    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "bob/iphone"));

    // A phone that is lost, with the certificate that it has.
    let lost = lab.path().join("lost.p12");
    fs::copy(
        lab.path().join("out/people/bob/iphone/bob-iphone.p12"),
        &lost,
    )
    .expect("it is there");
    let password = lab.command(["password", "bob/iphone"]).run();
    let password = password.succeeds().stdout().trim().to_owned();
    let lost_gets_in = || {
        let wiki = || host.visit("wiki.home.example.com");
        wait::until(
            || wiki().presents_certificate(),
            || container.podman(&["logs", "edge"]),
        );
        wiki().p12(&lost, &password).status() == Some(200)
    };
    assert!(lost_gets_in());
    lab.command(["revoke", "bob/iphone"]).run().succeeds();
    host.deploy(&lab, &[]).run().succeeds();
    assert!(!lost_gets_in());

    // It stays out of a container that has begun anew, and no rollback brings it back.
    container.podman(&["restart", "--time", "0", "edge"]);
    assert!(!lost_gets_in());
    assert!(gets_in(&host, &lab, "alice/pixel"));
    let back = host.deploy(&lab, &["--rollback"]).run();
    back.fails_with(4);
    assert!(!lost_gets_in());
}

#[test]
fn what_the_caddy_in_a_container_of_podman_cannot_load_changes_nothing() {
    let upstream = Upstream::start("wiki");
    let host = Host::new(Version::New);
    let container = Container::run_before(&host);
    // Loaded by its admin endpoint, which the host's network has.
    let reload = format!(
        "reload=\"podman exec edge caddy adapt --config /etc/caddy/Caddyfile | curl --silent --show-error --fail --header 'Content-Type: application/json' --header 'Origin: http://127.0.0.1:{port}' --data-binary @- http://127.0.0.1:{port}/load\"",
        port = host.ports.admin.number()
    );
    let lab = lab(&host, &word(&host, &reload), &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
    let current = host.current();

    lab.write(
        "templates/sites.caddyfile.j2",
        "{% extends \"builtin/sites.caddyfile.j2\" %}\n{% block sites %}\nunknown.home.example.com {\n\tnowhere\n}\n{% endblock %}\n",
    );
    let refused = host.deploy(&lab, &[]).run();
    refused
        .fails_with(4)
        .stderr_contains("unrecognized directive");
    assert_eq!(host.current(), current);
    assert!(gets_in(&host, &lab, "alice/pixel"));

    // A container that does not run cannot be asked, and nothing is put in the place of what it would serve.
    fs::remove_file(lab.path().join("templates/sites.caddyfile.j2")).expect("it is there");
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    container.podman(&["stop", "--time", "0", "edge"]);
    let stopped = host.deploy(&lab, &[]).run();
    stopped.fails_with(3).stderr_contains("deploy::no-caddy");
    assert_eq!(host.current(), current);
    container.podman(&["start", "edge"]);
    wait::until(
        || host.visit("wiki.home.example.com").presents_certificate(),
        || container.podman(&["logs", "edge"]),
    );
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "bob/iphone"));
}
