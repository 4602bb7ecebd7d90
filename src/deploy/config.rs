//! The host's own Caddyfile: where it imports the edge, and the same with another release in its place.

use crate::model::{CaddyAt, Deploy};

/// The file of an edge that a Caddyfile may import, in one of the three ways to use an edge.
const IMPORTED: [&str; 3] = ["Caddyfile", "sites.caddyfile", "globals.caddyfile"];

/// What Caddy's own packages, and Debian's, put into /etc/caddy/Caddyfile, without comments and white space.
const PACKAGED: [&str; 2] = [":80 { root * /usr/share/caddy file_server }", ""];

/// A host's Caddyfile.
pub(crate) struct Config<'a> {
    place: &'a Deploy,
    text: String,
}

impl<'a> Config<'a> {
    pub(crate) fn new(place: &'a Deploy, text: String) -> Config<'a> {
        Config { place, text }
    }

    /// The line that imports the whole edge, as it is to be put first.
    pub(crate) fn line(place: &Deploy) -> String {
        format!("import {}", Import::of(place).written("Caddyfile"))
    }

    /// Whether it imports the edge that is served, with its sites.
    pub(crate) fn imports_the_edge(&self) -> bool {
        let import = Import::of(self.place);
        let mut lines = self.text.lines();
        lines.any(|line| {
            let file = import.file_in(line);
            file.is_some_and(|file| file != "globals.caddyfile")
        })
    }

    /// Whether nobody has written anything in it: it is empty, or as a package has put it there.
    pub(crate) fn is_nobodys(&self) -> bool {
        let lines = self.text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.starts_with('#'));
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        let words = words.join(" ");
        PACKAGED.contains(&words.as_str())
    }

    /// The same with this release in the place of the one that is served.
    pub(crate) fn with_release(&self, name: &str) -> String {
        let import = Import::of(self.place);
        let mut text = String::new();
        for line in self.text.split_inclusive('\n') {
            let served = import.file_in(line).map(|file| format!("/current/{file}"));
            match served.and_then(|served| Some((line.find(&served)?, served))) {
                Some((at, served)) => {
                    let (before, behind) = (&line[..at], &line[at + served.len()..]);
                    let file = served.trim_start_matches("/current/");
                    text.push_str(&format!("{before}/releases/{name}/{file}{behind}"));
                }
                None => text.push_str(line),
            }
        }
        text
    }
}

impl Config<'_> {
    /// The same without its imports of the edge.
    pub(crate) fn without_the_edge(&self) -> String {
        let import = Import::of(self.place);
        let lines = self.text.split_inclusive('\n');
        lines
            .filter(|line| import.file_in(line).is_none())
            .collect()
    }
}

/// How the edge that is served is named in the Caddyfile.
struct Import {
    /// `/etc/caddy/homelab`, and `homelab` where the Caddyfile is in /etc/caddy: imports are relative to the file.
    forms: Vec<String>,
}

impl Import {
    fn of(place: &Deploy) -> Import {
        let Deploy { path, config, .. } = place;
        let below = path.below(config.directory());
        let mut forms: Vec<String> = below.map(str::to_owned).into_iter().collect();
        if let CaddyAt::InContainer { config: inside, .. } = &place.caddy {
            // The directory of the Caddyfile is the same one, under another name.
            forms.extend(below.map(|below| format!("{}/{below}", inside.directory())));
        }
        forms.push(path.to_string());
        Import { forms }
    }

    fn written(&self, file: &str) -> String {
        let form = self
            .forms
            .first()
            .expect("there is the whole path at least");
        format!("{form}/current/{file}")
    }

    /// The file of the edge that a line imports, if it does.
    fn file_in(&self, line: &str) -> Option<&'static str> {
        let mut words = line.split_whitespace();
        let (Some("import"), Some(path)) = (words.next(), words.next()) else {
            return None;
        };
        let path = path.trim_matches(['"', '`']);
        let path = path.strip_prefix("./").unwrap_or(path);
        let mut forms = self.forms.iter();
        let file = forms.find_map(|form| path.strip_prefix(form)?.strip_prefix("/current/"))?;
        IMPORTED.into_iter().find(|known| *known == file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AfterReload, ContainerName, DeployPath, Engine, Privilege, ReloadLine};

