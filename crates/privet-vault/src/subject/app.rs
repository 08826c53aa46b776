//! What applications keep of a person.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::sha256;
use privet_store::{Leaf, Tx, append_leaf, values};
use serde::Serialize;
use serde_json::Value;

use super::change::{Stored, signed};
use super::container::{Place, open, seal};
use super::id::SubjectRef;
use super::read::timestamp;
use super::record::Record;
use super::row::Found;
use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::{Actor, Error, Ground, Vault};

const ATTEMPTS: usize = 16;
/// Most applications that keep something of one person.
const MOST_APPS: i64 = 1000;

/// What an application keeps of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppData {
    /// The application.
    pub app: String,
    /// How often it was written.
    pub version: u64,
    /// When it was written last.
    pub updated_at: Timestamp,
    /// What it keeps.
    pub data: Record,
}

type AppRow = (i64, i64, Vec<u8>);

impl Vault {
    /// Puts `data` in the place of what `app` keeps of `who`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`], [`Error::BadField`] if `app` is no name of 1 to 128 of `a-z`, `A-Z`,
    /// `0-9`, `.`, `_`, `-`, [`Error::TooMany`] past 1,000 applications, [`Error::VersionConflict`] if `expected` is not
    /// its version.
    pub async fn put_app(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        data: &Record,
        expected: Option<u64>,
        ground: Ground,
    ) -> Result<Stored, Error> {
        self.change_app(actor, who, app, expected, ground, |_| Ok(data.clone()))
            .await
    }

    /// Changes what `app` keeps of `who` by a JSON merge patch (RFC 7396).
    ///
    /// # Errors
    /// As [`put_app`](Self::put_app); [`Error::BadRecord`] if `patch` is no object.
    pub async fn update_app(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        patch: &Value,
        expected: Option<u64>,
        ground: Ground,
    ) -> Result<Stored, Error> {
        self.change_app(actor, who, app, expected, ground, |data| {
            data.unwrap_or_default().patched(patch.clone())
        })
        .await
    }

    /// What `app` keeps of `who`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`], [`Error::Damaged`].
    pub async fn read_app(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        ground: Ground,
    ) -> Result<Audited<AppData>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let row = self.load_app(actor, &found, app).await?;
        let data = row.map(|row| found.app(app, &row)).transpose()?;
        let data = data.ok_or(Error::Absent { what: "application" })?;
        let access = Access::shown(actor, self.now(), Operation::ReadApp, ground);
        Ok(Audited {
            access: access.of(found.pseudonym(), data.data.fields().len()),
            value: data,
        })
    }

    /// Which applications keep something of `who`, by name.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`].
    pub async fn apps(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        ground: Ground,
    ) -> Result<Audited<Vec<String>>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        let apps: Vec<String> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT app FROM subject_apps WHERE tenant = $1 AND subject = $2 ORDER BY app",
                            values![tenant.as_str(), id.as_str()],
                        )
                        .await?)
                })
            })
            .await?;
        let access = Access::shown(actor, self.now(), Operation::ListApps, ground);
        Ok(Audited {
            access: access.of(found.pseudonym(), 0),
            value: apps,
        })
    }

    /// Deletes what `app` keeps of `who`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`].
    pub async fn delete_app(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        ground: Ground,
    ) -> Result<(), Error> {
        let found = self.find_for(actor, who, ground).await?;
        let at = self.now();
        let change = SubjectChange {
            subject: Some(found.pseudonym()),
            ground,
            ..SubjectChange::by(actor, at)
        };
        let (tenant, id, app) = (actor.tenant.clone(), found.row.id, app.to_owned());
        self.store
            .database()
            .write(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let deleted = tx
                        .execute(
                            "DELETE FROM subject_apps WHERE tenant = $1 AND subject = $2 AND app = $3",
                            values![tenant.as_str(), id.as_str(), app],
                        )
                        .await?;
                    if deleted == 0 {
                        return Err(Error::Absent { what: "application" });
                    }
                    let leaf = Leaf {
                        kind: "app_deleted",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change,
                    };
                    Ok(append_leaf(tx, leaf).await?)
                })
            })
            .await
    }

    async fn change_app(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        expected: Option<u64>,
        ground: Ground,
        make: impl Fn(Option<Record>) -> Result<Record, Error>,
    ) -> Result<Stored, Error> {
        check_name("app", app)?;
        let mut version = 0;
        for _ in 0..ATTEMPTS {
            let found = self.find_for(actor, who, ground).await?;
            let old = self.load_app(actor, &found, app).await?;
            let old = old.map(|row| found.app(app, &row)).transpose()?;
            version = old.as_ref().map_or(0, |data| data.version);
            if expected.is_some_and(|expected| expected != version) {
                break;
            }
            let data = make(old.map(|data| data.data))?;
            self.count_seals(&actor.tenant, found.keys.id, &data).await?;
            let at = self.now();
            let name = app_name(app, at.as_millisecond());
            let sealed = seal(&found.keys, &app_place(&found, &name, version + 1), &data)?;
            let change = SubjectChange {
                subject: Some(found.pseudonym()),
                version: Some(version + 1),
                count: Some(data.fields().len() as u64),
                sealed: Some(HEXLOWER.encode(&sha256(&sealed))),
                ground,
                ..SubjectChange::by(actor, at)
            };
            let stored = Stored {
                id: found.row.id.clone(),
                version: version + 1,
                at,
            };
            let (app, before) = (app.to_owned(), version);
            let is_written = self
                .store
                .database()
                .write(&Self::scope(actor), move |tx| {
                    Box::pin(async move { write_app(tx, &found, &app, before, sealed, &change).await })
                })
                .await?;
            if is_written {
                return Ok(stored);
            }
        }
        Err(Error::VersionConflict { found: version })
    }

    async fn load_app(&self, actor: &Actor, found: &Found, app: &str) -> Result<Option<AppRow>, Error> {
        let (tenant, id, app) = (actor.tenant.clone(), found.row.id.clone(), app.to_owned());
        self.store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT version, updated_at, sealed FROM subject_apps \
                             WHERE tenant = $1 AND subject = $2 AND app = $3",
                            values![tenant.as_str(), id.as_str(), app],
                        )
                        .await?)
                })
            })
            .await
    }
}

