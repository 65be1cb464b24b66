//! What each kind of update is read as, and that nothing unreadable makes somebody an offender.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::{
    envelope::{RoutingKey, Source},
    ids::{BotId, UpdateId},
};

use super::{
    super::{Before, JoinRequested, Joined, MemberChanged, OwnChanged, Status},
    *,
};

const GROUP: i64 = -1_001_000_000_001;
const CHANNEL: i64 = -1_001_000_000_002;

fn read_bytes(body: &[u8]) -> Result<Event, Unreadable> {
    let body = Bytes::copy_from_slice(body);
    let envelope = Envelope::update(BotId(1), RoutingKey(GROUP), Source::Messages, UpdateId(1), 0, body);
    Reader { bot: BotId(1), username: "Gate_Bot".to_owned() }.read(&envelope)
}

fn read(update: &Value) -> Result<Event, Unreadable> {
    read_bytes(update.to_string().as_bytes())
}

/// `{"text": "hi"}` by Ann in the group, with other fields laid over it; null takes a field away.
fn message(over: &Value) -> Value {
    let mut message = json!({
        "message_id": 5,
        "date": 100,
        "chat": {"id": GROUP, "type": "supergroup", "title": "Garden"},
        "from": {"id": 7, "is_bot": false, "first_name": "Ann"},
        "text": "hi",
    });
    for (name, value) in over.as_object().expect("the cases are objects") {
        match value {
            Value::Null => message.as_object_mut().expect("it is an object").remove(name),
            value => message.as_object_mut().expect("it is an object").insert(name.clone(), value.clone()),
        };
    }
    message
}

fn posted(over: &Value) -> MessagePosted {
    match read(&json!({"update_id": 1, "message": message(over)})) {
        Ok(Event::Message(posted)) => *posted,
        other => panic!("{over} gave {other:?}"),
    }
}

fn ann() -> Person {
    Person { id: UserId(7), name: "Ann".to_owned(), username: None }
}

#[test]
fn a_plain_message_is_read_whole() {
    let expected = MessagePosted {
        chat: Chat { id: ChatId(GROUP), kind: ChatKind::Supergroup, title: "Garden".to_owned() },
        message: MessageId(5),
        date_s: 100,
        edited: false,
        author: Author::Person(ann()),
        topic: None,
        command: None,
        replied: None,
        typed: None,
    };
    assert_eq!(posted(&json!({})), expected);
    let unheard_of = json!({"unheard_of": {"deep": [1]}, "from": {"id": 7, "first_name": "Ann", "aura": "blue"}});
    assert_eq!(posted(&unheard_of), expected);
}

/// telegram.md 4.1
#[test]
fn senders_are_sorted_by_what_the_rule_may_do_to_them() {
    let channel_bot = json!({"id": 136_817_688, "is_bot": true, "first_name": "Channel"});
    let anonymous_bot = json!({"id": 1_087_968_824, "is_bot": true, "first_name": "Group"});
    let telegram = json!({"id": 777_000, "is_bot": false, "first_name": "Telegram"});
    let channel = json!({"id": CHANNEL, "type": "channel", "title": "News"});
    let group = json!({"id": GROUP, "type": "supergroup", "title": "Garden"});
    let person = |name: &str, username: Option<&str>| {
        Author::Person(Person { name: name.into(), username: username.map(str::to_owned), ..ann() })
    };
    let cases = [
        (json!({}), person("Ann", None)),
        (json!({"from": {"id": 7, "first_name": "Ann", "last_name": "Lee"}}), person("Ann Lee", None)),
        (json!({"from": {"id": 7, "first_name": "Ann", "username": "ann"}}), person("Ann", Some("ann"))),
        (json!({"from": {"id": 7}}), person("", None)),
        (json!({"via_bot": {"id": 9, "is_bot": true, "first_name": "gif"}}), person("Ann", None)),
        (json!({"sender_chat": group, "from": anonymous_bot}), Author::AnonymousAdmin),
        (json!({"sender_chat": group, "from": null}), Author::AnonymousAdmin),
        (json!({"sender_chat": channel, "from": channel_bot}), Author::Channel(ChannelId(CHANNEL))),
        (json!({"sender_chat": channel, "from": null}), Author::Channel(ChannelId(CHANNEL))),
        (
            json!({"is_automatic_forward": true, "sender_chat": channel, "from": telegram}),
            Author::Exempt("a post of the linked channel"),
        ),
        (json!({"from": telegram}), Author::Exempt("Telegram itself")),
        (json!({"from": {"id": 1_271_266_957, "is_bot": true, "first_name": "Replies"}}), Author::Exempt("a bot")),
        (json!({"from": {"id": 9, "is_bot": true, "first_name": "other"}}), Author::Exempt("a bot")),
        (json!({"from": null}), Author::Exempt("nobody we can name")),
    ];
    for (over, author) in cases {
        assert_eq!(posted(&over).author, author, "{over}");
    }
}

