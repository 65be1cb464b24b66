//! `/setup`: the check-list, with a button for each step that is left.

use shared::ids::ChannelId;

use super::{Links, Words, reply::Reach, sentences, shown::shown, title};
use crate::{
    groups::{Channel, Mode},
    pressed::{MenuPage, Pressed, SettingsStep, SetupStep},
    telegram::message::Keyboard,
};

/// What there is to show.
#[derive(Clone, Debug)]
pub(crate) struct Checked<'a> {
    pub group: &'a str,
    pub is_supergroup: bool,
    /// None: Telegram did not say.
    pub lacking: Option<Vec<&'static str>>,
    /// What the group requires, and whether the bot can see who is subscribed.
    pub required: Vec<(&'a Channel, Reach)>,
    pub mode: Mode,
    /// The channel that the group belongs to, while none is required.
    pub linked: Option<Linked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linked {
    pub channel: ChannelId,
    pub title: String,
    pub reach: Reach,
}

pub(crate) fn checklist(checked: &Checked<'_>, links: Links<'_>) -> Words {
    let Checked { group, is_supergroup, lacking, required, mode, linked } = checked;
    let mut lines = vec![sentences::setting_up(shown(group, sentences::THIS_GROUP)), String::new()];
    let mut rows = Vec::new();
    let supergroup = if *is_supergroup { sentences::SUPERGROUP_DONE } else { sentences::SUPERGROUP_TO_DO };
    lines.push(supergroup.to_owned());
    lines.push(match lacking {
        Some(lacking) if lacking.is_empty() => sentences::RIGHTS_DONE.to_owned(),
        Some(lacking) => {
            rows.push(vec![links.to_group(sentences::GIVE_RIGHTS)]);
            sentences::rights_to_do(lacking.join(sentences::AND))
        }
        None => sentences::RIGHTS_UNKNOWN.to_owned(),
    });
    if required.is_empty() {
        lines.push(sentences::CHANNEL_TO_DO.to_owned());
        if let Some(linked) = linked {
            if linked.reach == Reach::NotAdmin {
                rows.push(vec![links.to_channel(sentences::ADD_TO_THE_CHANNEL)]);
            }
            let label = sentences::require(shown(&linked.title, sentences::THE_LINKED_CHANNEL));
            rows.push(vec![Words::button(label, &Pressed::Setup(SetupStep::Require(linked.channel)))]);
        }
        rows.push(vec![Words::button(sentences::CHOOSE_CHANNEL, &Pressed::Setup(SetupStep::Choose))]);
    }
    for (channel, reach) in required {
        let title = title(channel);
        lines.push(sentences::channel_done(&title));
        let standing = match reach {
            Reach::Fine => sentences::ADMIN_THERE_DONE,
            Reach::NotAdmin => {
                rows.push(vec![links.to_channel(&sentences::add_to(title))]);
                sentences::ADMIN_THERE_TO_DO
            }
            Reach::Unknown => sentences::ADMIN_THERE_UNKNOWN,
        };
        lines.push(standing.to_owned());
    }
    let all_is_set = *is_supergroup
        && lacking.as_ref().is_some_and(Vec::is_empty)
        && !required.is_empty()
        && required.iter().all(|(_, reach)| *reach == Reach::Fine);
    let protected = match (required.is_empty(), all_is_set, mode) {
        (true, _, _) => sentences::PROTECTED_TO_DO,
        (false, false, _) => sentences::PROTECTED_IN_PART,
        (false, true, Mode::Enforce) => sentences::PROTECTED_DONE,
        (false, true, Mode::Observe) => sentences::PROTECTED_OBSERVING,
    };
    lines.push(protected.to_owned());
    if all_is_set {
        rows.push(vec![Words::button(sentences::SETTINGS, &Pressed::Settings(SettingsStep::List))]);
    }
    rows.push(vec![Words::button(sentences::CHECK_AGAIN, &Pressed::Setup(SetupStep::Check))]);
    Words { text: lines.join("\n"), keyboard: Some(Keyboard { rows }) }
}

/// How to name a channel.
pub(crate) fn choose(links: Links<'_>) -> Words {
    let rows = vec![
        vec![links.to_channel(sentences::ADD_TO_THE_CHANNEL)],
        vec![Words::button(sentences::BACK, &Pressed::Setup(SetupStep::Back))],
    ];
    Words { text: sentences::CHOOSE_PAGE.to_owned(), keyboard: Some(Keyboard { rows }) }
}

/// The page that tells a newcomer what to do.
pub(crate) fn in_private(links: Links<'_>) -> Words {
    let rows = vec![
        vec![links.to_group(sentences::ADD_TO_GROUP)],
        vec![links.to_channel(sentences::ADD_TO_CHANNEL)],
        vec![Words::button(sentences::BACK, &Pressed::Menu(MenuPage::Start))],
    ];
    Words { text: sentences::SETUP_PAGE.to_owned(), keyboard: Some(Keyboard { rows }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(words: &Words) -> Vec<&str> {
        words.keyboard.iter().flat_map(|keyboard| keyboard.rows.iter().flatten()).map(|b| b.text.as_str()).collect()
    }

    #[test]
    fn each_step_that_is_left_has_its_button() {
        let news = Channel { id: ChannelId(-1), title: "News".to_owned(), username: None, invite_link: None };
        let links = Links("gate_bot");
        let fresh = Checked {
            group: "Garden",
            is_supergroup: false,
            lacking: Some(vec!["ban users"]),
            required: Vec::new(),
            mode: Mode::Enforce,
            linked: None,
        };
        let words = checklist(&fresh, links);
        assert_eq!(labels(&words), ["Give me these rights", "Choose the channel", "Check again"]);
        assert_eq!(words.text.matches("❌").count(), 4, "{}", words.text);

        let linked = Linked { channel: ChannelId(-2), title: "Art".to_owned(), reach: Reach::NotAdmin };
        let ready = Checked { is_supergroup: true, lacking: Some(Vec::new()), linked: Some(linked), ..fresh };
        let words = checklist(&ready, links);
        assert_eq!(labels(&words), ["Add me to the channel", "Require Art", "Choose the channel", "Check again"]);
        assert_eq!(words.text.matches("❌").count(), 2, "{}", words.text);

        let broken = Checked { required: vec![(&news, Reach::NotAdmin)], linked: None, ..ready };
        assert_eq!(labels(&checklist(&broken, links)), ["Add me to News", "Check again"]);
        let done = Checked { required: vec![(&news, Reach::Fine)], ..broken };
        let words = checklist(&done, links);
        assert_eq!(labels(&words), ["Settings", "Check again"]);
        assert!(!words.text.contains("❌") && !words.text.contains("▫️"), "{}", words.text);
        let unknown = Checked { lacking: None, required: vec![(&news, Reach::Unknown)], ..done };
        assert_eq!(checklist(&unknown, links).text.matches("▫️").count(), 2);
    }
}
