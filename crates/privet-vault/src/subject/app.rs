//! What applications keep of a person.

use jiff::Timestamp;
use privet_store::{Leaf, Tx, append_leaf, values};
use serde::Serialize;
use serde_json::Value;

use super::change::{Stored, signed};
use super::container::{Place, open, seal};
use super::id::SubjectRef;
use super::operations::RecordChange;
use super::read::timestamp;
use super::record::Record;
use super::row::Found;
use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::followed::{RowName, name_of};
use crate::proposal::Closing;
use crate::{Actor, Error, Ground, Vault};

const ATTEMPTS: usize = 16;
const ABSENT: Error = Error::Absent { what: "application" };
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
        self.change_app(actor, who, app, expected, (ground, None), |_| Ok(data.clone()))
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
        self.change_app(actor, who, app, expected, (ground, None), |data| {
            data.unwrap_or_default().patched(patch.clone())
        })
        .await
    }

    /// Changes what `app` keeps of `who` as `change` says.
    ///
    /// # Errors
    /// As [`put_app`](Self::put_app); [`Error::Absent`] if it keeps nothing; [`Error::BadField`] naming the operation, from
    /// 0, that cannot be done.
    pub async fn amend_app(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        change: &RecordChange,
        expected: Option<u64>,
        ground: Ground,
    ) -> Result<Stored, Error> {
        self.change_app(actor, who, app, expected, (ground, None), |data| {
            change.apply(data.ok_or(ABSENT)?)
        })
        .await
    }

    /// As [`amend_app`](Self::amend_app), whatever the version; what was asked for is closed in the same transaction.
    pub(crate) async fn amend_app_closing(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        change: &RecordChange,
        ground: Ground,
        closing: &Closing,
    ) -> Result<Stored, Error> {
        self.change_app(actor, who, app, None, (ground, Some(closing)), |data| {
            change.apply(data.ok_or(ABSENT)?)
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
        let data = data.ok_or(ABSENT)?;
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
        let (tenant, row, app) = (actor.tenant.clone(), found.row, app.to_owned());
        self.store
            .database()
            .write(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    if !row.hold(tx).await? {
                        return Err(Error::VersionConflict { found: 0 });
                    }
                    let id = &row.id;
                    let deleted: Option<Option<RowName>> = tx
                        .optional(
                            "DELETE FROM subject_apps WHERE tenant = $1 AND subject = $2 AND app = $3 \
                             RETURNING name_in_log",
                            values![tenant.as_str(), id.as_str(), &app],
                        )
                        .await?;
                    let current = deleted.ok_or(ABSENT)?;
                    let former: Vec<Option<RowName>> = tx
                        .rows(
                            "DELETE FROM subject_app_versions WHERE tenant = $1 AND subject = $2 AND app = $3 \
                             RETURNING name_in_log",
                            values![tenant.as_str(), id.as_str(), app],
                        )
                        .await?;
                    let leaf = Leaf {
                        kind: "app_deleted",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change.ending([current]).ending(former),
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
        (ground, closing): (Ground, Option<&Closing>),
        make: impl Fn(Option<Record>) -> Result<Record, Error>,
    ) -> Result<Stored, Error> {
        check_name("app", app)?;
        let mut version = 0;
        for _ in 0..ATTEMPTS {
            let found = self.find_for(actor, who, ground).await?;
            let row = self.load_app(actor, &found, app).await?;
            let old = row.as_ref().map(|row| found.app(app, row)).transpose()?;
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
                ground,
                ..SubjectChange::by(actor, at).storing(&sealed)
            };
            let stored = Stored {
                id: found.row.id.clone(),
                version: version + 1,
                at,
            };
            let (app, closing) = (app.to_owned(), closing.cloned());
            let (before, kept) = (row.map(|(.., sealed)| sealed), self.config.versions_kept);
            let is_written = self
                .store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        let is_written =
                            write_app(tx, &found, &app, (version, before, kept), sealed, change).await?;
                        if let Some(closing) = closing.filter(|_| is_written) {
                            closing.write(tx).await?;
                        }
                        Ok(is_written)
                    })
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
    (before, was, kept): (u64, Option<Vec<u8>>, u32),
    sealed: Vec<u8>,
    change: SubjectChange,
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
    // Only if it is still the current one, by what is sealed in it: numbers begin anew once it is deleted. Then nothing keeps
    // the next one from taking its place below.
    let kept_before = tx
        .execute(
            "INSERT INTO subject_app_versions (tenant, subject, app, version, at, sealed, name_in_log) \
         SELECT tenant, subject, app, version, updated_at, sealed, name_in_log FROM subject_apps \
         WHERE tenant = $1 AND subject = $2 AND app = $3 AND version = $4 AND sealed = $5",
            values![tenant, id, app, signed(before), was],
        )
        .await?;
    // Deleted or replaced since it was read: what was there must not come back.
    if before > 0 && kept_before == 0 {
        return Ok(false);
    }
    let former: Vec<Option<RowName>> = tx
        .rows(
            "DELETE FROM subject_app_versions WHERE tenant = $1 AND subject = $2 AND app = $3 AND version <= $4 \
             RETURNING name_in_log",
            values![tenant, id, app, signed((before + 1).saturating_sub(kept.into()))],
        )
        .await?;
    let written = tx
        .execute(
            "INSERT INTO subject_apps (tenant, subject, app, version, updated_at, sealed, name_in_log) \
             VALUES ($1, $2, $3, $4, $5, $6, $8) ON CONFLICT (tenant, subject, app) DO UPDATE SET \
             version = excluded.version, updated_at = excluded.updated_at, sealed = excluded.sealed, \
             name_in_log = excluded.name_in_log \
             WHERE subject_apps.version = $7",
            values![
                tenant,
                id,
                app,
                signed(before + 1),
                change.at.as_millisecond(),
                sealed.as_slice(),
                signed(before),
                name_of(&sealed)
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
        payload: &change.ending(former),
    };
    append_leaf(tx, leaf).await?;
    Ok(true)
}

impl Found {
    pub(super) fn app(&self, app: &str, (version, updated_at, sealed): &AppRow) -> Result<AppData, Error> {
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
