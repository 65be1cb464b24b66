//! Groups, the channels they require, and who is allowed in spite of that.

use std::collections::BTreeMap;

use shared::ids::{ChannelId, ChatId, UserId};

use super::{
    Store, Tx,
    epochs::Epoch,
    error::StoreError,
    repeated,
    sql::{Row, Sql},
    tasks::{self, NewTask},
};

/// A group as it was set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    pub group: ChatId,
    pub owner: UserId,
    pub title: String,
    pub enabled: bool,
    /// JSON text, an object; what is in it is for its reader to judge.
    pub params: String,
    /// In the order in which they were required.
    pub channels: Vec<ChannelRow>,
    /// Ids of users and of channels that post.
    pub allowed: Vec<i64>,
    /// What the bot has last said of its own standing there.
    pub said: Option<String>,
}

/// A channel that at least one group requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    pub channel: ChannelId,
    pub title: String,
    pub username: Option<String>,
    /// Of a group's channels: if an admin of the channel has required it there.
    pub invite_link: Option<String>,
    /// Why its breaker is open, if it is.
    pub broken: Option<String>,
}

/// What `/protect` decided.
#[derive(Clone, Debug)]
pub struct Protect {
    pub group: ChatId,
    pub group_title: String,
    /// Who answers for the protection: the last one who asked for it.
    pub owner: UserId,
    pub owner_username: Option<String>,
    /// Its `broken` is not written. Without an invite link the known one stays; with one, the group may hand it out.
    pub channel: ChannelRow,
    /// In the place of all that were required before, and not beside them.
    pub replaces: bool,
    /// The settings from then on, JSON text; None: as before.
    pub params: Option<String>,
}

/// What is left of a group's protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprotected {
    pub enabled: bool,
}

impl Store {
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn group(&self, group: ChatId) -> Result<Option<GroupRow>, StoreError> {
        let sql = self
            .sql("group", "SELECT g.owner_id, g.title, CASE WHEN g.enabled THEN 1 ELSE 0 END AS enabled,")
            .push(" CAST(g.params AS TEXT) AS params, c.channel_id, c.title AS channel_title, c.username,")
            .push(" CASE WHEN l.may_invite THEN c.invite_link END AS invite_link,")
            .push(
                " b.reason, s.said FROM protected_groups g LEFT JOIN group_channel_links l ON l.group_id = g.group_id",
            )
            .push(" LEFT JOIN enforced_channels c ON c.channel_id = l.channel_id")
            .push(" LEFT JOIN channel_breakers b ON b.channel_id = l.channel_id")
            .push(" LEFT JOIN bot_standings s ON s.group_id = g.group_id")
            .push(" WHERE g.group_id = $1 ORDER BY l.position, l.id")
            .bind(group);
        let rows = self.rows(sql).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut found = GroupRow {
            group,
            owner: UserId(first.int("owner_id")?),
            title: first.text("title")?,
            enabled: first.int("enabled")? != 0,
            params: first.text("params")?,
            channels: rows.iter().filter_map(|row| channel(row).transpose()).collect::<Result<_, _>>()?,
            allowed: Vec::new(),
            said: first.maybe_text("said")?,
        };
        let sql = self
            .sql("allowed", "SELECT subject_id FROM allowed_users WHERE group_id = $1 ORDER BY subject_id")
            .bind(group);
        for row in self.rows(sql).await? {
            found.allowed.push(row.int("subject_id")?);
        }
        Ok(Some(found))
    }

    /// Protects the group by one more channel, or by this one alone; the channels of a protection that has ended do not stay. The tasks are
    /// written with it; all rows or none.
    ///
    /// # Errors
    /// [`StoreError::BadRow`] when the settings are no JSON object, [`StoreError::Fenced`], or the database is not available.
    pub async fn protect(&self, epoch: Epoch, protect: &Protect, tasks: &[NewTask]) -> Result<(), StoreError> {
        repeated(|| self.try_protect(epoch, protect, tasks)).await
    }

