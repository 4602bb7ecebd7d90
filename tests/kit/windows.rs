//! The files for Windows. There is no Windows here: the registry's file is taken apart by a reader of this test's own, the script by
//! tree-sitter's grammar of PowerShell. That proves form and quoting, and not that Windows does what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::str::Chars;

use homelab::internals::Templates;
use homelab::internals::{InstallerContext, RegistryValue};
use serde_json::Value;
use tree_sitter::{Node, Parser};

use crate::house::House;

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" {
    name "Alice \"$(calc)\" `n O'Brien ’; calc"
    device "desktop" platform="windows" version=11
    device "desk" platform="linux"
}
person "bob" { device "desktop" platform="windows"; }
service "closed" { host "b" "a"; upstream "http://127.0.0.1:9"; allow "alice"; title "'; calc; \"$(calc)"; }
service "not-hers" { upstream "http://127.0.0.1:9"; open "lan"; }
"#;

const KEYS: [&str; 2] = [
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Google\Chrome\AutoSelectCertificateForUrls",
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Edge\AutoSelectCertificateForUrls",
];

/// What a file for the registry sets, by key.
type Registry = BTreeMap<String, BTreeMap<String, String>>;

/// Reads such a file as the registry editor's own format is described: UTF-16 with a mark, lines that end in CR LF, sections, and
/// `"name"="text"`, in which a backslash stands before a quote or a backslash.
#[track_caller]
fn read(bytes: &[u8]) -> Registry {
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let text = String::from_utf16(&units).expect("it is UTF-16");
    let text = text.strip_prefix('\u{feff}').expect("a mark comes first");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("Windows Registry Editor Version 5.00"));
    assert_eq!(lines.next(), Some(""));
    let mut registry = Registry::new();
    let mut section = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(key) = line.strip_prefix('[') {
            section = key.strip_suffix(']').expect("a section ends").to_owned();
            registry.entry(section.clone()).or_default();
            continue;
        }
        let mut characters = line.chars().peekable();
        let name = quoted(&mut characters);
        assert_eq!(characters.next(), Some('='), "{line}");
        let value = quoted(&mut characters);
        assert_eq!(characters.next(), None, "{line}");
        let before = registry
            .entry(section.clone())
            .or_default()
            .insert(name, value);
        assert_eq!(before, None, "{line}");
    }
    registry
}

#[track_caller]
fn quoted(characters: &mut Peekable<Chars<'_>>) -> String {
    assert_eq!(characters.next(), Some('"'));
    let mut text = String::new();
    loop {
        match characters.next().expect("a quote ends in its line") {
            '"' => return text,
            '\\' => {
                let escaped = characters.next().expect("something is escaped");
                assert!(matches!(escaped, '"' | '\\'), "\\{escaped}");
                text.push(escaped);
            }
            other => text.push(other),
        }
    }
}

fn linux(house: &House) -> BTreeSet<String> {
    let policy = house
        .lab
        .read("out/people/alice/desk/alice-desk-browsers.json");
    let policy: Value = serde_json::from_str(&policy).expect("it is JSON");
    let entries = policy["AutoSelectCertificateForUrls"]
        .as_array()
        .expect("it is a list");
    entries
        .iter()
        .map(|entry| entry.as_str().expect("it is text").to_owned())
        .collect()
}

#[test]
fn the_registry_says_what_the_policy_for_linux_says() {
    let house = House::new(DECLARATION);
    let path = "out/people/alice/desktop/alice-desktop-browsers.reg";
    let registry = read(&house.lab.read_bytes(path));
    assert_eq!(registry.keys().collect::<Vec<_>>(), KEYS);
    let expected = linux(&house);
    assert_eq!(expected.len(), 2);
    for values in registry.values() {
        assert_eq!(values.values().cloned().collect::<BTreeSet<_>>(), expected);
        for (name, entry) in values {
            // Chrome takes numbers only; those that others have given are low.
            assert!(
                name.parse::<i32>().expect("a number") >= 1_000_000,
                "{name}"
            );
            let entry: Value = serde_json::from_str(entry).expect("it is JSON");
            assert!(
                entry["pattern"]
                    .as_str()
                    .expect("it is text")
                    .starts_with("https://")
            );
        }
    }
    // One more host leaves the numbers of the others as they are: applied anew it adds, and replaces nothing.
    let more = DECLARATION.to_owned()
        + "service \"c\" { upstream \"http://127.0.0.1:9\"; allow \"alice\"; }";
    house.build(&more);
    let wider = read(&house.lab.read_bytes(path));
    for key in KEYS {
        assert_eq!(wider[key].len(), 3);
        assert!(
            registry[key]
                .iter()
                .all(|(name, value)| wider[key].get(name) == Some(value))
        );
    }
    // Whom no site asks has nothing to choose.
    assert!(
        !house
            .lab
            .path()
            .join("out/people/bob/desktop/bob-desktop-browsers.reg")
            .exists()
    );
    assert!(
        !house
            .lab
            .path()
            .join("out/people/bob/desktop/user.js")
            .exists()
    );
    assert!(
        !house
            .lab
            .read("out/people/bob/desktop/install.ps1")
            .contains("Policies")
    );
}

