//! A declaration of a test's own, built and served: its upstreams are on this machine already.

use crate::family::{Bundle, bundle};
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::clock::Clock;
use crate::support::curl::Curl;
use crate::support::lab::Lab;

pub struct House {
    pub lab: Lab,
    ports: Ports,
}

impl House {
    /// Builds that declaration.
    #[track_caller]
    pub fn new(declaration: &str) -> Self {
        let house = Self::unbuilt(declaration);
        house.build(declaration);
        house
    }

    /// Only declares it.
    #[track_caller]
    pub fn unbuilt(declaration: &str) -> Self {
        Self {
            lab: Lab::new().declare(declaration),
            ports: Ports::reserve(),
        }
    }

    /// Builds another declaration in place of the one before.
    #[track_caller]
    pub fn build(&self, declaration: &str) {
        self.lab.write("homelab.kdl", declaration);
        self.lab.command(["build"]).run().succeeds();
    }

    /// Builds one whose people may open a service, and are handed newer certificates out of its own tree.
    #[track_caller]
    pub fn build_renewing(&self, people: &str) {
        let root = self.lab.path().join("out/edge");
        self.build(&format!(
            r#"domain "home.example.com"
            edge {{ landing; pick-up root="{}"; }}
            {people}
            service "wiki" {{ respond "wiki"; allow "alice"; }}"#,
            root.display()
        ));
    }

    /// `homelab` with these arguments, at that time, in seconds since 1970.
    #[track_caller]
    pub fn command_at<const N: usize>(&self, time: u64, arguments: [&str; N]) {
        let command = self.lab.command(arguments);
        let at_that_time = command.at(time);
        at_that_time.run().succeeds();
    }

    #[track_caller]
    pub fn bundle(&self, person: &str, device: &str) -> Bundle {
        bundle(&self.lab, person, device)
    }

    #[track_caller]
    pub fn generated(&self, version: Version) -> String {
        self.lab.edge(version)
    }

    #[track_caller]
    pub fn serve(&self, version: Version) -> Caddy {
        self.serve_changed(version, str::to_owned)
    }

    /// Serves it on these ports, so that another Caddy may serve it too.
    #[track_caller]
    pub fn serve_on(&self, version: Version, ports: &Ports) -> Caddy {
        let rewritten = rewrite(&self.generated(version), ports, &[]);
        Caddy::start(version, &rewritten, &self.lab.path().join("out/edge"))
    }

    /// Serves it by that clock.
    #[allow(dead_code, reason = "tests/kit.rs alone walks days")]
    #[track_caller]
    pub fn serve_at(&self, version: Version, clock: &Clock) -> Caddy {
        let rewritten = rewrite(&self.generated(version), &self.ports, &[]);
        let directory = self.lab.path().join("out/edge");
        Caddy::start_at(version, &rewritten, &directory, clock)
    }

    /// `caddy reload` with what is built now.
    #[track_caller]
    pub fn reload(&self, caddy: &mut Caddy) {
        self.reload_on(caddy, &self.ports);
    }

    /// The same for a Caddy on these ports.
    #[track_caller]
    pub fn reload_on(&self, caddy: &mut Caddy, ports: &Ports) {
        let rewritten = rewrite(&self.generated(caddy.version()), ports, &[]);
        caddy.reload(&rewritten).succeeds();
    }

    /// `caddy reload` with files that were changed on purpose.
    #[track_caller]
    pub fn reload_changed(&self, caddy: &mut Caddy, change: impl FnOnce(&str) -> String) {
        let generated = self.generated(caddy.version());
        let rewritten = rewrite(&change(&generated), &self.ports, &[]);
        caddy.reload(&rewritten).succeeds();
    }

    /// Serves files that were changed on purpose.
    #[track_caller]
    pub fn serve_changed(&self, version: Version, change: impl FnOnce(&str) -> String) -> Caddy {
        let rewritten = rewrite(&change(&self.generated(version)), &self.ports, &[]);
        Caddy::start(version, &rewritten, &self.lab.path().join("out/edge"))
    }
}

impl Bundle {
    /// A visit with this certificate.
    pub fn shown(&self, curl: Curl) -> Curl {
        curl.p12(&self.path, &self.password)
    }
}
