//! What a site does with a request that is let in, as data.

use serde::Serialize;

use crate::model::{self, Scheme, Trust};

/// What is done with a request that is let in.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Backend {
    /// It is passed on.
    Proxy(Proxy),
    /// It is answered from files.
    Files(Files),
    /// The visitor is sent elsewhere.
    Redirect(Redirect),
}

/// Where requests are passed on to.
#[derive(Debug, Serialize)]
pub struct Proxy {
    /// Those of some paths.
    pub by_path: Vec<Upstreams>,
    /// Those of all other paths.
    pub upstreams: Upstreams,
}

/// Servers that answer alike.
#[derive(Debug, Serialize)]
pub struct Upstreams {
    /// The path that they answer for; none for all others.
    pub path: Option<String>,
    /// Their addresses as Caddy writes them; at least one.
    pub addresses: Vec<String>,
    /// What stands before each path there.
    pub prefix: Option<String>,
    /// Which of several is taken.
    pub policy: Option<&'static str>,
    /// Whether they speak TLS.
    pub tls: bool,
    /// Whether their certificates are verified.
    pub verify: bool,
    /// The file of the authority that vouches for them.
    pub authority: Option<String>,
    /// The name that their certificates are to have.
    pub server_name: Option<String>,
    /// How long connecting may take.
    pub dial_timeout: Option<String>,
    /// How long they may take until they begin to answer.
    pub response_timeout: Option<String>,
    /// Whether each part of an answer is passed on as it comes.
    pub stream: bool,
}

/// A directory that is served.
#[derive(Debug, Serialize)]
pub struct Files {
    /// Its path on the Caddy host.
    pub root: String,
    /// Whether directories are listed.
    pub browse: bool,
}

/// Where visitors are sent.
#[derive(Debug, Serialize)]
pub struct Redirect {
    /// Where to.
    pub to: String,
    /// Whether the path and query that were asked for follow.
    pub same_path: bool,
    /// The status of the answer.
    pub status: u16,
}

impl Backend {
    /// The data of a backend.
    pub fn new(backend: &model::Backend) -> Backend {
        match backend {
            model::Backend::Proxy(proxy) => Backend::Proxy(Proxy {
                by_path: proxy
                    .by_path
                    .iter()
                    .map(|(path, upstreams)| {
                        let path = Some(path.as_str().to_owned());
                        self::upstreams(path, upstreams, proxy)
                    })
                    .collect(),
                upstreams: upstreams(None, &proxy.upstreams, proxy),
            }),
            model::Backend::Files(files) => Backend::Files(Files {
                root: files.root.as_str().to_owned(),
                browse: files.browse,
            }),
            model::Backend::Redirect(redirect) => Backend::Redirect(Redirect {
                to: redirect.to.clone(),
                same_path: redirect.same_path,
                status: redirect.status,
            }),
        }
    }

    /// Whether some upstream's certificate is not looked at.
    pub fn is_unverified(&self) -> bool {
        self.any_upstreams(|upstreams| upstreams.tls && !upstreams.verify)
    }

    /// Whether something is below a path or a directory, and a request must not climb out of it.
    pub fn keeps_from_climbing(&self) -> bool {
        let has_prefix = |upstreams: &Upstreams| upstreams.prefix.is_some();
        matches!(self, Backend::Files(_)) || self.any_upstreams(has_prefix)
    }

    fn any_upstreams(&self, is_so: impl Fn(&Upstreams) -> bool) -> bool {
        match self {
            Backend::Proxy(proxy) => is_so(&proxy.upstreams) || proxy.by_path.iter().any(is_so),
            Backend::Files(_) | Backend::Redirect(_) => false,
        }
    }
}

fn upstreams(
    path: Option<String>,
    upstreams: &model::Upstreams,
    proxy: &model::Proxy,
) -> Upstreams {
    let prefix = upstreams.scheme.prefix();
    Upstreams {
        path,
        addresses: upstreams
            .addresses
            .iter()
            .map(|address| format!("{prefix}{address}"))
            .collect(),
        prefix: upstreams.prefix.clone(),
        policy: upstreams.policy,
        tls: upstreams.scheme == Scheme::Https,
        verify: upstreams.tls.trust != Trust::Unverified,
        authority: match &upstreams.tls.trust {
            Trust::Authority(file) => Some(file.as_str().to_owned()),
            Trust::System | Trust::Unverified => None,
        },
        server_name: upstreams.tls.server_name.clone(),
        dial_timeout: proxy.dial_timeout.as_ref().map(ToString::to_string),
        response_timeout: proxy.response_timeout.as_ref().map(ToString::to_string),
        stream: proxy.stream,
    }
}
