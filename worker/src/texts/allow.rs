//! `/allow` and `/disallow`: whom a group lets write without subscribing.

use super::{
    Named, Words,
    shown::{fitting, shown},
};
use crate::{pressed::Pressed, store::allowed::Allowed, telegram::message::Keyboard};

/// Names in one place of a message, all together.
const NAMES_LENGTH: usize = 1500;

/// More buttons than this are no help.
const BUTTONS: usize = 20;

pub(crate) const ALREADY_FREE: &str = "That is an admin of this group: admins can always write.";
pub(crate) const NOT_A_PERSON: &str = "I do not check that one: bots and posts of the linked channel can always write.";
pub(crate) const NO_SUCH_ID: &str = "I need a person or a channel: reply to one of their messages with /allow, or give a numeric id, for example /allow 123456789. A channel's @name works too.";

/// How to use the command, and who is on the list.
pub(crate) fn usage(listed: &[Allowed]) -> String {
    let how = "To let somebody write without subscribing, reply to their message (or to my warning to them) with /allow, or send /allow with their numeric id, or with a channel's. /disallow takes it back.";
    if listed.is_empty() {
        return format!("{how}\n\nNobody is on the list.");
    }
    format!("{how}\n\nOn the list: {}.", fitting(&listed.iter().map(called).collect::<Vec<_>>(), NAMES_LENGTH))
}

pub(crate) fn allowed(who: &Allowed) -> String {
    format!("{} can write here without subscribing.", called(who))
}

pub(crate) fn disallowed(who: &Allowed) -> String {
    format!("{} is off the list, and has to subscribe like everybody else.", called(who))
}

pub(crate) fn not_listed(who: &Allowed) -> String {
    format!("{} is not on the list.", called(who))
}

/// The warning names several people: which one is meant?
pub(crate) fn which_one(people: &[Named]) -> Words {
    let button = |person: &Named| vec![Words::button(shown(&person.name, "friend"), &Pressed::Allow(person.user))];
    let rows = people.iter().take(BUTTONS).map(button).collect();
    Words {
        text: "That warning is for several people. Who may write without subscribing?".to_owned(),
        keyboard: Some(Keyboard { rows }),
    }
}

/// The same for the way back, which has no hurry: nobody on the list is warned.
pub(crate) const WHICH_ONE_NOT: &str = "That warning is for several people. Please send /disallow with the numeric id of the one you mean; /allow shows the list.";

fn called(who: &Allowed) -> String {
    match shown(&who.name, "") {
        name if name.is_empty() => who.subject.to_string(),
        name => format!("{name} ({})", who.subject),
    }
}

#[cfg(test)]
mod tests {
    use shared::ids::UserId;

    use super::*;

    #[test]
    fn a_list_names_everybody_it_has_room_for() {
        let entry = |subject, name: &str| Allowed { subject, name: name.to_owned() };
        assert!(usage(&[]).ends_with("Nobody is on the list."));
        assert!(usage(&[entry(7, "Ann"), entry(-5, "")]).ends_with("On the list: Ann (7) and -5."));
        let many: Vec<Allowed> = (0..1000).map(|id| entry(id, &"😀".repeat(64))).collect();
        assert!(usage(&many).encode_utf16().count() < 4096);
        assert_eq!(allowed(&entry(7, "\u{202e}Ann\n")), "Ann (7) can write here without subscribing.");
    }

    #[test]
    fn several_people_make_several_buttons() {
        let people: Vec<Named> = (1..=50).map(|id| Named { user: UserId(id), name: " ".to_owned() }).collect();
        let rows = which_one(&people).keyboard.map_or(0, |keyboard| keyboard.rows.len());
        assert_eq!(rows, BUTTONS);
    }
}
