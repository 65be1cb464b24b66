//! A text with placeholders, filled in: `{name}` with people, `{group}` and `{channels}` with titles. Whatever else stands in braces is left
//! as it is.

use shared::ids::UserId;

use super::{
    Named, sentences,
    shown::{shown, units},
};
use crate::telegram::message::{EntityKind, Keyboard, MessageEntity, Outgoing};

/// More names than this would make a warning unreadable.
const NAMED_AT_MOST: usize = 5;

/// What the placeholders stand for.
#[derive(Clone, Copy)]
pub(super) struct Filling<'a> {
    pub people: &'a [Named],
    pub group: &'a str,
    pub channels: &'a str,
}

/// Fills in a template, as far as there is room: a placeholder may stand in it many times.
pub(super) fn fill(template: &str, filling: Filling<'_>, room: usize) -> Written {
    let mut written = Written { text: String::new(), length: 0, entities: Vec::new(), room };
    for part in Part::split(template) {
        match part {
            Part::Text(text) => written.push(text),
            Part::Name => written.people(filling.people),
            Part::Group => written.push(&shown(filling.group, sentences::THIS_GROUP)),
            Part::Channels => written.push(filling.channels),
        }
    }
    written
}

enum Part<'a> {
    Text(&'a str),
    Name,
    Group,
    Channels,
}

impl Part<'_> {
    fn split(mut text: &str) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        'text: while !text.is_empty() {
            for (at, _) in text.match_indices('{') {
                let found = [("{name}", Part::Name), ("{group}", Part::Group), ("{channels}", Part::Channels)]
                    .into_iter()
                    .find(|(word, _)| text[at..].starts_with(word));
                if let Some((word, part)) = found {
                    parts.push(Part::Text(&text[..at]));
                    parts.push(part);
                    text = &text[at + word.len()..];
                    continue 'text;
                }
            }
            parts.push(Part::Text(text));
            break;
        }
        parts
    }
}

/// Text in the making, with entities counted in UTF-16 units as Telegram does.
pub(super) struct Written {
    text: String,
    length: usize,
    entities: Vec<MessageEntity>,
    /// The most that `length` may become.
    room: usize,
}

impl Written {
    pub(super) fn text(self) -> String {
        self.text
    }

    pub(super) fn outgoing(self, end: &str, keyboard: Keyboard, topic: Option<i64>) -> Outgoing {
        let text = self.text + end;
        Outgoing { text, entities: self.entities, keyboard: Some(keyboard), thread: topic, reply_to: None }
    }

    fn push(&mut self, text: &str) {
        for c in text.chars() {
            let length = self.length + c.len_utf16();
            if length > self.room {
                return;
            }
            self.text.push(c);
            self.length = length;
        }
    }

    fn mention(&mut self, name: &str, user: UserId) {
        let (offset, length) = (self.length, units(name));
        if offset + length <= self.room {
            self.push(name);
            self.entities.push(MessageEntity { kind: EntityKind::TextMention(user), offset, length });
        }
    }

    fn people(&mut self, people: &[Named]) {
        let (named, others) = people.split_at(people.len().min(NAMED_AT_MOST));
        for (n, person) in named.iter().enumerate() {
            let last = n + 1 == named.len() && others.is_empty();
            self.push(match n {
                0 => "",
                _ if last => sentences::AND,
                _ => sentences::COMMA,
            });
            self.mention(&shown(&person.name, sentences::FRIEND), person.user);
        }
        if !others.is_empty() {
            self.push(sentences::AND);
            match others.len() {
                1 => self.push(sentences::ONE_OTHER),
                count => self.push(&sentences::others(count)),
            }
        }
    }
}
