//! What browsers get to see: real ones, before a real Caddy, with what the script for Linux has installed.

use std::fs;

use crate::chromium::{self, Policy};
use crate::family::replaced;
use crate::firefox::{self, Firefox};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::outcome::Outcome;
use crate::support::upstream::Upstream;
use crate::user::{Handed, User, trust};

/// A homelab with a service that only a certificate reaches, and one that says what to do where there is none.
struct Site {
    domain: &'static str,
    upstream: Upstream,
    house: House,
    caddy: Caddy,
}

impl Site {
    #[track_caller]
    fn serve(domain: &'static str) -> Self {
        let upstream = Upstream::start("behind");
        let address = upstream.address();
        let house = House::new(&format!(
            r#"
            domain "{domain}"
            person "alice" {{ name "Alice \"$(id)\" `id` O'Brien <b>"; device "desk" platform="linux"; }}
            service "closed" {{ upstream "http://{address}"; allow "alice"; title "It's $(id) `id`"; }}
            service "asked" {{ upstream "http://{address}"; allow "alice"; certificate "asked"; }}
            "#
        ));
        let caddy = house.serve(Version::New);
        Self {
            domain,
            upstream,
            house,
            caddy,
        }
    }

    fn url(&self, service: &str) -> String {
        format!(
            "https://{service}.{}:{}/",
            self.domain,
            self.caddy.https_port()
        )
    }

    /// Alice's folder as it is now.
    #[track_caller]
    fn handed(&self) -> Handed {
        let folder = self.house.lab.path().join("out/people/alice/desk");
        let password = self.house.bundle("alice", "desk").password;
        Handed { folder, password }
    }

    /// How many requests have come through.
    fn arrived(&self) -> usize {
        self.upstream.arrived()
    }
}

const SEEN: &str = "upstream behind";

/// The handshake failed, for want of a certificate of the visitor's: where the alert comes late, Chromium only sees the end of the
/// connection. Neither is what it says of a server that it does not trust.
#[track_caller]
fn assert_refused(visit: &Outcome) {
    let failures = [
        "ERR_BAD_SSL_CLIENT_AUTH_CERT",
        "ERR_SOCKET_NOT_CONNECTED",
        "ERR_CONNECTION_CLOSED",
        // The request was on its way when the server had refused and gone.
        "ERR_CONNECTION_RESET",
    ];
    let failures = failures.map(|failure| format!("Page load failed: net::{failure}"));
    let said = visit.succeeds().stderr();
    assert!(
        failures.iter().any(|failure| said.contains(failure)),
        "{visit}"
    );
    visit.stdout_is("");
}

