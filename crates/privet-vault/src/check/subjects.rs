//! Rows of subjects, versions of records, and both kinds of index.

use std::collections::{BTreeMap, BTreeSet};

use privet_crypto::KeyId;
use privet_store::{Row, Scope, SubjectKey, Value, values};

use super::walk::{Cells, Walk, walk};
use super::{FindingKind, Look, is_damage};
use crate::Error;
use crate::consent::{SubjectPseudonym, history, pseudonym};
use crate::subject::{Keys, Record, SubjectId, SubjectRow, SubjectState, record_name, sealed};

/// Versions of one record that are read at a time: each may have a megabyte.
const VERSIONS: i64 = 8;

const SUBJECTS: Walk = Walk {
    from: "subjects t",
    key: &["id"],
    columns: "t.key_id, t.state, t.version, t.oldest_version, t.created_at, t.updated_at, t.mark, \
              t.until_at, t.sliding_ms, t.ends_at",
    condition: "AND t.state <> 'erased'",
    limit: 200,
};

/// A subject whose row is what was written.
struct Known {
    row: SubjectRow,
    key: SubjectKey,
    keys: Keys,
    /// The current version, if it opened.
    record: Option<Record>,
}

/// What stands in an index: field, version, value, slot.
type Standing = (String, i64, Vec<u8>, String);
/// All that stands in an index for a subject.
type Stands = BTreeSet<Standing>;

