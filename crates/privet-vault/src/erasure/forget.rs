//! Forgetting somebody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_crypto::{KeyId, random_uuid};
use privet_store::{Backend, Leaf, Scope, Tx, append_leaf, values};
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use super::list::entry;
use super::{ErasureReason, ErasureReceipt, NodeOutcome, Outcome};
use crate::Retention;
use crate::audit::SubjectChange;
use crate::lineage::{NodeKind, Reach, Registered};
use crate::proposal::Closing;
use crate::subject::state::erase_rows;
use crate::subject::{DeletedRows, Found, Page, SubjectId, timestamp};
use crate::{Actor, Error, SubjectRef, Vault};

/// Where the vault's own rows are.
const HERE: &str = "vault";

/// What an erasure would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasurePlan {
    /// Legal holds in the way, by their case's number; none may be left.
    pub holds: Vec<String>,
    /// What would become of everything.
    pub nodes: Vec<NodeOutcome>,
}

/// How an erasure ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgetOutcome {
    /// The person is erased.
    Erased(Box<ErasureReceipt>),
    /// Legal holds, by their case's number, keep the data. Nothing was done.
    Held(Vec<String>),
}

/// What the log is told.
#[derive(Debug, Clone, Serialize)]
struct ErasureLeaf {
    at: Timestamp,
    tenant: String,
    principal: Pseudonym,
    subject: Pseudonym,
    erasure: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// An erasure that was begun.
#[derive(Debug, Clone)]
struct Begun {
    tenant: TenantId,
    id: String,
    subject: SubjectId,
    key_id: KeyId,
    pseudonym: Pseudonym,
    reason: String,
    principal: Pseudonym,
    at: Timestamp,
}

impl Vault {
    /// What [`forget`](Self::forget) would do with `who`. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Connector`] if an outside store does not answer.
    pub async fn plan_erasure(&self, actor: &Actor, who: &SubjectRef) -> Result<ErasurePlan, Error> {
        let found = self.find(actor, who).await?;
        let holds = self.holds_on(&actor.tenant, &found.row.id).await?;
        let rows = self.count_rows(actor, &found.row.id).await?;
        let nodes = self.nodes(actor, &found.row.id).await?;
        let mut outcomes = own_nodes(&rows, self.store.backend());
        for ((place, kind), ids) in by_connector(&nodes) {
            let connector = self.connector(place)?;
            let tenant = actor.tenant.as_str();
            let count = connector.count(tenant, &found.row.id, &ids).await?;
            outcomes.push(gone(kind, place, count));
        }
        outcomes.extend(unreachable(&nodes));
        Ok(ErasurePlan {
            holds,
            nodes: outcomes,
        })
    }

    /// Erases `who`: shreds the key, deletes the rows, erases what connectors reach, and puts what the person was known by
    /// on the list of erased ones. Returns the signed receipt, or the legal holds that keep the data.
    ///
    /// # Errors
    /// [`Error::Absent`]; [`Error::Unfinished`] if something failed once it was begun, such as an outside store that still
    /// holds something: the subject is gone from outside already, and [`resume_erasures`](Self::resume_erasures) goes on.
    pub async fn forget(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        reason: ErasureReason,
    ) -> Result<ForgetOutcome, Error> {
        self.forget_closing(actor, who, reason, None).await
    }

    /// As [`forget`](Self::forget); what was asked for is closed in the transaction that begins the erasure.
    pub(crate) async fn forget_closing(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        reason: ErasureReason,
        closing: Option<Closing>,
    ) -> Result<ForgetOutcome, Error> {
        // Whose time has come is absent for everybody else, and has to be erased all the same.
        let found = self.find_even_ended(actor, who).await?;
        match self.begin_erasure(actor, &found, reason, closing).await? {
            Ok(begun) => match self.finish_or_find(&begun).await {
                Ok(receipt) => Ok(ForgetOutcome::Erased(Box::new(receipt))),
                Err(error) => Err(Error::Unfinished {
                    erasure: begun.id,
                    source: Box::new(error),
                }),
            },
            Err(holds) => Ok(ForgetOutcome::Held(holds)),
        }
    }

