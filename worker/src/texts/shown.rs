//! Other people's names and titles, made fit to stand inside a sentence of ours.
//!
//! Lengths are in UTF-16 units: Telegram counts entities in them, and no way of counting that it uses elsewhere gives more.

use super::sentences;

/// Longest name or title that is shown; Telegram allows 128 and 255 characters.
const LENGTH: usize = 48;

/// More marks than this on one letter are no spelling, and they stack up over the lines above.
const MARKS: usize = 3;

/// One line, not too long, without characters that turn the writing direction of what follows or cover it. Blank text is replaced.
pub(super) fn shown(text: &str, instead: &str) -> String {
    let mut marks = 0;
    let line: String = text
        .chars()
        .filter(|&c| !turns(c))
        .map(|c| if breaks(c) { ' ' } else { c })
        .filter(|&c| {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            marks <= MARKS
        })
        .collect();
    let line = line.trim();
    if is_blank(line) { instead.to_owned() } else { truncated(line, LENGTH) }
}

/// Whether nothing of it can be seen.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| is_invisible(c) || is_mark(c) || breaks(c) || turns(c))
}

pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text, or as much of it as there is room for, with a mark that something is missing.
pub(super) fn truncated(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let room = left.checked_sub(c.len_utf16());
        left = room.unwrap_or(0);
        room.is_some()
    };
    let cut: String = text.chars().take_while(fits).collect();
    // What joins two characters joins nothing at the end.
    format!("{}…", cut.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{200d}'))
}

/// "a", "a and b", "a, b and c": the word before the last is given.
fn joined(items: impl IntoIterator<Item = String>, before_last: &str) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => most.join(sentences::COMMA) + before_last + last,
    }
}

/// The list, with as many names as there is room for and the number of the others: "a, b and 3 more".
pub(super) fn fitting(items: &[String], most: usize) -> String {
    fitting_with(items, sentences::AND, most)
}

/// The same of which one is enough: "a, b or 3 more".
pub(super) fn fitting_any(items: &[String], most: usize) -> String {
    fitting_with(items, sentences::OR, most)
}

fn fitting_with(items: &[String], before_last: &str, most: usize) -> String {
    let shortened = (1..=items.len()).rev().map(|named| {
        let others = items.len() - named;
        let rest = (others > 0).then(|| sentences::more(others));
        joined(items[..named].iter().cloned().chain(rest), before_last)
    });
    let text = shortened.into_iter().find(|text| units(text) <= most);
    text.unwrap_or_else(|| truncated(items.first().map_or("", String::as_str), most))
}

/// Ends a line, or is no character at all.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The bidirectional controls of Unicode (UAX 9).
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing, used to make blank names.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Marks that stack up over or under a letter: combining diacritics, and those of Arabic and Thai.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{064b}'..='\u{065f}' | '\u{0e31}' | '\u{0e34}'..='\u{0e3a}'
        | '\u{0e47}'..='\u{0e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_made_fit_to_show() {
        let long = "x".repeat(64) + " " + &"y".repeat(64);
        let cases = [
            ("Ann", "Ann"),
            ("  Ann  ", "Ann"),
            ("<b>&\"*_`@all https://x.y", "<b>&\"*_`@all https://x.y"),
            ("O'Brien {name}", "O'Brien {name}"),
            ("Ann\nLee\r\0\u{7f}\u{85}Bo", "Ann Lee    Bo"),
            ("Ann\u{2028}Lee\u{2029}", "Ann Lee"),
            ("\u{202e}evil\u{202c}\u{2066}x\u{2069}\u{200f}", "evilx"),
            ("أحمد", "أحمد"),
            ("👩‍👩‍👧 family", "👩‍👩‍👧 family"),
            ("e\u{301}te\u{301}", "e\u{301}te\u{301}"),
            ("Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}A\u{330}", "Z\u{300}\u{301}\u{302}A\u{330}"),
            ("ส\u{e47}\u{e47}\u{e47}\u{e47}\u{e47}", "ส\u{e47}\u{e47}\u{e47}"),
            ("", "friend"),
            (" \t\u{a0}\u{3000}", "friend"),
            ("\u{2800}\u{3164}\u{200b}\u{ad}\u{feff}\u{fe0f}", "friend"),
            ("\u{202e}\u{200f}", "friend"),
            ("\0\0", "friend"),
            ("\u{e0041}\u{e0042}", "friend"),
            ("\u{301}\u{301}", "friend"),
            (long.as_str(), &("x".repeat(47) + "…")),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text, "friend"), expected, "{text:?}");
        }
    }

    #[test]
    fn cuts_count_utf_16_units_and_leave_no_half_characters() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ab cd", 4, "ab…"),
            ("😀😀", 4, "😀😀"),
            ("😀😀😀", 4, "😀…"),
            ("😀😀😀", 5, "😀😀…"),
            ("👩\u{200d}👩\u{200d}👧", 5, "👩…"),
            ("abc", 1, "…"),
        ];
        for (text, most, expected) in cases {
            let cut = truncated(text, most);
            assert_eq!(cut, expected, "{text:?} to {most}");
            assert!(units(&cut) <= most, "{text:?} to {most}");
        }
    }

    #[test]
    fn lists_read_as_people_write_them() {
        let cases: [(&[&str], &str); 4] =
            [(&[], ""), (&["a"], "a"), (&["a", "b"], "a and b"), (&["a", "b", "c"], "a, b and c")];
        for (items, expected) in cases {
            assert_eq!(joined(items.iter().map(|&item| item.to_owned()), sentences::AND), expected);
        }
        let items: Vec<String> = ["news", "sport", "weather", "art"].map(str::to_owned).to_vec();
        let cases = [
            (99, "news, sport, weather and art"),
            (28, "news, sport, weather and art"),
            (27, "news, sport and 2 more"),
            (22, "news, sport and 2 more"),
            (21, "news and 3 more"),
            (14, "news"),
            (3, "ne…"),
        ];
        for (most, expected) in cases {
            assert_eq!(fitting(&items, most), expected, "{most}");
        }
        assert_eq!(fitting(&[], 9), "");
        assert_eq!(fitting_any(&["a", "b", "c"].map(str::to_owned), 9), "a, b or c");
    }
}
