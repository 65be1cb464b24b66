//! Requests that cannot be read: a status, an empty body, and the end of the connection.

use telegram_sim::simulator::Simulator;

use crate::bot::{TestResult, start};
use crate::wire::{self, Raw};

fn assert_refused(reply: &Raw, status: u16, what: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (status, ""), "{what}: {reply:?}");
    assert!(reply.headers.contains("content-length: 0"), "{what}: {reply:?}");
    assert!(reply.headers.contains("connection: close"), "{what}: {reply:?}");
}

/// A request with this first line and these header lines, and no body.
async fn refused(sim: &Simulator, status: u16, first: &str, headers: &str) -> TestResult {
    let request = format!("{first}\r\nHost: x\r\n{headers}\r\n");
    assert_refused(&wire::send(sim, request.as_bytes()).await?, status, first);
    Ok(())
}

#[tokio::test]
async fn verbs_other_than_get_and_post_are_501() -> TestResult {
    let (sim, _bot) = start().await?;
    for verb in ["PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "FETCH"] {
        refused(&sim, 501, &format!("{verb} /bot{}/getMe HTTP/1.1", sim.token()), "").await?;
    }
    Ok(())
}

#[tokio::test]
async fn http_versions_other_than_1_0_and_1_1_are_505() -> TestResult {
    let (sim, _bot) = start().await?;
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTPS/1.1"] {
        refused(&sim, 505, &format!("GET /bot{}/getMe {version}", sim.token()), "").await?;
    }
    let old = wire::send(&sim, format!("GET /bot{}/getMe HTTP/1.0\r\n\r\n", sim.token()).as_bytes()).await?;
    assert_eq!(old.status, 200, "{old:?}");
    Ok(())
}

#[tokio::test]
async fn headers_above_256_kib_are_431() -> TestResult {
    let (sim, _bot) = start().await?;
    let first = format!("GET /bot{}/getMe HTTP/1.1", sim.token());
    refused(&sim, 431, &first, &format!("X-Long: {}\r\n", "x".repeat(256 << 10))).await?;
    let fits = format!("{first}\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "x".repeat(255 << 10));
    assert_eq!(wire::send(&sim, fits.as_bytes()).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn parameters_above_1_mib_together_are_413() -> TestResult {
    let (sim, _bot) = start().await?;
    let most = 1 << 20;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json = "Content-Type: application/json\r\n";
    let parts = "Content-Type: multipart/form-data; boundary=x\r\n";
    let part = |name: &str, more: &str, size: usize| {
        let value = "v".repeat(size);
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let two_halves = [part("a", "", most / 2), part("b", "", most / 2 + 1), "--x--\r\n".to_owned()].concat();
    for (path, headers, body) in [
        ("getMe", form, "a".repeat(most + 1)),
        ("getMe", json, " ".repeat(most + 1)),
        ("getMe?a=b", form, "a".repeat(most - 2)),
        ("getMe", parts, two_halves),
    ] {
        let reply = wire::post(&sim, path, headers, body.as_bytes()).await?;
        assert_refused(&reply, 413, &format!("{path} {headers}"));
    }
    let file = part("document", "; filename=\"x\"", most + 1);
    for (headers, body) in [
        (form, "a".repeat(most)),
        (parts, [part("a", "", most), file, "--x--\r\n".to_owned()].concat()),
        ("Content-Type: text/plain\r\n", "a".repeat(most + 1)),
    ] {
        assert_eq!(wire::post(&sim, "getMe", headers, body.as_bytes()).await?.status, 200, "{headers}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_content_encoding_is_415() -> TestResult {
    let (sim, _bot) = start().await?;
    for encoding in ["br", "zstd", "compress", "gzip, gzip"] {
        let headers = format!("Content-Type: application/json\r\nContent-Encoding: {encoding}\r\n");
        assert_refused(&wire::post(&sim, "getMe", &headers, b"{}").await?, 415, encoding);
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_transfer_encoding_is_501() -> TestResult {
    let (sim, _bot) = start().await?;
    for encoding in ["gzip", "gzip, chunked", "identity"] {
        let first = format!("POST /bot{}/getMe HTTP/1.1", sim.token());
        refused(&sim, 501, &first, &format!("Transfer-Encoding: {encoding}\r\n")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_broken_form_in_parts_is_400() -> TestResult {
    let (sim, _bot) = start().await?;
    let parts = "Content-Type: multipart/form-data; boundary=x\r\n";
    for (headers, body) in [
        ("Content-Type: multipart/form-data\r\n", "--x--\r\n"),
        (parts, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"),
        (parts, "--x\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--x--\r\n"),
        (parts, "nothing of the kind"),
    ] {
        assert_refused(&wire::post(&sim, "getMe", headers, body.as_bytes()).await?, 400, body);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_compressed_as_it_says_is_400() -> TestResult {
    let (sim, _bot) = start().await?;
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    assert_refused(&wire::post(&sim, "getMe", headers, b"{\"plain\":1}").await?, 400, "gzip");
    Ok(())
}

#[tokio::test]
async fn a_later_request_on_a_connection_is_read_as_strictly_as_the_first() -> TestResult {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (sim, _bot) = start().await?;
    let mut stream = tokio::net::TcpStream::connect(sim.api_url().trim_start_matches("http://")).await?;
    let path = format!("/bot{}/getMyCommands", sim.token());
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let mut reply = String::new();
    while !reply.ends_with(r#"{"ok":true,"result":[]}"#) {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await?;
        anyhow::ensure!(read > 0, "closed after {reply}");
        reply.push_str(std::str::from_utf8(&piece[..read])?);
    }
    stream.write_all(format!("GET {path} HTTP/3.0\r\n\r\n").as_bytes()).await?;
    let mut refusal = String::new();
    stream.read_to_string(&mut refusal).await?;
    assert!(refusal.starts_with("HTTP/1.1 505 "), "{refusal}");
    Ok(())
}
