//! Several edges: two Caddys, of which each serves what stands on its edge and knows nobody else.

use std::fs;
use std::path::Path;

use crate::host::Host;
use crate::ssh::{Sshd, myself};
use crate::support::caddy::Version;
use crate::support::curl::Curl;
use crate::support::lab::{Invocation, Lab};
use crate::support::outcome::Outcome;
use crate::support::upstream::Upstream;
use crate::support::wait;

/// A current Caddy on this machine, and an old one behind an sshd.
struct Homes {
    home: Host,
    vps: Host,
    _sshd: Sshd,
    lab: Lab,
    _upstream: Upstream,
}

const DEVICES: [&str; 4] = ["alice/pixel", "alice/laptop", "bob/iphone", "carol/tablet"];

impl Homes {
    fn declaration(home: &Host, vps: &Host, upstream: &Upstream) -> String {
        let at = upstream.address();
        let port = |host: &Host| host.ports.https.number();
        format!(
            r#"domain "home.example.com"
edge "home" {{ certificates "internal"; port {}; landing; {}; }}
edge "vps" {{ certificates "internal"; port {}; caddy "2.6"; lan "203.0.113.0/24"; {}; }}
person "alice" {{ device "pixel" platform="android"; device "laptop" platform="linux"; }}
person "bob" {{ device "iphone" platform="ios"; }}
person "carol" {{ device "tablet" platform="android"; }}
person "dave" {{ device "watch" platform="other"; }}
service "wiki" {{ on "home"; upstream "http://{at}"; allow "alice" "carol"; }}
service "notes" {{ on "vps"; upstream "http://{at}"; allow "bob" "alice/laptop"; }}
service "site" {{ on "vps"; respond "here"; open "everyone"; }}
"#,
            port(home),
            home.word(),
            port(vps),
            vps.word_at("\"edge\""),
        )
    }

    /// Nothing is deployed yet.
    #[track_caller]
    fn declared() -> Homes {
        let upstream = Upstream::start("wiki");
        let (mut home, mut vps) = (Host::new(Version::New), Host::new(Version::Old));
        home.start_before();
        vps.start_before();
        let sshd = Sshd::start(&vps);
        sshd.settings(&home, &myself());
        let lab = Lab::built(&Homes::declaration(&home, &vps, &upstream));
        Homes {
            home,
            vps,
            _sshd: sshd,
            lab,
            _upstream: upstream,
        }
    }

    #[track_caller]
    fn deployed() -> Homes {
        let homes = Homes::declared();
        homes.deploy(&[]).run().succeeds();
        homes
    }

    /// `homelab deploy`, and what is served is asked at both.
    fn deploy(&self, more: &[&str]) -> Invocation {
        let mut words = vec![String::from("deploy")];
        words.extend(more.iter().map(|word| (*word).to_owned()));
        if !more.contains(&"--dry-run") {
            let roots: String = { [&self.home, &self.vps] }
                .map(|host| fs::read_to_string(host.root()).unwrap_or_default())
                .concat();
            self.lab.write("roots.pem", roots);
            let roots = self.lab.path().join("roots.pem");
            words.extend(["--ca".to_owned(), roots.display().to_string()]);
            for host in [&self.home, &self.vps] {
                let https = host.ports.https.number();
                words.extend(["--resolve".to_owned(), format!("*:{https}:127.0.0.1")]);
            }
            // Nobody listens at the ports that real hosts have.
            let nobody = crate::support::port::Port::reserve();
            let nobody = nobody.number().to_string();
            words.extend(["--http-port".to_owned(), nobody.clone()]);
            words.extend(["--admin-port".to_owned(), nobody]);
        }
        self.lab.command(words).env("PATH", self.home.search_path())
    }

    /// What a device gets at a host of that edge: a status, or none where the connection ends.
    #[track_caller]
    fn gets(&self, host: &Host, name: &str, device: Option<&str>) -> Option<u16> {
        let visit = || host.visit(&format!("{name}.home.example.com"));
        wait::until(|| visit().presents_certificate(), String::new);
        with(&self.lab, visit(), device).status()
    }

