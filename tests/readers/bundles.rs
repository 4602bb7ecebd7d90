//! Bundles, opened by openssl, NSS, GnuTLS, Java, BouncyCastle and p12-keystore.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use p12_keystore::Pkcs12Archive;

use crate::family::{Built, Device, WHILE_VALID, block, open};
use crate::outline::outline;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::verifiers::{self, subject_key_id};

/// How a bundle is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Compat,
    Modern,
}
use Profile::{Compat, Modern};

/// Which profile each device of the example needs.
const FAMILY: [(&str, Profile); 9] = [
    ("alice/macbook", Compat),
    ("alice/pixel", Modern),
    ("alice/workstation", Modern),
    ("bob/desktop", Modern),
    ("bob/ipad", Modern),
    ("bob/iphone", Compat),
    ("carol/firefox", Modern),
    ("carol/old-phone", Compat),
    ("guest/tablet", Compat),
];

/// Every row of the table of platforms and versions, their edges included. Where an importer takes both profiles it is given
/// the modern one; where the version is not told, what its oldest takes.
const PLATFORMS: [(&str, Option<u32>, Profile); 35] = [
    ("android", None, Compat),
    ("android", Some(10), Compat),
    ("android", Some(13), Compat),
    ("android", Some(14), Modern),
    ("android", Some(15), Modern),
    ("android", Some(16), Modern),
    ("ios", None, Compat),
    ("ios", Some(15), Compat),
    ("ios", Some(16), Compat),
    ("ios", Some(17), Compat),
    ("ios", Some(18), Modern),
    ("ios", Some(26), Modern),
    ("ipados", None, Compat),
    ("ipados", Some(15), Compat),
    ("ipados", Some(17), Compat),
    ("ipados", Some(18), Modern),
    ("ipados", Some(26), Modern),
    ("macos", None, Compat),
    ("macos", Some(12), Compat),
    ("macos", Some(13), Compat),
    ("macos", Some(14), Compat),
    // One of its two import paths does not read the modern one.
    ("macos", Some(15), Compat),
    ("macos", Some(26), Compat),
    ("windows", None, Compat),
    // It reads the modern one since its version 1709, which a declaration cannot tell.
    ("windows", Some(10), Compat),
    ("windows", Some(11), Modern),
    ("linux", None, Modern),
    ("chromeos", None, Modern),
    ("firefox", None, Modern),
    ("wearos", None, Compat),
    ("other", None, Compat),
    // A version beyond those that are known is taken for a newer one, not for an older.
    ("android", Some(30), Modern),
    ("ios", Some(30), Modern),
    ("macos", Some(30), Compat),
    ("windows", Some(12), Modern),
];

impl Profile {
    /// What `openssl pkcs12 -info` says of such a bundle, all of it.
    fn algorithms(self) -> String {
        let (mac, encryption) = match self {
            Compat => (
                "MAC: sha1, Iteration 2048\nMAC length: 20, salt length: 8",
                "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048",
            ),
            Modern => (
                "MAC: sha256, Iteration 2048\nMAC length: 32, salt length: 16",
                "PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256",
            ),
        };
        format!(
            "{mac}\nPKCS7 Encrypted data: {encryption}\nCertificate bag\nPKCS7 Data\nShrouded Keybag: {encryption}\n"
        )
    }
}

/// localKeyID and friendlyName of the key, by which Apple pairs it with its certificate. They are a set: the shorter comes first.
const ATTRIBUTES: [&str; 2] = ["1.2.840.113549.1.9.21", "1.2.840.113549.1.9.20"];

