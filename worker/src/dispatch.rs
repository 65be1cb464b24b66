//! The one match from events to handlers, and the one from failures to what becomes of an update.

mod commands;
mod presses;
mod together;
mod told;

use std::{collections::BTreeSet, time::Duration};

use shared::{
    envelope::{Envelope, Kind, Source},
    ids::{BotId, ChannelId, ChatId, UserId},
    telemetry::chain,
};
use tokio::time::Instant;
use tracing::Instrument as _;

use self::commands::Asked;
pub(crate) use self::told::Told;
use crate::{
    breakers::Breakers,
    enforce::{Enforcer, Reply},
    event::{ChatKind, Event, Moved, Reader, Task, Unreadable},
    fence::Fence,
    groups::Groups,
    handlers::{
        HandlerError, bot_rights,
        breaker::Watch,
        join, join_request,
        leaving::{self, Sought},
        member::{self, Registry},
        message::{self, Court, Fate, Posted},
        migration,
        tasks::{self, BulkRelease, Review},
    },
    intake::{Handle, Job, settle::Disposition},
    membership::Membership,
    metrics::{HandlerMetrics, IntakeMetrics},
    pressed::Pressed,
    store::{Store, epochs::Epoch, error::StoreError, tasks::TaskRow},
    telegram::{Telegram, budget::Priority, error::Error},
    trial::Trial,
};

/// Everything handlers may be given.
pub(crate) struct Dispatch {
    pub bot: BotId,
    pub reader: Reader,
    pub groups: Groups,
    pub breakers: Breakers,
    pub membership: Membership,
    pub enforcer: Enforcer,
    pub store: Store,
    pub telegram: Telegram,
    pub metrics: HandlerMetrics,
    /// What `/stats` tells of.
    pub intake: IntakeMetrics,
    pub started: Instant,
    pub told: Told,
    /// Who may ask for it.
    pub operators: BTreeSet<UserId>,
}

/// A token that Telegram refuses is mended by an operator, not by asking again soon.
const TOKEN_DEAD_WAIT: Duration = Duration::from_secs(60);

/// When a task that became a dead letter is asked again: what it found may have passed, or another version of the program may read it.
const BURIED_WAIT: Duration = Duration::from_secs(3600);

/// When a task that Telegram's trouble has stopped is asked again: somebody may wait for their release.
const UNREACHABLE_WAIT: Duration = Duration::from_secs(3);

impl Handle for Dispatch {
    async fn handle(&self, fence: &Fence, jobs: &[&Job]) -> Vec<Disposition> {
        let events = self.first_alike(jobs);
        let messages: Vec<Posted<'_>> = events
            .iter()
            .zip(jobs)
            .filter_map(|(event, job)| match event {
                Ok(Event::Message(message)) => Some(Posted { message, update: update_key(&job.envelope) }),
                _ => None,
            })
            .collect();
        match events.first() {
            Some(Ok(Event::Message(_))) => {
                let count = self.judged_together(&messages).await;
                self.messages(fence, &jobs[..count], &messages[..count]).await
            }
            Some(Ok(event)) => vec![self.single(fence, jobs[0], event).await],
            Some(Err(unreadable)) => vec![Disposition::Reject(unreadable.to_string())],
            None => Vec::new(),
        }
    }

    /// Tasks, and presses that ask, need no order: they are asked late or twice without harm. What an admin's press sets holds until somebody
    /// sets something else, whoever that is.
    fn line(&self, envelope: &Envelope) -> Option<Source> {
        match self.reader.read(envelope) {
            _ if envelope.source == Source::Task => None,
            Ok(Event::Press(press)) => Pressed::read(&press.data).filter(Pressed::is_for_all).map(|_| Source::Messages),
            _ => Some(envelope.source),
        }
    }

