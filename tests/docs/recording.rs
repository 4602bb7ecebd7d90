//! The recording in README: what a terminal shows of a few commands, as an SVG that moves by CSS alone.
//!
//! Everything in it was printed, by the program that is tested. After a change of what is printed:
//!
//! HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test docs the_recording; git diff docs/pictures

use std::env;
use std::fmt::Write;
use std::fs;

use crate::support::lab::Lab;
use crate::support::tools;
use crate::{README_DAY, root};

const DECLARATION: &str = r#"domain "home.example.com"

person "alice" {
    device "pixel" platform="android"
    device "macbook" platform="macos"
}
person "bob" { device "iphone" platform="ios"; }

service "photos" { upstream "http://127.0.0.1:2283"; allow "alice" "bob"; }
service "stats" { upstream "http://127.0.0.1:3000"; allow "alice"; }
"#;

/// What is typed, and for how many tenths of a second its answer is looked at.
const TYPED: [(&str, u32); 6] = [
    ("cat homelab.kdl", 24),
    ("homelab build", 30),
    (
        r#"sed -i '/stats/s/"alice"/& "bob"/' homelab.kdl   # bob may see them, too"#,
        4,
    ),
    ("homelab plan", 28),
    ("homelab build", 18),
    ("homelab revoke alice/pixel   # lost on the train", 36),
];

/// How long it is, in tenths of a second.
const WHOLE: u32 = 200;

// The terminal: columns and rows, and how large a character is.
const COLUMNS: usize = 110;
const ROWS: usize = 28;
const WIDTH: f32 = 7.23;
const HEIGHT: usize = 17;

