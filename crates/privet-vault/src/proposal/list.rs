//! Reading proposals.

use std::collections::{BTreeMap, BTreeSet};

use privet_store::values;

use super::Proposals;
use super::model::{Proposal, ProposalStatus};
use super::row::{ABSENT, COLUMNS, Columns, Row};
use crate::audit::{Access, Audited, Operation};
use crate::subject::Found;
use crate::{Actor, Error, Ground, SubjectId, SubjectRef, Vault};

/// Most proposals of a page.
const MOST_LISTED: u32 = 1000;

/// Whose subject is gone, or not restricted.
const WITHOUT_RESTRICTED: &str = " AND NOT EXISTS (SELECT 1 FROM subjects s WHERE s.tenant = proposals.tenant \
                                  AND s.id = proposals.subject AND s.state = 'restricted')";

/// Which proposals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposalPage {
    /// Only those that stand so.
    pub status: Option<ProposalStatus>,
    /// How many to pass over.
    pub offset: u64,
    /// How many at most; 1,000 at most.
    pub limit: u32,
}

impl Proposals {
    /// The proposal `id`.
    ///
    /// # Errors
    /// [`Error::Absent`], also once its subject is erased; [`Error::Damaged`].
    pub async fn read(&self, actor: &Actor, id: &str) -> Result<Audited<Proposal>, Error> {
        let row = one(&self.vault, actor, id).await?;
        let subject = row.subject.clone().ok_or(ABSENT)?;
        let found = match self.vault.find(actor, &SubjectRef::Token(subject)).await {
            Err(Error::Absent { .. }) => return Err(ABSENT),
            other => other?,
        };
        let proposal = row.proposal(Some(&found))?;
        let access = Access::shown(actor, self.vault.now(), Operation::ReadProposal, Ground::Ordinary);
        Ok(Audited {
            access: access.of(found.pseudonym(), usize::from(proposal.change.is_some())),
            value: proposal,
        })
    }

    /// How many proposals of `who` there are, and a page of them, newest first.
    ///
    /// # Errors
    /// [`Error::Absent`]; [`Error::Damaged`].
    pub async fn of_subject(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        page: ProposalPage,
    ) -> Result<Audited<(u64, Vec<Proposal>)>, Error> {
        let found = self.vault.find(actor, who).await?;
        let (total, rows) = self.page(actor, Some(&found.row.id), page, false).await?;
        let proposals = rows
            .into_iter()
            .map(|row| row.proposal(Some(&found)))
            .collect::<Result<Vec<_>, Error>>()?;
        let access = self.listed(actor).of(found.pseudonym(), proposals.len());
        Ok(Audited {
            access,
            value: (total, proposals),
        })
    }

    /// How many proposals of all subjects there are, and a page of them, newest first. Those of erased subjects are
    /// among them, without subject and change.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub async fn list(
        &self,
        actor: &Actor,
        page: ProposalPage,
    ) -> Result<Audited<(u64, Vec<Proposal>)>, Error> {
        self.list_of(actor, page, false).await
    }

    /// As [`list`](Self::list), without those of subjects whose processing is restricted: for who reads many at once.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn list_in_bulk(
        &self,
        actor: &Actor,
        page: ProposalPage,
    ) -> Result<Audited<(u64, Vec<Proposal>)>, Error> {
        self.list_of(actor, page, true).await
    }

    async fn list_of(
        &self,
        actor: &Actor,
        page: ProposalPage,
        without_restricted: bool,
    ) -> Result<Audited<(u64, Vec<Proposal>)>, Error> {
        let (total, rows) = self.page(actor, None, page, without_restricted).await?;
        let ids: BTreeSet<SubjectId> = rows.iter().filter_map(|row| row.subject.clone()).collect();
        let mut subjects: BTreeMap<SubjectId, Found> = BTreeMap::new();
        for id in ids {
            match self.vault.find(actor, &SubjectRef::Token(id.clone())).await {
                Ok(found) => subjects.insert(id, found),
                // Their time has come, or their erasure is not finished.
                Err(Error::Absent { .. }) => None,
                Err(error) => return Err(error),
            };
        }
        let proposals = rows
            .into_iter()
            .map(|row| {
                let found = row.subject.as_ref().and_then(|id| subjects.get(id));
                row.proposal(found)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Audited {
            access: self.listed(actor).many(subjects.len(), proposals.len()),
            value: (total, proposals),
        })
    }

    fn listed(&self, actor: &Actor) -> Access {
        Access::shown(
            actor,
            self.vault.now(),
            Operation::ListProposals,
            Ground::Ordinary,
        )
    }

    async fn page(
        &self,
        actor: &Actor,
        subject: Option<&SubjectId>,
        page: ProposalPage,
        without_restricted: bool,
    ) -> Result<(u64, Vec<Row>), Error> {
        let tenant = actor.tenant.clone();
        let subject = subject.map(|id| id.as_str().to_owned());
        let (total, rows): (i64, Vec<Columns>) = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let (mut condition, mut values) = ("tenant = $1".to_owned(), values![tenant.as_str()]);
                    for (column, value) in [
                        ("subject", subject),
                        ("status", page.status.map(|status| status.name().to_owned())),
                    ] {
                        if let Some(value) = value {
                            values.push(value.into());
                            condition.push_str(&format!(" AND {column} = ${}", values.len()));
                        }
                    }
                    if without_restricted {
                        condition.push_str(WITHOUT_RESTRICTED);
                    }
                    let sql = format!("SELECT COUNT(*) FROM proposals WHERE {condition}");
                    let total: i64 = tx.one(sql, values.clone()).await?;
                    let next = values.len() + 1;
                    let sql = format!(
                        "SELECT {COLUMNS} FROM proposals WHERE {condition} \
                         ORDER BY opened_at DESC, seq DESC, id LIMIT ${next} OFFSET ${}",
                        next + 1
                    );
                    let offset = i64::try_from(page.offset).unwrap_or(i64::MAX);
                    values.extend([page.limit.min(MOST_LISTED).into(), offset.into()]);
                    Ok((total, tx.rows(sql, values).await?))
                })
            })
            .await?;
        let rows = rows.into_iter().map(Row::read).collect::<Result<_, _>>()?;
        Ok((total.unsigned_abs(), rows))
    }
}

/// The row of the proposal `id`.
pub(super) async fn one(vault: &Vault, actor: &Actor, id: &str) -> Result<Row, Error> {
    let (tenant, id) = (actor.tenant.clone(), id.to_ascii_lowercase());
    let columns: Option<Columns> = vault
        .store
        .database()
        .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
            Box::pin(async move {
                let sql = format!("SELECT {COLUMNS} FROM proposals WHERE tenant = $1 AND id = $2");
                Ok(tx.optional(sql, values![tenant.as_str(), id]).await?)
            })
        })
        .await?;
    columns.map(Row::read).transpose()?.ok_or(ABSENT)
}
