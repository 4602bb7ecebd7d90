//! The decisions without sockets, and the server with short limits.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::session::{Answer, Arrival, Seen, Session};
use super::*;

const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 21));
const HOST: &str = "192.168.1.2:8080";

fn offer(address: &str, names: &[&str]) -> Offer {
    let file = |name: &&str| File {
        name: (*name).to_owned().into(),
        bytes: name.as_bytes().to_vec(),
    };
    Offer {
        address: address.parse().expect("an address"),
        path: SecretPath::new([7; 16]),
        page: b"page".to_vec(),
        files: names.iter().map(file).collect(),
    }
}

fn limits() -> Limits {
    Limits {
        total: Duration::from_secs(600),
        grace: Duration::from_secs(30),
        ..Limits::minutes(10)
    }
}

fn session(names: &[&str]) -> Session {
    Session::new(&offer(HOST, names), limits())
}

fn get(session: &mut Session, from: IpAddr, path: &str) -> Answer {
    ask(session, from, "GET", path, Some(HOST))
}

fn ask(
    session: &mut Session,
    from: IpAddr,
    method: &str,
    path: &str,
    host: Option<&str>,
) -> Answer {
    session.answer(&Seen {
        from,
        method,
        path,
        host,
        target_host: None,
    })
}

fn at(name: &str) -> String {
    SecretPath::new([7; 16]).file(name)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_path_is_every_bit_of_its_bytes() {
    let mut paths = BTreeSet::new();
    for bit in 0..128 {
        let mut bytes = [0; 16];
        bytes[bit / 8] = 1 << (bit % 8);
        assert!(paths.insert(SecretPath::new(bytes).page()), "{bit}");
    }
    assert!(paths.iter().all(|path| path.len() == 28));
    assert_eq!(format!("{:?}", SecretPath::new([1; 16])), "SecretPath(..)");
}

#[test]
fn it_ends_a_grace_after_the_first_delivery_and_each_other_file_s() {
    let mut session = session(&["a.p12", "policy.json"]);
    assert_eq!(session.end(seconds(599)), None);
    assert_eq!(session.end(seconds(600)), Some(End::TimeOver));
    // Another file first: neither is it the download, nor is anybody shut out by it.
    assert_eq!(
        get(&mut session, OTHER, &at("policy.json")),
        Answer::File(1)
    );
    session.sent(1, OTHER, Arrival::Confirmed, seconds(5));
    assert!(!session.is_delivered());
    assert_eq!(get(&mut session, PHONE, &at("a.p12")), Answer::File(0));
    session.sent(0, PHONE, Arrival::Confirmed, seconds(10));
    assert_eq!(session.end(seconds(39)), None);
    assert_eq!(session.end(seconds(40)), Some(End::Delivered));
    // Again the same: no longer for that.
    session.sent(0, PHONE, Arrival::Confirmed, seconds(35));
    assert_eq!(session.closing(), seconds(40));
    assert_eq!(get(&mut session, OTHER, &at("policy.json")), Answer::Gone);
}

#[test]
fn a_file_that_is_new_to_whoever_has_the_certificate_prolongs_the_grace_up_to_the_whole() {
    let mut session = session(&["a.mobileconfig", "a.p12", "policy.json"]);
    session.sent(0, PHONE, Arrival::Confirmed, seconds(10));
    session.sent(2, PHONE, Arrival::Confirmed, seconds(20));
    assert_eq!(session.closing(), seconds(50));
    session.sent(1, PHONE, Arrival::Confirmed, seconds(590));
    assert_eq!(session.closing(), seconds(600));
    assert_eq!(session.end(seconds(600)), Some(End::Delivered));
}

#[test]
fn what_has_not_arrived_ends_nothing_but_is_nobody_else_s() {
    let mut session = session(&["a.p12"]);
    assert_eq!(get(&mut session, PHONE, &at("a.p12")), Answer::File(0));
    session.sent(0, PHONE, Arrival::Unknown, seconds(10));
    assert_eq!(session.end(seconds(599)), None);
    assert_eq!(get(&mut session, OTHER, &at("a.p12")), Answer::Gone);
    assert_eq!(get(&mut session, PHONE, &at("a.p12")), Answer::File(0));
    let refused = Event::Refused {
        from: OTHER,
        holder: PHONE,
    };
    assert_eq!(session.take_events().pop(), Some(refused));
}

#[test]
fn five_wrong_tries_end_it_for_the_right_ones_too() {
    let mut session = session(&["a.p12"]);
    for unbidden in ["/favicon.ico", "/apple-touch-icon-120x120.png"] {
        for _ in 0..9 {
            assert_eq!(get(&mut session, OTHER, unbidden), Answer::NotFound);
        }
    }
    let page = SecretPath::new([7; 16]).page();
    for wrong in ["/", "*", "", "/favicon.ico/x"] {
        assert_eq!(get(&mut session, OTHER, wrong), Answer::NotFound);
    }
    assert_eq!(
        ask(&mut session, OTHER, "POST", &page, Some(HOST)),
        Answer::NotAllowed
    );
    assert_eq!(session.end(seconds(1)), None);
    assert_eq!(get(&mut session, PHONE, &page), Answer::Page);
    assert_eq!(
        ask(&mut session, OTHER, "GET", &page, None),
        Answer::Misdirected
    );
    assert_eq!(session.end(seconds(1)), Some(End::WrongTries));
    assert_eq!(get(&mut session, PHONE, &page), Answer::NotFound);
    assert_eq!(get(&mut session, PHONE, &at("a.p12")), Answer::NotFound);
}

#[test]
fn only_the_host_that_is_shown_is_ours() {
    for (address, host, expected) in [
        ("192.168.1.2:8080", "192.168.1.2:8080", true),
        ("192.168.1.2:8080", "192.168.1.2", false),
        ("192.168.1.2:8080", "192.168.1.2:8081", false),
        ("192.168.1.2:80", "192.168.1.2", true),
        ("192.168.1.2:80", "192.168.1.2:80", true),
        ("[fd00::a]:8080", "[FD00::A]:8080", true),
        ("[fd00::80]:80", "[fd00::80]", true),
        ("[fd00::a]:8080", "fd00::a:8080", false),
        ("127.0.0.1:8080", "localhost:8080", false),
    ] {
        let mut session = Session::new(&offer(address, &["a.p12"]), limits());
        let page = SecretPath::new([7; 16]).page();
        let answer = ask(&mut session, PHONE, "GET", &page, Some(host));
        assert_eq!(answer == Answer::Page, expected, "{host} at {address}");
    }
}

#[test]
fn files_are_taken_as_what_they_are() {
    for (name, content_type, disposition) in [
        (
            "a.p12",
            "application/x-pkcs12",
            "attachment; filename=\"a.p12\"",
        ),
        (
            "a.mobileconfig",
            "application/x-apple-aspen-config",
            "inline; filename=\"a.mobileconfig\"",
        ),
        (
            "install.sh",
            "application/octet-stream",
            "attachment; filename=\"install.sh\"",
        ),
        (
            "p12",
            "application/octet-stream",
            "attachment; filename=\"p12\"",
        ),
    ] {
        let file = File {
            name: name.into(),
            bytes: Vec::new(),
        };
        assert_eq!(file.content_type(), content_type);
        assert_eq!(file.disposition(), disposition);
    }
}

/// A server on the loopback address with these limits; how it ended, and what it told.
fn serving(
    limits: Limits,
    names: &[&str],
    visit: impl FnOnce(SocketAddr) + Send + 'static,
) -> (End, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let offer = offer(&address.to_string(), names);
    let visitor = thread::spawn(move || visit(address));
    let mut told = Vec::new();
    let server = Server::new(listener).expect("it can be made ready");
    let end = server.serve(offer, limits, |event| told.push(event.to_string()));
    visitor.join().expect("the visitor does not panic");
    (end.expect("it serves"), told)
}

fn request(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_server_ends_after_its_time_and_after_its_grace() {
    let short = Limits {
        total: Duration::from_millis(300),
        grace: Duration::from_millis(100),
        ..limits()
    };
    let (end, told) = serving(short, &["a.p12"], |_| {});
    assert_eq!((end, told), (End::TimeOver, vec![]));
    let patient = Limits {
        total: seconds(600),
        ..short
    };
    let (end, told) = serving(patient, &["a.p12"], |address| {
        let answer = request(address, &at("a.p12"));
        assert!(answer.ends_with("\r\n\r\na.p12"), "{answer}");
    });
    assert_eq!(end, End::Delivered);
    assert_eq!(told[0], "a.p12 fetched by 127.0.0.1");
}

#[test]
fn a_server_with_few_connections_drops_the_oldest_that_is_silent() {
    let narrow = Limits {
        connections: 3,
        grace: Duration::from_millis(50),
        ..limits()
    };
    let (end, _) = serving(narrow, &["a.mobileconfig"], |address| {
        let silent: Vec<TcpStream> = (0..8)
            .map(|_| TcpStream::connect(address).expect("it listens"))
            .collect();
        let answer = request(address, &at("a.mobileconfig"));
        assert!(answer.contains("content-disposition: inline;"), "{answer}");
        for mut oldest in silent.iter().take(5) {
            assert_eq!(oldest.read(&mut [0; 1]).unwrap_or(0), 0);
        }
    });
    assert_eq!(end, End::Delivered);
}
