//! What somebody who wrote an unknown word has probably meant.

/// The word of `known` that a misspelt `word` was probably meant to be.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    // Capitals are a mistake of their own, and none of the spelling.
    let word = &word.to_lowercase();
    known
        .into_iter()
        .filter_map(|candidate| Some((distance(word, candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Bytes of a word that may be a misspelt one, at the most: comparing takes as long as both are, multiplied.
const LONGEST: usize = 128;

/// How far a word is from one that is known; none where it is another word. Each part of a path is a word: `alice/nope` is
/// not nearly `alice/iphone`.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let (word, candidate) = (word.split('/'), candidate.split('/'));
    if word.clone().count() != candidate.clone().count() {
        return None;
    }
    let distance = |(word, candidate): (&str, &str)| {
        let distance = strsim::damerau_levenshtein(word, candidate);
        // A third of the word may be wrong: `andriod` is android, `foo` is nothing.
        (distance * 3 <= candidate.len().max(word.len())).then_some(distance)
    };
    word.zip(candidate).map(distance).sum()
}

/// Words that are listed, at the most.
const LISTED: usize = 30;

/// The help for an unknown word: what was probably meant, or all that is known.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(candidate) = closest(word, known.clone()) {
        return format!("did you mean `{candidate}`?");
    }
    let known: Vec<String> = known.into_iter().map(|word| format!("`{word}`")).collect();
    match known.as_slice() {
        [] => "none is declared".into(),
        [only] => format!("{only} is the only one"),
        all if all.len() > LISTED => format!(
            "it is one of {} and {} more",
            all[..LISTED].join(", "),
            all.len() - LISTED
        ),
        all => format!("it is one of {}", all.join(", ")),
    }
}
