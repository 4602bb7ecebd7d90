//! A visitor: the real curl, with a client certificate or without.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

use super::outcome::{self, Outcome};
use super::tools;
use super::upstream::Arrival;

/// One request, about to be sent. Its options go to curl on standard input, so that a password is on no command line.
#[must_use = "nothing happens before `run`"]
pub struct Curl {
    options: Vec<(&'static str, String)>,
}

/// What the visitor got.
#[derive(Debug)]
#[must_use = "an answer that may be the wrong one has to be asked"]
pub struct Answer {
    /// The HTTP status; `None` where the connection ended in TLS.
    pub status: Option<u16>,
    /// The server refused the handshake.
    pub tls_failed: bool,
    /// The alert with which it did, in OpenSSL's words: `bad certificate`, `unknown ca`, `internal error`. TLS 1.2 and 1.3 have
    /// different ones for the same fault.
    pub alert: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// curl's exit code.
    pub exit: i32,
    outcome: Outcome,
}

impl Curl {
    /// `GET https://host:port` with `target` as the request's path and query: sent byte by byte as it is, dots and all.
    pub fn https(host: &str, port: u16, target: &str) -> Self {
        Self::new("https", host, port, target)
    }

    pub fn http(host: &str, port: u16, target: &str) -> Self {
        Self::new("http", host, port, target)
    }

    fn new(scheme: &str, host: &str, port: u16, target: &str) -> Self {
        let options = Vec::new();
        Self { options }
            .option("url", format!("{scheme}://{host}:{port}/"))
            .option("resolve", format!("{host}:{port}:{}", Ipv4Addr::LOCALHOST))
            .option("request-target", target)
    }

    /// Believes the server's certificate where it leads to this root; without one, to none.
    pub fn root(self, certificate: &Path) -> Self {
        self.option("cacert", text(certificate))
    }

    /// Presents the certificate of a .p12 bundle.
    pub fn p12(self, bundle: &Path, password: &str) -> Self {
        self.option("cert-type", "P12")
            .option("cert", text(bundle))
            .option("pass", password)
    }

    /// Presents a certificate that lies in PEM files.
    pub fn pem(self, certificate: &Path, key: &Path) -> Self {
        self.option("cert", text(certificate))
            .option("key", text(key))
    }

    pub fn method(self, method: &str) -> Self {
        if method == "HEAD" {
            return self.flag("head");
        }
        self.option("request", method)
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        // `Name;` is how curl is told of a header with no value.
        let end = if value.is_empty() {
            ";".to_owned()
        } else {
            format!(": {value}")
        };
        self.option("header", format!("{name}{end}"))
    }

    /// Asks for another host than the handshake named.
    pub fn host(self, host: &str) -> Self {
        self.header("Host", host)
    }

    /// Sends a body, and so over HTTP/1.1: curl 7.88 takes an HTTP/2 answer that comes before the body has gone for an error.
    pub fn body(self, content: &str) -> Self {
        self.option("data-raw", content).http1()
    }

    /// Sends the cookies that are kept there, and keeps there those that come, as a browser would.
    pub fn jar(self, file: &Path) -> Self {
        self.option("cookie", text(file))
            .option("cookie-jar", text(file))
    }

    /// Sends a form with this field, and with those of other calls.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.option("data-urlencode", format!("{name}={value}"))
            .http1()
    }

    /// HTTP/1.1; otherwise HTTP/2 where the server has it.
    pub fn http1(self) -> Self {
        self.flag("http1.1")
    }

    /// Comes from that address of this machine.
    pub fn from(self, address: &str) -> Self {
        self.option("interface", address)
    }

    /// TLS 1.2, where a certificate is judged before the handshake ends and a refusal is always an alert.
    pub fn tls12(self) -> Self {
        self.option("tls-max", "1.2")
    }

    /// Sends the request. Panics where the fault is the test's own, so that it never passes for a refusal: no server there, a server
    /// certificate that is not believed, a client certificate that cannot be read.
    #[track_caller]
    pub fn run(mut self) -> Answer {
        let mut outcome = self.send();
        // With TLS 1.3 a visitor is done with the handshake before the server has judged its certificate, and sends already; what the
        // server, closing, has not read then resets the connection and may take the alert with it. TLS 1.2 judges first.
        if is_cut_off(&outcome) && alert(&outcome).is_none() {
            self = self.tls12();
            outcome = self.send();
        }
        let exit = outcome.status.code().expect("curl ends by itself");
        let alert = alert(&outcome);
        let (status, headers, body) = match exit {
            0 => match parse(&outcome.stdout) {
                Some((status, headers, body)) => (Some(status), headers, body),
                None => panic!("curl got what is not HTTP\n{outcome}"),
            },
            _ if is_cut_off(&outcome) && alert.is_some() => (None, Vec::new(), Vec::new()),
            _ => panic!("curl got neither an answer nor a refusal in TLS\n{outcome}"),
        };
        Answer {
            status,
            tls_failed: status.is_none(),
            alert: alert.filter(|_| status.is_none()),
            headers,
            body,
            exit,
            outcome,
        }
    }

