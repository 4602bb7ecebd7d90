//! What many artifacts are made with, held once.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Values, each held once.
pub(super) struct Once<T: ?Sized>(BTreeSet<Arc<T>>);

impl<T: ?Sized + Ord> Once<T> {
    /// No value yet.
    pub(super) fn new() -> Once<T> {
        Once(BTreeSet::new())
    }

    /// The one that equals this.
    pub(super) fn the<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.0.get(value.borrow()) {
            return Arc::clone(known);
        }
        let value: Arc<T> = value.into();
        self.0.insert(Arc::clone(&value));
        value
    }
}
