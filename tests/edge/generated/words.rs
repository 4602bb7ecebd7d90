//! What a user may say in words of their own.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// What is taken for a user's own words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Said now and then, and harmless now and then.
    Some,
    /// Said wherever they can be, and all of them hurtful.
    Hostile,
}

/// What a Caddyfile, a page or a KDL text could take for something else. Braces, and a `\` before a quote or at the end, are refused.
const HURTFUL: [&str; 36] = [
    "\"",
    "a\"b",
    "#",
    "#x",
    "a #b",
    "`",
    "`x`",
    "<<EOF",
    "<<EOF x EOF",
    "1e3",
    "0x10",
    "true",
    "null",
    "import",
    "import page",
    "handle",
    "~x",
    "*",
    "@x",
    "@allowed",
    ";",
    "\\d",
    "\\n x",
    "a\\b",
    "\\\\x",
    "Zoë Å",
    "愛子 🦊",
    "</script>",
    "</strong><a href=/>",
    "&amp;",
    "<!--",
    "$X",
    "%41",
    "-x",
    "'x'",
    "//x",
];
const HARMLESS: [&str; 3] = ["Alice Liddell", "photos", "x"];

/// What may stand before the `@` of an address.
const MAILBOXES: [&str; 12] = [
    "alice", "#x", "`x`", "1e3", "~x", "*", "$x", "true", "o'brien", "a&b", "a.b+c=d", "!x|y?z^",
];

/// Words of a user: what hurts, or any letters and signs.
pub fn said(words: Words) -> BoxedStrategy<String> {
    let hurtful = vec(select(&HURTFUL[..]), 1..4).prop_map(|pieces| pieces.join(" "));
    let any = "[^\\p{C}\\p{Z}\\p{M}{}]{1,12}";
    let said = match words {
        Words::Hostile => prop_oneof![3 => hurtful, 1 => any].boxed(),
        Words::Some => prop_oneof![select(&HARMLESS[..]).prop_map(str::to_owned), hurtful].boxed(),
    };
    let can_be_said = |text: &String| !text.contains("\\\"") && !text.ends_with('\\');
    said.prop_filter("a Caddyfile can say it", can_be_said)
        .boxed()
}

pub fn maybe<T: Strategy + 'static>(words: Words, strategy: T) -> BoxedStrategy<Option<T::Value>>
where
    T::Value: Clone,
{
    match words {
        Words::Hostile => strategy.prop_map(Some).boxed(),
        Words::Some => option::of(strategy).boxed(),
    }
}

pub fn email() -> impl Strategy<Value = String> {
    let mailbox = prop_oneof![
        select(&MAILBOXES[..]).prop_map(str::to_owned),
        "[a-zA-Z0-9!#$%&'*+/=?^_`|~-]{1,8}",
    ];
    mailbox.prop_map(|mailbox| format!("{mailbox}@mail.example"))
}

/// A path on the Caddy host.
pub fn host_path(words: Words) -> impl Strategy<Value = String> {
    said(words).prop_map(|text| format!("/srv/{text}"))
}
