//! Nobody is muted without cause, for ever, or against what a person has decided.

use std::sync::Arc;

use telegram_sim::{
    ids::{ChatId, MessageId, UserId},
    ledger::Call,
    rights::Permissions,
    world::{
        World,
        seeing::{Event, Standing, What},
    },
};

use super::{Evidence, mutes};
use crate::acts::town::Town;

/// How old the last "no" may be when somebody is muted for it, in the world's milliseconds: 5 s, and the call may have to be tried again.
const KNOWN_MS: i64 = 60_000;

/// product.md 1: so old a "no" may be, and still punish.
const FRESH_MS: i64 = 5_000;

/// Within so many real milliseconds a decision of a person and a call of the bot may cross.
const CROSSING_MS: i64 = 1_500;

pub(super) fn judge(evidence: &Evidence<'_>, world: &World, town: &Town, found: &mut Vec<String>) {
    for person in &town.people {
        let case = Case { evidence, town, person: *person };
        case.every_act(found);
        case.at_the_end(world, found);
    }
}

struct Case<'a> {
    evidence: &'a Evidence<'a>,
    town: &'a Town,
    person: UserId,
}

/// What a person other than themselves has made of somebody, last.
#[derive(Clone, Copy)]
struct Decision<'a> {
    event: &'a Event,
    what: Decided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Restricted,
    Banned,
    Lifted,
    Promoted,
    Demoted,
}

