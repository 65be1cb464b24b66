//! The load: calls that are due at fixed times, whether or not the earlier ones have been answered.
//!
//! Each connection has its own thread and every so-many-th call. A call that waits for the one before it on its
//! connection is late, and its latency counts from when it was due: a stall shows in every call that it held up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use telegram_sim::rights::Permissions;

use crate::world::{Group, Seeded};

const CONNECTIONS: u32 = 32;
const WARM_UP: Duration = Duration::from_millis(300);
/// No answer takes this long, or the run fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// What to call, and on whom; every delete and every answer has something of its own to work on.
pub(crate) struct Calls<'a> {
    groups: &'a [Group],
    presses: Vec<String>,
    answered: AtomicUsize,
    deleted: AtomicUsize,
    restricted: AtomicUsize,
}

pub(crate) struct Outcome {
    /// In ascending order.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) took: Duration,
    pub(crate) refused: usize,
}

/// Reads the presses that wait for an answer, and asks for `chat_member` as a gatekeeping bot does.
pub(crate) fn prepare(seeded: &Seeded) -> anyhow::Result<Calls<'_>> {
    let mut connection = Connection::open(seeded)?;
    let mut presses = Vec::new();
    let mut offset = 0;
    loop {
        let kinds = ["message", "callback_query", "chat_member"];
        let (status, body) =
            connection.call("getUpdates", &json!({ "offset": offset, "limit": 100, "allowed_updates": kinds }))?;
        let reply: Value = serde_json::from_slice(&body)?;
        let updates = reply["result"].as_array().with_context(|| format!("updates: {status} {reply}"))?;
        let Some(last) = updates.last() else {
            break;
        };
        offset = last["update_id"].as_i64().context("an update has an id")? + 1;
        presses.extend(updates.iter().filter_map(|update| update["callback_query"]["id"].as_str()).map(str::to_owned));
    }
    Ok(Calls {
        groups: &seeded.groups,
        presses,
        answered: AtomicUsize::new(0),
        deleted: AtomicUsize::new(0),
        restricted: AtomicUsize::new(0),
    })
}

impl Calls<'_> {
    /// One call out of the mix. The number decides which, in no order that a connection would notice.
    fn call(&self, number: u32) -> (&'static str, Value) {
        let random = usize::try_from(u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33).unwrap_or(0);
        let (random, which) = (random / 20, random % 20);
        let group = &self.groups[random % self.groups.len()];
        let user = group.members[(random / self.groups.len()) % group.members.len()];
        let chat = group.chat;
        match which {
            0..8 => ("getChatMember", json!({ "chat_id": chat, "user_id": user })),
            8..12 => (
                "sendMessage",
                json!({
                    "chat_id": chat,
                    "text": "Please subscribe to the channel first, then press the button.",
                    "reply_markup": { "inline_keyboard": [[
                        { "text": "Subscribe", "url": "https://t.me/newspaper" },
                        { "text": "Verify", "callback_data": "v1:verify" },
                    ]]},
                }),
            ),
            12..15 => {
                // Over all the members once, then over all again the other way.
                let turn = self.restricted.fetch_add(1, Ordering::Relaxed);
                let group = &self.groups[turn % self.groups.len()];
                let member = turn / self.groups.len();
                let user = group.members[member % group.members.len()];
                let muting = (member / group.members.len()).is_multiple_of(2);
                let permissions = if muting { Permissions::none() } else { Permissions::all() };
                ("restrictChatMember", json!({ "chat_id": group.chat, "user_id": user, "permissions": permissions }))
            }
            15..18 => {
                let turn = self.deleted.fetch_add(1, Ordering::Relaxed);
                let group = &self.groups[turn % self.groups.len()];
                let message = group.messages[(turn / self.groups.len()) % group.messages.len()];
                ("deleteMessage", json!({ "chat_id": group.chat, "message_id": message }))
            }
            _ => {
                let turn = self.answered.fetch_add(1, Ordering::Relaxed);
                let press = &self.presses[turn % self.presses.len()];
                ("answerCallbackQuery", json!({ "callback_query_id": press, "text": "Thank you, you may write now." }))
            }
        }
    }
}

/// Makes the calls of so many seconds, each at its time.
pub(crate) fn run(seeded: &Seeded, calls: &Calls<'_>, per_second: u32, length: Duration) -> anyhow::Result<Outcome> {
    let connections: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::open(seeded)).collect::<Result<_, _>>()?;
    let total = u32::try_from(u128::from(per_second) * length.as_millis() / 1000)?;
    let started = Instant::now() + WARM_UP;
    let outcomes: Vec<anyhow::Result<Outcome>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .zip(connections)
            .map(|(first, connection)| {
                let numbers = (first..total).step_by(usize::try_from(CONNECTIONS).unwrap_or(1));
                let due = move |number| started + Duration::from_secs(1) * number / per_second;
                scope.spawn(move || one_connection(connection, calls, numbers.map(|number| (number, due(number)))))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a connection's thread"))).collect()
    });
    let mut all = Outcome { latencies: Vec::new(), took: started.elapsed(), refused: 0 };
    for outcome in outcomes {
        let Outcome { latencies, refused, .. } = outcome?;
        all.latencies.extend(latencies);
        all.refused += refused;
    }
    all.latencies.sort_unstable();
    Ok(all)
}

fn one_connection(
    mut connection: Connection,
    calls: &Calls<'_>,
    due: impl Iterator<Item = (u32, Instant)>,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome { latencies: Vec::new(), took: Duration::ZERO, refused: 0 };
    for (number, due) in due {
        let (method, args) = calls.call(number);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (status, body) = connection.call(method, &args)?;
        outcome.latencies.push(due.elapsed());
        if status != 200 {
            if outcome.refused == 0 {
                eprintln!("{method} {args}: {status} {}", String::from_utf8_lossy(&body));
            }
            outcome.refused += 1;
        }
    }
    Ok(outcome)
}

/// A kept connection that speaks just enough HTTP, so that the load costs little beside what it measures.
struct Connection {
    stream: BufReader<TcpStream>,
    path: String,
    host: String,
}

impl Connection {
    fn open(seeded: &Seeded) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&seeded.address).context("connecting to the simulator")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let (path, host) = (format!("/bot{}", seeded.token), seeded.address.clone());
        Ok(Self { stream: BufReader::new(stream), path, host })
    }

    fn call(&mut self, method: &str, args: &Value) -> anyhow::Result<(u16, Vec<u8>)> {
        let body = args.to_string();
        let request = format!(
            "POST {}/{method} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.path,
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).with_context(|| format!("a status line, not {line:?}"))?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}
