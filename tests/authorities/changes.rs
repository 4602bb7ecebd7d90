//! What can be odd about the certificate of an authority.

use super::der::*;
use super::keys::*;
use super::sketch::{Sketch, common_name, extension, name};

/// One thing that is other than in a plain certificate.
pub struct Change {
    pub name: String,
    /// Why `adopt` refuses it though both Caddys would take it.
    pub stricter: Option<&'static str>,
    pub apply: Box<dyn Fn(&mut Sketch)>,
}

const STRICT_DER: &str = "what reads certificates in the rest of the program, `der`, holds them to X.690 and RFC 5280 where Go passes over bytes";
const ONE_FORM_OF_DATES: &str =
    "RFC 5280 §4.1.2.5 has one form of each date, and `der` none before 1970";
const LONG_SERIAL: &str = "RFC 5280 §4.1.2.2: at most 20 octets, and other proxies refuse more";
const OLD_VERSION: &str =
    "a certificate without extensions that count is not told from a leaf: RFC 5280 §4.2.1.9";
const NO_USAGE: &str = "RFC 5280 §4.2.1.3: at least one bit is set; openssl refuses what such a certificate has signed";
const NO_PURPOSE: &str =
    "RFC 5280 §4.2.1.12: at least one purpose; openssl refuses what such a certificate has signed";
const NAMELESS: &str = "RFC 5280 §4.1.2.6: an authority has a name, by which a handshake tells a device which certificate to send";
const LONG_NAME: &str =
    "all authorities that are trusted share the 65,535 octets of one message in a handshake";
const LARGE_KEY: &str = "a device may send its authority's certificate along, and Go refuses any above 8192 bits that was sent";
const QUOTED: &str = "no mailbox at home has quotes or escapes, and readers disagree about them";
const OWN_NAMES: &str = "Go before 1.26 holds an authority's own names against its own constraints, so that it depends on them";
const NEXT_GO: &str =
    "Go's sources refuse to read it since the release that the newer Caddy is built with";
const RELATIVE: &str = "RFC 5280 §4.2.1.6: a URI by RFC 3986";

/// What is put in place of what is there.
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, name: impl Into<String>, apply: impl Fn(&mut Sketch) + 'static) {
        let (name, apply) = (name.into(), Box::new(apply));
        let stricter = None;
        self.0.push(Change {
            name,
            stricter,
            apply,
        });
    }

    /// The same, where `adopt` may refuse what both Caddys take.
    fn stricter(
        &mut self,
        reason: &'static str,
        name: impl Into<String>,
        apply: impl Fn(&mut Sketch) + 'static,
    ) {
        self.add(name, apply);
        self.0.last_mut().expect("it has been added").stricter = Some(reason);
    }
}

pub fn changes() -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    changes.add("nothing", |_| {});
    frame(&mut changes);
    serials(&mut changes);
    names(&mut changes);
    dates(&mut changes);
    kinds_of_keys(&mut changes);
    basic_constraints(&mut changes);
    usages(&mut changes);
    identifiers(&mut changes);
    policies(&mut changes);
    pointers(&mut changes);
    alternative_names(&mut changes);
    name_constraints(&mut changes);
    changes.0
}

