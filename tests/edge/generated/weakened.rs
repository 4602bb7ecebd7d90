//! Templates that are less than ours: the homes that they make are not what was declared, and the other modules say so.

use super::answers::sites;
use super::differences;
use super::estate::{AWAY, Estate, Shows, Visitor};
use super::exposure::contradictions;
use super::visits::{one_of_each, tried};
use crate::support::caddy::Version;

const TEMPLATES: [(&str, &str); 2] = [
    (
        "globals.caddyfile.j2",
        include_str!("../../../templates/globals.caddyfile.j2"),
    ),
    (
        "sites.caddyfile.j2",
        include_str!("../../../templates/sites.caddyfile.j2"),
    ),
];

/// A template that is less, and who notices.
struct Weakening {
    what: &'static str,
    from: &'static str,
    to: &'static str,
    /// What the answers of a Caddy then are to be wrong in; none where only the structure tells.
    tell_tale: Option<&'static str>,
}

const fn weakening(
    what: &'static str,
    from: &'static str,
    to: &'static str,
    tell_tale: Option<&'static str>,
) -> Weakening {
    Weakening {
        what,
        from,
        to,
        tell_tale,
    }
}

const MODE: &str = "mode {{ modes[said.asked] }}\n";
const LAN: &str = "@{{ name }} remote_ip{% for range in ranges %} {{ range }}{% endfor %}\n";
const HANDLERS: &str = "{% for handler in site.handlers %}\n";
const REFUSAL: &str = "{% macro refusal(site, answer) %}\n\t\terror 403\n";
const MATCHER: &str = "{{ matchers[handler.matcher.by](handler) -}}\n";
const SWAPPED: &str = r#"{% set swapped = {"photos": "vault", "vault": "photos"} %}
{% set other = sites|selectattr("service", "eq", swapped[site.service])|list if site.service is defined and site.service in swapped else [] %}
{{ matchers[handler.matcher.by](other[0].handlers[0] if other and handler.matcher.by == "certificates" else handler) -}}
"#;
const PEOPLE: &str = "{% set listed = certificates_of(people, handler.matcher.people) %}\n";
const EVERYBODY: &str = "{% set listed = certificates_of(people, range(people|length)) %}\n";

