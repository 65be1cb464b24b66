//! What people do meanwhile, at a given rate, and what has to come of it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use telegram_sim::{
    ids::{ChatId, MessageId, UserId},
    rights::AdminRights,
    world::World,
};

use super::{
    options::{Kind, Options},
    witness::What,
};
use crate::split::Split;

/// In each group, from the beginning.
const SUBSCRIBERS: usize = 4;
/// How many groups require the same channel.
const GROUPS_A_CHANNEL: usize = 20;
/// Presses are made under the latest of these.
const REMEMBERED: usize = 200;
/// More people may not be in the middle of being muted: the rest of the load goes on.
const WAITING: usize = 2000;

/// How many of those are looked at for one who has been dealt with.
const LOOKED_AT: usize = 50;

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// A subscriber says something.
    Chat,
    /// Somebody writes as a channel, which is deleted and mutes nobody: what shows the order.
    Post,
    /// Somebody new who is not subscribed says one or two things.
    Offend,
    /// Somebody muted subscribes.
    Subscribe,
    /// Somebody presses the button under a warning.
    Press,
    /// Somebody who is not subscribed joins.
    Join,
}

/// How often each is done; where order or time is what matters, most of it shows.
fn mix(kind: Kind) -> [(Act, u32); 6] {
    let [chat, post, offend, subscribe, press, join] = match kind {
        Kind::Takeover | Kind::Freeze => [2, 80, 6, 4, 6, 2],
        Kind::Handover => [5, 60, 12, 8, 10, 5],
        Kind::Mixed | Kind::Postgres | Kind::Redis | Kind::Nats | Kind::Cluster => [35, 30, 14, 9, 7, 5],
    };
    [
        (Act::Chat, chat),
        (Act::Post, post),
        (Act::Offend, offend),
        (Act::Subscribe, subscribe),
        (Act::Press, press),
        (Act::Join, join),
    ]
}

/// A protected group and who is in it.
struct Corner {
    group: ChatId,
    channel: ChatId,
    subscribers: Vec<UserId>,
    /// Writes as a channel of their own.
    voice: (UserId, ChatId),
}

/// What people did, by what has to come of it.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Written as a channel: deleted, each chat's in their order.
    pub posts: Vec<(ChatId, MessageId)>,
    /// By people who were not subscribed: deleted.
    pub offences: Vec<(ChatId, MessageId)>,
    /// By subscribers: stand.
    pub innocent: Vec<(ChatId, MessageId)>,
    /// Who wrote or joined without being subscribed: muted once, told once.
    pub offenders: BTreeSet<(ChatId, UserId)>,
    /// Those of them who subscribed later, when they were muted: released.
    pub released: BTreeSet<(ChatId, UserId)>,
    /// Were subscribed from the beginning.
    pub subscribers: Vec<(ChatId, UserId)>,
}

impl Record {
    /// Everybody who may be asked about, by their group. Each is in one group only.
    pub fn people(&self) -> impl Iterator<Item = (ChatId, UserId)> {
        self.offenders.iter().chain(&self.subscribers).copied()
    }
}

pub struct Load {
    world: World,
    rng: StdRng,
    mix: [(Act, u32); 6],
    corners: Vec<Corner>,
    /// Offenders who have not subscribed yet, by the number of their group and with what they wrote, oldest first.
    waiting: VecDeque<(usize, UserId, Vec<MessageId>)>,
    warnings: VecDeque<(ChatId, MessageId, UserId, String)>,
    named: u64,
    /// How often somebody did something.
    pub acts: u64,
    pub record: Record,
}

impl Load {
    /// Makes the groups and protects them. The programs must run.
    ///
    /// # Errors
    /// An owner was not answered.
    pub async fn gather(split: &Split, options: &Options) -> anyhow::Result<Self> {
        let world = split.world.clone();
        let owner = world.person("Olga");
        let seeded = world.seed(options.chats.into(), SUBSCRIBERS, AdminRights::MODERATOR);
        let mut corners = Vec::new();
        for (n, some) in seeded.chunks(GROUPS_A_CHANNEL).enumerate() {
            let channel = world.channel(&format!("News {n}"), Some(&format!("daily_news_{n}")), owner);
            world.add_bot(channel, AdminRights::INVITE_USERS);
            for place in some {
                world.seed_members(channel, &place.members);
                let person = world.person_in(place.group, "Victor");
                let voice = (person, world.channel("The voice of Victor", None, person));
                corners.push(Corner { group: place.group, channel, subscribers: place.members.clone(), voice });
            }
            let groups: Vec<_> = some.iter().map(|place| (place.group, place.owner)).collect();
            split.protect(channel, &groups).await?;
        }
        let members = |corner: &Corner| {
            let group = corner.group;
            corner.subscribers.iter().map(move |user| (group, *user)).collect::<Vec<_>>()
        };
        let record = Record { subscribers: corners.iter().flat_map(members).collect(), ..Record::default() };
        Ok(Self {
            world,
            // Other draws than the plan's.
            rng: StdRng::seed_from_u64(!options.seed),
            mix: mix(options.kind),
            corners,
            waiting: VecDeque::new(),
            warnings: VecDeque::new(),
            named: 0,
            acts: 0,
            record,
        })
    }

