//! The output tree is a pure function of its inputs; the ways of building; exit codes.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::files::{changed, copy, snapshot, stamps};
use support::lab::Lab;
use support::outcome::Outcome;

const EXAMPLE: &str = include_str!("../examples/family/homelab.kdl");

/// When everything is issued: a year before the lab's first day.
const ISSUED: i64 = -365;

mod purity {
    use super::*;

    /// The same inputs, in a directory without an output tree.
    fn inputs_of(lab: &Lab) -> Lab {
        let inputs = lab.copy();
        fs::remove_dir_all(inputs.path().join("out")).expect("it was built");
        inputs
    }

    #[track_caller]
    fn same_tree(lab: &Lab, other: &Path) {
        let differences = changed(&snapshot(&lab.path().join("out")), &snapshot(other));
        assert_eq!(differences, Vec::<String>::new());
    }

    #[test]
    fn neither_clock_nor_time_zone_nor_language_nor_umask_reach_the_tree() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        type Change = fn(support::lab::Invocation) -> support::lab::Invocation;
        let surroundings: [(&str, Change); 7] = [
            ("another day", |run| run.faketime("2049-12-31 23:59:59")),
            ("before the issue", |run| run.at(86_400)),
            ("another time zone", |run| {
                run.env("TZ", "Pacific/Kiritimati")
            }),
            ("another language", |run| {
                run.env("LC_ALL", "tr_TR.UTF-8").env("LANG", "tr_TR")
            }),
            ("an open umask", |run| run.umask(0o000)),
            ("a closed umask", |run| run.umask(0o077)),
            ("a umask that takes all", |run| run.umask(0o777)),
        ];
        for (what, change) in surroundings {
            let inputs = inputs_of(&lab);
            println!("{what}");
            change(inputs.command(["build", "--locked"]))
                .run()
                .succeeds();
            same_tree(&lab, &inputs.path().join("out"));
        }
    }

    #[test]
    fn the_number_of_jobs_does_not_reach_the_tree_nor_what_is_printed() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        let runs = ["1", "8"].map(|jobs| {
            let inputs = inputs_of(&lab);
            let outcome = inputs.command(["build", "--locked", "--jobs", jobs]).run();
            outcome.succeeds();
            same_tree(&lab, &inputs.path().join("out"));
            outcome.stdout().to_owned()
        });
        assert_eq!(runs[0], runs[1]);
    }

    #[test]
    fn the_directory_does_not_reach_the_tree() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        let elsewhere = tempfile::tempdir().expect("a temporary directory");
        let deep = elsewhere.path().join("a directory/with spaces/and é");
        fs::create_dir_all(deep.parent().expect("it has one")).expect("made");
        copy(&inputs_of(&lab).path(), &deep);
        let command = lab.command(["build", "--locked"]).directory(&deep);
        command.run().succeeds();
        same_tree(&lab, &deep.join("out"));
        let file = deep.join("homelab.kdl");
        let other = elsewhere.path().join("other");
        let words = [
            "build".as_ref(),
            "--file".as_ref(),
            file.as_os_str(),
            "--out".as_ref(),
            other.as_os_str(),
        ];
        lab.command(words)
            .directory(Path::new("/"))
            .run()
            .succeeds();
        same_tree(&lab, &other);
    }

    #[test]
    fn the_comparison_notices_what_it_looks_for() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        let other = lab.copy();
        let guide = other.path().join("out/people/bob/guide.html");
        fs::set_permissions(&guide, fs::Permissions::from_mode(0o640)).expect("changed");
        let bundle = other.path().join("out/people/bob/ipad/bob-ipad.p12");
        let mut bytes = fs::read(&bundle).expect("a bundle");
        bytes[100] ^= 1;
        fs::write(&bundle, bytes).expect("written");
        let differences = changed(&lab.snapshot(), &other.snapshot());
        assert_eq!(
            differences,
            [
                "~ out/people/bob/guide.html 0644 → 0640",
                "~ out/people/bob/ipad/bob-ipad.p12"
            ]
        );
    }
}

mod modes_of_building {
    use super::*;

    /// `build --check` writes nothing, whatever it finds.
    #[track_caller]
    fn check(lab: &Lab) -> Outcome {
        let before = stamps(&lab.path());
        let outcome = lab.command(["build", "--check"]).run();
        assert_eq!(stamps(&lab.path()), before);
        outcome
    }

