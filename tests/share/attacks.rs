//! Visitors that want something else, or want to be in the way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::sharing::{DECLARATION, Sharing};
use crate::support::lab::Lab;
use crate::support::tools;

#[test]
fn five_wrong_paths_end_it() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    // Nobody has to guess these.
    for path in ["/favicon.ico", "/apple-touch-icon.png", "/robots.txt"] {
        sharing.get(path).run().has_status(404);
        sharing.get(path).run().has_status(404);
    }
    let secret = sharing.page.trim_matches('/').to_owned();
    let page = &sharing.page;
    for wrong in [
        String::from("/\x1b[31mred"),
        format!("{page}../{secret}/alice-pixel.p12"),
        format!("{page}%61lice-pixel.p12"),
        format!("/{}/", secret.to_uppercase()),
    ] {
        let answer = sharing.get(&wrong).run();
        answer.lacks("alice");
        let expected = if wrong.contains('\x1b') { 400 } else { 404 };
        answer.has_status(expected);
        if expected == 404 {
            assert_eq!(answer.body, b"");
        }
    }
    sharing.get("/../../../etc/passwd").run().has_status(404);
    // Four have counted, for the first was no HTTP. It is here still, and the fifth ends it.
    sharing.get(page).run().has_status(200);
    let last = sharing
        .get("/people/alice/pixel/alice-pixel.p12")
        .from("127.0.0.9");
    last.run().has_status(404);
    let ended = sharing.ends_within(10);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let stderr = &ended.stderr;
    assert!(
        stderr.contains("127.0.0.1 asked for what is not here (4 of 5)"),
        "{stderr}"
    );
    assert!(
        stderr.contains("127.0.0.9 asked for what is not here (5 of 5)"),
        "{stderr}"
    );
    assert!(stderr.contains("share::wrong-tries"), "{stderr}");
    assert!(stderr.contains("ended after 5 wrong tries"), "{stderr}");
    assert!(
        !stderr.contains("passwd"),
        "a visitor's words are not shown"
    );
}

#[test]
fn after_the_fifth_wrong_try_not_even_the_right_path_is_answered() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let asked = |path: &str| {
        let mut stream = sharing.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
            sharing.port
        );
        stream.write_all(head.as_bytes()).expect("it listens");
        stream
    };
    // All are there before one is answered.
    let (_wrong, mut right) = sharing.while_it_stands_still(|| {
        let wrong: Vec<TcpStream> = (0..20).map(|_| asked("/x")).collect();
        (wrong, asked(&sharing.page))
    });
    let ended = sharing.ends_within(10);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.stderr.matches(" of 5)").count(), 5);
    let mut answer = Vec::new();
    // Where nobody has heard it, the connection is reset.
    _ = right.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}

#[test]
fn another_host_is_refused() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let (page, port) = (&sharing.page, sharing.port);
    // A name that was made to lead here, as rebinding does.
    let rebound = sharing
        .get(page)
        .host(&format!("evil.example:{port}"))
        .run();
    rebound.has_status(421).lacks("alice");
    let refused = |head: String| {
        let answer = sharing.raw(&head);
        assert!(
            answer.starts_with("HTTP/1.1 421 ") || answer.starts_with("HTTP/1.0 421 "),
            "{answer}"
        );
    };
    refused(format!("GET {page} HTTP/1.0\r\n\r\n"));
    refused(format!(
        "GET {page} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n"
    ));
    refused(format!(
        "GET http://evil.example{page} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    ));
    // The whole of its own is right.
    let own = sharing.raw(&format!(
        "GET http://127.0.0.1:{port}{page} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    ));
    assert!(own.starts_with("HTTP/1.1 200 "), "{own}");
    sharing.get(page).host("127.0.0.1").run().has_status(421);
    let ended = sharing.ends_within(10);
    assert_eq!(ended.code, Some(3), "{ended:?}");
}

#[test]
fn other_methods_are_refused_and_no_try_to_guess() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get",
    ] {
        let answer = sharing.get(&sharing.page).method(method).run();
        answer.has_status(405);
        assert_eq!(answer.header("allow"), ["GET, HEAD"]);
        sharing
            .get(&sharing.bundle())
            .method(method)
            .run()
            .has_status(405);
    }
    let body = sharing
        .get(&sharing.bundle())
        .method("POST")
        .body("x=1")
        .run();
    body.has_status(405);
    sharing.get(&sharing.bundle()).run().has_status(200);
}

#[test]
fn the_slow_the_silent_and_the_deaf_hold_nobody_up() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let silent: Vec<TcpStream> = (0..20).map(|_| sharing.connect()).collect();
    // One that sends a byte a second: it is cut off, although it is never silent for long.
    let slow = sharing.connect();
    let (host, page) = (format!("127.0.0.1:{}", sharing.port), sharing.page.clone());
    let slow = thread::spawn(move || {
        let began = Instant::now();
        let head = format!("GET {page} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut slow = slow;
        for byte in head.bytes() {
            if slow.write_all(&[byte]).is_err() || began.elapsed() > Duration::from_secs(40) {
                break;
            }
            thread::sleep(Duration::from_secs(1));
        }
        let mut answer = Vec::new();
        let _ = slow.read_to_end(&mut answer);
        (
            began.elapsed(),
            String::from_utf8_lossy(&answer).into_owned(),
        )
    });
    // One that asks for the file and reads nothing.
    let mut deaf = sharing.connect();
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        sharing.bundle(),
        sharing.port
    );
    deaf.write_all(head.as_bytes()).expect("it listens");
    let began = Instant::now();
    sharing.get(&sharing.page).run().has_status(200);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // What was not read has not arrived: the same address can fetch it.
    sharing.waits_for(
        "alice-pixel.p12 was asked for by 127.0.0.1, but it is not known to have arrived",
    );
    assert!(!sharing.stderr().contains("fetched by"));
    drop(deaf);
    let (lasted, answer) = slow.join().expect("it does not panic");
    assert!(lasted < Duration::from_secs(20), "{lasted:?}");
    assert!(!answer.contains("200"), "{answer}");
    for mut silent in silent {
        assert_eq!(silent.read(&mut [0; 1]).unwrap_or(0), 0, "it was cut off");
    }
    sharing.get(&sharing.bundle()).run().has_status(200);
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.1\n");
}

