//! The documentation, run: what it declares compiles, and what it shows is what is printed.

mod support;

#[path = "docs/picture.rs"]
mod picture;
#[path = "docs/recording.rs"]
mod recording;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use homelab::internals::App;
use homelab::internals::FORMS;
use homelab::internals::Methods;
use homelab::internals::Source;
use support::caddy::{Ports, Version};
use support::curl::Curl;
use support::lab::Lab;
use support::port::Port;
use support::tools;

/// When the README's build took place.
const README_DAY: &str = "1795478400"; // 2026-11-24T00:00:00Z

#[test]
fn every_declaration_in_the_documentation_compiles() {
    let mut declarations = 0;
    for path in documents() {
        for block in blocks(&path, "kdl") {
            let source = Source::new(path.display().to_string(), block.as_str());
            if let Err(mistakes) = homelab::internals::compile(&source) {
                panic!("{}: {:?}\n{block}", path.display(), mistakes.codes());
            }
            declarations += 1;
        }
    }
    assert!(declarations >= 3, "only {declarations} were found");
}

#[test]
fn the_first_declaration_of_the_readme_is_the_repository_s_own() {
    let own = fs::read_to_string(root().join("homelab.kdl")).expect("it is there");
    assert_eq!(blocks(&root().join("README.md"), "kdl")[0], own);
}

#[test]
fn the_readme_shows_what_is_printed() {
    let readme = root().join("README.md");
    let lab = Lab::new().declare(&blocks(&readme, "kdl")[0]);
    let home = lab.home().display().to_string();
    for (command, shown) in sessions(&blocks(&readme, "console")[0]) {
        let arguments = command.strip_prefix("homelab ").expect("homelab is shown");
        let invocation = lab.command(arguments.split(' '));
        // Both streams in one, as a terminal shows them.
        let invocation = invocation.through(["sh", "-c", r#"exec "$@" 2>&1"#, "sh"]);
        let outcome = invocation.at(README_DAY).run();
        let printed = outcome.succeeds().stdout();
        assert_eq!(printed.replace(&home, "/home/you"), shown, "$ {command}");
    }
}

#[test]
fn the_tree_in_the_readme_is_what_is_built() {
    let readme = root().join("README.md");
    let lab = Lab::built(&blocks(&readme, "kdl")[0]);
    let tree = &blocks(&readme, "text")[0];
    for line in tree
        .lines()
        .filter(|line| line.contains('.') && line.contains('─'))
    {
        let name = line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let name = name.split(' ').next().unwrap_or(name);
        let found = walkdir::WalkDir::new(lab.path().join("out"))
            .into_iter()
            .any(|entry| entry.is_ok_and(|entry| entry.path().ends_with(name)));
        assert!(found, "{name} is in the README, but not in the tree");
    }
}

#[test]
fn the_declaration_that_init_writes_compiles_with_and_without_what_is_taken_out() {
    let written = include_str!("../src/cli/init.kdl");
    assert_eq!(
        written.matches("\n    /-").count() + written.matches("\n/-").count(),
        14
    );
    for text in [written.to_owned(), written.replace("/-", "")] {
        let source = Source::new("init.kdl", text.as_str());
        if let Err(mistakes) = homelab::internals::compile(&source) {
            panic!("{:?}\n{text}", mistakes.codes());
        }
    }
}

/// The table of docs/lint.md says of each form what the command says, and of no other.
#[test]
fn every_form_that_is_linted_stands_in_the_documentation() {
    let document = fs::read_to_string(root().join("docs/lint.md")).expect("it is there");
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `lint::"));
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), FORMS.len());
    for (row, form) in rows.iter().zip(FORMS) {
        let said = format!("| {} | {} |", form.why, form.instead);
        assert!(row.starts_with(&format!("| `{}` | ", form.code)), "{row}");
        assert!(row.ends_with(&said), "{row}\n{said}");
    }
    for page in ["CHANGELOG.md", "docs/security.md"] {
        let text = fs::read_to_string(root().join(page)).expect("it is there");
        assert!(text.contains(&format!("{} forms", FORMS.len())), "{page}");
    }
}

/// A line without a `|` ends a table, and what comes behind it is shown as it is written.
#[test]
fn no_table_is_cut() {
    for path in documents() {
        let text = fs::read_to_string(&path).expect("it is there");
        let outside = text.split("\n```").step_by(2);
        let lines: Vec<&str> = outside.flat_map(|part| part.lines().chain([""])).collect();
        for window in lines.windows(3) {
            let begins = window[1].starts_with('|') && !window[0].starts_with('|');
            assert!(
                !begins || window[2].starts_with("|---"),
                "{}: {}",
                path.display(),
                window[1]
            );
        }
    }
}

#[test]
fn every_page_is_linked_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    for path in documents() {
        let name = path.file_name().expect("a file").to_string_lossy();
        assert!(
            name == "README.md" || readme.contains(&format!("(docs/{name}")),
            "the README does not link docs/{name}"
        );
    }
}

