//! A URL among the settings: logged as people write it, without a password.

use std::{fmt, ops::Deref, str::FromStr};

use url::Url;

#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Deref for Address {
    type Target = Url;

    fn deref(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Address {
    type Err = url::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() {
            // Fails only for URLs that cannot have one.
            _ = shown.set_password(Some("redacted"));
        }
        fmt::Display::fmt(&shown, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_as_written_without_its_password() {
        for (given, shown) in [
            ("https://api.telegram.org", "https://api.telegram.org/"),
            ("http://me:secret@127.0.0.1:4318/v1", "http://me:redacted@127.0.0.1:4318/v1"),
        ] {
            let address: Address = given.parse().expect("a URL");
            assert_eq!(format!("{address:?}"), shown);
        }
    }
}
