//! The user's own apps: what they say is read as the declaration's own words are.
//!
//! An app's share links open what `public` could open, and no more; its title may stand where a service's may.

use std::sync::Arc;

use super::Resolver;
use super::names::Declared;
use crate::catalogue::{App, Catalogue};
use crate::diagnostic::{First, Mistakes};
use crate::parse::Unread;
use crate::source::Source;

/// The catalogue of a homelab with these apps of its own, which were read from `source`; or everything that is wrong with them.
pub(crate) fn apps(source: &Source, own: Vec<App>) -> Result<Catalogue, Mistakes> {
    let mut resolver = Resolver {
        source,
        languages: &[],
        unread: &Unread::default(),
        catalogue: &Arc::default(),
        mistakes: Vec::new(),
        first: First::default(),
    };
    let mut names = Declared::new("app");
    for app in &own {
        resolver.declare(&mut names, &app.name);
        resolver.own_app(app);
    }
    if resolver.mistakes.is_empty() {
        Ok(Catalogue::new(own, source.text()))
    } else {
        Err(Mistakes::new(source, resolver.mistakes))
    }
}

impl Resolver<'_> {
    fn own_app(&mut self, app: &App) {
        // Where it has no title, that is its name, which has been read.
        if app.title != app.name {
            self.display_name(&app.title);
        }
        if let Some(uploads) = &app.uploads {
            self.size(&uploads.value);
        }
        if let Some(manifest) = &app.manifest {
            self.public_path(&manifest.value);
        }
        for share in &app.share {
            self.public_path(&share.value.path);
            self.methods(share.value.methods.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::source::Source;
    use crate::{compile, compile_apps};

    /// Whatever an app's share links want to open, a declaration could have opened with the same words.
    #[test]
    fn an_app_of_one_s_own_opens_no_more_than_a_declaration() {
        let (mut good, mut bad) = (0, 0);
        for path in [
            "/share/*",
            "/a",
            "/*",
            "*",
            "",
            "a",
            "/a/../b",
            "/a//b",
            "/%2e%2e/*",
            "/a%2fb",
            "/a\\\\b",
            "/x\" } respond \"",
            "/{env.SECRET}",
            "/a b",
            "/a*b*",
            "/.git/*",
            "/.well-known/x",
            "/a?b",
            "/a#b",
        ] {
            for methods in ["GET", "GET POST", "", "*", "GET\" x=\"", "get"] {
                let quoted = |text: &str| text.replace('"', "\\\"");
                let line = format!("\"{}\" methods=\"{}\"", quoted(path), quoted(methods));
                let app = format!("app \"notes\" {{ share {line}; }}");
                let declaration = format!(
                    "domain \"home.example.com\"; person \"alice\" {{ device \"pixel\" platform=\"android\"; }}; \
                     service \"notes\" {{ upstream \"http://10.0.0.5\"; allow \"alice\"; public {line}; }}"
                );
                let by_app = compile_apps(&Source::new("apps.kdl", app)).is_ok();
                let declared = compile(&Source::new("homelab.kdl", declaration)).is_ok();
                assert_eq!(by_app, declared, "{line}");
                *(if by_app { &mut good } else { &mut bad }) += 1;
            }
        }
        assert!(good >= 4 && bad > 40, "{good} {bad}");
    }

    #[test]
    fn a_title_is_none_that_a_caddyfile_could_not_say() {
        for title in ["{env.SECRET}", "a\\nb", "", "x\\\\"] {
            let text = format!("app \"notes\" title=\"{title}\"");
            assert!(
                compile_apps(&Source::new("apps.kdl", text)).is_err(),
                "{title}"
            );
        }
        let twice = "app \"notes\"\napp \"notes\"";
        assert!(compile_apps(&Source::new("apps.kdl", twice)).is_err());
        assert!(compile_apps(&Source::new("apps.kdl", "app \"No Tes\"")).is_err());
    }
}