    /// A task's row would have it published, and buried, every minute.
    async fn buried(&self, fence: &Fence, job: &Job) {
        let Kind::Task { id, .. } = job.envelope.kind else { return };
        let put_off = async {
            let Some(row) = self.store.task(id).await? else { return Ok(()) };
            self.postpone(fence, &row, BURIED_WAIT).await.map(drop)
        };
        let put_off: Result<(), StoreError> = put_off.await;
        if let Err(err) = put_off {
            tracing::warn!(parent: &job.span, error = &err as &dyn std::error::Error, "a buried task will come again at once");
        }
    }
}

impl Dispatch {
    /// What the first jobs are: as many as are messages, or the one that is none.
    fn first_alike(&self, jobs: &[&Job]) -> Vec<Result<Event, Unreadable>> {
        let mut alike = Vec::new();
        for job in jobs {
            let event = self.reader.read(&job.envelope);
            let is_message = matches!(event, Ok(Event::Message(_)));
            if is_message || alike.is_empty() {
                alike.push(event);
            }
            if !is_message {
                break;
            }
        }
        alike
    }

    async fn single(&self, fence: &Fence, job: &Job, event: &Event) -> Disposition {
        let (name, outcome) = match event {
            Event::Message(_) => ("message", Ok(())),
            Event::Ignored(why) => {
                tracing::debug!(parent: &job.span, why, "nothing to do");
                ("ignored", Ok(()))
            }
            Event::Press(press) => {
                let outcome = self.press(fence, press, age(&job.envelope)).instrument(job.span.clone()).await;
                self.metrics.verified("press", &job.envelope);
                ("button", outcome)
            }
            Event::Member(change) => {
                let registry = Registry { bot: self.bot, trial: self.trial(), enforcer: &self.enforcer };
                let update = update_key(&job.envelope);
                let changed = member::on_change(&registry, fence, change, &update);
                ("member", changed.instrument(job.span.clone()).await)
            }
            Event::OwnStanding(change) => {
                let update = update_key(&job.envelope);
                let (groups, enforcer, store) = (&self.groups, &self.enforcer, &self.store);
                let changed = async {
                    match change.chat.kind {
                        ChatKind::Channel => self.watch().on_own_standing(change).await,
                        _ => bot_rights::on_change(groups, enforcer, store, fence, change, &update).await,
                    }
                };
                ("bot_rights", changed.instrument(job.span.clone()).await)
            }
            Event::Moved(moved) => ("migration", self.moved(fence, job, *moved).instrument(job.span.clone()).await),
            Event::Joined(joined) => {
                let (trial, update) = (self.trial(), update_key(&job.envelope));
                let outcome = join::on_join(&trial, &self.enforcer, fence, joined, &update);
                ("join", self.counted(job, outcome.instrument(job.span.clone()).await))
            }
            Event::JoinRequest(asked) => {
                let trial = self.trial();
                let outcome = join_request::on_request(&trial, &self.enforcer, fence, asked);
                ("join_request", self.counted(job, outcome.instrument(job.span.clone()).await))
            }
            Event::Task(task) => {
                let Kind::Task { id, .. } = job.envelope.kind else { return Disposition::Done };
                ("task", self.task(fence, job, id, task).instrument(job.span.clone()).await)
            }
        };
        let outcome = self.unless_moved(fence, job, outcome).await;
        self.settled(name, outcome)
    }

    async fn moved(&self, fence: &Fence, job: &Job, moved: Moved) -> Result<(), HandlerError> {
        let lane = ChatId(job.envelope.routing.0);
        migration::on_moved(&self.groups, &self.enforcer, &self.store, fence, lane, moved).await
    }

    /// Telegram says it too when a basic group has become a supergroup. What was to be done in the old one is past; what is due there goes to
    /// the new one.
    async fn unless_moved(
        &self,
        fence: &Fence,
        job: &Job,
        outcome: Result<(), HandlerError>,
    ) -> Result<(), HandlerError> {
        let old = ChatId(job.envelope.routing.0);
        match outcome {
            Err(HandlerError::Telegram(Error::Migrated { to })) if old.is_basic_group() => {
                self.moved(fence, job, Moved { old, new: to }).instrument(job.span.clone()).await
            }
            outcome => outcome,
        }
    }

