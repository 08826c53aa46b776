//! The rows of requests and their steps.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::{HashKey, sha256};
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use super::Requests;
use super::callback::CallbackState;
use super::limit::Tries;
use super::machine::Case;
use super::model::{Request, RequestKind, RequestStatus};
use super::receipt::RequestReceipt;
use crate::subject::timestamp;
use crate::{Actor, Error, SubjectId, Vault};

pub(super) const TABLE: &str = "subject_requests";
pub(super) const ABSENT: Error = Error::Absent { what: "request" };
/// Most requests, steps or callbacks that one call returns.
const MOST: u32 = 1000;

/// A request as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) case: Case,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) receipt: Option<String>,
    pub(super) mark: [u8; 32],
}

/// A step of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestStep {
    /// Its number, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What, as the log's leaf names it.
    pub step: String,
    /// The status it led to.
    pub status: String,
    /// Who.
    pub principal: Pseudonym,
    /// How telling others of it goes; absent where nobody wants to be told.
    pub callback: Option<CallbackState>,
}

/// What the log is told of a step.
#[derive(Debug, Clone, Serialize)]
struct RequestLeaf<'a> {
    at: Timestamp,
    tenant: &'a str,
    principal: &'a Pseudonym,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Pseudonym>,
    request: &'a str,
    kind: RequestKind,
    status: RequestStatus,
    due_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// What is to be written.
pub(super) struct Write {
    pub(super) actor: Actor,
    pub(super) at: Timestamp,
    pub(super) step: &'static str,
    /// The row that must still be there, by its mark; `None` for a new request.
    pub(super) before: Option<Row>,
    pub(super) case: Case,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) receipt: Option<RequestReceipt>,
    /// What it counts for the person.
    pub(super) tries: Option<Tries>,
}

pub(super) type Columns = (
    String,
    String,
    String,
    Option<String>,
    i64,
    i64,
    String,
    Option<Vec<u8>>,
    Option<String>,
    [u8; 32],
);

pub(super) const COLUMNS: &str =
    "id, kind, status, subject, received_at, due_at, body, sealed, receipt, mark";

/// The key of the hashes that rows must have.
pub(super) async fn row_key(vault: &Vault, tenant: &TenantId) -> Result<HashKey, Error> {
    let keyring = &vault.keyring;
    Ok(keyring
        .tenant_hash_key(tenant, "privet/vault/request-row")
        .await?)
}

/// The keyed hash that a row must have.
pub(super) fn mark(
    key: &HashKey,
    tenant: &str,
    request: &Request,
    body: &str,
    sealed: Option<&[u8]>,
    receipt: Option<&str>,
) -> [u8; 32] {
    let subject = request.subject.as_ref().map_or("", SubjectId::as_str);
    key.hash(&[
        tenant.as_bytes(),
        request.id.as_bytes(),
        request.kind.name().as_bytes(),
        request.status.name().as_bytes(),
        subject.as_bytes(),
        &request.received_at.as_millisecond().to_le_bytes(),
        &request.due_at.as_millisecond().to_le_bytes(),
        body.as_bytes(),
        &sealed.map(sha256).unwrap_or_default(),
        receipt.unwrap_or_default().as_bytes(),
    ])
}

pub(super) fn read(key: &HashKey, tenant: &str, columns: Columns) -> Result<Row, Error> {
    let (id, kind, status, subject, received_at, due_at, body, sealed, receipt, found) = columns;
    let damaged = || Error::Damaged { table: TABLE };
    let case: Case = serde_json::from_str(&body).map_err(|_| damaged())?;
    let request = &case.request;
    // What is looked for by a column is what the body says.
    let fits = request.id == id
        && request.kind.name() == kind
        && request.status.name() == status
        && request.subject.as_ref().map(SubjectId::as_str) == subject.as_deref()
        && request.received_at.as_millisecond() == received_at
        && request.due_at.as_millisecond() == due_at;
    let expected = mark(key, tenant, request, &body, sealed.as_deref(), receipt.as_deref());
    if !fits || expected != found {
        return Err(damaged());
    }
    Ok(Row {
        case,
        sealed,
        receipt,
        mark: found,
    })
}

impl Requests {
    pub(super) async fn row(&self, actor: &Actor, id: &str) -> Result<Row, Error> {
        let condition = "id = $2";
        let rows = self
            .select(actor, condition, values![actor.tenant.as_str(), id])
            .await?;
        rows.into_iter().next().ok_or(ABSENT)
    }

