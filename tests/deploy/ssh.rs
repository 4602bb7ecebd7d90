//! All of it through a real sshd on loopback, with the system's own ssh.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::host::{Host, assert_root, gets_in, lab};
use crate::support::caddy::Version;
use crate::support::lab::{Invocation, Lab};
use crate::support::port::Port;
use crate::support::tools::{self, tool};
use crate::support::upstream::Upstream;
use crate::support::wait;

/// An sshd of a test's own, which lets in the user who runs the test, by a key of the test's own.
pub struct Sshd {
    pub directory: PathBuf,
    pub port: Port,
    process: Child,
}

impl Sshd {
    pub fn start(host: &Host) -> Sshd {
        Sshd::start_among(host, &[])
    }

    /// The same, in a mount namespace of its own in which these files stand in the place of the machine's.
    fn start_among(host: &Host, files: &[(&str, PathBuf)]) -> Sshd {
        let directory = host.path("ssh");
        fs::create_dir(&directory).expect("it is new");
        for key in ["host", "user"] {
            let file = directory.join(key);
            let made = tools::command("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&file)
                .status();
            assert!(made.expect("ssh-keygen runs").success());
        }
        let port = Port::reserve();
        let read = |name: &str| fs::read_to_string(directory.join(name)).expect("it was made");
        fs::write(directory.join("authorized_keys"), read("user.pub")).expect("it is ours");
        let known = format!("[127.0.0.1]:{} {}", port.number(), read("host.pub"));
        fs::write(directory.join("known_hosts"), known).expect("it is ours");
        let place = directory.display();
        let settings = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSetEnv PATH={}\nLogLevel VERBOSE\n",
            port.number(),
            host.search_path()
        );
        fs::write(directory.join("sshd_config"), settings).expect("it is ours");
        // What sshd asks for where it is started by hand, and an init system would have made.
        let _ = fs::create_dir_all("/run/sshd");
        let log = fs::File::create(directory.join("log")).expect("it is ours");
        let binds = files
            .iter()
            .map(|(place, file)| format!("mount --bind {} {place} && ", file.display()));
        let script = format!(
            "{}exec {} -D -e -f {place}/sshd_config",
            binds.collect::<String>(),
            tool("sshd").display()
        );
        let mut command = if files.is_empty() {
            Command::new("sh")
        } else {
            let mut command = Command::new(tool("unshare"));
            command.args(["--mount", "--propagation", "private", "sh"]);
            command
        };
        let process = command
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd starts");
        let sshd = Sshd {
            directory,
            port,
            process,
        };
        wait::until(|| wait::listens(sshd.port.number()), || sshd.log());
        sshd
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Where homelab is told to connect to: a name of the user's own ~/.ssh/config.
    pub fn word(&self) -> &'static str {
        "\"edge\""
    }

    /// The user's own settings of ssh, in a home of their own: `ssh` reads that of the password database and not `$HOME`, so that
    /// a wrapper names the file.
    pub fn settings(&self, host: &Host, user: &str) {
        let place = self.directory.display();
        let config = format!(
            "Host edge\n\tHostName 127.0.0.1\n\tPort {}\n\tUser {user}\n\tIdentityFile {place}/user\n\tIdentitiesOnly yes\n\tUserKnownHostsFile {place}/known_hosts\n\tStrictHostKeyChecking yes\n\tBatchMode yes\n",
            self.port.number()
        );
        fs::write(self.directory.join("config"), config).expect("it is ours");
        let ssh = tool("ssh");
        host.script(
            "ssh",
            &format!("exec {} -F {place}/config \"$@\"", ssh.display()),
        );
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the log of sshd:\n{}", self.log());
        }
    }
}

/// The user who runs the test.
pub fn myself() -> String {
    let id = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8(id.stdout)
        .expect("names are plain")
        .trim()
        .to_owned()
}

/// A host behind ssh, and a homelab that is deployed to it.
fn behind_ssh(version: Version, more: &str) -> (Host, Sshd, Lab, Upstream) {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(version);
    host.start_before();
    let sshd = Sshd::start(&host);
    sshd.settings(&host, &myself());
    let word = host.word_at(&format!("{}{more}", sshd.word()));
    let lab = lab(&host, &word, &upstream);
    (host, sshd, lab, upstream)
}

/// Wrapped so that the ssh of the host's `bin/` is found first.
fn deploy(host: &Host, lab: &Lab, more: &[&str]) -> Invocation {
    host.deploy(lab, more)
}

