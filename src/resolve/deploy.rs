//! Where the edge is deployed to.

use super::Resolver;
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{
    AfterReload, CaddyAt, ContainerName, Deploy, DeployPath, Engine, NotAnSshHost, PickUp,
    Privilege, ReloadLine, SshHost,
};
use crate::parse::declaration::{EdgeBlock, Text};
use crate::parse::deploy::{DeployLine, PickUpLine};
use crate::source::Span;

const PATH: &str = "/etc/caddy/homelab";
const CONFIG: &str = "/etc/caddy/Caddyfile";
const USUAL_HOST: &str = "write `deploy \"root@edge.lan\"`, a name from `~/.ssh/config`, or with a port `deploy \"ssh://root@edge.lan:2222\"`; for this machine, write no host";

impl Resolver<'_> {
    pub(super) fn deploy(&mut self, line: &DeployLine) -> Option<Deploy> {
        let host = match &line.host {
            Some(written) => Some(self.ssh_host(written)?),
            None => None,
        };
        let path = self.deploy_path(line.path.as_ref(), PATH);
        let config = self.deploy_path(line.config.as_ref(), CONFIG);
        let caddy = self.caddy_at(line);
        let reload = match &line.reload {
            Some(written) => self.reload_line(written),
            None => caddy.as_ref().map(ReloadLine::usual),
        };
        let (path, config, caddy) = (path?, config?, caddy?);
        self.refuse_apart(line, &path, &config, &caddy)?;
        Some(Deploy {
            host,
            path,
            config,
            caddy,
            reload: reload?,
            privilege: match &line.sudo {
                Some(sudo) if sudo.value => Privilege::Sudo,
                _ => Privilege::Own,
            },
            after_reload: match &line.verify {
                Some(verify) if !verify.value => AfterReload::Nothing,
                _ => AfterReload::Verify,
            },
        })
    }

    /// Reads `pick-up root="…"`; without `root`, the files lie where `deploy` puts them.
    pub(super) fn pick_up(
        &mut self,
        line: &PickUpLine,
        block: &EdgeBlock,
        deploy: &Option<Option<Deploy>>,
    ) -> Option<PickUp> {
        if block.landing.is_none() {
            self.refuse(mistake!(
                "resolve::pick-up-no-landing",
                "`pick-up` needs the landing page",
                at(
                    line.span,
                    "certificates are fetched at the domain's own site"
                ),
                help("write `landing` beside it"),
            ));
            return None;
        }
        let root = match (&line.root, deploy) {
            (Some(written), _) => self.read(written, DeployPath::new, |root, why| {
                mistake!(
                    "resolve::bad-pick-up-root",
                    "`{root}` cannot be where the files of `edge/` lie",
                    at(written.span, "{why}"),
                    help("write an absolute path of letters, digits and `._+@-`, as Caddy sees it, such as `root=\"{PATH}/current\"`"),
                )
            }),
            (None, Some(deploy)) => deploy.as_ref().map(Deploy::served),
            (None, None) => {
                self.refuse(mistake!(
                    "resolve::pick-up-no-root",
                    "where the files of `edge/` lie on the Caddy host is not said",
                    at(line.span, "Caddy hands out files from there"),
                    help("write `pick-up root=\"/etc/caddy/homelab\"`, the directory that `edge/` is copied to, or `deploy`, which knows"),
                ));
                None
            }
        };
        Some(PickUp { root: root? })
    }

    fn ssh_host(&mut self, written: &Text) -> Option<SshHost> {
        self.read(written, SshHost::new, |host, why| {
            let help = meant(host).map(|meant| format!("write `{meant}`"));
            let help = help.unwrap_or_else(|| USUAL_HOST.to_owned());
            let why = match why {
                NotAnSshHost::Option => "a `-` begins an option, and some of them run commands",
                NotAnSshHost::User => "its user is no plain name: letters, digits and `._-`",
                NotAnSshHost::Host => "its host is no plain name or address",
                NotAnSshHost::Behind if host.contains("://") => {
                    "`ssh` takes no other URL than `ssh://`"
                }
                NotAnSshHost::Behind => "a port or a path stands behind the host",
                NotAnSshHost::Port => "its port is no number from 1 to 65535",
                NotAnSshHost::Path => "a path stands behind the host",
                NotAnSshHost::Long => "it is longer than 255 bytes",
            };
            mistake!(
                "resolve::bad-deploy-host",
                "`{host}` is nothing that `ssh` is told to connect to",
                at(written.span, "{why}"),
                help(help),
            )
        })
    }

    fn deploy_path(&mut self, written: Option<&Text>, usual: &str) -> Option<DeployPath> {
        let Some(written) = written else {
            return DeployPath::new(usual).ok();
        };
        self.read(written, DeployPath::new, |path, why| {
            mistake!(
                "resolve::bad-deploy-path",
                "`{path}` cannot be a path to deploy to",
                at(written.span, "{why}"),
                help("write an absolute path of letters, digits and `._+@-`, such as `\"{usual}\"`: it stands without quotes in a shell's words, in a Caddyfile's `import` and in a container's mount"),
            )
        })
    }

    fn reload_line(&mut self, written: &Text) -> Option<ReloadLine> {
        self.read(written, ReloadLine::new, |_, why| {
            mistake!(
                "resolve::bad-reload",
                "`reload` is no line for a shell",
                at(written.span, "{why}"),
                help("write the line that has Caddy load its configuration anew, such as `reload=\"systemctl reload caddy\"`; what takes more is a script on the host"),
            )
        })
    }

    fn caddy_at(&mut self, line: &DeployLine) -> Option<CaddyAt> {
        let Some(container) = &line.container else {
            let alone = line.engine.as_ref().or(line.container_config.as_ref());
            if let Some(alone) = alone {
                self.refuse(mistake!(
                    "resolve::no-container",
                    "`deploy` does not say in which container Caddy is",
                    at(alone.span, "is about a container"),
                    help("add `container=\"caddy\"`, or take this out"),
                ));
                return None;
            }
            return Some(CaddyAt::OnHost);
        };
        let name = self.read(container, ContainerName::new, |name, why| {
            mistake!(
                "resolve::bad-container",
                "no container is called `{name}`",
                at(container.span, "{why}"),
                help("write its name, as `docker ps` shows it, such as `container=\"caddy\"`"),
            )
        });
        let engine = match &line.engine {
            Some(written) => self.engine(written),
            None => Some(Engine::default()),
        };
        let config = self.deploy_path(line.container_config.as_ref(), CONFIG);
        Some(CaddyAt::InContainer {
            engine: engine?,
            name: name?,
            config: config?,
        })
    }

    fn engine(&mut self, written: &Text) -> Option<Engine> {
        let known = |word: &str| match word {
            "docker" => Some(Engine::Docker),
            "podman" => Some(Engine::Podman),
            _ => None,
        };
        self.know(written, known, |word| {
            mistake!(
                "resolve::unknown-engine",
                "`engine` knows no `{word}`",
                at(written.span, "not known"),
                help(did_you_mean(word, ["docker", "podman"])),
            )
        })
    }

    /// What belongs beside each other, and what does not.
    fn refuse_apart(
        &mut self,
        line: &DeployLine,
        path: &DeployPath,
        config: &DeployPath,
        caddy: &CaddyAt,
    ) -> Option<()> {
        let directory = config.directory();
        let at: Span = { line.config.as_ref().or(line.path.as_ref()) }
            .map_or(line.span, |written| written.span);
        let is_around = config == path || config.below(path.as_str()).is_some();
        // A file has nothing below it.
        if is_around || path.below(config.as_str()).is_some() {
            self.refuse(mistake!(
                "resolve::deploy-over-config",
                "the Caddyfile `{config}` lies where releases are put",
                at(at, "is not homelab's to replace"),
                help(
                    "put releases into a directory of their own, such as `path=\"{directory}/homelab\"`"),
            ));
            return None;
        }
        let is_beside = path.below(config.directory()).is_some();
        if matches!(caddy, CaddyAt::InContainer { .. }) && !is_beside {
            self.refuse(mistake!(
                "resolve::deploy-outside-container",
                "the container does not see `{path}`",
                at(at, "`path` is not below the directory of `config`"),
                help("mount the directory of the Caddyfile into the container, and put releases below it: `path=\"{directory}/homelab\"`"),
            ));
            return None;
        }
        Some(())
    }
}