impl Case<'_> {
    /// The end of all: with everything mended and looked at again, only who has to be is muted by us.
    fn at_the_end(&self, world: &World, found: &mut Vec<String>) {
        let now = world.member(self.town.group, self.person);
        let muted =
            now.status == "restricted" && now.permissions.is_some_and(|may| !may.has(Permissions::SEND_MESSAGES));
        if !muted || self.restricted_by() != Some(self.evidence.bot) {
            return;
        }
        let innocent = match self.evidence.rules {
            None => Some("the group has no rules"),
            Some(rules) if !rules.enforces => Some("the group is not protected"),
            Some(rules) if rules.allowed.contains(&self.person.0) => Some("they are allowed to"),
            Some(rules) => {
                let is_in = |channel: &i64| world.member(ChatId(*channel), self.person).is_present;
                let meets = if rules.any { rules.channels.iter().any(is_in) } else { rules.channels.iter().all(is_in) };
                meets.then_some("they are subscribed")
            }
        };
        if let Some(why) = innocent {
            found.push(format!("{} is still muted by us at the end, though {why}", self.person));
        }
    }

    /// Whose restriction it is.
    fn restricted_by(&self) -> Option<UserId> {
        let mut turns = self.turns().rev();
        turns.find_map(|(_, by, _, new)| (by != self.person && new.status == "restricted").then_some(by))
    }

    fn turns(&self) -> impl DoubleEndedIterator<Item = (&Event, UserId, &Standing, &Standing)> {
        self.evidence.events.iter().filter(|event| event.chat == self.town.group).filter_map(|event| {
            match &event.what {
                What::Became { user, by, old, new } if *user == self.person => Some((event, *by, old, new)),
                _ => None,
            }
        })
    }

    fn every_act(&self, found: &mut Vec<String>) {
        let mut decided: Option<Decision<'_>> = None;
        for (event, by, old, new) in self.turns() {
            if by == self.evidence.bot {
                let crossed = decided.is_some_and(|decision| self.crossed(decision.event, event));
                match decided {
                    Some(decision) if !crossed && self.undoes(decision, event) => found.push(format!(
                        "{} was {:?} by a person, and the bot made them {} from {}, {} s later",
                        self.person,
                        decision.what,
                        new.status,
                        old.status,
                        (event.at_ms - decision.event.at_ms) / 1000
                    )),
                    _ => {}
                }
                if mutes(new) && !mutes(old) {
                    self.had_cause(event, found);
                }
                // What comes after is the bot's own, and a crossing is nobody's fault.
                decided = None;
            } else if by == self.person {
                // Leaving and coming back change nothing of what was decided, but the end of an appointment.
                if matches!(decided, Some(Decision { what: Decided::Promoted, .. })) {
                    decided = None;
                }
            } else {
                let what = match (old.status, new.status) {
                    (_, "restricted") => Decided::Restricted,
                    (_, "kicked") => Decided::Banned,
                    (_, "administrator") => Decided::Promoted,
                    ("administrator", _) => Decided::Demoted,
                    _ => Decided::Lifted,
                };
                decided = Some(Decision { event, what });
            }
        }
    }

    /// Whether what the bot did takes back what a person has decided.
    fn undoes(&self, decision: Decision<'_>, event: &Event) -> bool {
        match decision.what {
            Decided::Restricted | Decided::Banned | Decided::Promoted => true,
            // They may be muted again for something new.
            Decided::Lifted | Decided::Demoted => {
                !self.is_unheard_of(decision.event)
                    && !self.offended_between(self.looked_at(decision.event), event.number)
            }
        }
    }

    /// Whether what this event changed was the bot's own doing, of which it did not hear that it was done: it may do it again.
    fn is_unheard_of(&self, event: &Event) -> bool {
        let before = self.about_them().filter(|call| call.at_ms <= event.at_ms);
        let told = before.filter(|call| call.is_ok() || call.method != "getChatMember");
        told.last().is_some_and(|call| call.method == "restrictChatMember" && !call.is_ok())
    }

    /// The first event of which the bot may not have heard yet when this one happened: it had not looked at them in the group since, or takes
    /// away only later what they have written.
    fn looked_at(&self, event: &Event) -> usize {
        let looks = self.looks().filter(|call| call.at_ms <= event.at_ms);
        let looked_ms = looks.map(|call| call.at_ms).max().unwrap_or(0);
        let events = &self.evidence.events;
        let unheard =
            events.iter().find(|unheard| unheard.at_ms >= looked_ms || self.is_taken_away_after(unheard, event));
        unheard.map_or(event.number, |unheard| unheard.number.min(event.number))
    }

    /// Whether it is a message of theirs that the bot has deleted only after this event.
    fn is_taken_away_after(&self, written: &Event, event: &Event) -> bool {
        let Some(wanted) = self.own_message(written) else { return false };
        let later =
            self.evidence.events.iter().filter(|later| later.chat == written.chat && later.number > event.number);
        let mut later = later.map(|later| &later.what);
        later.any(|what| matches!(what, What::Deleted { messages, by } if *by == self.evidence.bot && messages.contains(&wanted)))
    }

    /// What they have written in the group.
    fn own_message(&self, event: &Event) -> Option<MessageId> {
        match &event.what {
            What::Wrote { message, by, .. } if *by == Some(self.person) && event.chat == self.town.group => {
                Some(*message)
            }
            _ => None,
        }
    }

    /// They said something, came in, or left a channel.
    fn offended_between(&self, from: usize, to: usize) -> bool {
        let mut between = self.evidence.events.iter().filter(|event| (from..to).contains(&event.number));
        let own: Vec<MessageId> = self.evidence.events.iter().filter_map(|event| self.own_message(event)).collect();
        between.any(|event| match &event.what {
            What::Wrote { .. } => self.own_message(event).is_some(),
            What::Edited { message } => event.chat == self.town.group && own.contains(message),
            What::Became { user, by, .. } => *user == self.person && *by == self.person,
            What::Deleted { .. } => false,
        })
    }

    /// Whether the bot's call may have been on its way already when a person decided.
    fn crossed(&self, decision: &Event, effect: &Event) -> bool {
        // A call may take its time until it has its effect.
        let calls = self.about_them().filter(|call| call.method != "getChatMember" && call.at_ms <= effect.at_ms);
        let began_ms = calls.map(|call| call.at_ms).max().unwrap_or(effect.at_ms);
        let seen = self.looks().any(|call| call.is_ok() && (decision.at_ms + 1..=began_ms).contains(&call.at_ms));
        !seen && self.evidence.moves.real_ms(decision.at_ms, began_ms) < CROSSING_MS
    }

    /// The bot's looks at them in the group.
    fn looks(&self) -> impl Iterator<Item = &Arc<Call>> {
        self.about_them().filter(|call| call.method == "getChatMember")
    }

    fn about_them(&self) -> impl Iterator<Item = &Arc<Call>> {
        let calls = self.evidence.calls.iter();
        calls.filter(|call| call.chat() == Some(self.town.group) && call.user() == Some(self.person))
    }

    /// They were known not to be in one of the channels: asked, or told by Telegram.
    fn had_cause(&self, muted: &Event, found: &mut Vec<String>) {
        let channels = self.town.channels;
        let from_ms = muted.at_ms - KNOWN_MS;
        let said_no = self.said_no().any(|call| (from_ms..=muted.at_ms).contains(&(call.at_ms + call.took_ms)));
        let pushed_no = self.evidence.events.iter().any(|event| {
            channels.contains(&event.chat)
                && (from_ms..=muted.at_ms).contains(&event.at_ms)
                && matches!(&event.what, What::Became { user, new, .. } if *user == self.person && !new.is_present)
        });
        if !said_no && !pushed_no {
            found.push(format!(
                "{} was muted (event {}) though nobody had said within the last minute that they are not subscribed",
                self.person, muted.number
            ));
        }
        let crosses = |from_ms| self.evidence.moves.real_ms(from_ms, muted.at_ms) <= CROSSING_MS;
        let since: Option<Vec<i64>> = channels.iter().map(|channel| self.subscribed_since(*channel, muted)).collect();
        let Some(since_ms) = since.and_then(|since| since.into_iter().max()).filter(|since_ms| !crosses(*since_ms))
        else {
            return;
        };
        // News of them may be late: then what was asked last holds, for as long as a "no" may.
        let is_untold = self.told_ms(since_ms).is_none_or(crosses);
        let is_fresh = self.said_no().any(|call| {
            (muted.at_ms - FRESH_MS..=muted.at_ms).contains(&call.at_ms) && !self.was_asked_again(call, muted.at_ms)
        });
        if !(is_untold && is_fresh) {
            found.push(format!("{} was muted (event {}) while subscribed to everything", self.person, muted.number));
        }
    }

    /// When the bot was handed what became of their membership at that time.
    fn told_ms(&self, made_ms: i64) -> Option<i64> {
        let of_them = self.evidence.deliveries.iter().filter(|delivery| delivery.member == Some(self.person));
        let of_that = of_them.filter(|delivery| delivery.made_ms == Some(made_ms));
        let handed = of_that.filter(|delivery| delivery.delivered || delivery.answer == "sent");
        handed.map(|delivery| delivery.at_ms).min()
    }

    /// Telegram's answers that they are not in one of the channels.
    fn said_no(&self) -> impl Iterator<Item = &Arc<Call>> {
        let channels = self.town.channels;
        self.answers().filter(move |call| {
            call.chat().is_some_and(|chat| channels.contains(&chat))
                && matches!(call.result()["status"].as_str(), Some("left" | "kicked"))
        })
    }

    /// Whether Telegram has said something about them and the same chat after this answer, and before that time.
    fn was_asked_again(&self, answer: &Call, before_ms: i64) -> bool {
        self.answers().any(|call| call.chat() == answer.chat() && (answer.at_ms + 1..before_ms).contains(&call.at_ms))
    }

    fn answers(&self) -> impl Iterator<Item = &Arc<Call>> {
        let calls = self.evidence.calls.iter();
        calls.filter(|call| call.method == "getChatMember" && call.is_ok() && call.user() == Some(self.person))
    }

    /// Since when they are in the channel, at the time of this event.
    fn subscribed_since(&self, channel: ChatId, at: &Event) -> Option<i64> {
        let turns = self.evidence.events.iter().take_while(|event| event.number < at.number);
        let of_channel = turns.filter(|event| event.chat == channel).filter_map(|event| match &event.what {
            What::Became { user, new, .. } if *user == self.person => Some((event.at_ms, new.is_present)),
            _ => None,
        });
        of_channel.last().and_then(|(at_ms, is_present)| is_present.then_some(at_ms))
    }
}
