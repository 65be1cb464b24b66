//! The client over real HTTP, against a server that answers what a test tells it to.

mod methods;
mod server;
mod transport;

use super::*;
use budget::LimiterConfig;
use server::Server;

const TOKEN: &str = "123456:TEST-token-for-the-simulator-only";

/// A client of that server, with ceilings that no test here reaches.
fn client_of(server: &Server, timeout: Duration) -> (Telegram, TelegramMetrics) {
    // The second test of the process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = TelegramConfig {
        api_url: server.url(),
        token: TOKEN.into(),
        limits: LimiterConfig {
            send_per_s: 1_000,
            send_per_group_per_min: 1_000,
            read_per_s: 1_000,
            moderate_per_s: 1_000,
            broadcast_per_s: 1_000,
        },
        redis: None,
        timeout,
    };
    let metrics = TelegramMetrics::default();
    (Telegram::new(config, metrics.clone()).expect("a client"), metrics)
}

fn client(server: &Server) -> Telegram {
    client_of(server, Duration::from_secs(20)).0
}

#[test]
fn tokens_that_would_change_the_url_are_refused_unseen() {
    for token in ["", "123456", ":secret", "123456:", "abc:def", "1:a/b", "1:a?b", "1:a#b", "1:a b", "1:a%2f", "1:ä"] {
        assert!(!could_be_a_token(token), "{token}");
    }
    assert!(could_be_a_token(TOKEN));
    let config = TelegramConfig {
        api_url: "https://api.telegram.org".parse().expect("a URL"),
        token: "not/a/token".into(),
        limits: LimiterConfig {
            send_per_s: 1,
            send_per_group_per_min: 1,
            read_per_s: 1,
            moderate_per_s: 1,
            broadcast_per_s: 1,
        },
        redis: None,
        timeout: Duration::from_secs(20),
    };
    assert!(!format!("{config:?}").contains("not/a/token"));
    let error = Telegram::new(config, TelegramMetrics::default()).expect_err("not a token");
    assert!(!format!("{error} {error:?}").contains("not/a/token"));
}
