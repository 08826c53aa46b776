//! What can be done with a value, as a policy says it.

use std::collections::BTreeMap;

use privet_types::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Style};

/// Longest shift of dates that can be asked for, in days (about a hundred years).
const MAX_SHIFT: u32 = 36_500;

/// Which operator each kind of value gets.
///
/// ```
/// use privet_pii::{Operator, Operators};
/// let operators: Operators = serde_json::from_str(
///     r#"{"default": {"type": "redact"}, "entities": {"PERSON": {"type": "surrogate"}}}"#,
/// )?;
/// assert_eq!(operators.default, Operator::Redact {});
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Operators {
    /// For kinds that `entities` does not name.
    pub default: Operator,
    /// By kind (`EMAIL_ADDRESS = { type = "encrypt" }`).
    #[schemars(with = "BTreeMap<String, Operator>")]
    pub entities: BTreeMap<Entity, Operator>,
}

/// What is done with one value. Names and fields are Presidio's where Presidio has the operator.
///
/// ```
/// # use privet_crypto::RootKey;
/// # use privet_pii::{Anonymizer, Keys, Operators};
/// # use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span, TenantId};
/// # let keys = Keys::derive(&RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))?, &TenantId::default(), "s");
/// let anonymize = |operator: &str, entity: Entity, value: &str| {
///     let operators: Operators = serde_json::from_str(&format!(r#"{{"default": {operator}}}"#)).unwrap();
///     let finding = Finding { entity, span: Span::new(0, value.len()), score: 1.0, rule: RuleId("example"), basis: Basis::Pattern };
///     let made = Anonymizer::new(operators)?.anonymize(value, &[finding], &keys, &Budget::unlimited())?;
///     let back = made.manifest.restore(&made.text, &keys, &Budget::unlimited())?;
///     Ok::<_, privet_pii::Error>((made.text, back == value))
/// };
/// // There is no way back from these.
/// for (operator, value, made) in [
///     (r#"{"type": "replace"}"#, "Ada", "<PERSON>"),
///     (r#"{"type": "replace", "new_value": "somebody"}"#, "Ada", "somebody"),
///     (r#"{"type": "redact"}"#, "Ada", ""),
///     (r#"{"type": "mask", "chars_to_mask": 12}"#, "4111111111111111", "************1111"),
///     (r#"{"type": "mask", "chars_to_mask": 2, "from_end": true}"#, "+49301234", "+493012**"),
///     (r#"{"type": "bucket", "width": 10}"#, "34 years", "30-39"),
///     (r#"{"type": "generalize", "to": "month"}"#, "March 3, 1985", "1985-03"),
///     (r#"{"type": "generalize", "to": "quarter"}"#, "3.3.1985", "1985-Q1"),
///     (r#"{"type": "generalize", "to": "network"}"#, "2001:db8:1:2::3", "2001:db8:1::/48"),
///     (r#"{"type": "generalize", "to": "prefix", "characters": 3}"#, "13053-1234", "130**-****"),
/// ] {
///     assert_eq!(anonymize(operator, Entity::PERSON, value)?.0, made);
/// }
/// assert_eq!(anonymize(r#"{"type": "hash"}"#, Entity::PERSON, "Ada")?.0.len(), 64);
///
/// // These come back exactly.
/// for (operator, value, length) in [
///     (r#"{"type": "keep"}"#, "Ada", 3),
///     (r#"{"type": "encrypt"}"#, "Ada", "<PERSON:enc:".len() + 42 + 1),
///     (r#"{"type": "encrypt", "deterministic": true}"#, "Ada", "<PERSON:det:".len() + 26 + 1),
///     (r#"{"type": "format_preserving"}"#, "4111-1111 1111-1111", 19),
///     (r#"{"type": "date_shift", "max_days": 30}"#, "1985-03-15", 10),
///     (r#"{"type": "surrogate"}"#, "Ada", "<PERSON_7Q2MX9PLR4TWZ>".len()),
/// ] {
///     let (made, is_restored) = anonymize(operator, Entity::PERSON, value)?;
///     assert_eq!((made.len(), is_restored), (length, true));
/// }
/// assert_ne!(anonymize(r#"{"type": "surrogate", "style": "realistic"}"#, Entity::PERSON, "Ada")?.0, "Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Operator {
    /// Replaced by a fixed text. Not reversible.
    Replace {
        /// The text; `<ENTITY>` if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_value: Option<String>,
    },
    /// Taken out. Not reversible.
    Redact {},
    /// Characters are overwritten. Not reversible; what is not overwritten stays readable.
    Mask {
        /// One character.
        #[serde(default = "asterisk")]
        masking_char: char,
        /// How many Unicode scalar values are overwritten; all if left out or more than there are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chars_to_mask: Option<u32>,
        /// Whether the last ones are overwritten, not the first.
        #[serde(default)]
        from_end: bool,
    },
    /// Replaced by a hash in lower-case hexadecimal. Not reversible; equal values have equal hashes.
    Hash {
        /// Which hash.
        #[serde(default)]
        hash_type: HashType,
        /// Put before the value; only for unkeyed hashes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        salt: Option<String>,
    },
    /// AES-256-GCM in a token such as `<EMAIL_ADDRESS:enc:…>`, bound to tenant, scope and kind. Reversible.
    Encrypt {
        /// AES-256-GCM-SIV instead: equal values have equal tokens, `<EMAIL_ADDRESS:det:…>`.
        #[serde(default)]
        deterministic: bool,
    },
    /// FF1 (NIST SP 800-38G): digits become digits, letters letters of the same case and script; all else stays. Reversible
    /// by the manifest. A value of fewer than 1,000,000 possible ones is refused; the one in its number of possible values
    /// that would be encrypted to itself becomes a token.
    FormatPreserving {},
    /// Dates move by one number of days per subject, in their own format. Reversible by the manifest. A date that cannot
    /// be read is encrypted.
    DateShift {
        /// Most days, 1 to 36,500; every date of a subject moves by the same number from −`max_days` to `max_days`, never 0.
        #[serde(default = "year")]
        max_days: u32,
        /// Whether 03/04/2024 is 3 April, not March 4.
        #[serde(default)]
        day_first: bool,
    },
    /// A number becomes a range such as `30-39`. Not reversible. What is not exactly one number becomes `<ENTITY>`.
    Bucket {
        /// Values in a range, at least 2.
        width: u64,
        /// Numbers from here on become one range, `90+`. The HIPAA Safe Harbor rule asks it of ages over 89
        /// (45 CFR 164.514(b)(2)(i)(C)).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        top: Option<u64>,
    },
    /// A coarser value. Not reversible. What cannot be read becomes `<ENTITY>`.
    Generalize {
        /// To what.
        to: Generalization,
        /// Leading bits of an IPv4 address that stay, 0 to 31.
        #[serde(default = "ipv4_bits")]
        ipv4_bits: u8,
        /// Leading bits of an IPv6 address that stay, 0 to 127.
        #[serde(default = "ipv6_bits")]
        ipv6_bits: u8,
        /// Leading letters and digits of a postcode that stay.
        #[serde(default = "three")]
        characters: u32,
        /// Whether 03/04/2024 is 3 April, not March 4.
        #[serde(default)]
        day_first: bool,
    },
    /// A stand-in that is the same for the same value; mentions of one person share theirs. Reversible by the manifest.
    Surrogate {
        /// How it looks.
        #[serde(default)]
        style: Style,
    },
    /// Left as it is.
    Keep {},
    /// A function that the program registered under this name. Not reversible.
    Custom {
        /// The name.
        name: String,
    },
}

