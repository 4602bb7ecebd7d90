//! A Caddy in a container: it sees the Caddyfile and the releases under another path, and is spoken to by `docker exec`.
//!
//! The container is a mount namespace of its own, and the engine's `exec` enters it; Docker and Podman themselves are not run.

use crate::host::{Host, assert_root, gets_in, lab};
use crate::support::caddy::Version;
use crate::support::tools::tool;
use crate::support::upstream::Upstream;

/// Has the host's Caddy run where `etc/` is `/mnt/caddy`, and gives it a `docker` that knows the container `edge`.
fn contained(host: &mut Host) {
    let etc = host.path("etc").display().to_string();
    let pid = host.path("pid").display().to_string();
    let caddy = host.path("bin/caddy").display().to_string();
    host.start_by(&[
        tool("unshare").to_str().expect("plain"),
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        &format!(
            "mount -t tmpfs tmpfs /mnt && mkdir /mnt/caddy && mount --bind {etc} /mnt/caddy && echo $$ >{pid} && exec {caddy} run --adapter caddyfile --config /mnt/caddy/Caddyfile"
        ),
    ]);
    let nsenter = tool("nsenter").display().to_string();
    host.script(
        "docker",
        &format!(
            "[ \"$1 $2\" = 'exec edge' ] || exit 64\nshift 2\nexec {nsenter} --mount --target \"$(cat {pid})\" -- \"$@\""
        ),
    );
}

#[test]
fn an_edge_is_brought_to_a_caddy_in_a_container() {
    assert_root("mounts need root");
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    let caddyfile = host.caddyfile();
    host.write("etc/Caddyfile", &host.caddyfile_before());
    contained(&mut host);
    host.write("etc/Caddyfile", &caddyfile);
    let etc = host.path("etc").display().to_string();
    let word = format!(
        "deploy path=\"{etc}/homelab\" config=\"{etc}/Caddyfile\" container=\"edge\" container-config=\"/mnt/caddy/Caddyfile\" reload=\"docker exec edge caddy reload --adapter caddyfile --config /mnt/caddy/Caddyfile --address 127.0.0.1:{}\"",
        host.ports.admin.number()
    );
    let lab = lab(&host, &word, &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    host.deploy(&lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "bob/iphone"));
    host.deploy(&lab, &["--rollback"]).run().succeeds();
    assert!(!gets_in(&host, &lab, "bob/iphone"));
    // A container that is not there cannot be asked whether it would load anything.
    let declaration = lab.read("homelab.kdl");
    lab.write(
        "homelab.kdl",
        declaration.replace("container=\"edge\"", "container=\"egde\""),
    );
    let outcome = host.deploy(&lab, &[]).run();
    outcome.fails_with(3).stderr_contains("deploy::no-caddy");
}
