//! The quick pass: which stretches of a text may be disguised at all.
//!
//! Looks at 64 bytes at a time: a bit each says where letters and digits stand, and only words of interest are looked up.
//! It may name a stretch that turns out to be ordinary, never leaves out one that the passes behind it would change, up to
//! the bounds that they state.

use privet_types::Span;

use super::classes::{Class, class};
use super::codes;
use super::decode::{FEWEST_PAIRS, SHORTEST_HEX, SHORTEST_LINE, is_coded};
use super::digitlike;
use super::east;
use super::encoded::{is_sextet, is_text_byte, sextet};
use super::escape;
use super::lexicon::{Keys, key};
use super::words::Spelt;
use crate::masks::{self, BLOCK};

/// Places of interest are noted to this many bytes.
const STEP: usize = 16;
/// Bytes taken along before and after a place of interest, for context and for what began or goes on there.
const MARGIN: usize = 112;
/// Bytes of an encoded run that are looked for behind its first word.
const LONGEST_RUN: usize = 4096;
/// Digit words in a row that make a stretch interesting; the pass behind asks for one more.
const DIGIT_WORDS: usize = 3;
/// Single characters in a row.
const SINGLES: usize = 4;
/// Digits in a row of groups.
const DIGITS: usize = 7;
/// Han digits, and characters of Kana words for digits, in a row.
const HAN_DIGITS: usize = 3;
const KANA_DIGITS: usize = 7;
/// Digits in a row of three groups or more that are looked at for their grouping.
const CARD_DIGITS: usize = 12;
/// Shortest run of base64 or hexadecimal characters.
const CODE: usize = 8;
/// A word of fewer bytes in which only small letters stand behind the first is no code: [`is_coded`] looks for a digit or a
/// capital in it.
const SHORTEST_CODED_WORD: usize = SHORTEST_LINE;
/// How far a word for `@` stands from one for `.`.
const REACH: usize = 128;

/// What may be disguised in a stretch, as a set.
pub(super) type Reasons = u8;

/// Reasons to look at a stretch; each is noted wherever the passes named may change it.
pub(super) mod reason {
    use super::Reasons;

    /// Spacing and grouping, which are looked at in every stretch.
    pub(in crate::normalize) const REST: Reasons = 0;
    /// Numbers said in words.
    pub(in crate::normalize) const SPOKEN: Reasons = 1;
    /// Spelt and broken e-mail addresses.
    pub(in crate::normalize) const ADDRESS: Reasons = 2;
    /// Encodings.
    pub(in crate::normalize) const CODED: Reasons = 4;
    /// Letters in place of digits, and codes in parts.
    pub(in crate::normalize) const GUESS: Reasons = 8;
    /// Any of them, such as characters that stand for others.
    pub(in crate::normalize) const ALL: Reasons = u8::MAX;
}

/// A stretch worth rewriting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) span: Span,
    pub(super) reasons: Reasons,
}

/// The stretches of `text` worth rewriting, sorted and disjoint, on character bounds, each with at least 64 bytes of what
/// stands before and after it where there is that much.
pub(super) fn stretches(text: &str) -> Vec<Stretch> {
    let mut gate = Gate {
        text,
        bytes: text.as_bytes(),
        keys: Keys::new(),
        row: Row::default(),
        places: Vec::new(),
        coded: 0,
    };
    let (blocks, tail) = gate.bytes.as_chunks::<BLOCK>();
    let mut carry = false;
    for (i, block) in blocks.iter().enumerate() {
        carry = gate.block(i * BLOCK, block, carry);
    }
    if !tail.is_empty() {
        let base = blocks.len() * BLOCK;
        gate.block(base, &masks::block(gate.bytes, base), carry);
    }
    gate.stretches()
}

struct Gate<'t> {
    text: &'t str,
    bytes: &'t [u8],
    keys: Keys,
    row: Row,
    /// Places of interest, in steps of [`STEP`], perhaps more than once.
    places: Vec<(usize, Reasons)>,
    /// Runs of encoded text are noted up to here.
    coded: usize,
}

/// What the words before have in common.
#[derive(Default)]
struct Row {
    /// End of the last word.
    end: usize,
    digit_words: usize,
    singles: usize,
    pairs: usize,
    /// Digits, groups, and whether a separator was odd, of the row of numbers.
    digits: usize,
    /// Digits of its end in which letters may stand for some.
    alike: usize,
    groups: usize,
    is_odd: bool,
    /// Parts, characters, and the sorts of them, of a code cut into parts.
    parts: usize,
    part_bytes: usize,
    part_letters: bool,
    part_digits: bool,
    /// Where the last word for `@`, or `@` itself, stands; plus one, so that zero is none.
    at_sign: usize,
}

