//! What a controller defines: purposes, recipients, agreements, processing activities, itself.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::basis::{LegalBasis, SpecialCondition};
use super::dpv;
use crate::Error;

/// Something that is defined, and kept in versions.
pub trait Definition: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// What it is, in the store.
    const KIND: DefinitionKind;

    /// Its name, unique within its kind and tenant.
    fn name(&self) -> &str;

    /// Checks what can be checked without other definitions.
    ///
    /// # Errors
    /// [`Error::BadField`], which names the field.
    fn validate(&self) -> Result<(), Error>;

    /// Which other definitions it names, each with the field that does.
    fn references(&self) -> Vec<(DefinitionKind, &str, &'static str)> {
        Vec::new()
    }
}

/// What is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefinitionKind {
    /// A [`Purpose`].
    Purpose,
    /// A [`Recipient`].
    Recipient,
    /// An [`Agreement`].
    Agreement,
    /// An [`Activity`].
    Activity,
    /// A [`Controller`].
    Controller,
    /// A [`RetentionPolicy`](crate::RetentionPolicy).
    RetentionPolicy,
    /// A [`FieldNeed`](crate::FieldNeed).
    FieldNeed,
}

impl DefinitionKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 7] = [
        Self::Purpose,
        Self::Recipient,
        Self::Agreement,
        Self::Activity,
        Self::Controller,
        Self::RetentionPolicy,
        Self::FieldNeed,
    ];

    /// Its name in the store and in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Recipient => "recipient",
            Self::Agreement => "agreement",
            Self::Activity => "activity",
            Self::Controller => "controller",
            Self::RetentionPolicy => "retention_policy",
            Self::FieldNeed => "field_need",
        }
    }
}

/// A version of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<D> {
    /// From 1.
    pub version: i64,
    /// When it was made, milliseconds since the epoch.
    pub at: i64,
    /// Whether it is in force; a deleted definition's last version is not.
    pub is_active: bool,
    /// SHA-256 of the definition as it is stored.
    pub hash: [u8; 32],
    /// What it says.
    pub definition: D,
}

/// Why personal data is processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// A name: `support`, `fraud-check`.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub title: String,
    /// What it is, in words a subject understands.
    #[serde(default)]
    pub description: String,
    /// Its term in DPV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iri: Option<String>,
    /// On what it rests.
    pub basis: LegalBasis,
    /// What lifts the ban on `special_categories`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special: Option<SpecialCondition>,
    /// Categories of data that may be processed; nothing else may.
    #[serde(default)]
    pub categories: BTreeSet<String>,
    /// Those of them that are special in the sense of Art. 9(1).
    #[serde(default)]
    pub special_categories: BTreeSet<String>,
    /// Recipients that may get the data; nobody else may.
    #[serde(default)]
    pub recipients: BTreeSet<String>,
    /// After how many days a consent runs out, if it says nothing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// Whether it is direct marketing: an objection always holds (Art. 21(3)).
    #[serde(default)]
    pub is_direct_marketing: bool,
    /// The compelling grounds by which processing goes on although the subject objects (Art. 21(1)), in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compelling_grounds: Option<String>,
    /// Whether it serves legal claims or the rights of others, and so goes on under a restriction (Art. 18(2)).
    #[serde(default)]
    pub serves_legal_claims: bool,
}

/// Who gets personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// A name; a provider's is the one that the gateway's settings give it.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub title: String,
    /// What it is to the controller.
    pub role: RecipientRole,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: String,
    /// What allows the transfer, if the country is outside the European Economic Area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
}

/// What a recipient is to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientRole {
    /// Processes on the controller's behalf: Art. 28. Providers of models usually.
    Processor,
    /// Decides together with the controller: Art. 26.
    JointController,
    /// Decides for itself.
    ThirdParty,
    /// A public authority.
    Authority,
}

/// What allows a transfer to a third country: GDPR chapter V.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// An adequacy decision: Art. 45.
    Adequacy,
    /// Standard contractual clauses: Art. 46(2)(c) and (d).
    StandardClauses,
    /// Binding corporate rules: Art. 47.
    BindingRules,
    /// A code of conduct or certification: Art. 46(2)(e) and (f).
    Certification,
    /// A derogation: Art. 49.
    Derogation,
}

