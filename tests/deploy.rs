//! `homelab deploy`: an edge is brought to a real Caddy on this machine, on its own files or through a real sshd on loopback, and what
//! was served before is put back where something is wrong.
//!
//! | module | holds |
//! |---|---|
//! | `host` | a host: a Caddy with a Caddyfile of its own, and an sshd before it |
//! | `bringing` | what goes well: the first time, the second, rolling back |
//! | `first_day` | docs/first-day.md, command by command |
//! | `refusals` | what is refused before anything has changed |
//! | `container` | a Caddy that sees its files under another path |
//! | `faults` | what goes wrong on the way: each step, connections that are cut, full disks |
//! | `returns` | who is shut out stays out |
//! | `podman` | a Caddy in a container of a real Podman |
//! | `pick_up` | what waits to be fetched: its modes, and that nothing of it stays |
//! | `several` | several edges, each on a host of its own |
//! | `ssh` | all of it through sshd, as a user of few rights and with sudo |
//! | `timers` | what the units below packaging/systemd/ run, as it stands there |
//! | `ci` | what the workflows below packaging/ci/ run, as it stands there |
//! | `act` | those of GitHub and Forgejo, run by a real runner |
//! | `gitlab` | that of GitLab, run by gitlab-ci-local |

mod support;

#[path = "deploy/act.rs"]
mod act;
#[path = "deploy/bringing.rs"]
mod bringing;
#[path = "deploy/ci.rs"]
mod ci;
#[path = "deploy/container.rs"]
mod container;
#[path = "deploy/faults.rs"]
mod faults;
#[path = "deploy/first_day.rs"]
mod first_day;
#[path = "deploy/gitlab.rs"]
mod gitlab;
#[path = "deploy/host.rs"]
mod host;
#[path = "deploy/pick_up.rs"]
mod pick_up;
#[path = "deploy/podman.rs"]
mod podman;
#[path = "deploy/refusals.rs"]
mod refusals;
#[path = "deploy/returns.rs"]
mod returns;
#[path = "deploy/several.rs"]
mod several;
#[path = "deploy/ssh.rs"]
mod ssh;
#[path = "deploy/timers.rs"]
mod timers;