impl Gate<'_> {
    /// Looks at one block; whether it ends inside a word.
    fn block(&mut self, base: usize, block: &[u8; BLOCK], carry: bool) -> bool {
        if masks::holds(block, is_mark) {
            self.marks(base, masks::of(block, is_mark));
        }
        if !block.is_ascii() {
            self.foreign(base, masks::of(block, |byte| byte >= 0xc0));
        }
        let word = masks::of(block, |byte| {
            ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10) | (byte >= 0x80)
        });
        let small = masks::of(block, |byte| byte.wrapping_sub(b'a') < 26);
        for at in masks::places(word & !(word << 1 | u64::from(carry))) {
            let len = (!(word >> at)).trailing_zeros() as usize;
            let start = base + at;
            if at + len >= BLOCK {
                self.word(start, self.word_len(start));
                continue;
            }
            // Most words are a letter with small ones behind it.
            let tail = ((1_u64 << len) - 2) << at;
            if len < 2 || tail & !small != 0 || !self.plain(start, len) {
                self.word(start, len);
            }
        }
        word >> (BLOCK - 1) == 1
    }

    /// Length of a word that may go on in the next block, as far as it matters.
    fn word_len(&self, start: usize) -> usize {
        let rest = self.bytes.get(start..).unwrap_or_default();
        rest.iter()
            .take(2 * BLOCK)
            .take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80)
            .count()
    }

    #[inline]
    fn word(&mut self, start: usize, len: usize) {
        let end = start + len;
        let first = self.bytes.get(start).copied().unwrap_or(0);
        if len == 1 || self.is_one_character(first, len) {
            self.row.singles += 1;
            if self.row.singles >= SINGLES {
                self.note(start, reason::REST);
            }
        } else {
            self.row.singles = 0;
        }
        if first.is_ascii_digit() || self.is_digitlike(start, len) {
            self.number(start, end);
        } else {
            self.row.digits = 0;
            self.letters(start, len);
        }
        if first.is_ascii_uppercase() || first.is_ascii_digit() {
            self.part(start, end);
        } else {
            self.row.parts = 0;
        }
        if len == 1 && first | 0x20 == b'a' {
            self.letter_at(start);
        }
        if len == 2 || len == 4 {
            self.pair(start, len);
        } else {
            self.row.pairs = 0;
        }
        if len >= CODE {
            self.code(start, end);
        }
        self.row.end = end;
    }

    /// Looks at a word of two bytes or more in which only small letters stand behind the first; whether nothing in it is of
    /// interest, as the long way through [`Self::word`] would find.
    #[inline]
    fn plain(&mut self, start: usize, len: usize) -> bool {
        let mut three = self.three(start);
        let [first, second, ..] = three.to_le_bytes();
        let mut is_pair = false;
        if len == 2 {
            three = three & 0xffff | 0x20_0000;
            is_pair = first.is_ascii_hexdigit() && second.is_ascii_hexdigit();
        }
        let is_digitlike = || digitlike::digit(first).is_some() && digitlike::digit(second).is_some();
        let is_long = len >= SHORTEST_CODED_WORD;
        if !first.is_ascii_alphabetic()
            || is_long
            || is_pair
            || self.row.digits > 0 && is_digitlike()
            || self.keys.may_begin_three(three)
        {
            return false;
        }
        let row = &mut self.row;
        row.digits = 0;
        row.singles = 0;
        row.parts = 0;
        row.pairs = 0;
        row.end = start + len;
        // Capital letters of an account number may stand among digit words.
        if len > 4 || first.is_ascii_lowercase() {
            row.digit_words = 0;
        }
        true
    }

    /// The three bytes at `start`, the first one lowest; no byte behind the text.
    #[inline]
    fn three(&self, start: usize) -> u64 {
        let rest = self.bytes.get(start..).unwrap_or_default();
        if let Some(four) = rest.first_chunk::<4>() {
            return u64::from(u32::from_le_bytes(*four) & 0xff_ffff);
        }
        rest.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
    }

    #[inline]
    fn letters(&mut self, start: usize, len: usize) {
        let three = self.three(start);
        let may_begin = match len {
            0 | 1 => self.keys.may_begin(three),
            2 => self.keys.may_begin_three(three & 0xffff | 0x20_0000),
            _ => self.keys.may_begin_three(three),
        };
        if !may_begin {
            self.end_digit_words(start, len);
            return;
        }
        let key = match self.bytes.get(start..start + 8) {
            Some(eight) if len <= 8 => {
                let mut word = u64::from_le_bytes(eight.try_into().unwrap_or_default());
                // Only letters matter: bit 5 makes them small; bytes above 0x7f already have it or not in the table as well.
                let keep = u64::MAX >> (64 - 8 * len.max(1));
                word &= keep;
                let upper = small(word);
                upper | (0x2020_2020_2020_2020 & !keep)
            }
            _ => key(self.bytes.get(start..start + len).unwrap_or_default()),
        };
        match self.keys.get(key) {
            None => self.end_digit_words(start, len),
            Some(
                Spelt::Digit(_)
                | Spelt::Whole(_)
                | Spelt::Tens(_)
                | Spelt::AndTens(_)
                | Spelt::Hundreds(_)
                | Spelt::Hundred,
            ) => {
                self.row.digit_words += 1;
                if self.row.digit_words >= DIGIT_WORDS {
                    self.note(start, reason::SPOKEN);
                }
            }
            Some(Spelt::Times(_)) => {
                self.row.digit_words += 1;
            }
            Some(Spelt::And) => {}
            Some(Spelt::At) => {
                self.row.at_sign = start + 1;
                self.note(start, reason::ADDRESS);
            }
            Some(Spelt::WeakAt) => {
                self.row.at_sign = start + 1;
                self.row.digit_words = 0;
                let before = start.checked_sub(1).and_then(|i| self.bytes.get(i));
                if before.is_some_and(|b| {
                    matches!(b, b'(' | b'[' | b'{' | b'<' | b'_' | b'-' | b'*' | b'|' | b'/')
                }) {
                    self.note(start, reason::ADDRESS);
                }
            }
            Some(Spelt::Mark(_)) => {
                if self.row.at_sign > 0 && (start + 1).abs_diff(self.row.at_sign) < REACH {
                    self.note(self.row.at_sign - 1, reason::ADDRESS);
                    self.note(start, reason::ADDRESS);
                }
            }
        }
    }

    /// Notes a word that is no digit; capital letters of an account number may stand among digit words.
    #[inline]
    fn end_digit_words(&mut self, start: usize, len: usize) {
        if self.row.digit_words > 0 && (len > 4 || !self.bytes.get(start).is_some_and(u8::is_ascii_uppercase))
        {
            self.row.digit_words = 0;
        }
    }

    /// Whether a word that begins with a letter may be a group of digits in which letters stand for some.
    #[inline]
    fn is_digitlike(&self, start: usize, len: usize) -> bool {
        let at = |i: usize| self.bytes.get(start + i).copied().unwrap_or(0);
        // Most words end here.
        (at(1).is_ascii_digit() || self.row.digits > 0 && (3..=8).contains(&len))
            && digitlike::digit(at(0)).is_some()
            && (1..len.min(BLOCK)).all(|i| at(i).is_ascii_digit() || digitlike::digit(at(i)).is_some())
    }

    /// Whether letters stand for digits in a group that goes with others.
    #[inline]
    fn has_letters(&self, start: usize, end: usize) -> bool {
        let word = self.bytes.get(start..end).unwrap_or_default();
        !word.iter().all(u8::is_ascii_digit)
            && word
                .iter()
                .all(|b| b.is_ascii_digit() || digitlike::digit(*b).is_some())
    }

    /// A word that begins with a digit.
    #[inline]
    fn number(&mut self, start: usize, end: usize) {
        let gap = self.bytes.get(self.row.end..start).unwrap_or_default();
        let has_break = gap.contains(&b'\n');
        let is_odd = has_break
            || gap.len() > 1
            || gap
                .first()
                .is_some_and(|b| matches!(b, b'_' | b'*' | b'|' | b',' | b'\t'));
        if self.row.digits == 0 || gap.len() > 6 {
            self.row.digits = 0;
            self.row.alike = 0;
            self.row.groups = 0;
            self.row.is_odd = has_break && gap.len() <= 6 || end - start >= 2 && self.is_after_country(start);
        } else {
            self.row.is_odd |= is_odd;
        }
        self.row.digits += end - start;
        self.row.groups += 1;
        if gap.len() > digitlike::LONGEST_GAP || !gap.iter().all(|b| digitlike::is_separator(*b)) {
            self.row.alike = 0;
        }
        self.row.alike += end - start;
        if self.row.alike >= DIGITS && self.has_letters(start, end) {
            self.note(start, reason::GUESS);
        }
        let is_broken = self.row.is_odd && self.row.digits >= DIGITS;
        if is_broken && self.row.groups >= 2
            || self.row.digits >= CARD_DIGITS && self.row.groups >= 3
            || is_broken && has_break
        {
            self.note(start, reason::REST);
        }
    }

    /// Whether a token of two capitals stands before, as in `DE 89 3704`.
    fn is_after_country(&self, start: usize) -> bool {
        let before = self.bytes.get(start.saturating_sub(3)..start).unwrap_or_default();
        matches!(before, [a, b, gap] if a.is_ascii_uppercase() && b.is_ascii_uppercase() && !gap.is_ascii_alphanumeric())
    }

    /// Whether a word of more than one byte is one letter of a script with spaces, up to U+07FF.
    #[inline]
    const fn is_one_character(&self, first: u8, len: usize) -> bool {
        len == 2 && matches!(first, 0xc3..=0xdf)
    }

    /// `(a)` in place of `@`.
    fn letter_at(&mut self, start: usize) {
        let around = self
            .bytes
            .get(start.saturating_sub(1)..start + 2)
            .unwrap_or_default();
        if matches!(around, [b'(' | b'[' | b'{', _, b')' | b']' | b'}']) {
            self.row.at_sign = start + 1;
            self.note(start, reason::ADDRESS);
        }
    }

    /// A word that begins with a capital or a digit: may be a part of a code.
    #[inline]
    fn part(&mut self, start: usize, end: usize) {
        let word = self.bytes.get(start..end).unwrap_or_default();
        let (mut has_letter, mut has_digit) = (false, false);
        for byte in word {
            match byte {
                b'A'..=b'Z' => has_letter = true,
                b'0'..=b'9' => has_digit = true,
                // A full stop of another script.
                0x80.. => break,
                _ => {
                    self.row.parts = 0;
                    return;
                }
            }
        }
        let gap = self.bytes.get(self.row.end..start).unwrap_or_default();
        let row = &mut self.row;
        if row.parts == 0 || word.len() > codes::LONGEST_PART || !codes::is_separator(gap) {
            row.parts = 0;
            row.part_bytes = 0;
            row.part_letters = false;
            row.part_digits = false;
        }
        row.parts += 1;
        row.part_bytes += word.len();
        row.part_letters |= has_letter;
        row.part_digits |= has_digit;
        if row.parts >= codes::FEWEST
            && row.part_letters
            && row.part_digits
            && row.part_bytes >= codes::LENGTH.start
        {
            self.note(start, reason::GUESS);
        }
    }

    /// Counts pairs of hexadecimal digits, also `0x40`.
    fn pair(&mut self, start: usize, len: usize) {
        let word = self.bytes.get(start..start + len).unwrap_or_default();
        let digits = if len == 4 {
            word.strip_prefix(b"0x").unwrap_or_default()
        } else {
            word
        };
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit) {
            self.row.pairs += 1;
            if self.row.pairs >= FEWEST_PAIRS {
                self.note(start, reason::CODED);
            }
        } else {
            self.row.pairs = 0;
        }
    }

    /// A long word: may be base64 or hexadecimal digits that encode text.
    fn code(&mut self, start: usize, end: usize) {
        let word = self.bytes.get(start..end).unwrap_or_default();
        if !word.is_ascii() || !is_coded(word) {
            return;
        }
        let is_hex = word.iter().skip(2).take(6).all(u8::is_ascii_hexdigit)
            && word.len() >= SHORTEST_HEX
            && is_hex_text(
                word.strip_prefix(b"0x")
                    .or(word.strip_prefix(b"0X"))
                    .unwrap_or(word),
            );
        if begins_base64(word) || is_hex || self.is_inside_base64(start) {
            // Each byte of a run is looked at and noted once, however many words of it come here.
            let (from, known) = (start.max(self.coded), end.max(self.coded));
            let rest = self.bytes.get(known..).unwrap_or_default();
            let more = rest.iter().take(LONGEST_RUN).take_while(|b| is_sextet(**b));
            self.coded = known + more.count();
            self.note_all(from, self.coded, reason::CODED);
        }
    }

    /// Whether the word at `start` goes on from a run of base64 characters that may encode text.
    fn is_inside_base64(&self, start: usize) -> bool {
        let before = self.bytes.get(..start).unwrap_or_default();
        let run = before.iter().rev().take(BLOCK).take_while(|b| is_sextet(**b));
        let from = start - run.count();
        // Where it begins is not looked for any farther.
        from < start && (start - from == BLOCK || self.bytes.get(from..).is_some_and(begins_base64))
    }

    /// Looks at the marks of a block: `@`, and those that begin an escape.
    fn marks(&mut self, base: usize, marks: u64) {
        for at in masks::places(marks).map(|place| base + place) {
            if self.bytes.get(at) == Some(&b'@') {
                self.row.at_sign = at + 1;
                let is_apart =
                    |b: Option<&u8>| b.is_some_and(|b| matches!(b, b' ' | b']' | b'[' | b'(' | b')'));
                let before = at.checked_sub(1).and_then(|i| self.bytes.get(i));
                if is_apart(before) && is_apart(self.bytes.get(at + 1)) || self.is_broken_address(at) {
                    self.note(at, reason::ADDRESS);
                }
                continue;
            }
            let found = self.bytes.get(at..).and_then(escape::read);
            if found.is_some_and(|f| escape::is_worth(self.bytes, at, f)) {
                self.note(at, reason::CODED);
            }
        }
    }

    /// Whether a line ends right beside the `@` at `at`, or at a mark of the domain behind it.
    fn is_broken_address(&self, at: usize) -> bool {
        let is_break = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b'\n' | b'\r'));
        let before = at.checked_sub(1).and_then(|i| self.bytes.get(i));
        let domain = self.bytes.get(at + 1..).unwrap_or_default();
        let end = domain
            .iter()
            .take(BLOCK)
            .position(|b| b.is_ascii_whitespace())
            .unwrap_or(0);
        is_break(before)
            || is_break(domain.first())
            || is_break(domain.get(end)) && end > 0 && matches!(domain.get(end - 1), Some(b'.' | b'-'))
    }

    /// Looks at the characters outside ASCII that begin in the block, where `starts` has a bit.
    fn foreign(&mut self, base: usize, starts: u64) {
        let mut digits = 0;
        let mut variants = 0;
        let mut is_worth = false;
        // Digits of Han, and characters of Kana digits, in a row.
        let (mut han, mut kana) = (0, 0);
        for at in masks::places(starts).map(|place| base + place) {
            let mut chars = self.text.get(at..).unwrap_or_default().chars();
            let Some(c) = chars.next() else { continue };
            if matches!(c, '\u{3005}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}') {
                han = if east::han(c).is_some() { han + 1 } else { 0 };
                kana = if east::is_kana(c) { kana + 1 } else { 0 };
                is_worth |= han >= HAN_DIGITS || kana >= KANA_DIGITS;
            }
            let around = Around::of(self.text, base, at, chars.as_str());
            if !around.is_joined && is_letter(c) {
                continue;
            }
            match class(c) {
                Class::Invisible | Class::Mark => {
                    let can_join = |c: char| {
                        joins(c)
                            || c.is_ascii_punctuation()
                            || !c.is_ascii() && class(c) != Class::Letter && class(c) != Class::Other
                    };
                    is_worth |= can_join(around.before) && can_join(around.after);
                }
                Class::Tag(_) => is_worth |= around.before != '\u{1f3f4}',
                Class::Digit(_) => digits += 1,
                Class::Variant(v) => {
                    is_worth |= v == '@';
                    variants += usize::from(v.is_ascii_alphanumeric());
                }
                Class::Variants => variants += 1,
                Class::Lookalike(_) => is_worth |= around.is_joined,
                Class::Letter | Class::Other => {}
            }
        }
        // Rows of digits and letters may lie in two blocks.
        if is_worth || digits >= 3 || variants >= 3 {
            self.note_all(base, (base + BLOCK).min(self.bytes.len()), reason::ALL);
        }
    }

    #[inline]
    fn note(&mut self, at: usize, reason: Reasons) {
        let place = at / STEP;
        match self.places.last_mut() {
            Some((last, reasons)) if *last == place => *reasons |= reason,
            _ => self.places.push((place, reason)),
        }
    }

    /// Notes all of `start..end`.
    fn note_all(&mut self, start: usize, end: usize, reason: Reasons) {
        for at in (start..end).step_by(BLOCK) {
            self.note(at, reason);
        }
        self.note(end.saturating_sub(1), reason);
    }

    fn stretches(mut self) -> Vec<Stretch> {
        // A word for `@` is noted behind what follows it.
        self.places.sort_unstable();
        let mut stretches: Vec<Stretch> = Vec::new();
        for (place, reasons) in std::mem::take(&mut self.places) {
            let start = self.floor((place * STEP).saturating_sub(MARGIN));
            let end = self.ceil((place + 1) * STEP + MARGIN);
            match stretches.last_mut() {
                Some(last) if start <= last.span.end => {
                    last.span.end = end.max(last.span.end);
                    last.reasons |= reasons;
                }
                _ => stretches.push(Stretch {
                    span: Span::new(start, end),
                    reasons,
                }),
            }
        }
        stretches
    }

    /// The start of the word at `at`, within bounds; a cut word would read as another.
    fn floor(&self, at: usize) -> usize {
        let mut from = at.min(self.text.len());
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        from
    }

    fn ceil(&self, at: usize) -> usize {
        let mut to = at.min(self.text.len());
        while !self.text.is_char_boundary(to) {
            to += 1;
        }
        to
    }
}

