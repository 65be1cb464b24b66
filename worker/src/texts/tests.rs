//! Warnings and alerts: who is named, which buttons there are, and that nothing in names, titles or templates makes Telegram refuse them.

use shared::ids::ChannelId;

use super::*;
use crate::{groups::Settings, telegram::message::EntityKind};

fn channel(id: i64, title: &str) -> Channel {
    Channel { id: ChannelId(id), title: title.to_owned(), username: Some(format!("channel_{id}")), invite_link: None }
}

/// A group that requires channels of these titles, numbered from 1.
fn rules(titles: &[&str]) -> Rules {
    Rules {
        paused: false,
        title: "Garden".to_owned(),
        channels: titles.iter().zip(1..).map(|(title, id)| channel(id, title)).collect(),
        settings: Settings::default(),
        allowed: std::collections::HashSet::new(),
    }
}

fn with_texts(titles: &[&str], warning: Option<&str>, join: Option<&str>, verify: Option<&str>) -> Rules {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let settings = Settings {
        warning_text: own(warning),
        join_button: own(join),
        verify_button: own(verify),
        ..Settings::default()
    };
    Rules { settings, ..rules(titles) }
}

fn people(names: &[&str]) -> Vec<Named> {
    names.iter().zip(1..).map(|(name, id)| Named { user: UserId(id), name: (*name).to_owned() }).collect()
}

/// Numbers of channels; negative: banned from it.
fn missing(channels: &[i64]) -> Vec<Missing> {
    channels.iter().map(|id| Missing { channel: ChannelId(id.abs()), banned: *id < 0 }).collect()
}

fn warning(rules: &Rules, people: &[Named], missing: &[Missing], topic: Option<i64>) -> Outgoing {
    super::warning(rules, WarningKind::Offence, people, missing, topic)
}

fn buttons(message: &Outgoing) -> Vec<(String, String)> {
    let rows = &message.keyboard.as_ref().expect("a warning has buttons").rows;
    let button = |button: &Button| {
        let press = match &button.press {
            Press::Open(url) => url.to_string(),
            Press::Callback(data) => data.clone(),
        };
        (button.text.clone(), press)
    };
    rows.iter().flatten().map(button).collect()
}

/// The stretches of text that mention somebody, as Telegram cuts them out.
fn mentioned(message: &Outgoing) -> Vec<(i64, String)> {
    let text: Vec<u16> = message.text.encode_utf16().collect();
    let mention = |entity: &crate::telegram::message::MessageEntity| match &entity.kind {
        EntityKind::TextMention(user) => {
            let stretch = &text[entity.offset..entity.offset + entity.length];
            (user.0, String::from_utf16(stretch).expect("no half characters"))
        }
        other => panic!("{other:?} in a warning"),
    };
    message.entities.iter().map(mention).collect()
}

