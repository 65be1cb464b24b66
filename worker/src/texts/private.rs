//! In private: the menu, and where somebody is muted and why.

use shared::ids::ChatId;

use super::{
    Filling, Links, Named, TITLES_LENGTH, Words, keyboard, lacking, sentences, setup,
    shown::{fitting, shown, truncated},
    title, to_join,
};
use crate::{
    groups::Rules,
    policy::Missing,
    pressed::{MenuPage, Pressed},
    telegram::message::{Button, Keyboard},
};

/// A group where somebody is muted for what they miss.
pub(crate) struct Held<'a> {
    pub group: ChatId,
    pub rules: &'a Rules,
    pub missing: Vec<Missing>,
}

/// Groups in one message: more would have more buttons than anybody reads.
const HELD_AT_MOST: usize = 5;

/// Longer buttons are cut off by phones.
const LABEL: usize = 64;

pub(crate) fn page(page: MenuPage, links: Links<'_>) -> Words {
    let back = || vec![Words::button(sentences::BACK, &Pressed::Menu(MenuPage::Start))];
    let (text, rows) = match page {
        MenuPage::Setup => return setup::in_private(links),
        MenuPage::Start => (
            sentences::START_PAGE,
            vec![
                vec![links.to_group(sentences::ADD_TO_GROUP)],
                vec![Words::button(sentences::HOW_IT_WORKS, &Pressed::Menu(MenuPage::How))],
                vec![Words::button(sentences::SET_UP, &Pressed::Menu(MenuPage::Setup))],
                vec![Words::button(sentences::COMMANDS, &Pressed::Menu(MenuPage::Commands))],
            ],
        ),
        MenuPage::How => (sentences::HOW_PAGE, vec![back()]),
        MenuPage::Commands => (sentences::COMMANDS_PAGE, vec![back()]),
    };
    Words { text: text.to_owned(), keyboard: Some(Keyboard { rows }) }
}

/// Where they cannot write, why, and the buttons to change that. None: nowhere.
pub(crate) fn held(reader: &Named, held: &[Held<'_>]) -> Option<Words> {
    let (shown_here, others) = held.split_at(held.len().min(HELD_AT_MOST));
    if shown_here.is_empty() {
        return None;
    }
    let mut text = sentences::HELD.to_owned();
    let mut rows: Vec<Vec<Button>> = Vec::new();
    for held in shown_here {
        let lacking = lacking(held.rules, &held.missing);
        let titles = |banned: bool| {
            let some = lacking.iter().filter(|lacking| lacking.banned == banned).map(|lacking| title(lacking.channel));
            let some = some.collect::<Vec<_>>();
            if banned { fitting(&some, TITLES_LENGTH) } else { to_join(held.rules, &some, TITLES_LENGTH) }
        };
        let group = shown(&held.rules.title, sentences::A_GROUP);
        let (open, closed) = (titles(false), titles(true));
        let why = [
            (!open.is_empty()).then(|| sentences::held_join(&open)),
            (!closed.is_empty()).then(|| sentences::held_banned(closed)),
        ];
        text += &format!("\n\n{group}\n{}", why.into_iter().flatten().collect::<Vec<_>>().join(" "));
        let people = std::slice::from_ref(reader);
        let filling = Filling { people, group: &held.rules.title, channels: &open };
        let mut own = keyboard(held.rules, &lacking, filling, Pressed::JoinedIn(held.group).data()).rows;
        if shown_here.len() > 1
            && let Some(button) = own.last_mut().and_then(|row| row.first_mut())
        {
            button.text = truncated(&sentences::several_buttons(&button.text, &group), LABEL);
        }
        rows.extend(own);
    }
    if !others.is_empty() {
        text += &format!("\n\n{}", sentences::held_in_others(others.len()));
    }
    Some(Words { text, keyboard: Some(Keyboard { rows }) })
}

#[cfg(test)]
mod tests {
    use shared::ids::{ChannelId, UserId};

    use super::*;
    use crate::groups::{Channel, Settings};

    fn rules(title: &str) -> Rules {
        let username = Some("daily_news".to_owned());
        Rules {
            title: title.to_owned(),
            channels: vec![Channel { id: ChannelId(-1), title: "News".to_owned(), username, invite_link: None }],
            settings: Settings::default(),
            allowed: std::collections::HashSet::new(),
            paused: false,
        }
    }

    #[test]
    fn each_group_has_its_reason_and_its_buttons() {
        let ann = Named { user: UserId(7), name: "Ann".to_owned() };
        let (garden, lake) = (rules("Garden"), rules("Lake"));
        let missing = |banned| vec![Missing { channel: ChannelId(-1), banned }];
        assert_eq!(held(&ann, &[]), None);
        let one = held(&ann, &[Held { group: ChatId(-5), rules: &garden, missing: missing(false) }]);
        let one = one.expect("she is muted");
        assert!(one.text.ends_with("Garden\nPlease subscribe to News, then press the button."), "{}", one.text);
        let labels = |words: &Words| -> Vec<String> {
            words.keyboard.iter().flat_map(|k| k.rows.iter().flatten()).map(|button| button.text.clone()).collect()
        };
        assert_eq!(labels(&one), ["Join Channel", "I have joined"]);

        let two = [
            Held { group: ChatId(-5), rules: &garden, missing: missing(false) },
            Held { group: ChatId(-6), rules: &lake, missing: missing(true) },
        ];
        let two = held(&ann, &two).expect("she is muted");
        assert!(
            two.text.ends_with("Lake\nYou are banned from News: please ask an admin there to let you in."),
            "{}",
            two.text
        );
        assert_eq!(labels(&two), ["Join Channel", "I have joined: Garden", "I have joined: Lake"]);

        let many: Vec<Held<'_>> =
            (0..50).map(|n| Held { group: ChatId(-n), rules: &garden, missing: missing(false) }).collect();
        let many = held(&ann, &many).expect("she is muted");
        assert!(many.text.contains("And in 45 more"), "{}", many.text);
        assert_eq!(labels(&many).len(), 10);
    }

    #[test]
    fn every_page_leads_back() {
        for to in [MenuPage::How, MenuPage::Setup, MenuPage::Commands] {
            let words = page(to, Links("gate_bot"));
            let last = words.keyboard.and_then(|keyboard| keyboard.rows.last().cloned()).unwrap_or_default();
            assert_eq!(last, [Words::button("Back", &Pressed::Menu(MenuPage::Start))], "{to:?}");
        }
    }
}
