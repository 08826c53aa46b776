//! What the log is told of subjects: who, what, how much; never what was written.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::sha256;
use privet_store::{Leaf, append_leaf};
use privet_types::Pseudonym;
use serde::{Deserialize, Serialize};

use crate::followed::RowName;
use crate::{Actor, Error, Ground, Vault};

/// What was done to read something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// A whole record.
    ReadRecord,
    /// Named fields of a record.
    ReadFields,
    /// An older version of a record.
    ReadVersion,
    /// The list of versions.
    ListVersions,
    /// The list of subjects, without their records.
    ListSubjects,
    /// A search by an index.
    Search,
    /// What an application keeps.
    ReadApp,
    /// Which applications keep something.
    ListApps,
    /// A session.
    ReadSession,
    /// A subject's sessions.
    ListSessions,
    /// A shared record, by its token.
    ReadShare,
    /// A token's value.
    ResolveToken,
    /// A page of a bulk read.
    BulkPage,
    /// An archived conversation.
    ReadConversation,
    /// A search in the archive, or a page of its export.
    SearchArchive,
    /// The map of a stateful call.
    ReadReplyMap,
    /// A change that is asked for.
    ReadProposal,
    /// A list of changes that are asked for.
    ListProposals,
    /// What was made of a subject outside the vault.
    ReadLineage,
    /// What the erasure of a subject would do.
    PlanErasure,
    /// Where an erasure stands, with its receipt.
    ReadErasure,
    /// The holds in force.
    ListHolds,
    /// When a subject is to be deleted.
    ReadExpiry,
    /// A receipt of what a subject said.
    ReadReceipt,
    /// What a subject said, or how it stands to agreements.
    ReadConsent,
    /// What a request of a subject asks for.
    ReadRequest,
    /// The copy that a request of a subject led to.
    ReadCopy,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccessResult {
    /// Something was shown.
    Shown,
    /// There is none, or none for this caller.
    Absent,
    /// Refused: restricted, not approved, no permitted purpose.
    Refused,
    /// It failed.
    Failed,
}

/// That somebody read something. Goes to the log by the server's spool. Holds no personal data: people are pseudonyms,
/// and the subject's cannot be led back once the subject's key is shredded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// When, UTC.
    pub at: Timestamp,
    /// Tenant name.
    pub tenant: String,
    /// Who read.
    pub principal: Pseudonym,
    /// Whom it is about; absent for lists, searches and what was not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Pseudonym>,
    /// What was done.
    pub operation: Operation,
    /// The purpose that was declared.
    pub ground: Ground,
    /// How many fields were opened.
    pub fields: u32,
    /// Which fields of the record, where not all of them were shown: of each name 32 bits of a keyed hash, hexadecimal. Nobody
    /// can tell which names they were once the subject's key is shredded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// About how many subjects.
    pub subjects: u32,
    /// How it ended.
    pub result: AccessResult,
}

/// What was read, and what the log is to be told of it.
#[derive(Debug, Clone)]
pub struct Audited<T> {
    /// What was read.
    pub value: T,
    /// What the log is to be told.
    pub access: Access,
}

/// A change of what is kept of a person, as the log's leaf tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectChange {
    /// When, UTC.
    pub at: Timestamp,
    /// Tenant name.
    pub tenant: String,
    /// Who changed it; absent for the installation's own work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Pseudonym>,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Pseudonym>,
    /// The version of what was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// How many fields, rows or records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// SHA-256 of the ciphertext that was stored, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Until when it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The purpose that was declared, where it was not ordinary use.
    #[serde(default, skip_serializing_if = "Ground::is_ordinary")]
    pub ground: Ground,
    /// The random id of a bulk read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The name of a row that is not sealed: half a keyed hash, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// Whether the log tells of the end of what was stored, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_followed: bool,
    /// Rows that are no more: of each, half of `sealed` or the `row` of the leaf that told of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
}

