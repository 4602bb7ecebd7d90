//! A request in HTTP/2 (RFC 9113) and the head of its answer, on a connection that is read and written by waiting.
//!
//! What the `h2` crate does it does in steps, and asks for bytes as if others had something else to do meanwhile. Here nobody has:
//! each step may wait for one read, and the connection's own time ends the whole.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use httparse::Header;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http::{HEAD_LIMIT, Response, reply};

/// The protocol's name in a handshake (RFC 9113 §3.2).
pub(super) const NAME: &[u8] = b"h2";

/// A request that has no body.
pub(super) type Head = ::http::Request<()>;

/// Asks, and reads the head of the answer.
pub(super) fn ask(stream: &mut (impl Read + Write), head: Head) -> io::Result<Response> {
    let failed = RefCell::new(None);
    let waiting = Waiting {
        stream,
        // What was prepared is to be sent before the first answer is waited for.
        has_read: true,
        failed: &failed,
    };
    let answer = converse(waiting, head);
    let failed = failed.into_inner();
    match (answer, failed) {
        (Ok(heard), _) => Ok(heard),
        // What the library makes of it is only its words.
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) if error.is_io() => Err(error.into_io().expect("it is one")),
        (Err(error), None) => Ok(Response::NotHttp(error.to_string())),
    }
}

fn converse<S: Read + Write>(stream: Waiting<'_, S>, head: Head) -> Result<Response, h2::Error> {
    let mut context = Context::from_waker(Waker::noop());
    let mut client = h2::client::Builder::new();
    client
        .enable_push(false)
        .max_header_list_size(HEAD_LIMIT as u32);
    let mut begun = pin!(client.handshake::<_, &[u8]>(stream));
    let (mut requests, mut connection) = loop {
        if let Poll::Ready(begun) = begun.as_mut().poll(&mut context) {
            break begun?;
        }
    };
    let (mut answer, _) = requests.send_request(head, true)?;
    loop {
        let ended = Pin::new(&mut connection).poll(&mut context);
        if let Poll::Ready(answer) = Pin::new(&mut answer).poll(&mut context) {
            return answer.map(|answer| response(&answer));
        }
        if let Poll::Ready(ended) = ended {
            return ended.map(|()| Response::NotHttp(String::from("it ends without an answer")));
        }
    }
}

fn response(answer: &::http::Response<h2::RecvStream>) -> Response {
    let headers = answer.headers().iter().map(|(name, value)| Header {
        name: name.as_str(),
        value: value.as_bytes(),
    });
    let headers: Vec<Header<'_>> = headers.collect();
    Response::Http(reply(answer.status().as_u16(), &headers))
}

/// A stream that waits for whatever it is asked for, but for every second read: by then what the first has brought is to be looked at.
struct Waiting<'s, S> {
    stream: &'s mut S,
    has_read: bool,
    failed: &'s RefCell<Option<io::Error>>,
}

impl<S> Waiting<'_, S> {
    /// Keeps an error as it is, for the library knows only kinds.
    fn kept<T>(&self, done: io::Result<T>) -> Poll<io::Result<T>> {
        Poll::Ready(done.map_err(|error| {
            let kind = error.kind();
            self.failed.borrow_mut().get_or_insert(error);
            kind.into()
        }))
    }
}

impl<S: Read> AsyncRead for Waiting<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.has_read = !self.has_read;
        if !self.has_read {
            return Poll::Pending;
        }
        let read = self.stream.read(buffer.initialize_unfilled());
        if let Ok(length) = read {
            buffer.advance(length);
        }
        self.kept(read.map(drop))
    }
}

impl<S: Write> AsyncWrite for Waiting<'_, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream.write(bytes);
        this.kept(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.stream.flush();
        this.kept(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server says, whatever it is asked, and then nothing more.
    struct Server {
        says: Vec<u8>,
        heard: Vec<u8>,
    }

    impl Read for Server {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.says.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let length = self.says.len().min(buffer.len()).min(7);
            buffer[..length].copy_from_slice(&self.says[..length]);
            self.says.drain(..length);
            Ok(length)
        }
    }

    impl Write for Server {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.heard.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn asked(says: &[u8]) -> (io::Result<Response>, Vec<u8>) {
        let mut server = Server {
            says: says.to_vec(),
            heard: Vec::new(),
        };
        let head = ::http::Request::get("https://a.test/").body(());
        let heard = ask(&mut server, head.expect("it is a request"));
        (heard, server.heard)
    }

    /// A frame (RFC 9113 §4.1).
    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("it is short");
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    #[test]
    fn an_answer_is_read() {
        let settings = [frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat();
        // RFC 7541, appendix A: 8 is `:status: 200`, and the second a literal 403.
        for (head, status) in [(&[0x88][..], 200), (b"\x08\x03403", 403)] {
            let says = [settings.clone(), frame(1, 4, 1, head)].concat();
            let (heard, sent) = asked(&says);
            let Ok(Response::Http(reply)) = heard else {
                panic!("{heard:?}");
            };
            assert_eq!(reply.status, status);
            assert!(sent.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        }
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        let settings = frame(4, 0, 0, &[]);
        let going = frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0]);
        for says in [
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(),
            [settings.clone(), frame(3, 0, 1, &[0, 0, 0, 8])].concat(),
            [settings.clone(), going].concat(),
            [settings.clone(), frame(1, 4, 1, &[0xff; 40])].concat(),
        ] {
            let (heard, _) = asked(&says);
            assert!(!matches!(heard, Ok(Response::Http(_))), "{heard:?}");
        }
        for silent in [Vec::new(), settings] {
            let (heard, _) = asked(&silent);
            let error = heard.expect_err("there is none");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }
}
