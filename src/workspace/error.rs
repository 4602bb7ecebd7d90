//! What can be wrong with the files beside a declaration, whatever is in them.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::templates::{MOST_TEMPLATES, TEMPLATES_LIMIT};
use crate::diagnostic::{Failure, Fault, Mistakes};
use crate::tree::parent_of;

#[derive(Debug, Error, Diagnostic)]
pub(crate) enum WorkspaceError {
    #[error("there is no `{}`", path.display())]
    #[diagnostic(
        code("workspace::no-declaration"),
        help("{}", where_it_is(above.as_deref()))
    )]
    NoDeclaration {
        path: PathBuf,
        above: Option<PathBuf>,
    },

    #[error("cannot read `{}`", path.display())]
    #[diagnostic(
        code("workspace::cannot-read"),
        help("see that it is a file that you may read")
    )]
    CannotRead {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("`{}` is a link that leads out of `{}`", path.display(), root.display())]
    #[diagnostic(
        code("workspace::link-out"),
        help(
            "copy what it leads to: what a build reads is to be where git and other people see it"
        )
    )]
    LinkOut { path: PathBuf, root: PathBuf },

    #[error("`{}` is a link out of its directory, and what it leads to has mistakes, such as `{code}`", path.display())]
    #[diagnostic(
        code("workspace::mistakes-behind-link"),
        help(
            "what they are is not shown, for a link that came with the repository may lead to anything: see them where the file is, `homelab check --file {}`", target.display()
        )
    )]
    MistakesBehindLink {
        path: PathBuf,
        target: PathBuf,
        code: &'static str,
    },

    #[error("`{}` holds more than {MOST_TEMPLATES} files, or more than {} MiB of templates", path.display(), TEMPLATES_LIMIT >> 20)]
    #[diagnostic(
        code("workspace::too-many-templates"),
        help("keep there what overrides the built-in templates, and nothing else")
    )]
    TooManyTemplates { path: PathBuf },

    #[error("a signature that was just made does not verify: this machine miscalculates")]
    #[diagnostic(
        code("workspace::miscalculates"),
        help("nothing was written: use another machine, or have its memory tested")
    )]
    Miscalculates,

    #[error("the output tree cannot be a directory that the declaration stands in, `{}`", path.display())]
    #[diagnostic(
        code("workspace::out-is-here"),
        help("give it a directory of its own, such as `--out out`")
    )]
    OutIsHere { path: PathBuf },

    #[error("`{}` is a link that git keeps: whoever can push says where output goes", path.display())]
    #[diagnostic(
        code("workspace::out-is-a-link"),
        help(
            "see who committed it, `git log -- {}`, and remove it, `git rm {}`; a link of your own that git ignores is taken",
            path.display(), path.display()
        )
    )]
    OutIsALink { path: PathBuf },
}

impl WorkspaceError {
    /// The failure of a machine that miscalculates.
    pub(crate) fn miscalculates() -> Failure {
        Failure::environment(WorkspaceError::Miscalculates)
    }
}

/// What to do where there is no declaration: who has one stands in another directory.
fn where_it_is(above: Option<&Path>) -> String {
    let cd = match above {
        Some(above) => format!("there is one above: `cd {}`", above.display()),
        None => String::from("`cd` to the directory that has it"),
    };
    format!(
        "{cd}, or name it with `--file FILE`; only where there is no homelab yet, begin one with `homelab init DOMAIN`"
    )
}

/// What is wrong with a file, without a word of it where a link leads to it out of its directory: the link may have come with the
/// repository, and what it leads to may be a secret of whoever reads this, or of CI's.
pub(crate) fn mistaken(path: &Path, fault: Fault, mistakes: Mistakes) -> Failure {
    match leads_out(path) {
        None => Failure::mistakes(fault, mistakes),
        Some(target) => {
            let code = mistakes.codes().into_iter().next().unwrap_or_default();
            let path = path.to_owned();
            Failure::new(
                fault,
                WorkspaceError::MistakesBehindLink { path, target, code },
            )
        }
    }
}

/// What a link in the place of a file leads to, where that is outside of its directory.
fn leads_out(path: &Path) -> Option<PathBuf> {
    let is_link = path
        .symlink_metadata()
        .is_ok_and(|there| there.is_symlink());
    if !is_link {
        return None;
    }
    // Where it leads cannot be said of `/proc/self/fd/3`: then it is out.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = parent_of(path).canonicalize();
    let is_inside = directory.is_ok_and(|directory| target.starts_with(directory));
    (!is_inside).then_some(target)
}
