//! What a member may do (permissions) and what an administrator may do (rights).

use std::collections::BTreeMap;
use std::ops::{BitAnd, BitOr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident($repr:ty) { $($flag:ident = $bit:literal => $field:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub struct $name($repr);

        impl $name {
            $(
                #[doc = concat!("`", $field, "`")]
                pub const $flag: Self = Self(1 << $bit);
            )*
            /// The Bot API's field names, with the flag of each.
            pub const FIELDS: &[(&str, Self)] = &[$(($field, Self::$flag)),*];

            /// Nothing at all.
            #[must_use]
            pub const fn none() -> Self {
                Self(0)
            }

            /// Everything there is.
            #[must_use]
            pub const fn all() -> Self {
                Self($((1 << $bit))|*)
            }

            /// Whether every flag of `other` is set here.
            #[must_use]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The same without the flags of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The flags of the named fields that are true.
            #[must_use]
            pub fn from_fields(fields: &BTreeMap<String, bool>) -> Self {
                Self::FIELDS
                    .iter()
                    .filter(|(name, _)| fields.get(*name) == Some(&true))
                    .fold(Self::none(), |sum, (_, flag)| sum | *flag)
            }

            /// Writes every field into `object` as the Bot API shows it.
            pub(crate) fn write(self, object: &mut Map<String, Value>) {
                for (name, flag) in Self::FIELDS {
                    object.insert((*name).to_owned(), Value::Bool(self.has(*flag)));
                }
            }
        }

        impl BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl BitAnd for $name {
            type Output = Self;
            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut object = Map::new();
                self.write(&mut object);
                object.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                BTreeMap::deserialize(deserializer).map(|fields| Self::from_fields(&fields))
            }
        }
    };
}

flags! {
    /// A `ChatPermissions`: what a member of a group may do.
    Permissions(u16) {
        SEND_MESSAGES = 0 => "can_send_messages",
        SEND_AUDIOS = 1 => "can_send_audios",
        SEND_DOCUMENTS = 2 => "can_send_documents",
        SEND_PHOTOS = 3 => "can_send_photos",
        SEND_VIDEOS = 4 => "can_send_videos",
        SEND_VIDEO_NOTES = 5 => "can_send_video_notes",
        SEND_VOICE_NOTES = 6 => "can_send_voice_notes",
        SEND_POLLS = 7 => "can_send_polls",
        SEND_OTHER_MESSAGES = 8 => "can_send_other_messages",
        ADD_WEB_PAGE_PREVIEWS = 9 => "can_add_web_page_previews",
        REACT_TO_MESSAGES = 10 => "can_react_to_messages",
        EDIT_TAG = 11 => "can_edit_tag",
        CHANGE_INFO = 12 => "can_change_info",
        INVITE_USERS = 13 => "can_invite_users",
        PIN_MESSAGES = 14 => "can_pin_messages",
        MANAGE_TOPICS = 15 => "can_manage_topics",
    }
}

impl Permissions {
    /// What a new group allows its members: everything but changing the group's info.
    #[must_use]
    pub const fn new_group() -> Self {
        Self::all().without(Self::CHANGE_INFO)
    }
}

flags! {
    /// A `ChatAdministratorRights`: what an administrator may do.
    AdminRights(u32) {
        ANONYMOUS = 0 => "is_anonymous",
        MANAGE_CHAT = 1 => "can_manage_chat",
        DELETE_MESSAGES = 2 => "can_delete_messages",
        MANAGE_VIDEO_CHATS = 3 => "can_manage_video_chats",
        RESTRICT_MEMBERS = 4 => "can_restrict_members",
        PROMOTE_MEMBERS = 5 => "can_promote_members",
        CHANGE_INFO = 6 => "can_change_info",
        INVITE_USERS = 7 => "can_invite_users",
        POST_STORIES = 8 => "can_post_stories",
        EDIT_STORIES = 9 => "can_edit_stories",
        DELETE_STORIES = 10 => "can_delete_stories",
        POST_MESSAGES = 11 => "can_post_messages",
        EDIT_MESSAGES = 12 => "can_edit_messages",
        PIN_MESSAGES = 13 => "can_pin_messages",
        MANAGE_TOPICS = 14 => "can_manage_topics",
        MANAGE_DIRECT_MESSAGES = 15 => "can_manage_direct_messages",
        MANAGE_TAGS = 16 => "can_manage_tags",
    }
}

impl AdminRights {
    /// What a gatekeeping bot asks for in a group: delete, restrict, invite.
    pub const MODERATOR: Self =
        Self(Self::MANAGE_CHAT.0 | Self::DELETE_MESSAGES.0 | Self::RESTRICT_MEMBERS.0 | Self::INVITE_USERS.0);
    const CHANNEL_ONLY: Self = Self(Self::POST_MESSAGES.0 | Self::EDIT_MESSAGES.0 | Self::MANAGE_DIRECT_MESSAGES.0);
    const GROUP_ONLY: Self = Self(Self::PIN_MESSAGES.0 | Self::MANAGE_TOPICS.0 | Self::MANAGE_TAGS.0);

    /// The same, without what such a chat does not know, and with `can_manage_chat`, which any other right implies.
    #[must_use]
    pub const fn fitting(self, is_channel: bool) -> Self {
        let known = self.without(if is_channel { Self::GROUP_ONLY } else { Self::CHANNEL_ONLY });
        if known.0 == 0 { known } else { Self(known.0 | Self::MANAGE_CHAT.0) }
    }

    /// Whether a chat of this sort shows the field of `flag`.
    pub(crate) const fn shows(flag: Self, is_channel: bool) -> bool {
        !(if is_channel { Self::GROUP_ONLY } else { Self::CHANNEL_ONLY }).has(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_survive_json() {
        for permissions in
            [Permissions::none(), Permissions::all(), Permissions::SEND_MESSAGES | Permissions::MANAGE_TOPICS]
        {
            let text = serde_json::to_string(&permissions).expect("flags serialize");
            assert_eq!(serde_json::from_str::<Permissions>(&text).expect("flags parse"), permissions, "{text}");
        }
    }

    #[test]
    fn rights_fit_the_sort_of_chat() {
        assert!(!AdminRights::all().fitting(true).has(AdminRights::PIN_MESSAGES));
        assert!(!AdminRights::all().fitting(false).has(AdminRights::POST_MESSAGES));
        assert_eq!(AdminRights::none().fitting(false), AdminRights::none());
        assert!(AdminRights::DELETE_MESSAGES.fitting(false).has(AdminRights::MANAGE_CHAT));
    }
}
