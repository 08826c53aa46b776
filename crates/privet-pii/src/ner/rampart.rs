//! Persons, addresses and telephone numbers by Rampart's encoder, whose weights are handed in.
//!
//! It is asked about text in Latin letters only; elsewhere, and for all other kinds, the network in the binary speaks. Its
//! labels for numbers of accounts and documents are not used: it gives them to digits and program text freely.

use std::ops::Range;

use privet_inference::rampart::{self, Kind, LABELS};
use privet_inference::{Encoder, EncoderMemory, TaggedWords, Word};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span};

use super::model::{Found, of_encoder};
use super::together::stretches;
use super::trimmed;
use crate::error::Error;

/// The least mean probability of a finding.
const LEAST: f32 = 0.5;
/// The same for telephone numbers, which look like other numbers.
const LEAST_PHONE: f32 = 0.6;

/// Fewest and most digits of a telephone number (ITU-T E.164).
const PHONE_DIGITS: Range<usize> = 7..16;

/// Rampart, ready to look.
#[derive(Debug)]
pub(crate) struct Rampart {
    encoder: Encoder,
}

/// What a word is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Person,
    Address,
    Phone,
    None,
}

/// A word with what is left of its probabilities.
#[derive(Debug, Clone, Copy)]
struct Read {
    word: Word,
    class: Class,
    /// Probability of the class.
    probability: f32,
    /// The likeliest kind within the class.
    kind: Kind,
}

impl Rampart {
    /// The kinds that it reports.
    pub(crate) const ENTITIES: [Entity; 4] = [
        Entity::PERSON,
        Entity::STREET_ADDRESS,
        Entity::LOCATION,
        Entity::PHONE_NUMBER,
    ];

    pub(crate) fn read(model: &[u8], vocabulary: &str) -> Result<Self, Error> {
        let encoder = rampart::read(model, vocabulary).map_err(|e| Error::Recognizers {
            reason: e.to_string(),
        })?;
        Ok(Self { encoder })
    }

    /// Findings in `text`. O(n); see [`Encoder::tag`] for what it charges.
    pub(crate) fn find(&self, text: &str, budget: &Budget) -> Result<Found, Error> {
        let looked_at = stretches(text, is_latin);
        let (mut memory, mut tagged) = (EncoderMemory::default(), TaggedWords::default());
        let mut findings = Vec::new();
        // A few at a time: probabilities take 140 bytes a word.
        for some in looked_at.chunks(64) {
            tagged.words.clear();
            tagged.probabilities.clear();
            self.encoder
                .tag(text, some, &mut memory, budget, &mut tagged)
                .map_err(of_encoder)?;
            let words: Vec<Read> = tagged
                .words
                .iter()
                .zip(tagged.probabilities.chunks_exact(LABELS))
                .map(|(word, row)| read(*word, row))
                .collect();
            let mut rest = words.as_slice();
            for stretch in some {
                let count = rest.partition_point(|read| read.word.start < stretch.end);
                let (own, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                rest = others;
                groups(text, own, &mut findings);
            }
        }
        Ok(Found { findings, looked_at })
    }
}

fn is_latin(text: &str) -> bool {
    let (mut latin, mut others) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        match c {
            'a'..='z' | 'A'..='Z' | '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => latin += 1,
            _ => others += 1,
        }
    }
    latin > others
}

fn class_of(kind: Kind) -> Class {
    match kind {
        Kind::GivenName | Kind::Surname => Class::Person,
        Kind::BuildingNumber
        | Kind::StreetName
        | Kind::SecondaryAddress
        | Kind::City
        | Kind::State
        | Kind::ZipCode => Class::Address,
        Kind::Phone => Class::Phone,
        Kind::Outside | Kind::Other => Class::None,
    }
}

fn read(word: Word, probabilities: &[f32]) -> Read {
    let kinds = || (0..LABELS).map(rampart::kind).zip(probabilities.iter().copied());
    let sum = |class: Class| {
        kinds()
            .filter(|(k, _)| class_of(*k) == class)
            .map(|(_, p)| p)
            .sum::<f32>()
    };
    let (class, probability) = [Class::Person, Class::Address, Class::Phone, Class::None]
        .map(|class| (class, sum(class)))
        .into_iter()
        .fold(
            (Class::None, 0.0),
            |best, next| if next.1 > best.1 { next } else { best },
        );
    let kind = kinds()
        .filter(|(k, _)| class_of(*k) == class)
        .fold(
            (Kind::Outside, 0.0),
            |best, next| if next.1 > best.1 { next } else { best },
        )
        .0;
    Read {
        word,
        class,
        probability,
        kind,
    }
}

