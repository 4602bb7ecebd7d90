//! Who else can change what is served, and what is lying about.

use std::net::IpAddr;

use super::super::configuration::{Account, Handler};
use super::super::place::{Found, Place};
use super::super::subject::{Stand, Subject};
use crate::model::CaddyVersion;

const DEFAULT: &str = "localhost:2019";

pub(in crate::lint) fn public(subject: &Subject<'_>) -> Vec<Found> {
    let admin = &subject.configuration.admin;
    let listen = admin.listen.as_deref().unwrap_or(DEFAULT);
    let is_public = !admin.disabled && !is_socket(listen) && !is_of_this_machine(listen);
    let found = is_public.then(|| {
        place(listen).found("whoever reaches that address can replace the whole configuration")
    });
    found.into_iter().collect()
}

/// CVE-2026-27589, up to 2.11.0.
pub(in crate::lint) fn without_origin(subject: &Subject<'_>) -> Vec<Found> {
    let admin = &subject.configuration.admin;
    let listen = admin.listen.as_deref().unwrap_or(DEFAULT);
    let is_it = subject.is_before(CaddyVersion::release(11, 1))
        && subject.knows_certificates()
        && !(admin.disabled || admin.enforce_origin || is_socket(listen));
    let found = is_it.then(|| {
        place(listen)
            .found("a page in a browser on that machine can replace the whole configuration")
    });
    found.into_iter().collect()
}

fn place(listen: &str) -> Place {
    Place::new(format!("admin {listen}"), "admin.listen")
}

/// A Unix socket, or one that was handed over; and what only the environment knows.
fn is_socket(listen: &str) -> bool {
    listen.starts_with("unix") || listen.starts_with("fd") || listen.starts_with('{')
}

fn is_of_this_machine(listen: &str) -> bool {
    let address = listen
        .split_once('/')
        .map_or(listen, |(_, address)| address);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The hashes of `hiccup`, as Caddy's own documentation has shown them.
const OF_THE_DOCUMENTATION: &[&str] = &[
    "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG",
    "JDJhJDE0JFpreDE5WExpVzZWWW91TEhSNU5tZk9GVTB6MkdUTm1wa1QvNXFxUjdoeDRJaldKUERoanZH",
    "$2a$10$EB6gZ4H6N.bz4LbAw0VagumWq5K0VdFyCuVsKs8BpdOShYYtEdd8W",
    "JDJhJDEwJEVCNmdaNEg2Ti5iejRMYkF3MFZhZ3VtV3E1SzBWZEZ5Q3VWc0tzOEJwZE9TaFlZdEVkZDhX",
];

pub(in crate::lint) fn known_password(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.handlers().filter_map(|(stand, handler)| {
        let Handler::Authentication { providers } = handler else {
            return None;
        };
        let accounts = &providers.http_basic.as_ref()?.accounts;
        let is_known =
            |account: &&Account| OF_THE_DOCUMENTATION.contains(&account.password.as_str());
        let account = accounts.iter().find(is_known)?;
        Some(stand.found(format!(
            "the password of `{}` is `hiccup`",
            account.username
        )))
    });
    found.collect()
}

/// Directories that have keys in them, or below them.
const KEYS: &[&str] = &[
    "/",
    "/etc",
    "/etc/caddy",
    "/home",
    "/root",
    "/var",
    "/var/lib",
    "/var/lib/caddy",
    "/proc",
    "/data/caddy",
];

pub(in crate::lint) fn keys_served(subject: &Subject<'_>) -> Vec<Found> {
    let serves = |stand: &Stand<'_>| {
        let mut others = subject.stands.iter().filter(|other| {
            std::ptr::eq(other.serving.server, stand.serving.server) && other.hosts == stand.hosts
        });
        others.any(|other| {
            let mut handlers = other.route().handlers.iter();
            handlers.any(|handler| matches!(handler, Handler::FileServer { root: None }))
        })
    };
    let found = subject.handlers().filter_map(|(stand, handler)| {
        let root = match handler {
            Handler::FileServer { root } => root.as_deref()?,
            Handler::Vars(variables) => {
                variables.get("root")?.as_str().filter(|_| serves(stand))?
            }
            _ => return None,
        };
        let plain = if root == "/" {
            root
        } else {
            root.trim_end_matches('/')
        };
        KEYS.contains(&plain).then(|| {
            stand.found(format!(
                "files below `{root}` are served, and private keys lie there"
            ))
        })
    });
    found.collect()
}
