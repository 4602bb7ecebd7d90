//! Declarations that are valid, and say everything that can be said.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::declaration::{
    Access, Allow, Backend, Behind, Certificates, Declaration, Edge, Methods, Open, Openings,
    PathPolicy, Person, Public, Scheme, Service, Trust, Upstreams,
};
use super::known::{APPS, METHODS, RAW};
use super::words::{Words, email, host_path, maybe, said};

const PEOPLE: [&str; 7] = ["1e3", "alice", "bob", "import", "null", "true", "x-1"];
const DEVICES: [&str; 4] = ["7", "old-phone", "pixel", "true"];
const GROUPS: [&str; 3] = ["default", "family", "g-1"];
const SERVICES: [&str; 8] = [
    "0x10", "handle", "immich", "map", "nan", "off", "stats", "tls",
];
/// Some are also what an app's share links need.
const PATHS: [&str; 13] = [
    "/a",
    "/a/*",
    "/hook/*",
    "/s/*",
    "/share/*",
    "/share/x.y~z/*",
    "/static/bundle.js",
    "/v1.2/_x",
    "/.well-known/matrix/*",
    "/.x",
    "/up*",
    "/*.ics",
    "/a/c*.x",
];
/// Those that have policies of their own.
const GUARDED: [&str; 7] = [
    "/*.ics",
    "/.well-known/x/*",
    "/admin/*",
    "/admin/api/*",
    "/hooks/*",
    "/share/*",
    "/up*",
];
const NETWORKS: [(&str, &[&str]); 2] = [
    ("away", &["203.0.113.7/32"]),
    ("office", &["198.51.100.0/24", "2001:db8:7::/48"]),
];
/// As they are named.
const FROM: [&str; 3] = ["away", "lan", "office"];
const ORIGINS: [&str; 2] = ["https://app.home.example.com", "http://x.example:8080"];
const HEADERS: [&str; 5] = [
    "Content-Type",
    "Server",
    "X-Frame-Options",
    "X-lower",
    "1e3",
];
const SIZES: [(&str, u64); 4] = [
    ("1KB", 1000),
    ("10MB", 10_000_000),
    ("512MiB", 536_870_912),
    ("2TiB", 2_199_023_255_552),
];
const TIMES: [(&str, u64); 4] = [
    ("300ms", 300_000_000),
    ("3s", 3_000_000_000),
    ("2m", 120_000_000_000),
    ("1h", 3_600_000_000_000),
];
const POLICIES: [&str; 7] = [
    "cookie",
    "first",
    "ip_hash",
    "least_conn",
    "random",
    "round_robin",
    "uri_hash",
];
const PLACES: [&str; 5] = [
    "https://x.example/",
    "https://x.example/a?b=c;d~@x,y",
    "http://x.example:8080/#import",
    "https://x.example/a$X",
    "https://x.example/\\d",
];
const SAME_PATH: [&str; 3] = [
    "https://x.example",
    "https://x.example:8443/~a",
    "http://a-b.example/c/d",
];

fn some_of<T: Copy + std::fmt::Debug + 'static>(
    all: &'static [T],
    count: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = Vec<T>> {
    subsequence(all, count).prop_shuffle()
}

pub fn declarations(words: Words) -> impl Strategy<Value = Declaration> {
    let names = (
        some_of(&PEOPLE, 0..=3),
        some_of(&GROUPS, 0..=2),
        some_of(&SERVICES, 1..=4),
    );
    names.prop_flat_map(move |(people, mut groups, services)| {
        if people.is_empty() {
            groups.clear();
        }
        // The first group holds everybody, so that each is in some.
        let member = |group: usize| {
            let all = people.clone();
            let few = if group == 0 { all.len() } else { 1 };
            subsequence(all, few..=people.len())
        };
        let members: Vec<_> = (0..groups.len()).map(member).collect();
        let devices = people.iter().map(|name| format!("{name}/7"));
        let names = people.iter().chain(&groups).map(|name| (*name).to_owned());
        let known: Vec<String> = names.chain(devices).collect();
        let persons: Vec<_> = people.iter().map(|name| person(name, words)).collect();
        let services: Vec<_> = services
            .iter()
            .map(|name| service(name, known.clone(), words))
            .collect();
        let domain = select(&["home.example.com", "x.example", "1e3.import.example.org"][..]);
        (domain, edge(words), persons, members, services).prop_map(
            move |(domain, edge, people, members, mut services)| {
                for service in &mut services {
                    service.paths.clear();
                    make_valid(service);
                    only_declared(service, &people);
                }
                // The domain itself is the landing page's, or can be a service's.
                if !edge.landing && services.len() > 2 {
                    services[0].hosts.push("@".to_owned());
                }
                let owned = |members: Vec<&str>| members.into_iter().map(str::to_owned).collect();
                let groups = groups.iter().map(|name| (*name).to_owned());
                let groups = groups.zip(members.into_iter().map(owned)).collect();
                Declaration {
                    domain,
                    edge,
                    people,
                    groups,
                    networks: NETWORKS
                        .to_vec()
                        .into_iter()
                        .map(|(name, ranges)| (name, ranges.to_vec()))
                        .collect(),
                    services,
                }
            },
        )
    })
}