/// One way everywhere, which overwrites nothing of the reader's and validates before it reloads.
#[test]
fn every_page_deploys_into_a_folder_of_its_own() {
    let admin = root().join("templates/index.html.j2");
    let mut deploys = 0;
    for path in documents().into_iter().chain([admin]) {
        let text = fs::read_to_string(&path).expect("it can be read");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0].contains("rsync ")) {
            let page = path.display();
            assert!(pair[0].ends_with("/homelab/"), "{page}: {}", pair[0]);
            let (before, behind) = pair[1].split_once(" && ").unwrap_or_else(|| {
                let html = pair[1].split_once(" &amp;&amp; ");
                html.unwrap_or_else(|| panic!("{page}: {}", pair[1]))
            });
            assert!(before.contains("caddy validate "), "{page}: {before}");
            assert!(behind.contains(" reload"), "{page}: {behind}");
            deploys += 1;
        }
    }
    assert_eq!(deploys, 3);
}

#[test]
fn every_link_in_the_documentation_leads_somewhere() {
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a document can be read");
        let targets = text.split("](").skip(1);
        let targets = targets.filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => path.clone(),
                _ => path.parent().expect("a directory").join(file),
            };
            assert!(file.exists(), "{}: {target}", path.display());
            assert!(
                anchor.is_empty() || anchors(&file).contains(anchor),
                "{}: {target}",
                path.display()
            );
        }
    }
}

/// Whoever contributes is sent to files that are there, by paths from here or, in ARCHITECTURE.md, from src/; and whoever asks what
/// holds against an attack, to tests.
#[test]
fn every_path_that_contributors_are_told_exists() {
    let mut paths = 0;
    for page in ["CONTRIBUTING.md", "ARCHITECTURE.md", "docs/security.md"] {
        let text = fs::read_to_string(root().join(page)).expect("it can be read");
        let prose = text.split("```").step_by(2).collect::<String>();
        let quoted = prose.split('`').skip(1).step_by(2);
        let is_ours = |path: &&str| {
            let first = path.split('/').next().unwrap_or_default();
            let is_plain = path
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
            let is_made = if page == "docs/security.md" {
                !["src", "tests"].contains(&first)
            } else {
                ["out", "target", "edge", "csr"].contains(&first)
            };
            let is_file = path.contains('.') || ["src", "tests"].contains(&first);
            path.contains('/')
                && is_file
                && !path.starts_with('/')
                && is_plain
                && !is_made
                && !path.contains("WORD")
        };
        for path in quoted.filter(is_ours) {
            let places = ["", "src", "src/pki", "src/build"];
            let exists = |place: &&str| root().join(place).join(path).exists();
            assert!(places.iter().any(exists), "{page}: {path}");
            paths += 1;
        }
    }
    assert!(paths > 40, "only {paths} were found");
}

