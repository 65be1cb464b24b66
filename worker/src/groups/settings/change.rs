//! Which settings there are, by name, and what becomes of `params` when one of them is set.

use serde_json::{Map, Value};

use super::{ChannelPosts, JoinRequests, Mode, OnChannelLeave, Settings};
use crate::policy::Require;

/// One setting, in the order in which they are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Mode,
    Require,
    WarningText,
    JoinButton,
    VerifyButton,
    WarningTtl,
    MuteFor,
    OnChannelLeave,
    ChannelPosts,
    JoinRequests,
    GreetOnJoin,
}

/// What its values look like in `params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Word,
    Text,
    Seconds,
    Truth,
}

impl Setting {
    pub(crate) const ALL: [Self; 11] = [
        Self::Mode,
        Self::Require,
        Self::WarningText,
        Self::JoinButton,
        Self::VerifyButton,
        Self::WarningTtl,
        Self::MuteFor,
        Self::OnChannelLeave,
        Self::ChannelPosts,
        Self::JoinRequests,
        Self::GreetOnJoin,
    ];

    /// Its name in `params` and in the data of buttons.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Require => "require",
            Self::WarningText => "warning_text",
            Self::JoinButton => "join_button",
            Self::VerifyButton => "verify_button",
            Self::WarningTtl => "warning_ttl",
            Self::MuteFor => "mute_for",
            Self::OnChannelLeave => "on_channel_leave",
            Self::ChannelPosts => "channel_posts",
            Self::JoinRequests => "join_requests",
            Self::GreetOnJoin => "greet_on_join",
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.key() == key)
    }

    /// Whether it is typed and not chosen.
    pub(crate) fn is_text(self) -> bool {
        self.form() == Form::Text
    }

    /// How it is set, as a button's data says it. None: a text that nobody has set.
    pub(crate) fn value(self, settings: &Settings) -> Option<String> {
        let word = match self {
            Self::WarningText => return settings.warning_text.clone(),
            Self::JoinButton => return settings.join_button.clone(),
            Self::VerifyButton => return settings.verify_button.clone(),
            Self::WarningTtl => return Some(settings.warning_ttl.as_secs().to_string()),
            Self::MuteFor => return Some(settings.mute_for.as_secs().to_string()),
            Self::Mode => match settings.mode {
                Mode::Enforce => "enforce",
                Mode::Observe => "observe",
            },
            Self::Require => match settings.require {
                Require::All => "all",
                Require::Any => "any",
            },
            Self::OnChannelLeave => match settings.on_channel_leave {
                OnChannelLeave::Mute => "mute",
                OnChannelLeave::NextMessage => "next_message",
            },
            Self::ChannelPosts => match settings.channel_posts {
                ChannelPosts::Delete => "delete",
                ChannelPosts::Allow => "allow",
            },
            Self::JoinRequests => match settings.join_requests {
                JoinRequests::Off => "off",
                JoinRequests::Gate => "gate",
            },
            Self::GreetOnJoin => match settings.greet_on_join {
                true => "true",
                false => "false",
            },
        };
        Some(word.to_owned())
    }

    fn form(self) -> Form {
        match self {
            Self::Mode | Self::Require | Self::OnChannelLeave | Self::ChannelPosts | Self::JoinRequests => Form::Word,
            Self::WarningText | Self::JoinButton | Self::VerifyButton => Form::Text,
            Self::WarningTtl | Self::MuteFor => Form::Seconds,
            Self::GreetOnJoin => Form::Truth,
        }
    }

    fn json(self, value: &str) -> Option<Value> {
        Some(match self.form() {
            Form::Word => value.into(),
            // The database keeps no NUL.
            Form::Text => value.replace('\0', "").trim().into(),
            Form::Seconds => value.parse::<u64>().ok()?.into(),
            Form::Truth => value.parse::<bool>().ok()?.into(),
        })
    }
}

/// `params` with this setting set, or back at its default. Whatever else stands in it stays, also what nobody understands. None: it cannot
/// have that value.
pub(crate) fn changed(params: &str, setting: Setting, value: Option<&str>) -> Option<String> {
    let mut object: Map<String, Value> = serde_json::from_str(params).unwrap_or_default();
    match value {
        None => object.remove(setting.key()),
        Some(value) => object.insert(setting.key().to_owned(), setting.json(value)?),
    };
    let params = Value::Object(object).to_string();
    let (_, unusable) = Settings::parse(&params);
    (!unusable.contains(&setting.key())).then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_setting_changes_and_the_others_stay() {
        let cases = [
            ("{}", Setting::Mode, Some("observe"), Some(r#"{"mode":"observe"}"#)),
            (r#"{"mode":"observe","odd":[1]}"#, Setting::Mode, None, Some(r#"{"odd":[1]}"#)),
            (r#"{"mute_for":"x"}"#, Setting::Require, Some("any"), Some(r#"{"mute_for":"x","require":"any"}"#)),
            ("no object", Setting::GreetOnJoin, Some("false"), Some(r#"{"greet_on_join":false}"#)),
            ("{}", Setting::MuteFor, Some("3600"), Some(r#"{"mute_for":3600}"#)),
            ("{}", Setting::WarningText, Some(" Hi\0 {name} "), Some(r#"{"warning_text":"Hi {name}"}"#)),
            ("{}", Setting::Mode, Some("off"), None),
            ("{}", Setting::MuteFor, Some("59"), None),
            ("{}", Setting::MuteFor, Some("-1"), None),
            ("{}", Setting::WarningTtl, Some("soon"), None),
            ("{}", Setting::GreetOnJoin, Some("1"), None),
            ("{}", Setting::JoinButton, Some(" "), None),
        ];
        for (params, setting, value, expected) in cases {
            assert_eq!(changed(params, setting, value).as_deref(), expected, "{params} {setting:?} {value:?}");
        }
        assert_eq!(changed("{}", Setting::JoinButton, Some(&"x".repeat(65))), None);
    }

    #[test]
    fn every_setting_can_be_read_back() {
        for setting in Setting::ALL {
            assert_eq!(Setting::from_key(setting.key()), Some(setting));
            let value = setting.value(&Settings::default());
            assert_eq!(value.is_none(), setting.is_text(), "{setting:?}");
            let Some(value) = value else { continue };
            let params = changed("{}", setting, Some(&value)).expect("a default is a value");
            assert_eq!(Settings::parse(&params), (Settings::default(), Vec::new()), "{setting:?}");
        }
        assert_eq!(Setting::from_key("unheard_of"), None);
    }
}