/// The line that says what a destination with a port or a path behind its host was meant to.
fn meant(host: &str) -> Option<String> {
    let (rest, is_url) = match host.strip_prefix("ssh://") {
        Some(rest) => (rest, true),
        None => (host, false),
    };
    let end = if is_url {
        rest.find('/')?
    } else {
        rest.find(':')?
    };
    let (before, behind) = rest.split_at(end);
    let path = behind.trim_start_matches(':').trim_end_matches('/');
    let (to, path) = match path.parse::<u16>() {
        Ok(port) => (format!("ssh://{before}:{port}"), None),
        Err(_) if is_url => (format!("ssh://{before}"), Some(path)),
        Err(_) => (before.to_owned(), Some(path)),
    };
    let to = SshHost::new(&to).ok()?;
    match path {
        None | Some("") => Some(format!("deploy \"{to}\"")),
        Some(path) => {
            let path = DeployPath::new(path).ok()?;
            Some(format!("deploy \"{to}\" path=\"{path}\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, compile};

    fn declared(line: &str) -> Option<Deploy> {
        let text = format!("domain \"home.example.com\"; edge {{ {line}; }}");
        let homelab = compile(&Source::new("homelab.kdl", text)).ok()?;
        Some(homelab.edges[0].deploy.clone().expect("it is said"))
    }

    fn path(text: &str) -> DeployPath {
        DeployPath::new(text).expect("it is one")
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let usual = Deploy {
            host: None,
            path: path("/etc/caddy/homelab"),
            config: path("/etc/caddy/Caddyfile"),
            caddy: CaddyAt::OnHost,
            reload: ReloadLine::new("systemctl reload caddy").expect("it is one"),
            privilege: Privilege::Own,
            after_reload: AfterReload::Verify,
        };
        assert_eq!(declared("deploy"), Some(usual.clone()));
        let far = Deploy {
            host: SshHost::new("caddy@edge.lan").ok(),
            ..usual.clone()
        };
        assert_eq!(declared("deploy \"caddy@edge.lan\""), Some(far));
        let other = Deploy {
            path: path("/srv/homelab"),
            config: path("/usr/local/etc/Caddyfile"),
            reload: ReloadLine::new("rc-service caddy reload").expect("it is one"),
            privilege: Privilege::Sudo,
            after_reload: AfterReload::Nothing,
            ..usual
        };
        let line = "deploy path=\"/srv/homelab\" config=\"/usr/local/etc/Caddyfile\" reload=\"rc-service caddy reload\" sudo=#true verify=#false";
        assert_eq!(declared(line), Some(other));
    }

    #[test]
    fn a_caddy_in_a_container_is_told_there() {
        let reload = |line: &str| declared(line).map(|deploy| deploy.reload.as_str().to_owned());
        assert_eq!(
            reload("deploy container=\"caddy\"").as_deref(),
            Some(
                "docker exec caddy caddy reload --adapter caddyfile --config /etc/caddy/Caddyfile"
            )
        );
        let podman = "deploy path=\"/srv/caddy/homelab\" config=\"/srv/caddy/Caddyfile\" container=\"web\" engine=\"podman\" container-config=\"/conf/Caddyfile\"";
        assert_eq!(
            reload(podman).as_deref(),
            Some("podman exec web caddy reload --adapter caddyfile --config /conf/Caddyfile")
        );
        let said = format!("{podman} reload=\"true\"");
        assert_eq!(reload(&said).as_deref(), Some("true"));
    }

    #[test]
    fn what_is_fetched_lies_where_caddy_sees_it() {
        let root = |line: &str| {
            let text = format!("domain \"home.example.com\"; edge {{ landing; {line}; }}");
            let homelab = compile(&Source::new("homelab.kdl", text)).ok()?;
            Some(homelab.edges[0].pick_up.as_ref()?.root.as_str().to_owned())
        };
        for (line, seen) in [
            ("pick-up; deploy", Some("/etc/caddy/homelab/current")),
            (
                "pick-up; deploy path=\"/srv/caddy/a/b\" config=\"/srv/caddy/Caddyfile\" container=\"caddy\" container-config=\"/conf/Caddyfile\"",
                Some("/conf/a/b/current"),
            ),
            (
                "pick-up; deploy path=\"/homelab\" config=\"/Caddyfile\" container=\"caddy\"",
                Some("/etc/caddy/homelab/current"),
            ),
            ("pick-up root=\"/srv/edge\"; deploy", Some("/srv/edge")),
            ("pick-up root=\"/srv/edge\"", Some("/srv/edge")),
            ("pick-up root=\"/srv/{x}\"", None),
            ("pick-up", None),
        ] {
            assert_eq!(root(line).as_deref(), seen, "{line}");
        }
    }

    #[test]
    fn who_writes_the_declaration_gives_ssh_no_option() {
        for host in [
            "-lroot",
            "caddy@-lroot",
            "ssh://-lroot",
            "ssh://caddy@-lroot:22",
            "-oProxyCommand=id",
            "caddy@-oProxyCommand=id",
            "ssh://-oProxyCommand=id",
            "ssh://caddy@-oProxyCommand=id:22",
            "edge.lan -oProxyCommand=id",
            "edge.lan;id",
        ] {
            assert_eq!(declared(&format!("deploy \"{host}\"")), None, "{host}");
        }
    }

    #[test]
    fn releases_lie_beside_the_caddyfile_and_never_around_it() {
        for line in [
            "deploy path=\"/etc/caddy/Caddyfile\"",
            "deploy path=\"/etc/caddy\"",
            "deploy path=\"/etc\"",
            "deploy path=\"/etc/caddy/Caddyfile/homelab\"",
            "deploy path=\"/srv/homelab\" container=\"caddy\"",
            "deploy path=\"/etc/caddy-homelab\" container=\"caddy\"",
            "deploy engine=\"podman\"",
            "deploy container-config=\"/etc/caddy/Caddyfile\"",
        ] {
            assert_eq!(declared(line), None, "{line}");
        }
        for line in [
            "deploy path=\"/etc/caddy-homelab\"",
            "deploy path=\"/etc/caddy/a/b\" container=\"caddy\"",
            "deploy path=\"/homelab\" config=\"/Caddyfile\" container=\"caddy\"",
        ] {
            assert!(declared(line).is_some(), "{line}");
        }
    }

    #[test]
    fn what_scp_takes_is_told_as_ssh_takes_it() {
        for (written, said) in [
            (
                "edge.lan:/srv/homelab/",
                "deploy \"edge.lan\" path=\"/srv/homelab\"",
            ),
            ("a@edge:22", "deploy \"ssh://a@edge:22\""),
            ("edge:", "deploy \"edge\""),
            (
                "ssh://a@edge:22/srv/homelab",
                "deploy \"ssh://a@edge:22\" path=\"/srv/homelab\"",
            ),
            ("ssh://edge/", "deploy \"ssh://edge\""),
        ] {
            assert_eq!(meant(written).as_deref(), Some(said), "{written}");
            assert!(declared(said).is_some(), "{said}");
        }
        for written in [
            "-oX:22",
            "a@-oX:/srv",
            "edge:srv",
            "http://edge",
            "edge:/a b",
            "edge:0",
        ] {
            assert_eq!(meant(written), None, "{written}");
        }
    }
}
