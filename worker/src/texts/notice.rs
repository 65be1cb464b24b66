//! What the admins of a group are told about a channel that cannot be asked about.

use super::shown::shown;

/// Kept in the group until the channel is back.
pub(crate) fn broken(channel: &str) -> String {
    let channel = shown(channel, "the channel");
    format!(
        "I cannot see any more who is subscribed to {channel}: I am not an admin there, or the channel is gone. Until that is mended I do not ask for it here, and nobody stays muted because of it.\n\nAdmins, please make me an admin of {channel} again (any right will do), and I go on by myself. If the channel is gone for good, /unprotect stops asking for it."
    )
}

/// In the group, once it can be asked about again.
pub(crate) fn back(channel: &str) -> String {
    format!("I can see again who is subscribed to {}, and go on asking for it here.", shown(channel, "the channel"))
}

/// The owner of such groups, in private.
pub(crate) fn broken_for_owner(channel: &str) -> String {
    let channel = shown(channel, "a channel of yours");
    format!(
        "I cannot see any more who is subscribed to {channel}: I am not an admin there, or the channel is gone. Your groups that require it are open to everybody for that long.\n\nPlease make me an admin of {channel} again (any right will do), and I go on by myself. If the channel is gone for good, send /unprotect in the groups."
    )
}

/// The owner again.
pub(crate) fn back_for_owner(channel: &str) -> String {
    format!(
        "I can see again who is subscribed to {}: your groups that require it are protected as before.",
        shown(channel, "your channel")
    )
}
