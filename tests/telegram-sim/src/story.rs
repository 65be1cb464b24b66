//! The world told as a story: people and places by their names, acts that read as sentences, and waits for what should follow.
//!
//! ```no_run
//! # async fn tell() -> Result<(), Box<dyn std::error::Error>> {
//! use telegram_sim::{config::SimConfig, rights::AdminRights, simulator::Simulator};
//!
//! let sim = Simulator::start(SimConfig::default()).await?;
//! let story = sim.story();
//! let news = story.channel("Daily News").public("daily_news").with_bot(AdminRights::INVITE_USERS).open();
//! let corner = story.group("Readers' Corner").with_bot(AdminRights::MODERATOR).person("Ann").open();
//! let ann = story.person("Ann");
//! // … a bot is started on sim.api_url(), and then:
//! let hello = ann.says(&corner, "Hello everyone!")?;
//! hello.gone().await?;
//! ann.muted_in(&corner).await?;
//! let warning = corner.bot_mentions(&ann).await?;
//! ann.joins(&news)?;
//! ann.presses(&warning, "I have joined").await?;
//! ann.free_in(&corner).await?;
//! story.calls().of("restrictChatMember").about(&ann).exactly(2)?;
//! # Ok(()) }
//! ```
//!
//! The verbs do at once what a person does, or say why Telegram does not let them. What *becomes* (`gone`, `muted_in`, `free_in`, `bot_says`, …)
//! waits for it with a deadline, and shows the last calls when it does not come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::hub::lock;
use crate::ids::UserId;
use crate::ledger::Calls;
use crate::story::founding::Founding;
use crate::story::person::Person;
use crate::waiting::TimedOut;
use crate::world::World;

pub mod founding;
pub mod person;
pub mod place;
pub mod said;

/// Nothing takes this long, also on a busy machine; whoever waits longer should be told.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cast and what happens to it. Cheap to clone; all clones tell of the same people.
#[derive(Clone)]
pub struct Story {
    pub(crate) world: World,
    cast: Arc<Mutex<HashMap<String, UserId>>>,
}

impl Story {
    pub(crate) fn in_world(world: World) -> Self {
        Self { world, cast: Arc::default() }
    }

    /// Somebody by their first name: the same name is the same person, made when first named.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let id = *lock(&self.cast).entry(name.to_owned()).or_insert_with(|| self.world.person(name));
        Person { story: self.clone(), id, name: name.to_owned() }
    }

    /// A private supergroup, unless it is made public.
    pub fn group(&self, title: &str) -> Founding {
        Founding::of(self, title, founding::Kind::Group)
    }

    /// A supergroup with topics.
    pub fn forum(&self, title: &str) -> Founding {
        Founding::of(self, title, founding::Kind::Forum)
    }

    /// A basic group, which cannot mute anybody.
    pub fn basic_group(&self, title: &str) -> Founding {
        Founding::of(self, title, founding::Kind::BasicGroup)
    }

    /// A private channel, unless it is made public.
    pub fn channel(&self, title: &str) -> Founding {
        Founding::of(self, title, founding::Kind::Channel)
    }

    /// The acts by id, for what no sentence here says.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Every call of the bot so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.world.hub.log(|log| log.after(0))
    }

    /// Waits for anything that changes with the world or the calls.
    ///
    /// # Errors
    ///
    /// It did not come; the error shows the last calls.
    pub async fn until<T>(&self, what: &str, found: impl Fn() -> Option<T>) -> Result<T, TimedOut> {
        self.world.hub.wait(what, PATIENCE, found).await
    }
}
