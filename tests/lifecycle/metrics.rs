//! `homelab status --format prometheus`: Prometheus's own promtool reads it, and it says what `--json` says.

use std::fs;

use serde_json::Value;

use crate::support::lab::{DAY, Lab, NEW_YEAR};
use crate::support::outcome;
use crate::support::tools;

const DECLARATION: &str = r#"domain "home.example.com"
validity { authority "10y"; device "1y"; renew "30d"; }
person "alice" { device "pixel" platform="android"; device "loan" platform="other" validity="12h"; }
person "guest" { device "phone" platform="android" until="2027-12-20"; }
"#;

#[track_caller]
fn metrics(lab: &Lab, days: i64) -> String {
    let status = lab.command(["status", "--format", "prometheus"]);
    let status = status.at(NEW_YEAR + days * DAY).run();
    let metrics = status.succeeds().stdout().to_owned();
    let mut promtool = tools::command("promtool");
    let read = outcome::run(promtool.args(["check", "metrics"]), metrics.as_bytes());
    // It exits with 3 where a name or a help is not as it should be.
    read.succeeds().stderr_is("").stdout_is("");
    metrics
}

#[track_caller]
fn has(metrics: &str, line: &str) {
    assert!(
        metrics.lines().any(|one| one == line),
        "{line}\nis not in\n{metrics}"
    );
}

#[test]
fn prometheus_is_told_when_certificates_end_and_are_due() {
    let lab = Lab::built_on(0, DECLARATION);
    fs::remove_dir_all(lab.home().join(".config")).expect("the identity was made there");
    let (end, day) = (NEW_YEAR + 365 * DAY, DAY);
    let now = metrics(&lab, 0);
    let labels = r#"device="alice/pixel",person="alice""#;
    for line in [
        format!("homelab_status_timestamp_seconds {NEW_YEAR}"),
        String::from("homelab_needs_action 0"),
        format!("homelab_device_certificate_expiration_timestamp_seconds{{{labels}}} {end}"),
        format!(
            "homelab_device_certificate_renewal_timestamp_seconds{{{labels}}} {}",
            end - 30 * day
        ),
        format!("homelab_device_needs_action{{{labels}}} 0"),
        format!("homelab_device_state{{{labels},state=\"valid\"}} 1"),
        format!("homelab_device_state{{{labels},state=\"due\"}} 0"),
    ] {
        has(&now, &line);
    }
    // A guest's certificate ends with the last day, and no renewal is due.
    let guest = r#"{device="guest/phone",person="guest"}"#;
    assert!(now.contains(&format!("expiration_timestamp_seconds{guest} ")));
    assert!(!now.contains(&format!("renewal_timestamp_seconds{guest} ")));

    let december = metrics(&lab, 345);
    has(&december, "homelab_needs_action 1");
    has(
        &december,
        &format!("homelab_device_needs_action{{{labels}}} 1"),
    );
    has(
        &december,
        &format!("homelab_device_state{{{labels},state=\"due\"}} 1"),
    );
    has(
        &december,
        &format!("homelab_device_state{{{labels},state=\"valid\"}} 0"),
    );
}

/// Each device has one state, the one that `--json` says, and what is to be done is what `--exit-code` says.
#[test]
fn metrics_agree_with_json_and_the_exit_code() {
    let lab = Lab::built_on(0, DECLARATION);
    lab.edit("device \"loan\"", "device \"tablet\"");
    for days in [0, 200, 345, 360, 400] {
        let at = |options: &[&str]| {
            let status = lab.command(["status"]).arguments(options.iter());
            status.at(NEW_YEAR + days * DAY).run()
        };
        let json = at(&["--json"]);
        let same = at(&["--format", "json"]);
        assert_eq!(json.stdout(), same.stdout());
        let told: Value = serde_json::from_str(json.stdout()).expect("it is JSON");
        let metrics = metrics(&lab, days);
        let devices = told["devices"].as_array().expect("a list");
        for device in devices {
            let name = device["device"].as_str().expect("text");
            let present: Vec<&str> = metrics
                .lines()
                .filter(|line| {
                    line.starts_with(&format!("homelab_device_state{{device=\"{name}\""))
                })
                .filter(|line| line.ends_with(" 1"))
                .collect();
            let state = device["state"].as_str().expect("text");
            assert_eq!(present.len(), 1, "{name} in\n{metrics}");
            assert!(present[0].contains(&format!("state=\"{state}\"")));
        }
        let exit = at(&["--format", "prometheus", "--exit-code"]);
        let is_fine = exit.status.success();
        assert_eq!(exit.stdout(), metrics, "on day {days}");
        has(
            &metrics,
            &format!("homelab_needs_action {}", i64::from(!is_fine)),
        );
    }
}

#[test]
fn a_homelab_that_begins_has_metrics_and_one_that_cannot_be_read_has_none() {
    let lab = Lab::new().declare(DECLARATION);
    let unissued =
        "homelab_device_state{device=\"alice/pixel\",person=\"alice\",state=\"unissued\"} 1";
    has(&metrics(&lab, 0), unissued);
    lab.write("homelab.kdl", "domain \"home.example.com\"\n");
    has(&metrics(&lab, 0), "homelab_needs_action 0");
    lab.write("homelab.kdl", "domain");
    let refused = lab.command(["status", "--format", "prometheus"]).run();
    refused.fails_with(1).stdout_is("");
    let both = lab.command(["status", "--format", "prometheus", "--json"]);
    both.run().fails_with(2).stdout_is("");
}
