//! New subjects.

use std::collections::BTreeSet;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::{DataKey, KeyId, sha256};
use privet_store::{Leaf, Tx, append_leaves, values};
use privet_types::TenantId;

use super::change::Stored;
use super::container::seal;
use super::id::SubjectId;
use super::index::{Entries, Entry};
use super::keys::SubjectKeys;
use super::lifetime::Lifetime;
use super::record::Record;
use super::row::{SubjectRow, SubjectState, record_name};
use super::share::millis as span_millis;
use crate::audit::SubjectChange;
use crate::{Actor, Error, Vault};

/// From so many records on it pays to seal on another thread.
const SEALED_ELSEWHERE: usize = 16;
/// A unique value that is taken and given up again and again is given up here after so many looks.
const ATTEMPTS: usize = 16;

/// What is to be stored of new subjects: sealed, under keys that are durable already.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    subjects: Vec<NewSubject>,
    /// How each record given fared so far: which of `subjects` it is, or why it is none.
    outcomes: Vec<Result<usize, Error>>,
}

/// New subjects that are sealed, batch by batch, and not stored yet.
#[derive(Debug, Default)]
pub struct NewSubjects {
    prepared: Prepared,
    /// The unique values they have.
    taken: BTreeSet<Entry>,
}

#[derive(Debug, Clone)]
struct NewSubject {
    row: SubjectRow,
    sealed: Vec<u8>,
    entries: Entries,
    change: SubjectChange,
}

impl Vault {
    /// A new subject with `record`, durable on return.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field with an index cannot be indexed, [`Error::Taken`] if another subject has a value
    /// that may stand once.
    pub async fn create(&self, actor: &Actor, record: Record) -> Result<Stored, Error> {
        let outcomes = self.create_many(actor, vec![record]).await?;
        outcomes.into_iter().next().unwrap_or(Err(Error::Stopped))
    }

    /// New subjects, durable on return, in one transaction. A record that cannot be stored keeps no other from it. The
    /// outcomes are in the order of the records; keep to some hundreds of records.
    ///
    /// # Errors
    /// Those of the store and the keyring: then nothing is stored.
    pub async fn create_many(
        &self,
        actor: &Actor,
        records: Vec<Record>,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        self.create_many_for(actor, records, Lifetime::default()).await
    }

    /// As [`create_many`](Self::create_many), of subjects whose data ends.
    ///
    /// # Errors
    /// Those of [`create_many`](Self::create_many).
    pub async fn create_many_for(
        &self,
        actor: &Actor,
        records: Vec<Record>,
        lifetime: Lifetime,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        let prepared = self.prepare(actor, records, lifetime).await?;
        self.store_prepared(actor, prepared).await
    }

    /// As [`create_many_for`](Self::create_many_for), of records that come from elsewhere: whom the list of erased
    /// subjects knows is refused with [`Error::WasErased`].
    ///
    /// # Errors
    /// Those of [`create_many`](Self::create_many).
    pub async fn take_over(
        &self,
        actor: &Actor,
        records: Vec<Record>,
        lifetime: Lifetime,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        // A record that cannot be indexed is refused when it is prepared.
        let identifiers = |record| indexes.entries(record).map(|entries| entries.identifiers);
        let people: Vec<_> = records
            .iter()
            .map(|record| identifiers(record).unwrap_or_default())
            .collect();
        let are_erased = self.are_erased(&actor.tenant, &people).await?;
        if are_erased.len() != records.len() {
            return Err(Error::Stopped);
        }
        let kept = records.into_iter().zip(&are_erased);
        let kept = kept.filter_map(|(record, is_erased)| (!is_erased).then_some(record));
        let stored = self.create_many_for(actor, kept.collect(), lifetime).await?;
        let mut stored = stored.into_iter();
        let outcome = |is_erased: bool| {
            if is_erased {
                Err(Error::WasErased)
            } else {
                stored.next().unwrap_or(Err(Error::Stopped))
            }
        };
        Ok(are_erased.into_iter().map(outcome).collect())
    }

    /// Seals `records` and adds them to `new`; keep to some hundreds of records. Of those that have one unique value the first
    /// has it.
    ///
    /// # Errors
    /// Those of the keyring.
    pub async fn seal_new(
        &self,
        actor: &Actor,
        new: &mut NewSubjects,
        records: Vec<Record>,
    ) -> Result<(), Error> {
        let more = self
            .prepare_beside(actor, records, Lifetime::default(), &mut new.taken)
            .await?;
        new.prepared.add(more);
        Ok(())
    }

