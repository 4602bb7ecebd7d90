//! All commands that write, in pairs and in threes at once, 500 rounds: every order of them that the directory allows ends in a homelab
//! that is whole.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use super::home::{Certificate, DECLARATION, built, certificates, declare, foreign_authority};
use super::home::{states, value};
use super::support::lab::Lab;
use super::support::outcome::Outcome;

/// What is done at once, and how it may end: 0 done, 2 and 4 refused with words for what another command has left.
const COMMANDS: [(&str, &[i32]); 16] = [
    ("build", &[0]),
    ("build --edge", &[0, 4]),
    ("build --locked", &[0, 4]),
    ("renew --all", &[0]),
    ("renew --due", &[0]),
    ("renew alice/pixel", &[0]),
    ("renew --finish alice/pixel", &[0, 2]),
    ("revoke alice/pixel", &[0]),
    ("revoke --no-replace bob/iphone", &[0]),
    ("rotate --authority", &[0]),
    ("rotate --root", &[0, 2]),
    ("rotate --finish", &[0, 4]),
    ("rotate --finish --force", &[0]),
    ("rotate --identity --recipient RECIPIENT", &[0]),
    ("adopt ca.pem --key ca.key", &[0]),
    ("declare", &[0]),
];

/// Codes of refusals: each says which state another command has left.
const REFUSALS: [&str; 7] = [
    "rotate::depended-on",
    "rotate::under-way",
    "renew::nothing-to-finish",
    "lock::would-change",
    "lock::went-back",
    "device::unknown",
    "tree::differs",
];

/// How many parts the rounds are done in, each a test, so that they share what cores there are.
const PARTS: usize = 10;
const ROUNDS: usize = 500;

/// Which commands each round runs at once: every pair, one and the same twice included, then threes.
fn rounds() -> Vec<Vec<usize>> {
    let count = COMMANDS.len();
    let pairs = (0..count).flat_map(|one| (one..count).map(move |other| vec![one, other]));
    let mut rounds: Vec<Vec<usize>> = pairs.collect();
    // Numerical Recipes' generator: the same threes at every run.
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % count
    };
    while rounds.len() < ROUNDS {
        rounds.push(vec![next(), next(), next()]);
    }
    rounds
}

fn part(number: usize) {
    let prepared = built();
    foreign_authority(&prepared);
    let recipient = recipient(&prepared);
    let mine = |(round, _): &(usize, Vec<usize>)| round % PARTS == number;
    for (round, commands) in rounds().into_iter().enumerate().filter(mine) {
        let lab = prepared.copy();
        let before = certificates(&lab);
        let names = commands.iter().map(|command| COMMANDS[*command].0);
        let what = format!("round {round}: {}", names.collect::<Vec<_>>().join(", "));
        let outcomes = at_once(&lab, &commands, &recipient);
        for (command, outcome) in &outcomes {
            let Some(outcome) = outcome else { continue };
            let (_, codes) = COMMANDS[*command];
            let code = outcome.status.code().unwrap_or(-1);
            assert!(codes.contains(&code), "{what}\n{outcome}");
            let stderr = outcome.stderr();
            let is_explained = REFUSALS.iter().any(|refusal| stderr.contains(refusal));
            assert!(code == 0 || is_explained, "{what}\n{outcome}");
            outcome.stderr_lacks("panicked");
        }
        // What was declared last may not be built yet: everything else is.
        let declared = commands.contains(&(COMMANDS.len() - 1));
        if declared {
            let allowed = ["build", "--allow-retire", "2"];
            lab.command(allowed).run().succeeds();
        }
        is_whole(&lab, &what);
        nobody_came_back(&lab, &before, &outcomes, &what);
    }
}

fn at_once(lab: &Lab, commands: &[usize], recipient: &str) -> Vec<(usize, Option<Outcome>)> {
    thread::scope(|scope| {
        let running: Vec<_> = commands
            .iter()
            .map(|command| {
                let (words, _) = COMMANDS[*command];
                let words = words.replace("RECIPIENT", recipient);
                scope.spawn(move || match words.as_str() {
                    "declare" => {
                        let more = "person \"carol\" { device \"tab\" platform=\"android\"; }\n";
                        declare(lab, &format!("{DECLARATION}{more}"));
                        None
                    }
                    words => Some(lab.command(words.split(' ')).run()),
                })
            })
            .collect();
        let ended = running.into_iter().map(|run| run.join().expect("it ends"));
        commands.iter().copied().zip(ended).collect()
    })
}