/// All that Bot API 10.1 lists for a `Message`. What a person posts is a message; what Telegram tells of the chat is none.
#[test]
fn every_kind_of_message_is_content_or_service() {
    let content = "
        text rich_message animation audio document live_photo paid_media photo sticker story video video_note voice caption
        checklist contact dice game poll venue location invoice giveaway giveaway_winners";
    let service = "
        new_chat_members left_chat_member chat_owner_left chat_owner_changed new_chat_title new_chat_photo delete_chat_photo
        group_chat_created supergroup_chat_created channel_chat_created message_auto_delete_timer_changed
        pinned_message successful_payment refunded_payment users_shared chat_shared gift unique_gift
        gift_upgrade_sent connected_website write_access_allowed passport_data proximity_alert_triggered boost_added
        chat_background_set checklist_tasks_done checklist_tasks_added direct_message_price_changed forum_topic_created
        forum_topic_edited forum_topic_closed forum_topic_reopened general_forum_topic_hidden general_forum_topic_unhidden
        giveaway_created giveaway_completed managed_bot_created paid_message_price_changed poll_option_added
        poll_option_deleted suggested_post_approved suggested_post_approval_failed suggested_post_declined suggested_post_paid
        suggested_post_refunded video_chat_scheduled video_chat_started video_chat_ended video_chat_participants_invited
        web_app_data a_kind_that_does_not_exist_yet";
    for kind in content.split_whitespace() {
        let value = if kind == "text" { json!("hi") } else { json!({"some": "thing"}) };
        let author = posted(&json!({"text": null, kind: value})).author;
        assert_eq!(author, Author::Person(ann()), "{kind}");
    }
    for kind in service.split_whitespace() {
        let update = json!({"message": message(&json!({"text": null, kind: {"some": "thing"}}))});
        assert_eq!(read(&update), Ok(Event::Ignored("a service message")), "{kind}");
    }
}

#[test]
fn commands_are_for_this_bot_and_not_in_edits() {
    let cases = [
        ("/protect", Some(("protect", ""))),
        ("/protect @news", Some(("protect", "@news"))),
        ("/protect@Gate_Bot x", Some(("protect", "x"))),
        ("/Protect@gate_bot  x  y ", Some(("protect", "x  y"))),
        ("/protect\n@news", Some(("protect", "@news"))),
        ("/protect\u{a0}@news", Some(("protect", "@news"))),
        ("/protect@other_bot x", None),
        ("/protect@", Some(("protect", ""))),
        ("protect", None),
        (" /protect", None),
        ("/", None),
        ("/ protect", None),
        ("//", None),
        ("/@Gate_Bot", None),
        ("/прoтect", None),
        ("/a/b", None),
        ("😀", None),
    ];
    for (text, expected) in cases {
        let command = expected.map(|(name, args)| Command { name: name.to_owned(), args: args.to_owned() });
        assert_eq!(posted(&json!({"text": text})).command, command, "{text:?}");
        let edit = message(&json!({"text": text, "edit_date": 200}));
        let Ok(Event::Message(edit)) = read(&json!({"edited_message": edit})) else { panic!("{text:?} edited") };
        assert_eq!(edit.command, None, "{text:?} edited");
    }
    assert_eq!(posted(&json!({"text": null, "caption": "/protect x"})).command, None);
}

