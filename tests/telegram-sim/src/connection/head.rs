//! Whether a request's head can be read at all, as far as the HTTP library would say it otherwise than Telegram. Pure.

use http::StatusCode;

/// A head may not be larger than this; more is answered 431.
const MAX_BYTES: usize = 256 << 10;
const END: &[u8] = b"\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Its end has not come yet.
    Incomplete,
    Readable,
    Refused(StatusCode),
}

/// Looks at what has come of a request, its head first.
pub(super) fn judge(come: &[u8]) -> Judgement {
    let Some(end) = come.windows(END.len()).position(|window| window == END) else {
        return if come.len() > MAX_BYTES {
            Judgement::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        } else {
            Judgement::Incomplete
        };
    };
    if end > MAX_BYTES {
        return Judgement::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let head = String::from_utf8_lossy(&come[..end]);
    let mut lines = head.split("\r\n");
    let version = lines.next().and_then(|line| line.rsplit_once(' ')).map(|(_, version)| version);
    if version.is_some_and(|version| version != "HTTP/1.1" && version != "HTTP/1.0") {
        return Judgement::Refused(StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    }
    let encodings = lines.filter_map(|line| line.split_once(':'));
    let mut encodings = encodings.filter(|(name, _)| name.trim().eq_ignore_ascii_case("transfer-encoding"));
    if encodings.any(|(_, encoding)| !encoding.trim().eq_ignore_ascii_case("chunked")) {
        return Judgement::Refused(StatusCode::NOT_IMPLEMENTED);
    }
    Judgement::Readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_judged_as_telegram_does() {
        use Judgement::{Incomplete, Readable, Refused};
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_BYTES));
        for (come, expected) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n", Incomplete),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Readable),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: Chunked\r\n\r\nGET / HTTP/3.0\r\n\r\n", Readable),
            ("GET / HTTP/2.0\r\n\r\n", Refused(StatusCode::HTTP_VERSION_NOT_SUPPORTED)),
            ("GET / HTTP/1.2\r\n\r\n", Refused(StatusCode::HTTP_VERSION_NOT_SUPPORTED)),
            ("POST / HTTP/1.1\r\nTRANSFER-ENCODING: gzip, chunked\r\n\r\n", Refused(StatusCode::NOT_IMPLEMENTED)),
            ("POST / HTTP/1.1\r\ntransfer-encoding: identity\r\n\r\n", Refused(StatusCode::NOT_IMPLEMENTED)),
            (&long, Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
            (&format!("{long}\r\n\r\n"), Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
        ] {
            assert_eq!(judge(come.as_bytes()), expected, "{come:.80}");
        }
    }
}
