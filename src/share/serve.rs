//! The server: sockets and timers around a [`Session`].
//!
//! One thread, one request on each connection, nothing read from disk. A visitor that is slow, silent or deaf holds a
//! connection for a while and nobody up; where there are too many, whoever has the most loses the one that has been silent
//! for longest.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::session::{Answer, Arrival, End, Event, Limits, Seen, Session};
use super::{File, Offer};

/// Bytes of a request's head, at the most.
const HEAD: usize = 16 * 1024;

/// Bytes that are read, and thrown away, while a visitor is waited for to close the connection.
const LEFTOVER: usize = 64 * 1024;

/// How long it takes to see whether a descriptor has become free.
const NO_DESCRIPTORS: Duration = Duration::from_millis(20);

/// Sent with every answer.
const ALWAYS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// A server that listens, and that Ctrl-C no longer kills.
#[derive(Debug)]
pub(crate) struct Server {
    runtime: Runtime,
    listener: TcpListener,
    interrupt: Signal,
}

impl Server {
    /// Gets ready; nobody is answered yet.
    pub(crate) fn new(listener: TcpListener) -> io::Result<Server> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let interrupt = {
            let _within = runtime.enter();
            signal(SignalKind::interrupt())?
        };
        Ok(Server {
            runtime,
            listener,
            interrupt,
        })
    }

    /// Serves the offer until it ends; `tell` hears of everything that happens.
    pub(crate) fn serve(
        self,
        offer: Offer,
        limits: Limits,
        tell: impl FnMut(&Event),
    ) -> io::Result<End> {
        let Server {
            runtime,
            listener,
            interrupt,
        } = self;
        runtime.block_on(run(listener, interrupt, offer, limits, tell))
    }
}

struct Shared {
    limits: Limits,
    began: Instant,
    session: Mutex<Session>,
    page: Bytes,
    files: Vec<(File, Bytes)>,
    /// The connections to which nothing is being handed over, the oldest first, with whose they are.
    waiting: Mutex<BTreeMap<u64, (IpAddr, AbortHandle)>>,
}

async fn run(
    listener: TcpListener,
    mut interrupt: Signal,
    mut offer: Offer,
    limits: Limits,
    mut tell: impl FnMut(&Event),
) -> io::Result<End> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let session = Session::new(&offer, limits);
    let files = offer.files.into_iter().map(|mut file| {
        let bytes = std::mem::take(&mut file.bytes);
        (file, Bytes::from(bytes))
    });
    let shared = Arc::new(Shared {
        limits,
        began: Instant::now(),
        session: Mutex::new(session),
        page: Bytes::from(std::mem::take(&mut offer.page)),
        files: files.collect(),
        waiting: Mutex::new(BTreeMap::new()),
    });
    let mut connections = JoinSet::new();
    for number in 0.. {
        let closing = shared.session().closing();
        tokio::select! {
            biased;
            _ = interrupt.recv() => {
                let delivered = shared.session().is_delivered();
                return Ok(End::Interrupted { delivered });
            }
            () = sleep_until(shared.began + closing) => {}
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                admit(accepted, number, &shared, &mut connections).await;
            }
        }
        let (events, end) = {
            let mut session = shared.session();
            (session.take_events(), session.end(shared.began.elapsed()))
        };
        events.iter().for_each(&mut tell);
        if let Some(end) = end {
            return Ok(end);
        }
    }
    unreachable!("u64 does not run out of connections")
}

/// Begins a connection with whoever has come, where there may be one more.
async fn admit(
    accepted: io::Result<(TcpStream, SocketAddr)>,
    number: u64,
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
) {
    // Somebody who is gone again, or no descriptor is free.
    let Ok((stream, from)) = accepted else {
        shared.drop_one();
        sleep(NO_DESCRIPTORS).await;
        return;
    };
    if connections.len() < shared.limits.connections || shared.drop_one() {
        let visit = visit(stream, from.ip(), number, Arc::clone(shared));
        let handle = connections.spawn(visit);
        let from = network(from.ip());
        shared.waiting().insert(number, (from, handle));
    }
    // Who has come is heard before others are let in.
    tokio::task::yield_now().await;
}

impl Shared {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, (IpAddr, AbortHandle)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a connection, the one that has been silent for longest of whoever has the most: who has one alone keeps it,
    /// however many others come. `false` if nobody has one that may go.
    fn drop_one(&self) -> bool {
        let mut waiting = self.waiting();
        let mut of_each: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (from, _) in waiting.values() {
            *of_each.entry(*from).or_default() += 1;
        }
        let most = of_each.iter().max_by_key(|(_, count)| **count);
        let Some(most) = most.map(|(from, _)| *from) else {
            return false;
        };
        let mut theirs = waiting.iter().filter(|(_, (from, _))| *from == most);
        let oldest = theirs.next().map(|(number, _)| *number);
        let dropped = oldest.and_then(|number| waiting.remove(&number));
        dropped.is_some_and(|(_, connection)| {
            connection.abort();
            true
        })
    }
}