/// Names, missing channels, how the text begins, and the buttons with what they do.
type Warned<'a> = (&'a [&'a str], &'a [i64], &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn a_warning_names_people_channels_and_the_way_out() {
    let then = "first. Then press the button below, and you can write at once.";
    let cases: [Warned<'_>; 7] = [
        (
            &["Ann"],
            &[1],
            "Ann, to write in Garden please subscribe to News",
            &[("Join Channel", "https://t.me/channel_1"), ("I have joined", "v1:1")],
        ),
        (
            &["Ann"],
            &[1, 2],
            "Ann, to write in Garden please subscribe to News and Art",
            &[
                ("Join News", "https://t.me/channel_1"),
                ("Join Art", "https://t.me/channel_2"),
                ("I have joined", "v1:1"),
            ],
        ),
        (
            &["Ann", "Bo"],
            &[2],
            "Ann and Bo, to write in Garden please subscribe to Art",
            &[("Join Channel", "https://t.me/channel_2"), ("I have joined", "v1:*")],
        ),
        (
            &["A", "B", "C", "D", "E"],
            &[2],
            "A, B, C, D and E, to write in Garden please subscribe to Art",
            &[("Join Channel", "https://t.me/channel_2"), ("I have joined", "v1:*")],
        ),
        (
            &["A", "B", "C", "D", "E", "F"],
            &[2],
            "A, B, C, D, E and 1 other, to write in Garden please subscribe to Art",
            &[("Join Channel", "https://t.me/channel_2"), ("I have joined", "v1:*")],
        ),
        (
            &["A", "B", "C", "D", "E", "F", "G"],
            &[2],
            "A, B, C, D, E and 2 others, to write in Garden please subscribe to Art",
            &[("Join Channel", "https://t.me/channel_2"), ("I have joined", "v1:*")],
        ),
        (
            // The rule has changed since: all that is required now.
            &["Ann"],
            &[9],
            "Ann, to write in Garden please subscribe to News and Art",
            &[
                ("Join News", "https://t.me/channel_1"),
                ("Join Art", "https://t.me/channel_2"),
                ("I have joined", "v1:1"),
            ],
        ),
    ];
    for (names, channels, text, expected) in cases {
        let message = warning(&rules(&["News", "Art"]), &people(names), &missing(channels), Some(4));
        assert_eq!(message.text, format!("{text} {then}"));
        let expected: Vec<_> = expected.iter().map(|(text, press)| ((*text).to_owned(), (*press).to_owned())).collect();
        assert_eq!(buttons(&message), expected, "{text}");
        let named: Vec<_> =
            people(&names[..names.len().min(5)]).into_iter().map(|one| (one.user.0, one.name)).collect();
        assert_eq!(mentioned(&message), named, "{text}");
        assert_eq!((message.thread, message.reply_to), (Some(4), None));
    }
}

#[test]
fn who_is_banned_is_told_so_and_offered_no_link() {
    let rules = rules(&["News", "Art", "Sport"]);
    let end = |message: &Outgoing| message.text.split_once("\n\n").map(|(_, end)| end.to_owned());
    let one = warning(&rules, &people(&["Ann"]), &missing(&[1, -2]), None);
    assert_eq!(end(&one).as_deref(), Some("You are banned from Art. Please ask an admin there to let you in."));
    assert_eq!(buttons(&one)[0], ("Join Channel".to_owned(), "https://t.me/channel_1".to_owned()));
    assert_eq!(buttons(&one).len(), 2);

    let all = warning(&rules, &people(&["Ann"]), &missing(&[-1, -2]), None);
    assert_eq!(
        end(&all).as_deref(),
        Some("You are banned from News and Art. Please ask an admin there to let you in.")
    );
    assert_eq!(buttons(&all), [("I have joined".to_owned(), "v1:1".to_owned())]);

    let several = warning(&rules, &people(&["Ann", "Bo"]), &missing(&[1]), None);
    assert_eq!(end(&several), None);
}

#[test]
fn a_private_channel_is_joined_by_its_link() {
    let mut rules = rules(&["News", "Art", "Sport"]);
    rules.channels[0] =
        Channel { username: None, invite_link: Some("https://t.me/+AbC".to_owned()), ..channel(1, "News") };
    rules.channels[1] = Channel { username: None, invite_link: None, ..channel(2, "Art") };
    rules.channels[2] = Channel { username: None, invite_link: Some("no link".to_owned()), ..channel(3, "Sport") };
    let message = warning(&rules, &people(&["Ann"]), &missing(&[1, 2, 3]), None);
    let joined: Vec<String> = buttons(&message).into_iter().map(|(_, press)| press).collect();
    assert_eq!(joined, ["https://t.me/+AbC", "v1:1"]);
}

#[test]
fn placeholders_are_filled_and_other_braces_stay() {
    let cases = [
        ("Hi {name}!", "Hi Ann!"),
        ("{name}{name}", "AnnAnn"),
        ("{group}: {channels}", "Garden: News and Art"),
        ("{x} {Name} {name }", "{x} {Name} {name }"),
        ("{{name}}", "{Ann}"),
        ("{{{name}", "{{Ann"),
        ("{ {name", "{ {name"),
        ("}{name}{", "}Ann{"),
        ("a\nb {", "a\nb {"),
        ("😀 {name} 😀 {name}", "😀 Ann 😀 Ann"),
        ("{name\u{200b}}", "{name\u{200b}}"),
    ];
    for (template, expected) in cases {
        let rules = with_texts(&["News", "Art"], Some(template), None, None);
        let message = warning(&rules, &people(&["Ann"]), &missing(&[1, 2]), None);
        assert_eq!(message.text, expected, "{template:?}");
        let names = vec![(1, "Ann".to_owned()); expected.matches("Ann").count()];
        assert_eq!(mentioned(&message), names, "{template:?}");
    }
    // What fills one placeholder is not filled again.
    let rules = with_texts(&["{name}"], Some("{name} {channels}"), None, None);
    let message = warning(&rules, &people(&["{group}"]), &missing(&[1]), None);
    assert_eq!(message.text, "{group} {name}");
}

#[test]
fn buttons_take_placeholders_too_and_are_told_apart() {
    let texts = |join, verify, channels: &[i64]| {
        let rules = with_texts(&["News", "Art"], None, join, verify);
        let message = warning(&rules, &people(&["Ann"]), &missing(channels), None);
        buttons(&message).into_iter().map(|(text, _)| text).collect::<Vec<_>>()
    };
    assert_eq!(texts(Some("Subscribe"), Some("Done, {name}"), &[1]), ["Subscribe", "Done, Ann"]);
    assert_eq!(texts(Some("Subscribe"), None, &[1, 2]), ["Subscribe: News", "Subscribe: Art", "I have joined"]);
    assert_eq!(texts(Some("To {channels}!"), None, &[1, 2]), ["To News!", "To Art!", "I have joined"]);
    assert_eq!(texts(Some("\u{2800}"), Some("\u{200b}\u{ad}"), &[1]), ["Join Channel", "I have joined"]);
}

/// Whatever people and admins call themselves: not empty, not too long, entities where the names are, buttons with a text.
#[test]
fn a_welcome_and_a_notice_say_why_they_come_and_have_the_same_buttons() {
    let plain = rules(&["News"]);
    let own = with_texts(&["News"], Some("{name}: {channels}!"), None, None);
    let cases = [
        (WarningKind::Join, &plain, 1, "Ann, welcome to Garden! To write here, please subscribe to News first."),
        (WarningKind::Left, &plain, 1, "Ann, your permissions in Garden are revoked because you left News."),
        (WarningKind::Left, &plain, -1, "Ann, to write in Garden please subscribe to News first."),
        (WarningKind::Join, &own, 1, "Ann: News!"),
        (WarningKind::Left, &own, 1, "Ann: News!"),
    ];
    for (kind, rules, lacking, beginning) in cases {
        let (people, missing) = (people(&["Ann"]), missing(&[lacking]));
        let message = super::warning(rules, kind, &people, &missing, None);
        assert!(message.text.starts_with(beginning), "{kind:?}: {}", message.text);
        assert_eq!(buttons(&message), buttons(&warning(rules, &people, &missing, None)), "{kind:?}");
    }
}

#[test]
fn who_asks_to_join_is_told_which_group_their_button_is_for() {
    let message = join_request(&rules(&["News"]), ChatId(-5), &people(&["Ann"])[0], &missing(&[1]));
    assert!(message.text.starts_with("Ann, to be let into Garden please subscribe to News first."), "{}", message.text);
    let expected = [("Join Channel", "https://t.me/channel_1"), ("I have joined", "v1:request:-5")];
    assert_eq!(buttons(&message), expected.map(|(text, press)| (text.to_owned(), press.to_owned())));
}

#[test]
fn nothing_makes_telegram_refuse_a_warning() {
    let long = "N".repeat(64) + " " + &"M".repeat(64);
    let zalgo = "Z\u{300}\u{301}\u{302}\u{303}".repeat(30);
    let hostile = [
        "",
        " ",
        "\0",
        "a\nb\0c",
        "\u{202e}olleh",
        "\u{2800}\u{3164}",
        "أحمد",
        &long,
        &zalgo,
        "👩‍👩‍👧",
        &"😀".repeat(128),
        "<b>{name}</b> @all https://x.y",
    ];
    let templates =
        [None, Some("\u{200b}"), Some("{name}"), Some("{channels} {group} {name} "), Some("{name}{channels}{group}")];
    for name in hostile {
        for template in templates {
            let template = template.map(|template| template.repeat(1000 / template.len()));
            let text = template.as_deref();
            let rules = Rules { title: name.to_owned(), ..with_texts(&[name; 20], text, text, text) };
            let banned: Vec<i64> = (1..=20).map(|n| if n > 5 { -n } else { n }).collect();
            for people in [people(&[name]), people(&[name; 40])] {
                let message = warning(&rules, &people, &missing(&banned), None);
                let length = message.text.encode_utf16().count();
                assert!((1..=4096).contains(&length), "{length} of {name:?} in {text:?}");
                assert!(!is_blank(&message.text), "{name:?} in {text:?}");
                assert!(!message.text.contains('\0') && !message.text.contains('\u{202e}'), "{:?}", message.text);
                for (_, named) in mentioned(&message) {
                    assert_eq!(named, shown(name, "friend"));
                }
                for (text, press) in buttons(&message) {
                    assert!(!is_blank(&text) && text.encode_utf16().count() <= 64, "{text:?} of {name:?}");
                    assert!(press.len() <= 64, "{press}");
                }
                if people.len() == 1 {
                    assert!(message.text.ends_with("Please ask an admin there to let you in."), "{}", message.text);
                }
            }
        }
    }
}

#[test]
fn callback_data_comes_back_and_fits() {
    for whom in [
        PressedFor::Person(UserId(1)),
        PressedFor::Person(UserId(i64::MAX)),
        PressedFor::Person(UserId(i64::MIN)),
        PressedFor::Anybody,
        PressedFor::Request(ChatId(-1_001_234_567_890)),
        PressedFor::Request(ChatId(i64::MIN)),
        PressedFor::Mentioned,
    ] {
        let data = whom.data();
        assert!((1..=64).contains(&data.len()), "{data}");
        assert_eq!(PressedFor::read(&data), Some(whom));
    }
    for forged in [
        "",
        "v1",
        "v1:",
        "v1:x",
        "v1:9223372036854775808",
        "v2:1",
        "v1:1 ",
        "v1:request:",
        "v1:request:x",
        "*",
        "verify_membership:1",
        "\0",
    ] {
        assert_eq!(PressedFor::read(forged), None, "{forged:?}");
    }
}

#[test]
fn an_alert_says_what_is_missing_and_what_to_do_within_200_characters() {
    let cases: [(&[&str], &[i64], &str); 7] = [
        (&["News"], &[1], "You are not subscribed to News yet. Please join, then press again."),
        (&["News", "Art"], &[1, 2], "You are not subscribed to News and Art yet. Please join, then press again."),
        (&["News"], &[-1], "You are banned from News. Please ask an admin there to let you in."),
        (
            &["News", "Art"],
            &[1, -2],
            "Please join News. You are banned from Art: please ask an admin there to let you in.",
        ),
        (&["News"], &[9], "You are not subscribed to the channel yet. Please join, then press again."),
        (&["\u{202e}\0"], &[1], "You are not subscribed to the channel yet. Please join, then press again."),
        (
            &["The News of the Whole Wide World, Every Single Day"; 5],
            &[1, 2, 3, 4, 5],
            "You are not subscribed to The News of the Whole Wide World, Every Single…, The News of the Whole Wide World, Every Single… and 3 more yet. Please join, then press again.",
        ),
    ];
    for (titles, channels, expected) in cases {
        assert_eq!(alert::missing(&rules(titles), &missing(channels)), expected);
    }
    for title in ["x".repeat(255), "😀".repeat(128), "a b".repeat(80)] {
        for channels in [&[1, 2, 3][..], &[-1, -2, -3], &[1, 2, -3], &[1, -2, -3]] {
            let text = alert::missing(&rules(&[title.as_str(); 3]), &missing(channels));
            assert!(text.encode_utf16().count() <= 200, "{text}");
            assert!(text.ends_with("press again.") || text.ends_with("to let you in."), "{text}");
        }
    }
    use sentences::{DECIDED_BY_ADMIN, NOT_FOR_YOU, NOTHING_OPEN, OLD_BUTTON, UNKNOWN, VERIFIED};
    for text in [VERIFIED, NOTHING_OPEN, NOT_FOR_YOU, UNKNOWN, DECIDED_BY_ADMIN, OLD_BUTTON] {
        assert!(text.len() <= 200, "{text}");
    }
}
