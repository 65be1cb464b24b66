//! The table's objects about updates, and about the bot's own settings.

use crate::schema::messages::{MAYBE_INACCESSIBLE_MESSAGE, MESSAGE};
use crate::schema::people::{CHAT, CHAT_INVITE_LINK, CHAT_MEMBER, USER};
use crate::schema::shape::Object;
use crate::schema::shape::Type::{self, Array, Boolean, Integer, Text};

pub(super) static UPDATE: Object = Object {
    name: "Update",
    required: &[("update_id", Integer)],
    optional: &[
        ("message", Type::Object(&MESSAGE)),
        ("edited_message", Type::Object(&MESSAGE)),
        ("channel_post", Type::Object(&MESSAGE)),
        ("edited_channel_post", Type::Object(&MESSAGE)),
        ("callback_query", Type::Object(&CALLBACK_QUERY)),
        ("my_chat_member", Type::Object(&CHAT_MEMBER_UPDATED)),
        ("chat_member", Type::Object(&CHAT_MEMBER_UPDATED)),
        ("chat_join_request", Type::Object(&CHAT_JOIN_REQUEST)),
    ],
    exactly_one: &[
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "callback_query",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
    ],
};

static CALLBACK_QUERY: Object = Object {
    name: "CallbackQuery",
    required: &[("id", Text), ("from", Type::Object(&USER)), ("chat_instance", Text)],
    optional: &[
        ("message", Type::Union(&MAYBE_INACCESSIBLE_MESSAGE)),
        ("inline_message_id", Text),
        ("data", Text),
        ("game_short_name", Text),
    ],
    exactly_one: &["data", "game_short_name"],
};

static CHAT_MEMBER_UPDATED: Object = Object {
    name: "ChatMemberUpdated",
    required: &[
        ("chat", Type::Object(&CHAT)),
        ("from", Type::Object(&USER)),
        ("date", Integer),
        ("old_chat_member", Type::Union(&CHAT_MEMBER)),
        ("new_chat_member", Type::Union(&CHAT_MEMBER)),
    ],
    optional: &[
        ("invite_link", Type::Object(&CHAT_INVITE_LINK)),
        ("via_join_request", Boolean),
        ("via_chat_folder_invite_link", Boolean),
    ],
    exactly_one: &[],
};

static CHAT_JOIN_REQUEST: Object = Object {
    name: "ChatJoinRequest",
    required: &[
        ("chat", Type::Object(&CHAT)),
        ("from", Type::Object(&USER)),
        ("user_chat_id", Integer),
        ("date", Integer),
    ],
    optional: &[("bio", Text), ("invite_link", Type::Object(&CHAT_INVITE_LINK))],
    exactly_one: &[],
};

pub(super) static WEBHOOK_INFO: Object = Object {
    name: "WebhookInfo",
    required: &[("url", Text), ("has_custom_certificate", Boolean), ("pending_update_count", Integer)],
    optional: &[
        ("ip_address", Text),
        ("last_error_date", Integer),
        ("last_error_message", Text),
        ("last_synchronization_error_date", Integer),
        ("max_connections", Integer),
        ("allowed_updates", Array(&Text)),
    ],
    exactly_one: &[],
};

pub(super) static BOT_COMMAND: Object = Object {
    name: "BotCommand",
    required: &[("command", Text), ("description", Text)],
    optional: &[],
    exactly_one: &[],
};

/// What comes with an error: how long to wait, or where the group has gone.
pub(super) static RESPONSE_PARAMETERS: Object = Object {
    name: "ResponseParameters",
    required: &[],
    optional: &[("migrate_to_chat_id", Integer), ("retry_after", Integer)],
    exactly_one: &["migrate_to_chat_id", "retry_after"],
};
