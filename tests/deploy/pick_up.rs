//! What waits to be fetched, on the host: who may read it there, and that nothing of it stays.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::host::{Host, lab};
use crate::support::caddy::Version;
use crate::support::clock::Clock;
use crate::support::curl::{Answer, Curl};
use crate::support::lab::{Invocation, Lab, for_the_old_caddy};
use crate::support::outcome;
use crate::support::tools;
use crate::support::upstream::Upstream;

/// Every file below the directory of releases that has to do with it.
fn handed_out(host: &Host) -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_symlink() {
                continue;
            } else if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&host.path("etc/homelab"), &mut found);
    found.retain(|path| path.to_string_lossy().contains("pick-up"));
    found
}

fn password(lab: &Lab) -> String {
    let password = lab.command(["password", "alice/pixel"]).run();
    password.succeeds().stdout().trim().to_owned()
}

/// What the older certificate gets.
fn fetch(host: &Host, lab: &Lab, older: &str, path: &str) -> Answer {
    let curl = Curl::https("home.example.com", host.ports.https.number(), path).root(&host.root());
    curl.p12(&lab.home().join("older.p12"), older).run()
}

fn comes_and_goes(version: Version) {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(version);
    host.start_before();
    let word = format!("landing; pick-up; {}", host.word());
    let lab = lab(&host, &word, &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    let before = host.current();
    let bundle = "out/people/alice/pixel/alice-pixel.p12";
    fs::copy(lab.path().join(bundle), lab.home().join("older.p12")).expect("it can be copied");
    let older = password(&lab);
    lab.command(["renew", "alice/pixel"]).run().succeeds();
    let newer = password(&lab);

    let dry = host.deploy(&lab, &["--dry-run"]).run();
    dry.succeeds().stdout_contains(
        "the newer certificates of alice/pixel are fetched at https://home.example.com/renew",
    );
    host.deploy(&lab, &[])
        .run()
        .succeeds()
        .stdout_contains("alice/pixel");
    let files = handed_out(&host);
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let file = file.metadata().expect("it is there");
        assert_eq!(file.permissions().mode() & 0o777, 0o640);
    }
    fetch(&host, &lab, &older, "/renew")
        .has_status(200)
        .contains(&newer);
    let file = fetch(&host, &lab, &older, "/renew/alice-pixel.p12");
    assert_eq!(file.body, lab.read_bytes(bundle));

    // The release before, and the way forward again: what is not served has no secret.
    host.deploy(&lab, &["--rollback"]).run().succeeds();
    assert_eq!(host.current(), before);
    assert_eq!(handed_out(&host), [] as [PathBuf; 0]);
    host.deploy(&lab, &[]).run().succeeds();
    fetch(&host, &lab, &older, "/renew")
        .has_status(200)
        .contains(&newer);
    assert_eq!(handed_out(&host).len(), 2);

    // Who deploys without the secret takes nothing away.
    let clone = lab.copy();
    fs::remove_dir_all(clone.path().join("out")).expect("it is there");
    clone.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    let told = host
        .deploy(&clone, &[])
        .env("XDG_CONFIG_HOME", "/nowhere")
        .run();
    told.succeeds()
        .stderr_contains("The new certificates of alice/pixel are not in the edge");
    fetch(&host, &lab, &older, "/renew")
        .has_status(200)
        .contains(&newer);
    assert_eq!(handed_out(&host).len(), 2);

    // Nothing stays behind the window, in no release.
    lab.command(["renew", "--finish", "alice/pixel"])
        .run()
        .succeeds();
    host.deploy(&lab, &[]).run().succeeds();
    assert_eq!(handed_out(&host), [] as [PathBuf; 0]);
    assert!(host.releases().len() > 1);
    fetch(&host, &lab, &older, "/renew")
        .has_status(403)
        .lacks(&newer);
    // Nor does it come back with a release from within: it lets in who is shut out, and where that is accepted, it has nothing to hand out.
    let back = host.deploy(&lab, &["--rollback"]).run();
    back.fails_with(4);
    let back = ["--rollback", "--accept-return-of", "alice/pixel"];
    host.deploy(&lab, &back).run().succeeds();
    assert_eq!(handed_out(&host), [] as [PathBuf; 0]);
    let page = fetch(&host, &lab, &older, "/renew");
    page.has_status(200)
        .contains("It is not here yet")
        .lacks(&newer);
}

#[test]
fn what_is_fetched_comes_and_goes_on_the_old_caddy() {
    comes_and_goes(Version::Old);
}

#[test]
fn what_is_fetched_comes_and_goes_on_the_new_caddy() {
    comes_and_goes(Version::New);
}