    /// Goes on with all erasures that were begun and not finished. Returns how many were finished.
    ///
    /// # Errors
    /// The first that an erasure failed with; the others are done all the same.
    pub async fn resume_erasures(&self) -> Result<u64, Error> {
        let begun = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Installation, move |tx| Box::pin(read_begun(tx)))
            .await?;
        let (mut finished, mut failed) = (0, None);
        for begun in begun {
            match self.finish_or_find(&begun).await {
                Ok(_) => finished += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(finished), Err)
    }

    /// The receipt of the erasure `id`, if it is done.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such erasure, or it is not done.
    pub async fn erasure_receipt(&self, actor: &Actor, id: &str) -> Result<ErasureReceipt, Error> {
        let receipt = self.erasure(actor, id).await?;
        receipt.ok_or(Error::Absent { what: "erasure" })
    }

    /// The receipt of the erasure `id`; `None` while it is begun and not done.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such erasure.
    pub async fn erasure(&self, actor: &Actor, id: &str) -> Result<Option<ErasureReceipt>, Error> {
        let (tenant, id) = (actor.tenant.as_str().to_owned(), id.to_owned());
        let receipt: Option<Option<String>> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT receipt FROM erasures WHERE tenant = $1 AND id = $2",
                            values![tenant, id],
                        )
                        .await?)
                })
            })
            .await?;
        let receipt = receipt.ok_or(Error::Absent { what: "erasure" })?;
        receipt
            .map(|json| ErasureReceipt::parse(json.as_bytes()))
            .transpose()
    }

    /// Erases again whom a restored backup brought back: subjects whose key is shredded, and those who are known by
    /// something on the list of erased ones. To be called after a restore, before anybody is served. Returns how many.
    ///
    /// # Errors
    /// [`Error::Store`] if the store or the keyring does not answer.
    pub async fn reapply_erasures(&self, actor: &Actor) -> Result<u64, Error> {
        let mut erased = self.erase_orphans(actor).await?;
        let mut page = Page {
            after: None,
            limit: 200,
        };
        loop {
            let listed = self.list(actor, &page).await?.value;
            let Some(last) = listed.last() else {
                return Ok(erased);
            };
            page.after = Some(last.id.clone());
            for info in &listed {
                let who = SubjectRef::Token(info.id.clone());
                let found = self.find_even_ended(actor, &who).await?;
                let people = [self.identifiers(&actor.tenant, &found).await?];
                if self
                    .are_on_erased_list(&actor.tenant, &people)
                    .await?
                    .contains(&true)
                    && let Ok(begun) = self
                        .begin_erasure(actor, &found, ErasureReason::Restored, None)
                        .await?
                {
                    self.finish_erasure(&begun).await?;
                    erased += 1;
                }
            }
        }
    }

    /// Deletes the rows of subjects whose key is gone: a restored backup of the store has them, the keyring has not.
    async fn erase_orphans(&self, actor: &Actor) -> Result<u64, Error> {
        let tenant = actor.tenant.as_str().to_owned();
        let rows: Vec<(String, Vec<u8>)> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT id, key_id FROM subjects WHERE tenant = $1 AND state <> 'erased' ORDER BY id",
                            values![tenant],
                        )
                        .await?)
                })
            })
            .await?;
        let mut erased = 0;
        for chunk in rows.chunks(500) {
            let ids: Vec<KeyId> = chunk
                .iter()
                .map(|(_, key)| key.as_slice().try_into().map(KeyId::from_bytes))
                .collect::<Result<_, _>>()
                .map_err(|_| Error::Damaged { table: "subjects" })?;
            let keys = self.keyring.keys(&actor.tenant, &ids).await?;
            for ((id, _), _) in chunk.iter().zip(keys).filter(|(_, key)| key.is_none()) {
                let id = SubjectId::stored(id.clone());
                // Nobody can say any more how the log called them.
                let change = SubjectChange::by(actor, self.now());
                self.store
                    .database()
                    .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                        Box::pin(async move {
                            erase_rows(tx, &change.tenant, &id).await?;
                            let leaf = Leaf {
                                kind: "subject_rows_erased",
                                tenant: &change.tenant,
                                at: change.at,
                                payload: &change,
                            };
                            Ok(append_leaf(tx, leaf).await?)
                        })
                    })
                    .await?;
                erased += 1;
            }
        }
        Ok(erased)
    }

    /// What a subject is known by, in the current version of its record.
    async fn identifiers(
        &self,
        tenant: &TenantId,
        found: &Found,
    ) -> Result<Vec<crate::subject::Identifier>, Error> {
        let indexes = self.indexes(tenant).await?;
        Ok(indexes.entries(&found.subject()?.record)?.identifiers)
    }

    /// Cases that keep the data of `id`.
    async fn holds_on(&self, tenant: &TenantId, id: &SubjectId) -> Result<Vec<String>, Error> {
        let (name, id, now) = (
            tenant.as_str().to_owned(),
            id.as_str().to_owned(),
            self.now().as_millisecond(),
        );
        self.store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { select_holds(tx, &name, &id, now).await })
            })
            .await
    }

    /// From here on the subject is gone from outside. `Err` holds the cases that keep it.
    async fn begin_erasure(
        &self,
        actor: &Actor,
        found: &Found,
        reason: ErasureReason,
        closing: Option<Closing>,
    ) -> Result<Result<Begun, Vec<String>>, Error> {
        let key = self.erased_key(&actor.tenant).await?;
        let identifiers = self.identifiers(&actor.tenant, found).await?;
        let entries: Vec<_> = identifiers.iter().map(|one| entry(&key, one)).collect();
        let begun = Begun {
            tenant: actor.tenant.clone(),
            id: random_uuid()?,
            subject: found.row.id.clone(),
            key_id: found.row.key_id,
            pseudonym: found.pseudonym(),
            reason: reason.name().to_owned(),
            principal: actor.principal.clone(),
            at: self.now(),
        };
        let row = found.row.clone();
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    if !row.hold(tx).await? {
                        return Err(Error::Absent { what: "subject" });
                    }
                    let at = begun.at.as_millisecond();
                    let holds = select_holds(tx, &row.tenant, row.id.as_str(), at).await?;
                    if !holds.is_empty() {
                        return Ok(Err(holds));
                    }
                    if let Some(closing) = closing {
                        closing.write(tx).await?;
                    }
                    begin(tx, &begun, entries).await?;
                    Ok(Ok(begun))
                })
            })
            .await
    }

    /// As [`finish_erasure`](Self::finish_erasure). Where somebody else took it up meanwhile and was first, theirs is the
    /// receipt.
    async fn finish_or_find(&self, begun: &Begun) -> Result<ErasureReceipt, Error> {
        match self.finish_erasure(begun).await {
            Err(Error::Absent { what: "erasure" }) => {
                let actor = Actor {
                    tenant: begun.tenant.clone(),
                    principal: begun.principal.clone(),
                };
                self.erasure_receipt(&actor, &begun.id).await
            }
            finished => finished,
        }
    }

    /// All that follows. Each step may be repeated.
    async fn finish_erasure(&self, begun: &Begun) -> Result<ErasureReceipt, Error> {
        let actor = Actor {
            tenant: begun.tenant.clone(),
            principal: begun.principal.clone(),
        };
        let nodes = self.nodes(&actor, &begun.subject).await?;
        let mut outside = Vec::new();
        for ((place, kind), ids) in by_connector(&nodes) {
            let connector = self.connector(place)?;
            let tenant = begun.tenant.as_str();
            let count = connector.count(tenant, &begun.subject, &ids).await?;
            connector.erase(tenant, &begun.subject, &ids).await?;
            let left = connector.count(tenant, &begun.subject, &ids).await?;
            if left > 0 {
                return Err(Error::Connector {
                    place: place.to_owned(),
                    why: "it still holds something after erasing",
                });
            }
            outside.push(gone(kind, place, count));
        }
        let shredding = self.keyring.shred(&begun.tenant, &[begun.key_id]).await?;
        let signer = self.receipt_signer(&begun.tenant).await?;
        let (begun, backend) = (begun.clone(), self.store.backend());
        let times = (begun.at, self.now(), shredding.keyring_backup_deadline);
        let receipt = self
            .store
            .database()
            .write::<_, Error, _>(&Self::scope(&actor), move |tx| {
                Box::pin(async move {
                    let rows = erase_rows(tx, begun.tenant.as_str(), &begun.subject).await?;
                    let mut outcomes = own_nodes(&rows, backend);
                    outcomes.extend(outside);
                    outcomes.extend(unreachable(&nodes));
                    let statement = ErasureReceipt::begin(
                        begun.id.clone(),
                        begun.tenant.as_str(),
                        (begun.pseudonym.clone(), begun.principal.clone()),
                        &begun.reason,
                        times,
                        outcomes,
                    );
                    let receipt = ErasureReceipt::sign(&statement, &signer)?;
                    finish(tx, &begun, times.1, &receipt).await?;
                    Ok(receipt)
                })
            })
            .await?;
        // So that no page as it was before stays in SQLite's write-ahead log. A reader may keep it for now; then the next
        // checkpoint does it, and what lies there is of use to nobody without the key.
        if let Err(error) = self.store.database().checkpoint().await {
            tracing::warn!(error = %error, "cannot empty the write-ahead log behind an erasure");
        }
        Ok(receipt)
    }

    async fn count_rows(&self, actor: &Actor, id: &SubjectId) -> Result<DeletedRows, Error> {
        let (tenant, id) = (actor.tenant.as_str().to_owned(), id.as_str().to_owned());
        self.store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let mut count = async |table: &str, more: &str| -> Result<u64, Error> {
                        let sql =
                            format!("SELECT COUNT(*) FROM {table} WHERE tenant = $1 AND subject = $2 {more}");
                        let rows: i64 = tx.one(sql, values![&tenant, &id]).await?;
                        Ok(rows.unsigned_abs())
                    };
                    Ok(DeletedRows {
                        versions: count("subject_versions", "").await?
                            + count("subject_app_versions", "").await?,
                        index_entries: count("subject_index", "").await?
                            + count("subject_buckets", "").await?
                            + count("archive_words", "").await?,
                        apps: count("subject_apps", "").await?,
                        sessions: count("subject_sessions", "").await?,
                        shares: count("subject_shares", "").await?,
                        tokens: count("vault_tokens", "AND preserves_format = 0").await?,
                        format_preserving_tokens: count("vault_tokens", "AND preserves_format = 1").await?,
                        conversations: count("archive_entries", "").await?,
                        reply_maps: count("reply_maps", "").await?,
                        proposals: count("proposals", "").await?,
                        own_tokens: count("own_tokens", "").await?,
                    })
                })
            })
            .await
    }
}

