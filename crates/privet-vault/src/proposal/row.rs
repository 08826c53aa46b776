//! The rows of proposals. Everything that a row says is bound into what is sealed of it, so that nobody with the
//! database alone makes it say something else.

use jiff::Timestamp;
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::Pseudonym;
use serde_json::{Value, json};

use super::model::{Proposal, ProposalKind, ProposalStatus};
use crate::audit::SubjectChange;
use crate::followed::name_of;
use crate::subject::{Found, Place, sealed, timestamp};
use crate::{Actor, Error, Record, SubjectId, Vault};

pub(super) const TABLE: &str = "proposals";
pub(super) const ABSENT: Error = Error::Absent { what: "proposal" };
pub(super) const CLOSED: Error = Error::NotReady {
    why: "this proposal is closed",
};

pub(super) const COLUMNS: &str =
    "id, kind, status, subject, object, asked_by, seq, opened_at, closed_at, sealed";

/// A row as it comes from the store.
pub(super) type Columns = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    i64,
    i64,
    Option<i64>,
    Option<Vec<u8>>,
);

/// A proposal as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) kind: ProposalKind,
    pub(super) status: ProposalStatus,
    /// `None` once the subject is erased.
    pub(super) subject: Option<SubjectId>,
    pub(super) object: Option<String>,
    pub(super) asked_by: Pseudonym,
    /// Counts the proposals of a subject.
    pub(super) seq: i64,
    pub(super) opened_at: i64,
    pub(super) closed_at: Option<i64>,
    pub(super) sealed: Option<Vec<u8>>,
}

/// What is sealed of a proposal.
#[derive(Clone, Default)]
pub(super) struct Details {
    pub(super) change: Option<Value>,
    pub(super) reason: Option<String>,
}

/// That a proposal is closed: to be written in the transaction that does what was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    tenant: String,
    id: String,
    /// What was sealed of it while it was open.
    before: Vec<u8>,
    after: Row,
    change: SubjectChange,
}

impl Row {
    pub(super) fn read(columns: Columns) -> Result<Self, Error> {
        let (id, kind, status, subject, object, asked_by, seq, opened_at, closed_at, sealed) = columns;
        Ok(Self {
            id,
            kind: ProposalKind::stored(&kind)?,
            status: ProposalStatus::stored(&status)?,
            subject: subject.map(SubjectId::stored),
            object,
            asked_by: Pseudonym(asked_by),
            seq,
            opened_at,
            closed_at,
            sealed,
        })
    }

    /// What a container of it is bound to.
    fn name(&self) -> String {
        let object = self.object.as_deref().unwrap_or_default();
        let words = [
            &self.id,
            self.kind.name(),
            self.status.name(),
            object,
            &self.asked_by.0,
        ];
        record_name(words, self.seq, self.opened_at, self.closed_at)
    }

    /// Seals `details` into it.
    pub(super) async fn seal(
        &mut self,
        vault: &Vault,
        actor: &Actor,
        found: &Found,
        details: &Details,
    ) -> Result<(), Error> {
        let record = Record::from_value(json!({"change": details.change, "reason": details.reason}))?;
        vault.count_seals(&actor.tenant, found.keys.id, &record).await?;
        let name = self.name();
        self.sealed = Some(sealed::seal(&found.keys, &place(found, &name), &record)?);
        Ok(())
    }

    /// What is sealed of it.
    pub(super) fn details(&self, found: &Found) -> Result<Details, Error> {
        let damaged = || Error::Damaged { table: TABLE };
        let container = self.sealed.as_deref().ok_or_else(damaged)?;
        let name = self.name();
        let mut fields = sealed::open(&found.keys, &place(found, &name), container)?.into_value();
        let mut take = |field| match fields.get_mut(field).map(Value::take) {
            None | Some(Value::Null) => None,
            some => some,
        };
        Ok(Details {
            change: take("change"),
            reason: take("reason").and_then(|text| text.as_str().map(str::to_owned)),
        })
    }

