//! Every mistake that a declaration, a lock or a template can have, as the user sees it.
//!
//! `tests/diagnostics/<phase>/<slug>.kdl` makes the mistake `<phase>::<slug>`, and the snapshot
//! beside it is what is shown. Snapshots are renewed with `INSTA_UPDATE=always`; read them then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use homelab::internals::AuthorityRefusal;
use homelab::internals::Mistakes;
use homelab::internals::Source;
use homelab::internals::Templates;
use homelab::internals::{
    SIZE_LIMIT, certificates_in, compile, compile_apps, parse_source, read_authority, read_lock,
};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[test]
fn parsing_tells_what_is_wrong() {
    each_fixture("parse", |name, bytes| mistakes(declaration(name, bytes)));
}

#[test]
fn resolving_tells_what_is_wrong() {
    each_fixture("resolve", |name, bytes| mistakes(declaration(name, bytes)));
}

/// Whole files as YAML, TOML, JSON or a hurry would have them: each habit has its words, and nothing that is wrong otherwise is hidden.
#[test]
fn habits_of_other_languages_are_known() {
    for path in fixtures("habits") {
        let bytes = fs::read(&path).expect("a fixture can be read");
        let name = path.file_name().and_then(|name| name.to_str());
        let shown = mistakes(declaration(name.expect("fixtures have plain names"), bytes));
        snapshot(&path, shown.text);
    }
}

/// The texts of all fixtures that are declarations.
static DECLARATIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let fixtures = ["habits", "parse", "resolve"]
        .into_iter()
        .flat_map(fixtures);
    let texts = fixtures.map(|path| fs::read(path).expect("a fixture can be read"));
    let texts = texts.filter_map(|bytes| String::from_utf8(bytes).ok());
    texts.filter(|text| !text.is_empty()).collect()
});

/// What a hurry puts where it does not belong.
const ODD: [&str; 24] = [
    "{", "}", ";", "\n", "\"", "=", ",", "-", "\n - ", ":", "[", "]", "#", "#true", "//", "/*",
    "*/", "\\", "/-", "'a'", " allow ", " public ", " device ", " group ",
];

