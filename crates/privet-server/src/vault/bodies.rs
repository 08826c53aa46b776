//! What is sent to the vault and what it answers.

use std::collections::BTreeMap;

use privet_types::Secret;
use privet_vault::{Record, Stored, Subject, SubjectRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problem::VaultProblem;

/// A JSON object.
pub(crate) type Object = serde_json::Map<String, Value>;

/// The record `object`.
pub(crate) fn record(object: Object) -> Result<Record, VaultProblem> {
    Ok(Record::from_value(Value::Object(object))?)
}

/// What was stored.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StoredBody {
    /// The subject's token.
    token: String,
    /// The version it is now.
    version: u64,
    /// When, RFC 3339.
    at: String,
}

impl From<Stored> for StoredBody {
    fn from(stored: Stored) -> Self {
        Self {
            token: stored.id.into(),
            version: stored.version,
            at: stored.at.to_string(),
        }
    }
}

/// A subject with its record.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SubjectBody {
    /// The subject's token: a random UUID.
    token: String,
    /// `active` or `restricted`.
    state: &'static str,
    /// From 1.
    version: u64,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
    #[schemars(with = "Object")]
    record: Record,
}

impl From<Subject> for SubjectBody {
    fn from(subject: Subject) -> Self {
        Self {
            token: subject.id.into(),
            state: subject.state.name(),
            version: subject.version,
            created_at: subject.created_at.to_string(),
            updated_at: subject.updated_at.to_string(),
            record: subject.record,
        }
    }
}

/// Subjects with their records.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SubjectsBody {
    pub(crate) rows: Vec<SubjectBody>,
}

impl From<Vec<Subject>> for SubjectsBody {
    fn from(subjects: Vec<Subject>) -> Self {
        Self {
            rows: subjects.into_iter().map(Into::into).collect(),
        }
    }
}

/// A new subject.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSubjectBody {
    /// What is known of the person. `login`, `email`, `phone` and `custom` lead to it and stand once in a tenant.
    pub(crate) record: Object,
}

/// A record that takes the place of another.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordBody {
    pub(crate) record: Object,
}

/// How a subject is found.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityBody {
    /// `token`, `login`, `email`, `phone`, `custom`, or another field with an index.
    pub(crate) by: String,
    /// Its value.
    pub(crate) value: String,
}

impl IdentityBody {
    pub(crate) fn subject(&self) -> Result<SubjectRef, VaultProblem> {
        Ok(SubjectRef::parse(&self.by, &self.value)?)
    }
}

/// What is looked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchBody {
    /// A field with an index.
    pub(crate) field: String,
    /// The value, or how it begins.
    pub(crate) value: String,
    /// Whether `value` is only the beginning; the field's index has to allow it.
    #[serde(default)]
    pub(crate) is_prefix: bool,
    /// Most rows.
    pub(crate) limit: Option<u32>,
}

/// A subject without its record.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InfoBody {
    pub(crate) token: String,
    pub(crate) state: &'static str,
    pub(crate) version: u64,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// A page of subjects.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InfosBody {
    pub(crate) rows: Vec<InfoBody>,
    /// How many there are in all.
    pub(crate) total: u64,
}

/// Versions of a record.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VersionsBody {
    pub(crate) rows: Vec<VersionBody>,
}

/// A version of a record.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VersionBody {
    pub(crate) version: u64,
    /// RFC 3339.
    pub(crate) at: String,
}

/// Whether processing is to be restricted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestrictBody {
    pub(crate) is_restricted: bool,
}

/// Whether something was changed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ChangedBody {
    pub(crate) has_changed: bool,
}

/// What an application keeps.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AppBody {
    pub(crate) app: String,
    pub(crate) version: u64,
    /// RFC 3339.
    pub(crate) updated_at: String,
    #[schemars(with = "Object")]
    pub(crate) data: Record,
}

/// What an application is to keep.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppDataBody {
    pub(crate) data: Object,
}

/// Names.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NamesBody {
    pub(crate) rows: Vec<String>,
}

/// A new session, or new data of one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSessionBody {
    /// Its name; a random one if left out.
    pub(crate) name: Option<String>,
    /// Whose it is.
    pub(crate) subject: Option<IdentityBody>,
    pub(crate) data: Object,
    /// How long it lives.
    pub(crate) ttl_seconds: Option<u64>,
}

/// A session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    pub(crate) expires_at: String,
    #[schemars(with = "Object")]
    pub(crate) data: Record,
}