    fn place(path: &str, config: &str, caddy: CaddyAt) -> Deploy {
        let plain = |text| DeployPath::new(text).expect("plain");
        Deploy {
            host: None,
            path: plain(path),
            config: plain(config),
            reload: ReloadLine::usual(&caddy),
            caddy,
            privilege: Privilege::Own,
            after_reload: AfterReload::Verify,
        }
    }

    fn usual() -> Deploy {
        let (path, config) = ("/etc/caddy/homelab", "/etc/caddy/Caddyfile");
        place(path, config, CaddyAt::OnHost)
    }

    fn of(place: &Deploy, text: &str) -> (bool, String) {
        let config = Config::new(place, text.to_owned());
        (config.imports_the_edge(), config.with_release("ab12-2"))
    }

    #[test]
    fn imports_are_found_as_they_may_be_written() {
        for (line, with) in [
            (
                "import homelab/current/Caddyfile",
                "import homelab/releases/ab12-2/Caddyfile",
            ),
            (
                "\timport\t./homelab/current/sites.caddyfile # the edge",
                "\timport\t./homelab/releases/ab12-2/sites.caddyfile # the edge",
            ),
            (
                "import \"/etc/caddy/homelab/current/Caddyfile\"",
                "import \"/etc/caddy/homelab/releases/ab12-2/Caddyfile\"",
            ),
        ] {
            let text = format!("# mine\n{line}\nown.test {{\n}}\n");
            let expected = format!("# mine\n{with}\nown.test {{\n}}\n");
            assert_eq!(of(&usual(), &text), (true, expected));
        }
    }

    #[test]
    fn what_imports_something_else_is_left_alone() {
        for text in [
            "",
            "# import homelab/current/Caddyfile\n",
            "import homelab/Caddyfile\n",
            "import elsewhere/homelab/current/Caddyfile\n",
            "import homelab/current/pages.caddyfile\n",
            "import homelab/current/Caddyfile.old\n",
            "respond \"import homelab/current/Caddyfile\"\n",
        ] {
            assert_eq!(of(&usual(), text), (false, text.to_owned()));
        }
        // The options alone serve nothing.
        let options = "{\n\timport homelab/current/globals.caddyfile\n}\n";
        let (imports, with) = of(&usual(), options);
        assert!(!imports && with.contains("homelab/releases/ab12-2/globals.caddyfile"));
    }

    #[test]
    fn a_directory_that_is_called_current_itself_stays() {
        let place = place(
            "/srv/current/homelab",
            "/etc/caddy/Caddyfile",
            CaddyAt::OnHost,
        );
        let (imports, with) = of(&place, "import /srv/current/homelab/current/Caddyfile\n");
        assert!(imports);
        assert_eq!(
            with,
            "import /srv/current/homelab/releases/ab12-2/Caddyfile\n"
        );
        assert_eq!(
            Config::line(&place),
            "import /srv/current/homelab/current/Caddyfile"
        );
    }

    #[test]
    fn a_container_sees_it_under_another_name() {
        let caddy = CaddyAt::InContainer {
            engine: Engine::Docker,
            name: ContainerName::new("caddy").expect("plain"),
            config: DeployPath::new("/etc/caddy/Caddyfile").expect("plain"),
        };
        let place = place("/home/me/caddy/homelab", "/home/me/caddy/Caddyfile", caddy);
        for line in [
            "import homelab/current/Caddyfile",
            "import /etc/caddy/homelab/current/Caddyfile",
        ] {
            assert!(of(&place, line).0, "{line}");
        }
        assert_eq!(Config::line(&place), "import homelab/current/Caddyfile");
    }

    #[test]
    fn only_what_nobody_has_written_is_nobodys() {
        let place = usual();
        let is = |text: &str| Config::new(&place, text.to_owned()).is_nobodys();
        assert!(is("") && is("# nothing\n\n"));
        assert!(is(
            ":80 {\n\t# Set this path\n\troot * /usr/share/caddy\n\n\tfile_server\n\t# reverse_proxy localhost:8080\n}\n"
        ));
        assert!(!is(":80 {\n\troot * /srv\n\tfile_server\n}\n"));
        assert!(!is("example.com\n"));
    }
}
