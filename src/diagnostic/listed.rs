//! Several things as a sentence names them, written straight to where the sentence goes.

use std::fmt::{self, Display};

/// `1 host`, `2 hosts`: how many, and the word for one or for several.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The things with commas between.
pub(crate) fn listed<T: Display>(things: impl IntoIterator<Item = T> + Clone) -> impl Display {
    joined(things, ", ")
}

/// The things with `between` between them.
pub(crate) fn joined<T: Display>(
    things: impl IntoIterator<Item = T> + Clone,
    between: &'static str,
) -> impl Display {
    fmt::from_fn(move |f| {
        for (place, thing) in things.clone().into_iter().enumerate() {
            if place > 0 {
                f.write_str(between)?;
            }
            thing.fmt(f)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_stand_with_something_between() {
        assert_eq!(listed([""; 0]).to_string(), "");
        assert_eq!(listed([1]).to_string(), "1");
        assert_eq!(joined(["a", "b", "c"], "; ").to_string(), "a; b; c");
    }
}