const WEAKENINGS: [Weakening; 25] = [
    weakening("underscores", "\trequest_header -*_*\n", "", None),
    weakening(
        "headers of other proxies",
        "\trequest_header -X-Real-*\n",
        "",
        None,
    ),
    weakening(
        "strict SNI",
        "strict_sni_host on",
        "strict_sni_host insecure_off",
        None,
    ),
    weakening("HTTP/3", "protocols h1 h2", "protocols h1 h2 h3", None),
    weakening(
        "raw pattern",
        "expression {{ matches(\"http.request.uri\", public.uri_pattern) }}\n",
        "\n",
        Some("nobody GET photos.home.example.com/SHARE/x: passed"),
    ),
    weakening(
        "plain paths",
        "\t\tvars path plain\n",
        "",
        Some("nobody GET photos.home.example.com/share/%252e%252e/api: passed"),
    ),
    weakening(
        "pattern's end",
        "public.uri_pattern) }}",
        r#"public.uri_pattern|replace("(\\?.*)?$", "")) }}"#,
        Some("nobody GET photos.home.example.com/share/.hidden: passed"),
    ),
    weakening(
        "claims",
        "\trequest_header -Remote*\n",
        "",
        Some("nobody GET photos.home.example.com/share/x: passed"),
    ),
    weakening(
        "tunnels",
        "\trequest_header @no-websocket -Upgrade\n",
        "",
        None,
    ),
    weakening(
        "tunnels from public paths",
        "\t\trequest_header -Upgrade\n",
        "",
        None,
    ),
    weakening(
        "unverified",
        MODE,
        "mode request\n",
        Some("a stranger GET vault.example.org/: 403"),
    ),
    weakening("any certificate", MODE, "mode require\n", None),
    weakening(
        "asked only",
        MODE,
        "mode verify_if_given\n",
        Some("nobody GET vault.example.org/: 403"),
    ),
    weakening(
        "the last refusal",
        HANDLERS,
        "{% for handler in site.handlers if handler.answer.kind != \"refusal\" %}\n",
        Some("nobody GET photos.home.example.com/: 200"),
    ),
    weakening(
        "refusal that is none",
        REFUSAL,
        "{% macro refusal(site, answer) %}\n\t\trespond 200\n",
        Some("dave/phone GET photos.home.example.com/: 200"),
    ),
    weakening(
        "swapped",
        MATCHER,
        SWAPPED,
        Some("bob/iphone GET vault.example.org/: passed"),
    ),
    weakening(
        "one for another",
        PEOPLE,
        EVERYBODY,
        Some("bob/iphone GET stats.home.example.com/: passed"),
    ),
    weakening(
        "methods",
        "method{% for method in public.methods %}",
        "method DELETE{% for method in public.methods %}",
        Some("nobody DELETE photos.home.example.com/share/x: passed"),
    ),
    weakening(
        "every method",
        "method{% for method in public.methods %} {{ method }}{% endfor %}\n",
        "\n",
        Some("nobody PUT photos.home.example.com/share/x: passed"),
    ),
    weakening(
        "the LAN",
        LAN,
        "@{{ name }} remote_ip 127.0.0.0/8{% for range in ranges %} {{ range }}{% endfor %}\n",
        Some("nobody GET films.home.example.com/: passed"),
    ),
    weakening(
        "a network",
        "from_network(handler.matcher.name, handler.matcher.ranges)",
        "from_network(handler.matcher.name, [\"127.0.0.0/8\"])",
        Some("nobody GET desk.home.example.com/: passed"),
    ),
    weakening(
        "certificates from anywhere",
        "{{ in_ranges(handler.matcher.ranges) }}\n",
        "",
        Some("dave/phone GET lab.home.example.com/: passed"),
    ),
    weakening(
        "single devices",
        "vars {http.request.tls.client.fingerprint} {{ certificate.devices|map(attribute=\"fingerprint\")|join(\" \")|safe }}",
        "{{ as_values(certificates_of(people, range(people|length))) }}",
        Some("bob/iphone GET lab.home.example.com/: passed"),
    ),
    weakening(
        "climbing",
        "\terror @climbs 400\n",
        "",
        Some("bob/iphone GET notes.home.example.com/share/../api/x"),
    ),
    weakening(
        "somebody else's name",
        "header_up Remote-User {{ person.name }}",
        "header_up Remote-User alice",
        Some("bob/iphone GET stats.home.example.com/: passed"),
    ),
];

/// Those of paths that have policies of their own, and of questions of browsers.
const OF_PATHS: [Weakening; 8] = [
    weakening(
        "what all grant",
        "{% if not loop.last %} && {% endif %}",
        "{% if not loop.last %} || {% endif %}",
        Some("bob/iphone GET tools.home.example.com/admin/x: passed"),
    ),
    weakening(
        "what is like a path",
        "\t\t\texpression \"!{http.request.uri.path}.matches(r'{{ policy.wide_pattern|safe }}')\"\n",
        "",
        Some("bob/iphone GET tools.home.example.com/ADMIN/x: passed"),
    ),
    weakening(
        "one reading",
        "\t\t\tvars reading one\n",
        "",
        Some("bob/iphone GET tools.home.example.com/x/../admin/x: passed"),
    ),
    weakening(
        "what is plainly of a path",
        "\t\texpression {{ matches(\"http.request.uri\", handler.matcher.uri_pattern) }}\n",
        "",
        Some("nobody POST tools.home.example.com/HOOK/x: passed"),
    ),
    weakening(
        "methods of a path",
        "method{% for method in handler.matcher.methods %}",
        "method GET{% for method in handler.matcher.methods %}",
        Some("nobody GET tools.home.example.com/hook/x: passed"),
    ),
    weakening(
        "questions of any page",
        "\t\theader Origin {{ origin }}\n",
        "",
        Some("nobody OPTIONS tools.home.example.com/: passed"),
    ),
    weakening(
        "questions by any method",
        "\t\tmethod OPTIONS\n",
        "",
        Some("nobody PUT tools.home.example.com/: passed"),
    ),
    weakening(
        "what is no question",
        "\t\theader Access-Control-Request-Method *\n",
        "",
        Some("nobody OPTIONS tools.home.example.com/: passed"),
    ),
];

