//! How large the generated Caddyfile is, how long Caddy takes to load it, how much memory it holds, and what it costs a request: beside
//! the same site that looks for nobody in a list, and beside one that has nothing but the certificate; and how long it takes to load where
//! newer certificates wait for their devices. It prints; it asserts nothing, for machines differ: compare lines of one run.
//!
//! ```sh
//! tests/run --tools && cargo bench --bench edge            # 10 and 1,000 devices in one service, 20 services × 1,000, 100 to 400 that wait
//! cargo bench --bench edge -- --large                      # 10,000 devices in one service and in twenty, too
//! ```

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use support::caddy::{Caddy, Ports, Version, rewrite};
use support::curl::Curl;
use support::lab::Lab;

/// Requests of each round, and over how many connections at once: enough to keep the processors busy.
const REQUESTS: usize = 4_000;
const CONNECTIONS: usize = 4;
/// Rounds of each form of the site, in turns.
const ROUNDS: usize = 5;

fn main() {
    // `cargo clippy` and `cargo test --all-targets` start it so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut homes = vec![
        (1, 10, Sets::Same, Told::Nothing),
        (1, 1_000, Sets::Same, Told::Nothing),
        (1, 1_000, Sets::Same, Told::Who),
        (20, 1_000, Sets::Same, Told::Nothing),
        (20, 1_000, Sets::Other, Told::Nothing),
    ];
    if std::env::args().any(|argument| argument == "--large") {
        homes.extend([
            (1, 10_000, Sets::Same, Told::Nothing),
            (1, 10_000, Sets::Same, Told::Who),
            (20, 10_000, Sets::Same, Told::Nothing),
            (20, 10_000, Sets::Other, Told::Nothing),
            (20, 10_000, Sets::Other, Told::Who),
        ]);
    }
    println!(
        "Load: on the clock, and of the processor. Requests: processor time of one, with all; without the list; without the"
    );
    println!("guard too. Then what is left of the requests per second, against each of these two.");
    for (services, devices, sets, told) in homes {
        let home = Home::new(services, devices, sets, told);
        for version in Version::ALL {
            home.measure(version);
        }
    }
    for devices in [0, 100, 200, 400] {
        load_waiting(devices);
    }
}

/// Whom services let in: each all people, or each all but another one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sets {
    Same,
    Other,
}

/// How long it takes to load an edge that hands newer certificates to so many devices.
fn load_waiting(devices: usize) {
    let lab = Lab::new();
    let mut text = String::from(
        "domain \"home.example.com\"\nedge { landing; pick-up root=\"/etc/caddy/homelab\"; }\nperson \"p\" { device \"d\" platform=\"linux\"; }\n",
    );
    for person in 0..devices / 10 {
        let of_person: String = (0..10)
            .map(|device| format!("device \"d{device}\" platform=\"linux\"; "))
            .collect();
        writeln!(text, "person \"p{person:04}\" {{ {of_person}}}").expect("a String takes all");
    }
    text.push_str("service \"s\" { respond \"ok\"; allow \"p\"; }\n");
    lab.write("homelab.kdl", text);
    lab.command(["build"]).run().succeeds();
    for person in 0..devices / 10 {
        let of_person: Vec<String> = (0..10).map(|d| format!("p{person:04}/d{d}")).collect();
        let mut words = vec!["renew"];
        words.extend(of_person.iter().map(String::as_str));
        lab.command(words).run().succeeds();
    }
    for version in Version::ALL {
        let generated = lab.edge(version);
        let served = rewrite(&generated, &Ports::reserve(), &[]);
        let begin = Instant::now();
        let caddy = Caddy::start(version, &served, &lab.path().join("out/edge"));
        println!(
            "{devices} that wait, {version:?}: {} KB, load {} ms, {} ms",
            generated.len() / 1_000,
            begin.elapsed().as_millis(),
            caddy.processor_time().as_millis(),
        );
    }
}

/// What the upstreams are told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Nothing,
    Who,
}

/// A home in which every device may use every service, or all but one person's.
struct Home {
    lab: Lab,
    services: usize,
    devices: usize,
    sets: Sets,
    told: Told,
    /// The last device's certificate, which is looked for longest.
    last: (PathBuf, String),
}

