//! Rules + facts -> decision. Pure: knows nothing of how facts were found or what is said to whom.

use std::time::Duration;
pub(crate) mod standing;

use shared::ids::ChannelId;

/// A "no" older than this never punishes and never answers a press (product.md 1).
pub(crate) const FRESH_MS: i64 = 5_000;

/// Is this person in this channel?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Yes,
    /// A banned person cannot join again, so the link is no help to them.
    No {
        banned: bool,
    },
    /// Could not be found out this time. Never punishes.
    Unknown,
    /// Telegram was not asked: the question has to wait its turn for longer than anybody waits in a call. Unknown until then.
    NotYet(Duration),
    /// Cannot be found out until the channel's admins mend its set-up. Never punishes, and nobody stays muted because of it.
    Broken,
}

/// How many of the channels one must be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Require {
    #[default]
    All,
    Any,
}

/// What is known about one person and one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub channel: ChannelId,
    pub answer: Answer,
    pub as_of_ms: i64,
}

/// Where a person stands with the group's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The rule is met, or cannot be held against anybody now.
    Met,
    /// A definite offence: these channels are missing.
    Missing(Vec<Missing>),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub channel: ChannelId,
    pub banned: bool,
}

/// Where somebody stands with the rule. `all`: one definite no is an offence, broken channels are skipped. `any`: only if every channel
/// is a definite no.
pub(crate) fn judge(require: Require, facts: &[Fact]) -> Standing {
    let missing: Vec<Missing> = facts
        .iter()
        .filter_map(|fact| match fact.answer {
            Answer::No { banned } => Some(Missing { channel: fact.channel, banned }),
            Answer::Yes | Answer::Unknown | Answer::NotYet(_) | Answer::Broken => None,
        })
        .collect();
    let some = |answer| facts.iter().any(|fact| fact.answer == answer);
    let is_open = some(Answer::Unknown) || not_yet(facts).is_some();
    let offence = match require {
        Require::All => !missing.is_empty(),
        Require::Any => !missing.is_empty() && missing.len() == facts.len(),
    };
    let met_by_one = require == Require::Any && some(Answer::Yes);
    if offence {
        Standing::Missing(missing)
    } else if is_open && !met_by_one {
        Standing::Unknown
    } else {
        Standing::Met
    }
}

/// Whether a message waits so long to be judged, with all that comes after it in its chat, the press of a button too. After that time a press
/// cannot be answered any more (telegram.md); what takes longer is unknown, and the message stands.
pub(crate) fn is_soon(wait: Duration) -> bool {
    wait <= Duration::from_secs(15)
}

/// How long until it can be asked what is unknown, if it only has to wait its turn.
pub(crate) fn not_yet(facts: &[Fact]) -> Option<Duration> {
    let waits = facts.iter().filter_map(|fact| match fact.answer {
        Answer::NotYet(wait) => Some(wait),
        Answer::Yes | Answer::No { .. } | Answer::Unknown | Answer::Broken => None,
    });
    waits.max()
}

/// The same for somebody who is to be let in for meeting the rule: that it cannot be held against them is not enough, there has to be a
/// channel of which it is known that they are in it.
pub(crate) fn judge_entry(require: Require, facts: &[Fact]) -> Standing {
    match judge(require, facts) {
        Standing::Met if !facts.iter().any(|fact| fact.answer == Answer::Yes) => Standing::Unknown,
        standing => standing,
    }
}

/// Why somebody is left alone who meets the rule, as metrics name it: a channel that cannot be asked about makes nobody a subscriber.
pub(crate) fn met_as(facts: &[Fact]) -> &'static str {
    if facts.iter().any(|fact| fact.answer == Answer::Yes) { "subscribed" } else { "unknown" }
}

/// Whether every "no" that an offence rests on is young enough to punish for.
pub(crate) fn is_fresh(facts: &[Fact], now_ms: i64) -> bool {
    facts.iter().all(|fact| !matches!(fact.answer, Answer::No { .. }) || now_ms - fact.as_of_ms <= FRESH_MS)
}

