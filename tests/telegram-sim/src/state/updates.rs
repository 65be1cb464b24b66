//! The bot's one queue of updates: ids, kinds, expiry, and its limits.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::delivery_faults::Dice;
use crate::ids::{ChatId, UserId};
use crate::schema::Schema;

macro_rules! kinds {
    ($($variant:ident => $name:literal, $default:literal;)*) => {
        /// A kind of update, as named in `allowed_updates`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($variant,)* }

        impl Kind {
            const ALL: &[(Self, &str, bool)] = &[$((Self::$variant, $name, $default),)*];
        }
    };
}

// Those outside the default set are false. The set of all the names matters even for kinds that do not occur here:
// a list of unknown names only means the default.
kinds! {
    Message => "message", true;
    EditedMessage => "edited_message", true;
    ChannelPost => "channel_post", true;
    EditedChannelPost => "edited_channel_post", true;
    InlineQuery => "inline_query", true;
    ChosenInlineResult => "chosen_inline_result", true;
    CallbackQuery => "callback_query", true;
    ShippingQuery => "shipping_query", true;
    PreCheckoutQuery => "pre_checkout_query", true;
    Poll => "poll", true;
    PollAnswer => "poll_answer", true;
    MyChatMember => "my_chat_member", true;
    ChatMember => "chat_member", false;
    ChatJoinRequest => "chat_join_request", true;
    MessageReaction => "message_reaction", false;
    MessageReactionCount => "message_reaction_count", false;
    ChatBoost => "chat_boost", true;
    RemovedChatBoost => "removed_chat_boost", true;
    BusinessConnection => "business_connection", true;
    BusinessMessage => "business_message", true;
    EditedBusinessMessage => "edited_business_message", true;
    DeletedBusinessMessages => "deleted_business_messages", true;
    PurchasedPaidMedia => "purchased_paid_media", true;
    GuestMessage => "guest_message", true;
    ManagedBot => "managed_bot", true;
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }
}

/// Updates of one queue are delivered one after another; different queues at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum QueueId {
    /// Messages and posts, new and edited, of a chat.
    Chat(ChatId),
    /// Presses of a user.
    Presses(UserId),
    /// What the bot itself is in a chat.
    OwnMembership(ChatId),
    /// What a user is in chats, and asks to be: one queue across all chats.
    Memberships(UserId),
}

#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) queue: QueueId,
    pub(crate) made_ms: i64,
    pub(crate) expires_ms: i64,
    /// The whole object as JSON.
    pub(crate) body: Bytes,
}

/// At most this many updates wait, of this size together; when full the new one is dropped.
const CAPACITY: usize = 100_000;
const CAPACITY_BYTES: usize = 128 << 20;
/// A larger update is never created.
const MAX_UPDATE_BYTES: usize = 512 * 1024;
/// After so long without an update the ids begin anew, anywhere.
const IDS_LIVE_MS: i64 = 7 * 86_400_000;
/// How far back the time of an update's creation and delivery are remembered.
const DELIVERIES_KEPT: usize = 200_000;

/// One try to hand an update to the bot.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Delivery {
    pub update_id: i64,
    /// When the update was made, in milliseconds since 1970; none if it had been dropped by the time of the answer.
    pub made_ms: Option<i64>,
    /// Whose membership it tells of, if that is what it does.
    pub member: Option<UserId>,
    /// Milliseconds since 1970, when the bot's answer was known.
    pub at_ms: i64,
    /// `webhook` or `getUpdates`.
    pub via: &'static str,
    /// The webhook's status (`200`), why there was none, or `sent` and then `confirmed` for getUpdates.
    pub answer: String,
    /// Whether the update is done with by it.
    pub delivered: bool,
}