/// What subjects are asked to agree to. Its text is part of its version, so that what was agreed to stays known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// A name; Databunker's `brief`.
    pub name: String,
    /// In a line.
    #[serde(default)]
    pub title: String,
    /// All of it.
    #[serde(default)]
    pub text: String,
    /// Its language, BCP 47.
    #[serde(default = "english")]
    pub language: String,
    /// On what it rests.
    pub basis: LegalBasis,
    /// Which purposes it is about. If there are none, a purpose of the agreement's own name, which allows nothing.
    #[serde(default)]
    pub purposes: BTreeSet<String>,
    /// Which part of an application it belongs to.
    #[serde(default)]
    pub module: String,
    /// Whether the service cannot be had without.
    #[serde(default)]
    pub is_required: bool,
    /// What to say to who does not agree.
    #[serde(default)]
    pub required_message: String,
    /// Whether the subject can change it alone.
    #[serde(default)]
    pub is_user_controlled: bool,
    /// Whether it can be agreed to now.
    #[serde(default = "yes")]
    pub is_open: bool,
}

/// A processing activity: an entry of the records of Art. 30(1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// A name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub title: String,
    /// What is done.
    #[serde(default)]
    pub description: String,
    /// Whom it is about in Databunker's sense: `applicableto`.
    #[serde(default)]
    pub applies_to: String,
    /// A snippet for web pages, kept as it is; Privet never runs or shows it unescaped.
    #[serde(default)]
    pub script: String,
    /// (b) Its purposes.
    #[serde(default)]
    pub purposes: BTreeSet<String>,
    /// The agreements it rests on.
    #[serde(default)]
    pub agreements: BTreeSet<String>,
    /// (c) Categories of subjects.
    #[serde(default)]
    pub subjects: BTreeSet<String>,
    /// (c) Categories of personal data.
    #[serde(default)]
    pub categories: BTreeSet<String>,
    /// (d), (e) Recipients, with their countries and what allows the transfer.
    #[serde(default)]
    pub recipients: BTreeSet<String>,
    /// (f) The retention policies that say when data is deleted.
    #[serde(default)]
    pub retention: BTreeSet<String>,
    /// (g) Technical and organisational measures: Art. 32(1).
    #[serde(default)]
    pub measures: BTreeSet<String>,
}

/// The controller: Art. 30(1)(a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// A name; `controller` is the one on receipts.
    pub name: String,
    /// Its legal name.
    pub title: String,
    /// How to reach it.
    pub contact: String,
    /// Where it is.
    #[serde(default)]
    pub address: String,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: String,
    /// How to reach its data protection officer.
    #[serde(default)]
    pub officer: String,
    /// Where to read its privacy notice.
    #[serde(default)]
    pub notice_url: String,
    /// How to withdraw consent.
    #[serde(default)]
    pub withdrawal: String,
}

fn english() -> String {
    "en".to_owned()
}

const fn yes() -> bool {
    true
}

/// Longest text of a field.
const MAX_TEXT: usize = 64 * 1024;
/// Most entries of a list.
const MAX_ENTRIES: usize = 1000;
/// The European Economic Area, ISO 3166-1 alpha-2.
const EEA: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

impl Definition for Purpose {
    const KIND: DefinitionKind = DefinitionKind::Purpose;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        check_text("title", &self.title)?;
        check_text("description", &self.description)?;
        check_names("categories", &self.categories)?;
        check_names("special_categories", &self.special_categories)?;
        check_names("recipients", &self.recipients)?;
        if let Some(iri) = &self.iri {
            if !dpv::is_purpose(iri) {
                return Err(bad("iri", "is no purpose of DPV that Privet knows"));
            }
            if dpv::is_direct_marketing(iri) && !self.is_direct_marketing {
                return Err(bad("is_direct_marketing", "must be true for this `iri`"));
            }
        }
        if !self.special_categories.is_subset(&self.categories) {
            return Err(bad("special_categories", "must be among `categories`"));
        }
        if !self.special_categories.is_empty() && self.special.is_none() {
            return Err(bad(
                "special",
                "must say what Art. 9(2) allows `special_categories`",
            ));
        }
        if self.valid_days == Some(0) {
            return Err(bad("valid_days", "must be at least 1"));
        }
        if let Some(grounds) = &self.compelling_grounds {
            check_text("compelling_grounds", grounds)?;
            if grounds.trim().is_empty() {
                return Err(bad("compelling_grounds", "must say what they are"));
            }
            if !self.basis.allows_objection() || self.is_direct_marketing {
                return Err(bad(
                    "compelling_grounds",
                    "count for a public task or legitimate interests only, and never for direct marketing",
                ));
            }
        }
        Ok(())
    }

    fn references(&self) -> Vec<(DefinitionKind, &str, &'static str)> {
        named(DefinitionKind::Recipient, &self.recipients, "recipients")
    }
}