    #[test]
    fn check_names_each_difference() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        assert_eq!(check(&lab).succeeds().stdout(), "42 unchanged\n");
        lab.write("out/edge/Caddyfile", "edited by hand");
        fs::remove_file(lab.path().join("out/edge/ca.pem")).expect("it was there");
        let guide = lab.path().join("out/people/alice/guide.html");
        fs::set_permissions(guide, fs::Permissions::from_mode(0o666)).expect("changed");
        let outcome = check(&lab);
        outcome
            .fails_with(4)
            .stderr_contains("out/edge/Caddyfile has other bytes")
            .stderr_contains("out/edge/ca.pem is missing")
            .stderr_contains("out/people/alice/guide.html has another mode");
        lab.edit(
            "device \"ipad\"",
            "device \"watch\" platform=\"wearos\"\n    device \"ipad\"",
        );
        check(&lab)
            .fails_with(4)
            .stderr_contains("bob/watch is to be issued");
    }

    #[test]
    fn locked_refuses_what_would_change_the_lock() {
        let fresh = Lab::new().declare(EXAMPLE);
        let before = (fresh.snapshot(), snapshot(&fresh.home()));
        fresh.command(["build", "--locked"]).run().fails_with(4);
        assert_eq!((fresh.snapshot(), snapshot(&fresh.home())), before);
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        lab.edit("127.0.0.1:2283", "127.0.0.1:2284");
        lab.command(["build", "--locked"])
            .run()
            .succeeds()
            .stdout_contains("1 built");
        lab.edit(
            "device \"ipad\"",
            "device \"watch\" platform=\"wearos\"\n    device \"ipad\"",
        );
        lab.edit(
            "    device \"tablet\" platform=\"android\" validity=\"12h\"\n",
            "",
        );
        let before = lab.snapshot();
        let outcome = lab.command(["build", "--locked"]).run();
        outcome
            .fails_with(4)
            .stderr_contains("bob/watch is to be issued")
            .stderr_contains("guest/tablet is to be retired");
        assert_eq!(lab.snapshot(), before);
    }

    #[test]
    fn the_edge_is_built_without_any_secret() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        let public = lab.copy();
        for secret in ["out", "homelab.age"] {
            let path = public.path().join(secret);
            let removed = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
            removed.expect("it was there");
        }
        fs::remove_dir_all(public.home()).expect("it was there");
        public.command(["build", "--edge"]).run().succeeds();
        let edge = |lab: &Lab| snapshot(&lab.path().join("out/edge"));
        assert_eq!(edge(&public), edge(&lab));
        assert!(!public.path().join("out/people").exists());
        // Who is no longer declared is out at once, and the lock is left to a build with the secret.
        let lock = public.read("homelab.lock");
        public.edit(
            "    device \"tablet\" platform=\"android\" validity=\"12h\"\n",
            "",
        );
        public.command(["build", "--edge"]).run().succeeds();
        assert!(
            !public
                .read("out/edge/sites.caddyfile")
                .contains("guest/tablet")
        );
        assert_eq!(public.read("homelab.lock"), lock);
        public.edit(
            "device \"ipad\"",
            "device \"watch\" platform=\"wearos\"\n    device \"ipad\"",
        );
        let outcome = public.command(["build", "--edge"]).run();
        outcome
            .fails_with(4)
            .stderr_contains("bob/watch is to be issued");
        // Beside a whole tree it leaves the rest alone.
        lab.edit("127.0.0.1:2283", "127.0.0.1:2284");
        let before = lab.snapshot();
        lab.command(["build", "--edge"]).run().succeeds();
        let paths = changed(&before, &lab.snapshot());
        assert_eq!(
            paths,
            ["~ out/.homelab/manifest.kdl", "~ out/edge/sites.caddyfile"]
        );
    }

    #[test]
    fn the_command_line_has_its_exit_codes() {
        let lab = Lab::new();
        for (arguments, code) in [
            (&["--help"][..], 0),
            (&["--version"], 0),
            (&[], 2),
            (&["bild"], 2),
            (&["build", "--jobs", "0"], 2),
            (&["build", "--jobs", "100000"], 2),
            (&["build", "--check", "--edge"], 2),
            (&["password", "alice"], 2),
            (&["init", "Home.Example"], 2),
            (&["build"], 3),
            (&["check"], 3),
            (&["password", "alice/pixel"], 3),
        ] {
            let outcome = lab.command(arguments.iter().copied()).run();
            assert_eq!(outcome.status.code(), Some(code), "{arguments:?}");
        }
        lab.write("homelab.kdl", "domain 17");
        lab.command(["build"]).run().fails_with(1);
        assert!(!lab.path().join("out").exists() && !lab.home().join(".config").exists());
        lab.write("homelab.kdl", EXAMPLE);
        lab.command(["build", "--out", "."]).run().fails_with(2);
    }

    #[test]
    fn closed_and_full_streams_are_no_bug() {
        let lab = Lab::built_on(ISSUED, EXAMPLE);
        for redirection in [
            ">&-",
            "2>&-",
            ">&- 2>&-",
            ">/dev/full",
            ">/dev/full 2>/dev/full",
        ] {
            for command in ["build", "check", "password alice/nobody", "--help"] {
                let script = format!(
                    "exec {} {command} {redirection}",
                    env!("CARGO_BIN_EXE_homelab")
                );
                let outcome = lab.command::<&str>([]).through(["sh", "-c", &script]).run();
                let code = outcome.status.code();
                assert!(matches!(code, Some(0 | 2 | 3)), "{script}: {code:?}");
                outcome.stderr_lacks("panicked");
            }
        }
    }
}
