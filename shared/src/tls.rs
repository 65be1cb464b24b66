//! The one crypto provider of every program: ring. A second one in the tree would make rustls panic at its first use.

/// Makes ring the process's provider. Safe to call again: the first call stands.
pub fn install() {
    // The error is the provider that is installed already, which is ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
