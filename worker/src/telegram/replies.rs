//! What Telegram tells us, read leniently: a field that is missing, new or of another type is no reason to fail, except for the few
//! without which an answer says nothing.

use serde_json::Value;
use shared::ids::{ChatId, UserId};

use super::permissions::Permissions;

/// The bot itself (getMe).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    pub id: UserId,
    /// Empty if Telegram did not say.
    pub username: String,
    pub first_name: String,
}

/// A chat (getChat).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub id: ChatId,
    pub kind: ChatKind,
    /// Of groups and channels. Hostile text.
    pub title: Option<String>,
    /// Without the "@". None: a private chat or channel has none.
    pub username: Option<String>,
    /// A channel's discussion group, or a group's channel.
    pub linked_chat_id: Option<ChatId>,
    /// The primary link, if the bot has made it.
    pub invite_link: Option<String>,
    /// Whether newcomers must be approved.
    pub join_by_request: bool,
    /// Whether the group has topics.
    pub is_forum: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    Private,
    /// A basic group, where nobody can be muted.
    Group,
    Supergroup,
    Channel,
    /// A kind that did not exist when this was written.
    Other,
}

/// A user in a chat (getChatMember).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub status: MemberStatus,
    /// None: Telegram did not say, and nobody may be punished for that.
    pub is_member: Option<bool>,
    /// What a restricted user may do; None for all others.
    pub permissions: Option<Permissions>,
    /// Unix seconds. When a restriction or ban ends; None: never, or there is none.
    pub until: Option<i64>,
    pub rights: AdminRights,
    /// An administrator who writes in the chat's name.
    pub is_anonymous: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStatus {
    Creator,
    Administrator,
    Member,
    Restricted,
    Left,
    Kicked,
    /// A status that did not exist when this was written.
    Other,
}

/// The administrator rights that this bot asks about. The creator has all, everybody else none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdminRights {
    pub can_delete_messages: bool,
    pub can_restrict_members: bool,
    pub can_invite_users: bool,
    pub can_manage_chat: bool,
    /// The bot should not have this one: with it a release could demote somebody who has become an administrator meanwhile.
    pub can_promote_members: bool,
}

impl AdminRights {
    const ALL: Self = Self {
        can_delete_messages: true,
        can_restrict_members: true,
        can_invite_users: true,
        can_manage_chat: true,
        can_promote_members: true,
    };
}

impl Me {
    pub(super) fn read(reply: &Value) -> Option<Self> {
        Some(Self {
            id: UserId(reply["id"].as_i64()?),
            username: text(&reply["username"]).unwrap_or_default(),
            first_name: text(&reply["first_name"]).unwrap_or_default(),
        })
    }
}

impl Chat {
    pub(super) fn read(reply: &Value) -> Option<Self> {
        Some(Self {
            id: ChatId(reply["id"].as_i64()?),
            kind: match reply["type"].as_str()? {
                "private" => ChatKind::Private,
                "group" => ChatKind::Group,
                "supergroup" => ChatKind::Supergroup,
                "channel" => ChatKind::Channel,
                _ => ChatKind::Other,
            },
            title: text(&reply["title"]),
            username: text(&reply["username"]),
            linked_chat_id: reply["linked_chat_id"].as_i64().map(ChatId),
            invite_link: text(&reply["invite_link"]),
            join_by_request: flag(&reply["join_by_request"]),
            is_forum: flag(&reply["is_forum"]),
        })
    }
}

