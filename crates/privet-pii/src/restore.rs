//! Puts real values back where surrogates stand, in text that arrives piece by piece.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::surrogate::{Form, Pair};
use crate::trail::{Trail, UrlAllow};
use crate::units::{self, Next, Syntax, escape_into};

/// Bytes that the values restored by one map may add to texts: a reply that names a long value again and again would grow
/// without end.
const MOST_RESTORED: usize = 64 << 20;

/// Everything restoring needs to know about one request's surrogates. Cheap to share.
#[derive(Debug, Default)]
pub struct SurrogateMap {
    pairs: Vec<Pair>,
    /// Those of the pairs whose tags stood in the text already, and whose values did not.
    adopted: BTreeSet<usize>,
    /// Tags, words and numbers, lower case, sorted.
    exact: Vec<Pattern>,
    /// Digits and letters of grouped numbers, separators left out, lower case, sorted.
    grouped: Vec<Pattern>,
    /// Whether a surrogate can begin with this byte.
    begins: Vec<bool>,
    longest: usize,
    /// Characters of the shortest pattern.
    shortest: usize,
    /// Whether all are tags, which hold a `_`.
    is_tags: bool,
    /// Pairs by the number that stands in.
    numbers: HashMap<String, usize>,
    /// Bytes of values that were written by now.
    restored: AtomicUsize,
}

#[derive(Debug)]
struct Pattern {
    text: Box<[u8]>,
    pair: usize,
    form: Form,
}

impl SurrogateMap {
    /// The map of the given pairs.
    #[must_use]
    pub fn new(pairs: Vec<Pair>) -> Self {
        let mut map = Self {
            pairs,
            begins: vec![false; 256],
            shortest: usize::MAX,
            is_tags: true,
            ..Self::default()
        };
        for (index, pair) in map.pairs.iter().enumerate() {
            let text = pattern_text(&pair.surrogate, pair.form);
            map.shortest = map.shortest.min(text.chars().count());
            map.is_tags &= pair.form == Form::Tag;
            let pattern = Pattern {
                text: text.into_bytes().into(),
                pair: index,
                form: pair.form,
            };
            if pair.form == Form::Number {
                map.numbers.insert(pair.surrogate.clone(), index);
            }
            map.longest = map.longest.max(pattern.text.len());
            let first = pattern.text.first().copied().unwrap_or_default();
            // Other scripts' capitals may begin with another byte: any non-ASCII byte may begin one then.
            let starts = if first.is_ascii() {
                first..=first
            } else {
                0x80..=0xff
            };
            let brackets = if pair.form == Form::Tag { &b"<"[..] } else { b"" };
            for byte in starts
                .flat_map(|b| [b, b.to_ascii_uppercase()])
                .chain(brackets.iter().copied())
            {
                if let Some(begins) = map.begins.get_mut(usize::from(byte)) {
                    *begins = true;
                }
            }
            let patterns = if pair.form == Form::Digits {
                &mut map.grouped
            } else {
                &mut map.exact
            };
            patterns.push(pattern);
        }
        map.exact.sort_by(|a, b| a.text.cmp(&b.text));
        map.grouped.sort_by(|a, b| a.text.cmp(&b.text));
        map
    }

    /// Whether there is nothing to restore.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether `text`, taken as a whole, may hold a surrogate: false only if it certainly does not. One look at each byte.
    #[must_use]
    pub fn may_be_in(&self, text: &str) -> bool {
        // No spelling of a surrogate has fewer bytes than its pattern has characters, and a tag's `_` is written as it is
        // or behind an escape.
        text.len() >= self.shortest
            && (!self.is_tags || memchr::memchr2(b'_', b'\\', text.as_bytes()).is_some())
    }

    /// Bytes at the start of `rest` at which no surrogate begins, though it may go on behind `rest`. Not all such bytes.
    fn certainly_plain(&self, rest: &str) -> usize {
        if !self.is_tags {
            return 0;
        }
        // From the first byte of a tag to its `_`, or an escape before that, are letters: of four bytes each at most.
        let reach = 4 * self.longest + 1;
        let sign = memchr::memchr2(b'_', b'\\', rest.as_bytes()).unwrap_or(rest.len());
        sign.saturating_sub(reach)
    }

    /// The pairs that it was made of.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The same, of which these were only taken over.
    pub(crate) fn with_adopted(self, adopted: BTreeSet<usize>) -> Self {
        Self { adopted, ..self }
    }

