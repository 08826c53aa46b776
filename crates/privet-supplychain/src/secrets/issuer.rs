//! Keys that are known by the issuer's name beside them: `ADAFRUIT_KEY=…`, `algolia SECRET …`, `<zendeskToken>…`.

use std::ops::Range;

use super::assign::{byte, slice};
use super::template::Template;
use super::value;

/// How far behind the issuer's name a key may start.
const REACH: usize = 80;

/// One issuer.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) name: Box<str>,
    /// An ordinary word: wants a boundary on both sides and a word that says *key*.
    pub(super) strict: bool,
    pub(super) forms: Box<[Template]>,
    /// All its keys have one of the forms.
    pub(super) exact: bool,
}

/// Words that say that a key follows.
const SAYS_KEY: [&[u8]; 14] = [
    b"key", b"token", b"secret", b"access", b"private", b"passw", b"auth", b"cred", b"login", b"pat",
    b"bearer", b"client", b"pwd", b"api",
];

/// Whether one of those words starts at `at`, where `here` stands.
fn says_key(window: &[u8], at: usize, here: u8) -> bool {
    let words: &[&[u8]] = match here | 0x20 {
        b'k' => &[b"key"],
        b't' => &[b"token"],
        b's' => &[b"secret"],
        b'a' => &[b"access", b"auth", b"api"],
        b'p' => &[b"private", b"passw", b"pat", b"pwd"],
        b'c' => &[b"cred", b"client"],
        b'l' => &[b"login"],
        b'b' => &[b"bearer"],
        _ => return false,
    };
    words.iter().any(|word| {
        window
            .get(at..at + word.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(word))
            && !goes_on_otherwise(word, window.get(at + word.len()..).unwrap_or(b""))
    })
}

/// Whether `word` is only the start of one that says nothing of keys: `path`, `author`, `keyboard`.
fn goes_on_otherwise(word: &[u8], rest: &[u8]) -> bool {
    let goes_on = |with: &[&[u8]]| {
        with.iter().any(|with| {
            rest.get(..with.len())
                .is_some_and(|rest| rest.eq_ignore_ascii_case(with))
        })
    };
    match word {
        b"pat" => rest.first().is_some_and(u8::is_ascii_lowercase),
        b"auth" => goes_on(&[b"or"]),
        b"key" => goes_on(&[b"b", b"w", b"code", b"press", b"frame"]),
        b"cred" => goes_on(&[b"it"]),
        _ => false,
    }
}

/// Reads a line of the list of issuers: the name, then the forms of its keys.
pub(super) fn parse(line: &str, out: &mut Vec<Issuer>) -> Option<()> {
    if let Some(names) = line.strip_prefix('+') {
        for name in names.split_ascii_whitespace() {
            out.push(read(name, std::iter::empty())?);
        }
        return Some(());
    }
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?;
    out.push(read(name, words)?);
    Some(())
}

fn read<'a>(name: &str, forms: impl Iterator<Item = &'a str>) -> Option<Issuer> {
    let strict = name.starts_with('^');
    let exact = name.contains('!');
    let name = name.trim_start_matches('^').trim_end_matches('!');
    let forms = forms.map(Template::parse_form).collect::<Option<Box<[_]>>>()?;
    Some(Issuer {
        name: name.into(),
        strict,
        forms,
        exact,
    })
}

/// Whether `digits` has letters of both cases, which no program writes hexadecimal digits with.
fn has_both_cases(digits: &[u8]) -> bool {
    digits.iter().any(u8::is_ascii_lowercase) && digits.iter().any(u8::is_ascii_uppercase)
}

/// Whether `_` and then a word that says *key* stands at the start of `window`.
fn is_joined_word(window: &[u8]) -> bool {
    byte(window, 0) == b'_' && says_key(window, 1, byte(window, 1))
}

/// Whether what was before `window` is part of the host of an address: `apis.com/v1`, `.example.dev/`.
fn is_in_host(window: &[u8]) -> bool {
    let length = window
        .iter()
        .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        .count();
    let host = window.get(..length).unwrap_or(b"");
    let domain = host.rsplit(|b| *b == b'.').next().unwrap_or(b"");
    byte(window, length) == b'/'
        && host.contains(&b'.')
        && domain.len() >= 2
        && domain.iter().all(u8::is_ascii_lowercase)
}

/// Whether the letter before `at` is that of an escape such as `\n`.
fn is_escape(text: &[u8], at: usize) -> bool {
    at >= 2 && byte(text, at - 2) == b'\\'
}