#[test]
fn an_edit_counts_from_when_it_was_edited() {
    let edited = |over| read(&json!({"edited_message": message(&over)}));
    let Ok(Event::Message(edit)) = edited(json!({"edit_date": 200})) else { panic!("an edit is a message") };
    assert!(edit.edited);
    assert_eq!(edit.date_s, 200);
    let live = json!({"latitude": 1.5, "longitude": 2.5, "live_period": 900});
    for location in [live.clone(), json!({"latitude": 1.5, "longitude": 2.5})] {
        let moved = edited(json!({"text": null, "location": location, "edit_date": 200}));
        assert_eq!(moved, Ok(Event::Ignored("a live location moving")), "{location}");
    }
    assert_eq!(posted(&json!({"text": null, "location": live})).author, Author::Person(ann()));
}

#[test]
fn a_thread_is_answered_in_only_if_it_is_a_topic() {
    let cases = [
        (json!({}), None),
        (json!({"message_thread_id": 4}), None),
        (json!({"message_thread_id": 4, "is_topic_message": false}), None),
        (json!({"message_thread_id": 4, "is_topic_message": true}), Some(4)),
        (json!({"is_topic_message": true}), None),
    ];
    for (over, topic) in cases {
        assert_eq!(posted(&over).topic, topic, "{over}");
    }
}

#[test]
fn a_reply_to_a_forwarded_post_names_its_channel() {
    let chat = json!({"id": CHANNEL, "type": "channel", "title": "News"});
    let replying = |origin: Value| json!({"reply_to_message": {"message_id": 4, "forward_origin": origin}});
    let cases = [
        (replying(json!({"type": "channel", "date": 1, "chat": chat, "message_id": 3})), Some(ChannelId(CHANNEL))),
        (replying(json!({"type": "user", "date": 1, "sender_user": {"id": 8}})), None),
        (replying(json!({"type": "hidden_user", "date": 1, "sender_user_name": "Bo"})), None),
        (replying(json!({"type": "chat", "date": 1, "sender_chat": chat})), None),
        (replying(json!({"type": "channel", "date": 1})), None),
        (json!({"reply_to_message": {"message_id": 4}}), None),
        (json!({"forward_origin": {"type": "channel", "date": 1, "chat": chat}}), None),
    ];
    for (over, channel) in cases {
        assert_eq!(posted(&over).replied.and_then(|replied| replied.from_channel), channel, "{over}");
    }
}

#[test]
fn a_reply_tells_whom_it_answers() {
    let user = |id: i64, is_bot: bool| json!({"id": id, "is_bot": is_bot, "first_name": "Bo"});
    let channel = json!({"id": CHANNEL, "type": "channel", "title": "News"});
    let bo = Person { id: UserId(8), name: "Bo".to_owned(), username: None };
    let cases = [
        (json!({"message_id": 4, "from": user(8, false)}), Author::Person(bo.clone()), false),
        (json!({"message_id": 4, "from": user(1, true)}), Author::Exempt("a bot"), true),
        (json!({"message_id": 4, "from": user(2, true)}), Author::Exempt("a bot"), false),
        (
            json!({"message_id": 4, "from": user(1, true), "sender_chat": channel}),
            Author::Channel(ChannelId(CHANNEL)),
            false,
        ),
        (json!({"message_id": 4}), Author::Exempt("nobody we can name"), false),
    ];
    for (replied, author, ours) in cases {
        let read = posted(&json!({"reply_to_message": replied})).replied.expect("a reply");
        assert_eq!((read.message, read.author, read.ours), (MessageId(4), author, ours), "{replied}");
    }
    let warning = json!({"message_id": 4, "from": user(1, true), "entities": [{"type": "bold"}, {"type": "text_mention", "user": user(8, false)}]});
    assert_eq!(posted(&json!({"reply_to_message": warning})).replied.expect("a reply").mentioned, [bo]);
}

/// Only what answers a prompt of this very bot is kept, and nothing prints it.
#[test]
fn what_is_typed_under_our_buttons_is_read_and_no_other_text() {
    let prompt = |from: i64, markup: Value| json!({"message_id": 4, "from": {"id": from, "is_bot": true, "first_name": "b"}, "reply_markup": markup});
    let buttons = json!({"inline_keyboard": [[{"text": "x", "callback_data": "s1:"}, {"text": "y", "url": "https://t.me"}], [7], 8]});
    let ours = json!({"reply_to_message": prompt(1, buttons.clone()), "text": "my secret"});
    let typed = posted(&ours).typed.expect("it answers a prompt");
    assert_eq!(
        (typed.text.as_str(), typed.to, typed.buttons.as_slice()),
        ("my secret", MessageId(4), &["s1:".to_owned()][..])
    );
    assert!(!format!("{typed:?}").contains("secret"));
    for other in [
        json!({"reply_to_message": prompt(2, buttons.clone())}),
        json!({"reply_to_message": prompt(1, json!({"inline_keyboard": []}))}),
        json!({"reply_to_message": prompt(1, json!("s1:"))}),
        json!({"reply_to_message": prompt(1, buttons.clone()), "text": "/help"}),
        json!({"reply_to_message": prompt(1, buttons), "text": null, "sticker": {}}),
    ] {
        assert_eq!(posted(&other).typed, None, "{other}");
    }
}

