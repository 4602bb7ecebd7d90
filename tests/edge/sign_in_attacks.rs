//! Ways past a real gateway: what strangers could say, spell and send to be let in, and who has signed in to be taken for somebody else.

use std::thread;

use crate::sign_in_real::{Home, hidden, is_the_doctor};
use crate::support::caddy::Version;
use crate::support::curl::Curl;
use crate::wire::Wire;

/// What a stranger could say to be taken for somebody who has signed in, or to have the gateway judge something else than what is asked for.
const CLAIMS: [(&str, &str); 27] = [
    ("Remote-User", "dwho"),
    ("remote-user", "dwho"),
    ("Remote_User", "dwho"),
    ("Remote.User", "dwho"),
    ("Lm-Remote-User", "dwho"),
    ("Auth-User", "dwho"),
    ("X-Forwarded-User", "dwho"),
    ("X-Authelia-URL", "https://evil.example/"),
    ("Authorization", "Basic ZHdobzpkd2hv"),
    ("Proxy-Authorization", "Basic ZHdobzpkd2hv"),
    ("X-Forwarded-Uri", "/free/x"),
    ("X-Forwarded_Uri", "/free/x"),
    ("X_Forwarded_Uri", "/free/x"),
    ("X-Forwarded-Method", "OPTIONS"),
    ("X-Forwarded-Host", "auth.home.example.com"),
    ("X_Forwarded_Host", "auth.home.example.com"),
    ("X-Forwarded-Host", ""),
    ("X-Forwarded-Proto", "http"),
    ("X-Original-URL", "/free/x"),
    ("X-Original-URI", "/free/x"),
    ("X-Rewrite-URL", "/free/x"),
    ("Connection", "Cookie, X-Forwarded-Uri, X-Forwarded-Host"),
    ("Connection", "X-Forwarded-For, X-Real-IP"),
    ("X-Signed-In", "yes"),
    ("Upgrade", "websocket"),
    ("Expect", "100-continue"),
    ("Content-Length", "0"),
];

/// Paths for which the gateway has rules, as somebody could spell them.
const PATHS: [&str; 12] = [
    "/free/x",
    "/free",
    "/free/../x",
    "/x/../free/x",
    "/%66ree/x",
    "//free/x",
    "/free/..%2fx",
    "/x?/free",
    "/x%0d%0aRemote-User:%20dwho",
    "/x?a=%0d%0aRemote-User:%20dwho",
    "/api/authz/forward-auth",
    "/static/common/favicon.ico",
];

/// Who else the gateway, or Caddy, could be asked for.
const NAMES: [&str; 4] = [
    "APP.home.example.com",
    "app.home.example.com.",
    "app.home.example.com:443",
    "auth.home.example.com@app.home.example.com",
];

/// A path on a host for which there is nothing but to sign in.
const PLACES: [(&str, &str); 2] = [("app", "/x"), ("files", "/admin/x")];

/// What is wrong where something of a stranger's reaches the upstream, or is not refused.
fn let_in(home: &Home, what: &str, visit: Curl) -> Option<String> {
    let (answer, arrivals) = home.arriving(|| visit.run());
    let refused = matches!(answer.status, Some(302 | 400 | 403 | 421 | 502));
    let let_in = !refused || !arrivals.is_empty();
    let_in.then(|| format!("{what}: {:?}, {arrivals:?}", answer.status))
}

/// Each way in that was thought of, for who has neither a certificate nor a session.
fn strangers(version: Version) {
    let home = Home::serve(version);
    let mut wrong = Vec::new();
    for (host, path) in PLACES {
        let visit = || home.visit(host, path).http1();
        let asked = home.gateway.questions().len();
        for (name, value) in CLAIMS {
            let what = format!("{host} {name}: {value}");
            wrong.extend(let_in(&home, &what, visit().header(name, value)));
        }
        let [all @ .., _, _, _] = CLAIMS;
        let all = { all.iter() }.fold(visit(), |visit, (name, value)| visit.header(name, value));
        wrong.extend(let_in(&home, host, all));
        // Whatever is said, the gateway judges what was asked for.
        let authority = home.url(host, "").replace("https://", "");
        let questions = home.gateway.questions();
        assert_eq!(questions.len() - asked, CLAIMS.len() + 1);
        for question in &questions[asked..] {
            for (name, value) in [
                ("HTTP_X_FORWARDED_URI", Some(path)),
                ("HTTP_X_FORWARDED_HOST", Some(&authority)),
                ("HTTP_X_FORWARDED_PROTO", Some("https")),
                ("HTTP_X_FORWARDED_METHOD", Some("GET")),
                ("HTTP_X_FORWARDED_FOR", Some("127.0.0.1")),
                ("HTTP_REMOTE_USER", None),
                ("HTTP_X_ORIGINAL_URL", None),
            ] {
                if question.variable(name) != value {
                    wrong.push(format!("{name} is not {value:?}: {question:?}"));
                }
            }
        }
    }
    for target in PATHS {
        wrong.extend(let_in(&home, target, home.visit("app", target)));
        let target = format!("/admin{target}");
        wrong.extend(let_in(&home, &target, home.visit("files", &target)));
    }
    for name in NAMES {
        let visit = home.visit("app", "/x").http1();
        wrong.extend(let_in(&home, name, visit.host(name)));
    }
    crate::assert_none(&wrong);
}

