//! Operators over findings: replace, redact, mask, hash, encrypt, keep the form, shift dates, coarsen, make surrogates;
//! and the way back for those that have one.

mod date;
mod form;
mod generalize;
mod keys;
mod manifest;
mod month;
mod operator;
mod spans;
mod token;
mod written;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use privet_types::{Budget, Entity, Finding, Span};
use serde::Serialize;

use crate::surrogate::{Pair, Place, Surrogates};
use crate::{Error, Mentions, Style};
use form::Direction;
use manifest::{Done, Entry};
use spans::Part;
use token::Kind;

pub use keys::Keys;
pub use manifest::{Manifest, Restored, open_presidio};
pub use operator::{Generalization, HashType, Operator, Operators, Warning};
pub(crate) use token::{open_with_name, seal_with_name};
pub use written::BadOperator;

/// A function that a program uses as an operator: the kind and the value in, the new text out; none if it cannot.
pub type Custom = Arc<dyn Fn(Entity, &str) -> Option<String> + Send + Sync>;

/// Applies a policy's operators to findings.
///
/// It fails closed: if one value cannot be treated as its operator says, the call fails and there is no text. Findings may
/// overlap: the better founded, then the longer one keeps its place and what is left of the other stays a value of its own,
/// so that no letter or digit a recogniser reported is left. Two findings of one kind of names with only spaces between them become
/// one, as in Presidio; values that are read (dates, numbers) and identifiers stay apart.
///
/// Text that already looks like a token or a surrogate is encrypted with the rest, if any operator is reversible, so that
/// restoring gives it back as it was.
///
/// ```
/// use privet_crypto::RootKey;
/// use privet_pii::{Analyzer, Anonymizer, Config, Keys, Operators};
/// use privet_types::{Budget, TenantId};
///
/// let operators: Operators = serde_json::from_str(
///     r#"{"entities": {"EMAIL_ADDRESS": {"type": "encrypt"}, "CREDIT_CARD": {"type": "mask", "chars_to_mask": 12}}}"#,
/// )?;
/// let text = "ada@example.com paid with 4111111111111111";
/// let budget = Budget::unlimited();
/// let found = Analyzer::new(&Config::default())?.analyze(text, None, &budget)?;
///
/// let keys = Keys::derive(&RootKey::generate()?, &TenantId::default(), "letter 1");
/// let made = Anonymizer::new(operators)?.anonymize(text, &found, &keys, &budget)?;
/// assert!(made.text.starts_with("<EMAIL_ADDRESS:enc:") && made.text.ends_with("************1111"));
/// // What was masked stays masked; what was encrypted comes back.
/// assert_eq!(made.manifest.restore(&made.text, &keys, &budget)?, "ada@example.com paid with ************1111");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Anonymizer {
    operators: Operators,
    customs: BTreeMap<String, Custom>,
}

/// A text whose values were treated.
#[derive(Debug, Clone)]
pub struct Anonymized {
    /// The new text.
    pub text: String,
    /// What was done, in the order of the text.
    pub items: Vec<Item>,
    /// What [`Manifest::restore`] needs besides the text and the keys; holds no value in clear.
    pub manifest: Manifest,
}

/// One value that was treated. Holds no text itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What kind it was.
    pub entity: Entity,
    /// The operator's name.
    pub operator: &'static str,
    /// Where the result stands in the new text, in bytes.
    #[serde(flatten)]
    pub span: Span,
    /// Where the value stood in the original, in bytes.
    pub original: Span,
}

/// Texts that belong together, such as the turns of a conversation: their surrogates are consistent.
pub struct Conversation<'k> {
    keys: &'k Keys,
    surrogates: Surrogates<'k>,
    mentions: Mentions,
}

impl<'k> Conversation<'k> {
    /// One without texts yet.
    #[must_use]
    pub fn new(keys: &'k Keys) -> Self {
        Self {
            keys,
            surrogates: Surrogates::new(&keys.surrogate, Style::Tag),
            mentions: Mentions::new(),
        }
    }

