//! A thousand merges of two branches that a machine made up: what git and `homelab` make of them, against a model of its own.
//!
//! Each branch goes through a few commands, each at its own time. git merges their locks as the `.gitattributes` of `homelab init` says;
//! then either the next build brings about exactly what the model says, or it is refused as documented and the remedy works.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;

use data_encoding::BASE64;
use jiff::Timestamp;

use crate::support::lab::{Lab, NEW_YEAR};
use crate::support::outcome::Outcome;
use crate::support::random::Random;

const HOUR: i64 = 3_600;
/// `renew` in the declaration.
const WINDOW: i64 = 30 * 24 * HOUR;
/// Lives no longer than a few rounds.
const GUEST: &str = "carol/loan";
const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const NAMES: [&str; 5] = ["desk", "laptop", "loan", "pixel", "watch"];
/// Branches from one commit, each of which is merged with each other.
const BRANCHES: usize = 6;

/// What the lock should say, and what is declared.
#[derive(Clone, Default)]
struct Model {
    declared: BTreeSet<String>,
    /// By id.
    certificates: BTreeMap<String, Certificate>,
    /// By id: since when it is valid, and what it is good for.
    authorities: BTreeMap<String, (i64, Trust)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    device: String,
    authority: String,
    begin: i64,
    end: i64,
    serial: String,
    fingerprint: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Active,
    Replaced(i64),
    Retired(i64),
    Barred(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    Signs,
    Replaced,
    Retired(i64),
}

/// What a branch does.
#[derive(Clone, Debug)]
enum Step {
    Build,
    Add(String),
    Remove(String),
    Renew(Vec<String>),
    Finish(String),
    Revoke(String),
    Bar(String),
    Rotate(&'static str),
    FinishRotation,
}

impl Certificate {
    fn is_admitted(&self) -> bool {
        matches!(self.state, State::Active | State::Replaced(_))
    }

    fn is_over(&self, now: i64) -> bool {
        self.end < now
    }

    /// Such a line may be dropped at any time, and a merge may bring it back: it says nothing any more.
    fn is_gone(&self, now: i64) -> bool {
        !self.is_admitted() && self.is_over(now)
    }
}

impl Model {
    fn of<'a>(&'a mut self, device: &'a str) -> impl Iterator<Item = &'a mut Certificate> {
        let certificates = self.certificates.values_mut();
        certificates.filter(move |certificate| certificate.device == device)
    }

    fn has(&self, device: &str, wanted: impl Fn(State) -> bool) -> bool {
        let mut certificates = self.certificates.values();
        certificates.any(|c| c.device == device && wanted(c.state))
    }

    fn is_barred(&self, device: &str) -> bool {
        self.has(device, |state| matches!(state, State::Barred(_)))
    }

    fn is_replaced(&self, device: &str) -> bool {
        self.has(device, |state| matches!(state, State::Replaced(_)))
    }

    fn signing(&self) -> &str {
        let mut authorities = self.authorities.iter();
        let signing = authorities.find(|(_, (_, trust))| *trust == Trust::Signs);
        signing.expect("one signs").0
    }

    fn is_rotating(&self) -> bool {
        let mut authorities = self.authorities.values();
        authorities.any(|(_, trust)| *trust == Trust::Replaced)
    }

