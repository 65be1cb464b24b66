//! gmbot in either form on a simulated Telegram: every scenario is played on both, and sees no difference.
//!
//! ```no_run
//! use rstest::rstest;
//! use system_tests::stage::{Form::{self, Split, StandAlone}, Stage};
//!
//! #[rstest]
//! #[tokio::test]
//! async fn a_stranger_is_muted(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
//!     let stage = Stage::open(form).await?;
//!     let corner = stage.protected_group().await?.corner;
//!     let ann = corner.person("Ann");
//!     ann.says(&corner, "hello")?.gone().await?;
//!     ann.muted_in(&corner).await?;
//!     Ok(())
//! }
//! ```

use anyhow::Context as _;
use sqlx::Connection as _;
use telegram_sim::{
    rights::AdminRights,
    simulator::Simulator,
    story::{Story, person::Person, place::Place, said::Said},
    world::seeing::Seen,
};

use crate::{
    process::{Ended, Launch, Process},
    split::Split,
    standalone::Standalone,
    wait::{PATIENCE, wait_for},
};

/// How gmbot runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `gmbot`: one process, SQLite, polling.
    StandAlone,
    /// `gateway` and `worker` over NATS, Postgres and Redis, webhooks.
    Split,
}

/// A running gmbot, its Telegram, and the story that is told there. All end with this value.
pub struct Stage {
    pub story: Story,
    running: Running,
}

enum Running {
    StandAlone(Box<Standalone>),
    Split(Box<Parts>),
}

struct Parts {
    split: Split,
    gateway: Process,
    worker: Process,
}

/// A protected group and the channel that it requires; both are Olga's.
#[derive(Clone, Debug)]
pub struct Protected {
    pub corner: Place,
    pub news: Place,
}

impl Stage {
    /// Starts everything and waits until it serves.
    ///
    /// # Errors
    /// A program or server does not start.
    pub async fn open(form: Form) -> anyhow::Result<Self> {
        Self::open_with(form, &[]).await
    }

    /// The same, with these variables for the program that works (`gmbot`, `worker`).
    ///
    /// # Errors
    /// A program or server does not start.
    pub async fn open_with(form: Form, env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let running = match form {
            Form::StandAlone => Running::StandAlone(Box::new(Standalone::start_with(env).await?)),
            Form::Split => {
                // People here are quicker than people are, and this Telegram minds less.
                let mut split = Split::prepare().await?.worker_env("LIMIT_SEND_PER_GROUP_PER_MIN", "600");
                for (name, value) in env {
                    split = split.worker_env(name, value);
                }
                let (gateway, worker) = split.start().await?;
                Running::Split(Box::new(Parts { split, gateway, worker }))
            }
        };
        Ok(Self { story: running.sim().story(), running })
    }

    /// The simulated Telegram.
    pub fn sim(&self) -> &Simulator {
        self.running.sim()
    }

    /// The process that works: `gmbot`, or the worker.
    pub fn process(&self) -> &Process {
        match &self.running {
            Running::StandAlone(standalone) => &standalone.process,
            Running::Split(parts) => &parts.worker,
        }
    }

