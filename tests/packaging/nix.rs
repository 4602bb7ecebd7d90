//! flake.nix and what it names, evaluated by a real Nix. There is no nixpkgs here: tests/packaging/nixpkgs stands in for it, so that no package is
//! built and no NixOS is made. What they say to a shell, to Caddy and to systemd is tried as it stands.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::root;
use crate::support::files;
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;

const HOMELAB: &str = env!("CARGO_BIN_EXE_homelab");

/// The sources that the flake reads, a store and a home for Nix.
struct Nix {
    place: TempDir,
}

impl Nix {
    fn new() -> Nix {
        let nix = Nix {
            place: tempfile::tempdir().expect("a temporary directory can be made"),
        };
        let sources = nix.path("sources");
        fs::create_dir(&sources).expect("it is new");
        for file in ["flake.nix", "Cargo.toml", "Cargo.lock"] {
            fs::copy(root().join(file), sources.join(file)).expect("it is there");
        }
        files::copy(&root().join("packaging"), &sources.join("packaging"));
        let stub = root().join("tests/packaging/nixpkgs");
        files::copy(&stub, &nix.path("nixpkgs"));
        nix
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What a part of the flake is, or what a function of Nix's makes of it.
    fn value(&self, part: &str, apply: &str) -> Value {
        let shown = |name: &str| self.path(name).display().to_string();
        let mut nix = tools::command("nix");
        nix.args(["--extra-experimental-features", "nix-command flakes"])
            .args(["--offline", "--store", &shown("store")])
            .args(["--option", "build-users-group", "", "eval", "--json"])
            .arg(format!("path:{}#{part}", shown("sources")))
            .args(["--override-input", "nixpkgs"])
            .arg(format!("path:{}", shown("nixpkgs")))
            .args(["--no-write-lock-file", "--impure", "--apply", apply])
            .env("HOME", self.path("home"));
        let told = outcome::run(&mut nix, b"");
        serde_json::from_str(told.succeeds().stdout()).expect("it is JSON")
    }

    /// What the module makes of this configuration.
    fn module(&self, configuration: &str) -> Value {
        let lib = self.path("nixpkgs/lib.nix");
        let apply = format!(
            "module: let lib = import {}; in lib.evaluated (import (builtins.head module.imports)) {{ services.homelab = {configuration}; }} {{ homelab-mtls = \"the package\"; caddy = \"caddy\"; git = \"git\"; openssh = \"ssh\"; }}",
            lib.display()
        );
        self.value("nixosModules.default", &apply)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

/// bash, with the program and a new Caddy in its path.
fn bash(script: &str, directory: &Path) -> Outcome {
    let bin = directory.join("bin");
    fs::create_dir(&bin).expect("it is new");
    symlink(HOMELAB, bin.join("homelab")).expect("it is new");
    symlink(tools::tool("caddy-new"), bin.join("caddy")).expect("it is new");
    let mut bash = Command::new("bash");
    bash.args(["-c", script])
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("SOURCE_DATE_EPOCH", "315532800")
        .env("out", directory.join("out"));
    outcome::run(&mut bash, b"")
}

#[test]
fn the_package_is_of_this_version_and_installs_what_there_is() {
    let nix = Nix::new();
    for system in ["x86_64-linux", "aarch64-linux"] {
        let package = nix.value(&format!("packages.{system}.default"), "package: package");
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(package["pname"], env!("CARGO_PKG_NAME"));
    }
    let package = nix.value(
        "packages.x86_64-linux.default",
        "package: package.postInstall",
    );
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let script = format!(
        "set -eu\ninstallManPage() {{ ls \"$@\" >/dev/null; }}\ninstallShellCompletion() {{ ls \"$4\" \"$6\" \"$8\" >/dev/null; }}\nout=$PWD/out\ncd {}\n{}",
        root().display(),
        text(&package)
    );
    bash(&script, place.path()).succeeds().stderr_is("");
    let units = place.path().join("out/lib/systemd/user");
    let search = format!(
        "ExecSearchPath={}/out/bin:/run/wrappers/bin:",
        place.path().display()
    );
    let mut services = 0;
    for unit in fs::read_dir(&units).expect("it was made") {
        let unit = unit.expect("it can be listed").path();
        let text = fs::read_to_string(&unit).expect("it is a text");
        let is_service = unit.extension().is_some_and(|word| word == "service");
        assert_eq!(
            text.matches("ExecSearchPath=").count(),
            usize::from(is_service),
            "{text}"
        );
        assert!(
            !is_service || text.contains(&format!("[Service]\n{search}")),
            "{text}"
        );
        services += usize::from(is_service);
    }
    assert_eq!(services, 4);
}

#[test]
fn the_check_goes_through() {
    let nix = Nix::new();
    let check = nix.value("checks.x86_64-linux.default", "check: check.script");
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    bash(text(&check), place.path()).succeeds();
    assert!(place.path().join("out").exists());
}

/// The Caddyfile that NixOS makes of what the module says, as its module for Caddy puts it together: a real Caddy takes it, and `homelab deploy` knows it
/// as one that imports the edge.
#[test]
fn the_module_has_caddy_serve_what_is_deployed() {
    let nix = Nix::new();
    let lab = Lab::new();
    let path = lab.home().join("homelab");
    let config = lab.home().join("caddy_config");
    let made = nix.module(&format!(
        "{{ caddy.enable = true; caddy.path = \"{}\"; }}",
        path.display()
    ));
    let caddy = &made["services"]["caddy"];
    assert_eq!(caddy["enable"], true);
    let text = format!(
        "{{\n  {}\n  log {{\n    level ERROR\n  }}\n}}\n{}\n",
        text(&caddy["globalConfig"]),
        text(&caddy["extraConfig"])
    );
    fs::write(&config, text).expect("it is ours");
    let lab = lab.declare(&format!(
        "domain \"home.example.com\"\nedge {{ certificates \"internal\"; deploy path=\"{}\" config=\"{}\" reload=\"true\"; }}\nperson \"alice\" {{ device \"pixel\" platform=\"android\"; }}\nservice \"wiki\" {{ upstream \"http://127.0.0.1:9\"; allow \"alice\"; }}\n",
        path.display(),
        config.display()
    ));
    lab.command(["build"]).run().succeeds();
    let bin = lab.home().join("bin");
    fs::create_dir(&bin).expect("it is new");
    symlink(tools::tool("caddy-new"), bin.join("caddy")).expect("it is new");
    let deploy = lab.command(["deploy", "--no-verify"]);
    let deploy = deploy.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    deploy.run().succeeds().stdout_contains("there can load it");
    let mut validate = tools::command("caddy-new");
    validate
        .args(["validate", "--adapter", "caddyfile", "--config"])
        .arg(&config)
        .env("HOME", lab.home());
    outcome::run(&mut validate, b"").succeeds();
}

/// The units are those of the package, for one user.
#[test]
fn the_module_starts_the_timers_of_one_user() {
    let nix = Nix::new();
    let none = nix.module("{ }");
    assert_eq!(none, serde_json::json!({}));
    let made = nix.module("{ timers.enable = true; timers.user = \"keeper\"; }");
    assert_eq!(made["systemd"]["packages"][0], "the package");
    assert_eq!(made["users"]["users"]["keeper"]["linger"], true);
    let due = &made["systemd"]["user"]["services"]["homelab-due"];
    assert_eq!(due["unitConfig"]["ConditionUser"], "keeper");
    for name in ["homelab-renew", "homelab-check"] {
        for (kind, extension) in [("services", "service"), ("timers", "timer")] {
            let unit = format!("packaging/systemd/{name}.{extension}");
            assert!(root().join(&unit).exists(), "{unit}");
            let unit = &made["systemd"]["user"][kind][name];
            assert_eq!(unit["unitConfig"]["ConditionUser"], "keeper");
            let has_program = unit["path"][0] == "the package";
            assert_eq!(has_program, extension == "service", "{unit}");
        }
        let timer = &made["systemd"]["user"]["timers"][name];
        assert_eq!(timer["wantedBy"][0], "timers.target");
    }
}