async fn select_holds(tx: &mut Tx, tenant: &str, subject: &str, now: i64) -> Result<Vec<String>, Error> {
    Ok(tx
        .rows(
            "SELECT reference FROM active_holds WHERE tenant = $1 AND (subject IS NULL OR subject = $2) \
             AND (until IS NULL OR until > $3) ORDER BY reference",
            values![tenant, subject, now],
        )
        .await?)
}

async fn begin(tx: &mut Tx, begun: &Begun, entries: Vec<[u8; 32]>) -> Result<(), Error> {
    let (tenant, at) = (begun.tenant.as_str(), begun.at.as_millisecond());
    tx.execute(
        "INSERT INTO erasures (tenant, id, subject, key_id, pseudonym, reason, principal, state, begun_at, outcomes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'begun', $8, '')",
        values![
            tenant,
            &begun.id,
            begun.subject.as_str(),
            begun.key_id.as_bytes().as_slice(),
            &begun.pseudonym.0,
            &begun.reason,
            &begun.principal.0,
            at
        ],
    )
    .await?;
    let rows = entries.into_iter().map(|entry| values![tenant, entry, at]);
    tx.insert_many(
        "INSERT INTO erased_identifiers (tenant, entry, erased_at)",
        rows.collect(),
        "ON CONFLICT (tenant, entry) DO NOTHING",
    )
    .await?;
    tx.execute(
        "UPDATE subjects SET state = 'erased' WHERE tenant = $1 AND id = $2",
        values![tenant, begun.subject.as_str()],
    )
    .await?;
    // Who is erased is not to be erased again when a scheduled time comes.
    Retention::finish_expiry(tx, &begun.tenant, begun.subject.as_str()).await?;
    leaf(tx, "subject_erasure_begun", begun, begun.at, None).await
}

