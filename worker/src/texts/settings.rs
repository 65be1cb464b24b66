//! `/settings`: the list, and a page for each setting with its values as buttons, or what to type and how it will look.

use shared::ids::UserId;

use super::{
    BUTTON_LENGTH, JOIN_BUTTON, MESSAGE_LENGTH, Named, TITLES_LENGTH, VERIFY_BUTTON, WARNING, Words, chosen,
    shown::{fitting, shown, truncated},
    template::{Filling, fill},
    title,
};
use crate::{
    groups::{Rules, Setting, Settings},
    pressed::{Pressed, SettingsStep},
    telegram::message::{Button, Keyboard},
};

/// What the explanations on a page take at most.
const EXPLAINED: usize = 800;

/// A title or value inside a button.
const VALUE: usize = 24;

pub(crate) const TOO_LONG: &str =
    "I cannot use that: it is empty or too long. A warning has room for 1000 characters, a button for 64.";

pub(crate) fn list(rules: &Rules) -> Words {
    let text = format!(
        "Settings of {}\n\nEach button shows how it is now. Press one to change it.",
        shown(&rules.title, "this group")
    );
    let row = |setting: Setting| {
        let label = format!("{}: {}", name(setting), truncated(&value(setting, &rules.settings), VALUE));
        vec![button(label, SettingsStep::Page(setting))]
    };
    let rows = Setting::ALL.into_iter().map(row).chain([vec![button("Close", SettingsStep::Done)]]).collect();
    Words { text, keyboard: Some(Keyboard { rows }) }
}

/// One setting. `reader` is whom a preview names; `saved`: it has just been typed.
pub(crate) fn page(setting: Setting, rules: &Rules, reader: &str, saved: bool) -> Words {
    let mut text = format!("{}\n\n{}", name(setting), about(setting));
    let mut rows: Vec<Vec<Button>> = Vec::new();
    if setting.is_text() {
        let done = if saved { "Saved. Now it reads:" } else { "Now it reads:" };
        text += &format!(
            "\n\nReply to this message with the new text. In it, {{name}} stands for the person, {{group}} for this group, {{channels}} for what to subscribe to.\n\n{done}\n\n{}",
            preview(setting, rules, reader)
        );
        rows.push(vec![button("Back to the default", SettingsStep::Reset(setting))]);
        rows.push(vec![button(if saved { "Done" } else { "Cancel" }, SettingsStep::List)]);
    } else {
        let now = setting.value(&rules.settings).unwrap_or_default();
        text += &format!("\n\nNow: {}", worded(setting, &now));
        let values: Vec<Button> = options(setting)
            .iter()
            .map(|option| {
                let mark = if *option == now { "• " } else { "" };
                let label = format!("{mark}{}", worded(setting, option));
                button(label, SettingsStep::Set(setting, (*option).to_owned()))
            })
            .collect();
        rows.extend(values.chunks(if options(setting).len() > 3 { 4 } else { 1 }).map(<[Button]>::to_vec));
        rows.push(vec![button("Back", SettingsStep::List)]);
    }
    Words { text, keyboard: Some(Keyboard { rows }) }
}

fn button(label: impl Into<String>, step: SettingsStep) -> Button {
    Words::button(label, &Pressed::Settings(step))
}

fn name(setting: Setting) -> &'static str {
    match setting {
        Setting::Mode => "Mode",
        Setting::Require => "Channels needed",
        Setting::WarningText => "Warning",
        Setting::JoinButton => "Join button",
        Setting::VerifyButton => "Second button",
        Setting::WarningTtl => "Warnings stay",
        Setting::MuteFor => "Mutes last",
        Setting::OnChannelLeave => "Leaving a channel",
        Setting::ChannelPosts => "Posts as a channel",
        Setting::JoinRequests => "Join requests",
        Setting::GreetOnJoin => "Newcomers",
    }
}

