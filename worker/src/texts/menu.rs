//! What clients offer when somebody types a slash: commands and what they do.

use super::sentences;

type Menu = &'static [(&'static str, &'static str)];

pub(crate) const IN_PRIVATE: Menu = &[("start", sentences::MENU_START), ("help", sentences::MENU_HELP)];

pub(crate) const IN_GROUPS: Menu = &[("status", sentences::MENU_STATUS), ("help", sentences::MENU_HELP)];

pub(crate) const FOR_ADMINS: Menu = &[
    ("setup", sentences::MENU_SETUP),
    ("protect", sentences::MENU_PROTECT),
    ("unprotect", sentences::MENU_UNPROTECT),
    ("status", sentences::MENU_STATUS),
    ("settings", sentences::MENU_SETTINGS),
    ("allow", sentences::MENU_ALLOW),
    ("disallow", sentences::MENU_DISALLOW),
    ("help", sentences::MENU_HELP),
];