#[test]
fn the_recording_in_the_readme_is_what_is_printed() {
    let place = root().join("docs/pictures/recording.svg");
    let made = drawn(&recorded());
    let written = fs::read_to_string(&place).unwrap_or_default();
    if env::var_os("HOMELAB_UPDATE_GOLDEN").is_some() && written != made {
        fs::write(&place, made).expect("it can be written");
        panic!(
            "docs/pictures/recording.svg was rewritten: look at it, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    assert!(
        written == made,
        "docs/pictures/recording.svg is not what is printed now: HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test docs the_recording"
    );
    assert!(made.len() < 60_000, "{} bytes", made.len());
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    assert!(readme.contains("](docs/pictures/recording.svg)"));
}

/// A command and the lines of its answer, as a terminal of so many columns shows them.
struct Shown {
    typed: &'static str,
    answer: Vec<String>,
    looked_at: u32,
}

fn recorded() -> Vec<Shown> {
    let lab = Lab::new().declare(DECLARATION);
    lab.git(&["init", "--quiet"]).succeeds();
    let (program, home) = (
        env!("CARGO_BIN_EXE_homelab"),
        lab.home().display().to_string(),
    );
    let shown = TYPED.map(|(typed, looked_at)| {
        let mut shell = tools::command("bash");
        // Both streams in one, and colours, as on a terminal.
        let line = format!("homelab() {{ {program} \"$@\"; }}\n{{ {typed}\n}} 2>&1");
        shell
            .args(["-c", &line])
            .current_dir(lab.path())
            .env("HOME", &home)
            .env("SOURCE_DATE_EPOCH", README_DAY)
            .env("CLICOLOR_FORCE", "1")
            .env("TERM", "xterm");
        let outcome = crate::support::outcome::run(&mut shell, b"");
        let printed = outcome.succeeds().stdout().replace(&home, "/home/you");
        let answer = printed.lines().flat_map(wrapped).collect();
        Shown {
            typed,
            answer,
            looked_at,
        }
    });
    shown.into()
}

/// A line as it goes over several of a terminal's. Lines with styles are short enough.
fn wrapped(line: &str) -> Vec<String> {
    if line.contains('\u{1b}') || line.is_empty() {
        return vec![line.to_owned()];
    }
    let characters: Vec<char> = line.chars().collect();
    let pieces = characters.chunks(COLUMNS);
    pieces.map(|piece| piece.iter().collect()).collect()
}

fn drawn(shown: &[Shown]) -> String {
    let (mut css, mut body, mut scroll) = (
        String::new(),
        String::new(),
        String::from("0%{transform:none}"),
    );
    let (mut time, mut row) = (0, 0);
    for (
        number,
        Shown {
            typed,
            answer,
            looked_at,
        },
    ) in shown.iter().enumerate()
    {
        let (begin, end) = (percent(time), percent(time + tenths(typed)));
        scrolled(&mut scroll, &begin, row + 1);
        let (y, characters) = (HEIGHT * row, typed.chars().count());
        write!(
            css,
            "#c{number}{{animation:c{number} 20s infinite step-end}}@keyframes c{number}{{0%{{visibility:hidden}}{begin}{{visibility:visible}}}}\n\
             #t{number}{{animation:t{number} 20s infinite}}@keyframes t{number}{{0%,{begin}{{visibility:visible;transform:none;animation-timing-function:steps({characters})}}{end}{{visibility:visible;transform:translateX({:.1}px);animation-timing-function:step-end}}{}{{visibility:hidden}}}}\n\
             #a{number}{{animation:a{number} 20s infinite step-end}}@keyframes a{number}{{0%{{visibility:hidden}}{end}{{visibility:visible}}}}\n",
            WIDTH * characters as f32,
            percent(time + tenths(typed) + 1),
        )
        .expect("a String takes all");
        write!(body, "<g id=\"c{number}\">").expect("a String takes all");
        line(&mut body, row, &format!("\u{1b}[32m$\u{1b}[0m {typed}"));
        // The cursor, and what covers that which is not typed yet.
        write!(
            body,
            "<g id=\"t{number}\" class=\"t\"><rect x=\"{:.1}\" y=\"{y}\" width=\"900\" height=\"{HEIGHT}\" fill=\"#161b22\"/><rect x=\"{:.1}\" y=\"{}\" width=\"{WIDTH}\" height=\"14\" fill=\"#8b949e\"/></g></g>\n<g id=\"a{number}\">",
            2.0 * WIDTH,
            2.0 * WIDTH,
            y + 2
        )
        .expect("a String takes all");
        row += 1;
        for text in answer {
            line(&mut body, row, text);
            row += 1;
        }
        body.push_str("</g>\n");
        scrolled(&mut scroll, &end, row);
        time += tenths(typed) + looked_at;
    }
    assert_eq!(time, WHOLE, "the times are those of the whole");
    let (width, height) = (WIDTH * COLUMNS as f32 + 28.0, HEIGHT * ROWS + 48);
    let said: Vec<&str> = shown.iter().map(|shown| shown.typed).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n\
         <!-- Made by tests/docs/recording.rs of what is printed. -->\n<style>\n\
         text{{font:12px/{HEIGHT}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:#d1d7e0}}\n\
         .b{{font-weight:bold}}.s31{{fill:#ff7b72}}.s32{{fill:#7ee787}}.s33{{fill:#e3b341}}.s34,.s36{{fill:#79c0ff}}.s35{{fill:#d2a8ff}}.t{{visibility:hidden}}\n\
         #s{{transform:translateY(-{}px);animation:s 20s infinite step-end}}@keyframes s{{{scroll}}}\n{css}\
         @media (prefers-reduced-motion:reduce){{*{{animation:none!important}}}}\n</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#161b22\"/><circle cx=\"18\" cy=\"16\" r=\"5\" fill=\"#484f58\"/><circle cx=\"34\" cy=\"16\" r=\"5\" fill=\"#484f58\"/><circle cx=\"50\" cy=\"16\" r=\"5\" fill=\"#484f58\"/>\n\
         <svg x=\"14\" y=\"34\" width=\"{}\" height=\"{}\"><g id=\"s\">\n{body}</g></svg>\n</svg>\n",
        escaped(&format!("A terminal: {}", said.join("; "))),
        HEIGHT * row.saturating_sub(ROWS),
        width - 28.0,
        HEIGHT * ROWS,
    )
}

/// How long it takes to type, in tenths of a second.
fn tenths(typed: &str) -> u32 {
    u32::try_from(typed.chars().count()).expect("it is short") * 3 / 10 + 2
}

fn percent(time: u32) -> String {
    format!("{}%", f64::from(time) * 100.0 / f64::from(WHOLE))
}

/// From then on so many rows are there, of which the last are seen.
fn scrolled(scroll: &mut String, from: &str, rows: usize) {
    let hidden = HEIGHT * rows.saturating_sub(ROWS);
    write!(scroll, "{from}{{transform:translateY(-{hidden}px)}}").expect("a String takes all");
}

/// A line of the terminal, with the styles that are in it.
fn line(body: &mut String, row: usize, text: &str) {
    if text.is_empty() {
        return;
    }
    write!(body, "<text y=\"{}\">", HEIGHT * row + 12).expect("a String takes all");
    let mut pieces = text.split('\u{1b}');
    body.push_str(&escaped(pieces.next().unwrap_or_default()));
    for piece in pieces {
        let (style, words) = piece[1..]
            .split_once('m')
            .expect("styles alone are printed");
        let class: Vec<String> = { style.split(';') }
            .filter(|code| *code != "0")
            .map(|code| {
                if code == "1" {
                    "b".into()
                } else {
                    format!("s{code}")
                }
            })
            .collect();
        let words = escaped(words);
        match class.is_empty() {
            _ if words.is_empty() => {}
            true => body.push_str(&words),
            false => write!(body, "<tspan class=\"{}\">{words}</tspan>", class.join(" "))
                .expect("a String takes all"),
        }
    }
    body.push_str("</text>\n");
}

fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;")
}