fn about(setting: Setting) -> &'static str {
    match setting {
        Setting::Mode => "Enforce: I delete, mute and explain. Observe: I only note what I would do, and touch nobody.",
        Setting::Require => {
            "With several channels: must people subscribe to all of them, or is any one of them enough?"
        }
        Setting::WarningText => "What people read when they have to subscribe first; at most 1000 characters.",
        Setting::JoinButton => "What stands on the button that leads to the channel; at most 64 characters.",
        Setting::VerifyButton => "What stands on the button to press after subscribing; at most 64 characters.",
        Setting::WarningTtl => "How long a warning stays, if the person does not subscribe.",
        Setting::MuteFor => {
            "When a mute ends by itself. It also ends as soon as the person subscribes; whoever then writes without subscribing is muted again."
        }
        Setting::OnChannelLeave => "What happens to a member who leaves a required channel.",
        Setting::ChannelPosts => {
            "People can write in the name of a channel of theirs, where I cannot see who it is. The required channels are always welcome."
        }
        Setting::JoinRequests => {
            "If newcomers have to be approved: I can let subscribers in and tell the others where to subscribe. I turn nobody away. I need the right to invite users for this."
        }
        Setting::GreetOnJoin => "What happens to somebody who joins and is not subscribed.",
    }
}

/// What the buttons offer.
fn options(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Mode => &["enforce", "observe"],
        Setting::Require => &["all", "any"],
        Setting::WarningText | Setting::JoinButton | Setting::VerifyButton => &[],
        Setting::WarningTtl => &["30", "60", "120", "300", "900", "3600", "21600", "86400"],
        Setting::MuteFor => &["600", "3600", "21600", "86400", "259200", "604800", "2592000", "31536000"],
        Setting::OnChannelLeave => &["mute", "next_message"],
        Setting::ChannelPosts => &["delete", "allow"],
        Setting::JoinRequests => &["off", "gate"],
        Setting::GreetOnJoin => &["true", "false"],
    }
}

/// A value as people say it.
fn worded(setting: Setting, value: &str) -> String {
    let word = match (setting, value) {
        (Setting::WarningTtl | Setting::MuteFor, seconds) => return duration(seconds.parse().unwrap_or(0)),
        (Setting::Mode, "observe") => "observe",
        (Setting::Mode, _) => "enforce",
        (Setting::Require, "any") => "any one",
        (Setting::Require, _) => "all",
        (Setting::OnChannelLeave, "next_message") => "wait for a message",
        (Setting::OnChannelLeave, _) => "mute",
        (Setting::ChannelPosts, "allow") => "allow",
        (Setting::ChannelPosts, _) => "delete",
        (Setting::JoinRequests, "gate") => "let subscribers in",
        (Setting::JoinRequests, _) => "off",
        (Setting::GreetOnJoin, "false") => "wait for a message",
        (Setting::GreetOnJoin, _) => "mute and welcome",
        (Setting::WarningText | Setting::JoinButton | Setting::VerifyButton, text) => return text.to_owned(),
    };
    word.to_owned()
}

fn value(setting: Setting, settings: &Settings) -> String {
    match setting.value(settings) {
        Some(text) if setting.is_text() => shown(&text, "default"),
        Some(value) => worded(setting, &value),
        None => "default".to_owned(),
    }
}

fn duration(seconds: u64) -> String {
    let units = [(86_400, "day"), (3600, "h"), (60, "min")];
    // A day is better known as 24 h.
    let whole =
        units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit) && seconds != 86_400);
    match whole {
        Some((unit, "day")) => format!("{} days", seconds / unit),
        Some((unit, word)) => format!("{} {word}", seconds / unit),
        None if seconds == 86_400 => "24 h".to_owned(),
        None => format!("{seconds} s"),
    }
}