impl Issuer {
    /// The key behind the name at `hit`, and how sure it is.
    pub(super) fn find(&self, text: &[u8], hit: Range<usize>) -> Option<(Range<usize>, f32)> {
        let next = byte(text, hit.end);
        let prior = hit.start.checked_sub(1).map_or(0, |at| byte(text, at));
        let capital = byte(text, hit.start).is_ascii_uppercase();
        if prior.is_ascii_alphabetic()
            && !(capital && prior.is_ascii_lowercase())
            && !is_escape(text, hit.start)
        {
            return None;
        }
        let window = slice(text, hit.end..hit.end.saturating_add(REACH).min(text.len()));
        if self.strict {
            let begins = !prior.is_ascii_alphanumeric() || capital && prior.is_ascii_lowercase();
            let goes_on = SAYS_KEY.iter().any(|word| {
                window
                    .get(..word.len())
                    .is_some_and(|w| w.eq_ignore_ascii_case(word))
            });
            if !begins
                || (next.is_ascii_alphanumeric() || next == b'_') && !goes_on && !is_joined_word(window)
            {
                return None;
            }
        }
        // An address names the issuer, not a key of it.
        if is_in_host(window) {
            return None;
        }
        let mut breaks = 0;
        let mut joined = false;
        let mut says = false;
        let mut at = 0;
        while at < window.len() {
            let here = byte(window, at);
            match here {
                b'\n' => {
                    breaks += 1;
                    if breaks > 2 {
                        return None;
                    }
                }
                b'=' | b':' | b',' | b'>' | b'|' => joined = true,
                b';' | b'{' | b'(' if joined => return None,
                _ => {}
            }
            says = says || says_key(window, at, here);
            // A key starts after what is no letter or digit, or right behind a word in capitals.
            let before = if at == 0 {
                byte(text, hit.end - 1)
            } else {
                byte(window, at - 1)
            };
            // Parts of addresses and of names of files are no keys.
            let in_name = before == b'.'
                && at >= 2
                && (byte(window, at - 2).is_ascii_lowercase() || byte(window, at - 2).is_ascii_digit());
            let starts = !matches!(before, b'/' | b'#' | b'@')
                && !in_name
                && !before.is_ascii_alphanumeric()
                && (here.is_ascii_alphanumeric() || matches!(here, b'-' | b'_' | b'+' | b'/' | b'='));
            if starts
                && at > 0
                && let Some(found) = self.key_at(text, hit.end + at, joined, says)
            {
                return Some(found);
            }
            at += 1;
        }
        None
    }

    fn key_at(&self, text: &[u8], at: usize, joined: bool, says: bool) -> Option<(Range<usize>, f32)> {
        let stands_after_quote = at
            .checked_sub(1)
            .is_some_and(|before| matches!(byte(text, before), b'"' | b'\'' | b'`'));
        for form in &self.forms {
            if let Some(range) = form.match_at(text, at) {
                let found = slice(text, range.clone());
                let made = value::make(found);
                let number = made.digit == found.len();
                if value::is_stand_in(found)
                    || made.digit == 0 && value::is_wordy(found)
                    || range.len() < 4
                    || self.exact && made.hex == found.len() && has_both_cases(found)
                    || !says && (value::is_identifier(found) || value::is_path(found))
                {
                    continue;
                }
                if (self.strict || number) && !says
                    || range.len() < 20 && !(says && (joined || range.len() >= 10))
                {
                    continue;
                }
                // Hashes of files and commits stand beside names of code hosts and registries.
                if !says && !joined && made.hex == found.len() && found.len() > 40 {
                    continue;
                }
                if byte(text, range.end) == b'.' && byte(text, range.end + 1).is_ascii_alphabetic() {
                    continue;
                }
                return Some((range, if says && joined { 0.85 } else { 0.6 }));
            }
        }
        if !says || self.exact {
            return None;
        }
        let length = slice(text, at..at.saturating_add(600).min(text.len()))
            .iter()
            .take_while(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'~' | b'%')
            })
            .count();
        let range = at..at + length;
        let found = slice(text, range.clone()).trim_ascii();
        if found.contains(&b'=')
            && found.first().is_some_and(u8::is_ascii_alphabetic)
            && !found.ends_with(b"=")
        {
            return None;
        }
        let plain = value::is_uuid(found) || value::is_random(found, 14);
        let made = value::make(found);
        if !plain || made.digit == 0 && !stands_after_quote || made.digit < 2 {
            return None;
        }
        if found.contains(&b'.') && value::is_wordy(found)
            || found.starts_with(b"/")
            || found.starts_with(b"--")
            || matches!(byte(text, range.end), b'(' | b'[')
        {
            return None;
        }
        Some((range, if joined { 0.7 } else { 0.5 }))
    }
}
