//! What the measured process holds: a simulator with people, messages and presses made beforehand.

use std::io::{Read, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use telegram_sim::config::SimConfig;
use telegram_sim::floods::FloodLimits;
use telegram_sim::ids::{ChatId, MessageId, UserId};
use telegram_sim::rights::AdminRights;
use telegram_sim::simulator::Simulator;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Case {
    /// Some groups to work on, with enough messages to delete and presses to answer for the whole run.
    Load { check_schema: bool },
    /// Only members.
    Population { groups: usize, members_each: usize },
}

/// What the load has to know of it: one line of JSON on the process's standard output.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seeded {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) chat: ChatId,
    pub(crate) members: Vec<UserId>,
    pub(crate) messages: Vec<MessageId>,
}

const GROUPS: usize = 100;
const MEMBERS_EACH: usize = 100;

/// Serves until standard input ends, which is when the measuring process ends.
#[tokio::main]
pub(crate) async fn serve(case: Case) -> anyhow::Result<()> {
    let (check_schema, groups, members_each) = match case {
        Case::Load { check_schema } => (check_schema, GROUPS, MEMBERS_EACH),
        Case::Population { groups, members_each } => (false, groups, members_each),
    };
    let simulator = Simulator::start(SimConfig {
        check_schema,
        floods: FloodLimits::off(),
        // All presses are made before the first is answered.
        callback_window: Duration::from_secs(3600),
        ..SimConfig::default()
    })
    .await?;
    let world = simulator.world();
    let mut seeded = Seeded {
        address: simulator.api_url().trim_start_matches("http://").to_owned(),
        token: simulator.token().to_owned(),
        groups: Vec::new(),
    };
    for group in world.seed(groups, members_each, AdminRights::MODERATOR) {
        let mut messages = Vec::new();
        if matches!(case, Case::Load { .. }) {
            // The first message of a group can't be deleted.
            world.say(group.group, group.owner, "Welcome!")?;
            for member in &group.members {
                let message = world.say(group.group, *member, "Good morning, everybody! Is anyone here?")?;
                // Nobody waits for the answer, and it is taken all the same.
                let _press = world.press_forged(*member, group.group, message, "v1:verify")?;
                messages.push(message);
            }
        }
        seeded.groups.push(Group { chat: group.group, members: group.members, messages });
    }
    let mut line = serde_json::to_vec(&seeded)?;
    drop(seeded);
    line.push(b'\n');
    std::io::stdout().write_all(&line)?;
    drop(line);
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    simulator.stop().await;
    Ok(())
}
