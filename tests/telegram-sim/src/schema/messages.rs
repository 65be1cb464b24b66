//! The table's objects about messages: their contents, entities, origins and buttons.

use crate::schema::people::{CHAT, USER};
use crate::schema::shape::Type::{self, Array, Boolean, Float, Integer, Text, True, Word};
use crate::schema::shape::{Object, Union};

pub(super) static MESSAGE: Object = Object {
    name: "Message",
    required: &[("message_id", Integer), ("date", Integer), ("chat", Type::Object(&CHAT))],
    optional: &[
        ("message_thread_id", Integer),
        ("from", Type::Object(&USER)),
        ("sender_chat", Type::Object(&CHAT)),
        ("sender_tag", Text),
        ("forward_origin", Type::Union(&MESSAGE_ORIGIN)),
        ("is_topic_message", True),
        ("is_automatic_forward", True),
        ("reply_to_message", Type::Object(&MESSAGE)),
        ("via_bot", Type::Object(&USER)),
        ("edit_date", Integer),
        ("has_protected_content", True),
        ("media_group_id", Text),
        ("author_signature", Text),
        ("text", Text),
        ("entities", Array(&Type::Object(&MESSAGE_ENTITY))),
        ("photo", Array(&Type::Object(&PHOTO_SIZE))),
        ("location", Type::Object(&LOCATION)),
        ("caption", Text),
        ("caption_entities", Array(&Type::Object(&MESSAGE_ENTITY))),
        ("new_chat_members", Array(&Type::Object(&USER))),
        ("left_chat_member", Type::Object(&USER)),
        ("new_chat_title", Text),
        ("group_chat_created", True),
        ("supergroup_chat_created", True),
        ("channel_chat_created", True),
        ("migrate_to_chat_id", Integer),
        ("migrate_from_chat_id", Integer),
        ("pinned_message", Type::Union(&MAYBE_INACCESSIBLE_MESSAGE)),
        ("forum_topic_created", Type::Object(&FORUM_TOPIC_CREATED)),
        ("reply_markup", Type::Object(&INLINE_KEYBOARD_MARKUP)),
        // No longer in the API's documents, but still sent: what older libraries read.
        ("new_chat_participant", Type::Object(&USER)),
        ("new_chat_member", Type::Object(&USER)),
        ("left_chat_participant", Type::Object(&USER)),
    ],
    exactly_one: &[],
};

/// A message that is gone or out of reach has the date 0.
pub(super) static MAYBE_INACCESSIBLE_MESSAGE: Union = Union {
    name: "MaybeInaccessibleMessage",
    tag: "date",
    variants: &[("0", &INACCESSIBLE_MESSAGE)],
    otherwise: Some(&MESSAGE),
};

static INACCESSIBLE_MESSAGE: Object = Object {
    name: "InaccessibleMessage",
    required: &[("chat", Type::Object(&CHAT)), ("message_id", Integer), ("date", Integer)],
    optional: &[],
    exactly_one: &[],
};

static MESSAGE_ENTITY: Object = Object {
    name: "MessageEntity",
    required: &[("type", ENTITY_TYPES), ("offset", Integer), ("length", Integer)],
    optional: &[
        ("url", Text),
        ("user", Type::Object(&USER)),
        ("language", Text),
        ("custom_emoji_id", Text),
        ("unix_time", Integer),
        ("date_time_format", Text),
    ],
    exactly_one: &[],
};

const ENTITY_TYPES: Type = Word(&[
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
]);

static PHOTO_SIZE: Object = Object {
    name: "PhotoSize",
    required: &[("file_id", Text), ("file_unique_id", Text), ("width", Integer), ("height", Integer)],
    optional: &[("file_size", Integer)],
    exactly_one: &[],
};

static LOCATION: Object = Object {
    name: "Location",
    required: &[("latitude", Float), ("longitude", Float)],
    optional: &[
        ("horizontal_accuracy", Float),
        ("live_period", Integer),
        ("heading", Integer),
        ("proximity_alert_radius", Integer),
    ],
    exactly_one: &[],
};

static FORUM_TOPIC_CREATED: Object = Object {
    name: "ForumTopicCreated",
    required: &[("name", Text), ("icon_color", Integer)],
    optional: &[("icon_custom_emoji_id", Text), ("is_name_implicit", True)],
    exactly_one: &[],
};

static MESSAGE_ORIGIN: Union = Union {
    name: "MessageOrigin",
    tag: "type",
    variants: &[
        ("user", &MESSAGE_ORIGIN_USER),
        ("hidden_user", &MESSAGE_ORIGIN_HIDDEN_USER),
        ("chat", &MESSAGE_ORIGIN_CHAT),
        ("channel", &MESSAGE_ORIGIN_CHANNEL),
    ],
    otherwise: None,
};

static MESSAGE_ORIGIN_USER: Object = Object {
    name: "MessageOriginUser",
    required: &[("type", Text), ("date", Integer), ("sender_user", Type::Object(&USER))],
    optional: &[],
    exactly_one: &[],
};

static MESSAGE_ORIGIN_HIDDEN_USER: Object = Object {
    name: "MessageOriginHiddenUser",
    required: &[("type", Text), ("date", Integer), ("sender_user_name", Text)],
    optional: &[],
    exactly_one: &[],
};

static MESSAGE_ORIGIN_CHAT: Object = Object {
    name: "MessageOriginChat",
    required: &[("type", Text), ("date", Integer), ("sender_chat", Type::Object(&CHAT))],
    optional: &[("author_signature", Text)],
    exactly_one: &[],
};

static MESSAGE_ORIGIN_CHANNEL: Object = Object {
    name: "MessageOriginChannel",
    required: &[("type", Text), ("date", Integer), ("chat", Type::Object(&CHAT)), ("message_id", Integer)],
    optional: &[("author_signature", Text)],
    exactly_one: &[],
};

static INLINE_KEYBOARD_MARKUP: Object = Object {
    name: "InlineKeyboardMarkup",
    required: &[("inline_keyboard", Array(&Array(&Type::Object(&INLINE_KEYBOARD_BUTTON))))],
    optional: &[],
    exactly_one: &[],
};

static INLINE_KEYBOARD_BUTTON: Object = Object {
    name: "InlineKeyboardButton",
    required: &[("text", Text)],
    optional: &[
        ("icon_custom_emoji_id", Text),
        ("style", Word(&["danger", "success", "primary"])),
        ("url", Text),
        ("callback_data", Text),
        ("web_app", Type::Object(&WEB_APP_INFO)),
        ("login_url", Type::Object(&LOGIN_URL)),
        ("switch_inline_query", Text),
        ("switch_inline_query_current_chat", Text),
        ("copy_text", Type::Object(&COPY_TEXT_BUTTON)),
    ],
    exactly_one: &[
        "url",
        "callback_data",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "copy_text",
    ],
};

static WEB_APP_INFO: Object =
    Object { name: "WebAppInfo", required: &[("url", Text)], optional: &[], exactly_one: &[] };

static LOGIN_URL: Object = Object {
    name: "LoginUrl",
    required: &[("url", Text)],
    optional: &[("forward_text", Text), ("bot_username", Text), ("request_write_access", Boolean)],
    exactly_one: &[],
};

static COPY_TEXT_BUTTON: Object =
    Object { name: "CopyTextButton", required: &[("text", Text)], optional: &[], exactly_one: &[] };
