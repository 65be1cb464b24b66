//! A group's own settings, as the database keeps them. A value that cannot be used means the default and a warning, never a failure.

mod change;

use std::time::Duration;

use serde_json::{Map, Value};
use shared::ids::ChatId;

pub(crate) use change::{Setting, changed};

use crate::policy::Require;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub mode: Mode,
    pub require: Require,
    /// Placeholders {name}, {group} and {channels}.
    pub warning_text: Option<String>,
    pub join_button: Option<String>,
    pub verify_button: Option<String>,
    pub warning_ttl: Duration,
    pub mute_for: Duration,
    pub channel_posts: ChannelPosts,
    pub on_channel_leave: OnChannelLeave,
    pub join_requests: JoinRequests,
    /// Whether somebody who joins unsubscribed is muted and welcomed at once, and not only at their first message.
    pub greet_on_join: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Enforce,
    /// Counts and logs what would happen, touches nobody.
    Observe,
}

/// What people write in the name of a channel that is not required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ChannelPosts {
    #[default]
    Delete,
    Allow,
}

/// What happens to a member who leaves a required channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnChannelLeave {
    #[default]
    Mute,
    /// Nothing until they write.
    NextMessage,
}

/// Requests to join the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum JoinRequests {
    /// They are the admins' own affair.
    #[default]
    Off,
    /// Subscribers are let in.
    Gate,
}

const WARNING_TTL: Duration = Duration::from_secs(5 * 60);
const MUTE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Telegram takes less than 30 s, or more than 366 days, for "for ever" (Bot API, restrictChatMember); both ends keep well away.
const MUTE_SECONDS: std::ops::RangeInclusive<u64> = 60..=365 * 24 * 3600;

/// A warning that lives for less cannot be read, and Telegram deletes nothing after 48 h (telegram.md 3.6).
const WARNING_SECONDS: std::ops::RangeInclusive<u64> = 10..=47 * 3600;

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            require: Require::default(),
            warning_text: None,
            join_button: None,
            verify_button: None,
            warning_ttl: WARNING_TTL,
            mute_for: MUTE_FOR,
            channel_posts: ChannelPosts::default(),
            on_channel_leave: OnChannelLeave::default(),
            join_requests: JoinRequests::default(),
            greet_on_join: true,
        }
    }
}

impl Settings {
    /// Reads `params`.
    pub(crate) fn read(group: ChatId, params: &str) -> Self {
        let (settings, unusable) = Self::parse(params);
        if !unusable.is_empty() {
            tracing::warn!(chat.id = group.0, settings = ?unusable, "settings that cannot be used: their defaults hold");
        }
        settings
    }

    fn parse(params: &str) -> (Self, Vec<&'static str>) {
        let Ok(Value::Object(params)) = serde_json::from_str(params) else {
            return (Self::default(), vec!["params"]);
        };
        let mut reader = Reader { params: &params, unusable: Vec::new() };
        let default = Self::default();
        let settings = Self {
            mode: reader.read("mode", default.mode, |value| match value.as_str()? {
                "enforce" => Some(Mode::Enforce),
                "observe" => Some(Mode::Observe),
                _ => None,
            }),
            require: reader.read("require", default.require, |value| match value.as_str()? {
                "all" => Some(Require::All),
                "any" => Some(Require::Any),
                _ => None,
            }),
            warning_text: reader.read("warning_text", None, |value| text(value, 1000)),
            join_button: reader.read("join_button", None, |value| text(value, 64)),
            verify_button: reader.read("verify_button", None, |value| text(value, 64)),
            warning_ttl: reader.read("warning_ttl", default.warning_ttl, |value| seconds(value, &WARNING_SECONDS)),
            mute_for: reader.read("mute_for", default.mute_for, |value| seconds(value, &MUTE_SECONDS)),
            channel_posts: reader.read("channel_posts", default.channel_posts, |value| match value.as_str()? {
                "delete" => Some(ChannelPosts::Delete),
                "allow" => Some(ChannelPosts::Allow),
                _ => None,
            }),
            on_channel_leave: reader.read("on_channel_leave", default.on_channel_leave, |value| {
                match value.as_str()? {
                    "mute" => Some(OnChannelLeave::Mute),
                    "next_message" => Some(OnChannelLeave::NextMessage),
                    _ => None,
                }
            }),
            join_requests: reader.read("join_requests", default.join_requests, |value| match value.as_str()? {
                "off" => Some(JoinRequests::Off),
                "gate" => Some(JoinRequests::Gate),
                _ => None,
            }),
            greet_on_join: reader.read("greet_on_join", default.greet_on_join, Value::as_bool),
        };
        (settings, reader.unusable)
    }
}

struct Reader<'a> {
    params: &'a Map<String, Value>,
    unusable: Vec<&'static str>,
}

impl Reader<'_> {
    fn read<T>(&mut self, name: &'static str, default: T, read: impl Fn(&Value) -> Option<T>) -> T {
        match self.params.get(name) {
            None | Some(Value::Null) => default,
            Some(value) => read(value).unwrap_or_else(|| {
                self.unusable.push(name);
                default
            }),
        }
    }
}

fn seconds(value: &Value, range: &std::ops::RangeInclusive<u64>) -> Option<Duration> {
    value.as_u64().filter(|seconds| range.contains(seconds)).map(Duration::from_secs)
}

#[expect(
    clippy::option_option,
    reason = "the outer one says whether the value can be used, the inner one that it is set"
)]
fn text(value: &Value, most: usize) -> Option<Option<String>> {
    let text = value.as_str()?.trim();
    (!text.is_empty() && text.chars().count() <= most).then(|| Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_bad_ones_mean_the_default() {
        let default = Settings::default;
        let cases: Vec<(&str, Settings, &[&str])> = vec![
            ("{}", default(), &[]),
            ("", default(), &["params"]),
            ("[]", default(), &["params"]),
            (r#"{"mode":"observe"}"#, Settings { mode: Mode::Observe, ..default() }, &[]),
            (r#"{"mode":"off","require":7}"#, default(), &["mode", "require"]),
            (
                r#"{"require":"any","mute_for":60}"#,
                Settings { require: Require::Any, mute_for: Duration::from_secs(60), ..default() },
                &[],
            ),
            (r#"{"mute_for":59}"#, default(), &["mute_for"]),
            (r#"{"mute_for":-1,"warning_ttl":"5m"}"#, default(), &["warning_ttl", "mute_for"]),
            (
                r#"{"warning_text":"  Hi {name} "}"#,
                Settings { warning_text: Some("Hi {name}".into()), ..default() },
                &[],
            ),
            (r#"{"warning_text":"   ","join_button":null}"#, default(), &["warning_text"]),
            (
                r#"{"channel_posts":"allow","unheard_of":1}"#,
                Settings { channel_posts: ChannelPosts::Allow, ..default() },
                &[],
            ),
            (
                r#"{"on_channel_leave":"next_message","join_requests":"gate","greet_on_join":false}"#,
                Settings {
                    on_channel_leave: OnChannelLeave::NextMessage,
                    join_requests: JoinRequests::Gate,
                    greet_on_join: false,
                    ..default()
                },
                &[],
            ),
            (
                r#"{"on_channel_leave":"kick","join_requests":true,"greet_on_join":"no"}"#,
                default(),
                &["on_channel_leave", "join_requests", "greet_on_join"],
            ),
            (r#"{"on_channel_leave":"mute","join_requests":"off","greet_on_join":true}"#, default(), &[]),
        ];
        for (params, settings, unusable) in cases {
            assert_eq!(Settings::parse(params), (settings, unusable.to_vec()), "{params}");
        }
    }
}
