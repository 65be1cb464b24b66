//! Requests to the byte, for what no HTTP client would send.

use telegram_sim::simulator::Simulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bot::SOON;

/// What came back until the connection's end.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    /// In lower case, one a line.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// Sends the bytes and reads until the other side closes the connection, which it has to.
pub(crate) async fn send(sim: &Simulator, request: &[u8]) -> anyhow::Result<Raw> {
    let address = sim.api_url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await?;
    stream.write_all(request).await?;
    let mut reply = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut reply)).await??;
    let reply = String::from_utf8(reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Raw { status, headers: headers.to_ascii_lowercase(), body: body.to_owned() })
}

/// A POST of this body with these header lines; the connection is to be closed after the reply.
pub(crate) async fn post(sim: &Simulator, path: &str, headers: &str, body: &[u8]) -> anyhow::Result<Raw> {
    let head = format!(
        "POST /bot{}/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        sim.token(),
        body.len()
    );
    send(sim, &[head.as_bytes(), body].concat()).await
}
