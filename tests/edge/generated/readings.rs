//! What upstreams may take a target for: each reading that some server or framework is known for, and each of those of another one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

/// Whether a path is what a target means to everybody.
pub fn covers(path: &str, target: &str) -> bool {
    let sent = target.split('?').next().unwrap_or_default();
    let Some((begin, end)) = path.split_once('*') else {
        return sent == path;
    };
    let rest = sent.strip_prefix(begin);
    let Some(rest) = rest.and_then(|rest| rest.strip_suffix(end)) else {
        return false;
    };
    match (begin.ends_with('/'), end) {
        (true, "") => {
            rest.is_empty()
                || rest
                    .strip_suffix('/')
                    .unwrap_or(rest)
                    .split('/')
                    .all(is_plain)
        }
        (false, "") => is_plain(&format!("x{rest}")),
        (true, _) => is_plain(rest) && !rest.contains(';'),
        (false, _) => is_plain(&format!("x{rest}")) && !rest.contains(';'),
    }
}

/// Whether everybody reads a segment alike: it is text, as what it says, and what is left of it is neither `.` nor `..`.
fn is_plain(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digits = segment.get(at + 1..at + 3);
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match byte {
                    Some(byte) if !b"#%./;?\\".contains(&byte) => decoded.push(byte),
                    _ => return false,
                }
                at += 3;
            }
            byte if byte.is_ascii_alphanumeric() || b"._~!$&'()*+,;=:@-".contains(&byte) => {
                decoded.push(byte);
                at += 1;
            }
            _ => return false,
        }
    }
    let Ok(text) = String::from_utf8(decoded) else {
        return false;
    };
    let first = text.trim_start_matches([' ', '+']).chars().next();
    !text.contains(char::is_control)
        && !text.contains(['\u{ff0f}', '\u{ff3c}', '\u{ff05}'])
        && first.is_some_and(|first| !first.is_whitespace() && !".;\u{ff0e}".contains(first))
}

/// Whether nobody could take a target for anything but what it says: segments of letters, digits, `-`, `_`, `~`, and dots within them.
pub fn is_clear(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let is_clear = |segment: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~.".contains(&byte);
        segment.bytes().all(known) && !segment.starts_with('.')
    };
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    path == "/" || { rest.split('/') }.all(|segment| !segment.is_empty() && is_clear(segment))
}

/// Whether some upstream could take a target for a path that has a policy, or for one below such a path.
pub fn may_be(path: &str, target: &str) -> bool {
    let named: Vec<String> = { path.strip_suffix("/*").unwrap_or(path).split('/') }
        .skip(1)
        .map(str::to_lowercase)
        .collect();
    readings(target).iter().any(|reading| {
        let segments: Vec<&str> = reading.split('/').skip(1).collect();
        segments.len() >= named.len()
            && named
                .iter()
                .zip(&segments)
                .all(|(named, segment)| match named.split_once('*') {
                    None => named == segment,
                    Some((begin, end)) => {
                        let rest = segment.strip_prefix(begin);
                        rest.is_some_and(|rest| rest.ends_with(end))
                    }
                })
    })
}

/// As many readings of one target are enough: those that take the fewest steps.
const MOST: usize = 200;

/// All that a target could be to somebody, resolved and in small letters.
fn readings(target: &str) -> Arc<BTreeSet<String>> {
    // Each target is asked for many times.
    static KNOWN: Mutex<BTreeMap<String, Arc<BTreeSet<String>>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("no reading panics");
    let new = || Arc::new(read(target));
    Arc::clone(known.entry(target.to_owned()).or_insert_with(new))
}

fn read(target: &str) -> BTreeSet<String> {
    let mut known = BTreeSet::from([target.to_owned()]);
    let mut new = VecDeque::from([target.to_owned()]);
    while let Some(path) = new.pop_front() {
        for step in STEPS {
            let read = step(&path);
            if known.len() < MOST && !known.contains(&read) {
                known.insert(read.clone());
                new.push_back(read);
            }
        }
    }
    known
        .iter()
        .map(|path| resolved(&path.to_lowercase()))
        .collect()
}

