//! Asking for a passphrase on the terminal, without showing it, and with the terminal as it was afterwards.
//!
//! rpassword takes the line apart; the terminal is set here. It turns signals from the keyboard off too, and raises them
//! itself before it has put the terminal back: a shell would then show nothing of what is typed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use age::secrecy::SecretString;
use rpassword::ConfigBuilder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// What the keyboard sends for them, where the terminal makes no signals of its own.
const INTERRUPT: u8 = 0x03;
const QUIT: u8 = 0x1c;
const SUSPEND: u8 = 0x1a;

/// How long it takes to notice that somebody ends the process.
const PATIENCE: Duration = Duration::from_millis(100);

/// Asks for a passphrase.
pub(super) fn ask(prompt: &str) -> io::Result<SecretString> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let quiet = Quiet::begin(terminal)?;
    let mut shown = quiet.terminal.try_clone()?;
    let config = ConfigBuilder::new()
        .input_reader(quiet)
        .output_discard()
        .build();
    shown.write_all(prompt.as_bytes())?;
    let answer = rpassword::read_password_with_config(config);
    // The line's end was not shown either.
    let _ = shown.write_all(b"\n");
    answer.map(SecretString::from)
}

/// A terminal that shows nothing of what is typed, until it is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
    /// Whether signals end the process as they would by themselves.
    is_idle: Arc<AtomicBool>,
    /// Whether one has come that would.
    is_ended: Arc<AtomicBool>,
}

impl Quiet {
    fn begin(terminal: File) -> io::Result<Quiet> {
        let before = tcgetattr(&terminal)?;
        let (is_idle, is_ended) = (Arc::new(AtomicBool::new(false)), Arc::default());
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&is_idle))?;
            signal_hook::flag::register(signal, Arc::clone(&is_ended))?;
        }
        let quiet = Quiet {
            terminal,
            before,
            is_idle,
            is_ended,
        };
        quiet.silence()?;
        Ok(quiet)
    }

    fn silence(&self) -> io::Result<()> {
        let mut modes = self.before.clone();
        modes.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &modes)?)
    }

    fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }

    /// Puts the terminal back and raises a signal; goes on where that did not end the process.
    fn pass_on(&self, signal: Signal) -> io::Result<()> {
        self.restore();
        self.is_idle.store(true, Ordering::SeqCst);
        kill_process(getpid(), signal)?;
        // Who was suspended is here again.
        self.is_idle.store(false, Ordering::SeqCst);
        self.silence()
    }

    /// Waits until something is typed.
    fn wait(&self) -> io::Result<()> {
        let patience = Timespec::try_from(PATIENCE).expect("it is short");
        loop {
            if self.is_ended.swap(false, Ordering::SeqCst) {
                self.pass_on(Signal::TERM)?;
            }
            let mut wanted = [PollFd::new(&self.terminal, PollFlags::IN)];
            match poll(&mut wanted, Some(&patience)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Quiet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buffer.get_mut(..1) else {
            return Ok(0);
        };
        loop {
            self.wait()?;
            let read = self.terminal.read(first)?;
            let signal = match first[0] {
                _ if read == 0 => return Ok(0),
                INTERRUPT => Signal::INT,
                QUIT => Signal::QUIT,
                SUSPEND => Signal::TSTP,
                _ => return Ok(read),
            };
            self.pass_on(signal)?;
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.restore();
        self.is_idle.store(true, Ordering::SeqCst);
    }
}
