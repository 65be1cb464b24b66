//! What the admins of a group are told about a channel that cannot be asked about.

use super::{sentences, shown::shown};

/// Kept in the group until the channel is back.
pub(crate) fn broken(channel: &str) -> String {
    sentences::broken(shown(channel, sentences::THE_CHANNEL))
}

/// In the group, once it can be asked about again.
pub(crate) fn back(channel: &str) -> String {
    sentences::back(shown(channel, sentences::THE_CHANNEL))
}

/// The owner of such groups, in private.
pub(crate) fn broken_for_owner(channel: &str) -> String {
    sentences::broken_for_owner(shown(channel, sentences::A_CHANNEL))
}

/// The owner again.
pub(crate) fn back_for_owner(channel: &str) -> String {
    sentences::back_for_owner(shown(channel, sentences::YOUR_CHANNEL))
}