/// Who an address belongs to, as far as connections are shared out: in IPv6 everybody has as many addresses as there are
/// in a network of 64 bits (RFC 4291 §2.5.1).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

/// One connection: a request, its answer, and whether that has arrived.
async fn visit(stream: TcpStream, from: IpAddr, number: u64, shared: Arc<Shared>) {
    let from = from.to_canonical();
    let sent = OnceLock::new();
    let conversation = converse(stream, from, number, &shared, &sent);
    let arrived = timeout(shared.limits.connection, conversation).await;
    shared.waiting().remove(&number);
    if let Some(file) = sent.get() {
        let arrival = arrived.unwrap_or(Arrival::Unknown);
        let now = shared.began.elapsed();
        shared.session().sent(*file, from, arrival, now);
    }
}

/// Whether the answer has arrived, as far as the visitor's closing says so. `sent` becomes the file that is sent.
async fn converse(
    stream: TcpStream,
    from: IpAddr,
    number: u64,
    shared: &Shared,
    sent: &OnceLock<usize>,
) -> Arrival {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&request, from, shared);
        if matches!(answer, Answer::Page | Answer::File(_)) {
            shared.waiting().remove(&number);
        }
        if let Answer::File(file) = answer
            && request.method() == Method::GET
        {
            let _ = sent.set(file);
        }
        std::future::ready(Ok::<_, Infallible>(respond(answer, shared)))
    });
    let answered = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.request)
        .max_buf_size(HEAD)
        .keep_alive(false)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .without_shutdown()
        .await;
    let Ok(parts) = answered else {
        return Arrival::Unknown;
    };
    let mut stream = parts.io.into_inner();
    if stream.shutdown().await.is_err() {
        return Arrival::Unknown;
    }
    // All is in the kernel's hands. A visitor that has read it all closes in its turn, one that went away before is
    // told by a reset; one that does neither may have read nothing.
    let patience = match sent.get() {
        Some(_) => shared.limits.confirmation,
        None => shared.limits.confirmation.min(Duration::from_secs(1)),
    };
    let closed = timeout(patience, until_closed(&mut stream)).await;
    match closed {
        Ok(Ok(())) => Arrival::Confirmed,
        Ok(Err(_)) | Err(_) => Arrival::Unknown,
    }
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut leftover = [0; 1024];
    let mut read = 0;
    while read < LEFTOVER {
        match stream.read(&mut leftover).await? {
            0 => return Ok(()),
            more => read += more,
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

fn answer(request: &Request<Incoming>, from: IpAddr, shared: &Shared) -> Answer {
    let uri = request.uri();
    let seen = Seen {
        from,
        method: request.method().as_str(),
        path: uri.path(),
        host: only_host(request.headers()),
        target_host: uri.authority().map(|authority| authority.as_str()),
    };
    shared.session().answer(&seen)
}

/// The Host header, if there is exactly one.
fn only_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

fn respond(answer: Answer, shared: &Shared) -> Response<Full<Bytes>> {
    let (status, body) = match answer {
        Answer::Page => (StatusCode::OK, shared.page.clone()),
        Answer::File(file) => (StatusCode::OK, shared.files[file].1.clone()),
        Answer::Gone => (StatusCode::GONE, Bytes::from_static(GONE)),
        Answer::NotFound => (StatusCode::NOT_FOUND, Bytes::new()),
        Answer::Misdirected => (StatusCode::MISDIRECTED_REQUEST, Bytes::new()),
        Answer::NotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    let content_type = match answer {
        Answer::Page => Some("text/html; charset=utf-8"),
        Answer::File(file) => Some(shared.files[file].0.content_type()),
        Answer::Gone => Some("text/plain; charset=utf-8"),
        Answer::NotFound | Answer::Misdirected | Answer::NotAllowed => None,
    };
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    match answer {
        Answer::File(file) => {
            let disposition = shared.files[file].0.disposition();
            let disposition = HeaderValue::try_from(disposition);
            let disposition = disposition.expect("names are [A-Za-z0-9._-]");
            headers.insert(header::CONTENT_DISPOSITION, disposition);
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
        }
        Answer::NotAllowed => {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        _ => {}
    }
    response
}

/// What is said to whoever comes second.
const GONE: &[u8] =
    b"This has been fetched by another device already. Ask for it to be shared again.\n";
