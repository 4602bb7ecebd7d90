//! The untouched generated file: Caddy takes it, and `caddy fmt` would not write it otherwise.

use serde_json::Value;

use crate::family::{EXAMPLE, replaced};
use crate::support::caddy::Version;
use crate::support::edge_files;
use crate::support::lab::Lab;
use crate::support::tools;

/// What a Caddy finds wrong with the generated file.
fn faults(version: Version, lab: &Lab) -> Vec<String> {
    let files = lab.edge(version);
    let validated = version.validate(&files, &lab.path().join("out/edge"));
    let mut faults = Vec::new();
    if !validated.status.success() {
        faults.push(format!("{version:?} does not take the files\n{validated}"));
    }
    faults.extend(ill_formatted(version, &files));
    faults
}

pub fn ill_formatted(version: Version, files: &str) -> Vec<String> {
    let diff = version.fmt_diff(files);
    match &diff[..] {
        "" => Vec::new(),
        diff => vec![format!("caddy fmt of {version:?} would change\n{diff}")],
    }
}

#[track_caller]
fn is_taken(versions: &[Version], lab: &Lab) {
    let faults = versions.iter().flat_map(|version| faults(*version, lab));
    crate::assert_none(&faults.collect::<Vec<_>>());
}

/// The example with another line in place of `certificates "acme"`.
fn with_edge(line: &str) -> String {
    replaced(EXAMPLE, r#"certificates "acme""#, line)
}

#[test]
fn the_example_is_taken_and_well_formatted() {
    is_taken(&Version::ALL, &Lab::built(EXAMPLE));
}

#[test]
fn certificates_from_caddy_s_own_authority() {
    let lab = Lab::built(&with_edge(r#"certificates "internal""#));
    assert!(
        lab.read("out/edge/globals.caddyfile")
            .contains("\nlocal_certs\n")
    );
    is_taken(&Version::ALL, &lab);
}

#[test]
fn certificates_from_files() {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    // A space and an apostrophe, for they need quotes.
    let [cert, key] = ["it's home.pem", "it's home.key"].map(|name| {
        let path = place.path().join(name);
        path.to_str().expect("a test's paths are UTF-8").to_owned()
    });
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=home.example.com -keyout";
    let request = request.split(' ').chain([&key[..], "-out", &cert]);
    tools::run("openssl", request).succeeds();
    let lab = Lab::built(&with_edge(&format!(
        "certificates \"files\" cert=\"{cert}\" key=\"{key}\""
    )));
    is_taken(&Version::ALL, &lab);
    std::fs::remove_file(&key).expect("it was made");
    for version in Version::ALL {
        assert_ne!(
            faults(version, &lab).len(),
            0,
            "{version:?} reads the files"
        );
    }
}

/// Neither Caddy has a provider's plugin; they say so, and have no other complaint once its line is gone.
#[test]
fn certificates_by_dns() {
    let dns = r#"certificates "dns" provider="cloudflare" token-env="CF_API_TOKEN""#;
    for (declared, versions, wildcard) in [
        (dns.to_owned(), &Version::ALL[..], false),
        (format!("{dns}; caddy \"2.11\""), &[Version::New][..], true),
    ] {
        let lab = Lab::built(&with_edge(&declared));
        let line = "\nacme_dns cloudflare {env.CF_API_TOKEN}\n";
        for version in versions {
            let caddyfile = lab.edge(*version);
            assert_eq!(caddyfile.matches(line).count(), 1, "{caddyfile}");
            assert_eq!(caddyfile.contains("*.home.example.com {"), wildcard);
            let without = replaced(&caddyfile, line, "\n");
            version
                .validate(&caddyfile, &lab.path())
                .fails_with(1)
                .stderr_contains("module not registered: dns.providers.cloudflare");
            version.validate(&without, &lab.path()).succeeds();
            crate::assert_none(&ill_formatted(*version, &caddyfile));
        }
    }
}

/// Where nothing is said the new Caddy has nothing to warn of, and the authority stands in the files once for each way of asking.
#[test]
fn the_usual_form_is_that_of_a_new_caddy_and_means_what_the_old_one_does() {
    let lab = Lab::built(EXAMPLE);
    let adapt = |text: &str| {
        let adapted = Version::New.adapt(text, &lab.path());
        (adapted.succeeds().stdout().to_owned(), adapted)
    };
    let (json, adapted) = adapt(&lab.edge(Version::New));
    adapted.stderr_lacks("deprecated");
    assert_eq!(json.matches(r#""provider":"inline""#).count(), 2, "{json}");
    let older = lab.edge(Version::Old);
    assert_eq!(older.matches("trusted_ca_cert MII").count(), 2, "{older}");
    assert_eq!(adapt(&older).0, json);
    // What the old one says of the usual form, so that docs/first-day.md can say what to do.
    let refused = Version::Old.validate(&lab.edge(Version::New), &lab.path());
    refused
        .fails_with(1)
        .stderr_contains("unknown subdirective for client_auth: trust_pool");
}

/// The whole; and both ways of using it beside what a Caddy serves already.
#[test]
fn the_files_can_be_imported_by_a_caddyfile_of_one_s_own() {
    let lab = Lab::built(EXAMPLE);
    let own = "own.example.net {\n\trespond own\n}\n";
    let ways = [
        format!("# My own.\nimport homelab/Caddyfile\n\n{own}"),
        format!(
            "{{\n\timport homelab/globals.caddyfile\n\tdebug\n}}\n\n(mine) {{\n\tencode gzip\n}}\n\nimport homelab/sites.caddyfile\n\n{own}"
        ),
    ];
    for version in Version::ALL {
        let files = lab.edge(version);
        let alone = version.adapt(&files, &lab.path());
        let alone: Value = serde_json::from_str(alone.succeeds().stdout()).expect("it is JSON");
        for way in &ways {
            let place = tempfile::tempdir().expect("a temporary directory can be made");
            std::fs::create_dir(place.path().join("homelab")).expect("it is empty");
            for (name, text) in edge_files::parts(&files) {
                std::fs::write(place.path().join("homelab").join(name), text).expect("written");
            }
            std::fs::write(place.path().join("Caddyfile"), way).expect("written");
            let caddyfile = place.path().join("Caddyfile");
            // From a working directory that is neither theirs nor ours.
            version.validate_at(&caddyfile).succeeds();
            let json = version.adapt_at(&caddyfile);
            let json: Value = serde_json::from_str(json.succeeds().stdout()).expect("it is JSON");
            let server = |json: &Value| json["apps"]["http"]["servers"]["srv0"].clone();
            let (ours, both) = (server(&alone), server(&json));
            for option in ["strict_sni_host", "protocols", "read_header_timeout"] {
                assert_eq!(both[option], ours[option], "{version:?} {option}\n{way}");
            }
            for kind in [
                &["routes"][..],
                &["tls_connection_policies"],
                &["errors", "routes"],
            ] {
                let list = |json: &Value| {
                    let at = kind
                        .iter()
                        .fold(json.clone(), |json, key| json[key].clone());
                    let list = at.as_array().expect("there are some");
                    list.iter().cloned().map(in_order).collect::<Vec<_>>()
                };
                let kept = list(&both);
                let missing = list(&ours).into_iter().filter(|part| !kept.contains(part));
                let missing: Vec<Value> = missing.collect();
                // Behind the policies there is one for hosts of nobody's, which is not needed twice.
                assert!(
                    missing.is_empty(),
                    "{version:?} {kind:?} {missing:#?}\n{way}"
                );
            }
        }
    }
}

/// The mistakes that docs/edge.md warns of, in Caddy's words, and what passes unnoticed.
#[test]
fn what_goes_wrong_in_a_caddyfile_of_one_s_own_is_as_documented() {
    const PAGE: &str = include_str!("../../docs/edge.md");
    let lab = Lab::built(EXAMPLE);
    let files = lab.edge(Version::New);
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    std::fs::create_dir(place.path().join("homelab")).expect("it is empty");
    for (name, text) in edge_files::parts(&files) {
        std::fs::write(place.path().join("homelab").join(name), text).expect("written");
    }
    let caddyfile = place.path().join("Caddyfile");
    let adapt = |text: &str| {
        std::fs::write(&caddyfile, text).expect("written");
        Version::New.adapt_at(&caddyfile)
    };
    let both = |before: &str, behind: &str| {
        format!(
            "{{\n{before}\nimport homelab/globals.caddyfile\n{behind}\n}}\nimport homelab/sites.caddyfile\n"
        )
    };
    let unkeyed =
        "server block without any key is global configuration, and if used, it must be first";
    for (text, error) in [
        ("{\ndebug\n}\nimport homelab/Caddyfile".to_owned(), unkeyed),
        (
            "own.example.net {\n}\nimport homelab/Caddyfile".to_owned(),
            unkeyed,
        ),
        (
            "import homelab/Caddyfile\nimmich.home.example.com {\n}".to_owned(),
            "ambiguous site definition: ",
        ),
        (
            both("", "servers {\nmax_header_size 8KiB\n}"),
            "cannot have 'servers' global options with duplicate listener addresses",
        ),
        (
            "(guard) {\n}\nimport homelab/sites.caddyfile".to_owned(),
            "redeclaration of previously declared snippet",
        ),
    ] {
        assert!(PAGE.contains(error), "{error}");
        adapt(&text).fails_with(1).stderr_contains(error);
    }
    let json = |text: &str| -> Value {
        serde_json::from_str(adapt(text).succeeds().stdout()).expect("it is JSON")
    };
    let admin = |text: &str| json(text)["admin"].clone();
    assert_eq!(admin(&both("admin off", ""))["enforce_origin"], true);
    assert_eq!(admin(&both("", "admin off"))["disabled"], true);
    json(&both("", "metrics"));
    let alone = json("import homelab/sites.caddyfile");
    assert_eq!(alone["admin"], Value::Null);
    let server = &alone["apps"]["http"]["servers"]["srv0"];
    assert_eq!(server["protocols"], Value::Null);
    assert_eq!(server["idle_timeout"], Value::Null);

    let snippets = files.lines().filter_map(|line| line.strip_prefix('('));
    for snippet in snippets.filter_map(|line| line.split(')').next()) {
        let family = ["certificate-", "errors-", "page-"];
        let family = family.iter().find(|family| snippet.starts_with(*family));
        let named = family.map_or(snippet, |family| family);
        assert!(PAGE.contains(&format!("`{named}`")), "{snippet}");
    }
}

/// The same with lists of words sorted: the old Caddy gives the hosts of one site now in one order, now in another.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(mut words) if words.iter().all(Value::is_string) => {
            words.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            Value::Array(words)
        }
        Value::Array(values) => values.into_iter().map(in_order).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name, in_order(value)))
                .collect()
        }
        other => other,
    }
}

