//! Erasures with their receipts, the list of erased persons, and the edges of the lineage.

use std::collections::BTreeMap;

use privet_store::{Scope, values};

use super::walk::{Walk, walk};
use super::{FindingKind, Look};
use crate::lineage::{NodeKind, Reach};
use crate::subject::SubjectId;
use crate::{ErasureReceipt, Error};

/// So long an erasure may take before it is told of, in milliseconds: a day.
const PATIENCE_MS: i64 = 86_400_000;

const ERASURES: Walk = Walk {
    from: "erasures t",
    key: &["id"],
    columns: "t.state, t.begun_at, t.done_at, t.receipt, t.pseudonym, t.reason, t.principal",
    condition: "",
    limit: 100,
};
const LIST: Walk = Walk {
    from: "erased_identifiers t",
    key: &["entry"],
    columns: "t.erased_at",
    condition: "AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = t.tenant AND e.begun_at = t.erased_at)",
    limit: 500,
};
const EDGES: Walk = Walk {
    from: "lineage t",
    key: &["subject", "kind", "place", "node"],
    columns: "t.reach, t.basis",
    condition: "",
    limit: 500,
};

impl Look<'_, '_> {
    /// Each erasure that is done has a receipt that the tenant's key signed and that says what its row says.
    pub(super) async fn erasures(&mut self) -> Result<(), Error> {
        let key = self.vault.receipt_key(self.tenant).await?;
        let now = self.vault.now().as_millisecond();
        walk!(ERASURES, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("erasures", rows.len());
            for cells in &rows {
                if cells.text(1) == Some("begun") {
                    let is_late = cells.int(2).is_none_or(|at| at < now - PATIENCE_MS);
                    if is_late {
                        self.found(FindingKind::ErasureUnfinished, "erasures", &cells.label(1));
                    }
                    continue;
                }
                let holds = cells
                    .text(4)
                    .and_then(|json| ErasureReceipt::parse(json.as_bytes()).ok())
                    .and_then(|receipt| receipt.verify(&key).ok())
                    .is_some_and(|said| {
                        Some(said.erasure.as_str()) == cells.text(0)
                            && said.tenant == self.tenant.as_str()
                            && Some(said.begun_at.as_millisecond()) == cells.int(2)
                            && Some(said.done_at.as_millisecond()) == cells.int(3)
                            && Some(said.subject.0.as_str()) == cells.text(5)
                            && Some(said.reason.as_str()) == cells.text(6)
                            && Some(said.principal.0.as_str()) == cells.text(7)
                    });
                if !holds {
                    self.found(FindingKind::ErasureReceipt, "erasures", &cells.label(1));
                }
            }
        });
        walk!(LIST, self.vault.store.database(), self.tenant, |rows| {
            for cells in &rows {
                self.found(
                    FindingKind::ErasedEntryUnfounded,
                    "erased_identifiers",
                    &cells.label(1),
                );
            }
        });
        self.count("erased_identifiers").await
    }

    async fn count(&mut self, table: &'static str) -> Result<(), Error> {
        let tenant = self.tenant.clone();
        let rows: i64 = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!("SELECT COUNT(*) FROM {table} WHERE tenant = $1");
                    Ok(tx.one(sql, values![tenant.as_str()]).await?)
                })
            })
            .await?;
        self.looked_at(table, usize::try_from(rows).unwrap_or(0));
        Ok(())
    }

    /// Each edge can be read, and leads somewhere as far as a connector can tell. That its subject is there is looked at
    /// with the strays.
    pub(super) async fn lineage(&mut self) -> Result<(), Error> {
        let mut far: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let mut unreachable = 0_u64;
        walk!(EDGES, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("lineage", rows.len());
            for cells in &rows {
                let reach = named::<Reach>(cells.text(4));
                let kind = named::<NodeKind>(cells.text(1));
                let (Some(reach), Some(_)) = (reach, kind) else {
                    self.found(FindingKind::EdgeUnreadable, "lineage", &cells.label(4));
                    continue;
                };
                if reach != Reach::Connector {
                    unreachable += 1;
                    continue;
                }
                let (Some(subject), Some(place), Some(node)) = (cells.text(0), cells.text(2), cells.text(3))
                else {
                    continue;
                };
                far.entry((place.to_owned(), subject.to_owned()))
                    .or_default()
                    .push(node.to_owned());
            }
            self.far_ends(&mut far).await?;
        });
        if unreachable > 0 {
            self.findings.not_checked(
                Some(self.tenant),
                "lineage",
                &format!("the far ends of {unreachable} edges are where no connector reaches"),
                false,
            );
        }
        Ok(())
    }

    async fn far_ends(&mut self, far: &mut BTreeMap<(String, String), Vec<String>>) -> Result<(), Error> {
        for ((place, subject), nodes) in std::mem::take(far) {
            let Ok(connector) = self.vault.connector(&place) else {
                let why = format!("there is no connector `{place}` here to ask");
                self.findings
                    .not_checked(Some(self.tenant), "lineage", &why, false);
                continue;
            };
            let id = SubjectId::stored(subject.clone());
            match connector.count(self.tenant.as_str(), &id, &nodes).await {
                Ok(count) if count >= nodes.len() as u64 => {}
                Ok(_) => self.found(
                    FindingKind::EdgeFarEndMissing,
                    "lineage",
                    &format!("{subject}/{place}"),
                ),
                Err(_) => {
                    let why = format!("the connector `{place}` does not answer");
                    self.findings
                        .not_checked(Some(self.tenant), "lineage", &why, true);
                }
            }
        }
        Ok(())
    }
}

fn named<T: serde::de::DeserializeOwned>(name: Option<&str>) -> Option<T> {
    serde_json::from_value(name?.into()).ok()
}