fn frame(changes: &mut Changes) {
    changes.stricter(OLD_VERSION, "version 1, left out", |s| s.version.clear());
    for version in [0, 1] {
        changes.stricter(OLD_VERSION, format!("version {}", version + 1), move |s| {
            s.version = explicit(0, &integer(&[version]));
        });
    }
    changes.stricter(OLD_VERSION, "version 1 without extensions", |s| {
        s.version.clear();
        s.extensions = None;
    });
    for octets in [&[3][..], &[0xff], &[0, 2], &[]] {
        changes.add(format!("version of the octets {octets:?}"), move |s| {
            s.version = explicit(0, &integer(octets));
        });
    }
    changes.add("another algorithm outside", |s| {
        s.outer_algorithm = sequence([&object("1.2.840.10045.4.3.3")]);
    });
    for algorithm in [
        "1.2.840.113549.1.1.5",
        "1.2.840.113549.1.1.4",
        "1.2.840.10045.4.1",
        "1.3.6.1.4.1.99999.1",
        "1.3.6.1.4.1.4294967295",
        "1.3.6.1.4.1.2147483647",
    ] {
        changes.add(format!("signed by {algorithm}"), move |s| {
            s.inner_algorithm = sequence([&object(algorithm), &null()]);
            s.outer_algorithm = s.inner_algorithm.clone();
        });
    }
    changes.stricter(STRICT_DER, "an algorithm with two parameters", |s| {
        s.inner_algorithm = sequence([&object("1.2.840.10045.4.3.2"), &null(), &null()]);
        s.outer_algorithm = s.inner_algorithm.clone();
    });
    for (at, place) in ["the extensions", "the signature", "the certificate"]
        .iter()
        .enumerate()
    {
        let apply = move |s: &mut Sketch| s.behind[at] = null();
        match at {
            2 => changes.add(format!("bytes behind {place}"), apply),
            _ => changes.stricter(STRICT_DER, format!("bytes behind {place}"), apply),
        }
    }
    changes.add("unique identifiers", |s| {
        s.unique = [implicit(1, &[0, 1]), implicit(2, &[0, 2])].concat();
    });
    changes.add("constructed unique identifiers", |s| {
        s.unique = explicit(1, &bits(0, &[1]));
    });
    changes.add("no extensions", |s| s.extensions = None);
    changes.add("an empty list of extensions", |s| {
        s.extensions = Some(Vec::new())
    });
    changes.add("an extension twice", |s| {
        s.add(extension("2.5.29.14", false, &octets(&[7; 20])));
    });
    changes.add("an unknown extension twice", |s| {
        for _ in 0..2 {
            s.add(extension("1.3.6.1.4.1.99999.2", false, &null()));
        }
    });
    for (octet, what) in [(0, "false"), (1, "one"), (0xff, "true")] {
        changes.add(
            format!("an extension that is critical by {what}"),
            move |s| {
                s.add(sequence([
                    &object("2.5.29.32"),
                    &boolean(octet),
                    &octets(&sequence([&sequence([&object("1.2.3.4")])])),
                ]));
            },
        );
    }
    changes.add("an extension's value of another kind", |s| {
        s.add(sequence([&object("1.3.6.1.4.1.99999.2"), &null()]));
    });
    changes.stricter(STRICT_DER, "bytes behind an extension's value", |s| {
        s.add(sequence([
            &object("1.3.6.1.4.1.99999.2"),
            &octets(&[]),
            &null(),
        ]));
    });
    for critical in [false, true] {
        for unknown in [
            "1.3.6.1.4.1.99999.2",
            "2.5.29.18",
            "2.5.29.9",
            "2.16.840.1.113730.1.1",
        ] {
            let what = if critical { "critical" } else { "plain" };
            changes.add(format!("{unknown}, {what}"), move |s| {
                s.add(extension(unknown, critical, &sequence([])));
            });
        }
    }
}

fn serials(changes: &mut Changes) {
    for (name, octets) in [
        ("zero", vec![0]),
        ("127", vec![0x7f]),
        ("128", vec![0, 0x80]),
        ("minus one", vec![0xff]),
        ("minus 128", vec![0x80]),
        ("negative and long", vec![0x80; 16]),
        ("of 20 octets", vec![0x7f; 20]),
        ("not in its shortest form", vec![0, 1]),
        ("negative, not in its shortest form", vec![0xff, 0x80]),
        ("of no octet", vec![]),
    ] {
        changes.add(format!("a serial {name}"), move |s| {
            s.serial = integer(&octets)
        });
    }
    for length in [21, 32, 64] {
        changes.stricter(
            LONG_SERIAL,
            format!("a serial of {length} octets"),
            move |s| {
                s.serial = integer(&vec![0x5a; length]);
            },
        );
    }
}

