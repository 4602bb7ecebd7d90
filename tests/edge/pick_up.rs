//! `pick-up`: a newer certificate, its key and its password are handed to who shows a certificate of that very device, while an older one is let
//! in, and to nobody else, however the request is spelt.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::family::{Bundle, replaced};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::{Answer, Curl};
use crate::support::files::snapshot;
use crate::support::lab::{Lab, for_the_old_caddy};
use crate::support::tools;
use crate::verify::verify;
use crate::wire::{Wire, request};

const HOST: &str = "home.example.com";

/// What is done to the generated files.
type Change = fn(&str) -> String;

/// What is checked of the files that it gives.
type Check = fn(Version, Change);

/// Two people, of whom one has two devices; loopback is not the LAN.
struct Scene {
    house: House,
    version: Version,
    change: Change,
    /// With what each came before anything was renewed.
    pixel: Bundle,
    iphone: Bundle,
    laptop: Bundle,
}

/// What waits for a device.
struct Waiting {
    path: &'static str,
    password: String,
    file: Vec<u8>,
}

impl Scene {
    fn new(version: Version) -> Self {
        Self::changed(version, str::to_owned)
    }

    /// One whose generated files are changed on purpose.
    fn changed(version: Version, change: Change) -> Self {
        let house = House::unbuilt("");
        let root = house.lab.path().join("out/edge");
        let declaration = format!(
            r#"domain "home.example.com"
            edge {{ email "admin@example.com"; landing; lan "192.168.0.0/16"; pick-up root="{}"; }}
            person "alice" {{ device "pixel" platform="android"; device "iphone" platform="ios"; }}
            person "bob" {{ language "de"; device "laptop" platform="linux"; }}
            service "wiki" {{ respond "wiki"; allow "alice" "bob"; }}"#,
            root.display()
        );
        house.build(&match version {
            Version::Old => for_the_old_caddy(&declaration),
            _ => declaration,
        });
        let kept = |person, device| kept(&house, person, device, "first");
        Self {
            pixel: kept("alice", "pixel"),
            iphone: kept("alice", "iphone"),
            laptop: kept("bob", "laptop"),
            house,
            version,
            change,
        }
    }

    fn serve(&self) -> Caddy {
        self.house.serve_changed(self.version, self.change)
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) {
        self.house.lab.command(arguments).run().succeeds();
    }

    fn waiting(&self, device: &str, path: &'static str) -> Waiting {
        let password = self.house.lab.command(["password", device]).run();
        let name = path.rsplit('/').next().expect("a path has a last part");
        let found = self.handed_out();
        let found = found.iter().find(|file| file.ends_with(name));
        Waiting {
            path,
            password: password.succeeds().stdout().trim().to_owned(),
            file: fs::read(found.expect("it lies in the edge")).expect("it can be read"),
        }
    }

    /// What lies below `out/edge/pick-up`.
    fn handed_out(&self) -> Vec<PathBuf> {
        let edge = self.house.lab.path().join("out/edge");
        let files = snapshot(&edge).into_keys();
        let files = files.filter(|path| path.starts_with("pick-up/"));
        files
            .map(|path| edge.join(path))
            .filter(|path| path.is_file())
            .collect()
    }
}

/// A device's bundle as it is now, copied away under a name of its own.
fn kept(house: &House, person: &str, device: &str, name: &str) -> Bundle {
    let bundle = house.bundle(person, device);
    let path = bundle
        .path
        .with_file_name(format!("{name}-{person}-{device}.p12"));
    fs::rename(&bundle.path, &path).expect("the home can be written to");
    Bundle { path, ..bundle }
}

impl Waiting {
    fn is_in(&self, bytes: &[u8]) -> bool {
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        // The end of a .p12 is its MAC, which no other has.
        has(self.password.as_bytes()) || has(&self.file[self.file.len() - 40..])
    }
}