    /// What the command does before it builds.
    fn take(&mut self, step: &Step, now: i64) {
        // Time has passed, whatever the command is about.
        for certificate in self.certificates.values_mut() {
            if matches!(certificate.state, State::Replaced(until) if until <= now) {
                certificate.state = State::Retired(now);
            }
        }
        match step {
            Step::Build => {}
            Step::Add(device) => _ = self.declared.insert(device.clone()),
            Step::Remove(device) => _ = self.declared.remove(device),
            Step::Renew(devices) => {
                let renewed = self.certificates.values_mut();
                for certificate in renewed.filter(|c| devices.contains(&c.device)) {
                    certificate.state = match certificate.state {
                        State::Active if certificate.end <= now => State::Retired(certificate.end),
                        State::Active => State::Replaced(certificate.end.min(now + WINDOW)),
                        State::Barred(since) => State::Retired(since),
                        other => other,
                    };
                }
            }
            Step::Finish(device) => {
                for certificate in self.of(device) {
                    if matches!(certificate.state, State::Replaced(_)) {
                        certificate.state = State::Retired(now);
                    }
                }
            }
            Step::Revoke(device) if self.is_barred(device) => {}
            Step::Revoke(device) => self.shut_out(device, now, State::Retired),
            Step::Bar(device) => self.shut_out(device, now, State::Barred),
            Step::Rotate(_) => {
                for (_, trust) in self.authorities.values_mut() {
                    if *trust == Trust::Signs {
                        *trust = Trust::Replaced;
                    }
                }
            }
            Step::FinishRotation => {
                for (_, trust) in self.authorities.values_mut() {
                    if *trust == Trust::Replaced {
                        *trust = Trust::Retired(now);
                    }
                }
                self.retire_with_authorities();
            }
        }
    }

    fn shut_out(&mut self, device: &str, now: i64, state: fn(i64) -> State) {
        for certificate in self.of(device) {
            if certificate.is_admitted() {
                certificate.state = state(now.max(certificate.begin));
            }
        }
    }

    fn retire_with_authorities(&mut self) {
        for certificate in self.certificates.values_mut() {
            if let Some((_, Trust::Retired(since))) = self.authorities.get(&certificate.authority)
                && certificate.is_admitted()
            {
                certificate.state = State::Retired(certificate.begin.max(*since));
            }
        }
    }

    /// What each build does: retires what is not declared, and says who is to be issued a certificate.
    fn build(&mut self, now: i64) -> BTreeSet<String> {
        for certificate in self.certificates.values_mut() {
            if !self.declared.contains(&certificate.device) {
                certificate.state = match certificate.state {
                    State::Active | State::Replaced(_) => {
                        State::Retired(now.max(certificate.begin))
                    }
                    State::Barred(since) | State::Retired(since) => State::Retired(since),
                };
            }
        }
        let declared = self.declared.iter();
        let is_new = |device: &&String| {
            !self.has(device, |state| {
                matches!(state, State::Active | State::Barred(_))
            })
        };
        declared.filter(is_new).cloned().collect()
    }

    /// Two branches as one: what either has is there, and of one thing the later step prevails.
    fn merge(base: &Model, ours: &Model, theirs: &Model) -> Model {
        let mut merged = ours.clone();
        for device in base.declared.union(&theirs.declared) {
            let [before, here, there] =
                [base, ours, theirs].map(|model| model.declared.contains(device));
            match if here == before { there } else { here } {
                true => _ = merged.declared.insert(device.clone()),
                false => _ = merged.declared.remove(device),
            }
        }
        for (id, (begin, trust)) in &theirs.authorities {
            let (_, known) = merged
                .authorities
                .entry(id.clone())
                .or_insert((*begin, *trust));
            *known = match (*known, *trust) {
                (Trust::Retired(one), Trust::Retired(two)) => Trust::Retired(one.min(two)),
                (one, two) => one.max(two),
            };
        }
        let signing = |(id, (begin, trust)): (&String, &(i64, Trust))| {
            (*trust == Trust::Signs).then(|| (*begin, id.clone()))
        };
        let latest = merged.authorities.iter().filter_map(signing).max();
        for (id, (_, trust)) in &mut merged.authorities {
            if *trust == Trust::Signs && latest.as_ref().is_some_and(|(_, latest)| latest != id) {
                *trust = Trust::Replaced;
            }
        }
        for (id, their) in &theirs.certificates {
            let known = merged
                .certificates
                .entry(id.clone())
                .or_insert_with(|| their.clone());
            known.state = match base.certificates.get(id) {
                // Only a renewal, or a removal, takes a bar away; who has not done it has done nothing.
                Some(before) if before.state == known.state => their.state,
                Some(before) if before.state == their.state => known.state,
                _ => known.state.united(their.state),
            };
        }
        let barred = merged.certificates.values().filter_map(|certificate| {
            let State::Barred(since) = certificate.state else {
                return None;
            };
            Some((certificate.device.clone(), since))
        });
        for (device, since) in barred.collect::<Vec<_>>() {
            merged.shut_out(&device, since, State::Barred);
        }
        merged.retire_with_authorities();
        merged
    }

