//! What is too large, endless, too deep or made to deceive: refused in little time and memory, and shown for what it is.

mod support;

#[path = "bounds/limits.rs"]
mod limits;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use support::lab::{Invocation, Lab};
use support::outcome::Outcome;

/// The Python that `tests/run` requires.
const PYTHON: &str = "/usr/bin/python3";

/// Kilobytes of addresses that a thousand devices with two thousand services take at the most.
const MEMORY: usize = 150_000;

const DECLARATION: &str = "domain \"home.example.com\"\nperson \"alice\" { device \"pixel\" platform=\"android\"; }\nservice \"photos\" { upstream \"http://127.0.0.1:1\"; allow \"alice\"; }\n";

/// Runs it in little memory and time.
#[track_caller]
fn bounded(invocation: Invocation, what: &str) -> Outcome {
    let begin = Instant::now();
    let outcome = invocation
        .through(["sh", "-c", "ulimit -v 1000000; exec \"$@\"", "sh"])
        .through(["timeout", "60"])
        .run();
    let elapsed = begin.elapsed();
    assert!(
        elapsed < Duration::from_secs(40),
        "{what}: {elapsed:?}\n{outcome}"
    );
    outcome.stderr_lacks("panicked");
    outcome
}

/// Puts something in a file's place that cannot be read to its end, or never begins.
fn spoil(path: &Path, how: &str) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    match how {
        "a named pipe" => {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).expect("it is free");
        }
        "/dev/zero" => symlink("/dev/zero", path).expect("it is free"),
        // A tebibyte of holes.
        _ => File::create(path)
            .and_then(|file| file.set_len(1 << 40))
            .expect("it has no blocks"),
    }
}

#[test]
fn no_file_is_read_without_end() {
    let first = Lab::built(DECLARATION);
    let certificate = "out/edge/ca.pem";
    let csr = DECLARATION.replace("platform=\"android\"", "csr=\"spoilt\"");
    for (spoilt, words) in [
        ("homelab.kdl", &["check"][..]),
        ("homelab.lock", &["check"]),
        ("homelab.lock", &["build"]),
        ("homelab.age", &["password", "alice/pixel"]),
        (".homelab.age.pending", &["build"]),
        ("spoilt", &["password", "alice/pixel", "-i", "spoilt"]),
        ("templates/guide.html.j2", &["build"]),
        ("templates/messages/de.kdl", &["build"]),
        ("spoilt", &["build", "-f", "csr.kdl"]),
        ("spoilt", &["adopt", "spoilt", "--trust-only"]),
        ("spoilt", &["adopt", certificate, "--key", "spoilt"]),
        (
            "spoilt",
            &[
                "init",
                "-f",
                "new/homelab.kdl",
                "--passphrase-file",
                "spoilt",
            ],
        ),
        ("new/.gitignore", &["init", "-f", "new/homelab.kdl"]),
        (
            "spoilt",
            &["verify", "spoilt", "--password-file", certificate],
        ),
        (
            "spoilt",
            &[
                "verify",
                "out/people/alice/pixel/alice-pixel.p12",
                "--password-file",
                "spoilt",
            ],
        ),
        ("spoilt", &["verify", "--live", "--ca", "spoilt"]),
        ("out/.homelab/manifest.kdl", &["build"]),
    ] {
        for how in ["a named pipe", "/dev/zero", "a tebibyte"] {
            let lab = first.copy();
            lab.write("csr.kdl", &csr);
            if spoilt == ".homelab.age.pending" {
                // Beside the one that is in place, it is not read.
                fs::remove_file(lab.path().join("homelab.age")).expect("it was built");
            }
            spoil(&lab.path().join(spoilt), how);
            let what = format!("{spoilt} is {how}: {words:?}");
            let outcome = bounded(lab.command(words.iter().copied()), &what);
            let code = outcome.status.code();
            if spoilt == "new/.gitignore" && how == "/dev/zero" {
                // A link in the place of git's files is left alone.
                assert_eq!(code, Some(0), "{what}\n{outcome}");
                continue;
            }
            assert!(matches!(code, Some(1 | 3)), "{what}\n{outcome}");
            outcome.stderr_contains("help:");
        }
    }
    // What is in the way in the tree is put right, or named.
    for spoilt in [
        "out/edge/Caddyfile",
        "out/edge/exposure.json",
        "out/people/alice/pixel/alice-pixel.p12",
    ] {
        for words in [["status"], ["plan"], ["build"], ["verify"]] {
            for how in ["a named pipe", "/dev/zero", "a tebibyte"] {
                let lab = first.copy();
                spoil(&lab.path().join(spoilt), how);
                let what = format!("{spoilt} is {how}: {words:?}");
                let outcome = bounded(lab.command(words), &what);
                let code = outcome.status.code();
                assert!(matches!(code, Some(0 | 3 | 4)), "{what}\n{outcome}");
            }
        }
    }
}

