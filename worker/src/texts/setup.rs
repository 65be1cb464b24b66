//! `/setup`: the check-list, with a button for each step that is left.

use shared::ids::ChannelId;

use super::{Links, Words, reply::Reach, shown::shown, title};
use crate::{
    groups::Channel,
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
    /// The channel that the group belongs to, while none is required.
    pub linked: Option<Linked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linked {
    pub channel: ChannelId,
    pub title: String,
    pub reach: Reach,
}

const DONE: &str = "✅";
const MISSING: &str = "❌";
const LATER: &str = "▫️";

pub(crate) fn checklist(checked: &Checked<'_>, links: Links<'_>) -> Words {
    let Checked { group, is_supergroup, lacking, required, linked } = checked;
    let mut lines = vec![format!("Setting up {}", shown(group, "this group")), String::new()];
    let mut rows = Vec::new();
    lines.push(if *is_supergroup {
        format!("{DONE} This is a supergroup")
    } else {
        format!(
            "{MISSING} This is a basic group, where Telegram lets no bot mute anybody. Turn it into a supergroup: open the group's settings and, for example, make the chat history visible to new members"
        )
    });
    lines.push(match lacking {
        Some(lacking) if lacking.is_empty() => format!("{DONE} I have the rights I need here"),
        Some(lacking) => {
            rows.push(vec![links.to_group("Give me these rights")]);
            format!("{MISSING} My rights here: please let me {}", lacking.join(" and "))
        }
        None => format!("{LATER} My rights here: I could not check them right now"),
    });
    if required.is_empty() {
        lines.push(format!("{MISSING} The channel: none chosen yet"));
        if let Some(linked) = linked {
            if linked.reach == Reach::NotAdmin {
                rows.push(vec![links.to_channel("Add me to the channel")]);
            }
            let label = format!("Require {}", shown(&linked.title, "the linked channel"));
            rows.push(vec![Words::button(label, &Pressed::Setup(SetupStep::Require(linked.channel)))]);
        }
        rows.push(vec![Words::button("Choose the channel", &Pressed::Setup(SetupStep::Choose))]);
    }
    for (channel, reach) in required {
        let title = title(channel);
        lines.push(format!("{DONE} The channel: {title}"));
        lines.push(match reach {
            Reach::Fine => format!("{DONE} I am an admin there"),
            Reach::NotAdmin => {
                rows.push(vec![links.to_channel(&format!("Add me to {title}"))]);
                format!("{MISSING} I am not an admin there: until I am, it is not asked for")
            }
            Reach::Unknown => format!("{LATER} Whether I am an admin there: I could not check it right now"),
        });
    }
    let all_is_set = *is_supergroup
        && lacking.as_ref().is_some_and(Vec::is_empty)
        && !required.is_empty()
        && required.iter().all(|(_, reach)| *reach == Reach::Fine);
    lines.push(match (required.is_empty(), all_is_set) {
        (true, _) => format!("{MISSING} Protected: not yet"),
        (false, false) => format!("{MISSING} Protected, but not all works: see above"),
        (false, true) => format!("{DONE} Protected: only subscribers and admins can write"),
    });
    if all_is_set {
        rows.push(vec![Words::button("Settings", &Pressed::Settings(SettingsStep::List))]);
    }
    rows.push(vec![Words::button("Check again", &Pressed::Setup(SetupStep::Check))]);
    Words { text: lines.join("\n"), keyboard: Some(Keyboard { rows }) }
}

/// How to name a channel.
pub(crate) fn choose(links: Links<'_>) -> Words {
    let text = "Which channel do people have to subscribe to?\n\n1. Add me to it as an admin (any right will do).\n2. Reply to this message with its @name.\n\nIf it is private: forward one of its posts into this group, and reply to that post with /protect.";
    let rows = vec![
        vec![links.to_channel("Add me to the channel")],
        vec![Words::button("Back", &Pressed::Setup(SetupStep::Back))],
    ];
    Words { text: text.to_owned(), keyboard: Some(Keyboard { rows }) }
}

/// The page that tells a newcomer what to do.
pub(crate) fn in_private(links: Links<'_>) -> Words {
    let text = "Three steps:\n\n1. Add me to your group, with the rights to delete messages and to ban users.\n2. Add me to your channel as an admin; any right will do.\n3. In the group, send /protect @channel, with your channel's name.\n\n/setup in the group shows what is done and what is missing.";
    let rows = vec![
        vec![links.to_group("Add me to a group")],
        vec![links.to_channel("Add me to a channel")],
        vec![Words::button("Back", &Pressed::Menu(MenuPage::Start))],
    ];
    Words { text: text.to_owned(), keyboard: Some(Keyboard { rows }) }
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
            linked: None,
        };
        let words = checklist(&fresh, links);
        assert_eq!(labels(&words), ["Give me these rights", "Choose the channel", "Check again"]);
        assert_eq!(words.text.matches(MISSING).count(), 4, "{}", words.text);

        let linked = Linked { channel: ChannelId(-2), title: "Art".to_owned(), reach: Reach::NotAdmin };
        let ready = Checked { is_supergroup: true, lacking: Some(Vec::new()), linked: Some(linked), ..fresh };
        let words = checklist(&ready, links);
        assert_eq!(labels(&words), ["Add me to the channel", "Require Art", "Choose the channel", "Check again"]);
        assert_eq!(words.text.matches(MISSING).count(), 2, "{}", words.text);

        let broken = Checked { required: vec![(&news, Reach::NotAdmin)], linked: None, ..ready };
        assert_eq!(labels(&checklist(&broken, links)), ["Add me to News", "Check again"]);
        let done = Checked { required: vec![(&news, Reach::Fine)], ..broken };
        let words = checklist(&done, links);
        assert_eq!(labels(&words), ["Settings", "Check again"]);
        assert!(!words.text.contains(MISSING) && !words.text.contains(LATER), "{}", words.text);
        let unknown = Checked { lacking: None, required: vec![(&news, Reach::Unknown)], ..done };
        assert_eq!(checklist(&unknown, links).text.matches(LATER).count(), 2);
    }
}
