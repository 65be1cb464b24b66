//! The chaos suite: a gmbot of several gateways and workers under load, broken on purpose, and an oracle that says what came of it.
//!
//! `plan` says what goes wrong when, `fleet` does it, `load` is what people do meanwhile. `balancer` notes what Telegram delivered, `witness`
//! what the bot did at Telegram; `leases` who owned which shard. `oracle`, `takeover`, `woken` and `logs` hold the one against the other, [`verdict`] says it, and [`total`]
//! adds up several.

pub mod options;
pub mod total;
pub mod verdict;

pub mod plan;

pub mod balancer;
pub mod fleet;
pub mod load;
pub mod relay;
pub mod witness;

pub mod leases;
pub mod logs;
pub mod oracle;
pub mod takeover;
pub mod woken;

mod settling;

use std::{cell::RefCell, fs, path::Path, time::Duration};

use anyhow::Context as _;
use telegram_sim::{faults::Fault as Slow, simulator::Simulator};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use balancer::Balancer;
use fleet::{Fleet, Happened};
use leases::Register;
use load::{Load, Pace};
use options::{Kind, Options};
use plan::Fault;
use verdict::Verdict;
use witness::Witness;

use crate::process::built;

/// How often people do what is due.
const TICK: Duration = Duration::from_millis(20);
/// How often the run says where it is.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A worker without an effect for longer has no work.
const WORKS_MS: i64 = 3000;
/// A program that was asked to stop is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// More than any start, drain and settling takes: no run goes on for ever.
const BEYOND: Duration = Duration::from_secs(300);

/// What Telegram is slow at, so that faults meet calls under way.
const SLOW: [&str; 5] = ["deleteMessage", "deleteMessages", "restrictChatMember", "sendMessage", "answerCallbackQuery"];

