//! Folders of people of which nothing has changed are not put together again: what a build makes is what one makes that knows nothing.

use std::collections::BTreeMap;
use std::fs;

use super::home::homelab;
use super::support::lab::Lab;
use super::support::random::Random;

const PLATFORMS: [&str; 4] = ["android", "ios", "linux", "windows"];

/// What is declared: of each person the name to show and the devices, and who is in the group.
#[derive(Default)]
struct Declared {
    people: BTreeMap<usize, (usize, BTreeMap<usize, usize>)>,
    family: Vec<usize>,
    port: usize,
}

impl Declared {
    fn edit(&mut self, random: &mut Random) {
        let person = random.below(5);
        match random.below(10) {
            0 => drop(self.people.remove(&person)),
            1 => self.family = (0..5).filter(|_| random.below(2) == 0).collect(),
            2 => self.port = random.below(3),
            number => {
                let (name, devices) = self.people.entry(person).or_default();
                let device = random.below(3);
                match number {
                    3 => *name = random.below(3),
                    4 | 5 => drop(devices.remove(&device)),
                    _ => drop(devices.insert(device, random.below(PLATFORMS.len()))),
                }
            }
        }
    }

    fn devices(&self) -> Vec<String> {
        let people = self.people.iter();
        let devices = people.flat_map(|(person, (_, devices))| {
            devices
                .keys()
                .map(move |device| format!("p{person}/d{device}"))
        });
        devices.collect()
    }

    fn kdl(&self) -> String {
        let mut text = String::from("domain \"home.example.com\"\n");
        for (person, (name, devices)) in &self.people {
            text += &format!("person \"p{person}\" {{\n    name \"Person {name}\"\n");
            for (device, platform) in devices {
                let platform = PLATFORMS[*platform];
                text += &format!("    device \"d{device}\" platform=\"{platform}\"\n");
            }
            text += "}\n";
        }
        let family = self
            .family
            .iter()
            .filter(|person| self.people.contains_key(person));
        let family: Vec<String> = family.map(|person| format!(" \"p{person}\"")).collect();
        if !family.is_empty() {
            text += &format!("group \"family\"{}\n", family.concat());
            text += &format!(
                "service \"s\" {{ upstream \"http://127.0.0.1:{}\"; allow \"family\"; }}\n",
                9000 + self.port
            );
        }
        text
    }
}

/// What of the tree lies in folders of people.
fn in_folders(lab: &Lab) -> Vec<String> {
    let files = lab.snapshot().into_keys();
    files
        .filter(|path| path.starts_with("out/people/") && path.contains('.'))
        .collect()
}

#[test]
fn whatever_is_declared_is_built_as_if_nothing_were_known() {
    let (mut declared, mut random) = (Declared::default(), Random(0x9e37_79b9));
    for _ in 0..24 {
        declared.edit(&mut random);
    }
    let lab = Lab::new().declare(&declared.kdl());
    for round in 0..60 {
        homelab(&lab, ["build", "--allow-retire", "100"])
            .run()
            .succeeds();
        // What was just made is known when it was read once.
        homelab(&lab, ["build"]).run().succeeds();
        if round % 3 == 1
            && let Some(device) = random.one_of(&declared.devices())
        {
            // What declares it is as it was.
            homelab(&lab, ["renew", &device]).run().succeeds();
            homelab(&lab, ["build", "--check"]).run().succeeds();
            homelab(&lab, ["build"]).run().succeeds();
        }
        let files = in_folders(&lab);
        for _ in 0..=random.below(2) {
            declared.edit(&mut random);
        }
        lab.write("homelab.kdl", declared.kdl());
        let harmed = random.one_of(&files).filter(|_| round % 3 == 0);
        if let Some(path) = &harmed {
            let path = lab.path().join(path);
            let done = match round % 2 {
                0 => fs::remove_file(path),
                _ => fs::write(path, "other"),
            };
            done.expect("it is there");
        }
        let told = homelab(&lab, ["plan", "-v"]).run();
        if let Some(path) = &harmed {
            let name = path.rsplit('/').next().expect("it has a name");
            assert!(
                told.succeeds().stdout().contains(name),
                "round {round}: {path}"
            );
        }
        homelab(&lab, ["build", "--allow-retire", "100"])
            .run()
            .succeeds();
        homelab(&lab, ["build", "--check"]).run().succeeds();
    }
}