/// Names no device that a person does not have.
fn only_declared(service: &mut Service, people: &[Person]) {
    let lines = service.paths.iter_mut().map(|path| &mut path.allow);
    let own = match &mut service.access {
        Access::Certificate { allow, .. } => Some(allow),
        _ => None,
    };
    for line in own.into_iter().chain(lines).flatten() {
        line.names.retain(|name| match name.split_once('/') {
            None => true,
            Some((owner, device)) => people.iter().any(|person| {
                person.name == owner && person.devices.iter().any(|known| known == device)
            }),
        });
        if line.names.is_empty() {
            line.names.push(people[0].name.clone());
        }
    }
}

fn edge(words: Words) -> impl Strategy<Value = Edge> {
    let certificates = prop_oneof![
        2 => Just(Certificates::Acme),
        1 => Just(Certificates::Internal),
        // Only this one has a form that depends on the version of Caddy.
        3 => Just(Certificates::Dns),
        1 => (host_path(words), host_path(words))
            .prop_map(|(cert, key)| Certificates::Files { cert, key }),
    ];
    let lan = some_of(
        &["10.0.0.7/32", "192.168.0.0/16", "2001:db8::/32", "fd00::/8"],
        0..=2,
    );
    let proxies = some_of(&["10.0.0.2/32", "fd00::2/128", "172.16.0.0/12"], 1..=2);
    let behind = (proxies, any::<bool>()).prop_map(|(proxies, proxy_protocol)| Behind {
        proxies,
        proxy_protocol,
    });
    let caddy = prop_oneof![
        4 => (Just(None), select(&[Some("2.6"), Some("2.7.6")][..])),
        1 => (Just(None), Just(None)),
        3 => (option::of(behind).boxed(), select(&[Some("2.8"), Some("2.10"), Some("2.11.4")][..])),
    ];
    (
        maybe(words, email()),
        certificates,
        lan,
        caddy,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(email, certificates, lan, (behind, caddy), asked, landing)| Edge {
                email,
                certificates,
                lan,
                behind,
                caddy,
                asked,
                landing,
            },
        )
}

fn person(name: &str, words: Words) -> impl Strategy<Value = Person> + use<> {
    let name = name.to_owned();
    let former = prop_oneof![4 => Just(vec![]), 1 => Just(vec!["lost".to_owned()])];
    let fields = (
        maybe(words, said(words)),
        maybe(words, email()),
        some_of(&DEVICES, 0..=2),
        former,
    );
    fields.prop_map(move |(display, email, devices, former)| Person {
        name: name.clone(),
        display,
        email,
        devices: devices.into_iter().map(str::to_owned).collect(),
        former,
    })
}

fn service(name: &str, known: Vec<String>, words: Words) -> impl Strategy<Value = Service> + use<> {
    let name = name.to_owned();
    let own = [
        format!("{name}-a"),
        format!("a-{name}"),
        format!("{name}.example.org"),
    ];
    let app =
        prop_oneof![2 => Just(None), 3 => select(APPS.iter().collect::<Vec<_>>()).prop_map(Some)];
    let headers = some_of(&HEADERS, 0..=2).prop_flat_map(move |names| {
        let values = vec(said(words), names.len());
        values.prop_map(move |values| names.iter().copied().zip(values).collect())
    });
    let fields = (
        subsequence(own.to_vec(), 0..=2).prop_shuffle(),
        maybe(words, said(words)),
        app,
        backend(words),
        policy(known),
        option::of(select(&SIZES[..])),
        (any::<bool>(), headers),
        subsequence(RAW.iter().collect::<Vec<_>>(), 0..=2).prop_shuffle(),
    );
    fields.prop_map(
        move |(
            hosts,
            title,
            app,
            backend,
            policy,
            max_body,
            (header_underscores, headers),
            raw,
        )| {
            let Policy {
                access,
                paths,
                preflight,
            } = policy;
            let mut service = Service {
                name: name.clone(),
                hosts,
                title,
                app,
                backend,
                access,
                paths,
                preflight,
                max_body,
                header_underscores,
                headers,
                raw,
            };
            make_valid(&mut service);
            service
        },
    )
}

