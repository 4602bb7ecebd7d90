//! What may happen to a homelab between two builds: in its declaration, its lock, its secret and its tree, and to the clock.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::home::{By, Device, FINGERPRINTS, Home};
use crate::support::lock::with_check;
use crate::support::outcome;
use crate::support::recipe::{CA, P256, Recipe};
use crate::support::tools;

/// One of them. Numbers choose among what is there, counted round.
#[derive(Clone, Debug)]
pub enum Edit {
    Declare(Change),
    /// What two branches declare, each built by itself, and their locks united as git's `union` driver does it.
    Merge(Change, Change),
    Command(Order, usize),
    Lock(LockEdit),
    Secret(SecretEdit),
    Tree(TreeEdit),
    Template(TemplateEdit),
    Request(&'static str, Option<usize>),
    /// The day on which commands run from now on.
    Day(i64),
    /// The machine forgets what it remembers.
    Forget,
}

#[derive(Clone, Debug)]
pub enum Change {
    Add(&'static str, &'static str, By),
    /// One whose certificate this homelab has issued.
    AddIssued(usize),
    Remove(usize),
    /// So many, from the first on.
    RemoveMany(usize),
    RemovePerson(usize),
    Rename(usize),
    RenamePerson(usize),
    By(usize, By),
    Validity(&'static str),
    ValidityOf(usize, &'static str),
    Renew(&'static str),
    Domain(&'static str),
    Family(Vec<&'static str>),
    Notes(Vec<&'static str>),
    Films(&'static str),
    Mistake(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub enum Order {
    Renew,
    Revoke,
    Bar,
    RotateAuthority,
}

#[derive(Clone, Debug)]
pub enum LockEdit {
    /// One of those before.
    Older(usize),
    Delete,
    LoseLine(usize),
    DoubleLine(usize),
    /// A digit of a line becomes another.
    Damage(usize),
    /// The line gets a state that nobody signed.
    Forge(usize),
    /// Ends of lines as Windows has them.
    Returns,
}

#[derive(Clone, Debug)]
pub enum SecretEdit {
    /// Encrypted anew to the same identity.
    Reseal,
    ToSomebodyElse,
    Damage,
    Delete,
    DeleteIdentity,
}

#[derive(Clone, Debug)]
pub enum TreeEdit {
    Delete(usize),
    Append(usize),
    Mode(usize, u32),
    FolderMode(usize, u32),
    DeleteFolder(usize),
    /// Something of somebody's where a file of this device would be.
    InTheWay(&'static str, &'static str, Foreign),
    /// Something of somebody's in the place of a file that was built.
    Instead(usize, Foreign),
    Beside(usize),
    TamperWithProfile,
    DeleteManifest,
    DamageManifest,
    DeleteAll,
}

#[derive(Clone, Copy, Debug)]
pub enum Foreign {
    File,
    Directory,
    Link,
}

#[derive(Clone, Debug)]
pub enum TemplateEdit {
    Own(&'static str, &'static str),
    Delete,
}

/// Who lives there or may come, and what devices may be called.
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const NAMES: [&str; 4] = ["laptop", "phone", "watch", "spare"];

pub fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        10 => change().prop_map(Edit::Declare),
        2 => (change(), change()).prop_map(|(one, other)| Edit::Merge(one, other)),
        2 => (order(), any_of()).prop_map(|(order, device)| Edit::Command(order, device)),
        3 => lock_edit().prop_map(Edit::Lock),
        2 => secret_edit().prop_map(Edit::Secret),
        6 => tree_edit().prop_map(Edit::Tree),
        2 => template_edit().prop_map(Edit::Template),
        1 => (prop_oneof![Just("one.csr"), Just("other.csr")], prop::option::of(0..3_usize))
            .prop_map(|(file, made)| Edit::Request(file, made)),
        2 => prop_oneof![Just(0), Just(2), Just(33), Just(340), Just(400), Just(-1_000), Just(3_640), Just(4_000), Just(3_000_000)]
            .prop_map(Edit::Day),
        1 => Just(Edit::Forget),
    ]
}

fn any_of() -> impl Strategy<Value = usize> {
    0..40_usize
}

fn person() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PEOPLE[..])
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        6 => prop::sample::select(&["linux", "ios", "other", "macos"][..]).prop_map(By::Platform),
        1 => Just(By::RsaKey),
        3 => prop_oneof![Just("one.csr"), Just("other.csr")].prop_map(By::Request),
        3 => prop::sample::select(&FINGERPRINTS[..]).prop_map(|text| By::Fingerprint(text.to_owned())),
    ]
}

fn people() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(PEOPLE.to_vec(), 0..=3)
}

fn lasting() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["1y", "12w", "2d", "20y"][..])
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (person(), name(), by()).prop_map(|(person, name, by)| Change::Add(person, name, by)),
        1 => any_of().prop_map(Change::AddIssued),
        4 => any_of().prop_map(Change::Remove),
        2 => (2..6_usize).prop_map(Change::RemoveMany),
        2 => any_of().prop_map(Change::RemovePerson),
        2 => any_of().prop_map(Change::Rename),
        1 => any_of().prop_map(Change::RenamePerson),
        3 => (any_of(), by()).prop_map(|(device, by)| Change::By(device, by)),
        1 => lasting().prop_map(Change::Validity),
        1 => (any_of(), lasting()).prop_map(|(device, validity)| Change::ValidityOf(device, validity)),
        1 => prop_oneof![Just("30d"), Just("1d"), Just("200d")].prop_map(Change::Renew),
        1 => prop_oneof![Just("home.example.com"), Just("new.example.com")].prop_map(Change::Domain),
        2 => people().prop_map(Change::Family),
        2 => people().prop_map(Change::Notes),
        1 => prop_oneof![Just("lan"), Just("everyone")].prop_map(Change::Films),
        1 => prop_oneof![Just("service \"x\" { upstream \"http://127.0.0.1:1\"; allow \"nobody\"; }\n"), Just("}")]
            .prop_map(Change::Mistake),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        2 => Just(Order::Renew),
        2 => Just(Order::Revoke),
        2 => Just(Order::Bar),
        1 => Just(Order::RotateAuthority),
    ]
}

fn lock_edit() -> impl Strategy<Value = LockEdit> {
    prop_oneof![
        4 => any_of().prop_map(LockEdit::Older),
        1 => Just(LockEdit::Delete),
        3 => any_of().prop_map(LockEdit::LoseLine),
        1 => any_of().prop_map(LockEdit::DoubleLine),
        1 => any_of().prop_map(LockEdit::Damage),
        1 => any_of().prop_map(LockEdit::Forge),
        1 => Just(LockEdit::Returns),
    ]
}

fn secret_edit() -> impl Strategy<Value = SecretEdit> {
    prop_oneof![
        4 => Just(SecretEdit::Reseal),
        1 => Just(SecretEdit::ToSomebodyElse),
        1 => Just(SecretEdit::Damage),
        1 => Just(SecretEdit::Delete),
        1 => Just(SecretEdit::DeleteIdentity),
    ]
}

fn foreign() -> impl Strategy<Value = Foreign> {
    prop_oneof![3 => Just(Foreign::File), 1 => Just(Foreign::Directory), 1 => Just(Foreign::Link)]
}

fn tree_edit() -> impl Strategy<Value = TreeEdit> {
    let mode = || prop::sample::select(&[0o600, 0o644, 0o666, 0o755, 0o777][..]);
    prop_oneof![
        3 => any_of().prop_map(TreeEdit::Delete),
        3 => any_of().prop_map(TreeEdit::Append),
        2 => (any_of(), mode()).prop_map(|(file, mode)| TreeEdit::Mode(file, mode)),
        1 => (any_of(), prop_oneof![Just(0o700), Just(0o755), Just(0o777)])
            .prop_map(|(folder, mode)| TreeEdit::FolderMode(folder, mode)),
        1 => any_of().prop_map(TreeEdit::DeleteFolder),
        2 => (person(), name(), foreign()).prop_map(|(person, name, what)| TreeEdit::InTheWay(person, name, what)),
        1 => (any_of(), foreign()).prop_map(|(file, what)| TreeEdit::Instead(file, what)),
        1 => any_of().prop_map(TreeEdit::Beside),
        2 => Just(TreeEdit::TamperWithProfile),
        1 => Just(TreeEdit::DeleteManifest),
        1 => Just(TreeEdit::DamageManifest),
        1 => Just(TreeEdit::DeleteAll),
    ]
}

fn template_edit() -> impl Strategy<Value = TemplateEdit> {
    let own = [
        ("guide.html.j2", "Mine."),
        ("guide/ios.html.j2", "Mine too."),
        ("guide.html.j2", "{{ nothing }}"),
        ("guide.html.j2", "{% if %}"),
        ("index.html.j2", "{{ 1 / 0 }}"),
    ];
    prop_oneof![
        3 => prop::sample::select(own.to_vec()).prop_map(|(name, text)| TemplateEdit::Own(name, text)),
        1 => Just(TemplateEdit::Delete),
    ]
}

impl Edit {
    pub fn apply(&self, home: &mut Home) {
        match self {
            Edit::Declare(change) => change.declare(home),
            Edit::Merge(ours, theirs) => merge(home, ours, theirs),
            Edit::Command(order, device) => order.give(home, *device),
            Edit::Lock(edit) => edit.apply(home),
            Edit::Secret(edit) => edit.apply(home),
            Edit::Tree(edit) => edit.apply(home),
            Edit::Template(TemplateEdit::Own(name, text)) => {
                home.lab.write(&format!("templates/{name}"), text)
            }
            Edit::Template(TemplateEdit::Delete) => {
                _ = fs::remove_dir_all(home.lab.path().join("templates"))
            }
            Edit::Request(file, Some(made)) => {
                home.lab.write(&format!("csr/{file}"), &requests()[*made])
            }
            Edit::Request(file, None) => {
                _ = fs::remove_file(home.lab.path().join("csr").join(file))
            }
            Edit::Day(day) => home.day = *day,
            Edit::Forget => home.lab.forget(),
        }
    }
}

/// Requests of two devices, and one of a key that no Caddy verifies.
pub fn requests() -> &'static [Vec<u8>; 3] {
    static MADE: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    MADE.get_or_init(|| {
        let recipe = Recipe::new(P256, CA);
        [
            P256,
            P256,
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
        ]
        .map(|key| {
            recipe.openssl(&format!("{key} -out x.key"));
            recipe.openssl("req -new -key x.key -subj /CN=x -out x.csr");
            fs::read(recipe.path("x.csr")).expect("it was made")
        })
    })
}

