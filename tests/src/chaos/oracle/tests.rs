//! What the judge says of short stories.

use super::*;
use crate::chaos::plan::{Harm, Who};

const CHAT: ChatId = ChatId(-100);
const OTTO: UserId = UserId(7);

/// A story without a flaw, to be changed by each case.
#[derive(Clone, Default)]
struct Story {
    record: Record,
    taken: Vec<Taken>,
    effects: Vec<Effect>,
    made: Vec<Made>,
    faults: Vec<Happened>,
    standing: HashSet<(ChatId, MessageId)>,
    speaking: HashSet<(ChatId, UserId)>,
}

impl Story {
    /// Otto wrote message 3 and was dealt with; messages 1 and 2 were written as a channel, 4 by a subscriber.
    fn told() -> Self {
        let mut story = Self::default();
        story.record.posts = vec![(CHAT, MessageId(1)), (CHAT, MessageId(2))];
        story.record.offences = vec![(CHAT, MessageId(3))];
        story.record.innocent = vec![(CHAT, MessageId(4))];
        story.record.offenders = BTreeSet::from([(CHAT, OTTO)]);
        story.standing = HashSet::from([(CHAT, MessageId(4))]);
        for message in 1..=4 {
            story.taken.push(taken(message, About::Message { chat: CHAT, message: MessageId(message) }));
        }
        story.taken.push(taken(5, About::Press { query: "9".to_owned(), chat: CHAT }));
        for message in 1..=3 {
            story.then(What::Delete { chat: CHAT, messages: vec![MessageId(message)] });
        }
        story.then(What::Mute { chat: CHAT, user: OTTO, until: 50 });
        story.tell(10);
        story.answer(true);
        story
    }

    fn then(&mut self, what: What) {
        let number = u64::try_from(self.effects.len()).expect("a short story") + 1;
        let at_ms = 1000 * i64::try_from(number).expect("a short story");
        self.effects.push(Effect { number, at_ms, done_ms: at_ms + 20, worker: Some(0), what });
    }

    fn tell(&mut self, message: i64) {
        self.then(What::Tell { chat: CHAT, message: MessageId(message), users: vec![OTTO], others: 0, button: None });
    }

    fn answer(&mut self, seen: bool) {
        self.then(What::Answer { query: "9".to_owned(), seen });
    }

    fn fault(&mut self, harm: Harm, worker: Option<usize>, at_ms: i64) {
        self.faults.push(Happened { at_ms, end_ms: Some(at_ms + 100), what: String::new(), harm, worker });
    }

    fn judged(&self) -> Judgement {
        let Self { record, taken, effects, made, faults, standing, speaking } = self;
        judge(&Evidence { record, taken, effects, made, faults, standing, speaking })
    }

    /// How many of each: lost, twice, out of order, wrong, warned twice in flight, repeated, too late.
    fn counts(&self) -> [usize; 7] {
        let told = self.judged();
        let lost = told.lost.len();
        let twice = told.muted_twice.len() + told.warned_twice.len() + told.answered_twice.len();
        let [order, wrong] = [told.out_of_order.len(), told.wrong.len()];
        [lost, twice, order, wrong, told.warned_twice_in_flight, told.repeated, told.too_late]
    }
}

fn taken(update: i64, what: About) -> Taken {
    Taken { update, at_ms: 1000, what }
}

type Change = fn(&mut Story);

/// Someone else, muted as well.
fn with_another(story: &mut Story) {
    story.record.offenders.insert((CHAT, UserId(8)));
    let mute = Effect { what: What::Mute { chat: CHAT, user: UserId(8), until: 50 }, ..story.effects[3].clone() };
    story.effects.insert(4, mute);
}

