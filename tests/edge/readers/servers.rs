//! The upstreams: a Python, a Node, nginx and a Go server, each on the loopback address, stopped when they are dropped.

use std::fs;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::support::port::Port;
use crate::support::server::Server;
use crate::support::{tools, wait};

pub struct Servers {
    processes: [Child; 2],
    /// Python and Node.
    _telling: [Server; 2],
    addresses: [(&'static str, String); 4],
    /// What nginx and Caddy listen at, and where their files are.
    _ports: [Port; 2],
    _place: TempDir,
}

/// Of a path that nginx has decoded, resolved and merged.
const LOCATIONS: &str = r#"
    location ~* ^/share/ { return 200 "read share.\n"; }
    location ~* ^/admin(/|$) { return 200 "read admin.\n"; }
    location ~* ^/hooks(/|$) { return 200 "read hooks.\n"; }
    location ~* ^/up[^/]*$ { return 200 "read up.\n"; }
    location / { return 200 "read other.\n"; }
"#;

/// Of a path that Go has decoded and Caddy cleaned.
const HANDLES: &str = r#"
	respond /share/* "read share.
"
	respond /admin "read admin.
"
	respond /admin/* "read admin.
"
	respond /hooks "read hooks.
"
	respond /hooks/* "read hooks.
"
	respond /up* "read up.
"
	respond "read other.
"
"#;

impl Servers {
    pub fn start() -> Servers {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let ports = [Port::reserve(), Port::reserve()];
        let [nginx_port, caddy_port] = [ports[0].number(), ports[1].number()];
        let at = |name: &str| place.path().join(name);

        let mut python = tools::command("python3");
        python.args(["-c", include_str!("server.py")]);
        let mut node = tools::command("node");
        node.args(["-e", include_str!("server.js")]);
        let [python, node] = [python, node].map(|mut command| Server::start(&mut command));

        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths: String = paths
            .map(|path| format!("{path}_temp_path temp;\n"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}
            http {{ access_log off; {paths} keepalive_requests 100000;
                server {{ listen 127.0.0.1:{nginx_port}; {LOCATIONS} }} }}"
        );
        fs::write(at("nginx.conf"), configuration).expect("it can be written");
        let mut nginx = tools::command("nginx");
        nginx
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(place.path());

        let configuration = format!(
            "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://:{caddy_port} {{\n\tbind 127.0.0.1\n{HANDLES}}}\n"
        );
        fs::write(at("Caddyfile"), configuration).expect("it can be written");
        let mut caddy = tools::command("caddy-new");
        caddy
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(at("Caddyfile"))
            .env("HOME", place.path());

        let listening = [(nginx, nginx_port), (caddy, caddy_port)].map(|(mut command, port)| {
            let process = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            wait::until(
                || wait::listens(port),
                || format!("{command:?} does not listen"),
            );
            process
        });
        let [nginx, caddy] = listening;
        let address = |port: u16| format!("127.0.0.1:{port}");
        Servers {
            processes: [nginx, caddy],
            addresses: [
                ("go", address(caddy_port)),
                ("nginx", address(nginx_port)),
                ("node", node.address()),
                ("python", python.address()),
            ],
            _telling: [python, node],
            _ports: ports,
            _place: place,
        }
    }

    /// Each by its name, with its address.
    pub fn all(&self) -> [(&'static str, String); 4] {
        self.addresses.clone()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // Both fail only where it has ended already.
            _ = process.kill();
            _ = process.wait();
        }
    }
}
