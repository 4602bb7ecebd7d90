//! The QR code, read by somebody else's reader.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::browser;
use crate::sharing::{DECLARATION, Sharing};
use crate::support::lab::Lab;
use crate::support::tools;

/// What `zbarimg` finds in a picture.
#[track_caller]
fn read(picture: &Path) -> String {
    let picture = picture.to_str().expect("a test's paths are UTF-8");
    let found = tools::run(
        "zbarimg",
        ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture],
    );
    found.succeeds().stdout().trim().to_owned()
}

/// Half blocks as a picture, eight pixels to a square; ink is black.
fn draw(lines: &[&str], to: &Path) {
    let rows = lines.iter().flat_map(|line| {
        ['▀', '▄'].map(|half| {
            let squares = line.chars().map(move |c| c == half || c == '█');
            squares.collect::<Vec<bool>>()
        })
    });
    let rows: Vec<Vec<bool>> = rows.collect();
    let width = rows[0].len();
    assert!(
        rows.iter().all(|row| row.len() == width),
        "the lines are even"
    );
    let mut picture = format!("P1\n{} {}\n", 8 * width, 8 * rows.len());
    for row in &rows {
        let line: String = row
            .iter()
            .map(|dark| if *dark { "1 " } else { "0 " }.repeat(8))
            .collect();
        picture += &(line + "\n").repeat(8);
    }
    fs::write(to, picture).expect("it can be written");
}

#[test]
fn the_svg_is_read_as_a_browser_draws_it() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::with(&lab, &["--address", "127.0.0.1", "--qr", "code.svg"]);
    let svg = lab.path().join("code.svg");
    let mode = fs::metadata(&svg)
        .expect("it was written")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let picture = lab.path().join("code.png");
    for dark in [false, true] {
        browser::screenshot(
            &format!("file://{}", svg.display()),
            &picture,
            (400, 400),
            dark,
        );
        assert_eq!(read(&picture), sharing.url);
    }
    let nowhere = lab.command([
        "share",
        "alice/pixel",
        "--address",
        "127.0.0.1",
        "--qr",
        "no/where.svg",
    ]);
    nowhere.run().fails_with(3).stdout_is("");
}

#[test]
fn the_code_that_is_piped_is_read() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let stdout = sharing.stdout();
    let lines: Vec<&str> = stdout.lines().skip(1).collect();
    let picture = lab.path().join("code.pbm");
    draw(&lines, &picture);
    assert_eq!(read(&picture), sharing.url);
    assert!(!stdout.contains('\x1b'), "no colours go into a pipe");
}

/// A terminal of so many columns, on which Ctrl-C is pressed once the code is there; what it showed.
fn on_a_terminal(lab: &Lab, columns: u16) -> String {
    const TERMINAL: &str = r#"
import fcntl, os, pty, struct, signal, sys, termios
signal.alarm(30)
pid, terminal = pty.fork()
if pid == 0:
    size = struct.pack("HHHH", 40, int(sys.argv[1]), 0, 0)
    fcntl.ioctl(1, termios.TIOCSWINSZ, size)
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
pressed = False
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
    if b"goes another way" in shown and not pressed:
        os.write(terminal, b"\x03")
        pressed = True
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let columns = columns.to_string();
    let command = lab.command(["share", "alice/pixel", "--address", "127.0.0.1"]);
    let shown = command
        .through(["/usr/bin/python3", "-c", TERMINAL, &columns])
        .run();
    shown.succeeds().stdout().to_owned()
}

#[test]
fn the_code_on_a_terminal_is_black_on_white_whatever_its_colours() {
    let lab = Lab::built(DECLARATION);
    let shown = on_a_terminal(&lab, 80);
    let url = shown.lines().next().expect("a first line");
    let painted = |line: &'_ str| -> Option<String> {
        let line = line.strip_prefix("\x1b[38;5;16m\x1b[48;5;231m")?;
        Some(line.strip_suffix("\x1b[0m")?.to_owned())
    };
    let lines: Vec<String> = shown.lines().filter_map(painted).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(lines.len() > 15, "{shown}");
    let picture = lab.path().join("code.pbm");
    draw(&lines, &picture);
    assert_eq!(read(&picture), url);

    let narrow = on_a_terminal(&lab, 30);
    assert!(
        narrow.contains("needs a terminal of 41 columns, and this one has 30"),
        "{narrow}"
    );
    assert!(!narrow.contains('▀'), "{narrow}");
}
