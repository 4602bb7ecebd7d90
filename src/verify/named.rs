//! The sites that somebody has named.

use miette::Diagnostic;
use thiserror::Error;

use super::Site;
use crate::diagnostic::{Failure, Fault, did_you_mean};

#[derive(Debug, Error, Diagnostic)]
#[error("`{name}` is no service, and no host of one")]
#[diagnostic(code("verify::unknown-service"))]
struct UnknownService {
    name: String,
    #[help]
    help: String,
}

/// The sites of these services, or at these hosts, in their order; all where none is named.
pub(crate) fn named<'s>(names: &[String], all: &'s [Site]) -> Result<Vec<&'s Site>, Failure> {
    let is_called = |site: &Site, name: &String| site.service == *name || site.host == *name;
    let is_known = |name: &&String| all.iter().any(|site| is_called(site, name));
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        let known = all.iter().map(|site| site.service.as_str());
        let help = did_you_mean(name, known);
        let name = name.clone();
        return Err(Failure::new(Fault::Usage, UnknownService { name, help }));
    }
    let is_wanted =
        |site: &&Site| names.is_empty() || names.iter().any(|name| is_called(site, name));
    Ok(all.iter().filter(is_wanted).collect())
}
