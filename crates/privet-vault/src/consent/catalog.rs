//! Definitions in the store: each change a new version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_crypto::sha256;
use privet_store::{Leaf, Scope, Tx, append_leaf, values};
use privet_types::TenantId;
use serde::Serialize;

use super::definition::{
    Activity, Agreement, Definition, DefinitionKind, Purpose, Recipient, Versioned, bad,
};
use super::{Consent, hex, next_seq};
use crate::audit::Complete;
use crate::{Actor, Error};

/// What the log is told of a definition.
#[derive(Debug, Clone, Serialize)]
struct DefinitionLeaf {
    kind: &'static str,
    name: String,
    version: i64,
    hash: String,
    principal: String,
}

/// Purposes and recipients that are in force.
#[derive(Debug, Default, Clone)]
pub(crate) struct Catalog {
    pub(crate) purposes: BTreeMap<String, Purpose>,
    pub(crate) recipients: BTreeMap<String, Recipient>,
}

/// Version, time, whether active, hash, body.
type Stored = (i64, i64, bool, Vec<u8>, String);
const COLUMNS: &str = "version, at, is_active, hash, body";

impl Consent {
    /// Defines `definition`, or makes its next version. One that changes nothing makes none.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field does not fit, or names something that is not defined.
    pub async fn define<D: Definition>(&self, actor: &Actor, definition: &D) -> Result<Versioned<D>, Error> {
        self.define_as(actor, definition, None).await
    }

    /// As [`define`](Self::define), but only where there is none of this name yet.
    ///
    /// # Errors
    /// As [`define`](Self::define); [`Error::Defined`] if there is one.
    pub async fn create<D: Definition>(&self, actor: &Actor, definition: &D) -> Result<Versioned<D>, Error> {
        self.define_as(actor, definition, Some(())).await
    }

