//! Changes of definitions that reach others: a new name, the end of an agreement.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use privet_store::{Scope, Tx, values};
use privet_types::TenantId;

use super::catalog::{all, all_versions, current, end, own_purpose, write};
use super::definition::{Activity, Agreement, Definition, DefinitionKind, Purpose, Versioned};
use super::{Consent, next_seq};
use crate::{Actor, Error};

/// How often a change is tried because somebody else changed the same thing.
const ATTEMPTS: usize = 16;

/// An agreement that is in force, or that is not any more and somebody answered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAgreement {
    /// What it says, or said last.
    pub agreement: Agreement,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// When it was made, milliseconds since the epoch.
    pub created_at: i64,
}

/// On whose behalf, when, and as which change.
struct Turn {
    tenant: TenantId,
    principal: String,
    now: Timestamp,
    seq: i64,
}

impl Consent {
    /// Makes the next version of the definition `name` by `change`, which is asked again if somebody else was faster. It may
    /// give the definition another name: what names it is led to the new one.
    ///
    /// # Errors
    /// [`Error::Undefined`] if there is none; [`Error::Defined`] if the new name is another's; [`Error::Answered`] if an
    /// agreement is to get another name that subjects answered to; [`Error::BadField`]; those of `change`.
    pub async fn change<D: Definition>(
        &self,
        actor: &Actor,
        name: &str,
        change: impl Fn(D) -> Result<D, Error> + Send + Sync,
    ) -> Result<Versioned<D>, Error> {
        for _ in 0..ATTEMPTS {
            let known = self.definition::<D>(&actor.tenant, name).await?;
            let known = known.ok_or_else(|| Error::Undefined {
                what: D::KIND.name(),
                name: name.to_owned(),
            })?;
            let new = change(known.definition.clone())?;
            match self.put_in_place(actor, known, new).await {
                Err(Error::VersionConflict { .. }) => {}
                outcome => return outcome,
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    async fn put_in_place<D: Definition>(
        &self,
        actor: &Actor,
        known: Versioned<D>,
        new: D,
    ) -> Result<Versioned<D>, Error> {
        new.validate()?;
        let (tenant, principal, now) = (actor.tenant.clone(), actor.principal.0.clone(), self.clock.now());
        let (versioned, seq) = self
            .database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let seq = next_seq(tx, tenant.as_str()).await?;
                    let turn = Turn {
                        tenant,
                        principal,
                        now,
                        seq,
                    };
                    let versioned = turn.replace(tx, known, &new).await?;
                    Ok::<_, Error>((versioned, seq))
                })
            })
            .await?;
        self.cache.forget_catalog(&actor.tenant, seq);
        Ok(versioned)
    }

    /// Ends the agreement `name`: nobody can agree any more, what was agreed is revoked, and activities do not rest on it
    /// any more. Its versions and what was said under them stay. One that was stopped half-way is finished by asking again.
    ///
    /// # Errors
    /// [`Error::Undefined`] if there is none; [`Error::Store`] if the store does not answer.
    pub async fn end_agreement(&self, actor: &Actor, name: &str) -> Result<(), Error> {
        // First closed, so that nobody agrees while the others' agreements are revoked.
        let close = |agreement| {
            Ok(Agreement {
                is_open: false,
                ..agreement
            })
        };
        self.change::<Agreement>(actor, name, close).await?;
        self.revoke_all(actor, name).await?;
        let (tenant, principal, now) = (actor.tenant.clone(), actor.principal.0.clone(), self.clock.now());
        let name = name.to_owned();
        let seq = self
            .database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let seq = next_seq(tx, tenant.as_str()).await?;
                    let turn = Turn {
                        tenant,
                        principal,
                        now,
                        seq,
                    };
                    turn.end_agreement(tx, &name).await?;
                    Ok::<_, Error>(seq)
                })
            })
            .await?;
        self.cache.forget_catalog(&actor.tenant, seq);
        Ok(())
    }

    /// The agreements in force, and those not any more that somebody answered to, in the order they were made.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer, [`Error::Damaged`] if it was changed by hand.
    pub async fn known_agreements(&self, tenant: &TenantId) -> Result<Vec<KnownAgreement>, Error> {
        let owner = tenant.clone();
        let (versions, answered): (Vec<Versioned<Agreement>>, BTreeSet<String>) = self
            .database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let versions = all_versions::<Agreement>(tx, owner.as_str()).await?;
                    let mut answered = BTreeSet::new();
                    for name in deleted(&versions) {
                        if is_answered(tx, owner.as_str(), &name).await? {
                            answered.insert(name);
                        }
                    }
                    Ok((versions, answered))
                })
            })
            .await?;
        let known = lives(versions).into_iter().filter_map(|(created_at, last)| {
            let is_known = last.is_active || answered.contains(&last.definition.name);
            is_known.then_some(KnownAgreement {
                agreement: last.definition,
                is_deleted: !last.is_active,
                created_at,
            })
        });
        Ok(known.collect())
    }

    /// The activities in force with the time each was made, milliseconds since the epoch, in that order.
    ///
    /// # Errors
    /// As [`known_agreements`](Self::known_agreements).
    pub async fn known_activities(&self, tenant: &TenantId) -> Result<Vec<(i64, Activity)>, Error> {
        let owner = tenant.clone();
        let versions = self
            .database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { all_versions::<Activity>(tx, owner.as_str()).await })
            })
            .await?;
        let lives = lives(versions).into_iter();
        Ok(lives
            .filter(|(_, last)| last.is_active)
            .map(|(created_at, last)| (created_at, last.definition))
            .collect())
    }
}

