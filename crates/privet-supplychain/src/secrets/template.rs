//! Token formats written as templates: literal text and runs, `ghp_{A36}`, `xoxb-{d10-13}-{d10-13}-{A24}`.
//!
//! A run is `{class min-max}` without the space; `{class n}` is exactly *n*, `{class n+}` at least *n* (up to 4,096). One
//! template both matches and makes examples, so a rule cannot disagree with its examples about the format.
//!
//! | class | bytes |
//! |---|---|
//! | `d` | digits |
//! | `h` | hexadecimal digits, either case |
//! | `a` | small letters and digits |
//! | `U` | capitals and digits |
//! | `A` | letters and digits |
//! | `l` | letters |
//! | `2` | `A-Z2-7`, Base32 |
//! | `w` | letters, digits, `_`, `-` |
//! | `e` | as `w`, and `=` |
//! | `b` | letters, digits, `+`, `/`, `=` |
//! | `t` | letters, digits, `_`, `-`, `.`, `+`, `/`, `=`, `~` |
//! | `n` | whatever is printed, without quotes, backslash, `<`, `>` |
//! | `u` | a UUID (no length) |

use std::ops::Range;

/// Longest run that is followed.
const LONGEST_RUN: usize = 4_096;

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<[u8]>),
    Run { class: u8, least: usize, most: usize },
    Uuid,
}

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// Which part is the keyword, and how many bytes stand before it.
    keyword: usize,
    offset: usize,
    /// A first run of varying length: its class, least and most.
    back: Option<(u8, usize, usize)>,
}

