//! The web server behind Caddy: it answers 200, and its body tells who it is and what arrived; or it answers as a test says.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// A small HTTP/1.1 server on the loopback address, for as long as the test's process runs.
pub struct Upstream {
    port: u16,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub method: String,
    /// The request target: path and query.
    pub target: String,
    /// In the order and the case in which they came; what trailed the body comes last.
    pub headers: Vec<(String, String)>,
}

impl Upstream {
    /// Starts a server that calls itself `name`.
    pub fn start(name: &str) -> Self {
        Self::answering(name, |_| None)
    }

    /// The same, which answers so where that says something: status line, headers and body.
    pub fn answering(name: &str, answer: fn(&Arrival) -> Option<String>) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (name, seen) = (name.to_owned(), Arc::clone(&arrivals));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (name, seen) = (name.clone(), Arc::clone(&seen));
                // A client that goes away in the middle is not the server's fault.
                thread::spawn(move || _ = serve(&connection, &name, &seen, answer));
            }
        });
        Self { port, arrivals }
    }

    /// The same behind a Unix socket.
    pub fn also_at(&self, name: &str, socket: &Path) {
        let listener = UnixListener::bind(socket).expect("nothing is there yet");
        let (name, seen) = (name.to_owned(), Arc::clone(&self.arrivals));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                _ = serve(&connection, &name, &seen, |_| None);
            }
        });
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// What has arrived until now: empty where Caddy let nothing through.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals_after(0)
    }

    /// What has arrived until now, but for the first so many.
    pub fn arrivals_after(&self, first: usize) -> Vec<Arrival> {
        self.arrivals.lock().expect("no server thread panics")[first..].to_vec()
    }

    /// How many have arrived until now.
    pub fn arrived(&self) -> usize {
        self.arrivals.lock().expect("no server thread panics").len()
    }
}

impl Arrival {
    /// Reads back the body of an upstream's answer; `None` where it is not from one.
    pub fn from_body(body: &str) -> Option<Self> {
        let (_name, head) = body.strip_prefix("upstream ")?.split_once('\n')?;
        Self::from_head(head)
    }

    /// The values of all headers of that name, in whatever case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    fn from_head(head: &str) -> Option<Self> {
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers = lines
            .take_while(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            method,
            target,
            headers,
        })
    }
}

/// Answers one request, and closes the connection.
fn serve<C>(
    connection: &C,
    name: &str,
    seen: &Mutex<Vec<Arrival>>,
    answer: fn(&Arrival) -> Option<String>,
) -> io::Result<()>
where
    for<'c> &'c C: Read + Write,
{
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let malformed = || io::Error::other("not a request");
    let arrival = Arrival::from_head(&head).ok_or_else(malformed)?;
    // Known before the answer is sent, so that a test that has the answer finds the arrival.
    let place = {
        let mut seen = seen.lock().expect("no server thread panics");
        seen.push(arrival.clone());
        seen.len() - 1
    };
    let trailers = skip_body(&mut reader, &arrival)?;
    seen.lock().expect("no server thread panics")[place]
        .headers
        .extend(trailers);

    if let Some(said) = answer(&arrival) {
        return (&*connection).write_all(said.as_bytes());
    }
    let body = format!("upstream {name}\n{head}");
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if arrival.method != "HEAD" {
        answer.push_str(&body);
    }
    (&*connection).write_all(answer.as_bytes())
}

/// Reads the body away, and gives what trails it: closing over unread bytes would reset the connection.
fn skip_body(reader: &mut impl BufRead, arrival: &Arrival) -> io::Result<Vec<(String, String)>> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    if let [length] = arrival.header("Content-Length")[..] {
        let length = length.parse().map_err(invalid)?;
        io::copy(&mut reader.take(length), &mut io::sink())?;
    } else if arrival.header("Transfer-Encoding") == ["chunked"] {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim_end(), 16).map_err(invalid)?;
            if size == 0 {
                return trailers(reader);
            }
            // Each chunk ends with CR LF.
            io::copy(&mut reader.take(size + 2), &mut io::sink())?;
        }
    }
    Ok(Vec::new())
}

/// Reads the lines between the last chunk and the empty line that ends the message (RFC 9112 §7.1.2).
fn trailers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut trailers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.split_once(':') {
            Some((name, value)) => trailers.push((name.to_owned(), value.trim().to_owned())),
            None => return Ok(trailers),
        }
    }
}