async fn finish(tx: &mut Tx, begun: &Begun, at: Timestamp, receipt: &ErasureReceipt) -> Result<(), Error> {
    let tenant = begun.tenant.as_str();
    tx.execute(
        "DELETE FROM lineage WHERE tenant = $1 AND subject = $2",
        values![tenant, begun.subject.as_str()],
    )
    .await?;
    let json = serde_json::to_string(receipt).map_err(|_| Error::BadReceipt {
        why: "it cannot be written",
    })?;
    let done = tx
        .execute(
            "UPDATE erasures SET state = 'done', done_at = $3, receipt = $4 \
             WHERE tenant = $1 AND id = $2 AND state = 'begun'",
            values![tenant, &begun.id, at.as_millisecond(), json],
        )
        .await?;
    if done != 1 {
        // Another node was first; its receipt counts.
        return Err(Error::Absent { what: "erasure" });
    }
    leaf(tx, "subject_erased", begun, at, Some(receipt.hash())).await
}

async fn leaf(
    tx: &mut Tx,
    kind: &'static str,
    begun: &Begun,
    at: Timestamp,
    receipt: Option<String>,
) -> Result<(), Error> {
    let payload = ErasureLeaf {
        at,
        tenant: begun.tenant.as_str().to_owned(),
        principal: begun.principal.clone(),
        subject: begun.pseudonym.clone(),
        erasure: begun.id.clone(),
        reason: begun.reason.clone(),
        receipt,
    };
    let leaf = Leaf {
        kind,
        tenant: begun.tenant.as_str(),
        at,
        payload: &payload,
    };
    Ok(append_leaf(tx, leaf).await?)
}

