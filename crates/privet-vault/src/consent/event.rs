//! What subjects say, as the history keeps it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The purpose of an event that is about all purposes, such as a restriction.
pub const EVERY_PURPOSE: &str = "*";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The subject consented.
    Given,
    /// The subject was asked, and has not answered.
    Requested,
    /// The consent ran out.
    Expired,
    /// The subject refused.
    Refused,
    /// The controller ended the consent, for example because an agreement was withdrawn from all.
    Revoked,
    /// The subject withdrew the consent: Art. 7(3).
    Withdrawn,
    /// The subject no longer objects.
    ObjectionLifted,
    /// The subject objected: Art. 21.
    Objected,
    /// A restriction was lifted: Art. 18(3).
    RestrictionLifted,
    /// The subject had processing restricted: Art. 18.
    Restricted,
    /// The subject's erasure was begun: nothing is allowed any more, and nothing lifts it. Erasures alone write it.
    Erased,
}

/// Which question an event answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// Is there consent?
    Consent,
    /// Does the subject object?
    Objection,
    /// Is processing restricted?
    Restriction,
}

impl Track {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Objection => "objection",
            Self::Restriction => "restriction",
        }
    }
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Given,
        Self::Requested,
        Self::Expired,
        Self::Refused,
        Self::Revoked,
        Self::Withdrawn,
        Self::ObjectionLifted,
        Self::Objected,
        Self::RestrictionLifted,
        Self::Restricted,
        Self::Erased,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Requested => "requested",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
            Self::Withdrawn => "withdrawn",
            Self::ObjectionLifted => "objection_lifted",
            Self::Objected => "objected",
            Self::RestrictionLifted => "restriction_lifted",
            Self::Restricted => "restricted",
            Self::Erased => "erased",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What the log calls a leaf of this kind.
    #[must_use]
    pub const fn leaf(self) -> &'static str {
        match self {
            Self::Given => "consent_given",
            Self::Requested => "consent_requested",
            Self::Expired => "consent_expired",
            Self::Refused => "consent_refused",
            Self::Revoked => "consent_revoked",
            Self::Withdrawn => "consent_withdrawn",
            Self::ObjectionLifted => "objection_lifted",
            Self::Objected => "subject_objected",
            Self::RestrictionLifted => "restriction_lifted",
            Self::Restricted => "subject_restricted",
            Self::Erased => "processing_ended",
        }
    }

    /// Which question it answers.
    #[must_use]
    pub const fn track(self) -> Track {
        match self {
            Self::Given
            | Self::Requested
            | Self::Expired
            | Self::Refused
            | Self::Revoked
            | Self::Withdrawn => Track::Consent,
            Self::ObjectionLifted | Self::Objected => Track::Objection,
            Self::RestrictionLifted | Self::Restricted | Self::Erased => Track::Restriction,
        }
    }

    /// Whether it can open the way for processing; all others can only close it.
    #[must_use]
    pub const fn permits(self) -> bool {
        matches!(
            self,
            Self::Given | Self::ObjectionLifted | Self::RestrictionLifted
        )
    }

    /// Orders events of one instant: what restricts stands after what permits, and so holds.
    #[must_use]
    pub const fn rank(self) -> i64 {
        match self {
            Self::Given | Self::ObjectionLifted | Self::RestrictionLifted => 0,
            Self::Requested => 1,
            Self::Expired => 2,
            Self::Refused => 3,
            Self::Revoked => 4,
            Self::Withdrawn | Self::Objected | Self::Restricted => 5,
            Self::Erased => 6,
        }
    }

    /// Its term in the W3C Data Privacy Vocabulary.
    #[must_use]
    pub const fn iri(self) -> &'static str {
        match self {
            Self::Given => "https://w3id.org/dpv#ConsentGiven",
            Self::Requested => "https://w3id.org/dpv#ConsentRequested",
            Self::Expired => "https://w3id.org/dpv#ConsentExpired",
            Self::Refused => "https://w3id.org/dpv#ConsentRefused",
            Self::Revoked => "https://w3id.org/dpv#ConsentRevoked",
            Self::Withdrawn => "https://w3id.org/dpv#ConsentWithdrawn",
            Self::ObjectionLifted | Self::Objected => "https://w3id.org/dpv/legal/eu/gdpr#A21",
            Self::RestrictionLifted | Self::Restricted => "https://w3id.org/dpv/legal/eu/gdpr#A18",
            Self::Erased => "https://w3id.org/dpv/legal/eu/gdpr#A17",
        }
    }
}

