//! How the table describes a value: its type, the fields of an object, the variants of a union.

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    Integer,
    Float,
    Text,
    Boolean,
    /// Sent only when true, left out otherwise.
    True,
    /// One of these words.
    Word(&'static [&'static str]),
    Array(&'static Type),
    Object(&'static Object),
    Union(&'static Union),
}

/// An object of the Bot API: every field that it may have, and no other.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) required: &'static [(&'static str, Type)],
    pub(super) optional: &'static [(&'static str, Type)],
    /// Optional fields of which there is always one, and never two. Empty where there is no such rule.
    pub(super) exactly_one: &'static [&'static str],
}

/// An object that is one of several, told apart by one field.
#[derive(Debug)]
pub(super) struct Union {
    pub(super) name: &'static str,
    /// The field that tells.
    pub(super) tag: &'static str,
    /// What its value stands for; the number 0 is `"0"`.
    pub(super) variants: &'static [(&'static str, &'static Object)],
    /// What it is when the value is none of these.
    pub(super) otherwise: Option<&'static Object>,
}
