//! How arguments come, and how leniently they are read.

use serde_json::{Value, json};
use telegram_sim::simulator::Simulator;

use crate::bot::{Bot, TestResult};
use crate::place::{Place, place};
use crate::wire;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const PARTS: &str = "Content-Type: multipart/form-data; boundary=\"cut here\"\r\n";

/// The result of a call that has to succeed.
async fn result(sim: &Simulator, path: &str, headers: &str, body: impl AsRef<[u8]>) -> anyhow::Result<Value> {
    let reply = wire::post(sim, path, headers, body.as_ref()).await?;
    let parsed: Value = serde_json::from_str(&reply.body)?;
    anyhow::ensure!(parsed["ok"] == true, "{reply:?}");
    Ok(parsed["result"].clone())
}

#[tokio::test]
async fn arguments_come_by_query_form_json_and_parts_alike() -> TestResult {
    let Place { bot, sim, group, .. } = place().await?;
    let by_query = bot.http.get(format!("{}/sendMessage?chat_id={group}&text=one%20two", bot.base)).send().await?;
    let by_query: Value = serde_json::from_str(&by_query.text().await?)?;
    assert_eq!(by_query["result"]["text"], "one two", "{by_query}");
    let parts = format!(
        "--cut here\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n{group}\r\n--cut here\r\n\
         Content-Disposition: form-data; name=\"text\"\r\n\r\none two\r\n--cut here--\r\n"
    );
    let form_in_a_part = format!(
        "--cut here\r\nContent-Disposition: form-data; name=\"x\"\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n\
         chat_id={group}&text=one+two\r\n--cut here--\r\n"
    );
    for (headers, body) in [
        (FORM, format!("chat_id={group}&text=one+two")),
        (JSON, json!({ "chat_id": group, "text": "one two" }).to_string()),
        (JSON, json!({ "chat_id": group.to_string(), "text": "one two" }).to_string()),
        (PARTS, parts),
        (PARTS, form_in_a_part),
    ] {
        assert_eq!(result(&sim, "sendMessage", headers, &body).await?["text"], "one two", "{headers}{body}");
    }
    Ok(())
}

