//! What declarations are made of that the test knows the meaning of by heart: methods, apps, lines of a Caddyfile.

use super::declaration::{App, Methods, Raw};

const READ: &[&str] = &["GET", "HEAD"];
const READ_AND_POST: &[&str] = &["GET", "HEAD", "POST"];

pub const METHODS: [Methods; 8] = [
    Methods {
        written: None,
        opened: READ,
    },
    Methods {
        written: Some("GET"),
        opened: READ,
    },
    Methods {
        written: Some("HEAD"),
        opened: &["HEAD"],
    },
    Methods {
        written: Some("POST"),
        opened: &["POST"],
    },
    Methods {
        written: Some("POST GET"),
        opened: READ_AND_POST,
    },
    Methods {
        written: Some("DELETE, PUT"),
        opened: &["PUT", "DELETE"],
    },
    Methods {
        written: Some("OPTIONS PATCH PATCH"),
        opened: &["PATCH", "OPTIONS"],
    },
    Methods {
        written: Some("REPORT PROPFIND OPTIONS"),
        opened: &["OPTIONS", "PROPFIND", "REPORT"],
    },
];

pub const APPS: [App; 4] = [
    App {
        name: "linkding",
        title: "linkding",
        port: 9090,
        share: &[
            ("/bookmarks/shared", READ),
            ("/feeds/shared", READ),
            ("/static/theme-light.css", READ),
            ("/static/theme-dark.css", READ),
            ("/static/bundle.js", READ),
            ("/manifest.json", READ),
        ],
    },
    App {
        name: "navidrome",
        title: "Navidrome",
        port: 4533,
        share: &[("/share/*", READ), ("/app/manifest.webmanifest", READ)],
    },
    App {
        name: "nextcloud",
        title: "Nextcloud",
        port: 80,
        share: &[
            ("/s/*", READ_AND_POST),
            ("/index.php/s/*", READ_AND_POST),
            ("/public.php/dav/files/*", READ),
            ("/apps/theming/manifest/*", READ),
        ],
    },
    App {
        name: "jellyfin",
        title: "Jellyfin",
        port: 8096,
        share: &[],
    },
];

pub const RAW: [Raw; 4] = [
    Raw {
        lines: "encode zstd gzip",
        directive: "encode",
        meaning: "encode",
    },
    Raw {
        lines: "request_header -X-Raw",
        directive: "request_header",
        meaning: "delete X-Raw",
    },
    Raw {
        lines: "header X-Raw \"a # <<EOF\"",
        directive: "header",
        meaning: "answer with X-Raw: a # <<EOF",
    },
    Raw {
        lines: "\n# in several lines\nheader {\n  X-Several \"b ; c\" # here\n}\n",
        directive: "header",
        meaning: "answer with X-Several: b ; c",
    },
];
