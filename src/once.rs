//! What is the same in many places, held once.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Values, each held once.
pub(crate) struct Once<T: ?Sized>(BTreeSet<Arc<T>>);

impl<T: ?Sized + Ord> Once<T> {
    /// No value yet.
    pub(crate) fn new() -> Once<T> {
        Once(BTreeSet::new())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The one that equals this, if there is one.
    pub(crate) fn known(&self, value: &T) -> Option<Arc<T>> {
        self.0.get(value).cloned()
    }

    /// The one that equals this.
    pub(crate) fn the<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.known(value.borrow()) {
            return known;
        }
        let value: Arc<T> = value.into();
        self.0.insert(Arc::clone(&value));
        value
    }
}