/// Where a tree of one file was built, a build makes it four and leaves nothing behind.
#[test]
fn an_older_tree_becomes_a_newer_one_by_a_plain_build() {
    let lab = Lab::built(EXAMPLE);
    let whole = lab.snapshot();
    let manifest = "out/.homelab/manifest.kdl";
    let records = lab.read(manifest);
    let is_new = |line: &&str| {
        line.contains("globals.c") || line.contains("sites.c") || line.contains("pages.c")
    };
    let older: String = records
        .lines()
        .filter(|line| !is_new(line))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(older.lines().count() + 3, records.lines().count());
    lab.write(manifest, older);
    for name in ["globals", "sites", "pages"] {
        std::fs::remove_file(lab.path().join(format!("out/edge/{name}.caddyfile")))
            .expect("it was built");
    }
    lab.command(["build", "--locked"]).run().succeeds();
    assert_eq!(lab.snapshot(), whole);
}

#[test]
fn every_service_asks() {
    let lab = Lab::built(&with_edge(r#"certificate "asked""#));
    is_taken(&Version::ALL, &lab);
    let sites = lab.read("out/edge/sites.caddyfile");
    assert_eq!(sites.matches("\timport certificate-asked\n").count(), 6);
    assert_eq!(sites.matches("mode verify_if_given\n").count(), 1);
    assert!(!sites.contains("required"), "{sites}");
}

#[test]
fn a_home_without_people() {
    let services = r#"
        service "films" { upstream "http://127.0.0.1:1"; open "lan"; public "/trailers/*"; }
        service "site" { host "@"; upstream "https://nas.local"; open "everyone"; }
    "#;
    for services in ["", services] {
        let lab = Lab::built(&format!("domain \"home.example.com\"\n{services}"));
        is_taken(&Version::ALL, &lab);
        assert!(!lab.built_edge().contains("client_auth"));
    }
}

#[test]
fn people_without_devices() {
    let lab = Lab::built(
        r#"
        domain "home.example.com"
        person "alice"
        service "films" { upstream "http://127.0.0.1:1"; allow "alice"; identity; }
        service "photos" { upstream "http://127.0.0.1:1"; allow "alice"; open "lan"; public "/a" "/b/*"; }
    "#,
    );
    is_taken(&Version::ALL, &lab);
}

/// A template of the user's own can open anything, so the report says that there is one.
#[test]
fn templates_of_one_s_own_are_reported_as_unchecked() {
    let lab = Lab::built(EXAMPLE);
    assert!(!lab.read("out/edge/exposure.md").contains("(all)"));
    let open = "{% extends \"builtin/sites.caddyfile.j2\" %}\n{% block common %}\n\thandle /open/* {\n\t\trespond ok\n\t}\n{% endblock %}\n";
    lab.write("templates/sites.caddyfile.j2", open);
    lab.command(["build"]).run().succeeds();
    let report = lab.read("out/edge/exposure.md");
    assert!(
        report.contains(
            "(all): what these templates of your own say, `templates/sites.caddyfile.j2`"
        ),
        "{report}"
    );
    let json = lab.command(["exposure", "--json"]).run();
    json.succeeds()
        .stdout_contains("\"templates\"")
        .stdout_contains("\"sites.caddyfile.j2\"");
}

/// One `tls` directive per site, and one `client_auth` in it: of two, Caddy would take the first.
#[test]
fn each_site_has_one_tls_directive() {
    for edge in [
        r#"certificates "acme""#,
        r#"certificates "internal"; landing"#,
        r#"certificates "files" cert="/a.pem" key="/a.key""#,
    ] {
        let lab = Lab::built(&with_edge(edge).replace("host \"@\" \"www\"", "host \"www\""));
        let caddyfile = lab.built_edge();
        assert!(caddyfile.contains("client_auth {"));
        for site in caddyfile.split("\n}\n") {
            assert!(site.matches("\n\ttls ").count() <= 1, "{site}");
            assert!(site.matches("client_auth {").count() <= 1, "{site}");
        }
    }
}