impl Look<'_, '_> {
    /// Everything that hangs on subjects who were not erased.
    pub(super) async fn subjects(&mut self) -> Result<(), Error> {
        walk!(SUBJECTS, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("subjects", rows.len());
            let mut known = self.known(&rows).await?;
            for one in &mut known {
                one.record = self.versions(one).await?;
            }
            self.indexes(&known).await?;
            self.evidence(&known).await?;
        });
        Ok(())
    }

    /// Those of `rows` that are what was written, with their keys.
    async fn known(&mut self, rows: &[Cells]) -> Result<Vec<Known>, Error> {
        let mut good = Vec::new();
        for cells in rows {
            match self.row_of(cells) {
                Some(row) => good.push(row),
                None => self.found(FindingKind::SubjectChanged, "subjects", &cells.label(1)),
            }
        }
        let ids: Vec<KeyId> = good.iter().map(|row| row.key_id).collect();
        let keys = self.keys(&ids).await?;
        let mut known = Vec::new();
        for (row, key) in good.into_iter().zip(keys) {
            let Some(key) = key else {
                self.found(FindingKind::KeyMissing, "subjects", row.id.as_str());
                continue;
            };
            match row.keys(&key) {
                Ok(keys) => known.push(Known {
                    row,
                    key,
                    keys,
                    record: None,
                }),
                Err(_) => self.found(FindingKind::SubjectChanged, "subjects", row.id.as_str()),
            }
        }
        Ok(known)
    }

    fn row_of(&self, cells: &Cells) -> Option<SubjectRow> {
        Some(SubjectRow {
            tenant: self.tenant.as_str().to_owned(),
            id: SubjectId::stored(cells.text(0)?.to_owned()),
            key_id: KeyId::from_bytes(cells.array(1)?),
            state: SubjectState::stored(cells.text(2)?).ok()?,
            version: u64::try_from(cells.int(3)?).ok()?,
            oldest_version: u64::try_from(cells.int(4)?).ok()?,
            created_at: cells.int(5)?,
            updated_at: cells.int(6)?,
            mark: cells.array(7)?,
            until_at: cells.int(8),
            sliding_ms: cells.int(9),
            ends_at: cells.int(10),
        })
    }

    /// Opens every version of a record. Returns the current one.
    async fn versions(&mut self, known: &Known) -> Result<Option<Record>, Error> {
        let row = &known.row;
        let (mut behind, mut missing) = (row.oldest_version.saturating_sub(1), Vec::new());
        let mut current = None;
        loop {
            let (tenant, id) = (self.tenant.clone(), row.id.as_str().to_owned());
            let after = i64::try_from(behind).unwrap_or(i64::MAX);
            let found: Vec<(i64, i64, Vec<u8>)> = self
                .vault
                .store
                .database()
                .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                    Box::pin(async move {
                        Ok(tx
                            .rows(
                                "SELECT version, at, sealed FROM subject_versions WHERE tenant = $1 \
                                 AND subject = $2 AND version > $3 ORDER BY version LIMIT $4",
                                values![tenant.as_str(), id, after, VERSIONS],
                            )
                            .await?)
                    })
                })
                .await?;
            self.looked_at("subject_versions", found.len());
            let is_last = (found.len() as i64) < VERSIONS;
            for (version, at, container) in found {
                let version = version.unsigned_abs();
                missing.extend(behind + 1..version.min(behind + 1 + 1000));
                behind = version;
                let label = format!("{}/{version}", row.id.as_str());
                let name = record_name(at);
                // The row binds when its own version was written.
                let is_dated = version != row.version || at == row.updated_at;
                match sealed::open(&known.keys, &row.place(&name, version), &container) {
                    Ok(record) if is_dated && version <= row.version => {
                        current = (version == row.version).then_some(record);
                    }
                    _ => self.found(FindingKind::SealDamaged, "subject_versions", &label),
                }
            }
            if is_last {
                break;
            }
        }
        missing.extend(behind + 1..=row.version.min(behind + 1000));
        for version in missing {
            let label = format!("{}/{version}", row.id.as_str());
            self.found(FindingKind::VersionMissing, "subject_versions", &label);
        }
        Ok(current)
    }

    /// Computes what should stand in both indexes for the subjects, and holds it against what does.
    async fn indexes(&mut self, known: &[Known]) -> Result<(), Error> {
        let indexes = self.vault.indexes(self.tenant).await?;
        let is_written = |version: i64| {
            let mut written = indexes.versions().written.iter();
            written.any(|one| i64::from(*one) == version)
        };
        let ids: Vec<Value> = known.iter().map(|one| one.row.id.as_str().into()).collect();
        for (table, value, slot) in [
            ("subject_index", "entry", "slot"),
            ("subject_buckets", "bucket", "''"),
        ] {
            let is_bucket = table == "subject_buckets";
            let columns = format!("subject, field, key_version, {value}, {slot}");
            let mut stand: BTreeMap<String, Stands> = BTreeMap::new();
            for cells in self.in_list(&columns, table, "subject", &ids).await? {
                self.looked_at(table, 1);
                let Some((subject, entry)) = standing(&cells, is_bucket) else {
                    self.found(FindingKind::IndexWrong, table, &cells.label(2));
                    continue;
                };
                stand.entry(subject).or_default().insert(entry);
            }
            for one in known {
                let id = one.row.id.as_str();
                let stands = stand.remove(id).unwrap_or_default();
                let Some(record) = &one.record else { continue };
                let Ok(entries) = indexes.entries(record) else {
                    self.found(FindingKind::IndexNotComputable, table, id);
                    continue;
                };
                let expected: Stands = if is_bucket {
                    let buckets = entries.buckets.into_iter();
                    buckets
                        .map(|b| {
                            (
                                b.field,
                                i64::from(b.version),
                                b.bucket.to_le_bytes().to_vec(),
                                String::new(),
                            )
                        })
                        .collect()
                } else {
                    let exact = entries.exact.into_iter();
                    exact
                        .map(|entry| {
                            let slot = if entry.is_unique { "" } else { id };
                            (
                                entry.field,
                                i64::from(entry.version),
                                entry.hash.to_vec(),
                                slot.to_owned(),
                            )
                        })
                        .collect()
                };
                // While one secret takes the place of another, only what is looked up with is whole.
                let searched = i64::from(indexes.versions().searched);
                let missing = expected.difference(&stands);
                for (field, ..) in missing.filter(|(_, version, ..)| *version == searched) {
                    self.found(FindingKind::IndexMissing, table, &format!("{id}/{field}"));
                }
                for (field, at_version, ..) in stands.difference(&expected) {
                    let is_old = !is_written(*at_version) || !indexes.has(field, is_bucket);
                    let kind = if is_old {
                        FindingKind::IndexOutdated
                    } else {
                        FindingKind::IndexWrong
                    };
                    self.found(kind, table, &format!("{id}/{field}"));
                }
            }
        }
        Ok(())
    }

    /// Opens what was sealed with statements and holds of the subjects; looks whether one of them is on the list of erased
    /// persons.
    async fn evidence(&mut self, known: &[Known]) -> Result<(), Error> {
        let named: BTreeMap<[u8; 32], &Known> = known
            .iter()
            .map(|one| (pseudonym(one.key.first(), self.tenant).0, one))
            .collect();
        let names: Vec<Value> = named.keys().map(|name| Value::from(*name)).collect();
        for cells in self
            .in_list(
                "subject, statement, evidence",
                "consent_events",
                "subject",
                &names,
            )
            .await?
        {
            let (Some(subject), Some(statement), Some(sealed)) =
                (cells.array::<32>(0), cells.text(1), cells.bytes(2))
            else {
                continue;
            };
            let opens = named.get(&subject).is_some_and(|one| {
                let name = SubjectPseudonym(subject);
                history::evidence_opens(one.key.first(), self.tenant, &name, statement, sealed)
            });
            if !opens {
                self.found(FindingKind::SealDamaged, "consent_events", statement);
            }
        }
        for cells in self
            .in_list("subject, hold, why", "hold_events", "subject", &names)
            .await?
        {
            let (Some(subject), Some(hold), Some(sealed)) =
                (cells.array::<32>(0), cells.text(1), cells.bytes(2))
            else {
                continue;
            };
            let opens = named.get(&subject).is_some_and(|one| {
                crate::retention::why_opens(one.key.first(), self.tenant, &subject, hold, sealed)
            });
            if !opens {
                self.found(FindingKind::SealDamaged, "hold_events", hold);
            }
        }
        let indexes = self.vault.indexes(self.tenant).await?;
        for one in known {
            let Some(record) = &one.record else { continue };
            let known_by = indexes.known_by(record).into_iter();
            let identifiers: Vec<_> = known_by.map(|(identifier, _)| identifier).collect();
            let erased_at = self.vault.erased_at(self.tenant, &identifiers).await?;
            // Whoever came later is somebody new.
            if erased_at.is_some_and(|at| one.row.created_at < at) {
                self.found(FindingKind::ErasedPersonIsBack, "subjects", one.row.id.as_str());
            }
        }
        Ok(())
    }

    /// The rows of `table` whose `column` is one of `list`.
    pub(super) async fn in_list(
        &self,
        columns: &str,
        table: &str,
        column: &str,
        list: &[Value],
    ) -> Result<Vec<Cells>, Error> {
        if list.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (2..list.len() + 2).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE tenant = $1 AND {column} IN ({})",
            places.join(",")
        );
        let mut values = values![self.tenant.as_str()];
        values.extend(list.iter().cloned());
        let rows: Vec<Row> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values).await?) })
            })
            .await?;
        Ok(rows.into_iter().map(Cells::from).collect())
    }

    /// The keys `ids`, in that order; `None` where there is none or it cannot be read.
    pub(super) async fn keys(&self, ids: &[KeyId]) -> Result<Vec<Option<SubjectKey>>, Error> {
        let keyring = &self.vault.keyring;
        match keyring.subject_keys(self.tenant, ids).await.map_err(Error::from) {
            Ok(keys) => Ok(keys),
            // One of them cannot be read: which one shows when they are asked for one by one.
            Err(error) if is_damage(&error) => {
                let mut keys = Vec::with_capacity(ids.len());
                for id in ids {
                    let one = std::slice::from_ref(id);
                    match keyring.subject_keys(self.tenant, one).await.map_err(Error::from) {
                        Ok(mut found) => keys.push(found.pop().flatten()),
                        Err(error) if is_damage(&error) => keys.push(None),
                        Err(error) => return Err(error),
                    }
                }
                Ok(keys)
            }
            Err(error) => Err(error),
        }
    }
}

/// Subject, and what stands in an index for it.
fn standing(cells: &Cells, is_bucket: bool) -> Option<(String, Standing)> {
    let value = if is_bucket {
        u32::try_from(cells.int(3)?).ok()?.to_le_bytes().to_vec()
    } else {
        cells.bytes(3)?.to_vec()
    };
    let entry = (
        cells.text(1)?.to_owned(),
        cells.int(2)?,
        value,
        cells.text(4)?.to_owned(),
    );
    Some((cells.text(0)?.to_owned(), entry))
}