impl Delivery {
    pub(crate) fn of(
        update: Option<&Update>,
        update_id: i64,
        at_ms: i64,
        via: &'static str,
        answer: String,
        delivered: bool,
    ) -> Self {
        let member = update.and_then(|update| match update.queue {
            QueueId::Memberships(user) => Some(user),
            QueueId::Chat(_) | QueueId::Presses(_) | QueueId::OwnMembership(_) => None,
        });
        Self { update_id, made_ms: update.map(|update| update.made_ms), member, at_ms, via, answer, delivered }
    }
}

pub(crate) struct Updates {
    queue: BTreeMap<i64, Update>,
    bytes: usize,
    next_id: i64,
    last_ms: i64,
    rng: StdRng,
    /// What goes wrong on the way to the bot.
    pub(crate) dice: Dice,
    chat_members: u64,
    /// `None` is the default set.
    allowed: Option<Vec<Kind>>,
    pub(crate) deliveries: VecDeque<Delivery>,
    /// Looks at every update that is made.
    pub(crate) schema: Schema,
}

impl Updates {
    pub(crate) fn new(rng: &mut impl Rng, seed: u64) -> Self {
        Self {
            queue: BTreeMap::new(),
            bytes: 0,
            next_id: random_id(rng),
            last_ms: i64::MAX,
            // Not the draws of the world: they have begun with the first id.
            rng: StdRng::seed_from_u64(!seed),
            dice: Dice::new(seed),
            chat_members: 0,
            allowed: None,
            deliveries: VecDeque::new(),
            schema: Schema::default(),
        }
    }

    pub(crate) fn allows(&self, kind: Kind) -> bool {
        match &self.allowed {
            Some(kinds) => kinds.contains(&kind),
            None => Kind::ALL.iter().any(|(known, _, default)| *known == kind && *default),
        }
    }

    /// Takes a new list: absent or unreadable changes nothing, empty or all unknown means the default.
    pub(crate) fn set_allowed(&mut self, list: Option<&Value>) {
        let Some(Value::Array(names)) = list else {
            return;
        };
        let kinds: Vec<Kind> = Kind::ALL
            .iter()
            .filter(|(_, name, _)| {
                names.iter().any(|wanted| wanted.as_str().is_some_and(|wanted| wanted.eq_ignore_ascii_case(name)))
            })
            .map(|(kind, ..)| *kind)
            .collect();
        let is_default = Kind::ALL.iter().all(|(kind, _, default)| kinds.contains(kind) == *default);
        self.allowed = if kinds.is_empty() || is_default { None } else { Some(kinds) };
    }

