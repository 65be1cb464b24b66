//! Where programs send their traces: takes what comes, and keeps it as it came.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A collector for OTLP over HTTP. It ends with this value.
pub struct Collector {
    url: String,
    taken: Arc<Mutex<Vec<u8>>>,
    _serving: JoinSet<()>,
}

impl Collector {
    /// # Errors
    /// There is no free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the collector")?;
        let url = format!("http://{}", listener.local_addr()?);
        let taken: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mut serving = JoinSet::new();
        let kept = Arc::clone(&taken);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                // A connection that breaks is the program's matter, which has to bear that too.
                connections.spawn(async move { drop(serve(connection, &kept).await) });
            }
        });
        Ok(Self { url, taken, _serving: serving })
    }

    /// `OTEL_EXPORTER_OTLP_ENDPOINT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that came so far. The names and values of spans are plain text in it.
    pub fn taken(&self) -> String {
        String::from_utf8_lossy(&self.taken.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Requests one after another, each with the length of its body, and an answer that says nothing.
async fn serve(connection: TcpStream, kept: &Mutex<Vec<u8>>) -> anyhow::Result<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            anyhow::ensure!(connection.read_line(&mut line).await? > 0, "the connection was closed");
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line.as_bytes());
            match line.trim().to_lowercase().split_once(':') {
                Some(("content-length", bytes)) => length = bytes.trim().parse()?,
                Some(_) => {}
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&body);
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
    }
}
