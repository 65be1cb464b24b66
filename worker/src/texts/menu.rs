//! What clients offer when somebody types a slash: commands and what they do.

type Menu = &'static [(&'static str, &'static str)];

pub(crate) const IN_PRIVATE: Menu = &[("start", "What I do, and where you are muted"), ("help", "How it works")];

pub(crate) const IN_GROUPS: Menu = &[("status", "How things stand in this group"), ("help", "How it works")];

pub(crate) const FOR_ADMINS: Menu = &[
    ("setup", "What is done and what is missing"),
    ("protect", "Require a channel: /protect @channel"),
    ("unprotect", "Stop, and free everybody I muted"),
    ("status", "How things stand in this group"),
    ("settings", "Change how I work here"),
    ("allow", "Let somebody write without subscribing"),
    ("disallow", "Take that back"),
    ("help", "How it works"),
];
