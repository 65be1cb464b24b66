//! Requiring a channel: every check, and then everything in one transaction, so that a check that fails leaves nothing behind.

use std::time::Duration;

use shared::ids::{ChannelId, ChatId};

use super::{
    Desk, Stop,
    channel::{Entry, is_invitation},
    named_chat,
};
use crate::{
    enforce::task,
    event::{Author, ChatKind, MessagePosted, Task},
    fence::Fence,
    groups::{Channel, Setting, changed},
    pressed::How,
    store::{
        groups::{ChannelRow, Protect},
        tasks::NewTask,
    },
    telegram::chats::ChatRef,
    texts::{Words, reply, sentences},
};

/// Who wants which channel required where, and how.
pub(crate) struct Wish<'a> {
    pub group: ChatId,
    pub group_title: &'a str,
    pub asker: &'a Author,
    pub channel: ChatRef,
    /// As they wrote it.
    pub named: &'a str,
    pub how: How,
}

impl Desk<'_> {
    /// Whoever wrote the message wants the channel required that they name, or whose forwarded post they reply to. None: they are no admin.
    ///
    /// # Errors
    /// See [`Self::require`].
    pub(crate) async fn protect(
        &self,
        fence: &Fence,
        message: &MessagePosted,
        args: &str,
    ) -> Result<Option<Words>, Stop> {
        if !self.is_admin(message.chat.id, &message.author).await? {
            return self.ask_an_admin(message).await?.map_or(Ok(None), |told| Err(Stop::Say(told)));
        }
        match message.chat.kind {
            ChatKind::Supergroup => {}
            ChatKind::Group | ChatKind::Private | ChatKind::Channel | ChatKind::Unknown => {
                return Err(Stop::say(sentences::BASIC_GROUP));
            }
        }
        let named = args.split_whitespace().next().unwrap_or_default();
        let forwarded = message.replied.as_ref().and_then(|replied| replied.from_channel);
        let channel = named_chat(named, forwarded).ok_or_else(|| {
            Stop::say(if is_invitation(named) { sentences::INVITATION } else { sentences::WHICH_CHANNEL })
        })?;
        let wish = Wish {
            group: message.chat.id,
            group_title: &message.chat.title,
            asker: &message.author,
            channel,
            named,
            how: How::Ask,
        };
        self.require(fence, wish).await.map(Some)
    }

    /// Carries out the wish of an admin; says what holds from now on.
    ///
    /// # Errors
    /// Something stands in the way and is said, or something needed is away.
    pub(crate) async fn require(&self, fence: &Fence, wish: Wish<'_>) -> Result<Words, Stop> {
        let Wish { group, asker, how, .. } = wish;
        let lacking = self.lacking(group).await?;
        if !lacking.is_empty() {
            let again = self.found(wish.channel.clone()).await;
            return Err(Stop::Say(reply::rights_missing(&lacking, again, self.links)));
        }
        let before = self.groups.rules(group).await?;
        // What is only asked about needs no link that nobody would use.
        let entry = |channel: ChannelId| match (how, &before) {
            (How::Ask, Some(rules)) if rules.channel_ids().all(|known| known != channel) => Entry::AsKnown,
            (How::Ask, _) => Entry::Anew,
            (How::Replace | How::Both | How::Either, _) => Entry::AsKnown,
        };
        let channel = self.channel(asker, wish.channel.clone(), wish.named, entry).await?;
        if let (How::Ask, Some(rules)) = (how, &before) {
            self.enforcer.look_if_paused(group, rules).await?;
            let Some(known) = rules.channels.iter().find(|known| known.id == channel.channel) else {
                return Err(Stop::Say(reply::which_way(&rules.channels, &channel.title, channel.channel)));
            };
            let already = reply::protected_already(&channel.title);
            if is_up_to_date(known, &channel) {
                return Err(Stop::say(already));
            }
            // It is called otherwise by now, has become private, or has a new link: its buttons may lead nowhere.
            return self.write(fence, &wish, channel, &[]).await.and(Err(Stop::say(already)));
        }
        // Under another rule some of the muted may be no offenders any more.
        let mut tasks = match how {
            How::Ask | How::Both => Vec::new(),
            How::Replace | How::Either => self.enforcer.judge_all(group).await?,
        };
        if let (How::Replace, Some(rules)) = (how, &before) {
            // What the group was told of a channel that it does not require any more has served.
            let dropped = rules.channel_ids().filter(|id| *id != channel.channel);
            tasks.extend(dropped.map(|channel| task(group, &Task::Notice { channel }, Duration::ZERO)));
        }
        let required = channel.channel;
        self.write(fence, &wish, channel, &tasks).await?;
        if before.is_none() {
            self.enforcer.outgrow_greeting(group).await?;
        }
        tracing::info!(chat.id = group.0, channel.id = required.0, ?how, "protected");
        let rules = self.groups.rules_as_written(group).await?;
        Ok(rules.map_or_else(|| sentences::CHECK_LATER.to_owned(), |rules| reply::protected(&rules)).into())
    }

    /// All rows in one transaction.
    async fn write(&self, fence: &Fence, wish: &Wish<'_>, channel: ChannelRow, tasks: &[NewTask]) -> Result<(), Stop> {
        let (group, how) = (wish.group, wish.how);
        let (owner, owner_username) = self.owner(group, wish.asker).await?;
        let protect = Protect {
            group,
            group_title: wish.group_title.to_owned(),
            owner,
            owner_username,
            channel,
            replaces: how == How::Replace,
            params: self.params(group, how).await?,
        };
        fence.check()?;
        self.store.protect(fence.into(), &protect, tasks).await?;
        self.groups.forget(group).await;
        self.enforcer.bell().ring([fence.shard]);
        if self.store.breaker(protect.channel.channel).await?.is_some() {
            // It has just been seen to be in order.
            self.enforcer.later(protect.channel.channel.into(), &Task::Probe { about: None }, Duration::ZERO).await?;
        }
        Ok(())
    }

    /// The settings with the rule that the button names. A group that has none yet begins with the defaults.
    async fn params(&self, group: ChatId, how: How) -> Result<Option<String>, Stop> {
        let rule = match how {
            How::Ask | How::Replace => return Ok(None),
            How::Both => "all",
            How::Either => "any",
        };
        let row = self.store.group(group).await?;
        Ok(row.and_then(|row| changed(&row.params, Setting::Require, Some(rule))))
    }
}

/// Whether the group knows the channel as it is now, and the way in.
fn is_up_to_date(known: &Channel, now: &ChannelRow) -> bool {
    known.title == now.title
        && known.username == now.username
        && (now.username.is_some() || known.invite_link == now.invite_link)
}