    /// What the bot has said: warnings have buttons that can be pressed.
    pub fn hear(&mut self, what: &What) {
        if let What::Tell { chat, message, users, button: Some(button), .. } = what
            && let [user] = users[..]
        {
            self.warnings.push_back((*chat, *message, user, button.clone()));
            if self.warnings.len() > REMEMBERED {
                self.warnings.pop_front();
            }
        }
    }

    /// One of all the things that people do. What Telegram does not let them do is not done.
    pub fn act(&mut self) {
        let act = self.mix.choose_weighted(&mut self.rng, |(_, weight)| *weight).map_or(Act::Post, |(act, _)| *act);
        let n = self.rng.random_range(0..self.corners.len());
        self.acts += 1;
        let done = match act {
            Act::Chat => self.chat(n),
            Act::Post => self.post(n),
            Act::Offend if self.waiting.len() < WAITING => self.offend(n),
            Act::Join if self.waiting.len() < WAITING => self.join(n),
            Act::Subscribe => self.subscribe(),
            Act::Press => self.press(),
            Act::Offend | Act::Join => None,
        };
        if done.is_none() {
            self.post(n);
        }
    }

    fn chat(&mut self, n: usize) -> Option<()> {
        let corner = &self.corners[n];
        let who = *corner.subscribers.choose(&mut self.rng)?;
        let message = self.world.say(corner.group, who, "Good morning!").ok()?;
        self.record.innocent.push((corner.group, message));
        Some(())
    }

    fn post(&mut self, n: usize) -> Option<()> {
        let Corner { group, voice: (person, channel), .. } = self.corners[n];
        let message = self.world.say_as_channel(group, channel, person, "Look at me!").ok()?;
        self.record.posts.push((group, message));
        Some(())
    }

    fn offend(&mut self, n: usize) -> Option<()> {
        let group = self.corners[n].group;
        let name = self.name("Otto");
        let who = self.world.person_in(group, &name);
        let texts = &["Buy this!", "It is cheap!"][..self.rng.random_range(1..=2)];
        let messages = self.world.say_many(group, who, texts).ok()?;
        self.record.offences.extend(messages.iter().map(|message| (group, *message)));
        self.record.offenders.insert((group, who));
        self.waiting.push_back((n, who, messages));
        Some(())
    }

    fn join(&mut self, n: usize) -> Option<()> {
        let group = self.corners[n].group;
        let name = self.name("Joan");
        let who = self.world.person(&name);
        self.world.join(group, who).ok()?;
        self.record.offenders.insert((group, who));
        self.waiting.push_back((n, who, Vec::new()));
        Some(())
    }

    /// The one who has waited longest of those who are muted. What they wrote is gone too: a subscriber's message would stand.
    fn subscribe(&mut self) -> Option<()> {
        let is_done = |(n, who, messages): &(usize, UserId, Vec<MessageId>)| {
            let group = self.corners[*n].group;
            !self.world.can_speak(group, *who)
                && messages.iter().all(|message| self.world.message(group, *message).is_none())
        };
        let (n, who, _) = self.waiting.remove(self.waiting.iter().take(LOOKED_AT).position(is_done)?)?;
        let Corner { group, channel, .. } = self.corners[n];
        self.world.join(channel, who).ok()?;
        self.record.released.insert((group, who));
        Some(())
    }

    fn press(&mut self) -> Option<()> {
        let (chat, message, user, button) = self.warnings.iter().collect::<Vec<_>>().choose(&mut self.rng).copied()?;
        // Whether they hear an answer is read from the ledger.
        self.world.press_forged(*user, *chat, *message, button).ok().map(drop)
    }

    fn name(&mut self, name: &str) -> String {
        self.named += 1;
        format!("{name} {}", self.named)
    }
}

/// How many acts are due, so that the rate is kept over any time.
pub struct Pace {
    rate: f64,
    done: u64,
}

impl Pace {
    pub fn new(rate: u32) -> Self {
        Self { rate: rate.into(), done: 0 }
    }

    /// How many to do now, so long after the beginning.
    pub fn due(&mut self, elapsed: Duration) -> u64 {
        // More than a second's worth at once is a machine that stood still, and no load that anybody asked for.
        let wanted = Duration::from_secs_f64(elapsed.as_secs_f64() * self.rate).as_secs();
        let due = wanted.saturating_sub(self.done);
        self.done = wanted;
        due.min(Duration::from_secs_f64(self.rate).as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept() {
        let mut pace = Pace::new(300);
        let done: u64 = (1..=500).map(|n| pace.due(Duration::from_millis(20 * n))).sum();
        assert_eq!(done, 3000);
        assert_eq!(pace.due(Duration::from_secs(100)), 300, "a pause is not made up for");
    }
}
