//! The table's objects about people, chats, and what people are in chats.

use crate::schema::shape::Type::{self, Array, Boolean, Integer, Text, True, Word};
use crate::schema::shape::{Object, Union};

pub(super) static USER: Object = Object {
    name: "User",
    required: &[("id", Integer), ("is_bot", Boolean), ("first_name", Text)],
    optional: &[
        ("last_name", Text),
        ("username", Text),
        ("language_code", Text),
        ("is_premium", True),
        ("added_to_attachment_menu", True),
    ],
    exactly_one: &[],
};

/// The bot itself, as getMe shows it: with what it can do, always in full.
pub(super) static ME: Object = Object {
    name: "User",
    required: &[
        ("id", Integer),
        ("is_bot", True),
        ("first_name", Text),
        ("username", Text),
        ("can_join_groups", Boolean),
        ("can_read_all_group_messages", Boolean),
        ("supports_guest_queries", Boolean),
        ("supports_inline_queries", Boolean),
        ("can_connect_to_business", Boolean),
        ("has_main_web_app", Boolean),
        ("has_topics_enabled", Boolean),
        ("allows_users_to_create_topics", Boolean),
        ("can_manage_bots", Boolean),
        ("supports_join_request_queries", Boolean),
    ],
    optional: &[("last_name", Text), ("language_code", Text)],
    exactly_one: &[],
};

const CHAT_TYPES: Type = Word(&["private", "group", "supergroup", "channel"]);

pub(super) static CHAT: Object = Object {
    name: "Chat",
    required: &[("id", Integer), ("type", CHAT_TYPES)],
    optional: &[
        ("title", Text),
        ("username", Text),
        ("first_name", Text),
        ("last_name", Text),
        ("is_forum", True),
        ("is_direct_messages", True),
    ],
    exactly_one: &[],
};

pub(super) static CHAT_FULL_INFO: Object = Object {
    name: "ChatFullInfo",
    required: &[
        ("id", Integer),
        ("type", CHAT_TYPES),
        ("accent_color_id", Integer),
        ("max_reaction_count", Integer),
        ("accepted_gift_types", Type::Object(&ACCEPTED_GIFT_TYPES)),
    ],
    optional: &[
        ("title", Text),
        ("username", Text),
        ("first_name", Text),
        ("last_name", Text),
        ("is_forum", True),
        ("is_direct_messages", True),
        ("active_usernames", Array(&Text)),
        ("bio", Text),
        ("has_private_forwards", True),
        ("has_restricted_voice_and_video_messages", True),
        ("join_to_send_messages", True),
        ("join_by_request", True),
        ("description", Text),
        ("invite_link", Text),
        ("pinned_message", Type::Object(&super::messages::MESSAGE)),
        ("permissions", Type::Object(&CHAT_PERMISSIONS)),
        ("can_send_paid_media", True),
        ("slow_mode_delay", Integer),
        ("unrestrict_boost_count", Integer),
        ("message_auto_delete_time", Integer),
        ("has_aggressive_anti_spam_enabled", True),
        ("has_hidden_members", True),
        ("has_protected_content", True),
        ("has_visible_history", True),
        ("linked_chat_id", Integer),
    ],
    exactly_one: &[],
};

static ACCEPTED_GIFT_TYPES: Object = Object {
    name: "AcceptedGiftTypes",
    required: &[
        ("unlimited_gifts", Boolean),
        ("limited_gifts", Boolean),
        ("unique_gifts", Boolean),
        ("premium_subscription", Boolean),
        ("gifts_from_channels", Boolean),
    ],
    optional: &[],
    exactly_one: &[],
};

/// Optional in the API, where it is an argument too; the server always shows all of them.
static CHAT_PERMISSIONS: Object = Object {
    name: "ChatPermissions",
    required: &[
        ("can_send_messages", Boolean),
        ("can_send_audios", Boolean),
        ("can_send_documents", Boolean),
        ("can_send_photos", Boolean),
        ("can_send_videos", Boolean),
        ("can_send_video_notes", Boolean),
        ("can_send_voice_notes", Boolean),
        ("can_send_polls", Boolean),
        ("can_send_other_messages", Boolean),
        ("can_add_web_page_previews", Boolean),
        ("can_react_to_messages", Boolean),
        ("can_edit_tag", Boolean),
        ("can_change_info", Boolean),
        ("can_invite_users", Boolean),
        ("can_pin_messages", Boolean),
        ("can_manage_topics", Boolean),
    ],
    optional: &[],
    exactly_one: &[],
};