impl Profile {
    /// The identifiers, numbers and NULLs of such a bundle, all of them in their order, but for [`ATTRIBUTES`].
    fn outline(self) -> Vec<&'static str> {
        const DATA: &str = "1.2.840.113549.1.7.1";
        const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
        const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
        let (encryption, digest): (&[&str], _) = match self {
            // pbeWithSHA1And3-KeyTripleDES-CBC; SHA-1.
            Compat => (&["1.2.840.113549.1.12.1.3", "2048"], "1.3.14.3.2.26"),
            // PBES2: PBKDF2 with hmacWithSHA256 and its NULL, which Apple wants, and AES-256-CBC; SHA-256.
            Modern => (
                &[
                    "1.2.840.113549.1.5.13",
                    "1.2.840.113549.1.5.12",
                    "2048",
                    "1.2.840.113549.2.9",
                    "NULL",
                    "2.16.840.1.101.3.4.1.42",
                ],
                "2.16.840.1.101.3.4.2.1",
            ),
        };
        [
            &["3", DATA, ENCRYPTED_DATA, "0", DATA],
            encryption,
            &[DATA, SHROUDED_KEY_BAG],
            encryption,
            &[digest, "NULL", "2048"],
        ]
        .concat()
    }
}

#[test]
fn openssl_opens_every_bundle_with_and_without_its_legacy_provider() {
    let family = Built::family();
    let known: Vec<String> = family.devices.iter().map(Device::id).collect();
    assert_eq!(known, FAMILY.map(|(device, _)| device));
    for (device, profile) in FAMILY {
        let device = family.device(device);
        let (bundle, password) = (family.bundle(device), family.password(device));
        for options in [&["-nodes"][..], &["-nodes", "-legacy"]] {
            open(&bundle, &password, options)
                .succeeds()
                .stderr_is(&profile.algorithms());
        }
        for wrong in [
            "",
            "0",
            &password[1..],
            &password.to_uppercase(),
            &password.replace('-', ""),
        ] {
            let refused = open(&bundle, wrong, &["-nodes"]);
            refused.fails_with(1).stderr_contains("invalid password");
        }
    }
}

#[test]
fn every_platform_and_version_gets_the_profile_that_it_reads() {
    let mut declaration = String::from("domain \"home.example.com\"\nperson \"p\" {\n");
    for (platform, version, _) in PLATFORMS {
        let number = version.map_or(String::new(), |version| format!(" version={version}"));
        let name = name(platform, version);
        declaration += &format!("    device \"{name}\" platform=\"{platform}\"{number}\n");
    }
    let built = Built::of(&(declaration + "}\n"));
    assert_eq!(built.devices.len(), PLATFORMS.len());
    for (platform, version, profile) in PLATFORMS {
        let device = built.device(&format!("p/{}", name(platform, version)));
        let opened = open(&built.bundle(device), &built.password(device), &["-noout"]);
        opened.succeeds();
        assert_eq!(
            opened.stderr(),
            profile.algorithms(),
            "{platform} {version:?}"
        );
        let der = fs::read(built.bundle(device)).expect("it was built");
        let outline = outline(&der);
        let (attributes, rest): (Vec<&str>, Vec<&str>) = outline
            .iter()
            .map(String::as_str)
            .partition(|part| ATTRIBUTES.contains(part));
        assert_eq!(rest, profile.outline(), "{platform} {version:?}");
        assert_eq!(
            BTreeSet::from_iter(attributes),
            ATTRIBUTES.into(),
            "{platform} {version:?}"
        );
        // By itself a build has it read one of each kind alone.
        let read = Pkcs12Archive::from_pkcs12(&der, &built.password(device));
        let read = read.unwrap_or_else(|error| panic!("{platform} {version:?}: {error}"));
        assert_eq!((read.keys.len(), read.certs.len()), (1, 1));
    }
}

fn name(platform: &str, version: Option<u32>) -> String {
    version.map_or(platform.to_owned(), |version| {
        format!("{platform}-{version}")
    })
}

