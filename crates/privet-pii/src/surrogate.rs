//! Stand-ins for private values: the same value gets the same stand-in, no two values share one.

mod person;

use std::collections::{BTreeSet, HashMap};

use privet_crypto::HashKey;
use privet_types::{Entity, Secret};

use crate::Style;
use crate::realistic;
use crate::restore::{SurrogateMap, pattern_text};

/// Crockford's base32 digits: no I, L, O, U, so that a suffix is never read as a word.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits in a tag's suffix: 13 × 5 = 65 bits of a keyed hash.
pub(crate) const SUFFIX_LENGTH: usize = 13;
/// How often a taken realistic surrogate or number is drawn anew before a tag is used.
const DRAWS: u32 = 64;

/// How a surrogate is spelt, and so how it is recognised in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `<ENTITY_SUFFIX>`; also recognised without its brackets.
    Tag,
    /// A made-up value of the same kind, recognised as it is.
    Word,
    /// Digits with separators, recognised however they are grouped.
    Digits,
    /// A JSON number, recognised as it is.
    Number,
}

/// One value and its stand-in.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The stand-in, without the brackets of a tag.
    pub surrogate: String,
    /// How it is spelt.
    pub form: Form,
    /// What it stands for, as it was written.
    pub value: Secret<String>,
}

/// Where a surrogate is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Inside text; `is_apart` if no ASCII letter, digit or `_` touches it on either side.
    Text {
        /// Whether a realistic value would still be seen as one word there.
        is_apart: bool,
    },
    /// The whole of a name that allows letters, digits, `_` and `-` only.
    Name,
    /// The whole of a JSON number.
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Tag,
    Realistic,
    Number,
}

fn class_of(style: Style, entity: Entity, place: Place) -> Class {
    match place {
        Place::Number => Class::Number,
        Place::Text { is_apart: true } if style == Style::Realistic && realistic::covers(entity) => {
            Class::Realistic
        }
        Place::Text { .. } | Place::Name => Class::Tag,
    }
}

/// Makes the surrogates of one request.
///
/// A tag's suffix is 65 bits of HMAC-SHA256 over kind and value, so it depends on nothing but the key and the value.
/// Realistic values and numbers come from smaller ranges: each is checked against all that this request has used and
/// holds so far and drawn again if taken. Within a request no two values share a surrogate: every one handed out is
/// remembered, and a taken one, of whatever kind, is never handed out twice.
pub struct Surrogates<'k> {
    key: &'k HashKey,
    style: Style,
    pairs: Vec<Pair>,
    by_value: HashMap<(Entity, Class, String), usize>,
    taken: BTreeSet<String>,
    /// Pairs whose stand-in is a made-up name.
    words: Vec<usize>,
    has_numbers: bool,
    persons: person::Persons,
    /// Pairs of earlier texts whose tag this one holds already, by the tag as it is compared.
    adopted: HashMap<String, usize>,
    /// Those of them whose value this text does not hold itself.
    only_adopted: BTreeSet<usize>,
}

impl<'k> Surrogates<'k> {
    /// None yet, under `key` (one per tenant, epoch and principal).
    #[must_use]
    pub fn new(key: &'k HashKey, style: Style) -> Self {
        Self {
            key,
            style,
            pairs: Vec::new(),
            by_value: HashMap::new(),
            taken: BTreeSet::new(),
            words: Vec::new(),
            has_numbers: false,
            persons: person::Persons::default(),
            adopted: HashMap::new(),
            only_adopted: BTreeSet::new(),
        }
    }

    /// Takes over a tag that stands in the text already, made for the same caller earlier: it stays, and stands for its value.
    /// Returns whether that is so; not if the tag is another value's here, or `pair` is no tag.
    pub fn adopt(&mut self, pair: &Pair) -> bool {
        if pair.form != Form::Tag {
            return false;
        }
        let pattern = pattern_text(&pair.surrogate, pair.form);
        if let Some(known) = self
            .adopted
            .get(&pattern)
            .and_then(|index| self.pairs.get(*index))
        {
            return known.value.expose() == pair.value.expose();
        }
        if self.taken.contains(&pattern) {
            let is_same = |known: &Pair| {
                known.surrogate == pair.surrogate && known.value.expose() == pair.value.expose()
            };
            return self.pairs.iter().any(is_same);
        }
        self.taken.insert(pattern.clone());
        self.adopted.insert(pattern, self.pairs.len());
        self.only_adopted.insert(self.pairs.len());
        self.pairs.push(pair.clone());
        true
    }

    /// The pair that was taken over with this tag for this value.
    fn adopted_as(&self, tag: &str, value: &str) -> Option<usize> {
        let index = *self.adopted.get(&pattern_text(tag, Form::Tag))?;
        let pair = self.pairs.get(index)?;
        (pair.value.expose() == value).then_some(index)
    }

    /// The same for a value that this text holds itself.
    fn adopted_and_met(&mut self, tag: &str, value: &str) -> Option<usize> {
        let index = self.adopted_as(tag, value)?;
        self.only_adopted.remove(&index);
        Some(index)
    }

