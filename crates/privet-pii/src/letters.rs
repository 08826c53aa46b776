//! Which characters are letters or digits: what `char` says, without its search through a table for the common ones.
//!
//! The standard library's tables are small, and slow outside ASCII: a quarter of the time went there in texts of many
//! languages (measured). A test holds both to each other for every character.

/// `char::is_alphabetic`.
#[inline]
pub(crate) fn is_alphabetic(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c.is_ascii_alphabetic(),
        // Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, kana, ideographs, Hangul.
        '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{24f}'
        | '\u{388}'..='\u{38a}'
        | '\u{38e}'..='\u{3a1}'
        | '\u{3a3}'..='\u{3f5}'
        | '\u{400}'..='\u{481}'
        | '\u{48a}'..='\u{52f}'
        | '\u{5d0}'..='\u{5ea}'
        | '\u{620}'..='\u{657}'
        | '\u{66e}'..='\u{6d3}'
        | '\u{900}'..='\u{93b}'
        | '\u{93d}'..='\u{94c}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' => true,
        // Signs of Latin, Arabic and Devanagari texts; punctuation: general, of East Asia, full-width.
        '\u{80}'..='\u{a9}'
        | '\u{60c}'
        | '\u{61b}'
        | '\u{61f}'
        | '\u{93c}'
        | '\u{94d}'
        | '\u{964}'..='\u{96f}'
        | '\u{2000}'..='\u{205f}'
        | '\u{20a0}'..='\u{20c0}'
        | '\u{3000}'..='\u{3004}'
        | '\u{3008}'..='\u{3020}'
        | '\u{ff00}'..='\u{ff20}' => false,
        _ => c.is_alphabetic(),
    }
}

/// `char::is_alphanumeric`.
#[inline]
pub(crate) fn is_alphanumeric(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c.is_ascii_alphanumeric(),
        '\u{2000}'..='\u{205f}' | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' => false,
        '\u{93c}' | '\u{94d}' | '\u{964}' | '\u{965}' | '\u{60c}' | '\u{80}'..='\u{b1}' => c == '\u{aa}',
        _ => is_alphabetic(c) || c.is_numeric(),
    }
}

/// `char::is_uppercase`.
#[inline]
pub(crate) fn is_uppercase(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c.is_ascii_uppercase(),
        '\u{80}'..='\u{ff}' => matches!(c, '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{de}'),
        _ => c.is_uppercase(),
    }
}

/// `char::is_lowercase`.
#[inline]
pub(crate) fn is_lowercase(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c.is_ascii_lowercase(),
        '\u{c0}'..='\u{ff}' => matches!(c, '\u{df}'..='\u{f6}' | '\u{f8}'..='\u{ff}'),
        _ => c.is_lowercase(),
    }
}

/// `c` in lower case if it is ASCII or a letter of Latin-1; none says nothing.
#[inline]
pub(crate) fn small(c: char) -> Option<char> {
    match c {
        '\0'..='\u{7f}' => Some(c.to_ascii_lowercase()),
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{de}' => char::from_u32(u32::from(c) + 0x20),
        '\u{df}'..='\u{f6}' | '\u{f8}'..='\u{ff}' => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_the_case_that_the_standard_library_says() {
        let differs = |c: &char| {
            is_uppercase(*c) != c.is_uppercase()
                || is_lowercase(*c) != c.is_lowercase()
                || small(*c).is_some_and(|small| c.to_lowercase().ne([small]))
        };
        let wrong: Vec<char> = ('\0'..=char::MAX).filter(differs).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn every_character_is_what_the_standard_library_says() {
        let differs =
            |c: &char| is_alphabetic(*c) != c.is_alphabetic() || is_alphanumeric(*c) != c.is_alphanumeric();
        let wrong: Vec<char> = ('\0'..=char::MAX).filter(differs).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