impl Home {
    fn new(services: usize, devices: usize, sets: Sets, told: Told) -> Self {
        let lab = Lab::new();
        let mut text = String::from("domain \"home.example.com\"\n");
        // Ten devices each, as in a large family. One certificate is issued; the others are as if.
        for person in 0..devices / 10 {
            writeln!(text, "person \"p{person:04}\" {{").expect("a String takes all");
            for device in 0..10 {
                let number = 10 * person + device;
                let as_if = format!("fingerprint=\"{0:032x}{0:032x}\"", spread(number));
                let what = if number + 1 == devices {
                    "platform=\"linux\"".to_owned()
                } else {
                    as_if
                };
                writeln!(text, "    device \"d{device}\" {what}").expect("a String takes all");
            }
            text.push_str("}\n");
        }
        let people: Vec<String> = (0..devices / 10).map(|p| format!("\"p{p:04}\"")).collect();
        for (group, members) in people.chunks(100).enumerate() {
            writeln!(text, "group \"g{group}\" {}", members.join(" \\\n    "))
                .expect("a String takes all");
        }
        let all: Vec<String> = (0..people.len().div_ceil(100))
            .map(|g| format!("\"g{g}\""))
            .collect();
        let identity = if told == Told::Who { "identity; " } else { "" };
        for service in 0..services {
            let mut all = all.clone();
            if sets == Sets::Other {
                let mut but_one = people.clone();
                but_one.remove(service);
                let group = format!("\"all-but-{service}\"");
                writeln!(text, "group {group} {}", but_one.join(" \\\n    "))
                    .expect("a String takes all");
                all = vec![group];
            }
            // It answers by itself, so that nothing is measured but Caddy.
            let line = format!(
                "service \"s{service}\" {{ upstream \"http://127.0.0.1:9\"; raw \"respond ok\"; {identity}allow {}; }}\n",
                all.join(" ")
            );
            text.push_str(&line);
        }
        lab.write("homelab.kdl", text);
        lab.command(["build"]).run().succeeds();
        let person = format!("p{:04}", devices / 10 - 1);
        let bundle = format!("out/people/{person}/d9/{person}-d9.p12");
        let password = lab.command(["password", &format!("{person}/d9")]).run();
        let last = (
            lab.path().join(bundle),
            password.succeeds().stdout().trim_end().to_owned(),
        );
        Self {
            lab,
            services,
            devices,
            sets,
            told,
            last,
        }
    }

    fn measure(&self, version: Version) {
        let generated = self.lab.edge(version);
        let ports = Ports::reserve();
        let guarded = rewrite(&generated, &ports, &[]);
        let directory = self.lab.path().join("out/edge");
        let begin = Instant::now();
        let mut caddy = Caddy::start(version, &guarded, &directory);
        let (load, load_processor) = (begin.elapsed(), caddy.processor_time());
        let memory = caddy.resident();
        let forms = [guarded.clone(), unlisted(&guarded), bare(&guarded)];
        let mut costs = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for (form, costs) in forms.iter().zip(&mut costs) {
                caddy.reload(form).succeeds();
                costs.push(self.cost(&caddy));
            }
        }
        let [all, unlisted, bare] = costs.map(median);
        println!(
            "{} × {} {:5} {:7} {version:?}: {} KB, load {} ms, {} ms, {} MB; a request {:.0} µs, {:.0} µs, {:.0} µs; left {:.2}, {:.2}",
            self.services,
            self.devices,
            format!("{:?}", self.sets),
            format!("{:?}", self.told),
            generated.len() / 1_000,
            load.as_millis(),
            load_processor.as_millis(),
            memory / 1_024,
            all,
            unlisted,
            bare,
            unlisted / all,
            bare / all,
        );
    }

    /// The processor time of a request, in microseconds.
    fn cost(&self, caddy: &Caddy) -> f64 {
        let (bundle, password) = &self.last;
        let visit = || -> Curl {
            caddy
                .visit("s0.home.example.com", "/")
                .p12(bundle, password)
        };
        visit().repeated(REQUESTS / 10);
        let before = caddy.processor_time();
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| visit().repeated(REQUESTS / CONNECTIONS));
            }
        });
        (caddy.processor_time() - before).as_secs_f64() * 1e6 / REQUESTS as f64
    }
}

/// A fingerprint like those of certificates: no two begin alike.
fn spread(number: usize) -> u128 {
    (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// The same sites, which ask for the certificate and then look for it in no list.
fn unlisted(caddyfile: &str) -> String {
    let of_list = [
        "@allowed ",
        "@person-",
        "invoke classes",
        "invoke audience-",
        "import audience-",
        "invoke people",
        "import people-",
    ];
    // Two `handle`s without a condition: the first answers.
    without_lines(caddyfile, &of_list).replace("handle @allowed {", "handle {")
}

/// The same sites with nothing but the certificate.
fn bare(caddyfile: &str) -> String {
    without_lines(&unlisted(caddyfile), &["import guard", "import errors-"])
}

/// Without the lines that begin so.
fn without_lines(caddyfile: &str, begins: &[&str]) -> String {
    let kept = caddyfile.lines().filter(|line| {
        let line = line.trim_start();
        !begins.iter().any(|begins| line.starts_with(begins))
    });
    kept.map(|line| line.to_owned() + "\n").collect()
}
