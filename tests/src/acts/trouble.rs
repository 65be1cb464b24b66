//! What goes wrong meanwhile, drawn by the seed: Telegram's errors, its silence, and lost updates.

use std::time::Duration;

use rand::{Rng as _, seq::IndexedRandom as _};
use telegram_sim::{
    delivery_faults::DeliveryFaults,
    faults::{Fault, Harm},
    ids::ChatId,
    simulator::Simulator,
};

use super::town::Town;

/// How likely it is that a town meets a new one in a step.
const CHANCE: f64 = 0.06;

/// Lost, repeated and overtaken updates, for everybody.
pub(super) const ON_THE_WAY: DeliveryFaults =
    DeliveryFaults { lose_chat_member: 0.05, repeat: 0.03, hold_back: 0.03, hold_back_ms: 3_000 };

/// Perhaps something goes wrong in this town from now on.
pub(super) fn perhaps(town: &mut Town, sim: &Simulator) {
    if !town.rng.random_bool(CHANCE) {
        return;
    }
    let now_ms = sim.clock().now_ms();
    let lasts = Duration::from_secs(*[1, 3, 10, 40, 300].choose(&mut town.rng).expect("not empty"));
    let kinds: [fn() -> Fault; 9] = [
        Fault::participant_id_invalid,
        || Fault::error(403, "Forbidden: bot is not a member of the chat").on("getChatMember"),
        || Fault::error(500, "Internal Server Error"),
        || Fault::flood(3),
        || Fault::new(Harm::Html502),
        || Fault::new(Harm::Cut),
        Fault::reply_lost,
        || Fault::hang(Duration::from_secs(40)),
        || Fault::latency(Duration::from_secs(4)),
    ];
    let kind = kinds.choose(&mut town.rng).expect("not empty");
    let places: [ChatId; 3] = [town.group, town.group, town.channels[0]];
    let place = *places.choose(&mut town.rng).expect("not empty");
    let fault = kind().in_chat(place);
    let often = match town.rng.random_range(0..3) {
        0 => fault.next(town.rng.random_range(1..4)),
        1 => fault.with_probability(0.5),
        _ => fault,
    };
    let until_ms = now_ms + i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
    sim.fault(often.between(now_ms, until_ms));
    // What met it is tried again for a while.
    town.trouble(now_ms, lasts + Duration::from_secs(120));
}
