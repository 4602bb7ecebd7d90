//! Declarations that a machine made up: Caddy is to make of each what a second reading of it says.
//!
//! Nothing here asks the library. A declaration is a value of the test's own types; it goes to `homelab` as `homelab.kdl`, what comes
//! out goes to both Caddys, and what those say is held against what the same value means.
//!
//! | module | holds |
//! |---|---|
//! | `declaration`, `known` | the types, and what values of them are known by heart |
//! | `written` | a declaration as KDL |
//! | `words`, `strategy` | declarations that are valid, with words in them that hurt |
//! | `reading` | what a declaration means |
//! | `expected`, `pages`, `steps` | what Caddy is to make of one |
//! | `structure` | the generated ones, held against that |
//! | `rich`, `estate` | a rich one, running |
//! | `granted`, `readings` | what policies make of a request, and what upstreams may take it for |
//! | `answers`, `visits` | what each visitor is to get there, and gets |
//! | `drawn` | services whose policies are made up, before upstreams that read paths each in their own way |
//! | `exposure` | the report, held against the same Caddy |
//! | `weakened` | templates that are less than ours, which the others notice |

#[path = "generated/answers.rs"]
mod answers;
#[path = "generated/declaration.rs"]
mod declaration;
#[path = "generated/drawn.rs"]
mod drawn;
#[path = "generated/estate.rs"]
mod estate;
#[path = "generated/expected.rs"]
mod expected;
#[path = "generated/exposure.rs"]
mod exposure;
#[path = "generated/granted.rs"]
mod granted;
#[path = "generated/known.rs"]
mod known;
#[path = "generated/pages.rs"]
mod pages;
#[path = "generated/reading.rs"]
mod reading;
#[path = "generated/readings.rs"]
mod readings;
#[path = "generated/rich.rs"]
mod rich;
#[path = "generated/steps.rs"]
mod steps;
#[path = "generated/strategy.rs"]
mod strategy;
#[path = "generated/structure.rs"]
mod structure;
#[path = "generated/visits.rs"]
mod visits;
#[path = "generated/weakened.rs"]
mod weakened;
#[path = "generated/words.rs"]
mod words;
#[path = "generated/written.rs"]
mod written;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::described;
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use declaration::{Certificates, Declaration};

/// The declaration, built; after a build of what was before, where something was.
fn built(declared: &Declaration) -> Result<Lab, String> {
    let lab = Lab::new();
    let mut people = declared.people.iter();
    if people.any(|person| !person.former.is_empty()) {
        build(&lab, &declared.kdl_before())?;
    }
    build(&lab, &declared.kdl())?;
    Ok(lab)
}

fn build(lab: &Lab, kdl: &str) -> Result<(), String> {
    lab.write("homelab.kdl", kdl);
    // Where few have many lost devices, that is meant.
    let outcome = lab.command(["build", "--allow-retire", "99"]).run();
    let failed = !outcome.status.success();
    if failed {
        Err(format!("{outcome}\n{kdl}"))
    } else {
        Ok(())
    }
}

/// Which device has which fingerprint, as the lock tells.
fn fingerprints(lab: &Lab) -> BTreeMap<String, String> {
    let lock = lab.read("homelab.lock");
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let certificates = lock.lines().filter(|line| line.starts_with("certificate "));
    certificates
        .filter_map(|line| Some((field(line, "fingerprint=")?, field(line, "certificate ")?)))
        .collect()
}

/// All that is different from what the declaration means, in both Caddys or in those that are new enough.
fn differences(declared: &Declaration, lab: &Lab) -> Vec<String> {
    let caddyfile = lab.built_edge();
    let (readable, mut wrong) = without_plugin(declared, &caddyfile);
    for version in versions(declared) {
        let of_this = format!("{version:?}: ");
        let mut found = adapted_differences(declared, lab, *version, &readable);
        found.extend(crate::files::ill_formatted(*version, &caddyfile));
        wrong.extend(found.into_iter().map(|what| of_this.clone() + &what));
    }
    wrong
}

/// The Caddys that are to take the file.
fn versions(declared: &Declaration) -> &'static [Version] {
    if declared.knows(8) {
        &[Version::New]
    } else {
        &Version::ALL
    }
}

