//! A real Caddy, of either version, on the loopback address.
//!
//! ```ignore
//! let (ports, immich) = (Ports::reserve(), Upstream::start("immich"));
//! let upstreams = [("http://immich.local:2283", immich.address())];
//! for version in Version::ALL {
//!     let caddy = Caddy::start(version, &rewrite(&lab.edge(version), &ports, &upstreams), &lab.path().join("out/edge"));
//!     caddy.visit("immich.home.example.com", "/").p12(&bundle, &password).run().has_status(200);
//! }
//! ```

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::clock::Clock;
use super::curl::Curl;
use super::edge_files::{part, parts, with_lines};
use super::outcome::{self, Outcome};
use super::port::Port;
use super::tools;

/// The oldest Caddy that generated files must suit, and the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Old,
    New,
    /// One between them, which has a hole that the generated files keep shut.
    Between(&'static str),
}

/// Where a rewritten Caddyfile listens.
pub struct Ports {
    pub http: Port,
    pub https: Port,
    pub admin: Port,
}

/// A running Caddy; it is stopped when it is dropped, and its log is shown when that is because the test failed.
pub struct Caddy {
    version: Version,
    process: Child,
    state: State,
    admin: String,
    https: u16,
    http: u16,
}

/// What a Caddy reads and writes of its own: home, configuration, certificates, log.
struct State {
    place: TempDir,
    /// The working directory, from which the Caddyfile's relative paths start.
    directory: PathBuf,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::Old, Self::New];

    /// Those between: CVE-2026-30852 is in all of them, CVE-2026-27589 in the first two. `tests/run` installs them.
    pub const BETWEEN: [Self; 3] = [
        Self::Between("caddy-2.8.4"),
        Self::Between("caddy-2.10.2"),
        Self::Between("caddy-2.11.1"),
    ];

    /// From the oldest to the current one.
    pub fn each() -> impl Iterator<Item = Self> {
        let newest = [Self::New];
        [Self::Old].into_iter().chain(Self::BETWEEN).chain(newest)
    }

    /// `caddy validate`: loads the configuration as far as it goes without listening.
    #[track_caller]
    pub fn validate(self, files: &str, directory: &Path) -> Outcome {
        self.read("validate", files, directory)
    }

    /// `caddy adapt`: the configuration as JSON on stdout.
    #[track_caller]
    pub fn adapt(self, files: &str, directory: &Path) -> Outcome {
        self.read("adapt", files, directory)
    }

    /// `caddy validate` of a Caddyfile in its place, from a working directory that is not its own.
    #[track_caller]
    pub fn validate_at(self, caddyfile: &Path) -> Outcome {
        self.read_at("validate", caddyfile, &State::new(Path::new("/")))
    }

    /// `caddy adapt` of one.
    #[track_caller]
    pub fn adapt_at(self, caddyfile: &Path) -> Outcome {
        self.read_at("adapt", caddyfile, &State::new(Path::new("/")))
    }

    /// What `caddy fmt` would change, as a unified diff: empty where each file is as `caddy fmt` writes it.
    #[track_caller]
    pub fn fmt_diff(self, files: &str) -> String {
        let of_file = |(name, text): (&str, &str)| self.fmt_diff_of(name, text);
        parts(files).into_iter().map(of_file).collect()
    }

    #[track_caller]
    fn fmt_diff_of(self, name: &str, text: &str) -> String {
        let state = State::new(Path::new("/"));
        let before = state.write(name, text.as_bytes());
        // Its exit code says only, and only in the new version, that something would change.
        let formatted = outcome::run(state.command(self).arg("fmt").arg(&before), b"");
        assert!(
            formatted.status.success() || !formatted.stdout.is_empty(),
            "caddy fmt reads the file\n{formatted}"
        );
        let after = state.write("formatted", &formatted.stdout);
        let mut diff = tools::command("diff");
        diff.args(["-u", "--label", name, "--label", "formatted"])
            .args([before, after]);
        let diff = outcome::run(&mut diff, b"");
        assert!(
            matches!(diff.status.code(), Some(0 | 1)),
            "diff compares\n{diff}"
        );
        diff.stdout().to_owned()
    }

    fn read(self, verb: &str, files: &str, directory: &Path) -> Outcome {
        let state = State::new(directory);
        let file = state.write_files(files);
        self.read_at(verb, &file, &state)
    }

    fn read_at(self, verb: &str, caddyfile: &Path, state: &State) -> Outcome {
        let mut command = state.command(self);
        command
            .args([verb, "--adapter", "caddyfile", "--config"])
            .arg(caddyfile);
        outcome::run(&mut command, b"")
    }

    /// What its program is called among the tests' tools.
    pub fn tool(self) -> &'static str {
        match self {
            Self::Old => "caddy-old",
            Self::New => "caddy-new",
            Self::Between(tool) => tool,
        }
    }
}

