//! The workflows of GitHub and Forgejo, run by a real runner: act, which reads a workflow as GitHub's own runners do. It runs the steps on this
//! machine, in no container; for `actions/checkout`, which is not to be had here, it copies the clone.

use std::fs;

use serde_json::{Value, json};

use crate::ci::{Forge, Runner, committed, ssh};
use crate::host::{Host, gets_in};
use crate::ssh::Sshd;
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::support::upstream::Upstream;
use crate::timers::executable;

/// What a forge knows of an event, and what somebody has set up there.
struct Told<'t> {
    event: &'t str,
    content: Value,
    /// The address of its API.
    api: String,
    variables: &'t [(&'t str, &'t str)],
    secrets: &'t [(&'t str, &'t str)],
}

/// What the steps of the last run have said. act shows it too, but of a step that has ended at once only what it had read by then.
const SAID: &str = "said";

/// Runs the workflow with the release that is tested.
fn act(runner: &Runner, forge: Forge, told: &Told) -> Outcome {
    let directory = match forge {
        Forge::Github => "clone/.github/workflows",
        Forge::Forgejo | Forge::Gitlab => "clone/.forgejo/workflows",
    };
    fs::create_dir_all(runner.at(directory)).expect("it is ours");
    let workflow = runner.at(directory).join("homelab.yml");
    fs::write(&workflow, runner.workflow(forge)).expect("it is ours");
    let event = runner.at("event.json");
    fs::write(&event, told.content.to_string()).expect("it is ours");

    let shell = runner.at("shell");
    fs::create_dir_all(&shell).expect("it is ours");
    let (said, step) = (runner.at(SAID), runner.at("step"));
    fs::write(&said, "").expect("it is ours");
    let lines = format!(
        "#!/bin/sh\n[ -z \"$IN_A_STEP\" ] || exec /bin/bash \"$@\"\nexport IN_A_STEP=yes\n/bin/bash \"$@\" >{step} 2>&1\ncode=$?\ntee -a {said} <{step}\nexit $code\n",
        step = step.display(),
        said = said.display()
    );
    executable(&shell.join("bash"), &lines);

    let mut act = tools::command("act");
    act.arg(told.event)
        .arg("--workflows")
        .arg(&workflow)
        .arg("--eventpath")
        .arg(&event)
        .args(["--platform", "ubuntu-latest=-self-hosted"])
        .args(["--env", &format!("GITHUB_API_URL={}", told.api)])
        .args(["--env", "GITHUB_REPOSITORY=alice/home"]);
    runner
        .host(&mut act)
        .env("PATH", format!("{}:{}", shell.display(), runner.path));
    for (name, value) in told.variables {
        act.args(["--var", &format!("{name}={value}")]);
    }
    // By their names alone, so that they stand on no command line.
    for (name, value) in told.secrets {
        act.args(["--secret", name]).env(name, value);
    }
    outcome::run(&mut act, b"")
}

#[test]
fn a_runner_tells_of_a_request_what_it_means() {
    let upstream = Upstream::start("wiki");
    let host = Host::new(Version::New);
    let lab = committed(&host, &host.word(), &upstream);
    let base = lab.git(&["rev-parse", "main"]).stdout().trim().to_owned();
    for forge in [Forge::Github, Forge::Forgejo] {
        let api = Upstream::start("forge");
        let runner = Runner::new(&lab, "request", &host.search_path());
        let told = Told {
            event: "pull_request",
            content: json!({
                "number": 7,
                "pull_request": { "number": 7, "base": { "ref": "main", "sha": base } },
            }),
            api: format!("http://{}/api/v1", api.address()),
            variables: &[],
            secrets: &[("GITHUB_TOKEN", "a-token")],
        };
        let ran = act(&runner, forge, &told);
        ran.succeeds().stdout_contains("Success - Main Check");
        // Nothing is deployed of what is only asked for.
        ran.stdout_lacks("Main Deploy");
        assert_eq!(host.current(), None);
        let arrived = api.arrivals();
        if forge == Forge::Github {
            ran.stdout_contains("bob may now open wiki");
            assert_eq!(arrived, []);
            continue;
        }
        let [comment] = &arrived[..] else {
            panic!("one comment: {arrived:?}\n{ran}");
        };
        assert_eq!(comment.target, "/api/v1/repos/alice/home/issues/7/comments");
        let token = (String::from("Authorization"), String::from("token a-token"));
        assert!(comment.headers.contains(&token), "{comment:?}");
    }
}

#[test]
fn a_runner_deploys_what_is_merged() {
    for forge in [Forge::Github, Forge::Forgejo] {
        let upstream = Upstream::start("wiki");
        let mut host = Host::new(Version::New);
        host.start_before();
        let sshd = Sshd::start(&host);
        let lab = committed(&host, &host.word_at(sshd.word()), &upstream);
        let runner = Runner::new(&lab, "main", &host.search_path());
        ssh(&host, &sshd, &runner.at("home"));
        let root_key = root_key(&lab);
        let read = |name: &str| fs::read_to_string(sshd.directory.join(name)).expect("it is there");
        let (key, known_hosts) = (read("user"), read("known_hosts"));
        let secrets = [
            ("EDGE_SSH_KEY", key.trim_end()),
            ("EDGE_KNOWN_HOSTS", known_hosts.trim_end()),
        ];
        let mut told = Told {
            event: "push",
            content: json!({ "ref": "refs/heads/main" }),
            api: String::from("http://127.0.0.1:9"),
            variables: &[],
            secrets: &secrets,
        };
        let unpinned = act(&runner, forge, &told);
        unpinned
            .fails_with(1)
            .stdout_contains("Failure - Main Build");
        let said = fs::read_to_string(runner.at(SAID)).expect("it is there");
        assert!(said.contains("HOMELAB_ROOT_KEY is not set"), "{said}");
        assert_eq!(host.current(), None);

        let variables = [("HOMELAB_ROOT_KEY", &root_key[..])];
        told.variables = &variables;
        let ran = act(&runner, forge, &told);
        ran.succeeds().stdout_contains("Success - Main Deploy");
        ran.stdout_lacks("Tell what it means");
        assert!(gets_in(&host, &lab, "alice/pixel"));
        assert!(!gets_in(&host, &lab, "bob/iphone"));
        let line = key.lines().nth(1).expect("a key has lines");
        assert!(!ran.stdout().contains(line), "the key stands in the log");
    }
}

pub fn root_key(lab: &Lab) -> String {
    let status = lab.command(["status", "--json"]).run();
    let status: Value = serde_json::from_str(status.stdout()).expect("it is JSON");
    status["root_key"].as_str().expect("text").to_owned()
}
