//! Looking up many keys in their order.

use std::borrow::Borrow;
use std::iter::Peekable;

/// Pairs in the order of their keys, in which keys are looked up in that order too: each is a step or two from the one before,
/// where a search would go all over the memory of a large list or map for each.
pub(crate) struct InOrder<I: Iterator>(Peekable<I>);

impl<K, V: Copy, I: Iterator<Item = (K, V)>> InOrder<I> {
    pub(crate) fn of(pairs: impl IntoIterator<IntoIter = I>) -> InOrder<I> {
        InOrder(pairs.into_iter().peekable())
    }

    /// What stands with a key, if it is there; the key comes before none that was looked up.
    pub(crate) fn get<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        while self.0.next_if(|(known, _)| known.borrow() < key).is_some() {}
        let found = self.0.peek().filter(|(known, _)| known.borrow() == key);
        found.map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_their_order_and_others_are_passed() {
        let mut pairs = InOrder::of([(1, "a"), (3, "c"), (4, "d"), (7, "g")]);
        let found = [0, 1, 2, 4, 4, 7, 8].map(|key| pairs.get(&key));
        let (a, d, g) = (Some("a"), Some("d"), Some("g"));
        assert_eq!(found, [None, a, None, d, d, g, None]);
    }
}
