//! A page whose files are public, and one thing beside them that is refused: browsers ask for all of it over one connection, and the
//! refusal is to harm nothing else.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::chromium;
use crate::firefox::{self, Firefox};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::user::{User, trust};

/// Public files of the page.
const FILES: usize = 23;
const LOADS: usize = 60;

/// Seconds that all loads may take.
const PATIENCE: u32 = 100;

/// A page with files and something refused among them, which tells the page around it what failed.
fn page() -> String {
    let file = |number| match number {
        11 => String::from("<img src='/api/refused'>"),
        _ => format!("<script src='/_app/{number}.js'></script>"),
    };
    let parts: String = (0..=FILES).map(file).collect();
    format!(
        "<!doctype html><title>page</title><script>\
         let broken = [], refused = 0;\
         addEventListener('error', (event) => {{\
           const at = event.target.src || '';\
           if (at.endsWith('/api/refused')) refused += 1; else broken.push(at);\
         }}, true);\
         addEventListener('load', () => parent.told(broken, refused, window.ran));\
         window.ran = 0;</script>{parts}"
    )
}

/// Loads that page again and again, each time without what was kept of it, and says how it went. Its picture does not come before all of
/// that is over, so that a browser goes on loading.
fn around() -> String {
    format!(
        "<!doctype html><title>around</title><p id='told'></p><img src='/share/wait'><script>\
         let loads = 0, whole = 0, refusals = 0, broken = [];\
         function told(failed, refused, ran) {{\
           refusals += refused; broken.push(...failed);\
           if (failed.length === 0 && ran === {FILES}) whole += 1;\
         }}\
         function next() {{\
           document.getElementById('told').textContent =\
             `${{loads}} loads, ${{whole}} whole, ${{refusals}} refused ${{broken}}`;\
           if (loads === {LOADS}) {{ fetch('/share/done'); return; }}\
           loads += 1;\
           const frame = document.createElement('iframe');\
           frame.onload = () => {{ frame.remove(); next(); }};\
           frame.src = `/share/page?${{loads}}`;\
           document.body.append(frame);\
         }}\
         next();</script>"
    )
}

/// What stands behind Caddy; it answers until the test's process ends.
fn serve() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let done = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let done = Arc::clone(&done);
            // A browser may go away in the middle.
            thread::spawn(move || _ = answer(&connection, &done));
        }
    });
    address
}

fn answer(connection: &TcpStream, done: &AtomicBool) -> io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    match target {
        "/share/done" => done.store(true, Ordering::Relaxed),
        "/share/wait" => {
            let begin = Instant::now();
            while !done.load(Ordering::Relaxed) && begin.elapsed().as_secs() < PATIENCE.into() {
                thread::sleep(Duration::from_millis(20));
            }
        }
        _ => {}
    }
    let (kind, body) = match target {
        "/share/around" => ("text/html", around()),
        page if page.starts_with("/share/page") => ("text/html", self::page()),
        _ => ("text/javascript", String::from("window.ran += 1;")),
    };
    let length = body.len();
    let mut connection = connection;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}

struct Scene {
    caddy: Caddy,
    url: String,
    // The files stand here while Caddy serves.
    _house: House,
}

impl Scene {
    #[track_caller]
    fn serve(version: Version) -> Self {
        let address = serve();
        let house = House::new(&format!(
            r#"
            domain "home.example.com"
            person "alice" {{ device "desk" platform="linux"; }}
            service "photos" {{
                upstream "http://{address}"
                allow "alice"
                public "/share/*" "/_app/*"
            }}
            "#
        ));
        let caddy = house.serve(version);
        let url = format!(
            "https://photos.home.example.com:{}/share/around",
            caddy.https_port()
        );
        Self {
            caddy,
            url,
            _house: house,
        }
    }
}

/// Each load was whole, and each had its refusal.
#[track_caller]
fn assert_whole(version: Version, page: &str) {
    let said = page
        .split_once("id=\"told\">")
        .map_or(page, |(_, said)| said);
    let said = said.split_once("</p>").map_or(said, |(said, _)| said);
    let expected = format!("{LOADS} loads, {LOADS} whole, {LOADS} refused ");
    assert_eq!(said, expected, "{version:?}");
}

#[test]
fn chromium_loads_all_that_is_public_beside_what_is_refused() {
    for version in Version::ALL {
        let (scene, user) = (Scene::serve(version), User::new());
        std::fs::create_dir_all(user.database()).expect("the home is empty");
        trust(&user.database(), &scene.caddy.root_certificate());
        let seen = chromium::open_within(&user, &scene.url, PATIENCE);
        assert_whole(version, seen.succeeds().stdout());
    }
}

#[test]
fn firefox_loads_all_that_is_public_beside_what_is_refused() {
    for version in Version::ALL {
        let (scene, user) = (Scene::serve(version), User::new());
        let profile = firefox::make_profile(&user);
        trust(&profile, &scene.caddy.root_certificate());
        let mut browser = Firefox::start(&user, &profile);
        let seen = browser.open_within(&scene.url, PATIENCE);
        assert_whole(version, &seen.expect("it opens"));
    }
}
