//! People and their groups.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::devices::Taken;
use super::meant::{self, Public};
use super::names::Declared;
use super::settings::Validity;
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{DeviceId, DisplayName, Domain, Email, Language, Name, Person};
use crate::parse::Declaration;
use crate::parse::declaration::{GroupLine, PersonBlock, Text};

/// Everybody who is declared, and the groups they are in.
pub(super) struct People {
    pub people: BTreeMap<Name, Person>,
    /// The members of each group.
    pub groups: BTreeMap<Name, BTreeSet<Name>>,
    person_names: Declared,
    group_names: Declared,
}

/// The first group, which mostly is the only one, is taken over whole: that is quick.
fn merge(members: &mut BTreeSet<Name>, group: &BTreeSet<Name>) {
    if members.is_empty() {
        members.clone_from(group);
    } else {
        members.extend(group.iter().cloned());
    }
}

/// A name as names are spelt, where it was written as people are called.
fn spelt(name: &str) -> String {
    meant::name(name).map_or_else(|| name.to_owned(), |name| name.to_string())
}

/// The help for `"alice, bob"`.
fn help_for_several(node: &str, written: &str) -> Option<String> {
    let parts = written
        .split([',', ' ', ';'])
        .filter(|part| !part.is_empty());
    let parts: Option<Vec<String>> = parts
        .map(|part| Some(format!(" \"{}\"", Name::new(part).ok()?)))
        .collect();
    let parts = parts.filter(|parts| parts.len() > 1)?;
    let first = if node == "group" { " \"…\"" } else { "" };
    Some(format!(
        "put each name in quotes of its own: `{node}{first}{}`",
        parts.concat()
    ))
}

