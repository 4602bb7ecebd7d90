//! What somebody has meant who wrote a name, a host or an address as other tools take it. Whatever is suggested here has been read
//! by the type that would not take what was written.

use crate::model::{Address, ByteSize, Domain, LastDay, Lifetime, Name, Platform};

/// The name that stands for one with capitals, spaces or letters beyond ASCII.
pub(super) fn name(written: &str) -> Option<Name> {
    let mut text = String::new();
    for character in written.trim().chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' | '-' => text.push(character),
            ' ' | '_' | '.' | '\u{a0}' | '/' | '+' | '&' => text.push('-'),
            '\'' | '’' | '"' | '(' | ')' => {}
            other => text.push_str(ascii_of(other)?),
        }
    }
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    Name::new(&parts.join("-")).ok()
}

/// How a letter of the Latin alphabet is written where there is only ASCII.
fn ascii_of(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' | 'ø' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' | 'ă' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

/// What is wrong with a host by habit, and the host that was meant.
pub(super) struct MeantHost {
    pub why: &'static str,
    pub host: Option<String>,
}

/// The host in a URL, with a port, with a wildcard, with capitals or other letters.
pub(super) fn host(written: &str) -> Option<MeantHost> {
    let mut why = None;
    let mut rest = written.trim();
    let has_scheme = rest.split_once("://");
    if let Some((_, after)) = has_scheme {
        why = Some("a URL: only the name of the host stands here");
        rest = after;
    }
    if let Some((before, _)) = rest.split_once('/') {
        why = why.or(Some(
            "only the name of the host stands here, without a path",
        ));
        rest = before;
    }
    if let Some((before, port)) = rest.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        why = why.or(Some("a port belongs in `upstream`"));
        rest = before;
    }
    if let Some(after) = rest.strip_prefix('*') {
        why = why.or(Some(
            "each service has its own name: there are no wildcards here",
        ));
        rest = after.trim_start_matches('.');
    }
    if rest.starts_with('[') || rest.parse::<std::net::IpAddr>().is_ok() {
        let why = "an address: certificates are for names, and an address belongs in `upstream`";
        return Some(MeantHost { why, host: None });
    }
    let small = rest.to_lowercase();
    if small != rest {
        why = why.or(Some("hosts are written small"));
    }
    if !small.is_ascii() {
        why = why.or(Some(
            "letters beyond ASCII have another form here, which browsers translate",
        ));
    }
    if small.contains(['_', ' ']) {
        why = why.or(Some("a host has no spaces and no `_`"));
    }
    let labels = small.trim_end_matches('.').split('.');
    let labels: Option<Vec<String>> = labels
        .map(|label| a_label(&label.replace([' ', '_'], "-")))
        .collect();
    let host = labels.map(|labels| labels.join("."));
    // The longest of all domains is shorter than the longest host: what it takes is one.
    let host = host.filter(|host| Domain::new(host).is_ok() || host == "@");
    Some(MeantHost { why: why?, host })
}

/// A label as DNS has it (RFC 5891 §4.4): one with other letters than ASCII in punycode.
fn a_label(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    // What is not one character each (RFC 5891 §4.2.1 wants NFC) is nobody's to guess.
    let is_composed = label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let encoded = punycode(label).filter(|_| is_composed)?;
    Some(format!("xn--{encoded}"))
}

/// RFC 3492 §6.3, for labels: the parameters are those of §5.
fn punycode(label: &str) -> Option<String> {
    let (base, t_min, t_max, skew) = (36u32, 1, 26, 38);
    let characters: Vec<u32> = label.chars().map(u32::from).collect();
    if characters.len() > 63 {
        return None;
    }
    let mut output: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(output.len()).ok()?;
    if basic > 0 {
        output.push('-');
    }
    let (mut n, mut delta, mut bias, mut handled) = (128u32, 0u32, 72u32, basic);
    while (handled as usize) < characters.len() {
        let next = characters.iter().copied().filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for character in &characters {
            if *character < n {
                delta += 1;
            }
            if *character != n {
                continue;
            }
            let mut q = delta;
            let mut k = base;
            loop {
                let t = k.saturating_sub(bias).clamp(t_min, t_max);
                if q < t {
                    break;
                }
                output.push(digit(t + (q - t) % (base - t)));
                q = (q - t) / (base - t);
                k += base;
            }
            output.push(digit(q));
            // RFC 3492 §6.1.
            delta /= if handled == basic { 700 } else { 2 };
            delta += delta / (handled + 1);
            let mut steps = 0;
            while delta > (base - t_min) * t_max / 2 {
                delta /= base - t_min;
                steps += base;
            }
            bias = steps + (base - t_min + 1) * delta / (delta + skew);
            delta = 0;
            handled += 1;
        }
        delta += 1;
        n += 1;
    }
    Some(output)
}