/// Cookies that are no session.
fn cookies(version: Version) {
    let home = Home::serve(version);
    // The number of a form is kept as a session is, and is none.
    let form = home.visit("auth", "/").run();
    let token = hidden(form.text(), "token").to_owned();
    assert!(home.gateway.kept().contains(&token), "it is kept so");
    let session = home.signed_in("dwho").cookie();
    let (name, number) = session.split_once('=').expect("it has a value");
    let other = if number.starts_with('0') { "1" } else { "0" };
    let mut wrong = Vec::new();
    for cookie in [
        format!("{name}={token}"),
        format!("{name}="),
        format!("{name}=AAAA"),
        format!("{name}=../sessions/{number}"),
        format!("{name}={}", &number[..63]),
        format!("{name}={other}{}", &number[1..]),
        format!("{name}=*"),
        format!("{name}={{http.request.cookie.lemonldap}}"),
        format!("{name}pdata={number}"),
        format!("authelia_session={number}"),
        format!("session={number}"),
        format!("{name}={}", "0".repeat(7000)),
    ] {
        for (host, path) in PLACES {
            let visit = home.visit(host, path).header("Cookie", &cookie);
            let what = format!("{host} {}", &cookie[..cookie.len().min(90)]);
            wrong.extend(let_in(&home, &what, visit));
        }
    }
    crate::assert_none(&wrong);
    // Without TLS there is nothing but the way to it.
    let visit = home.caddy.visit_plain("app.home.example.com", "/x");
    let visit = visit.header("Cookie", &session);
    let (answer, arrivals) = home.arriving(|| visit.run());
    answer.has_status(308);
    assert_eq!(arrivals, []);
    // With the session's own name and number one is in, from wherever.
    let visit = home.visit("app", "/x").header("Cookie", &session);
    visit.run().has_status(200);
}

#[test]
fn no_stranger_gets_in_past_a_real_gateway_by_the_old_caddy() {
    strangers(Version::Old);
}

#[test]
fn no_stranger_gets_in_past_a_real_gateway_by_the_new_caddy() {
    strangers(Version::New);
}

/// Of them, some leave what a visitor says where a gateway says nothing (CVE-2026-30851), and the oldest makes a name of that.
#[test]
fn nobody_gets_in_as_somebody_by_the_caddys_between() {
    for version in Version::BETWEEN {
        strangers(version);
        impostors(version);
    }
}

#[test]
fn nothing_but_a_session_is_taken_for_one_by_the_old_caddy() {
    cookies(Version::Old);
}

#[test]
fn nothing_but_a_session_is_taken_for_one_by_the_new_caddy() {
    cookies(Version::New);
}

/// A request of HTTP/1.1, after which the server closes.
fn request(line: &str, headers: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n{body}")
}