/// Adds what the words of one stretch amount to.
fn groups(text: &str, words: &[Read], out: &mut Vec<Finding>) {
    let mut rest = words;
    while let Some((first, _)) = rest.split_first() {
        let length = length(text, rest);
        let (group, others) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = others;
        match first.class {
            Class::None => {}
            Class::Person => out.extend(finding(text, group, Entity::PERSON, "rampart/person", LEAST)),
            Class::Phone => {
                let phone = finding(
                    text,
                    group,
                    Entity::PHONE_NUMBER,
                    "rampart/phone_number",
                    LEAST_PHONE,
                );
                out.extend(phone.filter(|f| is_phone(f.span.of(text).unwrap_or_default())));
            }
            Class::Address => address(text, group, out),
        }
    }
}

/// How many of `words` belong together with the first one.
fn length(text: &str, words: &[Read]) -> usize {
    let Some((first, others)) = words.split_first() else {
        return 0;
    };
    let (mut length, mut last) = (1, first);
    if first.class == Class::None {
        return length;
    }
    for (at, next) in others.iter().enumerate() {
        let between = text.get(last.word.end..next.word.start).unwrap_or_default();
        if next.class != first.class {
            // Signs between the parts of a value belong to it, whatever they are taken for.
            if is_sign(text, next.word) && at + 2 - length <= 3 {
                continue;
            }
            break;
        }
        let is_joined = match first.class {
            Class::Person => is_name_gap(between),
            Class::Address => is_address_gap(between),
            _ => between.len() <= 4 && !between.contains('\n'),
        };
        if !is_joined {
            break;
        }
        length = at + 2;
        last = next;
    }
    length
}

fn is_sign(text: &str, word: Word) -> bool {
    text.get(word.start..word.end)
        .is_some_and(|w| !w.contains(char::is_alphanumeric))
}

/// Whether the parts of one name may have `gap` between them: "Jean-Luc", "D'Annunzio", "J. R. Miller".
fn is_name_gap(gap: &str) -> bool {
    let inner = gap.trim_start_matches(['.', '-', '\'', '’', '‐']);
    gap.len() <= 4 && inner.chars().all(|c| c.is_whitespace() && c != '\n')
}

fn is_address_gap(gap: &str) -> bool {
    let is_part =
        |c: char| c.is_whitespace() || matches!(c, ',' | '.' | '-' | '/' | '#' | '\'' | '’' | 'º' | '–');
    gap.len() <= 8 && gap.chars().all(is_part) && gap.matches('\n').count() <= 1
}

fn is_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    PHONE_DIGITS.contains(&digits) && value.chars().filter(|c| c.is_alphabetic()).count() <= 3
}

/// A finding of the words of `group`, if they are sure enough.
fn finding(text: &str, group: &[Read], entity: Entity, rule: &'static str, least: f32) -> Option<Finding> {
    let class = group.first()?.class;
    let own = || group.iter().filter(|read| read.class == class);
    let span = Span::new(own().next()?.word.start, own().next_back()?.word.end);
    let sum: f32 = own().map(|read| read.probability).sum();
    // Few words: the conversion is exact.
    let score = (sum / own().count().max(1) as f32).min(1.0);
    let span = trimmed(text, span)?;
    (score >= least).then_some(Finding {
        entity,
        span,
        score,
        rule: RuleId(rule),
        basis: Basis::Network,
    })
}

/// An address with a street is one finding; without one, its towns are places, and its numbers are nothing: what stands
/// alone and looks like a postcode is one too rarely.
fn address(text: &str, group: &[Read], out: &mut Vec<Finding>) {
    let is_street = |read: &Read| matches!(read.kind, Kind::StreetName | Kind::SecondaryAddress);
    if group.iter().any(is_street) {
        out.extend(finding(
            text,
            group,
            Entity::STREET_ADDRESS,
            "rampart/street_address",
            LEAST,
        ));
        return;
    }
    // Without the signs between them.
    let own: Vec<Read> = group
        .iter()
        .filter(|r| r.class == Class::Address)
        .copied()
        .collect();
    for run in own.chunk_by(|a, b| is_town(a) && is_town(b)) {
        if run.first().is_some_and(is_town) {
            out.extend(finding(text, run, Entity::LOCATION, "rampart/location", LEAST));
        }
    }
}

