//! The steps of a commit that write, each of which can be done again when it was interrupted.

use std::collections::BTreeSet;

use super::change::{Change, Folder, Put, Scope, folder_of};
use super::directory::Directory;
use super::durable::{
    Existing, flush_directories, flush_directory, flush_files, place, temporary_name,
};
use super::error::TreeError;
use super::label::Label;
use super::manifest::{self, ManifestEntry, Mode};
use super::modes::TRIAL;
use super::path::{OWN, split};
use super::survey::Survey;
use crate::progress::Underway;

/// Where in homelab's own directory files are until they are moved to their places.
///
/// It is beneath the root so that it is on the same file system.
const STAGING: &str = "staging";

/// Makes the directory that files are staged in.
pub(super) fn make_staging(root: &Directory) -> Result<Directory, TreeError> {
    let own = make_own(root)?;
    own.create_directory(STAGING, Mode::Secret.of_directory())?;
    own.enter(STAGING)
}

/// Makes the bytes of what is about to be moved durable, before any name leads to them.
pub(super) fn make_staged_durable(
    staging: &Directory,
    moves: &[&Put<'_>],
) -> Result<(), TreeError> {
    let names: Vec<&str> = moves.iter().map(|put| put.staged.as_str()).collect();
    flush_files(staging, &names)
}

/// Replaces the manifest, durably.
pub(super) fn write_manifest(root: &Directory, text: &str) -> Result<(), TreeError> {
    let own = make_own(root)?;
    place(
        &own,
        manifest::FILE,
        Mode::Secret,
        text.as_bytes(),
        Existing::Replace,
    )
}

/// Makes the directories that are absent, and sets back the modes of others.
pub(super) fn make_folders(root: &Directory, survey: &Survey<'_>) -> Result<(), TreeError> {
    for folder in &survey.altered {
        root.set_directory_mode(folder.path, mode_of(folder).of_directory())?;
    }
    for folder in &survey.absent {
        let (parent, name) = split(folder.path);
        let parent = root.enter(parent.unwrap_or("."))?;
        parent.create_directory(name, mode_of(folder).of_directory())?;
    }
    Ok(())
}

/// Moves what is staged to its places, over what is there.
pub(super) fn move_into_place(
    staging: &Directory,
    root: &Directory,
    moves: &[&Put<'_>],
    underway: &Underway<'_>,
) -> Result<(), TreeError> {
    // Files of one directory mostly follow each other.
    let mut last: Option<(&str, Directory)> = None;
    for put in moves {
        let path = &put.entry.path;
        let folder = folder_of(path.as_str());
        let (_, directory) = match last.take() {
            Some(open) if open.0 == folder => last.insert(open),
            _ => last.insert((folder, root.enter(folder)?)),
        };
        staging.rename(&put.staged, directory, path.name())?;
        underway.advance();
    }
    Ok(())
}

/// Removes what is no longer wanted, and the directories that this leaves empty.
///
/// A directory that someone put in the place of a file of ours is left, and so is one that holds anything else.
pub(super) fn remove_orphans(
    root: &Directory,
    change: &Change<'_>,
    folders: &[Folder<'_>],
) -> Result<(), TreeError> {
    for orphan in &change.orphans {
        if let Some(directory) = root.descend_if_directory(folder_of(orphan.path.as_str()))? {
            directory.remove_file(orphan.path.name())?;
        }
    }
    for folder in folders.iter().rev().filter(|folder| folder.mode.is_none()) {
        if let Some(directory) = root.descend_if_directory(folder_of(folder.path))? {
            directory.remove_empty_directory(split(folder.path).1)?;
        }
    }
    Ok(())
}

/// Makes every name durable that the steps before have added, replaced or removed, and every mode that they have set.
pub(super) fn make_names_durable(
    root: &Directory,
    change: &Change<'_>,
    survey: &Survey<'_>,
    folders: &[Folder<'_>],
) -> Result<(), TreeError> {
    let moved = survey
        .moves
        .iter()
        .map(|put| folder_of(put.entry.path.as_str()));
    let removed = change
        .orphans
        .iter()
        .map(|orphan| folder_of(orphan.path.as_str()));
    let emptied = folders
        .iter()
        .filter(|folder| folder.mode.is_none())
        .map(|folder| folder_of(folder.path));
    let made = survey.absent.iter().map(|folder| folder_of(folder.path));
    let altered = survey.altered.iter().map(|folder| folder.path);
    let touched: BTreeSet<&str> = moved
        .chain(removed)
        .chain(emptied)
        .chain(made)
        .chain(altered)
        .collect();
    flush_directories(root, &touched.into_iter().collect::<Vec<_>>())
}

/// Completes what a build that was killed did not: makes durable what it may have done, and removes what it has left.
///
/// That its staging directory is still there tells of it. What it moved stands in its place already, so no later commit
/// would see that it may not be durable yet.
///
/// What it staged under labels stays, and is given in order: whoever knows the labels may take it up.
pub(super) fn recover(
    root: &Directory,
    entries: &[ManifestEntry],
) -> Result<Vec<Label>, TreeError> {
    if root.status(&format!("{OWN}/{STAGING}"))?.is_some() {
        let change = Change::between(entries, Vec::new(), &Scope::All);
        let folders = change.folders();
        let touched: Vec<&str> = [".", OWN]
            .into_iter()
            .chain(folders.iter().map(|folder| folder.path))
            .collect();
        flush_directories(root, &touched)?;
    }
    let labels = labels(root)?;
    if labels.is_empty() {
        remove_leftovers(root)?;
    }
    Ok(labels)
}

/// The labels of what is staged, sorted; nothing else stays there.
fn labels(root: &Directory) -> Result<Vec<Label>, TreeError> {
    let Some(staging) = root.descend(&format!("{OWN}/{STAGING}"))? else {
        return Ok(Vec::new());
    };
    let mut labels = Vec::new();
    for name in staging.names()? {
        match Label::from_name(&name) {
            Some(label) => labels.push(label),
            None => staging.remove_file(&name)?,
        }
    }
    labels.sort();
    Ok(labels)
}

/// Whether there is anything for [`recover`] to do, as far as that can be told.
pub(super) fn is_unfinished(root: &Directory) -> bool {
    let manifest = format!("{OWN}/{}", temporary_name(manifest::FILE));
    let staging = format!("{OWN}/{STAGING}");
    let left = [TRIAL, &manifest, &staging];
    { left.iter() }.any(|path| !matches!(root.status(path), Ok(None)))
}

/// Removes what was staged, and what a build that was killed has left behind.
pub(super) fn remove_leftovers(root: &Directory) -> Result<(), TreeError> {
    root.remove_file(TRIAL)?;
    let Some(own) = root.descend(OWN)? else {
        return Ok(());
    };
    own.remove_file(&temporary_name(manifest::FILE))?;
    if let Some(staging) = own.descend(STAGING)? {
        for name in staging.names()? {
            staging.remove_file(&name)?;
        }
        own.remove_empty_directory(STAGING)?;
        flush_directory(&own)?;
    }
    // A build that ended before it had anything to record.
    root.remove_empty_directory(OWN)
}

/// Opens homelab's own directory, making it if it is absent.
fn make_own(root: &Directory) -> Result<Directory, TreeError> {
    if root.create_directory(OWN, Mode::Secret.of_directory())? {
        flush_directory(root)?;
    }
    root.enter(OWN)
}

fn mode_of(folder: &Folder<'_>) -> Mode {
    folder
        .mode
        .expect("a directory in which nothing is wanted is neither made nor altered")
}