    /// Ends that process without a warning.
    ///
    /// # Errors
    /// It had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandAlone(standalone) => standalone.process.kill().await,
            Running::Split(parts) => parts.worker.kill().await,
        }
    }

    /// Asks that process to stop, and gives its exit code.
    ///
    /// # Errors
    /// It had ended before, or does not end.
    pub async fn stop(&mut self) -> anyhow::Result<i32> {
        match &mut self.running {
            Running::StandAlone(standalone) => standalone.process.stop().await,
            Running::Split(parts) => parts.worker.stop().await,
        }
    }

    /// Starts that process again, after it has ended, on what it has kept.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandAlone(standalone) => standalone.start_again().await,
            Running::Split(parts) => {
                parts.worker = parts.split.worker().start().await?;
                Ok(())
            }
        }
    }

    /// An operator's command of the program that works, with its settings: `gmbot …` or `worker …`.
    pub fn command(&self, args: &[&str]) -> Launch {
        let program = match &self.running {
            Running::StandAlone(standalone) => standalone.launch(),
            Running::Split(parts) => parts.split.worker(),
        };
        // The log goes to the same place here as what the command says.
        program.env("RUST_LOG", "error").args(args)
    }

    /// Runs such a command to its end.
    ///
    /// # Errors
    /// It does not end.
    pub async fn runs(&self, args: &[&str]) -> anyhow::Result<Ended> {
        self.command(args).run(PATIENCE).await
    }

    /// What the gateway has printed, if there is one, and the process that works.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let mut lines = self.process().lines_with(text);
        if let Running::Split(parts) = &self.running {
            lines.extend(parts.gateway.lines_with(text));
        }
        lines
    }

    /// A group and a public channel of Olga's, the bot an admin of both, and no `/protect` yet.
    pub fn unprotected_group(&self) -> Protected {
        let number = self.story.world().chats().len();
        let news = self.story.channel(&format!("News {number}")).public(&format!("daily_news_{number}"));
        let corner = self.story.group(&format!("Readers {number}"));
        Protected {
            news: news.with_bot(AdminRights::INVITE_USERS).open(),
            corner: corner.with_bot(AdminRights::MODERATOR).open(),
        }
    }

    /// The same, protected by its owner.
    ///
    /// # Errors
    /// She was not answered as expected.
    pub async fn protected_group(&self) -> anyhow::Result<Protected> {
        let place = self.unprotected_group();
        self.protect(&place.corner, &place.news).await?;
        Ok(place)
    }

    /// So many protected groups, in the order of their ids.
    ///
    /// # Errors
    /// See [`Self::protected_group`].
    pub async fn protected_groups(&self, count: usize) -> anyhow::Result<Vec<Place>> {
        let mut corners = Vec::new();
        for _ in 0..count {
            corners.push(self.protected_group().await?.corner);
        }
        corners.sort_by_key(|corner| corner.id);
        Ok(corners)
    }

    /// The group's owner protects it with the channel.
    ///
    /// # Errors
    /// She was not answered as expected.
    pub async fn protect(&self, corner: &Place, news: &Place) -> anyhow::Result<()> {
        let command = format!("/protect @{}", news.username().context("the channel is private")?);
        let reply = self.ask(&corner.owner(), corner, &command).await?;
        anyhow::ensure!(reply.text.starts_with("Done!"), "{command} was answered with {:?}", reply.text);
        let greets = || self.story.world().bot_messages(corner.id).iter().any(|seen| seen.text.starts_with("Hello! "));
        self.story.until("the greeting to go", || (!greets()).then_some(())).await?;
        Ok(())
    }

    /// Says something to which the bot replies, and gives the first thing it says after it.
    ///
    /// # Errors
    /// They may not say it, or there was no reply.
    pub async fn ask(&self, who: &Person, place: &Place, command: &str) -> anyhow::Result<Seen> {
        let asked = who.says(place, command)?;
        let reply = || {
            let said = self.story.world().bot_messages(place.id);
            said.into_iter().find(|seen| seen.id > asked.id && seen.buttons.is_empty())
        };
        Ok(self.story.until(&format!("a reply to {command:?}"), reply).await?)
    }

    /// Gives the rows of a group to another that has none: what an older version has left behind, and nobody in Telegram can bring about.
    ///
    /// # Errors
    /// The database is away.
    pub async fn give_rows(&self, from: &Place, to: &Place) -> anyhow::Result<()> {
        let sql = "UPDATE protected_groups SET group_id = $1 WHERE group_id = $2";
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                sqlx::query("PRAGMA foreign_keys = ON").execute(&mut database).await?;
                sqlx::query(sql).bind(to.id.0).bind(from.id.0).execute(&mut database).await?;
                database.close().await?;
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                sqlx::query(sql).bind(to.id.0).bind(from.id.0).execute(&mut database).await?;
                database.close().await?;
            }
        }
        Ok(())
    }

    /// Waits until everything that was said in the group so far is decided: messages of a chat are handled in their order, so the answer to
    /// the owner's `/status` comes after them.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn settled(&self, place: &Place) -> anyhow::Result<()> {
        self.ask(&place.owner(), place, "/status").await.map(drop)
    }

    /// A stranger says something in the group, and is punished for it: who they are, and the warning.
    ///
    /// # Errors
    /// They were not.
    pub async fn offender(&self, name: &str, corner: &Place) -> anyhow::Result<(Person, Said)> {
        let who = corner.person(name);
        who.says(corner, "hello")?.gone().await?;
        who.muted_in(corner).await?;
        let warning = corner.bot_mentions(&who).await?;
        Ok((who, warning))
    }

    /// Who presses hears this.
    ///
    /// # Errors
    /// There is no such button, or no answer.
    pub async fn hears(&self, who: &Person, under: &Said, button: &str) -> anyhow::Result<String> {
        Ok(who.presses(under, button).await?.text)
    }

    /// When a question that waits in the database is to be asked, in milliseconds since the Unix epoch; by the beginning of its key.
    ///
    /// # Errors
    /// The database is away.
    pub async fn due_ms(&self, place: &Place, key: &str) -> anyhow::Result<Option<i64>> {
        let key = format!("{key}%");
        Ok(match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                let asked = sqlx::query_scalar("SELECT due_ms FROM tasks WHERE chat_id = ? AND key LIKE ?");
                let due = asked.bind(place.id.0).bind(key).fetch_optional(&mut database).await?;
                database.close().await?;
                due
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                let asked = sqlx::query_scalar("SELECT due_ms FROM tasks WHERE chat_id = $1 AND key LIKE $2");
                let due = asked.bind(place.id.0).bind(key).fetch_optional(&mut database).await?;
                database.close().await?;
                due
            }
        })
    }

    /// The group requires one more channel, with these `params`: all at once, as nobody in Telegram can.
    ///
    /// # Errors
    /// The database is away.
    pub async fn require_too(&self, group: &Place, channel: &Place, params: &str) -> anyhow::Result<()> {
        let channels = "INSERT INTO enforced_channels (channel_id, title, username, invite_link, created_ms, updated_ms) VALUES ($1, $2, $3, $4, 0, 0)";
        let links = "INSERT INTO group_channel_links (group_id, channel_id, position, created_ms, may_invite) VALUES ($1, $2, 1, 0, TRUE)";
        let title = self.story.world().chats().into_iter().find(|chat| chat.id == channel.id);
        let title = title.context("there is no such channel")?.title;
        let link = format!("https://t.me/+channel{}", channel.id.0.unsigned_abs());
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                let channel_row =
                    sqlx::query(channels).bind(channel.id.0).bind(title).bind(channel.username()).bind(link);
                channel_row.execute(&mut database).await?;
                sqlx::query(links).bind(group.id.0).bind(channel.id.0).execute(&mut database).await?;
                database.close().await?;
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                let channel_row =
                    sqlx::query(channels).bind(channel.id.0).bind(title).bind(channel.username()).bind(link);
                channel_row.execute(&mut database).await?;
                sqlx::query(links).bind(group.id.0).bind(channel.id.0).execute(&mut database).await?;
                database.close().await?;
            }
        }
        self.set_params(group, params).await
    }

    /// What this gmbot will ask itself later, by the beginning of its key, it asks now: as if the time had passed.
    ///
    /// # Errors
    /// The database is away.
    pub async fn hurry(&self, key: &str) -> anyhow::Result<()> {
        const SQL: &str = "UPDATE tasks SET due_ms = 0 WHERE key LIKE $1";
        let key = format!("{key}:%");
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                sqlx::query(SQL).bind(key).execute(&mut database).await?;
                database.close().await?;
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                sqlx::query(SQL).bind(key).execute(&mut database).await?;
                database.close().await?;
            }
        }
        Ok(())
    }

    /// Sets `params` of a group as nobody in Telegram can: broken values, or another program's. They hold from the next time the rules are read:
    /// at the latest after `start_again`.
    ///
    /// # Errors
    /// The database is away.
    pub async fn set_params(&self, group: &Place, params: &str) -> anyhow::Result<()> {
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                sqlx::query("UPDATE protected_groups SET params = ? WHERE group_id = ?")
                    .bind(params)
                    .bind(group.id.0)
                    .execute(&mut database)
                    .await?;
                database.close().await?;
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                sqlx::query("UPDATE protected_groups SET params = $1::jsonb WHERE group_id = $2")
                    .bind(params)
                    .bind(group.id.0)
                    .execute(&mut database)
                    .await?;
                database.close().await?;
            }
        }
        Ok(())
    }
}