#[test]
fn chats_are_told_apart() {
    let cases = [
        (json!({"id": GROUP, "type": "group"}), ChatKind::Group),
        (json!({"id": 7, "type": "private", "first_name": "Ann"}), ChatKind::Private),
        (json!({"id": CHANNEL, "type": "channel"}), ChatKind::Channel),
        (json!({"id": CHANNEL, "type": "forum"}), ChatKind::Unknown),
        (json!({"id": CHANNEL}), ChatKind::Unknown),
    ];
    for (chat, kind) in cases {
        assert_eq!(posted(&json!({"chat": chat})).chat.kind, kind, "{chat}");
    }
}

#[test]
fn a_press_names_presser_message_and_the_mentioned() {
    let press = |over: Value| {
        let mut press = json!({"id": "9007199254740993", "chat_instance": "1", "data": "v1:7",
            "from": {"id": 7, "first_name": "Ann"}, "message": message(&json!({}))});
        for (name, value) in over.as_object().expect("the cases are objects") {
            press[name] = value.clone();
        }
        read(&json!({"callback_query": press}))
    };
    let expected = ButtonPressed {
        query: "9007199254740993".to_owned(),
        by: ann(),
        chat: ChatId(GROUP),
        kind: ChatKind::Supergroup,
        title: "Garden".to_owned(),
        message: MessageId(5),
        data: "v1:7".to_owned(),
        offered: false,
        mentioned: Vec::new(),
    };
    let pressed = |event| match event {
        Ok(Event::Press(press)) => *press,
        other => panic!("{other:?}"),
    };
    assert_eq!(pressed(press(json!({}))), expected);
    let shell = json!({"message": {"chat": {"id": GROUP, "type": "supergroup", "title": "Garden"}, "message_id": 5, "date": 0}});
    assert_eq!(pressed(press(shell)), expected, "the message is no longer accessible");
    for (button, offered) in [("v1:7", true), ("v1:8", false)] {
        let markup = json!({"inline_keyboard": [[{"text": "Join", "url": "https://t.me/news"}], [{"text": "Joined", "callback_data": button}]]});
        let message = message(&json!({"reply_markup": markup}));
        assert_eq!(pressed(press(json!({"message": message}))).offered, offered, "{button}");
    }
    let entities = json!([
        {"type": "bold", "offset": 0, "length": 1},
        {"type": "text_mention", "offset": 0, "length": 1, "user": {"id": 7, "first_name": "Ann"}},
        {"type": "text_mention", "offset": 2, "length": 1, "user": {"id": 8, "first_name": "Bo"}},
    ]);
    let mentioning = json!({"message": message(&json!({"entities": entities}))});
    assert_eq!(pressed(press(mentioning)).mentioned, [UserId(7), UserId(8)]);
    for over in [json!({"message": null, "inline_message_id": "x"}), json!({"data": null, "game_short_name": "x"})] {
        assert_eq!(press(over), Ok(Event::Ignored("a press of something that is not ours")));
    }
}

