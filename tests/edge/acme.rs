//! Certificates of sites by ACME: issued for real by Pebble, which Debian has, to both Caddys; and what each is told of a provider of DNS,
//! whose plugin no Caddy here has.

use std::fs::{self, File};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::family::replaced;
use crate::house::House;
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::curl::{Answer, Curl};
use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::port::Port;
use crate::support::tools;
use crate::support::upstream::Upstream;
use crate::support::wait;

/// Pebble, and a DNS server for which each name is this machine; both are stopped when it is dropped.
pub struct Pebble {
    authority: Child,
    names: Child,
    directory: Port,
    management: Port,
    place: TempDir,
}

impl Pebble {
    /// It looks for hosts at these ports, where `https` or `http` is.
    #[track_caller]
    pub fn start(ports: &Ports, account: Option<(&str, &str)>) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let (directory, management, names_at) = (Port::reserve(), Port::reserve(), Port::reserve());
        tools::site_certificate(place.path(), "127.0.0.1");
        let at = |port: &Port| format!("{}:{}", Ipv4Addr::LOCALHOST, port.number());
        let keys = account.map(|(id, key)| json!({ id: key }));
        let configuration = json!({ "pebble": {
            "listenAddress": at(&directory),
            "managementListenAddress": at(&management),
            "certificate": place.path().join("site.pem"),
            "privateKey": place.path().join("site.key"),
            "httpPort": ports.http.number(),
            "tlsPort": ports.https.number(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": account.is_some(),
            "externalAccountMACKeys": keys.unwrap_or(json!({})),
        }});
        let file = place.path().join("pebble.json");
        fs::write(&file, configuration.to_string()).expect("it can be written");
        let log = File::create(place.path().join("log")).expect("it can be written");
        let shared = || {
            log.try_clone()
                .expect("a file can be written to from several places")
        };
        let names = tools::command("pebble-challtestsrv")
            .args([
                "-dns01",
                &at(&names_at),
                "-defaultIPv6",
                "",
                "-management",
                "",
            ])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
            .stdin(Stdio::null())
            .stdout(shared())
            .stderr(shared())
            .spawn()
            .expect("it starts");
        let authority = tools::command("pebble")
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .args(["-strict", "-dnsserver", &at(&names_at), "-config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(shared())
            .stderr(shared())
            .spawn()
            .expect("it starts");
        let pebble = Self {
            authority,
            names,
            directory,
            management,
            place,
        };
        let Self {
            directory,
            management,
            ..
        } = &pebble;
        let all = || {
            { [directory, management].into_iter() }.all(|port| wait::listens(port.number()))
                && answers(&names_at)
        };
        wait::until(all, || format!("Pebble: {}", pebble.log()));
        pebble
    }

    /// What `acme` in `edge` is told of it.
    pub fn line(&self) -> String {
        format!(
            "acme ca=\"https://127.0.0.1:{}/dir\" root=\"{}\"",
            self.directory.number(),
            self.place.path().join("site.pem").display()
        )
    }

    /// The root of what it issues, which is another in each run.
    #[track_caller]
    pub fn root(&self) -> PathBuf {
        let path = self.place.path().join("root.pem");
        let url = format!("https://127.0.0.1:{}/roots/0", self.management.number());
        let mut curl = tools::command("curl");
        curl.args(["--silent", "--fail", "--cacert"])
            .arg(self.place.path().join("site.pem"))
            .arg("--output")
            .arg(&path)
            .arg(url);
        outcome::run(&mut curl, b"").succeeds();
        path
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for process in [&mut self.authority, &mut self.names] {
            // Both fail only where it has ended already.
            _ = process.kill();
            _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("the log of Pebble:\n{}", self.log());
        }
    }
}

/// Whether a DNS server answers there.
fn answers(port: &Port) -> bool {
    // A question for the address of `a.` (RFC 1035 §4.1).
    let question = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
    let asked = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket.send_to(&question, (Ipv4Addr::LOCALHOST, port.number()))?;
        socket.recv(&mut [0; 512])
    });
    asked.is_ok_and(|length| length > question.len())
}

pub const HOST: &str = "photos.home.example.com";