fn names(changes: &mut Changes) {
    let texts: [(&str, u8, &[u8]); 24] = [
        ("UTF-8", 0x0c, "Zuhause Ä 家".as_bytes()),
        ("broken UTF-8", 0x0c, &[0xc3, 0x28]),
        ("PrintableString", 0x13, b"Home CA (2)"),
        ("PrintableString with *", 0x13, b"*.home"),
        ("PrintableString with &", 0x13, b"A&B"),
        ("PrintableString with @", 0x13, b"a@b"),
        ("PrintableString with _", 0x13, b"home_ca"),
        ("PrintableString in Latin-1", 0x13, b"Zuhaus\xe4"),
        ("TeletexString", 0x14, b"Home CA"),
        ("TeletexString in Latin-1", 0x14, b"Zuhaus\xe4"),
        ("IA5String", 0x16, b"home@example.com"),
        ("IA5String in Latin-1", 0x16, b"Zuhaus\xe4"),
        ("NumericString", 0x12, b"12 34"),
        ("NumericString with a letter", 0x12, b"12a"),
        ("BMPString", 0x1e, &[0, b'C', 0, b'A']),
        ("BMPString of odd length", 0x1e, &[0, b'C', 0]),
        (
            "BMPString with half a pair",
            0x1e,
            &[0xd8, 0x3d, 0xdc, 0x12],
        ),
        ("BMPString with what is no character", 0x1e, &[0xff, 0xfe]),
        ("BMPString with another one", 0x1e, &[0xfd, 0xd0]),
        ("UniversalString", 0x1c, &[0, 0, 0, b'C']),
        ("VisibleString", 0x1a, b"Home CA"),
        ("GeneralString", 0x1b, b"Home CA"),
        ("INTEGER", 0x02, &[1]),
        ("BIT STRING", 0x03, &[0, 1]),
    ];
    for (what, tag, content) in texts {
        changes.add(format!("a subject in {what}"), move |s| {
            s.subject = name("2.5.4.3", &element(tag, content));
        });
        changes.add(format!("an issuer in {what}"), move |s| {
            s.issuer = name("2.5.4.3", &element(tag, content));
        });
    }
    changes.add("another issuer", |s| s.issuer = common_name("Some Root"));
    changes.add("an issuer without a name", |s| s.issuer = sequence([]));
    changes.stricter(NAMELESS, "a subject without a name", |s| {
        s.subject = sequence([])
    });
    changes.add("a part of the subject with nothing in it", |s| {
        s.subject = sequence([&set([])])
    });
    changes.add("a part of the subject with two attributes", |s| {
        let attribute =
            |number: &str, text: &[u8]| sequence([&object(number), &element(0x0c, text)]);
        s.subject = sequence([&set([
            &attribute("2.5.4.3", b"a"),
            &attribute("2.5.4.10", b"b"),
        ])]);
    });
    changes.add("an attribute with a large arc", |s| {
        s.subject = name("2.5.4294967296", &element(0x0c, b"x"));
    });
    changes.stricter(STRICT_DER, "an attribute with bytes behind it", |s| {
        let attribute = sequence([&object("2.5.4.3"), &element(0x0c, b"x"), &null()]);
        s.subject = sequence([&set([&attribute])]);
    });
    for (length, fits) in [(1900, true), (3000, false), (60_000, false)] {
        let apply = move |s: &mut Sketch| s.subject = common_name(&"n".repeat(length));
        match fits {
            true => changes.add(format!("a subject of {length} letters"), apply),
            false => changes.stricter(LONG_NAME, format!("a subject of {length} letters"), apply),
        }
    }
}

fn dates(changes: &mut Changes) {
    let from = || utc("250101000000Z");
    for (what, stricter, until) in [
        ("UTCTime", false, utc("350101000000Z")),
        (
            "GeneralizedTime before 2050",
            false,
            generalized("20350101000000Z"),
        ),
        ("GeneralizedTime", false, generalized("20600101000000Z")),
        ("no end", false, generalized("99991231235959Z")),
        (
            "the day before no end",
            false,
            generalized("99991230120000Z"),
        ),
        ("a leap day", false, utc("280229000000Z")),
        ("no leap day", false, utc("270229000000Z")),
        ("a thirteenth month", false, utc("271329000000Z")),
        ("a leap second", false, utc("281231235960Z")),
        ("UTCTime without seconds", true, utc("3501010000Z")),
        ("UTCTime with an offset", true, utc("350101000000+0100")),
        (
            "GeneralizedTime with an offset",
            true,
            generalized("20350101000000+0100"),
        ),
        (
            "a fraction of a second",
            false,
            generalized("20350101000000.5Z"),
        ),
        ("no zone", false, generalized("20350101000000")),
        ("small letters", false, utc("350101000000z")),
        ("a date that is over", false, utc("260101000000Z")),
        (
            "another kind of string",
            false,
            element(0x0c, b"350101000000Z"),
        ),
    ] {
        let apply = move |s: &mut Sketch| s.validity = sequence([&from(), &until]);
        match stricter {
            true => changes.stricter(ONE_FORM_OF_DATES, format!("an end in {what}"), apply),
            false => changes.add(format!("an end in {what}"), apply),
        }
    }
    for (what, stricter, from) in [
        ("1950", true, utc("500101000000Z")),
        ("1960", true, generalized("19600101000000Z")),
        ("the year 0", true, generalized("00000101000000Z")),
        ("1970", false, utc("700101000000Z")),
        ("GeneralizedTime", false, generalized("20250101000000Z")),
        ("the future", false, utc("480101000000Z")),
    ] {
        let apply = move |s: &mut Sketch| s.validity = sequence([&from, &utc("490101000000Z")]);
        match stricter {
            true => changes.stricter(ONE_FORM_OF_DATES, format!("a beginning in {what}"), apply),
            false => changes.add(format!("a beginning in {what}"), apply),
        }
    }
    changes.add("one date", |s| {
        s.validity = sequence([&utc("350101000000Z")])
    });
    changes.stricter(STRICT_DER, "three dates", |s| {
        let date = utc("490101000000Z");
        s.validity = sequence([&utc("250101000000Z"), &date, &date]);
    });
}