    /// Who renews a barred device drops the bar once its certificate has ended. A merge may keep the other branch's line of it, and
    /// nothing tells it from a bar that is new: it is one.
    fn bar_again(&mut self, lock: &str, now: i64) {
        let ended = self.certificates.iter().filter(|(_, c)| c.is_gone(now));
        let back = ended.filter_map(|(id, certificate)| {
            let is_it = format!(" id=\"{id}\"");
            let mut lines = lock.lines().filter(|line| line.contains(&is_it)).peekable();
            lines.peek()?;
            let is_barred = lines.all(|line| line.contains(" state=\"barred\""));
            match certificate.state {
                State::Retired(since) if is_barred => {
                    Some((id.clone(), certificate.device.clone(), since))
                }
                _ => None,
            }
        });
        for (id, device, since) in back.collect::<Vec<_>>() {
            self.shut_out(&device, since, State::Barred);
            if let Some(ended) = self.certificates.get_mut(&id) {
                ended.state = State::Barred(since);
            }
        }
    }

    /// The devices with more than one certificate that is the newest.
    fn twice(&self) -> BTreeMap<String, Vec<String>> {
        let mut active: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, certificate) in &self.certificates {
            if certificate.state == State::Active {
                active
                    .entry(certificate.device.clone())
                    .or_default()
                    .push(id.clone());
            }
        }
        active.retain(|_, ids| ids.len() > 1);
        active
    }

    /// Learns from a lock the names of what has been issued to these devices and by whom, and holds all else against it.
    fn compare(
        &mut self,
        lock: &str,
        issued: &BTreeSet<String>,
        rotated: bool,
        now: i64,
    ) -> Result<(), String> {
        let mut found = Model::read(lock);
        let mut new_devices = BTreeSet::new();
        if rotated {
            let (id, (begin, trust)) = found
                .authorities
                .iter()
                .find(|(id, _)| !self.authorities.contains_key(*id))
                .ok_or("no new authority")?;
            self.authorities.insert(id.clone(), (*begin, *trust));
        }
        for (id, certificate) in &found.certificates {
            if self.certificates.contains_key(id) || certificate.is_gone(now) {
                continue;
            }
            let device = &certificate.device;
            let authority = self.signing();
            if !issued.contains(device)
                || !new_devices.insert(device.clone())
                || certificate.state != State::Active
                || certificate.authority != authority
                || certificate.begin != now - HOUR
            {
                return Err(format!("issued against all expectation: {certificate:?}"));
            }
            self.certificates.insert(id.clone(), certificate.clone());
        }
        if new_devices != *issued {
            return Err(format!("issued to {new_devices:?}, not to {issued:?}"));
        }
        if found.authorities != self.authorities {
            return Err(format!(
                "the authorities are {:?}\nand not {:?}",
                found.authorities, self.authorities
            ));
        }
        for (id, certificate) in &self.certificates {
            match found.certificates.remove(id) {
                None if certificate.is_gone(now) => {}
                Some(other) if certificate.is_gone(now) && other.is_gone(now) => {}
                Some(same) if same == *certificate => {}
                other => return Err(format!("{certificate:?}\nis in the lock as {other:?}")),
            }
        }
        Ok(())
    }

