//! Where the edge is, and where it is deployed to. Nothing of it is in what is built, but for addresses on the admin's page.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv6Addr};

/// Where visitors find the edge: what its hosts' names are to lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeAddress {
    /// For everybody; together with `lan` at least one. None is twice in here.
    pub public: Vec<IpAddr>,
    /// For visitors at home, where these go by others. Nor is one twice in here, but it may be in both.
    pub lan: Vec<IpAddr>,
}

/// Where the edge is deployed to, and how the Caddy there takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// As `ssh` takes it; this machine where there is none.
    pub host: Option<SshHost>,
    /// The directory on the host in which releases lie.
    pub path: DeployPath,
    /// The Caddyfile on the host that Caddy is started with.
    pub config: DeployPath,
    pub caddy: CaddyAt,
    /// The line that a shell on the host runs to have Caddy load its configuration anew.
    pub reload: ReloadLine,
    pub privilege: Privilege,
    pub after_reload: AfterReload,
}

impl Deploy {
    /// The directory of the release that is served, as Caddy sees it.
    pub fn served(&self) -> DeployPath {
        let path = match &self.caddy {
            CaddyAt::OnHost => self.path.to_string(),
            CaddyAt::InContainer { config, .. } => {
                let below = self.path.below(self.config.directory());
                let below = below.expect("what a container sees lies beside its Caddyfile");
                format!("{}/{below}", config.directory())
            }
        };
        DeployPath(format!("{path}/current"))
    }

    /// The directory of releases, as `scp` writes it.
    pub fn named(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}:{}", self.path),
            None => self.path.to_string(),
        }
    }
}

/// How the Caddy on a host is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaddyAt {
    OnHost,
    InContainer {
        engine: Engine,
        name: ContainerName,
        /// The same Caddyfile, as Caddy sees it in there.
        config: DeployPath,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    #[default]
    Docker,
    Podman,
}

/// Whose rights the host's files are written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Those of the user who connects.
    Own,
    Sudo,
}

/// What is done when Caddy has loaded a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterReload {
    /// Its answers are held against what is declared.
    Verify,
    Nothing,
}

/// A destination as `ssh` takes it: `host`, `user@host`, `ssh://user@host:port`, or a name from `~/.ssh/config`.
///
/// It never begins with a `-`, nor does a part of it: `ssh` would take it for an option, and there are some that run commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshHost(String);

/// Why a text is no destination of `ssh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnSshHost {
    /// `ssh` would read it, its user or its host as an option.
    Option,
    User,
    Host,
    /// A port, or a path as `scp` takes it, stands behind a host without `ssh://`.
    Behind,
    Port,
    /// `ssh` takes `ssh://` with a host, and no path behind it.
    Path,
    Long,
}

impl SshHost {
    pub fn new(text: &str) -> Result<SshHost, NotAnSshHost> {
        let is_url = text.starts_with("ssh://");
        let rest = text.strip_prefix("ssh://").unwrap_or(text);
        // As ssh does: what stands before the last `@` is the user.
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        if text.len() > 255 {
            return Err(NotAnSshHost::Long);
        }
        if rest.starts_with('-') || host.starts_with('-') {
            return Err(NotAnSshHost::Option);
        }
        if user.is_some_and(|user| !is_word(user)) {
            return Err(NotAnSshHost::User);
        }
        if is_url {
            is_host_and_port(host)?;
        } else if !is_word(host) && !is_ipv6(host) {
            return Err(match host.split_once(':') {
                Some((name, rest)) if is_word(name) && !rest.contains(':') => NotAnSshHost::Behind,
                _ => NotAnSshHost::Host,
            });
        }
        Ok(SshHost(text.to_owned()))
    }
}

/// What stands behind `ssh://` and the user's `@`.
fn is_host_and_port(text: &str) -> Result<(), NotAnSshHost> {
    if text.contains('/') {
        return Err(NotAnSshHost::Path);
    }
    let (is_host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, behind)) => (is_ipv6(address), behind),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_word(name), port)
        }
    };
    if !is_host {
        return Err(NotAnSshHost::Host);
    }
    let is_port = |port: &str| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    match port {
        "" => Ok(()),
        port if port.strip_prefix(':').is_some_and(is_port) => Ok(()),
        _ => Err(NotAnSshHost::Port),
    }
}

