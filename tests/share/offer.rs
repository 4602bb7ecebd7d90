//! What is offered, to whom, and until when.

use std::time::{Duration, Instant};

use crate::sharing::{DECLARATION, Sharing};
use crate::support::files::{changed, snapshot, stamps};
use crate::support::lab::Lab;

/// As templates write it in HTML.
fn escaped(text: &str) -> String {
    text.replace('/', "&#x2f;")
}

#[test]
fn the_page_and_the_file_are_what_was_built() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let page = sharing.get(&sharing.page).run();
    page.has_status(200)
        .contains(&format!("href=\"{}\"", escaped(&sharing.bundle())))
        .contains("VPN &amp; app user certificate")
        .contains(&escaped("https://photos.home.example.com/"))
        .contains("admin@example.com")
        .contains("Alice &lt;b&gt;Liddell&lt;&#x2f;b&gt;")
        .lacks("iphone")
        .lacks("<script")
        .lacks(&escaped("http://"));
    assert_eq!(page.header("content-type"), ["text/html; charset=utf-8"]);
    // Without the slash at its end, too.
    let bare = sharing.page.trim_end_matches('/');
    sharing.get(bare).run().has_status(200);

    let file = sharing.get(&sharing.bundle()).run();
    file.has_status(200);
    assert_eq!(
        file.body,
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
    assert_eq!(file.header("content-type"), ["application/x-pkcs12"]);
    assert_eq!(
        file.header("content-disposition"),
        ["attachment; filename=\"alice-pixel.p12\""]
    );
    for answer in [&page, &file] {
        assert_eq!(answer.header("cache-control"), ["no-store"]);
        assert_eq!(answer.header("x-content-type-options"), ["nosniff"]);
        assert_eq!(answer.header("referrer-policy"), ["no-referrer"]);
        let policy = answer.header("content-security-policy").concat();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("script"), "{policy}");
        assert_eq!(answer.header("connection"), ["close"]);
    }
    sharing.waits_for("the page was opened by 127.0.0.1\n");
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.1\n");
}

#[test]
fn whoever_was_first_may_ask_again_for_a_while_and_nobody_else_at_all() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    sharing.get(&sharing.bundle()).run().has_status(200);
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.1\n");
    let fetched = Instant::now();
    // Another visitor is told so, and so is the terminal.
    for target in [sharing.bundle(), sharing.page.clone()] {
        let second = sharing.get(&target).from("127.0.0.2").run();
        second.has_status(410).contains("fetched by another device");
    }
    sharing.waits_for("127.0.0.2 was refused: 127.0.0.1 was first");
    // Safari and download managers ask twice.
    let head = sharing.get(&sharing.bundle()).method("HEAD").run();
    head.has_status(200);
    sharing.get(&sharing.bundle()).run().has_status(200);
    let (port, bundle) = (sharing.port, sharing.bundle());
    let ended = sharing.ends_within(60);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lasted = fetched.elapsed();
    // Asking again has not made it longer.
    let expected = Duration::from_secs(25)..Duration::from_secs(40);
    assert!(expected.contains(&lasted), "{lasted:?}");
    assert_eq!(ended.stderr.matches("fetched by 127.0.0.1").count(), 2);
    let late = crate::support::curl::Curl::http("127.0.0.1", port, &bundle);
    assert_eq!(late.status(), None, "it is over");
}

#[test]
fn head_and_ranges_fetch_nothing_by_halves() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let whole = lab.read_bytes("out/people/alice/pixel/alice-pixel.p12");
    let head = sharing.get(&sharing.bundle()).method("HEAD").run();
    head.has_status(200);
    assert_eq!(head.body, b"");
    assert_eq!(head.header("content-length"), [whole.len().to_string()]);
    // HEAD made nobody the one who was first.
    let file = sharing.get(&sharing.bundle()).from("127.0.0.3");
    let file = file.header("Range", "bytes=0-9").run();
    file.has_status(200);
    assert_eq!(file.body, whole);
    assert_eq!(file.header("accept-ranges"), ["none"]);
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.3\n");
    assert!(!sharing.stderr().contains("fetched by 127.0.0.1"));
}

#[test]
fn ctrl_c_ends_it() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    sharing.interrupt();
    let ended = sharing.ends_within(5);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = ended.stderr.lines().last();
    assert_eq!(last, Some("Ended; alice-pixel.p12 has not been fetched."));

    let sharing = Sharing::start(&lab);
    sharing.get(&sharing.bundle()).run().has_status(200);
    sharing.waits_for("alice-pixel.p12 fetched by");
    sharing.interrupt();
    let ended = sharing.ends_within(5);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("has not been fetched"));
}