    /// All surrogates so far and what they stand for, for a [`SurrogateMap`](crate::SurrogateMap).
    #[must_use]
    pub fn into_pairs(self) -> Vec<Pair> {
        self.surrogates.into_pairs()
    }
}

impl Anonymizer {
    /// An anonymiser for `operators`.
    ///
    /// # Errors
    /// [`Error::Operator`] if a number is out of its range or fields contradict each other.
    pub fn new(operators: Operators) -> Result<Self, Error> {
        operators.check()?;
        Ok(Self {
            operators,
            customs: BTreeMap::new(),
        })
    }

    /// Registers the function that `{"type": "custom", "name": …}` means. Without it, such values fail.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use privet_pii::{Anonymizer, Operators};
    /// let operators: Operators = serde_json::from_str(r#"{"default": {"type": "custom", "name": "initial"}}"#)?;
    /// let anonymizer = Anonymizer::new(operators)?
    ///     .with_custom("initial", Arc::new(|_, value| Some(format!("{}.", value.chars().next()?))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_custom(mut self, name: &str, custom: Custom) -> Self {
        self.customs.insert(name.to_owned(), custom);
        self
    }

    /// Treats the values that `findings` point at in `text`. One call is one document: surrogates are consistent within it.
    /// O(n) but for `format_preserving`, whose cost grows with the square of a value's length (at most 512 characters).
    ///
    /// # Errors
    /// [`Error::Finding`] for a span that does not lie in the text; [`Error::Value`] if an operator cannot be applied;
    /// [`Error::Budget`] if the budget ends; [`Error::Crypto`] if the library fails. There is no text then.
    pub fn anonymize(
        &self,
        text: &str,
        findings: &[Finding],
        keys: &Keys,
        budget: &Budget,
    ) -> Result<Anonymized, Error> {
        self.anonymize_next(text, findings, &mut Conversation::new(keys), budget)
    }

    /// The same for the next text of a conversation. What it does to earlier texts stays as it was.
    ///
    /// # Errors
    /// As [`anonymize`](Self::anonymize).
    pub fn anonymize_next(
        &self,
        text: &str,
        findings: &[Finding],
        conversation: &mut Conversation<'_>,
        budget: &Budget,
    ) -> Result<Anonymized, Error> {
        budget.charge(text.len() as u64)?;
        let is_made_up = |word: &str| conversation.surrogates.is_made_up(word);
        let parts = spans::parts(text, findings, &self.operators, &is_made_up)?;
        let keys = conversation.keys;
        let mut work = Work {
            anonymizer: self,
            conversation,
            words: Words::of(text, &parts, &self.operators),
            is_apart: false,
            out: String::with_capacity(text.len()),
            items: Vec::with_capacity(parts.len()),
            entries: Vec::with_capacity(parts.len()),
            pairs: Vec::new(),
            by_pair: BTreeMap::new(),
        };
        let mut end = 0;
        for (index, part) in parts.iter().enumerate() {
            work.out
                .push_str(text.get(end..part.span.start).unwrap_or_default());
            budget.charge(part.span.len() as u64 + 64)?;
            // What stands in for a neighbour could end in a letter.
            let touches = (index > 0 && part.span.start == end)
                || parts
                    .get(index + 1)
                    .is_some_and(|next| next.span.start == part.span.end);
            work.is_apart = !touches && is_apart(text, part.span);
            work.treat(text, index + 1, part, budget)?;
            end = part.span.end;
        }
        work.out.push_str(text.get(end..).unwrap_or_default());
        let manifest = Manifest::new(&work.out, work.entries, &work.pairs, keys)?;
        Ok(Anonymized {
            text: work.out,
            items: work.items,
            manifest,
        })
    }
}

impl fmt::Debug for Anonymizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anonymizer")
            .field("operators", &self.operators)
            .field("customs", &self.customs.keys())
            .finish()
    }
}

impl fmt::Debug for Conversation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({} surrogates)", self.surrogates.len())
    }
}