/// What no well-behaved visitor sends, byte by byte.
fn malformed() -> Vec<String> {
    let host = "Host: app.home.example.com\r\n";
    let portal = "Host: auth.home.example.com\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let smuggled = format!("GET /x HTTP/1.1\r\n{host}Remote-User: dwho\r\n\r\n");
    let length = format!("Content-Length: {}\r\n", smuggled.len());
    let chunk = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let answer = "HTTP/1.1 200 OK\r\nRemote-User: dwho\r\n\r\n";
    let form = "user=dwho&password=dwho";
    let to_host = |more: &str| format!("{host}{more}");
    vec![
        // A request in the body, in the hope that somebody reads it as the next one.
        request("POST /x", &to_host(&length), &smuggled),
        request(
            "POST /x",
            &to_host(&format!("{length}{chunked}")),
            &format!("0\r\n\r\n{smuggled}"),
        ),
        request("POST /x", &to_host(chunked), &chunk),
        // The gateway's answer, from the visitor.
        request(
            "POST /x",
            &to_host(&format!("Content-Length: {}\r\n", answer.len())),
            answer,
        ),
        // A name in the trailers.
        request(
            "POST /x",
            &to_host(&format!("Trailer: Remote-User\r\n{chunked}")),
            "1\r\nx\r\n0\r\nRemote-User: dwho\r\n\r\n",
        ),
        // The portal's form, sent to the service.
        request(
            "POST /x",
            &to_host(&format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            )),
            form,
        ),
        // Two hosts, another one in the target, none.
        request("GET /x", &to_host(portal), ""),
        request("GET https://auth.home.example.com/x", host, ""),
        request("GET https://app.home.example.com/x", portal, ""),
        request("GET /x", "", ""),
        String::from("GET /x HTTP/1.0\r\n\r\n"),
        request("OPTIONS *", host, ""),
        request("CONNECT app.home.example.com:443", host, ""),
        // Another protocol.
        request(
            "GET /x",
            &to_host(
                "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            ),
            "",
        ),
        request(
            "GET /x",
            &to_host(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
            "",
        ),
    ]
}

/// Requests that are none, for who has no session.
fn wire(version: Version) {
    let home = Home::serve(version);
    let mut wrong = Vec::new();
    for (number, request) in malformed().iter().enumerate() {
        // In the handshake also with the portal's name, which everybody may open.
        for name in ["app.home.example.com", "auth.home.example.com"] {
            let wire = Wire::named(&home.caddy, name);
            let (reply, arrivals) = home.arriving(|| wire.send(request));
            if !arrivals.is_empty() || reply.statuses.contains(&101) {
                wrong.push(format!(
                    "{number} as {name}: {:?} {arrivals:?}",
                    reply.statuses
                ));
            }
        }
    }
    let questions = home.gateway.questions();
    assert_eq!(
        questions.len(),
        9,
        "about how many it is asked: {questions:?}"
    );
    let led = { questions.iter() }
        .filter(|question| question.mentions("dwho") || question.variable("BODY") != Some("0"))
        .map(|question| format!("the gateway is told {question:?}"));
    wrong.extend(led);
    crate::assert_none(&wrong);
}

#[test]
fn nothing_is_smuggled_past_a_real_gateway_by_the_old_caddy() {
    wire(Version::Old);
}

#[test]
fn nothing_is_smuggled_past_a_real_gateway_by_the_new_caddy() {
    wire(Version::New);
}

/// Somebody who has signed in, and would be somebody else.
fn impostors(version: Version) {
    let home = Home::serve(version);
    let doctor = home.signed_in("dwho");
    let rose = home.signed_in("rtyler").cookie();
    let plain = || doctor.to(home.visit("app", "/x")).http1();
    for (name, value) in [
        ("Remote-User", "rtyler"),
        ("remote_user", "rtyler"),
        ("Remote.User", "rtyler"),
        ("Remote-Groups", "earthlings"),
        ("REMOTE-EMAIL", "rtyler@badwolf.org"),
        ("Remote-Name", ""),
        (
            "Connection",
            "Remote-User, Remote-Name, Remote-Email, Remote-Groups",
        ),
        ("Connection", "close, Remote-User"),
        ("X-Forwarded-Uri", "/free/x"),
        ("X-Forwarded-Host", "files.home.example.com"),
        ("Authorization", "Basic cnR5bGVyOnJ0eWxlcg=="),
    ] {
        let arrival = plain().header(name, value).run().has_status(200).arrival();
        is_the_doctor(&arrival);
    }
    let body = "POST /x HTTP/1.1\r\nHost: app.home.example.com\r\nTrailer: Remote-User\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n";
    let request = format!(
        "{body}Cookie: {}\r\n\r\n1\r\nx\r\n0\r\nRemote-User: rtyler\r\n\r\n",
        doctor.cookie()
    );
    let (_, arrivals) =
        home.arriving(|| Wire::named(&home.caddy, "app.home.example.com").send(request));
    let [arrival] = &arrivals[..] else {
        panic!("{arrivals:?}")
    };
    is_the_doctor(arrival);
    // Where there are two sessions, who is told is who was judged.
    let both = format!("{}; {rose}", doctor.cookie());
    let visit = |target| home.visit("app", target).header("Cookie", &both);
    let first = visit("/x").run().has_status(200).arrival();
    let name = first.header("Remote-User")[0].to_owned();
    let (answer, arrivals) = home.arriving(|| visit("/rose/x").run());
    let allowed = name == "rtyler";
    answer.has_status(if allowed { 200 } else { 403 });
    assert_eq!(arrivals.len(), usize::from(allowed));
    // What the gateway lets anybody see: it names who has signed in there, too.
    let answer = doctor.to(home.visit("app", "/free/x")).run();
    is_the_doctor(&answer.has_status(200).arrival());
}

#[test]
fn who_has_signed_in_is_nobody_else_to_the_old_caddy() {
    impostors(Version::Old);
}

#[test]
fn who_has_signed_in_is_nobody_else_to_the_new_caddy() {
    impostors(Version::New);
}

/// What a stranger's path could be taken for, and what of the gateway's rules or of this file's could be got around by it.
const SPELLINGS: [&str; 14] = [
    "/ADMIN/x",
    "/%61dmin/x",
    "//admin/x",
    "/./admin/x",
    "/x/../admin/x",
    "/x/%2e%2e/admin/x",
    "/x%2f..%2fadmin/x",
    "/admin%2fx",
    "/admin%5cx",
    "/admin/../x",
    "/admin/%2e%2e/x",
    "/admin/..%2fx",
    "/admin/..;/x",
    "/admin//../x",
];

/// A path with a policy of its own: neither policy is enough for what could be either's.
fn spellings(version: Version) {
    let home = Home::serve(version);
    let doctor = home.signed_in("dwho");
    let mut wrong = Vec::new();
    for target in SPELLINGS {
        let visit = || home.visit("files", target);
        for (who, visit) in [
            ("a stranger", visit()),
            ("who has signed in", doctor.to(visit())),
            ("alice", home.alice.shown(visit())),
        ] {
            let (answer, arrivals) = home.arriving(|| visit.run());
            if !arrivals.is_empty() {
                wrong.push(format!(
                    "{who} at {target}: {:?} {arrivals:?}",
                    answer.status
                ));
            }
        }
    }
    // Who is let in by both gets in, where it is a path at all.
    let both = home.alice.shown(doctor.to(home.visit("files", "/ADMIN/x")));
    both.run().has_status(200);
    crate::assert_none(&wrong);
}

#[test]
fn a_path_to_sign_in_for_has_no_other_spelling_for_the_old_caddy() {
    spellings(Version::Old);
}

#[test]
fn a_path_to_sign_in_for_has_no_other_spelling_for_the_new_caddy() {
    spellings(Version::New);
}

/// Several visitors at once, and several on one connection, as a proxy of theirs would have it.
fn company(version: Version) {
    let home = Home::serve(version);
    let people = ["dwho", "rtyler", "msmith"].map(|user| (user, home.signed_in(user).cookie()));
    thread::scope(|scope| {
        for (user, cookie) in &people {
            scope.spawn(|| {
                for _ in 0..12 {
                    let visit = home.visit("app", "/x").header("Cookie", cookie);
                    let arrival = visit.run().has_status(200).arrival();
                    assert_eq!(arrival.header("Remote-User"), [*user]);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..12 {
                home.visit("app", "/x").run().has_status(302);
            }
        });
    });
    let request =
        |rest: &str| format!("GET /x HTTP/1.1\r\nHost: app.home.example.com\r\n{rest}\r\n");
    let signed_in = |(_, cookie): &(&str, String)| request(&format!("Cookie: {cookie}\r\n"));
    let [doctor, rose, _] = &people;
    let requests = [
        signed_in(doctor),
        request(""),
        signed_in(rose),
        request("Connection: close\r\n"),
    ];
    let (reply, arrivals) =
        home.arriving(|| Wire::named(&home.caddy, "app.home.example.com").send(requests.concat()));
    assert_eq!(reply.statuses, [200, 302, 200, 302], "{}", reply.text);
    let told = arrivals
        .iter()
        .flat_map(|arrival| arrival.header("Remote-User"));
    assert_eq!(told.collect::<Vec<_>>(), ["dwho", "rtyler"]);
}

#[test]
fn nobody_is_taken_for_another_visitor_by_the_old_caddy() {
    company(Version::Old);
}

#[test]
fn nobody_is_taken_for_another_visitor_by_the_new_caddy() {
    company(Version::New);
}