    /// The list as getWebhookInfo shows it: not at all when it is the default.
    pub(crate) fn allowed_names(&self) -> Option<Vec<&'static str>> {
        self.allowed.as_ref().map(|kinds| kinds.iter().map(|kind| kind.name()).collect())
    }

    /// Queues an update, unless its kind is not allowed now, it is too old already, or there is no room.
    pub(crate) fn push(&mut self, kind: Kind, queue: QueueId, now_ms: i64, expires_ms: i64, object: &Value) -> bool {
        if !self.allows(kind) || expires_ms <= now_ms || self.is_lost(kind) {
            return false;
        }
        self.drop_expired_head(now_ms);
        if self.queue.len() >= CAPACITY {
            return false;
        }
        if now_ms.saturating_sub(self.last_ms) > IDS_LIVE_MS {
            self.clear();
            self.next_id = random_id(&mut self.rng);
        }
        let update = json!({ "update_id": self.next_id, kind.name(): object });
        self.schema.check_update(&update);
        let body = update.to_string();
        if body.len() > MAX_UPDATE_BYTES || self.bytes + body.len() > CAPACITY_BYTES {
            return false;
        }
        self.bytes += body.len();
        self.queue.insert(self.next_id, Update { queue, made_ms: now_ms, expires_ms, body: body.into() });
        self.next_id += 1;
        self.last_ms = now_ms;
        true
    }

    /// Whether a fault takes the update before it is made.
    fn is_lost(&mut self, kind: Kind) -> bool {
        if kind != Kind::ChatMember {
            return false;
        }
        self.chat_members += 1;
        self.dice.loses(self.chat_members)
    }

    /// Expired updates anywhere would be skipped at delivery; those at the head also make room.
    fn drop_expired_head(&mut self, now_ms: i64) {
        while self.queue.first_key_value().is_some_and(|(_, update)| update.expires_ms <= now_ms) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, update)) = self.queue.pop_first() {
            self.bytes -= update.body.len();
        }
    }

    pub(crate) fn drop_expired(&mut self, now_ms: i64) {
        self.queue.retain(|_, update| update.expires_ms > now_ms);
        self.bytes = self.queue.values().map(|update| update.body.len()).sum();
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Update> {
        self.queue.get(&id)
    }

    pub(crate) fn remove(&mut self, id: i64) {
        if let Some(update) = self.queue.remove(&id) {
            self.bytes -= update.body.len();
        }
    }

    /// The id of the next update that will be made.
    pub(crate) fn next_id(&self) -> i64 {
        self.next_id
    }

    /// The updates from this id on, oldest first.
    pub(crate) fn from(&self, id: i64) -> impl Iterator<Item = (i64, &Update)> {
        self.queue.range(id..).map(|(id, update)| (*id, update))
    }

    /// What `getUpdates` does with its offset: confirms (forgets) what is below it, and says where to read from.
    pub(crate) fn confirm(&mut self, offset: i64, now_ms: i64) -> i64 {
        let tail = self.next_id;
        let head = self.queue.first_key_value().map_or(tail, |(id, _)| *id);
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            while self.queue.len() > keep {
                self.drop_first();
            }
            return self.queue.first_key_value().map_or(tail, |(id, _)| *id);
        }
        let unheard_of = offset > tail + 10 || offset < head - i64::try_from(CAPACITY).unwrap_or(i64::MAX);
        if offset == 0 || unheard_of {
            return head;
        }
        let kept = self.queue.split_off(&offset);
        for (update_id, update) in std::mem::replace(&mut self.queue, kept) {
            self.bytes -= update.body.len();
            let answer = "confirmed".to_owned();
            self.record(Delivery::of(Some(&update), update_id, now_ms, "getUpdates", answer, true));
        }
        offset
    }

    pub(crate) fn record(&mut self, delivery: Delivery) {
        if self.deliveries.len() >= DELIVERIES_KEPT {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }
}