#[test]
fn a_change_of_membership_says_what_somebody_is_now() {
    let changed = |member: Value| {
        let old = json!({"status": "left", "user": {"id": 7, "first_name": "Ann"}});
        read(&json!({"chat_member": {"chat": {"id": CHANNEL, "type": "channel", "title": "News"}, "date": 100,
            "from": {"id": 8, "first_name": "Bo"}, "old_chat_member": old, "new_chat_member": member}}))
    };
    let user = json!({"id": 7, "is_bot": false, "first_name": "Ann"});
    let cases = [
        (json!({"status": "creator", "is_anonymous": false}), Status::Owner, None),
        (json!({"status": "administrator"}), Status::Admin, None),
        (json!({"status": "member"}), Status::Member, None),
        (json!({"status": "member", "until_date": 900}), Status::Member, Some(900)),
        (json!({"status": "member", "until_date": 0}), Status::Member, None),
        (
            json!({"status": "restricted", "is_member": true, "until_date": 900}),
            Status::Restricted { is_member: true },
            None,
        ),
        (json!({"status": "restricted", "is_member": false}), Status::Restricted { is_member: false }, None),
        (json!({"status": "restricted"}), Status::Restricted { is_member: false }, None),
        (json!({"status": "left"}), Status::Left, None),
        (json!({"status": "kicked", "until_date": 900}), Status::Banned, None),
    ];
    for (mut member, status, until_s) in cases {
        member["user"] = user.clone();
        let expected = MemberChanged {
            chat: Chat { id: ChatId(CHANNEL), kind: ChatKind::Channel, title: "News".to_owned() },
            user: ann(),
            by: UserId(8),
            date_s: 100,
            before: Some(Before { status: Status::Left, until_s: None }),
            status,
            until_s,
        };
        assert_eq!(changed(member.clone()), Ok(Event::Member(Box::new(expected))), "{member}");
    }
    let unknown = changed(json!({"status": "guest", "user": user}));
    assert_eq!(unknown, Ok(Event::Ignored("a membership of an unknown kind")));
    let bot = changed(json!({"status": "member", "user": {"id": 9, "is_bot": true, "first_name": "b"}}));
    assert_eq!(bot, Ok(Event::Ignored("a membership of a bot")));
}

/// `{"status": …}` of Ann in the group before and after a change by Bo; null: not told.
fn changed_in_group(before: &Value, after: &Value) -> Event {
    let member = |over: &Value| {
        let mut member = over.clone();
        if member.is_object() {
            member["user"] = json!({"id": 7, "is_bot": false, "first_name": "Ann"});
        }
        member
    };
    let update = json!({"chat_member": {"chat": {"id": GROUP, "type": "supergroup", "title": "Garden"}, "date": 100,
        "from": {"id": 8, "first_name": "Bo"}, "old_chat_member": member(before), "new_chat_member": member(after)}});
    read(&update).expect("readable")
}

fn joined(people: Vec<Person>) -> Event {
    let chat = Chat { id: ChatId(GROUP), kind: ChatKind::Supergroup, title: "Garden".to_owned() };
    Event::Joined(Box::new(Joined { chat, people, date_s: 100 }))
}

/// telegram.md 4.2: the service message is not reliable, and neither is the other (2.6).
#[test]
fn a_join_is_the_same_event_by_either_update_and_means_who_came() {
    let restricted = |is_member: bool| json!({"status": "restricted", "is_member": is_member, "until_date": 900});
    let (left, kicked, member) = (json!({"status": "left"}), json!({"status": "kicked"}), json!({"status": "member"}));
    for (before, after) in
        [(&left, &member), (&kicked, &member), (&restricted(false), &restricted(true)), (&left, &restricted(true))]
    {
        assert_eq!(changed_in_group(before, after), joined(vec![ann()]), "{before} {after}");
    }
    let before = |status, until_s| Some(Before { status, until_s });
    let others = [
        (restricted(true), member.clone(), before(Status::Restricted { is_member: true }, Some(900)), Status::Member),
        (kicked, left.clone(), before(Status::Banned, None), Status::Left),
        (member.clone(), left.clone(), before(Status::Member, None), Status::Left),
        (left, json!({"status": "administrator"}), before(Status::Left, None), Status::Admin),
        (json!(null), member.clone(), None, Status::Member),
        (json!({"status": "guest"}), member, None, Status::Member),
    ];
    for (old, new, before, status) in others {
        let Event::Member(change) = changed_in_group(&old, &new) else { panic!("{old} {new}") };
        assert_eq!((change.before, change.status, change.by), (before, status, UserId(8)), "{old} {new}");
    }

    let person = |id: i64, name: &str| json!({"id": id, "is_bot": false, "first_name": name});
    let bot = json!({"id": 9, "is_bot": true, "first_name": "b"});
    let came = |users: Value| {
        let added = message(&json!({"text": null, "from": person(8, "Bo"), "new_chat_members": users}));
        read(&json!({"message": added})).expect("readable")
    };
    assert_eq!(came(json!([person(7, "Ann")])), joined(vec![ann()]), "and not Bo, who added her");
    let cem = Person { id: UserId(6), name: "Cem".to_owned(), username: None };
    assert_eq!(came(json!([person(7, "Ann"), bot, person(6, "Cem")])), joined(vec![ann(), cem]));
    assert_eq!(came(json!([bot])), Event::Ignored("a bot came"));
}