fn is_town(read: &Read) -> bool {
    matches!(read.kind, Kind::City | Kind::State)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of `text`, each of the kind that `kinds` gives it, with a probability of 0.9.
    fn words(text: &str, kinds: &[(&str, Kind)]) -> Vec<Read> {
        let mut at = 0;
        let place = |(word, kind): &(&str, Kind)| {
            let start = at + text.get(at..).unwrap().find(word).unwrap();
            at = start + word.len();
            Read {
                word: Word { start, end: at },
                class: class_of(*kind),
                probability: 0.9,
                kind: *kind,
            }
        };
        kinds.iter().map(place).collect()
    }

    fn found<'t>(text: &'t str, kinds: &[(&str, Kind)]) -> Vec<(&'static str, &'t str)> {
        let mut out = Vec::new();
        groups(text, &words(text, kinds), &mut out);
        out.iter()
            .map(|f| (f.entity.name(), f.span.of(text).unwrap()))
            .collect()
    }

    use Kind::{BuildingNumber, City, GivenName, Other, Outside, Phone, State, StreetName, Surname, ZipCode};

    #[test]
    fn the_parts_of_a_name_are_one_finding_and_two_names_are_two() {
        let text = "J. R. d'Arc-Meyer, Bo";
        let kinds = [
            ("J", GivenName),
            (".", Outside),
            ("R", GivenName),
            (".", GivenName),
            ("d", Surname),
            ("'", Outside),
            ("Arc", Surname),
            ("-", Surname),
            ("Meyer", Surname),
            (",", Outside),
            ("Bo", GivenName),
        ];
        assert_eq!(
            found(text, &kinds),
            [("PERSON", "J. R. d'Arc-Meyer"), ("PERSON", "Bo")]
        );
    }

    #[test]
    fn an_address_goes_over_signs_and_one_line_break() {
        let text = "14 Rosenweg,\n8010 Graz\n\nWien";
        let kinds = [
            ("14", BuildingNumber),
            ("Rosenweg", StreetName),
            (",", Outside),
            ("8010", ZipCode),
            ("Graz", City),
            ("Wien", City),
        ];
        assert_eq!(
            found(text, &kinds),
            [
                ("STREET_ADDRESS", "14 Rosenweg,\n8010 Graz"),
                ("LOCATION", "Wien")
            ]
        );
    }

    #[test]
    fn without_a_street_towns_are_places_and_numbers_alone_are_nothing() {
        let text = "Austin, TX 78701 or 12345 or 7";
        let kinds = [
            ("Austin", City),
            (",", Outside),
            ("TX", State),
            ("78701", ZipCode),
            ("or", Outside),
            ("12345", ZipCode),
            ("or", Outside),
            ("7", BuildingNumber),
        ];
        assert_eq!(found(text, &kinds), [("LOCATION", "Austin, TX")]);
    }

    #[test]
    fn telephone_numbers_have_as_many_digits_as_there_may_be_and_other_labels_are_not_used() {
        let text = "+43 316 555-0142 12 4111111111111111";
        let kinds = [
            ("+", Phone),
            ("43", Phone),
            ("316", Phone),
            ("555", Phone),
            ("-", Outside),
            ("0142", Phone),
            ("12", Other),
            ("4111111111111111", Other),
        ];
        assert_eq!(found(text, &kinds), [("PHONE_NUMBER", "+43 316 555-0142")]);
        assert_eq!(found("12", &[("12", Phone)]), []);
    }

    #[test]
    fn sentences_of_a_paragraph_are_seen_together_and_other_scripts_are_left_out() {
        let text = "Anna lives here.\n\nВладимир живёт там.\n\n東京です。 Bob lives there, too.";
        let seen: Vec<&str> = stretches(text, is_latin)
            .into_iter()
            .map(|r| text.get(r).unwrap())
            .collect();
        assert_eq!(seen, ["Anna lives here.\n\n", "Bob lives there, too."]);
        let long = "It was here. ".repeat(200);
        let stretches = stretches(&long, is_latin);
        assert!(stretches.iter().all(|r| r.len() <= 480));
        assert!(stretches.is_sorted_by(|a, b| a.end <= b.start));
        let seen: usize = stretches.iter().map(|r| r.len()).sum();
        assert!(seen >= 199 * 12, "{seen}");
    }
}
