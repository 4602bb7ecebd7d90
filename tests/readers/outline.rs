//! What a file in DER is built of, by a reader that knows nothing but tags and lengths.

/// The object identifiers, small numbers and NULLs of a file, in their order, those within octet strings included.
#[track_caller]
pub fn outline(der: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    assert!(walk(der, &mut found), "it is DER throughout");
    found
}

/// Whether these bytes are elements one behind another.
fn walk(mut rest: &[u8], found: &mut Vec<String>) -> bool {
    while !rest.is_empty() {
        let Some((tag, content, behind)) = element(rest) else {
            return false;
        };
        rest = behind;
        match tag {
            0x02 if content.len() <= 4 => {
                let number = content
                    .iter()
                    .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
                found.push(number.to_string());
            }
            0x05 => found.push("NULL".to_owned()),
            0x06 => found.push(dotted(content)),
            // A string that holds exactly one sequence is looked into; what is encrypted or random does not look like one.
            0x04 => {
                let before = found.len();
                let one = element(content)
                    .is_some_and(|(tag, _, behind)| tag == 0x30 && behind.is_empty());
                if !(one && walk(content, found)) {
                    found.truncate(before);
                }
            }
            constructed if constructed & 0x20 != 0 && !walk(content, found) => return false,
            _ => {}
        }
    }
    true
}

/// The first element: its tag, its content, and what is behind it (X.690 §8.1, §10.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 | 0x82 => {
            let (octets, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            let length = octets
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (length, rest)
        }
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((tag, content, behind))
}

/// X.690 §8.19.
fn dotted(content: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0u64;
    for byte in content {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(std::mem::take(&mut number));
        }
    }
    let first = (numbers[0] / 40).min(2);
    let mut text = format!("{first}.{}", numbers[0] - 40 * first);
    for number in &numbers[1..] {
        text += &format!(".{number}");
    }
    text
}