/// The lock is readable, one authority signs, the tree is what lock and declaration say and nothing is left unfinished.
#[track_caller]
fn is_whole(lab: &Lab, what: &str) {
    let checked = lab.command(["build", "--check"]).run();
    assert!(checked.status.success(), "{what}\n{checked}");
    let lock = lab.read("homelab.lock");
    let authorities = lock.lines().filter(|line| line.starts_with("authority "));
    let signing = authorities
        .filter(|line| value(line, "state").is_none() && value(line, "origin") != Some("foreign"));
    assert_eq!(signing.count(), 1, "{what}\n{lock}");
    for device in ["alice/pixel", "bob/iphone"] {
        let active = states(lab, device)
            .iter()
            .filter(|state| *state == "active")
            .count();
        assert!(active <= 1, "{what}: {device}\n{lock}");
    }
    for entry in fs::read_dir(lab.path()).expect("it is there") {
        let name = entry.expect("it can be read").file_name();
        let name = name.to_string_lossy().into_owned();
        let is_half = name.ends_with(".tmp") || name.ends_with(".pending");
        assert!(!is_half, "{what}: {name}");
    }
}

/// A certificate that a command revoked is let in nowhere, and a device that was barred has none, unless it was renewed by name.
#[track_caller]
fn nobody_came_back(
    lab: &Lab,
    before: &BTreeMap<String, Certificate>,
    outcomes: &[(usize, Option<Outcome>)],
    what: &str,
) {
    let done = |words: &str| {
        let mut outcomes = outcomes.iter();
        outcomes.any(|(command, outcome)| {
            let is_done = outcome
                .as_ref()
                .is_some_and(|outcome| outcome.status.success());
            COMMANDS[*command].0 == words && is_done
        })
    };
    let after = certificates(lab);
    let revoked = [
        ("alice/pixel", done("revoke alice/pixel")),
        ("bob/iphone", done("revoke --no-replace bob/iphone")),
    ];
    for (fingerprint, certificate) in before {
        for (device, _) in revoked.iter().filter(|(_, is_revoked)| *is_revoked) {
            if certificate.device != *device {
                continue;
            }
            let state = after.get(fingerprint).map(|after| after.state.as_str());
            let is_out = matches!(state, Some("retired" | "barred"));
            assert!(is_out, "{what}: {device} is {state:?}");
            assert!(!lab.let_in().contains(fingerprint), "{what}: {device}");
        }
    }
    if revoked[1].1 {
        let states = states(lab, "bob/iphone");
        assert!(
            !states.iter().any(|state| state == "active"),
            "{what}: {states:?}"
        );
    }
}

fn recipient(lab: &Lab) -> String {
    let identity = fs::read_to_string(lab.home().join(".config/homelab/identity.txt"));
    let identity = identity.expect("init has made one");
    let line = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    line.expect("it names its public key").to_owned()
}

/// A refusal that no source has any more would explain nothing.
#[test]
fn every_refusal_is_one_that_the_program_makes() {
    let sources = walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let files = sources
        .into_iter()
        .map(|entry| entry.expect("it can be listed").into_path());
    let text: String = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| fs::read_to_string(path).expect("a source can be read"))
        .collect();
    for code in REFUSALS {
        assert!(text.contains(&format!("\"{code}\"")), "{code}");
    }
}

#[test]
fn every_pair_is_among_the_rounds() {
    let rounds = rounds();
    assert_eq!(rounds.len(), ROUNDS);
    for one in 0..COMMANDS.len() {
        for other in one..COMMANDS.len() {
            assert!(rounds.contains(&vec![one, other]));
        }
    }
}

macro_rules! parts {
    ($($name:ident $number:literal),*) => {
        $(
            #[test]
            fn $name() {
                part($number);
            }
        )*
    };
}

parts!(
    rounds_0 0, rounds_1 1, rounds_2 2, rounds_3 3, rounds_4 4,
    rounds_5 5, rounds_6 6, rounds_7 7, rounds_8 8, rounds_9 9
);