fn visit(caddy: &Caddy, path: &str) -> Curl {
    caddy.visit(HOST, path)
}

/// Nothing keeps an answer, and no page of another origin sees it.
#[track_caller]
fn is_kept_by_nobody(answer: &Answer) {
    assert_eq!(answer.header("Cache-Control"), ["no-store"], "{answer}");
    for header in [
        "ETag",
        "Last-Modified",
        "Accept-Ranges",
        "Access-Control-Allow-Origin",
        "Expires",
    ] {
        assert!(answer.header(header).is_empty(), "{header}: {answer}");
    }
    for (header, value) in [
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(answer.header(header), [value], "{answer}");
    }
}

fn each_gets_its_own(version: Version, change: Change) {
    let scene = Scene::changed(version, change);
    assert_eq!(scene.handed_out(), [] as [PathBuf; 0]);
    scene.run(["renew", "alice/pixel", "bob/laptop"]);
    let pixel = scene.waiting("alice/pixel", "/renew/alice-pixel.p12");
    let laptop = scene.waiting("bob/laptop", "/renew/bob-laptop.p12");
    let new = kept(&scene.house, "alice", "pixel", "second");
    let caddy = scene.serve();

    let page = scene.pixel.shown(visit(&caddy, "/renew")).run();
    page.has_status(200)
        .contains(&pixel.password)
        .contains("Your new certificate");
    page.contains("href=\"/renew/alice-pixel.p12\"")
        .lacks(&laptop.password);
    assert_eq!(page.header("Content-Type"), ["text/html; charset=utf-8"]);
    is_kept_by_nobody(&page);
    // In the language of whose it is.
    let page = scene.laptop.shown(visit(&caddy, "/renew")).run();
    page.has_status(200)
        .contains(&laptop.password)
        .contains("Dein neues Zertifikat");
    for who in [&scene.pixel, &new] {
        // Whatever a cache has said: nobody is told that what they have is right still.
        let file = visit(&caddy, pixel.path)
            .header("If-None-Match", "*")
            .header("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT")
            .header("Range", "bytes=0-9");
        let file = who.shown(file).run();
        file.has_status(200);
        assert_eq!(file.body, pixel.file);
        assert_eq!(file.header("Content-Type"), ["application/x-pkcs12"]);
        assert_eq!(
            file.header("Content-Disposition"),
            ["attachment; filename=\"alice-pixel.p12\""]
        );
        is_kept_by_nobody(&file);
    }
    // It opens with what the page says.
    let shown = new.shown(visit(&caddy, "/renew")).run();
    shown
        .has_status(200)
        .contains("You are done")
        .lacks(&pixel.password);
    // Who has nothing that waits is told so, and until when what there is works; who is nobody, whom to ask.
    let settled = |caddy: &Caddy, who: &Bundle| {
        let page = who.shown(visit(caddy, "/renew"));
        let page = page.header("Accept-Language", "de").run();
        page.has_status(200)
            .contains("Nothing waits for this device")
            .contains("Its certificate works until the end of <time datetime=\"");
        page.lacks("/renew").lacks("Your new certificate");
    };
    settled(&caddy, &scene.iphone);
    let nobody = visit(&caddy, "/renew").run();
    nobody.has_status(403).contains("admin@example.com");
    // The landing page tells whom it concerns.
    let notice = "A new certificate waits for this device";
    scene
        .pixel
        .shown(visit(&caddy, "/"))
        .run()
        .has_status(200)
        .contains(notice);
    for who in [&new, &scene.iphone] {
        who.shown(visit(&caddy, "/"))
            .run()
            .has_status(200)
            .lacks(notice);
    }
    let generated = scene.house.generated(version);
    assert_eq!(version.fmt_diff(&generated), "");
    // Caddy keeps what it has loaded beside its certificates, and shows it at its admin endpoint.
    for waiting in [&pixel, &laptop] {
        assert!(!waiting.is_in(generated.as_bytes()));
    }
}

