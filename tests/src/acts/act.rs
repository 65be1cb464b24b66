//! What people do, drawn by the seed: whoever it is, whenever they like. What Telegram does not let them is not done.

use rand::{Rng as _, seq::IndexedRandom as _};
use telegram_sim::{
    ids::UserId,
    rights::{AdminRights, Permissions},
    world::{World, seeing::Seen},
};

use super::town::{Note, Town};

/// One act of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Says,
    Bursts,
    Edits,
    Subscribes,
    Unsubscribes,
    Joins,
    Leaves,
    PressesOwn,
    PressesAnything,
    StartsInPrivate,
    AdminMutes,
    AdminRestrictsPartly,
    AdminLifts,
    AdminBans,
    AdminUnbans,
    AdminPromotes,
    AdminDemotes,
    AdminAllows,
    AdminDisallows,
    AdminDeletes,
    Protects,
    Unprotects,
    UnprotectsWhileTheyTalk,
    AsksForSettings,
    AsksForSetup,
    BotLosesRights,
    BotGetsRights,
    BotIsThrownOut,
    BotLosesChannel,
    BotGetsChannel,
}

/// How often each is drawn.
const WEIGHTS: [(Act, u32); 30] = [
    (Act::Says, 60),
    (Act::Bursts, 10),
    (Act::Edits, 10),
    (Act::Subscribes, 40),
    (Act::Unsubscribes, 25),
    (Act::Joins, 20),
    (Act::Leaves, 10),
    (Act::PressesOwn, 40),
    (Act::PressesAnything, 25),
    (Act::StartsInPrivate, 6),
    (Act::AdminMutes, 8),
    (Act::AdminRestrictsPartly, 6),
    (Act::AdminLifts, 10),
    (Act::AdminBans, 5),
    (Act::AdminUnbans, 8),
    (Act::AdminPromotes, 5),
    (Act::AdminDemotes, 8),
    (Act::AdminAllows, 6),
    (Act::AdminDisallows, 6),
    (Act::AdminDeletes, 4),
    (Act::Protects, 12),
    (Act::Unprotects, 4),
    (Act::UnprotectsWhileTheyTalk, 6),
    (Act::AsksForSettings, 8),
    (Act::AsksForSetup, 4),
    (Act::BotLosesRights, 4),
    (Act::BotGetsRights, 8),
    (Act::BotIsThrownOut, 3),
    (Act::BotLosesChannel, 5),
    (Act::BotGetsChannel, 10),
];

/// The first act of all: the owner protects the group.
pub(super) fn protect(town: &mut Town, world: &World) {
    carry_out(Act::Protects, town, world);
}

/// Draws an act and lets it be done.
pub(super) fn any(town: &mut Town, world: &World) {
    let (act, _) = *WEIGHTS.choose_weighted(&mut town.rng, |(_, weight)| *weight).expect("the weights are not zero");
    carry_out(act, town, world);
}

/// Whatever was taken from the bot is given back.
pub(super) fn make_good(town: &mut Town, world: &World) {
    for act in [Act::BotGetsRights, Act::BotGetsChannel, Act::BotGetsChannel] {
        carry_out(act, town, world);
    }
    for channel in town.channels {
        world.add_bot(channel, AdminRights::INVITE_USERS);
    }
}