/// Who spoke for the subject.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GivenBy {
    /// The subject.
    #[default]
    Subject,
    /// Who holds parental responsibility: Art. 8.
    Guardian,
    /// Somebody with a power of attorney.
    Representative,
    /// The controller, for what it ends itself.
    Controller,
}

impl GivenBy {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Guardian => "guardian",
            Self::Representative => "representative",
            Self::Controller => "controller",
        }
    }

    /// Who has this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Subject,
            Self::Guardian,
            Self::Representative,
            Self::Controller,
        ]
        .into_iter()
        .find(|by| by.name() == name)
    }
}

/// What is to be recorded. One statement of a subject; it becomes one event for each purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What happened.
    pub kind: EventKind,
    /// For which purposes; [`EVERY_PURPOSE`] for a restriction or objection that is about all. May be empty if `agreement`
    /// names some.
    pub purposes: Vec<String>,
    /// The agreement under which it happened; its current version is recorded.
    pub agreement: Option<String>,
    /// Which categories of data; `None` for all that the purpose has.
    pub categories: Option<Vec<String>>,
    /// Which recipients; `None` for all that the purpose has.
    pub recipients: Option<Vec<String>>,
    /// When it took effect; not in the future.
    pub at: jiff::Timestamp,
    /// Until when a consent is good.
    pub expires_at: Option<jiff::Timestamp>,
    /// Whether the consent is explicit, as Art. 9(2)(a) demands.
    pub is_explicit: bool,
    /// Who spoke.
    pub given_by: GivenBy,
    /// Whether the subject was a child then, who cannot consent alone: Art. 8. Not since when: that is a birthday.
    pub is_minor: bool,
    /// How: `web_form`, `phone`, `api`; a name.
    pub method: String,
    /// Further proof, such as a document's number or a browser. Sealed under the subject's key.
    pub evidence: BTreeMap<String, String>,
}

/// An event of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentEvent {
    /// Random id of the statement, which all its purposes share.
    pub statement: String,
    /// Number of the change it came with, growing within a tenant.
    pub seq: i64,
    /// The subject's pseudonym.
    pub subject: SubjectPseudonym,
    /// For which purpose.
    pub purpose: String,
    /// What happened.
    pub kind: EventKind,
    /// When it took effect, milliseconds since the epoch.
    pub at: i64,
    /// When it was written down.
    pub recorded_at: i64,
    /// Until when a consent is good.
    pub expires_at: Option<i64>,
    /// Which categories; `None` for all of the purpose.
    pub categories: Option<Vec<String>>,
    /// Which recipients; `None` for all of the purpose.
    pub recipients: Option<Vec<String>>,
    /// Whether the consent is explicit.
    pub is_explicit: bool,
    /// Who spoke.
    pub given_by: GivenBy,
    /// Whether the subject was a child then.
    pub is_minor: bool,
    /// How.
    pub method: String,
    /// Pseudonym of who recorded it.
    pub actor: String,
    /// Under which agreement.
    pub agreement: Option<AgreementRef>,
    /// The sealed evidence.
    pub evidence: Option<Vec<u8>>,
}

/// A version of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementRef {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: i64,
    /// SHA-256 of its text and terms, hexadecimal.
    pub hash: String,
}

/// Stands for a subject in the history: a keyed hash under the subject's own key. With that key gone, nobody can tell
/// whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectPseudonym(pub [u8; 32]);

impl Statement {
    /// A statement of the subject for `purposes` as they are, made through an application.
    #[must_use]
    pub fn new(kind: EventKind, purposes: &[&str], at: jiff::Timestamp) -> Self {
        Self {
            kind,
            purposes: purposes.iter().map(|&name| name.to_owned()).collect(),
            agreement: None,
            categories: None,
            recipients: None,
            at,
            expires_at: None,
            is_explicit: false,
            given_by: GivenBy::Subject,
            is_minor: false,
            method: "api".to_owned(),
            evidence: BTreeMap::new(),
        }
    }
}

impl SubjectPseudonym {
    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        super::hex(&self.0)
    }
}
