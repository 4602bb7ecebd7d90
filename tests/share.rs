//! `homelab share`: what visitors get, good ones and others, and how it ends. All of it on the loopback addresses of this machine,
//! of which there are many: 127.0.0.2 is another visitor than 127.0.0.1.

mod support;

#[path = "share/attacks.rs"]
mod attacks;
#[path = "share/browser.rs"]
mod browser;
#[path = "share/offer.rs"]
mod offer;
#[path = "share/picture.rs"]
mod picture;
#[path = "share/refusals.rs"]
mod refusals;
#[path = "share/sharing.rs"]
mod sharing;