#[test]
fn each_device_fetches_its_own_on_the_old_caddy() {
    each_gets_its_own(Version::Old, str::to_owned);
}

#[test]
fn each_device_fetches_its_own_on_the_new_caddy() {
    each_gets_its_own(Version::New, str::to_owned);
}

/// A guest's device gets no newer certificate, so none is promised.
fn a_guest_is_told_the_end(version: Version) {
    let day = tools::run("date", ["-u", "-d", "60 days", "+%F"]);
    let day = day.succeeds().stdout().trim();
    let house = House::unbuilt("");
    let declaration = format!(
        r#"domain "home.example.com"
        edge {{ email "admin@example.com"; landing; lan "192.168.0.0/16"; pick-up root="{}"; }}
        person "alice" {{ device "pixel" platform="android"; }}
        person "bob" {{ device "phone" platform="android" until="{day}"; }}
        person "gast" {{ language "de"; device "handy" platform="android" until="{day}"; }}
        service "wiki" {{ respond "wiki"; allow "alice" "bob" "gast"; }}"#,
        house.lab.path().join("out/edge").display()
    );
    house.build(&match version {
        Version::Old => for_the_old_caddy(&declaration),
        _ => declaration,
    });
    let caddy = house.serve(version);
    let told = |person, device| {
        let page = house.bundle(person, device).shown(visit(&caddy, "/renew"));
        let page = page.header("Accept-Language", "de").run();
        page.has_status(200);
        page
    };
    let follows = "When it has a new one, you get it here.";
    told("alice", "pixel").contains(follows);
    let ends = format!("its certificate works until the end of <time datetime=\"{day}\">");
    told("bob", "phone")
        .lacks(follows)
        .contains(&ends)
        .contains("and ends then")
        .contains("admin@example.com");
    told("gast", "handy")
        .contains("danach bekommt es kein neues")
        .contains(&format!("<time datetime=\"{day}\">"))
        .lacks("bekommst du es hier");
    assert_eq!(version.fmt_diff(&house.generated(version)), "");
}

#[test]
fn a_guest_is_told_the_end_on_the_old_caddy() {
    a_guest_is_told_the_end(Version::Old);
}

#[test]
fn a_guest_is_told_the_end_on_the_new_caddy() {
    a_guest_is_told_the_end(Version::New);
}

/// Spellings of what belongs to another, from wherever one is let in.
fn spellings(name: &str, folder: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    for target in [
        name,
        "page.html",
        &format!("{folder}/{name}"),
        &format!("{folder}/page.html"),
    ] {
        for before in [
            "/renew/",
            "/RENEW/",
            "//renew/",
            "/renew//",
            "/renew/./",
            "/renew/../renew/",
            "/./renew/",
            "/renew/..%2f",
            "/renew/%2e%2e/",
            "/renew/..%5c",
            "/renew/..\\",
            "/renew%2f",
            "/renew/%2f",
            "/renew;/",
            "/renew/..;/",
            "/renew/%252e%252e%252f",
            "/renew/.%00/",
            "/renew/../../pick-up/",
            "/renew/../",
            "/pick-up/",
            "/",
            "/renew/x/../",
            "/renew/..%c0%af",
            "/renew./",
            "/renew/{waiting.root}/",
            "/renew%20/",
        ] {
            for behind in ["", "/", ".", "%00", "?x", "%20", "/.", "/page.html", "#x"] {
                spellings.push(format!("{before}{target}{behind}"));
            }
        }
    }
    spellings.push("/renew?waiting.device=alice/pixel".to_owned());
    spellings.push("/renew/{waiting.file}".to_owned());
    for own in ["/renew/alice-pixel.p12", "/renew"] {
        for behind in ["/../", "/..%2f", "/%2e%2e/", "/..%5c", "/..;/"] {
            spellings.push(format!("{own}{behind}{name}"));
            spellings.push(format!("{own}{behind}{folder}/{name}"));
        }
    }
    spellings
}

