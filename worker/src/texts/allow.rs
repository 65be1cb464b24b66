//! `/allow` and `/disallow`: whom a group lets write without subscribing.

use super::{
    Named, Words, sentences,
    shown::{fitting, shown},
};
use crate::{pressed::Pressed, store::allowed::Allowed, telegram::message::Keyboard};

/// Names in one place of a message, all together.
const NAMES_LENGTH: usize = 1500;

/// More buttons than this are no help.
const BUTTONS: usize = 20;

/// How to use the command, and who is on the list.
pub(crate) fn usage(listed: &[Allowed]) -> String {
    let names = fitting(&listed.iter().map(called).collect::<Vec<_>>(), NAMES_LENGTH);
    let list = if listed.is_empty() { sentences::NOBODY_LISTED.to_owned() } else { sentences::people_listed(names) };
    format!("{}\n\n{list}", sentences::ALLOW_USAGE)
}

pub(crate) fn allowed(who: &Allowed) -> String {
    sentences::allowed(called(who))
}

pub(crate) fn disallowed(who: &Allowed) -> String {
    sentences::disallowed(called(who))
}

pub(crate) fn not_listed(who: &Allowed) -> String {
    sentences::not_listed(called(who))
}

/// The warning names several people: which one is meant?
pub(crate) fn which_one(people: &[Named]) -> Words {
    let button =
        |person: &Named| vec![Words::button(shown(&person.name, sentences::FRIEND), &Pressed::Allow(person.user))];
    let rows = people.iter().take(BUTTONS).map(button).collect();
    Words { text: sentences::ALLOW_WHOM.to_owned(), keyboard: Some(Keyboard { rows }) }
}

fn called(who: &Allowed) -> String {
    match shown(&who.name, "") {
        name if name.is_empty() => who.subject.to_string(),
        name => sentences::named_with_id(name, who.subject),
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