    /// The stand-in for `value` at `place`. `occupied` says whether the request holds a text already, outside of what is
    /// masked; it is asked only for forms that could be confused with ordinary text. None if no number can stand in for
    /// a number: it has fewer than seven or more than nineteen digits.
    pub fn surrogate(
        &mut self,
        entity: Entity,
        value: &str,
        place: Place,
        occupied: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        let index = self.pair_of(self.style, entity, value, place, occupied)?;
        self.at(index, place)
    }

    /// The same in `style`; gives the index of the pair.
    pub(crate) fn pair_of(
        &mut self,
        style: Style,
        entity: Entity,
        value: &str,
        place: Place,
        occupied: &dyn Fn(&str) -> bool,
    ) -> Option<usize> {
        let class = class_of(style, entity, place);
        // One value may have a stand-in of each class: each restores on its own.
        let known = (entity, class, value.to_owned());
        if let Some(index) = self.by_value.get(&known) {
            return Some(*index);
        }
        let drawn = match class {
            Class::Tag => None,
            Class::Realistic => self.draw(entity, value, false, occupied),
            // A tag would turn the number into a string.
            Class::Number => Some(self.draw(entity, value, true, occupied)?),
        };
        let (surrogate, form) = drawn.unwrap_or_else(|| (self.tag(entity, value, value), Form::Tag));
        let index = match self.adopted_and_met(&surrogate, value) {
            Some(index) => index,
            None => self.remember(entity, surrogate, form, value),
        };
        self.by_value.insert(known, index);
        Some(index)
    }

    fn remember(&mut self, entity: Entity, surrogate: String, form: Form, value: &str) -> usize {
        self.taken.insert(pattern_text(&surrogate, form));
        self.pairs.push(Pair {
            surrogate,
            form,
            value: Secret::new(value.to_owned()),
        });
        self.has_numbers |= form == Form::Number;
        let index = self.pairs.len() - 1;
        if form == Form::Word && entity == Entity::PERSON {
            self.words.push(index);
        }
        index
    }

    /// Pair number `index` as it is written at `place`.
    pub(crate) fn at(&self, index: usize, place: Place) -> Option<String> {
        let pair = self.pairs.get(index)?;
        Some(match (pair.form, place) {
            (Form::Tag, Place::Text { .. }) => format!("<{}>", pair.surrogate),
            _ => pair.surrogate.clone(),
        })
    }

    pub(crate) fn pair(&self, index: usize) -> Option<&Pair> {
        self.pairs.get(index)
    }

    /// The made-up names handed out so far: ordinary text could hold one by chance.
    pub fn confusable_words(&self) -> impl Iterator<Item = &str> {
        self.words
            .iter()
            .filter_map(|index| self.pairs.get(*index))
            .map(|pair| pair.surrogate.as_str())
    }

    /// Whether any stand-in is a bare number.
    #[must_use]
    pub fn has_numbers(&self) -> bool {
        self.has_numbers
    }

    /// Whether `digits` is a number handed out so far.
    #[must_use]
    pub fn is_number(&self, digits: &str) -> bool {
        self.has_numbers && self.taken.contains(digits)
    }

    /// Stand-ins handed out so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether none was handed out yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Names and numbers. All other made-up values have a form of their own, which [`lookalikes`](crate::lookalikes)
    /// masks wherever it stands.
    fn is_confusable(entity: Entity, form: Form) -> bool {
        form == Form::Number || (form == Form::Word && entity == Entity::PERSON)
    }

    /// All values and their stand-ins, in the order in which they were first met.
    #[must_use]
    pub fn into_pairs(self) -> Vec<Pair> {
        self.pairs
    }

    /// What restores them, and knows which of them were taken over.
    #[must_use]
    pub fn into_map(self) -> SurrogateMap {
        SurrogateMap::new(self.pairs).with_adopted(self.only_adopted)
    }

    fn draw(
        &self,
        entity: Entity,
        value: &str,
        is_number: bool,
        occupied: &dyn Fn(&str) -> bool,
    ) -> Option<(String, Form)> {
        (0..DRAWS).find_map(|attempt| {
            let mut bits = Bits::new(self.key, entity, value, attempt);
            let (surrogate, form) = if is_number {
                (realistic::number(value, &mut bits)?, Form::Number)
            } else {
                realistic::surrogate(entity, value, &mut bits)?
            };
            let is_free = surrogate != value
                && !self.taken.contains(&pattern_text(&surrogate, form))
                && !(Self::is_confusable(entity, form) && occupied(&surrogate));
            is_free.then_some((surrogate, form))
        })
    }

    /// A tag made from `seed`, which no other value than `value` has.
    fn tag(&self, entity: Entity, seed: &str, value: &str) -> String {
        let mut attempt = 0;
        loop {
            let mut bits = Bits::new(self.key, entity, seed, attempt);
            let suffix: String = (0..SUFFIX_LENGTH).map(|_| bits.pick_char(BASE32)).collect();
            let tag = format!("{}_{suffix}", entity.name());
            if self.is_free_tag(&tag, value) {
                return tag;
            }
            attempt += 1;
        }
    }

