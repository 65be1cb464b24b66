//! One named question: its text, what is bound to it, and the rows that come back.

use std::borrow::Cow;

use shared::ids::{ChannelId, ChatId, MessageId, UserId};
use sqlx::{
    Any, AssertSqlSafe, Row as _,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::error::StoreError;

/// Which of the two databases answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Postgres,
    Sqlite,
}

/// The words that the two databases do not share; everything else is written once.
const WORDS: [(&str, &str, &str); 4] = [
    // For columns that tell people when something was, and for the hold of a broadcast; other decisions use the time that the caller gives.
    (
        "{now_ms}",
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    ),
    ("{json}", "JSONB", "TEXT"),
    // SQLite's BEGIN IMMEDIATE keeps every other writer out already.
    ("{for_share}", "FOR SHARE", ""),
    ("{installed_ms}", "CAST(EXTRACT(EPOCH FROM installed_on) * 1000 AS BIGINT)", "unixepoch(installed_on) * 1000"),
];

impl Backend {
    /// How OpenTelemetry calls it.
    pub(super) fn system(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Sqlite => "sqlite",
        }
    }

    fn spell(self, text: &'static str) -> Cow<'static, str> {
        if !text.contains('{') {
            return Cow::Borrowed(text);
        }
        Cow::Owned(WORDS.iter().fold(text.to_owned(), |text, (word, postgres, sqlite)| {
            text.replace(word, if self == Self::Postgres { postgres } else { sqlite })
        }))
    }
}

/// A question in the making. Its text can only grow by literals of this program and by placeholders: nothing from outside becomes SQL.
pub(super) struct Sql {
    pub(super) name: &'static str,
    backend: Backend,
    text: String,
    values: Vec<Value>,
    /// The text differs from call to call (a list), so a connection should not keep it prepared.
    varies: bool,
}

impl Sql {
    pub(super) fn new(backend: Backend, name: &'static str, text: &'static str) -> Self {
        Self { name, backend, text: backend.spell(text).into_owned(), values: Vec::new(), varies: false }
    }

    /// Continues the text.
    pub(super) fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(&self.backend.spell(text));
        self
    }

    /// The value of the next `$n` that the text has.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Writes `($3, $4, …)`: what stands after IN, or one row of VALUES.
    pub(super) fn list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.varies = true;
        self.text.push('(');
        for (at, value) in values.into_iter().enumerate() {
            self.values.push(value.into());
            self.text.push_str(if at == 0 { "$" } else { ", $" });
            self.text.push_str(&self.values.len().to_string());
        }
        self.text.push(')');
        self
    }

    /// Writes `($1, $2), ($3, $4), …`: what stands after VALUES.
    pub(super) fn rows<const N: usize>(mut self, rows: impl IntoIterator<Item = [Value; N]>) -> Self {
        for (at, row) in rows.into_iter().enumerate() {
            if at > 0 {
                self.text.push_str(", ");
            }
            self = self.list(row);
        }
        self
    }

    pub(super) fn build(self) -> Query<'static, Any, AnyArguments> {
        // Sound: see the type's own comment.
        let query = sqlx::query(AssertSqlSafe(self.text)).persistent(!self.varies);
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Flag(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        })
    }
}

/// What can be bound. Text loses its NUL characters here, and nowhere else: Postgres refuses them, and names and titles are anybody's.
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Flag(bool),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::from(Some(value))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(|text| text.replace('\0', "")))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

macro_rules! ids {
    ($($id:ty),*) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::from(id.0)
            }
        }
    )*};
}
ids!(ChannelId, ChatId, MessageId, UserId);

impl From<shared::shard::Shard> for Value {
    fn from(shard: shared::shard::Shard) -> Self {
        Self::from(i64::from(shard.0))
    }
}

/// A row of an answer. Errors name question and column, never the value.
pub(super) struct Row {
    query: &'static str,
    row: AnyRow,
}

impl Row {
    pub(super) fn new(query: &'static str, row: AnyRow) -> Self {
        Self { query, row }
    }

    fn get<'r, T: sqlx::Decode<'r, Any> + sqlx::Type<Any>>(&'r self, column: &str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|_| self.bad(column))
    }

    /// The error for a column that can be read but makes no sense.
    pub(super) fn bad(&self, column: &str) -> StoreError {
        StoreError::BadRow { what: format!("column {column} of {}", self.query) }
    }

    pub(super) fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(super) fn maybe_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.get(column)
    }

    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(super) fn maybe_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    pub(super) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spelled_for_each_database() {
        let ask = |backend| Sql::new(backend, "test", "SELECT CAST($1 AS {json}) {for_share}").text;
        assert_eq!(ask(Backend::Postgres), "SELECT CAST($1 AS JSONB) FOR SHARE");
        assert_eq!(ask(Backend::Sqlite), "SELECT CAST($1 AS TEXT) ");
    }

    #[test]
    fn placeholders_go_on_counting() {
        let sql = Sql::new(Backend::Sqlite, "test", "x = $1 AND y IN ").bind(1_i64).list([2_i64, 3]).push(" AND z IN ");
        let sql = sql.rows([[Value::from(4_i64), "a".into()], [5_i64.into(), true.into()]]);
        assert_eq!(sql.text, "x = $1 AND y IN ($2, $3) AND z IN ($4, $5), ($6, $7)");
        assert_eq!(sql.values.len(), 7);
        assert!(sql.varies);
    }

    #[test]
    fn text_loses_its_nul() {
        let Value::Text(Some(text)) = Value::from("a\0b\0") else { panic!("a text") };
        assert_eq!(text, "ab");
    }
}
