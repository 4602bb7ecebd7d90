//! What shows long work, on a terminal alone: a bar, where there are pieces to count, or a line that says what is waited for.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Progress, Work};

/// From when on work counts as long. What is done sooner shows nothing.
const LONG: Duration = Duration::from_secs(1);

/// A bar on stderr, where that is a terminal; on a pipe, in a file and where `TERM` is `dumb` there is none.
///
/// It is gone as soon as the work has ended: what a command says is the same with it and without.
#[derive(Debug)]
pub(super) struct Bar {
    drawn: Mutex<Option<Drawn>>,
}

#[derive(Debug)]
struct Drawn {
    bar: ProgressBar,
    _shown: Shown,
}

/// The only one: there is one terminal.
pub(super) static BAR: Bar = Bar {
    drawn: Mutex::new(None),
};

impl Bar {
    /// Prints something, and shows the bar again behind it.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &*self.drawn() {
            Some(drawn) => drawn.bar.suspend(print),
            None => print(),
        }
    }

    fn drawn(&self) -> MutexGuard<'_, Option<Drawn>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bar {
    fn begin(&self, work: Work, pieces: usize) {
        self.end();
        if !std::io::stderr().is_terminal() {
            return;
        }
        let target = ProgressDrawTarget::hidden();
        let bar =
            ProgressBar::with_draw_target(Some(pieces as u64), target).with_style(style(work));
        let shown = bar.clone();
        let show = move || {
            shown.set_draw_target(ProgressDrawTarget::stderr());
            shown
        };
        *self.drawn() = Some(Drawn {
            bar,
            _shown: Shown::after(LONG, show),
        });
    }

    fn advance(&self) {
        if let Some(drawn) = &*self.drawn() {
            drawn.bar.inc(1);
        }
    }

    fn end(&self) {
        *self.drawn() = None;
    }
}

/// What comes to be seen once it takes long, though nothing of it is done meanwhile; and is gone before anything else is printed.
#[derive(Debug)]
struct Shown {
    end: Option<Sender<()>>,
    shows: Option<JoinHandle<()>>,
}

impl Shown {
    fn after(time: Duration, show: impl FnOnce() -> ProgressBar + Send + 'static) -> Shown {
        let (end, ended) = channel::<()>();
        let shows = thread::spawn(move || {
            if ended.recv_timeout(time) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = show();
            bar.enable_steady_tick(LONG / 10);
            let _ = ended.recv();
            bar.finish_and_clear();
        });
        Shown {
            end: Some(end),
            shows: Some(shows),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(shows) = self.shows.take() {
            let _ = shows.join();
        }
    }
}

/// A line on stderr that says what is waited for, while this is held; where that is a terminal, and it takes long.
#[derive(Debug)]
pub(super) struct Waiting {
    _shown: Option<Shown>,
}

impl Waiting {
    /// It takes long once it has taken a second since then.
    pub(super) fn since(begun: Instant, what: String) -> Waiting {
        let show = move || {
            let line = ProgressBar::new_spinner().with_style(
                ProgressStyle::with_template("{spinner} {msg}, {elapsed}")
                    .expect("the template is a constant"),
            );
            line.with_message(what).with_elapsed(begun.elapsed())
        };
        let is_seen = std::io::stderr().is_terminal();
        let left = LONG.saturating_sub(begun.elapsed());
        Waiting {
            _shown: is_seen.then(|| Shown::after(left, show)),
        }
    }
}

fn style(work: Work) -> ProgressStyle {
    let template = match work.unit() {
        Some(unit) => {
            format!("{work} [{{bar:30}}] {{human_pos}} of {{human_len}} {unit}, {{eta}} left")
        }
        None => format!("{{spinner}} {work}, {{elapsed}}"),
    };
    let style =
        ProgressStyle::with_template(&template).expect("the template is a constant but for words");
    style.progress_chars("=> ")
}
