//! What `homelab dns` prints, read by the servers of names that it is for: BIND's checker loads the zone, unbound and dnsmasq answer by
//! their files.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::lab::Lab;
use crate::support::outcome::Outcome;
use crate::support::port::Port;
use crate::support::tools;
use crate::support::wait;

const DECLARATION: &str = r#"
domain "home.example.com"
edge {
    landing
    certificates "internal"
    fallback "There is nothing here." status=404
    address "203.0.113.7" "2001:db8::7" lan-address="192.168.1.10"
}
service "immich" { host "photos" "pictures.example.org"; upstream "http://10.0.0.7:2283"; open "everyone"; }
service "1e3" { upstream "http://10.0.0.8:80"; open "lan"; }
service "deep" { host "a.b.home.example.com"; upstream "http://10.0.0.8:80"; open "lan"; }
service "beside" { host "nothome.example.com"; upstream "http://10.0.0.8:80"; open "lan"; }
"#;
/// Its hosts in the domain, and outside of it.
const INSIDE: [&str; 4] = [
    "home.example.com",
    "1e3.home.example.com",
    "a.b.home.example.com",
    "photos.home.example.com",
];
const OUTSIDE: [&str; 2] = ["nothome.example.com", "pictures.example.org"];

/// The public DNS, as dnsmasq is told of it: what the home has there, and what others have.
const INTERNET: &str = "
host-record=mail.home.example.com,203.0.113.9
host-record=x.photos.home.example.com,203.0.113.11
mx-host=home.example.com,mail.home.example.com,10
txt-record=_acme-challenge.photos.home.example.com,challenge
local=/example.com/example.org/
";

#[test]
fn a_zone_that_includes_it_is_loaded_with_whole_names() {
    let lab = Lab::new().declare(DECLARATION);
    let printed = dns(&lab, &["--format", "zone"]);
    assert_eq!(
        printed.stdout(),
        dns(&lab, &[]).stdout(),
        "it is the default"
    );
    // The same lines are right in the zone of the domain and in one above it.
    for zone in ["home.example.com", "example.com"] {
        let found = loaded(&lab, zone, printed.stdout());
        let names = INSIDE.into_iter().chain(["*.home.example.com"]);
        let expected: BTreeSet<String> = names
            .flat_map(|name| {
                [
                    format!("{name}. 3600 IN A 203.0.113.7"),
                    format!("{name}. 3600 IN AAAA 2001:db8::7"),
                ]
            })
            .collect();
        assert_eq!(found, expected, "{zone}");
    }
    // What belongs elsewhere is right there, once it is no comment.
    let other: String = printed
        .stdout()
        .lines()
        .filter_map(|line| line.strip_prefix("; ").filter(|line| line.contains(" IN ")))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(other.lines().count(), 4, "{other}");
    let found = loaded(&lab, "org", &other.replace("nothome.example.com", "x.org"));
    assert!(
        found.contains("pictures.example.org. 3600 IN AAAA 2001:db8::7"),
        "{found:?}"
    );
    let at_home = dns(&lab, &["--from", "lan"]);
    let found = loaded(&lab, "home.example.com", at_home.stdout());
    assert!(found.contains("photos.home.example.com. 3600 IN A 192.168.1.10"));
    assert!(found.iter().all(|line| !line.contains("AAAA")), "{found:?}");
}

#[test]
fn unbound_answers_by_it_and_leaves_everything_else_alone() {
    let lab = Lab::new().declare(DECLARATION);
    let internet = Internet::of(&lab);
    lab.write("home.conf", dns(&lab, &["--format", "unbound"]).stdout());
    let port = Port::reserve();
    let (path, number, forward) = (lab.path(), port.number(), internet.0.port.number());
    let path = path.display();
    lab.write(
        "unbound.conf",
        format!(
            "server:
    interface: 127.0.0.1@{number}
    do-not-query-localhost: no
    use-syslog: no
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
    directory: \"{path}\"
    module-config: \"iterator\"
include: \"{path}/home.conf\"
remote-control:
    control-enable: no
forward-zone:
    name: \".\"
    forward-addr: 127.0.0.1@{forward}
"
        ),
    );
    let config = format!("{path}/unbound.conf");
    let checked = tools::run("unbound-checkconf", [&config]);
    checked.succeeds().stdout_contains("no errors");
    let mut unbound = tools::command("unbound");
    let unbound = Running::start(unbound.args(["-d", "-c", &config]), port);
    for host in INSIDE.iter().chain(&OUTSIDE) {
        assert_eq!(unbound.answer(host, "A"), ["192.168.1.10"], "{host}");
    }
    // Who has an address on the internet alone is at home without one: else devices would go there.
    assert_eq!(unbound.answer("photos.home.example.com", "AAAA"), [""; 0]);
    assert_eq!(
        internet.0.answer("photos.home.example.com", "AAAA"),
        ["2001:db8::7"]
    );
    is_otherwise_as_before(&unbound);
}

