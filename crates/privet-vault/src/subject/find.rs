//! Finding a subject, and what opens its data.

use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_store::{Error as StoreError, FromRow, Tx, Value, values};
use privet_types::TenantId;

use super::container::open_fields;
use super::id::SubjectRef;
use super::index::Entry;
use super::normalise::ValueForm;
use super::row::{COLUMNS, Found, RowValues, SubjectRow, SubjectState, record_name};
use crate::{Actor, Error, Ground, SubjectId, Vault};

const ABSENT: Error = Error::Absent { what: "subject" };

/// A row and the container of its current version.
pub(crate) type Loaded = (SubjectRow, Vec<u8>);

impl Vault {
    /// The subject `who` of `actor`'s tenant, restricted or not.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, another tenant's or an erased one; [`Error::Damaged`] if its row, or the index
    /// that led to it, was changed.
    pub(crate) async fn find(&self, actor: &Actor, who: &SubjectRef) -> Result<Found, Error> {
        self.find_at(actor, who, Some(self.now())).await
    }

    /// As [`find`](Self::find), also if the subject's time has come: for who erases.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub(crate) async fn find_even_ended(&self, actor: &Actor, who: &SubjectRef) -> Result<Found, Error> {
        self.find_at(actor, who, None).await
    }

    async fn find_at(&self, actor: &Actor, who: &SubjectRef, now: Option<Timestamp>) -> Result<Found, Error> {
        let entry = match who.field() {
            Some((field, value)) => Some(self.indexes(&actor.tenant).await?.entry(field, value)?),
            None => None,
        };
        let (tenant, who_owned, by) = (actor.tenant.clone(), who.clone(), entry.clone());
        let loaded = self
            .store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move { load(tx, tenant.as_str(), &who_owned, by.as_ref(), now).await })
            })
            .await?;
        let found = self.unlock(&actor.tenant, loaded.ok_or(ABSENT)?).await?;
        if let Some(entry) = entry {
            self.check_entry(actor, &found, &entry).await?;
        }
        Ok(found)
    }

    /// As [`find`](Self::find); a restricted subject only for a permitted purpose.
    ///
    /// # Errors
    /// Those of [`find`](Self::find); [`Error::Restricted`].
    pub(crate) async fn find_for(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        ground: Ground,
    ) -> Result<Found, Error> {
        let found = self.find(actor, who).await?;
        if found.row.state == SubjectState::Restricted && ground.is_ordinary() {
            return Err(Error::Restricted);
        }
        Ok(found)
    }

    /// The id of `who`, restricted or not; a sliding end starts anew. A login that is written in another case than the record has it leads nowhere,
    /// though no two subjects can have it.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, another tenant's or an erased one; [`Error::BadField`] if nothing can be found by
    /// such a value; [`Error::Damaged`].
    pub async fn locate(&self, actor: &Actor, who: &SubjectRef) -> Result<SubjectId, Error> {
        let found = self.find(actor, who).await?;
        if let SubjectRef::Login(login) = who {
            let record = found.subject_with(&["login"])?.record;
            let written = match record.fields().get("login") {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => return Err(ABSENT),
            };
            if ValueForm::Exact.apply(&written, None) != ValueForm::Exact.apply(login.expose(), None) {
                return Err(ABSENT);
            }
        }
        self.touch(actor, &found).await?;
        Ok(found.row.id)
    }

    /// The keys to what was loaded.
    pub(crate) async fn unlock(&self, tenant: &TenantId, loaded: Loaded) -> Result<Found, Error> {
        self.unlock_many(tenant, vec![loaded]).await?.pop().ok_or(ABSENT)
    }

    /// The keys to what was loaded; whose key is shredded is left out.
    pub(crate) async fn unlock_many(
        &self,
        tenant: &TenantId,
        loaded: Vec<Loaded>,
    ) -> Result<Vec<Found>, Error> {
        let ids: Vec<KeyId> = loaded.iter().map(|(row, _)| row.key_id).collect();
        let keys = self.keyring.subject_keys(tenant, &ids).await?;
        let mut found = Vec::with_capacity(loaded.len());
        for ((row, sealed), key) in loaded.into_iter().zip(keys) {
            if let Some(key) = key {
                let keys = row.keys(&key)?;
                found.push(Found { row, keys, sealed });
            }
        }
        Ok(found)
    }

    /// That the record has the value by which it was found: nobody bent the index.
    async fn check_entry(&self, actor: &Actor, found: &Found, entry: &Entry) -> Result<(), Error> {
        let name = record_name(found.row.updated_at);
        let place = found.row.place(&name, found.row.version);
        let fields = open_fields(&found.keys, &place, &found.sealed, [entry.field.as_str()])?;
        let entries = self.indexes(&actor.tenant).await?.entries(&fields)?;
        if entries.exact.contains(entry) {
            Ok(())
        } else {
            Err(Error::Damaged {
                table: "subject_index",
            })
        }
    }
}