fn kinds_of_keys(changes: &mut Changes) {
    for kind in [
        P224,
        P256,
        P384,
        P521,
        K256,
        BRAINPOOL,
        EXPLICIT,
        RSA512,
        RSA1023,
        RSA1024,
        RSA2048,
        RSA3072,
        RSA8192,
        RSA_OF_3,
        RSA_OF_MUCH,
        RSA_PSS,
        ED25519,
        ED448,
        X25519,
    ] {
        changes.add(format!("a key of {kind}"), move |s| s.key = kind);
    }
    changes.stricter(LARGE_KEY, format!("a key of {RSA8200}"), |s| {
        s.key = RSA8200
    });
    let elliptic = |curve: &str, point: &[u8]| {
        let algorithm = sequence([&object("1.2.840.10045.2.1"), &object(curve)]);
        sequence([&algorithm, &bits(0, point)])
    };
    let curve = "1.2.840.10045.3.1.7";
    for (what, curve, point) in [
        ("compressed", curve, [&[3][..], &[7; 32]].concat()),
        ("not on its curve", curve, [&[4][..], &[7; 64]].concat()),
        (
            "not on P-384",
            "1.3.132.0.34",
            [&[4][..], &[7; 96]].concat(),
        ),
        (
            "not on P-521",
            "1.3.132.0.35",
            [&[4][..], &[0; 132]].concat(),
        ),
        (
            "not on P-224",
            "1.3.132.0.33",
            [&[4][..], &[7; 56]].concat(),
        ),
        ("at infinity", curve, vec![0]),
        ("of no octet", curve, vec![]),
        ("too short", curve, [&[4][..], &[7; 63]].concat()),
        ("hybrid", curve, [&[6][..], &[7; 64]].concat()),
    ] {
        let spki = elliptic(curve, &point);
        changes.add(format!("a point that is {what}"), move |s| {
            s.spki = Some(spki.clone())
        });
    }
    let rsa = object("1.2.840.113549.1.1.1");
    let modulus = [&[0][..], &[0xc5; 256]].concat();
    let key = |modulus: &[u8], exponent: &[u8]| {
        bits(0, &sequence([&integer(modulus), &integer(exponent)]))
    };
    for (what, parameters, key) in [
        ("RSA without parameters", vec![], key(&modulus, &[1, 0, 1])),
        (
            "RSA with a negative modulus",
            null(),
            key(&[0xc5; 256], &[1, 0, 1]),
        ),
        ("RSA with a modulus of zero", null(), key(&[0], &[1, 0, 1])),
        ("RSA with an exponent of zero", null(), key(&modulus, &[0])),
        (
            "RSA with a negative exponent",
            null(),
            key(&modulus, &[0xff]),
        ),
        (
            "RSA with a modulus of too many octets",
            null(),
            key(&[&[0][..], &modulus].concat(), &[3]),
        ),
        ("RSA with no key", null(), bits(0, &[])),
    ] {
        let spki = sequence([&sequence([&rsa, &parameters]), &key]);
        changes.add(what, move |s| s.spki = Some(spki.clone()));
    }
    let edwards = object("1.3.101.112");
    for (what, parameters, key) in [
        ("Ed25519 with parameters", null(), bits(0, &[9; 32])),
        ("Ed25519 too short", vec![], bits(0, &[9; 31])),
    ] {
        let spki = sequence([&sequence([&edwards, &parameters]), &key]);
        changes.add(what, move |s| s.spki = Some(spki.clone()));
    }
    changes.add("a kind of key that is not known", |s| {
        let algorithm = sequence([&object("1.3.6.1.4.1.99999.3")]);
        s.spki = Some(sequence([&algorithm, &bits(0, &[1; 32])]));
    });
}