/// What stands on either side of a character.
struct Around {
    before: char,
    after: char,
    /// Whether an ASCII letter or digit or `@` touches it, or stands behind the full stop that does.
    is_joined: bool,
}

impl Around {
    /// Of the character of `text` at `at`, with `rest` behind it. A full stop before the block that begins at `base` joins nothing.
    fn of(text: &str, base: usize, at: usize, rest: &str) -> Self {
        let mut chars = rest.chars();
        let after = chars.next().unwrap_or(' ');
        let mut back = text.get(..at).unwrap_or_default().chars();
        let before = back.next_back().unwrap_or(' ');
        let is_joined = joins(before)
            || joins(after)
            || after == '.' && chars.next().is_some_and(joins)
            || before == '.' && at > base && back.next_back().is_some_and(|c| c.is_ascii_alphanumeric());
        Self {
            before,
            after,
            is_joined,
        }
    }
}

const fn joins(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '@'
}

/// Marks that begin an escape, and `@`.
#[inline]
const fn is_mark(byte: u8) -> bool {
    // Without branches, many bytes are looked at together.
    (byte == b'&') | (byte == b'%') | (byte == b'\\') | (byte == b'=') | (byte == b'@')
}

/// Whether the first bytes that a run of base64 encodes are text.
fn begins_base64(run: &[u8]) -> bool {
    let group = |from: usize| {
        let mut value = 0_u32;
        for byte in run.iter().skip(from).take(4) {
            value = value << 6 | u32::from(sextet(*byte).unwrap_or(0));
        }
        value.to_be_bytes().iter().skip(1).all(|b| is_text_byte(*b))
    };
    group(0) && group(4)
}