#[tokio::test]
async fn the_query_string_comes_first_and_the_first_match_wins() -> TestResult {
    let Place { sim, group, .. } = place().await?;
    let path = format!("sendMessage?chat_id={group}&text=query");
    for (headers, body) in [(FORM, "text=body"), (JSON, r#"{"text":"body"}"#)] {
        assert_eq!(result(&sim, &path, headers, body).await?["text"], "query");
    }
    let path = format!("sendMessage?chat_id={group}");
    for (headers, body) in [(FORM, "text=one&text=two"), (JSON, r#"{"text":"one","text":"two"}"#)] {
        assert_eq!(result(&sim, &path, headers, body).await?["text"], "one");
    }
    Ok(())
}

#[tokio::test]
async fn only_the_top_level_of_json_is_opened_so_objects_and_their_texts_are_the_same() -> TestResult {
    let Place { bot, group, .. } = place().await?;
    let keyboard = json!({ "inline_keyboard": [[{ "text": "A", "callback_data": "a" }]] });
    for markup in [keyboard.clone(), Value::String(keyboard.to_string())] {
        let sent = bot.ok("sendMessage", json!({ "chat_id": group, "text": "x", "reply_markup": markup })).await?;
        assert_eq!(sent["reply_markup"], keyboard);
    }
    Ok(())
}

#[tokio::test]
async fn null_is_a_word_for_a_text_and_0_for_a_number() -> TestResult {
    let Place { bot, group, .. } = place().await?;
    assert_eq!(bot.ok("sendMessage", json!({ "chat_id": group, "text": null })).await?["text"], "null");
    let args = json!({ "chat_id": group, "user_id": null });
    assert_eq!(bot.error("restrictChatMember", args).await?, "Bad Request: invalid user_id specified");
    Ok(())
}

#[tokio::test]
async fn broken_json_keeps_what_was_read_and_the_rest_is_missing() -> TestResult {
    let Place { sim, group, .. } = place().await?;
    for (body, text) in [
        (format!("{{\"chat_id\": {group}, \"text\": \"cut o"), "Bad Request: message text is empty"),
        ("{\"chat_id\": ".to_owned(), "Bad Request: message text is empty"),
        ("no JSON".to_owned(), "Bad Request: message text is empty"),
    ] {
        let reply = wire::post(&sim, "sendMessage", JSON, body.as_bytes()).await?;
        assert_eq!(serde_json::from_str::<Value>(&reply.body)?["description"], text, "{body}");
    }
    let whole = format!("{{\"chat_id\": {group}, \"text\": \"all there\", ");
    assert_eq!(result(&sim, "sendMessage", JSON, whole).await?["text"], "all there");
    let reply = wire::post(&sim, "getChat", JSON, b"{\"chat_id\": ").await?;
    assert!(reply.body.contains("Bad Request: chat_id is empty"), "{reply:?}");
    Ok(())
}

/// How many updates wait after some have come and the webhook is deleted with this argument.
async fn left_after_dropping(place: &Place, flag: &Value) -> anyhow::Result<Value> {
    place.world.say(place.group, place.ann, "hello")?;
    place.bot.ok("deleteWebhook", json!({ "drop_pending_updates": flag })).await?;
    Ok(place.bot.ok("getWebhookInfo", json!({})).await?["pending_update_count"].clone())
}

#[tokio::test]
async fn booleans_are_true_for_true_yes_and_1_in_any_case_and_else_false() -> TestResult {
    let place = place().await?;
    for flag in [json!(true), json!("TRUE"), json!(" Yes "), json!(1), json!("1")] {
        assert_eq!(left_after_dropping(&place, &flag).await?, 0, "{flag}");
    }
    for flag in [json!(false), json!("on"), json!(0), json!(2), json!("y"), json!(null), json!("")] {
        assert_ne!(left_after_dropping(&place, &flag).await?, 0, "{flag}");
    }
    Ok(())
}

#[tokio::test]
async fn integers_are_read_as_far_as_they_go_and_kept_within_their_range() -> TestResult {
    let Place { bot, world, group, ann, .. } = place().await?;
    for n in 0..105 {
        world.say(group, ann, &n.to_string())?;
    }
    for (limit, count) in [
        (json!(2), 2),
        (json!("3"), 3),
        (json!(" 4 and more"), 4),
        (json!("many"), 1),
        (json!(0), 1),
        (json!(-5), 1),
        (json!(1000), 100),
        (json!("99999999999999999999"), 100),
    ] {
        // Each asks from another place, so that no poll is braked for being like the last.
        let offset = -105 - count;
        let updates = bot.ok("getUpdates", json!({ "limit": limit, "offset": offset })).await?;
        assert_eq!(updates.as_array().map(Vec::len), usize::try_from(count).ok(), "{limit}");
        bot.ok("getUpdates", json!({ "offset": 0, "limit": 1 })).await?;
    }
    Ok(())
}

#[tokio::test]
async fn other_content_types_carry_no_arguments() -> TestResult {
    let Place { sim, group, .. } = place().await?;
    let path = format!("sendMessage?chat_id={group}");
    for headers in ["Content-Type: text/plain\r\n", "Content-Type: application/octet-stream\r\n", ""] {
        let reply = wire::post(&sim, &path, headers, b"text=hello").await?;
        assert!(reply.body.contains("Bad Request: message text is empty"), "{reply:?}");
    }
    Ok(())
}

/// `{"text":"packed"}`.
const GZIP: [u8; 37] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 73, 173, 40, 81, 178, 82, 42, 72, 76, 206, 78, 77, 81, 170, 5, 0,
    228, 114, 190, 237, 17, 0, 0, 0,
];
const DEFLATE: [u8; 25] =
    [120, 156, 171, 86, 42, 73, 173, 40, 81, 178, 82, 42, 72, 76, 206, 78, 77, 81, 170, 5, 0, 53, 51, 5, 232];

#[tokio::test]
async fn gzip_and_deflate_bodies_are_opened() -> TestResult {
    let Place { sim, group, .. } = place().await?;
    let path = format!("sendMessage?chat_id={group}");
    for (encoding, body) in [("gzip", GZIP.as_slice()), ("GZIP", &GZIP), ("deflate", &DEFLATE)] {
        let headers = format!("{JSON}Content-Encoding: {encoding}\r\n");
        assert_eq!(result(&sim, &path, &headers, body).await?["text"], "packed", "{encoding}");
    }
    Ok(())
}

async fn chunked(bot: &Bot, sim: &Simulator, group: i64) -> anyhow::Result<wire::Raw> {
    let path = bot.base.replace(&sim.api_url(), "");
    let request = format!(
        "POST {path}/sendMessage?chat_id={group} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{JSON}\
         Transfer-Encoding: chunked\r\n\r\n7\r\n{{\"text\"\r\n9\r\n:\"pieces\"\r\n1\r\n}}\r\n0\r\n\r\n"
    );
    wire::send(sim, request.as_bytes()).await
}

#[tokio::test]
async fn chunked_bodies_are_put_together() -> TestResult {
    let Place { bot, sim, group, .. } = place().await?;
    let reply = chunked(&bot, &sim, group.0).await?;
    assert!(reply.status == 200 && reply.body.contains(r#""text":"pieces""#), "{reply:?}");
    Ok(())
}
