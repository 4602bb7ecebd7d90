//! What git is told about the files beside the declaration.

use std::fmt::Write;

use super::Held;
use super::git::is_in_work_tree;
use crate::diagnostic::Failure;

/// What git does not keep.
pub(super) const IGNORE: &str = ".gitignore";
/// How git keeps and merges our files.
pub(super) const ATTRIBUTES: &str = ".gitattributes";

/// What is no business of git's: the output, and what an interrupted command leaves.
const IGNORED: [&str; 2] = ["/out", "/.homelab.age.pending"];

/// What homelabs before wrote for the first of these: it does not ignore a link.
const FORMER_OUTPUT: &str = "/out/";

/// A file of ours, and how git is to treat it.
struct Attribute {
    file: &'static str,
    line: &'static str,
    /// What homelabs before wrote.
    former: Option<&'static str>,
}

const ATTRIBUTED: [Attribute; 2] = [
    Attribute {
        file: "homelab.lock",
        line: "homelab.lock text eol=lf merge=union",
        former: Some("homelab.lock merge=union"),
    },
    Attribute {
        file: "homelab.age",
        line: "homelab.age binary",
        former: None,
    },
];

/// Bytes of a file of git's, at the most.
const LIMIT: u64 = 1 << 20;

/// Tells git everything, where a homelab begins; whether there was anything to tell.
pub(crate) fn tell(workspace: &Held) -> Result<bool, Failure> {
    let ignored = ignore(workspace)?;
    Ok(attribute(workspace)? || ignored)
}

/// Tells git how to treat what is there, where the workspace is in a work tree of git's. What the user has said of a file
/// stays as it is, and so does what is not there because the user took it out of `.gitignore`.
pub(crate) fn tell_again(workspace: &Held) -> Result<bool, Failure> {
    if is_in_work_tree(workspace.directory()) {
        let ignored = ignore_by_present_lines(workspace)?;
        Ok(attribute(workspace)? || ignored)
    } else {
        Ok(false)
    }
}

/// Writes a line of an earlier homelab as it is written now, and adds none.
fn ignore_by_present_lines(workspace: &Held) -> Result<bool, Failure> {
    let Some(text) = text(workspace, IGNORE)? else {
        return Ok(false);
    };
    let now = ignored_now(&text);
    if now == text {
        Ok(false)
    } else {
        write(workspace, IGNORE, &now)
    }
}

/// The text with the line of an earlier homelab as it is written now.
fn ignored_now(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    let now = lines.map(|line| match line.trim() {
        FORMER_OUTPUT => line.replace(FORMER_OUTPUT, IGNORED[0]),
        _ => line.to_owned(),
    });
    now.collect()
}

fn ignore(workspace: &Held) -> Result<bool, Failure> {
    let Some(text) = text(workspace, IGNORE)? else {
        return Ok(false);
    };
    let now = ignored_now(&text);
    let has = |line: &&&str| now.lines().any(|present| present.trim() == **line);
    let missing: Vec<&str> = IGNORED.iter().filter(|line| !has(line)).copied().collect();
    if missing.is_empty() && now != text {
        write(workspace, IGNORE, &now)
    } else {
        add(workspace, IGNORE, &now, &missing)
    }
}

fn attribute(workspace: &Held) -> Result<bool, Failure> {
    let Some(text) = text(workspace, ATTRIBUTES)? else {
        return Ok(false);
    };
    let brought_up = brought_up_to_date(&text);
    let is_said = |attribute: &&Attribute| brought_up.lines().any(|line| is_about(line, attribute));
    let missing: Vec<&str> = ATTRIBUTED
        .iter()
        .filter(|attribute| !is_said(attribute))
        .map(|attribute| attribute.line)
        .collect();
    let is_same = brought_up == text;
    if missing.is_empty() && !is_same {
        write(workspace, ATTRIBUTES, &brought_up)
    } else {
        add(workspace, ATTRIBUTES, &brought_up, &missing)
    }
}

/// The text with lines that homelabs wrote before as they are written now.
fn brought_up_to_date(text: &str) -> String {
    let mut now = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let written = line.trim();
        let mut attributes = ATTRIBUTED.iter();
        match attributes.find(|attribute| attribute.former == Some(written)) {
            Some(attribute) => now += &line.replace(written, attribute.line),
            None => now += line,
        }
    }
    now
}

/// Whether a line of `.gitattributes` is about that file (`man 5 gitattributes`: a pattern, white space, attributes).
fn is_about(line: &str, attribute: &Attribute) -> bool {
    let pattern = line.split_whitespace().next().unwrap_or_default();
    pattern.trim_start_matches('/') == attribute.file
}

/// What such a file says; `None` where it is a link, and stays as it is: git follows none in a work tree (`man 5 gitignore`), and
/// one that came with the repository may lead to any file of the user's.
fn text(workspace: &Held, name: &str) -> Result<Option<String>, Failure> {
    let there = workspace.path(name).symlink_metadata();
    if there.is_ok_and(|there| there.is_symlink()) {
        if is_in_work_tree(workspace.directory()) {
            // What stands there is asked anew each time.
            workspace.journal().spoil();
            workspace.listener().note(format_args!(
                "`{name}` is a link, which git does not follow, and stays as it is: put a file in its place, and the next build tells git in it how homelab.lock and homelab.age are kept."
            ));
        }
        return Ok(None);
    }
    let bytes = workspace.read(&workspace.path(name), LIMIT)?;
    let bytes = bytes.unwrap_or_default();
    // Git takes names in any encoding. Each byte is a character here, so that all come out again as they were.
    Ok(Some(bytes.into_iter().map(char::from).collect()))
}

fn write(workspace: &Held, name: &str, text: &str) -> Result<bool, Failure> {
    let bytes = text
        .chars()
        .map(|byte| u8::try_from(byte).expect("it was made of bytes"));
    workspace.write_here(name, &bytes.collect::<Vec<u8>>())?;
    Ok(true)
}

fn add(workspace: &Held, name: &str, text: &str, lines: &[&str]) -> Result<bool, Failure> {
    if lines.is_empty() {
        return Ok(false);
    }
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in lines {
        writeln!(text, "{line}").expect("a String takes all");
    }
    write(workspace, name, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_ours_are_brought_up_to_date() {
        for (before, after) in [
            (
                "homelab.lock merge=union\n",
                "homelab.lock text eol=lf merge=union\n",
            ),
            (
                "*.kdl text\r\nhomelab.lock merge=union\r\n",
                "*.kdl text\r\nhomelab.lock text eol=lf merge=union\r\n",
            ),
            (
                "homelab.lock merge=union",
                "homelab.lock text eol=lf merge=union",
            ),
            ("homelab.lock -merge\n", "homelab.lock -merge\n"),
            (
                "# homelab.lock merge=union\n",
                "# homelab.lock merge=union\n",
            ),
            ("", ""),
        ] {
            assert_eq!(brought_up_to_date(before), after, "{before:?}");
        }
        assert_eq!(ignored_now("a\n /out/\r\n/out/x\n"), "a\n /out\r\n/out/x\n");
        assert_eq!(ignored_now("# /out/\n/out"), "# /out/\n/out");
        let lock = &ATTRIBUTED[0];
        for (line, is_ours) in [
            ("homelab.lock -merge", true),
            ("/homelab.lock text", true),
            ("*.lock text", false),
            ("# homelab.lock", false),
            ("", false),
        ] {
            assert_eq!(is_about(line, lock), is_ours, "{line:?}");
        }
    }
}
