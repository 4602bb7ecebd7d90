//! How large the generated Caddyfile is, how long Caddy takes to load it, how much memory it holds, and what the guard costs a
//! request, beside the same site without one. It prints; it asserts nothing, for machines differ: compare lines of one run.
//!
//! ```sh
//! tests/run --tools && cargo bench --bench edge            # 10 and 1,000 devices in one service, 20 services × 1,000
//! cargo bench --bench edge -- --large                      # 10,000 devices in one service too
//! ```

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::caddy::{Caddy, Ports, Version, rewrite};
use support::curl::Curl;
use support::lab::Lab;

const REQUESTS: usize = 3_000;

fn main() {
    // `cargo clippy` and `cargo test --all-targets` start it so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut sizes = vec![(1, 10), (1, 1_000), (20, 1_000)];
    if std::env::args().any(|argument| argument == "--large") {
        sizes.push((1, 10_000));
    }
    println!(
        "{:>8} {:>8} {:>6} {:>10} {:>8} {:>8} {:>8} {:>10} {:>10} {:>6}",
        "services",
        "devices",
        "Caddy",
        "Caddyfile",
        "load",
        "reload",
        "memory",
        "guarded",
        "unguarded",
        "ratio"
    );
    for (services, devices) in sizes {
        let home = Home::new(services, devices);
        for version in Version::ALL {
            home.measure(version);
        }
    }
}

/// A home in which every device may use every service.
struct Home {
    lab: Lab,
    services: usize,
    devices: usize,
    /// The last device's certificate, which is looked for longest.
    last: (PathBuf, String),
}

impl Home {
    fn new(services: usize, devices: usize) -> Self {
        let lab = Lab::new();
        let mut text = String::from("domain \"home.example.com\"\n");
        // Ten devices each, as in a large family.
        for person in 0..devices / 10 {
            writeln!(text, "person \"p{person:04}\" {{").expect("a String takes all");
            for device in 0..10 {
                let line = format!("    device \"d{device}\" platform=\"linux\"\n");
                text.push_str(&line);
            }
            text.push_str("}\n");
        }
        let people: Vec<String> = (0..devices / 10).map(|p| format!("\"p{p:04}\"")).collect();
        writeln!(text, "group \"all\" {}", people.join(" \\\n    ")).expect("a String takes all");
        for service in 0..services {
            // It answers by itself, so that nothing is measured but Caddy.
            let line = format!(
                "service \"s{service}\" {{ upstream \"http://127.0.0.1:9\"; raw \"respond ok\"; allow \"all\"; }}\n"
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
        let load = begin.elapsed();
        let memory = caddy.resident();
        let with = self.per_second(&caddy);
        let (reload, outcome) = timed(|| caddy.reload(&guarded));
        outcome.succeeds();
        // The same site, which asks for the certificate and then looks for it in no list.
        let open = unguarded(&guarded);
        caddy.reload(&open).succeeds();
        let without = self.per_second(&caddy);
        println!(
            "{:>8} {:>8} {:>6} {:>7} KB {:>6} ms {:>5} ms {:>5} MB {:>8}/s {:>8}/s {:>6.2}",
            self.services,
            self.devices,
            format!("{version:?}"),
            generated.len() / 1_000,
            load.as_millis(),
            reload.as_millis(),
            memory / 1_024,
            with,
            without,
            with as f64 / without as f64,
        );
    }

    /// Requests that are answered in a second, one after the other on one connection.
    fn per_second(&self, caddy: &Caddy) -> u128 {
        let (bundle, password) = &self.last;
        let visit = || -> Curl {
            caddy
                .visit("s0.home.example.com", "/")
                .p12(bundle, password)
        };
        visit().repeated(REQUESTS / 10);
        let (time, ()) = timed(|| visit().repeated(REQUESTS));
        REQUESTS as u128 * 1_000_000 / time.as_micros().max(1)
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let result = work();
    (begin.elapsed(), result)
}

fn unguarded(caddyfile: &str) -> String {
    let kept = caddyfile
        .lines()
        .filter(|line| !line.trim_start().starts_with("@allowed "))
        .filter(|line| !line.trim_start().starts_with("invoke audience-"))
        .filter(|line| !line.trim_start().starts_with("import audience-"));
    let text: String = kept.map(|line| line.to_owned() + "\n").collect();
    // Two `handle`s without a condition: the first answers.
    text.replace("handle @allowed {", "handle {")
}