impl Template {
    /// Reads a template; `None` if it is malformed, has no literal, or no literal at a fixed distance from its start.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, after) = rest.split_once('{').unwrap_or((rest, ""));
            if !literal.is_empty() {
                parts.push(Part::Text(literal.as_bytes().into()));
            }
            if after.is_empty() {
                break;
            }
            let (run, tail) = after.split_once('}')?;
            parts.push(parse_run(run)?);
            rest = tail;
        }
        let mut offset = 0;
        let mut back = None;
        let mut best: Option<(usize, usize, usize)> = None;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Text(text) => {
                    if best.is_none_or(|(_, _, length)| text.len() > length) {
                        best = Some((index, offset, text.len()));
                    }
                    offset += text.len();
                }
                Part::Run { least, most, .. } if least == most => offset += least,
                Part::Uuid => offset += 36,
                Part::Run { class, least, most } if index == 0 => back = Some((*class, *least, *most)),
                Part::Run { .. } => break,
            }
        }
        let (keyword, offset, _) = best?;
        Some(Self {
            parts,
            keyword,
            offset,
            back,
        })
    }

    /// Reads a template that is only matched where something else says that it may stand: it needs no literal.
    pub(super) fn parse_form(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| {
            let run = text.strip_prefix('{')?.strip_suffix('}')?;
            Some(Self {
                parts: vec![parse_run(run)?],
                keyword: usize::MAX,
                offset: 0,
                back: None,
            })
        })
    }

    /// The token that starts at `at`, if there is one.
    pub(super) fn match_at(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        self.walk(text, at).map(|(span, _)| span)
    }

    /// The literal by which the token is looked for.
    pub(super) fn keyword(&self) -> &[u8] {
        match self.parts.get(self.keyword) {
            Some(Part::Text(text)) => text,
            _ => b"",
        }
    }

    /// The token whose keyword starts at `keyword_start`, if there is one, and its part after the first literal.
    pub(super) fn find(&self, text: &[u8], keyword_start: usize) -> Option<(Range<usize>, Range<usize>)> {
        let mut start = keyword_start.checked_sub(self.offset)?;
        if let Some((class, least, most)) = self.back {
            let run = text
                .get(..start)?
                .iter()
                .rev()
                .take(most)
                .take_while(|b| in_class(class, **b))
                .count();
            if run < least {
                return None;
            }
            start -= run;
        }
        let prior = start.checked_sub(1).and_then(|i| text.get(i));
        // Short keywords are ends of names in addresses: `video_box.ico-…`.
        let in_address =
            matches!(prior, Some(b'/' | b'.')) && self.keyword().len() <= 4 && self.back.is_none();
        if in_address || !starts_token(text, start) {
            return None;
        }
        self.walk(text, start)
    }

    fn walk(&self, text: &[u8], start: usize) -> Option<(Range<usize>, Range<usize>)> {
        let mut at = start;
        let mut body = None;
        let mut last_class = b'A';
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(literal) => {
                    if !text.get(at..)?.starts_with(literal) {
                        return None;
                    }
                    at += literal.len();
                    last_class = b'A';
                }
                Part::Run { class, least, most } => {
                    let run = text
                        .get(at..)?
                        .iter()
                        .take(*most)
                        .take_while(|b| in_class(*class, **b))
                        .count();
                    if run < *least {
                        return None;
                    }
                    // A literal that the run itself may hold ends it where it first stands.
                    let run = match self.parts.get(index + 1) {
                        Some(Part::Text(next)) if least < most => {
                            let tail = text.get(at + least..(at + run + next.len()).min(text.len()))?;
                            least + memchr::memmem::find(tail, next)?
                        }
                        _ => run,
                    };
                    body.get_or_insert(at);
                    at += run;
                    last_class = *class;
                }
                Part::Uuid => {
                    if !super::value::is_uuid(text.get(at..at.checked_add(36)?)?) {
                        return None;
                    }
                    body.get_or_insert(at);
                    at += 36;
                    last_class = b'A';
                }
            }
        }
        let ends = text.get(at).is_none_or(|next| {
            let goes_on = matches!(last_class, b'w' | b'e') && matches!(next, b'_' | b'-');
            !(next.is_ascii_alphanumeric() || goes_on)
        });
        ends.then(|| (start..at, body.unwrap_or(at)..at))
    }

    /// A token of this format, made from `next`, which yields numbers by chance.
    pub(super) fn example(&self, next: &mut dyn FnMut() -> u64) -> String {
        self.pieces(next).concat()
    }

    /// The same, part by part.
    fn pieces(&self, next: &mut dyn FnMut() -> u64) -> Vec<String> {
        let mut drawn = |class: u8, index: usize| char::from(pick(class, next(), index));
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Part::Run { class, least, .. } => (0..*least).map(|index| drawn(*class, index)).collect(),
                Part::Uuid => (0..36)
                    .map(|index| match index {
                        8 | 13 | 18 | 23 => '-',
                        _ => drawn(b'h', index),
                    })
                    .collect(),
            })
            .collect()
    }

    /// Texts that are almost tokens of this format: an example with one run a sign short, one with a sign in a run that its class does
    /// not have, one with another sign at the end of the literal by which it is looked for. Runs that may be empty are left out.
    pub(super) fn near_misses(&self, next: &mut dyn FnMut() -> u64) -> Vec<String> {
        let runs: Vec<(usize, usize, u8)> = (0_usize..)
            .zip(&self.parts)
            .filter_map(|(place, part)| match part {
                Part::Run { class, least, .. } if *least > 0 => Some((place, *least, *class)),
                Part::Uuid => Some((place, 36, b'h')),
                _ => None,
            })
            .collect();
        let mut made = Vec::new();
        for (place, length, class) in runs {
            let mut pieces = self.pieces(next);
            let Some(piece) = pieces.get_mut(place) else {
                continue;
            };
            let whole = piece.clone();
            piece.pop();
            made.push(pieces.concat());
            let Some(piece) = pieces.get_mut(place) else {
                continue;
            };
            *piece = whole
                .chars()
                .zip(0_usize..)
                .map(|(sign, at)| if at == length / 2 { outside(class) } else { sign })
                .collect();
            made.push(pieces.concat());
        }
        let mut pieces = self.pieces(next);
        if let Some(literal) = pieces.get_mut(self.keyword).filter(|literal| literal.is_ascii()) {
            let last = literal.pop();
            literal.push(if last == Some('~') { '^' } else { '~' });
            made.push(pieces.concat());
        }
        made
    }
}