    async fn try_protect(&self, epoch: Epoch, protect: &Protect, tasks: &[NewTask]) -> Result<(), StoreError> {
        let Protect { group, owner, channel, .. } = protect;
        let mut tx = self.begin(epoch).await?;
        let sql = tx
            .sql("protect_owner", "INSERT INTO owners (user_id, username, created_ms, updated_ms)")
            .push(" VALUES ($1, $2, {now_ms}, {now_ms})")
            .push(" ON CONFLICT (user_id) DO UPDATE SET username = excluded.username, updated_ms = excluded.updated_ms")
            .bind(*owner)
            .bind(protect.owner_username.as_deref());
        tx.run(sql).await?;
        let sql = tx
            .sql("protect_anew", "DELETE FROM group_channel_links WHERE group_id = $1 AND EXISTS")
            .push(" (SELECT 1 FROM protected_groups g WHERE g.group_id = $1 AND NOT g.enabled)")
            .bind(*group);
        tx.run(sql).await?;
        let sql = tx
            .sql(
                "protect_group",
                "INSERT INTO protected_groups (group_id, owner_id, title, enabled, created_ms, updated_ms)",
            )
            .push(" VALUES ($1, $2, $3, $4, {now_ms}, {now_ms}) ON CONFLICT (group_id) DO UPDATE SET")
            .push(" owner_id = excluded.owner_id, title = excluded.title, enabled = excluded.enabled,")
            .push(" updated_ms = excluded.updated_ms")
            .bind(*group)
            .bind(*owner)
            .bind(protect.group_title.as_str())
            .bind(true);
        tx.run(sql).await?;
        let sql = tx
            .sql("protect_channel", "INSERT INTO enforced_channels")
            .push(" (channel_id, title, username, invite_link, created_ms, updated_ms)")
            .push(" VALUES ($1, $2, $3, $4, {now_ms}, {now_ms}) ON CONFLICT (channel_id) DO UPDATE SET")
            .push(" title = excluded.title, username = excluded.username,")
            .push(" invite_link = COALESCE(excluded.invite_link, enforced_channels.invite_link),")
            .push(" updated_ms = excluded.updated_ms")
            .bind(channel.channel)
            .bind(channel.title.as_str())
            .bind(channel.username.as_deref())
            .bind(channel.invite_link.as_deref());
        tx.run(sql).await?;
        if protect.replaces {
            let sql = tx
                .sql("protect_unlink", "DELETE FROM group_channel_links WHERE group_id = $1 AND channel_id <> $2")
                .bind(*group)
                .bind(channel.channel);
            tx.run(sql).await?;
        }
        let sql = tx
            .sql(
                "protect_link",
                "INSERT INTO group_channel_links (group_id, channel_id, position, created_ms, may_invite)",
            )
            .push(" SELECT $1, $2, COALESCE(MAX(position) + 1, 0), {now_ms}, $3 FROM group_channel_links")
            .push(" WHERE group_id = $1 ON CONFLICT (group_id, channel_id) DO UPDATE")
            .push(" SET may_invite = group_channel_links.may_invite OR excluded.may_invite")
            .bind(*group)
            .bind(channel.channel)
            .bind(channel.invite_link.is_some());
        tx.run(sql).await?;
        if let Some(params) = &protect.params {
            let sql = write_params(&tx, *group, &storable(params)?);
            tx.run(sql).await?;
        }
        tasks::add(&mut tx, tasks).await?;
        tx.commit().await
    }