/// What some servers do to a path and some do not.
const STEPS: [fn(&str) -> String; 14] = [
    |path| path.split('?').next().unwrap_or_default().to_owned(),
    |path| {
        path.split(['\0', '?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned()
    },
    |path| String::from_utf8_lossy(&undone(path)).replace('\u{fffd}', ""),
    |path| undone(path).into_iter().map(char::from).collect(),
    |path| {
        of_each(path, |segment| {
            segment.split(';').next().unwrap_or_default()
        })
    },
    |path| path.replace('\\', "/"),
    |path| path.replace('+', " "),
    |path| {
        of_each(path, |segment| {
            segment.trim_matches(|c: char| c.is_whitespace() || c.is_control())
        })
    },
    |path| {
        of_each(path, |segment| match segment {
            "." | ".." => segment,
            other => other.trim_end_matches(['.', ' ']),
        })
    },
    |path| {
        of_each(path, |segment| {
            segment
                .split([':', '.'])
                .next()
                .filter(|s| !s.is_empty())
                .unwrap_or(segment)
        })
    },
    |path| path.chars().filter_map(compatible).collect(),
    overlong,
    without_authority,
    without_front,
];

fn of_each(path: &str, change: impl Fn(&str) -> &str) -> String {
    path.split('/').map(change).collect::<Vec<_>>().join("/")
}

/// The octets of a path of which the escapes are undone once.
fn undone(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let (mut octets, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = path.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.unwrap_or(bytes[at]));
        at += if octet.is_some() { 3 } else { 1 };
    }
    octets
}

/// A dot and slashes in more octets than they take.
fn overlong(path: &str) -> String {
    let mut path = path.to_lowercase();
    for (long, short) in [
        ("%c0%ae", "."),
        ("%e0%80%ae", "."),
        ("%f0%80%80%ae", "."),
        ("%c0%af", "/"),
        ("%e0%80%af", "/"),
        ("%c1%9c", "/"),
    ] {
        path = path.replace(long, short);
    }
    path
}

/// The letter that others are taken for; none for what is unseen.
fn compatible(character: char) -> Option<char> {
    let folded = match character {
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{300}'..='\u{36f}' => return None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0)?,
        '\u{2024}' => '.',
        '\u{2044}' | '\u{2215}' => '/',
        '\u{e0}'..='\u{e5}' | '\u{c0}'..='\u{c5}' => 'a',
        '\u{131}' | '\u{ec}'..='\u{ef}' | '\u{cc}'..='\u{cf}' => 'i',
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other,
    };
    Some(folded)
}

/// `//host/x` is `/x` to who takes it for a reference (RFC 3986 §4.2).
fn without_authority(path: &str) -> String {
    let rest = path.replace('\\', "/");
    match rest.strip_prefix("//") {
        Some(rest) => format!("/{}", rest.split_once('/').map_or("", |(_, path)| path)),
        None => path.to_owned(),
    }
}

/// `/index.php/x` is `/x` to the program.
fn without_front(path: &str) -> String {
    let first = path.trim_start_matches('/').split_once('/');
    match first {
        Some((program, rest))
            if [".php", ".cgi", ".aspx"]
                .iter()
                .any(|end| program.ends_with(end)) =>
        {
            format!("/{rest}")
        }
        Some((session, rest)) if session.starts_with('(') && session.ends_with("))") => {
            format!("/{rest}")
        }
        _ => path.to_owned(),
    }
}

/// Dots and slashes resolved.
fn resolved(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[test]
fn targets_are_read_as_servers_read_them() {
    for target in [
        "/admin/x",
        "/ADMIN;y",
        "/x/%2e%2e/admin.json",
        "//h/admin",
        "/index.php/ad%CC%81min",
    ] {
        assert!(may_be("/admin/*", target), "{target}");
    }
    for target in ["/", "/administrator", "/x/admin", "/x/..%2eadmin"] {
        assert!(!may_be("/admin/*", target), "{target}");
    }
}