/// Sessions.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionsBody {
    pub(crate) rows: Vec<SessionBody>,
}

/// A new shared record.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShareBody {
    /// Which fields of the record it shows.
    pub(crate) fields: Option<Vec<String>>,
    /// Or: of which application it shows what is kept.
    pub(crate) app: Option<String>,
    /// How long it lives.
    pub(crate) ttl_seconds: u64,
    /// How often it may be read.
    pub(crate) most_reads: Option<u32>,
}

/// A shared record: who has its token may read.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ShareBody {
    #[schemars(with = "String")]
    pub(crate) share: String,
    /// RFC 3339.
    pub(crate) expires_at: String,
}

/// The token of a shared record.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareTokenBody {
    pub(crate) share: String,
}

/// What a shared record shows.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SharedBody {
    #[schemars(with = "Object")]
    pub(crate) data: Record,
    /// RFC 3339.
    pub(crate) expires_at: String,
}

/// A value that is to have a token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenBody {
    /// What kind of value it is.
    pub(crate) kind: String,
    /// The value.
    pub(crate) value: String,
    /// Whose it is; then it goes with the subject.
    pub(crate) subject: Option<IdentityBody>,
    /// How long it lives; for ever if left out.
    pub(crate) ttl_seconds: Option<u64>,
    /// Whether equal values share a token.
    #[serde(default)]
    pub(crate) is_shared: bool,
    /// Whether the token looks like the value. Such a token survives the erasure of keys.
    #[serde(default)]
    pub(crate) preserves_format: bool,
}

/// Values that are to have tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokensBody {
    pub(crate) rows: Vec<NewTokenBody>,
}

/// A token.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenBody {
    pub(crate) token: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    /// Whether the value had it already.
    pub(crate) is_known: bool,
}

/// How each of several values fared.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OutcomesBody<T> {
    /// In the order in which they were sent.
    pub(crate) rows: Vec<OutcomeBody<T>>,
}

/// What became of one of several.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OutcomeBody<T> {
    /// It was stored.
    Stored(T),
    /// It was not, and why.
    Refused {
        /// From a closed set.
        code: &'static str,
        /// For people.
        detail: String,
        /// The field at fault.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
}

impl<T> OutcomeBody<T> {
    pub(crate) fn refused(problem: VaultProblem) -> Self {
        Self::Refused {
            code: problem.code,
            detail: problem.detail,
            field: problem.field,
        }
    }
}

/// A token that is to be looked at or deleted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenNameBody {
    pub(crate) token: String,
}

/// What a token stands for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ValueBody {
    pub(crate) kind: String,
    pub(crate) value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    pub(crate) preserves_format: bool,
}

/// Several new subjects.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape in the document; such a body is read record by record"
)]
pub(crate) struct NewSubjectsBody {
    /// The records: at least one, and no more than `bulk_records` of the settings; none past `bulk_record` or `bulk_depth`.
    pub(crate) records: Vec<Object>,
}

/// What an import did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImportBody {
    /// All lines before this one are done.
    pub(crate) next_line: u64,
    /// Records stored.
    pub(crate) created: u64,
    /// Lines refused.
    pub(crate) refused: u64,
    /// The first of those.
    pub(crate) errors: Vec<LineBody>,
}

/// Why a line was refused.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LineBody {
    /// From 1.
    pub(crate) line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    pub(crate) why: String,
}

/// Why many records are to be read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    /// For who approves; no personal data.
    pub(crate) reason: String,
}

/// A bulk read: asked for, approved by somebody else, then unlocked for a short time.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BulkReadBody {
    pub(crate) id: String,
    pub(crate) reason: String,
    /// Pseudonym of who asked.
    pub(crate) asked_by: String,
    /// RFC 3339.
    pub(crate) asked_at: String,
    /// Pseudonym of who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_by: Option<String>,
    /// `waiting`, `approved`, `refused`, `open` or `closed`.
    pub(crate) state: &'static str,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_until: Option<String>,
    /// How many records were read.
    pub(crate) records: u64,
}

/// Bulk reads.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BulkReadsBody {
    pub(crate) rows: Vec<BulkReadBody>,
}

/// What opens a bulk read.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnlockBody {
    pub(crate) unlock: String,
    /// RFC 3339.
    pub(crate) expires_at: String,
}

/// Which page of a bulk read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkPageBody {
    pub(crate) unlock: String,
    /// Behind this subject; from the first one if left out.
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
}