fn digit(value: u32) -> char {
    char::from_digit(value, 36).map_or('?', |_| {
        let byte = u8::try_from(value).unwrap_or_default();
        char::from(if value < 26 {
            b'a' + byte
        } else {
            b'0' + byte - 26
        })
    })
}

/// The address of an upstream that says no scheme, or another program's.
pub(super) fn upstream(written: &str) -> Option<String> {
    let written = written.trim();
    let of_port = |port: &str| format!("http://127.0.0.1:{port}");
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let meant = if let Some(port) = written.strip_prefix(':').filter(|port| is_number(port)) {
        of_port(port)
    } else if is_number(written) {
        of_port(written)
    } else if let Some(socket) = written.strip_prefix("unix:") {
        format!("unix//{}", socket.trim_start_matches('/'))
    } else if written.starts_with('/') {
        format!("unix/{written}")
    } else if let Some((scheme, rest)) = written.split_once("://") {
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" | "tcp" => format!("http://{rest}"),
            "https" | "wss" => format!("https://{rest}"),
            _ => return None,
        }
    } else if written.ends_with(":443") || written.ends_with(":8443") {
        format!("https://{written}")
    } else {
        format!("http://{written}")
    };
    Address::new(&meant, None).is_ok().then_some(meant)
}

/// A length of time that was written as people say it.
pub(super) fn lifetime(written: &str) -> Option<String> {
    let text = written.trim().to_lowercase();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "day" | "days" | "d" => "d",
        "m" | "mon" | "month" | "months" | "mo" => "mo",
        "y" | "yr" | "year" | "years" => "y",
        "w" | "week" | "weeks" => "w",
        "h" | "hour" | "hours" | "hrs" => "h",
        _ => return None,
    };
    let meant = format!("{number}{unit}");
    (digits > 0 && Lifetime::new(&meant).is_ok()).then_some(meant)
}

/// A day that was written with dots, slashes or an hour. `03/04/2026` is nobody's to guess.
pub(super) fn last_day(written: &str) -> Option<LastDay> {
    let text = written.trim();
    let text = text.split(['T', ' ']).next().unwrap_or(text);
    let parts: Vec<&str> = text.split(['.', '/', '-']).collect();
    let [first, month, last] = parts.as_slice() else {
        return None;
    };
    let (year, day) = match (first.len(), last.len()) {
        (4, 1..=2) => (first, last),
        (1..=2, 4) if text.contains('.') => (last, first),
        _ => return None,
    };
    LastDay::new(&format!("{year}-{month:0>2}-{day:0>2}")).ok()
}

/// A size with spaces, or with its unit written small or short.
pub(super) fn size(written: &str) -> Option<String> {
    let text: String = written.chars().filter(|c| !c.is_whitespace()).collect();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.to_lowercase().as_str() {
        "k" | "kb" => "KB",
        "m" | "mb" => "MB",
        "g" | "gb" => "GB",
        "t" | "tb" => "TB",
        "kib" => "KiB",
        "mib" => "MiB",
        "gib" => "GiB",
        "tib" => "TiB",
        _ => return None,
    };
    let meant = format!("{number}{unit}");
    ByteSize::new(&meant).is_ok().then_some(meant)
}

/// The platform of what people call their devices by.
pub(super) fn platform(written: &str) -> Option<Platform> {
    let word = written.to_lowercase();
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || " .-".contains(c));
    if let Some(known) = Platform::from_word(&word.replace([' ', '-', '_'], "")) {
        return Some(known);
    }
    Some(match word {
        "iphone" | "iphoneos" => Platform::Ios,
        "ipad" => Platform::Ipados,
        "mac" | "osx" | "os x" | "macbook" | "imac" | "darwin" | "apple" => Platform::Macos,
        "win" | "pc" | "microsoft" => Platform::Windows,
        "ubuntu" | "debian" | "fedora" | "arch" | "mint" | "nixos" | "raspberry" | "unix" => {
            Platform::Linux
        }
        "pixel" | "samsung" | "galaxy" | "grapheneos" | "lineageos" | "fairphone" => {
            Platform::Android
        }
        "chrome" | "chromebook" => Platform::Chromeos,
        "watch" | "wear" => Platform::Wearos,
        _ => return None,
    })
}

/// To whom a word means to open something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Public {
    Lan,
    Everyone,
}