/// Whether the first bytes that hexadecimal digits encode are text, and valid UTF-8 as far as they say so.
fn is_hex_text(digits: &[u8]) -> bool {
    let value = |digit: &u8| {
        char::from(*digit)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
            .unwrap_or(0)
    };
    let mut bytes = digits
        .chunks_exact(2)
        .take(FEWEST_PAIRS)
        .map(|pair| pair.iter().fold(0, |all, digit| all << 4 | value(digit)));
    bytes.all(is_text_byte)
}

/// Whether a character is a letter of a common script that stands for itself unless ASCII touches it.
const fn is_letter(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{556}' | '\u{5d0}'..='\u{5ea}'
        | '\u{620}'..='\u{65f}' | '\u{671}'..='\u{6d3}' | '\u{904}'..='\u{94d}' | '\u{e01}'..='\u{e4e}'
        | '\u{3001}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Eight bytes with the capitals of ASCII made small.
#[inline]
const fn small(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * ONES);
    let from_a = low + (0x80 - 0x41) * ONES;
    let after_z = low + (0x80 - 0x5b) * ONES;
    let upper = from_a & !after_z & !word & (0x80 * ONES);
    word | upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_made_small_and_nothing_else() {
        for byte in 0..=255_u8 {
            let word = small(u64::from_le_bytes([byte; 8]));
            assert_eq!(word, u64::from_le_bytes([byte.to_ascii_lowercase(); 8]), "{byte}");
        }
    }

    #[test]
    fn stretches_have_context_and_lie_apart() {
        let prose = "The committee met again and talked about the roof that leaked. ".repeat(20);
        let text = format!("{prose}john (at) example (dot) com {prose}{prose}&#64; {prose}");
        let found = stretches(&text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .all(|s| s.span.of(&text).is_some() && s.span.len() < 500)
        );
        let at = text.find("john").unwrap();
        assert!(found[0].span.start + 64 <= at && at + 100 <= found[0].span.end);
    }
}
