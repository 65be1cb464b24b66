//! A model of who owns a shard and who may act for it, small enough that every interleaving of it is searched.
//!
//! One shard, a few updates of one or two chats, two workers (three in the deep search), one queue server and one database. Any step of any of
//! them may come next, and a bounded number of faults: a freeze, a kill, a cut connection, a restart of the server, a lost delivery, a hand-over.
//! The rules are those of shared/src/queue/jetstream/{lease,deliveries,peers}.rs, worker/src/intake/ownership, worker/src/fence.rs and
//! worker/src/store/epochs.rs. `rules.rs` lists those that can be taken away; for each of them a test here finds what goes wrong without it.
//!
//! What is left out:
//! - **Clocks.** A deadline is only known to pass before the lease runs out; how long anything takes is not modelled. That the living notice a
//!   broken connection before they are asked for the second time (100 ms) is taken for granted, see `probe_twice`.
//! - **Who should own what.** Anybody may take a free lease at any time, and a hand-over may come at any time: shares, announcements and what a
//!   worker has seen of the others decide only when that happens.
//! - **Renewals** that succeed at once: they are as if the lease lasted longer. Only those that take their time are steps.
//! - **What a lane does besides**: batches, ranks, retries, suspects. An update is a row before its effect, the call, the closed row, the ack.
//!   Lanes of a period that was cut short end with the call that is in flight.
//! - **Several shards.** No rule of one reads anything of another.
//! - **Losing the store** of the queue's server, or the lease bucket alone.
//!
//! Workers are the same but for their place in the list, and the list is sorted after each step: in the steps that lead to something wrong the
//! numbers of two workers may change places.
//!
//! `cargo test -p system-tests --test model` takes some thirty seconds of one core; `-- --ignored` goes deeper, for minutes.

mod effects;
mod rules;
mod search;
mod state;
mod steps;

use std::time::Duration;

use rstest::rstest;

use rules::{ALL, Rules, Update, World, poison, update};
use search::{Found, search};
use state::{Faults, Wrong};

const ONE: &[Update] = &[update(1)];
const TWO: &[Update] = &[update(1), update(1)];
const TWO_CHATS: &[Update] = &[update(1), poison(2)];
const THREE: &[Update] = &[update(1), poison(2), update(1)];

const NO_FAULTS: Faults =
    Faults { together: 0, freezes: 0, kills: 0, cuts: 0, restarts: 0, losses: 0, hand_overs: 0, renewals: 0 };
const FREEZE: Faults = Faults { together: 1, freezes: 1, ..NO_FAULTS };
const KILL: Faults = Faults { together: 1, kills: 1, ..NO_FAULTS };
const CUT: Faults = Faults { together: 1, cuts: 1, ..NO_FAULTS };
const RESTART: Faults = Faults { together: 1, restarts: 1, ..NO_FAULTS };
const LOSS: Faults = Faults { together: 1, losses: 1, ..NO_FAULTS };
const HAND_OVER: Faults = Faults { together: 1, hand_overs: 1, ..NO_FAULTS };
const SLOW_RENEWAL: Faults = Faults { renewals: 1, ..NO_FAULTS };
const FROZEN_RENEWAL: Faults = Faults { renewals: 1, ..FREEZE };

const fn world(updates: &'static [Update], faults: Faults) -> World {
    World { workers: 2, updates, faults, copy: false, cut_while_frozen: false }
}

/// A search that takes longer has met a machine that is too busy, or a model that has grown too large.
const AT_MOST: Duration = Duration::from_secs(300);
const AT_MOST_DEEP: Duration = Duration::from_secs(3600);

#[rstest]
#[case::leases_that_run_out(world(TWO, NO_FAULTS))]
#[case::two_chats(world(TWO_CHATS, NO_FAULTS))]
#[case::a_slow_renewal(world(ONE, SLOW_RENEWAL))]
#[case::a_frozen_worker(world(TWO, FREEZE))]
#[case::a_renewal_answered_after_a_freeze(world(ONE, FROZEN_RENEWAL))]
#[case::a_killed_worker(world(TWO, KILL))]
#[case::a_cut_connection(world(ONE, CUT))]
#[case::a_restarted_server(world(ONE, RESTART))]
#[case::an_update_published_twice(World { copy: true, ..world(ONE, RESTART) })]
#[case::a_lost_delivery(world(TWO, LOSS))]
#[case::a_hand_over(world(TWO, HAND_OVER))]
fn nothing_goes_wrong(#[case] world: World) {
    search(ALL, world, None, AT_MOST).assert_nothing();
}