impl Definition for Recipient {
    const KIND: DefinitionKind = DefinitionKind::Recipient;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        check_text("title", &self.title)?;
        check_country(&self.country)?;
        if !EEA.contains(&self.country.as_str()) && self.transfer.is_none() {
            return Err(bad(
                "transfer",
                "must say what allows the transfer to this country",
            ));
        }
        Ok(())
    }
}

impl Definition for Agreement {
    const KIND: DefinitionKind = DefinitionKind::Agreement;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        check_text("title", &self.title)?;
        check_text("text", &self.text)?;
        check_text("required_message", &self.required_message)?;
        check_text("module", &self.module)?;
        check_names("purposes", &self.purposes)?;
        let is_language = (1..=35).contains(&self.language.len())
            && self
                .language
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_language {
            return Err(bad("language", "must be a language tag such as `en` or `de-AT`"));
        }
        Ok(())
    }

    fn references(&self) -> Vec<(DefinitionKind, &str, &'static str)> {
        named(DefinitionKind::Purpose, &self.purposes, "purposes")
    }
}

impl Definition for Activity {
    const KIND: DefinitionKind = DefinitionKind::Activity;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        for (field, text) in [
            ("title", &self.title),
            ("description", &self.description),
            ("applies_to", &self.applies_to),
            ("script", &self.script),
        ] {
            check_text(field, text)?;
        }
        for (field, list) in [
            ("purposes", &self.purposes),
            ("agreements", &self.agreements),
            ("categories", &self.categories),
            ("recipients", &self.recipients),
            ("retention", &self.retention),
        ] {
            check_names(field, list)?;
        }
        for (field, list) in [("subjects", &self.subjects), ("measures", &self.measures)] {
            if list.len() > MAX_ENTRIES {
                return Err(bad(field, "has too many entries"));
            }
            list.iter().try_for_each(|text| check_text(field, text))?;
        }
        Ok(())
    }

    fn references(&self) -> Vec<(DefinitionKind, &str, &'static str)> {
        let mut all = named(DefinitionKind::Purpose, &self.purposes, "purposes");
        all.extend(named(DefinitionKind::Agreement, &self.agreements, "agreements"));
        all.extend(named(DefinitionKind::Recipient, &self.recipients, "recipients"));
        all.extend(named(
            DefinitionKind::RetentionPolicy,
            &self.retention,
            "retention",
        ));
        all
    }
}

impl Definition for Controller {
    const KIND: DefinitionKind = DefinitionKind::Controller;

    fn name(&self) -> &str {
        &self.name
    }

    fn validate(&self) -> Result<(), Error> {
        check_name("name", &self.name)?;
        for (field, text) in [
            ("title", &self.title),
            ("contact", &self.contact),
            ("address", &self.address),
            ("officer", &self.officer),
            ("notice_url", &self.notice_url),
            ("withdrawal", &self.withdrawal),
        ] {
            check_text(field, text)?;
        }
        if self.title.trim().is_empty() {
            return Err(bad("title", "must not be empty"));
        }
        if self.contact.trim().is_empty() {
            return Err(bad("contact", "must not be empty"));
        }
        check_country(&self.country)
    }
}

/// That `text` names something: 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`.
pub(crate) fn check_name(field: &'static str, text: &str) -> Result<(), Error> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if fits {
        Ok(())
    } else {
        Err(bad(field, "must be 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`"))
    }
}

fn check_names(field: &'static str, names: &BTreeSet<String>) -> Result<(), Error> {
    if names.len() > MAX_ENTRIES {
        return Err(bad(field, "has too many entries"));
    }
    names.iter().try_for_each(|name| check_name(field, name))
}

pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), Error> {
    if text.len() > MAX_TEXT {
        return Err(bad(field, "is longer than 64 KiB"));
    }
    // PostgreSQL stores no NUL in text.
    if text.contains('\0') {
        return Err(bad(field, "must not hold a NUL character"));
    }
    Ok(())
}

fn check_country(country: &str) -> Result<(), Error> {
    if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) {
        Ok(())
    } else {
        Err(bad("country", "must be two letters of ISO 3166-1, such as `DE`"))
    }
}

fn named<'a>(
    kind: DefinitionKind,
    names: &'a BTreeSet<String>,
    field: &'static str,
) -> Vec<(DefinitionKind, &'a str, &'static str)> {
    names.iter().map(|name| (kind, name.as_str(), field)).collect()
}

pub(crate) fn bad(field: impl Into<String>, why: &'static str) -> Error {
    Error::BadField {
        field: field.into(),
        why,
    }
}