impl Change {
    fn declare(&self, home: &mut Home) {
        self.make(home);
        home.declare();
    }

    fn make(&self, home: &mut Home) {
        let issued = home.lock();
        let declared = &mut home.declared;
        let devices = declared.devices();
        let chosen = |number: &usize| {
            let place = number.checked_rem(devices.len())?;
            Some(devices[place].clone())
        };
        let people: Vec<String> = declared.people.keys().cloned().collect();
        let chosen_person =
            |number: &usize| Some(people[number.checked_rem(people.len())?].clone());
        match self {
            Change::Add(person, name, by) => {
                let devices = declared.people.entry((*person).to_owned()).or_default();
                devices.retain(|device| device.name != *name);
                devices.push(Device::new(name, by.clone()));
            }
            Change::AddIssued(number) => {
                let fingerprints = fingerprints(issued.as_deref().unwrap_or_default());
                if let Some(place) = number.checked_rem(fingerprints.len()) {
                    let by = By::Fingerprint(fingerprints[place].clone());
                    Change::Add("dave", "spare", by).make(home);
                }
            }
            Change::Remove(number) => {
                if let Some((person, place)) = chosen(number) {
                    declared
                        .people
                        .get_mut(&person)
                        .expect("it is declared")
                        .remove(place);
                }
            }
            Change::RemoveMany(count) => (0..*count).for_each(|_| Change::Remove(0).make(home)),
            Change::RemovePerson(number) => {
                if let Some(person) = chosen_person(number) {
                    declared.people.remove(&person);
                }
            }
            Change::Rename(number) => {
                if let Some((person, place)) = chosen(number) {
                    declared.people.get_mut(&person).expect("it is declared")[place].name += "-2";
                }
            }
            Change::RenamePerson(number) => {
                if let Some(person) = chosen_person(number) {
                    let devices = declared.people.remove(&person).expect("it is declared");
                    declared.people.insert(format!("{person}-2"), devices);
                }
            }
            Change::By(number, by) => {
                if let Some((person, place)) = chosen(number) {
                    declared.people.get_mut(&person).expect("it is declared")[place].by =
                        by.clone();
                }
            }
            Change::Validity(validity) => declared.validity = validity,
            Change::ValidityOf(number, validity) => {
                if let Some((person, place)) = chosen(number) {
                    let devices = declared.people.get_mut(&person).expect("it is declared");
                    devices[place].validity = Some(validity);
                }
            }
            Change::Renew(renew) => declared.renew = renew,
            Change::Domain(domain) => declared.domain = domain,
            Change::Family(people) => {
                declared.family = people.iter().map(|name| (*name).to_owned()).collect()
            }
            Change::Notes(people) => {
                declared.notes = people.iter().map(|name| (*name).to_owned()).collect()
            }
            Change::Films(open) => declared.films = open,
            Change::Mistake(line) => declared.mistake = Some(line),
        }
    }
}