    /// The same, and what `earlier` texts of the conversation were masked by: taken over, as tags are that a text holds already.
    #[must_use]
    pub fn going_on_from(mut self, earlier: &Self) -> Self {
        let own: HashSet<String> = self.pairs.iter().map(|pair| pair.surrogate.clone()).collect();
        let mut adopted = std::mem::take(&mut self.adopted);
        let mut pairs = self.pairs;
        for pair in earlier.pairs.iter().filter(|pair| !own.contains(&pair.surrogate)) {
            adopted.insert(pairs.len());
            pairs.push(pair.clone());
        }
        Self::new(pairs).with_adopted(adopted)
    }

    /// The pairs whose values stood in the text itself: not those whose tags it held already.
    pub fn made(&self) -> impl Iterator<Item = &Pair> {
        let pairs = self.pairs.iter().enumerate();
        let made = pairs.filter(|(index, _)| !self.adopted.contains(index));
        made.map(|(_, pair)| pair)
    }

    /// The pair whose tag is written as `text`, in any case and with or without its brackets.
    #[must_use]
    pub fn tagged(&self, text: &str) -> Option<&Pair> {
        let name = text.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
        let wanted = pattern_text(name.unwrap_or(text), Form::Tag);
        let known = |pattern: &Pattern| pattern.text.as_ref().cmp(wanted.as_bytes());
        let pattern = self.exact.get(self.exact.binary_search_by(known).ok()?)?;
        self.pairs.get(pattern.pair).filter(|pair| pair.form == Form::Tag)
    }

    /// Whether `bytes` more of values may be written; they are counted then.
    fn has_room(&self, bytes: usize) -> bool {
        let taken = |restored: usize| restored.checked_add(bytes).filter(|sum| *sum <= MOST_RESTORED);
        self.restored
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok()
    }

    /// Values that can be restored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    fn begins_at(&self, byte: u8, syntax: Syntax) -> bool {
        // An escape may stand for any character.
        (syntax == Syntax::Json && byte == b'\\')
            || self.begins.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// The number that `raw` stands in for, if it is one of this request's.
    #[must_use]
    pub fn number(&self, raw: &str) -> Option<&str> {
        let pair = self.numbers.get(raw).and_then(|index| self.pairs.get(*index))?;
        Some(pair.value.expose())
    }
}

/// The surrogate as it is compared: lower case, and without separators where its grouping does not matter.
pub(crate) fn pattern_text(surrogate: &str, form: Form) -> String {
    if surrogate.is_ascii() && form != Form::Digits {
        return surrogate.to_ascii_lowercase();
    }
    let lower = surrogate.chars().map(lower);
    lower
        .filter(|c| form != Form::Digits || !is_separator(*c))
        .collect()
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

pub(crate) fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}' | '\u{2011}')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Restores one text that arrives in pieces. Holds back only what may be the beginning of a surrogate, at most a few
/// bytes more than the longest one.
#[derive(Debug)]
pub struct Restorer {
    map: Arc<SurrogateMap>,
    urls: Arc<UrlAllow>,
    syntax: Syntax,
    held: String,
    trail: Trail,
    restored: u32,
}

/// What stands at a position.
enum Seen {
    Nothing,
    /// A surrogate may be starting; more text is needed.
    Unfinished,
    /// This many bytes are the surrogate of that pair.
    Surrogate {
        length: usize,
        pair: usize,
    },
}

impl Restorer {
    /// A restorer for one text in `syntax`; inside URLs it restores only where `urls` allows.
    #[must_use]
    pub fn new(map: Arc<SurrogateMap>, urls: Arc<UrlAllow>, syntax: Syntax) -> Self {
        Self {
            map,
            urls,
            syntax,
            held: String::new(),
            trail: Trail::default(),
            restored: 0,
        }
    }