/// It is in the group of the user that Caddy runs as, where that is not the one who deploys; and where that cannot be, it is told.
#[test]
fn caddy_can_read_it() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    let group = fs::metadata("/etc/shadow").expect("it is there").gid();
    host.script(
        "id",
        "case \"$*\" in caddy) exit 0 ;; '-gn caddy') echo shadow ;; *) exec /usr/bin/id \"$@\" ;; esac",
    );
    // What comes over the wire is for nobody else to read, either.
    host.script(
        "tar",
        "stat -c %a \"$2\" >>\"$(dirname \"$0\")/../etc/tar\"; exec /bin/tar \"$@\"",
    );
    // Nobody is called so here.
    host.script("su", "shift 3; exec sh -c \"$1\"");
    host.start_before();
    let word = format!("landing; pick-up; {}", host.word());
    let lab = lab(&host, &word, &upstream);
    lab.command(["renew", "alice/pixel"]).run().succeeds();
    host.deploy(&lab, &[])
        .run()
        .succeeds()
        .stderr_lacks("cannot read");
    for file in handed_out(&host) {
        assert_eq!(file.metadata().expect("it is there").gid(), group);
    }
    assert_eq!(host.read("etc/tar"), "600\n");
    host.script("chgrp", "exit 1");
    lab.command(["renew", "alice/laptop"]).run().succeeds();
    let told = host.deploy(&lab, &[]).run();
    told.succeeds()
        .stderr_contains("The user `caddy` on the host cannot read `pick-up/` in the release");
}

/// What a timer does at night, on days of half a year: it renews what is due, and deploys; the host's Caddy goes by the same clock.
fn a_timer_s_nights(version: Version) {
    let clock = Clock::new();
    let mut host = Host::new(version);
    host.script("caddy", &emulated(&host, version, &clock));
    host.start_before();
    // The sites' own certificate is none of homelab's matters here: it lasts.
    let etc = host.path("etc");
    let openssl = |words: &str| {
        let mut openssl = tools::command("openssl");
        openssl.current_dir(&etc).args(words.split_whitespace());
        outcome::run(&mut openssl, b"").succeeds();
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {key} -days 900 -subj /CN=root -keyout root.key -out root.pem"
    ));
    let names = "subjectAltName=DNS:home.example.com,DNS:*.home.example.com";
    openssl(&format!(
        "req {key} -subj /CN=site -addext {names} -keyout site.key -out site.csr"
    ));
    openssl(
        "x509 -req -in site.csr -copy_extensions copy -CA root.pem -CAkey root.key -days 800 -out site.pem",
    );
    let site = etc.join("root.pem");
    let declaration = format!(
        r#"domain "home.example.com"
        validity {{ device "90d"; renew "30d"; }}
        edge {{ certificates "files" cert="{etc}/site.pem" key="{etc}/site.key"; landing; pick-up; {word}; }}
        person "alice" {{ device "pixel" platform="android"; }}
        service "wiki" {{ respond "wiki"; allow "alice"; }}"#,
        etc = etc.display(),
        word = host.word()
    );
    let lab = Lab::built(&match version {
        Version::Old => for_the_old_caddy(&declaration),
        _ => declaration,
    });
    let by_clock = |command: Invocation| {
        let environment = clock.environment();
        let command = { environment.into_iter() }
            .fold(command, |command, (name, value)| command.env(name, value));
        command.run()
    };
    let authority = site.to_str().expect("a test's paths are UTF-8");
    let night = |day: u64| {
        clock.set(day);
        by_clock(lab.command(["renew", "--due"])).succeeds();
        by_clock(host.deploy_believing(&lab, authority))
    };
    let shows = |bundle: &Path, password: &str, path: &str| {
        let curl = Curl::https("home.example.com", host.ports.https.number(), path);
        curl.root(&site).p12(bundle, password).run()
    };
    let kept = |name: &str| {
        let path = lab.home().join(name);
        fs::copy(
            lab.path().join("out/people/alice/pixel/alice-pixel.p12"),
            &path,
        )
        .expect("it was built");
        (path, password(&lab))
    };
    night(0).succeeds();
    let mut older = kept("0.p12");
    for begins in [60, 120] {
        night(begins - 1).succeeds().stdout_lacks("alice/pixel");
        assert_eq!(handed_out(&host), [] as [PathBuf; 0]);
        night(begins).succeeds();
        let newer = kept(&format!("{begins}.p12"));
        for day in [begins, begins + 1, begins + 29] {
            night(day).succeeds();
            shows(&older.0, &older.1, "/renew")
                .has_status(200)
                .contains(&newer.1);
            shows(&newer.0, &newer.1, "/renew")
                .has_status(200)
                .contains("You are done");
            assert_eq!(handed_out(&host).len(), 2);
        }
        night(begins + 30).succeeds();
        assert_eq!(handed_out(&host), [] as [PathBuf; 0]);
        shows(&older.0, &older.1, "/").is_refused_in_tls();
        shows(&newer.0, &newer.1, "/").has_status(200);
        older = newer;
    }
}

/// The host's Caddy, of which the one that runs goes by that clock.
fn emulated(host: &Host, version: Version, clock: &Clock) -> String {
    let caddy = tools::tool(version.tool());
    let emulated = clock.emulated(&tools::command(version.tool()));
    let environment = clock.environment().into_iter();
    let environment: String = environment
        .map(|(name, value)| format!("{name}='{}' ", value.display()))
        .collect();
    format!(
        "export XDG_DATA_HOME={data} XDG_CONFIG_HOME={data}\n\
         [ \"$1\" != run ] || exec env {environment}{qemu} {caddy} \"$@\"\n\
         exec {caddy} \"$@\"",
        data = host.path("data").display(),
        qemu = emulated.get_program().display(),
        caddy = caddy.display()
    )
}

#[test]
fn a_timer_renews_and_deploys_on_the_old_caddy() {
    a_timer_s_nights(Version::Old);
}

#[test]
fn a_timer_renews_and_deploys_on_the_new_caddy() {
    a_timer_s_nights(Version::New);
}