/// What the offender is in the group itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Can write now: as a member, or as a guest in the comments of a linked channel.
    CanSpeak,
    /// Restricted, fully or partly, and not by us: a person has decided.
    RestrictedByPerson,
    /// By us, and not yet released.
    Muted,
    Admin,
    Banned,
    Unknown,
}

/// What happens to an offender's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sentence {
    /// It stands, and why, as metrics name it.
    Stand(&'static str),
    /// The message goes; the person was dealt with before.
    Delete,
    /// The message goes, the person is told, and cannot write until they subscribe.
    DeleteMuteWarn,
    /// The message goes and the person is told; the restriction that a person set stays untouched.
    DeleteWarn,
}

/// The sentence for one who is known to miss a channel and is not exempt by the group's own list.
pub(crate) fn sentence(presence: Presence) -> Sentence {
    match presence {
        Presence::CanSpeak => Sentence::DeleteMuteWarn,
        Presence::RestrictedByPerson => Sentence::DeleteWarn,
        Presence::Admin => Sentence::Stand("admin"),
        Presence::Muted | Presence::Banned => Sentence::Delete,
        Presence::Unknown => Sentence::Stand("unknown"),
    }
}

/// What to do with an open mute, given what the person is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Lift it: it is ours, and no longer deserved.
    Lift,
    /// Somebody decided since, or time did: close the record, touch nothing.
    Close(&'static str),
    /// Not now.
    Keep,
}

/// What Telegram shows of the muted person in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Muted {
    /// Restricted exactly as our record says.
    ByUs,
    /// Restricted in another way: a person's.
    Otherwise,
    /// Not restricted at all.
    Free,
    Admin,
    Banned,
    Unknown,
}

/// A mute that `deserved` says nothing more for is lifted, if it is still ours.
pub(crate) fn release(deserved: bool, muted: Muted) -> Release {
    match muted {
        Muted::Unknown => Release::Keep,
        Muted::Otherwise => Release::Close("a person changed the restriction"),
        Muted::Free => Release::Close("not restricted any more"),
        Muted::Admin => Release::Close("an admin now"),
        Muted::Banned => Release::Close("banned by a person"),
        Muted::ByUs if deserved => Release::Keep,
        Muted::ByUs => Release::Lift,
    }
}