/// The templates with that replaced in the one that has it.
#[track_caller]
fn weakened(from: &str, to: &str) -> Vec<(&'static str, String)> {
    let has = TEMPLATES.iter().filter(|(_, text)| text.contains(from));
    assert_eq!(has.count(), 1, "{from}");
    let changed = TEMPLATES.map(|(name, text)| (name, text.replace(from, to)));
    changed.into()
}

#[test]
fn each_weakening_is_noticed_in_what_caddy_makes_of_it() {
    let mut estate = Estate::new();
    // What Caddy makes of those that have paths is seen in its answers alone.
    estate
        .declared
        .services
        .retain(|service| service.paths.is_empty());
    estate.with_templates(&[]);
    crate::assert_none(&differences(&estate.declared, &estate.lab));
    let missed = WEAKENINGS.iter().filter(|Weakening { from, to, .. }| {
        estate.with_templates(&weakened(from, to));
        let wrong = differences(&estate.declared, &estate.lab);
        // What Caddy does not take says nothing about a structure.
        let other = |wrong: &&String| wrong.contains("is not taken") || wrong.contains("caddy fmt");
        wrong.iter().all(|wrong| other(&wrong))
    });
    let missed: Vec<&str> = missed.map(|weakening| weakening.what).collect();
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

/// Whoever has no certificate of ours, and some who have one.
fn few(estate: &Estate) -> Vec<&Visitor> {
    let is_one = |visitor: &&Visitor| match &visitor.shows {
        Shows::Device(person) => matches!(&person[..], "bob" | "dave"),
        Shows::Nothing | Shows::Stranger => true,
        Shows::Retired => false,
    };
    let visitors = one_of_each(estate).into_iter().filter(is_one);
    visitors.collect()
}

#[test]
fn weakenings_are_noticed_in_what_caddy_answers() {
    let estate = Estate::new();
    let mut missed = Vec::new();
    for Weakening {
        what,
        from,
        to,
        tell_tale,
    } in WEAKENINGS.iter().chain(&OF_PATHS)
    {
        let Some(tell_tale) = tell_tale else { continue };
        estate.with_templates(&weakened(from, to));
        let mut sites = sites(&estate.declared);
        sites.retain(|(host, _)| tell_tale.contains(&format!(" {host}/")));
        let wrong = tried(
            &estate,
            &estate.serve(Version::New),
            (&few(&estate), &AWAY),
            &sites,
            1,
        )
        .wrong;
        if !wrong.iter().any(|wrong| wrong.starts_with(tell_tale)) {
            let some = wrong[..wrong.len().min(8)].join("\n  ");
            missed.push(format!(
                "{what}: not `{tell_tale}`, but {} others\n  {some}",
                wrong.len()
            ));
        }
    }
    crate::assert_none(&missed);
}

#[test]
fn the_report_is_contradicted_by_what_is_weaker_than_it_says() {
    let estate = Estate::new();
    for name in ["methods", "swapped", "single devices", "what all grant"] {
        let Weakening { from, to, .. } = { WEAKENINGS.iter().chain(&OF_PATHS) }
            .find(|weakening| weakening.what == name)
            .expect("it is there");
        estate.with_templates(&weakened(from, to));
        let wrong =
            contradictions(&estate, &estate.serve(Version::New), (&few(&estate), &AWAY)).wrong;
        assert!(!wrong.is_empty(), "{name} is not noticed");
    }
}