/// In the program itself, whose threads have stacks of their own.
#[test]
fn a_template_without_end_is_an_error_that_names_it() {
    for text in [
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% extends \"guide.html.j2\" %}",
        "{% include \"guide.html.j2\" %}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ \"x\" * 10**9 }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
        &format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)),
    ] {
        let lab = Lab::built(DECLARATION);
        let before = lab.read("out/people/alice/guide.html");
        lab.write("templates/guide.html.j2", text);
        let what: String = text.chars().take(40).collect();
        bounded(lab.command(["build"]), &what)
            .fails_with(1)
            .stderr_contains("guide.html.j2");
        assert_eq!(lab.read("out/people/alice/guide.html"), before, "{what}");
    }
}

#[test]
fn links_out_of_templates_are_not_followed() {
    let lab = Lab::built(DECLARATION);
    let (elsewhere, own) = (lab.home().join("elsewhere"), lab.path().join("templates"));
    fs::create_dir_all(elsewhere.join("guide")).expect("it is free");
    let style = "{% extends \"builtin/guide/style.html.j2\" %}";
    for name in ["guide/style.html.j2", "secret.html.j2"] {
        fs::write(elsewhere.join(name), style).expect("it can be written");
    }
    let tried = |from: &str, to: &Path| {
        let _ = fs::remove_dir_all(&own);
        fs::create_dir_all(own.join("below")).expect("it is free");
        symlink(to, own.join(from)).expect("it is free");
        lab.command(["build"]).run()
    };
    for (from, to) in [
        ("secret.html.j2", elsewhere.join("secret.html.j2")),
        ("guide", elsewhere.join("guide")),
        (
            "below/secret.html.j2",
            "../../../home/elsewhere/secret.html.j2".into(),
        ),
        ("below/root", "/".into()),
    ] {
        tried(from, &to)
            .fails_with(3)
            .stderr_contains("workspace::link-out");
    }
    // Within them links are as good as files, and the whole may lie elsewhere.
    let _ = fs::remove_dir_all(&own);
    fs::create_dir_all(own.join("guide")).expect("it is free");
    fs::write(own.join("own.html.j2"), style).expect("it can be written");
    symlink("../own.html.j2", own.join("guide/style.html.j2")).expect("it is free");
    lab.command(["build"]).run().succeeds();
    fs::remove_dir_all(&own).expect("it was made");
    symlink(&elsewhere, &own).expect("it is free");
    lab.command(["build"]).run().succeeds();
    // A link to its own directory has no end.
    fs::remove_file(&own).expect("it is a link");
    tried("below/again", Path::new("..")).fails_with(3);
}

/// What the terminal shows of a line is what stands in it.
#[test]
fn what_does_not_show_in_a_source_is_shown_as_its_number() {
    for (hidden, shown) in [
        ("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
        ("\u{1b}[2K\u{1b}[1A", "\\u{1b}[2K\\u{1b}[1A"),
        ("\r", "\\u{d}"),
        ("\u{202e}", "\\u{202e}"),
        ("\u{2066}", "\\u{2066}"),
        ("\u{200b}", "\\u{200b}"),
        ("\u{9b}31m", "\\u{9b}31m"),
    ] {
        let declaration = format!(
            "domain \"home.example.com\" // {hidden}\nperson \"al{hidden}ice\" {{ devise \"{hidden}x\" platform=\"android\"; }}\n"
        );
        let lab = Lab::new().declare(&declaration);
        lab.write(
            "templates/guide.html.j2",
            format!("{hidden}{{{{ nothing }}}}"),
        );
        for invocation in [
            lab.command(["check"]),
            // On a terminal there are colours, and nothing else.
            lab.command(["check"]).env("TERM", "xterm").through([
                PYTHON,
                "-c",
                "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
            ]),
        ] {
            let outcome = invocation.run();
            let all = format!("{}{}", outcome.stdout(), outcome.stderr());
            assert!(all.contains(shown), "{shown}\n{outcome}");
            let all = all.replace("\r\n", "\n");
            assert!(!all.contains(hidden), "{shown}\n{outcome}");
        }
        // Places are where they are seen.
        lab.write("homelab.kdl", DECLARATION);
        let outcome = lab.command(["build"]).run();
        outcome.fails_with(1).stderr_contains("guide.html.j2");
        assert!(!outcome.stderr().contains(hidden), "{outcome}");
    }
}

/// Runs its arguments on a terminal, presses a key or sends a signal at the prompt, and prints how that ended and whether the
/// terminal shows what is typed again.
const INTERRUPTED: &str = r#"
import os, pty, signal, sys, termios, time
signal.alarm(60)
how = sys.argv[1]
master, slave = pty.openpty()
modes = lambda: termios.tcgetattr(slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
before = modes()
pid = os.fork()
if pid == 0:
    os.setsid()
    import fcntl
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in range(3): os.dup2(slave, number)
    os.execvp(sys.argv[2], sys.argv[2:])
while modes() & termios.ECHO: time.sleep(0.01)
time.sleep(0.1)
if how.startswith("key"): os.write(master, bytes([int(how[3:])]))
else: os.kill(pid, int(how))
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), before == modes())
"#;