/// Which hash the `hash` operator makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HashType {
    /// HMAC-SHA-256 (RFC 2104) under a key of tenant and scope.
    #[default]
    HmacSha256,
    /// SHA-256 without a key: values of which there are few (telephone numbers, names) are found again by trying them.
    Sha256,
    /// SHA-512 without a key; as [`Sha256`](Self::Sha256).
    Sha512,
}

/// To what the `generalize` operator coarsens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Generalization {
    /// A date becomes `2024-03`.
    Month,
    /// A date becomes `2024-Q1`.
    Quarter,
    /// A date becomes `2024`.
    Year,
    /// An IP address becomes its network, `192.0.2.0/24`.
    Network,
    /// A postcode keeps its first letters and digits, `130**`.
    Prefix,
}

/// Something a policy allows but its author should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The kind it concerns; absent for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity>,
    /// What to know, and the way out.
    pub message: &'static str,
}

fn asterisk() -> char {
    '*'
}

fn year() -> u32 {
    365
}

fn ipv4_bits() -> u8 {
    24
}

fn ipv6_bits() -> u8 {
    48
}

fn three() -> u32 {
    3
}

impl Default for Operator {
    fn default() -> Self {
        Self::Replace { new_value: None }
    }
}

impl Operators {
    /// The operator for `entity`. Text that looks like a token or a surrogate is always encrypted.
    #[must_use]
    pub fn operator(&self, entity: Entity) -> &Operator {
        const ENCRYPT: Operator = Operator::Encrypt { deterministic: false };
        if entity == Entity::SURROGATE {
            return &ENCRYPT;
        }
        self.entities.get(&entity).unwrap_or(&self.default)
    }

