//! What is needed as long as the process runs.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// A value that is never taken apart: whoever has it needs it until the process, which is about one homelab, has done what it was
/// started for. All memory is freed then at once, where 10,000 devices, one by one, take longer than writing what has changed.
///
/// Only for plain data. What does something when it is dropped stays outside: holds, files, temporary directories, and secrets, which
/// are wiped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lasting<T>(ManuallyDrop<T>);

impl<T> Lasting<T> {
    pub(crate) fn new(value: T) -> Lasting<T> {
        Lasting(ManuallyDrop::new(value))
    }

    /// The value, for who takes it apart after all.
    pub(crate) fn into_inner(self) -> T {
        ManuallyDrop::into_inner(self.0)
    }
}

impl<T> Deref for Lasting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Lasting<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
