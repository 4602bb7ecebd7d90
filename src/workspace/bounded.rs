//! Files of the user's, read no further than anybody may expect them to go, and never waited for.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use blake3::{Hash, Hasher};
use rustix::fs::{FileType, Mode, OFlags};

/// A file of so many bytes is read whole to be hashed: to hash it in pieces clears as much memory first.
const SMALL: u64 = 64 << 10;

/// A file's bytes.
///
/// # Errors
/// Where it has more than `limit`, or is something else than a file: a device may have no end, and a named pipe would
/// be waited for.
pub(crate) fn whole(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let bytes = start(path, limit.saturating_add(1))?;
    if bytes.len() as u64 > limit {
        Err(io::Error::other(format!(
            "it has more than {limit} bytes, which no such file has"
        )))
    } else {
        Ok(bytes)
    }
}

/// A file's first bytes, at most as many.
pub(crate) fn start(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_file(path)?;
    // Grown, a secret's would leave copies behind.
    let expected = file.metadata()?.len().saturating_add(1).min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The hash of a file's first bytes, at most as many.
pub(super) fn hash_of_start(path: &Path, most: u64) -> io::Result<Hash> {
    let file = open_file(path)?;
    let length = file.metadata()?.len();
    if length <= SMALL {
        let mut bytes = Vec::with_capacity(usize::try_from(length + 1).unwrap_or_default());
        file.take(most).read_to_end(&mut bytes)?;
        return Ok(blake3::hash(&bytes));
    }
    let mut hasher = Hasher::new();
    hasher.update_reader(file.take(most))?;
    Ok(hasher.finalize())
}

fn open_file(path: &Path) -> io::Result<File> {
    match open(path)? {
        (file, FileType::RegularFile) => Ok(file),
        _ => Err(io::Error::other("it is no file")),
    }
}

/// Opens what is at a path, whatever it is, without waiting for anybody.
pub(super) fn open(path: &Path) -> io::Result<(File, FileType)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let descriptor = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
    let status = rustix::fs::fstat(&descriptor)?;
    Ok((
        File::from(descriptor),
        FileType::from_raw_mode(status.st_mode),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_has_no_end_or_never_begins_is_refused_at_once() {
        let around = tempfile::tempdir().expect("a directory");
        let pipe = around.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("a pipe");
        let begin = Instant::now();
        for path in [
            Path::new("/dev/zero"),
            Path::new("/dev/full"),
            &pipe,
            around.path(),
        ] {
            assert!(whole(path, 8).is_err(), "{path:?}");
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_file_is_read_to_its_limit_and_no_further() {
        let around = tempfile::tempdir().expect("a directory");
        let path = around.path().join("file");
        fs::write(&path, "12345678").expect("it can be written");
        assert_eq!(whole(&path, 8).expect("it has eight"), b"12345678");
        assert!(whole(&path, 7).is_err());
        assert_eq!(start(&path, 3).expect("it has three"), b"123");
        // Larger than the machine's memory, and all of it holes.
        let large = File::create(&path).and_then(|file| file.set_len(1 << 40));
        large.expect("it has no blocks");
        assert!(whole(&path, 8).is_err());
        let missing = whole(&around.path().join("none"), 8).expect_err("there is none");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
