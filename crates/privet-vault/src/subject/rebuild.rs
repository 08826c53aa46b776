//! Building the indexes anew: after an index was added, or the rules of a form changed.

use privet_store::{Leaf, Tx, append_leaf, values};

use super::create::{insert_entries, taken_field};
use super::find::loaded;
use super::id::SubjectId;
use super::index::Entries;
use super::list::Page;
use super::row::SubjectRow;
use crate::audit::SubjectChange;
use crate::{Actor, Error, Vault};

/// Most subjects of one call.
const MOST: u32 = 500;

/// What was built anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Subjects looked at.
    pub subjects: u64,
    /// The last of them: the next page begins behind it. `None` when there are no more.
    pub last: Option<SubjectId>,
    /// Those that keep their old entries, and the field that is why: another subject has the value, or it has not the
    /// form that the index asks for.
    pub refused: Vec<(SubjectId, String)>,
}

impl Vault {
    /// Builds the index entries of a page of subjects from their records, 500 at most. Finding goes on meanwhile: each
    /// subject's entries are replaced in one transaction. Restricted subjects are built, too; it shows nothing of them.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a record does not open, and those of the store.
    pub async fn rebuild_indexes(&self, actor: &Actor, page: &Page) -> Result<Rebuilt, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        let (tenant, page) = (actor.tenant.clone(), page.clone());
        let rows = self
            .store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let after = page.after.as_ref().map_or("", SubjectId::as_str);
                    let limit = page.limit.min(MOST);
                    let values = values![tenant.as_str(), after, limit];
                    loaded(
                        tx,
                        tenant.as_str(),
                        None,
                        "s.id > $2 ORDER BY s.id LIMIT $3",
                        values,
                    )
                    .await
                })
            })
            .await?;
        let mut rebuilt = Rebuilt {
            subjects: rows.len() as u64,
            last: rows.last().map(|(row, _)| row.id.clone()),
            refused: Vec::new(),
        };
        for found in self.unlock_many(&actor.tenant, rows).await? {
            let outcome = match indexes.entries(&found.subject()?.record) {
                Ok(entries) => {
                    let row = found.row.clone();
                    self.store
                        .database()
                        .write(&Self::scope(actor), move |tx| {
                            Box::pin(async move { replace_entries(tx, &row, &entries).await })
                        })
                        .await
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => {}
                Err(Error::Taken { field } | Error::BadField { field, .. }) => {
                    rebuilt.refused.push((found.row.id, field));
                }
                Err(error) => return Err(error),
            }
        }
        if rebuilt.subjects > 0 {
            let at = self.now();
            let change = SubjectChange {
                count: Some(rebuilt.subjects),
                ..SubjectChange::by(actor, at)
            };
            self.store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        let leaf = Leaf {
                            kind: "indexes_rebuilt",
                            tenant: &change.tenant,
                            at,
                            payload: &change,
                        };
                        Ok(append_leaf(tx, leaf).await?)
                    })
                })
                .await?;
        }
        Ok(rebuilt)
    }
}

/// Puts `entries` in the place of those that are there, unless the record has changed meanwhile: who changed it has put
/// its entries there.
async fn replace_entries(tx: &mut Tx, row: &SubjectRow, entries: &Entries) -> Result<(), Error> {
    let (tenant, id) = (row.tenant.as_str(), row.id.as_str());
    let held = tx
        .execute(
            "UPDATE subjects SET state = state WHERE tenant = $1 AND id = $2 AND mark = $3",
            values![tenant, id, row.mark],
        )
        .await?;
    if held == 0 {
        return Ok(());
    }
    for table in ["subject_index", "subject_buckets"] {
        let sql = format!("DELETE FROM {table} WHERE tenant = $1 AND subject = $2");
        tx.execute(sql, values![tenant, id]).await?;
    }
    if let Some(field) = taken_field(tx, tenant, entries.exact.iter()).await? {
        return Err(Error::Taken { field });
    }
    let exact = entries.exact.iter().map(|entry| entry.row(tenant, id)).collect();
    let buckets = entries.buckets.iter().map(|b| b.row(tenant, id)).collect();
    insert_entries(tx, exact, buckets).await
}
