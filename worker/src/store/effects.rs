//! The one transaction of a batch of offences: marks, mutes, warnings and tasks together, before anything is said to Telegram.

use std::collections::{BTreeMap, BTreeSet};

use shared::ids::{ChannelId, ChatId, UserId};

use super::{
    Store, Tx,
    epochs::Epoch,
    error::StoreError,
    mutes::{self, Mute},
    repeated,
    sql::Value,
    tasks::{self, NewTask},
    warnings::{self, Warning, WarningKind},
};

/// For so long a warning that was given up stands for a warning. Updates of one event come within moments of each other.
const GIVEN_UP_FOR_MS: i64 = 10 * 60 * 1000;

/// What an update had as an effect, and on whom.
#[derive(Clone, Debug)]
pub struct Offence {
    pub user: UserId,
    /// The first name, for texts.
    pub name: String,
    /// None when a person has restricted them already.
    pub mute: Option<NewMute>,
    pub warning: Option<NewWarning>,
    pub mark: EffectMark,
}

#[derive(Clone, Debug)]
pub struct NewMute {
    /// Telegram's `until_date`, in seconds.
    pub until_s: i64,
    /// The restriction that is there now, as JSON, if there is one.
    pub before: Option<String>,
}

#[derive(Clone, Debug)]
pub struct NewWarning {
    pub kind: WarningKind,
    pub thread: Option<i64>,
    pub missing: Vec<ChannelId>,
}

/// Names an update that had an effect (its message id in the queue), so that a redelivery resumes instead of beginning again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectMark(pub String);

/// What stands in the rows now, in the order of the offences.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub user: UserId,
    /// The open mute of this person, whoever wrote it.
    pub mute: Option<Mute>,
    /// This call wrote it, for this offence.
    pub mute_is_new: bool,
    /// The live warning of this person, whoever wanted it.
    pub warning: Option<Warning>,
    /// The update was here before: resume from the rows.
    pub already_marked: bool,
}

impl Store {
    /// Writes what a batch of offences causes, all or nothing. An offence whose update is marked writes nothing; an open mute and a live
    /// warning are never overwritten. Offences of one call may share a mark. The tasks are written with it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available, or a row cannot be read.
    pub async fn record_offences(
        &self,
        epoch: Epoch,
        group: ChatId,
        offences: &[Offence],
        tasks: &[NewTask],
        now_ms: i64,
    ) -> Result<Vec<Recorded>, StoreError> {
        repeated(|| self.try_record_offences(epoch, group, offences, tasks, now_ms)).await
    }

    async fn try_record_offences(
        &self,
        epoch: Epoch,
        group: ChatId,
        offences: &[Offence],
        tasks: &[NewTask],
        now_ms: i64,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut tx = self.begin(epoch).await?;
        let fresh = mark(&mut tx, offences, now_ms).await?;
        let is_fresh = |offence: &&Offence| fresh.contains(&offence.mark.0);
        let new_mutes = add_mutes(&mut tx, group, offences.iter().filter(is_fresh), now_ms).await?;
        let mutes = open_mutes(&mut tx, group, offences).await?;
        let older = mutes.values().filter(|mute| !new_mutes.contains(&mute.id));
        let given_up = given_up(&mut tx, group, older, now_ms).await?;
        let to_warn = offences.iter().filter(is_fresh).filter(|offence| !given_up.contains(&offence.user));
        add_warnings(&mut tx, group, to_warn, now_ms).await?;
        let warnings = live_warnings(&mut tx, group, offences).await?;
        tasks::add(&mut tx, tasks).await?;
        tx.commit().await?;

        let mut announced = BTreeSet::new();
        let recorded = offences.iter().map(|offence| {
            let already_marked = !fresh.contains(&offence.mark.0);
            let mute = mutes.get(&offence.user).cloned();
            let is_new = mute.as_ref().is_some_and(|mute| new_mutes.contains(&mute.id));
            let mute_is_new = is_new && !already_marked && offence.mute.is_some() && announced.insert(offence.user);
            let warning = warnings.get(&offence.user).cloned();
            Recorded { user: offence.user, mute, mute_is_new, warning, already_marked }
        });
        Ok(recorded.collect())
    }

    /// Notes that an update had its effect, where rows of its own do not tell.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn mark(&self, epoch: Epoch, key: &str, now_ms: i64) -> Result<(), StoreError> {
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = tx
                .sql("mark", "INSERT INTO effects (key, at_ms) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
                .bind(key)
                .bind(now_ms);
            tx.run(sql).await?;
            tx.commit().await
        })
        .await
    }

    /// Forgets that an update had its effect: it is to be handled once more. No epoch: an operator does it, from outside of every shard.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn unmark(&self, key: &str) -> Result<(), StoreError> {
        self.run(self.sql("unmark", "DELETE FROM effects WHERE key = $1").bind(key)).await.map(drop)
    }

    /// Which of these updates had an effect.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn marked(&self, keys: &[String]) -> Result<Vec<String>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self.sql("marked", "SELECT key FROM effects WHERE key IN ").list(keys.iter().map(String::as_str));
        self.rows(sql).await?.iter().map(|row| row.text("key")).collect()
    }
}