    /// Takes one required channel away, or all of them; without any the group is no longer protected. Its settings stay. The tasks are
    /// written with it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn unprotect(
        &self,
        epoch: Epoch,
        group: ChatId,
        channel: Option<ChannelId>,
        tasks: &[NewTask],
    ) -> Result<Unprotected, StoreError> {
        repeated(|| self.try_unprotect(epoch, group, channel, tasks)).await
    }

    async fn try_unprotect(
        &self,
        epoch: Epoch,
        group: ChatId,
        channel: Option<ChannelId>,
        tasks: &[NewTask],
    ) -> Result<Unprotected, StoreError> {
        let mut tx = self.begin(epoch).await?;
        let sql = match channel {
            Some(channel) => tx
                .sql("unprotect_link", "DELETE FROM group_channel_links WHERE group_id = $1 AND channel_id = $2")
                .bind(group)
                .bind(channel),
            None => tx.sql("unprotect_links", "DELETE FROM group_channel_links WHERE group_id = $1").bind(group),
        };
        tx.run(sql).await?;
        let sql = tx
            .sql("unprotect_group", "UPDATE protected_groups SET updated_ms = {now_ms}, enabled = enabled AND EXISTS")
            .push(" (SELECT 1 FROM group_channel_links l WHERE l.group_id = protected_groups.group_id)")
            .push(" WHERE group_id = $1 RETURNING CASE WHEN enabled THEN 1 ELSE 0 END AS enabled")
            .bind(group);
        let enabled = tx.row(sql).await?.map_or(Ok(0), |row| row.int("enabled"))? != 0;
        tasks::add(&mut tx, tasks).await?;
        tx.commit().await?;
        Ok(Unprotected { enabled })
    }

    /// Switches a group's protection on or off. False when there is no such group.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the database is not available.
    pub async fn set_enabled(&self, epoch: Epoch, group: ChatId, enabled: bool) -> Result<bool, StoreError> {
        let tx = self.begin(epoch).await?;
        let sql = tx
            .sql("set_enabled", "UPDATE protected_groups SET enabled = $2, updated_ms = {now_ms} WHERE group_id = $1")
            .bind(group)
            .bind(enabled);
        changed_one(tx, sql).await
    }

    /// Replaces a group's settings. The tasks are written with it. False when there is no such group.
    ///
    /// # Errors
    /// [`StoreError::BadRow`] when the text is no JSON object, [`StoreError::Fenced`], or the database is not available.
    pub async fn set_params(
        &self,
        epoch: Epoch,
        group: ChatId,
        params: &str,
        tasks: &[NewTask],
    ) -> Result<bool, StoreError> {
        let params = storable(params)?;
        repeated(async || {
            let mut tx = self.begin(epoch).await?;
            let sql = write_params(&tx, group, &params);
            let changed = tx.run(sql).await? > 0;
            if changed {
                tasks::add(&mut tx, tasks).await?;
            }
            tx.commit().await?;
            Ok(changed)
        })
        .await
    }

    /// The invite link by which people join a channel, if one is known.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn channel_link(&self, channel: ChannelId) -> Result<Option<String>, StoreError> {
        let sql =
            self.sql("channel_link", "SELECT invite_link FROM enforced_channels WHERE channel_id = $1").bind(channel);
        self.row(sql).await?.map_or(Ok(None), |row| row.maybe_text("invite_link"))
    }

    /// Remembers the invite link of a channel, or forgets a revoked one.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn set_channel_link(&self, channel: ChannelId, link: Option<&str>) -> Result<(), StoreError> {
        let sql = self
            .sql("set_channel_link", "UPDATE enforced_channels SET invite_link = $2, updated_ms = {now_ms}")
            .push(" WHERE channel_id = $1")
            .bind(channel)
            .bind(link);
        self.run(sql).await.map(|_| ())
    }

    /// A page of the groups that are protected now and require this channel: those after `after`, in ascending order of id.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn groups_requiring_after(
        &self,
        channel: ChannelId,
        after: Option<ChatId>,
        limit: i64,
    ) -> Result<Vec<ChatId>, StoreError> {
        let sql = self
            .sql("groups_requiring_after", "SELECT l.group_id FROM group_channel_links l")
            .push(" JOIN protected_groups g ON g.group_id = l.group_id")
            .push(" WHERE l.channel_id = $1 AND l.group_id > $2 AND g.enabled ORDER BY l.group_id LIMIT $3")
            .bind(channel)
            .bind(after.map_or(i64::MIN, |group| group.0))
            .bind(limit);
        self.rows(sql).await?.iter().map(|row| row.int("group_id").map(ChatId)).collect()
    }

    /// The groups that are protected now and require this channel.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn groups_requiring(&self, channel: ChannelId) -> Result<Vec<ChatId>, StoreError> {
        let sql = self
            .sql("groups_requiring", "SELECT l.group_id FROM group_channel_links l")
            .push(" JOIN protected_groups g ON g.group_id = l.group_id")
            .push(" WHERE l.channel_id = $1 AND g.enabled ORDER BY l.group_id")
            .bind(channel);
        self.rows(sql).await?.iter().map(|row| row.int("group_id").map(ChatId)).collect()
    }
}

fn write_params(tx: &Tx<'_>, group: ChatId, params: &str) -> Sql {
    tx.sql("set_params", "UPDATE protected_groups SET params = CAST($2 AS {json}), updated_ms = {now_ms}")
        .push(" WHERE group_id = $1")
        .bind(group)
        .bind(params)
}

async fn changed_one(mut tx: Tx<'_>, sql: Sql) -> Result<bool, StoreError> {
    let changed = tx.run(sql).await? > 0;
    tx.commit().await?;
    Ok(changed)
}

/// The channel of a joined row; a group without channels has one row with none.
fn channel(row: &Row) -> Result<Option<ChannelRow>, StoreError> {
    let Some(channel) = row.maybe_int("channel_id")? else { return Ok(None) };
    Ok(Some(ChannelRow {
        channel: ChannelId(channel),
        title: row.text("channel_title")?,
        username: row.maybe_text("username")?,
        invite_link: row.maybe_text("invite_link")?,
        broken: row.maybe_text("reason")?,
    }))
}

/// Settings as both databases take them: one object, and no NUL, which Postgres refuses in JSON even as `\u0000`.
fn storable(params: &str) -> Result<String, StoreError> {
    let mut object: BTreeMap<String, serde_json::Value> = serde_json::from_str(params)
        .map_err(|_| StoreError::BadRow { what: "settings that are no JSON object".to_owned() })?;
    object = object.into_iter().map(|(name, value)| (name.replace('\0', ""), without_nul(value))).collect();
    serde_json::to_string(&object).map_err(|err| StoreError::Query(sqlx::Error::Encode(err.into())))
}

fn without_nul(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as V;
    match value {
        V::String(text) => V::String(text.replace('\0', "")),
        V::Array(items) => V::Array(items.into_iter().map(without_nul).collect()),
        V::Object(map) => V::Object(map.into_iter().map(|(k, v)| (k.replace('\0', ""), without_nul(v))).collect()),
        V::Null | V::Bool(_) | V::Number(_) => value,
    }
}
