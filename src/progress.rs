//! How far long work has come, told to whoever shows it. The work itself prints nothing.

use std::fmt;

/// What is being done, piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
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
    /// What a piece of it is, of which there are many.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Work::Issuing => "certificates",
            Work::Making | Work::Writing | Work::Comparing => "files",
            Work::Opening => "bundles",
            Work::Asking => "hosts",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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

/// Nobody looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unseen;

impl Progress for Unseen {
    fn begin(&self, _: Work, _: usize) {}

    fn advance(&self) {}

    fn end(&self) {}
}
