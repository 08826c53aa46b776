//! Forgetting somebody: what would be done, the first step, and where an erasure stands.

use std::collections::BTreeSet;

use privet_crypto::random_uuid;
use privet_store::{Scope, values};
use privet_types::TenantId;
use serde::Serialize;

use super::begun::{Begun, begin, read_begun, select_holds};
use super::list::{Known, entry};
use super::nodes::{by_connector, gone, own_nodes, unreachable};
use super::{ErasureReason, ErasureReceipt, NodeOutcome};
use crate::audit::{Access, Audited, Operation};
use crate::consent::end_all_processing;
use crate::proposal::Closing;
use crate::subject::belongings;
use crate::subject::{Found, SubjectId};
use crate::{Actor, Error, Ground, SubjectRef, Vault};

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

/// Why an erasure was not begun. Nothing was written.
enum Refused {
    Held(Vec<String>),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<privet_store::Error> for Refused {
    fn from(error: privet_store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Vault {
    /// What [`forget`](Self::forget) would do with `who`. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Connector`] if an outside store does not answer.
    pub async fn plan_erasure(&self, actor: &Actor, who: &SubjectRef) -> Result<Audited<ErasurePlan>, Error> {
        let found = self.find(actor, who).await?;
        let holds = self.holds_on(&actor.tenant, &found.row.id).await?;
        let (tenant, id) = (actor.tenant.as_str().to_owned(), found.row.id.clone());
        let rows = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move { belongings::count(tx, &tenant, &id).await })
            })
            .await?;
        let nodes = self.nodes(actor, &found.row.id).await?;
        let mut outcomes = own_nodes(&rows, self.store.backend());
        for ((place, kind), ids) in by_connector(&nodes) {
            let connector = self.connector(place)?;
            let tenant = actor.tenant.as_str();
            let count = connector.count(tenant, &found.row.id, &ids).await?;
            outcomes.push(gone(kind, place, count));
        }
        outcomes.extend(unreachable(&nodes));
        let access = Access::shown(actor, self.now(), Operation::PlanErasure, Ground::Ordinary);
        Ok(Audited {
            value: ErasurePlan {
                holds,
                nodes: outcomes,
            },
            access: access.of(found.pseudonym(), 0),
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
        let (mut finished, mut failed) = (0, None);
        let mut after = (i64::MIN, String::new());
        loop {
            let (at, id) = after.clone();
            let page = self
                .store
                .database()
                .read::<_, Error, _>(&Scope::Installation, move |tx| {
                    Box::pin(async move { read_begun(tx, (at, &id)).await })
                })
                .await?;
            let Some(last) = page.last() else {
                return failed.map_or(Ok(finished), Err);
            };
            after = (last.at.as_millisecond(), last.id.clone());
            for begun in &page {
                match self.finish_or_find(begun).await {
                    Ok(_) => finished += 1,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
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

    /// From here on the subject is gone from outside, and nothing may be done with its data for any purpose. `Err` holds the
    /// cases that keep it.
    pub(super) async fn begin_erasure(
        &self,
        actor: &Actor,
        found: &Found,
        reason: ErasureReason,
        closing: Option<Closing>,
    ) -> Result<Result<Begun, Vec<String>>, Error> {
        let list_key = self.erased_key(&actor.tenant).await?;
        let known = self.known_by(&actor.tenant, found).await?;
        let keys = self.keyring.keys(&actor.tenant, &[found.row.key_id]).await?;
        let key = keys.into_iter().next().flatten();
        let key = key.ok_or(Error::Absent { what: "subject" })?;
        let in_history = crate::consent::pseudonym(&key, &actor.tenant);
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
        let (row, by) = (found.row.clone(), actor.clone());
        let outcome = self
            .store
            .database()
            .write::<_, Refused, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let seq = end_all_processing(tx, &by, in_history, begun.at).await?;
                    if !row.hold(tx).await? {
                        return Err(Error::Absent { what: "subject" }.into());
                    }
                    // Behind the lock of the row, which whoever places a hold on this subject takes, too.
                    let at = begun.at.as_millisecond();
                    let holds = select_holds(tx, &row.tenant, row.id.as_str(), at).await?;
                    if !holds.is_empty() {
                        return Err(Refused::Held(holds));
                    }
                    if let Some(closing) = closing {
                        closing.write(tx).await?;
                    }
                    let mut entries = BTreeSet::new();
                    for known in known {
                        if known.is_current || !known.is_somebody_elses(tx, &row.tenant, &row.id).await? {
                            entries.insert(entry(&list_key, &known.identifier));
                        }
                    }
                    begin(tx, &begun, entries.into_iter().collect()).await?;
                    Ok((begun, seq))
                })
            })
            .await;
        match outcome {
            Ok((begun, seq)) => {
                self.drop_consent(&actor.tenant, in_history, seq);
                Ok(Ok(begun))
            }
            Err(Refused::Held(holds)) => Ok(Err(holds)),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    /// What a subject is known by, and what it was known by in the older versions of its record that are kept.
    pub(super) async fn known_by(&self, tenant: &TenantId, found: &Found) -> Result<Vec<Known>, Error> {
        let indexes = self.indexes(tenant).await?;
        let current = indexes.known_by(&found.subject()?.record);
        let mut known: Vec<_> = current.into_iter().map(|known| Known::new(known, true)).collect();
        let mut before = found.row.version;
        while let Some((version, record)) = self.older_version(tenant, found, before).await? {
            before = version;
            let Some(record) = record else {
                // It keeps nobody from being erased.
                tracing::warn!(tenant = %tenant, version, "an older version of a record that is erased does not open");
                continue;
            };
            let former = indexes.known_by(&record);
            known.extend(former.into_iter().map(|known| Known::new(known, false)));
        }
        Ok(known)
    }
}
