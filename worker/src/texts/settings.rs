//! `/settings`: the list, and a page for each setting with its values as buttons, or what to type and how it will look.

use shared::ids::UserId;

use super::{
    BUTTON_LENGTH, MESSAGE_LENGTH, Named, TITLES_LENGTH, Words, chosen, sentences,
    shown::{shown, truncated},
    template::{Filling, fill},
    title, to_join,
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

pub(crate) fn list(rules: &Rules) -> Words {
    let text = sentences::settings_list(shown(&rules.title, sentences::THIS_GROUP));
    let row = |setting: Setting| {
        let label = sentences::setting_button(name(setting), truncated(&value(setting, &rules.settings), VALUE));
        vec![button(label, SettingsStep::Page(setting))]
    };
    let rows = Setting::ALL.into_iter().map(row).chain([vec![button(sentences::CLOSE, SettingsStep::Done)]]).collect();
    Words { text, keyboard: Some(Keyboard { rows }) }
}

/// One setting. `reader` is whom a preview names; `saved`: it has just been typed.
pub(crate) fn page(setting: Setting, rules: &Rules, reader: &str, saved: bool) -> Words {
    let mut text = format!("{}\n\n{}", name(setting), about(setting));
    let mut rows: Vec<Vec<Button>> = Vec::new();
    if setting.is_text() {
        let reads = if saved { sentences::SAVED_READS_NOW } else { sentences::READS_NOW };
        text += &format!("\n\n{}\n\n{reads}\n\n{}", sentences::TYPE_A_TEXT, preview(setting, rules, reader));
        rows.push(vec![button(sentences::TO_DEFAULT, SettingsStep::Reset(setting))]);
        rows.push(vec![button(if saved { sentences::DONE } else { sentences::CANCEL }, SettingsStep::List)]);
    } else {
        let now = setting.value(&rules.settings).unwrap_or_default();
        text += &format!("\n\n{}", sentences::setting_now(worded(setting, &now)));
        let values: Vec<Button> = options(setting)
            .iter()
            .map(|option| {
                let value = worded(setting, option);
                let label = if *option == now { sentences::chosen_value(value) } else { value };
                button(label, SettingsStep::Set(setting, (*option).to_owned()))
            })
            .collect();
        rows.extend(values.chunks(if options(setting).len() > 3 { 4 } else { 1 }).map(<[Button]>::to_vec));
        rows.push(vec![button(sentences::BACK, SettingsStep::List)]);
    }
    Words { text, keyboard: Some(Keyboard { rows }) }
}

fn button(label: impl Into<String>, step: SettingsStep) -> Button {
    Words::button(label, &Pressed::Settings(step))
}

fn name(setting: Setting) -> &'static str {
    match setting {
        Setting::Mode => sentences::MODE,
        Setting::Require => sentences::REQUIRE,
        Setting::WarningText => sentences::WARNING_TEXT,
        Setting::JoinButton => sentences::JOIN_BUTTON,
        Setting::VerifyButton => sentences::VERIFY_BUTTON,
        Setting::WarningTtl => sentences::WARNING_TTL,
        Setting::MuteFor => sentences::MUTE_FOR,
        Setting::OnChannelLeave => sentences::CHANNEL_LEAVE,
        Setting::ChannelPosts => sentences::CHANNEL_POSTS,
        Setting::JoinRequests => sentences::JOIN_REQUESTS,
        Setting::GreetOnJoin => sentences::GREET_ON_JOIN,
    }
}

fn about(setting: Setting) -> &'static str {
    match setting {
        Setting::Mode => sentences::MODE_ABOUT,
        Setting::Require => sentences::REQUIRE_ABOUT,
        Setting::WarningText => sentences::WARNING_TEXT_ABOUT,
        Setting::JoinButton => sentences::JOIN_BUTTON_ABOUT,
        Setting::VerifyButton => sentences::VERIFY_BUTTON_ABOUT,
        Setting::WarningTtl => sentences::WARNING_TTL_ABOUT,
        Setting::MuteFor => sentences::MUTE_FOR_ABOUT,
        Setting::OnChannelLeave => sentences::CHANNEL_LEAVE_ABOUT,
        Setting::ChannelPosts => sentences::CHANNEL_POSTS_ABOUT,
        Setting::JoinRequests => sentences::JOIN_REQUESTS_ABOUT,
        Setting::GreetOnJoin => sentences::GREET_ON_JOIN_ABOUT,
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
        (Setting::Mode, "observe") => sentences::MODE_OBSERVE,
        (Setting::Mode, _) => sentences::MODE_ENFORCE,
        (Setting::Require, "any") => sentences::REQUIRE_ANY,
        (Setting::Require, _) => sentences::REQUIRE_ALL,
        (Setting::OnChannelLeave, "next_message") => sentences::CHANNEL_LEAVE_WAIT,
        (Setting::OnChannelLeave, _) => sentences::CHANNEL_LEAVE_MUTE,
        (Setting::ChannelPosts, "allow") => sentences::CHANNEL_POSTS_ALLOW,
        (Setting::ChannelPosts, _) => sentences::CHANNEL_POSTS_DELETE,
        (Setting::JoinRequests, "gate") => sentences::JOIN_REQUESTS_GATE,
        (Setting::JoinRequests, _) => sentences::JOIN_REQUESTS_OFF,
        (Setting::GreetOnJoin, "false") => sentences::GREET_ON_JOIN_WAIT,
        (Setting::GreetOnJoin, _) => sentences::GREET_ON_JOIN_MUTE,
        (Setting::WarningText | Setting::JoinButton | Setting::VerifyButton, text) => return text.to_owned(),
    };
    word.to_owned()
}

fn value(setting: Setting, settings: &Settings) -> String {
    match setting.value(settings) {
        Some(text) if setting.is_text() => shown(&text, sentences::DEFAULT),
        Some(value) => worded(setting, &value),
        None => sentences::DEFAULT.to_owned(),
    }
}

fn duration(seconds: u64) -> String {
    let whole = |unit: u64| seconds >= unit && seconds.is_multiple_of(unit);
    match seconds {
        // A day is better known as 24 h.
        86_400 => sentences::hours(24),
        _ if whole(86_400) => sentences::days(seconds / 86_400),
        _ if whole(3600) => sentences::hours(seconds / 3600),
        _ if whole(60) => sentences::minutes(seconds / 60),
        _ => sentences::seconds(seconds),
    }
}

/// As the person who reads it would see it.
fn preview(setting: Setting, rules: &Rules, reader: &str) -> String {
    let settings = &rules.settings;
    let (own, default, room) = match setting {
        Setting::JoinButton => (&settings.join_button, sentences::JOIN, BUTTON_LENGTH),
        Setting::VerifyButton => (&settings.verify_button, sentences::VERIFY, BUTTON_LENGTH),
        _ => (&settings.warning_text, sentences::WARNING, MESSAGE_LENGTH - EXPLAINED),
    };
    let people = [Named { user: UserId(0), name: reader.to_owned() }];
    let channels = to_join(rules, &rules.channels.iter().map(title).collect::<Vec<_>>(), TITLES_LENGTH);
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
