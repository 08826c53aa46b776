//! What a request of a subject is.

use jiff::{SignedDuration, Timestamp, ToSpan, tz::Offset};
use privet_types::Pseudonym;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, SubjectId};

/// The version of OpenDSR that callbacks and answers are shaped after.
pub const OPEN_DSR_VERSION: &str = "2.0";

/// Which right of the GDPR is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// Article 15: a copy of everything held.
    Access,
    /// Article 16: correct what is wrong.
    Rectification,
    /// Article 17: erase.
    Erasure,
    /// Article 18: restrict processing.
    Restriction,
    /// Article 20: a machine-readable copy of what the subject provided.
    Portability,
    /// Article 21: object to processing.
    Objection,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Access,
        Self::Rectification,
        Self::Erasure,
        Self::Restriction,
        Self::Portability,
        Self::Objection,
    ];

    /// Its name: OpenDSR's, where that has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Rectification => "rectification",
            Self::Erasure => "erasure",
            Self::Restriction => "restriction",
            Self::Portability => "portability",
            Self::Objection => "objection",
        }
    }

    /// The article of the GDPR.
    #[must_use]
    pub const fn article(self) -> u8 {
        match self {
            Self::Access => 15,
            Self::Rectification => 16,
            Self::Erasure => 17,
            Self::Restriction => 18,
            Self::Portability => 20,
            Self::Objection => 21,
        }
    }
}

/// Where a request stands. OpenDSR's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Received; nobody has begun.
    Pending,
    /// Somebody is at it.
    InProgress,
    /// Done.
    Completed,
    /// Ended without being done: taken back or refused.
    Cancelled,
}

impl RequestStatus {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it can still change.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

/// By what the subject was named: the kind, and a keyed hash of the value under a key of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityHash {
    /// `token`, `login`, `email`, `phone`, `custom`, or another field with an index.
    pub kind: String,
    /// HMAC-SHA256 of the value, 64 hexadecimal digits.
    pub hash: String,
}

/// How it was made sure that the subject asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityMethod {
    /// A one-time code that was sent to an address in the record was typed back.
    OneTimeCode,
    /// The subject was signed in.
    SignedIn,
    /// Somebody saw a document.
    Document,
    /// Somebody knows the subject.
    Personally,
}

/// That and how it was made sure that the subject asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProof {
    /// How.
    pub method: IdentityMethod,
    /// When.
    pub at: Timestamp,
    /// Who says so.
    pub by: Pseudonym,
}

/// That a second principal approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub by: Pseudonym,
    /// When.
    pub at: Timestamp,
}

/// Why a request takes longer: the two reasons of GDPR Article 12(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionReason {
    /// It is complex.
    Complexity,
    /// There are many.
    NumberOfRequests,
}

/// That the time was extended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Why.
    pub reason: ExtensionReason,
    /// Who did it.
    pub by: Pseudonym,
    /// When. The subject is to be told within the first month.
    pub at: Timestamp,
}

/// Why a request ended without being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelGround {
    /// The subject took it back.
    Withdrawn,
    /// The same was asked before, and is being done.
    Duplicate,
    /// It could not be made sure that the subject asks: Article 12(6).
    IdentityNotProven,
    /// Article 12(5).
    ManifestlyUnfounded,
    /// Article 12(5).
    Excessive,
    /// A law obliges to keep or process the data: Article 17(3)(b).
    LegalObligation,
    /// The data is needed for legal claims, or under a legal hold: Articles 17(3)(e), 18(2).
    LegalClaims,
    /// The rights of others stand against it: Articles 15(4), 20(4).
    RightsOfOthers,
    /// Compelling legitimate grounds: Article 21(1).
    CompellingGrounds,
}

/// What a request led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum RequestOutcome {
    /// Nothing is held of who was named.
    NothingHeld,
    /// A copy was given out.
    Provided {
        /// SHA-256 of its JSON, hexadecimal.
        sha256: String,
    },
    /// The record was corrected.
    Rectified {
        /// The version it is now.
        version: u64,
    },
    /// The subject was erased.
    Erased {
        /// The id of the erasure, by which the log and the erasure's own receipt name it.
        erasure: String,
        /// SHA-256 of that receipt's statement, hexadecimal.
        sha256: String,
    },
    /// Processing is restricted.
    Restricted,
    /// The objection stands in the history.
    Objected,
    /// It was taken back or refused.
    Cancelled {
        /// Why.
        ground: CancelGround,
    },
}

/// A request of a subject. Holds no personal data in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Random UUID.
    pub id: String,
    /// Which right.
    pub kind: RequestKind,
    /// Where it stands.
    pub status: RequestStatus,
    /// Who asks; absent if nobody of that name is known.
    pub subject: Option<SubjectId>,
    /// How the log names the subject.
    pub pseudonym: Option<Pseudonym>,
    /// By what the subject was named; empty once erased.
    pub identities: Vec<IdentityHash>,
    /// Who took the request in.
    pub opened_by: Pseudonym,
    /// When it was received, UTC.
    pub received_at: Timestamp,
    /// Until when it is to be done: one month, three if extended.
    pub due_at: Timestamp,
    /// Whether it must be made sure that the subject asks.
    pub needs_identity: bool,
    /// That it was.
    pub identity: Option<IdentityProof>,
    /// Whether a second principal must approve.
    pub needs_approval: bool,
    /// That one did.
    pub approval: Option<Approval>,
    /// That the time was extended.
    pub extension: Option<Extension>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Who ended it.
    pub closed_by: Option<Pseudonym>,
    /// What it led to.
    pub outcome: Option<RequestOutcome>,
    /// Whom to tell of changes of the status.
    pub callbacks: Vec<String>,
}

impl Request {
    /// The request as OpenDSR answers a query of its status.
    #[must_use]
    pub fn open_dsr(&self, controller: &str) -> Value {
        json!({
            "controller_id": controller,
            "subject_request_id": self.id,
            "subject_request_type": self.kind.name(),
            "request_status": self.status.name(),
            "received_time": self.received_at.to_string(),
            "expected_completion_time": self.due_at.to_string(),
            "api_version": OPEN_DSR_VERSION,
        })
    }

    /// Whether its time is over and it is not done.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status.is_open() && now > self.due_at
    }
}

/// `months` calendar months after `from`, UTC; the last day of a month that has no such day.
pub(super) fn months_after(from: Timestamp, months: i32) -> Result<Timestamp, Error> {
    Offset::UTC
        .to_datetime(from)
        .checked_add(months.months())
        .and_then(|end| Offset::UTC.to_timestamp(end))
        .map_err(|_| Error::BadField {
            field: "received_at".to_owned(),
            why: "out of range",
        })
}

/// `seconds` after `from`.
pub(super) fn seconds_after(from: Timestamp, seconds: u32) -> Timestamp {
    from.saturating_add(SignedDuration::from_secs(seconds.into()))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_on_the_same_day_or_the_last_one() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let after = |from: &str, months| months_after(at(from), months).unwrap();
        assert_eq!(after("2027-01-31T10:00:00Z", 1), at("2027-02-28T10:00:00Z"));
        assert_eq!(after("2028-01-31T10:00:00Z", 1), at("2028-02-29T10:00:00Z"));
        assert_eq!(after("2027-11-30T23:59:59Z", 3), at("2028-02-29T23:59:59Z"));
        assert_eq!(after("2027-03-05T00:00:00Z", 1), at("2027-04-05T00:00:00Z"));
    }
}