async fn load(
    tx: &mut Tx,
    tenant: &str,
    who: &SubjectRef,
    entry: Option<&Entry>,
    now: Option<Timestamp>,
) -> Result<Option<Loaded>, Error> {
    let (condition, values) = match (who, entry) {
        (SubjectRef::Token(id), _) => ("s.id = $2", values![tenant, id.as_str()]),
        (_, Some(entry)) => (
            "s.id IN (SELECT i.subject FROM subject_index i WHERE i.tenant = $1 AND i.field = $2 \
             AND i.key_version = $3 AND i.entry = $4 LIMIT 2)",
            values![tenant, &entry.field, entry.version, entry.hash],
        ),
        (_, None) => return Ok(None),
    };
    let mut rows = loaded(tx, tenant, now, condition, values).await?;
    if rows.len() > 1 {
        return Err(Error::BadField {
            field: entry.map(|entry| entry.field.clone()).unwrap_or_default(),
            why: "several subjects have this value; search for it instead",
        });
    }
    Ok(rows.pop())
}

/// That the time of the subject `s` has not come, as of `$now`: a subject that is to be deleted is absent from then on, not
/// only when it is erased. A legal hold keeps it.
pub(super) fn has_not_ended(now: usize) -> String {
    format!(
        "(s.ends_at IS NULL OR s.ends_at > ${now}) AND NOT EXISTS (SELECT 1 FROM subject_expiries x \
         WHERE x.tenant = s.tenant AND x.subject = s.id \
         AND x.state IN ('wait', 'due') AND x.expires_at <= ${now} AND NOT EXISTS (SELECT 1 FROM active_holds h \
         WHERE h.tenant = x.tenant AND (h.until IS NULL OR h.until > ${now}) \
         AND (h.subject IS NULL OR h.subject = x.subject)))"
    )
}

/// The subjects of `tenant` (`$1` of `values`) that fit `condition` over the table `s`, in the order of their ids; erased
/// ones are left out, and those whose time had come by `now`.
pub(crate) async fn loaded(
    tx: &mut Tx,
    tenant: &str,
    now: Option<Timestamp>,
    condition: &str,
    mut values: Vec<Value>,
) -> Result<Vec<Loaded>, Error> {
    let ended = now.map_or_else(String::new, |now| {
        values.push(now.as_millisecond().into());
        format!("{} AND ", has_not_ended(values.len()))
    });
    let sql = format!(
        "SELECT {COLUMNS}, v.sealed FROM subjects s JOIN subject_versions v \
         ON v.tenant = s.tenant AND v.subject = s.id AND v.version = s.version \
         WHERE s.tenant = $1 AND s.state <> 'erased' AND {ended}{condition}"
    );
    tx.rows::<LoadedValues>(sql, values)
        .await?
        .into_iter()
        .map(|values| values.read(tenant))
        .collect()
}

struct LoadedValues(RowValues, Vec<u8>);

impl FromRow for LoadedValues {
    fn from_row(row: privet_store::Row) -> Result<Self, StoreError> {
        let (id, key_id, state, version, oldest, created_at, updated_at, mark, until, sliding, ends, sealed) =
            FromRow::from_row(row)?;
        let row = (
            id, key_id, state, version, oldest, created_at, updated_at, mark, until, sliding, ends,
        );
        Ok(Self(row, sealed))
    }
}

impl LoadedValues {
    fn read(self, tenant: &str) -> Result<Loaded, Error> {
        Ok((SubjectRow::read(tenant, self.0)?, self.1))
    }
}

/// The row of the subject `id`, erased or not, unless its time had come by `now`. For work that is about the row alone.
pub(crate) async fn row(
    tx: &mut Tx,
    tenant: &str,
    now: Timestamp,
    id: &SubjectId,
) -> Result<Option<SubjectRow>, Error> {
    let ended = has_not_ended(3);
    let sql = format!("SELECT {COLUMNS} FROM subjects s WHERE s.tenant = $1 AND s.id = $2 AND {ended}");
    tx.optional::<RowValues>(sql, values![tenant, id.as_str(), now.as_millisecond()])
        .await?
        .map(|values| SubjectRow::read(tenant, values))
        .transpose()
}
