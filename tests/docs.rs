//! The documentation, run: what it declares compiles, and what it shows is what is printed.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use homelab::catalogue::App;
use homelab::source::Source;
use support::lab::Lab;

/// When the README's build took place.
const README_DAY: &str = "1795478400"; // 2026-11-24T00:00:00Z

#[test]
fn every_declaration_in_the_documentation_compiles() {
    let mut declarations = 0;
    for path in documents() {
        for block in blocks(&path, "kdl") {
            let source = Source::new(path.display().to_string(), block.as_str());
            if let Err(mistakes) = homelab::compile(&source) {
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
        let outcome = invocation.env("SOURCE_DATE_EPOCH", README_DAY).run();
        let printed = outcome.succeeds().stdout();
        assert_eq!(printed.replace(&home, "/home/you"), shown, "$ {command}");
    }
}

#[test]
fn the_tree_in_the_readme_is_what_is_built() {
    let readme = root().join("README.md");
    let lab = Lab::new().declare(&blocks(&readme, "kdl")[0]);
    lab.command(["build"]).run().succeeds();
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
        13
    );
    for text in [written.to_owned(), written.replace("/-", "")] {
        let source = Source::new("init.kdl", text.as_str());
        if let Err(mistakes) = homelab::compile(&source) {
            panic!("{:?}\n{text}", mistakes.codes());
        }
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
    let apps = homelab::catalogue::apps().iter().map(described);
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

/// One app's part of the catalogue.
fn described(app: &App) -> String {
    let mut lines = Vec::new();
    if let Some(port) = &app.port {
        lines.push(format!("listens on port {} ({})", port.value, port.source));
    }
    if let Some(uploads) = &app.uploads {
        let (size, source) = (&uploads.value, &uploads.source);
        lines.push(format!(
            "wants request bodies of {size} let through ({source})"
        ));
    }
    if let Some(websockets) = &app.websockets {
        lines.push(format!("needs websockets ({})", websockets.source));
    }
    if let Some(manifest) = &app.manifest {
        let (path, source) = (manifest.value.as_str(), &manifest.source);
        lines.push(format!("has its web app manifest at `{path}` ({source})"));
    }
    for share in &app.share {
        let (path, methods) = (share.value.path.as_str(), &share.value.methods);
        lines.push(format!(
            "share links need `{path}` for {methods} ({})",
            share.source
        ));
    }
    if app.share.is_empty() {
        lines.push(String::from(
            "`share-links` is an error: no paths are known that could be opened",
        ));
    }
    for note in &app.clients {
        lines.push(format!("{} ({})", note.value, note.source));
    }
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!("\n## {}: `app \"{}\"`\n\n{lines}", app.title, app.name)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("docs/ is there");
    let mut documents: Vec<PathBuf> = docs
        .map(|entry| entry.expect("it can be listed").path())
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
