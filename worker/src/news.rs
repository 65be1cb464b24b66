//! What workers tell each other, so that none goes on with what another knows to be over: who has joined or left a channel, which group's
//! rules and which channel's breaker have changed. Told once and to whoever listens: what is missed is found out when its time to live ends.

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use serde::{Deserialize, Serialize};
use shared::ids::{ChannelId, ChatId, UserId};
use tokio::sync::mpsc;

use crate::{breakers::Breakers, groups::Groups, membership::Membership};

/// So much may wait to be told. What does not fit is lost, as on its way.
const WAITING: usize = 4096;

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Item {
    /// A verdict as it is kept in Redis.
    Verdict { user: UserId, channel: ChannelId, verdict: String },
    /// A group's rules have changed.
    Rules(ChatId),
    /// Whether a channel can be asked about has changed.
    Breaker(ChannelId),
}

#[derive(Serialize, Deserialize)]
struct Letter {
    from: String,
    #[serde(flatten)]
    item: Item,
}

/// Tells the other workers; where there are none, nobody.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    to_tell: Option<mpsc::Sender<Item>>,
    lost: Counter,
}

impl News {
    /// A handle, and what is told through it.
    pub(crate) fn new(lost: Counter) -> (Self, mpsc::Receiver<Item>) {
        let (to_tell, told) = mpsc::channel(WAITING);
        (Self { to_tell: Some(to_tell), lost }, told)
    }

    /// Waits for nobody.
    pub(crate) fn tell(&self, item: Item) {
        if let Some(to_tell) = &self.to_tell
            && to_tell.try_send(item).is_err()
        {
            self.lost.inc();
            tracing::debug!("news for the other workers are lost: their memory is as old as its time to live");
        }
    }
}

/// Who takes news of others to heart.
pub(crate) struct Ears {
    /// This worker, whose own news are none.
    pub(crate) me: String,
    pub(crate) membership: Membership,
    pub(crate) groups: Groups,
    pub(crate) breakers: Breakers,
}

impl Ears {
    /// As it goes over the wire.
    pub(crate) fn write(&self, item: Item) -> Bytes {
        let letter = Letter { from: self.me.clone(), item };
        serde_json::to_vec(&letter).expect("news are plain data").into()
    }

    /// What cannot be read was written by a later program, and is as good as missed.
    pub(crate) async fn hear(&self, body: &[u8]) {
        match serde_json::from_slice::<Letter>(body) {
            Ok(Letter { from, .. }) if from == self.me => {}
            Ok(Letter { item: Item::Verdict { user, channel, verdict }, .. }) => {
                self.membership.hear(user, channel, &verdict).await;
            }
            Ok(Letter { item: Item::Rules(group), .. }) => self.groups.drop_rules(group).await,
            Ok(Letter { item: Item::Breaker(channel), .. }) => self.breakers.drop(channel).await,
            Err(err) => tracing::debug!(error = &err as &dyn std::error::Error, "news that this program cannot read"),
        }
    }
}
