//! What is only added to: definitions, the history of consent, holds.

use std::collections::BTreeMap;

use privet_crypto::sha256;
use privet_store::{Row, Scope, values};

use super::walk::{Cells, Walk, walk};
use super::{FindingKind, Look};
use crate::Error;
use crate::consent::{EVERY_PURPOSE, EventKind};

const DEFINITIONS: Walk = Walk {
    from: "definitions t",
    key: &["kind", "name", "version"],
    columns: "t.body, t.hash, t.seq",
    condition: "",
    limit: 200,
};
const EVENTS: Walk = Walk {
    from: "consent_events t",
    key: &["statement", "purpose"],
    columns: "t.kind, t.track, t.rank, t.seq, t.at, t.recorded_at, t.expires_at, t.agreement, t.agreement_version, t.agreement_hash",
    condition: "",
    limit: 500,
};
/// Holds whose history and state differ.
const HOLDS: &str = "SELECT h.hold FROM hold_events h WHERE h.tenant = $1 AND h.version = 1 \
     AND EXISTS (SELECT 1 FROM hold_events n WHERE n.tenant = h.tenant AND n.hold = h.hold AND n.version = 2) \
     AND EXISTS (SELECT 1 FROM active_holds a WHERE a.tenant = h.tenant AND a.hold = h.hold) \
     UNION ALL SELECT h.hold FROM hold_events h WHERE h.tenant = $1 AND h.version = 1 \
     AND NOT EXISTS (SELECT 1 FROM hold_events n WHERE n.tenant = h.tenant AND n.hold = h.hold AND n.version = 2) \
     AND NOT EXISTS (SELECT 1 FROM active_holds a WHERE a.tenant = h.tenant AND a.hold = h.hold \
         AND COALESCE(a.until, -1) = COALESCE(h.until, -1) AND a.reference = h.reference \
         AND COALESCE(a.category, '') = COALESCE(h.category, '') AND (a.subject IS NULL) = (h.subject IS NULL)) \
     UNION ALL SELECT a.hold FROM active_holds a WHERE a.tenant = $1 \
     AND NOT EXISTS (SELECT 1 FROM hold_events h WHERE h.tenant = a.tenant AND h.hold = a.hold AND h.version = 1) \
     UNION ALL SELECT h.hold FROM hold_events h WHERE h.tenant = $1 AND h.version <> 1 \
     AND NOT EXISTS (SELECT 1 FROM hold_events n WHERE n.tenant = h.tenant AND n.hold = h.hold AND n.version = 1)";

impl Look<'_, '_> {
    /// Each version is what was written, and none is missing.
    pub(super) async fn definitions(&mut self) -> Result<(), Error> {
        let newest = self.newest_seq().await?;
        let mut last = (String::new(), 0);
        walk!(DEFINITIONS, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("definitions", rows.len());
            for cells in &rows {
                let (Some(body), Some(hash), Some(version)) = (cells.text(3), cells.bytes(4), cells.int(2))
                else {
                    self.found(FindingKind::DefinitionChanged, "definitions", &cells.label(3));
                    continue;
                };
                let is_known = cells.int(5).is_some_and(|seq| seq <= newest);
                if sha256(body.as_bytes()) != hash || !is_known {
                    self.found(FindingKind::DefinitionChanged, "definitions", &cells.label(3));
                }
                let name = cells.label(2);
                let before = if last.0 == name { last.1 } else { 0 };
                if version != before + 1 {
                    self.found(FindingKind::DefinitionMissing, "definitions", &cells.label(3));
                }
                last = (name, version);
            }
        });
        Ok(())
    }

    /// Each event is one that could have been recorded.
    pub(super) async fn consent_events(&mut self) -> Result<(), Error> {
        let newest = self.newest_seq().await?;
        walk!(EVENTS, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("consent_events", rows.len());
            for cells in &rows {
                if event_fits(cells, newest).is_none() {
                    self.found(
                        FindingKind::ConsentEventChanged,
                        "consent_events",
                        &cells.label(2),
                    );
                }
            }
        });
        Ok(())
    }

    async fn newest_seq(&self) -> Result<i64, Error> {
        let tenant = self.tenant.clone();
        let newest: Option<i64> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT version FROM consent_versions WHERE tenant = $1",
                            values![tenant.as_str()],
                        )
                        .await?)
                })
            })
            .await?;
        Ok(newest.unwrap_or(0))
    }

    /// What is in force is what the history says.
    pub(super) async fn holds(&mut self) -> Result<(), Error> {
        let tenant = self.tenant.clone();
        let (rows, count): (Vec<Row>, i64) = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                Box::pin(async move {
                    let rows = tx.rows(HOLDS, values![tenant.as_str()]).await?;
                    let count = tx
                        .one(
                            "SELECT COUNT(*) FROM hold_events WHERE tenant = $1",
                            values![tenant.as_str()],
                        )
                        .await?;
                    Ok((rows, count))
                })
            })
            .await?;
        self.looked_at("hold_events", usize::try_from(count).unwrap_or(0));
        let mut told = BTreeMap::new();
        for cells in rows.into_iter().map(Cells::from) {
            told.insert(cells.label(1), ());
        }
        for hold in told.into_keys() {
            self.found(FindingKind::HoldInconsistent, "active_holds", &hold);
        }
        Ok(())
    }
}

/// `Some` if an event does not contradict itself.
fn event_fits(cells: &Cells, newest: i64) -> Option<()> {
    let kind = EventKind::parse(cells.text(2)?)?;
    let is_whole = cells.text(3)? == kind.track().name()
        && cells.int(4)? == kind.rank()
        && cells.int(5)? <= newest
        && cells.int(6)? <= cells.int(7)?
        && cells
            .int(8)
            .is_none_or(|end| kind == EventKind::Given && Some(end) > cells.int(6));
    let agreement = (cells.text(9), cells.int(10), cells.text(11));
    let names_agreement = matches!(agreement, (Some(_), Some(_), Some(_)) | (None, None, None));
    let is_specific = cells.text(1)? != EVERY_PURPOSE || kind != EventKind::Given;
    (is_whole && names_agreement && is_specific).then_some(())
}