/// For serde, which hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Access {
    /// That `actor` was shown, by `operation`, something of `subject`, or of `subjects` of them.
    #[must_use]
    pub fn to(
        actor: &Actor,
        at: Timestamp,
        operation: Operation,
        ground: Ground,
        subject: Option<Pseudonym>,
        subjects: usize,
    ) -> Self {
        let shown = Self::shown(actor, at, operation, ground);
        match subject {
            Some(subject) => shown.of(subject, 0),
            None => shown.many(subjects, 0),
        }
    }

    /// That `actor` was shown `fields` fields of one subject.
    pub(crate) fn shown(actor: &Actor, at: Timestamp, operation: Operation, ground: Ground) -> Self {
        Self {
            at,
            tenant: actor.tenant.as_str().to_owned(),
            principal: actor.principal.clone(),
            subject: None,
            operation,
            ground,
            fields: 0,
            names: Vec::new(),
            subjects: 0,
            result: AccessResult::Shown,
        }
    }

    pub(crate) fn of(mut self, subject: Pseudonym, fields: usize) -> Self {
        self.subject = Some(subject);
        self.subjects = 1;
        self.fields = u32::try_from(fields).unwrap_or(u32::MAX);
        self
    }

    pub(crate) fn many(mut self, subjects: usize, fields: usize) -> Self {
        self.subjects = u32::try_from(subjects).unwrap_or(u32::MAX);
        self.fields = u32::try_from(fields).unwrap_or(u32::MAX);
        self
    }

    /// That a read of `actor` ended with `error`.
    #[must_use]
    pub fn ended(actor: &Actor, at: Timestamp, operation: Operation, ground: Ground, error: &Error) -> Self {
        let result = match error {
            Error::Absent { .. } => AccessResult::Absent,
            Error::Restricted | Error::NotOpen { .. } | Error::SamePrincipal => AccessResult::Refused,
            _ => AccessResult::Failed,
        };
        Self {
            result,
            ..Self::shown(actor, at, operation, ground)
        }
    }
}

impl Vault {
    /// Records a read in the log at once, where there is no server whose spool takes it.
    ///
    /// # Errors
    /// [`Error::Store`]: then nothing may be shown.
    pub async fn record_access(&self, actor: &Actor, access: &Access) -> Result<(), Error> {
        let access = access.clone();
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let leaf = Leaf {
                        kind: "vault_read",
                        tenant: &access.tenant,
                        at: access.at,
                        payload: &access,
                    };
                    Ok(append_leaf(tx, leaf).await?)
                })
            })
            .await
    }
}

/// A leaf with whose and when it is behind what it says.
#[derive(Serialize)]
pub(crate) struct Complete<'a, T> {
    #[serde(flatten)]
    leaf: &'a T,
    tenant: &'a str,
    /// To the millisecond, as the log has it. Absent where the leaf says it in another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

impl<'a, T> Complete<'a, T> {
    pub(crate) const fn new(leaf: &'a T, tenant: &'a str) -> Self {
        Self {
            leaf,
            tenant,
            at: None,
        }
    }

    pub(crate) fn at(self, at: Timestamp) -> Self {
        Self {
            at: Timestamp::from_millisecond(at.as_millisecond()).ok(),
            ..self
        }
    }
}

impl SubjectChange {
    /// A change by `actor`.
    pub(crate) fn by(actor: &Actor, at: Timestamp) -> Self {
        Self {
            principal: Some(actor.principal.clone()),
            ..Self::by_installation(actor.tenant.as_str(), at)
        }
    }

    /// A change that nobody asked for, such as the end of what expired.
    pub(crate) fn by_installation(tenant: &str, at: Timestamp) -> Self {
        Self {
            at,
            tenant: tenant.to_owned(),
            principal: None,
            subject: None,
            version: None,
            count: None,
            sealed: None,
            expires_at: None,
            ground: Ground::Ordinary,
            object: None,
            row: None,
            is_followed: false,
            ended: Vec::new(),
        }
    }

    /// That it stored the ciphertext `sealed`, whose end will be told of, too.
    pub(crate) fn storing(self, sealed: &[u8]) -> Self {
        Self {
            sealed: Some(HEXLOWER.encode(&sha256(sealed))),
            is_followed: true,
            ..self
        }
    }

    /// That it stored the row called `name`, whose end will be told of, too.
    pub(crate) fn naming(self, name: RowName) -> Self {
        Self {
            row: Some(HEXLOWER.encode(&name)),
            is_followed: true,
            ..self
        }
    }

    /// That the rows called `names` are no more. Those without a name are from before ends were told of.
    pub(crate) fn ending(mut self, names: impl IntoIterator<Item = Option<RowName>>) -> Self {
        let names = names.into_iter().flatten();
        self.ended.extend(names.map(|name| HEXLOWER.encode(&name)));
        self
    }
}
