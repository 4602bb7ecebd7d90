//! A declaration of a test's own, built and served: its upstreams are on this machine already.

use crate::family::{Bundle, bundle};
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
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
        let lab = Lab::new();
        let house = Self {
            lab,
            ports: Ports::reserve(),
        };
        house.build(declaration);
        house
    }

    /// Builds another declaration in place of the one before.
    #[track_caller]
    pub fn build(&self, declaration: &str) {
        self.lab.write("homelab.kdl", declaration);
        self.lab.command(["build"]).run().succeeds();
    }

    #[track_caller]
    pub fn bundle(&self, person: &str, device: &str) -> Bundle {
        bundle(&self.lab, person, device)
    }

    #[track_caller]
    pub fn generated(&self) -> String {
        self.lab.read("out/edge/Caddyfile")
    }

    #[track_caller]
    pub fn serve(&self, version: Version) -> Caddy {
        self.serve_changed(version, str::to_owned)
    }

    /// Serves a Caddyfile that was changed on purpose.
    #[track_caller]
    pub fn serve_changed(&self, version: Version, change: impl FnOnce(&str) -> String) -> Caddy {
        let rewritten = rewrite(&change(&self.generated()), &self.ports, &[]);
        Caddy::start(version, &rewritten, &self.lab.path().join("out/edge"))
    }
}

impl Bundle {
    /// A visit with this certificate.
    pub fn shown(&self, curl: Curl) -> Curl {
        curl.p12(&self.path, &self.password)
    }
}