    /// Takes the next piece and appends to `out` all that is certain by now.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        if self.map.is_empty() {
            out.push_str(piece);
        } else if self.held.is_empty() {
            self.run(piece, false, out);
        } else {
            let mut text = std::mem::take(&mut self.held);
            text.push_str(piece);
            self.run(&text, false, out);
        }
    }

    /// The text has ended: appends what was held back. A surrogate that was cut off stays as it came.
    pub fn finish(&mut self, out: &mut String) {
        let text = std::mem::take(&mut self.held);
        self.run(&text, true, out);
    }

    /// Whether something is held back.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Values restored so far.
    #[must_use]
    pub fn restored(&self) -> u32 {
        self.restored
    }

    fn run(&mut self, text: &str, is_end: bool, out: &mut String) {
        let map = Arc::clone(&self.map);
        let mut plain = 0;
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
            let far = map.certainly_plain(rest);
            let rest = rest.as_bytes().get(far..).unwrap_or_default();
            let Some(skip) = rest.iter().position(|b| map.begins_at(*b, self.syntax)) else {
                break;
            };
            at += far + skip;
            if !text.is_char_boundary(at) {
                at += 1;
                continue;
            }
            let before = text.get(plain..at).unwrap_or_default();
            let rest = text.get(at..).unwrap_or_default();
            match self.look(&map, before, rest, is_end) {
                Seen::Nothing => at += step(rest, self.syntax),
                Seen::Unfinished => {
                    self.emit(before, out);
                    self.held.push_str(rest);
                    return;
                }
                Seen::Surrogate { length, pair } => {
                    self.emit(before, out);
                    let written = rest.get(..length).unwrap_or_default();
                    let value = map
                        .pairs
                        .get(pair)
                        .map(|p| p.value.expose().as_str())
                        .unwrap_or_default();
                    if self.trail.allows(&self.urls, self.syntax) && map.has_room(value.len()) {
                        write(value, &self.trail, self.syntax, out);
                        self.restored += 1;
                    } else {
                        out.push_str(written);
                    }
                    self.trail.push_surrogate(written, self.syntax);
                    at += length;
                    plain = at;
                }
            }
        }
        self.emit(text.get(plain..).unwrap_or_default(), out);
    }

    fn emit(&mut self, plain: &str, out: &mut String) {
        out.push_str(plain);
        self.trail.push(plain);
    }

    /// What stands at the start of `rest`, given the text `before` it that is not emitted yet.
    fn look(&self, map: &SurrogateMap, before: &str, rest: &str, is_end: bool) -> Seen {
        let previous = units::last_char(before, self.syntax).or_else(|| self.trail.last_char(self.syntax));
        let (first, length) = match units::next(rest, self.syntax) {
            Next::Char(c, length) => (c, length),
            Next::Cut if is_end => return Seen::Nothing,
            Next::Cut => return Seen::Unfinished,
            Next::Invalid => return Seen::Nothing,
        };
        if first == '<' {
            let inside = rest.get(length..).unwrap_or_default();
            return match self.longest(map, &map.exact, inside, is_end, true) {
                Seen::Surrogate { length: inner, pair } => Seen::Surrogate {
                    length: length + inner,
                    pair,
                },
                other => other,
            };
        }
        if previous.is_some_and(is_word) && is_word(first) {
            return Seen::Nothing;
        }
        match self.longest(map, &map.exact, rest, is_end, false) {
            Seen::Nothing => self.longest(map, &map.grouped, rest, is_end, false),
            seen => seen,
        }
    }

    /// The longest whole surrogate of `patterns` (sorted) at the start of `rest`. With `in_brackets`, only tags count and
    /// a `>` must follow, which is part of the match; otherwise no word character may follow.
    fn longest(
        &self,
        map: &SurrogateMap,
        patterns: &[Pattern],
        rest: &str,
        is_end: bool,
        in_brackets: bool,
    ) -> Seen {
        let mut left: Range<usize> = 0..patterns.len();
        let mut depth = 0;
        let mut at = 0;
        let mut best = Seen::Nothing;
        let mut best_depth = 0;
        // A few escapes more than the longest surrogate; past that it cannot be one.
        let limit = 8 * map.longest + 16;
        loop {
            let slice = patterns.get(left.clone()).unwrap_or_default();
            // Sorted: the pattern that ends here, if any, is the first.
            let whole = slice
                .first()
                .filter(|p| p.text.len() == depth && depth > best_depth);
            // Only tags wear brackets.
            let whole = whole.filter(|p| !in_brackets || p.form == Form::Tag);
            let next = units::next(rest.get(at..).unwrap_or_default(), self.syntax);
            if let Some(pattern) = whole {
                match next {
                    Next::Char('>', length) if in_brackets => {
                        return Seen::Surrogate {
                            length: at + length,
                            pair: pattern.pair,
                        };
                    }
                    Next::Cut if !is_end => return Seen::Unfinished,
                    Next::Char(c, _) if !in_brackets && !is_word(c) => {
                        best = Seen::Surrogate {
                            length: at,
                            pair: pattern.pair,
                        };
                    }
                    Next::Cut | Next::Invalid if !in_brackets => {
                        best = Seen::Surrogate {
                            length: at,
                            pair: pattern.pair,
                        };
                    }
                    _ => {}
                }
                if matches!(best, Seen::Surrogate { .. }) {
                    best_depth = depth;
                }
            }
            if slice.is_empty() || at > limit {
                return best;
            }
            let (c, length) = match next {
                Next::Char(c, length) => (c, length),
                Next::Cut if is_end || (best_depth == depth && depth > 0 && slice.len() == 1) => return best,
                Next::Cut => return Seen::Unfinished,
                Next::Invalid => return best,
            };
            let form = slice.first().map_or(Form::Word, |p| p.form);
            let is_skipped = match form {
                Form::Digits => depth > 0 && is_separator(c),
                // Markdown's escape; in JSON it is written as two backslashes and read as one here.
                _ => depth > 0 && c == '\\',
            };
            at += length;
            if is_skipped {
                continue;
            }
            let mut lower = [0; 4];
            let lower = self::lower(c).encode_utf8(&mut lower).as_bytes();
            for (offset, byte) in lower.iter().enumerate() {
                let slice = patterns.get(left.clone()).unwrap_or_default();
                let byte_of = |p: &Pattern| p.text.get(depth + offset).copied();
                let from = slice.partition_point(|p| byte_of(p) < Some(*byte));
                let to = slice.partition_point(|p| byte_of(p) <= Some(*byte));
                left = left.start + from..left.start + to;
            }
            depth += lower.len();
        }
    }
}

