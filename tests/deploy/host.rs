//! A host with a Caddy that runs, and a homelab whose edge is deployed to it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::caddy::{Ports, Version};
use crate::support::curl::Curl;
use crate::support::lab::{Invocation, Lab, for_the_old_caddy};
use crate::support::outcome::Outcome;
use crate::support::tools::tool;
use crate::support::upstream::Upstream;
use crate::support::wait;

/// A host: `etc/Caddyfile`, `etc/homelab/` for releases, a Caddy with what it keeps in `data/`.
pub struct Host {
    place: TempDir,
    pub ports: Ports,
    version: Version,
    /// Whom its Caddy runs as, where that is somebody else.
    user: Option<u32>,
    caddy: Option<Child>,
}

impl Host {
    /// One whose Caddyfile imports the edge below options of its own, and has a site of its own; nothing has been deployed to it.
    pub fn new(version: Version) -> Host {
        let place = tempfile::Builder::new().prefix("homelab-host-").tempdir();
        let host = Host {
            place: place.expect("a temporary directory can be made"),
            ports: Ports::reserve(),
            version,
            user: None,
            caddy: None,
        };
        for directory in ["etc", "bin", "data"] {
            fs::create_dir(host.path(directory)).expect("it is new");
        }
        // Another user may validate.
        let all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(host.place.path(), all).expect("it is ours");
        host.script("caddy", &host.caddy_script());
        host.write("etc/Caddyfile", &host.caddyfile());
        host
    }

    /// Its Caddy, which keeps what it has below `data/` whoever calls it.
    fn caddy_script(&self) -> String {
        format!(
            "export XDG_DATA_HOME={data} XDG_CONFIG_HOME={data}\nexec {caddy} \"$@\"",
            data = self.path("data").display(),
            caddy = tool(self.version.tool()).display()
        )
    }

    /// Its Caddy is again what it was before a test put a script in its place.
    pub fn restore(&self) {
        self.script("caddy", &self.caddy_script());
    }

    fn options(&self) -> String {
        let admin = self.ports.admin.number();
        format!(
            "admin 127.0.0.1:{admin} {{\n\tenforce_origin\n}}\n{}",
            self.ports.options()
        )
    }

    fn own_site(&self) -> String {
        format!(
            "http://own.test:{} {{\n\trespond \"the host's own\"\n}}\n",
            self.ports.http.number()
        )
    }

    /// With global options of its own, so that the two parts are imported.
    pub fn caddyfile(&self) -> String {
        format!(
            "{{\n\timport homelab/current/globals.caddyfile\n{}}}\nimport homelab/current/sites.caddyfile\n\n{}",
            self.options(),
            self.own_site()
        )
    }

    /// One that does not know of homelab yet.
    pub fn caddyfile_before(&self) -> String {
        format!("{{\n{}}}\n\n{}", self.options(), self.own_site())
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.place.path().join(below)
    }