    /// Who gets in at a service, of all devices.
    #[track_caller]
    fn let_in(&self, host: &Host, name: &str) -> Vec<&'static str> {
        let gets_in = |device: &&str| self.gets(host, name, Some(device)) == Some(200);
        DEVICES.into_iter().filter(gets_in).collect()
    }
}

/// The same visit with the certificate of a device of that homelab, if one is named.
#[track_caller]
fn with(lab: &Lab, visit: Curl, device: Option<&str>) -> Curl {
    let Some(device) = device else {
        return visit;
    };
    let (person, name) = device.split_once('/').expect("PERSON/DEVICE");
    let password = lab.command(["password", device]).run();
    let password = password.succeeds().stdout().trim().to_owned();
    let bundle = format!("out/people/{person}/{name}/{person}-{name}.p12");
    visit.p12(&lab.path().join(bundle), &password)
}

/// Every file of a directory, as one text.
fn text_of(directory: &Path) -> String {
    let files = fs::read_dir(directory).expect("the edge is there");
    let files = files.map(|file| fs::read(file.expect("it can be listed").path()));
    let files = files.map(|bytes| String::from_utf8_lossy(&bytes.expect("a file")).into_owned());
    files.collect()
}

/// Each edge has its services and the devices that they are for, one authority vouches for all, and each Caddy lets in those alone.
#[test]
fn each_of_two_homes_serves_what_stands_there() {
    let homes = Homes::deployed();
    let Homes { home, vps, lab, .. } = &homes;
    assert!(!lab.path().join("out/edge").exists());
    let (at_home, at_vps) = (
        text_of(&lab.path().join("out/edges/home")),
        text_of(&lab.path().join("out/edges/vps")),
    );
    for stranger in ["carol", "alice/pixel", "wiki"] {
        assert!(!at_vps.contains(stranger), "the vps learns of {stranger}");
    }
    for known in ["bob", "alice/laptop", "notes"] {
        assert!(at_vps.contains(known), "{known}");
    }
    // The landing page has a link for each.
    assert!(at_home.contains("bob/iphone") && !at_home.contains("reverse_proxy notes"));
    assert_eq!(
        lab.read("out/edges/home/ca.pem"),
        lab.read("out/edges/vps/ca.pem")
    );
    assert_eq!(
        homes.let_in(home, "wiki"),
        ["alice/pixel", "alice/laptop", "carol/tablet"]
    );
    assert_eq!(homes.let_in(vps, "notes"), ["alice/laptop", "bob/iphone"]);
    assert_eq!(homes.gets(vps, "site", None), Some(200));
    assert_eq!(homes.gets(vps, "notes", None), None);
    // What stands on the other edge is not answered.
    for (host, name) in [(vps, "wiki"), (home, "notes"), (home, "site")] {
        let visit = host.visit(&format!("{name}.home.example.com"));
        assert_eq!(
            with(lab, visit, Some("alice/laptop")).status(),
            None,
            "{name}"
        );
    }
}

/// The page of the domain itself leads to the services of all edges.
#[test]
fn the_landing_page_has_links_across() {
    let homes = Homes::deployed();
    let Homes { home, vps, .. } = &homes;
    let page = |device| {
        let visit = || home.visit("home.example.com");
        wait::until(|| visit().presents_certificate(), String::new);
        let page = with(&homes.lab, visit(), Some(device)).run();
        page.has_status(200).text().to_owned()
    };
    let at = |name: &str, host: &Host| {
        let port = host.ports.https.number();
        format!("https://{name}.home.example.com:{port}/")
    };
    let bob = page("bob/iphone");
    assert!(
        bob.contains(&at("notes", vps)) && bob.contains(&at("site", vps)),
        "{bob}"
    );
    assert!(!bob.contains("wiki."), "{bob}");
    let laptop = page("alice/laptop");
    assert!(laptop.contains(&at("notes", vps)) && laptop.contains(&at("wiki", home)));
    let pixel = page("alice/pixel");
    assert!(!pixel.contains("notes.") && pixel.contains(&at("wiki", home)));
}

