//! `export`: openssl reads what comes out, and nothing comes out where it should not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::recipe::{CA, P256, RSA, Recipe};
use crate::support::tools;
use crate::terminal::typing;

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" { device "desk" platform="linux"; device "yk" csr="yk.csr"; }
service "it" { upstream "http://127.0.0.1:1"; allow "alice"; }
"#;

#[track_caller]
fn run(lab: &Lab, words: &str) -> Outcome {
    lab.command(words.split(' ')).run()
}

/// A built homelab, and the key of the device that made its own.
fn built() -> (Lab, Recipe) {
    let recipe = Recipe::new(P256, CA);
    recipe.openssl(&format!("{P256} -out yk.key"));
    recipe.openssl("req -new -key yk.key -subj /CN=x -out yk.csr");
    let lab = Lab::new().declare(DECLARATION);
    let request = fs::read(recipe.path("yk.csr")).expect("it was made");
    lab.write("yk.csr", request);
    run(&lab, "build").succeeds();
    (lab, recipe)
}

/// What openssl makes of a text on its standard input.
#[track_caller]
fn openssl(words: &str, input: &str) -> String {
    let mut command = tools::command("openssl");
    let done = outcome::run(command.args(words.split(' ')), input.as_bytes());
    done.succeeds().stdout().to_owned()
}

#[track_caller]
fn exported(lab: &Lab, words: &str) -> String {
    let done = run(lab, &format!("export {words}"));
    done.succeeds().stdout().to_owned()
}

#[test]
fn a_device_s_key_and_certificate_are_those_of_its_bundle() {
    let (lab, _recipe) = built();
    let both = exported(&lab, "alice/desk");
    assert_eq!(both, exported(&lab, "alice/desk --pem"));
    let (key, certificate) = (
        exported(&lab, "alice/desk --key"),
        exported(&lab, "alice/desk --cert"),
    );
    assert_eq!(both, format!("{certificate}{key}"));
    assert_eq!(
        (both.matches("BEGIN").count(), key.matches("BEGIN").count()),
        (2, 1)
    );
    assert_eq!(
        openssl("x509 -noout -pubkey", &certificate),
        openssl("pkey -pubout", &key)
    );
    let bundle = lab.path().join("out/people/alice/desk/alice-desk.p12");
    let password = run(&lab, "password alice/desk")
        .succeeds()
        .stdout()
        .trim()
        .to_owned();
    let bundle = format!(
        "pkcs12 -in {} -nodes -passin pass:{password}",
        bundle.display()
    );
    let opened = openssl(&bundle, "");
    assert_eq!(openssl("pkey", &opened), openssl("pkey", &key));
    assert_eq!(openssl("x509", &opened), certificate);
    // A renewed device has another key.
    run(&lab, "renew alice/desk").succeeds();
    assert_ne!(exported(&lab, "alice/desk --key"), key);
}