#[test]
fn an_edge_is_brought_through_ssh_and_back() {
    for version in Version::ALL {
        let (host, _sshd, lab, _upstream) = behind_ssh(version, "");
        deploy(&host, &lab, &[])
            .run()
            .succeeds()
            .stdout_contains("edge:");
        let first = host.current();
        assert!(gets_in(&host, &lab, "alice/pixel"));
        lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
        deploy(&host, &lab, &[]).run().succeeds();
        assert!(gets_in(&host, &lab, "bob/iphone"));
        deploy(&host, &lab, &["--rollback"]).run().succeeds();
        assert_eq!(host.current(), first);
        assert!(!gets_in(&host, &lab, "bob/iphone"));
    }
}

#[test]
fn a_host_that_is_not_there_is_told_so() {
    let (host, sshd, lab, _upstream) = behind_ssh(Version::New, "");
    drop(sshd);
    let outcome = deploy(&host, &lab, &[]).run();
    outcome
        .fails_with(3)
        .stderr_contains("deploy::unreached")
        .stderr_contains("Connection refused");
    assert_eq!(host.current(), None);
}

/// Somebody stands between: the host's key is another.
#[test]
fn a_host_with_another_key_is_not_believed() {
    let (host, sshd, lab, _upstream) = behind_ssh(Version::New, "");
    let known = sshd.directory.join("known_hosts");
    let user = fs::read_to_string(sshd.directory.join("user.pub")).expect("it was made");
    let other = format!("[127.0.0.1]:{} {user}", sshd.port.number());
    fs::write(known, other).expect("it is ours");
    let outcome = deploy(&host, &lab, &[]).run();
    outcome.fails_with(3).stderr_contains("deploy::unreached");
    assert_eq!(host.current(), None);
}

/// What a login shell prints is passed over.
#[test]
fn a_talkative_login_shell_is_no_matter() {
    let (host, _sshd, lab, _upstream) = behind_ssh(Version::New, "");
    let ssh = host.read("bin/ssh");
    let talkative = ssh.replace(
        "#!/bin/sh\n",
        "#!/bin/sh\nprintf 'Welcome to edge!\\n\\nLast login: never\\n'\n",
    );
    host.script("ssh", talkative.trim_start_matches("#!/bin/sh\n"));
    deploy(&host, &lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
}

/// The connection is cut at twenty moments: the host has one release or the other, whole, puts back by itself what nobody kept, and
/// the next deploy goes through.
#[test]
fn a_connection_that_is_cut_leaves_one_release_or_the_other() {
    let (mut host, sshd, lab, _upstream) = behind_ssh(Version::New, "");
    deploy(&host, &lab, &[]).run().succeeds();
    let first = host.current().expect("a release is served");
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    // The wrapper writes down who it is, so that the connection is ended by its process id.
    let script = host.read("bin/ssh");
    let pid = host.path("ssh/pid");
    let noted = script.replace("exec ", &format!("echo $$ >{}\nexec ", pid.display()));
    host.script("ssh", noted.trim_start_matches("#!/bin/sh\n"));
    let mut said = BTreeSet::new();
    let begin = Instant::now();
    deploy(&host, &lab, &[]).run().succeeds();
    let whole = begin.elapsed();
    deploy(&host, &lab, &["--rollback"]).run().succeeds();
    for moment in 0..20 {
        let _ = fs::remove_file(&pid);
        let child = deploy(&host, &lab, &[]).start();
        wait::until(
            || fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n')),
            || String::from("no ssh"),
        );
        std::thread::sleep(whole * moment / 18);
        let number = fs::read_to_string(&pid).expect("it is there");
        let _ = Command::new("kill")
            .args(["-KILL", number.trim()])
            .stderr(Stdio::null())
            .status();
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        host.await_lock();
        let current = host.current().expect("a release is served");
        if output.status.success() {
            said.insert("done");
            assert_ne!(current, first);
            deploy(&host, &lab, &["--rollback"]).run().succeeds();
            continue;
        }
        said.insert("cut");
        assert!(stderr.contains("deploy::"), "{stderr}");
        assert!(gets_in(&host, &lab, "alice/pixel"));
        let lets_in = gets_in(&host, &lab, "bob/iphone");
        assert_eq!(lets_in, current != first, "moment {moment}: {stderr}");
        if current != first {
            // It had heard that the release is to be kept.
            assert!(stderr.contains("deploy::cut-off-at-the-end"), "{stderr}");
            deploy(&host, &lab, &["--rollback"]).run().succeeds();
        }
    }
    assert!(said.contains("cut"), "{said:?}");
    host.restart();
    assert!(!gets_in(&host, &lab, "bob/iphone"));
    deploy(&host, &lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "bob/iphone"));
    drop(sshd);
}

