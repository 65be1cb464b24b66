//! Connections that refuse unreadable heads in Telegram's way, and that a fault can cut without a reply.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::connection::head::{Judgement, judge};

mod head;

/// Ends its connection: whatever is written after [`Scissors::cut`] does not arrive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scissors(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    peer: Option<SocketAddr>,
    cut: AtomicBool,
    answered: AtomicU64,
}

impl Scissors {
    /// For the connection that comes from there.
    fn of(peer: SocketAddr) -> Self {
        Self(Arc::new(Shared { peer: Some(peer), ..Shared::default() }))
    }

    /// Where the connection comes from.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
    }

    /// A request has been read to its end and has its reply: what comes next is the next one's head.
    pub(crate) fn answered(&self) {
        self.0.answered.fetch_add(1, Ordering::Release);
    }

    fn count_answered(&self) -> u64 {
        self.0.answered.load(Ordering::Acquire)
    }

    fn check(&self) -> io::Result<()> {
        if self.0.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

pub(crate) struct CuttableListener(pub(crate) TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection keeps its delay");
        }
        (CuttableStream { stream, scissors: Scissors::of(address), screen: Screen::Head(Vec::new()) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(crate) struct CuttableStream {
    stream: TcpStream,
    scissors: Scissors,
    screen: Screen,
}

/// How far the reading of a request is. The HTTP library answers some unreadable heads otherwise than Telegram, or not
/// at all, so a head is held back until it is known to be readable.
enum Screen {
    /// A head is to come; so much of it is there.
    Head(Vec<u8>),
    /// A readable head, and what came with it, on its way to the library.
    Handing(Bytes),
    /// The rest of the request goes straight to the library, until the request has its reply.
    Passing { answered_before: u64 },
    /// The head is refused with this.
    Refusing(Bytes),
    /// What the client still sends is thrown away: it would otherwise lose the refusal to a reset.
    Draining,
}

/// So much is read at a time before a head is complete.
const PIECE: usize = 4096;

/// Errors while reading a request have no body, and the connection ends.
fn refusal(status: StatusCode) -> Bytes {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("HTTP/1.1 {} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status.as_u16()).into()
}

impl CuttableStream {
    fn poll_screened(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.screen {
                Screen::Passing { answered_before } => {
                    if self.scissors.count_answered() == *answered_before {
                        return Pin::new(&mut self.stream).poll_read(cx, buf);
                    }
                    self.screen = Screen::Head(Vec::new());
                }
                Screen::Head(held) => {
                    // The library's own buffer may be tiny here.
                    let mut piece = [0; PIECE];
                    let mut piece = ReadBuf::new(&mut piece);
                    ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
                    if piece.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    held.extend_from_slice(piece.filled());
                    match judge(held) {
                        Judgement::Incomplete => {}
                        Judgement::Readable => self.screen = Screen::Handing(std::mem::take(held).into()),
                        Judgement::Refused(status) => self.screen = Screen::Refusing(refusal(status)),
                    }
                }
                Screen::Handing(held) => {
                    let fits = held.len().min(buf.remaining());
                    buf.put_slice(&held.split_to(fits));
                    if held.is_empty() {
                        self.screen = Screen::Passing { answered_before: self.scissors.count_answered() };
                    }
                    return Poll::Ready(Ok(()));
                }
                Screen::Refusing(reply) => {
                    let written = ready!(Pin::new(&mut self.stream).poll_write(cx, reply))?;
                    reply.advance(written);
                    if reply.is_empty() {
                        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                        self.screen = Screen::Draining;
                    }
                }
                Screen::Draining => {
                    let mut piece = [0; PIECE];
                    let mut piece = ReadBuf::new(&mut piece);
                    ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
                    if piece.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl CuttableStream {
    pub(crate) fn scissors(&self) -> Scissors {
        self.scissors.clone()
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.scissors.check()?;
        self.poll_screened(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.scissors.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
