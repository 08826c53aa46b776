//! What follows once an erasure is begun. Each step may be repeated.

use super::begun::{Begun, finish, keep_outcomes, outcomes};
use super::nodes::{by_connector, gone, own_nodes, remember, unreachable};
use super::{ErasureReceipt, ErasureStatement, NodeOutcome};
use crate::lineage::Registered;
use crate::subject::belongings;
use crate::{Error, Vault};

impl Vault {
    /// As [`finish_erasure`](Self::finish_erasure). Where somebody else took it up meanwhile and was first, theirs is the
    /// receipt.
    pub(super) async fn finish_or_find(&self, begun: &Begun) -> Result<ErasureReceipt, Error> {
        match self.finish_erasure(begun).await {
            Err(Error::Absent { what: "erasure" }) => self.erasure_receipt(&begun.actor(), &begun.id).await,
            finished => finished,
        }
    }

    /// All that follows.
    pub(super) async fn finish_erasure(&self, begun: &Begun) -> Result<ErasureReceipt, Error> {
        let actor = begun.actor();
        let nodes = self.nodes(&actor, &begun.subject).await?;
        let outside = self.empty_outside(begun, &nodes).await?;
        let shredding = self.keyring.shred(&begun.tenant, &[begun.key_id]).await?;
        let signer = self.receipt_signer(&begun.tenant).await?;
        let names = self.request_names(&begun.tenant).await?;
        let (begun, backend) = (begun.clone(), self.store.backend());
        let times = (begun.at, self.now(), shredding.keyring_backup_deadline);
        let receipt = self
            .store
            .database()
            .write::<_, Error, _>(&Self::scope(&actor), move |tx| {
                Box::pin(async move {
                    let rows = belongings::delete(tx, begun.tenant.as_str(), &begun.subject, &names).await?;
                    let mut outcomes = own_nodes(&rows, backend);
                    outcomes.extend(outside);
                    outcomes.extend(unreachable(&nodes));
                    let statement = ErasureStatement::new(
                        begun.id.clone(),
                        begun.tenant.as_str(),
                        (begun.pseudonym.clone(), begun.principal.clone()),
                        &begun.reason,
                        times,
                        outcomes,
                    );
                    let receipt = ErasureReceipt::sign(&statement, &signer)?;
                    finish(tx, &begun, times.1, &receipt, &statement.nodes).await?;
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

    /// Has the connectors erase what they reach. What they had is written down before: whoever takes this up again tells of
    /// all of it, not of the rest.
    async fn empty_outside(&self, begun: &Begun, nodes: &[Registered]) -> Result<Vec<NodeOutcome>, Error> {
        let by_connector = by_connector(nodes);
        if by_connector.is_empty() {
            return Ok(Vec::new());
        }
        let (database, scope) = (self.store.database(), Self::scope(&begun.actor()));
        let reading = begun.clone();
        let mut found = database
            .read::<_, Error, _>(&scope, move |tx| {
                Box::pin(async move { outcomes(tx, &reading).await })
            })
            .await?;
        for ((place, kind), ids) in by_connector {
            let connector = self.connector(place)?;
            let tenant = begun.tenant.as_str();
            let count = connector.count(tenant, &begun.subject, &ids).await?;
            if remember(&mut found, gone(kind, place, count)) {
                let (begun, found) = (begun.clone(), found.clone());
                database
                    .write::<_, Error, _>(&scope, move |tx| {
                        Box::pin(async move { keep_outcomes(tx, &begun, &found).await })
                    })
                    .await?;
            }
            connector.erase(tenant, &begun.subject, &ids).await?;
            let left = connector.count(tenant, &begun.subject, &ids).await?;
            if left > 0 {
                return Err(Error::Connector {
                    place: place.to_owned(),
                    why: "it still holds something after erasing",
                });
            }
        }
        Ok(found)
    }
}
