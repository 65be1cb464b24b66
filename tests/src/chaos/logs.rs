//! What the programs said of an outage: once what was wrong, once that it is over, and nothing else of it. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::plan::Service;

/// A text of a program's log, and how often it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    pub program: String,
    pub level: String,
    pub text: String,
    pub times: usize,
}

/// A line of a program's log, at INFO or above.
struct Line<'a> {
    level: &'a str,
    text: String,
}

/// Lines are JSON, as programs in production write them.
fn read(line: &Value) -> Option<Line<'_>> {
    let level = line["level"].as_str().filter(|level| ["INFO", "WARN", "ERROR"].contains(level))?;
    // Which dependency it is that is missing is told in a field of its own.
    let missing = line["missing"].as_str().map(|missing| format!(": {missing}")).unwrap_or_default();
    Some(Line { level, text: line["message"].as_str()?.to_owned() + &missing })
}

/// Counts what is told at INFO and above.
pub fn said(program: &str, lines: &[String]) -> Vec<Said> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if let Some(Line { level, text }) = read(&line) {
            *counts.entry((level.to_owned(), text)).or_default() += 1;
        }
    }
    let said =
        counts.into_iter().map(|((level, text), times)| Said { program: program.to_owned(), level, text, times });
    said.collect()
}

/// How a program begins the sentences with which it says that a server is away, and that it is back.
fn tidings(service: Service) -> [&'static str; 2] {
    match service {
        Service::Nats => ["the connection to NATS broke", "connected to NATS again"],
        Service::Postgres => ["not ready: database", "ready"],
        Service::Redis => ["Redis does not answer", "Redis answers again"],
    }
}

/// So often a machine that is busy with other things may let a program think that a server is away once more.
const BUSY: usize = 2;

/// What is wrong with what a program said while this server was away so many times: `exactly`, or as far as a busy machine lets it.
pub fn faults_of(program: &str, lines: &[String], away: Service, times: usize, exactly: bool) -> Vec<String> {
    let most = if exactly { times } else { times + BUSY };
    let mut wrong = Vec::new();
    for service in [Service::Nats, Service::Postgres, Service::Redis] {
        let [begun, over] = tidings(service);
        let (mut told, mut is_away) = (0, false);
        for line in lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let Some(Line { text, .. }) = read(&line) else { continue };
            if text.starts_with(begun) {
                told += 1;
                if is_away {
                    wrong.push(format!("{program} says again, before it is over: {text}"));
                }
                is_away = true;
            } else if text == over {
                if !is_away {
                    wrong.push(format!("{program} says without having said what was wrong: {text}"));
                }
                is_away = false;
            }
        }
        // It may take a moment for gone that was not: of the others only what does not end is wrong.
        if is_away {
            wrong.push(format!("{program} does not say that this is over: {begun}"));
        } else if service == away && concerns(program, away) && !(times..=most).contains(&told) {
            wrong.push(format!("{program} says {told} times instead of {times}: {begun}"));
        }
    }
    let known = |text: &str| {
        [Service::Nats, Service::Postgres, Service::Redis]
            .map(|one| tidings(one)[0])
            .iter()
            .any(|begun| text.starts_with(begun))
    };
    let besides = said(program, lines).into_iter().filter(|said| said.level != "INFO" && !known(&said.text));
    wrong.extend(besides.map(|said| format!("{program} says besides, {} times: {}", said.times, said.text)));
    wrong
}

/// A gateway knows nothing of databases.
fn concerns(program: &str, service: Service) -> bool {
    service == Service::Nats || program.starts_with("worker")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: &str, text: &str) -> String {
        format!(r#"{{"level":"{level}","message":"{text}"}}"#)
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_once() {
        let away = line("WARN", "Redis does not answer: going on without");
        let back = line("INFO", "Redis answers again");
        let (other, held) = (line("WARN", "the connection to NATS broke"), line("WARN", "not finished"));
        let unready = r#"{"level":"WARN","message":"not ready","missing":"database: it is away"}"#.to_owned();
        let cases: [(&[&String], usize, usize); 11] = [
            (&[&away, &back], 1, 0),
            (&[&away, &back, &away, &back], 2, 0),
            (&[&away, &back, &away, &back], 1, 1),
            (&[], 1, 1),
            (&[&away], 1, 1),
            (&[&away, &away, &back], 1, 2),
            (&[&away, &back, &back], 1, 1),
            (&[&away, &held, &back], 1, 1),
            (&[&away, &back, &other], 1, 1),
            (&[&unready, &away, &back], 1, 1),
            (&[&line("INFO", "muted"), &away, &line("DEBUG", "not finished"), &back], 1, 0),
        ];
        for (lines, times, wanted) in cases {
            let lines: Vec<String> = lines.iter().map(|line| (*line).clone()).collect();
            let wrong = faults_of("worker 0", &lines, Service::Redis, times, true);
            assert_eq!(wrong.len(), wanted, "{lines:?}: {wrong:?}");
        }
        assert!(faults_of("gateway 0", &[], Service::Redis, 1, true).is_empty(), "it does not know Redis");
        assert_eq!(faults_of("gateway 0", &[], Service::Nats, 1, true).len(), 1);
        let flapping: Vec<String> = [&away, &back].into_iter().cycle().take(6).cloned().collect();
        assert_eq!(faults_of("worker 0", &flapping, Service::Redis, 1, false), Vec::<String>::new(), "a busy machine");
        let flapping: Vec<String> = [&away, &back].into_iter().cycle().take(8).cloned().collect();
        assert_eq!(faults_of("worker 0", &flapping, Service::Redis, 1, false).len(), 1);
    }

    #[test]
    fn what_is_said_is_counted() {
        let lines = [line("WARN", "one"), line("WARN", "one"), line("DEBUG", "two"), "no JSON".to_owned()];
        let wanted = Said { program: "worker 0".into(), level: "WARN".into(), text: "one".into(), times: 2 };
        assert_eq!(said("worker 0", &lines), [wanted]);
    }
}