/// What an importer pairs and shows: the certificate that lock and guide tell of, its own key, and nobody's authority.
#[test]
fn a_bundle_holds_the_recorded_certificate_its_key_and_nothing_else() {
    let family = Built::family();
    for device in &family.devices {
        let (bundle, password) = (family.bundle(device), family.password(device));
        let opened = open(&bundle, &password, &["-nodes"]);
        let text = opened.succeeds().stdout();
        block(text, "CERTIFICATE");
        block(text, "PRIVATE KEY");
        let authorities = open(&bundle, &password, &["-nokeys", "-cacerts"]);
        assert!(!authorities.succeeds().stdout().contains("CERTIFICATE"));

        let extracted = family.extract(device);
        let fingerprint = fingerprint(&extracted.certificate);
        assert_eq!(
            fingerprint.replace(':', "").to_lowercase(),
            device.fingerprint
        );
        assert!(
            section(&family, device).contains(&fingerprint),
            "{}: {fingerprint}",
            device.id()
        );

        let of_certificate = public_key(&["x509", "-noout", "-pubkey"], &extracted.certificate);
        let of_key = public_key(&["pkey", "-pubout"], &extracted.key);
        assert_eq!(of_certificate, of_key, "{}", device.id());

        // Apple pairs by these: the same of each on both.
        let common_name = format!("    friendlyName: {}\n", device.common_name());
        let id = subject_key_id(&verifiers::text(&extracted.certificate)).replace(':', " ");
        for attribute in [common_name, format!("    localKeyID: {id} \n")] {
            assert_eq!(
                text.matches(&attribute).count(),
                2,
                "{attribute:?} in\n{text}"
            );
        }
    }
}

#[test]
fn nss_lists_imports_and_trusts_every_bundle_for_clients_only() {
    let family = Built::family();
    let database = family.scratch().join("nss");
    fs::create_dir(&database).expect("the name is free");
    let database = format!("sql:{}", database.display());
    let certutil =
        |arguments: &[&str]| tools::run("certutil", arguments.iter().chain(&["-d", &database]));
    certutil(&["-N", "--empty-password"]).succeeds();
    // T: trusted to issue certificates for client authentication. C is for servers', and would make no difference below.
    let authority = family.authority();
    let authority = authority.to_str().expect("temporary paths are UTF-8");
    for trust in [",,", "TC,,"] {
        certutil(&["-A", "-n", "authority", "-t", trust, "-i", authority]).succeeds();
        if trust == ",," {
            import(&family, &database);
        }
        for device in &family.devices {
            let verify = |usage| {
                certutil(&[
                    "-V",
                    "-n",
                    &device.common_name(),
                    "-u",
                    usage,
                    "-b",
                    "260101010000Z",
                ])
            };
            let (client, server) = (verify("C"), verify("V"));
            server.fails_with(255);
            match trust {
                ",," => _ = client.fails_with(255),
                // Had the trust not been enough, the words about the server would say so.
                _ => {
                    client.succeeds();
                    server.stdout_contains("certificate is invalid: Certificate type not approved");
                }
            }
        }
    }
    let listed = certutil(&["-L"]);
    for device in &family.devices {
        // u: its key is here.
        let line = listed
            .succeeds()
            .stdout()
            .lines()
            .find(|line| line.starts_with(&device.common_name()));
        assert!(
            line.is_some_and(|line| line.ends_with(" u,u,u")),
            "{listed}"
        );
    }
}

#[track_caller]
fn import(family: &Built, database: &str) {
    for device in &family.devices {
        let bundle = family.bundle(device);
        let pk12util = |options: &[&str], password: &str| {
            let password = family.file("password", format!("{password}\n"));
            let mut command = tools::command("pk12util");
            command.args(options).arg(&bundle).arg("-w").arg(password);
            outcome::run(&mut command, b"")
        };
        let password = family.password(device);
        let listed = pk12util(&["-l"], &password);
        let listed = listed.succeeds().stdout();
        for (part, times) in [
            ("Certificate(has private key):", 1),
            ("Certificate:", 0),
            ("Key(shrouded):", 1),
            (&format!("Friendly Name: {}\n", device.common_name()), 2),
            ("Data: Is not a CA.", 1),
        ] {
            assert_eq!(listed.matches(part).count(), times, "{part} in\n{listed}");
        }
        pk12util(&["-d", database, "-i"], &password[1..])
            .fails_with(18)
            .stderr_contains("SEC_ERROR_BAD_PASSWORD");
        pk12util(&["-d", database, "-i"], &password).succeeds();
    }
}