    /// Answers for all of them, or up to the first command that does not finish: what was said before it is not said again.
    async fn messages(&self, fence: &Fence, jobs: &[&Job], messages: &[Posted<'_>]) -> Vec<Disposition> {
        let Self { groups, membership, store, telegram, .. } = self;
        let court = Court { groups, membership, store, telegram };
        if let Err(err) = self.leave_if_not_served(fence, messages).await {
            return vec![self.settled("bot_rights", Err(err)); messages.len()];
        }
        let fates = match message::on_messages(&court, &self.enforcer, fence, messages).await {
            Ok(fates) => fates,
            // What was done of a batch is found again in the ledger, so the whole of it may be repeated.
            Err(err) => return vec![self.settled("message", Err(err)); messages.len()],
        };
        let mut dispositions = Vec::with_capacity(messages.len());
        for ((posted, fate), job) in messages.iter().zip(fates).zip(jobs) {
            if let Fate::Held(wait) = fate {
                dispositions.push(Disposition::Wait(Some(wait)));
                break;
            }
            self.metrics.verified(fate.label(), &job.envelope);
            let outcome = match Asked::of(posted.message) {
                Some(asked) if fate.stands() => self.asked(fence, posted, asked).instrument(job.span.clone()).await,
                Some(_) | None => Ok(()),
            };
            let outcome = self.unless_moved(fence, job, outcome).await;
            let disposition = self.settled("message", outcome);
            let unfinished = is_unfinished(&disposition);
            dispositions.push(disposition);
            if unfinished {
                break;
            }
        }
        dispositions
    }

    /// A group that is not in `ALLOWED_GROUPS`: the bot was added while it was, or nobody told that it was added.
    async fn leave_if_not_served(&self, fence: &Fence, messages: &[Posted<'_>]) -> Result<(), HandlerError> {
        let Some(chat) = messages.first().map(|posted| &posted.message.chat) else { return Ok(()) };
        if chat.kind.is_group() && !self.groups.serves(chat.id).await? {
            self.enforcer.review_standing(fence, chat.id).await?;
        }
        Ok(())
    }

    /// Counts what was decided.
    fn counted(&self, job: &Job, outcome: Result<&'static str, HandlerError>) -> Result<(), HandlerError> {
        outcome.map(|label| self.metrics.verified(label, &job.envelope))
    }

    fn trial(&self) -> Trial<'_> {
        let Self { groups, membership, store, telegram, .. } = self;
        Trial { groups, membership, store, telegram }
    }

    fn watch(&self) -> Watch<'_> {
        let Self { bot, groups, breakers, enforcer, store, telegram, .. } = self;
        Watch { bot: *bot, groups, breakers, enforcer, store, telegram }
    }