fn basic_constraints(changes: &mut Changes) {
    const OBJECT: &str = "2.5.29.19";
    let ca = || boolean(0xff);
    for (what, value) in [
        ("of nothing", sequence([])),
        ("of a leaf", sequence([&boolean(0)])),
        ("with a wrong truth", sequence([&boolean(1)])),
        ("with no path", sequence([&ca(), &integer(&[0])])),
        ("with a path of 5", sequence([&ca(), &integer(&[5])])),
        (
            "with a path of 300",
            sequence([&ca(), &integer(&[1, 0x2c])]),
        ),
        (
            "with a path of 2^40",
            sequence([&ca(), &integer(&[1, 0, 0, 0, 0, 0])]),
        ),
        (
            "with a path of 2^70",
            sequence([&ca(), &integer(&[1, 0, 0, 0, 0, 0, 0, 0, 0])]),
        ),
        ("with a negative path", sequence([&ca(), &integer(&[0xff])])),
        (
            "with a path in a long form",
            sequence([&ca(), &integer(&[0, 1])]),
        ),
        ("that are a number", integer(&[1])),
        ("of no octet", vec![]),
    ] {
        changes.add(format!("basic constraints {what}"), move |s| {
            s.put(OBJECT, true, &value)
        });
    }
    changes.add("basic constraints that are not critical", |s| {
        s.put(OBJECT, false, &sequence([&boolean(0xff)]));
    });
    changes.add("no basic constraints", |s| s.drop(OBJECT));
    for (what, value) in [
        ("in them", sequence([&ca(), &integer(&[0]), &null()])),
        ("behind them", [sequence([&ca()]), null()].concat()),
    ] {
        changes.stricter(
            STRICT_DER,
            format!("basic constraints with bytes {what}"),
            move |s| {
                s.put(OBJECT, true, &value);
            },
        );
    }
}

fn usages(changes: &mut Changes) {
    for (what, value) in [
        ("to sign certificates", bits(2, &[0b0000_0100])),
        ("to sign lists", bits(1, &[0b0000_0010])),
        ("to sign", bits(7, &[0b1000_0000])),
        ("to do all", bits(7, &[0xff, 0x80])),
        ("with bits that do not count", bits(2, &[0b0000_0111])),
        ("with eight bits that do not count", bits(8, &[0])),
        ("of another kind", octets(&[6])),
    ] {
        changes.add(format!("a key usage {what}"), move |s| {
            s.put("2.5.29.15", true, &value)
        });
    }
    for (what, value) in [("of no bit", bits(0, &[])), ("of zeros", bits(0, &[0]))] {
        changes.stricter(NO_USAGE, format!("a key usage {what}"), move |s| {
            s.put("2.5.29.15", true, &value);
        });
    }
    changes.stricter(STRICT_DER, "a key usage with bytes behind it", |s| {
        s.put(
            "2.5.29.15",
            true,
            &[bits(1, &[0b0000_0110]), null()].concat(),
        );
    });
    changes.add("no key usage", |s| s.drop("2.5.29.15"));
    const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
    const SERVER: &str = "1.3.6.1.5.5.7.3.1";
    const ANY: &str = "2.5.29.37.0";
    for critical in [false, true] {
        for purposes in [
            &[CLIENT][..],
            &[SERVER],
            &[ANY],
            &[SERVER, CLIENT],
            &[SERVER, ANY],
            &["1.3.6.1.4.1.311.20.2.2"],
            &["1.3.6.1.4.1.99999.4", CLIENT],
            &["1.3.6.1.4.1.4294967295", CLIENT],
        ] {
            changes.add(
                format!("purposes {purposes:?}, critical: {critical}"),
                move |s| {
                    let list: Vec<u8> = purposes
                        .iter()
                        .flat_map(|purpose| object(purpose))
                        .collect();
                    s.put("2.5.29.37", critical, &element(0x30, &list));
                },
            );
        }
    }
    changes.stricter(NO_PURPOSE, "no purposes", |s| {
        s.put("2.5.29.37", false, &sequence([]))
    });
    changes.add("purposes that are none", |s| {
        s.put("2.5.29.37", false, &sequence([&null()]))
    });
}