/// Takes away what is a mistake beside the rest.
pub fn make_valid(service: &mut Service) {
    let asks_below = service.paths.iter().any(|path| !path.allow.is_empty());
    if matches!(service.access, Access::Everyone) && !asks_below {
        service.preflight.clear();
    }
    let proxied = matches!(service.backend, Backend::Proxy { .. });
    let (app, can_require) = (service.app, service.asks(false) == "require_and_verify");
    if let Access::Certificate {
        identity, asked, ..
    } = &mut service.access
    {
        *identity &= proxied;
        // Where something is open, nothing else can be required.
        *asked = asked.filter(|asked| *asked || can_require);
    }
    if let Access::Networks { openings, .. } | Access::Certificate { openings, .. } =
        &mut service.access
    {
        openings.share_links &= app.is_some_and(|app| !app.share.is_empty());
    }
}

/// Who gets in.
#[derive(Clone, Debug)]
pub struct Policy {
    pub access: Access,
    pub paths: Vec<PathPolicy>,
    pub preflight: Vec<&'static str>,
}

/// A policy that names some of these.
pub fn policy(known: Vec<String>) -> impl Strategy<Value = Policy> {
    let preflight = prop_oneof![2 => Just(vec![]), 1 => some_of(&ORIGINS, 1..=2)];
    let fields = (access(known.clone()), paths(known), preflight);
    fields.prop_map(|(access, paths, preflight)| Policy {
        access,
        paths,
        preflight,
    })
}

fn paths(known: Vec<String>) -> impl Strategy<Value = Vec<PathPolicy>> {
    let count = prop_oneof![2 => Just(0_usize), 2 => Just(1), 2 => Just(2), 1 => Just(4)];
    count.prop_flat_map(move |count| {
        let paths = subsequence(&GUARDED[..], count);
        paths.prop_flat_map({
            let known = known.clone();
            move |paths| {
                let each: Vec<_> = paths
                    .into_iter()
                    .map(|path| path_policy(path, known.clone()))
                    .collect();
                each
            }
        })
    })
}

fn path_policy(path: &'static str, known: Vec<String>) -> BoxedStrategy<PathPolicy> {
    let by_methods: Vec<&Methods> = METHODS.iter().filter(|m| m.written.is_some()).collect();
    let open = prop_oneof![
        2 => some_of(&FROM, 1..=2).prop_map(Open::Networks),
        1 => Just(Open::Everyone(None)),
        2 => select(by_methods).prop_map(|methods| Open::Everyone(Some(methods))),
    ];
    if known.is_empty() {
        return open
            .prop_map(move |open| PathPolicy {
                path,
                allow: vec![],
                open,
            })
            .boxed();
    }
    let only_open = open.clone().prop_map(move |open| PathPolicy {
        path,
        allow: vec![],
        open,
    });
    let allowed = allow(known.clone()).prop_map(move |allow| PathPolicy {
        path,
        allow,
        open: Open::Nobody,
    });
    let both = (allow(known), open).prop_map(move |(allow, open)| PathPolicy { path, allow, open });
    prop_oneof![1 => only_open, 2 => allowed, 1 => both].boxed()
}

fn access(known: Vec<String>) -> BoxedStrategy<Access> {
    let networks = (some_of(&FROM, 1..=2), openings());
    let networks = networks.prop_map(|(open, openings)| Access::Networks { open, openings });
    if known.is_empty() {
        return prop_oneof![Just(Access::Everyone), networks].boxed();
    }
    let open = prop_oneof![1 => Just(vec![]), 1 => some_of(&FROM, 1..=2)];
    let fields = (
        allow(known),
        open,
        openings(),
        option::of(any::<bool>()),
        any::<bool>(),
    );
    let guarded = fields.prop_map(
        |(allow, open, openings, asked, identity)| Access::Certificate {
            allow,
            open,
            openings,
            asked,
            identity,
        },
    );
    prop_oneof![1 => Just(Access::Everyone), 1 => networks, 5 => guarded].boxed()
}