    /// The rows that fit `condition`; the tenant is `$1`.
    pub(super) async fn select(
        &self,
        actor: &Actor,
        condition: &str,
        values: Vec<privet_store::Value>,
    ) -> Result<Vec<Row>, Error> {
        let key = row_key(&self.vault, &actor.tenant).await?;
        let sql = format!("SELECT {COLUMNS} FROM subject_requests WHERE tenant = $1 AND {condition}");
        let rows: Vec<Columns> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values).await?) })
            })
            .await?;
        rows.into_iter()
            .map(|columns| read(&key, actor.tenant.as_str(), columns))
            .collect()
    }

    /// Writes a step with its leaf. `None` if somebody else was first, or the subject of a new request was erased meanwhile.
    pub(super) async fn write(&self, write: Write) -> Result<Option<()>, Error> {
        let key = row_key(&self.vault, &write.actor.tenant).await?;
        let body = serde_json::to_string(&write.case).map_err(Error::Json)?;
        let receipt = write.receipt.as_ref().map(serde_json::to_string).transpose();
        let receipt = receipt.map_err(Error::Json)?;
        let mark = mark(
            &key,
            write.actor.tenant.as_str(),
            &write.case.request,
            &body,
            write.sealed.as_deref(),
            receipt.as_deref(),
        );
        let scope = Vault::scope(&write.actor);
        self.vault
            .store
            .database()
            .write::<_, Error, _>(&scope, move |tx| {
                Box::pin(async move { write.run(tx, body, receipt, mark).await })
            })
            .await
    }

    /// What happened to the request `id`, in order.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn steps(&self, actor: &Actor, id: &str) -> Result<Vec<RequestStep>, Error> {
        let (tenant, id) = (actor.tenant.clone(), id.to_owned());
        let rows: Vec<(i64, i64, String, String, String, Option<i64>)> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT seq, at, step, status, principal, is_told FROM subject_request_steps \
                         WHERE tenant = $1 AND request = $2 ORDER BY seq LIMIT {MOST}"
                    );
                    Ok(tx.rows(sql, values![tenant.as_str(), id]).await?)
                })
            })
            .await?;
        if rows.is_empty() {
            return Err(ABSENT);
        }
        rows.into_iter()
            .map(|(seq, at, step, status, principal, is_told)| {
                Ok(RequestStep {
                    seq: seq.unsigned_abs(),
                    at: timestamp(at)?,
                    step,
                    status,
                    principal: Pseudonym(principal),
                    callback: is_told.map(CallbackState::stored),
                })
            })
            .collect()
    }
}

impl Write {
    /// Whether the subject of a new request, if it has one, is not erased. Holds it so for the transaction: an erasure that
    /// comes to its end later finds the request.
    async fn is_subject_there(&self, tx: &mut Tx) -> Result<bool, Error> {
        let Some(subject) = &self.case.request.subject else {
            return Ok(true);
        };
        let held = tx
            .execute(
                "UPDATE subjects SET state = state WHERE tenant = $1 AND id = $2 AND state <> 'erased'",
                values![self.actor.tenant.as_str(), subject.as_str()],
            )
            .await?;
        Ok(held == 1)
    }

    async fn run(
        self,
        tx: &mut Tx,
        body: String,
        receipt: Option<String>,
        mark: [u8; 32],
    ) -> Result<Option<()>, Error> {
        let request = &self.case.request;
        let tenant = self.actor.tenant.as_str();
        let changed = match &self.before {
            None => {
                if !self.is_subject_there(tx).await? {
                    return Ok(None);
                }
                tx.execute(
                    format!(
                        "INSERT INTO subject_requests (tenant, {COLUMNS}) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                    ),
                    values![
                        tenant,
                        &request.id,
                        request.kind.name(),
                        request.status.name(),
                        request.subject.as_ref().map(SubjectId::as_str),
                        request.received_at.as_millisecond(),
                        request.due_at.as_millisecond(),
                        body,
                        self.sealed.clone(),
                        receipt,
                        mark
                    ],
                )
                .await?
            }
            Some(before) => {
                tx.execute(
                    "UPDATE subject_requests SET status = $1, due_at = $2, body = $3, sealed = $4, receipt = $5, \
                     mark = $6 WHERE tenant = $7 AND id = $8 AND mark = $9",
                    values![
                        request.status.name(),
                        request.due_at.as_millisecond(),
                        body,
                        self.sealed.clone(),
                        receipt,
                        mark,
                        tenant,
                        &request.id,
                        before.mark
                    ],
                )
                .await?
            }
        };
        if changed == 0 {
            return Ok(None);
        }
        if let Some(tries) = &self.tries {
            tries.count(tx, tenant, self.at).await?;
        }
        let was = self.before.as_ref().map(|row| row.case.request.status);
        let is_told = (!request.callbacks.is_empty() && was != Some(request.status)).then_some(0_i64);
        tx.execute(
            "INSERT INTO subject_request_steps (tenant, request, seq, at, step, status, principal, is_told) \
             SELECT $1, $2, 1 + COUNT(*), $3, $4, $5, $6, $7 FROM subject_request_steps \
             WHERE tenant = $1 AND request = $2",
            values![
                tenant,
                &request.id,
                self.at.as_millisecond(),
                self.step,
                request.status.name(),
                &self.actor.principal.0,
                is_told
            ],
        )
        .await?;
        let payload = RequestLeaf {
            at: self.at,
            tenant,
            principal: &self.actor.principal,
            subject: request.pseudonym.as_ref(),
            request: &request.id,
            kind: request.kind,
            status: request.status,
            due_at: request.due_at,
            sealed: self
                .sealed
                .as_deref()
                .map(|sealed| HEXLOWER.encode(&sha256(sealed))),
            receipt: self.receipt.as_ref().map(RequestReceipt::hash),
        };
        let leaf = Leaf {
            kind: self.step,
            tenant,
            at: self.at,
            payload: &payload,
        };
        append_leaf(tx, leaf).await?;
        Ok(Some(()))
    }
}