/// The strings in single quotes of a script that has no mistake, as PowerShell reads them.
#[track_caller]
pub fn strings(script: &str) -> Vec<String> {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .expect("the versions go together");
    let tree = parser
        .parse(script, None)
        .expect("there is no limit of time");
    let mut found = Vec::new();
    let mut left = vec![tree.root_node()];
    while let Some(node) = left.pop() {
        assert!(
            !node.is_error() && !node.is_missing(),
            "{}",
            shown(node, script)
        );
        if node.kind() == "verbatim_string_characters" {
            let text = shown(node, script);
            let inner = text
                .strip_prefix('\'')
                .and_then(|text| text.strip_suffix('\''));
            found.push(inner.expect("it stands in quotes").replace("''", "'"));
        }
        let mut cursor = node.walk();
        left.extend(node.children(&mut cursor));
    }
    found
}

fn shown(node: Node<'_>, script: &str) -> String {
    script[node.byte_range()].to_owned()
}

#[test]
fn the_script_has_no_mistake_and_its_policy_is_the_registry_s() {
    let house = House::new(DECLARATION);
    for device in ["alice/desktop", "bob/desktop"] {
        let bytes = house
            .lab
            .read_bytes(&format!("out/people/{device}/install.ps1"));
        let text = String::from_utf8(bytes).expect("it is UTF-8");
        // Windows PowerShell takes a text without a mark for one of the machine's own code page.
        let script = text.strip_prefix('\u{feff}').expect("a mark comes first");
        assert_eq!(script.matches('\n').count(), script.matches("\r\n").count());
        let strings = strings(script);
        let name = device.replace('/', "-");
        for word in [&*name, "home.example.com", &format!("{name}.p12")] {
            assert!(
                strings.iter().any(|string| string == word),
                "{word} in {strings:?}"
            );
        }
        if device == "alice/desktop" {
            let registry = house
                .lab
                .read_bytes("out/people/alice/desktop/alice-desktop-browsers.reg");
            for (number, entry) in &read(&registry)[KEYS[0]] {
                assert!(
                    strings.contains(number) && strings.contains(entry),
                    "{strings:?}"
                );
            }
        }
    }
}

/// What fetches newer certificates has no mistake of form, either, and goes by the declaration: no Windows has run it.
#[test]
fn what_renews_has_no_mistake_and_names_what_it_goes_by() {
    let house = House::new(&format!(
        "{DECLARATION}edge {{ port 8443; landing; pick-up root=\"/edge\"; }}"
    ));
    let script = house.lab.read("out/people/alice/desktop/install.ps1");
    let found = strings(&script);
    let authority = house.lab.read("out/edge/ca.pem");
    let authority: String = authority
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    for word in ["https://home.example.com:8443/renew", &authority] {
        assert!(
            found.iter().any(|string| string == word),
            "{word} in {found:?}"
        );
    }
    for word in [
        "Install-Waiting",
        "Add-Timer",
        "Remove-Timer",
        "Test-Signature",
        "Read-Page",
    ] {
        assert!(script.contains(&format!("function {word}")), "{word}");
        assert!(script.matches(word).count() > 1, "{word} is called");
    }
    // Nothing that was fetched is run.
    for word in ["Invoke-Expression", "iex ", "Start-Process"] {
        assert!(!script.contains(word), "{word}");
    }
}

/// The reader finds mistakes where there are any, or else the others prove nothing.
#[test]
#[should_panic(expected = "'s'")]
fn a_quote_too_many_is_a_mistake() {
    strings("$Name = 'it's'\n");
}

/// A value that would like to be run, as an authority that others have made may be called, is a string to the grammar's reader.
#[test]
fn hostile_values_stay_strings() {
    let hostile = "'; calc; \"$(calc)\" `n O'Brien; # <# @' ${env:X}";
    let context = InstallerContext {
        fetched: None,
        domain: hostile.to_owned(),
        common_name: hostile.to_owned(),
        bundle: hostile.to_owned(),
        fingerprint: hostile.to_owned(),
        fingerprint_hex: hostile.to_owned(),
        issued: "20270503120000".to_owned(),
        hosts: [hostile.into()].into(),
        policy: None,
        values: [RegistryValue {
            name: 1_000_000,
            text: hostile.into(),
        }]
        .into(),
    };
    let render = |context: &InstallerContext| {
        let templates = Templates::new(BTreeMap::new()).expect("there is no override");
        templates.render("install/windows.ps1.j2", context)
    };
    let script = render(&context).expect("it can be said").text;
    let found = strings(&script);
    assert_eq!(
        found.iter().filter(|string| *string == hostile).count(),
        4,
        "{found:?}"
    );

    let quiet = strings(&script.replace(&hostile.replace('\'', "''"), "x"));
    let found: Vec<String> = found
        .iter()
        .map(|found| found.replace(hostile, "x"))
        .collect();
    assert_eq!(found, quiet, "nothing else has changed");

    let unsayable = InstallerContext {
        domain: "a\nb".to_owned(),
        ..context
    };
    assert!(render(&unsayable).is_err());
}
