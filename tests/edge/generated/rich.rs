//! The declaration of the estate: a service of each kind, and who may use it.

use super::declaration::{
    Access, Allow, Backend, Certificates, Declaration, Edge, Methods, Open, Openings, PathPolicy,
    Person, Public, Scheme, Service, Trust, Upstreams,
};
use super::estate::{LAN, OFFICE};
use super::known::{APPS, METHODS};

pub fn declared(root: &str) -> Declaration {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let group = |name: &str, members: &[&str]| (name.to_owned(), owned(members));
    Declaration {
        domain: "home.example.com",
        edge: Edge {
            email: Some("o'brien#1@mail.example".to_owned()),
            certificates: Certificates::Acme,
            lan: vec![LAN],
            behind: None,
            // So that both Caddys take it.
            caddy: Some("2.6"),
            asked: false,
            landing: true,
        },
        people: vec![
            person(
                "alice",
                "Alice \"`x`\" <<EOF",
                &["pixel", "macbook"],
                &["lost"],
            ),
            person("bob", "#Bob ~x", &["iphone", "desktop"], &[]),
            person("carol", "1e3", &["ipad", "old-phone"], &[]),
            person("dave", "import", &["phone", "tablet"], &[]),
            person("erin", "Erin \\d", &["laptop", "watch"], &[]),
            person("frank", "Frank", &[], &[]),
            person("guest", "Zoë", &["card"], &[]),
        ],
        groups: vec![
            group("admins", &["alice"]),
            group("family", &["carol", "bob", "alice"]),
            group("friends", &["dave", "erin"]),
        ],
        networks: vec![("office", vec![OFFICE, "2001:db8:7::/48"])],
        services: services(root),
    }
}

fn person(name: &str, display: &str, devices: &[&str], former: &[&str]) -> Person {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Person {
        name: name.to_owned(),
        display: Some(display.to_owned()),
        email: None,
        devices: owned(devices),
        former: owned(former),
    }
}

fn services(root: &str) -> Vec<Service> {
    let post = methods("POST");
    let both = methods("POST GET");
    vec![
        service(
            "photos",
            &[],
            proxied(&[1001]),
            Access::Certificate {
                allow: allow(&["family"]),
                open: vec![],
                openings: open(&[
                    (&["/share/*", "/s", "/*.ics", "/c/a*.b"], &METHODS[0]),
                    (&["/hook/*", "/up*"], post),
                    (&["/.well-known/x/*"], methods("REPORT PROPFIND OPTIONS")),
                ]),
                asked: None,
                identity: false,
            },
        ),
        service(
            "stats",
            &["graphs", "stats"],
            over_tls(),
            Access::Certificate {
                allow: allow(&["admins", "bob"]),
                open: vec![],
                openings: Openings::default(),
                asked: None,
                identity: true,
            },
        ),
        service(
            "house",
            &["ha", "house.example.org"],
            proxied(&[1003]),
            Access::Certificate {
                allow: allow(&["friends", "family"]),
                open: vec!["lan"],
                openings: open(&[(&["/v1.2/x"], both)]),
                asked: None,
                identity: true,
            },
        ),
        service(
            "films",
            &[],
            behind_prefix(1004, "/jf", &[]),
            Access::Networks {
                open: vec!["lan"],
                openings: open(&[(&["/trailers/*"], &METHODS[0])]),
            },
        ),
        service(
            "shop",
            &[],
            by_path(
                proxied(&[1005, 1011]),
                &[("/api/*", 1006), ("/api/v1/*", 1010)],
            ),
            Access::Everyone,
        ),
        Service {
            app: Some(&APPS[2]),
            ..service(
                "papers",
                &[],
                proxied(&[1007]),
                Access::Certificate {
                    allow: allow(&["alice", "carol"]),
                    open: vec![],
                    openings: Openings {
                        share_links: true,
                        ..open(&[(&["/index.php/s/*"], methods("DELETE, PUT"))])
                    },
                    asked: None,
                    identity: true,
                },
            )
        },
        service(
            "vault",
            &["vault.example.org"],
            proxied(&[1008]),
            Access::Certificate {
                allow: allow(&["alice"]),
                open: vec![],
                openings: Openings::default(),
                asked: None,
                identity: false,
            },
        ),
        service(
            "attic",
            &[],
            redirected("https://x.example/", false),
            Access::Certificate {
                allow: allow(&["frank"]),
                open: vec![],
                openings: Openings::default(),
                asked: Some(true),
                identity: false,
            },
        ),
        service(
            "manuals",
            &[],
            Backend::Files {
                root: root.to_owned(),
                browse: false,
            },
            Access::Certificate {
                allow: allow(&["friends"]),
                open: vec![],
                openings: Openings::default(),
                asked: Some(true),
                identity: false,
            },
        ),
        service(
            "old",
            &[],
            redirected("https://photos.home.example.com", true),
            Access::Everyone,
        ),
        service(
            "new",
            &[],
            redirected("https://x.example/a?b=c", false),
            Access::Certificate {
                allow: allow(&["guest"]),
                open: vec!["lan"],
                openings: Openings::default(),
                asked: None,
                identity: false,
            },
        ),
        service(
            "notes",
            &[],
            behind_prefix(1009, "/n/v1", &[]),
            Access::Certificate {
                allow: allow(&["guest", "bob"]),
                open: vec![],
                openings: open(&[(&["/share/*", "/q"], both)]),
                asked: None,
                identity: false,
            },
        ),
        service(
            "desk",
            &[],
            proxied(&[1012]),
            Access::Networks {
                open: vec!["office"],
                openings: Openings::default(),
            },
        ),
        lab(),
        tools(),
    ]
}

