//! Where programs send their traces: takes what comes, as a collector does, or hangs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// A collector for OTLP over HTTP. It ends with this value.
pub struct Collector {
    url: String,
    taken: Arc<Mutex<Taken>>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// A span as it came. Ids are in hexadecimal, and empty if there is none.
#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name`
    pub service: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    /// The spans that it links to.
    pub links: Vec<String>,
    pub kind: SpanKind,
    pub name: String,
    /// By name, as text.
    pub attributes: BTreeMap<String, String>,
    pub is_error: bool,
}

impl Collector {
    /// # Errors
    /// There is no free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the collector")?;
        let url = format!("http://{}", listener.local_addr()?);
        let taken: Arc<Mutex<Taken>> = Arc::default();
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
        String::from_utf8_lossy(&self.taken.lock().unwrap_or_else(PoisonError::into_inner).bytes).into_owned()
    }

    /// The spans that came so far.
    pub fn spans(&self) -> Vec<Span> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).spans.clone()
    }
}

/// Requests one after another, each with the length of its body, and an answer that says nothing.
async fn serve(connection: TcpStream, taken: &Mutex<Taken>) -> anyhow::Result<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            anyhow::ensure!(connection.read_line(&mut line).await? > 0, "the connection was closed");
            taken.lock().unwrap_or_else(PoisonError::into_inner).bytes.extend_from_slice(line.as_bytes());
            match line.trim().to_lowercase().split_once(':') {
                Some(("content-length", bytes)) => length = bytes.trim().parse()?,
                Some(_) => {}
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        let spans = spans(&body)?;
        {
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.bytes.extend_from_slice(&body);
            taken.spans.extend(spans);
        }
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
    }
}

fn spans(body: &[u8]) -> anyhow::Result<Vec<Span>> {
    let request = ExportTraceServiceRequest::decode(body).context("no OTLP")?;
    let mut spans = Vec::new();
    for of_service in request.resource_spans {
        let resource = attributes(of_service.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = resource.get("service.name").cloned().unwrap_or_default();
        for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                service: service.clone(),
                kind: span.kind(),
                is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
                name: span.name,
                attributes: attributes(span.attributes),
            });
        }
    }
    Ok(spans)
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