fn nobody_gets_anothers(version: Version, change: Change) {
    let scene = Scene::changed(version, change);
    scene.run(["renew", "alice/pixel", "bob/laptop"]);
    let pixel = scene.waiting("alice/pixel", "/renew/alice-pixel.p12");
    let laptop = scene.waiting("bob/laptop", "/renew/bob-laptop.p12");
    let caddy = scene.serve();
    let folder = |name: &str| {
        let found = scene
            .handed_out()
            .into_iter()
            .find(|file| file.ends_with(name));
        let folder = found.expect("it lies there").parent().map(PathBuf::from);
        let folder = folder.expect("it lies in a directory");
        folder
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned()
    };
    let pem = |bundle: &Bundle| bundle.pem(&scene.house.lab.home());
    let (of_laptop, of_pixel) = (
        spellings("bob-laptop.p12", &folder("bob-laptop.p12")),
        spellings("alice-pixel.p12", &folder("alice-pixel.p12")),
    );
    let visitors = [
        (Some(pem(&scene.pixel)), &of_laptop, &laptop),
        (Some(pem(&scene.iphone)), &of_pixel, &pixel),
        (Some(pem(&scene.laptop)), &of_pixel, &pixel),
        (None, &of_pixel, &pixel),
    ];
    // What the lines of devices go by is no word of a visitor's.
    let says = |device: &str, file: &str| {
        ["Waiting.Device", "Waiting-Device"]
            .map(|name| format!("{name}: {device}\r\n"))
            .concat()
            + &format!("Waiting-File: {file}\r\nCookie: waiting.device={device}\r\n")
    };
    for (who, spellings, anothers) in &visitors {
        let file = anothers
            .path
            .rsplit('/')
            .next()
            .expect("it has a last part");
        let (device, _) = file.split_once('.').expect("it has an ending");
        let says = says(&device.replace('-', "/"), file);
        let mut rest = &spellings[..];
        while !rest.is_empty() {
            let mut requests = String::new();
            for target in &rest[..rest.len().min(50)] {
                requests += &format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{says}\r\n");
            }
            requests += &request("GET", "/renew", HOST);
            let wire = Wire::named(&caddy, HOST).maybe_pem(who.as_ref());
            let reply = wire.send(&requests);
            assert!(
                !anothers.is_in(reply.text.as_bytes()),
                "{who:?}: {}",
                reply.text
            );
            // The server ends the connection behind what it cannot read.
            rest = &rest[reply.statuses.len().clamp(1, rest.len())..];
        }
    }
    // They prove something: the same wire gets the one that is one's own.
    let reply = Wire::named(&caddy, HOST).pem(&pem(&scene.pixel));
    let reply = reply.send(request("GET", "/renew", HOST));
    assert!(pixel.is_in(reply.text.as_bytes()), "{}", reply.text);
}

#[test]
fn nobody_fetches_anothers_on_the_old_caddy() {
    nobody_gets_anothers(Version::Old, str::to_owned);
}

#[test]
fn nobody_fetches_anothers_on_the_new_caddy() {
    nobody_gets_anothers(Version::New, str::to_owned);
}