/// A home whose sites have their certificates from there.
fn home(edge: &str, upstream: &Upstream) -> House {
    House::new(&format!(
        "domain \"home.example.com\"
        edge {{ email \"alice@example.com\"; {edge}; }}
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"photos\" {{ upstream \"http://{}\"; allow \"alice\"; }}",
        upstream.address()
    ))
}

/// Serves it on these ports with certificates as it says, and files that were changed.
#[track_caller]
pub fn serve(
    house: &House,
    version: Version,
    ports: &Ports,
    change: impl FnOnce(&str) -> String,
) -> Caddy {
    let generated = rewrite(&house.generated(version), ports, &[]);
    // The tests' own, which stands before the generated options.
    let generated = change(&generated.replacen("local_certs\n", "", 1));
    let environment = [("EAB_KEY", KEY)];
    let directory = house.lab.path().join("out/edge");
    Caddy::start_with(version, &generated, &directory, &environment)
}

/// The files with that challenge turned off.
fn without(challenge: &str, generated: &str) -> String {
    let issuer = "cert_issuer acme {\n";
    let off = format!("{issuer}\tdisable_{challenge}_challenge\n");
    replaced(generated, issuer, &off)
}

#[track_caller]
fn is_served_to_alice_alone(house: &House, ports: &Ports, pebble: &Pebble) {
    let root = pebble.root();
    let visit = || Curl::https(HOST, ports.https.number(), "/").root(&root);
    let alice: Answer = house.bundle("alice", "laptop").shown(visit()).run();
    alice.has_status(200);
    // HSTS is for what browsers know.
    assert!(alice.header("Strict-Transport-Security").is_empty());
    visit().run().is_refused_in_tls();
}

/// Issues over each of the two challenges that need no provider.
#[track_caller]
fn issued_over_both(version: Version) {
    let upstream = Upstream::start("photos");
    for challenge in ["tlsalpn", "http"] {
        let ports = Ports::reserve();
        let pebble = Pebble::start(&ports, None);
        let house = home(&pebble.line(), &upstream);
        let _caddy = serve(&house, version, &ports, |text| without(challenge, text));
        is_served_to_alice_alone(&house, &ports, &pebble);
        let by_http = pebble.log().contains("validate w/ HTTP");
        assert_eq!(by_http, challenge == "tlsalpn", "{}", pebble.log());
    }
}

#[test]
fn pebble_issues_to_the_old_caddy() {
    issued_over_both(Version::Old);
}

#[test]
fn pebble_issues_to_the_new_caddy() {
    issued_over_both(Version::New);
}

/// Of nobody, and in no standard: what Pebble and Caddy are told alike.
const KEY: &str = "c2l4IHRpbWVzIGVpZ2h0IGlzIGZvcnR5LWVpZ2h0IQ";

/// Caddy reads the key from its environment: the old one where it reads the file, the new one at run time.
#[test]
fn an_authority_that_knows_its_accounts_issues_to_the_one_that_is_named() {
    let upstream = Upstream::start("photos");
    for version in Version::ALL {
        let ports = Ports::reserve();
        let pebble = Pebble::start(&ports, Some(("kid-1", KEY)));
        let newest = if version == Version::New {
            "caddy \"2.11.4\"; "
        } else {
            ""
        };
        let line = format!(
            "{newest}{} eab=\"kid-1\" eab-key-env=\"EAB_KEY\"",
            pebble.line()
        );
        let house = home(&line, &upstream);
        let generated = house.generated(version);
        let placeholder = if version == Version::New {
            "{env.EAB_KEY}"
        } else {
            "{$EAB_KEY}"
        };
        assert!(
            generated.contains(&format!("eab kid-1 {placeholder}\n")),
            "{generated}"
        );
        assert!(!generated.contains(KEY));
        let _caddy = serve(&house, version, &ports, |text| without("tlsalpn", text));
        is_served_to_alice_alone(&house, &ports, &pebble);
    }
}

/// Without the key in the environment nothing is asked of anybody in another's name: the file is not even loaded.
#[test]
fn where_the_key_of_the_account_is_missing_caddy_says_so() {
    let lab = Lab::built(
        "domain \"home.example.com\"
        edge { acme ca=\"https://ca.example/dir\" eab=\"kid-1\" eab-key-env=\"EAB_KEY\"; }
        service \"photos\" { upstream \"http://127.0.0.1:1\"; open \"everyone\"; }",
    );
    for version in Version::ALL {
        let adapted = version.adapt(&lab.edge(version), &lab.path().join("out/edge"));
        adapted.fails_with(1).stderr_contains("kid-1");
    }
}

/// Built with that line in `edge`; the lines of the provider's plugin are taken out, and given beside what else Caddy makes of it.
#[track_caller]
fn without_plugin(version: Version, edge: &str) -> (Vec<String>, Value) {
    let lab = Lab::built(&format!(
        "domain \"home.example.com\"
        edge {{ {edge}; }}
        service \"photos\" {{ upstream \"http://127.0.0.1:1\"; open \"everyone\"; }}"
    ));
    let (mut plugin, mut rest) = (Vec::new(), String::new());
    let mut is_within = false;
    for line in lab.edge(version).lines() {
        if line.starts_with("\tdns ") || is_within {
            is_within = line.ends_with(" {") || is_within && line != "\t}";
            plugin.push(line.trim().to_owned());
        } else {
            rest += &format!("{line}\n");
        }
    }
    let adapted = version.adapt(&rest, &lab.path().join("out/edge"));
    let json: Value = serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON");
    (plugin, json)
}

#[test]
fn a_provider_with_several_settings_is_told_each_and_the_secrets_stay_in_the_environment() {
    let edge = "certificates \"dns\" {
        provider \"ovh\" { endpoint \"ovh-eu\"; application_key env=\"OVH_KEY\"; application_secret env=\"OVH_SECRET\"; consumer_key env=\"OVH_CONSUMER\"; }
        resolvers \"1.1.1.1\" \"[2606:4700:4700::1111]:53\"
        propagation timeout=\"5m\" delay=\"30s\"
    }";
    for version in Version::ALL {
        let (plugin, json) = without_plugin(version, edge);
        // As the plugin's documentation has it.
        let expected = [
            "dns ovh {",
            "endpoint ovh-eu",
            "application_key {env.OVH_KEY}",
            "application_secret {env.OVH_SECRET}",
            "consumer_key {env.OVH_CONSUMER}",
            "}",
        ];
        assert_eq!(plugin, expected);
        let policies = &json["apps"]["tls"]["automation"]["policies"];
        let all = policies
            .as_array()
            .expect("there are policies")
            .last()
            .expect("one is for all");
        assert_eq!(
            all["issuers"],
            json!([{
                "module": "acme",
                "challenges": { "dns": {
                    "propagation_delay": 30_000_000_000_u64,
                    "propagation_timeout": 300_000_000_000_u64,
                    "resolvers": ["1.1.1.1", "[2606:4700:4700::1111]:53"],
                }},
            }])
        );
    }
}

/// What worked before goes on as it was written, and a plugin that takes its one token in a block alone gets a block.
#[test]
fn one_token_is_said_as_its_plugin_takes_it() {
    for (line, expected) in [
        (
            "certificates \"dns\" provider=\"cloudflare\" token-env=\"CF\"",
            "\nacme_dns cloudflare {env.CF}\n",
        ),
        (
            "certificates \"dns\" provider=\"nobody-knows\" token-env=\"X\"",
            "\nacme_dns nobody-knows {env.X}\n",
        ),
        (
            "certificates \"dns\" provider=\"desec\" token-env=\"X\"",
            "\ncert_issuer acme {\n\tdns desec {\n\t\ttoken {env.X}\n\t}\n}\n",
        ),
        (
            "certificates \"dns\" provider=\"duckdns\" token-env=\"X\" { resolvers \"9.9.9.9\"; }",
            "\ncert_issuer acme {\n\tdns duckdns {env.X}\n\tresolvers 9.9.9.9\n}\n",
        ),
        (
            "certificates \"dns\" { provider \"route53\"; }",
            "\ncert_issuer acme {\n\tdns route53\n}\n",
        ),
    ] {
        let lab = Lab::built(&format!("domain \"home.example.com\"\nedge {{ {line}; }}"));
        let globals = lab.read("out/edge/globals.caddyfile");
        assert!(globals.contains(expected), "{line}\n{globals}");
        for version in Version::ALL {
            assert_eq!(version.fmt_diff(&lab.edge(version)), "");
        }
    }
}
