//! One text under analysis: where it is looked at, what is known of its surroundings, what was found.

use std::cell::Cell;

use privet_types::{Basis, Budget, BudgetError, Entity, Finding, RuleId, Span};

use super::context::{Around, Topics, Words, spell};
use super::ids::{IdVocabulary, Told, ToldAround};
use super::meter::Meter;
use super::sides::{self, Sides};
use super::spelling::Spelling;
use super::words::{Lexicon, Word};
use crate::language::Language;

/// One text under analysis.
pub(crate) struct Scan<'t> {
    pub(crate) text: &'t str,
    pub(crate) bytes: &'t [u8],
    /// Topics of the words that stand outside the text.
    pub(crate) outside: Topics,
    /// The name that stands outside the text.
    name: Option<&'t str>,
    words: &'t Words,
    /// The codes that the words round the last code spoke of.
    pub(crate) told: Option<(Span, ToldAround)>,
    /// The same of the words left of the place where it begins.
    told_left: Option<(usize, ToldAround)>,
    meter: Meter<'t>,
    pub(crate) found: Vec<Finding>,
    pub(crate) done: Done,
    /// Whether dates of birth are looked for.
    pub(crate) wants_birth: bool,
    /// Dates that no word beside them calls one of birth, by their start.
    pub(crate) no_births: Vec<Span>,
    sides: Sides<'t>,
    /// Other words, spelt.
    spelt: Spelling,
    last_around: Option<(Span, Around)>,
    pub(crate) last_url: Option<Span>,
    row: Row,
    /// The word that was read last, and where: neighbours ask for the same one.
    pub(super) last_word: Cell<(usize, Option<Word>)>,
}

/// A row of digits that several numbers may begin in. Its surroundings are looked at once.
#[derive(Default)]
struct Row {
    end: usize,
    is_inside: bool,
    around: Option<Around>,
}