fn other_origins_get_nothing(version: Version, change: Change) {
    let scene = Scene::changed(version, change);
    scene.run(["renew", "alice/pixel"]);
    let pixel = scene.waiting("alice/pixel", "/renew/alice-pixel.p12");
    let caddy = scene.serve();
    let asked = |path, site: &[&str], method: &str| {
        let visit = visit(&caddy, path).method(method);
        let visit = visit
            .header("Origin", "https://evil.example")
            .header("Sec-Fetch-Mode", "cors");
        let visit = site
            .iter()
            .fold(visit, |visit, site| visit.header("Sec-Fetch-Site", site));
        scene.pixel.shown(visit).run()
    };
    for site in [
        &["cross-site"][..],
        &["same-site"],
        &["same-origin", "cross-site"],
        &["Same-Origin"],
        &["x"],
        &["none ", " cross-site"],
    ] {
        // The page that leads there, where somebody followed a link.
        let page = asked("/renew", site, "GET");
        page.has_status(200)
            .contains("A new certificate waits for this device");
        assert!(!pixel.is_in(&page.body), "{site:?}: {page}");
        let file = asked(pixel.path, site, "GET");
        file.has_status(403);
        assert!(!pixel.is_in(&file.body), "{site:?}: {file}");
        for answer in [page, file] {
            assert!(
                answer.header("Access-Control-Allow-Origin").is_empty(),
                "{answer}"
            );
        }
    }
    for site in [&["same-origin"][..], &["none"], &[]] {
        let page = asked("/renew", site, "GET");
        page.has_status(200).contains(&pixel.password);
        is_kept_by_nobody(&page);
    }
    for method in ["POST", "PUT", "OPTIONS", "PROPFIND"] {
        for path in ["/renew", pixel.path] {
            let answer = asked(path, &[], method);
            assert!(!pixel.is_in(&answer.body), "{method}: {answer}");
            assert!(
                answer.header("Access-Control-Allow-Origin").is_empty(),
                "{answer}"
            );
        }
    }
}

#[test]
fn other_origins_get_nothing_on_the_old_caddy() {
    other_origins_get_nothing(Version::Old, str::to_owned);
}

#[test]
fn other_origins_get_nothing_on_the_new_caddy() {
    other_origins_get_nothing(Version::New, str::to_owned);
}

/// After the window nothing is there, nor by a session or a connection from before.
fn it_ends(version: Version) {
    let scene = Scene::new(version);
    scene.run(["renew", "alice/pixel", "bob/laptop"]);
    let pixel = scene.waiting("alice/pixel", "/renew/alice-pixel.p12");
    let mut caddy = scene.serve();
    let pem = scene.pixel.pem(&scene.house.lab.home());
    let session = |tls: &str| scene.house.lab.home().join(format!("session{tls}"));
    let mut resumed = 0;
    for tls in ["-tls1_2", "-tls1_3"] {
        let wire = Wire::named(&caddy, HOST)
            .with([tls])
            .pem(&pem)
            .keep(&session(tls));
        let reply = wire.send(request("GET", "/renew", HOST));
        assert!(pixel.is_in(reply.text.as_bytes()), "{}", reply.text);
        // It can be gone on with as long as nothing has changed.
        if session(tls).exists() {
            let wire = Wire::named(&caddy, HOST).with([tls]);
            let again = wire
                .resume(&session(tls))
                .send(request("GET", "/renew", HOST));
            resumed += usize::from(again.resumed && pixel.is_in(again.text.as_bytes()));
        }
    }
    scene.run(["renew", "--finish", "alice/pixel"]);
    let left = scene.handed_out();
    assert!(
        left.iter().all(|file| !file.ends_with("alice-pixel.p12")),
        "{left:?}"
    );
    assert_eq!(left.len(), 2, "{left:?}");
    scene.house.reload(&mut caddy);
    // Caddy 2.11 gives no tickets where it asks for certificates.
    assert!(
        resumed > 0 || version == Version::New,
        "no session was gone on with"
    );
    for tls in ["-tls1_2", "-tls1_3"]
        .into_iter()
        .filter(|tls| session(tls).exists())
    {
        for shown in [None, Some(&pem)] {
            for path in ["/renew", pixel.path] {
                let wire = Wire::named(&caddy, HOST).with([tls]).maybe_pem(shown);
                let reply = wire.resume(&session(tls)).send(request("GET", path, HOST));
                assert_eq!(reply.status(), Some(403), "{}", reply.text);
                assert!(!pixel.is_in(reply.text.as_bytes()), "{}", reply.text);
            }
        }
    }
    let late = scene.pixel.shown(visit(&caddy, "/renew")).run();
    late.has_status(403)
        .contains("This certificate is no longer let in")
        .contains("admin@example.com");
    // Revoked in between: neither of the two, and nothing is left.
    let new = kept_now(&scene, "bob", "laptop");
    scene.run(["revoke", "bob/laptop"]);
    assert_eq!(scene.handed_out(), [] as [PathBuf; 0]);
    scene.house.reload(&mut caddy);
    for who in [&scene.laptop, &new] {
        for path in ["/renew", "/renew/bob-laptop.p12"] {
            who.shown(visit(&caddy, path)).run().has_status(403);
        }
    }
}

