//! Git over HTTPS with what `export` writes: clone and push through a guarded service, as docs/devices.md says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::outcome::{self, Outcome};
use crate::support::server::Server;
use crate::support::tools;

const HOST: &str = "git.home.example.com";

/// Git's smart HTTP with one empty repository; it is stopped when it is dropped.
struct Repositories {
    server: Server,
    place: TempDir,
}

impl Repositories {
    fn start() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let bare = place.path().join("plans.git");
        let bare = bare.to_str().expect("a test's paths are UTF-8");
        tools::run(
            "git",
            ["init", "--quiet", "--bare", "--initial-branch=main", bare],
        )
        .succeeds();
        let backend = concat!(include_str!("http_body.py"), include_str!("git_backend.py"));
        let mut python = tools::command("python3");
        python.args(["-c", backend]).arg(place.path());
        Self {
            server: Server::start(&mut python),
            place,
        }
    }
}

/// Git in a directory, as somebody with an exported file, or as a stranger.
struct Git<'a> {
    caddy: &'a Caddy,
    pem: Option<PathBuf>,
    home: &'a Path,
}

impl Git<'_> {
    fn run(&self, directory: &Path, arguments: &[&str]) -> Outcome {
        let mut git = tools::command("git");
        git.env("HOME", self.home).env("GIT_TERMINAL_PROMPT", "0");
        git.current_dir(directory);
        let resolve = format!("{HOST}:{}:127.0.0.1", self.caddy.https_port());
        let root = self.caddy.root_certificate();
        self.set(&mut git, "http.curloptResolve", &resolve);
        self.set(&mut git, "http.sslCAInfo", &root.display().to_string());
        self.set(&mut git, "user.name", "Alice");
        self.set(&mut git, "user.email", "alice@home.example.com");
        if let Some(pem) = &self.pem {
            let pem = pem.display().to_string();
            // As the recipe in docs/devices.md has it.
            self.set(
                &mut git,
                &format!("http.https://{HOST}:{}/.sslCert", self.caddy.https_port()),
                &pem,
            );
            self.set(
                &mut git,
                &format!("http.https://{HOST}:{}/.sslKey", self.caddy.https_port()),
                &pem,
            );
        }
        outcome::run(git.args(arguments), b"")
    }

    fn set(&self, git: &mut Command, name: &str, value: &str) {
        git.args(["-c", &format!("{name}={value}")]);
    }
}

fn clones_and_pushes(version: Version) {
    let repositories = Repositories::start();
    let house = House::new(&format!(
        r#"
        domain "home.example.com"
        person "alice" {{ device "laptop" platform="linux"; }}
        service "git" {{ upstream "http://127.0.0.1:{}"; allow "alice"; identity; }}
        "#,
        repositories.server.port()
    ));
    let export = ["export", "alice/laptop", "--output", "alice-laptop.pem"];
    house.lab.command(export).run().succeeds();
    let pem = house.lab.path().join("alice-laptop.pem");
    let caddy = house.serve(version);
    let url = format!("https://{HOST}:{}/plans.git", caddy.https_port());
    let places = tempfile::tempdir().expect("a temporary directory can be made");
    let alice = Git {
        caddy: &caddy,
        pem: Some(pem.clone()),
        home: places.path(),
    };
    let stranger = Git {
        caddy: &caddy,
        pem: None,
        home: places.path(),
    };

    stranger
        .run(places.path(), &["clone", "--quiet", &url, "stranger"])
        .fails_with(128);
    alice
        .run(places.path(), &["clone", "--quiet", &url, "first"])
        .succeeds();
    let first = places.path().join("first");
    // More than git sends at once (http.postBuffer, 1 MiB), and nothing that it could compress.
    let mut drawn = vec![0; 3 << 20];
    getrandom::fill(&mut drawn).expect("the system draws");
    fs::write(first.join("plan"), &drawn).expect("it was cloned");
    alice.run(&first, &["add", "plan"]).succeeds();
    alice
        .run(&first, &["commit", "--quiet", "--message", "Plan"])
        .succeeds();
    let push = ["push", "--quiet", "origin", "HEAD:main"];
    stranger.run(&first, &push).fails_with(128);
    alice.run(&first, &push).succeeds();
    // curl reads key and certificate from the one file, too; before the first push there is nothing to be had.
    let fetched = caddy.visit(HOST, "/plans.git/HEAD").pem(&pem, &pem).run();
    fetched.has_status(200).contains("ref: refs/heads/main");
    alice
        .run(places.path(), &["clone", "--quiet", &url, "second"])
        .succeeds();
    let again = fs::read(places.path().join("second/plan")).expect("it was cloned");
    assert!(again == drawn, "what was pushed is what is cloned");
    assert!(
        repositories
            .place
            .path()
            .join("plans.git/refs/heads/main")
            .exists()
    );
}

#[test]
fn git_clones_and_pushes_through_the_old_caddy() {
    clones_and_pushes(Version::Old);
}

#[test]
fn git_clones_and_pushes_through_the_new_caddy() {
    clones_and_pushes(Version::New);
}
