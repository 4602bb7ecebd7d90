//! Certificates, judged by openssl, GnuTLS and pkilint, and the profile that none of them asks for.

use std::path::Path;

use crate::family::{Built, ISSUED, WHILE_VALID, property};
use crate::forgery::strangers;
use crate::support::lab::Lab;
use crate::verifiers::{
    CLIENT, SERVER, assert_clean, field, gnutls, lint, public_key, serial, subject_key_id, text,
    verify,
};

const DAY: u64 = 24 * 3600;

#[test]
fn openssl_verifies_every_leaf_for_clients_only() {
    let family = Built::family();
    let strangers = strangers(&family);
    for device in &family.devices {
        let leaf = family.extract(device).certificate;
        let authority = family.authority();
        verify("sslclient", WHILE_VALID, &authority, &leaf).succeeds();
        verify("sslserver", WHILE_VALID, &authority, &leaf)
            .fails_with(2)
            .stderr_contains("unsuitable certificate purpose");
        for stranger in &strangers {
            verify("sslclient", WHILE_VALID, stranger, &leaf).fails_with(2);
        }
    }
}

#[test]
fn openssl_refuses_what_is_not_valid_yet_or_no_longer() {
    let family = Built::family();
    for (device, days) in [("alice/pixel", 365.0), ("guest/tablet", 0.5)] {
        let leaf = family.extract(family.device(device)).certificate;
        let end = ISSUED + (days * DAY as f64) as u64;
        let verify = |time| verify("sslclient", time, &family.authority(), &leaf);
        verify(ISSUED - 3600).succeeds();
        verify(ISSUED - 3601)
            .fails_with(2)
            .stderr_contains("not yet valid");
        verify(end - 1).succeeds();
        // X509_cmp_time takes the very second for the past.
        verify(end + 1)
            .fails_with(2)
            .stderr_contains("certificate has expired");
    }
}

#[test]
fn gnutls_verifies_every_leaf_for_clients_only() {
    let family = Built::family();
    let [stranger, _] = strangers(&family);
    for device in &family.devices {
        let leaf = family.extract(device).certificate;
        let verify = |authority: &Path, time, purpose| gnutls(authority, &leaf, time, purpose);
        let authority = family.authority();
        let valid = "2026-01-01 01:00:00";
        verify(&authority, valid, CLIENT)
            .succeeds()
            .stdout_contains("The certificate is trusted.");
        let server = verify(&authority, valid, SERVER);
        server
            .fails_with(1)
            .stdout_contains("does not match the intended purpose");
        let expired = verify(&authority, "2027-01-01 00:00:01", CLIENT);
        expired.fails_with(1).stdout_contains("expired");
        verify(&stranger, valid, CLIENT).fails_with(1);
    }
}

#[test]
fn pkilint_has_no_finding_in_any_certificate() {
    let family = Built::family();
    assert_clean(&lint("lint_pkix_cert", &[&family.authority()]));
    for device in &family.devices {
        let leaf = family.extract(device).certificate;
        assert_clean(&lint("lint_pkix_cert", &[&leaf]));
    }
}

#[test]
fn pkilint_has_no_finding_in_any_chain() {
    let family = Built::family();
    let authority = family.authority();
    for device in &family.devices {
        let chain = [&*authority, &*family.extract(device).certificate];
        assert_clean(&lint("lint_pkix_signer_signee_cert_chain", &chain));
    }
}

/// The control: where the linter had not run, or looked for nothing, this would pass as well.
#[test]
fn pkilint_has_findings_in_ordinary_certificates() {
    let family = Built::family();
    let [stranger, _] = strangers(&family);
    let findings = lint("lint_pkix_cert", &[&stranger]);
    findings.fails_with(1).stdout_contains("(ERROR)");
    let leaf = family.extract(&family.devices[0]).certificate;
    let findings = lint("lint_pkix_signer_signee_cert_chain", &[&stranger, &leaf]);
    assert!(
        !findings.status.success() && findings.stdout().contains("(ERROR)"),
        "{findings}"
    );
}

/// No verifier misses an extension of an authority that is only less than it could be, so all of it is compared.
#[test]
fn the_authority_is_for_clients_only_and_names_no_host() {
    let family = Built::family();
    let line = line(&family.lab, "authority ");
    let id = line.split('"').nth(1).expect("the id comes first");
    let text = text(&family.authority());
    let (serial, key_id) = (serial(&text), subject_key_id(&text));
    let expected = format!(
        "Certificate:
    Data:
        Version: 3 (0x2)
        Serial Number:
            {serial}
        Signature Algorithm: ecdsa-with-SHA256
        Issuer: CN=home.example.com devices {short}
        Validity
            Not Before: Dec 31 23:00:00 2025 GMT
            Not After : Jan  1 00:00:00 2036 GMT
        Subject: CN=home.example.com devices {short}
        X509v3 extensions:
            X509v3 Key Usage: critical
                Certificate Sign, CRL Sign
            X509v3 Name Constraints: critical
                Excluded:
                  DNS:
                  IP:0.0.0.0/0.0.0.0
                  IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0
            X509v3 Subject Key Identifier: 
                {key_id}
            X509v3 Basic Constraints: critical
                CA:TRUE, pathlen:0
            X509v3 Extended Key Usage: critical
                TLS Web Client Authentication
",
        short = &id[..8]
    );
    assert_eq!(text, expected);
    assert_serial(serial);
    assert!(public_key(&family.authority()).contains("NIST CURVE: P-256"));
}

