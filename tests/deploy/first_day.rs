//! docs/first-day.md, from nothing to the first phone: its commands as they stand, on a host of their own behind a real sshd.
//!
//! All of it runs in namespaces of its own: a network of one loopback device, so that 22, 80 and 443 are free and names lead where
//! they should, and an /etc of its own, with the Caddyfile that Caddy's package brings. `systemctl reload caddy` does what the unit of
//! that package does; there is no systemd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::assert_root;
use crate::support::outcome;
use crate::support::tools::{self, tool};

/// What stands in /etc/caddy/Caddyfile after Caddy was installed.
const PACKAGED: &str = "# The Caddyfile is an easy way to configure your Caddy web server.\n\n:80 {\n\troot * /usr/share/caddy\n\tfile_server\n}\n";

/// What the reader writes into homelab.kdl; the page's `deploy` is put into it.
const DECLARED: &str = r#"domain "home.example.com"
edge {
    certificates "internal"
    DEPLOY
}
person "alice" { device "pixel" platform="android"; }
service "photos" { respond "photos of alice"; allow "alice"; }
"#;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/first-day.md");
    fs::read_to_string(path).expect("it can be read")
}

/// The lines of a block of the page that begins so.
#[track_caller]
fn block(language: &str, begin: &str) -> String {
    let page = page();
    let fence = format!("```{language}\n");
    let mut blocks = page.split(&fence).skip(1);
    let found = blocks.find(|block| block.starts_with(begin));
    let found = found.unwrap_or_else(|| panic!("no block begins with {begin}"));
    found.split("```").next().unwrap_or_default().to_owned()
}

fn program(directory: &Path, name: &str, lines: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).expect("it can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// The machine's own /etc, as this host has it.
fn own_etc(place: &Path) -> PathBuf {
    let etc = place.join("etc");
    let copied = Command::new("cp").args(["-a", "/etc"]).arg(&etc).status();
    assert!(copied.expect("cp runs").success());
    fs::create_dir_all(etc.join("caddy")).expect("it is ours");
    fs::write(etc.join("caddy/Caddyfile"), PACKAGED).expect("it is ours");
    let names = "127.0.0.1 localhost caddy-host home.example.com photos.home.example.com\n";
    fs::write(etc.join("hosts"), names).expect("it is ours");
    etc
}

#[test]
fn the_first_day_goes_as_it_is_told() {
    assert_root("namespaces need root");
    let place = tempfile::Builder::new().prefix("homelab-day-").tempdir();
    let place = place.expect("a temporary directory can be made");
    let place = place.path();
    let bin = place.join("bin");
    for directory in ["bin", "home", "data"] {
        fs::create_dir(place.join(directory)).expect("it is new");
    }
    let etc = own_etc(place);
    let shown = place.display();

    let caddy = tool("caddy-new");
    let caddy = caddy.display();
    program(
        &bin,
        "caddy",
        &format!(
            "export XDG_DATA_HOME={shown}/data XDG_CONFIG_HOME={shown}/data\nexec {caddy} \"$@\""
        ),
    );
    program(
        &bin,
        "systemctl",
        "[ \"$*\" = 'reload caddy' ] && exec caddy reload --config /etc/caddy/Caddyfile --force",
    );
    program(
        &bin,
        "homelab",
        &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_homelab")),
    );
    let deploy = block("kdl", "domain \"home.example.com\"\nedge {\n    deploy");
    let deploy = deploy
        .lines()
        .find(|line| line.contains("deploy"))
        .expect("it is shown");
    fs::write(
        place.join("declared"),
        DECLARED.replace("DEPLOY", deploy.trim()),
    )
    .expect("it is ours");
    program(&bin, "editor", &format!("cp {shown}/declared \"$1\""));
    for key in ["host", "user"] {
        let made = tools::command("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(place.join(key))
            .status();
        assert!(made.expect("ssh-keygen runs").success());
    }
    let read = |name: &str| fs::read_to_string(place.join(name)).expect("it was made");
    // The reader's own settings of ssh stand in /etc/ssh, for ssh looks for a home in the database of users.
    fs::write(
        etc.join("ssh/ssh_known_hosts"),
        format!("caddy-host {}", read("host.pub")),
    )
    .expect("it is ours");
    fs::write(
        etc.join("ssh/ssh_config"),
        format!("IdentityFile {shown}/user\nBatchMode yes\nStrictHostKeyChecking yes\n"),
    )
    .expect("it is ours");
    fs::write(
        place.join("sshd_config"),
        format!(
            "ListenAddress 127.0.0.1:22\nHostKey {shown}/host\nAuthorizedKeysFile {shown}/user.pub\nStrictModes no\nPidFile none\nUsePAM no\nSetEnv PATH={}:/usr/sbin:/usr/bin:/sbin:/bin\n",
            bin.display()
        ),
    )
    .expect("it is ours");

    let script = [
        format!("ip link set lo up; mount --bind {} /etc; mkdir -p /run/sshd", etc.display()),
        format!("{} -D -e -f {shown}/sshd_config >{shown}/sshd.log 2>&1 & sshd=$!", tool("sshd").display()),
        format!("caddy run --adapter caddyfile --config /etc/caddy/Caddyfile >{shown}/caddy.log 2>&1 & caddy=$!"),
        String::from("trap 'kill $sshd $caddy; wait' EXIT"),
        format!("cd {shown}/home"),
        format!("until curl -so /dev/null http://localhost/ && ssh caddy-host true; do sleep 0.1; [ -d /proc/$caddy ] && [ -d /proc/$sshd ] || {{ cat {shown}/*.log; exit 1; }}; done"),
        block("sh", "mkdir home"),
        block("sh", "homelab deploy --first"),
        String::from("password=$(homelab password alice/pixel)"),
        format!("root={shown}/data/caddy/pki/authorities/local/root.crt"),
        String::from("curl -s --cacert $root --cert-type P12 --cert out/people/alice/pixel/alice-pixel.p12:$password https://photos.home.example.com/; echo"),
        // The connection ends while curl sends (55) or waits (56), whichever is first.
        String::from("curl -s --cacert $root https://photos.home.example.com/ || case $? in 55|56) echo nobody;; esac"),
        String::from("sed -i 's/device \"pixel\"/device \"tablet\" platform=\"android\"; device \"pixel\"/' homelab.kdl"),
        String::from("homelab build && ls out/people/alice/tablet"),
        block("sh", "git checkout homelab.kdl homelab.lock"),
        String::from("homelab plan --expect-no-changes && ! ls out/people/alice/tablet"),
    ]
    .join("\n");
    let mut command = Command::new(tool("unshare"));
    command
        .args([
            "--mount",
            "--net",
            "--propagation",
            "private",
            "sh",
            "-euxc",
            &script,
        ])
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bin.display()),
        )
        .env("HOME", place.join("home"))
        .env("EDITOR", bin.join("editor"))
        .env("GIT_AUTHOR_NAME", "Alice")
        .env("GIT_AUTHOR_EMAIL", "alice@example.com")
        .env("GIT_COMMITTER_NAME", "Alice")
        .env("GIT_COMMITTER_EMAIL", "alice@example.com");
    let outcome = outcome::run(&mut command, b"");
    outcome
        .succeeds()
        .stdout_contains("its Caddyfile imports the edge now")
        .stdout_contains("\nphotos of alice\n")
        .stdout_contains("\nnobody\n");
    let kept = fs::read_to_string(etc.join("caddy/Caddyfile.before-homelab"));
    assert_eq!(kept.expect("it is kept"), PACKAGED);
}
