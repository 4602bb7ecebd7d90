//! The untouched generated file: Caddy takes it, and `caddy fmt` would not write it otherwise.

use crate::family::{EXAMPLE, replaced};
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::tools;

fn built(declaration: &str) -> Lab {
    let lab = Lab::new().declare(declaration);
    lab.command(["build"]).run().succeeds();
    lab
}

/// What a Caddy finds wrong with the generated file.
fn faults(version: Version, lab: &Lab) -> Vec<String> {
    let caddyfile = lab.read("out/edge/Caddyfile");
    let validated = version.validate(&caddyfile, &lab.path().join("out/edge"));
    let mut faults = Vec::new();
    if !validated.status.success() {
        faults.push(format!("{version:?} does not take the file\n{validated}"));
    }
    faults.extend(ill_formatted(version, &caddyfile));
    faults
}

pub fn ill_formatted(version: Version, caddyfile: &str) -> Vec<String> {
    let diff = version.fmt_diff(caddyfile);
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
    is_taken(&Version::ALL, &built(EXAMPLE));
}

#[test]
fn certificates_from_caddy_s_own_authority() {
    let lab = built(&with_edge(r#"certificates "internal""#));
    assert!(lab.read("out/edge/Caddyfile").contains("\tlocal_certs\n"));
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
    let lab = built(&with_edge(&format!(
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
        let lab = built(&with_edge(&declared));
        let line = "\tacme_dns cloudflare {env.CF_API_TOKEN}\n";
        let caddyfile = lab.read("out/edge/Caddyfile");
        assert_eq!(caddyfile.matches(line).count(), 1, "{caddyfile}");
        assert_eq!(caddyfile.contains("*.home.example.com {"), wildcard);
        let without = replaced(&caddyfile, line, "");
        for version in versions {
            version
                .validate(&caddyfile, &lab.path())
                .fails_with(1)
                .stderr_contains("module not registered: dns.providers.cloudflare");
            version.validate(&without, &lab.path()).succeeds();
            crate::assert_none(&ill_formatted(*version, &caddyfile));
        }
    }
}

/// A declaration that needs no old Caddy gets the form that the new one does not warn of.
#[test]
fn trust_pool_for_a_new_caddy() {
    let lab = built(&with_edge(r#"caddy "2.11""#));
    is_taken(&[Version::New], &lab);
    let caddyfile = lab.read("out/edge/Caddyfile");
    let adapt = |text: &str| {
        let adapted = Version::New.adapt(text, &lab.path());
        adapted.succeeds().stderr_lacks("deprecated");
        adapted.stdout().to_owned()
    };
    let json = adapt(&caddyfile);
    assert_eq!(json.matches(r#""provider":"inline""#).count(), 2, "{json}");
    // Both forms come to the same configuration.
    lab.write("homelab.kdl", EXAMPLE);
    lab.command(["build"]).run().succeeds();
    let older = lab.read("out/edge/Caddyfile");
    let older = Version::New.adapt(&older, &lab.path());
    assert_eq!(older.succeeds().stdout(), json);
}

#[test]
fn every_service_asks() {
    let lab = built(&with_edge(r#"certificate "asked""#));
    is_taken(&Version::ALL, &lab);
    let caddyfile = lab.read("out/edge/Caddyfile");
    assert_eq!(caddyfile.matches("mode verify_if_given\n").count(), 6);
    assert!(!caddyfile.contains("require"), "{caddyfile}");
}

#[test]
fn a_home_without_people() {
    let services = r#"
        service "films" { upstream "http://127.0.0.1:1"; open "lan"; public "/trailers/*"; }
        service "site" { host "@"; upstream "https://nas.local"; open "everyone"; }
    "#;
    for services in ["", services] {
        let lab = built(&format!("domain \"home.example.com\"\n{services}"));
        is_taken(&Version::ALL, &lab);
        assert!(!lab.read("out/edge/Caddyfile").contains("client_auth"));
    }
}

#[test]
fn people_without_devices() {
    let lab = built(
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
    let lab = built(EXAMPLE);
    assert!(!lab.read("out/edge/exposure.md").contains("(all)"));
    let open = "{% extends \"builtin/Caddyfile.j2\" %}\n{% block common %}\n\thandle /open/* {\n\t\trespond ok\n\t}\n{% endblock %}\n";
    lab.write("templates/Caddyfile.j2", open);
    lab.command(["build"]).run().succeeds();
    let report = lab.read("out/edge/exposure.md");
    assert!(
        report.contains("(all): what these templates of your own say, `templates/Caddyfile.j2`"),
        "{report}"
    );
    let json = lab.command(["exposure", "--json"]).run();
    json.succeeds()
        .stdout_contains("\"templates\"")
        .stdout_contains("\"Caddyfile.j2\"");
}

/// One `tls` directive per site, and one `client_auth` in it: of two, Caddy would take the first.
#[test]
fn each_site_has_one_tls_directive() {
    for edge in [
        r#"certificates "acme""#,
        r#"certificates "internal"; landing"#,
        r#"certificates "files" cert="/a.pem" key="/a.key""#,
    ] {
        let lab = built(&with_edge(edge).replace("host \"@\" \"www\"", "host \"www\""));
        let caddyfile = lab.read("out/edge/Caddyfile");
        for site in caddyfile.split("\n}\n") {
            assert!(site.matches("\n\ttls ").count() <= 1, "{site}");
            assert!(site.matches("client_auth {").count() <= 1, "{site}");
        }
    }
}