#[test]
fn dnsmasq_answers_by_it_and_leaves_everything_else_alone() {
    let lab = Lab::new().declare(DECLARATION);
    let internet = Internet::of(&lab);
    let printed = dns(&lab, &["--format", "dnsmasq"]);
    printed.stdout_contains("# Their IPv6 addresses dnsmasq goes on to ask for elsewhere");
    let dnsmasq = dnsmasq(&lab, "home.conf", printed.stdout(), Some(&internet.0));
    for host in INSIDE.iter().chain(&OUTSIDE) {
        assert_eq!(dnsmasq.answer(host, "A"), ["192.168.1.10"], "{host}");
    }
    // As it says itself.
    assert_eq!(
        dnsmasq.answer("photos.home.example.com", "AAAA"),
        ["2001:db8::7"]
    );
    is_otherwise_as_before(&dnsmasq);
    drop(dnsmasq);

    lab.edit(
        "lan-address=\"192.168.1.10\"",
        "lan-address=\"192.168.1.10 fd00::10\"",
    );
    let printed = dns(&lab, &["--format", "dnsmasq"]);
    printed.stdout_lacks("elsewhere");
    let dnsmasq = self::dnsmasq(&lab, "home.conf", printed.stdout(), Some(&internet.0));
    for host in INSIDE.iter().chain(&OUTSIDE) {
        assert_eq!(dnsmasq.answer(host, "A"), ["192.168.1.10"], "{host}");
        assert_eq!(dnsmasq.answer(host, "AAAA"), ["fd00::10"], "{host}");
    }
}

/// hosts(5): an address, and behind it a name.
#[test]
fn lines_of_hosts_are_an_address_and_a_name() {
    let lab = Lab::new().declare(DECLARATION);
    let printed = dns(&lab, &["--format", "hosts", "--from", "internet"]);
    let mut found = BTreeSet::new();
    for line in printed
        .stdout()
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (address, name) = line.split_once(' ').expect("two words");
        let address: std::net::IpAddr = address.parse().expect("an address is first");
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        assert!(name.bytes().all(is_plain), "{line}");
        assert!(
            found.insert((name.to_owned(), address)),
            "{line} is there twice"
        );
    }
    let addresses = ["203.0.113.7", "2001:db8::7"];
    let expected = INSIDE.into_iter().chain(OUTSIDE).flat_map(|name| {
        addresses.map(|address| (name.to_owned(), address.parse().expect("it is one")))
    });
    assert_eq!(found, expected.collect());
    let home = dns(&lab, &["--format", "hosts"]);
    home.stdout_contains("\n192.168.1.10 photos.home.example.com\n");
    home.stdout_lacks("203.0.113.7");
}

#[test]
fn without_an_address_it_says_what_to_add() {
    let lab = Lab::new().declare(DECLARATION);
    lab.edit(" lan-address=\"192.168.1.10\"", "");
    let refused = lab.command(["dns", "--from", "lan"]).run();
    refused.fails_with(1).stderr_contains("dns::no-lan-address");
    // Who has none of its own at home is found there by the others.
    dns(&lab, &["--format", "hosts"]).stdout_contains("203.0.113.7 home.example.com\n");
    lab.edit(
        "\"203.0.113.7\" \"2001:db8::7\"",
        "lan-address=\"192.168.1.10\"",
    );
    let refused = lab.command(["dns"]).run();
    refused
        .fails_with(1)
        .stderr_contains("dns::no-public-address");
    refused.stderr_contains("--from lan");
    lab.edit("address lan-address=\"192.168.1.10\"", "");
    let refused = lab.command(["dns", "--format", "hosts"]).run();
    refused.fails_with(1).stderr_contains("dns::no-address");
    refused.stderr_contains("address \"203.0.113.7\" lan-address=\"192.168.1.10\"");
    refused.stdout_is("");
    let refused = lab.command(["dns", "--format", "bind"]).run();
    refused
        .fails_with(2)
        .stderr_contains("zone, unbound, dnsmasq, hosts");
}