/// One change to a text of many pieces.
#[derive(Clone, Copy, Debug)]
enum Change {
    LeaveOut,
    /// Another piece of the text, once more.
    Repeat,
    Exchange,
    Insert(&'static str),
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8192,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever somebody leaves out, repeats or puts in a wrong place, it is told where it is wrong, and nothing panics.
    #[test]
    fn a_declaration_that_somebody_has_garbled_is_told(
        which in any::<Index>(),
        changes in vec(
            (
                any::<Index>(),
                any::<Index>(),
                prop_oneof![
                    Just(Change::LeaveOut),
                    Just(Change::Repeat),
                    Just(Change::Exchange),
                    select(&ODD[..]).prop_map(Change::Insert),
                ],
            ),
            1..6,
        ),
    ) {
        let text = which.get(&DECLARATIONS);
        let mut pieces: Vec<&str> = text.split_inclusive(|c: char| !c.is_alphanumeric()).collect();
        for (at, other, change) in changes {
            let (at, other) = (at.index(pieces.len()), other.index(pieces.len()));
            match change {
                Change::LeaveOut if pieces.len() > 1 => _ = pieces.remove(at),
                Change::LeaveOut => {}
                Change::Repeat => pieces.insert(at, pieces[other]),
                Change::Exchange => pieces.swap(at, other),
                Change::Insert(odd) => pieces.insert(at, odd),
            }
        }
        let garbled = declaration("homelab.kdl", pieces.concat().into_bytes());
        if garbled.is_err() {
            prop_assert!(!mistakes(garbled).codes.is_empty());
        }
    }
}

#[test]
fn a_catalogue_of_one_s_own_is_refused_with_its_places() {
    each_fixture("catalogue", |name, bytes| {
        mistakes(parse_source(name, bytes).and_then(|source| compile_apps(&source).map(drop)))
    });
}

#[test]
fn a_lock_is_refused_with_a_remedy() {
    each_fixture("lock", |_, bytes| {
        let text = String::from_utf8(bytes).expect("the fixtures are UTF-8");
        mistakes(read_lock(&Source::new("homelab.lock", text)).map(drop))
    });
}

#[test]
fn a_template_is_refused_with_its_place() {
    each_fixture("template", |name, bytes| {
        let text = String::from_utf8(bytes).expect("the fixtures are UTF-8");
        // A file of messages is called after its language.
        let own = name.split_once('.').expect("fixtures have an ending").1;
        let place = match own.ends_with(".kdl") {
            true => format!("messages/{own}"),
            false => name.to_owned(),
        };
        let templates = Templates::new(BTreeMap::from([(place, text)]));
        let empty = BTreeMap::<&str, &str>::new();
        let error = match templates {
            Ok(templates) => templates.render(name, &empty).expect_err("it is broken"),
            Err(error) => error,
        };
        shown_alone(&error)
    });
}

#[test]
fn a_certificate_is_refused_with_its_field_and_a_remedy() {
    let now = "2026-11-26T12:00:00Z".parse().expect("it is a date");
    each_fixture("adopt", |name, bytes| {
        let [der] = &certificates_in(&bytes)[..] else {
            panic!("{name} holds one certificate");
        };
        let source = read_authority(der, now).expect_err("it is to be refused");
        let path = name.into();
        let which = None;
        shown_alone(&AuthorityRefusal {
            path,
            which,
            source,
        })
    });
    let source = include_str!("../src/build/adoption/refusal.rs");
    let slugs = source
        .split("fn slug")
        .nth(1)
        .expect("it says which there are");
    let slugs = slugs.split("fn remedy").next().expect("it ends there");
    let slugs: BTreeSet<&str> = slugs.split('"').skip(1).step_by(2).collect();
    let fixtures: Vec<String> = fixtures("adopt").iter().map(|path| slug(path)).collect();
    assert_eq!(slugs, fixtures.iter().map(String::as_str).collect());
}

/// A fixture that nobody could tell from another, or a code without one, would go unnoticed.
#[test]
fn every_code_has_its_fixture_and_every_fixture_its_code() {
    for phase in ["parse", "catalogue", "resolve", "lock", "template"] {
        let fixtures: BTreeSet<String> = fixtures(phase).iter().map(|path| slug(path)).collect();
        let mut codes = codes_in_source(phase);
        // Files too large for the repository, or about more than one file; tested elsewhere.
        for (phase_of, elsewhere) in [
            ("parse", "too-large"),
            ("parse", "too-many-statements"),
            ("lock", "missing"),
            ("lock", "no-authority-but-tree"),
            ("lock", "would-change"),
            ("lock", "nothing-issued"),
            ("lock", "retires-many"),
            ("lock", "issued-here"),
            ("lock", "nobody-signs"),
            ("lock", "unknown-device"),
            ("lock", "shut-out"),
            ("lock", "root-key"),
            ("lock", "went-back"),
            ("lock", "not-the-pinned-key"),
            ("lock", "other-key"),
            ("lock", "unsigned"),
            ("lock", "unsigned-again"),
            ("lock", "not-of-this-root"),
        ] {
            if phase == phase_of {
                assert!(codes.remove(elsewhere), "{phase}::{elsewhere} is no more");
            }
        }
        assert_eq!(fixtures, codes, "fixtures and codes of {phase}");
    }
}

#[test]
fn a_declaration_that_is_too_large_is_refused_before_it_is_read() {
    let large = vec![b' '; SIZE_LIMIT + 1];
    let refused = parse_source("homelab.kdl", large).expect_err("it is too large");
    assert_eq!(refused.codes(), ["parse::too-large"]);
    assert!(parse_source("homelab.kdl", vec![b' '; SIZE_LIMIT]).is_ok());
}

/// What a fixture shows, and the codes in it.
struct Shown {
    text: String,
    codes: Vec<String>,
}

fn each_fixture(phase: &str, show: impl Fn(&str, Vec<u8>) -> Shown) {
    let fixtures = fixtures(phase);
    assert!(!fixtures.is_empty(), "there are fixtures for {phase}");
    let mut failures = Vec::new();
    for path in fixtures {
        let slug = slug(&path);
        let bytes = fs::read(&path).expect("a fixture can be read");
        let name = path.file_name().and_then(|name| name.to_str());
        let shown = show(name.expect("fixtures have plain names"), bytes);
        let code = format!("{phase}::{slug}");
        if !shown.codes.contains(&code) {
            failures.push(format!("{code} is not among {:?}", shown.codes));
        }
        snapshot(&path, shown.text);
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

fn snapshot(fixture: &Path, text: String) {
    insta::with_settings!({
        snapshot_path => fixture.parent().expect("it is in a directory"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(slug(fixture), text);
    });
}

fn declaration(name: &str, bytes: Vec<u8>) -> Result<(), Mistakes> {
    compile(&parse_source(name, bytes)?).map(drop)
}

fn mistakes(result: Result<(), Mistakes>) -> Shown {
    let mistakes = result.expect_err("the fixture has a mistake in it");
    let codes = mistakes.codes().into_iter().map(str::to_owned).collect();
    let reports = mistakes.into_reports();
    let texts: Vec<String> = reports.map(|report| draw(report.as_ref())).collect();
    Shown {
        text: texts.join("\n"),
        codes,
    }
}

fn shown_alone(error: &dyn Diagnostic) -> Shown {
    let code = error.code().map(|code| code.to_string());
    Shown {
        text: draw(error),
        codes: code.into_iter().collect(),
    }
}

fn draw(diagnostic: &dyn Diagnostic) -> String {
    let theme = GraphicalTheme::unicode_nocolor();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut text = String::new();
    let drawn = handler
        .with_links(false)
        .render_report(&mut text, diagnostic);
    drawn.expect("a text takes everything");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn fixtures(phase: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/diagnostics")
        .join(phase);
    let entries = fs::read_dir(directory).expect("every phase has its fixtures");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_fixture = |path: &PathBuf| path.extension().is_none_or(|ending| ending != "snap");
    let mut fixtures: Vec<PathBuf> = paths.filter(is_fixture).collect();
    fixtures.sort();
    fixtures
}

fn slug(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.expect("fixtures have plain names");
    name.split('.').next().unwrap_or(name).to_owned()
}

/// The slugs of all `mistake!("<phase>::<slug>", …)`, each of which stands once, in the phase's own room; and those of
/// `code("<phase>::<slug>")`, which the command line says.
fn codes_in_source(phase: &str) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in walkdir::WalkDir::new(&sources) {
        let entry = entry.expect("the sources can be listed");
        let path = entry.path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = fs::read_to_string(path).expect("a source can be read");
        for code in codes_after("mistake!(", phase, &text) {
            assert!(path.starts_with(sources.join(phase)), "{phase}::{code}");
            assert!(
                codes.insert(code.to_owned()),
                "{phase}::{code} is made twice"
            );
        }
        codes.extend(codes_after("code(", phase, &text).map(str::to_owned));
    }
    codes
}

fn codes_after<'t>(mark: &str, phase: &str, text: &'t str) -> impl Iterator<Item = &'t str> {
    let marked = text.split(mark).skip(1);
    let quoted = marked.filter_map(|rest| rest.trim_start().strip_prefix('"'));
    let codes = quoted.filter_map(|rest| rest.split('"').next());
    codes.filter_map(move |code| code.strip_prefix(phase)?.strip_prefix("::"))
}

#[test]
fn a_declaration_with_too_many_statements_is_refused() {
    let many = Source::new("homelab.kdl", "a\n".repeat(200_001));
    let refused = compile(&many).expect_err("there are too many");
    assert_eq!(refused.codes(), ["parse::too-many-statements"]);
}

#[test]
fn of_very_many_mistakes_the_first_are_told() {
    let many = Source::new("homelab.kdl", "a\n".repeat(1000));
    let refused = compile(&many).expect_err("nothing is known");
    let reports: Vec<String> = refused
        .into_reports()
        .map(|report| report.to_string())
        .collect();
    assert_eq!(reports.len(), 101);
    assert_eq!(reports[100], "and 900 more");
}