#[test]
fn gnutls_reads_every_bundle() {
    let family = Built::family();
    for device in &family.devices {
        let info = |password: &str| {
            let mut command = tools::command("certtool");
            let bundle = family.bundle(device);
            command
                .args(["--p12-info", "--inder", "--password", password, "--infile"])
                .arg(bundle);
            outcome::run(&mut command, b"")
        };
        let read = info(&family.password(device));
        let text = read.succeeds().stdout();
        assert!(
            text.contains(block(&certificate(&family, device), "CERTIFICATE")),
            "{read}"
        );
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 1, "{read}");
        assert_eq!(text.matches("PRIVATE KEY-----\n").count(), 2, "{read}");
        info("00000-00000-00000-00000").fails_with(1);
    }
}

#[test]
fn java_finds_one_private_key_in_every_bundle() {
    let family = Built::family();
    for device in &family.devices {
        let listed = keytool(&family, device, &family.password(device));
        listed
            .succeeds()
            .stdout_contains("Your keystore contains 1 entry")
            .stdout_contains(&format!("{}, ", device.common_name()))
            .stdout_contains(", PrivateKeyEntry,");
        let shown = fingerprint(&family.extract(device).certificate);
        listed.stdout_contains(&format!("Certificate fingerprint (SHA-256): {shown}"));
    }
    let wrong = keytool(&family, &family.devices[0], "00000-00000-00000-00000");
    wrong
        .fails_with(1)
        .stdout_contains("keystore password was incorrect");
}

/// BouncyCastle is what Android reads bundles with, though Debian's is another version of it than any Android's.
#[test]
fn bouncy_castle_finds_one_private_key_in_every_bundle() {
    const JAR: &str = "/usr/share/java/bcprov.jar";
    assert!(Path::new(JAR).exists(), "{JAR} is missing. Run tests/run.");
    let provider = [
        "-providerclass",
        "org.bouncycastle.jce.provider.BouncyCastleProvider",
        "-providerpath",
        JAR,
        "-providername",
        "BC",
    ];
    let family = Built::family();
    for device in &family.devices {
        let listed = keytool_with(&provider, &family, device, &family.password(device));
        listed
            .succeeds()
            .stdout_contains("Keystore provider: BC")
            .stdout_contains("Your keystore contains 1 entry")
            .stdout_contains(&format!("{}, ", device.common_name()))
            .stdout_contains("PrivateKeyEntry");
        let shown = fingerprint(&family.extract(device).certificate);
        listed.stdout_contains(&format!("Certificate fingerprint (SHA-256): {shown}"));
    }
    let wrong = "00000-00000-00000-00000";
    let refused = keytool_with(&provider, &family, &family.devices[0], wrong);
    refused.fails_with(1).stdout_contains("wrong password");
}