/// The domain is nobody's who declares neither a landing page nor `host "@"`, and undeclared hosts are where nothing answers them.
#[test]
fn nothing_is_printed_that_the_edge_does_not_answer() {
    let lab = Lab::new().declare(DECLARATION);
    lab.edit("    landing\n", "");
    lab.edit("    fallback \"There is nothing here.\" status=404\n", "");
    for format in ["zone", "unbound", "dnsmasq", "hosts"] {
        let printed = dns(&lab, &["--format", format]);
        printed.stdout_lacks("*").stdout_lacks("fallback");
        let names = |line: &str| {
            let words = line.split([' ', ',', '=', '"']);
            words
                .map(|word| word.trim_end_matches('.').to_owned())
                .collect::<Vec<_>>()
        };
        let lines = printed.stdout().lines();
        let lines = lines.filter(|line| !line.starts_with([';', '#']));
        assert!(lines.clone().count() >= 3);
        for line in lines {
            assert!(
                !names(line).contains(&"home.example.com".to_owned()),
                "{line}"
            );
        }
    }
}

/// What it shows is what is printed; who declares no address is shown nothing.
#[test]
fn the_admin_s_page_has_the_same_names_and_addresses() {
    let lab = Lab::built(DECLARATION);
    let page = lab.read("out/index.html");
    let row = |host: &str| {
        format!(
            "<tr><th scope=\"row\">{host}</th><td>203.0.113.7 2001:db8::7</td><td>192.168.1.10</td></tr>"
        )
    };
    let hosts = INSIDE.into_iter().chain(["*.home.example.com"]);
    let rows: Vec<String> = hosts.chain(OUTSIDE).map(row).collect();
    assert!(page.contains(&rows.join("\n")), "{page}");
    lab.edit(
        "    address \"203.0.113.7\" \"2001:db8::7\" lan-address=\"192.168.1.10\"\n",
        "",
    );
    lab.command(["build"]).run().succeeds();
    let page = lab.read("out/index.html");
    assert!(!page.contains("id=\"dns\"") && !page.contains("203.0.113.7"));
}

fn dns(lab: &Lab, arguments: &[&str]) -> Outcome {
    let printed = lab.command(["dns"].iter().chain(arguments)).run();
    printed.succeeds().stderr_is("");
    printed
}

/// The addresses in a zone that includes these lines, as BIND has read them.
fn loaded(lab: &Lab, zone: &str, lines: &str) -> BTreeSet<String> {
    lab.write("records", lines);
    lab.write(
        "zone",
        format!("$TTL 60\n@ IN SOA ns.example.net. root.example.net. 1 60 60 60 60\n@ IN NS ns.example.net.\n$INCLUDE {}\n", lab.path().join("records").display()),
    );
    let (file, dump) = (lab.path().join("zone"), lab.path().join("dump"));
    let checked = tools::run(
        "named-checkzone",
        [
            "-k".as_ref(),
            "fail".as_ref(),
            "-r".as_ref(),
            "fail".as_ref(),
            "-D".as_ref(),
            "-o".as_ref(),
            dump.as_os_str(),
            zone.as_ref(),
            file.as_os_str(),
        ],
    );
    checked
        .succeeds()
        .stdout_lacks("out-of-zone")
        .stderr_lacks("out-of-zone");
    let dumped = lab.read("dump");
    let lines = dumped
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let addresses = lines.filter(|words| matches!(words[..], [_, _, _, "A" | "AAAA", _]));
    addresses.map(|words| words.join(" ")).collect()
}

fn is_otherwise_as_before(server: &Running) {
    for (name, kind, answer) in [
        ("mail.home.example.com", "A", "203.0.113.9"),
        ("x.photos.home.example.com", "A", "203.0.113.11"),
        ("home.example.com", "MX", "10 mail.home.example.com."),
        (
            "_acme-challenge.photos.home.example.com",
            "TXT",
            "\"challenge\"",
        ),
    ] {
        assert_eq!(server.answer(name, kind), [answer], "{name} {kind}");
    }
    assert_eq!(server.answer("undeclared.home.example.com", "A"), [""; 0]);
}