    /// A task's row goes only when the task is done: until then its shard's owner publishes it again.
    async fn task(&self, fence: &Fence, job: &Job, id: i64, task: &Task) -> Result<(), HandlerError> {
        let Some(row) = self.store.task(id).await? else { return Ok(()) };
        // The row may have got other content while this message of it waited, and is finished with what it holds now.
        let newer = serde_json::from_str::<Task>(&row.body).ok();
        let task = newer.as_ref().unwrap_or(task);
        let chat = ChatId(job.envelope.routing.0);
        if chat.is_basic_group()
            && let Some(new) = self.store.moved_to(chat).await?
        {
            return self.moved(fence, job, Moved { old: chat, new }).await;
        }
        let again = match self.answer(fence, job, task).await {
            // Not in the lane: whoever presses a button would wait behind it, and meanwhile its owner would publish it again and again.
            Err(HandlerError::Telegram(err @ (Error::FloodWait { .. } | Error::Unavailable(_)))) => {
                let wait = if let Error::FloodWait { retry_after, .. } = err { retry_after } else { UNREACHABLE_WAIT };
                let err = HandlerError::Telegram(err);
                self.metrics.failed("task", &err);
                self.told.held("task", &err);
                if !self.postpone(fence, &row, wait).await? {
                    // What was begun has left a later look of its own, which would be too late.
                    self.enforcer.later(chat, task, wait).await?;
                }
                return Ok(());
            }
            // Were it asked again, the answer would be the same until the bot is brought back, which begins everything anew.
            Err(HandlerError::Telegram(err @ Error::ChatInaccessible { .. })) => {
                tracing::info!(
                    error = &err as &dyn std::error::Error,
                    "the bot is not in the chat any more: nothing is done there"
                );
                None
            }
            answered => answered?,
        };
        match again {
            None => self.store.finish_task(fence.into(), id, row.version).await?,
            Some(after) => self.postpone(fence, &row, after).await?,
        };
        Ok(())
    }

    /// False: there is newer content, with a time of its own.
    async fn postpone(&self, fence: &Fence, row: &TaskRow, after: Duration) -> Result<bool, StoreError> {
        let due_ms = shared::clock::now_ms() + i64::try_from(after.as_millis()).unwrap_or(i64::MAX / 2);
        self.store.postpone_task(fence.into(), row.id, row.version, due_ms).await
    }

    /// Says when the question is to be asked again, if it is.
    async fn answer(&self, fence: &Fence, job: &Job, task: &Task) -> Result<Option<Duration>, HandlerError> {
        let chat = ChatId(job.envelope.routing.0);
        let Self { groups, membership, enforcer, store, telegram, .. } = self;
        match task {
            Task::Judge { user, bulk, recheck } => {
                let review = Review { groups, membership, enforcer, store, telegram };
                let priority = if *bulk || *recheck { Priority::P2 } else { Priority::P1 };
                let again = review.judge(fence, chat, *user, priority).await?;
                let Some(after) = again.filter(|_| !recheck) else { return Ok(again) };
                // What made it urgent has had its answer; the later looks have a row of their own.
                enforcer.later(chat, &Task::Judge { user: *user, bulk: false, recheck: true }, after).await?;
            }
            Task::Seek { channel, name, date_s, after } => {
                // The private chat with a person has the person's id.
                let user = UserId(chat.0);
                let sought = Sought { user, channel: *channel, name, date_s: *date_s, after: *after };
                leaving::seek(&self.trial(), enforcer, &sought).await?;
            }
            Task::Left { user, name, date_s } => {
                let outcome = leaving::on_left(&self.trial(), enforcer, fence, chat, *user, name, *date_s).await;
                self.counted(job, outcome)?;
            }
            Task::Admit { user } => {
                return join_request::review(&self.trial(), enforcer, fence, chat, *user).await;
            }
            Task::Progress { message, total, before } => {
                let release = BulkRelease { message: *message, total: *total, before: *before };
                return tasks::progress(store, telegram, fence, chat, &release).await;
            }
            Task::Rename { message } => return enforcer.rename(fence, chat, *message).await,
            Task::Probe { about } => return self.watch().probe(fence, ChannelId(chat.0), *about).await,
            Task::Breaker { channel } => self.watch().follow(chat, *channel).await?,
            Task::Notice { channel } => return self.watch().notice(fence, chat, *channel).await,
            Task::Tell { channel, broken } => return self.watch().tell(fence, chat, *channel, *broken).await,
            Task::Warn => enforcer.warn_together(fence, chat).await?,
            Task::Unwarn { warning } => tasks::unwarn(enforcer, store, fence, *warning).await?,
            Task::Tidy { messages } => enforcer.remove(fence, chat, messages).await?,
            Task::Say { text, topic, tidy, buttons, stay } => {
                let (text, tidy) = (text.clone(), tidy.clone());
                let reply = Reply { text, topic: *topic, tidy, stay: *stay, keyboard: None };
                enforcer.say_at_last(fence, chat, reply, buttons.as_deref()).await?;
            }
            Task::Show { message, text, buttons } => {
                return enforcer.show_at_last(fence, chat, *message, text, buttons.as_deref()).await;
            }
            Task::Fold { message, used_ms } => return enforcer.fold(fence, chat, *message, *used_ms).await,
            Task::Standing => return enforcer.review_standing(fence, chat).await,
            Task::Adopt { from } => {
                let moved = Moved { old: *from, new: chat };
                return migration::adopt(groups, enforcer, store, fence, moved).await;
            }
        }
        Ok(None)
    }