#[rstest]
#[case::three_updates(world(THREE, Faults { freezes: 1, kills: 1, losses: 1, hand_overs: 1, ..FREEZE }))]
#[case::a_cut_connection(world(TWO, Faults { renewals: 1, ..CUT }))]
#[case::a_restarted_server(World { copy: true, ..world(TWO, RESTART) })]
#[case::two_faults(world(ONE, Faults { together: 2, freezes: 1, kills: 1, cuts: 1, losses: 1, hand_overs: 1, ..RESTART }))]
#[case::three_workers(World { workers: 3, ..world(ONE, Faults { freezes: 1, kills: 1, cuts: 1, ..RESTART }) })]
#[ignore = "minutes, and gigabytes: the deep search"]
fn nothing_goes_wrong_in_a_larger_world(#[case] world: World) {
    search(ALL, world, None, AT_MOST_DEEP).assert_nothing();
}

#[rstest]
#[case::local_deadline(Rules { local_deadline: false, ..ALL }, world(ONE, NO_FAULTS), Wrong::LateCall)]
#[case::deadline_from_sending(Rules { deadline_from_sending: false, ..ALL }, world(ONE, FROZEN_RENEWAL), Wrong::LateCall)]
#[case::connection_ends_period(Rules { connection_ends_period: false, ..ALL }, world(ONE, CUT), Wrong::LateCall)]
#[case::lease_before_consumer(Rules { lease_before_consumer: false, ..ALL }, world(ONE, CUT), Wrong::LateCall)]
#[case::consumer_per_epoch(Rules { consumer_per_epoch: false, ..ALL }, world(ONE, NO_FAULTS), Wrong::Misdelivered)]
#[case::gap(Rules { gap: false, ..ALL }, world(TWO, LOSS), Wrong::Overtaken)]
#[case::epoch_in_database(Rules { epoch_in_database: false, ..ALL }, world(ONE, NO_FAULTS), Wrong::TwoWriters)]
#[case::marks(Rules { marks: false, ..ALL }, world(ONE, NO_FAULTS), Wrong::Repeated)]
#[case::marks_for_what_is_published_twice(
    Rules { marks: false, ..ALL },
    World { copy: true, ..world(ONE, RESTART) },
    Wrong::Repeated
)]
#[case::ack_when_done(Rules { ack_when_done: false, ..ALL }, world(ONE, NO_FAULTS), Wrong::Lost)]
#[case::probe_twice(Rules { probe_twice: false, ..ALL }, world(ONE, CUT), Wrong::LateCall)]
#[case::probe_by_revision(Rules { probe_by_revision: false, ..ALL }, world(ONE, CUT), Wrong::LateCall)]
fn without_one_rule_it_goes_wrong(#[case] rules: Rules, #[case] world: World, #[case] wrong: Wrong) {
    search(rules, world, Some(wrong), AT_MOST).assert_found(wrong);
}

/// The one case in which the rules are not enough: a worker is frozen, its connection breaks meanwhile, so the others take its shard from it
/// as from a dead one, and it wakes before its deadline and before it hears of any of that. Then a call may begin late. The database does not
/// let it write, so nothing is lost and nothing overtaken, and it can only be the call whose row was written before the freeze.
#[test]
fn a_connection_cut_while_frozen_lets_one_call_begin_late() {
    let faults = Faults { together: 2, freezes: 1, ..CUT };
    let world = World { cut_while_frozen: true, ..world(ONE, faults) };
    let found: Found = search(ALL, world, None, AT_MOST);
    found.assert_found(Wrong::LateCall);
    found.assert_nothing_but(Wrong::LateCall);
}