/// The text being written.
struct Work<'a, 'k> {
    anonymizer: &'a Anonymizer,
    conversation: &'a mut Conversation<'k>,
    words: Words,
    /// Whether no letter or digit will touch the next value.
    is_apart: bool,
    out: String,
    items: Vec<Item>,
    entries: Vec<Entry>,
    /// What the manifest seals.
    pairs: Vec<Pair>,
    /// Places in `pairs`, by the conversation's index.
    by_pair: BTreeMap<usize, usize>,
}

impl Work<'_, '_> {
    fn treat(&mut self, text: &str, position: usize, part: &Part, budget: &Budget) -> Result<(), Error> {
        let entity = part.entity;
        let operator = self.anonymizer.operators.operator(entity);
        let value = part.span.of(text).ok_or(Error::Finding { position })?;
        let fail = |problem: String| Error::Value {
            position,
            entity,
            operator: operator.name(),
            problem,
        };
        let keys = self.conversation.keys;
        let tag = || format!("<{entity}>");
        let (made, done) = match operator {
            Operator::Replace { new_value } => (new_value.clone().unwrap_or_else(tag), Done::Replace),
            Operator::Redact {} => (String::new(), Done::Redact),
            Operator::Mask {
                masking_char,
                chars_to_mask,
                from_end,
            } => (mask(value, *masking_char, *chars_to_mask, *from_end), Done::Mask),
            Operator::Hash { hash_type, salt } => {
                (hash(keys, *hash_type, salt.as_deref(), entity, value), Done::Hash)
            }
            Operator::Encrypt { deterministic } => {
                let kind = if *deterministic {
                    Kind::Deterministic
                } else {
                    Kind::Random
                };
                (token::seal(keys, kind, entity, value)?, Done::Encrypt)
            }
            Operator::FormatPreserving {} => {
                budget.charge((value.len() as u64).saturating_mul(value.len() as u64))?;
                let made = form::convert(&keys.format, Direction::Encrypt, entity, value).map_err(fail)?;
                if made == value {
                    (token::seal(keys, Kind::Random, entity, value)?, Done::Encrypt)
                } else {
                    (made, Done::FormatPreserving)
                }
            }
            Operator::DateShift { max_days, day_first } => match shift(keys, value, *max_days, *day_first) {
                Some(shifted) => shifted,
                // Never left as it is: it may be a date all the same.
                None => (token::seal(keys, Kind::Random, entity, value)?, Done::Encrypt),
            },
            Operator::Bucket { width, top } => (
                generalize::bucket(value, *width, *top).unwrap_or_else(tag),
                Done::Bucket,
            ),
            Operator::Generalize {
                to,
                ipv4_bits,
                ipv6_bits,
                characters,
                day_first,
            } => {
                let made = match to {
                    Generalization::Network => generalize::network(value, *ipv4_bits, *ipv6_bits),
                    Generalization::Prefix => generalize::prefix(value, *characters),
                    to => generalize::part(value, *to, *day_first),
                };
                (made.unwrap_or_else(tag), Done::Generalize)
            }
            Operator::Surrogate { style } => self
                .surrogate(part.entity, value, *style)
                .ok_or_else(|| fail("has no stand-in for it".to_owned()))?,
            Operator::Keep {} => (value.to_owned(), Done::Keep),
            Operator::Custom { name } => {
                let custom = self.anonymizer.customs.get(name);
                let custom = custom.ok_or_else(|| fail("is not registered by the program".to_owned()))?;
                let made = custom(entity, value).ok_or_else(|| fail("refused the value".to_owned()))?;
                (made, Done::Custom)
            }
        };
        let span = Span::new(self.out.len(), self.out.len() + made.len());
        self.out.push_str(&made);
        self.note_pair(&done, &made, value);
        self.items.push(Item {
            entity,
            operator: operator.name(),
            span,
            original: part.span,
        });
        self.entries.push(Entry {
            entity,
            start: span.start,
            end: span.end,
            operator: done,
        });
        Ok(())
    }

