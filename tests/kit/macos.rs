//! The script for a Mac, with programs in the place of the Mac's own that note how they are called. No Mac has seen it: this proves
//! the order and the words of the calls, and nothing about what macOS makes of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::house::House;
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
    find-certificate) cat "$HOME"/keychain/*.pem 2>/dev/null || exit 44 ;;
    import) [ -e "$HOME/new.pem" ] && cp "$HOME/new.pem" "$HOME/keychain/$(openssl x509 -in "$HOME/new.pem" -noout -serial).pem" ;;
    delete-identity)
        for file in "$HOME"/keychain/*.pem; do
            [ "$(openssl x509 -in "$file" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')" != "$3" ] || rm "$file"
        done ;;
esac
"#;

struct Mac {
    house: House,
    user: User,
}

impl Mac {
    #[track_caller]
    fn new() -> Self {
        let (house, user) = (House::new(DECLARATION), User::new());
        fs::create_dir(user.home().join("keychain")).expect("the home is empty");
        let mac = Self { house, user };
        mac.program("security", SECURITY);
        mac.program("uname", "#!/bin/sh\necho Darwin\n");
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
        let script = self
            .house
            .lab
            .path()
            .join("out/people/alice/mac/install.sh");
        let mut command = self.user.command("sh");
        let path = std::env::var("PATH").expect("there is one");
        let programs = self.user.home().join("programs");
        command
            .env("PATH", format!("{}:{path}", programs.display()))
            .arg(script);
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
    mac.run().succeeds().stdout_contains("installed\n");
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
        .stdout_contains("installed\nremoved an older one\n");
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