#[test]
fn the_terminal_shows_what_is_typed_again_whatever_ends_the_question() {
    let lab = Lab::new();
    // ^C, ^\, SIGTERM, SIGHUP.
    for (how, ended) in [("key3", -2), ("key28", -3), ("15", -15), ("1", -15)] {
        let asked = lab.command(["init", "--passphrase"]);
        let outcome = asked.through([PYTHON, "-c", INTERRUPTED, how]).run();
        outcome.succeeds().stdout_is(&format!("{ended} True\n"));
    }
    assert_eq!(lab.snapshot().len(), 1, "nothing was written");
}

/// Runs its arguments on a terminal as somebody without rights, and at the prompt tries to read the process as the same user.
const ONLOOKER: &str = r#"
import os, pty, signal, sys, time, termios
signal.alarm(60)
def lower():
    if os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
def readable(pid):
    reader = os.fork()
    if reader == 0:
        lower()
        try:
            for name in ("environ", "mem", "maps"): open(f"/proc/{pid}/{name}", "rb").close()
        except PermissionError: os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 0
sleeper = os.fork()
if sleeper == 0:
    lower()
    os.execvp("sleep", ["sleep", "60"])
pid, master = pty.fork()
if pid == 0:
    lower()
    os.execvp(sys.argv[1], sys.argv[1:])
while termios.tcgetattr(master)[3] & termios.ECHO: time.sleep(0.01)
time.sleep(0.2)
print(readable(sleeper), readable(pid))
os.kill(sleeper, 9); os.kill(pid, 9)
"#;

#[test]
fn another_process_of_the_same_user_cannot_look_into_this_one() {
    let place = tempfile::tempdir().expect("a directory");
    let program = place.path().join("homelab");
    fs::copy(env!("CARGO_BIN_EXE_homelab"), &program).expect("it is a file");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(place.path(), open).expect("it is ours");
    let mut python = std::process::Command::new(PYTHON);
    python
        .args(["-c", ONLOOKER])
        .arg(&program)
        .args(["init", "--passphrase", "--file"]);
    python.arg(place.path().join("homelab.kdl"));
    let outcome = support::outcome::run(&mut python, b"");
    outcome.succeeds().stdout_is("True False\n");
}

/// So many people with so many devices each, and services that let in all of them.
fn crowd(people: usize, devices: usize, services: usize) -> String {
    let mut text = String::from("domain \"home.example.com\"\n");
    for person in 0..people {
        text += &format!("person \"p{person}\" {{\n");
        for device in 0..devices {
            let number = person * devices + device + 1;
            text += &format!("    device \"d{device}\" fingerprint=\"{number:064x}\"\n");
        }
        text += "}\n";
    }
    let names: Vec<String> = (0..people).map(|person| format!("\"p{person}\"")).collect();
    let lines: Vec<String> = names.chunks(100).map(|names| names.join(" ")).collect();
    text += &format!("group \"all\" {}\n", lines.join(" \\\n    "));
    for service in 0..services {
        let port = 1024 + service;
        text += &format!(
            "service \"s{service:04}\" {{ upstream \"http://127.0.0.1:{port}\"; allow \"all\"; }}\n"
        );
    }
    text
}

