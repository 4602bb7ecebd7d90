//! What is said of the Caddy that is declared.

use super::report;
use crate::model::{CaddyVersion, Homelab, holes_of};

/// Says once which known holes the declared Caddy has. Where none is declared nothing is known of it:
/// `verify --live` looks at the one that runs.
pub fn doubt(homelab: &Homelab) {
    if let Some(version) = homelab.edge.promised {
        for line in doubts(version) {
            report::note(line);
        }
    }
}

fn doubts(version: CaddyVersion) -> Vec<String> {
    let (open, closed): (Vec<_>, Vec<_>) = holes_of(version).partition(|hole| hole.is_open());
    if open.is_empty() && closed.is_empty() {
        return Vec::new();
    }
    let safe = CaddyVersion::SAFE;
    let what = match version == version.first_release() {
        true => format!("Caddy {version}"),
        false => format!("Some Caddy {version}"),
    };
    let mut lines = vec![match open.len() {
        0 => format!("{what} has known holes, all of which the generated lines close."),
        1 => format!("{what} has a known hole that no generated line closes:"),
        count => format!("{what} has {count} known holes that no generated line closes:"),
    }];
    lines.extend(
        open.iter()
            .map(|hole| format!("  {}: {}", hole.id, hole.lets)),
    );
    lines.push(match closed.len() {
        0 => String::new(),
        1 => String::from("Another one is closed, but for templates and `raw` lines of your own."),
        count => {
            format!("{count} others are closed, but for templates and `raw` lines of your own.")
        }
    });
    lines.retain(|line| !line.is_empty());
    lines.push(format!(
        "Run Caddy {safe} or later (caddyserver.com/docs/install has packages for Debian), and say `caddy \"{safe}\"` in `edge`; docs/edge.md says more."
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(version: &str) -> String {
        doubts(CaddyVersion::new(version).expect("it is one")).join("\n")
    }

    #[test]
    fn a_caddy_with_holes_is_named_with_them() {
        let debian = said("2.6.2");
        assert!(
            debian.contains("CVE-2023-29409: a stranger's certificate"),
            "{debian}"
        );
        assert!(debian.contains("say `caddy \"2.11.4\"`"), "{debian}");
        assert!(said("2.6").starts_with("Some Caddy 2.6 has "));
        for safe in ["2.11.4", "2.11.7", "2.12"] {
            assert_eq!(said(safe), "", "{safe}");
        }
    }
}
