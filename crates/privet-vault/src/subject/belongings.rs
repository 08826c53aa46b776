//! The tables whose rows hang on a subject: one list, from which they are counted and deleted.

use std::collections::BTreeMap;

use privet_store::{Tx, values};

use super::id::SubjectId;
use crate::Error;
use crate::followed::{self, RowName};
use crate::lineage::NodeKind;
use crate::request::{RequestNames, count_named};

/// How many rows there are, or were, of each kind.
pub(crate) type Belongings = BTreeMap<NodeKind, u64>;

/// Rows of one kind.
struct Table {
    kind: NodeKind,
    name: &'static str,
    /// A further condition.
    more: &'static str,
}

const fn of(kind: NodeKind, name: &'static str) -> Table {
    Table { kind, name, more: "" }
}

/// Every table with rows of a subject that go with it. A test holds the catalogue of both databases against what is left of
/// an erased person.
const TABLES: [Table; 14] = [
    of(NodeKind::Records, "subject_versions"),
    of(NodeKind::Records, "subject_app_versions"),
    of(NodeKind::IndexEntries, "subject_index"),
    of(NodeKind::IndexEntries, "subject_buckets"),
    of(NodeKind::IndexEntries, "archive_words"),
    of(NodeKind::AppData, "subject_apps"),
    of(NodeKind::Sessions, "subject_sessions"),
    of(NodeKind::Shares, "subject_shares"),
    Table {
        more: "AND preserves_format = 0",
        ..of(NodeKind::Tokens, "vault_tokens")
    },
    Table {
        more: "AND preserves_format = 1",
        ..of(NodeKind::FormatPreservingTokens, "vault_tokens")
    },
    of(NodeKind::Conversations, "archive_entries"),
    of(NodeKind::SurrogateMaps, "reply_maps"),
    of(NodeKind::Proposals, "proposals"),
    of(NodeKind::OwnTokens, "own_tokens"),
];

/// How many rows hang on the subject `id`.
pub(crate) async fn count(tx: &mut Tx, tenant: &str, id: &SubjectId) -> Result<Belongings, Error> {
    let mut rows = Belongings::new();
    for Table { kind, name, more } in TABLES {
        let sql = format!("SELECT COUNT(*) FROM {name} WHERE tenant = $1 AND subject = $2 {more}");
        let found: i64 = tx.one(sql, values![tenant, id.as_str()]).await?;
        *rows.entry(kind).or_default() += found.unsigned_abs();
    }
    rows.insert(NodeKind::RequestNames, count_named(tx, tenant, id).await?);
    Ok(rows)
}

/// What the log calls the rows that hang on the subject `id`, as far as it has names for them.
pub(crate) async fn names_in_log(
    tx: &mut Tx,
    tenant: &str,
    id: &SubjectId,
) -> Result<Vec<Option<RowName>>, Error> {
    let mut names = Vec::new();
    for table in followed::TABLES {
        let sql = format!(
            "SELECT name_in_log FROM {table} WHERE tenant = $1 AND subject = $2 AND name_in_log IS NOT NULL"
        );
        let found: Vec<Option<RowName>> = tx.rows(sql, values![tenant, id.as_str()]).await?;
        names.extend(found);
    }
    Ok(names)
}

/// Deletes all rows that hang on the subject `id` and marks it as erased; its own row stays, so that the id is never given
/// again. For erasure, which shreds the key and appends the leaf. Works for a subject that is erased already.
pub(crate) async fn delete(
    tx: &mut Tx,
    tenant: &str,
    id: &SubjectId,
    names: &RequestNames,
) -> Result<Belongings, Error> {
    tx.execute(
        "UPDATE subjects SET state = 'erased' WHERE tenant = $1 AND id = $2",
        values![tenant, id.as_str()],
    )
    .await?;
    let mut rows = Belongings::new();
    // That a change was asked for and decided stays; who asked and what for does not.
    let closed = tx
        .execute(
            "UPDATE proposals SET subject = NULL, sealed = NULL, name_in_log = NULL, asked_by = '' \
             WHERE tenant = $1 AND subject = $2 AND status <> 'open'",
            values![tenant, id.as_str()],
        )
        .await?;
    rows.insert(NodeKind::Proposals, closed);
    // Requests stay; by what they named the person does not.
    rows.insert(NodeKind::RequestNames, names.forget(tx, tenant, id).await?);
    // Calls stay in the log; whom they were about does not.
    tx.execute(
        "UPDATE vault_calls SET subject = NULL, app = NULL, note = NULL, wrote = NULL WHERE tenant = $1 AND subject = $2",
        values![tenant, id.as_str()],
    )
    .await?;
    for Table { kind, name, more } in TABLES {
        let sql = format!("DELETE FROM {name} WHERE tenant = $1 AND subject = $2 {more}");
        *rows.entry(kind).or_default() += tx.execute(sql, values![tenant, id.as_str()]).await?;
    }
    Ok(rows)
}