/// What other programs call everybody, or everybody at home.
pub(super) fn public(word: &str) -> Option<Public> {
    match word.to_lowercase().as_str() {
        "*" | "all" | "any" | "anybody" | "anyone" | "everybody" | "everyone" | "internet"
        | "open" | "public" | "world" | "wan" | "0.0.0.0/0" => Some(Public::Everyone),
        "lan" | "home" | "local" | "internal" | "intranet" | "private" | "private_ranges"
        | "localnet" => Some(Public::Lan),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_suggested_that_are_names() {
        for (written, meant) in [
            ("Alice", "alice"),
            ("jörg", "joerg"),
            ("My Pixel", "my-pixel"),
            ("José-María", "jose-maria"),
            ("René_2", "rene-2"),
            (" Straße ", "strasse"),
        ] {
            assert_eq!(
                name(written).map(|name| name.to_string()).as_deref(),
                Some(meant)
            );
        }
        for written in ["", "雪", "con", "--", "CON", "@dmins"] {
            assert_eq!(name(written), None, "{written}");
        }
    }

    /// RFC 3492 §7.1 has (L), the others are known from the DNS.
    #[test]
    fn labels_are_written_in_punycode() {
        for (label, encoded) in [
            ("bücher", "bcher-kva"),
            ("müller", "mller-kva"),
            ("straße", "strae-oqa"),
            ("münchen-ost", "mnchen-ost-9db"),
            ("пример", "e1afmkfd"),
            ("例え", "r8jz45g"),
            ("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"),
        ] {
            assert_eq!(punycode(label).as_deref(), Some(encoded), "{label}");
        }
        assert_eq!(punycode(&"ü".repeat(64)), None);
    }

    #[test]
    fn hosts_are_found_in_what_is_more() {
        for (written, meant) in [
            (
                "https://immich.home.example.com",
                Some("immich.home.example.com"),
            ),
            ("https://a.example.com:8443/x", Some("a.example.com")),
            ("immich:8443", Some("immich")),
            ("*.home.example.com", Some("home.example.com")),
            ("Home.Example.com", Some("home.example.com")),
            ("müller.de", Some("xn--mller-kva.de")),
            ("My Host", Some("my-host")),
            ("*", None),
            ("192.168.1.10", None),
            ("[fd00::1]", None),
        ] {
            let found = host(written).expect("a habit");
            assert_eq!(found.host.as_deref(), meant, "{written}");
        }
        assert!(host("immich").is_none());
    }

    #[test]
    fn addresses_lengths_and_sizes_are_suggested_that_can_be_read() {
        for (written, meant) in [
            (":8080", Some("http://127.0.0.1:8080")),
            ("8080", Some("http://127.0.0.1:8080")),
            ("immich:2283", Some("http://immich:2283")),
            ("10.0.0.2", Some("http://10.0.0.2")),
            ("10.0.0.2:443", Some("https://10.0.0.2:443")),
            ("ws://a:1", Some("http://a:1")),
            ("/run/app.sock", Some("unix//run/app.sock")),
            ("unix:/run/app.sock", Some("unix//run/app.sock")),
            ("ftp://a", None),
            ("http://{$X}", None),
        ] {
            assert_eq!(upstream(written).as_deref(), meant, "{written}");
        }
        for (written, meant) in [
            ("365", Some("365d")),
            ("1 year", Some("1y")),
            ("12m", Some("12mo")),
            ("90 Days", Some("90d")),
            ("soon", None),
            ("5 minutes", None),
        ] {
            assert_eq!(lifetime(written).as_deref(), meant, "{written}");
        }
        for (written, meant) in [
            ("27.12.2026", Some("2026-12-27")),
            ("2026/1/5", Some("2026-01-05")),
            ("2026-12-27T18:00", Some("2026-12-27")),
            ("12/27/2026", None),
            ("30.02.2026", None),
            ("soon", None),
        ] {
            let found = last_day(written).map(|day| day.to_string());
            assert_eq!(found.as_deref(), meant, "{written}");
        }
        for (written, meant) in [("50 GB", Some("50GB")), ("50g", Some("50GB")), ("5", None)] {
            assert_eq!(size(written).as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn platforms_are_known_by_what_they_run_on() {
        for (written, meant) in [
            ("iPhone", "ios"),
            ("iOS", "ios"),
            ("iPhone 15", "ios"),
            ("Windows 11", "windows"),
            ("Mac", "macos"),
            ("ubuntu", "linux"),
            ("Wear OS", "wearos"),
        ] {
            assert_eq!(
                platform(written).map(Platform::as_str),
                Some(meant),
                "{written}"
            );
        }
        assert_eq!(platform("andriod"), None);
    }
}
