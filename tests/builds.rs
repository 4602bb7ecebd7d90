//! What `homelab build` promises where something goes on at the same time: an edit, a kill, a full disk, a merge.
//!
//! Each test compares whole trees, or whole outputs: it says which paths changed, and every other path must be as it was.
//!
//! | module | holds |
//! |---|---|
//! | `apps` | apps of one's own beside the declaration |
//! | `folders` | folders of people that are not put together again, held against builds that know nothing |
//! | `home` | the small homelab that the tests start from |
//! | `incrementality` | what changes when something is declared, edited, deleted, and what is said of it |
//! | `edits` | each file of a homelab and its tree, edited in each way, on a disk and in memory, and 10,000 times by a machine |
//! | `index` | a build that knows at once that it has nothing to do, held against one that reads everything |
//! | `crashes` | a command that is killed at a system call, each kind counted by itself, and the one after it |
//! | `disks` | a disk that is full or read-only |
//! | `merging` | the lock after git has merged it |
//! | `progress` | the bar on a terminal, and many paths in few lines |
//! | `resuming` | what a build that was killed had made |
//! | `revoking` | the revocation list: when it is signed anew, by whom, and what is done where nobody can |
//! | `reach` | which files one change of a device or a name opens and writes, and that as much is synced in a large homelab as in a small one |
//! | `surroundings` | what stands around a homelab: pipes, other programs' files, outputs that take nothing |
//! | `twins` | a homelab that is built by what is known of its tree, and one of which everything is read |

mod support;

#[path = "builds/apps.rs"]
mod apps;
#[path = "builds/crashes.rs"]
mod crashes;
#[path = "builds/disks.rs"]
mod disks;
#[path = "builds/edits.rs"]
mod edits;
#[path = "builds/folders.rs"]
mod folders;
#[path = "builds/home.rs"]
mod home;
#[path = "builds/incrementality.rs"]
mod incrementality;
#[path = "builds/index.rs"]
mod index;
#[path = "builds/merging.rs"]
mod merging;
#[path = "builds/progress.rs"]
mod progress;
#[path = "builds/reach.rs"]
mod reach;
#[path = "builds/resuming.rs"]
mod resuming;
#[path = "builds/revoking.rs"]
mod revoking;
#[path = "builds/surroundings.rs"]
mod surroundings;
#[path = "builds/twins.rs"]
mod twins;