/// When what is open (a mute, a request to join, a breaker) is looked at again, by its age: the updates that would end it get lost.
pub(crate) fn recheck_after(age: Duration) -> Duration {
    let minutes = match age.as_secs() / 60 {
        0 => 1,
        1..5 => 5,
        5..15 => 15,
        _ => 60,
    };
    Duration::from_secs(minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(answers: &str) -> Vec<Fact> {
        answers
            .chars()
            .zip(1..)
            .map(|(letter, n)| {
                let answer = match letter {
                    'y' => Answer::Yes,
                    'n' => Answer::No { banned: false },
                    'b' => Answer::No { banned: true },
                    'x' => Answer::Broken,
                    'w' => Answer::NotYet(Duration::from_secs(9)),
                    _ => Answer::Unknown,
                };
                Fact { channel: ChannelId(n), answer, as_of_ms: 0 }
            })
            .collect()
    }

    #[test]
    fn three_answers_make_one_standing() {
        // Answers: y yes, n no, b banned, ? unknown, w not asked yet, x broken; then what stands, with the channels missing.
        let cases = [
            (Require::All, "y", "met"),
            (Require::All, "n", "missing 1"),
            (Require::All, "b", "missing 1"),
            (Require::All, "?", "unknown"),
            (Require::All, "x", "met"),
            (Require::All, "yy", "met"),
            (Require::All, "yn", "missing 2"),
            (Require::All, "nn", "missing 1 2"),
            (Require::All, "?n", "missing 2"),
            (Require::All, "y?", "unknown"),
            (Require::All, "yw", "unknown"),
            (Require::All, "wn", "missing 2"),
            (Require::Any, "yw", "met"),
            (Require::Any, "nw", "unknown"),
            (Require::All, "xn", "missing 2"),
            (Require::All, "xy", "met"),
            (Require::All, "x?", "unknown"),
            (Require::Any, "y", "met"),
            (Require::Any, "n", "missing 1"),
            (Require::Any, "yn", "met"),
            (Require::Any, "nb", "missing 1 2"),
            (Require::Any, "n?", "unknown"),
            (Require::Any, "y?", "met"),
            (Require::Any, "nx", "met"),
            (Require::Any, "x?", "unknown"),
            (Require::All, "", "met"),
            (Require::Any, "", "met"),
        ];
        for (require, answers, expected) in cases {
            let got = match judge(require, &facts(answers)) {
                Standing::Met => "met".to_owned(),
                Standing::Unknown => "unknown".to_owned(),
                Standing::Missing(missing) => {
                    missing.iter().fold("missing".to_owned(), |text, m| format!("{text} {}", m.channel))
                }
            };
            assert_eq!(got, expected, "{require:?} {answers}");
        }
    }

    #[test]
    fn nobody_is_let_in_for_a_channel_that_cannot_be_asked_about() {
        let cases = [
            (Require::All, "y", Standing::Met),
            (Require::All, "x", Standing::Unknown),
            (Require::All, "xy", Standing::Met),
            (Require::All, "xx", Standing::Unknown),
            (Require::All, "x?", Standing::Unknown),
            (Require::Any, "xn", Standing::Unknown),
            (Require::Any, "xy", Standing::Met),
            (Require::Any, "?y", Standing::Met),
            (Require::All, "", Standing::Unknown),
        ];
        for (require, answers, expected) in cases {
            assert_eq!(judge_entry(require, &facts(answers)), expected, "{require:?} {answers}");
        }
        assert!(matches!(judge_entry(Require::All, &facts("xn")), Standing::Missing(_)));
    }

    #[test]
    fn nobody_is_counted_as_a_subscriber_because_a_channel_is_broken() {
        for (answers, expected) in [("y", "subscribed"), ("xy", "subscribed"), ("x", "unknown"), ("xx", "unknown")] {
            assert_eq!(judge(Require::All, &facts(answers)), Standing::Met);
            assert_eq!(met_as(&facts(answers)), expected, "{answers}");
        }
    }

    #[test]
    fn only_an_old_no_is_stale() {
        for (answers, age_ms, fresh) in
            [("y", 60_000, true), ("n", FRESH_MS, true), ("n", FRESH_MS + 1, false), ("yn", 9_000, false)]
        {
            assert_eq!(is_fresh(&facts(answers), age_ms), fresh, "{answers} after {age_ms} ms");
        }
    }

    #[test]
    fn only_what_is_ours_and_undeserved_is_lifted() {
        let lifted: Vec<_> = [Muted::ByUs, Muted::Otherwise, Muted::Free, Muted::Admin, Muted::Banned, Muted::Unknown]
            .into_iter()
            .flat_map(|muted| [(true, muted), (false, muted)])
            .filter(|&(deserved, muted)| release(deserved, muted) == Release::Lift)
            .collect();
        assert_eq!(lifted, [(false, Muted::ByUs)]);
    }

    #[test]
    fn only_one_who_can_speak_is_muted() {
        let muted: Vec<_> = [
            Presence::CanSpeak,
            Presence::RestrictedByPerson,
            Presence::Muted,
            Presence::Admin,
            Presence::Banned,
            Presence::Unknown,
        ]
        .into_iter()
        .filter(|&presence| sentence(presence) == Sentence::DeleteMuteWarn)
        .collect();
        assert_eq!(muted, [Presence::CanSpeak]);
    }

    #[test]
    fn the_older_the_less_often_it_is_looked_at() {
        for (age_s, minutes) in [(0, 1), (59, 1), (60, 5), (299, 5), (300, 15), (899, 15), (900, 60), (86_400, 60)] {
            assert_eq!(recheck_after(Duration::from_secs(age_s)), Duration::from_secs(minutes * 60), "{age_s} s");
        }
    }
}
