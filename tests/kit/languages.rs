//! The scripts in the languages of their people: each can be read by what runs it, and says what its messages say, whatever they say.

use std::fs;
use std::path::Path;

use homelab::internals::{Source, built_in_languages, messages};

use crate::house::House;
use crate::support::files;
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::user::User;
use crate::windows::strings;

/// The shells that `sh` is on one system or another.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

const SCRIPTS: [&str; 3] = ["linux/install.sh", "mac/install.sh", "pc/install.ps1"];

/// Somebody with a computer of each kind for each of these languages, in whose name it is; what is newer is handed out.
fn people(languages: &[&str]) -> String {
    let person = |language: &&str| {
        format!(
            r#"person "p-{language}" {{
                language "{language}"
                device "linux" platform="linux"
                device "mac" platform="macos"
                device "pc" platform="windows"
            }}
            service "s-{language}" {{ respond "yes"; allow "p-{language}"; }}
            "#
        )
    };
    let people: String = languages.iter().map(person).collect();
    format!(
        "domain \"home.example.com\"\nedge {{ landing; pick-up root=\"/var/lib/homelab\"; }}\n{people}"
    )
}

/// What the scripts say in a language, by their keys.
#[track_caller]
fn install_messages(language: &str) -> Vec<(String, String)> {
    let path = format!(
        "{}/templates/messages/{language}.kdl",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = fs::read_to_string(&path).expect("it is there");
    let file = messages(&Source::new(path, text)).expect("it can be read");
    let all = file
        .messages
        .into_iter()
        .map(|(key, text)| (key, text.value));
    all.filter(|(key, _)| key.starts_with("install-")).collect()
}

/// A script in one of these shells, with a home of its own.
#[track_caller]
fn in_shell(user: &User, shell: &[&str], script: &Path, words: &[&str], typed: &str) -> Outcome {
    let mut command = user.command(shell[0]);
    command.args(&shell[1..]).arg(script).args(words);
    outcome::run(&mut command, typed.as_bytes())
}

/// What it says with these values in it, on one line of a terminal.
fn said(message: &str, values: &[(&str, &str)]) -> String {
    let mut said = message.to_owned();
    for (name, value) in values {
        said = said.replace(&format!("{{{name}}}"), value);
    }
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn message<'m>(messages: &'m [(String, String)], key: &str) -> &'m str {
    let found = messages.iter().find(|(known, _)| known == key);
    found.map(|(_, text)| &**text).expect("there is one")
}

#[test]
fn in_each_language_each_script_can_be_read_and_speaks_it() {
    let languages = built_in_languages();
    let languages: Vec<&str> = languages.iter().map(|language| language.as_str()).collect();
    let house = House::new(&people(&languages));
    let user = User::new();
    for language in languages {
        let messages = install_messages(language);
        let close = message(&messages, "install-close");
        for script in SCRIPTS {
            let file = house
                .lab
                .path()
                .join(format!("out/people/p-{language}/{script}"));
            let text = fs::read_to_string(&file).expect("it was built");
            let is_windows = script.ends_with("ps1");
            // A shell would take a mark for the beginning of a command; Windows PowerShell wants one.
            assert_eq!(text.starts_with('\u{feff}'), is_windows, "{script}");
            if is_windows {
                let found = strings(text.trim_start_matches('\u{feff}'));
                assert!(found.iter().any(|found| found == close), "{found:?}");
                assert_no_drive(&text);
                continue;
            }
            let shellcheck = ["--exclude=SC1112", file.to_str().expect("it is UTF-8")];
            // What it excludes: a `’` that might have been meant as a quote.
            tools::run("shellcheck", shellcheck).succeeds();
            for shell in SHELLS {
                let mut command = user.command(shell[0]);
                command.args(&shell[1..]).arg("-n").arg(&file);
                outcome::run(&mut command, b"").succeeds().stderr_is("");
                let help = in_shell(&user, shell, &file, &["--help"], "");
                help.succeeds()
                    .stdout_contains("sh install.sh --renew --no-timer\n")
                    .stdout_contains(message(&messages, "install-help-no-timer"))
                    .stdout_lacks("set -eu");
            }
        }
    }
}

/// In a text, PowerShell takes a name with a colon behind it for one on a drive: `"$Name: "` is a mistake, which the grammar's reader does
/// not find.
#[track_caller]
fn assert_no_drive(script: &str) {
    for (at, _) in script.match_indices('$') {
        let name = &script[at + 1..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric());
        let (name, behind) = name.split_at(end.unwrap_or(name.len()));
        assert!(name.is_empty() || !behind.starts_with(": "), "${name}: ");
    }
}