    async fn define_as<D: Definition>(
        &self,
        actor: &Actor,
        definition: &D,
        must_be_new: Option<()>,
    ) -> Result<Versioned<D>, Error> {
        definition.validate()?;
        let tenant = actor.tenant.clone();
        let principal = actor.principal.0.clone();
        let now = self.clock.now();
        let definition = definition.clone();
        let (versioned, seq) = self
            .database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let seq = next_seq(tx, tenant.as_str()).await?;
                    let versioned =
                        write(tx, &tenant, &definition, &principal, now, seq, must_be_new).await?;
                    Ok::<_, Error>((versioned, seq))
                })
            })
            .await?;
        self.cache.forget_catalog(&actor.tenant, seq);
        Ok(versioned)
    }

    /// The definition `name` in force; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer, [`Error::Damaged`] if it was changed by hand.
    pub async fn definition<D: Definition>(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<Versioned<D>>, Error> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        self.database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { current(tx, tenant.as_str(), &name).await })
            })
            .await
    }

    /// All definitions of a kind in force, by name; with `deleted`, the last versions of deleted ones too.
    ///
    /// # Errors
    /// As [`definition`](Self::definition).
    pub async fn definitions<D: Definition>(
        &self,
        tenant: &TenantId,
        deleted: bool,
    ) -> Result<Vec<Versioned<D>>, Error> {
        let tenant = tenant.clone();
        self.database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { all(tx, tenant.as_str(), deleted).await })
            })
            .await
    }

    /// All versions of the definition `name`, oldest first.
    ///
    /// # Errors
    /// As [`definition`](Self::definition).
    pub async fn versions<D: Definition>(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Vec<Versioned<D>>, Error> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        let rows: Vec<Stored> = self
            .database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT {COLUMNS} FROM definitions WHERE tenant = $1 AND kind = $2 AND name = $3 \
                         ORDER BY version"
                    );
                    Ok(tx
                        .rows(sql, values![tenant.as_str(), D::KIND.name(), name])
                        .await?)
                })
            })
            .await?;
        rows.into_iter().map(parse).collect()
    }

    /// Ends the definition `name`: a last version that is not in force. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn delete_definition<D: Definition>(&self, actor: &Actor, name: &str) -> Result<bool, Error> {
        let (tenant, principal) = (actor.tenant.clone(), actor.principal.0.clone());
        let (now, name) = (self.clock.now(), name.to_owned());
        let done = self
            .database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let seq = next_seq(tx, tenant.as_str()).await?;
                    let Some(known) = current::<D>(tx, tenant.as_str(), &name).await? else {
                        return Ok::<_, Error>(None);
                    };
                    end(tx, &tenant, known, &principal, now, seq).await?;
                    Ok(Some(seq))
                })
            })
            .await?;
        if let Some(seq) = done {
            self.cache.forget_catalog(&actor.tenant, seq);
        }
        Ok(done.is_some())
    }

    /// The records of processing activities of Art. 30(1): each activity with the purposes, recipients, and legal bases it
    /// names, ready to be shown to an authority.
    ///
    /// # Errors
    /// As [`definition`](Self::definition).
    pub async fn records_of_processing(&self, tenant: &TenantId) -> Result<Vec<serde_json::Value>, Error> {
        let activities = self.definitions::<Activity>(tenant, false).await?;
        let purposes = by_name(self.definitions::<Purpose>(tenant, false).await?);
        let recipients = by_name(self.definitions::<Recipient>(tenant, false).await?);
        let controllers = self
            .definitions::<super::definition::Controller>(tenant, false)
            .await?;
        let controllers: Vec<_> = controllers.into_iter().map(|one| one.definition).collect();
        Ok(activities
            .into_iter()
            .map(|activity| {
                let named = activity.definition;
                let purposes: Vec<_> = named
                    .purposes
                    .iter()
                    .filter_map(|name| purposes.get(name))
                    .collect();
                let recipients: Vec<_> = named
                    .recipients
                    .iter()
                    .filter_map(|name| recipients.get(name))
                    .collect();
                serde_json::json!({
                    "name": named.name,
                    "version": activity.version,
                    "title": named.title,
                    "description": named.description,
                    "controllers": controllers,
                    "purposes": purposes,
                    "agreements": named.agreements,
                    "categories_of_subjects": named.subjects,
                    "categories_of_data": named.categories,
                    "recipients": recipients,
                    "retention": named.retention,
                    "measures": named.measures,
                })
            })
            .collect())
    }
}

fn by_name<D: Definition>(all: Vec<Versioned<D>>) -> BTreeMap<String, D> {
    all.into_iter()
        .map(|one| (one.definition.name().to_owned(), one.definition))
        .collect()
}

pub(super) async fn write<D: Definition>(
    tx: &mut Tx,
    tenant: &TenantId,
    definition: &D,
    principal: &str,
    now: Timestamp,
    seq: i64,
    must_be_new: Option<()>,
) -> Result<Versioned<D>, Error> {
    for (kind, name, field) in definition.references() {
        if !is_defined(tx, tenant.as_str(), kind, name).await? {
            return Err(bad(format!("{field}.{name}"), "is not defined"));
        }
    }
    let body = serde_json::to_string(definition).map_err(Error::Json)?;
    let hash = sha256(body.as_bytes());
    let last = last::<D>(tx, tenant.as_str(), definition.name()).await?;
    if let Some(known) = &last
        && known.is_active
    {
        if must_be_new.is_some() {
            return Err(Error::Defined {
                what: D::KIND.name(),
                name: definition.name().to_owned(),
            });
        }
        if known.hash == hash {
            return Ok(known.clone());
        }
    }
    let versioned = Versioned {
        version: last.map_or(1, |known| known.version + 1),
        at: now.as_millisecond(),
        is_active: true,
        hash,
        definition: definition.clone(),
    };
    insert(tx, tenant, &versioned, body, principal, seq).await?;
    tell(
        tx,
        tenant,
        &versioned,
        "definition_changed",
        principal.to_owned(),
        now,
    )
    .await?;
    Ok(versioned)
}

