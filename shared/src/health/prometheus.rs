//! OpenMetrics to the plain Prometheus text format 0.0.4, which is what curl, promtool and older scrapers read.
//!
//! They differ in four things: a counter's TYPE and HELP carry the sample's whole name, two types have other names, there are no units
//! and exemplars, and no end mark.

/// Rewrites what prometheus-client has encoded.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    // HELP comes before the TYPE that says what the name will be.
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map(|(_, text)| text);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some(help) = help.take() {
                push(&mut out, &["# HELP ", name, suffix, " ", help]);
            }
            push(&mut out, &["# TYPE ", name, suffix, " ", kind]);
        } else if !line.starts_with('#') {
            push(&mut out, &[&line[..end_of_sample(line)]]);
        }
    }
    out
}

fn push(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
    out.push('\n');
}

/// Where the exemplar begins: the first `#` outside a label's value.
fn end_of_sample(line: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line[..at].trim_end().len(),
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        encoding::text::encode,
        metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge, info::Info},
        registry::{Registry, Unit},
    };

    use super::*;

    #[test]
    fn what_the_library_writes_becomes_plain() {
        let mut registry = Registry::default();
        let calls = Family::<Vec<(&str, &str)>, Counter>::default();
        calls.get_or_create(&vec![("method", "say \"#1\" # {")]).inc();
        registry.register("calls", "Calls made", calls);
        registry.register("open", "Open now", Gauge::<i64>::default());
        registry.register("build", "What runs", Info::new(vec![("version", "1")]));
        let waited = HistogramWithExemplars::new([0.5].into_iter());
        waited.observe(0.25, Some(vec![("trace_id", "abc")]), None);
        registry.register_with_unit("waited", "Waited", Unit::Seconds, waited);
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes anything");
        assert!(text.contains("# {trace_id=\"abc\"}"), "{text}");

        let wanted = "\
# HELP calls_total Calls made.
# TYPE calls_total counter
calls_total{method=\"say \\\"#1\\\" # {\"} 1
# HELP open Open now.
# TYPE open gauge
open 0
# HELP build_info What runs.
# TYPE build_info gauge
build_info{version=\"1\"} 1
# HELP waited_seconds Waited.
# TYPE waited_seconds histogram
waited_seconds_sum 0.25
waited_seconds_count 1
waited_seconds_bucket{le=\"0.5\"} 1
waited_seconds_bucket{le=\"+Inf\"} 1
";
        assert_eq!(plain(&text), wanted);
    }
}
