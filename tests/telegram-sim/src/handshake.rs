//! Connections that are slow to begin, as those are whose TLS handshake takes its time.
//!
//! The simulator speaks plain HTTP, so what there is of it is what the bot notices: nothing is read from a new connection
//! for a while.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::{CuttableListener, CuttableStream, Scissors};
use crate::hub::Hub;

pub(crate) struct SlowListener {
    pub(crate) inner: CuttableListener,
    pub(crate) hub: Arc<Hub>,
}

impl Listener for SlowListener {
    type Io = SlowStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (SlowStream, SocketAddr) {
        let (inner, address) = Listener::accept(&mut self.inner).await;
        let clock = self.hub.clock.clone();
        let wait = self.hub.faults(|plan, chance| plan.slow_connect(clock.now_ms(), chance));
        let handshake = wait.map(|wait| -> Handshake { Box::pin(async move { clock.sleep(wait).await }) });
        (SlowStream { inner, handshake }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Connected<IncomingStream<'_, SlowListener>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, SlowListener>) -> Self {
        stream.io().inner.scissors()
    }
}

type Handshake = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct SlowStream {
    inner: CuttableStream,
    /// What has to end before anything is read.
    handshake: Option<Handshake>,
}

impl AsyncRead for SlowStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(handshake) = &mut self.handshake {
            ready!(handshake.as_mut().poll(cx));
            self.handshake = None;
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for SlowStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
