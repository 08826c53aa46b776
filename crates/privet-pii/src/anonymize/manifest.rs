//! What restoring needs to know besides the text and the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use privet_types::{Budget, Entity, Span};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::date::{self, Layout};
use super::form::{self, Direction};
use super::keys::Keys;
use super::token;
use crate::restore::pattern_text;
use crate::surrogate::{Form, Pair};
use crate::{Error, Restorer, SurrogateMap, Syntax, UrlAllow};

const VERSION: u32 = 1;

/// What was done where in one anonymised text, to be kept beside it. Written and read as JSON.
///
/// It holds kinds, positions and operators in clear, and the values behind surrogates sealed with AES-256-GCM under the
/// keys of tenant and scope. It is bound to its text by a keyed hash: it restores that text and no other, exactly.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// Keyed hash of the anonymised text.
    text: String,
    items: Vec<Entry>,
    /// Surrogates and their values, sealed; base64url.
    sealed: String,
}

/// One stretch of the anonymised text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) entity: Entity,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) operator: Done,
}

/// What was done there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Done {
    Replace,
    Redact,
    Mask,
    Hash,
    Encrypt,
    FormatPreserving,
    DateShift { max_days: u32, layout: Layout },
    Bucket,
    Generalize,
    Surrogate { pair: usize },
    Keep,
    Custom,
}

/// A text in which what could be recognised was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The text.
    pub text: String,
    /// Values put back.
    pub restored: usize,
    /// Where something has the form of a token but does not open; left as it was. Bytes of the text that was given.
    pub left: Vec<Span>,
}

#[derive(Serialize)]
struct PairOut<'a> {
    surrogate: &'a str,
    form: u8,
    value: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairIn {
    surrogate: String,
    form: u8,
    value: String,
}

const FORMS: [Form; 4] = [Form::Tag, Form::Word, Form::Digits, Form::Number];

impl Manifest {
    pub(crate) fn new(text: &str, items: Vec<Entry>, pairs: &[Pair], keys: &Keys) -> Result<Self, Error> {
        let mut manifest = Self {
            version: VERSION,
            text: check(keys, text),
            items,
            sealed: String::new(),
        };
        let out: Vec<PairOut<'_>> = pairs
            .iter()
            .map(|pair| PairOut {
                surrogate: &pair.surrogate,
                form: FORMS.iter().position(|f| *f == pair.form).unwrap_or_default() as u8,
                value: pair.value.expose(),
            })
            .collect();
        let plain = Zeroizing::new(serde_json::to_vec(&out).map_err(|_| Error::Manifest)?);
        manifest.sealed = BASE64URL_NOPAD.encode(&keys.manifest.seal(&manifest.place(keys)?, &plain)?);
        Ok(manifest)
    }

    /// The original of `text`, which must be the anonymised text as it was made: every reversible value comes back
    /// exactly as it was, and nothing else changes. O(n) but for the cost of `format_preserving`.
    ///
    /// # Errors
    /// [`Error::TextChanged`] if the text differs in a byte; [`Error::Manifest`] if the manifest was changed or belongs to
    /// other keys; [`Error::Tampered`] if a token does not open; [`Error::Budget`] if the budget ends.
    pub fn restore(&self, text: &str, keys: &Keys, budget: &Budget) -> Result<String, Error> {
        budget.charge(text.len() as u64)?;
        let pairs = self.pairs(keys)?;
        if check(keys, text) != self.text {
            return Err(Error::TextChanged);
        }
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for entry in &self.items {
            let plain = text.get(end..entry.start).ok_or(Error::Manifest)?;
            let made = text.get(entry.start..entry.end).ok_or(Error::Manifest)?;
            out.push_str(plain);
            budget.charge(made.len() as u64 + 64)?;
            match &entry.operator {
                Done::Encrypt => {
                    let opened = token::scan(made).first().and_then(|t| t.open(keys));
                    out.push_str(&opened.ok_or(Error::Tampered {
                        position: entry.start,
                    })?);
                }
                Done::FormatPreserving => {
                    budget.charge((made.len() as u64).saturating_mul(made.len() as u64))?;
                    let value = form::convert(&keys.format, Direction::Decrypt, entry.entity, made);
                    out.push_str(&value.map_err(|_| Error::Manifest)?);
                }
                Done::DateShift { max_days, layout } => {
                    out.push_str(&unshift(keys, made, *max_days, layout).ok_or(Error::Manifest)?);
                }
                Done::Surrogate { pair } => {
                    out.push_str(pairs.get(*pair).ok_or(Error::Manifest)?.value.expose());
                }
                Done::Replace
                | Done::Redact
                | Done::Mask
                | Done::Hash
                | Done::Bucket
                | Done::Generalize
                | Done::Keep
                | Done::Custom => out.push_str(made),
            }
            end = entry.end;
        }
        out.push_str(text.get(end..).ok_or(Error::Manifest)?);
        Ok(out)
    }

