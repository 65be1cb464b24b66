//! What a member of a group may do there: all of Telegram's permissions, none left out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! permissions {
    ($($field:ident),* $(,)?) => {
        /// Bot API `ChatPermissions`. Ours and not teloxide's, because a permission that is left out of a restrictChatMember call counts as
        /// "no": releasing somebody with an older set would leave them restricted for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "Value")]
        pub struct Permissions {
            $(pub $field: bool,)*
        }

        impl Permissions {
            /// Everything: given to one member it lifts all restrictions (Bot API, restrictChatMember).
            pub const ALL: Self = Self { $($field: true,)* };
            /// Nothing: a mute.
            pub const NONE: Self = Self { $($field: false,)* };

            fn fill(reply: &Value, mut missing: impl FnMut(&str) -> bool) -> Self {
                Self {
                    $($field: reply[stringify!($field)].as_bool().unwrap_or_else(|| missing(stringify!($field))),)*
                }
            }
        }
    };
}

permissions! {
    can_send_messages,
    can_send_audios,
    can_send_documents,
    can_send_photos,
    can_send_videos,
    can_send_video_notes,
    can_send_voice_notes,
    can_send_polls,
    can_send_other_messages,
    can_add_web_page_previews,
    can_react_to_messages,
    can_edit_tag,
    can_change_info,
    can_invite_users,
    can_pin_messages,
    can_manage_topics,
}

impl From<Value> for Permissions {
    fn from(value: Value) -> Self {
        Self::read(&value)
    }
}

impl Permissions {
    /// Reads them from a `ChatPermissions` or from a restricted member, where they stand beside other fields. The three that are newer
    /// than the rest follow, when missing, the one that Telegram lets them default to (Bot API server, `get_chat_permissions`).
    pub(super) fn read(reply: &Value) -> Self {
        let stands_for = |newer: &str| match newer {
            "can_react_to_messages" => reply["can_send_messages"].as_bool().unwrap_or(false),
            "can_edit_tag" | "can_manage_topics" => reply["can_pin_messages"].as_bool().unwrap_or(false),
            _ => false,
        };
        Self::fill(reply, stands_for)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Permissions;

    #[test]
    fn all_sixteen_are_written() {
        let written = serde_json::to_value(Permissions::ALL).expect("plain bools");
        let fields = written.as_object().expect("an object");
        assert_eq!(fields.len(), 16);
        assert!(fields.values().all(|allowed| allowed == true));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let some = Permissions { can_send_polls: true, can_edit_tag: true, ..Permissions::NONE };
        let text = serde_json::to_string(&some).expect("plain bools");
        assert_eq!(serde_json::from_str::<Permissions>(&text).expect("readable"), some);
    }

    #[test]
    fn newer_permissions_follow_the_older_ones() {
        let older = json!({"can_send_messages": true, "can_pin_messages": false, "status": "restricted", "can_send_polls": null});
        let read = Permissions::read(&older);
        assert_eq!(read, Permissions { can_send_messages: true, can_react_to_messages: true, ..Permissions::NONE });
    }
}
