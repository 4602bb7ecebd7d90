//! A secret that somebody has put into a file or a pipe: its first line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{FileType, OFlags};
use zeroize::Zeroizing;

use super::bounded::open;

/// Bytes of a password's or a passphrase's file, at the most.
const LIMIT: u64 = 1 << 10;

/// The first line of a file, or of a pipe that somebody has open already, as a shell's `<(…)` is.
///
/// # Errors
/// Where the file is too large for a secret, or the line empty.
pub(crate) fn first_line_at(path: &Path) -> io::Result<Zeroizing<String>> {
    let (file, kind) = open(path)?;
    match kind {
        FileType::RegularFile => {}
        FileType::Fifo => wait_for_writers(&file)?,
        _ => return Err(io::Error::other("it is neither a file nor a pipe")),
    }
    first_line_of(file)
}

/// The same of what is open already.
pub(crate) fn first_line_of(from: impl Read) -> io::Result<Zeroizing<String>> {
    // Grown, it would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LIMIT as usize + 1));
    from.take(LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(io::Error::other(format!("it has more than {LIMIT} bytes")));
    }
    let text = str::from_utf8(&text).map_err(|_| io::Error::other("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.lines().next() {
        None | Some("") => Err(io::Error::other("its first line is empty")),
        Some(line) => Ok(Zeroizing::new(line.to_owned())),
    }
}

/// A pipe without a writer ends at once; one that has one is read as it comes.
fn wait_for_writers(file: &File) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags - OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use rustix::fs::Mode;

    use super::*;

    #[test]
    fn what_has_no_end_or_never_begins_is_refused_at_once() {
        let around = tempfile::tempdir().expect("a directory");
        let pipe = around.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("a pipe");
        // Larger than the machine's memory, and all of it holes.
        let large = around.path().join("large");
        let made = File::create(&large).and_then(|file| file.set_len(1 << 40));
        made.expect("it has no blocks");
        let begin = Instant::now();
        for path in [
            Path::new("/dev/zero"),
            Path::new("/dev/full"),
            &pipe,
            &large,
            around.path(),
        ] {
            assert!(first_line_at(path).is_err(), "{path:?}");
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_secret_is_a_first_line() {
        let around = tempfile::tempdir().expect("a directory");
        let path = around.path().join("file");
        for (text, expected) in [
            ("secret", Some("secret")),
            ("secret\nmore\n", Some("secret")),
            ("\u{feff}secret \r\n", Some("secret ")),
            ("", None),
            ("\nsecret\n", None),
        ] {
            fs::write(&path, text).expect("it can be written");
            let line = first_line_at(&path).ok();
            assert_eq!(
                line.as_ref().map(|line| line.as_str()),
                expected,
                "{text:?}"
            );
        }
        fs::write(&path, "x".repeat(1025)).expect("it can be written");
        assert!(first_line_at(&path).is_err());
    }
}