fn kept_now(scene: &Scene, person: &str, device: &str) -> Bundle {
    kept(&scene.house, person, device, "now")
}

#[test]
fn it_ends_on_the_old_caddy() {
    it_ends(Version::Old);
}

#[test]
fn it_ends_on_the_new_caddy() {
    it_ends(Version::New);
}

#[test]
fn of_two_renewals_in_a_row_the_last_is_handed_out() {
    let scene = Scene::new(Version::New);
    scene.run(["renew", "alice/pixel"]);
    let second = kept(&scene.house, "alice", "pixel", "second");
    let first = scene.waiting("alice/pixel", "/renew/alice-pixel.p12");
    scene.run(["renew", "alice/pixel"]);
    let third = scene.waiting("alice/pixel", "/renew/alice-pixel.p12");
    assert_ne!(first.password, third.password);
    assert_eq!(scene.handed_out().len(), 2);
    let caddy = scene.serve();
    for who in [&scene.pixel, &second] {
        let page = who.shown(visit(&caddy, "/renew")).run();
        page.has_status(200).contains(&third.password);
        let file = who.shown(visit(&caddy, third.path)).run();
        assert_eq!(file.body, third.file);
    }
}

#[test]
fn it_is_on_the_disk_for_who_serves_it_alone_and_an_edge_without_it_has_no_secret() {
    let scene = Scene::new(Version::New);
    scene.run(["renew", "--all"]);
    let files = scene.handed_out();
    assert_eq!(files.len(), 6, "{files:?}");
    for file in &files {
        let mode = file.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{}", file.display());
    }
    // What a build without the secret finds it keeps, even where the page would be another by now.
    let before = snapshot(&scene.house.lab.path().join("out/edge/pick-up"));
    scene
        .house
        .lab
        .edit("admin@example.com", "other@example.com");
    let edge = scene
        .house
        .lab
        .command(["build", "--edge"])
        .env("XDG_CONFIG_HOME", "/nowhere");
    edge.run().succeeds().stderr_lacks("root secret");
    assert!(before == snapshot(&scene.house.lab.path().join("out/edge/pick-up")));
    // What it does not find it leaves out, and says so; visitors are told to wait.
    let elsewhere = scene.house.lab.copy();
    fs::remove_dir_all(elsewhere.path().join("out")).expect("it can be removed");
    let edge = elsewhere
        .command(["build", "--edge"])
        .env("XDG_CONFIG_HOME", "/nowhere")
        .run();
    edge.succeeds().stderr_contains(
        "The new certificates of alice/iphone, alice/pixel, bob/laptop are not in the edge, for they take the root secret",
    );
    assert!(!elsewhere.path().join("out/edge/pick-up").exists());
    for file in &files {
        fs::remove_file(file).expect("it can be removed");
    }
    let caddy = scene.serve();
    let page = scene.pixel.shown(visit(&caddy, "/renew")).run();
    page.has_status(200).contains("It is not here yet");
    // Without the word nothing is there at all, in the middle of a renewal.
    let text = scene.house.lab.read("homelab.kdl");
    let (before, behind) = text.split_once("pick-up").expect("it is declared");
    let behind = behind.split_once(';').expect("it ends").1;
    scene.house.build(&format!("{before}{behind}"));
    let edge = scene.house.lab.path().join("out/edge");
    assert!(!edge.join("pick-up").exists());
    for device in ["alice/pixel", "alice/iphone", "bob/laptop"] {
        let password = scene.house.lab.command(["password", device]).run();
        let password = password.succeeds().stdout().trim().to_owned();
        for (path, _) in snapshot(&edge) {
            let bytes = fs::read(edge.join(&path)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&password), "{path}");
            assert!(
                !text.contains("PRIVATE KEY") && !path.ends_with(".p12"),
                "{path}"
            );
        }
    }
}