/// The policy is the whole machine's, so all that needs one is in one test.
#[test]
fn chromium_opens_a_service_with_what_the_script_installed_and_nothing_asks() {
    let site = Site::serve("chromium.home.example.com");
    let user = User::new();
    fs::create_dir_all(user.database()).expect("the home is empty");
    trust(&user.database(), &site.caddy.root_certificate());

    // Without a certificate: refused in the handshake, and told what to do.
    assert_refused(&chromium::open(&user, &site.url("closed")));
    let told = chromium::open(&user, &site.url("asked"));
    told.succeeds()
        .stdout_contains("certificate")
        .stdout_lacks("ERR_");
    assert_eq!(site.arrived(), 0);

    // With one, and no policy, somebody is asked, and nobody is there to answer.
    let handed = site.handed();
    user.install(&handed, &[]).succeeds();
    let waits = chromium::open(&user, &site.url("closed"));
    waits.fails_with(124).stdout_lacks(SEEN);
    assert_eq!(site.arrived(), 0);

    // With the policy nobody is.
    let policy = Policy::of(site.domain);
    user.install(&handed, &["--policy"])
        .succeeds()
        .stdout_contains("already there")
        .stdout_contains(&format!("{}: installed\n", policy.0.display()));
    for service in ["closed", "asked"] {
        let seen = chromium::open(&user, &site.url(service));
        seen.succeeds().stdout_contains(SEEN);
    }
    assert!(site.arrived() >= 2);

    // For another authority's certificates it would say nothing.
    let text = site
        .house
        .lab
        .read("out/people/alice/desk/alice-desk-browsers.json");
    let others = user.home().join("others.json");
    let issuer = format!("{} devices ", site.domain);
    fs::write(&others, replaced(&text, &issuer, "another's ")).expect("a home can be written to");
    policy.put(&others);
    let waits = chromium::open(&user, &site.url("closed"));
    waits.fails_with(124).stdout_lacks(SEEN);
    policy.put(&handed.folder.join("alice-desk-browsers.json"));

    // Another person's browser on the same machine has the policy, and no certificate.
    let other = User::new();
    fs::create_dir_all(other.database()).expect("the home is empty");
    trust(&other.database(), &site.caddy.root_certificate());
    assert_refused(&chromium::open(&other, &site.url("closed")));

    // While an authority is rotated, the policy finds the certificate of either.
    for arguments in [&["rotate", "--authority"][..], &["renew", "alice/desk"]] {
        site.house
            .lab
            .command(arguments.iter().copied())
            .run()
            .succeeds();
    }
    let text = site
        .house
        .lab
        .read("out/people/alice/desk/alice-desk-browsers.json");
    assert_eq!(text.matches("https://closed.").count(), 2, "{text}");
    let mut caddy = site.caddy;
    site.house.reload(&mut caddy);
    let port = caddy.https_port();
    let url = format!("https://closed.{}:{port}/", site.domain);
    let rotated = Handed {
        folder: handed.folder.clone(),
        password: site.house.bundle("alice", "desk").password,
    };
    policy.put(&rotated.folder.join("alice-desk-browsers.json"));
    let before = site.upstream.arrived();
    let older = chromium::open(&user, &url);
    older.succeeds().stdout_contains(SEEN);
    user.install(&rotated, &["--policy"]).succeeds();
    let newer = chromium::open(&user, &url);
    newer.succeeds().stdout_contains(SEEN);
    assert!(site.upstream.arrived() >= before + 2);
}

#[test]
fn firefox_opens_a_service_with_what_the_script_installed_and_nothing_asks() {
    let site = Site::serve("firefox.home.example.com");
    let user = User::new();
    let profile = firefox::make_profile(&user);
    trust(&profile, &site.caddy.root_certificate());

    let mut browser = Firefox::start(&user, &profile);
    let told = browser
        .open(&site.url("asked"))
        .expect("a page says what to do");
    assert!(
        told.contains("certificate") && !told.contains(SEEN),
        "{told}"
    );
    // Refused in the handshake, over HTTP/2 and TLS 1.3, Firefox says nothing and goes on waiting.
    browser
        .open(&site.url("closed"))
        .expect_err("there is no certificate");
    drop(browser);
    assert_eq!(site.arrived(), 0);

    // With a certificate, and without the preference, somebody is asked, even where a page could be shown.
    let handed = site.handed();
    let installed = user.install(&handed, &[]);
    installed
        .succeeds()
        .stdout_contains(&format!("Firefox ({}): installed\n", profile.display()));
    let mut browser = Firefox::start(&user, &profile);
    let waits = browser
        .open(&site.url("asked"))
        .expect_err("nobody answers");
    assert!(waits.contains("timeout"), "{waits}");
    drop(browser);
    assert_eq!(site.arrived(), 0);

    // With the preference nobody is.
    user.install(&handed, &["--firefox"])
        .succeeds()
        .stdout_contains("already there");
    let mut browser = Firefox::start(&user, &profile);
    for service in ["closed", "asked"] {
        let seen = browser.open(&site.url(service)).expect("it opens");
        assert!(seen.contains(SEEN), "{seen}");
    }
    drop(browser);
    assert!(site.arrived() >= 2);
}