/// What a room below the command line makes depends on what it is told, and on nothing that it looks up by itself.
#[test]
fn nothing_below_the_command_line_prints_asks_or_looks_around() {
    let only_there = [
        ("cli", "std::env"),
        ("cli", "env::var"),
        ("cli", "Timestamp::now"),
        ("cli", "SystemTime"),
        ("cli", "io::stdin"),
        ("cli", "io::stdout"),
        ("cli", "io::stderr"),
        ("cli", "println!"),
        ("random.rs", "getrandom"),
    ];
    let mut seen = BTreeSet::new();
    for entry in walkdir::WalkDir::new(root().join("src")) {
        let path = entry.expect("it can be listed").into_path();
        // Tests may look around.
        let is_of_tests = path.ends_with("tests.rs") || { path.iter() }.any(|part| part == "tests");
        if path.extension().is_none_or(|ending| ending != "rs") || is_of_tests {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read");
        for (place, word) in only_there.iter().filter(|(_, word)| text.contains(word)) {
            let is_there = path.starts_with(root().join("src").join(place));
            assert!(is_there, "{}: {word}", path.display());
            seen.insert(*word);
        }
    }
    // A word that is nowhere any more would be looked for in vain.
    for word in [
        "Timestamp::now",
        "io::stdin",
        "io::stdout",
        "io::stderr",
        "getrandom",
    ] {
        assert!(seen.contains(word), "{word}");
    }
}

/// `tests/run` does not run comments.
#[test]
fn no_comment_of_the_sources_holds_a_test() {
    for entry in walkdir::WalkDir::new(root().join("src")) {
        let path = entry.expect("it can be listed").into_path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read");
        let comments = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("//"));
        let fences = comments.filter_map(|line| Some(line.split_once("```")?.1.to_owned()));
        for (number, language) in fences.enumerate() {
            let is_text = number % 2 == 1 || language == "text";
            assert!(
                is_text,
                "{}: a block of {language:?} would be a test",
                path.display()
            );
        }
    }
}

/// The headings of a page, as links name them.
fn anchors(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).expect("a document can be read");
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// "Try it before DNS", word for word but for the ports, which other tests may have.
#[test]
fn the_first_day_can_be_tried_on_loopback() {
    let page = root().join("docs/first-day.md");
    let ports = Ports::reserve();
    let here = [
        ("28443", &ports.https),
        ("28081", &ports.http),
        ("22019", &ports.admin),
    ];
    let moved = |text: &str| {
        here.iter().fold(text.to_owned(), |text, (shown, port)| {
            assert!(text.contains(shown), "{shown} in\n{text}");
            text.replace(shown, &port.number().to_string())
        })
    };
    let lab = Lab::built(
        r#"domain "home.example.com"
edge { certificates "internal"; }
person "alice" { device "phone" platform="android"; }
service "photos" { upstream "http://127.0.0.1:9"; allow "alice"; }
service "tv" { upstream "http://127.0.0.1:9"; open "lan"; }
"#,
    );
    let caddyfiles = blocks(&page, "caddyfile");
    let with_ports = caddyfiles.iter().find(|block| block.contains("https_port"));
    lab.write("try.caddyfile", moved(with_ports.expect("it is shown")));
    let shells = blocks(&page, "sh");
    let run = shells.iter().find(|block| block.starts_with("caddy run"));
    let run = run.expect("it is shown").split(" #").next();
    let _caddy = Trial::start(&lab, run.expect("a command"), &ports.https);

    let verify = shells.iter().find(|block| block.contains("verify --live"));
    let verify = moved(&verify.expect("it is shown").replace("\\\n", ""));
    let home = lab.home().display().to_string();
    let arguments = verify.split_whitespace().skip(1);
    let arguments = arguments.map(|word| word.replace('\'', "").replace('~', &home));
    let outcome = lab.command(arguments).run();
    outcome.succeeds().stdout_contains("2 hosts");
}

/// A Caddy that is run as the documentation says, until it is dropped.
struct Trial(Child);