async fn read_begun(tx: &mut Tx) -> Result<Vec<Begun>, Error> {
    type Stored = (String, String, String, [u8; 16], String, String, String, i64);
    let rows: Vec<Stored> = tx
        .rows(
            "SELECT tenant, id, subject, key_id, pseudonym, reason, principal, begun_at FROM erasures \
             WHERE state = 'begun' ORDER BY begun_at, id",
            values![],
        )
        .await?;
    rows.into_iter()
        .map(
            |(tenant, id, subject, key_id, pseudonym, reason, principal, at)| {
                Ok(Begun {
                    tenant: tenant.parse().map_err(|_| Error::Damaged { table: "erasures" })?,
                    id,
                    subject: SubjectId::stored(subject),
                    key_id: KeyId::from_bytes(key_id),
                    pseudonym: Pseudonym(pseudonym),
                    reason,
                    principal: Pseudonym(principal),
                    at: timestamp(at)?,
                })
            },
        )
        .collect()
}

/// The nodes that connectors erase, by place and kind.
fn by_connector(nodes: &[Registered]) -> BTreeMap<(&str, NodeKind), Vec<String>> {
    let mut by_place: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for registered in nodes.iter().filter(|node| node.node.reach == Reach::Connector) {
        let node = &registered.node;
        let ids = by_place.entry((node.place.as_str(), node.kind)).or_default();
        ids.push(node.node.clone());
    }
    by_place
}

