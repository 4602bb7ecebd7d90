//! What a device runs, and which kind of .p12 its importer takes.

use serde::Serialize;

use crate::pki::BundleProfile;

/// What a device runs, as far as importing a certificate is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Android,
    Ios,
    Ipados,
    Macos,
    Windows,
    Linux,
    Chromeos,
    Firefox,
    Wearos,
    Other,
}

impl Platform {
    /// Every platform, in the order of the documentation.
    pub const ALL: [Platform; 10] = [
        Platform::Android,
        Platform::Ios,
        Platform::Ipados,
        Platform::Macos,
        Platform::Windows,
        Platform::Linux,
        Platform::Chromeos,
        Platform::Firefox,
        Platform::Wearos,
        Platform::Other,
    ];

    /// The word for it in a declaration, which also names its part of the guide.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Android => "android",
            Platform::Ios => "ios",
            Platform::Ipados => "ipados",
            Platform::Macos => "macos",
            Platform::Windows => "windows",
            Platform::Linux => "linux",
            Platform::Chromeos => "chromeos",
            Platform::Firefox => "firefox",
            Platform::Wearos => "wearos",
            Platform::Other => "other",
        }
    }

    /// The name that people know it by.
    pub fn title(self) -> &'static str {
        match self {
            Platform::Android => "Android",
            Platform::Ios => "iPhone",
            Platform::Ipados => "iPad",
            Platform::Macos => "Mac",
            Platform::Windows => "Windows",
            Platform::Linux => "Linux",
            Platform::Chromeos => "ChromeOS",
            Platform::Firefox => "Firefox",
            Platform::Wearos => "Wear OS",
            Platform::Other => "other device",
        }
    }

    pub fn from_word(word: &str) -> Option<Platform> {
        Platform::ALL
            .into_iter()
            .find(|platform| platform.as_str() == word)
    }

    /// The major versions that a declaration may name; none where they make no difference.
    pub fn versions(self) -> Option<std::ops::RangeInclusive<u32>> {
        match self {
            Platform::Android => Some(4..=99),
            Platform::Ios | Platform::Ipados => Some(9..=99),
            Platform::Macos => Some(10..=99),
            Platform::Windows => Some(10..=99),
            Platform::Linux
            | Platform::Chromeos
            | Platform::Firefox
            | Platform::Wearos
            | Platform::Other => None,
        }
    }

    /// The kind of .p12 that its importer is known to take; without a version, that of its oldest.
    ///
    /// Android reads PBES2 since 14, iOS and iPadOS since 18; macOS still has an import path that
    /// does not; Windows does since 10 version 1709, which "10" does not tell.
    pub fn bundle_profile(self, version: Option<u32>) -> BundleProfile {
        let modern_since = match self {
            Platform::Android => Some(14),
            Platform::Ios | Platform::Ipados => Some(18),
            Platform::Windows => Some(11),
            Platform::Linux | Platform::Chromeos | Platform::Firefox => Some(0),
            Platform::Macos | Platform::Wearos | Platform::Other => None,
        };
        match modern_since {
            Some(first) if version.unwrap_or(0) >= first => BundleProfile::Modern,
            _ => BundleProfile::Compat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_follow_the_platform_and_its_version() {
        use BundleProfile::{Compat, Modern};
        use Platform::*;
        for (platform, version, profile) in [
            (Android, None, Compat),
            (Android, Some(13), Compat),
            (Android, Some(14), Modern),
            (Ios, None, Compat),
            (Ios, Some(17), Compat),
            (Ios, Some(18), Modern),
            (Ipados, Some(26), Modern),
            (Macos, None, Compat),
            (Macos, Some(26), Compat),
            (Windows, None, Compat),
            (Windows, Some(10), Compat),
            (Windows, Some(11), Modern),
            (Linux, None, Modern),
            (Chromeos, None, Modern),
            (Firefox, None, Modern),
            (Wearos, None, Compat),
            (Other, None, Compat),
        ] {
            assert_eq!(
                platform.bundle_profile(version),
                profile,
                "{platform:?} {version:?}"
            );
        }
    }

    #[test]
    fn words_round_trip() {
        for platform in Platform::ALL {
            assert_eq!(Platform::from_word(platform.as_str()), Some(platform));
        }
    }
}