    #[track_caller]
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).expect("the host can be written to");
    }

    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let text = fs::read_to_string(self.path(path));
        text.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A program in the host's PATH, before all others.
    pub fn script(&self, name: &str, lines: &str) {
        let path = self.path("bin").join(name);
        // A program that is running cannot be written to.
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).expect("it can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// The release that is served, as the link has it.
    pub fn current(&self) -> Option<String> {
        let target = fs::read_link(self.path("etc/homelab/current")).ok()?;
        let target = target.to_str().expect("a release's name is plain");
        Some(
            target
                .strip_prefix("releases/")
                .expect("a release")
                .to_owned(),
        )
    }

    pub fn releases(&self) -> Vec<String> {
        let list = fs::read_dir(self.path("etc/homelab/releases"));
        let list = list.into_iter().flatten();
        let mut names: Vec<String> = list
            .map(|entry| entry.expect("it can be listed").file_name())
            .map(|name| name.into_string().expect("plain"))
            .collect();
        names.sort();
        names
    }

    /// Waits until nobody deploys: who is cut off sees that at once, and is done when the lock is free.
    #[track_caller]
    pub fn await_lock(&self) {
        let lock = self.path("etc/homelab/.lock");
        let free = Command::new("flock").arg(lock).arg("true").status();
        assert!(free.expect("flock runs").success());
    }

    /// What is in the directory of releases beside them: nothing of a deploy may stay there.
    pub fn left(&self) -> Vec<String> {
        let list = fs::read_dir(self.path("etc/homelab")).into_iter().flatten();
        let mut names: Vec<String> = list
            .map(|entry| entry.expect("it can be listed").file_name())
            .map(|name| name.into_string().expect("plain"))
            .filter(|name| !["releases", "current", ".history", ".lock"].contains(&&name[..]))
            .collect();
        names.sort();
        names
    }

    /// Has its Caddy run as somebody else from now on.
    pub fn run_as(&mut self, user: u32) {
        self.user = Some(user);
    }

    /// Starts its Caddy with the Caddyfile that is there.
    #[track_caller]
    pub fn start(&mut self) {
        let caddy = self.path("bin/caddy").display().to_string();
        let config = self.path("etc/Caddyfile").display().to_string();
        self.start_by(&[&caddy, "run", "--adapter", "caddyfile", "--config", &config]);
    }

    /// Starts it by that command.
    #[track_caller]
    pub fn start_by(&mut self, words: &[&str]) {
        let log = File::create(self.path("log")).expect("the log can be made");
        let both = log
            .try_clone()
            .expect("a file can be written from two places");
        let mut command = Command::new(words[0]);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        let child = command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(both)
            .stderr(log)
            .spawn()
            .expect("Caddy starts");
        self.caddy = Some(child);
        wait::until(
            || self.log().contains("serving initial configuration"),
            || self.log(),
        );
    }

    /// Has it run with a Caddyfile that does not know of homelab, and puts the one in its place that does.
    #[track_caller]
    pub fn start_before(&mut self) {
        let caddyfile = self.read("etc/Caddyfile");
        self.write("etc/Caddyfile", &self.caddyfile_before());
        self.start();
        self.write("etc/Caddyfile", &caddyfile);
    }

    /// Starts it anew, as after a power cut.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub fn stop(&mut self) {
        if let Some(mut caddy) = self.caddy.take() {
            let _ = caddy.kill();
            let _ = caddy.wait();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn root(&self) -> PathBuf {
        self.path("data/caddy/pki/authorities/local/root.crt")
    }

    pub fn visit(&self, host: &str) -> Curl {
        Curl::https(host, self.ports.https.number(), "/").root(&self.root())
    }

    /// The word `deploy` for it, on this machine.
    pub fn word(&self) -> String {
        self.word_at("")
    }

    /// The same behind a host, or with more properties.
    pub fn word_at(&self, more: &str) -> String {
        let etc = self.path("etc");
        format!(
            "deploy {more} path=\"{}\" config=\"{}\" reload=\"{}\"",
            etc.join("homelab").display(),
            etc.join("Caddyfile").display(),
            self.reload(),
        )
    }

    /// What has its Caddy load the Caddyfile anew.
    pub fn reload(&self) -> String {
        format!(
            "{} reload --adapter caddyfile --config {} --address 127.0.0.1:{}",
            self.path("bin/caddy").display(),
            self.path("etc/Caddyfile").display(),
            self.ports.admin.number()
        )
    }

    /// `homelab deploy` of that homelab to this host, which is asked afterwards.
    pub fn deploy(&self, lab: &Lab, more: &[&str]) -> Invocation {
        let root = self.root();
        self.deploy_with(lab, more, root.to_str().expect("a test's paths are UTF-8"))
    }

    /// The same, where the sites' certificates are believed that another authority has signed.
    pub fn deploy_believing(&self, lab: &Lab, authority: &str) -> Invocation {
        self.deploy_with(lab, &[], authority)
    }

    fn deploy_with(&self, lab: &Lab, more: &[&str], root: &str) -> Invocation {
        let https = self.ports.https.number().to_string();
        let http = self.ports.http.number().to_string();
        let admin = self.ports.admin.number().to_string();
        let resolve = format!("*:{https}:127.0.0.1");
        let mut arguments = vec!["deploy"];
        arguments.extend(more);
        if !more.contains(&"--dry-run") {
            arguments.extend([
                "--port",
                &https,
                "--http-port",
                &http,
                "--admin-port",
                &admin,
            ]);
            arguments.extend(["--resolve", &resolve, "--ca", root]);
        }
        lab.command(arguments).env("PATH", self.search_path())
    }

    /// The PATH with the host's own programs first.
    pub fn search_path(&self) -> String {
        let path = std::env::var("PATH").expect("there is a PATH");
        format!("{}:{path}", self.path("bin").display())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("the log of the host's Caddy:\n{}", self.log());
        }
    }
}

/// A homelab of two people, whose edge is deployed to that host by this word.
pub fn lab(host: &Host, word: &str, upstream: &Upstream) -> Lab {
    let at = upstream.address();
    let declaration = format!(
        r#"domain "home.example.com"
edge {{ certificates "internal"; {word}; }}
person "alice" {{ device "pixel" platform="android"; device "laptop" platform="linux"; }}
person "bob" {{ device "iphone" platform="ios"; }}
service "wiki" {{ upstream "http://{at}"; allow "alice"; }}
service "site" {{ respond "here"; open "everyone"; }}
"#
    );
    let declaration = match host.version {
        Version::Old => for_the_old_caddy(&declaration),
        Version::New | Version::Between(_) => declaration,
    };
    Lab::built(&declaration)
}

/// A host that serves its first release, and its homelab.
#[track_caller]
pub fn served(version: Version) -> (Host, Lab, Upstream) {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(version);
    host.start_before();
    let lab = lab(&host, &host.word(), &upstream);
    host.deploy(&lab, &[]).run().succeeds();
    (host, lab, upstream)
}

/// Whether a device gets in at the wiki.
#[track_caller]
pub fn gets_in(host: &Host, lab: &Lab, device: &str) -> bool {
    let (person, name) = device.split_once('/').expect("PERSON/DEVICE");
    let password = lab.command(["password", device]).run();
    let password = password.succeeds().stdout().trim().to_owned();
    let bundle = lab
        .path()
        .join(format!("out/people/{person}/{name}/{person}-{name}.p12"));
    // Caddy makes the site's own certificate after it has loaded its configuration; without it nobody gets in.
    let wiki = || host.visit("wiki.home.example.com");
    wait::until(|| wiki().presents_certificate(), || host.log());
    let visit = wiki().p12(&bundle, &password);
    visit.status() == Some(200)
}

/// Fails where this is not root: there is no other way to what a test needs.
#[track_caller]
pub fn assert_root(why: &str) {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    assert_eq!(id.stdout, b"0\n", "{why}: run this test as root");
}

/// A release's file on the host.
pub fn release_file(host: &Host, release: &str, file: &str) -> PathBuf {
    host.path("etc/homelab/releases").join(release).join(file)
}

/// What a deploy said, with the host's own paths made short.
pub fn short(host: &Host, outcome: &Outcome) -> String {
    let place = host.place.path().display().to_string();
    format!("{}{}", outcome.stdout(), outcome.stderr()).replace(&place, "HOST")
}

/// The same directory, made anew from a copy: a host that went back in time.
pub fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.expect("cp runs").success());
}
