//! The script for a Mac, with programs in the place of the Mac's own that note how they are called. No Mac has seen it: this proves
//! the order and the words of the calls, and nothing about what macOS makes of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::house::House;
use crate::support::caddy::Version;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::user::User;

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" {
    device "mac" platform="macos"
    device "mac-mini" platform="macos"
}
service "closed" { host "b" "a"; upstream "http://127.0.0.1:9"; allow "alice"; }
"#;

/// Notes its words, one a line, and an empty line. The keychain is a folder with a certificate per file, as `find-certificate -p` prints
/// them; what is imported is what stands in `new.pem`.
const SECURITY: &str = r#"#!/bin/sh
printf '%s\n' "$@" '' >>"$HOME/calls"
case $1 in
    -i)
        while read -r verb rest; do
            [ "$verb" = import ] || exit 1
            # As its own reader takes words in quotes.
            eval "set -- $rest"
            printf '%s\n' stdin "$@" '' >>"$HOME/calls"
            printf %s "$7" | openssl pkcs12 -in "$1" -passin stdin -nodes -out "$HOME/new.both" 2>/dev/null || exit 1
            openssl x509 -in "$HOME/new.both" -out "$HOME/keychain/$(openssl x509 -in "$HOME/new.both" -noout -serial).pem"
            [ -n "${BROKEN-}" ] || mv "$HOME/new.both" "$HOME/identity.pem"
        done ;;
    find-certificate) cat "$HOME"/keychain/*.pem 2>/dev/null || exit 44 ;;
    import) [ -e "$HOME/new.pem" ] && cp "$HOME/new.pem" "$HOME/keychain/$(openssl x509 -in "$HOME/new.pem" -noout -serial).pem" ;;
    delete-identity)
        for file in "$HOME"/keychain/*.pem; do
            [ "$(openssl x509 -in "$file" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')" != "$3" ] || rm "$file"
        done ;;
esac
"#;

/// The keychain's identity is `identity.pem`, which curl is to take out of it by the name of the certificate.
const CURL: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then
    echo "curl 8.7.1 (x86_64-apple-darwin24.0) libcurl/8.7.1 (SecureTransport) LibreSSL/3.3.6"
    exit
fi
# A file it takes by LibreSSL, as it is built by default.
case "$*" in
    *'--config -'*) [ -z "${CURL_SSL_BACKEND-}" ] && exec /usr/bin/curl "$@" ;;
esac
[ "$CURL_SSL_BACKEND" = secure-transport ] && [ ! -e alice-mac ] || exit 9
for word in "$@"; do
    shift
    [ "$word" != alice-mac ] || word=$HOME/identity.pem
    set -- "$@" "$word"
done
exec /usr/bin/curl "$@"
"#;

const LAUNCHCTL: &str = "#!/bin/sh\nprintf 'launchctl %s\\n' \"$*\" >>\"$HOME/launched\"\n";

struct Mac {
    house: House,
    user: User,
}

impl Mac {
    #[track_caller]
    fn new() -> Self {
        Self::of(House::new(DECLARATION))
    }

    #[track_caller]
    fn of(house: House) -> Self {
        let user = User::new();
        fs::create_dir(user.home().join("keychain")).expect("the home is empty");
        let mac = Self { house, user };
        mac.program("security", SECURITY);
        mac.program("uname", "#!/bin/sh\necho Darwin\n");
        mac.program("curl", CURL);
        mac.program("launchctl", LAUNCHCTL);
        mac
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.user.home().join("programs").join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder"))
            .expect("a home can be written to");
        fs::write(&path, text).expect("a home can be written to");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .expect("it has just been written");
    }

    /// The certificate of a device as it is now.
    #[track_caller]
    fn certificate(&self, device: &str) -> String {
        let bundle = self.house.bundle("alice", device);
        let pem = fs::read_to_string(bundle.pem(&self.user.home().join("keychain")));
        fs::remove_file(
            self.user
                .home()
                .join(format!("keychain/alice-{device}.pem")),
        )
        .expect("as above");
        let pem = pem.expect("openssl wrote it");
        let from = pem.find("-----BEGIN CERTIFICATE").expect("it is in there");
        let end = "-----END CERTIFICATE-----\n";
        let to = pem[from..].find(end).expect("what begins ends") + end.len();
        pem[from..from + to].to_owned()
    }

    #[track_caller]
    fn run(&self) -> Outcome {
        self.run_with(&[])
    }

    /// The script, with this test's curl in the place of the Mac's own.
    #[track_caller]
    fn run_with(&self, words: &[&str]) -> Outcome {
        let path = "out/people/alice/mac/install.sh";
        let curl = self.user.home().join("programs/curl");
        let script = self.house.lab.read(path);
        let curl = format!("'{}'", curl.display().to_string().replace('\'', r"'\''"));
        let script = script.replace("/usr/bin/curl --", &format!("{curl} --"));
        self.house
            .lab
            .write("out/people/alice/mac/tried.sh", script);
        let mut command = self.user.command("sh");
        let path = std::env::var("PATH").expect("there is one");
        let programs = self.user.home().join("programs");
        command
            .env("PATH", format!("{}:{path}", programs.display()))
            .arg(self.house.lab.path().join("out/people/alice/mac/tried.sh"))
            .args(words);
        outcome::run(&mut command, b"")
    }

    /// What was asked of `security` since it was asked last, but for looking, each call on a line.
    fn calls(&self) -> Vec<String> {
        let file = self.user.home().join("calls");
        let text = fs::read_to_string(&file).unwrap_or_default();
        _ = fs::remove_file(&file);
        let calls = text.split("\n\n").filter(|call| !call.is_empty());
        let calls = calls.map(|call| call.trim_end().replace('\n', " | "));
        calls
            .filter(|call| !call.starts_with("find-certificate"))
            .collect()
    }

    fn keychain(&self) -> PathBuf {
        self.user.home().join("keychain")
    }
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).expect("it is there").count()
}

#[test]
fn security_is_called_in_order_and_never_with_a_password() {
    let mac = Mac::new();
    let login = format!(
        "{}/Library/Keychains/login.keychain-db",
        mac.user.home().display()
    );
    let bundle = mac
        .house
        .lab
        .path()
        .join("out/people/alice/mac/alice-mac.p12");
    let import = format!("import | {} | -f | pkcs12 | -k | {login}", bundle.display());
    let prefer = |host: &str| {
        format!(
            "set-identity-preference | -c | alice-mac | -s | https://{host}.home.example.com/ | {login}"
        )
    };
    // A device whose name begins alike is not this one.
    let neighbour = mac.certificate("mac-mini");
    fs::write(mac.keychain().join("neighbour.pem"), neighbour).expect("a home can be written to");

    // Where macOS refuses, the script ends there.
    mac.run()
        .fails_with(1)
        .stderr_contains("The certificate was not installed");
    assert_eq!(mac.calls(), std::slice::from_ref(&import));

    let new = mac.user.home().join("new.pem");
    fs::write(&new, mac.certificate("mac")).expect("a home can be written to");
    mac.run()
        .succeeds()
        .stdout_contains("alice-mac: installed\n");
    assert_eq!(mac.calls(), [import.clone(), prefer("a"), prefer("b")]);
    mac.run().succeeds().stdout_contains("already there\n");
    assert_eq!(mac.calls(), [prefer("a"), prefer("b")]);

    let older = mac
        .house
        .bundle("alice", "mac")
        .fingerprint(&mac.house.lab.home())
        .to_uppercase();
    mac.house
        .lab
        .command(["renew", "alice/mac"])
        .run()
        .succeeds();
    fs::write(&new, mac.certificate("mac")).expect("a home can be written to");
    mac.run()
        .succeeds()
        .stdout_contains("alice-mac: installed\nalice-mac: an older one was removed\n");
    let remove = format!("delete-identity | -Z | {older} | {login}");
    assert_eq!(mac.calls(), [import, remove, prefer("a"), prefer("b")]);
    assert_eq!(count(&mac.keychain()), 2, "the neighbour's is there still");
    tools::run(
        "shellcheck",
        [mac.house.lab.path().join("out/people/alice/mac/install.sh")],
    )
    .succeeds();
}

#[test]
fn elsewhere_it_says_that_it_is_for_a_mac() {
    let mac = Mac::new();
    fs::remove_file(mac.user.home().join("programs/uname")).expect("it has just been written");
    mac.run()
        .fails_with(1)
        .stderr_is("install.sh: This script is for a Mac.\n");
    assert_eq!(mac.calls(), [""; 0]);
}

/// Caddy, what it hands out and what is made of that are real; the keychain is not, nor is the curl that shows what is in it.
#[test]
fn what_waits_is_fetched_with_the_certificate_of_the_keychain() {
    let house = House::unbuilt("");
    let root = house.lab.path().join("out/edge");
    let edge = format!("edge {{ landing; pick-up root=\"{}\"; }}", root.display());
    house.build(&format!("{DECLARATION}{edge}"));
    let mac = Mac::of(house);
    let lab = &mac.house.lab;
    tools::run(
        "shellcheck",
        [lab.path().join("out/people/alice/mac/install.sh")],
    )
    .succeeds();
    let none = mac.run_with(&["--renew"]);
    none.fails_with(1).stderr_is(
        "install.sh: There is no certificate of alice-mac here yet: install one first.\n",
    );

    let identity = mac.user.home().join("identity.pem");
    let older = mac.house.bundle("alice", "mac");
    fs::copy(older.pem(&lab.home()), &identity).expect("a home can be written to");
    let older = older.fingerprint(&lab.home());
    fs::write(mac.keychain().join("first.pem"), mac.certificate("mac")).expect("as above");
    let serve = || {
        let caddy = mac.house.serve(Version::New);
        mac.user
            .tell_curl(caddy.https_port(), &caddy.root_certificate());
        caddy
    };
    let caddy = serve();
    let nothing = mac.run_with(&["--renew", "--timer"]);
    nothing
        .succeeds()
        .stdout_contains("No new certificate waits for alice-mac.\nFrom now on this computer looks for a new certificate each day. (");
    assert_eq!(mac.calls(), [""; 0]);
    drop(caddy);

    lab.command(["renew", "alice/mac"]).run().succeeds();
    let password = lab.command(["password", "alice/mac"]).run();
    let password = password.succeeds().stdout().trim().to_owned();
    let newer = mac.house.bundle("alice", "mac");
    let newer = newer.fingerprint(&lab.home());
    let caddy = serve();
    let sha1 = |calls: &[String]| calls[3].split(" | ").nth(2).map(str::to_owned);
    let renewed = mac.run_with(&["--renew"]);
    renewed
        .succeeds()
        .stdout_contains("alice-mac: installed\nalice-mac: an older one was removed\nhttps://");
    let calls = mac.calls();
    // The password is read from stdin; the older one goes when the newer one is let in; and that is what Safari prefers.
    assert_eq!(calls[0], "-i");
    let import = calls[1].strip_prefix("stdin | ").expect("that was read");
    assert!(
        import.ends_with(&format!(" | -P | {password} | -T | /usr/bin/curl")),
        "{import}"
    );
    assert!(
        calls[3].starts_with("set-identity-preference | -Z | "),
        "{calls:?}"
    );
    assert_eq!(sha1(&calls).map(|sha1| sha1.len()), Some(40));
    assert_eq!(
        calls[2].split(" | ").nth(2),
        Some(&*older.to_uppercase()),
        "{calls:?}"
    );
    assert_eq!(calls.len(), 6, "{calls:?}");
    assert_eq!(count(&mac.keychain()), 1);

    // By now the newer one is shown. Installing anew what is older is refused.
    mac.run_with(&["--renew"])
        .succeeds()
        .stdout_is("No new certificate waits for alice-mac.\n");
    assert_eq!(mac.calls(), [""; 0]);
    drop(caddy);

    // Of another authority nothing is taken, whoever hands it out; and where macOS takes nothing, that is said.
    lab.command(["renew", "alice/mac"]).run().succeeds();
    let path = "out/people/alice/mac/install.sh";
    let script = lab.read(path);
    let _caddy = serve();
    let (before, behind) = script.split_once("authorities='").expect("it has them");
    let (_, behind) = behind.split_once('\'').expect("they end");
    let other = House::new(DECLARATION).lab.read("out/edge/ca.pem");
    let other: String = other
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    lab.write(path, format!("{before}authorities='{other}'{behind}"));
    let refused = mac.run_with(&["--renew"]);
    refused
        .fails_with(1)
        .stderr_contains("is not signed by an authority that this script knows");
    lab.write(path, &script);
    assert_eq!(mac.calls(), [""; 0]);
    mac.program(
        "security",
        &SECURITY.replace("printf %s \"$7\"", "printf wrong"),
    );
    let refused = mac.run_with(&["--renew"]);
    refused
        .fails_with(1)
        .stderr_contains("The certificate was not installed. Nothing was changed.");
    assert_eq!(count(&mac.keychain()), 1);
    assert_ne!(older, newer);
}

#[test]
fn launchd_is_told_and_told_otherwise() {
    let house = House::unbuilt("");
    house.build(&format!(
        "{DECLARATION}edge {{ landing; pick-up root=\"/edge\"; }}"
    ));
    let mac = Mac::of(house);
    // What is put there is what is asked for here; that it fetches first, the test before this sees.
    let path = "out/people/alice/mac/install.sh";
    let script = mac.house.lab.read(path);
    mac.house
        .lab
        .write(path, script.replace("            renew\n", ""));
    mac.run_with(&["--renew", "--timer"])
        .succeeds()
        .stdout_contains("each day. (");
    let agents = mac.user.home().join("Library/LaunchAgents");
    let agent = agents.join("homelab.home.example.com.alice-mac.plist");
    let kept = "Library/Application Support/homelab/home.example.com-alice-mac/install.sh";
    let kept = mac.user.home().join(kept);
    let told = plist::Value::from_file(&agent).expect("it is a property list");
    let told = told.as_dictionary().expect("it says things by name");
    let words = told["ProgramArguments"].as_array().expect("it is a list");
    let words: Vec<&str> = words.iter().filter_map(plist::Value::as_string).collect();
    let script = kept.to_str().expect("a test's paths are UTF-8");
    assert_eq!(words, ["/bin/sh", script, "--renew"]);
    assert_eq!(
        told["Label"].as_string(),
        Some("homelab.home.example.com.alice-mac")
    );
    assert!(kept.exists());
    mac.run_with(&["--renew", "--no-timer"])
        .succeeds()
        .stdout_is("This computer no longer looks for a new certificate each day.\n");
    assert!(!agent.exists() && !kept.exists());
    for words in [&["--timer"][..], &["--no-timer"], &["--policy"]] {
        mac.run_with(words)
            .fails_with(2)
            .stderr_contains("sh install.sh --renew --no-timer");
    }
    let launched = fs::read_to_string(mac.user.home().join("launched")).expect("it was called");
    assert!(launched.contains("launchctl bootstrap gui/"), "{launched}");
    assert_eq!(
        launched.matches("launchctl bootout gui/").count(),
        2,
        "{launched}"
    );
}

/// What of a Mac's own can show a certificate of the keychain speaks TLS 1.2 at most.
#[test]
fn where_tls_1_2_is_refused_it_is_not_offered() {
    let house = House::unbuilt("");
    house.build(&format!(
        "{DECLARATION}edge {{ landing; tls min=\"1.3\"; pick-up root=\"/edge\"; }}"
    ));
    let script = house.lab.read("out/people/alice/mac/install.sh");
    assert!(!script.contains("sh install.sh --renew"), "{script}");
}
