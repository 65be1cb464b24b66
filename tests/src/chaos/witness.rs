//! What the bot did, as the simulated Telegram saw it: effects that people notice, and whose they were.

use std::{collections::HashMap, net::IpAddr};

use serde_json::Value;
use telegram_sim::{
    ids::{ChatId, MessageId, UserId},
    ledger::{Call, Calls},
};

/// Workers call from 127.0.1.1, 127.0.1.2 and so on.
pub const WORKERS_NET: [u8; 3] = [127, 0, 1];

/// One call that was answered with yes, or a press that could not be answered.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The ledger's: in the order of the answers.
    pub number: u64,
    pub at_ms: i64,
    pub done_ms: i64,
    pub worker: Option<usize>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Delete {
        chat: ChatId,
        messages: Vec<MessageId>,
    },
    Mute {
        chat: ChatId,
        user: UserId,
        until: i64,
    },
    Release {
        chat: ChatId,
        user: UserId,
    },
    /// A message that names people.
    Tell {
        chat: ChatId,
        message: MessageId,
        users: Vec<UserId>,
        /// How many it tells without their names: "and 3 others".
        others: usize,
        button: Option<String>,
    },
    /// A message of the bot's names other people than before.
    Rename {
        chat: ChatId,
        message: MessageId,
        users: Vec<UserId>,
        others: usize,
    },
    Answer {
        query: String,
        seen: bool,
    },
}

impl What {
    pub fn chat(&self) -> Option<ChatId> {
        match self {
            Self::Delete { chat, .. }
            | Self::Mute { chat, .. }
            | Self::Release { chat, .. }
            | Self::Tell { chat, .. }
            | Self::Rename { chat, .. } => Some(*chat),
            Self::Answer { .. } => None,
        }
    }
}

/// A call of any kind that a worker made, whatever the answer: for what a woken one does.
#[derive(Clone, Debug)]
pub struct Made {
    pub at_ms: i64,
    pub worker: usize,
    pub chat: ChatId,
    pub user: Option<UserId>,
    pub method: String,
}

/// All that was seen so far.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    pub effects: Vec<Effect>,
    pub made: Vec<Made>,
    read_up_to: u64,
    /// When each worker last had an effect.
    pub last_ms: HashMap<usize, i64>,
}

impl Witness {
    /// Begins after this call of the ledger.
    pub fn after(number: u64) -> Self {
        Self { read_up_to: number, ..Self::default() }
    }

    /// Up to which call of the ledger it has read.
    pub fn read_up_to(&self) -> u64 {
        self.read_up_to
    }

    /// Takes in calls after [`Self::read_up_to`]; gives how many effects there were before.
    pub fn read(&mut self, calls: &Calls) -> usize {
        let before = self.effects.len();
        for call in calls {
            self.read_up_to = call.number;
            let worker = worker(call);
            if let (Some(worker), Some(chat)) = (worker, call.chat()) {
                self.made.push(Made {
                    at_ms: call.at_ms,
                    worker,
                    chat,
                    user: call.user(),
                    method: call.method.clone(),
                });
            }
            let Some(what) = what(call) else { continue };
            if let Some(worker) = worker {
                self.last_ms.insert(worker, call.at_ms);
            }
            let done_ms = call.at_ms + call.took_ms;
            self.effects.push(Effect { number: call.number, at_ms: call.at_ms, done_ms, worker, what });
        }
        before
    }
}

fn worker(call: &Call) -> Option<usize> {
    let IpAddr::V4(from) = call.peer?.ip() else { return None };
    let [a, b, c, number] = from.octets();
    if [a, b, c] == WORKERS_NET { usize::from(number).checked_sub(1) } else { None }
}

fn what(call: &Call) -> Option<What> {
    if call.method == "answerCallbackQuery" {
        return Some(What::Answer { query: call.text_arg("callback_query_id").to_owned(), seen: call.is_ok() });
    }
    if !call.is_ok() {
        return None;
    }
    let chat = call.chat()?;
    let number = |name: &str| call.args.get(name).and_then(Value::as_i64);
    match call.method.as_str() {
        "deleteMessage" => Some(What::Delete { chat, messages: vec![MessageId(number("message_id")?)] }),
        "deleteMessages" => {
            let ids = call.args.get("message_ids")?.as_array()?;
            Some(What::Delete { chat, messages: ids.iter().filter_map(Value::as_i64).map(MessageId).collect() })
        }
        "restrictChatMember" => {
            let user = call.user()?;
            let may_speak = call.args.get("permissions")?["can_send_messages"] == true;
            Some(if may_speak {
                What::Release { chat, user }
            } else {
                What::Mute { chat, user, until: number("until_date").unwrap_or_default() }
            })
        }
        "sendMessage" => {
            let message = MessageId(call.result()["message_id"].as_i64()?);
            let users = named(call);
            (!users.is_empty()).then(|| What::Tell { chat, message, users, others: others(call), button: button(call) })
        }
        "editMessageText" => {
            let message = MessageId(number("message_id")?);
            Some(What::Rename { chat, message, users: named(call), others: others(call) })
        }
        _ => None,
    }
}

/// Whom a text mentions.
fn named(call: &Call) -> Vec<UserId> {
    let entities = call.args.get("entities").and_then(Value::as_array);
    entities.into_iter().flatten().filter_map(|entity| entity["user"]["id"].as_i64()).map(UserId).collect()
}

/// How many more people a text tells: "and 3 others".
pub fn others(call: &Call) -> usize {
    let counted = |rest: &str| {
        let (count, rest) = rest.split_once(' ')?;
        if rest.starts_with("other") { count.parse().ok() } else { None }
    };
    call.text_arg("text").split(" and ").find_map(counted).unwrap_or(0)
}

/// The data of the first button that is no link.
fn button(call: &Call) -> Option<String> {
    let rows = call.args.get("reply_markup")?["inline_keyboard"].as_array()?;
    let buttons = rows.iter().filter_map(Value::as_array).flatten();
    buttons.filter_map(|button| button["callback_data"].as_str()).map(str::to_owned).next()
}