    /// Stores what was sealed, durable on return, in one transaction. A record that cannot be stored keeps no other from it.
    /// The outcomes are in the order of the records.
    ///
    /// # Errors
    /// Those of [`create_many`](Self::create_many).
    pub async fn store_new(
        &self,
        actor: &Actor,
        new: NewSubjects,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        self.store_prepared(actor, new.prepared).await
    }

    /// Indexes, keys and seals `records`.
    pub(crate) async fn prepare(
        &self,
        actor: &Actor,
        records: Vec<Record>,
        lifetime: Lifetime,
    ) -> Result<Prepared, Error> {
        self.prepare_beside(actor, records, lifetime, &mut BTreeSet::new())
            .await
    }

    /// As [`prepare`](Self::prepare), beside others that have the unique values `taken`.
    async fn prepare_beside(
        &self,
        actor: &Actor,
        records: Vec<Record>,
        lifetime: Lifetime,
        taken: &mut BTreeSet<Entry>,
    ) -> Result<Prepared, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        let mut outcomes = Vec::with_capacity(records.len());
        let mut good = Vec::with_capacity(records.len());
        for record in records {
            let entries = indexes.entries(&record).and_then(|entries| claim(taken, entries));
            outcomes.push(entries.map(|entries| {
                good.push((record, entries));
                good.len() - 1
            }));
        }
        let keys = self.keyring.create_keys(&actor.tenant, good.len()).await?;
        for ((id, _), (record, _)) in keys.iter().zip(&good) {
            self.count_seals(&actor.tenant, *id, record).await?;
        }
        let keys: Vec<Arc<DataKey>> = keys.into_iter().map(|(_, key)| key).collect();
        let (owner, at) = (actor.clone(), self.now());
        let work = move || -> Result<Vec<NewSubject>, Error> {
            good.into_iter()
                .zip(keys)
                .map(|((record, entries), key)| {
                    NewSubject::seal(&owner, at, &key, &record, entries, lifetime)
                })
                .collect()
        };
        let subjects = if outcomes.len() < SEALED_ELSEWHERE {
            work()?
        } else {
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| Error::Stopped)??
        };
        Ok(Prepared { subjects, outcomes })
    }

    /// Looks at `records` as [`prepare`](Self::prepare) does, and which unique values are taken; makes no keys and seals
    /// nothing.
    pub(crate) async fn check(&self, actor: &Actor, records: &[Record]) -> Result<Prepared, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        let mut taken: BTreeSet<Entry> = BTreeSet::new();
        let mut outcomes = Vec::with_capacity(records.len());
        let mut open = Vec::new();
        for (number, record) in records.iter().enumerate() {
            let entries = indexes
                .entries(record)
                .and_then(|entries| claim(&mut taken, entries));
            outcomes.push(entries.map(|entries| {
                open.push((number, entries.exact));
                number
            }));
        }
        let tenant = actor.tenant.clone();
        let stored = self
            .store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move { find_taken(tx, tenant.as_str(), &open).await })
            })
            .await?;
        for (number, field) in stored {
            if let Some(outcome) = outcomes.get_mut(number) {
                *outcome = Err(Error::Taken { field });
            }
        }
        Ok(Prepared {
            subjects: Vec::new(),
            outcomes,
        })
    }

    /// Stores what was prepared; where a unique value is taken, all but those who have it.
    pub(crate) async fn store_prepared(
        &self,
        actor: &Actor,
        prepared: Prepared,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        let Prepared {
            subjects,
            mut outcomes,
        } = prepared;
        let all = Arc::new(subjects);
        let refused = self.insert_free(actor, &all).await?;
        for outcome in &mut outcomes {
            if let Ok(number) = outcome
                && let Some(Some(field)) = refused.get(*number)
            {
                *outcome = Err(Error::Taken { field: field.clone() });
            }
        }
        Ok(outcomes
            .into_iter()
            .map(|outcome| {
                let subject = outcome.map(|number| all.get(number))?;
                subject
                    .map(|subject| Stored {
                        id: subject.row.id.clone(),
                        version: 1,
                        at: subject.change.at,
                    })
                    .ok_or(Error::Stopped)
            })
            .collect())
    }

    /// Inserts all of `all` whose unique values are free. Says of each in which field it is not.
    async fn insert_free(
        &self,
        actor: &Actor,
        all: &Arc<Vec<NewSubject>>,
    ) -> Result<Vec<Option<String>>, Error> {
        let mut open: Vec<usize> = (0..all.len()).collect();
        let mut refused: Vec<Option<String>> = vec![None; all.len()];
        for _ in 0..ATTEMPTS {
            let (subjects, chosen) = (Arc::clone(all), open.clone());
            let stored = self
                .store
                .database()
                .write(&Self::scope(actor), move |tx| {
                    Box::pin(async move { insert(tx, &subjects, &chosen).await })
                })
                .await;
            match stored {
                Ok(()) => {
                    let lost = refused
                        .iter()
                        .zip(all.iter())
                        .filter(|(field, _)| field.is_some());
                    let lost = lost.map(|(_, subject)| subject.row.key_id).collect();
                    self.shred_unused(actor, lost).await;
                    return Ok(refused);
                }
                Err(Error::Taken { .. }) => {}
                // Another transaction was in the way.
                Err(Error::Store(error)) if error.is_transient() => {}
                // The keys stay: nobody knows whether rows that need them are durable.
                Err(error) => return Err(error),
            }
            let wanted: Vec<(usize, BTreeSet<Entry>)> = open
                .iter()
                .filter_map(|number| Some((*number, all.get(*number)?.entries.exact.clone())))
                .collect();
            let tenant = actor.tenant.clone();
            let taken = self
                .store
                .database()
                .read(&Self::scope(actor), move |tx| {
                    Box::pin(async move { find_taken(tx, tenant.as_str(), &wanted).await })
                })
                .await?;
            for (number, field) in taken {
                if let Some(slot) = refused.get_mut(number) {
                    *slot = Some(field);
                }
            }
            open.retain(|number| refused.get(*number).is_none_or(Option::is_none));
        }
        self.shred_unused(actor, all.iter().map(|subject| subject.row.key_id).collect())
            .await;
        Err(Error::Taken { field: String::new() })
    }

    /// Counts the seals of a record that is about to be sealed: one a field, and one of the whole.
    pub(crate) async fn count_seals(
        &self,
        tenant: &TenantId,
        key: KeyId,
        record: &Record,
    ) -> Result<(), Error> {
        let seals = u32::try_from(record.fields().len() + 1).unwrap_or(u32::MAX);
        Ok(self.keyring.count_seals(tenant, &key, seals).await?)
    }

    /// Keys of subjects that did not come to be are of no use to anybody.
    async fn shred_unused(&self, actor: &Actor, ids: Vec<KeyId>) {
        if ids.is_empty() {
            return;
        }
        if let Err(error) = self.keyring.shred(&actor.tenant, &ids).await {
            tracing::warn!(error = %error, keys = ids.len(), "unused keys stay in the keyring");
        }
    }
}