/// The fingerprints of certificates that a lock has as issued.
fn fingerprints(lock: &str) -> Vec<String> {
    let lines = lock.lines().filter(|line| line.starts_with("certificate "));
    let fingerprint = |line: &str| {
        Some(
            line.split_once(" fingerprint=\"")?
                .1
                .split_once('"')?
                .0
                .to_owned(),
        )
    };
    lines.filter_map(fingerprint).collect()
}

/// Both branches begin here, are built by themselves, and come together again here.
fn merge(home: &mut Home, ours: &Change, theirs: &Change) {
    let Some(base) = home.lock() else { return };
    let mut branch = home.copy();
    theirs.declare(&mut branch);
    ours.declare(home);
    for home in [&*home, &branch] {
        // One that is refused stays as it was: a merge of that is a case as well.
        let _ = home.run(&["build", "--allow-retire", "99"]);
    }
    if let (Some(one), Some(other)) = (home.lock(), branch.lock()) {
        home.locks.push(one.clone());
        home.lab.write("homelab.lock", united(&base, &one, &other));
    }
    theirs.declare(home);
}

/// What git's `union` driver makes of two texts that both came from a third.
fn united(base: &str, ours: &str, theirs: &str) -> Vec<u8> {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let files = [("ours", ours), ("base", base), ("theirs", theirs)];
    for (name, text) in files {
        fs::write(place.path().join(name), text).expect("the directory is there");
    }
    let mut git = tools::command("git");
    git.args(["merge-file", "--union", "-p", "ours", "base", "theirs"]);
    let merged = outcome::run(git.current_dir(place.path()), b"");
    merged.succeeds();
    merged.stdout
}