    /// Choices that leave more readable than their author may think, in the order of the kinds.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let each = self
            .entities
            .iter()
            .map(|(entity, operator)| (Some(*entity), operator));
        std::iter::once((None, &self.default))
            .chain(each)
            .filter_map(|(entity, operator): (Option<Entity>, &Operator)| {
                let message = match (entity, operator) {
                    (None, Operator::Keep {}) => "kinds that `entities` does not name stay as they are",
                    _ => operator.warning()?,
                };
                Some(Warning { entity, message })
            })
            .collect()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.entities
            .values()
            .chain([&self.default])
            .try_for_each(Operator::check)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Operator> {
        self.entities.values().chain([&self.default])
    }
}

impl Operator {
    /// The name, such as `date_shift`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Replace { .. } => "replace",
            Self::Redact {} => "redact",
            Self::Mask { .. } => "mask",
            Self::Hash { .. } => "hash",
            Self::Encrypt { .. } => "encrypt",
            Self::FormatPreserving {} => "format_preserving",
            Self::DateShift { .. } => "date_shift",
            Self::Bucket { .. } => "bucket",
            Self::Generalize { .. } => "generalize",
            Self::Surrogate { .. } => "surrogate",
            Self::Keep {} => "keep",
            Self::Custom { .. } => "custom",
        }
    }

    /// Whether the value can be had back.
    #[must_use]
    pub fn is_reversible(&self) -> bool {
        matches!(
            self,
            Self::Encrypt { .. }
                | Self::FormatPreserving {}
                | Self::DateShift { .. }
                | Self::Surrogate { .. }
                | Self::Keep {}
        )
    }

    /// Whether it reads the value, so that two values side by side must not be made one.
    pub(crate) fn reads_the_value(&self) -> bool {
        matches!(
            self,
            Self::FormatPreserving {}
                | Self::DateShift { .. }
                | Self::Bucket { .. }
                | Self::Generalize { .. }
        )
    }

    fn warning(&self) -> Option<&'static str> {
        match self {
            Self::Hash {
                hash_type: HashType::Sha256 | HashType::Sha512,
                ..
            } => Some(
                "an unkeyed hash of a telephone number, name or date is undone by trying all of them; use `hmac_sha256`",
            ),
            Self::Mask {
                chars_to_mask: Some(_),
                ..
            } => Some("what `mask` does not overwrite stays readable, also in values longer than expected"),
            Self::FormatPreserving {} => {
                Some("`format_preserving` is not authenticated and shows which values are equal")
            }
            _ => None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let problem = match self {
            Self::DateShift { max_days, .. } if !(1..=MAX_SHIFT).contains(max_days) => {
                "needs `max_days` from 1 to 36500"
            }
            Self::Bucket { width: 0 | 1, .. } => "needs a `width` of at least 2",
            Self::Generalize { ipv4_bits: 32.., .. } => "needs `ipv4_bits` from 0 to 31",
            Self::Generalize { ipv6_bits: 128.., .. } => "needs `ipv6_bits` from 0 to 127",
            Self::Hash {
                hash_type: HashType::HmacSha256,
                salt: Some(_),
            } => "takes no `salt` with `hmac_sha256`: its key does that",
            _ => return Ok(()),
        };
        Err(Error::Operator {
            operator: self.name(),
            problem,
        })
    }
}