#[test]
fn who_goes_away_in_the_middle_has_not_fetched_it() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let mut gone = sharing.connect();
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        sharing.bundle(),
        sharing.port
    );
    gone.write_all(head.as_bytes()).expect("it listens");
    // The first bytes are there; what is not read makes closing a reset.
    gone.read_exact(&mut [0; 10]).expect("it answers");
    drop(gone);
    sharing.waits_for("but it is not known to have arrived");
    assert!(!sharing.stderr().contains("fetched by"));
    sharing.get(&sharing.bundle()).run().has_status(200);
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.1\n");
}

#[test]
fn a_head_without_end_is_cut_off() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let line = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n",
        sharing.page, sharing.port
    );
    for endless in [
        "X: ".to_owned() + &"a".repeat(8 << 20),
        "X: a\r\n".repeat(1 << 20),
    ] {
        let began = Instant::now();
        let answer = sharing.raw(&format!("{line}{endless}"));
        // The rest of what was sent may reset the connection before its answer is read.
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
            "{answer}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{:?}",
            began.elapsed()
        );
    }
    for nonsense in [
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n\r\n\0",
    ] {
        let answer = sharing.raw(&format!("{nonsense}\r\n\r\n"));
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    sharing.get(&sharing.page).run().has_status(200);
}

#[test]
fn two_hundred_at_once_are_answered() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let url = format!("{}?[1-200]", sharing.url);
    let into = format!("{}/#1.html", lab.home().display());
    let options = [
        "--silent",
        "--show-error",
        "--fail",
        "--noproxy",
        "*",
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        "200",
        "--max-time",
        "30",
        "--write-out",
        "%{http_code}\n",
        "--output",
        &into,
        &url,
    ];
    let answers = tools::run("curl", options);
    assert_eq!(answers.succeeds().stdout(), "200\n".repeat(200));
}

#[test]
fn more_silent_connections_than_there_may_be_shut_nobody_out() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let silent: Vec<TcpStream> = (0..700).map(|_| sharing.connect()).collect();
    let began = Instant::now();
    sharing.get(&sharing.page).run().has_status(200);
    sharing
        .get(&sharing.bundle())
        .from("127.0.0.2")
        .run()
        .has_status(200);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.2\n");
    drop(silent);
}

/// Somebody who opens connections without end takes only his own: the device's own, which is slow, is not the one to go.
#[test]
fn a_flood_of_silent_connections_does_not_push_the_device_out() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let silent: Vec<TcpStream> = (0..512).map(|_| sharing.connect()).collect();
    // The device comes from another address, and is slow to say what it wants.
    let address = SocketAddr::from(([127, 0, 0, 1], sharing.port));
    let own = SocketAddr::from(([127, 0, 0, 2], 0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("it has one thread");
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(own)?;
        socket.connect(address).await?.into_std()
    });
    let mut device = connected.expect("it listens");
    device.set_nonblocking(false).expect("it can wait");
    let flood: Vec<TcpStream> = (0..900).map(|_| sharing.connect()).collect();
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        sharing.bundle(),
        sharing.port
    );
    let patience = Some(Duration::from_secs(10));
    device.set_read_timeout(patience).expect("it is not zero");
    device.write_all(head.as_bytes()).expect("it was not ended");
    let mut answer = Vec::new();
    device.read_to_end(&mut answer).expect("it is answered");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{answer:?}");
    drop(device);
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.2\n");
    drop((silent, flood));
}