#[expect(clippy::too_many_lines, reason = "one short arm for each act")]
fn carry_out(act: Act, town: &mut Town, world: &World) {
    let (group, who, boss) = (town.group, town.somebody(), town.someone_in_charge());
    let channel = usize::from(town.rng.random_bool(0.3));
    let place = town.channels[channel];
    let told = format!("{act:?}: {who}, {boss}, channel {channel}");
    match act {
        Act::Says => {
            town.try_act(world, &told, None, || world.say(group, who, "hello"));
        }
        Act::Bursts => {
            town.try_act(world, &told, None, || world.say_many(group, who, &["one", "two", "three"]));
        }
        Act::Edits => {
            let own = |seen: &Seen| seen.sender == Some(who) && !seen.is_service && !seen.text.starts_with('/');
            let messages = world.messages(group);
            if let Some(message) = messages.iter().rev().find(|seen| own(seen)) {
                let text = format!("{}!", message.text);
                town.try_act(world, &told, None, || world.edit(group, who, message.id, &text));
            }
        }
        Act::Subscribes => {
            town.try_act(world, &told, None, || world.join(place, who));
        }
        Act::Unsubscribes => {
            town.try_act(world, &told, None, || world.leave(place, who));
        }
        Act::Joins => {
            town.try_act(world, &told, None, || world.join(group, who));
        }
        Act::Leaves => {
            town.try_act(world, &told, None, || world.leave(group, who));
        }
        Act::PressesOwn => {
            let mentions = |seen: &&Seen| seen.entities.iter().any(|entity| entity["user"]["id"] == who.0);
            if let Some(warning) = world.bot_messages(group).iter().rev().find(mentions) {
                press(town, world, who, warning);
            }
        }
        Act::PressesAnything => {
            let by = if town.rng.random_bool(0.5) { who } else { boss };
            let messages = world.bot_messages(group);
            if let Some(message) = messages.choose(&mut town.rng) {
                press(town, world, by, message);
            }
        }
        Act::StartsInPrivate => {
            town.try_act(world, &told, None, || world.direct(who, "/start"));
        }
        Act::AdminMutes => {
            town.try_act(world, &told, None, || world.restrict(group, boss, who, Permissions::none(), 0));
        }
        Act::AdminRestrictsPartly => {
            let partly = Permissions::all().without(Permissions::SEND_PHOTOS);
            town.try_act(world, &told, None, || world.restrict(group, boss, who, partly, 0));
        }
        Act::AdminLifts => {
            if world.member(group, who).status == "restricted" {
                town.try_act(world, &told, None, || world.restrict(group, boss, who, Permissions::all(), 0));
            }
        }
        Act::AdminBans => {
            town.try_act(world, &told, None, || world.ban(group, boss, who, 0));
        }
        Act::AdminUnbans => {
            town.try_act(world, &told, None, || world.unban(group, boss, who));
        }
        Act::AdminPromotes => {
            let rights = AdminRights::DELETE_MESSAGES;
            town.try_act(world, &told, None, || world.promote(group, boss, who, rights));
        }
        Act::AdminDemotes => {
            town.try_act(world, &told, None, || world.demote(group, boss, who));
        }
        Act::AdminAllows => {
            town.try_act(world, &told, None, || world.say(group, boss, &format!("/allow {who}")));
        }
        Act::AdminDisallows => {
            town.try_act(world, &told, None, || world.say(group, boss, &format!("/disallow {who}")));
        }
        Act::AdminDeletes => {
            let messages = world.messages(group);
            if let Some(message) = messages.choose(&mut town.rng) {
                town.try_act(world, &told, None, || world.delete(group, boss, message.id));
            }
        }
        Act::Protects => {
            let command = format!("/protect @{}", town.username(channel));
            town.try_act(world, &told, Some(Note::MayProtect), || world.say(group, boss, &command));
        }
        Act::Unprotects => unprotect(town, world, boss, &told),
        Act::UnprotectsWhileTheyTalk => {
            everybody_says(town, world, "before");
            unprotect(town, world, boss, &told);
            everybody_says(town, world, "after");
        }
        Act::AsksForSettings => {
            town.try_act(world, &told, None, || world.say(group, boss, "/settings"));
        }
        Act::AsksForSetup => {
            town.try_act(world, &told, None, || world.say(group, boss, "/setup"));
        }
        Act::BotLosesRights => bot_becomes(town, world, &told, || world.add_bot(group, AdminRights::DELETE_MESSAGES)),
        Act::BotGetsRights => bot_becomes(town, world, &told, || world.add_bot(group, AdminRights::MODERATOR)),
        Act::BotIsThrownOut => bot_becomes(town, world, &told, || world.remove_bot(group)),
        Act::BotLosesChannel => bot_becomes(town, world, &told, || world.take_bot_rights(place)),
        Act::BotGetsChannel => bot_becomes(town, world, &told, || world.add_bot(place, AdminRights::INVITE_USERS)),
    }
}

fn everybody_says(town: &mut Town, world: &World, what: &str) {
    for who in town.people.clone() {
        let group = town.group;
        town.try_act(world, &format!("{who} says {what:?}"), None, || world.say(group, who, what));
    }
}

fn unprotect(town: &mut Town, world: &World, boss: UserId, told: &str) {
    let untroubled = !town.is_troubled(world.now_ms()) && may_all(world, town);
    let group = town.group;
    let said = town.try_act(world, told, None, || world.say(group, boss, "/unprotect"));
    if let (Some(said), true, Some(entry)) = (said, untroubled, town.journal.last_mut()) {
        entry.note = Some(Note::Unprotected(said));
    }
}

fn bot_becomes(town: &mut Town, world: &World, told: &str, act: impl FnOnce()) {
    town.try_act(world, told, None, || {
        act();
        Ok::<(), ()>(())
    });
}

/// The bot is in the group with all that it needs.
fn may_all(world: &World, town: &Town) -> bool {
    world.member(town.group, world.bot()).rights.has(AdminRights::DELETE_MESSAGES | AdminRights::RESTRICT_MEMBERS)
}

/// Presses one of the buttons that come back to the bot.
fn press(town: &mut Town, world: &World, who: UserId, message: &Seen) {
    let buttons: Vec<&str> = message.buttons.iter().flatten().filter_map(|button| button.data.as_deref()).collect();
    let Some(data) = buttons.choose(&mut town.rng).copied() else { return };
    let told = format!("{who} presses {data} under {}", message.id);
    let may_protect = data.starts_with("p1:") || data.starts_with("u1:");
    let note = Note::Pressed { message: message.id, may_protect };
    let group = town.group;
    town.try_act(world, &told, Some(note), || world.press(who, group, message.id, data));
}