    /// Whether `tag` stands for nothing yet, or for `value` in a text that came before.
    fn is_free_tag(&self, tag: &str, value: &str) -> bool {
        !self.taken.contains(&pattern_text(tag, Form::Tag)) || self.adopted_as(tag, value).is_some()
    }
}

/// A stream of keyed pseudo-random numbers that depends on key, kind, value and attempt only.
pub(crate) struct Bits<'k> {
    key: &'k HashKey,
    seed: [u8; 32],
    block: [u8; 32],
    used: usize,
    blocks: u64,
}

impl<'k> Bits<'k> {
    pub(crate) fn new(key: &'k HashKey, entity: Entity, value: &str, attempt: u32) -> Self {
        let seed = key.hash(&[entity.name().as_bytes(), value.as_bytes(), &attempt.to_le_bytes()]);
        Self {
            key,
            seed,
            block: seed,
            used: 0,
            blocks: 0,
        }
    }

    fn next_byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.blocks += 1;
            self.block = self.key.hash(&[&self.seed, &self.blocks.to_le_bytes()]);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }

    /// A number in `0..below`, even to within 2⁻²⁴ × `below`. `below` ≤ 2¹⁶.
    pub(crate) fn below(&mut self, below: u32) -> u32 {
        let wide = (0..4).fold(0_u64, |sum, _| sum << 8 | u64::from(self.next_byte()));
        ((wide * u64::from(below)) >> 32) as u32
    }

    /// One of `choices`; the default where there are none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len() as u32) as usize;
        choices.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn digit(&mut self) -> char {
        char::from(b'0' + self.below(10) as u8)
    }

    pub(crate) fn pick_char(&mut self, choices: &[u8; 32]) -> char {
        let index = usize::from(self.next_byte() & 31);
        char::from(choices.get(index).copied().unwrap_or(b'0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_crypto::RootKey;

    fn key() -> HashKey {
        RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .hash_key("test", b"")
    }

    const APART: Place = Place::Text { is_apart: true };

    #[test]
    fn the_same_value_has_the_same_tag_in_every_request() {
        let key = key();
        let make = || {
            Surrogates::new(&key, Style::Tag)
                .surrogate(Entity::EMAIL_ADDRESS, "a@example.com", APART, &|_| false)
                .unwrap()
        };
        assert_eq!(make(), make());
        assert!(
            make().starts_with("<EMAIL_ADDRESS_") && make().len() == "<EMAIL_ADDRESS_>".len() + SUFFIX_LENGTH
        );
    }

    #[test]
    fn ten_thousand_values_share_no_surrogate_in_any_style() {
        let key = key();
        for style in [Style::Tag, Style::Realistic] {
            let mut surrogates = Surrogates::new(&key, style);
            let made: BTreeSet<_> = (0..10_000)
                .map(|i| {
                    surrogates
                        .surrogate(Entity::PHONE_NUMBER, &format!("+1202555{i:04}"), APART, &|_| {
                            false
                        })
                        .unwrap()
                })
                .collect();
            assert_eq!(made.len(), 10_000);
        }
    }

    #[test]
    fn a_realistic_value_that_the_request_holds_already_is_drawn_again() {
        let key = key();
        let first = Surrogates::new(&key, Style::Realistic)
            .surrogate(Entity::PERSON, "Ada", APART, &|_| false)
            .unwrap();
        let again = Surrogates::new(&key, Style::Realistic)
            .surrogate(Entity::PERSON, "Ada", APART, &|text| text == first)
            .unwrap();
        assert_ne!(first, again);
    }

    #[test]
    fn a_tag_that_is_only_taken_over_is_not_made_here() {
        let key = key();
        let make = |adopts: bool, meets: bool| {
            let mut surrogates = Surrogates::new(&key, Style::Tag);
            let mut first = Surrogates::new(&key, Style::Tag);
            first.surrogate(Entity::EMAIL_ADDRESS, "a@example.com", APART, &|_| false);
            if adopts {
                assert!(first.into_pairs().iter().all(|pair| surrogates.adopt(pair)));
            }
            if meets {
                surrogates.surrogate(Entity::EMAIL_ADDRESS, "a@example.com", APART, &|_| false);
            }
            let map = surrogates.into_map();
            (map.pairs().len(), map.made().count())
        };
        assert_eq!(make(true, false), (1, 0));
        assert_eq!(make(true, true), (1, 1));
        assert_eq!(make(false, true), (1, 1));
    }

    #[test]
    fn a_value_glued_to_other_letters_gets_a_tag_even_in_realistic_style() {
        let key = key();
        let glued = Place::Text { is_apart: false };
        let made = Surrogates::new(&key, Style::Realistic)
            .surrogate(Entity::PERSON, "Ada", glued, &|_| false)
            .unwrap();
        assert!(made.starts_with("<PERSON_"), "{made}");
    }
}