impl Order {
    fn give(self, home: &mut Home, device: usize) {
        let devices = home.declared.devices();
        let Some(place) = device.checked_rem(devices.len()) else {
            return;
        };
        let (person, place) = &devices[place];
        let device = format!("{person}/{}", home.declared.people[person][*place].name);
        // One that is refused is as good as none.
        let _ = match self {
            Order::Renew => home.run(&["renew", &device]),
            Order::Revoke => home.run(&["revoke", &device]),
            Order::Bar => home.run(&["revoke", "--no-replace", &device]),
            Order::RotateAuthority => home.run(&["rotate", "--authority"]),
        };
        home.locks.extend(home.lock());
    }
}

impl LockEdit {
    fn apply(&self, home: &Home) {
        let Some(lock) = home.lock() else { return };
        let write = |text: String| home.lab.write("homelab.lock", text);
        match self {
            LockEdit::Older(number) => write(home.locks[number % home.locks.len()].clone()),
            LockEdit::Delete => {
                fs::remove_file(home.lab.path().join("homelab.lock")).expect("it was read");
            }
            LockEdit::LoseLine(number) => write(with_record(&lock, *number, |_| String::new())),
            LockEdit::DoubleLine(number) => write(with_record(&lock, *number, |line| {
                format!("{line}\n{line}\n")
            })),
            LockEdit::Damage(number) => {
                write(with_record(&lock, *number, |line| {
                    line.replacen('7', "8", 1) + "\n"
                }));
            }
            LockEdit::Forge(number) => {
                let forged = |line: &str| {
                    with_check(&line.replace("state=\"retired", "state=\"active")) + "\n"
                };
                write(with_record(&lock, *number, forged));
            }
            LockEdit::Returns => write(lock.replace('\n', "\r\n")),
        }
    }
}

/// The lock with one of its records as it is made to be.
fn with_record(lock: &str, number: usize, made: impl Fn(&str) -> String) -> String {
    let is_record = |line: &&str| line.contains(" check=");
    let records: Vec<&str> = lock.lines().filter(is_record).collect();
    let Some(place) = number.checked_rem(records.len()) else {
        return lock.to_owned();
    };
    lock.replacen(&format!("{}\n", records[place]), &made(records[place]), 1)
}