async fn write_app(
    tx: &mut Tx,
    found: &Found,
    app: &str,
    before: u64,
    sealed: Vec<u8>,
    change: &SubjectChange,
) -> Result<bool, Error> {
    if !found.row.hold(tx).await? {
        return Ok(false);
    }
    let (tenant, id) = (found.row.tenant.as_str(), found.row.id.as_str());
    if before == 0 {
        let apps: i64 = tx
            .one(
                "SELECT COUNT(*) FROM subject_apps WHERE tenant = $1 AND subject = $2",
                values![tenant, id],
            )
            .await?;
        if apps >= MOST_APPS {
            return Err(Error::TooMany {
                what: "applications of a subject",
                most: MOST_APPS.unsigned_abs(),
            });
        }
    }
    let written = tx
        .execute(
            "INSERT INTO subject_apps (tenant, subject, app, version, updated_at, sealed) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, subject, app) DO UPDATE SET \
             version = excluded.version, updated_at = excluded.updated_at, sealed = excluded.sealed \
             WHERE subject_apps.version = $7",
            values![
                tenant,
                id,
                app,
                signed(before + 1),
                change.at.as_millisecond(),
                sealed,
                signed(before)
            ],
        )
        .await?;
    if written == 0 {
        return Ok(false);
    }
    let leaf = Leaf {
        kind: "app_stored",
        tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await?;
    Ok(true)
}

impl Found {
    fn app(&self, app: &str, (version, updated_at, sealed): &AppRow) -> Result<AppData, Error> {
        let version = u64::try_from(*version).map_err(|_| Error::Damaged {
            table: "subject_apps",
        })?;
        let name = app_name(app, *updated_at);
        Ok(AppData {
            app: app.to_owned(),
            version,
            updated_at: timestamp(*updated_at)?,
            data: open(&self.keys, &app_place(self, &name, version), sealed)?,
        })
    }
}

pub(crate) fn app_name(app: &str, at: i64) -> String {
    format!("app/{app}/{at}")
}

fn app_place<'a>(found: &'a Found, name: &'a str, version: u64) -> Place<'a> {
    Place {
        table: "subject_apps",
        ..found.row.place(name, version)
    }
}

/// That `name` is one of an operator's things, not of a person's.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=128).contains(&name.len()) && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(Error::BadField {
            field: field.to_owned(),
            why: "a name has 1 to 128 of a-z, A-Z, 0-9, `.`, `_`, `-`",
        })
    }
}
