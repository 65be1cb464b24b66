//! One POST of one update, and what its answer means.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Version, header};
use reqwest::{Certificate, Client, Response};
use url::Url;

use crate::args::Args;
use crate::clock::Clock;
use crate::delivery::plan::Outcome;
use crate::request;
use crate::state::webhook::Target;

const LONGEST_RETRY_AFTER_S: i64 = 3600;
const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
/// A connection on which nothing comes for so long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// More than this of an answer is read, but not kept.
const MOST_KEPT: usize = 1 << 20;

/// What came of one delivery.
pub(super) struct Reply {
    pub(super) outcome: Outcome,
    /// Whether the connection can be used again.
    pub(super) is_open: bool,
    /// The arguments in a 2xx answer; with a `method` among them it is a call.
    pub(super) args: Args,
}

/// The client for one webhook: no redirects, connections kept, straight to the pinned address if there is one.
///
/// # Errors
///
/// The TLS set-up is unusable.
pub(super) fn client(target: &Target) -> reqwest::Result<Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may install one at the same time; either serves.
        let _other = rustls::crypto::ring::default_provider().install_default();
    }
    let mut client = Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(Duration::from_secs(60))
        .tcp_nodelay(true);
    if let (Ok(url), Ok(ip)) = (Url::parse(&target.url), target.ip_address.parse())
        && let Some(host) = url.host_str()
    {
        // The port is the URL's in any case.
        client = client.resolve(host, SocketAddr::new(ip, 0));
    }
    // One that cannot be read is none: then the webhook's own is not trusted, and its deliveries fail.
    if let Some(certificate) = target.certificate.as_deref().and_then(|pem| Certificate::from_pem(pem).ok()) {
        client = client.add_root_certificate(certificate);
    }
    client.build()
}

pub(super) async fn post(client: &Client, clock: &Clock, target: &Target, body: Bytes) -> Reply {
    let mut request = client
        .post(&target.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "keep-alive")
        .header(header::ACCEPT_ENCODING, "gzip, deflate")
        .body(body);
    if !target.secret.is_empty() {
        request = request.header(SECRET_HEADER, &target.secret);
    }
    let answer = in_time(clock, request.send()).await;
    match answer {
        Ok(response) => judge(clock, response).await,
        Err(reason) => failed(reason),
    }
}

/// What comes before the time-out, or why nothing does.
async fn in_time<T>(clock: &Clock, read: impl Future<Output = reqwest::Result<T>>) -> Result<T, &'static str> {
    tokio::select! {
        read = read => read.map_err(|error| if error.is_connect() { "Connection refused" } else { "Webhook connection closed" }),
        () = clock.sleep(READ_TIMEOUT) => Err("Read timeout expired"),
    }
}

fn failed(reason: &str) -> Reply {
    let outcome = Outcome::Failed { error: reason.to_owned(), status: None, retry_after_s: None };
    Reply { outcome, is_open: false, args: Args::default() }
}

async fn judge(clock: &Clock, mut response: Response) -> Reply {
    let status = response.status();
    let is_open = stays_open(response.version(), response.headers());
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let retry_after_s = retry_after_s(text(header::RETRY_AFTER));
    let content_type = text(header::CONTENT_TYPE).to_owned();
    let mut body = Vec::new();
    // Read to its end, so that the connection can be used again.
    loop {
        match in_time(clock, response.chunk()).await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MOST_KEPT => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(reason) => return failed(reason),
        }
    }
    if status.is_success() {
        let args = request::arguments(None, &content_type, Body::from(body)).await.unwrap_or_default();
        return Reply { outcome: Outcome::Delivered { status: status.as_u16() }, is_open, args };
    }
    let error = format!(
        "Wrong response from the webhook: {} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    Reply { outcome: Outcome::Failed { error, status: Some(status), retry_after_s }, is_open, args: Args::default() }
}

fn stays_open(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &str| {
        headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
    };
    if version == Version::HTTP_10 { says("keep-alive") } else { !says("close") }
}

/// The wait a `Retry-After` asks for. A date is not understood: it counts as 0, which is as good as none.
fn retry_after_s(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What does not fit into a number is longer than the longest wait.
    Some(text.parse().unwrap_or(i64::MAX).min(LONGEST_RETRY_AFTER_S)).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_up_to_an_hour() {
        for (text, expected) in [
            ("5", Some(5)),
            (" 7 ", Some(7)),
            ("3601", Some(3600)),
            ("99999999999999999999", Some(3600)),
            ("0", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ] {
            assert_eq!(retry_after_s(text), expected, "{text:?}");
        }
    }
}
