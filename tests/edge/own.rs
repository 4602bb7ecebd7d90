//! Services with certificates of their own, and the oldest version of TLS.

use std::fs;

use crate::acme::{HOST, Pebble, serve};
use crate::family::replaced;
use crate::house::House;
use crate::support::caddy::{Ports, Version};
use crate::support::curl::Curl;
use crate::support::lab::Lab;
use crate::support::tools;
use crate::support::upstream::Upstream;

/// One service asks an authority by ACME, one has files, and the others are Caddy's own, on each Caddy.
#[test]
fn each_service_has_the_certificate_that_it_says() {
    let upstream = Upstream::start("photos");
    let files = tempfile::tempdir().expect("a temporary directory can be made");
    tools::site_certificate(files.path(), "films.home.example.com");
    let path = |name: &str| files.path().join(name).display().to_string();
    for version in Version::ALL {
        let ports = Ports::reserve();
        let pebble = Pebble::start(&ports, None);
        let to = format!("upstream \"http://{}\"", upstream.address());
        let house = House::new(&format!(
            "domain \"home.example.com\"
            edge {{ certificates \"internal\"; {acme}; }}
            person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
            service \"photos\" {{ {to}; allow \"alice\"; certificates \"acme\"; }}
            service \"films\" {{ {to}; open \"everyone\"; certificates \"files\" cert=\"{cert}\" key=\"{key}\"; }}
            service \"notes\" {{ {to}; allow \"alice\"; }}",
            acme = pebble.line(),
            cert = path("site.pem"),
            key = path("site.key"),
        ));
        // Over HTTP the old Caddy looks for a host with the port in its name, and here that is not 80.
        let caddy = serve(&house, version, &ports, |text| {
            replaced(
                text,
                "issuer acme {\n",
                "issuer acme {\n\t\t\tdisable_http_challenge\n",
            )
        });
        let alice = house.bundle("alice", "laptop");
        let at = |host: &str| Curl::https(host, ports.https.number(), "/");
        let of_pebble = alice.shown(at(HOST).root(&pebble.root())).run();
        of_pebble.has_status(200);
        let from_file = at("films.home.example.com").root(&files.path().join("site.pem"));
        from_file.run().has_status(200);
        let notes = || caddy.visit("notes.home.example.com", "/");
        alice.shown(notes()).run().has_status(200);
        // Whatever its own certificate is, the policy is the same.
        notes().run().is_refused_in_tls();
        at(HOST).root(&pebble.root()).run().is_refused_in_tls();
    }
}

/// Browsers would let nobody past the warning of a certificate that they do not know.
#[test]
fn only_sites_that_browsers_know_say_that_they_are_never_in_the_clear() {
    let upstream = Upstream::start("photos");
    let to = format!("upstream \"http://{}\"", upstream.address());
    let house = House::new(&format!(
        "domain \"home.example.com\"
        edge {{ landing; certificate \"asked\"; }}
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"photos\" {{ {to}; allow \"alice\"; }}
        service \"films\" {{ {to}; allow \"alice\"; certificates \"internal\"; }}"
    ));
    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        let caddy = house.serve(version);
        for (host, expected) in [
            ("photos.home.example.com", 1),
            ("home.example.com", 1),
            ("films.home.example.com", 0),
        ] {
            let visit = || caddy.visit(host, "/");
            for (answer, status) in [(alice.shown(visit()).run(), 200), (visit().run(), 403)] {
                answer.has_status(status);
                let said = answer.header("Strict-Transport-Security").len();
                assert_eq!(said, expected, "{version:?} {host}\n{answer}");
            }
        }
        assert_eq!(version.fmt_diff(&house.generated(version)), "");
    }
}

#[test]
fn an_old_tls_is_refused_where_that_is_said() {
    let upstream = Upstream::start("photos");
    let to = format!("upstream \"http://{}\"", upstream.address());
    let house = House::new(&format!(
        "domain \"home.example.com\"
        edge {{ tls min=\"1.3\"; }}
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"photos\" {{ {to}; allow \"alice\"; }}
        service \"site\" {{ {to}; open \"everyone\"; }}
        service \"old\" {{ {to}; allow \"alice\"; tls min=\"1.2\"; }}"
    ));
    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        let caddy = house.serve(version);
        let visit = |host: &str| alice.shown(caddy.visit(&format!("{host}.home.example.com"), "/"));
        for host in ["photos", "site", "old"] {
            visit(host).run().has_status(200);
        }
        visit("old").tls12().run().has_status(200);
        for host in ["photos", "site"] {
            assert_eq!(visit(host).tls12().status(), None, "{version:?} {host}");
        }
        caddy
            .visit("photos.home.example.com", "/")
            .run()
            .is_refused_in_tls();
    }
}

/// Where one wildcard certificate serves all hosts, a service that says another gets it all the same.
#[test]
fn a_certificate_of_its_own_goes_before_the_wildcard() {
    let house = House::new(
        "domain \"home.example.com\"
        edge { certificates \"dns\" provider=\"cloudflare\" token-env=\"CF\"; caddy \"2.11\"; tls min=\"1.3\"; }
        person \"alice\" { device \"laptop\" platform=\"linux\"; }
        service \"photos\" { upstream \"http://127.0.0.1:1\"; allow \"alice\"; }
        service \"films\" { upstream \"http://127.0.0.1:1\"; allow \"alice\"; certificates \"internal\"; }",
    );
    let version = Version::New;
    let caddy = house.serve_changed(version, |text| {
        replaced(text, "acme_dns cloudflare {env.CF}\n", "")
    });
    assert_eq!(
        caddy.certificates(),
        ["films.home.example.com", "wildcard_.home.example.com"]
    );
    caddy
        .visit("films.home.example.com", "/")
        .run()
        .is_refused_in_tls();
}

/// Of two ways by ACME, neither is filled into the other.
#[test]
fn two_ways_by_acme_stay_apart() {
    let declaration = |edge: &str, own: &str| {
        format!(
            "domain \"home.example.com\"
            edge {{ {edge}; }}
            service \"photos\" {{ upstream \"http://127.0.0.1:1\"; open \"everyone\"; }}
            service \"films\" {{ upstream \"http://127.0.0.1:1\"; open \"everyone\"; {own}; }}"
        )
    };
    let dns = "certificates \"dns\" provider=\"cloudflare\" token-env=\"CF\"";
    for (edge, own) in [
        (dns, "certificates \"acme\""),
        ("certificates \"acme\"", dns),
    ] {
        let lab = Lab::built(&declaration(edge, own));
        for version in Version::ALL {
            let generated = lab.edge(version);
            // No Caddy here has the plugin.
            let plain = replaced(
                &generated,
                "dns cloudflare {env.CF}\n",
                "resolvers 9.9.9.9\n",
            );
            let adapted = version.adapt(&plain, &lab.path().join("out/edge"));
            let json: serde_json::Value =
                serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON");
            let policies = json["apps"]["tls"]["automation"]["policies"].to_string();
            assert_eq!(policies.matches("\"challenges\"").count(), 1, "{policies}");
            assert!(policies.contains("films.home.example.com"), "{policies}");
            assert_eq!(version.fmt_diff(&generated), "");
        }
    }
    // As it was written before.
    let same = Lab::built(&declaration(dns, dns));
    let globals = fs::read_to_string(same.path().join("out/edge/globals.caddyfile"));
    assert!(
        globals
            .expect("it was built")
            .contains("\nacme_dns cloudflare {env.CF}\n")
    );
    assert!(!same.read("out/edge/sites.caddyfile").contains("tls"));
}
