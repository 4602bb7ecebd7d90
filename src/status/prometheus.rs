//! The same for Prometheus, in its text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! A moment is told as such and not as the time until it, so that what was written down an hour ago is still true.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use jiff::Timestamp;

use super::{DeviceStatus, State, Status};

/// A metric of the kind `gauge`: its name, its help, and its samples.
struct Gauge<'a> {
    name: &'a str,
    help: &'a str,
    samples: Vec<Sample<'a>>,
}

struct Sample<'a> {
    labels: Vec<(&'a str, String)>,
    value: i64,
}

impl Status {
    /// What Prometheus is told. Each line ends with a line feed.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        for gauge in self.gauges() {
            gauge.write(&mut text);
        }
        text
    }

    fn gauges(&self) -> [Gauge<'_>; 8] {
        [
            Gauge {
                name: "homelab_status_timestamp_seconds",
                help: "When this was found, in seconds since 1970.",
                samples: vec![Sample::of([], self.now.as_second())],
            },
            Gauge {
                name: "homelab_needs_action",
                help: "Whether there is something to do, as homelab status --exit-code says.",
                samples: vec![Sample::of([], i64::from(!self.is_fine()))],
            },
            Gauge {
                name: "homelab_authority_expiration_timestamp_seconds",
                help: "When the certificate of the authority that signs ends, in seconds since 1970.",
                samples: self.of_authority_ends(),
            },
            Gauge {
                name: "homelab_authority_state",
                help: "How the authority that signs stands: 1 for its state, 0 for each other.",
                samples: self.of_authority_states(),
            },
            Gauge {
                name: "homelab_device_needs_action",
                help: "Whether there is something to do about the device.",
                samples: self.of_devices(|device| Some(device.needs_action(self.now).into())),
            },
            Gauge {
                name: "homelab_device_state",
                help: "How the device stands: 1 for its state, 0 for each other.",
                samples: self.of_device_states(),
            },
            Gauge {
                name: "homelab_device_certificate_expiration_timestamp_seconds",
                help: "When the device's certificate ends, in seconds since 1970.",
                samples: self.of_devices(|device| {
                    let certificate = device.certificate.as_ref()?;
                    Some(certificate.not_after.as_second())
                }),
            },
            Gauge {
                name: "homelab_device_certificate_renewal_timestamp_seconds",
                help: "When the renewal of the device's certificate is due, in seconds since 1970.",
                samples: self.of_devices(|device| {
                    let due = device.certificate.as_ref()?.due_from;
                    due.map(Timestamp::as_second)
                }),
            },
        ]
    }

    fn of_authority_ends(&self) -> Vec<Sample<'_>> {
        let authority = self.authority.iter();
        let ends = authority.filter_map(|authority| {
            let labels = [("authority", authority.common_name.clone())];
            Some(Sample::of(labels, authority.not_after?.as_second()))
        });
        ends.collect()
    }

    fn of_authority_states(&self) -> Vec<Sample<'_>> {
        let authority = self.authority.iter();
        let states = authority.flat_map(|authority| {
            let labels = [("authority", authority.common_name.clone())];
            // The two are never an authority's.
            let states = State::ALL
                .into_iter()
                .filter(|state| !matches!(state, State::Unissued | State::Undeclared));
            of_states(labels, states, authority.state)
        });
        states.collect()
    }

    fn of_device_states(&self) -> Vec<Sample<'_>> {
        let devices = self.each_device();
        let states = devices.flat_map(|device| of_states(labels(device), State::ALL, device.state));
        states.collect()
    }

    /// A sample of each device that has that value.
    fn of_devices(&self, value: impl Fn(&DeviceStatus) -> Option<i64>) -> Vec<Sample<'_>> {
        let devices = self.each_device();
        let samples = devices.filter_map(|device| Some(Sample::of(labels(device), value(device)?)));
        samples.collect()
    }

    /// Each device once: nobody may be told two samples of the same labels.
    fn each_device(&self) -> impl Iterator<Item = &DeviceStatus> {
        let mut seen = BTreeSet::new();
        self.devices
            .iter()
            .filter(move |device| seen.insert(&device.device))
    }
}

fn labels(device: &DeviceStatus) -> [(&'static str, String); 2] {
    [
        ("device", device.device.to_string()),
        ("person", device.person.to_string()),
    ]
}

/// A sample for each state: one that is not there cannot be asked for.
fn of_states<'a, const N: usize>(
    labels: [(&'a str, String); N],
    states: impl IntoIterator<Item = State>,
    present: State,
) -> impl Iterator<Item = Sample<'a>> {
    states.into_iter().map(move |state| {
        let label = ("state", state.name().to_owned());
        Sample::of(
            labels.iter().cloned().chain([label]),
            i64::from(state == present),
        )
    })
}

impl<'a> Sample<'a> {
    fn of(labels: impl IntoIterator<Item = (&'a str, String)>, value: i64) -> Sample<'a> {
        Sample {
            labels: labels.into_iter().collect(),
            value,
        }
    }
}

impl Gauge<'_> {
    fn write(&self, text: &mut String) {
        let name = self.name;
        let mut line = |line: &dyn Display| writeln!(text, "{line}").expect("a String takes all");
        line(&format_args!("# HELP {name} {}", self.help));
        line(&format_args!("# TYPE {name} gauge"));
        for Sample { labels, value } in &self.samples {
            let labels = labels.iter();
            let labels = labels.map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
            let labels: Vec<String> = labels.collect();
            if labels.is_empty() {
                line(&format_args!("{name} {value}"));
            } else {
                line(&format_args!("{name}{{{}}} {value}", labels.join(",")));
            }
        }
    }
}

/// A label's value: an authority that was made elsewhere can have any name.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let labels = [(
            "authority",
            String::from("My \"old\" C:\\CA\nhomelab_needs_action 0"),
        )];
        let gauge = Gauge {
            name: "homelab_authority_state",
            help: "How it stands.",
            samples: vec![Sample::of(labels, 1)],
        };
        let mut text = String::new();
        gauge.write(&mut text);
        assert_eq!(
            text.lines().last(),
            Some(
                r#"homelab_authority_state{authority="My \"old\" C:\\CA\nhomelab_needs_action 0"} 1"#
            )
        );
    }
}