/// In French, whose words have apostrophes, from the password to the end.
#[test]
fn whoever_reads_french_is_told_in_french() {
    let house = House::new(&people(&["fr"]));
    let folder = house.lab.path().join("out/people/p-fr/linux");
    let script = folder.join("install.sh");
    for shell in SHELLS {
        let user = User::new();
        let run = |words: &[&str], typed: &str| in_shell(&user, shell, &script, words, typed);
        fs::create_dir_all(user.database()).expect("the home is empty");
        let password = house.lab.command(["password", "p-fr/linux"]).run();
        let password = password.succeeds().stdout();
        run(&[], "another\n").fails_with(1).stderr_is(
            "install.sh: Ce n’est pas le mot de passe de p-fr-linux.p12. Rien n’a été modifié.\n",
        );
        run(&["--renew"], "").fails_with(1).stderr_is(
            "install.sh: Il n’y a pas encore de certificat de p-fr-linux ici : installes-en d’abord un.\n",
        );
        let database = user.database();
        let place = format!("Chromium, Chrome, … ({})", database.display());
        let close = "Ferme toutes les fenêtres de tes navigateurs, et ouvre-les à nouveau.";
        run(&[], password)
            .succeeds()
            .stdout_is(&format!("{place}: installé\n{close}\n"));
        run(&[], password)
            .succeeds()
            .stdout_is(&format!("{place}: déjà là\n{close}\n"));
        let help = run(&["--help"], "");
        help.succeeds()
            .stdout_contains("Installe le certificat p-fr-linux dans tes navigateurs : Chromium")
            .stdout_contains("\n  sh install.sh --renew\n        récupère le nouveau certificat");
    }
}

/// What a user's own messages say is told to the letter, and is nothing to a shell or to PowerShell.
#[test]
fn a_message_of_ones_own_may_say_anything() {
    const AWKWARD: &str =
        "it's \"$(touch pwned)\" 100%s 5%% \\n\\\\c $HOME ‘a’ „b“ *2 # !x -n; exit 3 #>";
    let messages = install_messages("en");
    let mut own = String::new();
    for (key, _) in &messages {
        let escaped = AWKWARD.replace('\\', "\\\\").replace('"', "\\\"");
        // A space at which no line may break is one like any other in a terminal. What does not show, and ends of lines, no message has.
        own += &format!("{key} \"{key}  {escaped}\u{a0}!\"\n");
    }
    let lab = Lab::new().declare(&people(&["pl"]));
    lab.write("templates/messages/pl.kdl", own);
    lab.command(["build"]).run().succeeds();
    let told = |key: &str| format!("{key} {AWKWARD} !");

    let folder = lab.path().join("out/people/p-pl/linux");
    let password = lab.command(["password", "p-pl/linux"]).run();
    for shell in SHELLS {
        let user = User::new();
        fs::create_dir_all(user.database()).expect("the home is empty");
        let script = folder.join("install.sh");
        let run = |words: &[&str], typed: &str| in_shell(&user, shell, &script, words, typed);
        let refused = run(&[], "\n");
        refused.fails_with(1).stdout_is("").stderr_is(&format!(
            "install.sh: {} {}\n",
            told("install-no-password"),
            told("install-unchanged")
        ));
        let place = format!("Chromium, Chrome, … ({})", user.database().display());
        run(&[], password.stdout()).succeeds().stdout_is(&format!(
            "{place}: {}\n{}\n",
            told("install-done"),
            told("install-close")
        ));
        let help = run(&["--help"], "");
        let help = said(help.succeeds().stdout(), &[]);
        for key in [
            "install-about-linux",
            "install-help-renew",
            "install-help-again",
        ] {
            assert!(help.contains(&told(key)), "{help}");
        }
        run(&["--no"], "").fails_with(2);
        let left = files::snapshot(user.home());
        assert!(left.keys().all(|path| !path.contains("pwned")));
    }
    assert!(!folder.join("pwned").exists());

    let script = lab.read("out/people/p-pl/pc/install.ps1");
    let found = strings(script.trim_start_matches('\u{feff}'));
    // As PowerShell has them in single quotes: each of its quotes twice.
    let quoted = |text: String| text.replace('‘', "‘‘").replace('’', "’’");
    for key in ["install-close", "install-password", "install-daily-off"] {
        assert!(found.contains(&quoted(told(key))), "{key}: {found:?}");
    }
    for mac in ["mac/install.sh", "linux/install.sh"] {
        let script = lab.path().join(format!("out/people/p-pl/{mac}"));
        let mut command = tools::command("sh");
        command.arg("-n").arg(script);
        outcome::run(&mut command, b"").succeeds().stderr_is("");
    }
}

/// Each message that the scripts have is told by one of them, with the values that it is given.
#[test]
fn each_script_says_its_messages_with_their_values() {
    let house = House::new(&people(&["nl"]));
    let read = |script| house.lab.read(&format!("out/people/p-nl/{script}"));
    let texts = SCRIPTS.map(|script| said(&read(script).replace("\n#", "\n"), &[]));
    for (key, text) in install_messages("nl") {
        let is_told = ["linux", "mac", "pc"].iter().any(|device| {
            let name = format!("p-nl-{device}");
            let file = |end: &str| format!("{name}{end}");
            let at = "https://home.example.com/renew";
            [
                ".p12",
                "-browsers.json",
                "-browsers.mobileconfig",
                "-browsers.reg",
                ".mobileconfig",
            ]
            .iter()
            .flat_map(|end| ["install.sh", "install.ps1"].map(|script| (end, script)))
            .any(|(end, script)| {
                let file = file(end);
                let values = [
                    ("name", &*name),
                    ("file", &file),
                    ("at", at),
                    ("script", script),
                ];
                texts
                    .iter()
                    .any(|known| known.contains(&said(&text, &values)))
            })
        });
        assert!(is_told, "{key}: {text}");
    }
}