impl SecretEdit {
    fn apply(&self, home: &mut Home) {
        let age = home.lab.path().join("homelab.age");
        let identity = home.lab.home().join(".config/homelab/identity.txt");
        match self {
            SecretEdit::Reseal if home.opens => {
                let opened = decrypted(&age, &identity);
                let text = fs::read_to_string(&identity).expect("it opens homelab.age");
                let recipient = text
                    .split("# public key: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next());
                encrypt(&opened, recipient.expect("it names its public key"), &age);
            }
            SecretEdit::ToSomebodyElse if home.opens => {
                let opened = decrypted(&age, &identity);
                encrypt(
                    &opened,
                    "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
                    &age,
                );
                home.opens = false;
            }
            SecretEdit::Reseal | SecretEdit::ToSomebodyElse => {}
            SecretEdit::Damage => {
                home.lab
                    .write("homelab.age", "nothing that age would open\n");
                home.opens = false;
            }
            SecretEdit::Delete => {
                let _ = fs::remove_file(age);
                home.opens = false;
            }
            SecretEdit::DeleteIdentity => {
                let _ = fs::remove_file(identity);
                home.opens = false;
            }
        }
    }
}

fn decrypted(age: &Path, identity: &Path) -> Vec<u8> {
    let mut command = tools::command("age");
    let opened = outcome::run(command.arg("-d").arg("-i").arg(identity).arg(age), b"");
    opened.succeeds();
    opened.stdout
}

fn encrypt(secret: &[u8], recipient: &str, age: &Path) {
    let mut command = tools::command("age");
    let sealed = outcome::run(command.args(["-a", "-r", recipient, "-o"]).arg(age), secret);
    sealed.succeeds();
}

impl TreeEdit {
    fn apply(&self, home: &Home) {
        let out = home.lab.path().join("out");
        let files = home.built();
        let folders = home.folders();
        let chosen =
            |all: &[String], number: usize| Some(out.join(&all[number.checked_rem(all.len())?]));
        // What has no place any more, as below a folder that is a link now, is not done.
        let _ = match self {
            TreeEdit::Delete(number) => chosen(&files, *number).map(fs::remove_file),
            TreeEdit::Append(number) => chosen(&files, *number).map(append),
            TreeEdit::Mode(number, mode) => {
                chosen(&files, *number).map(|path| set_mode(&path, *mode))
            }
            TreeEdit::FolderMode(number, mode) => {
                chosen(&folders, *number).map(|path| set_mode(&path, *mode))
            }
            TreeEdit::DeleteFolder(number) => chosen(&folders, *number).map(fs::remove_dir_all),
            TreeEdit::InTheWay(person, name, what) => {
                let path = out.join(format!("people/{person}/{name}/{person}-{name}.p12"));
                Some(what.put(&path))
            }
            TreeEdit::Instead(number, what) => chosen(&files, *number).map(|path| what.put(&path)),
            TreeEdit::Beside(number) => {
                chosen(&folders, *number).map(|path| fs::write(path.join("mine.txt"), "mine"))
            }
            TreeEdit::TamperWithProfile => files
                .iter()
                .find(|file| file.ends_with(".mobileconfig"))
                .map(|file| append(out.join(file))),
            TreeEdit::DeleteManifest => Some(fs::remove_file(out.join(".homelab/manifest.kdl"))),
            TreeEdit::DamageManifest => Some(append(out.join(".homelab/manifest.kdl"))),
            TreeEdit::DeleteAll => Some(fs::remove_dir_all(&out)),
        };
    }
}

fn append(path: impl AsRef<Path>) -> std::io::Result<()> {
    let mut content = fs::read(&path)?;
    content.extend(b"more\n");
    fs::write(path, content)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

impl Foreign {
    /// Something of somebody's, in the place of what is there.
    fn put(self, path: &Path) -> std::io::Result<()> {
        let directory = path.parent().expect("it is in a directory");
        fs::create_dir_all(directory)?;
        let _ = fs::remove_file(path);
        match self {
            Foreign::File => fs::write(path, "somebody's"),
            Foreign::Directory => {
                fs::create_dir(path).and_then(|()| fs::write(path.join("mine"), "mine"))
            }
            Foreign::Link => symlink("/nowhere", path),
        }
    }
}
