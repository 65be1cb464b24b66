//! In a chat, effects follow the order of updates: messages go in the order in which they came, and what comes after `/unprotect` stays.

use std::collections::{HashMap, HashSet};

use telegram_sim::{ids::MessageId, world::seeing::What};

use super::Evidence;
use crate::acts::town::{Note, Town};

pub(super) fn judge(evidence: &Evidence<'_>, town: &Town, found: &mut Vec<String>) {
    let events = || evidence.events.iter().filter(|event| event.chat == town.group);
    // An edit is an update of its own, commands go by their own time, and service messages are no offence.
    let edited: HashSet<MessageId> = events()
        .filter_map(|event| match event.what {
            What::Edited { message } => Some(message),
            _ => None,
        })
        .collect();
    let plain: HashMap<MessageId, usize> = events()
        .filter_map(|event| match &event.what {
            What::Wrote { message, by: Some(by), text, is_service: false }
                if *by != evidence.bot && !text.starts_with('/') && !edited.contains(message) =>
            {
                Some((*message, event.number))
            }
            _ => None,
        })
        .collect();

    let mut highest = MessageId(0);
    for event in events() {
        let What::Deleted { messages, by } = &event.what else { continue };
        if *by != evidence.bot {
            continue;
        }
        let offences = || messages.iter().filter_map(|message| Some((*message, *plain.get(message)?)));
        for (message, written) in offences() {
            if message < highest {
                found.push(format!("message {message} went after the later {highest}"));
            }
            if let Some(command) = unprotected_before(evidence, town, written) {
                found.push(format!(
                    "message {message} was deleted though /unprotect (message {command}) came before it"
                ));
            }
        }
        // Those of one call go together.
        highest = offences().map(|(message, _)| message).fold(highest, MessageId::max);
    }
}

/// The `/unprotect` that was the last word on the protection before this event, if it was heard: the bot says when it could not be.
fn unprotected_before(evidence: &Evidence<'_>, town: &Town, event: usize) -> Option<MessageId> {
    const HEARD: [&str; 2] = ["Protection is off", "This group is not protected"];
    let mut words = town.journal.iter().rev().filter(|entry| {
        // A press makes no event: what comes right after it has the number that was next then.
        entry.event <= event
            && matches!(
                entry.note,
                Some(Note::Unprotected(_) | Note::MayProtect | Note::Pressed { may_protect: true, .. })
            )
    });
    let last = words.next()?;
    let Some(Note::Unprotected(command)) = last.note else { return None };
    let since = evidence.events.iter().filter(|said| said.number >= last.event && said.chat == town.group);
    let said = since.filter_map(|said| match &said.what {
        What::Wrote { message, by, text, .. } => Some((*message, *by == Some(evidence.bot), text)),
        _ => None,
    });
    // What is said after the next one, by whomever and however things stood then, may be the answer to that.
    let mut answers = said.take_while(|(message, _, text)| *message <= command || !text.starts_with("/unprotect"));
    answers.any(|(_, is_bots, text)| is_bots && HEARD.iter().any(|heard| text.starts_with(heard))).then_some(command)
}