/// Users of a test's own: `edge`, who may `sudo` or may not, and `caddy`, whom Caddy runs as.
struct Users {
    edge: u32,
    caddy: u32,
}

const USERS: Users = Users {
    edge: 61_801,
    caddy: 61_802,
};

/// A host whose Caddy runs as a user of its own and keeps a log, and to whom another connects. Its users stand in files that sshd and what it
/// starts see in the place of the machine's.
fn as_others(more: &str, rights: &str) -> (Host, Sshd, Lab, Upstream) {
    assert_root("users of a test's own need root");
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    let Users { edge, caddy } = USERS;
    fs::create_dir(host.path("log.d")).expect("it is new");
    for place in ["data", "log.d"] {
        std::os::unix::fs::chown(host.path(place), Some(caddy), Some(caddy)).expect("we are root");
    }
    host.run_as(caddy);
    host.start_before();
    let files = host.path("files");
    fs::create_dir(&files).expect("it is new");
    let machine = fs::read_to_string("/etc/passwd").expect("it can be read");
    let own: String = { machine.lines() }
        .filter(|line| !line.starts_with("edge:") && !line.starts_with("caddy:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let users = format!(
        "{own}edge:*:{edge}:{edge}::/nonexistent:/bin/sh\ncaddy:*:{caddy}:{caddy}::/nonexistent:/usr/sbin/nologin\n"
    );
    fs::write(files.join("passwd"), users).expect("it is ours");
    fs::write(
        files.join("sudoers"),
        format!("root ALL=(ALL) ALL\n{rights}\n"),
    )
    .expect("it is ours");
    fs::set_permissions(files.join("sudoers"), fs::Permissions::from_mode(0o440))
        .expect("it is ours");
    let sshd = Sshd::start_among(
        &host,
        &[
            ("/etc/passwd", files.join("passwd")),
            ("/etc/sudoers", files.join("sudoers")),
        ],
    );
    sshd.settings(&host, "edge");
    let log = host.path("log.d/access.log");
    let word = format!(
        "{}; log \"{}\"",
        host.word_at(&format!("{}{more}", sshd.word())),
        log.display()
    );
    let lab = lab(&host, &word, &upstream);
    (host, sshd, lab, upstream)
}

/// Who has no right to the host's files is told so, and what to say.
#[test]
fn who_may_not_write_there_is_told_of_sudo() {
    let (host, _sshd, lab, _upstream) = as_others("", "");
    let outcome = deploy(&host, &lab, &[]).run();
    outcome
        .fails_with(3)
        .stderr_contains("deploy::no-directory")
        .stderr_contains("sudo=#true");
    assert_eq!(host.current(), None);
}

/// Whose sudo wants a password is told what sudo says: nobody is there to type it.
#[test]
fn a_sudo_that_asks_for_a_password_is_told() {
    let (host, _sshd, lab, _upstream) = as_others(" sudo=#true", "edge ALL=(root) ALL");
    let outcome = deploy(&host, &lab, &[]).run();
    outcome
        .fails_with(3)
        .stderr_contains("deploy::unreached")
        .stderr_contains("password is required");
    assert_eq!(host.current(), None);
}

/// With sudo it goes well, and what root does there leaves Caddy what is Caddy's: the log that it is to write to.
#[test]
fn with_sudo_an_edge_is_brought_and_caddy_keeps_its_own_files() {
    let (host, _sshd, lab, _upstream) = as_others(" sudo=#true", "edge ALL=(root) NOPASSWD: ALL");
    deploy(&host, &lab, &[]).run().succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"));
    use std::os::unix::fs::MetadataExt;
    let log = fs::metadata(host.path("log.d/access.log")).expect("Caddy writes it");
    assert_eq!(log.uid(), USERS.caddy);
    let release = host.current().expect("a release is served");
    let file = fs::metadata(
        host.path("etc/homelab/releases")
            .join(release)
            .join("Caddyfile"),
    );
    assert_eq!(file.expect("it is there").uid(), 0);
}