impl Resolver<'_> {
    pub(super) fn people(
        &mut self,
        declaration: &Declaration,
        domain: Option<&Domain>,
        validity: &Validity,
    ) -> People {
        let mut resolved = People {
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            person_names: Declared::new("person"),
            group_names: Declared::new("group"),
        };
        let mut taken = Taken::default();
        for block in &declaration.people {
            let declared = self.declare(&mut resolved.person_names, &block.name);
            if let Some(person) = self.person(block, declared, domain, validity, &mut taken) {
                resolved.people.insert(person.name.clone(), person);
            }
        }
        for line in &declaration.groups {
            self.group(line, &mut resolved);
        }
        resolved
    }

    fn person(
        &mut self,
        block: &PersonBlock,
        name: Option<Name>,
        domain: Option<&Domain>,
        validity: &Validity,
        taken: &mut Taken,
    ) -> Option<Person> {
        let display_name = match &block.display_name {
            Some(written) => self.display_name(written),
            // A bad name that stands in as the name to show has been reported as a name.
            None => DisplayName::new(&block.name.value).ok(),
        };
        let email = match &block.email {
            Some(written) => self.email(written),
            None => name
                .as_ref()
                .zip(domain)
                .and_then(|(name, domain)| Email::new(&format!("{name}@{domain}")).ok()),
        };
        let language = match &block.language {
            Some(written) => self.language(written).map(Some),
            None => Some(None),
        };
        let mut device_names = Declared::new("device");
        let mut devices = BTreeMap::new();
        for line in &block.devices {
            let declared = self.declare(&mut device_names, &line.name);
            let id = name.clone().zip(declared);
            let device = self.device(line, id, validity, taken);
            devices.extend(device.map(|device| (device.id.device.clone(), device)));
        }
        Some(Person {
            name: name?,
            display_name: display_name?,
            email: email?,
            language: language?,
            groups: BTreeSet::new(),
            devices,
            declared: self.declared(block),
        })
    }

    /// Reads a name to show.
    pub(super) fn display_name(&mut self, written: &Text) -> Option<DisplayName> {
        self.read(written, DisplayName::new, |name, why| {
            mistake!(
                "resolve::bad-display-name",
                "`{name}` cannot be shown as a name",
                at(written.span, "{why}"),
                help("write the name as the person would"),
            )
        })
    }

    /// An address that certificates and Caddyfiles take as it is.
    pub(super) fn email(&mut self, written: &Text) -> Option<Email> {
        self.read(written, Email::new, |address, why| {
            mistake!(
                "resolve::bad-email",
                "`{address}` is no e-mail address that a certificate can hold",
                at(written.span, "{why}"),
                help("write a plain one, such as `alice@example.com`"),
            )
        })
    }

    fn language(&mut self, written: &Text) -> Option<Language> {
        let languages = self.languages;
        let known = |tag: &str| {
            let mut languages = languages.iter();
            languages.find(|known| known.as_str() == tag).cloned()
        };
        self.know(written, known, |tag| {
            let meant = did_you_mean(tag, languages.iter().map(Language::as_str));
            let help = match Language::new(tag) {
                Some(tag) if meant.ends_with('?') => {
                    format!("{meant} Or add it: `templates/messages/{tag}.kdl`")
                }
                Some(tag) => format!("{meant}; or add it: `templates/messages/{tag}.kdl`"),
                None => meant,
            };
            mistake!(
                "resolve::unknown-language",
                "there is no guide in the language `{tag}`",
                at(written.span, "not known"),
                help(help),
            )
        })
    }

    fn group(&mut self, line: &GroupLine, resolved: &mut People) {
        let Some(name) = self.declare(&mut resolved.group_names, &line.name) else {
            return;
        };
        if let Some(first) = resolved.person_names.place(name.as_str()) {
            self.refuse(mistake!(
                "resolve::ambiguous-name",
                "`{name}` is a person and a group",
                at(line.name.span, "this group"),
                at(first, "has the name of this person"),
                help("rename the group: `allow \"{name}\"` could mean either"),
            ));
        }
        let mut members = BTreeSet::new();
        for item in self.each_once(&line.members) {
            if resolved.person_names.place(&item.value).is_none() {
                self.refuse_unknown_person(item, resolved);
                continue;
            }
            let person = Name::new(&item.value).expect("a declared person's name is a name");
            if let Some(person) = resolved.people.get_mut(&person) {
                person.groups.insert(name.clone());
            }
            members.insert(person);
        }
        resolved.groups.insert(name, members);
    }

    fn refuse_unknown_person(&mut self, item: &Text, resolved: &People) {
        let name = &item.value;
        if self.unread.words.has(name) {
            return;
        }
        let help = match resolved.group_names.place(name) {
            Some(_) => Some("list the people: a group cannot hold another".into()),
            None => help_for_several("group", name)
                .or_else(|| self.meant(&spelt(name), item.span, resolved.person_names.names())),
        };
        self.refuse(mistake!(
            "resolve::unknown-person",
            "there is no person `{name}`",
            at(item.span, "not declared"),
            help(help),
        ));
    }

    fn help_for_member(&self, all: &People, item: &Text) -> Option<String> {
        let name = &item.value;
        if name.contains('\u{a0}') {
            let spelt = spelt(name);
            return Some(format!(
                "it has a no-break space (U+00A0), which looks like any other: write `{spelt}` anew"
            ));
        }
        match meant::public(name) {
            Some(Public::Lan) => {
                return Some(
                    "`open \"lan\"` is what lets in whoever is at home, without a certificate"
                        .into(),
                );
            }
            Some(Public::Everyone) => {
                let people: Vec<String> = { all.person_names.names() }
                    .take(4)
                    .map(|name| format!(" \"{name}\""))
                    .collect();
                return Some(format!(
                    "`open \"everyone\"` is what opens it, to everyone and without a certificate; for all who have one, name them: `group \"everybody\"{}`",
                    people.concat()
                ));
            }
            None => {}
        }
        let known = all.person_names.names().chain(all.group_names.names());
        help_for_several("allow", name).or_else(|| self.meant(&spelt(name), item.span, known))
    }

    /// Resolves `allow "family" "alice" "bob/laptop"` to people and single devices.
    pub(super) fn members(
        &mut self,
        all: &People,
        list: &[&Text],
    ) -> (BTreeSet<Name>, BTreeSet<DeviceId>) {
        let (mut members, mut devices) = (BTreeSet::new(), BTreeSet::new());
        for item in self.each_once(list.iter().copied()) {
            if item.value.contains('/') {
                devices.extend(self.single_device(all, item));
                continue;
            }
            let name = Name::new(&item.value).ok();
            if let Some(group) = name.as_ref().and_then(|name| all.groups.get(name)) {
                merge(&mut members, group);
            } else if all.person_names.place(&item.value).is_some() {
                members.extend(name);
            } else if all.group_names.place(&item.value).is_none()
                && !self.unread.words.has(&item.value)
            {
                let name = &item.value;
                let help = self.help_for_member(all, item);
                self.refuse(mistake!(
                    "resolve::unknown-member",
                    "there is no person or group `{name}`",
                    at(item.span, "not declared"),
                    help(help),
                ));
            }
        }
        (members, devices)
    }

    /// A device that is named as `bob/laptop`.
    fn single_device(&mut self, all: &People, item: &Text) -> Option<DeviceId> {
        let id: Option<DeviceId> = item.value.parse().ok();
        let owner = id.as_ref().and_then(|id| all.people.get(&id.person));
        if let (Some(id), Some(owner)) = (&id, owner)
            && owner.devices.contains_key(&id.device)
        {
            return Some(id.clone());
        }
        // A device with a mistake in its line is not among those of its person.
        let owner = owner.filter(|_| self.first.is_told_at(item.span));
        let devices = owner.iter().flat_map(|owner| owner.devices.values());
        let devices: Vec<String> = devices.map(|device| device.id.to_string()).collect();
        let name = &item.value;
        let help = self.meant(name, item.span, devices.iter().map(String::as_str));
        self.refuse(mistake!(
            "resolve::unknown-allowed-device",
            "there is no device `{name}`",
            at(item.span, "not declared"),
            help(help),
        ));
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::source::Source;
    use miette::Diagnostic;

    /// Without a clock: what was meant is looked for no more often than it is told.
    #[test]
    fn what_was_meant_is_looked_for_where_it_is_told() {
        let people: Vec<String> = (0..300).map(|n| format!("person \"p{n}\"\n")).collect();
        let called: Vec<String> = (0..300).map(|n| format!(" \"q{n}\"")).collect();
        let devices: Vec<String> = (0..300).map(|n| format!(" \"p/q{n}\"")).collect();
        let text = format!(
            "domain \"home.example.com\"\n{}group \"g\"{}\nservice \"s\" {{ allow{}; }}\n\
             person \"p\" {{ device \"d\" platform=\"linux\"; }}\nservice \"t\" {{ allow{}; }}\n",
            people.concat(),
            called.concat(),
            called.concat(),
            devices.concat(),
        );
        let source = Source::new("homelab.kdl", text);
        let (declaration, _) = crate::parse::parse(&source).unwrap();
        let mut resolver = super::Resolver {
            source: &source,
            catalogue: &std::sync::Arc::default(),
            languages: &[],
            unread: &declaration.unread,
            mistakes: Vec::new(),
            first: crate::diagnostic::First::default(),
        };
        resolver.homelab(&declaration);
        let unknown = resolver.mistakes.iter().filter(|mistake| {
            ["resolve::unknown-person", "resolve::unknown-member"].contains(&mistake.slug())
        });
        assert_eq!(unknown.clone().count(), 600);
        // The names of a list are not gone through in the order of their places: some are told for a while only.
        let helped = unknown.filter(|mistake| mistake.help().is_some());
        assert!((100..200).contains(&helped.count()));
        let unknown = { resolver.mistakes.iter() }
            .filter(|mistake| mistake.slug() == "resolve::unknown-allowed-device");
        assert_eq!(unknown.clone().count(), 300);
        assert!(unknown.clone().all(|mistake| mistake.help().is_none()));
        let told = crate::diagnostic::Mistakes::new(&source, resolver.mistakes);
        let told: Vec<_> = told.into_reports().collect();
        assert!(told.iter().all(|report| report.help().is_some()));
    }
}