    /// Sends the request as often as that, one after the other on one connection. Panics where an answer is not 200.
    #[track_caller]
    pub fn repeated(mut self, times: usize) {
        for (name, value) in &mut self.options {
            if *name == "url" {
                // curl counts such a range up.
                *value = format!("{value}?[1-{times}]");
            }
        }
        self.options.retain(|(name, _)| *name != "request-target");
        let outcome = self.option("output", "/dev/null").flag("fail").send();
        assert!(outcome.status.success(), "{outcome}");
    }

    /// The status that came, if any did: for where it does not matter how a connection ends that no answer comes of.
    pub fn status(self) -> Option<u16> {
        let outcome = self.send();
        parse(&outcome.stdout).map(|(status, ..)| status)
    }

    /// Whether the server has a certificate to show for this name, whatever it then says.
    pub fn presents_certificate(self) -> bool {
        // Go answers this itself: no upstream sees it, or has to answer.
        let options = self.method("OPTIONS").option("request-target", "*");
        let outcome = options.flag("insecure").http1().send();
        let marked = String::from_utf8_lossy(&outcome.stderr).into_owned();
        marked
            .rsplit_once(CERTIFICATES)
            .is_some_and(|(_, count)| !count.starts_with('0'))
    }

    /// The arguments say only where the options are: on standard input.
    fn send(&self) -> Outcome {
        let mut config = format!(
            "silent\nshow-error\ninclude\nconnect-timeout = 10\nmax-time = 30\n\
             write-out = \"%{{stderr}}{CERTIFICATES}%{{num_certs}}\\n\"\n"
        );
        if !self.options.iter().any(|(name, _)| *name == "fail") {
            config += "globoff\n";
        }
        for (name, value) in &self.options {
            let value = value
                .replace('\\', r"\\")
                .replace('"', "\\\"")
                .replace('\n', r"\n")
                .replace('\r', r"\r")
                .replace('\t', r"\t");
            config += &match &value[..] {
                "" => format!("{name}\n"),
                _ => format!("{name} = \"{value}\"\n"),
            };
        }
        let mut command = tools::command("curl");
        command.args(["--disable", "--config", "-"]);
        outcome::run(&mut command, config.as_bytes())
    }

    fn option(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.options.push((name, value.into()));
        self
    }

    fn flag(self, name: &'static str) -> Self {
        self.option(name, "")
    }
}

impl Answer {
    #[track_caller]
    pub fn has_status(&self, status: u16) -> &Self {
        assert!(self.status == Some(status), "should be {status}\n{self}");
        self
    }

    /// The server did not even finish the handshake.
    #[track_caller]
    pub fn is_refused_in_tls(&self) -> &Self {
        assert!(self.tls_failed, "TLS should have failed\n{self}");
        self
    }

    #[track_caller]
    pub fn contains(&self, part: &str) -> &Self {
        assert!(
            self.text().contains(part),
            "the body should contain {part:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn lacks(&self, part: &str) -> &Self {
        assert!(
            !self.text().contains(part),
            "the body should not contain {part:?}\n{self}"
        );
        self
    }

    /// The body as text; panics where it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap_or_else(|error| panic!("{error} in the body of\n{self}"))
    }

    /// The values of all headers of that name, in whatever case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The request as it came to the upstream that answered; panics where none did.
    #[track_caller]
    pub fn arrival(&self) -> Arrival {
        Arrival::from_body(self.text()).unwrap_or_else(|| panic!("no upstream answered\n{self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "status {:?}, alert {:?}\n{}",
            self.status, self.alert, self.outcome
        )
    }
}

/// Stands before the number of certificates that the server has shown.
const CERTIFICATES: &str = "server certificates: ";

/// Whether the connection ended before a byte of HTTP had come: while connecting with TLS, sending, receiving, framing HTTP/2, or with
/// an empty answer.
fn is_cut_off(outcome: &Outcome) -> bool {
    let code = outcome.status.code();
    (matches!(code, Some(16 | 35 | 52 | 55 | 56 | 92)) || says_expired(outcome))
        && outcome.stdout.is_empty()
}

/// Whether the server's alert was `certificate expired`. curl takes it for its own verdict on the server and keeps the alert to itself,
/// but such a verdict of its own names the problem: `SSL certificate problem: …`.
fn says_expired(outcome: &Outcome) -> bool {
    String::from_utf8_lossy(&outcome.stderr).contains("(60) SSL certificate verification failed")
}

/// OpenSSL's word for the server's alert.
fn alert(outcome: &Outcome) -> Option<String> {
    if says_expired(outcome) {
        return Some("certificate expired".to_owned());
    }
    let stderr = String::from_utf8_lossy(&outcome.stderr);
    stderr.lines().find_map(|line| {
        let (_, alert) = line.split_once(" alert ")?;
        let end = alert.find([',', ':']).unwrap_or(alert.len());
        Some(alert[..end].trim().to_owned())
    })
}

type Message = (u16, Vec<(String, String)>, Vec<u8>);

/// Splits what `include` prints; the head of an interim answer (1xx) is passed over.
fn parse(output: &[u8]) -> Option<Message> {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (str::from_utf8(&output[..end]).ok()?, &output[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(body);
    }
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect::<Option<_>>()?;
    Some((status, headers, body.to_vec()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a test's paths are UTF-8")
}
