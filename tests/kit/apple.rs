//! Configuration profiles, read by libplist and by Python: no reader of Apple's runs here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::house::House;
use crate::support::outcome;
use crate::support::tools;
use crate::terminal::PYTHON;

const NAME: &str = r#"Alice <script>alert(1)</script> & "x" ]]> O'Brien"#;

fn declaration() -> String {
    let name = NAME.replace('"', "\\\"");
    format!(
        r#"
        domain "home.example.com"
        person "alice" {{
            name "{name}"
            device "iphone" platform="ios" version=17
            device "ipad" platform="ipados" version=18
            device "macbook" platform="macos"
            device "desk" platform="linux"
        }}
        person "bob" {{ device "macbook" platform="macos" }}
        service "closed" {{ host "b" "a"; upstream "http://127.0.0.1:9"; allow "alice"; title "<b>\"&"; }}
        service "home" {{ upstream "http://127.0.0.1:9"; open "lan"; }}
        service "not-hers" {{ upstream "http://127.0.0.1:9"; allow "bob"; }}
        "#
    )
}

/// A profile as Python reads it, as JSON with `{"data": "…"}` for bytes in base64; libplist reads it to the same.
#[track_caller]
fn read(path: &Path) -> Value {
    const PRINT: &str = "\
import base64, json, plistlib, sys
def plain(value):
    if isinstance(value, bytes):
        return {'data': base64.b64encode(value).decode()}
    raise TypeError(value)
print(json.dumps(plistlib.loads(sys.stdin.buffer.read()), default=plain))
";
    let print = |plist: &[u8]| -> Value {
        let mut python = tools::command(PYTHON);
        let printed = outcome::run(python.args(["-c", PRINT]), plist);
        serde_json::from_str(printed.succeeds().stdout()).expect("Python prints JSON")
    };
    let xml = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut plistutil = tools::command("plistutil");
    let binary = outcome::run(plistutil.args(["-f", "bin", "-i", "-"]), &xml);
    assert!(binary.succeeds().stdout.starts_with(b"bplist"), "{binary}");
    let read = print(&xml);
    assert_eq!(read, print(&binary.stdout));
    read
}

fn payloads(profile: &Value) -> &Vec<Value> {
    profile["PayloadContent"]
        .as_array()
        .expect("it is an array")
}

/// Every UUID, the profile's own first: each of version 5, and none twice.
#[track_caller]
fn uuids(profile: &Value) -> Vec<&str> {
    let all = std::iter::once(profile).chain(payloads(profile));
    let uuids: Vec<&str> = all
        .map(|p| p["PayloadUUID"].as_str().expect("required"))
        .collect();
    for uuid in &uuids {
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(uuid.as_bytes()[14], b'5', "{uuid}");
        assert!(b"89AB".contains(&uuid.as_bytes()[19]), "{uuid}");
    }
    let mut distinct = uuids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), uuids.len());
    uuids
}

#[track_caller]
fn assert_required(profile: &Value) {
    assert_eq!(profile["PayloadType"], "Configuration");
    assert_eq!(profile["PayloadScope"], "User");
    let mut identifiers = Vec::new();
    for part in std::iter::once(profile).chain(payloads(profile)) {
        assert_eq!(part["PayloadVersion"], 1, "{part}");
        assert!(part["PayloadType"].is_string(), "{part}");
        assert!(part.get("Password").is_none(), "{part}");
        identifiers.push(part["PayloadIdentifier"].as_str().expect("required"));
    }
    let profile_s = identifiers[0];
    assert!(
        identifiers[1..]
            .iter()
            .all(|i| i.starts_with(&format!("{profile_s}.")))
    );
    let count = identifiers.len();
    identifiers.sort_unstable();
    identifiers.dedup();
    assert_eq!(identifiers.len(), count);
    uuids(profile);
}

