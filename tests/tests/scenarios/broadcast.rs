//! A text to everybody, in the hands of those who run the bot: who gets it, how fast, and how it looks.

use rstest::rstest;
use system_tests::{
    stage::{
        Form::{self, Split, StandAlone},
        Stage,
    },
    terminal::Terminal,
    wait::PATIENCE,
};
use telegram_sim::{
    faults::{Fault, Harm},
    ids::ChatId,
    rights::AdminRights,
    story::{person::Person, place::Place},
};

/// As a person types it who has seen HTML, Markdown, and right-to-left text before.
const NEWS: &str = "We have <b>news</b> & *more_ `of [it](tg://user?id=1)\n\u{202E}</i> &lt; @all";

/// How often the text stands in the chat, to the letter and with no formatting.
fn heard(stage: &Stage, chat: impl Into<ChatId>) -> usize {
    let plain = |seen: &telegram_sim::world::seeing::Seen| seen.text == NEWS && !seen.entities.iter().any(is_style);
    stage.story.world().bot_messages(chat).iter().filter(|seen| plain(seen)).count()
}

fn is_style(entity: &serde_json::Value) -> bool {
    ["bold", "italic", "code", "text_link", "text_mention"].iter().any(|style| entity["type"] == *style)
}

#[rstest]
#[tokio::test]
async fn a_broadcast_reaches_every_protected_group_and_a_refusal_stops_nobody(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(4).await?;
    let other = stage.unprotected_group().corner;
    let dry = stage.runs(&["broadcast", NEWS, "--dry-run"]).await?;
    let text: Vec<&str> = NEWS.split('\n').collect();
    assert!(dry.code == 0 && dry.lines[0] == "To 4 groups:" && dry.lines[2..4] == text, "{dry:?}");
    let unasked = stage.runs(&["broadcast", NEWS]).await?;
    assert_eq!((unasked.code, corners.iter().map(|corner| heard(&stage, corner.id)).sum()), (2, 0), "{unasked:?}");

    // Thrown out of one just now, told to wait in another, and nobody knows what is wrong with the third.
    stage.sim().fault(Fault::new(Harm::Kick).on("sendMessage").in_chat(corners[0].id).next(1));
    stage.sim().fault(Fault::flood(1).on("sendMessage").in_chat(corners[1].id).next(1));
    let odd = Fault::error(400, "Bad Request: SOMETHING_ODD");
    stage.sim().fault(odd.on("sendMessage").in_chat(corners[2].id).next(1));
    let said = stage.command(&["broadcast", NEWS, "--yes"]).env("RUST_LOG", "warn").run(PATIENCE).await?;
    assert_eq!(said.code, 0, "{said:?}");
    let told = "Broadcast 1 is done: 2 of 4 groups got it. 1 was skipped: the bot is not in it any more, or may not write there. 1 failed, the log says which.";
    assert_eq!(said.lines.last().map(String::as_str), Some(told));
    let logged = said.lines.iter().find(|line| line.contains("SOMETHING_ODD"));
    assert!(logged.is_some_and(|line| line.contains(&corners[2].id.to_string())), "{said:?}");
    assert_eq!(corners.iter().map(|corner| heard(&stage, corner.id)).collect::<Vec<_>>(), [0, 1, 0, 1]);
    assert_eq!(heard(&stage, other.id), 0);
    assert_eq!(stage.runs(&["broadcast", "--status"]).await?.lines, [told]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn owners_hear_it_once_in_private_and_who_cannot_be_written_to_is_counted_and_skipped(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    // Olga has two groups and talks to the bot; Pia never did; Quentin did, and has blocked it.
    let mut corners = stage.protected_groups(2).await?;
    let (olga, pia, quentin) = (corners[0].owner(), stage.story.person("Pia"), stage.story.person("Quentin"));
    for owner in [&pia, &quentin] {
        corners.push(protected_by(&stage, owner).await?);
    }
    for who in [&olga, &quentin] {
        who.tells_bot("/start")?;
        who.hears("Hello!").await?;
    }
    quentin.blocks_bot();

    let dry = stage.runs(&["broadcast", NEWS, "--to", "owners", "--dry-run"]).await?;
    assert_eq!(dry.lines.first().map(String::as_str), Some("To 3 owners:"));
    let said = stage.runs(&["broadcast", NEWS, "--to", "owners", "--yes"]).await?;
    let told = "Broadcast 1 is done: 1 of 3 owners got it. 2 were skipped: they never started the bot, or blocked it.";
    assert_eq!((said.code, said.lines.last().map(String::as_str)), (0, Some(told)));
    assert_eq!([&olga, &pia, &quentin].map(|who| heard(&stage, who.id)), [1, 0, 0]);
    assert!(corners.iter().all(|corner| heard(&stage, corner.id) == 0));
    Ok(())
}

async fn protected_by(stage: &Stage, owner: &Person) -> anyhow::Result<Place> {
    let news = stage.story.channel(&format!("{owner}'s news")).public(&format!("news_of_{owner}")).owned_by(owner);
    let corner = stage.story.group(&format!("{owner}'s corner")).owned_by(owner).with_bot(AdminRights::MODERATOR);
    let corner = corner.open();
    stage.protect(&corner, &news.with_bot(AdminRights::INVITE_USERS).open()).await?;
    Ok(corner)
}

#[rstest]
#[tokio::test]
async fn a_broadcast_is_never_faster_than_five_a_second(#[values(StandAlone, Split)] form: Form) -> anyhow::Result<()> {
    const A_SECOND: usize = 5;
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(9).await?;
    let said = stage.runs(&["broadcast", NEWS, "--yes"]).await?;
    assert_eq!(said.lines.last().map(String::as_str), Some("Broadcast 1 is done: 9 of 9 groups got it."));
    assert!(corners.iter().all(|corner| heard(&stage, corner.id) == 1));
    // However slow the machine: no call leaves before the one before it was answered, so a late one cannot bunch up with the next.
    let calls = stage.story.calls().of("sendMessage").only(|call| call.text_arg("text") == NEWS);
    let times: Vec<i64> = calls.iter().map(|call| call.at_ms).collect();
    let spans = times.windows(A_SECOND + 1).map(|calls| calls[A_SECOND] - calls[0]);
    assert!(times.len() == corners.len() && spans.clone().all(|ms| ms >= 990), "{:?}", spans.collect::<Vec<_>>());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_press_during_a_broadcast_is_answered_at_once_and_the_broadcast_waits_as_long_as_telegram_asks(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let place = stage.protected_group().await?;
    let last = stage.protected_group().await?;
    let (ann, warning) = stage.offender("Ann", &place.corner).await?;
    // The younger group comes first: there it is told to wait.
    let flood = stage.sim().fault(Fault::flood(600).on("sendMessage").in_chat(last.corner.id));
    let mut process = stage.command(&["broadcast", NEWS, "--yes"]).spawn()?;
    process.line_with("Telegram asks to wait 6", PATIENCE).await?;

    let (ben, _) = stage.offender("Ben", &place.corner).await?;
    ann.joins(&place.news)?;
    assert!(stage.hears(&ann, &warning, "I have joined").await?.starts_with("Thank you"));
    ann.free_in(&place.corner).await?;
    assert!(!ben.can_write_in(&place.corner));
    assert_eq!((heard(&stage, place.corner.id), heard(&stage, last.corner.id)), (0, 0));
    let asked = last.corner.calls().of("sendMessage").only(|call| call.text_arg("text") == NEWS);
    assert_eq!(asked.len(), 1, "{asked}");

    stage.sim().end_fault(flood);
    assert_eq!(stage.runs(&["broadcast", "--cancel"]).await?.code, 0);
    assert_eq!(process.exited(PATIENCE).await?, 0);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn at_a_terminal_it_asks_first_and_shows_a_bar_and_elsewhere_plain_lines(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corners = stage.protected_groups(3).await?;
    for (answer, got) in [("n\n", 0), ("y\n", 1)] {
        let mut terminal = Terminal::open()?;
        let mut process = stage.command(&["broadcast", NEWS]).on(&terminal).spawn()?;
        terminal.shows("Send it? [y/N]").await?;
        terminal.types(answer)?;
        terminal
            .shows(if got == 0 { "Nothing was sent." } else { "Broadcast 1 is done: 3 of 3 groups got it." })
            .await?;
        assert_eq!(process.exited(PATIENCE).await?, 0);
        assert!(corners.iter().all(|corner| heard(&stage, corner.id) == got));
        let shown = terminal.shown();
        assert_eq!(shown.contains('\u{2588}') && shown.contains(" 3/3"), got == 1, "{shown}");
    }

    // Groups that are no more cost a call each, and no pace that a test would wait for.
    let gone = "INSERT INTO protected_groups (group_id, owner_id, title, created_ms, updated_ms) \
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 117) \
                SELECT -1000 - i, (SELECT MIN(owner_id) FROM protected_groups), 'gone', 0, 0 FROM n";
    stage.execute(gone).await?;
    let fast = stage.command(&["broadcast", NEWS, "--yes"]).env("LIMIT_BROADCAST_PER_S", "1000");
    let said = fast.run(PATIENCE).await?;
    let told = "Broadcast 2 is done: 3 of 120 groups got it. 117 were skipped: the bot is not in them any more, or may not write there.";
    assert_eq!(said.lines[said.lines.len() - 2..], ["100 of 120 groups", told]);
    assert!(!said.lines.join("\n").contains(['\u{2588}', '\u{1b}', '\r']), "{said:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_text_may_come_from_a_file_or_from_standard_input_and_has_to_be_one_that_telegram_takes(
    #[values(StandAlone, Split)] form: Form,
) -> anyhow::Result<()> {
    let stage = Stage::open(form).await?;
    let corner = stage.protected_group().await?.corner;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("news.txt");
    std::fs::write(&file, format!("\n{NEWS}\n\n"))?;
    let path = file.to_string_lossy();
    for (count, from) in [&path, "-"].into_iter().enumerate() {
        let said = stage.command(&["broadcast", "--yes", "--file", from]).stdin(&file).run(PATIENCE).await?;
        assert_eq!((said.code, heard(&stage, corner.id)), (0, count + 1), "{said:?}");
    }

    let long = "x".repeat(4097);
    let nowhere = format!("{path}.none");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["broadcast", "--yes"], 2, "There is nothing to say: give a text, or --file."),
        (&["broadcast", "--yes", " \n"], 2, "There is nothing to say: the text is empty."),
        (&["broadcast", "--yes", &long], 2, "The text has 4097 characters, and Telegram takes 4096 at most."),
        (&["broadcast", "--yes", "--file", &nowhere], 1, "reading "),
    ];
    for (args, code, sentence) in cases {
        let ended = stage.runs(args).await?;
        assert!(ended.code == code && ended.lines.len() == 1 && ended.lines[0].starts_with(sentence), "{ended:?}");
    }
    assert_eq!(stage.count("SELECT COUNT(*) FROM broadcasts").await?, 2);
    Ok(())
}