/// Lines of `allow`, each of another network.
fn allow(known: Vec<String>) -> impl Strategy<Value = Vec<Allow>> {
    let from = [None].into_iter().chain(FROM.map(Some));
    let from = from.collect::<Vec<_>>();
    let froms = prop_oneof![
        2 => Just(vec![None]),
        3 => subsequence(from, 1..=2),
    ];
    froms.prop_flat_map(move |froms| {
        let most = known.len().min(3);
        let names = subsequence(known.clone(), 1..=most).prop_shuffle();
        vec(names, froms.len()).prop_map(move |lines| {
            let lines = lines.into_iter().zip(&froms);
            lines
                .map(|(names, from)| Allow { names, from: *from })
                .collect()
        })
    })
}

fn openings() -> impl Strategy<Value = Openings> {
    let methods = vec(select(METHODS.iter().collect::<Vec<_>>()), 3);
    let public =
        (some_of(&PATHS, 0..=5), methods, 1..3_usize).prop_map(|(paths, methods, size)| {
            let lines = paths.chunks(size).zip(methods);
            lines
                .map(|(paths, methods)| Public {
                    paths: paths.to_vec(),
                    methods,
                })
                .collect()
        });
    let public = prop_oneof![1 => Just(vec![]), 2 => public];
    (public, any::<bool>()).prop_map(|(public, share_links)| Openings {
        public,
        share_links,
    })
}

fn backend(words: Words) -> impl Strategy<Value = Backend> {
    let by_path =
        some_of(&["/api/*", "/api/v1/*", "/z", "/y"], 0..=3).prop_flat_map(move |paths| {
            let upstreams = vec(upstreams(words), paths.len());
            upstreams.prop_map(move |upstreams| paths.iter().copied().zip(upstreams).collect())
        });
    let time = || option::of(select(&TIMES[..]));
    let fields = (upstreams(words), by_path, time(), time(), any::<bool>());
    let proxy = fields.prop_map(|(rest, by_path, dial, response, stream)| Backend::Proxy {
        rest,
        by_path,
        dial,
        response,
        stream,
    });
    let files = (host_path(words), any::<bool>());
    let files = files.prop_map(|(root, browse)| Backend::Files { root, browse });
    let place = prop_oneof![
        select(&PLACES[..]).prop_map(|to| (to.to_owned(), false)),
        select(&SAME_PATH[..]).prop_map(|to| (to.to_owned(), true)),
    ];
    let status = option::of(select(&[301_u16, 302, 307, 308][..]));
    let redirect = (place, status).prop_map(|((to, same_path), status)| Backend::Redirect {
        to,
        same_path,
        status,
    });
    prop_oneof![5 => proxy, 1 => files, 1 => redirect]
}

fn upstreams(words: Words) -> impl Strategy<Value = Upstreams> {
    let scheme = select(
        &[
            Scheme::Http,
            Scheme::Http,
            Scheme::Https,
            Scheme::H2c,
            Scheme::Unix,
        ][..],
    );
    let count = prop_oneof![2 => Just(1_usize), 1 => Just(2), 1 => Just(3)];
    let trust = prop_oneof![
        Just(Trust::System),
        Just(Trust::Unverified),
        host_path(words).prop_map(Trust::Authority),
    ];
    let fields = (
        scheme,
        count,
        option::of(select(&["/photos", "/a/b.c~d"][..])),
        option::of(select(&POLICIES[..])),
        trust,
        option::of(select(&["nas.local", "import"][..])),
    );
    fields.prop_flat_map(|(scheme, count, prefix, policy, trust, server_name)| {
        let hosts: &[&str] = match scheme {
            Scheme::Http => &[
                "nas",
                "import:80",
                "im_mich.local:2283",
                "10.0.0.7:3000",
                "[fd00::7]:443",
            ],
            // No `https` on port 80: Caddy refuses that.
            Scheme::Https => &[
                "nas",
                "import:443",
                "im_mich.local:8443",
                "10.0.0.7:3000",
                "[fd00::7]:444",
            ],
            Scheme::H2c => &["grpc:50051", "1e3:80", "[fd00::7]:80"],
            Scheme::Unix => &["/run/app.sock", "/run/a_b/c~d.sock", "/run/import"],
        };
        let https = scheme == Scheme::Https;
        subsequence(hosts, count)
            .prop_shuffle()
            .prop_map(move |addresses| Upstreams {
                scheme,
                addresses: addresses.into_iter().map(str::to_owned).collect(),
                prefix: prefix.filter(|_| scheme != Scheme::Unix),
                policy: policy.filter(|_| count > 1),
                trust: if https { trust.clone() } else { Trust::System },
                server_name: server_name.filter(|_| https),
            })
    })
}