#[test]
fn a_profile_carries_the_p12_and_what_safari_needs_to_choose_it() {
    let house = House::new(&declaration());
    for (person, device, hosts) in [
        ("alice", "iphone", &[][..]),
        ("alice", "ipad", &[]),
        (
            "alice",
            "macbook",
            &["a.home.example.com", "b.home.example.com"],
        ),
        ("bob", "macbook", &["not-hers.home.example.com"]),
    ] {
        let bundle = house.bundle(person, device);
        let path = format!("out/people/{person}/{device}/{person}-{device}.mobileconfig");
        let path = house.lab.path().join(path);
        let mode = fs::metadata(&path)
            .expect("it was built")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "the key is in it");
        let profile = read(&path);
        assert_required(&profile);
        let identifier = format!("com.example.home.devices.{person}.{device}");
        assert_eq!(profile["PayloadIdentifier"], identifier);
        if person == "alice" {
            let describes =
                format!("Opens the services at home.example.com on this device of {NAME}.");
            assert_eq!(profile["PayloadDescription"], describes);
        }

        let (certificate, preferences) = payloads(&profile).split_first().expect("there is one");
        assert_eq!(certificate["PayloadType"], "com.apple.security.pkcs12");
        let file = format!("{person}-{device}.p12");
        assert_eq!(certificate["PayloadCertificateFileName"], file);
        let carried = certificate["PayloadContent"]["data"]
            .as_str()
            .expect("it is bytes");
        let carried = data_encoding::BASE64
            .decode(carried.as_bytes())
            .expect("Python wrote it");
        assert!(
            carried == fs::read(&bundle.path).expect("it is there"),
            "{file}"
        );
        let text = fs::read_to_string(&path).expect("it is XML");
        assert!(!text.contains(&bundle.password));

        for preference in preferences {
            assert_eq!(
                preference["PayloadType"],
                "com.apple.security.identitypreference"
            );
            assert_eq!(
                preference["PayloadCertificateUUID"],
                certificate["PayloadUUID"]
            );
        }
        let names: Vec<&Value> = preferences
            .iter()
            .map(|preference| &preference["Name"])
            .collect();
        assert_eq!(names, hosts);
    }
}

/// The identifier decides whether a profile is added or takes another's place, and its UUID whether it is another.
#[test]
fn a_renewed_certificate_takes_the_place_of_the_older_one() {
    let house = House::new(&declaration());
    let path = house
        .lab
        .path()
        .join("out/people/alice/macbook/alice-macbook.mobileconfig");
    let before = read(&path);
    house
        .lab
        .command(["renew", "alice/macbook"])
        .run()
        .succeeds();
    let after = read(&path);
    assert_eq!(before["PayloadIdentifier"], after["PayloadIdentifier"]);
    for (one, other) in payloads(&before).iter().zip(payloads(&after)) {
        assert_eq!(one["PayloadIdentifier"], other["PayloadIdentifier"]);
    }
    let (old, new) = (uuids(&before), uuids(&after));
    assert!(
        new.iter().all(|uuid| !old.contains(uuid)),
        "{old:?} {new:?}"
    );

    // Another service: another profile, with the same certificate in it.
    let more =
        declaration() + "service \"more\" { upstream \"http://127.0.0.1:9\"; allow \"alice\"; }";
    house.build(&more);
    let wider = read(&path);
    assert_eq!(uuids(&wider)[1], uuids(&after)[1]);
    assert_ne!(uuids(&wider)[0], uuids(&after)[0]);
    assert_eq!(payloads(&wider).len(), payloads(&after).len() + 1);
}

#[test]
fn the_browsers_of_a_mac_are_told_what_those_of_linux_are() {
    let house = House::new(&declaration());
    let path = house
        .lab
        .path()
        .join("out/people/alice/macbook/alice-macbook-browsers.mobileconfig");
    let mode = fs::metadata(&path)
        .expect("it was built")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    let profile = read(&path);
    assert_required(&profile);
    let linux = house
        .lab
        .read("out/people/alice/desk/alice-desk-browsers.json");
    let linux: Value = serde_json::from_str(&linux).expect("it is JSON");
    let policy = "AutoSelectCertificateForUrls";
    assert_eq!(linux[policy].as_array().expect("it is a list").len(), 2);
    let kinds = payloads(&profile).iter().map(|payload| {
        assert_eq!(payload[policy], linux[policy]);
        payload["PayloadType"].as_str().expect("required")
    });
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["com.google.Chrome", "com.microsoft.Edge"]
    );
}
