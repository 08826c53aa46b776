//! Versions of what applications keep, and which applications there are.

use privet_store::values;

use super::app::AppData;
use super::change::signed;
use super::id::SubjectRef;
use super::read::{VersionInfo, VersionRow};
use crate::audit::{Access, Audited, Operation};
use crate::{Actor, Error, Ground, Vault};

/// Versions in `subject_app_versions`, and the current one in `subject_apps`.
const VERSIONS: &str = "SELECT version, at, sealed FROM subject_app_versions \
                        WHERE tenant = $1 AND subject = $2 AND app = $3 UNION ALL \
                        SELECT version, updated_at, sealed FROM subject_apps \
                        WHERE tenant = $1 AND subject = $2 AND app = $3";

impl Vault {
    /// The versions that are kept of what `app` keeps of `who`, newest first.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`].
    pub async fn app_versions(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        ground: Ground,
    ) -> Result<Audited<Vec<VersionInfo>>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let (tenant, id, app) = (actor.tenant.clone(), found.row.id.clone(), app.to_owned());
        let rows: Vec<VersionRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!("{VERSIONS} ORDER BY 1 DESC");
                    Ok(tx.rows(sql, values![tenant.as_str(), id.as_str(), app]).await?)
                })
            })
            .await?;
        if rows.is_empty() {
            return Err(Error::Absent { what: "application" });
        }
        let versions = rows
            .iter()
            .map(|row| found.version(row))
            .collect::<Result<_, _>>()?;
        let access = Access::shown(actor, self.now(), Operation::ListVersions, ground);
        Ok(Audited {
            access: access.of(found.pseudonym(), 0),
            value: versions,
        })
    }

    /// What `app` kept of `who` in version `version`.
    ///
    /// # Errors
    /// [`Error::Absent`], also if that version is not kept any more, or not there yet; [`Error::Restricted`];
    /// [`Error::Damaged`].
    pub async fn read_app_version(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        app: &str,
        version: u64,
        ground: Ground,
    ) -> Result<Audited<AppData>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let (tenant, id, name) = (actor.tenant.clone(), found.row.id.clone(), app.to_owned());
        let row: Option<VersionRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!("SELECT version, at, sealed FROM ({VERSIONS}) v WHERE version = $4");
                    let values = values![tenant.as_str(), id.as_str(), name, signed(version)];
                    Ok(tx.optional(sql, values).await?)
                })
            })
            .await?;
        let row = row.ok_or(Error::Absent { what: "version" })?;
        let data = found.app(app, &row)?;
        let access = Access::shown(actor, self.now(), Operation::ReadApp, ground);
        Ok(Audited {
            access: access.of(found.pseudonym(), data.data.fields().len()),
            value: data,
        })
    }

    /// Which applications keep something of anybody, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn app_names(&self, actor: &Actor) -> Result<Vec<String>, Error> {
        let tenant = actor.tenant.clone();
        self.store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT DISTINCT app FROM subject_apps WHERE tenant = $1 ORDER BY app",
                            values![tenant.as_str()],
                        )
                        .await?)
                })
            })
            .await
    }
}
