//! Numbers and codes that authorities issue: tax and social security numbers, identity cards, licences, plates.
//!
//! Each is a [`Spec`]: how it is written, what makes it valid, which words speak of it. At every token that holds a digit
//! the groups of letters and digits from there on are read once; a table from the lengths of the groups and what stands
//! between them leads to the few specs that could fit, so that a hundred of them cost little more than one.

mod africa;
mod australia;
mod canada;
mod checks;
mod east_asia;
mod germany;
mod germany_documents;
mod india;
mod international;
mod italy;
mod korea;
mod latin_america;
mod nordic;
mod poland;
mod russia;
mod shape;
mod southeast_asia;
mod spain;
mod turkey;
mod united_kingdom;
mod united_states;
mod vocabulary;
mod western_europe;
mod words;

use privet_types::{Basis, BudgetError, Entity};

use super::class::{self, DIGIT, LETTER};
use super::scan::Scan;
use super::{Outcome, Token};
use crate::letters::is_alphanumeric;
use shape::{Classes, Layout, MOST_GROUPS, Shape, Signature};
use vocabulary::Vocabulary;

/// Letters-only groups before the first digit that can begin a code, as in `M-AB 1234`.
const MOST_BEFORE: usize = 2;
/// Longest of them, in bytes.
const LONGEST_BEFORE: usize = 5;
/// What a word farther off is worth less than one right before a code: where several kinds fit, the nearest word decides.
const FARTHER: f32 = 0.01;

/// What an authority's rule says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It cannot be one.
    No,
    /// It may be one; there is no check digit, or none that anybody publishes.
    Form,
    /// Its check digits are right.
    Sum,
}

impl Check {
    /// Right check digits, or none of it.
    pub(crate) const fn sum(holds: bool) -> Self {
        if holds { Self::Sum } else { Self::No }
    }

    /// A possible value, or none of it.
    pub(crate) const fn form(holds: bool) -> Self {
        if holds { Self::Form } else { Self::No }
    }
}

/// A number or code that an authority issues.
///
/// Scores are chances, 0.0 ..= 1.0, that a value which fits is what it seems in everyday business text.
pub(crate) struct Spec {
    pub(crate) entity: Entity,
    /// The name of the rule, such as `de-tax-id/mod11`.
    pub(crate) rule: &'static str,
    /// How it is written: `9` a digit, `A` a letter, `X` a letter or digit, a small letter that letter in either case; ` `,
    /// `-`, `.`, `/`, `:` and `+` stand for themselves; every `_` of a shape stands for nothing, or every one for a space,
    /// or every one for a hyphen, or every one for a full stop; the character before a `?` may be missing. A `^` before it
    /// all: no small letter fits; then a `+`: a plus
    /// sign stands before the code and belongs to it.
    pub(crate) shapes: &'static [&'static str],
    /// The authority's rule, over the letters (capitals) and digits alone.
    pub(crate) check: fn(&[u8]) -> Check,
    /// Words that speak of it, in any language; `*` at the end stands for any ending. Scripts without spaces are found
    /// inside longer runs, too.
    pub(crate) words: &'static [&'static str],
    /// Score of a value of the right form beside no such word.
    pub(crate) form: f32,
    /// Score of a value with right check digits beside no such word.
    pub(crate) sum: f32,
    /// Score of a value of the right form beside such a word; with right check digits it is 1.0.
    pub(crate) told: f32,
}

/// All specs, by country.
const ALL: &[&[Spec]] = &[
    africa::SPECS,
    australia::SPECS,
    canada::SPECS,
    east_asia::SPECS,
    germany::SPECS,
    germany_documents::SPECS,
    india::SPECS,
    international::SPECS,
    italy::SPECS,
    korea::SPECS,
    latin_america::SPECS,
    nordic::SPECS,
    poland::SPECS,
    russia::SPECS,
    southeast_asia::SPECS,
    spain::SPECS,
    turkey::SPECS,
    united_kingdom::SPECS,
    united_states::SPECS,
    western_europe::SPECS,
];

