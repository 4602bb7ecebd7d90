//! What is done with a request.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Route, or_default};

/// One step of what is done.
#[derive(Debug, Deserialize)]
#[serde(tag = "handler", rename_all = "snake_case")]
pub(in crate::lint) enum Handler {
    Subroute {
        #[serde(default, deserialize_with = "or_default")]
        routes: Vec<Route>,
    },
    /// A named route of the server's.
    Invoke {
        name: String,
    },
    ReverseProxy(Box<Proxy>),
    StaticResponse {
        /// A number, or a text that may be a placeholder.
        #[serde(default)]
        status_code: Value,
        #[serde(default)]
        abort: bool,
    },
    /// Goes over to the routes for errors.
    Error {
        #[serde(default)]
        status_code: Value,
    },
    FileServer {
        #[serde(default)]
        root: Option<String>,
    },
    Headers {
        #[serde(default)]
        request: HeaderRules,
        #[serde(default)]
        response: HeaderRules,
    },
    Rewrite(Rewrite),
    Authentication {
        #[serde(default)]
        providers: Providers,
    },
    /// Variables, by name.
    Vars(BTreeMap<String, Value>),
    Map(Map),
    Templates {},
    AcmeServer {
        #[serde(default)]
        ca: Option<String>,
    },
    Metrics {},
    /// Not known, or of no matter.
    #[serde(other)]
    Other,
}

/// Passes a request on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Proxy {
    #[serde(deserialize_with = "or_default")]
    pub upstreams: Vec<Upstream>,
    pub dynamic_upstreams: Option<Value>,
    pub headers: Headers,
    /// With one it asks on behalf of a request, and does not pass it on itself.
    pub rewrite: Option<Rewrite>,
    #[serde(deserialize_with = "or_default")]
    pub handle_response: Vec<ResponseHandler>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Upstream {
    #[serde(deserialize_with = "or_default")]
    pub dial: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Headers {
    #[serde(deserialize_with = "or_default")]
    pub request: HeaderRules,
}

/// What becomes of headers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct HeaderRules {
    #[serde(deserialize_with = "or_default")]
    pub set: BTreeMap<String, Vec<String>>,
    #[serde(deserialize_with = "or_default")]
    pub delete: Vec<String>,
}

/// What is done where an upstream has answered so.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct ResponseHandler {
    #[serde(rename = "match")]
    pub matches: Option<ResponseMatch>,
    pub status_code: Option<Value>,
    #[serde(deserialize_with = "or_default")]
    pub routes: Vec<Route>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct ResponseMatch {
    /// Statuses, or their first figures.
    #[serde(deserialize_with = "or_default")]
    pub status_code: Vec<u16>,
    #[serde(deserialize_with = "or_default")]
    pub headers: BTreeMap<String, Value>,
}

/// Changes what is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Rewrite {
    pub method: Option<String>,
    pub uri: Option<String>,
    pub strip_path_prefix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Providers {
    pub http_basic: Option<Basic>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Basic {
    #[serde(deserialize_with = "or_default")]
    pub accounts: Vec<Account>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Account {
    pub username: String,
    /// Its hash; in base64 before Caddy 2.8.
    pub password: String,
}

/// Sets variables by what another is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Map {
    pub source: String,
    #[serde(deserialize_with = "or_default")]
    pub destinations: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub defaults: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub mappings: Vec<Mapping>,
}

/// For which value of the source a variable is set.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Mapping {
    pub input: String,
    pub input_regexp: String,
}

/// SHA-256 of nothing. Caddy from 2.11.2 on takes it for the fingerprint of who has no certificate.
pub(in crate::lint) const OF_NOTHING: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl Mapping {
    /// Whether it is for one value alone, and not for none.
    pub(in crate::lint) fn is_of_somebody(&self) -> bool {
        let is_plain = !self.input.is_empty() && !self.input.contains('{');
        self.input_regexp.is_empty() && is_plain && !self.input.eq_ignore_ascii_case(OF_NOTHING)
    }
}