#[test]
fn stories_are_judged() {
    let killed: Change = |story| {
        story.fault(Harm::Kill(Who::Worker(0)), Some(0), 5500);
        story.tell(11);
    };
    let frozen: Change = |story| {
        story.fault(Harm::Freeze(Who::Worker(1)), Some(1), 1500);
        story.faults[0].end_ms = Some(6500);
        story.tell(11);
        story.effects.last_mut().expect("it was just told").worker = Some(1);
    };
    let cases: [(&str, Change, [usize; 7]); 23] = [
        ("nothing went wrong", |_| {}, [0; 7]),
        ("a message stands", |story| story.standing.extend([(CHAT, MessageId(2))]), [1, 0, 0, 0, 0, 0, 0]),
        ("an update was never taken", |story| drop(story.taken.remove(0)), [1, 0, 0, 0, 0, 0, 0]),
        ("a subscriber's message is gone", |story| story.standing.clear(), [0, 0, 0, 1, 0, 0, 0]),
        (
            "an overtaken message",
            |story| (story.effects[0].number, story.effects[1].number) = (2, 1),
            [0, 0, 1, 0, 0, 0, 0],
        ),
        (
            "a delete again",
            |story| story.then(What::Delete { chat: CHAT, messages: vec![MessageId(1)] }),
            [0, 0, 0, 0, 0, 1, 0],
        ),
        (
            "the same mute again",
            |story| story.then(What::Mute { chat: CHAT, user: OTTO, until: 50 }),
            [0, 0, 0, 0, 0, 1, 0],
        ),
        ("another mute", |story| story.then(What::Mute { chat: CHAT, user: OTTO, until: 60 }), [0, 1, 0, 0, 0, 0, 0]),
        ("a mute after the release", released_and_muted, [1, 1, 0, 0, 0, 0, 0]),
        ("no mute", |story| drop(story.effects.remove(3)), [1, 0, 0, 0, 0, 0, 0]),
        (
            "a mute for nothing",
            |story| story.then(What::Mute { chat: CHAT, user: UserId(8), until: 50 }),
            [0, 0, 0, 1, 0, 0, 0],
        ),
        ("not told", |story| drop(story.effects.remove(4)), [1, 0, 0, 0, 0, 0, 0]),
        ("another one is not told", with_another, [1, 0, 0, 0, 0, 0, 0]),
        (
            "\"Otto and 1 other\" are told",
            |story| {
                let What::Tell { others, .. } = &mut story.effects[4].what else { unreachable!("the fifth tells") };
                *others = 1;
                story.record.offenders.insert((CHAT, UserId(8)));
                let mute = What::Mute { chat: CHAT, user: UserId(8), until: 50 };
                story.effects.insert(4, Effect { what: mute, ..story.effects[3].clone() });
            },
            [0; 7],
        ),
        (
            "a message for Otto comes to name him \"and 1 other\"",
            |story| {
                with_another(story);
                let message = MessageId(10);
                story.then(What::Rename { chat: CHAT, message, users: vec![OTTO], others: 1 });
                story.then(What::Rename { chat: CHAT, message, users: vec![OTTO], others: 0 });
            },
            [0; 7],
        ),
        (
            "it still names him alone",
            |story| {
                with_another(story);
                story.then(What::Rename { chat: CHAT, message: MessageId(10), users: vec![OTTO], others: 0 });
            },
            [1, 0, 0, 0, 0, 0, 0],
        ),
        ("told twice", |story| story.tell(11), [0, 1, 0, 0, 0, 0, 0]),
        ("told twice at a kill", killed, [0, 0, 0, 0, 1, 0, 0]),
        ("told again by one that wakes", frozen, [0, 0, 0, 0, 1, 0, 0]),
        (
            "told again by one that has long been awake",
            |story| {
                story.fault(Harm::Freeze(Who::Worker(0)), Some(0), 1500);
                story.tell(11);
            },
            [0, 1, 0, 0, 0, 0, 0],
        ),
        (
            "told twice at the kill of another",
            |story| {
                story.fault(Harm::Kill(Who::Worker(1)), Some(1), 5500);
                story.tell(11);
            },
            [0, 1, 0, 0, 0, 0, 0],
        ),
        ("a press answered twice, refused once", |story| story.answer(false), [0, 0, 0, 0, 0, 1, 0]),
        ("a press answered twice", |story| story.answer(true), [0, 1, 0, 0, 0, 0, 0]),
    ];
    for (name, change, wanted) in cases {
        let mut story = Story::told();
        change(&mut story);
        assert_eq!(story.counts(), wanted, "{name}: {:?}", story.judged());
    }
}

/// Otto has subscribed and is muted again all the same.
fn released_and_muted(story: &mut Story) {
    story.record.released.insert((CHAT, OTTO));
    story.then(What::Release { chat: CHAT, user: OTTO });
    story.then(What::Mute { chat: CHAT, user: OTTO, until: 50 });
}

#[test]
fn an_unanswered_press_is_lost_unless_a_fault_was_in_the_way() {
    let mut story = Story::told();
    story.effects.retain(|effect| !matches!(effect.what, What::Answer { .. }));
    assert_eq!(story.counts(), [1, 0, 0, 0, 0, 0, 0]);
    story.fault(Harm::Kill(Who::Worker(0)), Some(0), 90_000);
    assert_eq!(story.counts(), [1, 0, 0, 0, 0, 0, 0], "it came much later");
    story.fault(Harm::Kill(Who::Worker(0)), Some(0), 9000);
    assert_eq!(story.counts(), [0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_fault_lasts_until_a_chat_has_caught_up() {
    let wait = |taken_ms, done_ms| Wait { chat: CHAT, message: MessageId(1), taken_ms, done_ms };
    let waits = vec![wait(100, 120), wait(500, 9000), wait(8000, 20_000), wait(19_000, 19_100), wait(30_000, 40_000)];
    assert_eq!(caught_up(Some(&waits), 1000), 20_000);
    assert_eq!(caught_up(Some(&waits), 200), 200, "what came later was held up by something else");
    assert_eq!(caught_up(None, 1000), 1000);
}

#[test]
fn a_warning_was_recorded_when_its_worker_went_on_in_the_chat() {
    let mut story = Story::told();
    story.fault(Harm::Kill(Who::Worker(0)), Some(0), 9000);
    story.tell(11);
    assert_eq!(story.counts(), [0, 0, 0, 0, 1, 0, 0]);
    let call = |chat| Made { at_ms: 8000, worker: 0, chat, user: None, method: "deleteMessage".to_owned() };
    story.made.push(call(ChatId(-200)));
    assert_eq!(story.counts(), [0, 0, 0, 0, 1, 0, 0], "that was another lane");
    story.made.push(call(CHAT));
    assert_eq!(story.counts(), [0, 1, 0, 0, 0, 0, 0]);
}
