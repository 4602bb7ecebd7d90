//! What is the same in many places, held once.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use blake3::Hash;
use serde::{Serialize, Serializer};

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

/// A value that many have a part in, with its hash, which stands for it where they are hashed: it is gone through once, and not
/// once for each of them. For people, files and templates it is written as if each had it.
#[derive(Debug)]
pub struct Shared<T: ?Sized> {
    value: Arc<T>,
    hash: Hash,
}

/// A value as bytes, to be hashed: with the names of its fields and the length of each part, so that no two are alike.
pub(crate) fn encoded<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    let written = value.serialize(&mut serializer);
    written.expect("what is hashed is plain data, and a Vec takes all");
    bytes
}

impl<T: ?Sized> Shared<T> {
    /// The hash of the value.
    pub(crate) fn hash(&self) -> [u8; blake3::OUT_LEN] {
        *self.hash.as_bytes()
    }
}

impl<T: Serialize + ?Sized> From<Arc<T>> for Shared<T> {
    fn from(value: Arc<T>) -> Shared<T> {
        let hash = blake3::hash(&encoded(&*value));
        Shared { value, hash }
    }
}

impl<T: Serialize, const N: usize> From<[T; N]> for Shared<[T]> {
    fn from(values: [T; N]) -> Shared<[T]> {
        Shared::from(Arc::from(values))
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared {
            value: Arc::clone(&self.value),
            hash: self.hash,
        }
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Serialize + ?Sized> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.value.serialize(serializer)
        } else {
            serializer.serialize_bytes(self.hash.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Page {
        links: Shared<[&'static str]>,
    }

    #[test]
    fn what_is_shared_is_written_whole_and_hashed_by_its_hash() {
        let page = |links: [&'static str; 2]| Page {
            links: links.into(),
        };
        let written = serde_json::to_string(&page(["a", "b"])).unwrap();
        assert_eq!(written, r#"{"links":["a","b"]}"#);
        let bytes = encoded(&page(["a", "b"]));
        assert_eq!(bytes, encoded(&page(["a", "b"])));
        assert!(bytes.ends_with(&page(["a", "b"]).links.hash()));
        assert_ne!(bytes, encoded(&page(["ab", ""])));
    }

    #[test]
    fn a_field_that_is_left_out_is_not_taken_for_another() {
        #[derive(Serialize, Default)]
        struct Part {
            #[serde(skip_serializing_if = "Option::is_none")]
            one: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            two: Option<&'static str>,
        }
        let one = Part {
            one: Some("x"),
            ..Part::default()
        };
        let two = Part {
            two: Some("x"),
            ..Part::default()
        };
        assert_ne!(encoded(&one), encoded(&two));
    }
}