/// Events of the tenant.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EventsBody {
    pub(crate) rows: Vec<EventBody>,
}

/// An event of the log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EventBody {
    /// Place in the order of arrival; `after` goes on behind it.
    pub(crate) id: i64,
    pub(crate) node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    /// Position in the signed log, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u64>,
    /// RFC 3339.
    pub(crate) at: String,
    pub(crate) kind: String,
    /// What it tells: metadata, pseudonyms, hashes.
    pub(crate) event: Value,
}

/// Something that is defined, with its version.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DefinedBody<D> {
    pub(crate) version: i64,
    /// RFC 3339.
    pub(crate) at: String,
    /// Whether it is in force.
    pub(crate) is_active: bool,
    /// SHA-256 of what it says, hexadecimal.
    pub(crate) hash: String,
    pub(crate) definition: D,
}

/// What is defined.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DefinitionsBody<D> {
    pub(crate) rows: Vec<DefinedBody<D>>,
}

/// JSON objects.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ObjectsBody {
    pub(crate) rows: Vec<Value>,
}

/// What a subject says about processing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatementBody {
    /// What happened: `given`, `refused`, `withdrawn`, `objected`, `restricted`, ….
    pub(crate) kind: privet_vault::EventKind,
    /// For which purposes; `*` for all of them.
    #[serde(default)]
    pub(crate) purposes: Vec<String>,
    /// Under which agreement.
    pub(crate) agreement: Option<String>,
    /// With which categories of data; all of the purpose if left out.
    pub(crate) categories: Option<Vec<String>>,
    /// For which recipients; all of the purpose if left out.
    pub(crate) recipients: Option<Vec<String>>,
    /// Since when, RFC 3339; now if left out.
    pub(crate) at: Option<String>,
    /// Until when a consent is good, RFC 3339.
    pub(crate) expires_at: Option<String>,
    #[serde(default)]
    pub(crate) is_explicit: bool,
    #[serde(default)]
    pub(crate) given_by: privet_vault::GivenBy,
    #[serde(default)]
    pub(crate) is_minor: bool,
    /// How: `web_form`, `phone`; `api` if left out.
    pub(crate) method: Option<String>,
    /// Further proof; kept under the subject's key.
    #[serde(default)]
    pub(crate) evidence: BTreeMap<String, String>,
}

/// The history of a subject's consent.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConsentEventsBody {
    pub(crate) rows: Vec<ConsentEventBody>,
}

/// An event of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConsentEventBody {
    /// Random id, which all purposes of a statement share.
    pub(crate) statement: String,
    pub(crate) purpose: String,
    pub(crate) kind: privet_vault::EventKind,
    /// RFC 3339.
    pub(crate) at: String,
    /// RFC 3339.
    pub(crate) recorded_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) categories: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recipients: Option<Vec<String>>,
    pub(crate) is_explicit: bool,
    pub(crate) given_by: privet_vault::GivenBy,
    pub(crate) is_minor: bool,
    pub(crate) method: String,
    /// Pseudonym of who recorded it.
    pub(crate) recorded_by: String,
    /// Name of the agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agreement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agreement_version: Option<i64>,
}

/// How a subject stands to its agreements.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StandingsBody {
    pub(crate) rows: Vec<StandingBody>,
}

/// How a subject stands to an agreement.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StandingBody {
    /// What holds now.
    pub(crate) status: privet_vault::EventKind,
    /// Since when it is known, RFC 3339.
    pub(crate) first_at: String,
    pub(crate) event: ConsentEventBody,
}

/// Whether something may be done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckBody {
    /// The subject's token; left out if it is about nobody in particular.
    pub(crate) subject: Option<String>,
    pub(crate) purpose: String,
    pub(crate) category: Option<String>,
    pub(crate) recipient: Option<String>,
    /// When, RFC 3339; now if left out.
    pub(crate) at: Option<String>,
}

/// Whether it may be done, and why.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VerdictBody {
    pub(crate) allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) basis: Option<privet_vault::LegalBasis>,
    /// From a closed set: `consent_in_force`, `withdrawn`, `unknown_subject`, ….
    #[schemars(with = "String")]
    pub(crate) reason: privet_vault::Reason,
    /// The event that decided, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Until when it stays so, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
}

/// How many.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CountBody {
    pub(crate) count: u64,
}

/// A text as a secret.
pub(crate) fn secret(text: String) -> Secret<String> {
    Secret::new(text)
}

/// Milliseconds since the epoch as RFC 3339.
pub(crate) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}