/// Appends `value` to `out`, escaped as deep as it stands in JSON strings.
fn write(value: &str, trail: &Trail, syntax: Syntax, out: &mut String) {
    if syntax == Syntax::Text || !value.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        out.push_str(value);
        return;
    }
    let mut value = value.to_owned();
    for _ in 0..trail.escapes(syntax) {
        let mut escaped = String::with_capacity(value.len() + 8);
        escape_into(&value, &mut escaped);
        value = escaped;
    }
    out.push_str(&value);
}

/// Bytes of the first unit of `rest`, at least one.
fn step(rest: &str, syntax: Syntax) -> usize {
    match units::next(rest, syntax) {
        Next::Char(_, length) => length,
        Next::Cut | Next::Invalid => rest.chars().next().map_or(1, char::len_utf8),
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "tests cut texts where they know the bounds")]
mod tests {
    use super::*;
    use crate::Style;
    use crate::surrogate::{Place, Surrogates};
    use privet_crypto::RootKey;
    use privet_types::Entity;

    const VALUES: &[(Entity, &str)] = &[
        (Entity::EMAIL_ADDRESS, "ada@lovelace.org"),
        (Entity::CREDIT_CARD, "4111 1111 1111 1111"),
        (Entity::PERSON, "Grace \"Amazing\" Hopper"),
        (Entity::PHONE_NUMBER, "+49 30 901820"),
        (Entity::PRIVATE_KEY, "-----BEGIN\nKEY-----"),
    ];

    fn map(style: Style) -> (Arc<SurrogateMap>, Vec<String>) {
        let key = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .hash_key("test", b"");
        let mut surrogates = Surrogates::new(&key, style);
        let apart = Place::Text { is_apart: true };
        let made = VALUES
            .iter()
            .map(|(e, v)| surrogates.surrogate(*e, v, apart, &|_| false).unwrap())
            .collect();
        (Arc::new(SurrogateMap::new(surrogates.into_pairs())), made)
    }

    fn restore(map: &Arc<SurrogateMap>, syntax: Syntax, pieces: &[&str]) -> String {
        let mut restorer = Restorer::new(Arc::clone(map), Arc::default(), syntax);
        let mut out = String::new();
        pieces.iter().for_each(|p| restorer.push(p, &mut out));
        restorer.finish(&mut out);
        out
    }

    #[test]
    fn a_long_value_that_is_named_again_and_again_does_not_grow_a_text_without_end() {
        let key = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .hash_key("test", b"");
        let mut surrogates = Surrogates::new(&key, Style::Tag);
        let value = "k".repeat(MOST_RESTORED / 4);
        let apart = Place::Text { is_apart: true };
        let tag = surrogates
            .surrogate(Entity::PRIVATE_KEY, &value, apart, &|_| false)
            .unwrap();
        let map = Arc::new(SurrogateMap::new(surrogates.into_pairs()));
        let text = format!("{tag} ").repeat(6);
        let restored = restore(&map, Syntax::Text, &[&text]);
        assert_eq!(restored.len(), MOST_RESTORED + 4 + 2 * (tag.len() + 1));
        assert!(restored.ends_with(&format!("{tag} {tag} ")));
    }