fn gone(kind: NodeKind, place: &str, count: u64) -> NodeOutcome {
    NodeOutcome {
        kind,
        place: place.to_owned(),
        count,
        outcome: Outcome::PhysicallyGone,
        note:
            "deleted and counted again by its connector; the store's own files and backups are its operator's"
                .to_owned(),
    }
}

/// What no connector erases.
fn unreachable(nodes: &[Registered]) -> Vec<NodeOutcome> {
    let mut outcomes: BTreeMap<(NodeKind, &str, Outcome, &str), u64> = BTreeMap::new();
    for node in nodes.iter().map(|registered| &registered.node) {
        let outcome = match node.reach {
            Reach::Connector => continue,
            Reach::Hidden => Outcome::HiddenOnly,
            Reach::Retained => Outcome::Retained,
            Reach::OutOfScope => Outcome::OutOfScope,
        };
        *outcomes
            .entry((node.kind, node.place.as_str(), outcome, node.basis.as_str()))
            .or_default() += 1;
    }
    let outcomes = outcomes.into_iter();
    outcomes
        .map(|((kind, place, outcome, basis), count)| NodeOutcome {
            kind,
            place: place.to_owned(),
            count,
            outcome,
            note: basis.to_owned(),
        })
        .collect()
}

/// The vault's own rows. Those under the subject's key are shredded with it, whatever a disk keeps of them; of those that
/// are keyed hashes only deletion is left to say.
fn own_nodes(rows: &DeletedRows, backend: Backend) -> Vec<NodeOutcome> {
    let deleted = match backend {
        // `secure_delete` overwrites what is deleted.
        Backend::Sqlite => (Outcome::PhysicallyGone, ""),
        Backend::Postgres => (
            Outcome::HiddenOnly,
            "deleted; keyed hashes stay in dead rows until PostgreSQL's vacuum",
        ),
    };
    let shredded = (Outcome::Shredded, "");
    [
        (NodeKind::Records, rows.versions, shredded),
        (NodeKind::AppData, rows.apps, shredded),
        (NodeKind::Sessions, rows.sessions, shredded),
        (NodeKind::Shares, rows.shares, shredded),
        (NodeKind::Tokens, rows.tokens, shredded),
        (NodeKind::Conversations, rows.conversations, shredded),
        (NodeKind::SurrogateMaps, rows.reply_maps, shredded),
        (NodeKind::Proposals, rows.proposals, shredded),
        (NodeKind::OwnTokens, rows.own_tokens, deleted),
        (NodeKind::IndexEntries, rows.index_entries, deleted),
        (
            NodeKind::FormatPreservingTokens,
            rows.format_preserving_tokens,
            (
                Outcome::HiddenOnly,
                "rows are deleted, but who holds the tenant's key and a copy of a token can compute its value",
            ),
        ),
        (
            NodeKind::Surrogates,
            0,
            (
                Outcome::OutOfScope,
                "of stateless calls no map is kept; derivable from a value itself under the caller's key until its epoch ends",
            ),
        ),
        (
            NodeKind::AuditLeaves,
            0,
            (
                Outcome::Retained,
                "metadata under a pseudonym that nobody can lead back; the log is evidence (GDPR 5(2), 17(3)(b))",
            ),
        ),
    ]
    .into_iter()
    .map(|(kind, count, (outcome, note))| NodeOutcome {
        kind,
        place: HERE.to_owned(),
        count,
        outcome,
        note: note.to_owned(),
    })
    .filter(|node| node.count > 0 || matches!(node.kind, NodeKind::Surrogates | NodeKind::AuditLeaves))
    .collect()
}