    fn read(lock: &str) -> Model {
        let mut model = Model::default();
        for line in lock.lines() {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            let fields: BTreeMap<&str, &str> = rest
                .split(' ')
                .filter_map(|word| word.split_once('='))
                .collect();
            let text = |key: &str| fields[key].trim_matches('"').to_owned();
            let time = |key: &str| text(key).parse::<Timestamp>().expect("a time").as_second();
            let id = rest
                .split(' ')
                .next()
                .expect("a word")
                .trim_matches('"')
                .to_owned();
            let state = fields.get("state").map(|state| state.trim_matches('"'));
            match (name, state) {
                ("authority", state) => {
                    let trust = match state {
                        None => Trust::Signs,
                        Some("replaced") => Trust::Replaced,
                        Some("retired") => Trust::Retired(time("retired")),
                        Some(other) => panic!("{other}"),
                    };
                    let known = model.authorities.insert(id, (time("not-before"), trust));
                    assert!(known.is_none(), "an authority is there twice:\n{lock}");
                }
                ("certificate", Some(state)) => {
                    let state = match state {
                        "active" => State::Active,
                        "replaced" => State::Replaced(time("until")),
                        "retired" => State::Retired(time("retired")),
                        "barred" => State::Barred(time("retired")),
                        other => panic!("{other}"),
                    };
                    let certificate = Certificate {
                        device: id,
                        authority: text("authority"),
                        begin: time("not-before"),
                        end: time("not-after"),
                        serial: text("serial"),
                        fingerprint: text("fingerprint"),
                        state,
                    };
                    let known = model.certificates.insert(text("id"), certificate);
                    assert!(known.is_none(), "a certificate is there twice:\n{lock}");
                }
                _ => {}
            }
        }
        model
    }

    fn declaration(&self) -> String {
        let mut text = String::from(
            "domain \"home.example.com\"\nvalidity { device \"1y\"; renew \"30d\"; }\n",
        );
        for person in PEOPLE {
            text += &format!("person \"{person}\" {{\n    name \"{person}\"\n");
            for device in &self.declared {
                if let Some((owner, name)) = device.split_once('/')
                    && owner == person
                {
                    let short = if device == GUEST {
                        " validity=\"12d\""
                    } else {
                        ""
                    };
                    text += &format!("    device \"{name}\" platform=\"linux\"{short}\n");
                }
            }
            text += "}\n";
        }
        text + "service \"notes\" { upstream \"http://127.0.0.1:1\"; allow \"alice\" \"bob\" \"carol\"; }\n"
    }
}

impl State {
    fn united(self, other: State) -> State {
        match (self, other) {
            (State::Replaced(one), State::Replaced(two)) => State::Replaced(one.min(two)),
            (State::Retired(one), State::Retired(two)) => State::Retired(one.min(two)),
            (State::Barred(one), State::Barred(two) | State::Retired(two))
            | (State::Retired(two), State::Barred(one)) => State::Barred(one.min(two)),
            (one, two) => one.max(two),
        }
    }
}

impl Random {
    fn between(&mut self, first: usize, end: usize) -> i64 {
        i64::try_from(first + self.below(end - first)).expect("it is small")
    }