#[test]
fn a_file_is_the_owner_s_alone_and_replaces_none_without_a_word() {
    let (lab, _recipe) = built();
    let path = lab.path().join("desk.pem");
    let mode = || {
        fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    let written = lab.command("export alice/desk --output desk.pem".split(' '));
    written
        .umask(0)
        .run()
        .succeeds()
        .stdout_is("")
        .stderr_is("");
    assert_eq!(mode(), 0o600);
    let first = lab.read("desk.pem");
    assert_eq!(first, exported(&lab, "alice/desk"));
    run(&lab, "renew alice/desk").succeeds();
    run(&lab, "export alice/desk --output desk.pem")
        .fails_with(3)
        .stderr_contains("export::exists");
    assert_eq!(lab.read("desk.pem"), first);
    run(&lab, "export alice/desk --output desk.pem --force").succeeds();
    assert_ne!(lab.read("desk.pem"), first);
    assert_eq!(mode(), 0o600);
    // Nor through a link that leads nowhere.
    std::os::unix::fs::symlink("elsewhere", lab.path().join("link")).expect("it can be made");
    run(&lab, "export alice/desk -o link")
        .fails_with(3)
        .stderr_contains("export::exists");
    assert!(!lab.path().join("elsewhere").exists());
    run(&lab, "export alice/desk --cert --output desk.crt").succeeds();
    let certificate = fs::metadata(lab.path().join("desk.crt")).expect("it is there");
    assert_eq!(certificate.permissions().mode() & 0o777, 0o644);
    // Where the secret does not fit, there is no file.
    run(
        &Lab::new().declare(DECLARATION),
        "export alice/desk -o no.pem",
    )
    .fails_with(3)
    .stderr_contains("lock::unknown-device");
    lab.write("homelab.age", "nothing");
    run(&lab, "export alice/desk -o no.pem").fails_with(3);
    assert!(!lab.path().join("no.pem").exists());
}

#[test]
fn a_git_work_tree_gets_no_key_unless_it_ignores_the_file() {
    let (lab, _recipe) = built();
    let word = "a commit would take the key along";
    tools::run(
        "git",
        ["init", "--quiet", lab.path().to_str().expect("it is plain")],
    )
    .succeeds();
    fs::create_dir(lab.path().join("sub")).expect("it is new");
    for file in ["desk.pem", "sub/desk.pem"] {
        for what in ["alice/desk", "authority-key"] {
            run(&lab, &format!("export {what} -o {file}"))
                .fails_with(3)
                .stderr_contains("export::in-repository")
                .stderr_contains("`--force`");
            assert!(!lab.path().join(file).exists());
        }
    }
    run(&lab, "export alice/desk -o sub/desk.pem --force")
        .succeeds()
        .stderr_contains(word);
    run(&lab, "export alice/desk --cert -o desk.crt")
        .succeeds()
        .stderr_lacks(word);
    lab.write(".gitignore", "*.pem\n");
    for words in ["alice/desk -o desk.pem --force", "alice/desk -o other.pem"] {
        run(&lab, &format!("export {words}"))
            .succeeds()
            .stderr_lacks(word);
    }
    let elsewhere = tempfile::tempdir().expect("it can be made");
    let elsewhere = elsewhere.path().join("desk.pem");
    run(
        &lab,
        &format!("export alice/desk -o {}", elsewhere.display()),
    )
    .succeeds()
    .stderr_lacks(word);
}

#[test]
fn a_terminal_shows_no_key_unless_told_to() {
    let (lab, _recipe) = built();
    let on_terminal = |words: &str| {
        let command = lab.command(words.split(' '));
        typing(command, &[]).run()
    };
    for words in [
        "export alice/desk",
        "export alice/desk --key",
        "export authority-key",
    ] {
        on_terminal(words)
            .fails_with(3)
            .stdout_contains("export::terminal")
            .stdout_lacks("PRIVATE KEY-----");
    }
    on_terminal("export alice/desk --key --output -")
        .succeeds()
        .stdout_contains("PRIVATE KEY-----");
    on_terminal("export alice/desk --cert")
        .succeeds()
        .stdout_contains("BEGIN CERTIFICATE");
}

#[test]
fn a_key_that_was_never_here_is_not_exported() {
    let (lab, recipe) = built();
    for form in ["", " --pem", " --key"] {
        run(&lab, &format!("export alice/yk{form}"))
            .fails_with(3)
            .stderr_contains("export::own-key")
            .stderr_contains("homelab export alice/yk --cert");
    }
    // Its certificate is in the lock: no secret is needed.
    let identity = lab.home().join(".config/homelab/identity.txt");
    fs::remove_file(identity).expect("it is there");
    let certificate = exported(&lab, "alice/yk --cert");
    assert_eq!(certificate, lab.read("out/people/alice/yk/alice-yk.crt"));
    run(&lab, "export alice/desk --cert")
        .fails_with(3)
        .stderr_contains("root::no-identity");

    let fingerprint = recipe.issue("old");
    let old = format!("device \"old\" fingerprint=\"{fingerprint}\"; device \"yk\"");
    lab.write("homelab.kdl", DECLARATION.replace("device \"yk\"", &old));
    run(&lab, "export alice/old --cert")
        .fails_with(3)
        .stderr_contains("export::installed");
    run(&lab, "export alice/nobody")
        .fails_with(3)
        .stderr_contains("lock::unknown-device");
    for words in [
        "export authority-key --key",
        "export alice/desk --authority x",
        "export alice/desk --key --cert",
        "export alice/desk --force",
        "export alice",
    ] {
        run(&lab, words).fails_with(2);
    }
}

#[test]
fn an_authority_s_key_is_that_of_the_one_that_signs_or_is_named() {
    let (lab, recipe) = built();
    let of = |pem: &str| openssl("x509 -noout -pubkey", pem);
    let public = |words: &str| openssl("pkey -pubout", &exported(&lab, words));
    let first = lab.read("out/edge/ca.pem");
    assert_eq!(public("authority-key"), of(&first));
    let subject = openssl("x509 -noout -subject -nameopt multiline,-esc_msb", &first);
    let (_, name) = subject.split_once("commonName").expect("it has a name");
    let name = name.trim_start_matches([' ', '=']).trim().to_owned();
    run(&lab, "rotate --authority").succeeds();
    assert_ne!(public("authority-key"), of(&first));
    let export = |authority: &str| {
        lab.command(["export", "authority-key", "--authority", authority])
            .run()
    };
    let old = export(&name);
    old.succeeds()
        .stderr_contains(&format!("This is the key of `{name}`"))
        .stderr_contains(
            "proxies which check only ca.pem accept; homelab's Caddyfile still refuses them",
        );
    assert_eq!(openssl("pkey -pubout", old.stdout()), of(&first));
    export("Nobody")
        .fails_with(3)
        .stderr_contains("export::no-authority");
    // An adopted one has the key that it came with, and one that is only trusted has none here.
    let path = |recipe: &Recipe, name: &str| recipe.path(name).display().to_string();
    let (certificate, key) = (path(&recipe, "ca.pem"), path(&recipe, "ca.key"));
    run(&lab, &format!("adopt {certificate} --key {key}")).succeeds();
    assert_eq!(
        exported(&lab, "authority-key"),
        recipe.openssl("pkey -in ca.key")
    );
    let stranger = Recipe::new(RSA, CA);
    stranger.openssl("req -new -key ca.key -subj /CN=Elsewhere -out ca.csr");
    stranger
        .openssl("x509 -req -in ca.csr -signkey ca.key -days 9 -extfile extensions -out ca.pem");
    run(
        &lab,
        &format!("adopt {} --trust-only", path(&stranger, "ca.pem")),
    )
    .succeeds();
    export("Elsewhere")
        .fails_with(3)
        .stderr_contains("its key was never here");
}