    fn surrogate(&mut self, entity: Entity, value: &str, style: Style) -> Option<(String, Done)> {
        let place = Place::Text {
            is_apart: self.is_apart,
        };
        let words = &self.words;
        let occupied = |made: &str| words.hold(made);
        let surrogates = &mut self.conversation.surrogates;
        let index = if entity == Entity::PERSON {
            let mention = self.conversation.mentions.link(value);
            surrogates.pair_of_mention(style, &mention, value, place, &occupied)?
        } else {
            surrogates.pair_of(style, entity, value, place, &occupied)?
        };
        let made = surrogates.at(index, place)?;
        let pair = match self.by_pair.get(&index) {
            Some(pair) => *pair,
            None => {
                self.pairs.push(surrogates.pair(index)?.clone());
                self.by_pair.insert(index, self.pairs.len() - 1);
                self.pairs.len() - 1
            }
        };
        Some((made, Done::Surrogate { pair }))
    }

    /// Lets values without a mark of their own be recognised in an edited text.
    fn note_pair(&mut self, done: &Done, made: &str, value: &str) {
        if matches!(done, Done::FormatPreserving | Done::DateShift { .. }) {
            self.pairs.push(Pair {
                surrogate: made.to_owned(),
                form: crate::Form::Word,
                value: value.to_owned().into(),
            });
        }
    }
}

/// The words of the text that is left, lower case: made-up names must not be among them.
struct Words(HashSet<String>);

impl Words {
    fn of(text: &str, parts: &[Part], operators: &Operators) -> Self {
        let is_needed = operators.all().any(|o| {
            matches!(
                o,
                Operator::Surrogate {
                    style: Style::Realistic
                }
            )
        });
        if !is_needed {
            return Self(HashSet::new());
        }
        let starts = std::iter::once(0).chain(parts.iter().map(|part| part.span.end));
        let ends = parts.iter().map(|part| part.span.start).chain([text.len()]);
        let left = starts.zip(ends).filter_map(|(start, end)| text.get(start..end));
        Self(
            left.flat_map(spans::words)
                .map(|(_, word)| word.to_lowercase())
                .collect(),
        )
    }

    /// Whether every word of `made` is there: then `made` itself may be.
    fn hold(&self, made: &str) -> bool {
        spans::words(made).all(|(_, word)| self.0.contains(&word.to_lowercase()))
    }
}

fn is_apart(text: &str, span: Span) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = text.get(..span.start).and_then(|t| t.chars().next_back());
    let after = text.get(span.end..).and_then(|t| t.chars().next());
    !before.is_some_and(is_word) && !after.is_some_and(is_word)
}

fn mask(value: &str, with: char, count: Option<u32>, from_end: bool) -> String {
    let total = value.chars().count();
    let count = count.map_or(total, |count| (count as usize).min(total));
    let hidden = if from_end { total - count..total } else { 0..count };
    value
        .chars()
        .enumerate()
        .map(|(index, c)| if hidden.contains(&index) { with } else { c })
        .collect()
}

fn hash(keys: &Keys, hash_type: HashType, salt: Option<&str>, entity: Entity, value: &str) -> String {
    let salted = || zeroize::Zeroizing::new([salt.unwrap_or_default(), value].concat());
    match hash_type {
        HashType::HmacSha256 => keys.hash.hash_hex(&[entity.name().as_bytes(), value.as_bytes()]),
        HashType::Sha256 => HEXLOWER.encode(&privet_crypto::sha256(salted().as_bytes())),
        HashType::Sha512 => HEXLOWER.encode(&privet_crypto::sha512(salted().as_bytes())),
    }
}

/// The date moved; none if it cannot be read, or would not come back exactly as it was written.
fn shift(keys: &Keys, value: &str, max_days: u32, is_day_first: bool) -> Option<(String, Done)> {
    let written = date::read(value, is_day_first)?;
    let made = written.shifted(keys.shift(max_days), &written.layout)?;
    let done = Done::DateShift {
        max_days,
        layout: written.layout,
    };
    let comes_back = manifest::unshift(keys, &made, max_days, &written.layout).as_deref() == Some(value);
    comes_back.then_some((made, done))
}