/// What the home has in the public DNS, served by a dnsmasq.
struct Internet(Running);

impl Internet {
    fn of(lab: &Lab) -> Internet {
        let printed = dns(lab, &["--format", "dnsmasq", "--from", "internet"]);
        let config = format!("{}{INTERNET}", printed.stdout());
        Internet(dnsmasq(lab, "internet.conf", &config, None))
    }
}

/// A dnsmasq that goes by this and by nothing of the machine, and asks another one for the rest.
fn dnsmasq(lab: &Lab, file: &str, config: &str, upstream: Option<&Running>) -> Running {
    lab.write(file, config);
    let path = lab.path().join(file);
    let checked = tools::run(
        "dnsmasq",
        ["--test".as_ref(), "-C".as_ref(), path.as_os_str()],
    );
    checked.succeeds().stderr_contains("syntax check OK");
    let port = Port::reserve();
    let mut command = tools::command("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--pid-file=",
    ]);
    command.args([
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--user=",
        "--cache-size=0",
    ]);
    command.arg(format!("--port={}", port.number()));
    command.arg(option("--conf-file=", &path));
    if let Some(upstream) = upstream {
        command.arg(format!("--server=127.0.0.1#{}", upstream.port.number()));
    }
    Running::start(&mut command, port)
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

/// A server of names at a port of the loopback address, which is stopped when it is dropped.
struct Running {
    process: Child,
    port: Port,
}

impl Running {
    #[track_caller]
    fn start(command: &mut Command, port: Port) -> Running {
        let process = command.stdin(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("{command:?} starts: {error}"));
        let number = port.number();
        let server = Running { process, port };
        wait::until(
            || wait::listens(number),
            || format!("{command:?} does not listen"),
        );
        server
    }

    /// The values of the records of that kind, sorted.
    #[track_caller]
    fn answer(&self, name: &str, kind: &str) -> Vec<String> {
        let port = self.port.number().to_string();
        let asked = tools::run(
            "dig",
            [
                "+short",
                "+tries=1",
                "+time=10",
                "@127.0.0.1",
                "-p",
                &port,
                name,
                kind,
            ],
        );
        let lines = asked.succeeds().stdout().lines().map(str::to_owned);
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Of several edges each has its own hosts. At home one that stands elsewhere is found where the internet finds it.
#[test]
fn hosts_lead_to_their_own_edge() {
    let lab = Lab::new().declare(
        r#"
domain "home.example.com"
edge "home" { landing; address lan-address="192.168.1.10"; }
edge "vps" { certificates "internal"; fallback "Nothing." status=404; address "198.51.100.9" "2001:db8::9"; }
service "immich" { on "home"; upstream "http://10.0.0.7:2283"; open "lan"; }
service "blog" { on "vps"; respond "here"; open "everyone"; }
service "shop" { on "vps"; host "shop.example.org"; respond "here"; open "everyone"; }
"#,
    );
    let records = |words: &[&str]| {
        let printed = dns(&lab, words);
        let lines = printed
            .stdout()
            .lines()
            .filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let home = records(&["--format", "hosts"]);
    let expected = [
        "192.168.1.10 home.example.com",
        "192.168.1.10 immich.home.example.com",
        "198.51.100.9 blog.home.example.com",
        "198.51.100.9 shop.example.org",
        "2001:db8::9 blog.home.example.com",
        "2001:db8::9 shop.example.org",
    ];
    assert_eq!(home, expected.map(str::to_owned).into());
    let zone = dns(&lab, &["--format", "zone"]);
    zone.stdout_contains("; Not in it: those of the edge home, which has no address there.\n")
        .stdout_contains("*.home.example.com. 3600 IN A 198.51.100.9\n")
        .stdout_lacks("immich");
    let found = loaded(&lab, "home.example.com", zone.stdout());
    let names: Vec<&str> = found
        .iter()
        .map(|line| line.split(' ').next().expect("a name"))
        .collect();
    assert_eq!(
        names,
        [
            "*.home.example.com.",
            "*.home.example.com.",
            "blog.home.example.com.",
            "blog.home.example.com."
        ]
    );
    lab.edit("address lan-address=\"192.168.1.10\"; ", "");
    let refused = lab.command(["dns"]).run();
    refused
        .fails_with(1)
        .stderr_contains("visitors find the edge `home`");
}