#[test]
fn a_leaf_has_the_fields_of_its_profile_and_no_other() {
    let family = Built::family();
    let authority = text(&family.authority());
    let (issuer, issuer_id) = (field(&authority, "Subject: "), subject_key_id(&authority));
    let mut serials = Vec::new();
    for (device, email, until) in [
        // Declared.
        ("alice/macbook", "alice@example.com", "Jan  1 00:00:00 2027"),
        ("alice/pixel", "alice@example.com", "Jan  1 00:00:00 2027"),
        // The default.
        ("bob/iphone", "bob@home.example.com", "Jan  1 00:00:00 2027"),
        (
            "guest/tablet",
            "guest@home.example.com",
            "Jan  1 12:00:00 2026",
        ),
    ] {
        let device = family.device(device);
        let leaf = family.extract(device).certificate;
        let text = text(&leaf);
        let (serial, key_id) = (serial(&text), subject_key_id(&text));
        let expected = format!(
            "Certificate:
    Data:
        Version: 3 (0x2)
        Serial Number:
            {serial}
        Signature Algorithm: ecdsa-with-SHA256
        Issuer: {issuer}
        Validity
            Not Before: Dec 31 23:00:00 2025 GMT
            Not After : {until} GMT
        Subject: CN={common_name},O=home.example.com
        X509v3 extensions:
            X509v3 Authority Key Identifier: 
                {issuer_id}
            X509v3 Subject Alternative Name: 
                email:{email}
            X509v3 Key Usage: critical
                Digital Signature
            X509v3 Extended Key Usage: 
                TLS Web Client Authentication
            X509v3 Subject Key Identifier: 
                {key_id}
            X509v3 Basic Constraints: critical
                CA:FALSE
",
            common_name = device.common_name()
        );
        assert_eq!(text, expected, "{}", device.id());
        assert_serial(serial);
        assert_eq!(serial.replace(':', ""), device.serial);
        serials.push(serial.to_owned());
        assert!(public_key(&leaf).contains("NIST CURVE: P-256"));
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 4, "serials differ");
}

#[test]
fn a_leaf_ends_with_its_authority_where_that_is_sooner() {
    let declare = |devices: &str| {
        format!(
            "domain \"home.example.com\"\nvalidity {{\n    authority \"2y\"\n}}\nperson \"alice\" {{\n{devices}}}\n"
        )
    };
    let early = "    device \"early\" platform=\"linux\"\n";
    let late = "    device \"late\" platform=\"linux\"\n    device \"short\" platform=\"linux\" validity=\"30d\"\n";
    let lab = Lab::new().declare(&declare(early));
    lab.command(["build"]).at(ISSUED).run().succeeds();
    let lab = lab.declare(&declare(&format!("{early}{late}")));
    lab.command(["build"])
        .at(ISSUED + 550 * DAY)
        .run()
        .succeeds();
    let built = Built::read(lab);

    let end = |certificate: &Path| field(&text(certificate), "Not After : ").to_owned();
    let of = |device| end(&built.extract(built.device(device)).certificate);
    assert_eq!(end(&built.authority()), "Jan  1 00:00:00 2028 GMT");
    assert_eq!(of("alice/early"), "Jan  1 00:00:00 2027 GMT");
    assert_eq!(of("alice/late"), "Jan  1 00:00:00 2028 GMT");
    assert_eq!(of("alice/short"), "Aug  4 00:00:00 2027 GMT");
}

/// UTCTime has two digits for the year: RFC 5280 §4.1.2.5 asks for GeneralizedTime from 2050 on.
#[test]
fn dates_beyond_2049_are_read_as_they_are_meant() {
    let built = Built::of(
        "domain \"home.example.com\"\nvalidity {\n    authority \"30y\"\n    device \"25y\"\n}\nperson \"alice\" { device \"pixel\" platform=\"android\"; }\n",
    );
    let leaf = built.extract(built.device("alice/pixel")).certificate;
    assert_eq!(
        field(&text(&built.authority()), "Not After : "),
        "Jan  1 00:00:00 2056 GMT"
    );
    assert_eq!(
        field(&text(&leaf), "Not After : "),
        "Jan  1 00:00:00 2051 GMT"
    );
    verify("sslclient", WHILE_VALID, &built.authority(), &leaf).succeeds();
    assert_clean(&lint("lint_pkix_cert", &[&leaf]));
    assert_clean(&lint("lint_pkix_cert", &[&built.authority()]));
}

/// RFC 5280 §4.1.2.2: positive, at most 20 octets; ours are always of 20.
#[track_caller]
fn assert_serial(serial: &str) {
    let octets: Vec<u8> = serial
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).expect("openssl prints octets"))
        .collect();
    assert_eq!(octets.len(), 20, "{serial}");
    assert!(octets[0] < 0x80 && octets[0] > 0, "{serial}");
}

#[track_caller]
fn line(lab: &Lab, start: &str) -> String {
    let lock = lab.read("homelab.lock");
    let line = lock.lines().find(|line| line.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("no line of the lock begins with `{start}`"));
    assert_eq!(property(line, "domain"), "home.example.com");
    line.to_owned()
}