/// The names of the rules that look for `entity`.
pub(crate) fn rules(entity: Entity) -> impl Iterator<Item = &'static str> {
    let specs = ALL.iter().copied().flatten();
    specs.filter(move |s| s.entity == entity).map(|s| s.rule)
}

/// A layout in its bucket.
#[derive(Debug, Clone, Copy)]
struct Entry {
    signature: Signature,
    classes: Classes,
    /// Its place among the layouts.
    layout: u16,
}

/// Layouts that belong together, in the order in which they are looked at.
#[derive(Debug, Clone, Default)]
struct Bucket {
    all: Vec<Entry>,
    /// Those that digits alone may fit: most codes are numbers.
    of_digits: Vec<Entry>,
}

/// The specs of the kinds that are wanted, ready to be looked for.
pub(crate) struct Ids {
    specs: Vec<&'static Spec>,
    layouts: Vec<Layout>,
    /// What decides whether a layout is looked at, by the low bits of its signature: a hundred of them are passed over at
    /// many a number, so that they stand side by side.
    buckets: Vec<Bucket>,
    /// Whether groups of the signature that belongs here begin a layout or are one, a bit each.
    begins: Vec<u64>,
    vocabulary: Vocabulary,
    threshold: f32,
}

impl Ids {
    /// The specs whose kind `wants` names; none if it names none of them.
    pub(crate) fn new(wants: impl Fn(Entity) -> bool, threshold: f32) -> Result<Option<Self>, String> {
        let specs: Vec<_> = ALL
            .iter()
            .copied()
            .flatten()
            .filter(|s| wants(s.entity))
            .collect();
        if specs.is_empty() {
            return Ok(None);
        }
        let mut layouts = Vec::new();
        for (i, spec) in specs.iter().enumerate() {
            for text in spec.shapes {
                let shape = Shape::parse(text).ok_or_else(|| format!("shape `{text}` of {}", spec.rule))?;
                layouts.extend(shape.layouts(i));
            }
        }
        let mut buckets = vec![Bucket::default(); (4 * layouts.len()).next_power_of_two()];
        let mask = buckets.len() - 1;
        for (i, layout) in layouts.iter().enumerate() {
            let index = u16::try_from(i).map_err(|_| "too many shapes".to_owned())?;
            if let Some(bucket) = buckets.get_mut(layout.signature.slot(mask)) {
                let entry = Entry {
                    signature: layout.signature,
                    classes: layout.classes(),
                    layout: index,
                };
                bucket.all.push(entry);
                if !layout.needs_letter() {
                    bucket.of_digits.push(entry);
                }
            }
        }
        let mut begins = vec![0; (buckets.len() / 4).max(1)];
        let mask = 64 * begins.len() - 1;
        for prefix in layouts.iter().flat_map(|l| &l.prefixes) {
            let slot = prefix.slot(mask);
            if let Some(word) = begins.get_mut(slot / 64) {
                *word |= 1 << (slot % 64);
            }
        }
        let vocabulary = Vocabulary::new(specs.iter().map(|s| s.words)).map_err(|e| e.to_string())?;
        Ok(Some(Self {
            specs,
            layouts,
            buckets,
            begins,
            vocabulary,
            threshold,
        }))
    }

    /// The words that speak of the specs.
    pub(crate) const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Whether the check digits of `value` are right by the spec of `rule`.
    pub(crate) fn has_right_check_digits(&self, rule: &str, value: &str) -> bool {
        let mut specs = self.specs.iter().filter(|s| s.rule == rule);
        let mut compact: Vec<u8> = value.bytes().filter(u8::is_ascii_alphanumeric).collect();
        compact.make_ascii_uppercase();
        specs.any(|s| (s.check)(&compact) == Check::Sum)
    }

