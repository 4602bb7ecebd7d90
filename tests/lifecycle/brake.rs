//! A build that would shut out many devices at once stops, unless it is told how many are meant.

use std::fmt::Write;

use super::renewal::run;
use crate::support::lab::Lab;

/// So many devices of alice's, and one of bob's.
fn declaration(devices: usize) -> String {
    let mut text = String::from("domain \"home.example.com\"\nperson \"alice\" {\n");
    for number in 0..devices {
        writeln!(text, "    device \"d{number}\" platform=\"linux\"").expect("a String takes all");
    }
    text + "}\nperson \"bob\" { device \"phone\" platform=\"linux\"; }\n"
}

#[test]
fn more_than_two_and_more_than_a_third_are_named_first() {
    // Of the devices before, with bob's, so many are left, and whether that stops the build.
    for (before, after, stops) in [
        (8, 5, false), // 3 of 9 are a third
        (7, 4, true),  // 3 of 8 are more
        (5, 3, false), // 2 of 6 are a third
        (2, 0, false), // 2 of 3 are not more than two
        (9, 0, true),
    ] {
        let lab = Lab::new().declare(&declaration(before));
        run(&lab, 0, ["build"]).succeeds();
        lab.write("homelab.kdl", declaration(after));
        let snapshot = lab.snapshot();
        let count = (before - after).to_string();
        if stops {
            for arguments in [
                &["build"][..],
                &["build", "--edge"],
                &["renew", "bob/phone"],
                &["check"],
            ] {
                let refused = lab.command(arguments.iter().copied()).run();
                refused.fails_with(4).stderr_contains("lock::retires-many");
                let told = format!(
                    "{count} of {} devices would be shut out: alice/d{after},",
                    before + 1
                );
                refused.stderr_contains(&told);
                assert!(snapshot == lab.snapshot(), "{before} {after} {arguments:?}");
            }
            for options in [&[][..], &["--edge"]] {
                let arguments = ["plan", "--json"].iter().chain(options);
                let plan = lab.command(arguments.copied()).run();
                let plan: serde_json::Value =
                    serde_json::from_str(plan.succeeds().stdout()).expect("it is JSON");
                assert_eq!(plan["stops"][0]["code"], "lock::retires-many");
                let meant = ["plan", "--allow-retire", &count].into_iter();
                let meant = meant.chain(options.iter().copied());
                lab.command(meant).run().succeeds().stdout_lacks("stops");
            }
            let told = format!(
                "a build stops: {count} of {} devices would be shut out",
                before + 1
            );
            run(&lab, 0, ["plan"]).succeeds().stdout_contains(&told);
            let fewer = (before - after - 1).to_string();
            run(&lab, 1, ["build", "--allow-retire", &fewer]).fails_with(4);
        }
        run(&lab, 1, ["build", "--allow-retire", &count]).succeeds();
        run(&lab, 1, ["build"]).succeeds();
    }
}

/// What was shut out before is nobody's matter any more.
#[test]
fn only_devices_that_are_let_in_count() {
    let lab = Lab::new().declare(&declaration(6));
    run(&lab, 0, ["build"]).succeeds();
    lab.write("homelab.kdl", declaration(4));
    run(&lab, 1, ["build"]).succeeds();
    // Two of five, then three of three.
    lab.write("homelab.kdl", declaration(2));
    run(&lab, 2, ["build"]).succeeds();
    lab.write("homelab.kdl", "domain \"home.example.com\"\n");
    run(&lab, 3, ["build"]).fails_with(4);
    // One that was barred is out already.
    run(&lab, 4, ["revoke", "--no-replace", "alice/d0"]).fails_with(2);
    lab.write("homelab.kdl", declaration(2));
    run(&lab, 4, ["revoke", "--no-replace", "alice/d0"]).succeeds();
    lab.write("homelab.kdl", "domain \"home.example.com\"\n");
    run(&lab, 5, ["build"]).succeeds();
}