impl Trial {
    #[track_caller]
    fn start(lab: &Lab, line: &str, port: &Port) -> Trial {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("caddy"));
        let process = tools::command(Version::New.tool())
            .args(words)
            .current_dir(lab.path())
            .env("HOME", lab.home())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let trial = Trial(process.expect("Caddy starts"));
        let given_up = Instant::now() + Duration::from_secs(30);
        for host in ["photos.home.example.com", "tv.home.example.com"] {
            while !Curl::https(host, port.number(), "/").presents_certificate() {
                assert!(Instant::now() < given_up, "no certificate for {host}");
                thread::sleep(Duration::from_millis(20));
            }
        }
        trial
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Its own process alone; it has ended already where that fails.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With HOMELAB_UPDATE_GOLDEN set it is written anew, and the test fails on purpose.
#[test]
fn the_catalogue_in_the_documentation_is_the_one_that_is_built_in() {
    let path = root().join("docs/apps.md");
    let written = fs::read_to_string(&path).expect("it is there");
    let (introduction, _) = written
        .split_once("\n## ")
        .expect("an introduction, then apps");
    let apps = homelab::internals::apps().map(described);
    let catalogue: String = apps.collect();
    let expected = format!("{}\n{catalogue}", introduction.trim_end());
    if std::env::var_os("HOMELAB_UPDATE_GOLDEN").is_some() && written != expected {
        fs::write(&path, expected).expect("it can be written");
        panic!(
            "docs/apps.md was rewritten: look at `git diff`, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    assert_eq!(written, expected);
}

/// With HOMELAB_UPDATE_GOLDEN set it is written anew, and the test fails on purpose.
#[test]
fn the_providers_in_the_documentation_are_those_that_are_built_in() {
    let path = root().join("docs/providers.md");
    let written = fs::read_to_string(&path).expect("it is there");
    let introduction = written.split("\n| ").next().expect("an introduction");
    let rows = homelab::internals::dns_providers().map(|provider| {
        let settings = provider.settings.iter().map(|setting| {
            let name = format!("`{}`", setting.name);
            let name = if setting.secret {
                format!("**{name}**")
            } else {
                name
            };
            if setting.optional {
                format!("[{name}]")
            } else {
                name
            }
        });
        let settings: Vec<String> = settings.collect();
        format!(
            "| `{}` | `{}` | {} | {} |\n",
            provider.name,
            provider.module,
            settings.join(" "),
            provider.source
        )
    });
    let table: String = rows.collect();
    let expected = format!(
        "{}\n\n| provider | module | settings | read in |\n|---|---|---|---|\n{table}",
        introduction.trim_end()
    );
    if std::env::var_os("HOMELAB_UPDATE_GOLDEN").is_some() && written != expected {
        fs::write(&path, expected).expect("it can be written");
        panic!(
            "docs/providers.md was rewritten: look at `git diff`, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    assert_eq!(written, expected);
}

/// With HOMELAB_UPDATE_GOLDEN set it is written anew, and the test fails on purpose.
#[test]
fn the_gateways_in_the_documentation_are_those_that_are_built_in() {
    let path = root().join("docs/gateways.md");
    let written = fs::read_to_string(&path).expect("it is there");
    let introduction = written.split("\n## ").next().expect("an introduction");
    let mut expected = introduction.trim_end().to_owned() + "\n";
    for gateway in homelab::internals::gateways() {
        let quoted = |texts: &[String]| {
            let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
            texts.join(", ")
        };
        expected += &format!(
            "\n## {}: `sign-in \"{}\"`\n\nIt is asked at `{}`, and says who somebody is in `{}`; the upstream is told {} too.",
            gateway.title,
            gateway.name,
            gateway.uri,
            gateway.user,
            quoted(&gateway.headers)
        );
        if !gateway.own.is_empty() {
            expected += &format!(" Its own paths: {}.", quoted(&gateway.own));
        }
        if let Some(page) = &gateway.page {
            expected += &format!(" Its page for who has not signed in: `{page}`.");
        }
        expected += "\n\n";
        for tell in &gateway.tell {
            expected += &format!("- {tell}\n");
        }
        expected += &format!("\nRead on {} in {}.\n", gateway.checked, gateway.source);
    }
    if std::env::var_os("HOMELAB_UPDATE_GOLDEN").is_some() && written != expected {
        fs::write(&path, expected).expect("it can be written");
        panic!(
            "docs/gateways.md was rewritten: look at `git diff`, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    assert_eq!(written, expected);
}

/// One app's part of the catalogue: what it must be told, in a block that can be copied, and a list of all else.
fn described(app: &App) -> String {
    let mut told = String::new();
    for tell in &app.tell {
        let (tell, read) = (&tell.value, read(&tell.source, tell.checked));
        let place = tell.place.as_deref().unwrap_or("its settings");
        let setting = tell.setting("HOST");
        told.push_str(&format!(
            "Tell it, in {place}:\n\n```text\n{setting}\n```\n\n"
        ));
        let why = tell.why.as_deref().unwrap_or("it asks for it");
        let answers = tell.answers.map(|status| format!(", and answers {status}"));
        let answers = answers.unwrap_or_default();
        told.push_str(&format!("Else {why}{answers} ({read}).\n\n"));
    }
    let mut lines = Vec::new();
    if let Some(port) = &app.port {
        let read = read(&port.source, port.checked);
        lines.push(format!("listens on port {} ({read})", port.value));
    }
    if let Some(uploads) = &app.uploads {
        let (size, read) = (&uploads.value.value, read(&uploads.source, uploads.checked));
        lines.push(format!(
            "wants request bodies of {size} let through ({read})"
        ));
    }
    if let Some(websockets) = &app.websockets {
        let read = read(&websockets.source, websockets.checked);
        lines.push(format!("needs websockets ({read})"));
    }
    if let Some(manifest) = &app.manifest {
        let path = &manifest.value.value;
        let read = read(&manifest.source, manifest.checked);
        lines.push(format!("has its web app manifest at `{path}` ({read})"));
    }
    for share in &app.share {
        let path = &share.value.path.value;
        let methods = match &share.value.methods {
            Some(written) => Methods::new(&written.value).expect("another test resolves them"),
            None => Methods::reading(),
        };
        let read = read(&share.source, share.checked);
        lines.push(format!("share links need `{path}` for {methods} ({read})"));
    }
    if app.share.is_empty() {
        lines.push(String::from(
            "`share-links` is an error: no paths are known that could be opened",
        ));
    }
    if let Some(links) = &app.links {
        let read = read(&links.source, links.checked);
        lines.push(format!("share links: {} ({read})", links.value));
    }
    for note in &app.clients {
        let read = read(&note.source, note.checked);
        lines.push(format!("{} ({read})", note.value.text));
    }
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    let (title, name) = (&app.title.value, &app.name.value);
    format!("\n## {title}: `app \"{name}\"`\n\n{told}{lines}")
}

/// Where a line was read, and on which day.
fn read(source: &Option<String>, checked: Option<jiff::civil::Date>) -> String {
    let source = source.as_deref().expect("another test says so");
    let checked = checked.expect("another test says so");
    format!("{source}, {checked}")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("docs/ is there");
    let mut documents: Vec<PathBuf> = docs
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    documents.push(root().join("README.md"));
    documents
}

/// The blocks of a Markdown file that are marked as `language`.
fn blocks(path: &Path, language: &str) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a document can be read");
    let fence = format!("```{language}\n");
    let starts = text.split(&fence).skip(1);
    starts
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// The commands of a console block, each with what it is shown to print.
fn sessions(block: &str) -> Vec<(&str, String)> {
    let commands = block.split("$ ").skip(1);
    commands
        .filter_map(|session| session.split_once('\n'))
        .map(|(command, shown)| (command, shown.to_owned()))
        .collect()
}
