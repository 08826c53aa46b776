//! On what the law lets a purpose rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A legal basis: GDPR Art. 6(1) (a) to (f).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegalBasis {
    /// (a) The subject has consented.
    Consent,
    /// (b) A contract with the subject, or steps to one that the subject asked for.
    Contract,
    /// (c) The law demands it.
    LegalObligation,
    /// (d) Somebody's vital interests.
    VitalInterests,
    /// (e) A task in the public interest or of official authority.
    PublicTask,
    /// (f) Legitimate interests that the subject's do not override.
    LegitimateInterests,
}

impl LegalBasis {
    /// All of them, in the law's order.
    pub const ALL: [Self; 6] = [
        Self::Consent,
        Self::Contract,
        Self::LegalObligation,
        Self::VitalInterests,
        Self::PublicTask,
        Self::LegitimateInterests,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Contract => "contract",
            Self::LegalObligation => "legal_obligation",
            Self::VitalInterests => "vital_interests",
            Self::PublicTask => "public_task",
            Self::LegitimateInterests => "legitimate_interests",
        }
    }

    /// Whether the subject may object on grounds of their situation: Art. 21(1).
    #[must_use]
    pub const fn allows_objection(self) -> bool {
        matches!(self, Self::PublicTask | Self::LegitimateInterests)
    }

    /// Its term in the W3C Data Privacy Vocabulary.
    #[must_use]
    pub const fn iri(self) -> &'static str {
        match self {
            Self::Consent => "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
            Self::Contract => "https://w3id.org/dpv/legal/eu/gdpr#A6-1-b",
            Self::LegalObligation => "https://w3id.org/dpv/legal/eu/gdpr#A6-1-c",
            Self::VitalInterests => "https://w3id.org/dpv/legal/eu/gdpr#A6-1-d",
            Self::PublicTask => "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
            Self::LegitimateInterests => "https://w3id.org/dpv/legal/eu/gdpr#A6-1-f",
        }
    }
}

/// What lifts the ban on special categories of data: GDPR Art. 9(2) (a) to (j).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpecialCondition {
    /// (a) Explicit consent.
    ExplicitConsent,
    /// (b) Employment, social security and social protection law.
    EmploymentLaw,
    /// (c) Vital interests of somebody who cannot consent.
    VitalInterests,
    /// (d) A not-for-profit body's own members.
    NotForProfitBody,
    /// (e) The subject has manifestly made it public.
    MadePublic,
    /// (f) Legal claims, and courts.
    LegalClaims,
    /// (g) Substantial public interest, by law.
    SubstantialPublicInterest,
    /// (h) Health and social care.
    HealthCare,
    /// (i) Public health.
    PublicHealth,
    /// (j) Archives, research and statistics.
    Research,
}

impl SpecialCondition {
    /// Its term in the W3C Data Privacy Vocabulary.
    #[must_use]
    pub const fn iri(self) -> &'static str {
        match self {
            Self::ExplicitConsent => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-a",
            Self::EmploymentLaw => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-b",
            Self::VitalInterests => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-c",
            Self::NotForProfitBody => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-d",
            Self::MadePublic => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-e",
            Self::LegalClaims => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-f",
            Self::SubstantialPublicInterest => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-g",
            Self::HealthCare => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-h",
            Self::PublicHealth => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-i",
            Self::Research => "https://w3id.org/dpv/legal/eu/gdpr#A9-2-j",
        }
    }
}