/// A device that was lost gets in nowhere, and no edge goes back to where it did.
#[test]
fn who_is_revoked_is_shut_out_of_both() {
    let homes = Homes::deployed();
    let Homes { home, vps, lab, .. } = &homes;
    let before = lab.copy();
    let still = |host: &Host, name: &str| {
        let visit = host.visit(&format!("{name}.home.example.com"));
        with(&before, visit, Some("alice/laptop")).status() == Some(200)
    };
    assert!(still(home, "wiki") && still(vps, "notes"));
    lab.command(["revoke", "--no-replace", "alice/laptop"])
        .run()
        .succeeds();
    homes.deploy(&[]).run().succeeds();
    for (host, name) in [(home, "wiki"), (vps, "notes")] {
        assert!(!still(host, name), "{name}");
    }
    assert_eq!(homes.gets(home, "wiki", Some("alice/pixel")), Some(200));
    assert_eq!(homes.gets(vps, "notes", Some("bob/iphone")), Some(200));
    let refused = homes.deploy(&["vps", "--rollback"]).run();
    refused
        .fails_with(4)
        .stderr_contains("deploy::lets-in-again")
        .stderr_contains("alice/laptop");
    // A copy that remembers nothing is held against what was built, and against what each host serves.
    lab.write("homelab.lock", before.read("homelab.lock"));
    lab.forget();
    let older = lab.command(["build"]).run();
    older
        .fails_with(4)
        .stderr_contains("lock::went-back")
        .stderr_contains("out/edges/home/ca.crl");
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    lab.forget();
    let older = homes.deploy(&[]).run();
    older
        .fails_with(4)
        .stderr_contains("lock::went-back")
        .stderr_contains("not deployed: 2 of 2 edges (home, vps)");
    assert!(!still(home, "wiki") && !still(vps, "notes"));
}

/// One host that cannot be reached keeps nothing from the other: who is shut out is so wherever that is possible.
#[test]
fn one_that_fails_does_not_hinder_the_other() {
    let homes = Homes::deployed();
    let both = |homes: &Homes| [homes.home.current(), homes.vps.current()];
    let [home, vps] = both(&homes);
    homes
        .lab
        .edit("allow \"bob\" \"alice/laptop\"", "allow \"bob\"");
    homes
        .lab
        .edit("allow \"alice\" \"carol\"", "allow \"alice\"");
    homes.home.script("caddy", "[ \"$1\" = version ]");
    let outcome = homes.deploy(&["--json"]).run();
    outcome
        .fails_with(4)
        .stderr_contains("deploy::not-valid")
        .stderr_contains("not deployed: 1 of 2 edges (home)")
        .stderr_contains("`homelab deploy home`");
    let told: serde_json::Value = serde_json::from_str(outcome.stdout()).expect("JSON");
    let edges = told.as_array().expect("one object for each edge");
    let of = |place: usize, key: &str| edges[place][key].as_str().map(str::to_owned);
    assert_eq!(of(0, "edge").as_deref(), Some("home"));
    assert_eq!(of(1, "edge").as_deref(), Some("vps"));
    assert!(
        of(0, "error").is_some() && of(1, "error").is_none(),
        "{told}"
    );
    assert_eq!(homes.home.current(), home);
    assert_ne!(homes.vps.current(), vps);
    assert_eq!(homes.let_in(&homes.vps, "notes"), ["bob/iphone"]);
    homes.home.restore();
    let outcome = homes.deploy(&["home"]).run();
    outcome
        .succeeds()
        .stdout_contains("the edge home, at ")
        .stdout_lacks("the edge vps");
    assert_eq!(
        homes.let_in(&homes.home, "wiki"),
        ["alice/pixel", "alice/laptop"]
    );
}