    /// Looks at the codes that begin in `token`, which holds a digit, or with a group of letters before it.
    pub(crate) fn find(&self, scan: &mut Scan<'_>, token: Token) -> Outcome {
        let mut start = first_start(scan, token);
        while start < token.end {
            if scan.at(start).is_ascii_alphanumeric() {
                let end = group_end(scan, start);
                self.find_from(scan, start, end)?;
                start = end;
            } else {
                start += 1;
            }
        }
        Ok(())
    }

    /// Looks at the codes that begin at `start`, where a group does that ends at `first_end`.
    fn find_from(&self, scan: &mut Scan<'_>, start: usize, first_end: usize) -> Outcome {
        if is_letter_before(scan, start) {
            return Ok(());
        }
        let mut signature = Signature::new();
        let mut compact = [0_u8; shape::MOST_CHARACTERS];
        let mut length = 0;
        let mut at = start;
        let mut end = first_end;
        for _ in 0..MOST_GROUPS {
            signature.push_group(end - at);
            scan.spend(1)?;
            if !self.may_begin(signature) {
                break;
            }
            let bytes = scan.slice(at, end);
            let Some(room) = compact.get_mut(length..length + bytes.len()) else {
                break;
            };
            for (place, byte) in room.iter_mut().zip(bytes) {
                *place = byte.to_ascii_uppercase();
            }
            length += bytes.len();
            scan.spend(bytes.len() / 4)?;
            self.look_up(
                scan,
                start,
                end,
                signature,
                compact.get(..length).unwrap_or_default(),
            )?;
            let separator = scan.at(end);
            if !shape::is_separator(separator) || !scan.at(end + 1).is_ascii_alphanumeric() {
                break;
            }
            signature.push_separator(separator);
            at = end + 1;
            end = group_end(scan, at);
        }
        Ok(())
    }

