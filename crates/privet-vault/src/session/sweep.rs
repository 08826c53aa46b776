//! Deleting what has ended.

use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_store::{Scope, Tx, values};
use privet_types::TenantId;

use crate::audit::SubjectChange;
use crate::followed::{RowName, tell_ended};
use crate::request::sweep_tries;
use crate::{Error, Vault};

/// What a sweep deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions.
    pub sessions: u64,
    /// Shared records.
    pub shares: u64,
    /// Tokens.
    pub tokens: u64,
    /// Tokens with which people called for themselves.
    pub own_tokens: u64,
}

/// Rows that are no more: what the log called them, and the keys that some had for themselves.
struct Ended {
    names: Vec<Option<RowName>>,
    keys: Vec<KeyId>,
}

/// Id or key, subject, name.
type EndedRow = (Option<Vec<u8>>, Option<String>, Option<RowName>);

impl Vault {
    /// Deletes sessions, shared records and tokens of `tenant` that have ended, `most` of each kind at most, and shreds
    /// the keys that were theirs alone. None of them could be read any more since they ended.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub async fn sweep_ended(&self, tenant: &TenantId, most: u32) -> Result<Swept, Error> {
        let now = self.now();
        let owner = tenant.clone();
        let (swept, keys) = self
            .store
            .database()
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let tenant = owner.as_str();
                    let sessions =
                        ended(tx, "subject_sessions", "id", "key_id, subject", tenant, now, most).await?;
                    let shares = ended(tx, "subject_shares", "id", "id, subject", tenant, now, most).await?;
                    let tokens =
                        ended(tx, "vault_tokens", "token", "key_id, subject", tenant, now, most).await?;
                    let own = ended(tx, "own_tokens", "id", "id, subject", tenant, now, most).await?;
                    sweep_tries(tx, tenant, now, most).await?;
                    let change = SubjectChange::by_installation(tenant, now);
                    for (kind, rows) in [
                        ("sessions_ended", &sessions),
                        ("shares_ended", &shares),
                        ("tokens_ended", &tokens),
                        ("own_tokens_ended", &own),
                    ] {
                        tell_ended(tx, kind, &change, &rows.names).await?;
                    }
                    let swept = Swept {
                        sessions: sessions.names.len() as u64,
                        shares: shares.names.len() as u64,
                        tokens: tokens.names.len() as u64,
                        own_tokens: own.names.len() as u64,
                    };
                    let keys: Vec<KeyId> = sessions.keys.into_iter().chain(tokens.keys).collect();
                    Ok((swept, keys))
                })
            })
            .await?;
        self.shred_own(tenant, &keys).await?;
        Ok(swept)
    }
}

async fn ended(
    tx: &mut Tx,
    table: &str,
    id: &str,
    returning: &str,
    tenant: &str,
    now: Timestamp,
    most: u32,
) -> Result<Ended, Error> {
    let sql = format!(
        "DELETE FROM {table} WHERE tenant = $1 AND {id} IN (SELECT {id} FROM {table} \
         WHERE tenant = $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3) RETURNING {returning}, name_in_log"
    );
    let rows: Vec<EndedRow> = tx.rows(sql, values![tenant, now.as_millisecond(), most]).await?;
    let own = |(key, subject, _): &EndedRow| match (key, subject) {
        (Some(key), None) => key.as_slice().try_into().ok().map(KeyId::from_bytes),
        _ => None,
    };
    Ok(Ended {
        keys: rows.iter().filter_map(own).collect(),
        names: rows.into_iter().map(|(.., name)| name).collect(),
    })
}