/// Runs it in so many kilobytes of addresses, which are more than memory.
///
/// One arena of glibc's serves all threads: it reserves 64 MB of addresses for each other one, and twice that for a moment, in
/// which another thread's request may fail.
#[track_caller]
fn within(lab: &Lab, kilobytes: usize, words: &[&str]) -> Outcome {
    let limit = format!("ulimit -v {kilobytes}; export MALLOC_ARENA_MAX=1; exec \"$@\"");
    let command = lab.command(words.iter().copied());
    command.through(["sh", "-c", &limit, "sh"]).run()
}

/// What many services share is held once, and written once.
#[test]
fn a_thousand_devices_with_two_thousand_services_are_made_in_bounded_memory() {
    let lab = Lab::new().declare(&crowd(100, 10, 2000));
    for words in [
        &["check"][..],
        &["build", "--jobs", "2"],
        &["plan"],
        &["exposure"],
        &["exposure", "--json"],
        &["status"],
        &["build", "--check", "--jobs", "2"],
    ] {
        within(&lab, MEMORY, words).succeeds();
    }
    let sites = lab.read("out/edge/sites.caddyfile");
    assert_eq!(sites.matches(&format!("{:064x}", 1)).count(), 1);
    assert_eq!(sites.matches("invoke audience-s0000").count(), 2000);
}

/// Where it is not shared, the sets of people are bounded, and what is below the bound is made in bounded memory too.
#[test]
fn sets_of_people_that_all_differ_are_bounded() {
    // Everybody in about half of twenty groups; each service lets in three of them, which is most of the people.
    let declared = |services: usize| {
        let mut text = crowd(100, 10, 0);
        for group in 0..20 {
            let members: Vec<String> = { 0..100usize }
                .filter(|person| person.wrapping_mul(2_654_435_761) >> group & 1 == 1)
                .map(|person| format!("\"p{person}\""))
                .collect();
            text += &format!("group \"g{group}\" {}\n", members.join(" "));
        }
        let threes = (0..20).flat_map(|a| (0..a).flat_map(move |b| (0..b).map(move |c| (a, b, c))));
        for (number, (a, b, c)) in threes.take(services).enumerate() {
            text += &format!(
                "service \"s{number}\" {{ upstream \"http://127.0.0.1:1\"; allow \"g{a}\" \"g{b}\" \"g{c}\"; }}\n"
            );
        }
        text
    };
    let lab = Lab::new().declare(&declared(1140));
    within(&lab, MEMORY, &["check"])
        .fails_with(1)
        .stderr_contains("resolve::too-many-audiences")
        .stderr_contains("name one group");
    let build = |declaration: String| {
        lab.write("homelab.kdl", declaration);
        within(&lab, MEMORY, &["build", "--jobs", "2"]).succeeds();
        for file in ["sites.caddyfile", "exposure.md", "exposure.json"] {
            let size = lab.read_bytes(&format!("out/edge/{file}")).len();
            assert!(size < 20_000_000, "{file} has {size} bytes");
        }
        lab.read("out/edge/sites.caddyfile")
    };
    // Each certificate is said once, and each list says of which classes it is.
    let sites = build(declared(200));
    assert_eq!(sites.matches(&format!("{:064x}", 1000)).count(), 1);
    let classes = sites.matches("'class-").count();
    assert!((14_000..20_000).contains(&classes), "{classes}");
    // A Caddy without named routes has each list as certificates.
    let sites = build(declared(200) + "edge { caddy \"2.6\"; }\n");
    let listed = sites.matches("'000000000000").count();
    assert!((140_000..200_000).contains(&listed), "{listed}");
}

/// Without a clock: one service more costs the same, however many devices it lets in, and the other way about.
#[test]
fn files_grow_with_services_and_with_devices_and_not_with_pairs_of_them() {
    const FILES: [&str; 4] = [
        "edge/sites.caddyfile",
        "edge/exposure.md",
        "edge/exposure.json",
        "index.html",
    ];
    let sizes = |people: usize, services: usize| {
        let lab = Lab::built(&crowd(people, 2, services));
        FILES.map(|file| lab.read_bytes(&format!("out/{file}")).len())
    };
    let (few, more) = (sizes(100, 100), sizes(100, 200));
    let (crowded, both) = (sizes(200, 100), sizes(200, 200));
    for (at, file) in FILES.into_iter().enumerate() {
        let service = more[at] - few[at];
        assert!(service < 100 * 600, "{file}: {service}");
        // A signature has some bytes more or less in each run.
        let much = |a: usize, b: usize| a.abs_diff(b) > 32;
        assert!(!much(both[at] - crowded[at], service), "{file}");
        assert!(!much(both[at] - more[at], crowded[at] - few[at]), "{file}");
    }
}
