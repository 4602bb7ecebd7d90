//! What is written is read again, and nothing else is.

use super::*;
use proptest::prelude::*;

/// Characters that a quoted string treats specially, in KDL or on a screen, among ordinary ones.
fn value() -> impl Strategy<Value = String> {
    let special = prop::sample::select(
            "\"\\\n\r\t\u{0}\u{8}\u{b}\u{c}\u{1b}\u{7f}\u{85}\u{9f}\u{a0}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\
             \u{202e}\u{2066}\u{2069}\u{feff} #{}/u="
                .chars()
                .collect::<Vec<_>>(),
        );
    prop::collection::vec(prop_oneof![special, any::<char>()], 0..12)
        .prop_map(|chars| chars.into_iter().collect())
}

/// Bytes that are plain, or just not, or differ from such a byte in one bit.
fn near_the_bounds() -> impl Strategy<Value = u8> {
    let bounds = prop::sample::select(b"\0\x1f !\"#[\\]}~\x7f\x80\x81\xa0\xa2\xdc\xff".to_vec());
    prop_oneof![8 => Just(b'a'), 2 => bounds, 1 => any::<u8>()]
}

#[test]
fn each_byte_is_told_in_each_place() {
    for (place, byte) in (0..17).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
        let mut bytes = [b'a'; 17];
        bytes[place] = byte;
        let plain = if is_plain_ascii(byte) { 17 } else { place };
        assert_eq!(plain_ascii_at_start(&bytes), plain, "{byte} at {place}");
    }
}

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,8}".prop_filter("a reserved word", |word| is_word(word))
}

fn record_of<'a>(
    name: &'a str,
    argument: &'a Option<String>,
    properties: &'a std::collections::BTreeMap<String, String>,
) -> Record<'a> {
    let properties = properties.iter();
    Record {
        name,
        argument: argument.as_deref().map(Cow::Borrowed),
        properties: properties
            .map(|(key, value)| (key.as_str(), Cow::Borrowed(value.as_str())))
            .collect(),
    }
}

fn written(record: &Record<'_>) -> String {
    let mut line = RecordWriter::new(record.name);
    if let Some(argument) = &record.argument {
        line = line.argument(argument);
    }
    for (key, value) in &record.properties {
        line = line.property(key, value);
    }
    line.into_text()
}

#[test]
fn several_words_are_one_value() {
    let line = RecordWriter::new("a").list("b", ["x", "y\""]);
    assert_eq!(line.clone().into_text(), r#"a b="x y\"""#);
    assert_eq!(line.list("c", [""; 0]).into_text(), r#"a b="x y\"" c="""#);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        name in word(), argument in prop::option::of(value()), properties in prop::collection::btree_map(word(), value(), 0..6)
    ) {
        let record = record_of(&name, &argument, &properties);
        let line = written(&record);
        prop_assert_eq!(Record::parse(&line), Ok(record));
    }

    #[test]
    fn a_line_means_the_same_in_kdl(
        name in word(), argument in prop::option::of(value()), properties in prop::collection::btree_map(word(), value(), 0..6)
    ) {
        let line = written(&record_of(&name, &argument, &properties));
        let document: kdl::KdlDocument = line.parse().expect("the line is KDL 2");
        prop_assert_eq!(document.nodes().len(), 1);
        let node = &document.nodes()[0];
        prop_assert_eq!(node.name().value(), &name);
        prop_assert_eq!(node.get(0).and_then(|value| value.as_string()), argument.as_deref());
        prop_assert_eq!(node.entries().len(), properties.len() + usize::from(argument.is_some()));
        for (key, value) in &properties {
            prop_assert_eq!(node.get(key.as_str()).and_then(|value| value.as_string()), Some(value.as_str()));
        }
    }

    #[test]
    fn a_line_that_is_accepted_is_the_one_that_would_be_written(
        name in word(), properties in prop::collection::btree_map(word(), value(), 0..4), at in any::<prop::sample::Index>(), with in any::<char>()
    ) {
        let mut chars: Vec<char> = written(&record_of(&name, &None, &properties)).chars().collect();
        let at = at.index(chars.len());
        chars[at] = with;
        let line: String = chars.into_iter().collect();
        if let Ok(record) = Record::parse(&line) {
            prop_assert_eq!(written(&record), line);
        }
    }

    #[test]
    fn eight_bytes_at_once_are_told_as_one_by_one(bytes in prop::collection::vec(near_the_bounds(), 0..40)) {
        let one_by_one = bytes.iter().take_while(|byte| is_plain_ascii(**byte)).count();
        prop_assert_eq!(plain_ascii_at_start(&bytes), one_by_one);
    }

    #[test]
    fn no_text_panics(line in value(), rest in any::<String>()) {
        let _ = Record::parse(&line);
        let _ = Record::parse(&format!("a \"{rest}"));
    }
}

#[test]
fn each_departure_from_the_form_is_refused_where_it_is() {
    for (line, column, expected) in [
        ("", 0, "a name"),
        ("File", 0, "a name"),
        ("9a", 0, "a name"),
        ("true", 0, "a name"),
        (" a", 0, "a name"),
        ("a ", 2, "a key"),
        ("a  b=\"\"", 2, "a key"),
        ("a\tb=\"\"", 1, "one space"),
        ("a \"x\"b=\"\"", 5, "one space"),
        ("a \"x\" \"y\"", 6, "a key"),
        ("a b=\"\" \"x\"", 7, "a key"),
        ("a b=1", 4, "a string in quotes"),
        ("a b", 3, "`=`"),
        ("a nan=\"\"", 2, "a key"),
        ("a b=\"\" b=\"\"", 7, "each key once"),
        ("a \"x", 4, "a closing quote, or an escape"),
        ("a \"\n\"", 3, "a closing quote, or an escape"),
        ("a \"\u{202e}\"", 3, "a closing quote, or an escape"),
        (r#"a "\s""#, 3, "an escape"),
        (r#"a "\u{41}""#, 3, "an escape"),
        (r#"a "\u{d800}""#, 3, "an escape"),
        (r#"a "\u{a}""#, 3, "the shortest escape"),
        (r#"a "\u{202E}""#, 3, "the shortest escape"),
        (r#"a "\u{0085}""#, 3, "the shortest escape"),
    ] {
        assert_eq!(
            Record::parse(line),
            Err(Malformed { column, expected }),
            "{line:?}"
        );
    }
}

#[test]
fn a_line_has_a_bounded_number_of_properties() {
    let line = |count: usize| -> String {
        (0..count).fold("a".to_owned(), |line, n| format!("{line} k{n}=\"\""))
    };
    assert!(Record::parse(&line(MOST_PROPERTIES)).is_ok());
    let refused = Record::parse(&line(MOST_PROPERTIES + 1)).expect_err("one too many");
    assert_eq!(refused.expected, "fewer properties");
}