    #[test]
    fn every_value_comes_back_wherever_the_text_is_cut() {
        for style in [Style::Tag, Style::Realistic] {
            let (map, made) = map(style);
            let text = format!(
                "é {} and {}, {}; {} ({})!",
                made[0], made[1], made[2], made[3], made[4]
            );
            let values: Vec<_> = VALUES.iter().map(|(_, v)| *v).collect();
            let expected = format!(
                "é {} and {}, {}; {} ({})!",
                values[0], values[1], values[2], values[3], values[4]
            );
            for cut in (0..=text.len()).filter(|i| text.is_char_boundary(*i)) {
                assert_eq!(
                    restore(&map, Syntax::Text, &[&text[..cut], &text[cut..]]),
                    expected,
                    "cut at {cut}"
                );
            }
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(restore(&map, Syntax::Text, &letters), expected);
        }
    }

    #[test]
    fn changes_of_case_and_markdown_are_tolerated() {
        let (map, made) = map(Style::Tag);
        let bare = made[0].trim_matches(['<', '>']);
        let spellings = [
            made[0].to_lowercase(),
            format!("**{bare}**"),
            bare.replace('_', "\\_"),
            format!("`{}`", made[0]),
            format!("({bare})."),
        ];
        for spelling in spellings {
            let text = restore(&map, Syntax::Text, &["to ", &spelling, " now"]);
            assert!(
                text.contains("ada@lovelace.org") && !text.contains("EMAIL"),
                "{text}"
            );
        }
    }

    #[test]
    fn only_whole_tokens_are_restored() {
        let (map, made) = map(Style::Tag);
        let bare = made[0].trim_matches(['<', '>']);
        for text in [
            format!("x{bare}"),
            format!("{bare}0"),
            format!("{bare}_1"),
            bare[..bare.len() - 1].to_owned(),
        ] {
            assert_eq!(restore(&map, Syntax::Text, &[&text]), text);
        }
    }

    #[test]
    fn grouping_of_digits_may_change() {
        let (map, made) = map(Style::Realistic);
        for spelling in [made[1].replace(' ', ""), made[1].replace(' ', "-")] {
            assert_eq!(
                restore(&map, Syntax::Text, &["pay ", &spelling, "."]),
                "pay 4111 1111 1111 1111."
            );
        }
    }

    #[test]
    fn values_are_escaped_inside_tool_arguments() {
        let (map, made) = map(Style::Tag);
        let person = made[2].replace('<', "\\u003c");
        let json = format!("{{\"a\":\"\\n{person}\",\"k\":\"{}\"}}", made[4]);
        let expected = r#"{"a":"\nGrace \"Amazing\" Hopper","k":"-----BEGIN\nKEY-----"}"#;
        for cut in 0..=json.len() {
            assert_eq!(
                restore(&map, Syntax::Json, &[&json[..cut], &json[cut..]]),
                expected,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn nothing_is_held_back_where_no_surrogate_can_start() {
        let (map, _) = map(Style::Tag);
        let mut restorer = Restorer::new(map, Arc::default(), Syntax::Text);
        let mut out = String::new();
        for piece in ["Dear ", "friend", ", 3 ", "< 4", " EMAIL? ", "emails "] {
            restorer.push(piece, &mut out);
            assert!(!restorer.is_holding(), "{piece}");
        }
    }

    #[test]
    fn a_surrogate_cut_off_by_the_end_stays_as_it_came_and_is_bounded() {
        let (map, made) = map(Style::Tag);
        let cut = &made[0][..made[0].len() - 3];
        assert_eq!(restore(&map, Syntax::Text, &["x ", cut]), format!("x {cut}"));
        let mut restorer = Restorer::new(map, Arc::default(), Syntax::Text);
        let mut out = String::new();
        let endless = format!("<EMAIL{}", "\\".repeat(10_000));
        restorer.push(&endless, &mut out);
        assert!(!restorer.is_holding());
        assert_eq!(out, endless);
    }

    #[test]
    fn links_off_the_list_keep_their_surrogates() {
        let (map, made) = map(Style::Tag);
        let text = format!(
            "![x](https://evil.example/?q={}&r={}) but {}",
            made[0], made[1], made[0]
        );
        let restored = restore(&map, Syntax::Text, &[&text]);
        assert_eq!(
            restored,
            text.replace(&format!("but {}", made[0]), "but ada@lovelace.org")
        );
    }
}
