//! What a button of ours asks for when it is pressed: the data under it, written and read. Short, with a version, and without trust: anybody
//! can send any data, so whoever carries it out looks at everything anew.

use shared::ids::{ChannelId, ChatId, UserId};

use crate::{groups::Setting, texts::PressedFor};

/// One press, by who handles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pressed {
    /// "I have joined", in the group.
    Joined(PressedFor),
    /// "I have joined", in private, for this group.
    JoinedIn(ChatId),
    /// Let the group require this channel.
    Require {
        how: How,
        channel: ChannelId,
    },
    Setup(SetupStep),
    Settings(SettingsStep),
    /// Put this person on the group's allow-list.
    Allow(UserId),
    /// A page of the menu in private.
    Menu(MenuPage),
}

/// How a channel is required beside those that are already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// As the first one; if there are others, it is asked how.
    Ask,
    /// In their place.
    Replace,
    /// As well: all of them have to be subscribed to.
    Both,
    /// Or one of the others.
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetupStep {
    /// Show the list in a message of its own.
    Open,
    /// Look again.
    Check,
    /// Say how to name a channel, which is typed in reply.
    Choose,
    /// From there to the list again.
    Back,
    Require(ChannelId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingsStep {
    List,
    Page(Setting),
    Set(Setting, String),
    /// Back to the default.
    Reset(Setting),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MenuPage {
    Start,
    How,
    Setup,
    Commands,
}

/// What is expected as a reply to a message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// A channel to require.
    Channel,
    /// The text of this setting.
    Text(Setting),
}

impl Prompt {
    /// From the data of the buttons under the message.
    pub(crate) fn read(buttons: &[String]) -> Option<Self> {
        buttons.iter().find_map(|data| match Pressed::read(data)? {
            Pressed::Setup(SetupStep::Back) => Some(Self::Channel),
            Pressed::Settings(SettingsStep::Reset(setting)) if setting.is_text() => Some(Self::Text(setting)),
            _ => None,
        })
    }
}

impl Pressed {
    /// Whether it changes what holds for everybody in the group. Any other press is a question of whoever pressed.
    pub(crate) fn is_for_all(&self) -> bool {
        match self {
            Self::Require { .. } | Self::Setup(_) | Self::Settings(_) | Self::Allow(_) => true,
            Self::Joined(_) | Self::JoinedIn(_) | Self::Menu(_) => false,
        }
    }

    /// None: a button that is not ours, or forged.
    pub(crate) fn read(data: &str) -> Option<Self> {
        let Some((kind, rest)) = data.split_once("1:") else { return PressedFor::read(data).map(Self::Joined) };
        Some(match kind {
            "v" => Self::Joined(PressedFor::read(data)?),
            "g" => Self::JoinedIn(ChatId(rest.parse().ok()?)),
            "p" => {
                let (how, channel) = rest.split_once(':')?;
                Self::Require { how: How::read(how)?, channel: ChannelId(channel.parse().ok()?) }
            }
            "u" => Self::Setup(SetupStep::read(rest)?),
            "s" => Self::Settings(SettingsStep::read(rest)?),
            "a" => Self::Allow(UserId(rest.parse().ok()?)),
            "m" => Self::Menu(MenuPage::read(rest)?),
            _ => return None,
        })
    }

    pub(crate) fn data(&self) -> String {
        match self {
            Self::Joined(whom) => whom.data(),
            Self::JoinedIn(group) => format!("g1:{group}"),
            Self::Require { how, channel } => format!("p1:{}:{channel}", how.word()),
            Self::Setup(step) => format!("u1:{}", step.data()),
            Self::Settings(step) => format!("s1:{}", step.data()),
            Self::Allow(user) => format!("a1:{user}"),
            Self::Menu(page) => format!("m1:{}", page.word()),
        }
    }
}

impl How {
    const ALL: [Self; 4] = [Self::Ask, Self::Replace, Self::Both, Self::Either];

    fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Replace => "replace",
            Self::Both => "both",
            Self::Either => "either",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.word() == word)
    }
}

impl SetupStep {
    fn data(self) -> String {
        match self {
            Self::Open => "open".to_owned(),
            Self::Check => "check".to_owned(),
            Self::Choose => "choose".to_owned(),
            Self::Back => "back".to_owned(),
            Self::Require(channel) => channel.to_string(),
        }
    }

    fn read(data: &str) -> Option<Self> {
        Some(match data {
            "open" => Self::Open,
            "check" => Self::Check,
            "choose" => Self::Choose,
            "back" => Self::Back,
            channel => Self::Require(ChannelId(channel.parse().ok()?)),
        })
    }
}

impl SettingsStep {
    fn data(&self) -> String {
        match self {
            Self::List => "list".to_owned(),
            Self::Page(setting) => setting.key().to_owned(),
            Self::Set(setting, value) => format!("{}={value}", setting.key()),
            Self::Reset(setting) => format!("{}=", setting.key()),
            Self::Done => "done".to_owned(),
        }
    }

