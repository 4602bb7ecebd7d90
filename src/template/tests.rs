use super::*;

#[derive(Serialize)]
struct Context {
    x: &'static str,
    nothing: Option<u8>,
}

const CONTEXT: Context = Context {
    x: "<a b>",
    nothing: None,
};

fn templates(overrides: &[(&str, &str)]) -> Result<Templates, Mistake> {
    let owned = overrides
        .iter()
        .map(|(name, text)| (name.to_string(), text.to_string()));
    Templates::new(owned.collect())
}

fn render(overrides: &[(&str, &str)], name: &str) -> Result<Rendered, Mistake> {
    templates(overrides)?.render(name, &CONTEXT)
}

#[test]
fn each_kind_of_file_escapes_in_its_way() {
    let text = |name| render(&[(name, "{{ x }}")], name).unwrap().text;
    assert_eq!(text("x.html.j2"), "&lt;a b&gt;");
    assert_eq!(text("x.caddyfile.j2"), "\"<a b>\"");
    assert_eq!(text("x.sh.j2"), "'<a b>'");
    assert_eq!(text("x.ps1.j2"), "'<a b>'");
    let wrong = templates(&[("x.txt.j2", "{{ x }}")]).unwrap_err();
    assert_eq!(wrong.slug(), "template::unknown");
}

/// A script's message is one word of it, or lines of a comment; a page has no such comments, in which a name could be more than text.
#[test]
fn a_message_is_a_word_of_a_script_or_a_comment() {
    let own = ("messages/en.kdl", "own \"it's {name}\u{a0}!\"\n");
    let said = |name: &str, template: &str| {
        let rendered = render(&[own, (name, template)], name);
        rendered.map(|rendered| rendered.text)
    };
    let word = "{{ line(\"own\", name=x) }}";
    assert_eq!(said("x.sh.j2", word).unwrap(), r"'it'\''s <a b> !'");
    assert_eq!(said("x.ps1.j2", word).unwrap(), "'it''s <a b> !'");
    let comment = "{{ comment(line(\"own\", name=x), indent=2) }}";
    for script in ["x.sh.j2", "x.ps1.j2"] {
        assert_eq!(said(script, comment).unwrap(), "#   it's <a b> !");
    }
    for other in ["x.html.j2", "x.md.j2", "x.caddyfile.j2"] {
        let wrong = said(other, comment).unwrap_err();
        assert_eq!(wrong.slug(), "template::broken", "{other}");
    }
}

#[test]
fn an_override_can_extend_what_it_replaces() {
    let base = templates(&[]).unwrap();
    let text = "{% extends \"builtin/guide.html.j2\" %}";
    let over = templates(&[("guide.html.j2", text)]).unwrap();
    assert_ne!(base.digest("guide.html.j2"), over.digest("guide.html.j2"));
    assert_eq!(
        base.digest("guide.html.j2"),
        over.digest("builtin/guide.html.j2")
    );
}

#[test]
fn the_templates_used_are_known_even_those_that_are_missing() {
    let main = (
        "m.html.j2",
        "{% include \"a.html.j2\" %}{% include \"b.html.j2\" ignore missing %}",
    );
    let other = ("o.html.j2", "{% extends \"a.html.j2\" %}");
    let templates = templates(&[main, other, ("a.html.j2", "A"), ("c.html.j2", "C")]).unwrap();
    // Those too that another rendering has had compiled, and no others.
    for _ in 0..2 {
        let rendered = templates.render("m.html.j2", &CONTEXT).unwrap();
        assert_eq!(rendered.text, "A");
        assert_eq!(rendered.used, ["a.html.j2", "b.html.j2", "m.html.j2"]);
        let rendered = templates.render("o.html.j2", &CONTEXT).unwrap();
        assert_eq!(rendered.text, "A");
        assert_eq!(rendered.used, ["a.html.j2", "o.html.j2"]);
    }
}

#[test]
fn what_is_undefined_or_none_is_an_error_with_a_place() {
    for text in ["{{ y }}", "{{ nothing }}", "{% if y %}{% endif %}"] {
        let error = render(&[("m.html.j2", text)], "m.html.j2").unwrap_err();
        assert_eq!(error.slug(), "template::broken");
        assert!(error.place().is_some(), "{text}");
    }
    assert!(templates(&[("m.html.j2", "{% if %}")]).is_err());
}

/// Whatever a template does, it ends, in little memory, and says which one it was.
#[test]
fn what_has_no_end_is_an_error_that_names_the_template() {
    let deep = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(3000), close.repeat(3000))
    };
    for text in [
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% include \"m.html.j2\" %}",
        "{% extends \"m.html.j2\" %}",
        "{% import \"m.html.j2\" as m %}",
        "{% from \"m.html.j2\" import m %}{{ m() }}",
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% for i in range(10**9) %}{{ i }}{% endfor %}",
        "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ \"x\" * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{% set x = \"x\" * 10**6 %}{{ x * 10**6 }}",
        "{% set ns = namespace(x=\"x\") %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{{ \"%999999999d\" | format(1) }}",
        "{{ \"x\" | indent(10**9, true) }}",
        "{{ [1] | batch(10**9, \"x\") | list }}",
        "{{ \"x\" | replace(\"\", \"y\" * 10**6) | replace(\"y\", \"z\" * 10**6) }}",
        "{{ range(90000) | join(\"x\" * 10**6) }}",
        &deep("{{ (", "1", ") }}"),
        &format!("{{{{ {}1{} }}}}", "(".repeat(3000), ")".repeat(3000)),
        &format!("{{{{ {}1{} }}}}", "[".repeat(3000), "]".repeat(3000)),
        &format!("{{{{ {}1 }}}}", "-".repeat(3000)),
        &format!("{{{{ {}true }}}}", "not ".repeat(3000)),
        &format!("{{{{ 1{} }}}}", " if true else 2".repeat(3000)),
        "{% import \"m.html.j2\" as m -1 %}",
        &deep("{% if true %}", "", "{% endif %}"),
        &deep("{% for i in [1] %}", "", "{% endfor %}"),
    ] {
        let begin = std::time::Instant::now();
        let shown: String = text.chars().take(60).collect();
        let rendered = render(&[("m.html.j2", text)], "m.html.j2");
        match rendered {
            Err(wrong) => {
                let names = "the template `m.html.j2` cannot be used";
                assert!(wrong.to_string().starts_with(names), "{shown}: {wrong}");
            }
            // Where it is only long, it is as long as it was written.
            Ok(rendered) => assert!(rendered.text.len() < 4 * text.len(), "{shown}"),
        }
        let elapsed = begin.elapsed();
        assert!(
            elapsed < std::time::Duration::from_secs(20),
            "{shown}: {elapsed:?}"
        );
    }
    for names in [["a", "b"], ["b", "a"]] {
        let [one, other] = names.map(|name| format!("{name}.html.j2"));
        for word in ["include", "extends"] {
            let texts = [&other, &one].map(|name| format!("{{% {word} \"{name}\" %}}"));
            let rendered = render(&[(&one, &texts[0]), (&other, &texts[1])], &one);
            let wrong = rendered.unwrap_err();
            assert_eq!(wrong.slug(), "template::broken", "{word}");
        }
    }
}

#[test]
fn a_caddyfile_refuses_what_it_cannot_say() {
    let context = BTreeMap::from([("x", "{env.SECRET}")]);
    let templates = templates(&[("x.caddyfile.j2", "{{ x }}")]).unwrap();
    assert!(templates.render("x.caddyfile.j2", &context).is_err());
}
