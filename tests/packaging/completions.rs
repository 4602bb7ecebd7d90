//! Completions for four shells. Three ask the program, which knows the names of the declaration; PowerShell's has the words alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use clap_complete::{Shell, generate};

use crate::agrees;
use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::tools;

const HOMELAB: &str = env!("CARGO_BIN_EXE_homelab");

/// A declaration that somebody is writing, with a name that would do harm in a line.
const DECLARATION: &str = r#"
domain "home.example.com"
edge "vps" { deploy "root@vps"; }
edge "$(touch harm)" { deploy "root@home"; }
person "alice" { device "pixel" platform="android"; device "laptop"; }
person "bob" { device "iphone" platform="ios"; }
person "eve" { device "$(touch harm)" platform="linux"; }
service "wiki" { allow "nobody"; no-such-word; }
service "Photos; touch harm" { no-such-word; }
service "unfinished" {
"#;

#[test]
fn completions_are_those_of_the_command_line() {
    agrees("completions", &made());
}

/// Each shell itself, with the script where a package puts it: a line is typed, Tab is pressed, and the line is read.
#[test]
fn shells_complete_what_is_declared() {
    let lab = Lab::new().declare(DECLARATION);
    lab.write(
        "other/homelab.kdl",
        "domain \"home.example.com\"\nperson \"carol\" { device \"mac\" platform=\"macos\"; }\n",
    );
    lab.write("files/$(touch harm).kdl", "");
    let shells = [bash(&lab), zsh(&lab), fish(&lab)];
    let before = lab.snapshot();
    for (shell, arguments) in shells {
        for (typed, completed) in [
            ("renew alice/p", "renew alice/pixel"),
            ("renew alice/laptop b", "renew alice/laptop bob/iphone"),
            (
                "revoke --accept-return-of bo",
                "revoke --accept-return-of bob/iphone",
            ),
            ("export auth", "export authority-key"),
            ("verify --live w", "verify --live wiki"),
            (
                "share --file other/homelab.kdl c",
                "share --file other/homelab.kdl carol/mac",
            ),
            (
                "renew -f other/homelab.kdl a",
                "renew -f other/homelab.kdl a",
            ),
            ("lint --allow open-by", "lint --allow open-by-path"),
            ("status --exi", "status --exit-code"),
            ("stat", "status"),
            ("deploy --dry-run v", "deploy --dry-run vps"),
            ("deploy $", "deploy $"),
            ("check -f fi", "check -f files/"),
            // A file's name, too, could do harm in a line.
            ("check -f files/", r"check -f files/\$\(touch\ harm\).kdl"),
            // Nothing is offered where there is nothing, or nothing that could stand in a line.
            ("renew -f nowhere.kdl a", "renew -f nowhere.kdl a"),
            ("renew -f /dev/zero a", "renew -f /dev/zero a"),
            ("renew eve/", "renew eve/"),
            ("verify --live P", "verify --live P"),
        ] {
            let line = line_after_tab(&lab, &arguments, typed);
            assert_eq!(line, format!("homelab {completed}"), "{shell}: {typed}");
        }
    }
    assert!(before == lab.snapshot(), "nothing is written");
}

/// What is typed behind `homelab`, and completed, as the shell has it in its line.
fn line_after_tab(lab: &Lab, arguments: &[String], typed: &str) -> String {
    let mut python = tools::command("/usr/bin/python3");
    python
        .args(["-c", TYPIST, typed])
        .args(arguments)
        .current_dir(lab.path())
        .env_clear()
        .env("HOME", lab.home())
        .env("XDG_CONFIG_HOME", lab.home().join(".config"))
        .env("TERM", "dumb")
        .env("PATH", format!("{}:/usr/bin:/bin", bin().display()));
    let outcome = outcome::run(&mut python, b"");
    outcome.succeeds().stdout().trim_end().to_owned()
}

fn bin() -> PathBuf {
    let program = Path::new(HOMELAB);
    program.parent().expect("it lies in a directory").to_owned()
}

/// Types a line behind `homelab` and Tab into a shell; then goes to its beginning and makes a text of it, which the shell prints.
const TYPIST: &str = r#"
import os, pty, re, select, sys, time
typed, shell = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell[0], shell)
def until(pattern):
    shown, end = b"", time.monotonic() + 30
    while not re.search(pattern, shown):
        left = end - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            sys.exit(f"nothing like {pattern}: {shown}")
        shown += os.read(terminal, 65536)
    return re.search(pattern, shown)
