//! Lines of a Caddyfile that a declaration gives as they are.

/// Directives for the inside of a block, which neither close that block nor leave one open.
///
/// What they do is not looked at; that they stay where they are put is. Caddy's lexer has corners
/// where its versions differ, and what would lead into one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    lines: Vec<(usize, String)>,
    defined: Vec<String>,
    used: Vec<String>,
}

/// Blocks that hold directives, as the place does that the lines are put into.
const OF_DIRECTIVES: [&str; 3] = ["handle", "handle_path", "route"];

/// The matchers that stand around the lines, apart from those with a number or a person's name.
const OURS: [&str; 15] = [
    "allowed",
    "always",
    "backslash",
    "climbs",
    "forwarded-for",
    "forwarded-proto",
    "lan",
    "no-host",
    "no-method",
    "no-path",
    "no-websocket",
    "one-reading",
    "overlong",
    "plain",
    "websocket",
];

impl Raw {
    /// Takes lines whose braces match; otherwise says why not.
    pub fn new(text: &str) -> Result<Raw, &'static str> {
        let mut lines = Vec::new();
        let mut depth = 0usize;
        let (mut defined, mut used) = (Vec::new(), Vec::new());
        // For each open block whether it holds directives, where a name with `@` is a matcher.
        let mut holds_directives = vec![true];
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words = words(line)?;
            match words.as_slice() {
                ["{"] => return Err("a `{` stands alone in its line"),
                ["}"] => {
                    depth = depth.checked_sub(1).ok_or("a `}` closes nothing")?;
                    holds_directives.pop();
                    lines.push((depth, String::from("}")));
                    continue;
                }
                [] => continue,
                [head @ .., last] => {
                    let first = words[0].trim_matches('"');
                    if first == "import" {
                        return Err(
                            "`import` could bring anything, also what is not of this block",
                        );
                    }
                    if first.starts_with(['(', '&']) {
                        return Err("it defines a snippet or a route, which cannot stand here");
                    }
                    if depth == 0 && ["bind", "handle_errors", "log", "tls"].contains(&first) {
                        return Err("it has a directive of a whole site, which cannot stand here");
                    }
                    if head.iter().any(|word| is_brace(word)) || *last == "}" {
                        return Err("a brace stands elsewhere than at the end of a line, or alone");
                    }
                    if holds_directives.last() == Some(&true) {
                        let second = words.get(1).map_or("", |word| word.trim_matches('"'));
                        match first.starts_with('@') {
                            true => defined.push(first.to_owned()),
                            false if second.starts_with('@') => used.push(second.to_owned()),
                            false => {}
                        }
                    }
                    lines.push((depth, words.join(" ")));
                    if *last == "{" {
                        depth += 1;
                        holds_directives.push(OF_DIRECTIVES.contains(&first));
                    }
                }
            }
        }
        match (depth, lines.is_empty()) {
            (0, false) => Ok(Raw {
                lines,
                defined,
                used,
            }),
            (0, true) => Err("there is nothing in it"),
            _ => Err("a `{` is never closed"),
        }
    }

    /// The matchers that the lines define, with their `@`, in the order written.
    pub fn defined(&self) -> &[String] {
        &self.defined
    }

    /// The matchers that directives of the lines ask for.
    pub fn used(&self) -> &[String] {
        &self.used
    }

    /// Whether a matcher of that name stands around the lines already.
    pub fn is_taken(name: &str) -> bool {
        let bare = name.strip_prefix('@').unwrap_or(name);
        let numbered = |prefix: &str| {
            let number = bare.strip_prefix(prefix);
            number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
        };
        OURS.contains(&bare)
            || ["people-", "public"].into_iter().any(numbered)
            || bare.starts_with("audience-")
            || bare.starts_with("person-")
            || bare.starts_with("grant-")
    }

    /// The lines as Caddy formats them, each indented from `depth` on.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line = |(depth, line): &(usize, String)| format!("{}{line}", "\t".repeat(*depth));
        self.lines.iter().map(line)
    }
}

fn is_brace(word: &str) -> bool {
    matches!(word, "{" | "}")
}