    fn settled(&self, handler: &'static str, outcome: Result<(), HandlerError>) -> Disposition {
        let err = match outcome {
            Ok(()) => return Disposition::Done,
            Err(HandlerError::Telegram(err @ Error::ChatInaccessible { .. })) => {
                tracing::info!(
                    handler,
                    error = &err as &dyn std::error::Error,
                    "the bot is not in the chat any more: nothing is done there"
                );
                return Disposition::Done;
            }
            Err(err) => err,
        };
        let disposition = disposition(&err);
        self.metrics.failed(handler, &err);
        match &disposition {
            Disposition::Abandon => {
                tracing::debug!(handler, error = &err as &dyn std::error::Error, "left for the shard's next owner")
            }
            _ => self.told.held(handler, &err),
        }
        disposition
    }
}

fn is_unfinished(disposition: &Disposition) -> bool {
    match disposition {
        Disposition::Done | Disposition::Reject(_) => false,
        Disposition::Wait(_) | Disposition::Fail(_) | Disposition::Abandon => true,
    }
}

/// A dependency that is down is not the update's fault. What is nobody's known fault counts against the update, so that it cannot stop
/// its chat for ever.
fn disposition(err: &HandlerError) -> Disposition {
    match err {
        HandlerError::Fenced(_) | HandlerError::Store(StoreError::Fenced) => Disposition::Abandon,
        HandlerError::Store(StoreError::Unavailable(_)) => Disposition::Wait(None),
        HandlerError::Store(err @ (StoreError::BadRow { .. } | StoreError::Query(_))) => Disposition::Fail(chain(err)),
        HandlerError::Telegram(Error::FloodWait { retry_after, .. }) => Disposition::Wait(Some(*retry_after)),
        HandlerError::Telegram(Error::Unavailable(_) | Error::OutcomeUnknown(_)) => Disposition::Wait(None),
        HandlerError::Telegram(Error::TokenDead { .. }) => Disposition::Wait(Some(TOKEN_DEAD_WAIT)),
        HandlerError::Telegram(
            err @ (Error::Migrated { .. }
            | Error::ChatInaccessible { .. }
            | Error::MissingRight { .. }
            | Error::CannotWrite { .. }
            | Error::TopicGone
            | Error::OnlySupergroups
            | Error::UserUnknown
            | Error::UserIsAdmin
            | Error::UserUnreachable
            | Error::MessageGone
            | Error::MessageStays
            | Error::NotModified
            | Error::QueryTooOld
            | Error::RequestSettled
            | Error::Other { .. }),
        ) => Disposition::Fail(chain(err)),
    }
}

/// What an update's effects are marked with.
fn update_key(envelope: &Envelope) -> String {
    shared::subject::message_id(envelope.bot, &envelope.kind)
}

fn age(envelope: &Envelope) -> Duration {
    let ms = shared::clock::now_ms() - envelope.received_ms;
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl From<&Fence> for Epoch {
    fn from(fence: &Fence) -> Self {
        Self { shard: fence.shard, number: fence.epoch }
    }
}