impl Ports {
    pub fn reserve() -> Self {
        Self {
            http: Port::reserve(),
            https: Port::reserve(),
            admin: Port::reserve(),
        }
    }

    /// With these a Caddy listens at the ports, on the loopback address, and takes certificates from a CA of its own.
    pub fn options(&self) -> String {
        let [http, https] = [&self.http, &self.https].map(Port::number);
        let localhost = Ipv4Addr::LOCALHOST;
        format!(
            "http_port {http}\nhttps_port {https}\ndefault_bind {localhost}\nlocal_certs\nskip_install_trust\n"
        )
    }
}

/// Makes generated files testable and leaves them as they are otherwise: Caddy listens on these ports of the loopback address, takes
/// certificates from a CA of its own, and each address in `upstreams` is replaced by the one beside it.
///
/// Panics where an upstream would be left that is not on this machine, or one of `upstreams` is not in the file.
#[track_caller]
pub fn rewrite(generated: &str, ports: &Ports, upstreams: &[(&str, String)]) -> String {
    let options = ports.options();
    const ADMIN: &str = "admin localhost:2019 {";
    assert!(generated.contains(ADMIN), "no {ADMIN} in\n{generated}");
    let admin = format!("admin {}:{} {{", Ipv4Addr::LOCALHOST, ports.admin.number());
    let generated = &generated.replace(ADMIN, &admin);
    let rest = with_lines(generated, "globals.caddyfile", &options);
    let mut text = String::with_capacity(rest.len());
    let mut unused: Vec<&str> = upstreams.iter().map(|(from, _)| *from).collect();
    for line in rest.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["reverse_proxy" | "to", addresses @ ..] = &words[..] {
            let replaced = addresses.iter().map(|word| {
                unused.retain(|from| from != word);
                replace(word, upstreams)
            });
            let replaced: Vec<&str> = replaced.collect();
            text += &format!("{indent}{} {}\n", words[0], replaced.join(" "));
        } else {
            text += line;
            text.push('\n');
        }
    }
    assert!(
        unused.is_empty(),
        "no `reverse_proxy` names {unused:?}:\n{generated}"
    );
    text
}

#[track_caller]
fn replace<'a>(word: &'a str, upstreams: &'a [(&str, String)]) -> &'a str {
    if let Some((_, address)) = upstreams.iter().find(|(from, _)| *from == word) {
        return address;
    }
    let is_address = !(word == "{" || word.starts_with(['@', '/', '*']));
    let address = word.split_once("://").map_or(word, |(_, address)| address);
    assert!(
        !is_address || address.starts_with("127.0.0.1:") || word.starts_with("unix/"),
        "the test must say what stands for the upstream `{word}`"
    );
    word
}

impl Caddy {
    /// How long a start or a reload may take until every site answers.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Starts a Caddy in `directory` with files that [`rewrite`] gave, and waits until every site answers.
    #[track_caller]
    pub fn start(version: Version, files: &str, directory: &Path) -> Self {
        Self::start_with(version, files, directory, &[])
    }