/// Runs it to its end, and tells of its progress.
///
/// # Errors
/// It could not be run: something does not start, or a fault could not be brought about. What goes wrong with gmbot is in the verdict.
pub async fn run(options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<Verdict> {
    let mut fleet = Fleet::start(options).await?;
    let ran = timeout(options.length() + BEYOND, whole(&mut fleet, options, tell)).await;
    if let Some(folder) = &options.logs {
        keep_logs(&fleet, folder)?;
    }
    fleet.end().await;
    ran.context("the run did not end by itself")?
}

async fn whole(fleet: &mut Fleet, options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<Verdict> {
    let (split, balancer) = (fleet.split.clone(), fleet.balancer.clone());
    let load = Load::gather(&split, options).await?;
    let programs = built();
    tell(&format!("{} groups are protected by {} workers of {}", options.chats, options.workers, programs.display()));
    let slowness = Duration::from_millis(if options.kind == Kind::Handover { 50 } else { 20 });
    for method in SLOW {
        split.sim.fault(Slow::latency(slowness).on(method));
    }
    let register = Register::follow(&split.servers.nats, split.sim.clock(), &fleet.exchange);

    let stage = Stage {
        sim: &split.sim,
        balancer: &balancer,
        load: RefCell::new(load),
        witness: RefCell::new(Witness::after(split.sim.last_call())),
        faults: RefCell::new(Vec::new()),
        tell,
    };
    // What was said before the first fault is no complaint about it.
    let lines_before: Vec<usize> = fleet.lines().iter().map(|(_, lines)| lines.len()).collect();
    let began = Instant::now();
    let ((), broken) = tokio::join!(stage.people(options, began), stage.faults(fleet, plan::plan(options), began));
    broken?;
    settling::settle(&stage, fleet, options, &register, &lines_before).await
}

/// A run while it goes on.
struct Stage<'a> {
    sim: &'a Simulator,
    balancer: &'a Balancer,
    load: RefCell<Load>,
    witness: RefCell<Witness>,
    faults: RefCell<Vec<Happened>>,
    tell: &'a dyn Fn(&str),
}

impl Stage<'_> {
    /// People do what they do, until the time is over.
    async fn people(&self, options: &Options, began: Instant) {
        let mut pace = Pace::new(options.rate);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Duration::ZERO;
        while began.elapsed() < options.length() {
            ticks.tick().await;
            self.look();
            let mut load = self.load.borrow_mut();
            for _ in 0..pace.due(began.elapsed()) {
                load.act();
            }
            drop(load);
            if began.elapsed() >= told + TELL_EVERY {
                told = began.elapsed();
                (self.tell)(&self.progress(began));
            }
        }
    }

    /// Takes in what the bot has done since the last look.
    fn look(&self) {
        let mut witness = self.witness.borrow_mut();
        let calls = self.sim.calls_after(witness.read_up_to());
        let before = witness.read(&calls);
        let mut load = self.load.borrow_mut();
        for effect in &witness.effects[before..] {
            load.hear(&effect.what);
        }
    }

    fn progress(&self, began: Instant) -> String {
        format!(
            "{:>4} s: {} updates taken, {} wait at Telegram, {} effects, {} faults",
            began.elapsed().as_secs(),
            self.balancer.taken(),
            self.sim.pending_updates(),
            self.witness.borrow().effects.len(),
            self.faults.borrow().len(),
        )
    }

    /// Brings all faults about and mends them.
    async fn faults(&self, fleet: &mut Fleet, plan: Vec<Fault>, began: Instant) -> anyhow::Result<()> {
        let mut coming = plan.into_iter().peekable();
        // What is to be mended, by its number among those that have happened.
        let mut open: Vec<(Instant, usize)> = Vec::new();
        loop {
            let next_end = open.iter().map(|(at, _)| *at).min();
            let next_fault = coming.peek().map(|fault| began + fault.at);
            let Some(next) = next_end.into_iter().chain(next_fault).min() else { return Ok(()) };
            sleep_until(next).await;
            if next_end == Some(next) {
                let (_, number) = open.remove(open.iter().position(|(at, _)| *at == next).unwrap_or_default());
                let mut happened = self.faults.borrow()[number].clone();
                if !fleet.mend(&mut happened).await.with_context(|| format!("mending: {}", happened.what))? {
                    open.push((Instant::now() + LOOK_AGAIN, number));
                }
                self.faults.borrow_mut()[number] = happened;
            } else if let Some(fault) = coming.next() {
                let working = self.working();
                let happened = fleet.hurt(&fault, &working).await.with_context(|| fault.harm.to_string())?;
                (self.tell)(&format!("{:>6.1} s: {}", began.elapsed().as_secs_f64(), happened.what));
                open.push((began + fault.at + fault.lasts, self.faults.borrow().len()));
                self.faults.borrow_mut().push(happened);
            }
        }
    }

    /// The workers that have had effects lately.
    fn working(&self) -> Vec<usize> {
        self.look();
        let now_ms = self.sim.clock().now_ms();
        let witness = self.witness.borrow();
        let lately = witness.last_ms.iter().filter(|(_, at_ms)| now_ms - **at_ms < WORKS_MS);
        let mut working: Vec<usize> = lately.map(|(worker, _)| *worker).collect();
        working.sort_unstable();
        working
    }
}

/// Writes what each program printed into a file of its name, and what was asked of Telegram.
fn keep_logs(fleet: &Fleet, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (name, lines) in fleet.lines() {
        fs::write(folder.join(format!("{}.log", name.replace(' ', "-"))), lines.join("\n") + "\n")?;
    }
    let calls = fleet.split.sim.calls();
    let calls: Vec<String> = calls.iter().map(|call| format!("{} {:?} {call}", call.at_ms, call.peer)).collect();
    fs::write(folder.join("calls.log"), calls.join("\n") + "\n")?;
    let taken: Vec<String> = fleet.balancer.log().taken.iter().map(|taken| format!("{taken:?}")).collect();
    Ok(fs::write(folder.join("taken.log"), taken.join("\n") + "\n")?)
}