fn parse_run(run: &str) -> Option<Part> {
    if run == "u" {
        return Some(Part::Uuid);
    }
    let (class, lengths) = run.split_at_checked(1)?;
    let class = *class.as_bytes().first()?;
    if !b"dhaUAl2webtn".contains(&class) {
        return None;
    }
    let (least, most) = if let Some(least) = lengths.strip_suffix('+') {
        (least.parse().ok()?, LONGEST_RUN)
    } else if let Some((least, most)) = lengths.split_once('-') {
        (least.parse().ok()?, most.parse().ok()?)
    } else {
        let exact = lengths.parse().ok()?;
        (exact, exact)
    };
    (least <= most && most <= LONGEST_RUN).then_some(Part::Run { class, least, most })
}

/// Whether `byte` may stand in a run of `class`.
fn in_class(class: u8, byte: u8) -> bool {
    match class {
        b'd' => byte.is_ascii_digit(),
        b'h' => byte.is_ascii_hexdigit(),
        b'a' => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        b'U' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        b'l' => byte.is_ascii_alphabetic(),
        b'2' => byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte),
        b'w' => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        b'e' => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'='),
        b'b' => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        b't' => {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
        }
        b'n' => byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>'),
        _ => byte.is_ascii_alphanumeric(),
    }
}

/// A byte of `class`: what every class that has letters allows, so that examples look alike.
fn pick(class: u8, chance: u64, index: usize) -> u8 {
    const MIXED: &[u8] = b"bq7Zk2Rw9XtHn4LsVj8PmFc3GdY6";
    let set: &[u8] = match class {
        b'd' => b"4719023586",
        b'h' => b"9a3f7c1e5b08d2",
        b'a' => b"q7zk2rw9xthn4lsvj8pmfc3gdy6",
        b'U' => b"Q7ZK2RW9XTHN4LSVJ8PMFC3GDY6",
        b'l' => b"qzkrwxthnlsvjpmfcgdyZKRWXT",
        b'2' => b"Q7ZK2RWXTHN4LSVJPMFC3GDY6",
        _ => MIXED,
    };
    let place = (chance as usize).wrapping_add(index) % set.len().max(1);
    set.get(place).copied().unwrap_or(b'q')
}

/// A sign that `class` does not have, and that a token may not go on with.
const fn outside(class: u8) -> char {
    match class {
        b'd' => 'x',
        b'h' => 'g',
        b'a' => 'Q',
        b'U' => 'q',
        b'l' => '5',
        b'2' => '1',
        b'n' => '"',
        _ => '!',
    }
}

/// Whether a token may start at `start`: not inside a word, unless that word is the letter of an escape such as `\n`.
pub(super) fn starts_token(text: &[u8], start: usize) -> bool {
    // A sign that is no part of words starts anew wherever it stands.
    if text
        .get(start)
        .is_some_and(|first| !super::value::is_name(*first) && *first != b'+')
    {
        return true;
    }
    let Some(before) = start.checked_sub(1).and_then(|i| text.get(i)) else {
        return true;
    };
    if !super::value::is_name(*before) && *before != b'+' {
        return true;
    }
    matches!(before, b'n' | b'r' | b't') && start.checked_sub(2).and_then(|i| text.get(i)) == Some(&b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_finds_its_token_from_a_keyword_in_its_middle() {
        let template = Template::parse("{h32}-us{d1-2}").unwrap();
        let text = b"k = 0123456789abcdef0123456789abcdef-us12;";
        let at = text.windows(3).position(|w| w == b"-us").unwrap();
        assert_eq!(template.find(text, at).map(|(span, _)| span), Some(4..41));
    }

    #[test]
    fn a_token_that_goes_on_is_not_the_token() {
        let template = Template::parse("abc_{A4}").unwrap();
        assert_eq!(template.find(b"abc_12345", 0), None);
    }
}