    /// The same with these variables in its environment.
    #[track_caller]
    pub fn start_with(
        version: Version,
        files: &str,
        directory: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_by(version, files, directory, |mut command| {
            command.envs(environment.iter().copied());
            command
        })
    }

    /// The same, going by that clock.
    #[track_caller]
    pub fn start_at(version: Version, files: &str, directory: &Path, clock: &Clock) -> Self {
        Self::start_by(version, files, directory, |command| {
            clock.emulated(&command)
        })
    }

    #[track_caller]
    fn start_by(
        version: Version,
        files: &str,
        directory: &Path,
        prepare: impl FnOnce(Command) -> Command,
    ) -> Self {
        let state = State::new(directory);
        state.keep_from_the_cleaner(&sites(files));
        let file = state.write_files(files);
        let log = File::create(state.log()).expect("the log can be made");
        let both = log
            .try_clone()
            .expect("a file can be written to from two places");
        let mut command = state.command(version);
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(file);
        let process = prepare(command)
            .stdin(Stdio::null())
            .stdout(both)
            .stderr(log)
            .spawn()
            .expect("Caddy starts");
        let mut caddy = Self {
            version,
            process,
            state,
            admin: option(files, "admin").to_owned(),
            https: option(files, "https_port").parse().expect("a port"),
            http: option(files, "http_port").parse().expect("a port"),
        };
        // Its own word first, so that no other Caddy on these ports is taken for this one.
        caddy.wait("the end of the start", |caddy| {
            caddy.log().contains("serving initial configuration")
        });
        caddy.await_sites(files);
        caddy
    }

    /// `caddy reload`, with other files for the same ports; where that succeeds, waits until every site answers.
    #[track_caller]
    pub fn reload(&mut self, files: &str) -> Outcome {
        assert_eq!(
            option(files, "admin"),
            self.admin,
            "a reload is for the same ports"
        );
        self.state.keep_from_the_cleaner(&sites(files));
        let file = self.state.write_files(files);
        let mut command = self.state.command(self.version);
        command
            .args([
                "reload",
                "--adapter",
                "caddyfile",
                "--address",
                &self.admin,
                "--config",
            ])
            .arg(file);
        let outcome = outcome::run(&mut command, b"");
        if outcome.status.success() {
            self.await_sites(files);
        }
        outcome
    }

    /// A request to a site over TLS, which believes this Caddy's own CA.
    pub fn visit(&self, host: &str, target: &str) -> Curl {
        Curl::https(host, self.https, target).root(&self.root_certificate())
    }

    /// A request to a site on the port without TLS.
    pub fn visit_plain(&self, host: &str, target: &str) -> Curl {
        Curl::http(host, self.http, target)
    }