/// With single devices, and certificates that count in a network.
fn lab() -> Service {
    let allow = [allow(&["alice", "bob/desktop"]), from_office(&["friends"])];
    service(
        "lab",
        &[],
        proxied(&[1013]),
        Access::Certificate {
            allow: allow.concat(),
            open: vec![],
            openings: Openings::default(),
            asked: Some(true),
            identity: true,
        },
    )
}

/// With paths that have policies of their own, and questions of browsers.
fn tools() -> Service {
    let path = |path, allow, open| PathPolicy { path, allow, open };
    let service = service(
        "tools",
        &[],
        proxied(&[1014]),
        Access::Certificate {
            allow: allow(&["family"]),
            open: vec![],
            openings: Openings::default(),
            asked: None,
            identity: true,
        },
    );
    Service {
        paths: vec![
            path("/admin/*", allow(&["alice"]), Open::Nobody),
            path("/desk/*", vec![], Open::Networks(vec!["office"])),
            path("/hook/*", vec![], Open::Everyone(Some(methods("POST")))),
            path(
                "/own/*",
                from_office(&["dave", "bob/desktop"]),
                Open::Nobody,
            ),
        ],
        preflight: vec!["https://app.home.example.com"],
        ..service
    }
}

fn methods(written: &str) -> &'static Methods {
    let found = METHODS
        .iter()
        .find(|methods| methods.written == Some(written));
    found.expect("it is in the list")
}

fn service(name: &str, hosts: &[&str], backend: Backend, access: Access) -> Service {
    Service {
        name: name.to_owned(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        title: Some(format!("{name} <&> \"`x`\" #")),
        app: None,
        backend,
        access,
        paths: Vec::new(),
        preflight: Vec::new(),
        max_body: None,
        header_underscores: false,
        headers: vec![("X-Said", "<<EOF # \"x\"".to_owned())],
        raw: Vec::new(),
    }
}

fn allow(names: &[&str]) -> Vec<Allow> {
    vec![Allow {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        from: None,
    }]
}

fn from_office(names: &[&str]) -> Vec<Allow> {
    let lines = allow(names).into_iter();
    lines
        .map(|line| Allow {
            from: Some("office"),
            ..line
        })
        .collect()
}

fn open(lines: &[(&[&'static str], &'static Methods)]) -> Openings {
    let line = |(paths, methods): &(&[&'static str], &'static Methods)| Public {
        paths: paths.to_vec(),
        methods,
    };
    Openings {
        public: lines.iter().map(line).collect(),
        share_links: false,
    }
}

fn upstreams(ports: &[u16]) -> Upstreams {
    Upstreams {
        scheme: Scheme::Http,
        addresses: ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect(),
        prefix: None,
        policy: (ports.len() > 1).then_some("round_robin"),
        trust: Trust::System,
        server_name: None,
    }
}

fn to(rest: Upstreams) -> Backend {
    Backend::Proxy {
        rest,
        by_path: Vec::new(),
        dial: None,
        response: None,
        stream: false,
    }
}

fn proxied(ports: &[u16]) -> Backend {
    to(upstreams(ports))
}

fn behind_prefix(port: u16, prefix: &'static str, by_path: &[(&'static str, u16)]) -> Backend {
    self::by_path(
        to(Upstreams {
            prefix: Some(prefix),
            ..upstreams(&[port])
        }),
        by_path,
    )
}

fn by_path(backend: Backend, paths: &[(&'static str, u16)]) -> Backend {
    let Backend::Proxy { rest, .. } = backend else {
        unreachable!("it is proxied")
    };
    let by_path = paths
        .iter()
        .map(|(path, port)| (*path, upstreams(&[*port])))
        .collect();
    Backend::Proxy {
        rest,
        by_path,
        dial: Some(("3s", 3_000_000_000)),
        response: None,
        stream: true,
    }
}

fn over_tls() -> Backend {
    to(Upstreams {
        scheme: Scheme::Https,
        trust: Trust::Unverified,
        ..upstreams(&[1002])
    })
}

fn redirected(place: &str, same_path: bool) -> Backend {
    Backend::Redirect {
        to: place.to_owned(),
        same_path,
        status: same_path.then_some(308),
    }
}
