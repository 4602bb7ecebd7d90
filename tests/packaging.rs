//! What is installed beside the program: manual pages and completions agree with the command line, and with what the documentation says of
//! the language; what is said to Nix can be evaluated, and does what it says.
//!
//! They are made here and lie below packaging/, so that `packaging/run`, and whoever else packages, need nothing but the program. After a
//! change of the command line or of docs/language.md:
//!
//! HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test packaging; git diff packaging

mod support;

#[path = "packaging/completions.rs"]
mod completions;
#[path = "packaging/manual.rs"]
mod manual;
#[path = "packaging/markdown.rs"]
mod markdown;
#[path = "packaging/nix.rs"]
mod nix;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn what_the_readme_installs_is_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    for page in ["README.md", "docs/packages.md"] {
        let text = fs::read_to_string(root().join(page)).expect("it is there");
        for name in [
            format!("homelab_{version}_amd64.deb"),
            format!("homelab-{version}-x86_64-linux-gnu.tar.gz"),
        ] {
            assert!(text.contains(&name), "{page} does not name {name}");
        }
    }
}

/// Files that were made, by name, against those of a folder below packaging/: none more, none less. With HOMELAB_UPDATE_GOLDEN set the folder is
/// written anew, and the test fails on purpose.
fn agrees(folder: &str, made: &BTreeMap<String, String>) {
    let place = root().join("packaging").join(folder);
    let written = written(&place);
    if std::env::var_os("HOMELAB_UPDATE_GOLDEN").is_some() && written != *made {
        for name in written.keys().filter(|name| !made.contains_key(*name)) {
            fs::remove_file(place.join(name)).expect("it can be removed");
        }
        for (name, text) in made {
            fs::write(place.join(name), text).expect("it can be written");
        }
        panic!(
            "packaging/{folder} was rewritten: look at `git diff`, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&written), names(made), "packaging/{folder}");
    for (name, text) in made {
        let line = written[name]
            .lines()
            .zip(text.lines())
            .position(|(a, b)| a != b);
        assert!(
            written[name] == *text,
            "packaging/{folder}/{name} is not what is made now (line {:?}): HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test packaging",
            line.map(|line| line + 1)
        );
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn written(place: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(place).expect("the folder is there");
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("it can be listed");
        let text = fs::read_to_string(entry.path()).expect("it is a text");
        (entry.file_name().into_string().expect("it is UTF-8"), text)
    };
    entries.map(file).collect()
}
