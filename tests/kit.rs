//! What a device's folder holds beside its .p12: profiles, policies and scripts, before the programs that read them.
//!
//! Browsers of Debian open services through a real Caddy with the certificate that the script for Linux has installed. Nothing here
//! is tried on a Mac or on Windows, which have no place in these tests: their files are read by other readers, and each test says
//! what that proves.
//!
//! | module | holds |
//! |---|---|
//! | `user` | somebody's home on Linux: the browsers' databases, and the script run there |
//! | `chromium`, `firefox` | a browser without a window |
//! | `visits` | what the browsers get to see |
//! | `beside` | what is refused beside public files |
//! | `linux` `macos` `windows` `apple` | the files for one kind of device |
//! | `languages` | the scripts in the languages of their people |
//! | `days` | a homelab whose days a test walks, its Caddy's clock too |
//! | `renewing` | `--renew`, day by day |
//! | `year` | a year of people who renew themselves |

mod support;

#[path = "kit/apple.rs"]
mod apple;
#[path = "kit/beside.rs"]
mod beside;
#[path = "kit/chromium.rs"]
mod chromium;
#[path = "kit/days.rs"]
mod days;
#[path = "edge/family.rs"]
#[allow(dead_code, reason = "these tests need the bundles only")]
mod family;
#[path = "kit/firefox.rs"]
mod firefox;
#[path = "edge/house.rs"]
#[allow(dead_code, reason = "these tests need a part of it")]
mod house;
#[path = "kit/languages.rs"]
mod languages;
#[path = "kit/linux.rs"]
mod linux;
#[path = "kit/macos.rs"]
mod macos;
#[path = "kit/renewing.rs"]
mod renewing;
#[path = "readers/terminal.rs"]
#[allow(dead_code, reason = "these tests type at other commands")]
mod terminal;
#[path = "kit/user.rs"]
mod user;
#[path = "kit/visits.rs"]
mod visits;
#[path = "kit/windows.rs"]
mod windows;
#[path = "kit/year.rs"]
mod year;
