//! Languages: the built-in ones are whole, and others can be added without the program.

use std::collections::BTreeSet;

use homelab::internals::Source;
use homelab::internals::built_in_languages;
use homelab::internals::{MessageFile, messages};

use super::{FIRST, judge, pages};
use crate::support::lab::Lab;

fn read(language: &str) -> MessageFile {
    let path = format!(
        "{}/templates/messages/{language}.kdl",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect("it is there");
    messages(&Source::new(path, text)).unwrap_or_else(|mistakes| panic!("{:?}", mistakes.codes()))
}

/// The names in braces, and how often each kind of markup stands in a text.
fn values(text: &str) -> BTreeSet<&str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .collect()
}

#[test]
fn every_built_in_language_says_everything() {
    let english = read("en");
    let keys: Vec<&String> = english.messages.keys().collect();
    assert!(keys.len() > 150, "{} messages", keys.len());
    let notes: BTreeSet<&str> = homelab::internals::apps()
        .flat_map(|app| &app.clients)
        .map(|note| note.value.text.as_str())
        .collect();
    for language in built_in_languages() {
        let file = read(language.as_str());
        assert_eq!(file.messages.keys().collect::<Vec<_>>(), keys, "{language}");
        for (key, text) in &file.messages {
            assert_eq!(
                values(&text.value),
                values(&english.messages[key].value),
                "{language}: {key}"
            );
        }
        if language.as_str() != "en" {
            let translated: BTreeSet<&str> = file.notes.keys().map(String::as_str).collect();
            assert_eq!(translated, notes, "{language}");
        }
    }
}

/// French has spaces before some marks, at which no line may break; and each language its own apostrophe.
#[test]
fn no_mark_begins_a_line_and_no_apostrophe_is_typed() {
    for language in built_in_languages() {
        let file = read(language.as_str());
        for (key, text) in file.messages.iter().chain(&file.notes) {
            let breaks = [" ;", " :", " !", " ?", " »", "« "];
            let wrong = breaks.into_iter().find(|mark| text.value.contains(mark));
            assert_eq!(
                wrong, None,
                "{language}: {key}: no-break spaces belong there"
            );
            let typed = language.as_str() != "en" && text.value.contains('\'');
            assert!(!typed, "{language}: {key}: `’` is meant");
        }
    }
}

/// A message that no template asks for would be translated for nothing.
#[test]
fn every_message_is_asked_for() {
    let mut templates = String::new();
    for entry in walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")) {
        let entry = entry.expect("the templates can be listed");
        if entry
            .path()
            .extension()
            .is_some_and(|ending| ending == "j2")
        {
            templates += &std::fs::read_to_string(entry.path()).expect("a template can be read");
        }
    }
    for key in read("en").messages.keys() {
        let stem = key.rsplit_once('-').map_or(key.as_str(), |(stem, _)| stem);
        let by_kind = ["platform-", "remove-", "file-", "month-"]
            .iter()
            .any(|stem| key.starts_with(stem));
        let asked = templates.contains(&format!("\"{key}\"")) || by_kind || key.starts_with("date");
        assert!(asked, "{key} ({stem})");
    }
}

const GUIDE: &str = "out/people/alice/guide.html";

fn lab(language: &str) -> Lab {
    Lab::new().declare(&format!(
        "domain \"home.example.com\"\nperson \"alice\" {{ language \"{language}\"; device \"pixel\" platform=\"android\"; }}\n\
         service \"immich\" {{ upstream \"http://127.0.0.1:1\"; app \"immich\"; allow \"alice\"; }}\n"
    ))
}

#[test]
fn a_language_can_be_added_and_what_it_lacks_is_english_and_says_so() {
    let lab = lab("he");
    lab.command(["check"])
        .run()
        .fails_with(1)
        .stderr_contains("there is no guide in the language `he`");
    lab.write(
        "templates/messages/he.kdl",
        "right-to-left\ngreeting \"שלום {name}\"\nguide-title \"<b>{domain}</b>\"\n\
         note \"Uploads of the Immich app in the background may be unreliable.\" \"תחילה\"\n",
    );
    let build = || lab.command(["build"]).at(FIRST).run();
    build().succeeds();
    let judged = judge(&pages(&lab), "added");
    assert_eq!(judged.faults, [""; 0]);
    let page = judged.page("people/alice/guide.html");
    assert_eq!(
        (&page["language"], &page["direction"]),
        (&"he".into(), &"rtl".into())
    );
    assert_eq!(page["title"], "<b>home.example.com</b>");
    let guide = lab.read(GUIDE);
    assert!(guide.contains("<h1>שלום <bdi>alice</bdi></h1>"));
    assert!(guide.contains("<span lang=\"en\" dir=\"ltr\">Get the file</span><small>"));
    assert!(guide.contains("<li>תחילה</li>"));
    let day =
        "<span lang=\"en\" dir=\"ltr\"><time datetime=\"2027-05-27\">27 May 2027</time></span>";
    assert!(guide.contains(day));

    // Another word makes that guide again, and nothing else.
    lab.write(
        "templates/messages/he.kdl",
        "right-to-left\ngreeting \"היי {name}\"\n",
    );
    build()
        .succeeds()
        .stdout_contains(&format!("built {GUIDE}\n1 built, "));
    assert!(lab.read(GUIDE).contains("<h1>היי <bdi>alice</bdi></h1>"));
}

#[test]
fn one_message_can_be_overridden() {
    let lab = lab("de");
    lab.write("templates/messages/de.kdl", "greeting \"Servus {name}\"\n");
    lab.command(["build"]).run().succeeds();
    let guide = lab.read(GUIDE);
    assert!(guide.contains("<h1>Servus <bdi>alice</bdi></h1>"));
    assert!(
        guide.contains("Datei laden"),
        "the others are the built-in ones"
    );
    assert!(!guide.contains("lang=\"en\""));
}

/// A template of one's own may ask for messages of its own.
#[test]
fn own_templates_have_own_messages() {
    let lab = lab("en");
    lab.write(
        "templates/messages/en.kdl",
        "house-rule \"**Quiet** after ten, {name}\"\n",
    );
    lab.command(["build"])
        .run()
        .fails_with(1)
        .stderr_contains("`house-rule`, which nothing asks for");
    let help = "{% extends \"builtin/guide.html.j2\" %}{% block help %}{{ t(\"house-rule\", name=display_name) }}{% endblock %}";
    lab.write("templates/guide.html.j2", help);
    lab.command(["build"]).run().succeeds();
    assert!(
        lab.read(GUIDE)
            .contains("<b>Quiet</b> after ten, <bdi>alice</bdi>")
    );
}

#[test]
fn broken_messages_are_refused_with_their_place() {
    for (text, said) in [
        ("greeting \"Hallo", "templates/messages/de.kdl"),
        ("greeting 1", "templates/messages/de.kdl:1:10"),
        (
            "greeting \"a\"\ngreeting \"b\"\n",
            "templates/messages/de.kdl:2:1",
        ),
        ("greeting \"a **b\"\n", "templates/messages/de.kdl:1:10"),
        ("greeting \"a {b c}\"\n", "templates/messages/de.kdl:1:10"),
        ("note \"x\"\n", "templates/messages/de.kdl:1:1"),
    ] {
        let lab = lab("de");
        lab.write("templates/messages/de.kdl", text);
        lab.command(["build"])
            .run()
            .fails_with(1)
            .stderr_contains(said);
        assert!(!lab.path().join("out").exists(), "{text}");
    }
}
