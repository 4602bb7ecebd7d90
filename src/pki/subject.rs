//! The names a certificate gives its subject: the distinguished name and the email address.

use rcgen::string::Ia5String;
use rcgen::{DistinguishedName, DnType, DnValue, SanType};
use thiserror::Error;

/// RFC 5280 appendix A.1, ub-common-name and ub-organization-name: 64 characters.
const LONGEST_ATTRIBUTE: usize = 64;

/// The name that consists of `common_name` alone.
pub(super) fn authority_name(common_name: &str) -> Result<DistinguishedName, SubjectError> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, attribute("common name", common_name)?);
    Ok(name)
}

/// The name of `common_name` within `organization`.
pub(super) fn leaf_name(
    organization: &str,
    common_name: &str,
) -> Result<DistinguishedName, SubjectError> {
    // OpenSSL takes a leaf's dotted common name for a DNS name (RFC 6125 §6.4.4), and the authority
    // excludes all of those.
    let in_host_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if common_name.contains('.') && common_name.chars().all(in_host_names) {
        return Err(SubjectError::HostName {
            common_name: common_name.to_owned(),
        });
    }
    let mut name = DistinguishedName::new();
    // From the general to the particular, as X.501 §9.2 builds names.
    name.push(
        DnType::OrganizationName,
        attribute("organization", organization)?,
    );
    name.push(DnType::CommonName, attribute("common name", common_name)?);
    Ok(name)
}

/// `address` as an rfc822Name (RFC 5280 §4.2.1.6).
pub(super) fn email(address: &str) -> Result<SanType, SubjectError> {
    // RFC 5280 §4.2.1.6: a Mailbox without a display name, comment or brackets, in IA5String. Of
    // what RFC 5321 §4.1.2 allows, the quoted local part and the address literal are left out:
    // nobody's mail needs them, and readers disagree on them.
    let mistake = || SubjectError::Email {
        address: address.to_owned(),
    };
    let (local, domain) = address.split_once('@').ok_or_else(mistake)?;
    let local_character = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let atoms = local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(local_character));
    let labels = domain.split('.').all(|label| {
        let edges = !label.starts_with('-') && !label.ends_with('-');
        edges
            && (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    // RFC 5321 §4.5.3.1: a local part of 64 octets, a domain of 255; RFC 1035 §3.1 leaves 253 of
    // the latter.
    if !atoms || !labels || local.len() > 64 || domain.len() > 253 {
        return Err(mistake());
    }
    let address = Ia5String::try_from(address).map_err(|_| mistake())?;
    Ok(SanType::Rfc822Name(address))
}

fn attribute(attribute: &'static str, value: &str) -> Result<DnValue, SubjectError> {
    let characters = value.chars().count();
    if characters == 0 {
        return Err(SubjectError::Empty { attribute });
    }
    if characters > LONGEST_ATTRIBUTE {
        return Err(SubjectError::TooLong {
            attribute,
            characters,
        });
    }
    // Readers that take a NUL for the end of a name would see another name than is signed.
    if value.chars().any(char::is_control) {
        return Err(SubjectError::Control { attribute });
    }
    // RFC 5280 §4.1.2.4: UTF8String, for all but old names.
    Ok(DnValue::Utf8String(value.to_owned()))
}

/// Why a text cannot name a certificate's subject.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SubjectError {
    /// The attribute has no characters.
    #[error("{attribute} is empty")]
    Empty {
        /// Which one: "common name" or "organization".
        attribute: &'static str,
    },
    /// The attribute has more characters than X.509 gives it.
    #[error("{attribute} has {characters} characters, more than {LONGEST_ATTRIBUTE}")]
    TooLong {
        /// Which one: "common name" or "organization".
        attribute: &'static str,
        /// How many it has.
        characters: usize,
    },
    /// The attribute holds a control character.
    #[error("{attribute} contains a control character")]
    Control {
        /// Which one: "common name" or "organization".
        attribute: &'static str,
    },
    /// The leaf's common name looks like a host's, which its authority must not vouch for: OpenSSL
    /// refuses such a leaf.
    #[error("common name `{common_name}` reads as a host name")]
    HostName { common_name: String },
    /// The address is not a plain ASCII `local@domain`.
    #[error("email address `{}` is not a plain ASCII local@domain", address.escape_debug())]
    Email { address: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_1_to_64_characters() {
        assert_eq!(
            authority_name(""),
            Err(SubjectError::Empty {
                attribute: "common name"
            })
        );
        assert!(authority_name(&"é".repeat(64)).is_ok());
        let long = "a".repeat(253);
        let too_long = SubjectError::TooLong {
            attribute: "organization",
            characters: 253,
        };
        assert_eq!(leaf_name(&long, "x"), Err(too_long));
        assert_eq!(
            leaf_name("o", "a\0b"),
            Err(SubjectError::Control {
                attribute: "common name"
            })
        );
    }

    #[test]
    fn a_leaf_is_not_named_as_a_host_is() {
        for common_name in ["alice.pixel", "www.example.com", "10.0.0.7"] {
            assert!(
                matches!(
                    leaf_name("o", common_name),
                    Err(SubjectError::HostName { .. })
                ),
                "{common_name}"
            );
        }
        for common_name in ["alice-pixel", "Alice B. Toklas"] {
            assert!(
                leaf_name("example.com", common_name).is_ok(),
                "{common_name}"
            );
        }
        assert!(authority_name("example.com").is_ok());
    }

    #[test]
    fn email_addresses_are_plain() {
        for address in [
            "alice@home.example.com",
            "a.b+c@localhost",
            "o'hara@x-y.example",
        ] {
            assert!(email(address).is_ok(), "{address}");
        }
        let mistakes = [
            "",
            "alice",
            "@example.com",
            "alice@",
            "alice@@example.com",
            "a@b@c",
            "ålice@example.com",
            "alice@exämple.com",
            "alice @example.com",
            "alice@example.com\0",
            ".a@example.com",
            "a..b@example.com",
            "alice@.example.com",
            "alice@example.com.",
            "alice@-x.example",
            "<alice@example.com>",
            "\"a b\"@example.com",
            "alice@[127.0.0.1]",
        ];
        for address in mistakes {
            assert_eq!(
                email(address),
                Err(SubjectError::Email {
                    address: address.to_owned()
                }),
                "{address}"
            );
        }
    }
}