fn random_id(rng: &mut impl Rng) -> i64 {
    rng.random_range(2_000_002..(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: QueueId = QueueId::Chat(ChatId(-1));

    fn with(count: usize) -> (Updates, i64) {
        let mut updates = Updates::new(&mut StdRng::seed_from_u64(1), 1);
        let first = updates.next_id;
        for _ in 0..count {
            assert!(updates.push(Kind::Message, QUEUE, 0, 1000, &json!({})));
        }
        (updates, first)
    }

    #[test]
    fn ids_are_consecutive_from_a_random_start() {
        let (updates, first) = with(3);
        assert!((2_000_002..1 << 30).contains(&first));
        assert_eq!(updates.from(0).map(|(id, _)| id - first).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn the_default_leaves_out_chat_member() {
        let (mut updates, _) = with(0);
        let cases = [
            (json!(["message"]), [true, false, false]),
            (json!([]), [true, true, false]),
            (json!(["chat_member"]), [false, false, true]),
            (json!(["nonsense"]), [true, true, false]),
        ];
        for (list, expected) in cases {
            updates.set_allowed(Some(&list));
            let kinds = [Kind::Message, Kind::MyChatMember, Kind::ChatMember];
            assert_eq!(kinds.map(|kind| updates.allows(kind)), expected, "{list}");
            updates.set_allowed(None);
            assert_eq!(kinds.map(|kind| updates.allows(kind)), expected, "absent keeps {list}");
        }
        assert!(!updates.push(Kind::ChatMember, QUEUE, 0, 1000, &json!({})), "not created when not allowed");
    }

    #[test]
    fn offsets_confirm_what_is_below_them() {
        for (offset_from_first, left, from) in [(0, 5, 0), (2, 3, 2), (5, 0, 5), (15, 0, 15), (16, 5, 0)] {
            let (mut updates, first) = with(5);
            assert_eq!(updates.confirm(first + offset_from_first, 0), first + from, "{offset_from_first}");
            assert_eq!(updates.len(), left, "{offset_from_first}");
        }
        let (mut updates, first) = with(5);
        assert_eq!((updates.confirm(-2, 0), updates.len()), (first + 3, 2));
        assert_eq!((updates.confirm(0, 0), updates.len()), (first + 3, 2));
        assert_eq!((updates.confirm(1, 0), updates.len()), (first + 3, 2), "too far below confirms nothing");
    }

    #[test]
    fn a_full_queue_drops_the_new_update_but_not_before_the_expired() {
        let (mut updates, _) = with(CAPACITY);
        assert!(!updates.push(Kind::Message, QUEUE, 999, 2000, &json!({})));
        assert!(updates.push(Kind::Message, QUEUE, 1000, 2000, &json!({})));
        assert_eq!(updates.len(), 1);
    }

    #[test]
    fn a_queue_is_full_at_128_mib_too_and_takes_none_above_512_kib() {
        let (mut updates, first) = with(3);
        let counted = |updates: &Updates| updates.queue.values().map(|update| update.body.len()).sum::<usize>();
        assert_eq!(updates.bytes, counted(&updates));
        let one = updates.bytes / 3;
        // As if large ones lay before these.
        let large = CAPACITY_BYTES - updates.bytes;
        updates.bytes += large;
        assert!(!updates.push(Kind::Message, QUEUE, 0, 1000, &json!({})));
        updates.remove(first);
        assert!(updates.push(Kind::Message, QUEUE, 0, 1000, &json!({})), "there is room again");
        assert!(!updates.push(Kind::Message, QUEUE, 0, 1000, &json!({})));
        updates.confirm(first + 2, 0);
        updates.confirm(-1, 0);
        assert_eq!((updates.bytes, counted(&updates)), (large + one, one));
        updates.drop_expired(0);
        assert_eq!(updates.bytes, one);
        let too_large = json!({ "text": "x".repeat(MAX_UPDATE_BYTES) });
        assert!(!updates.push(Kind::Message, QUEUE, 0, 1000, &too_large));
    }

    #[test]
    fn what_is_too_old_already_is_never_created() {
        let (mut updates, _) = with(0);
        assert!(!updates.push(Kind::Message, QUEUE, 1000, 1000, &json!({})));
    }

    #[test]
    fn after_a_week_without_updates_the_ids_begin_anew() {
        let week_ms = 7 * 86_400_000;
        let (mut updates, first) = with(1);
        assert!(updates.push(Kind::Message, QUEUE, week_ms, week_ms + 1000, &json!({})));
        assert_eq!(updates.next_id, first + 2, "just a week is not more than one");
        assert!(updates.push(Kind::Message, QUEUE, 2 * week_ms + 1, 3 * week_ms, &json!({})));
        let (id, _) = updates.from(0).next().unwrap_or_else(|| unreachable!("it was just pushed"));
        assert!((2_000_002..1 << 30).contains(&id) && !(first..first + 10).contains(&id), "{id} after {first}");
    }

    #[test]
    fn a_share_of_chat_member_updates_is_lost_without_a_gap_in_the_ids() {
        let (mut updates, first) = with(0);
        updates.set_allowed(Some(&json!(["chat_member", "message"])));
        updates.dice.faults.lose_chat_member = 0.5;
        let made = (0..200).filter(|_| updates.push(Kind::ChatMember, QUEUE, 0, 1000, &json!({}))).count();
        assert!((60..140).contains(&made), "{made} of 200");
        assert!(updates.push(Kind::Message, QUEUE, 0, 1000, &json!({})), "other kinds are not");
        assert!(updates.from(0).map(|(id, _)| id).eq(first..updates.next_id));
    }
}