impl Prepared {
    /// Adds what was prepared of the records behind.
    fn add(&mut self, more: Self) {
        let before = self.subjects.len();
        self.subjects.extend(more.subjects);
        let outcomes = more.outcomes.into_iter();
        self.outcomes
            .extend(outcomes.map(|outcome| outcome.map(|number| before + number)));
    }

    /// How each record fared, where nothing is to be stored.
    pub(crate) fn into_outcomes(self) -> Vec<Result<(), Error>> {
        self.outcomes
            .into_iter()
            .map(|outcome| outcome.map(|_| ()))
            .collect()
    }
}

/// Takes the unique values of `entries`, unless an earlier record of the batch has one.
fn claim(taken: &mut BTreeSet<Entry>, entries: Entries) -> Result<Entries, Error> {
    let unique = entries.exact.iter().filter(|entry| entry.is_unique);
    if let Some(entry) = unique.clone().find(|entry| taken.contains(entry)) {
        return Err(Error::Taken {
            field: entry.field.clone(),
        });
    }
    taken.extend(unique.cloned());
    Ok(entries)
}

impl NewSubject {
    fn seal(
        actor: &Actor,
        at: Timestamp,
        key: &DataKey,
        record: &Record,
        entries: Entries,
        lifetime: Lifetime,
    ) -> Result<Self, Error> {
        let keys = SubjectKeys::new(key);
        let millis = at.as_millisecond();
        let mut row = SubjectRow {
            tenant: actor.tenant.as_str().to_owned(),
            id: SubjectId::random()?,
            key_id: keys.id,
            state: SubjectState::Active,
            version: 1,
            oldest_version: 1,
            created_at: millis,
            updated_at: millis,
            mark: [0; 32],
            until_at: lifetime.until.map(Timestamp::as_millisecond),
            sliding_ms: lifetime.sliding.map(span_millis),
            ends_at: lifetime.end(at)?,
        };
        row.mark = row.expected_mark(&keys);
        let name = record_name(millis);
        let sealed = seal(&keys, &row.place(&name, 1), record)?;
        let change = SubjectChange {
            subject: Some(keys.pseudonym(&row.tenant, row.id.as_str())),
            version: Some(1),
            count: Some(record.fields().len() as u64),
            sealed: Some(HEXLOWER.encode(&sha256(&sealed))),
            ..SubjectChange::by(actor, at)
        };
        Ok(Self {
            row,
            sealed,
            entries,
            change,
        })
    }
}