impl Member {
    pub(super) fn read(reply: &Value) -> Option<Self> {
        let status = match reply["status"].as_str()? {
            "creator" => MemberStatus::Creator,
            "administrator" => MemberStatus::Administrator,
            "member" => MemberStatus::Member,
            "restricted" => MemberStatus::Restricted,
            "left" => MemberStatus::Left,
            "kicked" => MemberStatus::Kicked,
            _ => MemberStatus::Other,
        };
        Some(Self {
            status,
            is_member: match status {
                MemberStatus::Creator | MemberStatus::Administrator | MemberStatus::Member => Some(true),
                MemberStatus::Restricted => reply["is_member"].as_bool(),
                MemberStatus::Left | MemberStatus::Kicked => Some(false),
                MemberStatus::Other => None,
            },
            permissions: (status == MemberStatus::Restricted).then(|| Permissions::read(reply)),
            // 0 means for ever.
            until: reply["until_date"].as_i64().filter(|until| *until > 0),
            rights: match status {
                MemberStatus::Creator => AdminRights::ALL,
                MemberStatus::Administrator => AdminRights {
                    can_delete_messages: flag(&reply["can_delete_messages"]),
                    can_restrict_members: flag(&reply["can_restrict_members"]),
                    can_invite_users: flag(&reply["can_invite_users"]),
                    can_manage_chat: flag(&reply["can_manage_chat"]),
                    can_promote_members: flag(&reply["can_promote_members"]),
                },
                _ => AdminRights::default(),
            },
            is_anonymous: flag(&reply["is_anonymous"]),
        })
    }

    /// The list of getChatAdministrators; an entry without an id or a status is left out.
    pub(super) fn read_all(reply: &Value) -> Option<Vec<(UserId, Self)>> {
        let entries = reply.as_array()?;
        Some(
            entries
                .iter()
                .filter_map(|entry| Some((UserId(entry["user"]["id"].as_i64()?), Self::read(entry)?)))
                .collect(),
        )
    }
}

/// The answer of the methods that return True.
pub(super) fn read_true(reply: &Value) -> Option<()> {
    (reply == &Value::Bool(true)).then_some(())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Telegram leaves false out in many places.
fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_is_a_member() {
        let table = [
            (json!({"status": "creator"}), Some(true)),
            (json!({"status": "administrator", "can_be_edited": null}), Some(true)),
            (json!({"status": "member", "until_date": 1_900_000_000}), Some(true)),
            (json!({"status": "restricted", "is_member": true}), Some(true)),
            (json!({"status": "restricted", "is_member": false}), Some(false)),
            (json!({"status": "restricted"}), None),
            (json!({"status": "left", "something_new": {}}), Some(false)),
            (json!({"status": "kicked", "until_date": 0}), Some(false)),
            (json!({"status": "guest"}), None),
        ];
        for (reply, expected) in table {
            let member = Member::read(&reply).expect("readable");
            assert_eq!(member.is_member, expected, "{reply}");
        }
    }

    #[test]
    fn without_the_essential_there_is_no_answer() {
        assert_eq!(Member::read(&json!({"user": {"id": 1}})), None);
        assert_eq!(Chat::read(&json!({"id": 1})), None);
        assert_eq!(Chat::read(&json!({"type": "group"})), None);
        assert_eq!(Me::read(&json!({"username": "gmbot"})), None);
        assert_eq!(Member::read_all(&json!({"status": "creator"})), None);
        assert_eq!(read_true(&json!(false)), None);
    }

    #[test]
    fn admin_rights_come_from_the_fields_or_from_being_the_creator() {
        let admin =
            Member::read(&json!({"status": "administrator", "can_delete_messages": true, "is_anonymous": true}))
                .expect("readable");
        assert_eq!(admin.rights, AdminRights { can_delete_messages: true, ..AdminRights::default() });
        assert!(admin.is_anonymous);
        let creator = Member::read(&json!({"status": "creator"})).expect("readable");
        assert_eq!(creator.rights, AdminRights::ALL);
        // A stranger's words about rights are not believed.
        let plain = Member::read(&json!({"status": "member", "can_restrict_members": true})).expect("readable");
        assert_eq!(plain.rights, AdminRights::default());
    }

    #[test]
    fn a_restriction_keeps_its_permissions_and_its_end() {
        let reply =
            json!({"status": "restricted", "is_member": true, "can_send_messages": true, "until_date": 1_900_000_000});
        let member = Member::read(&reply).expect("readable");
        assert_eq!(member.until, Some(1_900_000_000));
        assert!(member.permissions.expect("restricted").can_send_messages);
        assert!(!member.permissions.expect("restricted").can_send_polls);
    }

    #[test]
    fn administrators_without_an_id_are_left_out() {
        let reply =
            json!([{"status": "creator", "user": {"id": 1}}, {"status": "administrator"}, 7, {"user": {"id": 2}}]);
        let admins = Member::read_all(&reply).expect("a list");
        assert_eq!(admins.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [UserId(1)]);
    }
}