#[test]
fn it_ends_when_its_minutes_have_passed() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::with(&lab, &["--address", "127.0.0.1", "--minutes", "1"]);
    let began = Instant::now();
    sharing.get(&sharing.page).run().has_status(200);
    let ended = sharing.ends_within(90);
    let lasted = began.elapsed();
    let expected = Duration::from_secs(55)..Duration::from_secs(75);
    assert!(expected.contains(&lasted), "{lasted:?}");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("share::time-over"), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("nobody has fetched alice-pixel.p12 in 1 min")
    );
}

#[test]
fn each_time_the_path_is_another_of_128_bits() {
    let lab = Lab::built(DECLARATION);
    let paths = [0, 1].map(|_| Sharing::start(&lab).page.clone());
    assert_ne!(paths[0], paths[1]);
    for path in paths {
        let word = path.trim_matches('/');
        assert_eq!(word.len(), 26, "{word}");
        let is_base32 = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
        assert!(word.chars().all(is_base32), "{word}");
    }
}

#[test]
fn the_password_is_shown_only_where_asked_for_and_never_sent() {
    let lab = Lab::built(DECLARATION);
    let password = lab.command(["password", "alice/pixel"]).run();
    let password = password.succeeds().stdout().trim().to_owned();
    assert_eq!(password.len(), 23);
    for asked in [false, true] {
        let mut options = vec!["--address", "127.0.0.1"];
        options.extend(asked.then_some("--show-password"));
        let sharing = Sharing::with(&lab, &options);
        let page = sharing.get(&sharing.page).run();
        page.has_status(200).lacks(&password);
        let everything = sharing.raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(!everything.contains(&password));
        if asked {
            let shown = format!("Password: {password}\n");
            let until = Instant::now() + Duration::from_secs(10);
            while !sharing.stdout().contains(&shown) {
                assert!(Instant::now() < until, "{}", sharing.stdout());
            }
        }
        sharing.interrupt();
        let ended = sharing.ends_within(5);
        let (stdout, stderr) = (ended.stdout, ended.stderr);
        assert_eq!(stdout.contains(&password), asked, "{stdout}");
        assert!(!stderr.contains(&password), "{stderr}");
        assert_eq!(stderr.contains("`homelab password alice/pixel`"), !asked);
    }
}

#[test]
fn it_needs_no_secret_and_writes_nothing() {
    let lab = Lab::built(DECLARATION);
    // It writes down for itself that there is nothing to do.
    lab.command(["build"]).run().succeeds();
    std::fs::remove_dir_all(lab.home().join(".config")).expect("the identity was there");
    let before = (
        snapshot(&lab.path()),
        stamps(&lab.path()),
        snapshot(&lab.home()),
    );
    let sharing = Sharing::start(&lab);
    sharing.get(&sharing.page).run().has_status(200);
    // A build is not held up by it.
    lab.command(["build"]).run().succeeds();
    sharing.get(&sharing.bundle()).run().has_status(200);
    sharing.waits_for("fetched by");
    sharing.interrupt();
    let _ = sharing.ends_within(5);
    let after = (
        snapshot(&lab.path()),
        stamps(&lab.path()),
        snapshot(&lab.home()),
    );
    assert_eq!(changed(&before.0, &after.0), [""; 0]);
    assert!(before.1 == after.1, "something was written again");
    assert_eq!(changed(&before.2, &after.2), [""; 0]);

    let refused = lab.command([
        "share",
        "alice/pixel",
        "--show-password",
        "--address",
        "127.0.0.1",
    ]);
    refused.run().fails_with(3).stderr_contains("identity");
}

#[test]
fn ipv6_is_served_too() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::with(&lab, &["--address", "::1"]);
    assert!(sharing.url.starts_with("http://[::1]:"), "{}", sharing.url);
    let answer = crate::support::tools::run("curl", ["-sS", "-g", "--noproxy", "*", &sharing.url]);
    answer.succeeds().stdout_contains("alice-pixel.p12");
    sharing.waits_for("the page was opened by ::1\n");
}

#[test]
fn a_template_of_ones_own_makes_the_page() {
    let lab = Lab::built(DECLARATION);
    lab.write(
        "templates/share.html.j2",
        "{% extends \"builtin/share.html.j2\" %}{% block help %}Ask Grace.{% endblock %}",
    );
    let sharing = Sharing::start(&lab);
    let page = sharing.get(&sharing.page).run();
    page.has_status(200)
        .contains("Ask Grace.")
        .contains(&escaped(&sharing.bundle()));
    drop(sharing);
    lab.write("templates/share.html.j2", "{{ nothing }}");
    let broken = lab
        .command(["share", "alice/pixel", "--address", "127.0.0.1"])
        .run();
    broken.fails_with(1).stderr_contains("template::broken");
}
