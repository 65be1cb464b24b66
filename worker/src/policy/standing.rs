//! What the bot may do in a group + what it has said of that there -> what it does next. Pure.

/// What the bot lacks of the two rights that it works with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lack {
    pub delete: bool,
    pub restrict: bool,
}

impl Lack {
    pub(crate) fn any(self) -> bool {
        self.delete || self.restrict
    }
}

/// What the bot has last said of its own standing in a group. Kept as a word, so that it is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A greeting: first become a supergroup.
    Upgrade,
    /// A greeting: first give me rights.
    Rights,
    /// A greeting: say which channel.
    Protect,
    /// Goodbye: it serves other groups.
    Goodbye,
    /// Why nothing is enforced now. Stays until it is resolved.
    Lacks(Lack),
    /// Nothing more; all is as it should be.
    Well,
}

impl Said {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Upgrade, "upgrade"),
        (Self::Rights, "rights"),
        (Self::Protect, "protect"),
        (Self::Goodbye, "goodbye"),
        (Self::Lacks(Lack { delete: true, restrict: false }), "lacks delete"),
        (Self::Lacks(Lack { delete: false, restrict: true }), "lacks restrict"),
        (Self::Lacks(Lack { delete: true, restrict: true }), "lacks both"),
        (Self::Well, "well"),
    ];

    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(said, _)| *said == self).map_or("well", |(_, word)| word)
    }

    /// A word of a later program says nothing to this one.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(said, _)| *said)
    }

    /// Whether it names the next step to a group that is not protected yet.
    pub(crate) fn greets(self) -> bool {
        matches!(self, Self::Upgrade | Self::Rights | Self::Protect)
    }

    /// Whether enforcement waits for rights.
    pub(crate) fn pauses(self) -> bool {
        matches!(self, Self::Lacks(_))
    }
}

/// How things stand in a group that the bot is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    pub lack: Lack,
    pub is_basic: bool,
    /// It is one of the groups that the operator lets the bot work in.
    pub is_served: bool,
    /// It requires a channel.
    pub is_protected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Says this in a new message.
    Say(Said),
    /// Says this in place of what stands there.
    Correct(Said),
    /// Its rights are back: takes the notice away, goes on, and says so.
    Resume,
    /// Takes the notice away: nobody needs it any more.
    Settle,
    /// Says goodbye, if it has not, and leaves.
    Leave,
}

pub(crate) fn next(own: Own, said: Option<Said>) -> Next {
    if !own.is_served {
        return Next::Leave;
    }
    let paused = said.is_some_and(Said::pauses);
    if own.is_protected && own.lack.any() {
        return match said {
            Some(Said::Lacks(lack)) if lack == own.lack => Next::Nothing,
            Some(Said::Lacks(_)) => Next::Correct(Said::Lacks(own.lack)),
            _ => Next::Say(Said::Lacks(own.lack)),
        };
    }
    if paused {
        return if own.is_protected { Next::Resume } else { Next::Settle };
    }
    let greets = said.is_some_and(Said::greets);
    if own.is_protected {
        return if greets { Next::Settle } else { Next::Nothing };
    }
    let step = if own.is_basic {
        Said::Upgrade
    } else if own.lack.any() {
        Said::Rights
    } else {
        Said::Protect
    };
    match said {
        None | Some(Said::Goodbye) => Next::Say(step),
        Some(_) if greets && said != Some(step) => Next::Correct(step),
        Some(_) => Next::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Lack = Lack { delete: false, restrict: false };
    const DELETE: Lack = Lack { delete: true, restrict: false };
    const BOTH: Lack = Lack { delete: true, restrict: true };

    fn own(lack: Lack) -> Own {
        Own { lack, is_basic: false, is_served: true, is_protected: false }
    }

    #[test]
    fn a_group_is_greeted_once_and_the_greeting_kept_true() {
        let basic = |lack| Own { is_basic: true, ..own(lack) };
        let cases = [
            (own(BOTH), None, Next::Say(Said::Rights)),
            (own(NONE), None, Next::Say(Said::Protect)),
            (basic(BOTH), None, Next::Say(Said::Upgrade)),
            (basic(NONE), None, Next::Say(Said::Upgrade)),
            (own(BOTH), Some(Said::Rights), Next::Nothing),
            (own(DELETE), Some(Said::Rights), Next::Nothing),
            (own(NONE), Some(Said::Rights), Next::Correct(Said::Protect)),
            (own(BOTH), Some(Said::Protect), Next::Correct(Said::Rights)),
            (own(BOTH), Some(Said::Well), Next::Nothing),
        ];
        for (own, said, expected) in cases {
            assert_eq!(next(own, said), expected, "{own:?} after {said:?}");
        }
    }

    #[test]
    fn a_protection_without_rights_pauses_and_goes_on_when_they_are_back() {
        let protected = |lack| Own { is_protected: true, ..own(lack) };
        let cases = [
            (protected(NONE), None, Next::Nothing),
            // The next step has been taken.
            (protected(NONE), Some(Said::Protect), Next::Settle),
            (protected(NONE), Some(Said::Upgrade), Next::Settle),
            (protected(NONE), Some(Said::Well), Next::Nothing),
            (protected(DELETE), None, Next::Say(Said::Lacks(DELETE))),
            (protected(DELETE), Some(Said::Protect), Next::Say(Said::Lacks(DELETE))),
            (protected(DELETE), Some(Said::Well), Next::Say(Said::Lacks(DELETE))),
            (protected(DELETE), Some(Said::Lacks(DELETE)), Next::Nothing),
            (protected(BOTH), Some(Said::Lacks(DELETE)), Next::Correct(Said::Lacks(BOTH))),
            (protected(NONE), Some(Said::Lacks(BOTH)), Next::Resume),
            (own(NONE), Some(Said::Lacks(BOTH)), Next::Settle),
            (own(BOTH), Some(Said::Lacks(BOTH)), Next::Settle),
        ];
        for (own, said, expected) in cases {
            assert_eq!(next(own, said), expected, "{own:?} after {said:?}");
        }
    }

    #[test]
    fn a_group_that_is_not_served_is_left() {
        for said in [None, Some(Said::Goodbye), Some(Said::Lacks(BOTH))] {
            let stranger = Own { is_served: false, is_protected: true, ..own(NONE) };
            assert_eq!(next(stranger, said), Next::Leave, "{said:?}");
        }
    }

    #[test]
    fn every_word_is_read_back() {
        for (said, word) in Said::ALL {
            assert_eq!((said.as_str(), Said::read(word)), (word, Some(said)));
            assert_eq!(said.pauses(), word.starts_with("lacks"), "{word}");
        }
        assert_eq!(Said::read("sings"), None);
    }
}