pub(super) static CHAT_MEMBER: Union = Union {
    name: "ChatMember",
    tag: "status",
    variants: &[
        ("creator", &CHAT_MEMBER_OWNER),
        ("administrator", &CHAT_MEMBER_ADMINISTRATOR),
        ("member", &CHAT_MEMBER_MEMBER),
        ("restricted", &CHAT_MEMBER_RESTRICTED),
        ("left", &CHAT_MEMBER_LEFT),
        ("kicked", &CHAT_MEMBER_BANNED),
    ],
    otherwise: None,
};

static CHAT_MEMBER_OWNER: Object = Object {
    name: "ChatMemberOwner",
    required: &[("status", Text), ("user", Type::Object(&USER)), ("is_anonymous", Boolean)],
    optional: &[("custom_title", Text)],
    exactly_one: &[],
};

static CHAT_MEMBER_ADMINISTRATOR: Object = Object {
    name: "ChatMemberAdministrator",
    required: &[
        ("status", Text),
        ("user", Type::Object(&USER)),
        ("can_be_edited", Boolean),
        ("is_anonymous", Boolean),
        ("can_manage_chat", Boolean),
        ("can_delete_messages", Boolean),
        ("can_manage_video_chats", Boolean),
        ("can_restrict_members", Boolean),
        ("can_promote_members", Boolean),
        ("can_change_info", Boolean),
        ("can_invite_users", Boolean),
        ("can_post_stories", Boolean),
        ("can_edit_stories", Boolean),
        ("can_delete_stories", Boolean),
    ],
    // The first two and the fifth in channels, the others in groups.
    optional: &[
        ("can_post_messages", Boolean),
        ("can_edit_messages", Boolean),
        ("can_pin_messages", Boolean),
        ("can_manage_topics", Boolean),
        ("can_manage_direct_messages", Boolean),
        ("can_manage_tags", Boolean),
        ("custom_title", Text),
    ],
    exactly_one: &[],
};

static CHAT_MEMBER_MEMBER: Object = Object {
    name: "ChatMemberMember",
    required: &[("status", Text), ("user", Type::Object(&USER))],
    optional: &[("tag", Text), ("until_date", Integer)],
    exactly_one: &[],
};

static CHAT_MEMBER_RESTRICTED: Object = Object {
    name: "ChatMemberRestricted",
    required: &[
        ("status", Text),
        ("user", Type::Object(&USER)),
        ("is_member", Boolean),
        ("can_send_messages", Boolean),
        ("can_send_audios", Boolean),
        ("can_send_documents", Boolean),
        ("can_send_photos", Boolean),
        ("can_send_videos", Boolean),
        ("can_send_video_notes", Boolean),
        ("can_send_voice_notes", Boolean),
        ("can_send_polls", Boolean),
        ("can_send_other_messages", Boolean),
        ("can_add_web_page_previews", Boolean),
        ("can_react_to_messages", Boolean),
        ("can_edit_tag", Boolean),
        ("can_change_info", Boolean),
        ("can_invite_users", Boolean),
        ("can_pin_messages", Boolean),
        ("can_manage_topics", Boolean),
        ("until_date", Integer),
    ],
    optional: &[("tag", Text)],
    exactly_one: &[],
};

static CHAT_MEMBER_LEFT: Object = Object {
    name: "ChatMemberLeft",
    required: &[("status", Text), ("user", Type::Object(&USER))],
    optional: &[],
    exactly_one: &[],
};

static CHAT_MEMBER_BANNED: Object = Object {
    name: "ChatMemberBanned",
    required: &[("status", Text), ("user", Type::Object(&USER)), ("until_date", Integer)],
    optional: &[],
    exactly_one: &[],
};

pub(super) static CHAT_INVITE_LINK: Object = Object {
    name: "ChatInviteLink",
    required: &[
        ("invite_link", Text),
        ("creator", Type::Object(&USER)),
        ("creates_join_request", Boolean),
        ("is_primary", Boolean),
        ("is_revoked", Boolean),
    ],
    optional: &[
        ("name", Text),
        ("expire_date", Integer),
        ("member_limit", Integer),
        ("pending_join_request_count", Integer),
    ],
    exactly_one: &[],
};