    /// Restores what can be recognised in a text that was made from the anonymised one, for example by hand: tokens,
    /// surrogates (also in other case), and format-preserved values and shifted dates as they were written. A token that
    /// does not open is left and reported. Only for text that stays with its owner: it restores inside addresses too.
    ///
    /// # Errors
    /// [`Error::Manifest`] if the manifest was changed or belongs to other keys; [`Error::Budget`] if the budget ends.
    pub fn restore_edited(&self, text: &str, keys: &Keys, budget: &Budget) -> Result<Restored, Error> {
        let mut by_pattern: BTreeMap<String, Option<Pair>> = BTreeMap::new();
        for pair in self.pairs(keys)? {
            by_pattern
                .entry(pattern_text(&pair.surrogate, pair.form))
                .and_modify(|known| {
                    // Two values behind one writing: neither can be told.
                    *known = known.take().filter(|k| k.value.expose() == pair.value.expose());
                })
                .or_insert(Some(pair));
        }
        let map = SurrogateMap::new(by_pattern.into_values().flatten().collect());
        restore_by_content(text, &Arc::new(map), keys, budget)
    }

    /// The sealed pairs, which open only if nothing else in the manifest was changed.
    fn pairs(&self, keys: &Keys) -> Result<Vec<Pair>, Error> {
        if self.version != VERSION {
            return Err(Error::Manifest);
        }
        let sealed = BASE64URL_NOPAD
            .decode(self.sealed.as_bytes())
            .map_err(|_| Error::Manifest)?;
        let plain = keys
            .manifest
            .open(&self.place(keys)?, &sealed)
            .map_err(|_| Error::Manifest)?;
        let pairs: Vec<PairIn> = serde_json::from_slice(&plain).map_err(|_| Error::Manifest)?;
        pairs
            .into_iter()
            .map(|pair| {
                Ok(Pair {
                    value: pair.value.into(),
                    form: *FORMS.get(usize::from(pair.form)).ok_or(Error::Manifest)?,
                    surrogate: pair.surrogate,
                })
            })
            .collect()
    }

    /// All of the manifest that is not sealed, hashed.
    fn place(&self, keys: &Keys) -> Result<[u8; 32], Error> {
        let items = serde_json::to_vec(&self.items).map_err(|_| Error::Manifest)?;
        let version = self.version.to_le_bytes();
        let subject = keys.subject().unwrap_or_default();
        Ok(keys
            .check
            .hash(&[b"manifest", &version, subject, self.text.as_bytes(), &items]))
    }
}

impl Keys {
    /// Restores the tokens of the `encrypt` operator in any text, without a manifest. A token that does not open (changed,
    /// or of another tenant or scope) is left and reported. Only for text that stays with its owner.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget ends.
    pub fn restore_tokens(&self, text: &str, budget: &Budget) -> Result<Restored, Error> {
        restore_by_content(text, &Arc::new(SurrogateMap::default()), self, budget)
    }
}

/// Tokens first, surrogates in the text between them: a restored value is never looked at again.
fn restore_by_content(
    text: &str,
    map: &Arc<SurrogateMap>,
    keys: &Keys,
    budget: &Budget,
) -> Result<Restored, Error> {
    // Once for the tokens, once for the surrogates.
    budget.charge(2 * text.len() as u64)?;
    let urls = Arc::new(UrlAllow::everywhere());
    let mut restored = Restored {
        text: String::with_capacity(text.len()),
        restored: 0,
        left: Vec::new(),
    };
    let between = |restored: &mut Restored, start: usize, end: usize| {
        let mut restorer = Restorer::new(Arc::clone(map), Arc::clone(&urls), Syntax::Text);
        restorer.push(text.get(start..end).unwrap_or_default(), &mut restored.text);
        restorer.finish(&mut restored.text);
        restored.restored += restorer.restored() as usize;
    };
    let mut end = 0;
    for token in token::scan(text) {
        budget.charge(token.span.len() as u64)?;
        match token.open(keys) {
            Some(value) => {
                between(&mut restored, end, token.span.start);
                restored.text.push_str(&value);
                restored.restored += 1;
                end = token.span.end;
            }
            None => restored.left.push(token.span),
        }
    }
    between(&mut restored, end, text.len());
    Ok(restored)
}

/// The date before it was moved.
pub(crate) fn unshift(keys: &Keys, made: &str, max_days: u32, layout: &Layout) -> Option<String> {
    date::read_again(made, layout)?.shifted(-keys.shift(max_days), layout)
}

fn check(keys: &Keys, text: &str) -> String {
    keys.check.hash_hex(&[b"text", text.as_bytes()])
}

/// Opens a value that Presidio's `encrypt` operator made: base64url (padded) of a 16-byte initialisation vector and
/// AES-CBC with PKCS #7 padding, under `key` of 16, 24 or 32 bytes. To move old data; Privet never writes it.
///
/// ```
/// # use privet_pii::open_presidio;
/// let key = b"WmZq4t7w!z%C&F)J";
/// assert!(open_presidio(key, "not base64").is_err());
/// ```
///
/// # Errors
/// [`Error::Crypto`] for another key length, or if it does not open. The form is not authenticated: see
/// [`privet_crypto::open_cbc`].
pub fn open_presidio(key: &[u8], value: &str) -> Result<Zeroizing<String>, Error> {
    let cannot_open = || Error::Crypto(privet_crypto::Error::CannotOpen);
    let sealed = BASE64URL.decode(value.as_bytes()).map_err(|_| cannot_open())?;
    let opened = privet_crypto::open_cbc(key, &sealed)?;
    let text = std::str::from_utf8(&opened).map_err(|_| cannot_open())?;
    Ok(Zeroizing::new(text.to_owned()))
}