/// How far each kind of reading has come; what lies before is not read again, which keeps every input linear.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) number: usize,
    pub(crate) url: usize,
    pub(crate) hex: usize,
    pub(crate) assignment: usize,
    pub(crate) spoken: usize,
    pub(crate) token: usize,
    pub(crate) date: usize,
    pub(crate) told: usize,
    pub(crate) person: usize,
    pub(crate) address: usize,
    pub(crate) web: usize,
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t str, words: &'t Words, budget: &'t Budget) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            outside: 0,
            name: None,
            words,
            told: None,
            told_left: None,
            meter: Meter::new(budget),
            found: Vec::new(),
            done: Done::default(),
            wants_birth: false,
            no_births: Vec::new(),
            sides: Sides::new(text),
            spelt: Spelling::default(),
            last_around: None,
            last_url: None,
            row: Row::default(),
            last_word: Cell::new((usize::MAX, None)),
        }
    }

    /// The name that stands outside the text.
    pub(crate) const fn name(&self) -> Option<&'t str> {
        self.name
    }

    /// Notes the name that stands outside the text and belongs to it.
    pub(crate) fn set_name(&mut self, name: &'t str) -> Result<(), BudgetError> {
        self.spend(2 * name.len())?;
        self.outside = self.words.outside(name);
        self.name = Some(name);
        Ok(())
    }

    /// The words with a sense of their own.
    #[inline]
    pub(crate) const fn lexicon(&self) -> &'t Lexicon {
        self.words.lexicon()
    }

    /// Notes `units` of work.
    #[inline]
    pub(crate) fn spend(&mut self, units: usize) -> Result<(), BudgetError> {
        self.meter.spend(units)
    }

    /// Charges all work noted so far.
    pub(crate) fn settle(&mut self) -> Result<(), BudgetError> {
        self.meter.flush()
    }

    /// The byte at `at`; 0 outside the text.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte `back` bytes before `at`; 0 outside the text.
    #[inline]
    pub(crate) fn back(&self, at: usize, back: usize) -> u8 {
        at.checked_sub(back).map_or(0, |i| self.at(i))
    }

    /// The bytes `start..end`; empty if they do not lie in the text.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The text `start..end`; empty if that does not lie in the text or cuts a character.
    pub(crate) fn str(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The character that begins at `at`.
    pub(crate) fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    /// The character that ends at `at`.
    pub(crate) fn char_before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    /// Whether an ASCII letter or digit touches `at` from the left; the `n` of an escape `\n` does not.
    pub(crate) fn is_glued_left(&self, at: usize) -> bool {
        self.back(at, 1).is_ascii_alphanumeric()
            && !(self.back(at, 2) == b'\\' && is_escape_letter(self.back(at, 1)) && self.back(at, 3) != b'\\')
    }

    /// Whether an ASCII letter or digit stands at `at`.
    pub(crate) fn is_glued_right(&self, at: usize) -> bool {
        self.at(at).is_ascii_alphanumeric()
    }

    /// `at`, or the start of the character `at` lies in.
    pub(crate) fn floor(&self, at: usize) -> usize {
        sides::floor(self.text, at)
    }

    /// Reports a finding of a form that speaks for itself; of a checked one if it is certain.
    pub(crate) fn report(
        &mut self,
        entity: Entity,
        start: usize,
        end: usize,
        score: f32,
        rule: &'static str,
    ) {
        let basis = if score >= 1.0 {
            Basis::Checksum
        } else {
            Basis::Pattern
        };
        self.report_as(entity, start, end, score, rule, basis);
    }

    /// Reports a finding that rests on `basis`.
    pub(crate) fn report_as(
        &mut self,
        entity: Entity,
        start: usize,
        end: usize,
        score: f32,
        rule: &'static str,
        basis: Basis,
    ) {
        let (start, end) = (self.floor(start), end.min(self.bytes.len()));
        if start < end && self.text.is_char_boundary(end) {
            self.found.push(Finding {
                entity,
                span: Span::new(start, end),
                score,
                rule: RuleId(rule),
                basis,
            });
        }
    }

    /// What the words round `start..end` speak of.
    pub(crate) fn around(&mut self, start: usize, end: usize) -> Result<Around, BudgetError> {
        let span = Span::new(start, end);
        if let Some((known, around)) = self.last_around
            && known == span
        {
            return Ok(around);
        }
        let read = self.sides.read_left(start) + self.sides.read_right(end);
        self.spend(read)?;
        let mut language = Asked::new(self.text, start);
        let (left, right) = (self.sides.left().spelt.as_bytes(), self.sides.right());
        let around = self.words.around(left, right, self.outside, || language.get());
        self.spend(language.cost())?;
        self.last_around = Some((span, around));
        Ok(around)
    }

    /// Which codes the words round `start..end` speak of.
    pub(crate) fn told_around(
        &mut self,
        start: usize,
        end: usize,
        vocabulary: &IdVocabulary,
    ) -> Result<ToldAround, BudgetError> {
        let mut language = Asked::new(self.text, start);
        // Codes of several lengths begin at one place.
        let mut told = match self.told_left {
            Some((known, told)) if known == start => told,
            _ => {
                let told = self.told_left(start, vocabulary, &mut language)?;
                self.told_left = Some((start, told));
                told
            }
        };
        let read = self.sides.read_right(end);
        self.spend(read)?;
        told.any
            .join(vocabulary.told(self.sides.right(), || language.get()));
        self.spend(language.cost())?;
        Ok(told)
    }

    /// Which codes the words left of `start` and outside the text speak of.
    fn told_left(
        &mut self,
        start: usize,
        vocabulary: &IdVocabulary,
        language: &mut Asked<'_>,
    ) -> Result<ToldAround, BudgetError> {
        let read = self.sides.read_left(start);
        self.spend(read)?;
        let left = self.sides.left();
        let (whole, mut near) =
            vocabulary.told_from(left.spelt.as_bytes(), left.near.unwrap_or(0), || language.get());
        if left.near.is_none() && left.far > 0 {
            // The cut may lie within a word of a script without spaces.
            let window = left.window.get(left.far..).unwrap_or_default();
            near = self.told_by(window, vocabulary, language)?;
        }
        // A name outside the text is of no language.
        let name = self.name.unwrap_or_default();
        near.join(self.told_by(name, vocabulary, &mut Asked::nowhere())?);
        // Words that lie on both sides of the cut are found in the whole of it.
        let mut any = near;
        any.join(whole);
        Ok(ToldAround { near, any })
    }

    /// Shows the words left and right of `start..end` and outside the text, each spelt out.
    pub(crate) fn spell_around(
        &mut self,
        start: usize,
        end: usize,
        mut see: impl FnMut(&str),
    ) -> Result<(), BudgetError> {
        let mut spelt = String::new();
        for text in [
            sides::window_left(self.text, start),
            sides::window_right(self.text, end),
            self.name.unwrap_or_default(),
        ] {
            self.spend(text.len())?;
            spell(text, &mut spelt);
            see(&spelt);
        }
        Ok(())
    }

    fn told_by(
        &mut self,
        text: &str,
        vocabulary: &IdVocabulary,
        language: &mut Asked<'_>,
    ) -> Result<Told, BudgetError> {
        if text.is_empty() {
            return Ok(Told::default());
        }
        self.spend(text.len())?;
        self.spelt.spell(text);
        Ok(vocabulary.told(self.spelt.as_bytes(), || language.get()))
    }

    /// Notes that digits are looked at from `start` to `end`.
    pub(crate) fn enter_row(&mut self, start: usize, end: usize) {
        self.row.is_inside = start < self.row.end;
        if !self.row.is_inside {
            self.row = Row {
                end,
                is_inside: false,
                around: None,
            };
        }
    }

    /// Whether the digits looked at now lie behind others of the same row.
    pub(crate) fn is_inside_row(&self) -> bool {
        self.row.is_inside
    }

    /// What the words round the row of `start..end` speak of; of the words right before it only if it begins there.
    pub(crate) fn around_row(&mut self, start: usize, end: usize) -> Result<Around, BudgetError> {
        let around = match self.row.around {
            Some(around) => around,
            None => self.around(start, end)?,
        };
        self.row.around = Some(around);
        Ok(if self.row.is_inside {
            Around { before: 0, ..around }
        } else {
            around
        })
    }

    /// Topics of the words of `start..end`.
    pub(crate) fn topics(&mut self, start: usize, end: usize) -> Result<Topics, BudgetError> {
        let text = self.str(start, end);
        self.spend(text.len())?;
        self.spelt.spell(text);
        Ok(self.words.around(self.spelt.as_bytes(), b"", 0, || None).left)
    }
}

/// The language round a place, read when it is asked for.
struct Asked<'t> {
    place: Option<(&'t str, usize)>,
    read: Option<Option<Language>>,
}

impl<'t> Asked<'t> {
    const fn new(text: &'t str, at: usize) -> Self {
        Self {
            place: Some((text, at)),
            read: None,
        }
    }

    /// No place: the language is not known.
    const fn nowhere() -> Self {
        Self {
            place: None,
            read: None,
        }
    }

    fn get(&mut self) -> Option<Language> {
        let place = self.place;
        *self
            .read
            .get_or_insert_with(|| place.and_then(|(text, at)| Language::detect_at(text, at)))
    }

    /// Units of work done.
    const fn cost(&self) -> usize {
        if self.read.is_some() { Language::UNITS } else { 0 }
    }
}

/// Letters that follow a backslash in JSON and many languages.
pub(crate) const fn is_escape_letter(byte: u8) -> bool {
    matches!(byte, b'n' | b't' | b'r' | b'b' | b'f')
}