/// Times in the database, which gmbot compares with its own clock: a test that cannot wait for them moves them.
impl Stage {
    /// What was to be asked later is due now: tasks by their keys, `unwarn:%` or `probe`.
    ///
    /// # Errors
    /// The database is away.
    pub async fn make_due(&self, keys: &str) -> anyhow::Result<u64> {
        self.change("UPDATE tasks SET due_ms = 0 WHERE key LIKE $1", keys).await
    }

    /// A number out of the database: `SELECT COUNT(*) FROM …`.
    ///
    /// # Errors
    /// The database is away.
    pub async fn count(&self, question: &'static str) -> anyhow::Result<i64> {
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                let count = sqlx::query_scalar(question).fetch_one(&mut database).await?;
                database.close().await?;
                Ok(count)
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                let count = sqlx::query_scalar(question).fetch_one(&mut database).await?;
                database.close().await?;
                Ok(count)
            }
        }
    }

    /// Waits until the question is answered with this number.
    ///
    /// # Errors
    /// It is not.
    pub async fn until_count(&self, question: &'static str, wanted: i64) -> anyhow::Result<()> {
        let counted = async || match self.count(question).await {
            Ok(found) if found == wanted => Ok(()),
            Ok(found) => Err(format!("{found} and not {wanted}")),
            Err(error) => Err(format!("{error:#}")),
        };
        wait_for(question, PATIENCE, counted).await
    }

    /// Runs a statement that holds all it needs, as both databases understand it.
    ///
    /// # Errors
    /// The database is away.
    pub async fn execute(&self, statement: &'static str) -> anyhow::Result<()> {
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                sqlx::query(statement).execute(&mut database).await?;
                database.close().await?;
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                sqlx::query(statement).execute(&mut database).await?;
                database.close().await?;
            }
        }
        Ok(())
    }

    /// Runs a statement with one text in it, as both databases understand it; how many rows it changed.
    ///
    /// # Errors
    /// The database is away.
    pub async fn change(&self, statement: &'static str, text: &str) -> anyhow::Result<u64> {
        match &self.running {
            Running::StandAlone(standalone) => {
                let mut database = standalone.database().await?;
                let changed = sqlx::query(statement).bind(text).execute(&mut database).await?.rows_affected();
                database.close().await?;
                Ok(changed)
            }
            Running::Split(parts) => {
                let mut database = parts.split.servers.database.connect().await?;
                let changed = sqlx::query(statement).bind(text).execute(&mut database).await?.rows_affected();
                database.close().await?;
                Ok(changed)
            }
        }
    }
}

impl Running {
    fn sim(&self) -> &Simulator {
        match self {
            Self::StandAlone(standalone) => &standalone.sim,
            Self::Split(parts) => &parts.split.sim,
        }
    }
}