    /// The proposal, with what is sealed of it if its subject is there.
    pub(super) fn proposal(self, found: Option<&Found>) -> Result<Proposal, Error> {
        let details = found.map(|found| self.details(found)).transpose()?;
        let details = details.unwrap_or_default();
        Ok(Proposal {
            opened_at: timestamp(self.opened_at)?,
            closed_at: self.closed_at.map(timestamp).transpose()?,
            id: self.id,
            kind: self.kind,
            status: self.status,
            subject: found.map(|found| found.row.id.clone()),
            object: self.object,
            change: details.change,
            reason: details.reason,
        })
    }

    /// What the log is told of it.
    pub(super) fn leaf(&self, actor: &Actor, found: &Found, at: Timestamp) -> SubjectChange {
        SubjectChange {
            subject: Some(found.pseudonym()),
            object: Some(self.id.clone()),
            ..match self.sealed.as_deref() {
                Some(sealed) => SubjectChange::by(actor, at).storing(sealed),
                None => SubjectChange::by(actor, at),
            }
        }
    }

    fn name_in_log(&self) -> Option<Vec<u8>> {
        self.sealed.as_deref().map(|sealed| name_of(sealed).to_vec())
    }

    pub(super) async fn insert(&self, tx: &mut Tx, tenant: &str) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO proposals (tenant, {COLUMNS}, name_in_log) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        );
        tx.execute(
            sql,
            values![
                tenant,
                &self.id,
                self.kind.name(),
                self.status.name(),
                self.subject.as_ref().map(SubjectId::as_str),
                self.object.as_deref(),
                &self.asked_by.0,
                self.seq,
                self.opened_at,
                self.closed_at,
                self.sealed.clone(),
                self.name_in_log()
            ],
        )
        .await?;
        Ok(())
    }
}

impl Closing {
    /// That the open proposal `before` becomes `after`.
    pub(super) fn new(actor: &Actor, before: &Row, after: Row, change: SubjectChange) -> Result<Self, Error> {
        let sealed = before.sealed.clone().ok_or(Error::Damaged { table: TABLE })?;
        Ok(Self {
            tenant: actor.tenant.as_str().to_owned(),
            id: before.id.clone(),
            change: change.ending([Some(name_of(&sealed))]),
            before: sealed,
            after,
        })
    }

    /// Closes it, unless somebody else was first.
    pub(crate) async fn write(&self, tx: &mut Tx) -> Result<(), Error> {
        let closed = tx
            .execute(
                "UPDATE proposals SET status = $1, closed_at = $2, sealed = $3, name_in_log = $7 \
                 WHERE tenant = $4 AND id = $5 AND status = 'open' AND sealed = $6",
                values![
                    self.after.status.name(),
                    self.after.closed_at,
                    self.after.sealed.clone(),
                    &self.tenant,
                    &self.id,
                    self.before.as_slice(),
                    self.after.name_in_log()
                ],
            )
            .await?;
        if closed != 1 {
            return Err(CLOSED);
        }
        let leaf = Leaf {
            kind: match self.after.status {
                ProposalStatus::Approved => "proposal_approved",
                ProposalStatus::Open | ProposalStatus::Cancelled => "proposal_cancelled",
            },
            tenant: &self.tenant,
            at: self.change.at,
            payload: &self.change,
        };
        Ok(append_leaf(tx, leaf).await?)
    }
}

/// What a container is bound to; `words` are its id, kind, status, object and who asked.
pub(crate) fn record_name(words: [&str; 5], seq: i64, opened_at: i64, closed_at: Option<i64>) -> String {
    let [id, kind, status, object, asked_by] = words;
    let closed_at = closed_at.unwrap_or(-1);
    format!("proposal/{id}/{kind}/{status}/{object}/{asked_by}/{seq}/{opened_at}/{closed_at}")
}

fn place<'a>(found: &'a Found, name: &'a str) -> Place<'a> {
    Place {
        table: TABLE,
        ..found.row.place(name, 1)
    }
}
