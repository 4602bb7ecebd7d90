//! Lines of a lock as somebody with the root secret would have written them, and as somebody without.

use homelab::internals::{Keyring, RootId, RootSigner};

use super::lab::Lab;
use super::outcome;
use super::tools;

/// The same check that `homelab` puts at the end of a line of the lock, signature or not.
pub fn with_check(line: &str) -> String {
    let (text, _) = line.split_once(" check=").expect("a line has its check");
    checked(text)
}

fn checked(text: &str) -> String {
    let check = blake3::hash(text.as_bytes()).to_hex();
    format!("{text} check=\"{}\"", &check[..16])
}

/// The line signed with the lab's own root secret, as age finds it in homelab.age.
#[track_caller]
pub fn resigned(lab: &Lab, line: &str) -> String {
    let mut age = tools::command("age");
    age.args(["-d", "-i"])
        .arg(lab.home().join(".config/homelab/identity.txt"));
    let opened = outcome::run(age.arg(lab.path().join("homelab.age")), b"");
    let keyring = Keyring::from_text(opened.succeeds().stdout()).expect("it is a keyring");
    let root = root(&lab.read("homelab.lock"));
    signed(
        line,
        &root,
        &keyring.root(&root).expect("it is the lock's").signer(),
    )
}

/// The line with a signature of that key for that root, in place of the one that it has.
#[track_caller]
pub fn signed(line: &str, root: &RootId, signer: &RootSigner) -> String {
    let record = line.split(" signed=").next().expect("it has a beginning");
    let signature = signer.sign(&format!("homelab lock record v2 {root}\n{record}"));
    let signature = signature.expect("the machine can count");
    checked(&format!("{record} signed=\"{signature}\""))
}

/// The root that a lock names.
#[track_caller]
pub fn root(lock: &str) -> RootId {
    let (_, root) = lock.split_once("\nroot \"").expect("it names one");
    let (root, _) = root.split_once('"').expect("it ends");
    root.parse().expect("it is an id")
}
