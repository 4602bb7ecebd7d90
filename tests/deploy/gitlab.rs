//! The workflow of GitLab's, run by gitlab-ci-local: it reads the file by GitLab's own schema, goes by its rules, and runs a job's lines here.
//!
//! What it does not have is the server: who may see a protected variable, and what a merge request shows.

use std::fs;

use serde_json::{Value, json};

use crate::act::root_key;
use crate::ci::{Forge, Runner, committed, ssh};
use crate::host::{Host, gets_in};
use crate::ssh::Sshd;
use crate::support::caddy::Version;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::support::upstream::Upstream;

/// Runs the jobs of a pipeline, with variables that the server has: these, and those of the project in a file of its own.
fn pipeline(runner: &Runner, variables: &[(&str, &str)], of_project: &Value) -> Outcome {
    fs::write(
        runner.at("clone/.gitlab-ci.yml"),
        runner.workflow(Forge::Gitlab),
    )
    .expect("it is ours");
    // What is JSON is YAML, too.
    fs::write(runner.at("clone/.project.yml"), of_project.to_string()).expect("it is ours");
    let mut node = tools::command("node");
    node.arg(tools::installed(
        "node/node_modules/gitlab-ci-local/src/index.js",
    ))
    .args(["--force-shell-executor", "--variables-file", ".project.yml"]);
    runner.host(&mut node);
    for (name, value) in variables {
        node.arg("--variable").arg(format!("{name}={value}"));
    }
    let names: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
    node.arg("--ignore-predefined-vars").arg(names.join(","));
    outcome::run(&mut node, b"")
}

#[test]
fn a_pipeline_tells_of_a_request_what_it_means() {
    let upstream = Upstream::start("wiki");
    let host = Host::new(Version::New);
    let lab = committed(&host, &host.word(), &upstream);
    let at = |branch: &str| lab.git(&["rev-parse", branch]).stdout().trim().to_owned();
    let runner = Runner::new(&lab, "request", &host.search_path());
    let ran = pipeline(
        &runner,
        &[
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &at("main")),
            ("CI_COMMIT_SHA", &at("request")),
        ],
        &json!({}),
    );
    ran.succeeds().stdout_contains("bob may now open wiki");
    // Nothing is deployed of what is only asked for.
    ran.stdout_lacks("deploy");
    assert_eq!(host.current(), None);
}

#[test]
fn a_pipeline_deploys_what_is_merged() {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.start_before();
    let sshd = Sshd::start(&host);
    let lab = committed(&host, &host.word_at(sshd.word()), &upstream);
    let runner = Runner::new(&lab, "main", &host.search_path());
    ssh(&host, &sshd, &runner.at("home"));
    let read = |name: &str| fs::read_to_string(sshd.directory.join(name)).expect("it is there");
    let key = read("user");
    let file = |text: &str| json!({ "type": "file", "values": { "*": text } });
    let mut project = json!({
        "EDGE_SSH_KEY": file(&key),
        "EDGE_KNOWN_HOSTS": file(&read("known_hosts")),
    });
    let branch = [("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", "main")];
    let unpinned = pipeline(&runner, &branch, &project);
    unpinned
        .fails_with(1)
        .stdout_contains("HOMELAB_ROOT_KEY is not set");
    assert_eq!(host.current(), None);

    project["HOMELAB_ROOT_KEY"] = root_key(&lab).into();
    let ran = pipeline(&runner, &branch, &project);
    ran.succeeds().stdout_lacks("plan.txt");
    assert!(gets_in(&host, &lab, "alice/pixel"));
    assert!(!gets_in(&host, &lab, "bob/iphone"));
    let line = key.lines().nth(1).expect("a key has lines");
    assert!(!ran.stdout().contains(line), "the key stands in the log");
}
