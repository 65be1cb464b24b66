//! A connection that can be cut or fall silent: a relay on loopback between a program and what it talks to.
//!
//! Each relay connects from an address of its own, so that the other side can tell whose calls they are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How connections fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Open,
    /// They break, and new ones do too.
    Cut,
    /// They stay, and nothing passes.
    Silent,
}

pub struct Relay {
    port: u16,
    line: watch::Sender<Line>,
}

/// Where relays run.
#[derive(Clone, Default)]
pub struct Exchange {
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl Relay {
    /// Listens on a port of its own and passes everything on from this address of loopback.
    ///
    /// # Errors
    /// There is no port.
    pub async fn to(upstream: SocketAddr, from: Ipv4Addr, exchange: &Exchange) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for a relay")?;
        let port = listener.local_addr()?.port();
        let (line, state) = watch::channel(Line::Open);
        let (tasks, stop) = (exchange.tasks.clone(), exchange.stop.clone());
        exchange.tasks.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                };
                // A connection that is gone before it is accepted is nobody's loss.
                let Ok((client, _)) = accepted else { continue };
                let (state, stop) = (state.clone(), stop.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = pass(client, upstream, from, state) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
        });
        Ok(Self { port, line })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

/// Until one side ends, or the line is cut.
async fn pass(mut client: TcpStream, upstream: SocketAddr, from: Ipv4Addr, mut state: watch::Receiver<Line>) {
    if *state.borrow() == Line::Cut {
        return;
    }
    // A relay that waits to fill its packets would be slower than what it stands for.
    let _ = client.set_nodelay(true);
    let Ok(mut server) = connect(upstream, from).await else { return };
    let copying = copy_bidirectional(&mut client, &mut server);
    tokio::pin!(copying);
    loop {
        let now = *state.borrow_and_update();
        tokio::select! {
            // Its end, or its error, is the connection's.
            _ = &mut copying, if now == Line::Open => return,
            changed = state.changed() => {
                if changed.is_err() || *state.borrow() == Line::Cut {
                    return;
                }
            }
        }
    }
}

async fn connect(upstream: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    let stream = socket.connect(upstream).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn it_passes_on_falls_silent_and_is_cut() -> anyhow::Result<()> {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let exchange = Exchange::default();
        let from = Ipv4Addr::new(127, 0, 1, 9);
        let relay = Relay::to(server.local_addr()?, from, &exchange).await?;
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await?;
        let (mut there, peer) = server.accept().await?;
        assert_eq!(peer.ip(), IpAddr::V4(from));

        client.write_all(b"a").await?;
        assert_eq!(there.read_u8().await?, b'a');
        relay.set(Line::Silent);
        client.write_all(b"b").await?;
        assert!(timeout(Duration::from_millis(100), there.read_u8()).await.is_err(), "nothing passes");
        relay.set(Line::Open);
        assert_eq!(there.read_u8().await?, b'b', "and nothing is lost");
        relay.set(Line::Cut);
        assert!(client.read_u8().await.is_err());
        let mut next = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await?;
        assert!(next.read_u8().await.is_err(), "a new one breaks too");
        exchange.stop.cancel();
        exchange.tasks.close();
        exchange.tasks.wait().await;
        Ok(())
    }
}