/// The words of a line, quotes included; what follows a `#` is left out.
fn words(line: &str) -> Result<Vec<&str>, &'static str> {
    if line.contains("{$") {
        return Err("`{$…}` is replaced before Caddy reads the file, and could be anything");
    }
    if line.contains('`') {
        return Err("it has a backtick, which `caddy fmt` of old versions breaks");
    }
    if ["\\\"", "\\\\"].iter().any(|pair| line.contains(pair)) || line.ends_with('\\') {
        return Err("it has a `\\` before a quote, another `\\` or the end of a line");
    }
    if line
        .chars()
        .any(|c| (c.is_control() && c != '\t') || crate::source::is_invisible(c))
    {
        return Err("it has a character that does not show");
    }
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let length = match rest.strip_prefix('"') {
            Some(quoted) => {
                2 + quoted
                    .find('"')
                    .ok_or("a quote is not closed in its line")?
            }
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(length);
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err("a quote ends within a word");
        }
        if word.starts_with("<<") {
            return Err("it has a heredoc, which old versions do not know");
        }
        let bare = word.trim_matches('"');
        if is_brace(bare) && bare != word || !is_brace(word) && !has_whole_placeholders(word) {
            return Err("a brace in a word is not of a placeholder such as `{http.request.uri}`");
        }
        if !word.starts_with('"') {
            if word.contains('"') {
                return Err("a quote begins within a word");
            }
            // Caddy's lexer carries the `\` over to the next word, which then is none of its own.
            if word.ends_with('\\') || word.contains("\\<") {
                return Err("a word outside quotes ends in `\\`, or has it before a `<`");
            }
        }
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// Whether each `{` of a word has its `}`, and none is within another's.
fn has_whole_placeholders(word: &str) -> bool {
    let mut open = false;
    for character in word.chars() {
        match (character, open) {
            ('{', false) => open = true,
            ('}', true) => open = false,
            ('{', true) | ('}', false) => return false,
            _ => {}
        }
    }
    !open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_taken_and_indented() {
        let text = "\n  encode zstd gzip # smaller\n# all of it\nphp_fastcgi unix//run/php.sock {\n  \
                    env A \"b c\"\n\theader_up X {http.request.uri}\n}\n";
        let lines: Vec<String> = Raw::new(text).unwrap().lines().collect();
        assert_eq!(
            lines,
            [
                "encode zstd gzip",
                "php_fastcgi unix//run/php.sock {",
                "\tenv A \"b c\"",
                "\theader_up X {http.request.uri}",
                "}"
            ]
        );
    }

    #[test]
    fn matchers_are_known_where_directives_stand() {
        let text = "@a path /x\n\"@b\" {\n\tpath /y\n}\nhandle @a {\n\troute {\n\t\trespond \"@c\" 403\n\t}\n}\n\
                    header {\n\tLink @d\n}\nheader X-A @e\n";
        let raw = Raw::new(text).unwrap();
        assert_eq!(raw.defined(), ["@a", "@b"]);
        assert_eq!(raw.used(), ["@a", "@c"]);
        for taken in [
            "@lan",
            "@allowed",
            "@person-x",
            "@public1",
            "@climbs",
            "@audience-1",
            "@people-12",
        ] {
            assert!(Raw::is_taken(taken), "{taken}");
        }
        for free in ["@lan2", "@public-x", "@my-lan", "@person"] {
            assert!(!Raw::is_taken(free), "{free}");
        }
    }

    #[test]
    fn what_could_leave_its_block_is_refused() {
        for bad in [
            "",
            "# nothing",
            "}",
            "{",
            "a {",
            "a }",
            "a { b }",
            "} {",
            "a {\n}\n}",
            "}\na {",
            "respond \"}\"",
            "respond \"{\"",
            "respond \"a\n}\"",
            "respond \"a\" }",
            "respond \"a\"}",
            "respond \"a",
            "respond a\"b c\"",
            "respond `}`",
            "respond <<EOF\n}\nEOF",
            "respond {$X}",
            "# {$X}",
            "a \\\n}",
            "a \\\" }",
            "a{",
            "a}",
            "{a{b}}",
            "respond \"a\\\\\" }",
            "a\u{85}}",
            "a\u{0}",
            "a\r}",
            "header X-A \\ {\n}\nhandle {\nheader X-B \\ \"\"\n}\n\"z\"",
            "encode gzip \\ # c",
            "respond \\<<EOF",
            "{\n}",
            "import /etc/caddy/other",
            "\"import\" /etc/caddy/other",
            "handle {\nimport x\n}",
            "tls internal",
            "(mine) {\n}",
            "&(mine) {\n}",
            "handle_errors {\n}",
        ] {
            assert!(Raw::new(bad).is_err(), "{bad:?}");
        }
    }
}
