//! The home of `examples/family`: built by `homelab`, with an upstream per service, behind a Caddy.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::lab::Lab;
use crate::support::tls_front::TlsFront;
use crate::support::tools;
use crate::support::upstream::{Arrival, Upstream};

/// The example as it stands.
pub const EXAMPLE: &str = include_str!("../../examples/family/homelab.kdl");

/// The services that are proxied, and their upstreams as the generated file writes them. `attic` has nobody to let in, so its upstream
/// is not in the file.
const UPSTREAMS: [(&str, &str); 7] = [
    ("grafana", "https://127.0.0.1:3000"),
    ("home-assistant", "127.0.0.1:8123"),
    ("immich", "127.0.0.1:2283"),
    ("jellyfin", "127.0.0.1:8096"),
    ("paperless", "127.0.0.1:8000"),
    ("vault", "127.0.0.1:8222"),
    ("website", "127.0.0.1:8080"),
];

pub struct Family {
    pub lab: Lab,
    pub ports: Ports,
    pub upstreams: Upstreams,
    front: TlsFront,
}

/// The servers behind a Caddy, each with its service.
pub struct Upstreams(pub Vec<(&'static str, Upstream)>);

/// A client certificate with its key.
#[derive(Clone)]
pub struct Bundle {
    pub path: PathBuf,
    pub password: String,
}

impl Family {
    /// The example, built now.
    pub fn new() -> Self {
        Self::declared(EXAMPLE)
    }

    /// The example where loopback is the LAN.
    pub fn at_home() -> Self {
        Self::declared(&at_home(EXAMPLE))
    }

    pub fn declared(declaration: &str) -> Self {
        let family = Self::unbuilt();
        family.build(declaration, now());
        family
    }

    /// A home that is yet to be [built](Self::build).
    pub fn unbuilt() -> Self {
        let upstreams = UPSTREAMS.map(|(service, _)| (service, Upstream::start(service)));
        let (_, grafana) = &upstreams[0];
        Self {
            lab: Lab::new(),
            ports: Ports::reserve(),
            front: TlsFront::start(grafana),
            upstreams: Upstreams(upstreams.into()),
        }
    }

    /// `homelab build`, with that declaration and at that time, in seconds since 1970.
    #[track_caller]
    pub fn build(&self, declaration: &str, time: u64) {
        self.lab.write("homelab.kdl", declaration);
        let build = self.lab.command(["build"]);
        build.at(time).run().succeeds();
    }

    /// A device's bundle, copied away so that it outlives the device.
    #[track_caller]
    pub fn bundle(&self, person: &str, device: &str) -> Bundle {
        bundle(&self.lab, person, device)
    }

    /// The bundle of a stranger: its certificate and its issuer are named and numbered as alice/pixel's are, and signed by others.
    #[track_caller]
    pub fn stranger(&self) -> Bundle {
        stranger(&self.lab, &self.bundle("alice", "pixel"))
    }

    /// The edge's files for that Caddy, as they were generated.
    #[track_caller]
    pub fn generated(&self, version: Version) -> String {
        self.lab.edge(version)
    }

    /// The files made testable, and not otherwise changed.
    #[track_caller]
    pub fn testable(&self, version: Version) -> String {
        let upstreams: Vec<(&str, String)> = UPSTREAMS
            .iter()
            .zip(&self.upstreams.0)
            .map(|((service, written), (_, upstream))| match *service {
                "grafana" => (*written, self.front.address()),
                _ => (*written, upstream.address()),
            })
            .collect();
        rewrite(&self.generated(version), &self.ports, &upstreams)
    }

    #[track_caller]
    pub fn serve(&self, version: Version) -> Caddy {
        self.serve_changed(version, str::to_owned)
    }

    /// Serves files that were changed on purpose.
    #[track_caller]
    pub fn serve_changed(&self, version: Version, change: impl FnOnce(&str) -> String) -> Caddy {
        let changed = change(&self.testable(version));
        Caddy::start(version, &changed, &self.lab.path().join("out/edge"))
    }

    /// What arrives at any upstream while `visit` runs, with its service.
    pub fn arriving<T>(&self, visit: impl FnOnce() -> T) -> (T, Vec<(&'static str, Arrival)>) {
        self.upstreams.arriving(visit)
    }
}

impl Upstreams {
    /// What arrives at any of them while `visit` runs, with its service.
    pub fn arriving<T>(&self, visit: impl FnOnce() -> T) -> (T, Vec<(&'static str, Arrival)>) {
        let before: Vec<usize> = self
            .0
            .iter()
            .map(|(_, upstream)| upstream.arrived())
            .collect();
        let result = visit();
        let new = self.0.iter().zip(before);
        let new = new.flat_map(|((service, upstream), before)| {
            let arrivals = upstream.arrivals_after(before).into_iter();
            arrivals.map(move |arrival| (*service, arrival))
        });
        (result, new.collect())
    }
}

impl Bundle {
    /// SHA-256 of its certificate in hexadecimal, as openssl says.
    #[track_caller]
    pub fn fingerprint(&self, directory: &std::path::Path) -> String {
        tools::fingerprint(&self.pem(directory)).to_lowercase()
    }

    /// Its certificate and key as one PEM file, for programs that read no bundles.
    #[track_caller]
    pub fn pem(&self, directory: &std::path::Path) -> PathBuf {
        let name = self.path.file_stem().expect("a bundle has a name");
        let pem = directory.join(name).with_extension("pem");
        let mut openssl = tools::command("openssl");
        openssl
            .args(["pkcs12", "-nodes", "-passin", "stdin", "-in"])
            .arg(&self.path)
            .arg("-out")
            .arg(&pem);
        crate::support::outcome::run(&mut openssl, self.password.as_bytes()).succeeds();
        pem
    }
}

/// A device's bundle, copied away so that it outlives the device.
#[track_caller]
pub fn bundle(lab: &Lab, person: &str, device: &str) -> Bundle {
    let file = format!("{person}-{device}.p12");
    let kept = lab.home().join(&file);
    let made = lab
        .path()
        .join(format!("out/people/{person}/{device}/{file}"));
    std::fs::copy(&made, &kept).unwrap_or_else(|error| panic!("{}: {error}", made.display()));
    let password = lab
        .command(["password", &format!("{person}/{device}")])
        .run();
    Bundle {
        path: kept,
        password: password.succeeds().stdout().trim_end().to_owned(),
    }
}

/// A certificate that is named and numbered as ours is, of an issuer that is named as ours is, and signed by others.
#[track_caller]
pub fn stranger(lab: &Lab, ours: &Bundle) -> Bundle {
    let place = lab.home().join("stranger");
    std::fs::create_dir_all(&place).expect("the home can be written to");
    let (ca, leaf) = (lab.path().join("out/edge/ca.pem"), ours.pem(&place));
    let script = r#"
            set -eu
            name() { openssl x509 -in "$1" -noout "-$2" -nameopt compat | sed "s/^$2=//"; }
            key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
            openssl req -x509 $key -days 30 -subj "$(name "$1" subject)" -keyout ca.key -out ca.pem
            openssl req $key -subj "$(name "$2" subject)" -keyout leaf.key -out leaf.csr
            printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n' >extensions
            openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial "0x$(name "$2" serial)" -days 20 \
                -extfile extensions -out leaf.pem
            openssl pkcs12 -export -in leaf.pem -inkey leaf.key -passout pass:stranger -out stranger.p12
            test "$(name leaf.pem issuer)" = "$(name "$2" issuer)"
            test "$(name leaf.pem subject)" = "$(name "$2" subject)"
        "#;
    let mut shell = tools::command("sh");
    shell.args(["-c", script, "sh"]).args([ca, leaf]);
    crate::support::outcome::run(shell.current_dir(&place), b"").succeeds();
    Bundle {
        path: place.join("stranger.p12"),
        password: "stranger".to_owned(),
    }
}

/// A declaration in which loopback, and nothing else, is the LAN.
pub fn at_home(declaration: &str) -> String {
    replaced(
        declaration,
        r#"lan "192.168.0.0/16" "fd00::/8""#,
        r#"lan "127.0.0.0/8""#,
    )
}

/// `text` with every `from` replaced; panics where there is none, so that no change is made in vain.
#[track_caller]
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "there is no {from:?} in\n{text}");
    text.replace(from, to)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is later than 1970").as_secs()
}
