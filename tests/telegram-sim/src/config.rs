//! What can be chosen about a simulator before it starts.

use std::net::SocketAddr;
use std::time::Duration;

use crate::floods::FloodLimits;

/// The token a simulator has unless told otherwise. Of the right shape, and of no use anywhere else.
pub const TEST_TOKEN: &str = "123456:TEST-token-for-the-simulator-only";

/// A simulator's settings. What Telegram does not document is a setting here, with the likeliest behaviour as default.
#[derive(Clone)]
pub struct SimConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The bot's token; its number is the bot's user id.
    pub token: String,
    pub bot_name: String,
    /// Without the `@`.
    pub bot_username: String,
    /// Everything random (first update id, faults, retry waits) follows from this, so that a run repeats.
    pub seed: u64,
    /// What Telegram states, unless told otherwise.
    pub floods: FloodLimits,
    /// Hold `setWebhook` to the public server's rules (HTTPS, four ports, public addresses) instead of those of `--local`.
    pub strict_webhooks: bool,
    /// A webhook without a success in the last 10 s has one connection, and a new one every 2 s at most; one that works
    /// gets 10 new ones in any half second. Off, all its connections are there at once, as no real server has them.
    pub webhook_starts_slowly: bool,
    /// A non-admin bot in a group sees only commands, mentions, replies to it and service messages.
    pub privacy_mode: bool,
    /// How long a press may be answered. Not documented; about 15 s are reported.
    pub callback_window: Duration,
    /// Whether a second answer to one press is refused as too old. Not documented.
    pub refuse_second_answer: bool,
    /// Whether the bot's own restrictions and bans come back to it as `chat_member`. Commonly seen, not documented.
    pub own_acts_make_updates: bool,
    /// Whether lifting the restrictions of somebody who has become an administrator demotes them, as the server's source
    /// reads (and fails without `can_promote_members`). Never tried; otherwise it is refused as a restriction would be.
    pub demote_trap: bool,
    /// The server's memory of members. Whether the real one has it as its source says is not known; off by default.
    pub member_cache: Option<MemberCache>,
    /// From this size on a group shows no service messages for joins. Reported as about 10,000.
    pub quiet_joins_from: usize,
    /// From this size on a group shows no service messages for leaves. Reported as about 50.
    pub quiet_leaves_from: usize,
    /// The oldest ledger entries go when there are more than this. Each takes about two kilobytes.
    pub ledger_capacity: usize,
    /// Hold every result and update against the Bot API's schema; see [`crate::simulator::Simulator::violations`].
    pub check_schema: bool,
}

/// How the server remembers members of chats where the bot is an administrator, instead of asking Telegram each time.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberCache {
    /// An entry is kept for so long after it was last used.
    pub kept_for: Duration,
    /// After any change of a member is pushed to the server, in any chat, it asks each time for so long.
    pub bypass_after_push: Duration,
    /// The share of changes (0 to 1) whose push gets lost: the entry stays as it was, and no `chat_member` update is made.
    pub lost_pushes: f64,
}

impl Default for MemberCache {
    /// As the server's source has it, and no push lost.
    fn default() -> Self {
        Self { kept_for: Duration::from_secs(30 * 60), bypass_after_push: Duration::from_secs(60), lost_pushes: 0.0 }
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: TEST_TOKEN.to_owned(),
            bot_name: "Gatekeeper".to_owned(),
            bot_username: "gatekeeper_test_bot".to_owned(),
            seed: 1,
            floods: FloodLimits::telegram(),
            strict_webhooks: false,
            webhook_starts_slowly: true,
            privacy_mode: true,
            callback_window: Duration::from_secs(15),
            refuse_second_answer: true,
            own_acts_make_updates: true,
            demote_trap: true,
            member_cache: None,
            quiet_joins_from: 10_000,
            quiet_leaves_from: 50,
            ledger_capacity: 500_000,
            check_schema: true,
        }
    }
}

impl std::fmt::Debug for SimConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimConfig")
            .field("listen", &self.listen)
            .field("bot_username", &self.bot_username)
            .field("seed", &self.seed)
            .field("floods", &self.floods)
            .field("strict_webhooks", &self.strict_webhooks)
            .finish_non_exhaustive()
    }
}