fn identifiers(changes: &mut Changes) {
    changes.add("no subject key identifier", |s| s.drop("2.5.29.14"));
    for (what, critical, value) in [
        ("critical", true, octets(&[7; 20])),
        ("of no octet", false, octets(&[])),
        ("of another kind", false, bits(0, &[7; 20])),
    ] {
        changes.add(format!("a subject key identifier, {what}"), move |s| {
            s.put("2.5.29.14", critical, &value);
        });
    }
    let (key, number) = (implicit(0, &[7; 20]), implicit(2, &[0x2a]));
    for (what, critical, value) in [
        ("plain", false, sequence([&key])),
        ("critical", true, sequence([&key])),
        ("of another key", false, sequence([&implicit(0, &[8; 20])])),
        (
            "with issuer and serial",
            false,
            sequence([&key, &explicit(1, &explicit(4, &common_name("x"))), &number]),
        ),
        ("of nothing", false, sequence([])),
        ("of another kind", false, octets(&[7; 20])),
        ("cut short", false, sequence([&[0x80, 0x30, 7]])),
    ] {
        changes.add(format!("an authority key identifier, {what}"), move |s| {
            s.put("2.5.29.35", critical, &value);
        });
    }
}

fn policies(changes: &mut Changes) {
    let policy = |number: &str| sequence([&object(number)]);
    let (one, any) = (policy("1.2.3.4"), policy("2.5.29.32.0"));
    for (what, object_of, value) in [
        ("a policy", "2.5.29.32", sequence([&one])),
        ("any policy", "2.5.29.32", sequence([&any])),
        ("a policy twice", "2.5.29.32", sequence([&one, &one])),
        (
            "a policy with a qualifier",
            "2.5.29.32",
            sequence([&sequence([&object("1.2.3.4"), &sequence([])])]),
        ),
        (
            "a policy with a large arc",
            "2.5.29.32",
            sequence([&policy("1.2.4294967295")]),
        ),
        ("a policy that is none", "2.5.29.32", sequence([&null()])),
        (
            "mapped policies",
            "2.5.29.33",
            sequence([&sequence([&object("1.2.3.4"), &object("1.2.3.5")])]),
        ),
        (
            "mapped policies that are none",
            "2.5.29.33",
            sequence([&sequence([&object("1.2.3.4")])]),
        ),
        (
            "policies to be explicit",
            "2.5.29.36",
            sequence([&implicit(0, &[0])]),
        ),
        (
            "policies not to be mapped",
            "2.5.29.36",
            sequence([&implicit(1, &[0])]),
        ),
        (
            "constraints of policies that are none",
            "2.5.29.36",
            sequence([&implicit(0, &[])]),
        ),
        ("any policy inhibited", "2.5.29.54", integer(&[0])),
        ("any policy inhibited by no number", "2.5.29.54", null()),
    ] {
        for critical in [false, true] {
            let value = value.clone();
            changes.add(format!("{what}, critical: {critical}"), move |s| {
                s.put(object_of, critical, &value);
            });
        }
    }
}

fn pointers(changes: &mut Changes) {
    let uri = || implicit(6, b"http://home.example.com/ca.crl");
    let point = |name: &[u8]| sequence([&sequence([&explicit(0, name)])]);
    for (what, value) in [
        ("a full name", point(&explicit(0, &uri()))),
        (
            "a directory's name",
            point(&explicit(0, &explicit(4, &common_name("x")))),
        ),
        (
            "a relative name",
            point(&explicit(
                1,
                &sequence([&object("2.5.4.3"), &element(0x0c, b"x")]),
            )),
        ),
        ("no name", sequence([&sequence([&implicit(1, &[0, 0x80])])])),
        ("nothing", sequence([])),
        ("another kind", octets(&[])),
    ] {
        for critical in [false, true] {
            let value = value.clone();
            changes.add(
                format!("lists of the revoked at {what}, critical: {critical}"),
                move |s| {
                    s.put("2.5.29.31", critical, &value);
                },
            );
        }
    }
    const INFORMATION: &str = "1.3.6.1.5.5.7.1.1";
    for (what, critical, value) in [
        (
            "plain",
            false,
            sequence([&sequence([&object("1.3.6.1.5.5.7.48.1"), &uri()])]),
        ),
        (
            "critical",
            true,
            sequence([&sequence([&object("1.3.6.1.5.5.7.48.1"), &uri()])]),
        ),
        (
            "to a directory",
            false,
            sequence([&sequence([
                &object("1.3.6.1.5.5.7.48.2"),
                &explicit(4, &common_name("x")),
            ])]),
        ),
        ("of nothing", false, sequence([])),
        ("without a method", false, sequence([&sequence([&uri()])])),
    ] {
        changes.add(format!("access to information, {what}"), move |s| {
            s.put(INFORMATION, critical, &value);
        });
    }
}

