//! Another proxy than Caddy, which asks only whether a certificate is from the authority and on no list: nginx, as docs/crl.md says.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::family::{Bundle, bundle};
use crate::support::curl::{Answer, Curl};
use crate::support::lab::Lab;
use crate::support::port::Port;
use crate::support::recipe::{P256, Recipe};
use crate::support::tools;

const HOST: &str = "it.home.example.com";

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" { device "laptop" platform="linux"; device "phone" platform="linux"; }
service "it" { upstream "http://127.0.0.1:1"; allow "alice"; }
"#;

/// An nginx in the foreground, as whoever runs the test.
struct Nginx {
    process: Child,
    place: tempfile::TempDir,
    port: Port,
}

impl Nginx {
    /// With these lines for the clients' certificates.
    #[track_caller]
    fn start(lines: &str) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let port = Port::reserve();
        tools::site_certificate(place.path(), "it.home.example.com");
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths: String = paths
            .map(|path| format!("{path}_temp_path temp;\n"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr;
            events {{}}
            http {{
                access_log off;
                {paths}
                server {{
                    listen 127.0.0.1:{} ssl;
                    ssl_certificate site.pem;
                    ssl_certificate_key site.key;
                    {lines}
                    location / {{ return 200 in; }}
                }}
            }}",
            port.number()
        );
        fs::write(place.path().join("nginx.conf"), configuration).expect("it can be written");
        let log = fs::File::create(place.path().join("log")).expect("it can be written");
        let process = tools::command("nginx")
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(place.path())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nginx starts");
        let mut nginx = Self {
            process,
            place,
            port,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, nginx.port.number())).is_err() {
            let ended = nginx.process.try_wait().expect("it is a child");
            let log = fs::read_to_string(nginx.place.path().join("log")).unwrap_or_default();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "nginx listens: {log}"
            );
            sleep(Duration::from_millis(10));
        }
        nginx
    }

    #[track_caller]
    fn visit(&self, bundle: &Bundle) -> Answer {
        let curl = Curl::https(HOST, self.port.number(), "/");
        bundle
            .shown(curl.root(&self.place.path().join("site.pem")))
            .run()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn edge(lab: &Lab) -> PathBuf {
    lab.path().join("out/edge")
}

/// The lines of docs/crl.md, for the edge that lies there.
fn documented(edge: &Path) -> String {
    let page = include_str!("../../docs/crl.md");
    let block = page.split("```nginx\n").nth(1).expect("there is one");
    let lines = block.split("```").next().expect("it ends");
    assert!(lines.contains("ssl_crl"), "{lines}");
    lines.replace("/etc/nginx/edge", &edge.display().to_string())
}

#[test]
fn nginx_refuses_who_is_on_the_list_and_nobody_else() {
    let lab = Lab::built(DECLARATION);
    let (laptop, phone) = (
        bundle(&lab, "alice", "laptop"),
        bundle(&lab, "alice", "phone"),
    );
    let before = Nginx::start(&documented(&edge(&lab)));
    before.visit(&laptop).has_status(200);
    before.visit(&phone).has_status(200);
    drop(before);
    let kept = Bundle {
        path: lab.home().join("phone.p12"),
        password: phone.password.clone(),
    };
    fs::copy(&phone.path, &kept.path).expect("it is there");
    lab.command(["revoke", "--no-replace", "alice/phone"])
        .run()
        .succeeds();
    let after = Nginx::start(&documented(&edge(&lab)));
    after.visit(&laptop).has_status(200);
    after
        .visit(&kept)
        .has_status(400)
        .contains("SSL certificate error");
}

/// With a list from one that may sign none, nginx would refuse everybody.
#[test]
fn of_an_authority_that_may_not_sign_lists_there_is_none() {
    let usage = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=critical,keyCertSign\n";
    let recipe = Recipe::new(P256, usage);
    let lab = Lab::new().declare(DECLARATION);
    let (certificate, key) = (recipe.path("ca.pem"), recipe.path("ca.key"));
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    lab.command(["adopt", &certificate, "--key", &key])
        .run()
        .succeeds()
        .stderr_contains("may not sign revocation lists")
        .stderr_contains("docs/crl.md");
    let list = edge(&lab).join("ca.crl");
    assert!(!list.exists() && !edge(&lab).join("ca.crl.der").exists());
    lab.command(["build", "--check"]).run().succeeds();
    lab.command(["verify"]).run().succeeds();
    let laptop = bundle(&lab, "alice", "laptop");
    let lines = documented(&edge(&lab));
    let lines: Vec<&str> = lines
        .lines()
        .filter(|line| !line.contains("ssl_crl"))
        .collect();
    Nginx::start(&lines.join("\n"))
        .visit(&laptop)
        .has_status(200);
    // Devices go and come without one.
    lab.command(["revoke", "--no-replace", "alice/phone"])
        .run()
        .succeeds();
    lab.command(["build", "--locked"]).run().succeeds();
    lab.command(["build", "--edge"]).run().succeeds();
    lab.command(["plan", "--expect-no-changes"])
        .run()
        .succeeds();
    assert!(!list.exists());
    // Another authority beside it has one.
    lab.command(["rotate", "--authority"]).run().succeeds();
    let text = lab.read("out/edge/ca.crl");
    assert_eq!(text.matches("BEGIN").count(), 1);
    lab.command(["build", "--check"]).run().succeeds();
}