#[test]
fn who_goes_is_told_by_a_service_message_too() {
    let went = |user: Value| read(&json!({"message": message(&json!({"text": null, "left_chat_member": user}))}));
    let Ok(Event::Member(change)) = went(json!({"id": 6, "first_name": "Cem"})) else { panic!("no change") };
    assert_eq!((change.user.id, change.by, change.status, change.before), (UserId(6), UserId(7), Status::Left, None));
    let bot = went(json!({"id": 9, "is_bot": true, "first_name": "b"}));
    assert_eq!(bot, Ok(Event::Ignored("a service message")));
}

#[test]
fn a_request_to_join_says_where_to_write_to_them() {
    let asked = |over: Value| {
        let mut request = json!({"chat": {"id": GROUP, "type": "supergroup", "title": "Garden"}, "date": 100,
            "from": {"id": 7, "is_bot": false, "first_name": "Ann"}, "bio": "x"});
        request.as_object_mut().expect("it is an object").extend(over.as_object().expect("it is one").clone());
        read(&json!({"chat_join_request": request}))
    };
    for (over, user_chat) in [(json!({"user_chat_id": 70}), 70), (json!({}), 7)] {
        let chat = Chat { id: ChatId(GROUP), kind: ChatKind::Supergroup, title: "Garden".to_owned() };
        let expected = JoinRequested { chat, user: ann(), user_chat: ChatId(user_chat), date_s: 100 };
        assert_eq!(asked(over), Ok(Event::JoinRequest(Box::new(expected))));
    }
}

#[test]
fn other_kinds_of_updates_are_left_alone() {
    let mut updates = vec![json!({"update_id": 1}), json!({})];
    for kind in ["channel_post", "edited_channel_post", "poll", "unheard_of"] {
        updates.push(json!({"update_id": 1, kind: message(&json!({}))}));
    }
    for update in updates {
        assert_eq!(read(&update), Ok(Event::Ignored("another kind of update")), "{update}");
    }
}

