//! Many certificates: both Caddys load a list of ten thousand, and twenty lists of a thousand, and find those in it and no other.

use crate::house::House;
use crate::support::caddy::Version;
use crate::support::upstream::Upstream;

/// `count` fingerprints that no certificate has, the same in every run.
fn strangers(count: usize) -> String {
    (0..count).map(|number| format!(" {number:064x}")).collect()
}

#[test]
fn ten_thousand_in_one_service_and_twenty_lists_of_a_thousand() {
    let upstream = Upstream::start("it");
    let service = |name: &str, who: &str| {
        let address = upstream.address();
        format!("service \"{name}\" {{ upstream \"http://{address}\"; allow \"{who}\"; }}\n")
    };
    let many: String = (0..20)
        .map(|n| service(&format!("s{n}"), "alice"))
        .collect();
    let house = House::new(&format!(
        "domain \"home.example.com\"\n\
         person \"alice\" {{ device \"pixel\" platform=\"linux\"; }}\n\
         person \"bob\" {{ device \"phone\" platform=\"linux\"; }}\n\
         {many}"
    ));
    let (alice, bob) = (house.bundle("alice", "pixel"), house.bundle("bob", "phone"));
    // As if so many had been issued, with alice's behind all of the others.
    let lengthened =
        |text: &str| -> String {
            let mut first = true;
            text.lines()
            .map(|line| match line.split_once(" vars {http.request.tls.client.fingerprint}") {
                Some((name, listed)) => {
                    let count = if std::mem::take(&mut first) { 10_000 } else { 1_000 };
                    let before = strangers(count - 1);
                    format!("{name} vars {{http.request.tls.client.fingerprint}}{before}{listed}\n")
                }
                None => format!("{line}\n"),
            })
            .collect()
        };
    for version in Version::ALL {
        let caddy = house.serve_changed(version, lengthened);
        for service in ["s0", "s1", "s19"] {
            let visit = || caddy.visit(&format!("{service}.home.example.com"), "/");
            alice
                .shown(visit())
                .run()
                .has_status(200)
                .contains("upstream it");
            bob.shown(visit()).run().has_status(403);
        }
    }
    assert_eq!(upstream.arrivals().len(), 6);
}