/// A name of which neither `ssh` nor a shell takes anything for more than that.
fn is_word(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain)
}

/// An address, perhaps with the interface by which it is reached: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(is_word)
}

/// An absolute path on a host of plain characters alone: it is said without quotes in a shell's words, in a Caddyfile's import and to a
/// container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPath(String);

impl DeployPath {
    pub fn new(text: &str) -> Result<DeployPath, &'static str> {
        let Some(below) = text.strip_prefix('/') else {
            return Err("it is not absolute");
        };
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/._+@-".contains(&b);
        if !text.bytes().all(is_plain) {
            return Err("it has other characters than letters, digits and `._+@-`");
        }
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if below.split('/').any(odd) {
            return Err("a part of it is empty, `.` or `..`");
        }
        if text.len() > 1000 {
            return Err("it is longer than 1000 bytes");
        }
        Ok(DeployPath(text.to_owned()))
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory)
    }

    /// What comes behind a directory and its slash, where it lies below that.
    pub fn below(&self, directory: &str) -> Option<&str> {
        self.0.strip_prefix(directory)?.strip_prefix('/')
    }
}

/// A line for a shell on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadLine(String);

impl ReloadLine {
    pub fn new(text: &str) -> Result<ReloadLine, &'static str> {
        match text {
            _ if text.trim().is_empty() => Err("it is empty"),
            _ if text.chars().any(char::is_control) => {
                Err("it has more than one line, or a control character")
            }
            _ if text.len() > 1000 => Err("it is longer than 1000 bytes"),
            _ => Ok(ReloadLine(text.to_owned())),
        }
    }

    /// What has this Caddy load its configuration anew where nobody says how.
    pub fn usual(caddy: &CaddyAt) -> ReloadLine {
        ReloadLine(match caddy {
            CaddyAt::OnHost => String::from("systemctl reload caddy"),
            CaddyAt::InContainer {
                engine,
                name,
                config,
            } => format!("{engine} exec {name} caddy reload --adapter caddyfile --config {config}"),
        })
    }
}

/// The name of a container, as Docker takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerName(String);

impl ContainerName {
    pub fn new(text: &str) -> Result<ContainerName, &'static str> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && text.len() <= 255 && text.bytes().all(is_plain) {
            Ok(ContainerName(text.to_owned()))
        } else {
            Err(
                "it has other characters than letters, digits and `_.-`, or does not begin with a letter or digit",
            )
        }
    }
}

impl Display for Engine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
        })
    }
}

macro_rules! shown {
    ($($name:ident)*) => {
        $(impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        })*
    };
}