/// `verify --live` asks for what is not its own.
#[test]
fn verify_sees_what_is_handed_to_others() {
    let scene = Scene::changed(Version::New, to_each_other);
    scene.run(["renew", "alice/pixel", "bob/laptop"]);
    let caddy = scene.house.serve(Version::New);
    let well = verify(&scene.house, &caddy, &[]);
    well.succeeds();
    drop(caddy);
    let caddy = scene.serve();
    let told = verify(&scene.house, &caddy, &[]);
    told.fails_with(4)
        .stdout_contains("/renew/alice-pixel.p12")
        .stdout_contains("/renew/bob-laptop.p12");
}

/// A device that made its key gets its certificate, and there is no password.
#[test]
fn a_key_of_its_own_needs_no_password() {
    let house = House::unbuilt("");
    let script = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out yubikey.csr -subj /CN=x";
    let made = crate::support::tools::command("sh")
        .args(["-c", script])
        .current_dir(house.lab.path())
        .status();
    assert!(made.expect("a shell runs").success());
    house.build_renewing(r#"person "alice" { device "yubikey" csr="yubikey.csr"; }"#);
    let first = house.lab.read("out/people/alice/yubikey/alice-yubikey.crt");
    house.lab.write("first.crt", &first);
    house
        .lab
        .command(["renew", "alice/yubikey"])
        .run()
        .succeeds();
    let second = house.lab.read("out/people/alice/yubikey/alice-yubikey.crt");
    let caddy = house.serve(Version::New);
    let pem = |name: &str| house.lab.path().join(name);
    let asked = |path| {
        visit(&caddy, path)
            .pem(&pem("first.crt"), &pem("key.pem"))
            .run()
    };
    asked("/renew")
        .has_status(200)
        .contains("It has no password")
        .lacks("The password");
    let file = asked("/renew/alice-yubikey.crt");
    file.has_status(200);
    assert_eq!(file.text(), second);
    assert_ne!(first, second);
}

/// What is left of the text without the lines that have a part of these.
fn without(text: &str, parts: &[&str]) -> String {
    let is_kept = |line: &&str| !parts.iter().any(|part| line.contains(part));
    let kept: Vec<&str> = text.lines().filter(is_kept).collect();
    assert_ne!(kept.len(), text.lines().count(), "nothing has {parts:?}");
    kept.join("\n") + "\n"
}

/// Each of these opens something, and a check above sees it.
#[test]
fn what_guards_it_is_missed() {
    let weakenings: [(&str, Change, Check); 9] = [
        ("any certificate", to_any_certificate, nobody_gets_anothers),
        ("each other's", to_each_other, nobody_gets_anothers),
        ("who names it", to_who_names_it, nobody_gets_anothers),
        (
            "who is in no line",
            |text| replaced(text, "{waiting.device} != '' && ", ""),
            each_gets_its_own,
        ),
        (
            "any origin",
            |text| without(text, &["{http.request.header.Sec-Fetch-Site}"]),
            other_origins_get_nothing,
        ),
        (
            "an ETag",
            |text| without(text, &["-ETag"]),
            each_gets_its_own,
        ),
        (
            "a date",
            |text| without(text, &["-Last-Modified"]),
            each_gets_its_own,
        ),
        (
            "conditions",
            |text| without(text, &["request_header -If-*", "request_header -Range"]),
            each_gets_its_own,
        ),
        (
            "the password for who has it already",
            |text| {
                text.replace(
                    "import page-renewed",
                    "rewrite * /page.html\n\t\t\t\tfile_server",
                )
            },
            each_gets_its_own,
        ),
    ];
    for (name, change, check) in weakenings {
        let seen = std::panic::catch_unwind(|| check(Version::New, change));
        assert!(seen.is_err(), "{name}: nobody has seen it");
    }
}

/// What waits is handed to whoever comes.
fn to_any_certificate(text: &str) -> String {
    replaced(text, "default \"\" \"\"\n", "default alice/pixel older\n")
}

/// Two devices are taken for each other.
fn to_each_other(text: &str) -> String {
    let text = replaced(text, " alice/pixel older\n", " bob/laptop  older\n");
    replaced(&text, " bob/laptop older\n", " alice/pixel older\n")
}

/// A visitor says which device is meant.
fn to_who_names_it(text: &str) -> String {
    let named = "map {http.request.header.Waiting-Device} {waiting.root}";
    let text = replaced(text, "map {waiting.device} {waiting.root}", named);
    text.replace("{waiting.device} != ''", "{waiting.file} != ''")
}

/// Caddy copies all words that follow at each `import`: with some for each device that waits, four hundred took it five seconds.
#[test]
fn a_device_that_waits_adds_lines_of_tables_and_nothing_else() {
    let devices = 0..6;
    let declared: String = devices
        .clone()
        .map(|number| format!("device \"d{number}\" platform=\"android\"; "))
        .collect();
    let lab = Lab::built(&format!(
        r#"domain "home.example.com"
        edge {{ landing; pick-up root="/etc/caddy/homelab"; }}
        person "alice" {{ {declared} }}
        person "bob" {{ device "laptop" platform="linux"; }}
        service "wiki" {{ respond "wiki"; allow "alice" "bob"; }}"#
    ));
    let text = |devices: std::ops::Range<usize>| {
        for number in devices {
            let device = format!("alice/d{number}");
            lab.command(["renew", &device]).run().succeeds();
        }
        ["sites", "pages"]
            .map(|name| lab.read(&format!("out/edge/{name}.caddyfile")))
            .concat()
    };
    let (few, many) = (text(0..2), text(2..6));
    let imports = |text: &str| text.matches("import ").count();
    let blocks = |text: &str| text.lines().filter(|line| line.ends_with('{')).count();
    assert_eq!(
        (imports(&few), blocks(&few)),
        (imports(&many), blocks(&many))
    );
    // Two certificates, what is handed out, and whom the landing page greets.
    assert_eq!(many.lines().count() - few.lines().count(), 4 * 4);
    for number in devices {
        let device = format!("alice/d{number} ");
        let lines = many.lines().filter(|line| line.contains(&device));
        let tables = lines.filter(|line| !line.trim_start().starts_with('#'));
        assert_eq!(tables.count(), 3, "{device}");
    }
}

/// On an edge without a landing page, who comes with a certificate that was replaced is led to where newer ones are fetched, too.
#[test]
fn every_edge_leads_there() {
    let lab = Lab::built(
        r#"domain "home.example.com"
        edge "home" { landing; port 8443; pick-up root="/etc/caddy/homelab"; }
        edge "vps" {}
        person "alice" { device "pixel" platform="android"; }
        service "wiki" { on "home"; respond "wiki"; allow "alice"; }
        service "notes" { on "vps"; respond "notes"; allow "alice"; }"#,
    );
    for edge in ["home", "vps"] {
        let pages = lab.read(&format!("out/edges/{edge}/pages.caddyfile"));
        let (_, retired) = pages.split_once("(page-retired)").expect("it is there");
        let (retired, _) = retired.split_once("\n}").expect("it ends");
        let link = "href=\\\"https://home.example.com:8443&#x2f;renew\\\"";
        assert!(retired.contains(link), "{edge}: {retired}");
    }
}