/// [`Error::Taken`] (of no field) if a unique value stands already.
async fn insert(tx: &mut Tx, all: &[NewSubject], chosen: &[usize]) -> Result<(), Error> {
    let subjects: Vec<&NewSubject> = chosen.iter().filter_map(|number| all.get(*number)).collect();
    let Some(first) = subjects.first() else {
        return Ok(());
    };
    let mut exact = Vec::new();
    let mut buckets = Vec::new();
    for subject in &subjects {
        let id = subject.row.id.as_str();
        exact.extend(subject.entries.exact.iter().map(|entry| (entry, id)));
        buckets.extend(subject.entries.buckets.iter().map(|bucket| (bucket, id)));
    }
    // In one order, so that two batches never wait for each other.
    exact.sort_unstable();
    buckets.sort_unstable();
    let tenant = &first.row.tenant;
    let exact = exact.into_iter().map(|(entry, id)| entry.row(tenant, id));
    let buckets = buckets.into_iter().map(|(bucket, id)| bucket.row(tenant, id));
    insert_entries(tx, exact.collect(), buckets.collect()).await?;
    let rows = subjects.iter().map(|subject| {
        let row = &subject.row;
        values![
            &row.tenant,
            row.id.as_str(),
            *row.key_id.as_bytes(),
            row.state.name(),
            1_i64,
            1_i64,
            row.created_at,
            row.updated_at,
            row.mark,
            row.until_at,
            row.sliding_ms,
            row.ends_at
        ]
    });
    tx.insert_many(
        "INSERT INTO subjects (tenant, id, key_id, state, version, oldest_version, created_at, updated_at, mark, until_at, \
         sliding_ms, ends_at)",
        rows.collect(),
        "",
    )
    .await?;
    let rows = subjects.iter().map(|subject| {
        let row = &subject.row;
        values![
            &row.tenant,
            row.id.as_str(),
            1_i64,
            row.created_at,
            subject.sealed.as_slice()
        ]
    });
    tx.insert_many(
        "INSERT INTO subject_versions (tenant, subject, version, at, sealed)",
        rows.collect(),
        "",
    )
    .await?;
    let changes: Vec<&SubjectChange> = subjects.iter().map(|subject| &subject.change).collect();
    let leaf = Leaf {
        kind: "subject_created",
        tenant: &first.row.tenant,
        at: first.change.at,
        payload: &(),
    };
    Ok(append_leaves(tx, leaf, &changes).await?)
}

/// Inserts rows of both indexes.
///
/// # Errors
/// [`Error::Taken`] (of no field) if a unique value stands already.
pub(super) async fn insert_entries(
    tx: &mut Tx,
    exact: Vec<Vec<privet_store::Value>>,
    buckets: Vec<Vec<privet_store::Value>>,
) -> Result<(), Error> {
    let expected = exact.len() as u64;
    let inserted = tx
        .insert_many(
            "INSERT INTO subject_index (tenant, field, key_version, entry, slot, subject)",
            exact,
            "ON CONFLICT DO NOTHING",
        )
        .await?;
    if inserted < expected {
        return Err(Error::Taken { field: String::new() });
    }
    tx.insert_many(
        "INSERT INTO subject_buckets (tenant, field, key_version, bucket, subject)",
        buckets,
        "",
    )
    .await?;
    Ok(())
}

/// Which of the numbered entries hold a unique value that stands already, and in which field.
async fn find_taken(
    tx: &mut Tx,
    tenant: &str,
    wanted: &[(usize, BTreeSet<Entry>)],
) -> Result<Vec<(usize, String)>, Error> {
    let mut taken = Vec::new();
    for (number, entries) in wanted {
        if let Some(field) = taken_field(tx, tenant, entries.iter()).await? {
            taken.push((*number, field));
        }
    }
    Ok(taken)
}

/// The first field of `entries` whose unique value stands already.
pub(super) async fn taken_field(
    tx: &mut Tx,
    tenant: &str,
    entries: impl Iterator<Item = &Entry> + Send,
) -> Result<Option<String>, Error> {
    for entry in entries.filter(|entry| entry.is_unique) {
        let found: Option<String> = tx
            .optional(
                "SELECT subject FROM subject_index \
                 WHERE tenant = $1 AND field = $2 AND key_version = $3 AND entry = $4 AND slot = ''",
                values![tenant, &entry.field, entry.version, entry.hash],
            )
            .await?;
        if found.is_some() {
            return Ok(Some(entry.field.clone()));
        }
    }
    Ok(None)
}
