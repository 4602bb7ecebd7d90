//! What a long build shows of itself, and what it says where it has much to say.

use std::net::TcpListener;

use super::home::devices;
use super::support::lab::Lab;

/// Has the command run on a terminal, which is what `script` makes.
const TERMINAL: [&str; 4] = [
    "sh",
    "-c",
    r#"exec script --quiet --return --command "$*" /dev/null"#,
    "sh",
];

#[test]
fn a_long_build_shows_a_bar_on_a_terminal_alone() {
    // Each file takes a moment, so that the whole takes more than a second on any machine.
    let slow = "inject=fchmod:delay_enter=20000";
    let on_a_terminal = |lab: &Lab| {
        let command = lab.command(["build", "--jobs", "1"]).env("TERM", "xterm");
        command.tampered(slow).through(TERMINAL).run()
    };
    let lab = Lab::new().declare(&devices(25, &["linux"]));
    let shown = on_a_terminal(&lab);
    shown.succeeds().stdout_contains("making [=");
    shown.stdout_contains(" files, ");

    let piped = Lab::new().declare(&devices(25, &["linux"]));
    let piped = piped.command(["build", "--jobs", "1"]).env("TERM", "xterm");
    let piped = piped.tampered(slow).run();
    piped
        .succeeds()
        .stdout_lacks("making")
        .stderr_lacks("making");

    // What is done in less than a second shows none.
    let short = Lab::new().declare(&devices(1, &["linux"]));
    let short = short.command(["build"]).env("TERM", "xterm");
    short
        .through(TERMINAL)
        .run()
        .succeeds()
        .stdout_lacks("making [");
}

/// Of one command: its homelab, its words, the system calls that take so many microseconds longer, and what is to be seen.
type Row<'a> = (&'a Lab, &'a [&'a str], &'a str, u32, &'a str);

/// Whatever of it takes long: each command by itself, with what is done most often in it made slow.
#[test]
fn each_kind_of_long_work_is_shown_on_a_terminal_alone() {
    let built = Lab::new().declare(&devices(25, &["linux"]));
    built.command(["build"]).run().succeeds();
    let other = built.copy();
    other.edit(
        "upstream \"http://127.0.0.1:1\"",
        "upstream \"http://127.0.0.1:2\"",
    );
    let bare = built.copy();
    std::fs::remove_dir_all(bare.path().join("out")).expect("it is there");
    // Finding primes takes long by itself.
    let rsa = devices(25, &["linux\" key=\"rsa"]);
    let rsa = Lab::new().declare(&rsa);
    let working_out = "working out what is to be done, ";
    let rows: [Row<'_>; 6] = [
        (&other, &["check"][..], "newfstatat", 60_000, working_out),
        (&other, &["plan"], "newfstatat", 60_000, working_out),
        (
            &rsa,
            &["build", "--jobs", "1"],
            "fchmod",
            1_000,
            "issuing [=",
        ),
        (
            &bare,
            &["build"],
            "rename,renameat,renameat2",
            25_000,
            "writing [=",
        ),
        (
            &built,
            &["build", "--check"],
            "openat2",
            30_000,
            "comparing [=",
        ),
        (&built, &["verify"], "openat2", 60_000, "opening [="),
    ];
    let is_shown = |(lab, words, calls, delay, shown): Row<'_>| {
        let slow = format!("inject={calls}:delay_enter={delay}");
        let command = |lab: &Lab| {
            let command = lab.command(words.iter().copied());
            let command = command.env("TERM", "xterm").env("RAYON_NUM_THREADS", "1");
            command.tampered(&slow)
        };
        let piped = command(&lab.copy()).run();
        let on_a_terminal = command(lab).through(TERMINAL).run();
        on_a_terminal.succeeds().stdout_contains(shown);
        piped.succeeds().stdout_lacks(shown).stderr_lacks(shown);
        // What is said is the same.
        let last = piped.stdout().lines().last().expect("it says something");
        on_a_terminal.stdout_contains(last);
    };
    // They wait, nearly all of the time.
    std::thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || is_shown(row));
        }
    });
}

#[test]
fn more_than_fifty_paths_are_summed_up_unless_each_is_asked_for() {
    let lab = Lab::new().declare(&devices(30, &["linux"]));
    let planned = lab.command(["plan"]).run();
    planned
        .succeeds()
        .stdout_contains("out/people/**/*.p12 (30 files)");
    let planned = lab.command(["plan", "-v"]).run();
    planned
        .succeeds()
        .stdout_contains("out/people/alice/d029/alice-d029.p12");
    let each = lab.copy();

    let built = lab.command(["build"]).run();
    built
        .succeeds()
        .stdout_contains("built out/people/**/*.p12 (30 files)\n")
        .stdout_contains("built out/edge/*.caddyfile (3 files)\n")
        .stdout_contains("built out/edge/exposure.md\n")
        .stdout_lacks("alice-d029.p12");
    let built = each.command(["build", "--verbose"]).run();
    built
        .succeeds()
        .stdout_contains("built out/people/alice/d029/alice-d029.p12\n")
        .stdout_lacks("files)");

    std::fs::remove_dir_all(lab.path().join("out/people")).expect("it is there");
    let checked = lab.command(["build", "--check"]).run();
    let expected = "out/people/**/*.p12 (30 files): each is missing";
    checked.fails_with(4).stderr_contains(expected);
    let checked = lab.command(["build", "--check", "-v"]).run();
    checked
        .fails_with(4)
        .stderr_contains("alice-d029.p12 is missing");
    let built = lab.command(["build"]).run();
    built
        .succeeds()
        .stdout_contains("restored out/people/**/*.p12 (30 files)\n");
}

#[test]
fn a_host_that_does_not_answer_is_waited_for_in_sight() {
    let lab = Lab::new().declare(&devices(1, &["linux"]));
    lab.command(["build"]).run().succeeds();
    // The system takes connections, and nobody ever reads from them.
    let dead = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = dead.local_addr().expect("it is bound").port().to_string();
    let resolve = format!("*:{port}:127.0.0.1");
    let words = ["verify", "--live", "--port", &port, "--resolve", &resolve];
    let command = lab.command(words).env("TERM", "xterm");
    let for_a_while = ["timeout", "--signal=KILL", "4"];
    let shown = command.through(for_a_while).through(TERMINAL).run();
    shown.stdout_contains("asking [");
}
