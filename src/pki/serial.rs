//! Serial numbers of certificates.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use thiserror::Error;

use crate::record::{from_hex, serde_as_text};

/// A certificate's serial number: positive, and 20 octets long in DER without a padding octet.
///
/// It is written as 40 lower-case hexadecimal digits, by [`Display`](fmt::Display) and read by
/// [`FromStr`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 20]);

impl Serial {
    /// The serial number made of `bytes`, of which the two topmost bits are overwritten: 158 of
    /// them count.
    pub fn from_bytes(mut bytes: [u8; 20]) -> Serial {
        // RFC 5280 §4.1.2.2: positive, at most 20 octets. A clear sign bit makes it so; the set bit
        // after it keeps the first octet from vanishing in DER, so that every serial has one and
        // the same length.
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Serial(bytes)
    }

    /// The 20 octets, most significant first.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The 40 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_write(&self.0, f)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl FromStr for Serial {
    type Err = SerialFormat;

    fn from_str(digits: &str) -> Result<Serial, SerialFormat> {
        let bytes = from_hex(digits).ok_or(SerialFormat)?;
        let serial = Serial::from_bytes(bytes);
        if serial.0 == bytes {
            Ok(serial)
        } else {
            Err(SerialFormat)
        }
    }
}

serde_as_text!(Serial);

/// A text that is not a serial number as [`Serial`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "serial number is not 40 lower-case hexadecimal digits, of which the first is 4, 5, 6 or 7"
)]
pub struct SerialFormat;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_serial_is_positive_and_20_octets_long() {
        for first in 0..=u8::MAX {
            let mut bytes = [0; 20];
            bytes[0] = first;
            assert!((0x40..0x80).contains(&Serial::from_bytes(bytes).as_bytes()[0]));
        }
    }

    #[test]
    fn hex_is_read_back_and_nothing_else_is() {
        let serial = Serial::from_bytes([0xab; 20]);
        let hex = format!("6b{}", "ab".repeat(19));
        assert_eq!(serial.to_hex(), hex);
        assert_eq!(format!("{serial}"), hex);
        assert_eq!(hex.parse(), Ok(serial));

        let mistakes = [
            String::new(),
            hex.to_uppercase(),
            hex[..38].to_owned(),
            format!("{hex}00"),
            format!(" {hex}"),
            format!("0x{}", &hex[2..]),
            format!("2{}", &hex[1..]), // would lose its first octet's set bit
            format!("8{}", &hex[1..]), // negative
            format!("g{}", &hex[1..]),
            format!("é{}", &hex[2..]),
        ];
        for mistake in mistakes {
            assert_eq!(mistake.parse::<Serial>(), Err(SerialFormat), "{mistake}");
        }
    }
}
