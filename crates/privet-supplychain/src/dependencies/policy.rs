//! Which licences an organisation allows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::licence::{self, Licence};
use super::{Ecosystem, Error, names};

/// What an organisation allows: section `licences` of its scan settings. The default allows every licence that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LicencePolicy {
    /// SPDX identifiers, with `WITH` where an exception is needed, or a prefix and `*` (`CC-BY-*`). Empty: all that are not denied.
    pub allow: Vec<String>,
    /// Likewise; goes before `allow`, but for an entry with `WITH` there.
    pub deny: Vec<String>,
    /// Packages for which a licence is accepted nevertheless.
    pub exceptions: Vec<LicenceException>,
    /// Packages whose licence cannot be told are accepted.
    pub allow_unknown: bool,
}

/// A package whose licence is accepted nevertheless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenceException {
    /// Its name.
    pub package: String,
    /// Only while this is its licence; any licence if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Why, for the reader of the report.
    pub reason: String,
}

/// What a policy says of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Allowed.
    Allowed,
    /// Accepted by an exception.
    Excepted {
        /// Why.
        reason: String,
    },
    /// Under a licence of the deny list.
    Denied {
        /// Which.
        licence: String,
    },
    /// Under a licence that is not on the allow list.
    NotAllowed {
        /// Which.
        licence: String,
    },
    /// Under a licence that cannot be told.
    Unknown,
}

impl Judgement {
    /// The rule of the finding that is due; `None` if none is.
    #[must_use]
    pub const fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Allowed | Self::Excepted { .. } => None,
            Self::Denied { .. } => Some("licence-denied"),
            Self::NotAllowed { .. } => Some("licence-not-allowed"),
            Self::Unknown => Some("licence-unknown"),
        }
    }
}

impl LicencePolicy {
    /// Checks that every entry names a licence.
    ///
    /// # Errors
    /// [`Error::Licence`] with the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        let mut excepted = self.exceptions.iter().filter_map(|one| one.licence.as_ref());
        if let Some(name) = excepted.find(|name| licence::parse(name).is_none()) {
            return Err(Error::Licence { name: name.clone() });
        }
        for name in self.allow.iter().chain(&self.deny) {
            let is_prefix = name.strip_suffix('*').is_some_and(|prefix| {
                !prefix.is_empty()
                    && spdx::identifiers::LICENSES
                        .iter()
                        .any(|licence| starts_with(licence.name, prefix))
            });
            if !is_prefix && !is_entry(name) {
                return Err(Error::Licence { name: name.clone() });
            }
        }
        Ok(())
    }

    /// Judges the package `name` under `expression`, an SPDX expression or what people write instead; an empty one is unknown.
    ///
    /// Of alternatives (`OR`) one must be allowed, of licences that hold together (`AND`) all. A licence with an exception (`WITH`)
    /// is allowed if it is without, for exceptions only allow more; it is denied if it is without, unless `allow` names both.
    /// An allowed version also allows "that version or later".
    #[must_use]
    pub fn judge(&self, name: &str, expression: &str) -> Judgement {
        let known = licence::normalise(expression).and_then(|text| licence::parse(&text));
        if let Some(exception) = self.exception(name, expression, known.as_ref()) {
            return Judgement::Excepted {
                reason: exception.reason.clone(),
            };
        }
        match known {
            Some(licence) => self.evaluate(&licence),
            None if self.allow_unknown => Judgement::Allowed,
            None => Judgement::Unknown,
        }
    }

    fn exception(&self, name: &str, expression: &str, known: Option<&Licence>) -> Option<&LicenceException> {
        // The loosest normal form, so that an exception needs not say the ecosystem.
        let wanted = names::normalise(Ecosystem::PyPi, name);
        self.exceptions.iter().find(|one| {
            names::normalise(Ecosystem::PyPi, &one.package) == wanted
                && one.licence.as_ref().is_none_or(|licence| {
                    licence == expression
                        || licence::parse(licence).is_some_and(|licence| Some(&licence) == known)
                })
        })
    }

    fn evaluate(&self, licence: &Licence) -> Judgement {
        match licence {
            Licence::One { .. } => self.judge_one(licence),
            Licence::All(parts) => parts
                .iter()
                .map(|part| self.evaluate(part))
                .find(|judgement| *judgement != Judgement::Allowed)
                .unwrap_or(Judgement::Allowed),
            Licence::Any(parts) => {
                let judgements: Vec<_> = parts.iter().map(|part| self.evaluate(part)).collect();
                if judgements.contains(&Judgement::Allowed) {
                    return Judgement::Allowed;
                }
                judgements.into_iter().next().unwrap_or(Judgement::Unknown)
            }
        }
    }

    fn judge_one(&self, one: &Licence) -> Judgement {
        let Licence::One { id, exception, .. } = one else {
            return Judgement::Unknown;
        };
        let full = one.to_string();
        let is_named = |entries: &[String], text: &str| entries.iter().any(|entry| fits(entry, text));
        let has_exception = exception.is_some();
        if has_exception && self.allow.iter().any(|entry| is_written(entry, &full)) {
            return Judgement::Allowed;
        }
        if is_named(&self.deny, id) || (has_exception && is_named(&self.deny, &full)) {
            return Judgement::Denied { licence: full };
        }
        let fixed = id.strip_suffix("-or-later").map(|stem| format!("{stem}-only"));
        let is_allowed = self.allow.is_empty()
            || is_named(&self.allow, id)
            || fixed.is_some_and(|fixed| is_named(&self.allow, &fixed));
        if is_allowed {
            Judgement::Allowed
        } else {
            Judgement::NotAllowed { licence: full }
        }
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether an entry names one licence: an expression of several, or one in parentheses, would fit none.
fn is_entry(name: &str) -> bool {
    !name.contains(['(', ')'])
        && name == name.trim()
        && matches!(licence::parse(name), Some(Licence::One { .. }))
}

/// Whether an entry is `text`, a licence as it is written out, in another spelling.
fn is_written(entry: &str, text: &str) -> bool {
    licence::parse(entry).is_some_and(|licence| licence.to_string() == text)
}

/// Whether an entry names this licence. Both spellings of GNU's are understood: `GPL-2.0` is `GPL-2.0-only`.
fn fits(entry: &str, text: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => starts_with(text, prefix),
        None => is_written(entry, text) || licence::identifier(entry).is_some_and(|(id, _)| id == text),
    }
}