    fn read(data: &str) -> Option<Self> {
        Some(match (data, data.split_once('=')) {
            ("list", _) => Self::List,
            ("done", _) => Self::Done,
            (key, None) => Self::Page(Setting::from_key(key)?),
            (_, Some((key, ""))) => Self::Reset(Setting::from_key(key)?),
            (_, Some((key, value))) => Self::Set(Setting::from_key(key)?, value.to_owned()),
        })
    }
}

impl MenuPage {
    const ALL: [Self; 4] = [Self::Start, Self::How, Self::Setup, Self::Commands];

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::How => "how",
            Self::Setup => "setup",
            Self::Commands => "commands",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sets_something_sets_it_for_all_and_who_asks_asks_alone() {
        let of = |data: &str| Pressed::read(data).map(|pressed| pressed.is_for_all());
        for data in ["p1:both:-5", "u1:-5", "s1:mode=observe", "s1:warning_text=", "a1:7"] {
            assert_eq!(of(data), Some(true), "{data}");
        }
        for data in ["v1:7", "v1:*", "verify_membership", "g1:-1001"] {
            assert_eq!(of(data), Some(false), "{data}");
        }
    }

    /// Golden: messages with these buttons outlive the program that sent them.
    #[test]
    fn data_is_written_and_read_for_ever() {
        let cases = [
            ("v1:7", Pressed::Joined(PressedFor::Person(UserId(7)))),
            ("v1:*", Pressed::Joined(PressedFor::Anybody)),
            ("verify_membership", Pressed::Joined(PressedFor::Mentioned)),
            ("g1:-1001", Pressed::JoinedIn(ChatId(-1001))),
            ("p1:ask:-5", Pressed::Require { how: How::Ask, channel: ChannelId(-5) }),
            ("p1:replace:-5", Pressed::Require { how: How::Replace, channel: ChannelId(-5) }),
            ("p1:both:-5", Pressed::Require { how: How::Both, channel: ChannelId(-5) }),
            ("p1:either:-5", Pressed::Require { how: How::Either, channel: ChannelId(-5) }),
            ("u1:open", Pressed::Setup(SetupStep::Open)),
            ("u1:check", Pressed::Setup(SetupStep::Check)),
            ("u1:choose", Pressed::Setup(SetupStep::Choose)),
            ("u1:back", Pressed::Setup(SetupStep::Back)),
            ("u1:-5", Pressed::Setup(SetupStep::Require(ChannelId(-5)))),
            ("s1:list", Pressed::Settings(SettingsStep::List)),
            ("s1:done", Pressed::Settings(SettingsStep::Done)),
            ("s1:mode", Pressed::Settings(SettingsStep::Page(Setting::Mode))),
            ("s1:mode=observe", Pressed::Settings(SettingsStep::Set(Setting::Mode, "observe".to_owned()))),
            ("s1:warning_text=", Pressed::Settings(SettingsStep::Reset(Setting::WarningText))),
            ("a1:7", Pressed::Allow(UserId(7))),
            ("m1:start", Pressed::Menu(MenuPage::Start)),
            ("m1:how", Pressed::Menu(MenuPage::How)),
            ("m1:setup", Pressed::Menu(MenuPage::Setup)),
            ("m1:commands", Pressed::Menu(MenuPage::Commands)),
        ];
        for (data, pressed) in cases {
            assert_eq!(pressed.data(), data);
            assert_eq!(Pressed::read(data), Some(pressed));
        }
        let longest = Pressed::Require { how: How::Replace, channel: ChannelId(i64::MIN) };
        assert!(longest.data().len() <= 64);
    }

    #[test]
    fn what_we_never_wrote_is_no_press() {
        let forged = [
            "",
            ":",
            "1:",
            "x1:5",
            "v1:",
            "v1:x",
            "v2:7",
            "g1:",
            "g1:99999999999999999999",
            "p1:",
            "p1:both",
            "p1:both:",
            "p1:all:-5",
            "u1:",
            "u1:now",
            "s1:",
            "s1:=",
            "s1:colour",
            "s1:colour=red",
            "a1:@ann",
            "m1:",
            "m1:secret",
            "mode=observe",
            "v1:7 ",
            "\u{0}",
        ];
        for data in forged {
            assert_eq!(Pressed::read(data), None, "{data:?}");
        }
    }

    #[test]
    fn a_prompt_is_known_by_its_buttons() {
        let cases: [(&[&str], Option<Prompt>); 7] = [
            (&["s1:join_button=", "s1:list"], Some(Prompt::Text(Setting::JoinButton))),
            (&["u1:back"], Some(Prompt::Channel)),
            (&["u1:choose", "u1:check"], None),
            (&["s1:mode", "s1:done"], None),
            (&["s1:mode="], None),
            (&["v1:7"], None),
            (&[], None),
        ];
        for (buttons, prompt) in cases {
            let data: Vec<String> = buttons.iter().map(|&data| data.to_owned()).collect();
            assert_eq!(Prompt::read(&data), prompt, "{buttons:?}");
        }
    }
}
