//! Does the admin port answer as it should?

use std::{net::SocketAddr, time::Duration};

use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use tokio_util::task::TaskTracker;

use super::*;

/// One request over a new connection: the status line's code and everything after the headers.
async fn get(address: SocketAddr, path: &str, header: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.expect("the admin port");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn the_admin_port_says_how_things_are() {
    let mut registry = Registry::default();
    registry.register("things", "Things seen", Counter::<u64>::default());
    let readiness = Readiness::new(&["nats", "start"]);
    let auth = "prometheus:secret".parse().expect("a pair");
    let admin = Admin::new(registry, readiness.clone(), Some(auth))
        .check("nats", async || Ok(()))
        .check("redis", async || Err("connection refused".to_owned()))
        .check("postgres", std::future::pending);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let done = CancellationToken::new();
    let server = TaskTracker::new().spawn(admin.serve(listener, done.clone()));

    assert_eq!(get(address, "/livez", "").await.0, 200);
    let (code, _, why) = get(address, "/readyz", "").await;
    assert_eq!(code, 503, "{why}");
    readiness.set("start", Ok(()));

    // Postgres never answers: the result is there once its time-out has passed, and the answer never waits for it.
    let deadline = Instant::now() + Duration::from_secs(10);
    let body = loop {
        let asked = Instant::now();
        let (code, _, body) = get(address, "/health", "").await;
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
        let body: Value = serde_json::from_str(&body).expect("JSON");
        if code == 200 && body["dependencies"]["postgres"]["status"] == "down" {
            break body;
        }
        assert!(Instant::now() < deadline, "last seen: {code} {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(body["status"], "degraded");
    assert_eq!(body["dependencies"]["nats"]["status"], "up");
    assert_eq!(body["dependencies"]["redis"]["error"], "connection refused");
    assert_eq!(get(address, "/readyz", "").await.0, 200);

    let right =
        format!("Authorization: Basic {}\r\n", base64::engine::general_purpose::STANDARD.encode("prometheus:secret"));
    let wrong =
        format!("Authorization: Basic {}\r\n", base64::engine::general_purpose::STANDARD.encode("prometheus:guess"));
    for header in ["", "Authorization: Basic\r\n", "Authorization: Basic !\r\n", wrong.as_str()] {
        assert_eq!(get(address, "/metrics", header).await.0, 401, "{header}");
    }
    let (code, head, body) = get(address, "/metrics", &right).await;
    assert!(code == 200 && head.contains("version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE things_total counter") && !body.contains("# EOF"), "{body}");
    let open = format!("{right}Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n");
    let (_, head, body) = get(address, "/metrics", &open).await;
    assert!(head.contains("openmetrics") && body.ends_with("# EOF\n"), "{head}\n{body}");

    readiness.stop();
    assert_eq!(get(address, "/readyz", "").await.0, 503);
    done.cancel();
    server.await.expect("no panic").expect("a clean end");
}