#[test]
fn what_cannot_be_read_says_where_and_quotes_nothing() {
    let secret = "what a member wrote";
    let cases = [
        (String::new(), "cut off at line 1, column 0"),
        (secret.to_owned(), "no JSON at line 1, column 1"),
        (format!(r#"{{"message": "{secret}""#), "something missing or of another type"),
        (json!({"message": message(&json!({"date": secret}))}).to_string(), "something missing or of another type"),
        (json!({"message": message(&json!({"text": [secret]}))}).to_string(), "something missing or of another type"),
        (json!({"message": message(&json!({"chat": null}))}).to_string(), "something missing or of another type"),
        (json!({"message": message(&json!({"message_id": 1.5}))}).to_string(), "something missing or of another type"),
        (json!({"message": []}).to_string(), "something missing or of another type"),
        (json!([]).to_string(), "something missing or of another type"),
        (format!(r#"{{"message": {}"#, message(&json!({"text": secret}))), "cut off"),
        (format!(r#"{{"message": {{"photo": {}"#, "[".repeat(100_000)), "cut off"),
    ];
    for (body, what) in cases {
        let unreadable = read_bytes(body.as_bytes()).expect_err("it is no update");
        let text = unreadable.to_string();
        assert!(text.starts_with(&format!("it is not an update of Telegram: {what}")), "{text}");
        assert!(!format!("{text} {unreadable:?}").contains(secret), "{unreadable:?}");
    }
    assert!(read_bytes(b"{\"message\": \"\xff\"}").is_err());
}

#[test]
fn envelopes_that_carry_no_update_are_read_as_what_they_are() {
    let reader = Reader { bot: BotId(1), username: "gate_bot".to_owned() };
    let task = |body: &'static str| {
        reader.read(&Envelope::task(BotId(1), RoutingKey(GROUP), 1, 1, 0, Bytes::from_static(body.as_bytes())))
    };
    assert_eq!(task(r#"{"task":"warn"}"#), Ok(Event::Task(Task::Warn)));
    for body in [r#"{"task":"dance"}"#, "{}", "", r#"{"task":"unwarn"}"#] {
        let text = task(body).expect_err("no task").to_string();
        assert!(text.starts_with("it is not a task of ours: "), "{body}: {text}");
    }
    let marked = reader.read(&Envelope::unreadable(BotId(1), 1, 0, Bytes::from_static(b"{}")));
    assert_eq!(marked, Err(Unreadable::Marked));
}

/// Whatever one field is replaced by, nobody who is exempt becomes a person to punish, and no service message becomes content.
#[test]
fn damage_makes_nobody_an_offender() {
    let telegram = json!({"id": 777_000, "is_bot": false, "first_name": "Telegram"});
    let group = json!({"id": GROUP, "type": "supergroup"});
    let exempt = [
        json!({"from": {"id": 9, "is_bot": true, "first_name": "b"}}),
        json!({"sender_chat": group, "from": {"id": 1_087_968_824, "is_bot": true, "first_name": "Group"}}),
        json!({"is_automatic_forward": true, "sender_chat": {"id": CHANNEL, "type": "channel"}, "from": telegram}),
        json!({"text": null, "new_chat_members": [{"id": 7, "is_bot": false, "first_name": "Ann"}]}),
        json!({"text": null, "pinned_message": {"message_id": 1, "text": "x"}}),
    ];
    let damages = [json!(null), json!(0), json!(-1.5), json!("x"), json!([]), json!({}), json!(true), json!([null])];
    for over in &exempt {
        let whole = message(over);
        for name in whole.as_object().expect("it is an object").keys() {
            for damage in &damages {
                let mut damaged = whole.clone();
                damaged[name] = damage.clone();
                let event = read(&json!({"message": damaged}));
                let person = matches!(&event, Ok(Event::Message(posted)) if matches!(posted.author, Author::Person(_)));
                assert!(!person, "{damaged} gave {event:?}");
            }
        }
    }
}

#[test]
fn the_bots_own_comings_and_goings_are_read_for_groups_and_channels() {
    let own = |chat: &Value, old: &Value, new: &Value| {
        let member = |standing: &Value| {
            let mut member = standing.clone();
            member["user"] = json!({"id": 1, "is_bot": true, "first_name": "Gate"});
            member
        };
        read(&json!({"update_id": 1, "my_chat_member": {
            "chat": chat, "from": {"id": 8, "first_name": "Boss"}, "date": 100,
            "old_chat_member": member(old), "new_chat_member": member(new),
        }}))
    };
    let (out, kicked) = (json!({"status": "left"}), json!({"status": "kicked", "until_date": 0}));
    let (member, admin) = (json!({"status": "member"}), json!({"status": "administrator"}));
    let away = json!({"status": "restricted", "is_member": false});
    let group = json!({"id": GROUP, "type": "supergroup", "title": "Garden"});
    let cases = [
        (&out, &member, false, true),
        (&member, &admin, true, true),
        (&admin, &kicked, true, false),
        (&away, &member, false, true),
    ];
    for (old, new, was_in, is_in) in cases {
        let chat = Chat { id: ChatId(GROUP), kind: ChatKind::Supergroup, title: "Garden".to_owned() };
        let expected = Event::OwnStanding(Box::new(OwnChanged { chat, was_in, is_in, date_s: 100 }));
        assert_eq!(own(&group, old, new), Ok(expected), "{old} to {new}");
    }
    let private = own(&json!({"id": 8, "type": "private"}), &member, &kicked);
    assert_eq!(private, Ok(Event::Ignored("blocked or unblocked by a person")));
}

#[test]
fn a_group_that_became_a_supergroup_is_told_of_in_both() {
    let old = json!({"text": null, "chat": {"id": -5, "type": "group"}, "migrate_to_chat_id": GROUP});
    let new = json!({"text": null, "migrate_from_chat_id": -5});
    for service in [old, new] {
        let moved = Moved { old: ChatId(-5), new: ChatId(GROUP) };
        assert_eq!(read(&json!({"message": message(&service)})), Ok(Event::Moved(moved)), "{service}");
    }
}