/// The file without the one line that needs a plugin, which no test has.
fn without_plugin(declared: &Declaration, caddyfile: &str) -> (String, Vec<String>) {
    const LINE: &str = "acme_dns nobody {env.TOKEN}\n";
    let expected = usize::from(matches!(declared.edge.certificates, Certificates::Dns));
    let found = caddyfile.matches(LINE).count();
    let wrong = (found != expected).then(|| format!("{found} lines of the provider"));
    (caddyfile.replacen(LINE, "", 1), wrong.into_iter().collect())
}

fn adapted_differences(
    declared: &Declaration,
    lab: &Lab,
    version: Version,
    caddyfile: &str,
) -> Vec<String> {
    let adapted = version.adapt(caddyfile, &lab.path());
    if !adapted.status.success() {
        return vec![format!("it is not taken\n{adapted}")];
    }
    let json: Value = serde_json::from_str(adapted.stdout()).expect("it is JSON");
    let mut wrong = described::differences(&json, &fingerprints(lab), &expected::meaning(declared));
    wrong.extend(other_authorities(lab, &json));
    wrong.extend(misaddressed(declared, &json));
    wrong.extend(issued_otherwise(declared, &json["apps"]["tls"]));
    wrong
}

/// Client certificates are of the authority in the file beside, and of no other.
fn other_authorities(lab: &Lab, json: &Value) -> Option<String> {
    let pem = lab.read("out/edge/ca.pem");
    let ours: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let trusted = values(json, "trusted_ca_certs");
    let all_ours = trusted
        .iter()
        .all(|certificates| **certificates == Value::from(vec![&ours[..]]));
    (!all_ours).then(|| format!("trusted: {trusted:?}"))
}

/// Pages name whom to ask.
fn misaddressed(declared: &Declaration, json: &Value) -> Option<String> {
    let told = match &declared.edge.email {
        None => format!("whoever runs {}", declared.domain),
        Some(email) => email.clone(),
    };
    let pages: Vec<&str> = values(json, "body")
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    let other = pages.iter().find(|page| {
        let (shown, linked) = match page.split_once(" href=\"mailto:") {
            Some((_, link)) => {
                let (to, text) = link.split_once("\">").expect("a link has a text");
                let (text, _) = text.split_once("</a>").expect("it ends");
                let to = described::unescaped(to);
                (described::unescaped(text), to == as_in_a_link(&told))
            }
            None => (
                told.clone(),
                without_bdi(page).contains(&told) && declared.edge.email.is_none(),
            ),
        };
        shown != told || !linked
    });
    other.map(|page| format!("not addressed to {told}: {page}"))
}

/// A page without what keeps a name's direction apart from that of the text around it.
fn without_bdi(page: &str) -> String {
    page.replace("<bdi>", "").replace("</bdi>", "")
}

/// An address as it stands behind `mailto:` (RFC 6068 §2).
fn as_in_a_link(address: &str) -> String {
    let encoded = address.chars().map(|character| match character {
        '%' | '?' | '#' | '&' => format!("%{:02X}", u32::from(character)),
        other => other.to_string(),
    });
    encoded.collect()
}

/// What is said of the sites' own certificates.
fn issued_otherwise(declared: &Declaration, tls: &Value) -> Option<String> {
    // Also where nothing comes by ACME, Caddy notes whom an authority could write to.
    let email = declared.edge.email.as_ref();
    let mut emails = values(tls, "email").into_iter();
    let right = match &declared.edge.certificates {
        Certificates::Internal => {
            let internal = json!([{ "issuers": [{ "module": "internal" }] }]);
            *tls == json!({ "automation": { "policies": internal } })
        }
        Certificates::Files { cert, key } => {
            let file = json!({ "certificate": cert, "key": key, "tags": ["cert0"] });
            tls["certificates"] == json!({ "load_files": [file] })
        }
        Certificates::Acme | Certificates::Dns => tls["certificates"].is_null(),
    };
    let right = right && emails.all(|found| found.as_str() == email.map(String::as_str));
    (!right).then(|| format!("certificates of the sites: {tls}"))
}

/// All values of that key, however deep.
fn values<'a>(json: &'a Value, key: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    match json {
        Value::Object(fields) => {
            found.extend(fields.get(key));
            fields
                .values()
                .for_each(|field| found.extend(values(field, key)));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| found.extend(values(item, key))),
        _ => {}
    }
    found
}