/// A last version of `known`, which is not in force.
pub(super) async fn end<D: Definition>(
    tx: &mut Tx,
    tenant: &TenantId,
    known: Versioned<D>,
    principal: &str,
    now: Timestamp,
    seq: i64,
) -> Result<(), Error> {
    let body = serde_json::to_string(&known.definition).map_err(Error::Json)?;
    let ended = Versioned {
        version: known.version + 1,
        at: now.as_millisecond(),
        is_active: false,
        ..known
    };
    insert(tx, tenant, &ended, body, principal, seq).await?;
    let principal = principal.to_owned();
    tell(tx, tenant, &ended, "definition_deleted", principal, now).await
}

async fn insert<D: Definition>(
    tx: &mut Tx,
    tenant: &TenantId,
    versioned: &Versioned<D>,
    body: String,
    principal: &str,
    seq: i64,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO definitions (tenant, kind, name, version, seq, at, is_active, actor, body, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        values![
            tenant.as_str(),
            D::KIND.name(),
            versioned.definition.name(),
            versioned.version,
            seq,
            versioned.at,
            versioned.is_active,
            principal,
            body,
            versioned.hash
        ],
    )
    .await?;
    Ok(())
}

/// The JSON of the leaf of a version, as it was written, without whose and when it is.
pub(crate) fn leaf_json(
    kind: DefinitionKind,
    name: &str,
    version: i64,
    hash: &[u8],
    principal: &str,
) -> Result<String, Error> {
    let leaf = DefinitionLeaf {
        kind: kind.name(),
        name: name.to_owned(),
        version,
        hash: hex(hash),
        principal: principal.to_owned(),
    };
    serde_json::to_string(&leaf).map_err(Error::Json)
}

async fn tell<D: Definition>(
    tx: &mut Tx,
    tenant: &TenantId,
    versioned: &Versioned<D>,
    kind: &'static str,
    principal: String,
    at: Timestamp,
) -> Result<(), Error> {
    let payload = DefinitionLeaf {
        kind: D::KIND.name(),
        name: versioned.definition.name().to_owned(),
        version: versioned.version,
        hash: hex(&versioned.hash),
        principal,
    };
    let leaf = Leaf {
        kind,
        tenant: tenant.as_str(),
        at,
        payload: &Complete::new(&payload, tenant.as_str()).at(at),
    };
    Ok(append_leaf(tx, leaf).await?)
}

pub(crate) async fn last<D: Definition>(
    tx: &mut Tx,
    tenant: &str,
    name: &str,
) -> Result<Option<Versioned<D>>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM definitions WHERE tenant = $1 AND kind = $2 AND name = $3 \
         ORDER BY version DESC LIMIT 1"
    );
    let row: Option<Stored> = tx.optional(sql, values![tenant, D::KIND.name(), name]).await?;
    row.map(parse).transpose()
}

/// The version of `name` that is in force.
pub(crate) async fn current<D: Definition>(
    tx: &mut Tx,
    tenant: &str,
    name: &str,
) -> Result<Option<Versioned<D>>, Error> {
    Ok(last(tx, tenant, name).await?.filter(|known| known.is_active))
}

pub(crate) async fn is_defined(
    tx: &mut Tx,
    tenant: &str,
    kind: DefinitionKind,
    name: &str,
) -> Result<bool, Error> {
    let found: Option<i64> = tx
        .optional(
            "SELECT is_active FROM definitions WHERE tenant = $1 AND kind = $2 AND name = $3 \
             ORDER BY version DESC LIMIT 1",
            values![tenant, kind.name(), name],
        )
        .await?;
    Ok(found == Some(1))
}

/// The last versions of all definitions of a kind, by name.
pub(crate) async fn all<D: Definition>(
    tx: &mut Tx,
    tenant: &str,
    deleted: bool,
) -> Result<Vec<Versioned<D>>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM definitions d WHERE tenant = $1 AND kind = $2 AND (is_active = 1 OR $3 = 1) \
         AND version = (SELECT MAX(version) FROM definitions n \
             WHERE n.tenant = d.tenant AND n.kind = d.kind AND n.name = d.name) ORDER BY name"
    );
    let rows: Vec<Stored> = tx.rows(sql, values![tenant, D::KIND.name(), deleted]).await?;
    rows.into_iter().map(parse).collect()
}

