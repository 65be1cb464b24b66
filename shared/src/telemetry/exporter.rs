//! How traces leave: the programs' one HTTP client, blocking, because the exporter runs on a thread of its own outside the runtime.

use std::{
    fmt,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// What OTLP names as the default time-out of one export.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no client to send traces with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("building the HTTP client")]
    Build(#[source] reqwest::Error),
    #[error("the thread that builds the HTTP client")]
    Thread,
}

pub(super) struct Client {
    http: reqwest::blocking::Client,
    /// The last export failed.
    failing: AtomicBool,
}

impl Client {
    pub(super) fn new() -> Result<Self, ClientError> {
        // The blocking client may not be made inside a runtime.
        let build = || reqwest::blocking::Client::builder().timeout(TIMEOUT).build();
        let http = std::thread::spawn(build).join().map_err(|_| ClientError::Thread)?.map_err(ClientError::Build)?;
        Ok(Self { http, failing: AtomicBool::new(false) })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let answer = self
            .http
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body)
            .send()
            .map_err(reqwest::Error::without_url)?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        Ok(response.body(answer.bytes().map_err(reqwest::Error::without_url)?)?)
    }
}

impl Client {
    /// One log line when an outage begins and one when it ends.
    fn tell(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let trouble = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.failing.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(error) if !was_failing => tracing::warn!(error, "traces cannot be sent"),
            None if was_failing => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl HttpClient for Client {
    /// Blocks: the exporter calls it on a thread of its own. (The trait's async function, written out as its macro writes it.)
    fn send_bytes<'client, 'answer>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        let sent = self.send(request);
        self.tell(&sent);
        Box::pin(std::future::ready(sent))
    }
}
