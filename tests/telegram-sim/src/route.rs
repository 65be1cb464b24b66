//! Which method a request's path names, and what is wrong with its token.

use std::collections::{HashSet, VecDeque};

use percent_encoding::percent_decode_str;

use crate::reply::ApiError;

const LONGEST_TOKEN: usize = 80;
/// Bots' ids are below this.
const IDS_END: i64 = 1 << 54;
/// New tokens that one address may show within a time: (milliseconds, how many).
const NEW_TOKENS: [(i64, usize); 2] = [(60_000, 20), (3_600_000, 600)];

/// The tokens that have been shown. Telegram counts per address; all clients of a simulator count as one.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    known: HashSet<String>,
    shown_ms: VecDeque<i64>,
}

impl Tokens {
    /// Counts a token that was never shown before, or says for how many seconds no new one is looked at.
    fn admit(&mut self, token: &str, now_ms: i64) -> Result<(), i64> {
        if self.known.contains(token) {
            return Ok(());
        }
        let longest = NEW_TOKENS.iter().map(|(window, _)| *window).max().unwrap_or_default();
        while self.shown_ms.front().is_some_and(|at| at + longest <= now_ms) {
            self.shown_ms.pop_front();
        }
        for (window, most) in NEW_TOKENS {
            let oldest_that_counts = self.shown_ms.len().checked_sub(most).and_then(|at| self.shown_ms.get(at));
            if let Some(frees_ms) = oldest_that_counts.map(|at| at + window).filter(|at| *at > now_ms) {
                return Err((frees_ms - now_ms) / 1000 + 1);
            }
        }
        self.shown_ms.push_back(now_ms);
        self.known.insert(token.to_owned());
        Ok(())
    }
}

/// The method of a path as it was given, once its token is the bot's. Capitals do not matter in it; it may be empty.
pub(crate) fn route(path: &str, token: &str, tokens: &mut Tokens, now_ms: i64) -> Result<String, ApiError> {
    let not_found = || ApiError::new(404, "Not Found");
    let path = percent_decode_str(path).decode_utf8_lossy();
    let rest = path.strip_prefix("/bot").ok_or_else(not_found)?;
    let (given, method) = rest.split_once('/').ok_or_else(not_found)?;
    check_token(given, token)?;
    if given != token {
        tokens.admit(given, now_ms).map_err(ApiError::flood)?;
        return Err(ApiError::new(401, "Unauthorized"));
    }
    let method = method.strip_prefix("test/").unwrap_or(method);
    Ok(method.trim_end_matches('/').to_owned())
}

/// Whether it could be a token at all.
fn check_token(given: &str, own: &str) -> Result<(), ApiError> {
    let invalid = || ApiError::new(401, "Unauthorized: invalid token specified");
    if given == own {
        return Ok(());
    }
    if given.starts_with('0') || given.len() > LONGEST_TOKEN {
        return Err(invalid());
    }
    let (id, _) = given.split_once(':').ok_or_else(invalid)?;
    match id.parse::<i64>() {
        Err(_) => Err(ApiError::new(421, "Misdirected Request: unallowed token specified")),
        Ok(id) if id <= 0 || id >= IDS_END => Err(invalid()),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456:TEST-token-for-the-simulator-only";

    #[test]
    fn paths_and_tokens_are_checked_as_telegram_does() {
        let cases = [
            (format!("/bot{TOKEN}/GetMe"), Ok("GetMe")),
            (format!("/bot{}/getMe", TOKEN.replace(':', "%3A")), Ok("getMe")),
            (format!("/bot{TOKEN}/test/getMe"), Ok("getMe")),
            (format!("/bot{TOKEN}/"), Ok("")),
            (format!("/bot{TOKEN}"), Err((404, "Not Found"))),
            ("/elsewhere".to_owned(), Err((404, "Not Found"))),
            (format!("/file/bot{TOKEN}/photo.jpg"), Err((404, "Not Found"))),
            ("/bot123456:TEST-token-of-somebody-else/getMe".to_owned(), Err((401, "Unauthorized"))),
            ("/bot123456:short/getMe".to_owned(), Err((401, "Unauthorized"))),
            ("/bot0123:abc/getMe".to_owned(), Err((401, "Unauthorized: invalid token specified"))),
            ("/botabc/getMe".to_owned(), Err((401, "Unauthorized: invalid token specified"))),
            (format!("/bot1:{}/getMe", "a".repeat(79)), Err((401, "Unauthorized: invalid token specified"))),
            ("/bot-5:abc/getMe".to_owned(), Err((401, "Unauthorized: invalid token specified"))),
            ("/botabc:def/getMe".to_owned(), Err((421, "Misdirected Request: unallowed token specified"))),
        ];
        for (path, expected) in cases {
            let routed =
                route(&path, TOKEN, &mut Tokens::default(), 0).map_err(|error| (error.code, error.description));
            assert_eq!(routed, expected.map(str::to_owned).map_err(|(code, text)| (code, text.to_owned())), "{path}");
        }
    }

    #[test]
    fn twenty_new_tokens_a_minute_and_six_hundred_an_hour_are_looked_at() {
        let mut tokens = Tokens::default();
        assert!((0..20).all(|n| tokens.admit(&format!("{n}:x"), 1000).is_ok()));
        assert_eq!(tokens.admit("20:x", 2000), Err(60));
        assert_eq!(tokens.admit("7:x", 2000), Ok(()), "it is not new");
        let mut now_ms = 61_000;
        for n in 20..600 {
            assert_eq!(tokens.admit(&format!("{n}:x"), now_ms), Ok(()), "token {n}");
            now_ms += 3000;
        }
        assert_eq!(tokens.admit("600:x", now_ms), Err((3_601_000 - now_ms) / 1000 + 1));
        assert_eq!(tokens.admit("600:x", 3_601_000), Ok(()));
    }
}
