//! Reading records.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_store::{Scope, values};
use privet_types::TenantId;
use serde::Serialize;

use super::change::signed;
use super::container::{open, open_fields};
use super::id::{SubjectId, SubjectRef};
use super::lifetime::Lifetime;
use super::record::Record;
use super::row::{Found, SubjectState, record_name};
use crate::audit::{Access, Audited, Operation};
use crate::{Actor, Error, Ground, Vault};

/// Bytes of the keyed hash of a field's name in the log.
const NAME: usize = 4;

/// A record with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Whose.
    pub id: SubjectId,
    /// Where the subject stands.
    pub state: SubjectState,
    /// The version of the record.
    pub version: u64,
    /// When the subject came to be.
    pub created_at: Timestamp,
    /// When this version was written.
    pub updated_at: Timestamp,
    /// When its data ends.
    pub lifetime: Lifetime,
    /// When that is if it is not used any more.
    pub ends_at: Option<Timestamp>,
    /// The record, or those fields that were asked for.
    pub record: Record,
}

/// A version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VersionInfo {
    /// Its number, from 1.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
    /// A keyed hash of its ciphertext: two equal records have two.
    pub hash: [u8; 16],
}

/// `version, at, sealed`.
pub(super) type VersionRow = (i64, i64, Vec<u8>);

impl Vault {
    /// The record of `who`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`], [`Error::Damaged`] if what is stored was changed.
    pub async fn read(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        ground: Ground,
    ) -> Result<Audited<Subject>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let subject = found.subject()?;
        Ok(self.audited(actor, &found, subject, Operation::ReadRecord, ground))
    }

    /// Fields of the record of `who`: those of `fields` that it has. No other is opened.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_fields(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        fields: &[&str],
        ground: Ground,
    ) -> Result<Audited<Subject>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let subject = found.subject_with(fields)?;
        let mut read = self.audited(actor, &found, subject, Operation::ReadFields, ground);
        read.access.names = found.names_in_log(&read.value.record);
        Ok(read)
    }

    /// The record of `who` as it was in version `version`.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::Absent`] if that version is not kept any more, or not there yet.
    pub async fn read_version(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        version: u64,
        ground: Ground,
    ) -> Result<Audited<Subject>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        let stored: Option<(i64, Vec<u8>)> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT at, sealed FROM subject_versions WHERE tenant = $1 AND subject = $2 AND version = $3",
                            values![tenant.as_str(), id.as_str(), signed(version)],
                        )
                        .await?)
                })
            })
            .await?;
        let (at, sealed) = stored.ok_or(Error::Absent { what: "version" })?;
        let name = record_name(at);
        let record = open(&found.keys, &found.row.place(&name, version), &sealed)?;
        let subject = Subject {
            version,
            updated_at: timestamp(at)?,
            ..found.with(record)?
        };
        Ok(self.audited(actor, &found, subject, Operation::ReadVersion, ground))
    }

    /// The versions of the record of `who` that are kept, newest first.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn versions(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        ground: Ground,
    ) -> Result<Audited<Vec<VersionInfo>>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        let rows: Vec<VersionRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT version, at, sealed FROM subject_versions WHERE tenant = $1 AND subject = $2 \
                             ORDER BY version DESC",
                            values![tenant.as_str(), id.as_str()],
                        )
                        .await?)
                })
            })
            .await?;
        let versions = rows
            .iter()
            .map(|row| found.version(row))
            .collect::<Result<_, Error>>()?;
        let access =
            Access::shown(actor, self.now(), Operation::ListVersions, ground).of(found.pseudonym(), 0);
        Ok(Audited {
            value: versions,
            access,
        })
    }

    /// The newest version of the record of `found` before `version` that is kept; without its record if that does not open.
    pub(crate) async fn older_version(
        &self,
        tenant: &TenantId,
        found: &Found,
        version: u64,
    ) -> Result<Option<(u64, Option<Record>)>, Error> {
        let (owner, id) = (tenant.as_str().to_owned(), found.row.id.clone());
        let stored: Option<(i64, i64, Vec<u8>)> = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT version, at, sealed FROM subject_versions \
                             WHERE tenant = $1 AND subject = $2 AND version < $3 ORDER BY version DESC LIMIT 1",
                            values![owner, id.as_str(), signed(version)],
                        )
                        .await?)
                })
            })
            .await?;
        let Some((version, at, sealed)) = stored else {
            return Ok(None);
        };
        let version = u64::try_from(version).map_err(|_| Error::Damaged {
            table: "subject_versions",
        })?;
        let name = record_name(at);
        let record = open(&found.keys, &found.row.place(&name, version), &sealed);
        Ok(Some((version, record.ok())))
    }

    fn audited(
        &self,
        actor: &Actor,
        found: &Found,
        subject: Subject,
        operation: Operation,
        ground: Ground,
    ) -> Audited<Subject> {
        let fields = subject.record.fields().len();
        Audited {
            access: Access::shown(actor, self.now(), operation, ground).of(found.pseudonym(), fields),
            value: subject,
        }
    }
}

impl Found {
    /// What the log calls the fields of `record`.
    pub(crate) fn names_in_log(&self, record: &Record) -> Vec<String> {
        record
            .fields()
            .keys()
            .map(|field| self.name_in_log(field))
            .collect()
    }

    /// What the log calls the field `field` of the subject.
    pub(crate) fn name_in_log(&self, field: &str) -> String {
        let parts = [&self.row.tenant, self.row.id.as_str(), field].map(str::as_bytes);
        let hash = self.keys.mark("privet/vault/field/1", &parts);
        HEXLOWER.encode(hash.first_chunk::<NAME>().unwrap_or(&[0; NAME]))
    }

    /// The subject with its whole record.
    pub(crate) fn subject(&self) -> Result<Subject, Error> {
        let name = record_name(self.row.updated_at);
        self.with(open(
            &self.keys,
            &self.row.place(&name, self.row.version),
            &self.sealed,
        )?)
    }

    /// The subject with those of `fields` that it has.
    pub(crate) fn subject_with(&self, fields: &[&str]) -> Result<Subject, Error> {
        let name = record_name(self.row.updated_at);
        let place = self.row.place(&name, self.row.version);
        self.with(open_fields(
            &self.keys,
            &place,
            &self.sealed,
            fields.iter().copied(),
        )?)
    }

    fn with(&self, record: Record) -> Result<Subject, Error> {
        Ok(Subject {
            id: self.row.id.clone(),
            state: self.row.state,
            version: self.row.version,
            created_at: timestamp(self.row.created_at)?,
            updated_at: timestamp(self.row.updated_at)?,
            lifetime: Lifetime {
                until: self.row.until_at.map(timestamp).transpose()?,
                sliding: self
                    .row
                    .sliding_ms
                    .map(|span| Duration::from_millis(span.unsigned_abs())),
            },
            ends_at: self.row.ends_at.map(timestamp).transpose()?,
            record,
        })
    }

    /// What is told of a version.
    pub(super) fn version(&self, (version, at, sealed): &VersionRow) -> Result<VersionInfo, Error> {
        let hash = self.keys.mark("privet/vault/version", &[sealed]);
        Ok(VersionInfo {
            version: u64::try_from(*version).map_err(|_| Error::Damaged {
                table: "subject_versions",
            })?,
            at: timestamp(*at)?,
            hash: hash.first_chunk().copied().unwrap_or_default(),
        })
    }
}

/// A stored time.
pub(crate) fn timestamp(millis: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(millis).map_err(|_| Error::Damaged { table: "subjects" })
}
