//! The manual: homelab(1), a page for each command, and homelab.kdl(5).

use std::collections::BTreeMap;
use std::fs;

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use crate::markdown::{Markdown, titled};
use crate::{agrees, root};

#[test]
fn the_manual_is_that_of_the_command_line_and_of_the_documentation() {
    agrees("man", &made());
}

#[test]
fn each_command_and_each_option_has_its_place() {
    let pages = made();
    let main = &pages["homelab.1"];
    for command in commands().get_subcommands() {
        let name = format!("homelab-{}", command.get_name());
        assert!(main.contains(&escaped(&format!("{name}(1)"))), "{name}");
        let page = &pages[&format!("{name}.1")];
        for option in command.get_opts() {
            let long = option.get_long().expect("each has a long name");
            assert!(
                page.contains(&escaped(&format!("--{long}"))),
                "{name} --{long}"
            );
        }
    }
}

fn commands() -> Command {
    let mut commands = homelab::internals::command().disable_help_subcommand(true);
    commands.build();
    commands
}

fn made() -> BTreeMap<String, String> {
    let commands = commands();
    let page = |command: &Command| {
        let name = format!("homelab-{}.1", command.get_name());
        (name, page(command))
    };
    let mut pages: BTreeMap<String, String> = commands.get_subcommands().map(page).collect();
    pages.insert(String::from("homelab.1"), main_page(&commands));
    pages.insert(String::from("homelab.kdl.5"), language());
    pages
}

/// A command's page, with the usage that `--help` has: all the options stand below it.
fn man(command: &Command) -> Man {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let version = env!("CARGO_PKG_VERSION");
    Man::new(command.clone().override_usage(usage))
        .source(format!("homelab {version}"))
        .manual("homelab")
        // An argument that is missing would move the others.
        .date("\"\"")
}

fn page(command: &Command) -> String {
    let man = man(command);
    let mut text = Vec::new();
    man.render_title(&mut text).expect("a Vec takes all");
    man.render_name_section(&mut text).expect("a Vec takes all");
    man.render_synopsis_section(&mut text)
        .expect("a Vec takes all");
    man.render_options_section(&mut text)
        .expect("a Vec takes all");
    let mut end = Roff::new();
    end.control("SH", ["SEE ALSO"]);
    end.text([
        bold("homelab"),
        roman("(1), which has the exit codes, "),
        bold("homelab.kdl"),
        roman("(5)"),
    ]);
    joined(text, &end)
}

fn main_page(commands: &Command) -> String {
    let man = man(commands);
    let mut text = Vec::new();
    man.render_title(&mut text).expect("a Vec takes all");
    man.render_name_section(&mut text).expect("a Vec takes all");
    man.render_synopsis_section(&mut text)
        .expect("a Vec takes all");
    man.render_subcommands_section(&mut text)
        .expect("a Vec takes all");
    let readme = read("README.md");
    let codes = readme
        .split_once("| exit code | means |")
        .expect("README has the exit codes")
        .1;
    let (codes, _) = codes.split_once("\n\n").expect("the table ends");
    let mut end = Roff::new();
    end.control("SH", ["EXIT STATUS"]);
    Markdown::new(&format!("| exit code | means |{codes}\n")).write(&mut end);
    Markdown::new(&read("packaging/homelab.1.md")).write(&mut end);
    joined(text, &end)
}

fn language() -> String {
    let text = read("docs/language.md");
    let (_, text) = text.split_once('\n').expect("a title stands above it");
    let mut page = Roff::new();
    titled(&mut page, "homelab.kdl", "5", env!("CARGO_PKG_VERSION"));
    page.control("SH", ["NAME"]);
    page.text([roman(
        "homelab.kdl - who may use which services of a homelab",
    )]);
    page.control("SH", ["DESCRIPTION"]);
    Markdown::new(text).write(&mut page);
    page.control("SH", ["SEE ALSO"]);
    page.text([
        bold("homelab"),
        roman("(1), "),
        bold("homelab-check"),
        roman("(1), "),
        bold("homelab-plan"),
        roman(
            "(1); the pages docs/… are in /usr/share/doc/homelab/, or beside the program's manual",
        ),
    ]);
    joined(Vec::new(), &page)
}

/// What clap_mangen has rendered in parts, each with the same head, and what comes after it.
fn joined(text: Vec<u8>, end: &Roff) -> String {
    let text = String::from_utf8(text).expect("it is UTF-8") + &end.render();
    let (head, _) = text.split_once(".TH").expect("a page has a title");
    let body = text.replace(head, "");
    // Blanks at the ends of lines mean nothing.
    let lines = body.lines().map(|line| line.trim_end());
    let lines: Vec<&str> = lines.collect();
    format!("{head}{}\n", lines.join("\n"))
}

/// As a page has a word.
fn escaped(word: &str) -> String {
    word.replace('-', r"\-")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("it is there")
}
