//! A server that answers each request with the next of the replies it was given, the last one over and over, and keeps what it was asked.
//! By hand and not by a framework, because it must be able to answer badly.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

#[derive(Clone, Debug)]
pub(super) enum Reply {
    Http {
        status: u16,
        headers: &'static str,
        body: String,
    },
    /// The request is read, then the connection ends without a word.
    Cut,
    /// The request is read, and nothing ever comes.
    Silence,
}

#[derive(Debug)]
pub(super) struct Server {
    url: Url,
    asked: Arc<Mutex<Vec<Asked>>>,
    _connections: JoinSet<()>,
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What stands in the request line.
    pub(super) path: String,
    pub(super) arguments: Value,
}

impl Reply {
    pub(super) fn result(result: Value) -> Self {
        Self::Http { status: 200, headers: "", body: json!({"ok": true, "result": result}).to_string() }
    }

    pub(super) fn error(status: u16, description: &str) -> Self {
        let body = json!({"ok": false, "error_code": status, "description": description});
        Self::Http { status, headers: "", body: body.to_string() }
    }

    pub(super) fn raw(status: u16, body: &str) -> Self {
        Self::Http { status, headers: "", body: body.to_owned() }
    }
}

impl Server {
    pub(super) async fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound")).parse().expect("a URL");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let replies: Vec<Reply> = replies.into_iter().collect();
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, replies, Arc::clone(&asked)));
        Self { url, asked, _connections: connections }
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }

    /// The methods asked for, in order.
    pub(super) fn methods(&self) -> Vec<String> {
        let method = |asked: &Asked| asked.path.rsplit('/').next().unwrap_or_default().to_owned();
        self.asked().iter().map(method).collect()
    }

    /// The arguments of the only request.
    pub(super) fn arguments(&self) -> Value {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].arguments.clone()
    }
}

async fn serve(listener: TcpListener, replies: Vec<Reply>, asked: Arc<Mutex<Vec<Asked>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (replies, asked) = (replies.clone(), Arc::clone(&asked));
        connections.spawn(async move {
            // A client that goes away in the middle is its own business.
            let _ = converse(stream, &replies, &asked).await;
        });
    }
}

/// One request on one connection.
async fn converse(mut stream: TcpStream, replies: &[Reply], asked: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let request = read_request(&mut stream).await?;
    let number = {
        let mut asked = asked.lock().expect("not poisoned");
        asked.push(request);
        asked.len() - 1
    };
    match &replies[number.min(replies.len() - 1)] {
        Reply::Http { status, headers, body } => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await
        }
        Reply::Cut => Ok(()),
        Reply::Silence => std::future::pending().await,
    }
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    while bytes.len() < head_end + length.unwrap_or(0) {
        read_more(stream, &mut bytes).await?;
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Asked { path, arguments: serde_json::from_slice(&bytes[head_end..]).unwrap_or(Value::Null) })
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