    fn step(&mut self, model: &Model) -> Step {
        let declared: Vec<String> = model.declared.iter().cloned().collect();
        let all = PEOPLE
            .iter()
            .flat_map(|person| NAMES.map(|name| format!("{person}/{name}")));
        let free: Vec<String> = all
            .filter(|device| !model.declared.contains(device))
            .collect();
        let replaced: Vec<String> = declared
            .iter()
            .filter(|device| model.is_replaced(device))
            .cloned()
            .collect();
        let barred: Vec<String> = declared
            .iter()
            .filter(|device| model.is_barred(device))
            .cloned()
            .collect();
        let step = match self.below(40) {
            0..9 => self.one_of(&free).map(Step::Add),
            9..15 if declared.len() > 4 => self.one_of(&declared).map(Step::Remove),
            15..23 => self
                .one_of(&declared)
                .map(|device| Step::Renew(vec![device])),
            23 if barred.is_empty() => Some(Step::Renew(declared)),
            24..26 => self.one_of(&barred).map(|device| Step::Renew(vec![device])),
            26..29 => self.one_of(&replaced).map(Step::Finish),
            29..33 => self.one_of(&declared).map(Step::Revoke),
            33..36 => self
                .one_of(&declared)
                .filter(|device| !model.is_barred(device))
                .map(Step::Bar),
            36 if !model.is_rotating() => Some(Step::Rotate("--authority")),
            37 | 38 if model.is_rotating() => Some(Step::FinishRotation),
            _ => Some(Step::Build),
        };
        step.unwrap_or(Step::Build)
    }
}

/// A commit of the lock.
#[derive(Clone)]
struct Commit {
    name: String,
    model: Model,
    time: i64,
    steps: Vec<Step>,
}

/// A homelab in git.
struct World {
    lab: Lab,
    random: Random,
    seen: Seen,
}

/// What came about, so that a test that met nothing is known for one.
#[derive(Default, Debug)]
struct Seen {
    merges: usize,
    /// A device had two new certificates.
    twice: usize,
    /// git kept both forms of a line.
    both_forms: usize,
    /// Something was issued or retired only because of the merge.
    settled: usize,
}

impl World {
    fn new(seed: u64) -> (World, Commit) {
        let lab = Lab::new();
        at(&lab, NEW_YEAR, &["init"]).succeeds();
        let declared = [
            "alice/laptop",
            "alice/pixel",
            "bob/laptop",
            "bob/pixel",
            GUEST,
            "carol/pixel",
        ];
        let model = Model {
            declared: declared.map(str::to_owned).into(),
            ..Model::default()
        };
        let world = World {
            lab,
            random: Random(seed),
            seen: Seen::default(),
        };
        let mut main = Commit {
            name: String::new(),
            model,
            time: NEW_YEAR,
            steps: Vec::new(),
        };
        world.lab.write("homelab.kdl", main.model.declaration());
        at(&world.lab, NEW_YEAR, &["build"]).succeeds();
        let issued = main.model.build(NEW_YEAR);
        let lock = world.lab.read("homelab.lock");
        let authority = Model::read(&lock).authorities;
        main.model.authorities = authority;
        main.model
            .compare(&lock, &issued, false, NEW_YEAR)
            .expect("a first build");
        world.git(&["init", "-q"]).succeeds();
        // What is declared is merged by the model: how people resolve that is not the question.
        world
            .git(&["add", ".gitattributes", "homelab.lock", "homelab.age"])
            .succeeds();
        world.git(&["commit", "-qm", "begin"]).succeeds();
        main.name = world.head();
        (world, main)
    }

    fn git(&self, words: &[&str]) -> Outcome {
        self.lab.git(words)
    }

    fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
            .succeeds()
            .stdout()
            .trim()
            .to_owned()
    }

    fn checkout(&self, commit: &Commit) {
        self.git(&["checkout", "-q", "-f", "--detach", &commit.name])
            .succeeds();
        self.lab.write("homelab.kdl", commit.model.declaration());
        // As in a clone of its own: whom another branch has shut out is not known here.
        for memory in ["ca.crl", "ca.crl.der", "exposure.json"] {
            let _ = fs::remove_file(self.lab.path().join("out/edge").join(memory));
        }
        self.lab.forget();
    }

    /// A branch of one to three commands, the first a while after `from`.
    fn branch(&mut self, from: &Commit) -> Commit {
        let mut branch = self.begin(from);
        for _ in 0..=self.random.below(3) {
            let step = self.random.step(&branch.model);
            // In whole hours, so that branches do things in the same second, too; but for authorities, of which the later signs.
            branch.time += self.random.between(1, 60) * HOUR;
            if matches!(step, Step::Rotate(_)) {
                branch.time += self.random.between(1, 3_000);
            }
            self.perform(&mut branch, &step);
        }
        self.committed(branch)
    }

    fn begin(&self, from: &Commit) -> Commit {
        self.checkout(from);
        Commit {
            steps: Vec::new(),
            ..from.clone()
        }
    }

    fn committed(&self, mut commit: Commit) -> Commit {
        self.git(&["commit", "-qam", "done", "--allow-empty"])
            .succeeds();
        commit.name = self.head();
        commit
    }

    /// A branch of one step, so many hours after `from`, that finds no output tree.
    fn one_step(&mut self, from: &Commit, hours: i64, step: &Step) -> Commit {
        self.forget_output();
        let mut branch = self.begin(from);
        branch.time += hours * HOUR;
        self.perform(&mut branch, step);
        self.committed(branch)
    }

    /// A tree is of one root secret, and another branch may not know of it yet.
    fn forget_output(&self) {
        let _ = fs::remove_dir_all(self.lab.path().join("out"));
        self.lab.forget();
    }

