//! What is served.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use miette::{Diagnostic, Report};
use thiserror::Error;

use super::options::{Resolve, addresses};
use super::{Ending, VerifyError, drawing, keyring};
use crate::build;
use crate::cli::arguments::{AskedPorts, Verify};
use crate::cli::progress::BAR;
use crate::cli::{clock, report};
use crate::diagnostic::{Failure, Fault, counted};
use crate::lock::Lock;
use crate::model::Homelab;
use crate::probe::{
    Certificates, EchoAt, HostReport, LiveReport, Ports, Roots, Task, client_certificates, probe,
};
use crate::root::Keyring;
use crate::verify::{Pages, Site, named, sites};
use crate::workspace::whole;

#[derive(Debug, Error, Diagnostic)]
enum LiveError {
    #[error("`{}` holds no certificate in PEM", path.display())]
    #[diagnostic(
        code("verify::bad-ca"),
        help(
            "name the root of whoever issues the hosts' certificates; Caddy's own is pki/authorities/local/root.crt in its data directory"
        )
    )]
    BadCa { path: PathBuf },

    #[error("{what}")]
    #[diagnostic(
        code("verify::not-as-declared"),
        help(
            "the lines above say what is wrong. Where the server has another Caddyfile than the one that was built, deploy that and reload Caddy; then run this again"
        )
    )]
    NotAsDeclared { what: String },

    #[error("{what}")]
    #[diagnostic(
        code("verify::unreached"),
        help(
            "see that Caddy runs and the names lead to it; `--resolve HOST:PORT:ADDR` says where a host is, `--port` at which port"
        )
    )]
    Unreached { what: String },

    #[error("no device was tried, for the root secret could not be had")]
    #[diagnostic(
        code("verify::without-secret"),
        help("what else there is to verify was; with `--no-secret` that is all that is asked")
    )]
    WithoutSecret,
}

/// Where hosts are, and how they are asked.
pub(in crate::cli) struct Reach<'a> {
    pub resolve: &'a [Resolve],
    pub ports: &'a AskedPorts,
    pub ca: Option<&'a Path>,
    /// In seconds, of each connection.
    pub timeout: u16,
    pub echo: &'a [EchoAt],
}

/// What is declared, to be held against what is served.
pub(in crate::cli) struct Live<'a> {
    pub homelab: &'a Homelab,
    pub lock: &'a Lock,
    pub now: Timestamp,
    /// The user's own of the edge.
    pub templates: Vec<String>,
    pub reach: Reach<'a>,
}

impl Live<'_> {
    /// Asks these hosts as nobody, as a stranger, and as each device where there is a keyring.
    pub(in crate::cli) fn ask(
        &self,
        all: &[Site],
        wanted: &[&Site],
        keyring: Option<&Keyring>,
    ) -> Result<LiveReport, Failure> {
        let reach = &self.reach;
        let task = Task {
            homelab: self.homelab,
            lock: self.lock,
            now: self.now,
            pages: Pages::of(&self.templates),
            sites: all,
            ports: Ports {
                https: reach.ports.port,
                http: reach.ports.http_port,
                admin: reach.ports.admin_port,
            },
            roots: roots(reach.ca)?,
            timeout: Duration::from_secs(reach.timeout.into()),
            echoes: reach.echo,
            progress: &BAR,
        };
        let certificates = match keyring {
            Some(keyring) => client_certificates(keyring, self.homelab, self.lock, self.now),
            None => Certificates::default(),
        };
        Ok(probe(task, wanted, certificates, |host, port| {
            addresses(host, port, reach.resolve)
        }))
    }
}

pub(super) fn verify(arguments: &Verify) -> Result<(), Failure> {
    let workspace = arguments.declaration.workspace();
    let homelab = workspace.homelab()?;
    let lock = workspace.lock()?;
    let lock = lock.ok_or_else(|| Failure::environment(VerifyError::NoLock))?;
    build::refuse_unsigned(&lock)?;
    let now = clock::now()?;
    clock::warn(&lock)?;
    let all = sites(&homelab, &lock);
    let names = arguments.what.iter();
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
    let wanted = named(&names, &all)?;
    let echoing: Vec<String> = { arguments.echo.iter() }
        .map(|echo| echo.service.clone())
        .collect();
    named(&echoing, &all)?;
    let templates = workspace.templates()?;
    let live = Live {
        homelab: &homelab,
        lock: &lock,
        now,
        templates: templates.of_the_edge(),
        reach: Reach {
            resolve: &arguments.resolve,
            ports: &arguments.ports,
            ca: arguments.ca.as_deref(),
            timeout: arguments.timeout,
            echo: &arguments.echo,
        },
    };
    let (keyring, reports) = if wanted.iter().any(|site| site.asks()) {
        keyring(arguments, &workspace, &lock)
    } else {
        (None, Vec::new())
    };
    let told = live.ask(&all, &wanted, keyring.as_ref())?;
    if arguments.json {
        report::json(&told)?
    } else {
        report::table(&drawing::text(&told))?
    }
    conclude(&told, reports)
}

fn conclude(told: &LiveReport, secrets: Vec<Report>) -> Result<(), Failure> {
    let wrong: usize = told.all().map(HostReport::count_wrong).sum();
    let unreached = told.hosts.iter().filter(|host| host.unreached.is_some());
    let has_secret = secrets.is_empty();
    let mut ending = Ending::after(secrets);
    if !has_secret {
        ending = ending.with(Fault::Environment, LiveError::WithoutSecret);
    }
    match unreached.count() {
        0 => {}
        count => {
            let what = format!("{} could not be reached", counted(count, "host", "hosts"));
            ending = ending.with(Fault::Environment, LiveError::Unreached { what });
        }
    }
    if wrong > 0 {
        let what = counted(
            wrong,
            "answer is not as declared",
            "answers are not as declared",
        );
        ending = ending.with(Fault::Difference, LiveError::NotAsDeclared { what });
    }
    ending.conclude()
}

/// Bytes of the roots of the hosts' own certificates, at the most: all of the world's have a tenth.
const CA_LIMIT: u64 = 4 << 20;

/// The roots of the hosts' own certificates.
fn roots(ca: Option<&Path>) -> Result<Roots, Failure> {
    let Some(path) = ca else {
        let certificates = rustls_native_certs::load_native_certs().certs;
        return Ok(Roots::of_the_system(certificates));
    };
    let text = whole(path, CA_LIMIT).ok();
    let roots = text.and_then(|text| Roots::named(&text));
    roots.ok_or_else(|| {
        Failure::environment(LiveError::BadCa {
            path: path.to_owned(),
        })
    })
}