until(rb"READY>")
os.write(terminal, b"homelab " + typed.encode() + b"\t\x01printf '<%s>\\n' '\x05'\n")
print(until(rb"\n(?:\x1b\[[?0-9]*[a-z])*<(homelab [^<>\r\n]*)>")[1].decode())
os.write(terminal, b"exit\n")
os.close(terminal)
os.waitpid(pid, 0)
"#;

fn bash(lab: &Lab) -> (&'static str, Vec<String>) {
    let rc = lab.home().join("bashrc");
    let script = root().join("packaging/completions/homelab.bash");
    let text = format!("PS1='READY> '\n. '{}'\n", script.display());
    fs::write(&rc, text).expect("it is ours");
    let rc = rc.to_str().expect("a test's paths are UTF-8");
    (
        "bash",
        words(&["bash", "--noprofile", "--rcfile", rc, "-i"]),
    )
}

fn zsh(lab: &Lab) -> (&'static str, Vec<String>) {
    let completions = root().join("packaging/completions");
    let text = format!(
        "PS1='READY> '\nfpath=('{}' $fpath)\nautoload -Uz compinit\ncompinit -D -u\n",
        completions.display()
    );
    fs::write(lab.home().join(".zshrc"), text).expect("it is ours");
    ("zsh", words(&["zsh", "--no-globalrcs", "-i"]))
}

fn fish(lab: &Lab) -> (&'static str, Vec<String>) {
    let place = lab.home().join(".config/fish/completions");
    fs::create_dir_all(&place).expect("it is ours");
    let script = root().join("packaging/completions/homelab.fish");
    fs::copy(script, place.join("homelab.fish")).expect("it is ours");
    let prompt = "function fish_prompt; echo 'READY> '; end; set fish_greeting";
    ("fish", words(&["fish", "--init-command", prompt, "-i"]))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Another Tab than a shell's own is none of the program's.
#[test]
fn who_asks_for_no_shell_gets_no_answer() {
    let lab = Lab::new().declare(DECLARATION);
    let ask = |shell: &str| {
        let line = lab.command(["--", "homelab", "renew", "a"]);
        line.env("HOMELAB_COMPLETE", shell)
            .env("_CLAP_COMPLETE_INDEX", "2")
            .run()
    };
    ask("bash").succeeds().stdout_contains("alice/pixel");
    ask("powershell").succeeds().stdout_is("").stderr_is("");
}

/// Quotes what is more than a word: a file can be called `$(…)`.
const QUOTING: &str = "    local i
    for i in \"${!COMPREPLY[@]}\"; do
        if [[ ${COMPREPLY[i]} == *[!~[:alnum:]_./:=@%+,-]* ]]; then
            printf -v 'COMPREPLY[i]' %q \"${COMPREPLY[i]}\"
        fi
    done
";

fn made() -> BTreeMap<String, String> {
    let mut powershell = Vec::new();
    let mut command = homelab::internals::command();
    generate(Shell::PowerShell, &mut command, "homelab", &mut powershell);
    // Read by a shell that finds `_homelab` in its path, it is the function itself: the first Tab is to be answered, too.
    let first = "\n\nif [[ $funcstack[1] == _homelab ]]; then\n    _clap_dynamic_completer_homelab \"$@\"\nfi\n";
    let quiet = |script: String, call: &str| {
        assert_eq!(script.matches(call).count(), 1, "{script}");
        script.replace(call, &format!("{call} 2>/dev/null"))
    };
    // Bash takes what it is offered as it is.
    let end = "        compopt -o nospace\n    fi\n";
    let bash = quiet(asking(&Bash), "homelab\" -- \"${words[@]}\"");
    assert_eq!(bash.matches(end).count(), 1, "{bash}");
    let bash = bash.replace(end, &format!("{end}{QUOTING}"));
    let files = [
        ("_homelab", asking(&Zsh).trim_end().to_owned() + first),
        ("homelab.bash", bash),
        (
            "homelab.fish",
            quiet(asking(&Fish), "(commandline --current-token)"),
        ),
        (
            "homelab.ps1",
            String::from_utf8(powershell).expect("it is UTF-8"),
        ),
    ];
    files.map(|(name, text)| (name.to_owned(), text)).into()
}

/// The script by which a shell asks the `homelab` of its path.
fn asking(shell: &dyn EnvCompleter) -> String {
    let mut script = Vec::new();
    shell
        .write_registration(
            "HOMELAB_COMPLETE",
            "homelab",
            "homelab",
            "homelab",
            &mut script,
        )
        .expect("a Vec takes all");
    String::from_utf8(script).expect("it is UTF-8")
}