    /// The command of a step, and the model's idea of it.
    fn perform(&mut self, branch: &mut Commit, step: &Step) {
        let now = branch.time;
        branch.model.take(step, now);
        self.lab.write("homelab.kdl", branch.model.declaration());
        let mut words: Vec<&str> = match step {
            Step::Build | Step::Add(_) | Step::Remove(_) => vec!["build"],
            Step::Renew(_) => vec!["renew"],
            Step::Finish(device) => vec!["renew", "--finish", device],
            Step::Revoke(device) => vec!["revoke", device],
            Step::Bar(device) => vec!["revoke", "--no-replace", device],
            Step::Rotate(what) => vec!["rotate", what],
            Step::FinishRotation => vec!["rotate", "--finish", "--force"],
        };
        if let Step::Renew(devices) = step {
            words.extend(devices.iter().map(String::as_str));
        }
        let ran = at(&self.lab, now, &words);
        ran.succeeds();
        let issued = match step {
            // It says that the device is out already, and does nothing.
            Step::Revoke(device) if branch.model.is_barred(device) => return,
            _ => branch.model.build(now),
        };
        let rotated = matches!(step, Step::Rotate(_));
        let lock = self.lab.read("homelab.lock");
        if let Err(wrong) = branch.model.compare(&lock, &issued, rotated, now) {
            panic!("{step:?} after {:?}: {wrong}\n{ran}\n{lock}", branch.steps);
        }
        branch.steps.push(step.clone());
    }

    /// Their branch into ours, and a build.
    fn merge(&mut self, base: &Commit, ours: &Commit, theirs: &Commit) -> Commit {
        let told = format!(
            "{:?}\nmerged with {:?}\nafter {:?}",
            ours.steps, theirs.steps, base.steps
        );
        self.checkout(ours);
        let merged = self.git(&["merge", "-q", "--no-edit", &theirs.name]);
        assert!(merged.status.success(), "{told}\n{merged}");
        let lock = self.lab.read("homelab.lock");
        let mut model = Model::merge(&base.model, &ours.model, &theirs.model);
        let now = ours.time.max(theirs.time) + HOUR;
        model.bar_again(&lock, now);
        self.seen.merges += 1;
        self.seen.both_forms += usize::from(has_both_forms(&lock));
        self.lab.write("homelab.kdl", model.declaration());

        let mut twice = model.twice();
        // A newest one that has ended may have been dropped by one branch, and the merge may have brought it back.
        for (id, certificate) in model.certificates.iter().filter(|(_, c)| c.is_gone(now)) {
            let either = [&ours.model, &theirs.model];
            let active = |c: &&Certificate| c.state == State::Active;
            let was_active = either
                .iter()
                .any(|m| m.certificates.get(id).is_some_and(|c| active(&c)));
            let device = &certificate.device;
            let newer = model
                .certificates
                .iter()
                .find(|(_, c)| active(c) && c.device == *device);
            if let (true, Some((newer, _))) = (was_active, newer) {
                let both = twice
                    .entry(device.clone())
                    .or_insert_with(|| vec![newer.clone()]);
                both.push(id.clone());
            }
        }
        let mut built = at(&self.lab, now, &["build"]);
        let all = twice.values().flatten();
        let over: BTreeSet<&String> = all
            .filter(|id| model.certificates[*id].is_over(now))
            .collect();
        let is_sure = |ids: &Vec<String>| ids.iter().filter(|id| !over.contains(id)).count() > 1;
        let refused = !twice.is_empty() && !built.status.success();
        if refused || twice.values().any(is_sure) {
            self.seen.twice += 1;
            built.fails_with(3);
            built.stderr_contains("two branches issued it each");
            assert_eq!(self.lab.read("homelab.lock"), lock, "{told}\n{built}");
            for device in twice.iter().filter(|(_, ids)| is_sure(ids)) {
                built.stderr_contains(&format!("homelab.lock has `{}` twice", device.0));
            }
        }
        let mut kept = lock.clone();
        for ids in twice.values() {
            let living: Vec<&String> = ids.iter().filter(|id| !over.contains(id)).collect();
            let on_the_device = living[self.random.below(living.len())];
            for other in ids.iter().filter(|id| *id != on_the_device) {
                let is_it = format!(" id=\"{other}\"");
                let lines = kept.lines().filter(|line| !line.contains(&is_it));
                kept = lines.map(|line| format!("{line}\n")).collect();
                if !built.status.success() || over.contains(other) {
                    model.certificates.remove(other);
                }
            }
        }
        if !built.status.success() {
            self.lab.write("homelab.lock", &kept);
            built = at(&self.lab, now, &["build"]);
        }
        assert!(built.status.success(), "{told}\n{built}\n{lock}");
        model.take(&Step::Build, now);
        let before: Vec<State> = model.certificates.values().map(|c| c.state).collect();
        let issued = model.build(now);
        let after: Vec<State> = model.certificates.values().map(|c| c.state).collect();
        self.seen.settled += usize::from(!issued.is_empty() || before != after);
        let result = self.lab.read("homelab.lock");
        let compared = model.compare(&result, &issued, false, now);
        if let Err(wrong) = compared.and_then(|()| self.edge_is(&model)) {
            panic!("{told}\n{wrong}\n{built}\nmerged:\n{lock}\nbuilt:\n{result}");
        }
        if self.seen.merges.is_multiple_of(20) {
            let checked = at(&self.lab, now, &["build", "--check"]);
            assert!(checked.status.success(), "{told}\n{checked}");
        }
        Commit {
            name: String::new(),
            model,
            time: now,
            steps: Vec::new(),
        }
    }