/// Of both profiles. What `export` gives is what is in them, and `verify` finds nothing wrong.
#[test]
fn every_reader_opens_bundles_with_keys_of_rsa() {
    let built = Built::of(
        r#"
domain "home.example.com"
person "alice" { device "watch" platform="wearos" key="rsa"; device "desk" platform="linux" key="rsa"; }
"#,
    );
    let database = built.scratch().join("nss");
    fs::create_dir(&database).expect("the name is free");
    let database = format!("sql:{}", database.display());
    tools::run("certutil", ["-N", "--empty-password", "-d", &database]).succeeds();
    import(&built, &database);
    let keys = tools::run("certutil", ["-K", "-d", &database]);
    assert_eq!(keys.succeeds().stdout().matches("> rsa ").count(), 2);
    for (device, profile) in [("alice/watch", Compat), ("alice/desk", Modern)] {
        let device = built.device(device);
        open(&built.bundle(device), &built.password(device), &["-noout"])
            .succeeds()
            .stderr_is(&profile.algorithms());
        keytool(&built, device, &built.password(device))
            .succeeds()
            .stdout_contains(", PrivateKeyEntry,");
        let extracted = built.extract(device);
        let openssl = |words: &str, file: &Path| {
            let mut command = tools::command("openssl");
            command.args(words.split(' ')).arg(file);
            outcome::run(&mut command, b"")
        };
        openssl("rsa -check -noout -in", &extracted.key)
            .succeeds()
            .stdout_contains("RSA key ok");
        assert_eq!(
            public_key(&["x509", "-noout", "-pubkey"], &extracted.certificate),
            public_key(&["pkey", "-pubout"], &extracted.key)
        );
        openssl("x509 -noout -text -in", &extracted.certificate)
            .succeeds()
            .stdout_contains("Signature Algorithm: ecdsa-with-SHA256")
            .stdout_contains("Public-Key: (2048 bit)")
            .stdout_contains("Exponent: 65537 ")
            .stdout_contains("Digital Signature\n");
        let export = |what: &str| {
            let exported = built.lab.command(["export", &device.id(), what]).run();
            exported.succeeds().stdout().to_owned()
        };
        let files = [&extracted.certificate, &extracted.key];
        let [certificate, key] = files.map(|file| fs::read_to_string(file).expect("it was made"));
        assert_eq!(export("--key").trim(), key.trim());
        assert_eq!(export("--cert").trim(), certificate.trim());
        assert_eq!(export("--pem"), export("--cert") + &export("--key"));
        let bundle = built.bundle(device);
        let bundle = bundle.to_str().expect("temporary paths are UTF-8");
        built
            .lab
            .command(["verify", bundle])
            .at(WHILE_VALID)
            .run()
            .succeeds();
    }
    built
        .lab
        .command(["verify"])
        .at(WHILE_VALID)
        .run()
        .succeeds();
}

#[track_caller]
fn keytool(family: &Built, device: &Device, password: &str) -> Outcome {
    keytool_with(&[], family, device, password)
}

#[track_caller]
fn keytool_with(provider: &[&str], family: &Built, device: &Device, password: &str) -> Outcome {
    let password = family.file("password", password);
    let mut command = tools::command("keytool");
    // A virtual machine for one short command: no time for the second compiler.
    command.args([
        "-J-XX:TieredStopAtLevel=1",
        "-J-Xshare:auto",
        "-list",
        "-storetype",
        "PKCS12",
    ]);
    command.args(provider);
    command.arg("-storepass:file").arg(password);
    command.arg("-keystore").arg(family.bundle(device));
    outcome::run(&mut command, b"")
}

#[track_caller]
fn certificate(family: &Built, device: &Device) -> String {
    fs::read_to_string(family.extract(device).certificate).expect("it has just been written")
}

/// As certificate viewers show it: `00:C5:…`.
#[track_caller]
fn fingerprint(certificate: &Path) -> String {
    let mut command = tools::command("openssl");
    command
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate);
    let printed = outcome::run(&mut command, b"");
    let printed = printed.succeeds().stdout().trim_end();
    let (_, fingerprint) = printed.split_once('=').expect("`sha256 Fingerprint=…`");
    fingerprint.to_owned()
}

#[track_caller]
fn public_key(arguments: &[&str], of: &Path) -> String {
    let mut command = tools::command("openssl");
    command.args(arguments).arg("-in").arg(of);
    let printed = outcome::run(&mut command, b"");
    block(printed.succeeds().stdout(), "PUBLIC KEY").to_owned()
}

/// The part of the owner's guide about a device.
#[track_caller]
fn section(family: &Built, device: &Device) -> String {
    let guide = family
        .lab
        .read(&format!("out/people/{}/guide.html", device.person));
    let (_, from) = guide
        .split_once(&format!(" id=\"device-{}\"", device.name))
        .unwrap_or_else(|| panic!("no section about {}", device.id()));
    let section = from.split("</article>").next();
    let section = section.expect("a split gives at least one part");
    // Where a line may be broken.
    section.replace("<wbr>", "")
}
