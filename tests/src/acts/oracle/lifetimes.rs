//! No message of the bot outlives its time by more than a minute.

use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    time::Duration,
};

use serde_json::Value;
use telegram_sim::{
    ids::{ChatId, MessageId},
    ledger::Calls,
    world::{
        World,
        seeing::{Seen, What},
    },
};

use crate::acts::{
    house::Rules,
    town::{Note, Town},
};

/// What may stand for as long as what it tells of: greetings, and what is wrong with the bot's rights or a channel.
const LASTING: [&str; 5] =
    ["Hello!", "Protection is paused", "I can no longer see", "I can see again", "Thank you, I have the rights"];

/// A reply to a command.
const REPLY: Duration = Duration::from_secs(60);
/// `/setup` and `/settings`, after the last press.
const PAGES: Duration = Duration::from_secs(600);
const GRACE: Duration = Duration::from_secs(60);

/// After so many milliseconds the bot has surely written down which message it has sent, also where many share a busy machine.
const WRITTEN_DOWN_MS: i64 = 5_000;

/// When the bot's messages were last touched, and how long warnings may stand.
#[derive(Default)]
pub(super) struct Lifetimes {
    read: usize,
    touched_ms: HashMap<(ChatId, MessageId), i64>,
    longest: HashMap<ChatId, Duration>,
    /// The latest message in each chat.
    last: HashMap<ChatId, MessageId>,
    /// The latest one when the bot was thrown out. Nobody who is out can take away what he has left there.
    left_behind: HashMap<ChatId, MessageId>,
    /// When the bot came to rest last, for each town that nothing troubled then.
    rested_ms: HashMap<ChatId, i64>,
    told: HashSet<(ChatId, MessageId)>,
}

impl Lifetimes {
    pub(super) fn look(
        &mut self,
        (world, sends, kills): (&World, &Calls, &[RangeInclusive<i64>]),
        town: &Town,
        rules: Option<&Rules>,
        found: &mut Vec<String>,
    ) {
        self.read_on(world);
        let ttl = rules.map_or(Duration::from_secs(300), |rules| rules.warning_ttl);
        let longest = self.longest.entry(town.group).or_insert(ttl);
        *longest = ttl.max(*longest);
        let longest = *longest;
        let now_ms = world.now_ms();
        let rested_ms = self.rested_ms.insert(town.group, now_ms);
        if town.is_troubled(now_ms) || !world.member(town.group, world.bot()).is_present {
            self.rested_ms.remove(&town.group);
            return;
        }
        // It had the chance since, and nothing was in its way.
        let Some(rested_ms) = rested_ms else { return };
        let left_behind = self.left_behind.get(&town.group).copied().unwrap_or(MessageId(0));
        for seen in world.bot_messages(town.group) {
            if seen.id <= left_behind || LASTING.iter().any(|beginning| seen.text.starts_with(beginning)) {
                continue;
            }
            let edited_ms = self.touched_ms.get(&(town.group, seen.id)).copied().unwrap_or(0);
            let time = millis(lifetime(&seen, longest) + GRACE);
            let is_over = |touched_ms: i64| touched_ms + time < now_ms && touched_ms < rested_ms;
            let touched_ms = edited_ms.max(seen.date * 1000);
            if is_over(touched_ms)
                && is_over(pressed_ms(sends, town, seen.id))
                && !is_unknown(sends, kills, town, &seen)
                && self.told.insert((town.group, seen.id))
            {
                let since = (now_ms - touched_ms - time) / 1000;
                found.push(format!(
                    "message {} outlives its time by more than a minute, since {since} s: {:?}",
                    seen.id, seen.text
                ));
            }
        }
    }

    fn read_on(&mut self, world: &World) {
        for event in world.chronicle(self.read) {
            match event.what {
                What::Edited { message } => {
                    self.touched_ms.insert((event.chat, message), event.at_ms);
                }
                What::Wrote { message, .. } => {
                    self.last.insert(event.chat, message);
                }
                What::Became { user, new, .. } if user == world.bot() && !new.is_present => {
                    self.left_behind.insert(event.chat, self.last.get(&event.chat).copied().unwrap_or(MessageId(0)));
                }
                What::Became { .. } | What::Deleted { .. } => {}
            }
            self.read = event.number + 1;
        }
    }
}

/// The bot was not told that it stands there, or killed before it could write that down, and has no means to find out.
fn is_unknown(sends: &Calls, kills: &[RangeInclusive<i64>], town: &Town, seen: &Seen) -> bool {
    sends.iter().any(|call| {
        let end_ms = call.at_ms + call.took_ms;
        let sent_it = call.chat() == Some(town.group)
            && call.text_arg("text") == seen.text
            && (call.at_ms / 1000..=end_ms / 1000).contains(&seen.date);
        call.method == "sendMessage"
            && sent_it
            && (!call.is_ok()
                || kills.iter().any(|kill| call.at_ms <= *kill.end() && *kill.start() < end_ms + WRITTEN_DOWN_MS))
    })
}

fn lifetime(seen: &Seen, warning_ttl: Duration) -> Duration {
    let data = |beginning: &str| {
        let mut buttons = seen.buttons.iter().flatten().filter_map(|button| button.data.as_deref());
        buttons.any(|data| data.starts_with(beginning))
    };
    if data("v1:") {
        warning_ttl
    } else if data("u1:") || data("s1:") {
        PAGES
    } else {
        REPLY
    }
}

/// When a button under it was pressed last, or the bot got round to answering that.
fn pressed_ms(sends: &Calls, town: &Town, message: MessageId) -> i64 {
    let pressed =
        |note: Option<Note>| matches!(note, Some(Note::Pressed { message: pressed, .. }) if pressed == message);
    let presses = town.journal.iter().filter(|entry| pressed(entry.note)).map(|entry| entry.at_ms);
    let edits = sends.iter().filter(|call| {
        call.method == "editMessageText"
            && call.chat() == Some(town.group)
            && call.args.get("message_id").and_then(Value::as_i64) == Some(message.0)
    });
    presses.chain(edits.map(|call| call.at_ms)).max().unwrap_or(0)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
