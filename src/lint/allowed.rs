//! What a template says to be meant.

use super::Form;

/// The forms that a template allows, by comments of its own: `{# homelab: allow open-elsewhere: everybody may read the blog #}`.
pub(crate) fn allowed_in(text: &str) -> Vec<&'static Form> {
    let comments = text.split("{#").skip(1);
    let comments = comments.filter_map(|rest| rest.split("#}").next());
    let words = comments.filter_map(|comment| {
        let said = comment.trim_matches(['-', ' ', '\n', '\t']);
        said.strip_prefix("homelab: allow ")
    });
    let named = words.filter_map(|words| words.split([':', ' ', '\n']).next());
    named.filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_allows_one_form() {
        let allowed =
            |text: &str| -> Vec<&str> { allowed_in(text).iter().map(|form| form.name()).collect() };
        let two =
            "{# homelab: allow open-elsewhere: the blog #}\nx {#- homelab: allow wildcard-left -#}";
        assert_eq!(allowed(two), ["open-elsewhere", "wildcard-left"]);
        for none in [
            "# homelab: allow open-elsewhere",
            "{# allow open-elsewhere #}",
            "{# homelab: allow everything #}",
            "{# homelab: allow #}",
        ] {
            assert!(allowed_in(none).is_empty(), "{none}");
        }
    }
}