/// As the person who reads it would see it.
fn preview(setting: Setting, rules: &Rules, reader: &str) -> String {
    let settings = &rules.settings;
    let (own, default, room) = match setting {
        Setting::JoinButton => (&settings.join_button, JOIN_BUTTON, BUTTON_LENGTH),
        Setting::VerifyButton => (&settings.verify_button, VERIFY_BUTTON, BUTTON_LENGTH),
        _ => (&settings.warning_text, WARNING, MESSAGE_LENGTH - EXPLAINED),
    };
    let people = [Named { user: UserId(0), name: reader.to_owned() }];
    let channels = fitting(&rules.channels.iter().map(title).collect::<Vec<_>>(), TITLES_LENGTH);
    let filling = Filling { people: &people, group: &rules.title, channels: &channels };
    fill(chosen(own.as_deref()).unwrap_or(default), filling, room).text()
}

#[cfg(test)]
mod tests {
    use shared::ids::ChannelId;

    use super::*;
    use crate::groups::{Channel, changed};

    fn rules(settings: Settings) -> Rules {
        let channel = Channel { id: ChannelId(-1), title: "News".to_owned(), username: None, invite_link: None };
        Rules {
            title: "Garden".to_owned(),
            channels: vec![channel],
            settings,
            allowed: std::collections::HashSet::new(),
            paused: false,
        }
    }

    fn steps(words: &Words) -> Vec<SettingsStep> {
        let buttons = words.keyboard.iter().flat_map(|keyboard| keyboard.rows.iter().flatten());
        let step = |button: &Button| match &button.press {
            crate::telegram::message::Press::Callback(data) => match Pressed::read(data) {
                Some(Pressed::Settings(step)) => step,
                other => panic!("{data} is {other:?}"),
            },
            crate::telegram::message::Press::Open(url) => panic!("{url}"),
        };
        buttons.map(step).collect()
    }

    #[test]
    fn every_setting_has_a_button_and_a_page() {
        let rules = rules(Settings::default());
        let offered = steps(&list(&rules));
        for setting in Setting::ALL {
            assert!(offered.contains(&SettingsStep::Page(setting)), "{setting:?}");
            let page = page(setting, &rules, "Olga", false);
            assert!(page.text.encode_utf16().count() < EXPLAINED, "{}", page.text);
            let steps = steps(&page);
            assert_eq!(steps.last(), Some(&SettingsStep::List), "{setting:?}");
            assert_eq!(steps.contains(&SettingsStep::Reset(setting)), setting.is_text(), "{setting:?}");
        }
    }

    #[test]
    fn every_value_that_is_offered_can_be_set() {
        for setting in Setting::ALL {
            let offered = options(setting);
            assert_eq!(offered.is_empty(), setting.is_text(), "{setting:?}");
            for value in offered {
                assert!(changed("{}", setting, Some(value)).is_some(), "{setting:?}: {value}");
                assert!(Pressed::Settings(SettingsStep::Set(setting, (*value).to_owned())).data().len() <= 64);
            }
            let default = setting.value(&Settings::default());
            assert!(default.is_none_or(|default| offered.contains(&default.as_str())), "{setting:?}");
        }
    }

    #[test]
    fn times_read_as_people_say_them() {
        for (seconds, expected) in
            [(30, "30 s"), (90, "90 s"), (300, "5 min"), (3600, "1 h"), (86_400, "24 h"), (604_800, "7 days")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn a_text_is_shown_as_it_will_be_read() {
        let own =
            Settings { warning_text: Some("Hey {name}, {channels} of {group}!".to_owned()), ..Settings::default() };
        let words = page(Setting::WarningText, &rules(own), "Olga", true);
        assert!(words.text.ends_with("Saved. Now it reads:\n\nHey Olga, News of Garden!"), "{}", words.text);
        let words = page(Setting::JoinButton, &rules(Settings::default()), "Olga", false);
        assert!(words.text.ends_with("Now it reads:\n\nJoin Channel"), "{}", words.text);
        let long = Settings { warning_text: Some("{group}".repeat(140)), ..Settings::default() };
        let words = page(Setting::WarningText, &rules(long), "Olga", true);
        assert!(words.text.encode_utf16().count() <= MESSAGE_LENGTH);
    }
}
