//! The lines of homelab.lock that a mistake is about. They are told by their numbers: a line is hundreds of characters
//! long, and nobody reads a drawing of it.

use std::fmt;

/// Runs of lines that are told, at the most.
const TOLD: usize = 12;

/// Numbers of lines, from 1, at least one of them and each once, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(number: usize) -> Lines {
        Lines(vec![number])
    }

    pub(crate) fn first(&self) -> usize {
        self.0[0]
    }

    /// Whether it is but one.
    pub(crate) fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// These and another.
    pub(crate) fn add(&mut self, number: usize) {
        if let Err(place) = self.0.binary_search(&number) {
            self.0.insert(place, number);
        }
    }

    /// What is to be said of one line, or of several.
    pub(crate) fn say(&self, of_one: &str, of_many: &str) -> String {
        match self.0.as_slice() {
            [line] => format!("line {line} of homelab.lock {of_one}"),
            lines => format!(
                "lines {self} of homelab.lock {of_many} ({} records)",
                lines.len()
            ),
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut runs = self.0.chunk_by(|one, next| one + 1 == *next);
        for (number, run) in runs.by_ref().take(TOLD).enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            match run {
                [line] => write!(f, "{line}")?,
                run => write!(f, "{}–{}", run[0], run[run.len() - 1])?,
            }
        }
        match runs.map(<[usize]>::len).sum::<usize>() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(numbers: impl IntoIterator<Item = usize>) -> Lines {
        let mut numbers = numbers.into_iter();
        let mut lines = Lines::of(numbers.next().expect("there is one"));
        numbers.for_each(|number| lines.add(number));
        lines
    }

    #[test]
    fn neighbours_are_one_run_and_runs_are_bounded() {
        assert_eq!(lines([5]).to_string(), "5");
        assert_eq!(lines([9, 5, 8, 25, 10, 8]).to_string(), "5, 8–10, 25");
        let odd = lines((0..1000).map(|n| 2 * n + 1)).to_string();
        assert_eq!(
            odd,
            "1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and 988 more"
        );
        assert_eq!(
            lines(8..26).say("is", "are"),
            "lines 8–25 of homelab.lock are (18 records)"
        );
        assert_eq!(lines([5]).say("is", "are"), "line 5 of homelab.lock is");
    }
}
