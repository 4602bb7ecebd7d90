//! Generated declarations: what both Caddys make of each is what it means, whatever its words are.

use std::cell::RefCell;

use proptest::prop_assert;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::declaration::{Certificates, Declaration};
use super::strategy::declarations;
use super::words::Words;
use super::{built, differences, expected, fingerprints, versions, without_plugin};
use crate::described::Meaning;
use crate::family::bundle;
use crate::support::lab::Lab;

/// Declarations per test.
const CASES: u32 = 48;
/// So many are also validated, and have a certificate's fingerprint asked of openssl.
const SAMPLE: u32 = 8;

/// What some expected text must hold, so that the generated declarations are known to say everything.
const SAID: [&str; 31] = [
    "taken by [Old, New]",
    "taken by [New]",
    "proxy_protocol",
    "trusted_proxies_strict",
    "certificate of",
    "any certificate",
    "no longer let in",
    "remote_ip",
    "client_ip",
    "method [\"POST\"]",
    "method [\"GET\",\"HEAD\"]",
    "/static/bundle.js",
    "/public.php/dav/files/*",
    "path [\"/api/*\"]",
    "sent path",
    "rewrite path ^ /photos",
    "redirect 302",
    "files, listed",
    "link: ",
    "at home only",
    "abort",
    "Remote-Name",
    "insecure_skip_verify",
    "root_ca_pem_files",
    "h2c",
    "unix/",
    "in the end",
    "encode",
    "Access-Control-Request-Method",
    "198.51.100.0/24",
    "203.0.113.7/32\"]}, certificate of",
];

#[track_caller]
fn hold(words: Words) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let seen = RefCell::new(Seen::default());
    let outcome = TestRunner::new_with_rng(config, random).run(&declarations(words), |declared| {
        let lab = built(&declared).map_err(TestCaseError::fail)?;
        let mut wrong = differences(&declared, &lab);
        wrong.extend(seen.borrow_mut().sampled(&declared, &lab));
        let Meaning { sites, server, .. } = expected::meaning(&declared);
        seen.borrow_mut().texts.extend(sites);
        seen.borrow_mut().texts.push(server.to_string());
        let taken = format!("taken by {:?}", versions(&declared));
        seen.borrow_mut().texts.push(taken);
        let kdl = declared.kdl();
        prop_assert!(wrong.is_empty(), "{}\n{kdl}", wrong.join("\n"));
        Ok(())
    });
    // The declaration stands in the reason, as it was written.
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, _) | TestError::Abort(why)) => panic!("{why}"),
    }
    let seen = seen.into_inner();
    let is_unsaid = |said: &&str| !seen.texts.iter().any(|text| text.contains(said));
    let unsaid: Vec<&str> = SAID.into_iter().filter(is_unsaid).collect();
    assert!(unsaid.is_empty(), "never said: {unsaid:?}");
    assert!(
        seen.texts.len() as u32 > 4 * CASES,
        "{} texts",
        seen.texts.len()
    );
    assert!(
        seen.validated >= SAMPLE && seen.asked >= SAMPLE,
        "{} {}",
        seen.validated,
        seen.asked
    );
}

/// What has been looked at until now.
#[derive(Default)]
struct Seen {
    texts: Vec<String>,
    validated: u32,
    asked: u32,
}

impl Seen {
    /// What takes longer, and is therefore asked of some only.
    fn sampled(&mut self, declared: &Declaration, lab: &Lab) -> Vec<String> {
        let mut wrong = Vec::new();
        let needs_files = matches!(declared.edge.certificates, Certificates::Files { .. })
            || declared.kdl().contains(" ca=");
        if self.validated < SAMPLE && !needs_files {
            self.validated += 1;
            let (caddyfile, _) = without_plugin(declared, &lab.built_edge());
            let outcomes = versions(declared)
                .iter()
                .map(|version| version.validate(&caddyfile, &lab.path()));
            wrong.extend(
                outcomes
                    .filter(|outcome| !outcome.status.success())
                    .map(|outcome| format!("{outcome}")),
            );
        }
        let mut devices = declared
            .people
            .iter()
            .flat_map(|person| person.devices.iter().map(move |device| (person, device)));
        if self.asked < SAMPLE
            && let Some((person, device)) = devices.next()
        {
            self.asked += 1;
            let bundle = bundle(lab, &person.name, device);
            let owner = fingerprints(lab).remove(&bundle.fingerprint(&lab.home()));
            let name = format!("{}/{device}", person.name);
            wrong.extend(
                (owner.as_ref() != Some(&name))
                    .then(|| format!("{name}'s fingerprint is {owner:?}'s")),
            );
        }
        wrong
    }
}

#[test]
fn caddy_makes_of_each_declaration_what_it_means() {
    hold(Words::Some);
}

#[test]
fn no_words_of_a_user_change_what_a_declaration_means() {
    hold(Words::Hostile);
}
