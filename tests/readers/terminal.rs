//! Somebody at a terminal, who types what is asked for.

use crate::support::lab::Invocation;

/// The Python that `tests/run` requires. A `python3` earlier in the PATH may be a shim that wants more of an environment.
pub const PYTHON: &str = "/usr/bin/python3";

/// Runs its arguments on a pseudo-terminal of their own. To each prompt it types a line of standard input, once the echo is
/// off: a program that never turns it off gets no answer, and an alarm ends it. What the terminal showed goes to stdout.
pub const TYPIST: &str = r#"
import os, pty, select, signal, sys, termios

signal.alarm(30)
answers = sys.stdin.read().splitlines()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = prompt = b""
while True:
    if answers and prompt.rstrip().endswith(b":"):
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            os.write(terminal, answers.pop(0).encode() + b"\n")
            prompt = b""
    if not select.select([terminal], [], [], 0.005)[0]:
        continue
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
    prompt += read
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// The command on a terminal, with a line typed at each prompt.
pub fn typing(command: Invocation, lines: &[&str]) -> Invocation {
    let typed: String = lines.iter().map(|line| format!("{line}\n")).collect();
    command.through([PYTHON, "-c", TYPIST]).stdin(typed)
}

/// The command without any terminal, even where the tests themselves have one.
pub fn away_from_terminals(command: Invocation) -> Invocation {
    command.through(["setsid", "--wait"])
}
