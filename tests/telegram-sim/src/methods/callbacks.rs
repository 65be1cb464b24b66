//! answerCallbackQuery.

use crate::args::Args;
use crate::clock::millis;
use crate::reply::{Answer, ApiError, MethodResult};
use crate::state::State;
use crate::state::callbacks::CallbackAnswer;

const MOST_CHARACTERS: usize = 200;
const MOST_CACHE_S: i64 = 30 * 86_400;

pub(super) fn answer(state: &mut State, args: &Args) -> MethodResult {
    let text = args.text("text");
    if text.chars().count() > MOST_CHARACTERS {
        return Err(ApiError::bad_request("MESSAGE_TOO_LONG"));
    }
    let url = args.text("url");
    if !url.is_empty() && !url.starts_with(&format!("https://t.me/{}?start=", state.config.bot_username)) {
        return Err(ApiError::bad_request("URL_INVALID"));
    }
    let answer = CallbackAnswer {
        text: text.to_owned(),
        show_alert: args.flag("show_alert"),
        url: url.to_owned(),
        cache_time: args.number_within("cache_time", 0, 0, MOST_CACHE_S),
    };
    let window_ms = millis(state.config.callback_window);
    let refuse_second = state.config.refuse_second_answer;
    let id = args.text("callback_query_id").trim().parse().unwrap_or(0);
    let now_ms = state.clock.now_ms();
    if state.callbacks.answer(id, answer, now_ms, window_ms, refuse_second) {
        Ok(Answer::yes())
    } else {
        Err(ApiError::bad_request("query is too old and response timeout expired or query ID is invalid"))
    }
}
