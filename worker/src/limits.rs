//! `worker limits`: what is left of each budget that all workers share, and what Telegram has closed.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use shared::telemetry;

use crate::{
    config::ShowLimits,
    telegram::holdings::{Holding, holdings},
};

/// So many chats are listed: those that are closed for longest, then those with least left.
const CHATS: usize = 20;

/// # Errors
/// No Redis is named, or it does not answer.
pub async fn limits(ShowLimits { cache, limits, process }: ShowLimits) -> anyhow::Result<()> {
    let _telemetry = telemetry::init("worker-limits", &process)?;
    let redis = crate::run::redis(&cache)?
        .context("without REDIS_URL each worker keeps to the limits by itself, and there is nothing to show")?;
    redis
        .ping()
        .await
        .map_err(anyhow::Error::msg)
        .context("Redis does not answer, so each worker keeps to its share")?;
    let held = holdings(&redis, &(&limits).into()).await.context("Redis does not answer")?;
    std::io::stdout().lock().write_all(told(&held).as_bytes()).context("writing to standard output")
}

fn told(held: &[Holding]) -> String {
    let (classes, mut chats): (Vec<&Holding>, Vec<&Holding>) = held.iter().partition(|one| one.chat.is_none());
    let mut text = format!("{:32}{:>10}   closed by Telegram\n", "", "free now");
    for class in classes {
        text += &line(class.class, class);
    }
    chats.sort_by_key(|one| (std::cmp::Reverse(one.closed_for), one.free, one.chat));
    if chats.is_empty() {
        return text + "\nEvery chat has all that it may have.\n";
    }
    text += "\nChats that have less than they may:\n";
    for one in chats.iter().take(CHATS) {
        let name = format!("{} {}", one.class, one.chat.map(|chat| chat.to_string()).unwrap_or_default());
        text += &line(&name, one);
    }
    if let Some(more) = chats.len().checked_sub(CHATS).filter(|more| *more > 0) {
        text += &format!("and {more} more\n");
    }
    text
}

fn line(name: &str, one: &Holding) -> String {
    let closed = match one.closed_for {
        Duration::ZERO => "no".to_owned(),
        wait => format!("for {} s", wait.as_secs() + 1),
    };
    let free = one.burst.map_or_else(|| "-".to_owned(), |burst| format!("{} of {burst}", one.free));
    format!("{name:32}{free:>10}   {closed}\n")
}

#[cfg(test)]
mod tests {
    use shared::ids::ChatId;

    use super::*;

    #[test]
    fn it_reads_as_a_table() {
        let held = |class, chat: Option<i64>, free, burst, closed_s| Holding {
            class,
            chat: chat.map(ChatId),
            free,
            burst,
            closed_for: Duration::from_secs(closed_s),
        };
        let all = [
            held("send", None, 4, Some(4), 0),
            held("read", None, 0, Some(8), 12),
            held("send", Some(-1001), 3, Some(5), 0),
            held("moderate", Some(-1002), 0, None, 33),
        ];
        let expected = "                                  free now   closed by Telegram\n\
                        send                                4 of 4   no\n\
                        read                                0 of 8   for 13 s\n\
                        \n\
                        Chats that have less than they may:\n\
                        moderate -1002                           -   for 34 s\n\
                        send -1001                          3 of 5   no\n";
        assert_eq!(told(&all), expected);
        assert!(told(&all[..2]).ends_with("\n\nEvery chat has all that it may have.\n"));
    }
}
