//! Chunks and vectors in PostgreSQL with pgvector.

use privet_store::{Database, Scope, Value, values};
use serde::{Deserialize, Serialize};

use super::{Connected, Connector};
use crate::Error;
use crate::subject::SubjectId;

/// Rows deleted in one transaction.
const BATCH: i64 = 1000;

/// Ids compared in one statement.
const IDS: usize = 500;

/// Longest identifier of PostgreSQL.
const LONGEST: usize = 63;

/// Which table holds the chunks, and how a person's are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PgVectorConfig {
    /// The table, `chunks` or `rag.chunks`.
    pub table: String,
    /// The column of its key, of a type that can be written as text.
    pub id: String,
    /// The column that holds the subject's id, where there is one; else the registered nodes are the ids of chunks.
    #[serde(default)]
    pub subject: Option<String>,
    /// The column that holds the tenant's name, where there is one.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// A connector to such a table.
#[derive(Debug, Clone)]
pub struct PgVector {
    place: String,
    database: Database,
    table: String,
    id: String,
    subject: Option<String>,
    tenant: Option<String>,
}

impl PgVector {
    /// The connector of the name `place` to the table of `config` in `database` (see [`Database::attach`]).
    ///
    /// # Errors
    /// [`Error::BadField`] if a name is empty, longer than 63 bytes, or holds a NUL.
    pub fn new(place: &str, database: Database, config: &PgVectorConfig) -> Result<Self, Error> {
        let parts = config.table.split('.').map(|part| quoted("table", part));
        let table = parts.collect::<Result<Vec<_>, _>>()?.join(".");
        let column = |field, name: &Option<String>| name.as_ref().map(|name| quoted(field, name)).transpose();
        Ok(Self {
            place: place.to_owned(),
            database,
            table,
            id: quoted("id", &config.id)?,
            subject: column("subject", &config.subject)?,
            tenant: column("tenant", &config.tenant)?,
        })
    }

    /// The conditions that find a person's chunks, each with its values.
    fn conditions(&self, tenant: &str, subject: &SubjectId, nodes: &[String]) -> Vec<(String, Vec<Value>)> {
        let in_tenant = |place: usize| match &self.tenant {
            Some(column) => (format!(" AND {column}::text = ${place}"), values![tenant]),
            None => (String::new(), Vec::new()),
        };
        if let Some(column) = &self.subject {
            let (more, mut values) = in_tenant(2);
            values.insert(0, Value::from(subject.as_str()));
            return vec![(format!("{column}::text = $1{more}"), values)];
        }
        nodes
            .chunks(IDS)
            .map(|ids| {
                let places: Vec<_> = (1..=ids.len()).map(|place| format!("${place}")).collect();
                let (more, tenant) = in_tenant(ids.len() + 1);
                let values = ids.iter().map(Value::from).chain(tenant).collect();
                (
                    format!("{}::text IN ({}){more}", self.id, places.join(",")),
                    values,
                )
            })
            .collect()
    }

    async fn run(&self, sql: String, values: Vec<Value>, is_count: bool) -> Result<u64, Error> {
        let run = self
            .database
            .write::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    if is_count {
                        let rows: i64 = tx.one(sql, values).await?;
                        Ok(rows.unsigned_abs())
                    } else {
                        Ok(tx.execute(sql, values).await?)
                    }
                })
            })
            .await;
        run.map_err(|error| {
            tracing::warn!(place = %self.place, error = %error, "an outside store did not answer");
            Error::Connector {
                place: self.place.clone(),
                why: "it did not answer, or its table is another than configured",
            }
        })
    }
}

impl Connector for PgVector {
    fn count<'a>(&'a self, tenant: &'a str, subject: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        Box::pin(async move {
            let mut count = 0;
            for (condition, values) in self.conditions(tenant, subject, nodes) {
                let sql = format!("SELECT COUNT(*) FROM {} WHERE {condition}", self.table);
                count += self.run(sql, values, true).await?;
            }
            Ok(count)
        })
    }

    fn erase<'a>(&'a self, tenant: &'a str, subject: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        Box::pin(async move {
            let mut erased = 0;
            for (condition, values) in self.conditions(tenant, subject, nodes) {
                let sql = format!(
                    "DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table} WHERE {condition} LIMIT {BATCH})",
                    table = self.table,
                    id = self.id,
                );
                loop {
                    let gone = self.run(sql.clone(), values.clone(), false).await?;
                    erased += gone;
                    if gone < BATCH.unsigned_abs() {
                        break;
                    }
                }
            }
            Ok(erased)
        })
    }
}

/// An identifier from settings, quoted: whatever it holds, it is one name.
fn quoted(field: &'static str, name: &str) -> Result<String, Error> {
    if name.is_empty() || name.len() > LONGEST || name.contains('\0') {
        return Err(Error::BadField {
            field: field.to_owned(),
            why: "a name of 1 to 63 bytes",
        });
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_name_whatever_it_holds() {
        assert_eq!(
            quoted("id", "a\"; DROP TABLE x").unwrap(),
            "\"a\"\"; DROP TABLE x\""
        );
        assert!(quoted("id", "").is_err());
        assert!(quoted("id", &"a".repeat(64)).is_err());
    }
}