/// Marks the updates; gives the keys that were not marked before. On Postgres a second transaction with one of these keys waits here until
/// the first has ended, and then sees its rows: so of two that run at once, one records and the other resumes.
async fn mark(tx: &mut Tx<'_>, offences: &[Offence], now_ms: i64) -> Result<BTreeSet<String>, StoreError> {
    // In one order everywhere, so that two transactions do not wait for each other.
    let keys: BTreeSet<&str> = offences.iter().map(|offence| offence.mark.0.as_str()).collect();
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = tx
        .sql("mark_effects", "INSERT INTO effects (key, at_ms) VALUES ")
        .rows(keys.into_iter().map(|key| [key.into(), now_ms.into()]))
        .push(" ON CONFLICT (key) DO NOTHING RETURNING key");
    tx.rows(sql).await?.iter().map(|row| row.text("key")).collect()
}

/// Gives the ids of the rows that were written.
async fn add_mutes<'o>(
    tx: &mut Tx<'_>,
    group: ChatId,
    offences: impl Iterator<Item = &'o Offence>,
    now_ms: i64,
) -> Result<BTreeSet<i64>, StoreError> {
    let mut wanted: BTreeMap<UserId, (&Offence, &NewMute)> = BTreeMap::new();
    for offence in offences {
        if let Some(mute) = &offence.mute {
            wanted.entry(offence.user).or_insert((offence, mute));
        }
    }
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = wanted.into_iter().map(|(user, (offence, mute))| -> [Value; 7] {
        [
            group.into(),
            user.into(),
            offence.name.as_str().into(),
            mutes::MuteState::Pending.as_str().into(),
            mute.until_s.into(),
            mute.before.as_deref().into(),
            now_ms.into(),
        ]
    });
    let sql = tx
        .sql(
            "add_mutes",
            "INSERT INTO mutes (group_id, user_id, name, state, until_s, restriction_before, created_ms) VALUES ",
        )
        .rows(rows)
        .push(" ON CONFLICT (group_id, user_id) WHERE closed_ms IS NULL DO NOTHING RETURNING id");
    tx.rows(sql).await?.iter().map(|row| row.int("id")).collect()
}

async fn add_warnings<'o>(
    tx: &mut Tx<'_>,
    group: ChatId,
    offences: impl Iterator<Item = &'o Offence>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<UserId, (&Offence, &NewWarning)> = BTreeMap::new();
    for offence in offences {
        if let Some(warning) = &offence.warning {
            wanted.entry(offence.user).or_insert((offence, warning));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let rows = wanted.into_iter().map(|(user, (offence, warning))| -> [Value; 8] {
        [
            group.into(),
            user.into(),
            offence.name.as_str().into(),
            warnings::WarningState::Wanted.as_str().into(),
            warning.kind.as_str().into(),
            warning.thread.into(),
            warnings::missing_text(&warning.missing).as_str().into(),
            now_ms.into(),
        ]
    });
    let sql = tx
        .sql(
            "add_warnings",
            "INSERT INTO warnings (group_id, user_id, name, state, kind, thread_id, missing, created_ms) VALUES ",
        )
        .rows(rows)
        .push(" ON CONFLICT (group_id, user_id) WHERE closed_ms IS NULL DO NOTHING");
    tx.run(sql).await.map(|_| ())
}

/// Who of these was warned for this very mute as often as may be, without anybody knowing whether it arrived: another event of the same join
/// or post is no reason to begin anew. Asked only of those who were muted before, which is seldom.
async fn given_up<'m>(
    tx: &mut Tx<'_>,
    group: ChatId,
    muted: impl Iterator<Item = &'m Mute>,
    now_ms: i64,
) -> Result<BTreeSet<UserId>, StoreError> {
    let muted: BTreeMap<UserId, i64> = muted.map(|mute| (mute.user, mute.created_ms)).collect();
    if muted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = tx
        .sql("given_up", "SELECT user_id, created_ms FROM warnings WHERE state = 'lost'")
        .push(" AND group_id = $1 AND closed_ms > $2 AND attempts >= $3 AND user_id IN ")
        .bind(group)
        .bind(now_ms - GIVEN_UP_FOR_MS)
        .bind(warnings::SENT_AT_MOST)
        .list(muted.keys().copied());
    let mut given_up = BTreeSet::new();
    for row in tx.rows(sql).await? {
        let (user, created_ms) = (UserId(row.int("user_id")?), row.int("created_ms")?);
        if muted.get(&user).is_some_and(|muted_ms| created_ms >= *muted_ms) {
            given_up.insert(user);
        }
    }
    Ok(given_up)
}

async fn open_mutes(
    tx: &mut Tx<'_>,
    group: ChatId,
    offences: &[Offence],
) -> Result<BTreeMap<UserId, Mute>, StoreError> {
    if offences.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = tx
        .sql("recorded_mutes", "SELECT ")
        .push(mutes::COLUMNS)
        .push(" FROM mutes WHERE closed_ms IS NULL AND group_id = $1 AND user_id IN ")
        .bind(group)
        .list(users(offences));
    tx.rows(sql).await?.iter().map(|row| mutes::read(row).map(|mute| (mute.user, mute))).collect()
}

async fn live_warnings(
    tx: &mut Tx<'_>,
    group: ChatId,
    offences: &[Offence],
) -> Result<BTreeMap<UserId, Warning>, StoreError> {
    if offences.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = tx
        .sql("recorded_warnings", "SELECT ")
        .push(warnings::COLUMNS)
        .push(" FROM warnings WHERE closed_ms IS NULL AND group_id = $1 AND user_id IN ")
        .bind(group)
        .list(users(offences));
    tx.rows(sql).await?.iter().map(|row| warnings::read(row).map(|warning| (warning.user, warning))).collect()
}

fn users(offences: &[Offence]) -> BTreeSet<UserId> {
    offences.iter().map(|offence| offence.user).collect()
}
