//! Which people of identity providers are which people here.

use jiff::Timestamp;
use privet_types::{Principal, TenantId};

use super::{Person, SignInChange, bad_row, end_all, hold_sessions, tell, time};
use crate::sql::{FromRow, Row};
use crate::{Error, Store, values};

/// That somebody at an identity provider is a person here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// Keyed hash of tenant, issuer and what the issuer calls the person.
    pub entry: [u8; 32],
    /// Public name, for lists.
    pub id: String,
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// The operator's own name for the issuer.
    pub issuer: String,
    /// Since when.
    pub linked_at: Timestamp,
}

const COLUMNS: &str = "entry, id, tenant, principal, issuer, linked_at";

impl Store {
    /// Keeps `link`. Returns false, and changes nothing, if the issuer's person is somebody here already.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn link_identity(&self, link: &LinkRecord, change: &SignInChange) -> Result<bool, Error> {
        let (link, change) = (link.clone(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let head = format!("INSERT INTO identity_links ({COLUMNS})");
                let row = values![
                    link.entry,
                    &link.id,
                    link.tenant.as_str(),
                    link.principal.as_str(),
                    &link.issuer,
                    link.linked_at.as_millisecond(),
                ];
                if tx.insert_many(&head, vec![row], "ON CONFLICT DO NOTHING").await? == 0 {
                    return Ok(false);
                }
                tell(tx, "identity_linked", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Forgets whom `issuer` takes `who` for, and ends the person's sessions if that was anybody. Returns how many.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn unlink_identity(
        &self,
        who: Person<'_>,
        issuer: &str,
        change: &SignInChange,
    ) -> Result<u64, Error> {
        let ((tenant, principal), issuer, change) = (who.names(), issuer.to_owned(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                hold_sessions(tx, &tenant, &principal).await?;
                let sql = "DELETE FROM identity_links WHERE tenant = $1 AND principal = $2 AND issuer = $3";
                let unlinked = tx.execute(sql, values![&tenant, &principal, issuer]).await?;
                if unlinked > 0 {
                    tell(tx, "identity_unlinked", &change).await?;
                    end_all(tx, (&tenant, &principal), None, &change).await?;
                }
                Ok(unlinked)
            })
        })
        .await
    }

    /// Who here the issuer's person of this hash is.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn linked(&self, entry: [u8; 32]) -> Result<Option<LinkRecord>, Error> {
        self.read(move |tx| {
            Box::pin(async move {
                let sql = format!("SELECT {COLUMNS} FROM identity_links WHERE entry = $1");
                tx.optional(sql, values![entry]).await
            })
        })
        .await
    }

    /// All of a tenant, or those of `principal`; ordered by name and time.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if one was changed by hand.
    pub async fn list_links(
        &self,
        tenant: &TenantId,
        principal: Option<&Principal>,
    ) -> Result<Vec<LinkRecord>, Error> {
        let mut row = values![tenant.as_str()];
        let mut of = "";
        if let Some(principal) = principal {
            row.extend(values![principal.as_str()]);
            of = "AND principal = $2 ";
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM identity_links WHERE tenant = $1 {of}ORDER BY principal, linked_at, id"
        );
        self.read(move |tx| Box::pin(async move { tx.rows(sql, row).await }))
            .await
    }
}

impl FromRow for LinkRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        const TABLE: &str = "identity_links";
        let (entry, id, tenant, principal, issuer, linked_at) =
            <([u8; 32], String, String, String, String, i64)>::from_row(row)?;
        Ok(Self {
            entry,
            tenant: tenant.parse().map_err(|_| bad_row(TABLE, &id))?,
            principal: principal.parse().map_err(|_| bad_row(TABLE, &id))?,
            issuer,
            linked_at: time(TABLE, &id, linked_at)?,
            id,
        })
    }
}
