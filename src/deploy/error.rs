//! Why an edge could not be brought to its host, each with what to do.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::diagnostic::Fault;
use crate::lint::Finding;
use crate::tree::TreeError;

impl DeployError {
    /// Whose affair it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            DeployError::Nowhere { .. } => Fault::Declaration,
            DeployError::NotImported { .. }
            | DeployError::NotValid { .. }
            | DeployError::Lint { .. }
            | DeployError::NotAsDeclared { .. }
            | DeployError::NoFormer
            | DeployError::LetsInAgain { .. }
            | DeployError::OtherRoot { .. } => Fault::Difference,
            _ => Fault::Environment,
        }
    }
}

#[derive(Debug, Error, Diagnostic)]
pub(crate) enum DeployError {
    #[error("homelab.kdl does not say where the edge{} is to be deployed to", .edge.as_ref().map(|edge| format!(" `{edge}`")).unwrap_or_default())]
    #[diagnostic(
        code("deploy::nowhere"),
        help(
            "add it to `edge`: `deploy \"root@edge.lan\"` for a host that `ssh` reaches, or `deploy` alone for this machine"
        )
    )]
    Nowhere { edge: Option<String> },

    #[error("no edge `{edge}` is declared")]
    #[diagnostic(code("deploy::unknown-edge"), help("{help}"))]
    UnknownEdge { edge: String, help: String },

    #[error("not deployed: {} of {of} edges ({})", edges.len(), edges.join(", "))]
    #[diagnostic(
        code("deploy::not-all"),
        help("the reasons are above; when they are mended: `homelab deploy {}`", edges.join(" "))
    )]
    NotAll { edges: Vec<String>, of: usize },

    #[error("the release before the one that is served is another one on each host")]
    #[diagnostic(
        code("deploy::which-edge"),
        help("name the edges that are to go back: `homelab deploy --rollback {}`", edges.first().map_or("", String::as_str))
    )]
    WhichEdge { edges: Vec<String> },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Tree(#[from] TreeError),

    #[error("`{}` is not the file that was built", path.display())]
    #[diagnostic(
        code("deploy::altered"),
        help("`homelab build` restores it; see who changed it")
    )]
    Altered { path: PathBuf },

    #[error("there is no edge at `{}`", path.display())]
    #[diagnostic(code("deploy::no-edge"), help("run `homelab build`"))]
    NoEdge { path: PathBuf },

    #[error("`{program}` cannot be started here")]
    #[diagnostic(
        code("deploy::cannot-start"),
        help("install it: a host is reached by the system's own `ssh`, and `sh`")
    )]
    CannotStart { program: String, source: io::Error },

    #[error("the host cannot be reached: {said}")]
    #[diagnostic(
        code("deploy::unreached"),
        help(
            "see that `ssh HOST true` works, with the host that `deploy` names; with `sudo=#true`, `ssh HOST sudo -n true` has to work too. Nothing has changed there"
        )
    )]
    Unreached { said: String },

    #[error("the connection to the host was lost: {said}")]
    #[diagnostic(
        code("deploy::cut-off"),
        help(
            "run it again. The host puts back by itself what it served before, unless that would let in somebody who was shut out"
        )
    )]
    CutOff { said: String },

    #[error("the connection to the host was lost as all was done: {said}")]
    #[diagnostic(
        code("deploy::cut-off-at-the-end"),
        help(
            "run it again. The host serves the new release, {release}, which is as it should be, or has put back what it served before, if it has not heard that it is to be kept"
        )
    )]
    CutOffAtTheEnd { release: String, said: String },

    #[error("the host has no `{tool}`")]
    #[diagnostic(
        code("deploy::no-tool"),
        help("install it there: GNU's, or BusyBox's, is needed")
    )]
    NoTool { tool: String },

    #[error("somebody else has been deploying to `{directory}` for ten minutes")]
    #[diagnostic(
        code("deploy::busy"),
        help("see on the host who that is (`fuser .lock` in there), and run it again afterwards")
    )]
    Busy { directory: String },

    #[error("`{directory}` cannot be written to on the host")]
    #[diagnostic(
        code("deploy::no-directory"),
        help(
            "give the user that deploys the right to, or say `sudo=#true` in `deploy`; the disk may be full as well"
        )
    )]
    NoDirectory { directory: String },

    #[error("the host does not do what it was told")]
    #[diagnostic(
        code("deploy::not-understood"),
        help(
            "run it again. If it stays so, it is a fault of homelab's: report it, with what `homelab --version` says"
        )
    )]
    NotUnderstood,

    #[error("the files could not be put onto the host: {said}")]
    #[diagnostic(
        code("deploy::cannot-copy"),
        help("see that there is room on its disk, and that the directory can be written to")
    )]
    CannotCopy { said: String },

    #[error("`{config}` cannot be read on the host")]
    #[diagnostic(
        code("deploy::cannot-read-config"),
        help("give the user that deploys the right to, or say `sudo=#true` in `deploy`")
    )]
    CannotReadConfig { config: String },

    #[error("`{config}` on the host does not import the edge")]
    #[diagnostic(code("deploy::not-imported"), help("{help}"))]
    NotImported { config: String, help: String },

    #[error("`{beside}` cannot be written on the host: {said}")]
    #[diagnostic(
        code("deploy::cannot-write"),
        help("give the user that deploys the right to, or say `sudo=#true` in `deploy`")
    )]
    CannotWrite { beside: String, said: String },

    #[error("Caddy cannot be asked on the host: {said}")]
    #[diagnostic(
        code("deploy::no-caddy"),
        help(
            "see that it is installed there; where it is in a container, that this one runs, that `container` and `engine` in `deploy` name it, and that the user that deploys may speak to it"
        )
    )]
    NoCaddy { said: String },

    #[error("Caddy cannot load the host's configuration with this release:\n{said}")]
    #[diagnostic(
        code("deploy::not-valid"),
        help(
            "the lines above are Caddy's own. Where it does not know a word, its version is another than `caddy` in `edge` says; where a host stands twice, take it out of the host's own Caddyfile. {after}"
        )
    )]
    NotValid { said: String, after: String },

    #[error("with this release the host's configuration would let somebody in: {}: {}", found.at, found.what)]
    #[diagnostic(
        code("deploy::lint"),
        help("{}, for {}. `homelab lint` tells all of it. {after}", found.instead, found.why)
    )]
    Lint { found: Finding, after: String },

    #[error("the release could not be put in its place: {said}")]
    #[diagnostic(
        code("deploy::cannot-serve"),
        help(
            "see that there is room on the host's disk, and that the directory can be written to. {after}"
        )
    )]
    CannotServe { said: String, after: String },

    #[error("the host could not be made to load its configuration anew (`{line}`):\n{said}")]
    #[diagnostic(
        code("deploy::cannot-reload"),
        help(
            "`reload` in `deploy` is the line that was run; on the host, `journalctl -u caddy` may say more. Where it finds nobody at Caddy's admin endpoint, this configuration has another `admin` than the one with which Caddy was started: say that one in `edge`, or restart Caddy once. {after}"
        )
    )]
    CannotReload {
        line: String,
        said: String,
        after: String,
    },

    #[error("what is served is not what is declared")]
    #[diagnostic(code("deploy::not-as-declared"), help("{after}"))]
    NotAsDeclared { after: String },

    #[error("after going back to the release {release}, {what}")]
    #[diagnostic(
        code("deploy::unreached-after"),
        help(
            "see that Caddy runs and the names lead to it; the lines above say which host cannot be reached, and why. The release stays"
        )
    )]
    UnreachedAfter { release: String, what: String },

    #[error("the host has kept no release before this one")]
    #[diagnostic(
        code("deploy::no-former"),
        help("bring the declaration back that is to be served, and deploy that")
    )]
    NoFormer,

    #[error("what the release {release} lets in cannot be told")]
    #[diagnostic(
        code("deploy::unknown-release"),
        help(
            "its exposure.json is damaged, or of another version of homelab. Bring the declaration back that is to be served, and deploy that"
        )
    )]
    UnknownRelease { release: String },

    #[error("the release {release} lets in what was shut out since: {}", devices.join(", "))]
    #[diagnostic(
        code("deploy::lets-in-again"),
        help(
            "if that is meant, name each: `homelab deploy --rollback {}`. Otherwise bring the declaration back that is to be served, and deploy that: it keeps them out",
            devices.iter().map(|device| format!("--accept-return-of {device}")).collect::<Vec<_>>().join(" ")
        )
    )]
    LetsInAgain {
        release: String,
        devices: Vec<String>,
    },

    #[error("the release {release} is of another root secret")]
    #[diagnostic(
        code("deploy::other-root"),
        help("it lets in what another authority has signed. Deploy what is declared instead")
    )]
    OtherRoot { release: String },
}
