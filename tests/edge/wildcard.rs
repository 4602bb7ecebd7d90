//! One certificate for all hosts below the domain. No Caddy here has a provider's plugin, so its own authority stands in for the
//! DNS challenge; which certificates are had, and who gets in, does not depend on where they come from.

use crate::family::{EXAMPLE, replaced};
use crate::matrix;
use crate::support::caddy::Version;
use crate::wire::{Wire, request};

const DNS: &str =
    r#"certificates "dns" provider="cloudflare" token-env="CF_API_TOKEN"; caddy "2.11""#;
const CHALLENGE: &str = "acme_dns cloudflare {env.CF_API_TOKEN}\n";

#[test]
fn names_of_hosts_are_in_no_certificate_and_the_policy_is_the_same() {
    let declaration = replaced(EXAMPLE, r#"certificates "acme""#, DNS);
    let (family, visitors) = matrix::with_history(&declaration);
    let caddy = family.serve_changed(Version::New, |text| replaced(text, CHALLENGE, ""));
    // The domain itself and the name outside of it are not below the domain.
    let named = [
        "home.example.com",
        "vault.example.org",
        "wildcard_.home.example.com",
    ];
    assert_eq!(caddy.certificates(), named);
    crate::assert_none(&matrix::mismatches(&caddy, &visitors, false));
    // A host that nobody declared has a certificate now, and nothing else.
    let host = "undeclared.home.example.com";
    let (reply, arrivals) =
        family.arriving(|| Wire::named(&caddy, host).send(request("GET", "/", host)));
    assert_eq!(
        (reply.status(), arrivals.len()),
        (None, 0),
        "{}",
        reply.text
    );
}
