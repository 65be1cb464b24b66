//! The HTTP client of the tests.

use std::time::Duration;

/// A client of its own: one that is kept across tests would hold connections of a runtime that has ended.
pub fn client() -> reqwest::Client {
    // The error is the provider that is installed already, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("nothing in these settings depends on the machine")
}
