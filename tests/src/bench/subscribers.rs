//! Messages of people who are subscribed: all day long nearly all of them.

use super::{
    at_work::{AtWork, Site},
    options::Options,
    run::Turn,
    table::Table,
};
use crate::{collector::Collector, ports};

const BARE: &str = "axum, publish, ack";
const BARE_DRAINED: &str = "the same, and a drain";

/// One of ten is traced, as many would set it.
const A_TENTH: [(&str, &str); 2] =
    [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.1")];

type Env<'a> = Vec<(&'a str, &'a str)>;

/// What takes turns.
struct Variant<'a> {
    name: &'static str,
    what: What<'a>,
    turns: Vec<Turn>,
    /// The most lines about traces that one of its processes has printed.
    lines: usize,
}

enum What<'a> {
    Reference { drain: bool },
    Gmbot { workers: usize, env: Env<'a> },
}

impl<'a> Variant<'a> {
    fn reference(name: &'static str, drain: bool) -> Self {
        Self { name, what: What::Reference { drain }, turns: Vec::new(), lines: 0 }
    }

    fn gmbot(name: &'static str, workers: usize, env: Env<'a>) -> Self {
        Self { name, what: What::Gmbot { workers, env }, turns: Vec::new(), lines: 0 }
    }

    async fn start(&self, site: &Site) -> anyhow::Result<AtWork> {
        match &self.what {
            What::Reference { drain } => site.reference(*drain).await,
            What::Gmbot { workers, env } => site.gmbot(*workers, env).await,
        }
    }
}

/// From the webhook to the stored ack.
pub(super) async fn gateway(options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<Table> {
    let collector = Collector::start().await?;
    let mut variants = [Variant::reference(BARE, false), Variant::gmbot("gmbot", 0, traced(collector.url()))];
    take_turns(options, &mut variants, tell).await?;
    let title = format!("gateway: from the webhook to the stored ack, {} connections", options.connections);
    let mut table = table(&title, &variants);
    if let [bare, gmbot] = &table.rows[..] {
        let (bare, gmbot) = (bare.clone(), gmbot.clone());
        table.judge("updates a second, to the reference", gmbot.ratio, "at least 0.85", gmbot.ratio >= 0.85);
        let cpu = gmbot.cpu_us_of("gateway") / bare.cpu_us_of("reference").max(0.01);
        table.judge("CPU time an update, to the reference", cpu, "at most 1.2", cpu <= 1.2);
        let rss = gmbot.processes.iter().find(|(name, ..)| name == "gateway").map_or(0.0, |(.., rss)| *rss);
        table.judge("MB of memory", rss, "under 40", rss < 40.0);
    }
    Ok(table)
}

/// From the webhook until they are settled.
pub(super) async fn end_to_end(options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<Table> {
    let collector = Collector::start().await?;
    let gmbot = |name, workers| Variant::gmbot(name, workers, traced(collector.url()));
    let mut variants = [
        Variant::reference(BARE_DRAINED, true),
        gmbot("gmbot, 1 worker", 1),
        gmbot("gmbot, 2 workers", 2),
        gmbot("gmbot, 4 workers", 4),
    ];
    take_turns(options, &mut variants, tell).await?;
    let mut table = table("subscribers: from the webhook until the update is settled", &variants);
    let ratio = table.rows[1].ratio;
    table.judge("updates a second, to the reference", ratio, "at least 0.45", ratio >= 0.45);
    Ok(table)
}

/// What traces cost, and what it costs that nobody takes them.
pub(super) async fn tracing(options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<Table> {
    let collector = Collector::start().await?;
    let dead = format!("http://127.0.0.1:{}", ports::free()?);
    // Takes connections and says nothing.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let hangs = format!("http://{}", hanging.local_addr()?);
    let mut variants = [
        Variant::gmbot("no traces", 1, Vec::new()),
        Variant::gmbot("a tenth traced", 1, traced(collector.url())),
        Variant::gmbot("nobody takes them", 1, traced(&dead)),
        Variant::gmbot("who takes them hangs", 1, traced(&hangs)),
    ];
    take_turns(options, &mut variants, tell).await?;
    let mut table = table("tracing: subscribers end to end, one worker", &variants);
    let [_, tenth, dead, hangs] = [0, 1, 2, 3].map(|n| table.rows[n].ratio);
    table.judge("a tenth traced, to no traces", tenth, "at least 0.90", tenth >= 0.9);
    for (name, ratio) in [("nobody takes them", dead / tenth), ("who takes them hangs", hangs / tenth)] {
        table.judge(&format!("{name}, to a tenth traced"), ratio, "at least 0.95", ratio >= 0.95);
    }
    for (Variant { name, lines, .. }, goal) in variants.iter().zip([0, 0, 1, 1]) {
        let is = u32::try_from(*lines).map_or(f64::INFINITY, f64::from);
        table.judge(&format!("{name}: lines of a program's log about it"), is, &goal.to_string(), *lines == goal);
    }
    Ok(table)
}

fn traced(url: &str) -> Env<'_> {
    [("OTEL_EXPORTER_OTLP_ENDPOINT", url)].into_iter().chain(A_TENTH).collect()
}

fn table(title: &str, variants: &[Variant<'_>]) -> Table {
    Table::new(title, variants.iter().map(|variant| (variant.name, &variant.turns[..])))
}

/// One after the other, as often as the options say: what the machine does meanwhile hits all alike.
async fn take_turns(options: &Options, variants: &mut [Variant<'_>], tell: &dyn Fn(&str)) -> anyhow::Result<()> {
    let site = Site::open(tell).await?;
    for run in 1..=options.runs {
        for variant in &mut *variants {
            let at_work = variant.start(&site).await?;
            let turn = site.turn(options, &at_work).await?;
            tell(&format!("run {run} of {}, {}: {:.0} a second", options.runs, variant.name, turn.per_second()));
            variant.turns.push(turn);
            let lines =
                at_work.processes.iter().map(|(_, process)| process.lines_with("traces cannot be sent").len()).max();
            variant.lines = variant.lines.max(lines.unwrap_or_default());
            at_work.stop().await?;
            site.purge().await?;
        }
    }
    Ok(())
}