shown!(SshHost DeployPath ReloadLine ContainerName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_taken_as_ssh_takes_them() {
        for text in [
            "edge",
            "edge.lan",
            "root@edge.lan",
            "caddy-user@192.168.1.10",
            "fe80::1",
            "root@2001:db8::7",
            "ssh://edge.lan",
            "ssh://root@edge.lan:2222",
            "ssh://root@[2001:db8::7]:22",
            "ssh://[::1]",
            "fe80::1%eth0",
            "ssh://caddy@[fe80::1%eth0]:2222",
        ] {
            assert_eq!(SshHost::new(text).map(|host| host.0), Ok(text.to_owned()));
        }
    }

    #[test]
    fn no_destination_is_an_option_of_ssh() {
        for text in [
            "-oProxyCommand=touch",
            "-oProxyCommand=touch@edge",
            "-l",
            "-",
            "root@-oProxyCommand=x",
            "root@-F/tmp/x",
            "a@b@-oX",
            "-oX@edge",
            "ssh://-oProxyCommand=x",
            "ssh://root@-x:22",
            "ssh://-x@edge",
            "ssh://-oProxyCommand=x@edge:22",
        ] {
            assert_eq!(SshHost::new(text), Err(NotAnSshHost::Option), "{text:?}");
        }
        assert_eq!(SshHost::new("ssh://[-x]"), Err(NotAnSshHost::Host));
        assert_eq!(SshHost::new("a@-b@edge"), Err(NotAnSshHost::User));
        assert_eq!(SshHost::new("fe80::1%-oX"), Err(NotAnSshHost::Host));
    }

    #[test]
    fn no_destination_is_more_than_one_to_a_shell() {
        for behind in [
            " ",
            "\t",
            "\n",
            "\r",
            "\0",
            "\u{7f}",
            "\u{a0}",
            "\u{202e}",
            ";id",
            "|id",
            "&",
            "$(id)",
            "`id`",
            "'",
            "\"",
            "\\",
            "<x",
            ">x",
            "(",
            ")",
            "{a,b}",
            "*",
            "?",
            "~",
            "!",
            "#",
            "=",
            ",",
            "+",
            "^",
            "%h",
            " -oProxyCommand=x",
        ] {
            for text in [
                format!("edge{behind}"),
                format!("root@edge{behind}"),
                format!("root{behind}@edge"),
                format!("ssh://edge{behind}"),
                format!("ssh://root{behind}@edge:22"),
                format!("ssh://edge:22{behind}"),
                format!("ssh://[::1{behind}]"),
                format!("ssh://[::1]{behind}"),
                format!("fe80::1%eth0{behind}"),
                format!("{behind}edge"),
            ] {
                // `%h` is the name of an interface behind an address, and of nothing else.
                let is_zone = behind == "%h" && text == "ssh://[::1%h]";
                assert_eq!(SshHost::new(&text).is_ok(), is_zone, "{text:?}");
            }
        }
    }

    #[test]
    fn what_ssh_does_not_take_is_no_destination() {
        for (text, why) in [
            ("", NotAnSshHost::Host),
            ("root@", NotAnSshHost::Host),
            ("@edge", NotAnSshHost::User),
            ("a@b@c", NotAnSshHost::User),
            ("root:secret@edge", NotAnSshHost::User),
            ("edge:2222", NotAnSshHost::Behind),
            ("root@edge:22", NotAnSshHost::Behind),
            ("edge:/etc/caddy", NotAnSshHost::Behind),
            ("edge/x", NotAnSshHost::Host),
            ("http://edge", NotAnSshHost::Behind),
            ("SSH://edge", NotAnSshHost::Behind),
            ("[::1]", NotAnSshHost::Host),
            ("édge", NotAnSshHost::Host),
            ("ssh://", NotAnSshHost::Host),
            ("ssh://:22", NotAnSshHost::Host),
            ("ssh://[edge]:22", NotAnSshHost::Host),
            ("ssh://[::1", NotAnSshHost::Host),
            ("ssh://2001:db8::7", NotAnSshHost::Port),
            ("ssh://edge:", NotAnSshHost::Port),
            ("ssh://edge:0", NotAnSshHost::Port),
            ("ssh://edge:x", NotAnSshHost::Port),
            ("ssh://edge:+22", NotAnSshHost::Port),
            ("ssh://edge:65536", NotAnSshHost::Port),
            ("ssh://[::1]22", NotAnSshHost::Port),
            ("ssh://edge/x", NotAnSshHost::Path),
            ("ssh://edge/", NotAnSshHost::Path),
            (&"e".repeat(256), NotAnSshHost::Long),
        ] {
            assert_eq!(SshHost::new(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn paths_are_plain() {
        assert!(DeployPath::new("/etc/caddy/homelab").is_ok());
        assert!(DeployPath::new("/srv/a+b@c-d_e.f").is_ok());
        for text in [
            "", "/", "etc", "/etc/", "//etc", "/a//b", "/a/./b", "/a/../b", "/a b", "/a'b",
            "/a\"b", "/a*", "/a?", "/a[b]", "/{a}", "/a$b", "/a\\b", "/a\nb", "/ä", "/a;b", "/a:b",
        ] {
            assert!(DeployPath::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_line_for_a_shell_is_one_line() {
        assert!(ReloadLine::new("systemctl reload caddy && echo done").is_ok());
        assert!(ReloadLine::new(&"x".repeat(1000)).is_ok());
        for text in [
            "",
            "  ",
            "a\nb",
            "a\rb",
            "a\tb",
            "a\0",
            "\u{1b}[2J",
            &"x".repeat(1001),
        ] {
            assert!(ReloadLine::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn containers_are_called_as_docker_has_it() {
        for text in ["caddy", "home_caddy-1", "0.caddy"] {
            assert!(ContainerName::new(text).is_ok(), "{text:?}");
        }
        for text in [
            "", "-caddy", ".caddy", "_caddy", "a b", "a;id", "$(id)", "a/b", "ä",
        ] {
            assert!(ContainerName::new(text).is_err(), "{text:?}");
        }
    }
}
