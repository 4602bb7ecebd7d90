//! Scripts that install a device's certificate.

use super::Artifact;
use crate::derive::{Installer, Script};
use crate::diagnostic::Mistake;
use crate::template::Templates;

/// Renders a script from its template, in the language of whose device it is. One for Windows begins with a byte order mark, without which
/// Windows PowerShell takes its text for the machine's own code page, and its lines end as there.
pub(super) fn render(installer: &Installer, templates: &Templates) -> Result<Artifact, Mistake> {
    let language = installer.language.as_str();
    let template = installer.script.template();
    let rendered = templates.render_in(language, template, &installer.context)?;
    let mut artifact = Artifact::from(rendered);
    if installer.script == Script::Windows {
        let text = String::from_utf8(artifact.bytes).expect("templates render texts");
        let lines = text.lines().flat_map(|line| [line, "\r\n"]);
        let text: String = ["\u{feff}"].into_iter().chain(lines).collect();
        artifact.bytes = text.into_bytes();
    }
    Ok(artifact)
}