impl Turn {
    async fn replace<D: Definition>(
        &self,
        tx: &mut Tx,
        known: Versioned<D>,
        new: &D,
    ) -> Result<Versioned<D>, Error> {
        let tenant = self.tenant.as_str();
        let old = known.definition.name().to_owned();
        let now = current::<D>(tx, tenant, &old).await?;
        if now.is_none_or(|now| now.version != known.version) {
            return Err(Error::VersionConflict {
                found: known.version.unsigned_abs(),
            });
        }
        let is_renamed = old != new.name();
        if is_renamed {
            if current::<D>(tx, tenant, new.name()).await?.is_some() {
                return Err(Error::Defined {
                    what: D::KIND.name(),
                    name: new.name().to_owned(),
                });
            }
            // What was said stays said of the name it was said of.
            if D::KIND == DefinitionKind::Agreement
                && (is_answered(tx, tenant, &old).await? || is_answered(tx, tenant, new.name()).await?)
            {
                return Err(Error::Answered);
            }
        }
        let (principal, at, seq) = (self.principal.as_str(), self.now, self.seq);
        let written = write(tx, &self.tenant, new, principal, at, seq, None).await?;
        if is_renamed && D::KIND == DefinitionKind::Agreement {
            self.lead(tx, &old, Some(new.name())).await?;
        }
        if is_renamed {
            end(tx, &self.tenant, known, principal, at, seq).await?;
        } else if D::KIND == DefinitionKind::Agreement
            && let Some(agreement) = current::<Agreement>(tx, tenant, new.name()).await?
        {
            self.keep_purpose(tx, &agreement.definition).await?;
        }
        Ok(written)
    }

    async fn end_agreement(&self, tx: &mut Tx, name: &str) -> Result<(), Error> {
        let Some(known) = current::<Agreement>(tx, self.tenant.as_str(), name).await? else {
            // Somebody else was faster.
            return Ok(());
        };
        self.lead(tx, name, None).await?;
        if let Some(purpose) = self.purpose_of(tx, &known.definition).await? {
            end(tx, &self.tenant, purpose, &self.principal, self.now, self.seq).await?;
        }
        end(tx, &self.tenant, known, &self.principal, self.now, self.seq).await
    }

    /// Leads the activities that rest on the agreement `from` to `to`, or to nothing.
    async fn lead(&self, tx: &mut Tx, from: &str, to: Option<&str>) -> Result<(), Error> {
        for activity in all::<Activity>(tx, self.tenant.as_str(), false).await? {
            let mut activity = activity.definition;
            if activity.agreements.remove(from) {
                activity.agreements.extend(to.map(str::to_owned));
                let (principal, at, seq) = (self.principal.as_str(), self.now, self.seq);
                write(tx, &self.tenant, &activity, principal, at, seq, None).await?;
            }
        }
        Ok(())
    }

    /// The purpose that `agreement` has because it names none, if anybody answered yet.
    async fn purpose_of(
        &self,
        tx: &mut Tx,
        agreement: &Agreement,
    ) -> Result<Option<Versioned<Purpose>>, Error> {
        if !agreement.purposes.is_empty() {
            return Ok(None);
        }
        let found = current::<Purpose>(tx, self.tenant.as_str(), &agreement.name).await?;
        // One that somebody defined says more.
        Ok(found.filter(|found| {
            let mut plain = own_purpose(agreement);
            plain.basis = found.definition.basis;
            plain.title.clone_from(&found.definition.title);
            plain == found.definition
        }))
    }

    /// Keeps the basis of an agreement's own purpose that of the agreement.
    async fn keep_purpose(&self, tx: &mut Tx, agreement: &Agreement) -> Result<(), Error> {
        if self.purpose_of(tx, agreement).await?.is_some() {
            let purpose = own_purpose(agreement);
            let (principal, at, seq) = (self.principal.as_str(), self.now, self.seq);
            write(tx, &self.tenant, &purpose, principal, at, seq, None).await?;
        }
        Ok(())
    }
}

/// Of each name its last version, and when what that is a version of was made; in that order. `versions`: those of a name
/// in order.
fn lives<D: Definition>(versions: Vec<Versioned<D>>) -> Vec<(i64, Versioned<D>)> {
    let mut lives = BTreeMap::<String, (i64, Versioned<D>)>::new();
    for version in versions {
        let name = version.definition.name().to_owned();
        let made = match lives.get(&name) {
            Some((made, last)) if last.is_active => *made,
            _ => version.at,
        };
        lives.insert(name, (made, version));
    }
    let mut lives: Vec<_> = lives.into_values().collect();
    lives.sort_by_key(|(made, _)| *made);
    lives
}

/// The names whose last version is not in force.
fn deleted(versions: &[Versioned<Agreement>]) -> BTreeSet<String> {
    let last: BTreeMap<&str, bool> = versions
        .iter()
        .map(|version| (version.definition.name(), version.is_active))
        .collect();
    last.into_iter()
        .filter(|(_, is_active)| !is_active)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether anybody ever answered to the agreement `name`.
async fn is_answered(tx: &mut Tx, tenant: &str, name: &str) -> Result<bool, Error> {
    let found: Option<i64> = tx
        .optional(
            "SELECT 1 FROM consent_events WHERE tenant = $1 AND agreement = $2 LIMIT 1",
            values![tenant, name],
        )
        .await?;
    Ok(found.is_some())
}