pub(crate) async fn load_catalog(tx: &mut Tx, tenant: &str) -> Result<Catalog, Error> {
    Ok(Catalog {
        purposes: by_name(all::<Purpose>(tx, tenant, false).await?),
        recipients: by_name(all::<Recipient>(tx, tenant, false).await?),
    })
}

/// Makes sure that an agreement without purposes has one of its own name, which allows nothing.
pub(crate) async fn purposes_of(
    tx: &mut Tx,
    tenant: &TenantId,
    agreement: &Agreement,
    principal: &str,
    now: Timestamp,
    seq: i64,
) -> Result<Vec<String>, Error> {
    if !agreement.purposes.is_empty() {
        return Ok(agreement.purposes.iter().cloned().collect());
    }
    if !is_defined(tx, tenant.as_str(), DefinitionKind::Purpose, &agreement.name).await? {
        let purpose = own_purpose(agreement);
        write(tx, tenant, &purpose, principal, now, seq, None).await?;
    }
    Ok(vec![agreement.name.clone()])
}

/// The purpose of an agreement that names none: it allows nothing.
pub(super) fn own_purpose(agreement: &Agreement) -> Purpose {
    Purpose {
        name: agreement.name.clone(),
        title: agreement.title.clone(),
        description: String::new(),
        iri: None,
        basis: agreement.basis,
        special: None,
        categories: std::collections::BTreeSet::new(),
        special_categories: std::collections::BTreeSet::new(),
        recipients: std::collections::BTreeSet::new(),
        valid_days: None,
        is_direct_marketing: false,
        compelling_grounds: None,
        serves_legal_claims: false,
    }
}

fn parse<D: Definition>((version, at, is_active, hash, body): Stored) -> Result<Versioned<D>, Error> {
    let bad_row = || Error::Damaged { table: "definitions" };
    let hash: [u8; 32] = hash.try_into().map_err(|_| bad_row())?;
    if sha256(body.as_bytes()) != hash {
        return Err(bad_row());
    }
    Ok(Versioned {
        version,
        at,
        is_active,
        hash,
        definition: serde_json::from_str(&body).map_err(|_| bad_row())?,
    })
}

/// The version `version` of `name`.
pub(crate) async fn version<D: Definition>(
    tx: &mut Tx,
    tenant: &str,
    name: &str,
    version: i64,
) -> Result<Option<Versioned<D>>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM definitions WHERE tenant = $1 AND kind = $2 AND name = $3 AND version = $4"
    );
    let row: Option<Stored> = tx
        .optional(sql, values![tenant, D::KIND.name(), name, version])
        .await?;
    row.map(parse).transpose()
}

/// The version of `name` that was the last one at `at`, milliseconds since the epoch.
pub(crate) async fn as_of<D: Definition>(
    tx: &mut Tx,
    tenant: &str,
    name: &str,
    at: i64,
) -> Result<Option<Versioned<D>>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM definitions WHERE tenant = $1 AND kind = $2 AND name = $3 AND at <= $4 \
         ORDER BY version DESC LIMIT 1"
    );
    let row: Option<Stored> = tx
        .optional(sql, values![tenant, D::KIND.name(), name, at])
        .await?;
    row.map(parse).transpose()
}

/// All versions of all definitions of a kind; those of one name in order.
pub(crate) async fn all_versions<D: Definition>(
    tx: &mut Tx,
    tenant: &str,
) -> Result<Vec<Versioned<D>>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM definitions WHERE tenant = $1 AND kind = $2 ORDER BY name, version");
    let rows: Vec<Stored> = tx.rows(sql, values![tenant, D::KIND.name()]).await?;
    rows.into_iter().map(parse).collect()
}
