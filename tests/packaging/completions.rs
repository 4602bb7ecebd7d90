//! Completions for four shells.

use std::collections::BTreeMap;

use clap_complete::{Shell, generate};

use crate::agrees;
use crate::support::tools;

#[test]
fn completions_are_those_of_the_command_line() {
    agrees("completions", &made());
}

/// The one shell that every machine has on which this runs is asked itself.
#[test]
fn bash_offers_what_begins_as_it_was_typed() {
    let script = &made()["homelab.bash"];
    let ask = r#"
        COMP_WORDS=(homelab "$@"); COMP_CWORD=$#
        _homelab homelab "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    for (typed, offered) in [
        (vec!["re"], "renew\nrevoke\n"),
        (vec!["status", "--exit"], "--exit-code\n"),
        (vec!["rotate", "--au"], "--authority\n"),
    ] {
        let mut bash = tools::command("bash");
        bash.args(["-c", &format!("{script}\n{ask}"), "bash"])
            .args(&typed);
        let answer = bash.output().expect("bash runs");
        let answer = String::from_utf8(answer.stdout).expect("it is UTF-8");
        assert_eq!(answer, offered, "{typed:?}");
    }
}

fn made() -> BTreeMap<String, String> {
    let shells = [
        ("_homelab", Shell::Zsh),
        ("homelab.bash", Shell::Bash),
        ("homelab.fish", Shell::Fish),
        ("homelab.ps1", Shell::PowerShell),
    ];
    let script = |(name, shell): (&str, Shell)| {
        let mut script = Vec::new();
        generate(
            shell,
            &mut homelab::internals::command(),
            "homelab",
            &mut script,
        );
        let script = String::from_utf8(script).expect("it is UTF-8");
        (name.to_owned(), script)
    };
    shells.into_iter().map(script).collect()
}