/// An edge is named where it is not said by itself which one is meant.
#[test]
fn edges_are_named() {
    let homes = Homes::deployed();
    let first = homes.home.current();
    homes.lab.edit("respond \"here\"", "respond \"there\"");
    homes
        .lab
        .edit("allow \"alice\" \"carol\"", "allow \"alice\"");
    let dry: &Outcome = &homes.deploy(&["--dry-run", "vps"]).run();
    dry.succeeds()
        .stdout_contains("the edge vps, at ")
        .stdout_lacks("the edge home");
    homes.deploy(&[]).run().succeeds();
    let refused = homes.deploy(&["--rollback"]).run();
    refused
        .fails_with(2)
        .stderr_contains("homelab deploy --rollback home");
    let refused = homes.deploy(&["hom"]).run();
    refused
        .fails_with(2)
        .stderr_contains("did you mean `home`?");
    let vps = homes.vps.current();
    let back = homes.deploy(&["--rollback", "home"]).run();
    back.succeeds().stdout_contains("carol may now open wiki");
    assert_eq!(homes.home.current(), first);
    assert_eq!(homes.vps.current(), vps);
    homes.lab.edit("; landing; deploy", "; landing; /-deploy");
    let refused = homes.deploy(&["home"]).run();
    refused
        .fails_with(1)
        .stderr_contains("the edge `home` is to be deployed to");
    homes
        .deploy(&[])
        .run()
        .succeeds()
        .stdout_lacks("the edge home");
}

/// What it means that a service goes to another edge, or that one edge becomes several, is told; nobody is said to be shut out by it.
#[test]
fn moving_between_edges_is_told() {
    let homes = Homes::declared();
    let lab = &homes.lab;
    lab.edit(
        "service \"wiki\" { on \"home\"",
        "service \"wiki\" { on \"vps\"",
    );
    let plan = lab.command(["plan"]).run();
    plan.succeeds()
        .stdout_contains("wiki stands on the edge vps; it stood on home")
        .stdout_lacks("locks out")
        .stdout_lacks("may no longer");
    lab.command(["build"]).run().succeeds();
    let one = lab.read("homelab.kdl");
    let one = one.lines().filter(|line| !line.starts_with("edge \"vps\""));
    let one: String = one.map(|line| format!("{line}\n")).collect();
    lab.write("homelab.kdl", one.replace("on \"vps\"", "on \"home\""));
    let plan = lab.command(["plan"]).run();
    plan.succeeds()
        .stdout_lacks("locks out")
        .stdout_lacks("may no longer");
    lab.command(["build"]).run().succeeds();
    assert!(!lab.path().join("out/edges").exists());
    assert!(lab.path().join("out/edge/Caddyfile").exists());
    // Without the landing page dave's certificate opens nothing, and no edge names it.
    let several = Homes::declaration(&homes.home, &homes.vps, &homes._upstream);
    lab.write("homelab.kdl", several.replace("; landing;", ";"));
    let build = lab.command(["build", "--edge"]).run();
    build.succeeds().stdout_lacks("locks out");
    build.stdout_contains("the edge vps is new: its Caddy has to get its files");
    assert!(!lab.path().join("out/edge").exists());
    assert!(!text_of(&lab.path().join("out/edges/home")).contains("dave"));
    lab.command(["check"]).run().succeeds();
    lab.command(["build", "--locked"]).run().succeeds();
    lab.command(["verify"]).run().succeeds();
}

/// Who opens nothing at an edge any more is not shut out: it may go back to where they did.
#[test]
fn an_edge_goes_back_after_a_service_has_left_it() {
    let homes = Homes::deployed();
    let first = homes.vps.current();
    homes.lab.edit(
        "service \"notes\" { on \"vps\"",
        "service \"notes\" { on \"home\"",
    );
    homes.deploy(&[]).run().succeeds();
    assert!(!text_of(&homes.lab.path().join("out/edges/vps")).contains("bob"));
    assert_eq!(
        homes.let_in(&homes.home, "notes"),
        ["alice/laptop", "bob/iphone"]
    );
    let back = homes.deploy(&["--rollback", "--no-verify", "vps"]).run();
    back.succeeds();
    assert_eq!(homes.vps.current(), first);
    assert_eq!(
        homes.let_in(&homes.vps, "notes"),
        ["alice/laptop", "bob/iphone"]
    );
}
