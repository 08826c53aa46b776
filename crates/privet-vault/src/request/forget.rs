//! What an erasure makes of the requests that a person has made: they stay, as the record of what was asked and done, and
//! nobody can try names against them any more.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use privet_crypto::{HashKey, random};
use privet_store::{Tx, values};
use privet_types::TenantId;
use serde_json::Value;

use super::limit::{name, person_key};
use super::machine::Case;
use super::row::{COLUMNS, Columns, TABLE, mark, read, row_key};
use crate::{Error, SubjectId, Vault};

/// Requests read at once.
const PAGE: i64 = 100;
/// How the body of a request looks that names nobody.
const NAMELESS: &str = "%\"identities\":[]%";

/// The keys that it takes to make a tenant's requests forget whom they named.
#[derive(Clone)]
pub(crate) struct RequestNames {
    rows: HashKey,
    persons: HashKey,
}

/// Stand-ins for names of open requests, by kind and keyed hash. What was one name stays one.
type StandIns = BTreeMap<(String, String), String>;

impl Vault {
    /// What [`RequestNames::forget`] needs.
    pub(crate) async fn request_names(&self, tenant: &TenantId) -> Result<RequestNames, Error> {
        Ok(RequestNames {
            rows: row_key(self, tenant).await?,
            persons: person_key(self, tenant).await?,
        })
    }
}

impl RequestNames {
    /// Removes from the requests of the subject `id` the keyed hashes of the names they gave. Returns from how many.
    ///
    /// A request that is open goes on: each of its names becomes a random one for which as much was tried, so that its
    /// limits are those it would have if nobody had been known. A row that is damaged loses its names and stays damaged.
    pub(crate) async fn forget(&self, tx: &mut Tx, tenant: &str, id: &SubjectId) -> Result<u64, Error> {
        // Whoever does a step of one of them waits, and finds it changed.
        tx.execute(
            "UPDATE subject_requests SET kind = kind WHERE tenant = $1 AND subject = $2",
            values![tenant, id.as_str()],
        )
        .await?;
        let (mut forgotten, mut after, mut stand_ins) = (0, String::new(), StandIns::new());
        loop {
            let sql = format!(
                "SELECT {COLUMNS} FROM {TABLE} WHERE tenant = $1 AND subject = $2 AND id > $3 \
                 AND body NOT LIKE '{NAMELESS}' ORDER BY id LIMIT {PAGE}"
            );
            let rows: Vec<Columns> = tx.rows(sql, values![tenant, id.as_str(), &after]).await?;
            let Some(last) = rows.last() else {
                return Ok(forgotten);
            };
            after.clone_from(&last.0);
            for columns in rows {
                let id = columns.0.clone();
                let (body, mark) = match read(&self.rows, tenant, columns.clone()) {
                    Ok(row) => {
                        let (mut case, receipt) = (row.case, row.receipt);
                        self.rename(tx, tenant, &mut case, &mut stand_ins).await?;
                        let body = serde_json::to_string(&case).map_err(Error::Json)?;
                        let (sealed, receipt) = (row.sealed.as_deref(), receipt.as_deref());
                        let mark = mark(&self.rows, tenant, &case.request, &body, sealed, receipt);
                        (body, mark)
                    }
                    Err(_) => (nameless(&columns.6), columns.9),
                };
                forgotten += tx
                    .execute(
                        "UPDATE subject_requests SET body = $1, mark = $2 WHERE tenant = $3 AND id = $4",
                        values![body, mark, tenant, id],
                    )
                    .await?;
            }
        }
    }

    async fn rename(
        &self,
        tx: &mut Tx,
        tenant: &str,
        case: &mut Case,
        stand_ins: &mut StandIns,
    ) -> Result<(), Error> {
        if !case.request.status.is_open() {
            case.request.identities.clear();
            return Ok(());
        }
        for identity in &mut case.request.identities {
            let known = (identity.kind.clone(), identity.hash.clone());
            if let Some(stand_in) = stand_ins.get(&known) {
                identity.hash.clone_from(stand_in);
                continue;
            }
            let stand_in = HEXLOWER.encode(&random::<32>()?);
            let was = name(&self.persons, identity);
            identity.hash.clone_from(&stand_in);
            let is = name(&self.persons, identity);
            tx.execute(
                "INSERT INTO request_tries (tenant, person, kind, made, ends_at) \
                 SELECT tenant, $1, kind, made, ends_at FROM request_tries WHERE tenant = $2 AND person = $3",
                values![is, tenant, was],
            )
            .await?;
            stand_ins.insert(known, stand_in);
        }
        Ok(())
    }
}

/// How many requests of the subject `id` still hold names.
pub(crate) async fn count_named(tx: &mut Tx, tenant: &str, id: &SubjectId) -> Result<u64, Error> {
    let sql = format!(
        "SELECT COUNT(*) FROM {TABLE} WHERE tenant = $1 AND subject = $2 AND body NOT LIKE '{NAMELESS}'"
    );
    let named: i64 = tx.one(sql, values![tenant, id.as_str()]).await?;
    Ok(named.unsigned_abs())
}

/// The body of a damaged row without names; nothing of it where it cannot be read.
fn nameless(body: &str) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap_or_default();
    match value.pointer_mut("/request/identities") {
        Some(identities) => {
            *identities = Value::Array(Vec::new());
            value.to_string()
        }
        None => r#"{"request":{"identities":[]}}"#.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_cannot_be_read_keeps_no_name() {
        let like = NAMELESS.trim_matches('%');
        for body in [
            "not json canary",
            "[]",
            r#"{"request":{"identities":[{"hash":"canary"}]}}"#,
        ] {
            let left = nameless(body);
            assert!(left.contains(like) && !left.contains("canary"), "{left}");
        }
    }
}