    /// Where its own port is, through which it is given another configuration.
    pub fn admin(&self) -> &str {
        &self.admin
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn https_port(&self) -> u16 {
        self.https
    }

    pub fn http_port(&self) -> u16 {
        self.http
    }

    /// The processor time that it has taken so far, in steps of a hundredth of a second: unlike the time on a clock, it does not tell
    /// how busy the machine is otherwise.
    pub fn processor_time(&self) -> Duration {
        let stat = format!("/proc/{}/stat", self.process.id());
        let stat = fs::read_to_string(stat).expect("it runs");
        // proc(5): behind the name in parentheses, user time is the 12th field and system time the 13th.
        let (_, fields) = stat.rsplit_once(')').expect("there is a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_millis(10 * ticks)
    }

    /// Kibibytes of memory that it holds now.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("it is running");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .expect("Linux says so")
            .parse()
            .expect("it is a number")
    }

    /// The names of the sites' certificates that it has, sorted.
    pub fn certificates(&self) -> Vec<String> {
        let directory = self.state.path().join("data/caddy/certificates/local");
        let names = fs::read_dir(directory).expect("it has been started");
        let mut names: Vec<String> = names
            .map(|entry| entry.expect("it can be listed").file_name())
            .map(|name| name.into_string().expect("hosts are ASCII"))
            .filter(|name| {
                let place = format!("data/caddy/certificates/local/{name}/{name}.crt");
                self.state.path().join(place).exists()
            })
            .collect();
        names.sort();
        names
    }

    /// The root of the CA that signs the sites' certificates.
    pub fn root_certificate(&self) -> PathBuf {
        let data = self.state.path().join("data");
        data.join("caddy/pki/authorities/local/root.crt")
    }

    /// All that it has said until now, on both outputs.
    pub fn log(&self) -> String {
        fs::read(self.state.log()).map_or_else(
            |error| format!("no log: {error}"),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    /// Waits until each site presents a certificate: a Caddy gets them after it has begun to listen.
    #[track_caller]
    fn await_sites(&mut self, files: &str) {
        let mut silent = sites(files);
        assert!(!silent.is_empty(), "there is no site:\n{files}");
        self.wait("a certificate for each site", |caddy| {
            silent.retain(|(host, port)| {
                let port = port.unwrap_or(caddy.https);
                !Curl::https(&host.replace('*', "any"), port, "/").presents_certificate()
            });
            silent.is_empty()
        });
    }

    #[track_caller]
    fn wait(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + Self::PATIENCE;
        while !done(self) {
            if let Some(status) = self.process.try_wait().expect("it is a child") {
                panic!("waiting for {what}: Caddy ended with {status}");
            }
            assert!(
                Instant::now() < deadline,
                "waited {:?} for {what}",
                Self::PATIENCE
            );
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the log of Caddy {:?}:\n{}", self.version, self.log());
        }
    }
}

impl State {
    #[track_caller]
    fn new(directory: &Path) -> Self {
        assert!(
            directory.is_dir(),
            "{} is no directory",
            directory.display()
        );
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let directory = directory.to_owned();
        Self { place, directory }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a temporary directory can be written to");
        path
    }

    /// Writes the Caddyfile with what it imports, and gives its place.
    fn write_files(&self, files: &str) -> PathBuf {
        for (name, text) in parts(files) {
            self.write(name, text.as_bytes());
        }
        self.path().join("Caddyfile")
    }

    /// Puts a file where the certificate of each site is to lie. While a Caddy starts, it also cleans up, and removes the directories
    /// that are empty: now and then one that it has just made for a certificate, which it then tries to get again after a minute.
    fn keep_from_the_cleaner(&self, hosts: &[(String, Option<u16>)]) {
        for (host, _) in hosts {
            let name = host.replace('*', "wildcard_");
            let place = format!("data/caddy/certificates/local/{name}");
            let place = self.path().join(place);
            fs::create_dir_all(&place)
                .and_then(|()| fs::write(place.join("kept"), ""))
                .expect("a temporary directory can be written to");
        }
    }

    fn command(&self, version: Version) -> Command {
        let mut command = tools::command(version.tool());
        command
            .current_dir(&self.directory)
            .env("HOME", self.path())
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("XDG_CONFIG_HOME", self.path().join("config"));
        command
    }
}

/// The value of a global option in rewritten files.
#[track_caller]
fn option<'a>(files: &'a str, name: &str) -> &'a str {
    part(files, "globals.caddyfile")
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(|value| value.strip_suffix(" {").unwrap_or(value))
        .unwrap_or_else(|| panic!("the files are not rewritten: no {name}\n{files}"))
}

/// The names of the sites, as they are written, each with the port where it serves TLS, if that is said.
fn sites(files: &str) -> Vec<(String, Option<u16>)> {
    part(files, "sites.caddyfile")
        .lines()
        .filter(|line| {
            line.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '*')
        })
        .filter(|line| !line.starts_with("import "))
        .flat_map(|line| line.split([',', ' ', '{']))
        .filter(|word| !word.is_empty() && !word.contains("://"))
        .map(|name| {
            let (host, port) = match name.split_once(':') {
                Some((host, port)) => (host, Some(port.parse().expect("a port"))),
                None => (name, None),
            };
            (host.to_owned(), port)
        })
        .collect()
}
