//! Reading `/metrics` as Prometheus does.

use std::collections::BTreeMap;

use anyhow::Context as _;
use system_tests::{http, process::Process};

pub(crate) async fn page(process: &Process, path: &str) -> anyhow::Result<String> {
    Ok(http::client().get(process.admin(path)).send().await?.error_for_status()?.text().await?)
}

/// The worker's own word for how many shards it owns.
pub(crate) async fn owned(worker: &Process) -> Result<u16, String> {
    let page = page(worker, "/metrics").await.map_err(|error| format!("{error:#}"))?;
    let line = page.lines().find_map(|line| line.strip_prefix("shards_owned "));
    line.and_then(|number| number.parse().ok()).ok_or_else(|| format!("no shards_owned in\n{page}"))
}

pub(crate) type Samples = BTreeMap<String, f64>;

pub(crate) fn has(samples: &Samples, name: &str, labels: &str) -> bool {
    samples.keys().any(|sample| sample.split('{').next() == Some(name) && sample.contains(labels))
}

/// Reads the text format 0.0.4: every sample has a number, and a type and a help text that came before it.
pub(crate) fn parsed(page: &str) -> anyhow::Result<Samples> {
    let (mut types, mut helps, mut samples) = (BTreeMap::new(), BTreeMap::new(), Samples::new());
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            anyhow::ensure!(types.insert(name, kind).is_none(), "{name} has two types");
        } else if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            anyhow::ensure!(!text.is_empty() && helps.insert(name, text).is_none(), "{name} has no help, or two");
        } else {
            let (sample, value) = line.rsplit_once(' ').with_context(|| format!("no sample: {line:?}"))?;
            let name = sample.split('{').next().unwrap_or_default();
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let family = histogram.filter(|family| types.get(family) == Some(&"histogram")).unwrap_or(name);
            anyhow::ensure!(types.contains_key(family) && helps.contains_key(family), "{line:?} belongs to nothing");
            let value = value.parse().with_context(|| format!("no number: {line:?}"))?;
            anyhow::ensure!(samples.insert(sample.to_owned(), value).is_none(), "{sample} comes twice");
        }
    }
    Ok(samples)
}