    /// Whether the Caddyfile lets in whom the model does, and the revocation lists have the others.
    fn edge_is(&self, model: &Model) -> Result<(), String> {
        let let_in = self.lab.let_in();
        let admitted = model.certificates.values().filter(|c| c.is_admitted());
        let admitted: BTreeSet<String> = admitted.map(|c| c.fingerprint.clone()).collect();
        if let_in != admitted {
            return Err(format!("the edge lets in {let_in:?}\nand not {admitted:?}"));
        }
        let lists = self
            .lab
            .read("out/edge/ca.crl")
            .replace("-----END X509 CRL-----", "");
        let lists: Vec<Vec<u8>> = lists
            .split("-----BEGIN X509 CRL-----")
            .map(|base64| {
                BASE64
                    .decode(base64.replace('\n', "").as_bytes())
                    .expect("it is base64")
            })
            .collect();
        for certificate in model.certificates.values() {
            let serial = data_encoding::HEXLOWER.decode(certificate.serial.as_bytes());
            let serial = serial.expect("it is in hexadecimal digits");
            let has_it = |list: &Vec<u8>| list.windows(serial.len()).any(|part| part == serial);
            let is_listed = lists.iter().any(has_it);
            let (_, trust) = model.authorities[&certificate.authority];
            let is_trusted = !matches!(trust, Trust::Retired(_));
            match (certificate.is_admitted(), is_trusted) {
                (true, _) if is_listed => return Err(format!("revoked: {certificate:?}")),
                // Dropped where it has ended: then it need not be listed.
                (false, true)
                    if !is_listed
                        && self.lab.read("homelab.lock").contains(&certificate.serial) =>
                {
                    return Err(format!("not on a revocation list: {certificate:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a certificate is in the lock in two forms.
fn has_both_forms(lock: &str) -> bool {
    let ids = lock
        .lines()
        .filter_map(|line| line.split_once(" id=\"")?.1.get(..32));
    let mut seen = BTreeSet::new();
    { ids }.any(|id| !seen.insert(id))
}

fn at(lab: &Lab, time: i64, arguments: &[&str]) -> Outcome {
    let command = lab.command(arguments.iter().copied());
    command.at(time).run()
}

/// So many merges; each round begins at one of the last.
#[track_caller]
fn merges(seed: u64) {
    const COUNT: usize = 250;
    let seed = env::var("MERGES_SEED").map_or(seed, |text| text.parse().expect("it is a number"));
    // Shown where the test fails.
    println!("MERGES_SEED={seed}");
    let (mut world, mut main) = World::new(seed);
    while world.seen.merges < COUNT {
        let branches: Vec<Commit> = (0..BRANCHES).map(|_| world.branch(&main)).collect();
        let pairs = (0..BRANCHES).flat_map(|one| (0..one).map(move |other| (one, other)));
        let mut pairs: Vec<(usize, usize)> = pairs.collect();
        pairs.truncate(COUNT - world.seen.merges);
        let goes_on = world.random.below(pairs.len());
        let mut next = None;
        for (number, (one, other)) in pairs.into_iter().enumerate() {
            let turned = world.random.below(2) == 0;
            let (ours, theirs) = if turned { (other, one) } else { (one, other) };
            let merged = world.merge(&main, &branches[ours], &branches[theirs]);
            if number == goes_on {
                next = Some(world.committed(merged));
            }
        }
        main = next.expect("one of them went on");
    }
    println!("{:?}", world.seen);
    let Seen {
        twice,
        both_forms,
        settled,
        ..
    } = world.seen;
    assert!(
        twice > 10 && both_forms > 10 && settled > 10,
        "{:?}",
        world.seen
    );
    fs::remove_dir_all(world.lab.path()).expect("it is a directory");
}

#[test]
fn a_first_quarter_of_a_thousand_merges_is_as_modelled() {
    merges(1);
}

#[test]
fn a_second_quarter_of_a_thousand_merges_is_as_modelled() {
    merges(2);
}

#[test]
fn a_third_quarter_of_a_thousand_merges_is_as_modelled() {
    merges(3);
}

#[test]
fn a_last_quarter_of_a_thousand_merges_is_as_modelled() {
    merges(4);
}

/// One branch goes over to another root secret, the other does whatever else.
#[test]
fn another_root_secret_merges_with_every_other_step() {
    let (mut world, main) = World::new(5);
    let pixel = || String::from("alice/pixel");
    for other in [
        Step::Add(String::from("bob/desk")),
        Step::Remove(pixel()),
        Step::Renew(vec![pixel()]),
        Step::Revoke(pixel()),
        Step::Bar(pixel()),
    ] {
        let rotated = world.one_step(&main, 2, &Step::Rotate("--root"));
        let done = world.one_step(&main, 3, &other);
        for (ours, theirs) in [(&rotated, &done), (&done, &rotated)] {
            world.forget_output();
            world.merge(&main, ours, theirs);
        }
    }
}

/// Who signs cannot be told then; a side of the merge, whole, is a homelab.
#[test]
fn two_rotations_of_which_one_is_of_the_root_are_told_with_a_remedy_that_works() {
    let (mut world, main) = World::new(6);
    for (one, other) in [("--root", "--authority"), ("--authority", "--root")] {
        let ours = world.one_step(&main, 2, &Step::Rotate(one));
        let theirs = world.one_step(&main, 3, &Step::Rotate(other));
        world.forget_output();
        world.checkout(&ours);
        world
            .git(&["merge", "-q", "--no-edit", &theirs.name])
            .succeeds();
        at(&world.lab, theirs.time, &["build"])
            .fails_with(3)
            .stderr_contains("of one side as they are, and do again what the other did");
        world
            .git(&["checkout", &ours.name, "--", "homelab.lock", "homelab.age"])
            .succeeds();
        at(&world.lab, theirs.time, &["build"]).succeeds();
        at(&world.lab, theirs.time, &["build", "--check"]).succeeds();
        at(&world.lab, theirs.time, &["renew", "alice/pixel"]).succeeds();
    }
}

/// What the thousand merges rest on: without the line that `init` writes, git leaves marks, and they are told as such.
#[test]
fn without_the_attribute_branches_conflict() {
    let (mut world, main) = World::new(7);
    // A line of the user's, which no build overrules.
    world.lab.write(".gitattributes", "homelab.lock text\n");
    let main = world.committed(main);
    let ours = world.one_step(&main, 2, &Step::Add(String::from("alice/tablet")));
    let theirs = world.one_step(&main, 3, &Step::Add(String::from("alice/watch")));
    world.checkout(&ours);
    let merged = world.git(&["merge", "-q", "--no-edit", &theirs.name]);
    merged.fails_with(1).stdout_contains("CONFLICT");
    at(&world.lab, theirs.time, &["build"])
        .fails_with(3)
        .stderr_contains("lock::merge-conflict");
}
