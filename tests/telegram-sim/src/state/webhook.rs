//! The bot's webhook: where it is, and how its last deliveries went.

/// What `setWebhook` stored. An empty URL means none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) max_connections: usize,
    pub(crate) ip_address: String,
    /// The webhook's own, in PEM, if one was given.
    pub(crate) certificate: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Webhook {
    pub(crate) target: Target,
    /// Goes up with every change, so that deliveries of an older one can tell.
    pub(crate) generation: u64,
    pub(crate) last_error: Option<(i64, String)>,
    /// Since when 410 is all that comes back, in milliseconds.
    pub(crate) gone_since_ms: Option<i64>,
}

impl Webhook {
    pub(crate) fn is_set(&self) -> bool {
        !self.target.url.is_empty()
    }

    pub(crate) fn replace(&mut self, target: Target) {
        *self = Self { target, generation: self.generation + 1, ..Self::default() };
    }
}
