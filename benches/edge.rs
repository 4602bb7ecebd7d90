//! How large the generated Caddyfile is, how long Caddy takes to load it, how much memory it holds, and what it costs a request: beside
//! the same site that looks for nobody in a list, and beside one that has nothing but the certificate. It prints; it asserts
//! nothing, for machines differ: compare lines of one run.
//!
//! ```sh
//! tests/run --tools && cargo bench --bench edge            # 10 and 1,000 devices in one service, 20 services × 1,000
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
        (1, 10, Told::Nothing),
        (1, 1_000, Told::Nothing),
        (1, 1_000, Told::Who),
        (20, 1_000, Told::Nothing),
    ];
    if std::env::args().any(|argument| argument == "--large") {
        homes.extend([
            (1, 10_000, Told::Nothing),
            (1, 10_000, Told::Who),
            (20, 10_000, Told::Nothing),
        ]);
    }
    println!(
        "Load: on the clock, and of the processor. Requests: processor time of one, with all; without the list; without the"
    );
    println!("guard too. Then what is left of the requests per second, against each of these two.");
    for (services, devices, told) in homes {
        let home = Home::new(services, devices, told);
        for version in Version::ALL {
            home.measure(version);
        }
    }
}

/// What the upstreams are told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Nothing,
    Who,
}

/// A home in which every device may use every service.
struct Home {
    lab: Lab,
    services: usize,
    devices: usize,
    told: Told,
    /// The last device's certificate, which is looked for longest.
    last: (PathBuf, String),
}

impl Home {
    fn new(services: usize, devices: usize, told: Told) -> Self {
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
            "{} × {} {:7} {version:?}: {} KB, load {} ms, {} ms, {} MB; a request {:.0} µs, {:.0} µs, {:.0} µs; left {:.2}, {:.2}",
            self.services,
            self.devices,
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
        "invoke audience-",
        "import audience-",
        "invoke people-",
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
