//! Where the database is: DATABASE_URL, in all its spellings.

use std::{fmt, path::PathBuf, str::FromStr};

use sqlx::any::AnyConnectOptions;
use url::Url;

/// A Postgres server or a SQLite file. Neither `Display` nor `Debug` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Postgres(Url),
    Sqlite(PathBuf),
}

/// Why a text is no database. None of these repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabaseUrl {
    #[error("a database is postgres://user:password@host:port/name or the path of a SQLite file such as ./gmbot.db")]
    Empty,
    #[error("{scheme}:// is no database this program knows: use postgres:// or the path of a SQLite file")]
    UnknownScheme { scheme: String },
    #[error("the Postgres address cannot be read ({why}); special characters in a password are written as %XX")]
    Postgres { why: String },
    #[error("a Postgres address names host and database: postgres://user:password@host:port/name")]
    Incomplete,
    #[error("a SQLite database in memory would forget everything at the end: give it a file")]
    InMemory,
    #[error("a SQLite file is given without options after a question mark")]
    SqliteOptions,
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text.split_once(':') {
            _ if text.is_empty() => Err(BadDatabaseUrl::Empty),
            Some(("postgres" | "postgresql", _)) => postgres(text),
            Some(("sqlite", rest)) => sqlite(strip_slashes(rest)),
            Some((scheme, rest)) if rest.starts_with("//") => {
                Err(BadDatabaseUrl::UnknownScheme { scheme: scheme.to_owned() })
            }
            _ => sqlite(text),
        }
    }
}

fn postgres(text: &str) -> Result<DatabaseUrl, BadDatabaseUrl> {
    let url: Url = text.parse().map_err(|err: url::ParseError| BadDatabaseUrl::Postgres { why: err.to_string() })?;
    if url.path().len() < 2 {
        return Err(BadDatabaseUrl::Incomplete);
    }
    // What sqlx would find only when it connects, such as an unknown sslmode.
    sqlx::postgres::PgConnectOptions::from_str(text).map_err(|err| match err {
        sqlx::Error::Configuration(cause) => BadDatabaseUrl::Postgres { why: cause.to_string() },
        _ => BadDatabaseUrl::Incomplete,
    })?;
    Ok(DatabaseUrl(Place::Postgres(url)))
}

/// The path behind `sqlite:`. Three slashes before a dot are how other programs write a relative path (`sqlite:///./gmbot.db`); otherwise
/// three or four slashes begin an absolute one.
fn strip_slashes(rest: &str) -> &str {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match path.strip_prefix('/') {
        Some(relative) if relative.starts_with("./") || relative.starts_with("../") => relative,
        Some(absolute) if absolute.starts_with('/') => absolute,
        _ => path,
    }
}

fn sqlite(path: &str) -> Result<DatabaseUrl, BadDatabaseUrl> {
    match path {
        "" | "/" => Err(BadDatabaseUrl::Empty),
        _ if path.contains(":memory:") || path.contains("mode=memory") => Err(BadDatabaseUrl::InMemory),
        _ if path.contains('?') => Err(BadDatabaseUrl::SqliteOptions),
        _ => Ok(DatabaseUrl(Place::Sqlite(PathBuf::from(path)))),
    }
}

impl DatabaseUrl {
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0, Place::Sqlite(_))
    }

    /// The SQLite file, if it is one.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }

    /// What sqlx connects with. Its `Debug` shows the password, so it is made anew and never kept.
    pub(super) fn options(&self) -> Result<AnyConnectOptions, sqlx::Error> {
        use sqlx::ConnectOptions as _;
        let options = match &self.0 {
            Place::Postgres(url) => {
                let mut url = url.clone();
                if !url.query_pairs().any(|(name, _)| name == "application_name") {
                    url.query_pairs_mut().append_pair("application_name", "gmbot");
                }
                AnyConnectOptions::from_url(&url)?
            }
            Place::Sqlite(path) => {
                let path = std::path::absolute(path)?;
                let path = percent_encoded(&path.to_string_lossy());
                format!("sqlite://{path}?mode=rwc").parse()?
            }
        };
        // Each question has a span and a measurement of its own; sqlx would log it a second time.
        Ok(options.disable_statement_logging())
    }
}

fn percent_encoded(path: &str) -> String {
    use std::fmt::Write as _;
    path.bytes().fold(String::with_capacity(path.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "{}", path.display()),
            Place::Postgres(url) => {
                write!(f, "postgres://")?;
                if !url.username().is_empty() {
                    write!(f, "{}@", url.username())?;
                }
                write!(f, "{}", url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(url.path())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_understood() {
        let cases = [
            ("./gmbot.db", "./gmbot.db"),
            ("gmbot.db", "gmbot.db"),
            ("/var/lib/gmbot.db", "/var/lib/gmbot.db"),
            ("sqlite:gmbot.db", "gmbot.db"),
            ("sqlite://gmbot.db", "gmbot.db"),
            ("sqlite:///./gmbot.db", "./gmbot.db"),
            ("sqlite:///../gmbot.db", "../gmbot.db"),
            ("sqlite:///var/gmbot.db", "/var/gmbot.db"),
            ("sqlite:////var/gmbot.db", "/var/gmbot.db"),
            (" ./with space.db ", "./with space.db"),
            ("postgres://bot:secret@db.example:5433/gmbot?sslmode=require", "postgres://bot@db.example:5433/gmbot"),
            ("postgresql://db/gmbot", "postgres://db/gmbot"),
        ];
        for (text, shown) in cases {
            let url: DatabaseUrl = text.parse().expect("a database");
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(format!("{url:?}"), shown, "{text}");
            assert_eq!(url.is_sqlite(), !text.starts_with("postgres"), "{text}");
        }
    }

    #[test]
    fn what_is_no_database_is_refused_in_one_sentence() {
        let cases = [
            ("", BadDatabaseUrl::Empty),
            ("sqlite://", BadDatabaseUrl::Empty),
            ("mysql://root:secret@db/x", BadDatabaseUrl::UnknownScheme { scheme: "mysql".to_owned() }),
            ("sqlite::memory:", BadDatabaseUrl::InMemory),
            (":memory:", BadDatabaseUrl::InMemory),
            ("sqlite:x.db?mode=ro", BadDatabaseUrl::SqliteOptions),
            ("postgres://bot:secret@db", BadDatabaseUrl::Incomplete),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(expected), "{text}");
        }
        for text in ["postgres://bot:secret@db:port/x", "postgres://bot:secret@db/x?sslmode=sometimes"] {
            let err = text.parse::<DatabaseUrl>().expect_err("unreadable");
            assert!(matches!(err, BadDatabaseUrl::Postgres { .. }), "{err:?}");
            assert!(!err.to_string().contains("secret"), "{err}");
        }
    }
}