    /// Whether groups of this signature may begin a layout or be one.
    #[inline]
    fn may_begin(&self, signature: Signature) -> bool {
        let slot = signature.slot(64 * self.begins.len() - 1);
        self.begins
            .get(slot / 64)
            .is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    fn look_up(
        &self,
        scan: &mut Scan<'_>,
        start: usize,
        end: usize,
        signature: Signature,
        compact: &[u8],
    ) -> Outcome {
        let slot = signature.slot(self.buckets.len() - 1);
        let Some(bucket) = self.buckets.get(slot).filter(|b| !b.all.is_empty()) else {
            return Ok(());
        };
        let classes = shape::classes(compact);
        let bucket = if classes.has_letter() {
            &bucket.all
        } else {
            &bucket.of_digits
        };
        let mut is_apart = None;
        let fitting = bucket
            .iter()
            .filter(|e| e.signature == signature && classes.fit(e.classes));
        for layout in fitting.filter_map(|e| self.layouts.get(usize::from(e.layout))) {
            if !layout.fits(compact, classes) {
                continue;
            }
            let Some(spec) = self.specs.get(layout.spec) else {
                continue;
            };
            let has_small = || scan.slice(start, end).iter().any(u8::is_ascii_lowercase);
            let is_plus_missing = layout.has_plus && scan.back(start, 1) != b'+';
            if is_plus_missing || layout.is_capital && has_small() {
                continue;
            }
            if *is_apart.get_or_insert_with(|| is_apart_from_others(scan, start, end)) {
                scan.spend(4)?;
                let start = start - usize::from(layout.has_plus);
                self.judge(scan, layout.spec, spec, start, end, compact)?;
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        scan: &mut Scan<'_>,
        index: usize,
        spec: &'static Spec,
        start: usize,
        end: usize,
        compact: &[u8],
    ) -> Result<(), BudgetError> {
        let check = (spec.check)(compact);
        let (alone, told) = match check {
            Check::No => return Ok(()),
            Check::Form => (spec.form, spec.told),
            Check::Sum => (spec.sum, 1.0),
        };
        let around = if told > alone && told >= self.threshold {
            self.told_around(scan, start, end)?
        } else {
            ToldAround::default()
        };
        let is_told = around.any.contains(index);
        let score = if around.near.contains(index) {
            told
        } else if is_told {
            alone.max(told - FARTHER)
        } else {
            alone
        };
        if score < self.threshold || score <= 0.0 {
            return Ok(());
        }
        let basis = match (check, is_told) {
            (Check::Sum, true) => Basis::Checksum,
            (Check::Sum, false) if alone >= 0.5 => Basis::Checksum,
            (_, true) => Basis::Context,
            (_, false) if alone >= 0.5 => Basis::Pattern,
            (_, false) => Basis::Form,
        };
        scan.report_as(spec.entity, start, end, score, spec.rule, basis);
        Ok(())
    }

    /// The specs of which words beside `start..end` or outside the text speak.
    fn told_around(&self, scan: &mut Scan<'_>, start: usize, end: usize) -> Result<ToldAround, BudgetError> {
        let known = scan.told;
        match known {
            Some((span, told)) if (span.start, span.end) == (start, end) => Ok(told),
            _ => {
                let told = scan.told_around(start, end, &self.vocabulary)?;
                scan.told = Some((privet_types::Span::new(start, end), told));
                Ok(told)
            }
        }
    }
}

pub(crate) use checks::{iso_7064_mod_97_10, luhn, mod_11_10, verhoeff};
pub(crate) use international::is_bic;
pub(crate) use vocabulary::Vocabulary as IdVocabulary;
pub(crate) use vocabulary::{Told, ToldAround};

/// Where the first code can begin that has its first digit in `token`: there, or with a group of letters before it.
fn first_start(scan: &Scan<'_>, token: Token) -> usize {
    let mut start = token.start;
    for _ in 0..MOST_BEFORE {
        if !shape::is_separator(scan.back(start, 1)) {
            break;
        }
        let letters = (2..=LONGEST_BEFORE + 1)
            .take_while(|back| scan.back(start, *back).is_ascii_alphabetic())
            .count();
        let before = start - 1 - letters;
        if letters == 0 || scan.back(before, 1).is_ascii_alphanumeric() {
            break;
        }
        start = before;
    }
    start
}

fn group_end(scan: &Scan<'_>, start: usize) -> usize {
    let rest = scan.slice(start, scan.bytes.len());
    let most = shape::MOST_CHARACTERS + 1;
    let is_part = |b: &&u8| class::of(**b) & (LETTER | DIGIT) != 0;
    start + rest.iter().take(most).take_while(is_part).count().max(1)
}

/// Whether a letter of a script with spaces touches `at` from the left.
fn is_letter_before(scan: &Scan<'_>, at: usize) -> bool {
    match scan.back(at, 1) {
        byte if byte.is_ascii() => scan.is_glued_left(at),
        _ => scan.char_before(at).is_some_and(is_spaced_letter),
    }
}

/// Letters of scripts whose words stand apart; Chinese, Japanese, Korean and Thai ones may touch a number.
fn is_spaced_letter(c: char) -> bool {
    is_alphanumeric(c)
        && !matches!(c, '\u{e00}'..='\u{e7f}' | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..)
}

/// Whether `start..end` is no part of a longer number or code.
fn is_apart_from_others(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let after = scan.at(end);
    if after.is_ascii_alphanumeric() || !after.is_ascii() && scan.char_at(end).is_some_and(is_spaced_letter) {
        return false;
    }
    // Spaces join only what spaces group, and only digits: `AA 1234567 BB 7654321` is two codes.
    let has_space = scan.slice(start, end).contains(&b' ');
    let joins = |separator: u8, own: u8| {
        matches!(separator, b'-' | b'.' | b'/') || has_space && separator == b' ' && own.is_ascii_digit()
    };
    let is_continued = |separator: u8, next: u8, own: u8| joins(separator, own) && next.is_ascii_digit();
    let before = scan.back(start, 1);
    // A full stop behind a digit and before a space ends a sentence.
    !(is_continued(after, scan.at(end + 1), scan.back(end, 1))
        || is_continued(before, scan.back(start, 2), scan.at(start)))
}
