//! How far long work has come, told to whoever shows it. The work itself prints nothing.

use std::fmt;

/// What is being done, most of it piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// What a build has to do, before any of it is done. Its pieces are not counted.
    Foreseeing,
    /// Certificates, for the lock.
    Issuing,
    /// Files, in memory and beside their places.
    Making,
    /// Files, onto the disk and to their places.
    Writing,
    /// Files that are made again in memory, with those in the tree.
    Comparing,
    /// Bundles, with the key and the certificate that they should hold.
    Opening,
    /// Hosts that are served.
    Asking,
}

impl Work {
    /// What a piece of it is, of which there are many; none where they are not counted.
    pub(crate) fn unit(self) -> Option<&'static str> {
        match self {
            Work::Foreseeing => None,
            Work::Issuing => Some("certificates"),
            Work::Making | Work::Writing | Work::Comparing => Some("files"),
            Work::Opening => Some("bundles"),
            Work::Asking => Some("hosts"),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Work::Foreseeing => "working out what is to be done",
            Work::Issuing => "issuing",
            Work::Making => "making",
            Work::Writing => "writing",
            Work::Comparing => "comparing",
            Work::Opening => "opening",
            Work::Asking => "asking",
        })
    }
}

/// Is told of long work as it goes on, from many threads at once.
pub(crate) trait Progress: Sync {
    /// Work begins that has so many pieces; what was begun before has ended.
    fn begin(&self, work: Work, pieces: usize);

    /// One more piece is done.
    fn advance(&self);

    /// Nothing is being done any more.
    fn end(&self);
}

/// Work that is under way. It ends when this is dropped, whatever has become of it.
pub(crate) struct Underway<'p>(&'p dyn Progress);

impl<'p> Underway<'p> {
    pub(crate) fn begin(progress: &'p dyn Progress, work: Work, pieces: usize) -> Underway<'p> {
        progress.begin(work, pieces);
        Underway(progress)
    }

    /// One more piece is done.
    pub(crate) fn advance(&self) {
        self.0.advance();
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Nobody looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unseen;

impl Progress for Unseen {
    fn begin(&self, _: Work, _: usize) {}

    fn advance(&self) {}

    fn end(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Told {
        fn tell(&self, what: String) {
            self.0.lock().unwrap().push(what);
        }
    }

    impl Progress for Told {
        fn begin(&self, work: Work, pieces: usize) {
            let unit = work.unit().expect("it is of pieces");
            self.tell(format!("{work} {pieces} {unit}"));
        }

        fn advance(&self) {
            self.tell("one".into());
        }

        fn end(&self) {
            self.tell("end".into());
        }
    }

    #[test]
    fn work_that_fails_has_ended() {
        let told = Told::default();
        let fails = || -> Result<(), &str> {
            let underway = Underway::begin(&told, Work::Writing, 2);
            underway.advance();
            Err("the disk is full")
        };
        assert!(fails().is_err());
        assert_eq!(*told.0.lock().unwrap(), ["writing 2 files", "one", "end"]);
    }
}