fn alternative_names(changes: &mut Changes) {
    const OBJECT: &str = "2.5.29.17";
    let (email, dns, uri, ip) = (1, 2, 6, 7);
    let kinds: [(&str, Vec<u8>); 21] = [
        ("an address", implicit(email, b"home@example.com")),
        (
            "an address in Latin-1",
            implicit(email, b"hom\xe9@example.com"),
        ),
        ("a DNS name", implicit(dns, b"home.example.com")),
        (
            "a DNS name in Latin-1",
            implicit(dns, b"hom\xe9.example.com"),
        ),
        ("a DNS name of nothing", implicit(dns, b"")),
        ("an IPv4 address", implicit(ip, &[10, 0, 0, 1])),
        (
            "an IPv6 address",
            implicit(ip, &[0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ),
        (
            "an IPv4 address in IPv6",
            implicit(ip, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]),
        ),
        ("an IP address of 5 octets", implicit(ip, &[10, 0, 0, 1, 0])),
        (
            "another name",
            explicit(
                0,
                &[
                    &object("1.3.6.1.4.1.311.20.2.3")[..],
                    &explicit(0, &element(0x0c, b"a@b")),
                ]
                .concat(),
            ),
        ),
        ("a directory's name", explicit(4, &common_name("x"))),
        ("a registered number", implicit(8, &[0x2a, 3])),
        ("a constructed address", explicit(1, &element(0x16, b"a@b"))),
        ("nothing", vec![]),
        ("what is no element", vec![0x82, 0x30, 1]),
        (
            "a URI",
            implicit(uri, b"https://home.example.com:8443/ca?x=%20#y"),
        ),
        (
            "a URN",
            implicit(uri, b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ),
        ("a URI with IPv6", implicit(uri, b"https://[2001:db8::1]/")),
        ("a URI with IPv4", implicit(uri, b"https://10.0.0.1/")),
        (
            "a SPIFFE ID",
            implicit(uri, b"spiffe://example.com/workload"),
        ),
        ("a URI of a file", implicit(uri, b"file:///etc/ca.pem")),
    ];
    for (what, names) in kinds {
        for critical in [false, true] {
            let names = names.clone();
            let apply = move |s: &mut Sketch| s.put(OBJECT, critical, &element(0x30, &names));
            let name = format!("named by {what}, critical: {critical}");
            match what {
                "an IPv4 address in IPv6" => changes.stricter(NEXT_GO, name, apply),
                _ => changes.add(name, apply),
            }
        }
    }
    for bad in [
        "https://home..example.com/",
        "https://home.example.com./",
        "https://home.example.com:x/",
        "https://home example.com/",
        "https://[::1",
        "https://%61/",
        "https://a%C3%A4/",
        "https://home.example.com/%zz",
        ":no-scheme",
        "1x:y",
        "https://a:b:c/",
        "https://\u{7f}/",
    ] {
        changes.add(format!("named by the URI {bad}"), move |s| {
            s.put(OBJECT, false, &sequence([&implicit(uri, bad.as_bytes())]));
        });
    }
    for lenient in [
        "home page",
        "https://home.example.com/a b",
        "a|b",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
    ] {
        changes.stricter(RELATIVE, format!("named by the URI {lenient}"), move |s| {
            s.put(
                OBJECT,
                false,
                &sequence([&implicit(uri, lenient.as_bytes())]),
            );
        });
    }
    changes.add("named by a relative URI", |s| {
        s.put(OBJECT, false, &sequence([&implicit(6, b"/ca")]));
    });
}

fn name_constraints(changes: &mut Changes) {
    const OBJECT: &str = "2.5.29.30";
    let subtree = |base: &[u8]| sequence([base]);
    let bases: [(&str, Vec<u8>); 27] = [
        ("DNS", implicit(2, b"example.com")),
        ("DNS below", implicit(2, b".example.com")),
        ("all DNS", implicit(2, b"")),
        ("DNS of a dot", implicit(2, b".")),
        ("DNS with an empty label", implicit(2, b"a..b")),
        ("DNS with a dot behind", implicit(2, b"example.com.")),
        ("DNS with two dots before", implicit(2, b"..example.com")),
        ("DNS with a blank", implicit(2, b"a b")),
        ("DNS in Latin-1", implicit(2, b"hom\xe9")),
        ("addresses at a host", implicit(1, b"example.com")),
        ("addresses below", implicit(1, b".example.com")),
        ("one address", implicit(1, b"alice@example.com")),
        ("one address of two dots", implicit(1, b"a..b@example.com")),
        ("one address of nobody", implicit(1, b"@example.com")),
        ("one address with a blank", implicit(1, b"a b@example.com")),
        ("URIs", implicit(6, b"example.com")),
        ("URIs at an IP address", implicit(6, b"10.0.0.1")),
        ("URIs at an IPv6 address", implicit(6, b"::1")),
        ("URIs written as one", implicit(6, b"https://example.com")),
        ("IPv4", implicit(7, &[10, 0, 0, 0, 255, 0, 0, 0])),
        (
            "IPv4 with a gap in its mask",
            implicit(7, &[10, 0, 0, 0, 255, 0, 255, 0]),
        ),
        (
            "IPv4 with a mask of 254 and more",
            implicit(7, &[10, 0, 0, 0, 254, 255, 0, 0]),
        ),
        ("IPv4 without a mask", implicit(7, &[10, 0, 0, 0])),
        ("all IPv6", implicit(7, &[0; 32])),
        (
            "IPv4 in IPv6",
            implicit(
                7,
                &[&[0; 10][..], &[0xff, 0xff, 10, 0, 0, 0], &[0xff; 16]].concat(),
            ),
        ),
        ("directories", explicit(4, &common_name("x"))),
        ("registered numbers", implicit(8, &[0x2a, 3])),
    ];
    for (what, base) in bases {
        let trees = [(1, false), (1, true), (0, true)];
        for (list, critical) in trees {
            let tree = subtree(&base);
            let apply = move |s: &mut Sketch| {
                s.put(OBJECT, critical, &sequence([&explicit(list, &tree)]));
            };
            let verb = if list == 0 { "permitting" } else { "excluding" };
            let name = format!("{verb} {what}, critical: {critical}");
            match what {
                "IPv4 in IPv6" => changes.stricter(NEXT_GO, name, apply),
                _ => changes.add(name, apply),
            }
        }
    }
    changes.stricter(QUOTED, "excluding an address in quotes", |s| {
        let base = implicit(1, b"\"a b\"@example.com");
        s.put(
            "2.5.29.30",
            true,
            &sequence([&explicit(1, &sequence([&base]))]),
        );
    });
    changes.stricter(QUOTED, "excluding an address with an escape", |s| {
        let base = implicit(1, b"a\\ b@example.com");
        s.put(
            "2.5.29.30",
            true,
            &sequence([&explicit(1, &sequence([&base]))]),
        );
    });
    let dns = || sequence([&implicit(2, b"example.com")]);
    for (what, value) in [
        ("nothing", sequence([])),
        ("an empty list", sequence([&explicit(0, &[])])),
        (
            "both lists",
            sequence([&explicit(0, &dns()), &explicit(1, &dns())]),
        ),
        (
            "both lists the other way round",
            sequence([&explicit(1, &dns()), &explicit(0, &dns())]),
        ),
        ("a list of another number", sequence([&explicit(2, &dns())])),
        (
            "distances",
            sequence([&explicit(
                0,
                &sequence([
                    &implicit(2, b"example.com"),
                    &implicit(0, &[0]),
                    &implicit(1, &[9]),
                ]),
            )]),
        ),
        (
            "a subtree of nothing",
            sequence([&explicit(0, &sequence([]))]),
        ),
        ("no list", vec![]),
        (
            "bytes behind",
            [sequence([&explicit(0, &dns())]), null()].concat(),
        ),
    ] {
        changes.add(format!("name constraints of {what}"), move |s| {
            s.put(OBJECT, true, &value)
        });
    }
    for (what, own) in [
        ("within", &b"ca.example.com"[..]),
        ("outside", b"ca.example.org"),
    ] {
        changes.stricter(
            OWN_NAMES,
            format!("a name of its own {what} its constraints"),
            move |s| {
                s.put("2.5.29.17", false, &sequence([&implicit(2, own)]));
                s.put(
                    "2.5.29.30",
                    true,
                    &sequence([&explicit(0, &sequence([&implicit(2, b"example.com")]))]),
                );
            },
        );
    }
    changes.stricter(
        NEXT_GO,
        "name constraints of a list and an empty one",
        move |s| {
            s.put(
                OBJECT,
                true,
                &sequence([&explicit(0, &dns()), &explicit(1, &[])]),
            );
        },
    );
}
