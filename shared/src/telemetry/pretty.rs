//! The fields of a log line for people: without what only a trace viewer wants to know, and an error with its causes in one sentence.

use std::fmt;

use tracing::{
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput as _},
    fmt::{
        FormatFields, FormattedFields,
        format::{DefaultVisitor, Writer},
    },
};

/// Beginnings of the names that say what kind of span it is.
const FOR_VIEWERS: [&str; 2] = ["otel.", "messaging."];

pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, out: Writer<'w>, fields: R) -> fmt::Result {
        write(out, fields)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        current.fields.push(' ');
        write(current.as_writer(), fields)?;
        // Nothing of it was for people.
        current.fields.truncate(current.fields.trim_end_matches(' ').len());
        Ok(())
    }
}

fn write<R: RecordFields>(out: Writer<'_>, fields: R) -> fmt::Result {
    let mut shown = Shown(DefaultVisitor::new(out, true));
    fields.record(&mut shown);
    shown.0.finish()
}

/// Whatever has no way of its own here comes to `record_debug`.
struct Shown<'w>(DefaultVisitor<'w>);

impl Visit for Shown<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if is_shown(field) {
            self.0.record_str(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &super::chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_shown(field) {
            self.0.record_debug(field, value);
        }
    }
}

fn is_shown(field: &Field) -> bool {
    !FOR_VIEWERS.iter().any(|beginning| field.name().starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex, PoisonError},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no rows")]
    struct NoRows(#[source] io::Error);

    #[test]
    fn a_line_is_for_people() {
        let out = Out::default();
        let lines = out.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || lines.clone())
            .with_ansi(false)
            .without_time()
            .fmt_fields(Fields)
            .finish();
        tracing::subscriber::with_default(log, || {
            let empty = tracing::field::Empty;
            let span = tracing::info_span!(
                "process",
                otel.kind = "consumer",
                chat.id = -100,
                update.id = empty,
                otel.name = empty
            );
            span.record("update.id", 7);
            span.record("otel.name", "a name");
            let error = NoRows(io::Error::other("it is raining"));
            span.in_scope(|| tracing::warn!(error = &error as &dyn std::error::Error, "not finished"));
        });
        let said = String::from_utf8_lossy(&out.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
        let at = concat!("WARN process{chat.id=-100 update.id=7}: ", module_path!());
        assert_eq!(said.trim(), format!("{at}: not finished error=\"no rows: it is raining\""));
    }
}
