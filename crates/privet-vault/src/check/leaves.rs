//! Rows and leaves: each row that should have a leaf has one, and each leaf that speaks of a row that stays finds it.
//!
//! Both sides are turned into short names (what a leaf says of its row, and what the row says of itself), and compared in
//! parts of about a million names.

use std::collections::HashMap;

use jiff::Timestamp;
use privet_crypto::{KeyId, sha256};
use privet_store::{FromRow, Row, Scope, values};
use serde_json::Value;

use super::walk::{Cells, Walk, walk};
use super::{FindingKind, Look};
use crate::consent::{ConsentEvent, DefinitionKind, EventKind, catalog, hex, history};
use crate::retention::HoldRow;
use crate::subject::Keys;
use crate::{ErasureReceipt, Error, Vault};
use privet_types::TenantId;

/// Names compared at once.
const AT_ONCE: u64 = 1 << 20;
/// Leaves read at a time.
const PAGE: u32 = 1_000;
/// So late a leaf may be, in milliseconds: flushing and sequencing take half a second, a bulk transaction some more.
pub(crate) const TIMELY_MS: i64 = 10_000;
/// Times of a leaf that the log did not hold back.
const STORE_NODE: &str = "store";

/// What was found of a tenant's rows and leaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compared {
    /// Rows that should have a leaf, and those that have, by table.
    pub(crate) rows: std::collections::BTreeMap<&'static str, (u64, u64)>,
    /// Rows without a leaf: table and label.
    pub(crate) without_leaf: Vec<(&'static str, String)>,
    /// Leaves without their row: kind, and id of the event.
    pub(crate) without_row: Vec<(String, i64)>,
    /// Leaves of the tenant.
    pub(crate) leaves: u64,
    /// Fields that leaves should have: when, whose, by whom.
    pub(crate) fields: u64,
    /// Those that they have.
    pub(crate) filled: u64,
    /// Leaves that came, and got their position, in time.
    pub(crate) timely: u64,
}

/// A row's or leaf's name: half a SHA-256.
type Name = [u8; 16];

struct Told {
    event: i64,
    kind: String,
    /// The row stays for as long as there is a log.
    stays: bool,
    is_seen: bool,
}

/// A part of all names.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u64,
    of: u64,
}

impl Part {
    fn has(self, name: &Name) -> bool {
        let number = u64::from_be_bytes(name.first_chunk().copied().unwrap_or_default());
        number % self.of == self.number
    }
}

fn name(what: &str, parts: &[&str]) -> Name {
    let text = std::iter::once(what)
        .chain(parts.iter().copied())
        .collect::<Vec<_>>()
        .join("\0");
    sha256(text.as_bytes()).first_chunk().copied().unwrap_or_default()
}

/// Compares rows and leaves of `tenant`. `with_subjects`: its keys can be opened.
pub(crate) async fn compare(
    vault: &Vault,
    tenant: &TenantId,
    with_subjects: bool,
) -> Result<Compared, Error> {
    let leaves = count_leaves(vault, tenant).await?;
    let of = leaves.div_ceil(AT_ONCE).max(1);
    let mut compared = Compared::default();
    for number in 0..of {
        let mut walker = Walker {
            vault,
            tenant,
            part: Part { number, of },
            told: HashMap::new(),
            compared: &mut compared,
        };
        walker.leaves().await?;
        walker.rows(with_subjects).await?;
        walker.end(with_subjects).await?;
    }
    Ok(compared)
}

async fn count_leaves(vault: &Vault, tenant: &TenantId) -> Result<u64, Error> {
    let owner = tenant.clone();
    let count: i64 = vault
        .store
        .database()
        .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) FROM audit_events WHERE tenant = $1";
                Ok(tx.one(sql, values![owner.as_str()]).await?)
            })
        })
        .await?;
    Ok(count.unsigned_abs())
}

struct Walker<'a> {
    vault: &'a Vault,
    tenant: &'a TenantId,
    part: Part,
    told: HashMap<Name, Told>,
    compared: &'a mut Compared,
}

const SEALED: [(&str, Walk); 7] = [
    (
        "subject_versions",
        sealed("subject_versions t", &["subject", "version"]),
    ),
    ("subject_apps", sealed("subject_apps t", &["subject", "app"])),
    ("subject_sessions", sealed("subject_sessions t", &["id"])),
    ("subject_shares", sealed("subject_shares t", &["id"])),
    ("vault_tokens", sealed("vault_tokens t", &["token"])),
    ("archive_entries", sealed("archive_entries t", &["day", "id"])),
    ("reply_maps", sealed("reply_maps t", &["id"])),
];

const fn sealed(from: &'static str, key: &'static [&'static str]) -> Walk {
    Walk {
        from,
        key,
        columns: "t.sealed",
        condition: "",
        limit: 8,
    }
}

const SUBJECTS: Walk = Walk {
    from: "subjects t",
    key: &["id"],
    columns: "t.key_id",
    condition: "AND t.state <> 'erased'",
    limit: 500,
};
const EVENTS: Walk = Walk {
    from: "consent_events t",
    key: &["statement", "purpose"],
    columns: history::COLUMNS,
    condition: "",
    limit: 500,
};
const DEFINITIONS: Walk = Walk {
    from: "definitions t",
    key: &["kind", "name", "version"],
    columns: "t.hash, t.actor, t.is_active, t.at",
    condition: "",
    limit: 500,
};
const HOLDS: Walk = Walk {
    from: "hold_events t",
    key: &["hold", "version"],
    columns: "t.kind, t.subject, t.category, t.until, t.actor, t.reference, t.at",
    condition: "",
    limit: 500,
};
const ERASURES: Walk = Walk {
    from: "erasures t",
    key: &["id"],
    columns: "t.state, t.receipt, t.pseudonym",
    condition: "",
    limit: 100,
};
const BULK: Walk = Walk {
    from: "bulk_reads t",
    key: &["id"],
    columns: "",
    condition: "",
    limit: 500,
};
const API_KEYS: Walk = Walk {
    from: "api_keys t",
    key: &["id"],
    columns: "",
    condition: "",
    limit: 500,
};

impl Walker<'_> {
    /// Reads all leaves of the tenant and keeps the names of this part.
    async fn leaves(&mut self) -> Result<(), Error> {
        let now = self.vault.now().as_millisecond();
        let (mut after, mut newest) = (0, i64::MIN);
        loop {
            let page = self
                .vault
                .store
                .tenant_events(self.tenant, after, None, PAGE)
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for leaf in &page {
                let payload: Value = serde_json::from_str(&leaf.payload).unwrap_or(Value::Null);
                if self.part.number == 0 {
                    self.compared.leaves += 1;
                    let (filled, of) = fields(&leaf.kind, &payload);
                    self.compared.filled += filled;
                    self.compared.fields += of;
                    // What came after leaves that are younger by far was held back; what has no position yet waits.
                    let came_late = newest > leaf.at.saturating_add(TIMELY_MS);
                    let waits = leaf.position.is_none() && leaf.at < now - TIMELY_MS;
                    self.compared.timely += u64::from(!came_late && !waits);
                }
                if leaf.node == STORE_NODE {
                    newest = newest.max(leaf.at);
                }
                for (found, stays) in said(&leaf.kind, leaf.at, &leaf.payload, &payload) {
                    if self.part.has(&found) {
                        let told = Told {
                            event: leaf.id,
                            kind: leaf.kind.clone(),
                            stays,
                            is_seen: false,
                        };
                        self.told.entry(found).or_insert(told);
                    }
                }
            }
        }
    }

    /// Goes through all rows and takes from what was told what each says of itself.
    async fn rows(&mut self, with_subjects: bool) -> Result<(), Error> {
        let database = self.vault.store.database();
        for (table, sealed) in SEALED {
            walk!(sealed, database, self.tenant, |rows| {
                let width = sealed.key.len();
                for cells in &rows {
                    let hash = cells.bytes(width).map(|bytes| hex(&sha256(bytes)));
                    let short: String = hash.iter().flat_map(|hash| hash.chars()).take(16).collect();
                    // A token may be of its value's form. Others are written in place: with its hash each state is one of its
                    // own, so that two states that were each seen once are not one that was seen twice.
                    let label = match table {
                        "vault_tokens" => short,
                        _ => format!("{}/{short}", cells.label(width)),
                    };
                    self.meet(table, label, name("sealed", &[&hash.unwrap_or_default()]));
                }
            });
        }
        walk!(EVENTS, database, self.tenant, |rows| {
            for cells in &rows {
                let label = cells.label(2);
                let event = ConsentEvent::from_row(cells.behind(2)).ok();
                let named = event.and_then(|event| {
                    let json = history::leaf_json(&event).ok()?;
                    Some(exact(event.kind.leaf(), event.recorded_at, &json))
                });
                self.meet("consent_events", label, named.unwrap_or_default());
            }
        });
        walk!(DEFINITIONS, database, self.tenant, |rows| {
            for cells in &rows {
                let named = definition_name(cells).unwrap_or_default();
                self.meet("definitions", cells.label(3), named);
            }
        });
        walk!(HOLDS, database, self.tenant, |rows| {
            for cells in &rows {
                let named = hold_name(cells).unwrap_or_default();
                self.meet("hold_events", cells.label(2), named);
            }
        });
        walk!(ERASURES, database, self.tenant, |rows| {
            for cells in &rows {
                let id = cells.text(0).unwrap_or_default();
                self.meet("erasures", id.to_owned(), name("begun", &[id]));
                if cells.text(1) == Some("done") {
                    let receipt = cells.text(2).unwrap_or_default();
                    let hash = ErasureReceipt::parse(receipt.as_bytes()).map(|receipt| receipt.hash());
                    self.meet(
                        "erasures",
                        id.to_owned(),
                        name("done", &[id, &hash.unwrap_or_default()]),
                    );
                }
                // The subject whose creation a leaf tells of is this one.
                self.see(&name("subject", &[cells.text(3).unwrap_or_default()]));
            }
        });
        walk!(BULK, database, self.tenant, |rows| {
            for cells in &rows {
                self.meet("bulk_reads", cells.label(1), name("object", &[&cells.label(1)]));
            }
        });
        walk!(API_KEYS, database, self.tenant, |rows| {
            for cells in &rows {
                self.meet("api_keys", cells.label(1), name("object", &[&cells.label(1)]));
            }
        });
        if with_subjects {
            self.subjects().await?;
            self.requests().await?;
        }
        Ok(())
    }

    async fn subjects(&mut self) -> Result<(), Error> {
        walk!(SUBJECTS, self.vault.store.database(), self.tenant, |rows| {
            let ids: Vec<KeyId> = rows
                .iter()
                .filter_map(|cells| cells.array(1).map(KeyId::from_bytes))
                .collect();
            let keys = match self.vault.keyring.keys(self.tenant, &ids).await {
                Ok(keys) => keys,
                // Keys that cannot be read are told of where keys are looked at.
                Err(privet_store::Error::BadRow { .. }) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            for (cells, key) in rows.iter().zip(keys) {
                let (Some(key), Some(id)) = (key, cells.text(0)) else {
                    continue;
                };
                let pseudonym = Keys::new(&key).pseudonym(self.tenant.as_str(), id);
                self.meet("subjects", id.to_owned(), name("subject", &[&pseudonym.0]));
            }
        });
        Ok(())
    }

    async fn requests(&mut self) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let page = crate::request::check_page(self.vault, self.tenant, &after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for request in page {
                let Some(good) = request.good else { continue };
                let due = good.due_at.to_string();
                let receipt = good.receipt.map(|(hash, _)| hash).unwrap_or_default();
                let named = name("request", &[&request.id, good.status, &due, &receipt]);
                self.meet("subject_requests", request.id, named);
            }
        }
    }

    /// A row says of itself that it is `named`.
    fn meet(&mut self, table: &'static str, label: String, named: Name) {
        if !self.part.has(&named) {
            return;
        }
        let has_leaf = self.see(&named);
        let counted = self.compared.rows.entry(table).or_default();
        counted.0 += 1;
        counted.1 += u64::from(has_leaf);
        if !has_leaf {
            self.compared.without_leaf.push((table, label));
        }
    }

    fn see(&mut self, named: &Name) -> bool {
        let told = self.told.get_mut(named);
        told.is_some_and(|told| {
            told.is_seen = true;
            true
        })
    }

    /// Leaves of this part that speak of rows which stay, and did not meet them.
    async fn end(&mut self, with_subjects: bool) -> Result<(), Error> {
        let mut unmet: Vec<(String, i64)> = std::mem::take(&mut self.told)
            .into_values()
            .filter(|told| told.stays && !told.is_seen)
            .filter(|told| with_subjects || told.kind != "subject_created")
            .map(|told| (told.kind, told.event))
            .collect();
        unmet.sort_unstable_by_key(|(_, event)| *event);
        // A subject whose key was gone when a restored backup brought its rows back was erased without a pseudonym.
        let nameless = self.nameless().await?;
        let created = unmet.iter().filter(|(kind, _)| kind == "subject_created").count() as u64;
        if created <= nameless {
            unmet.retain(|(kind, _)| kind != "subject_created");
        }
        self.compared.without_row.extend(unmet);
        Ok(())
    }

    /// Erased subjects of whom no erasure says how the log called them.
    async fn nameless(&self) -> Result<u64, Error> {
        let tenant = self.tenant.clone();
        let count: i64 = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .one(
                            "SELECT COUNT(*) FROM subjects s WHERE s.tenant = $1 AND s.state = 'erased' AND NOT EXISTS \
                             (SELECT 1 FROM erasures e WHERE e.tenant = s.tenant AND e.subject = s.id)",
                            values![tenant.as_str()],
                        )
                        .await?)
                })
            })
            .await?;
        Ok(count.unsigned_abs())
    }
}

/// A leaf that is known word for word.
fn exact(kind: &str, at: i64, json: &str) -> Name {
    name("exact", &[kind, &at.to_string(), json])
}

/// The names of the rows that a leaf speaks of, and whether they stay.
fn said(kind: &str, at: i64, json: &str, payload: &Value) -> Vec<(Name, bool)> {
    let text = |field: &str| payload.get(field).and_then(Value::as_str);
    let mut names = Vec::new();
    if let Some(sealed) = text("sealed") {
        names.push((name("sealed", &[sealed]), false));
    }
    let is_consent = text("statement").is_some() && EventKind::ALL.iter().any(|event| event.leaf() == kind);
    let is_kept = is_consent
        || matches!(
            kind,
            "definition_changed" | "definition_deleted" | "hold_placed" | "hold_released" | "hold_ended"
        );
    if is_kept {
        names.push((exact(kind, at, json), true));
    }
    match (kind, text("erasure"), text("subject"), text("request")) {
        ("subject_created", _, Some(subject), _) => names.push((name("subject", &[subject]), true)),
        ("subject_erasure_begun", Some(id), ..) => names.push((name("begun", &[id]), true)),
        ("subject_erased", Some(id), ..) => {
            let receipt = text("receipt").unwrap_or_default();
            names.push((name("done", &[id, receipt]), true));
        }
        (_, _, _, Some(request)) => {
            let due = text("due_at").and_then(|due| due.parse::<Timestamp>().ok());
            let due = due
                .map(|due| due.as_millisecond().to_string())
                .unwrap_or_default();
            let status = text("status").unwrap_or_default();
            let receipt = text("receipt").unwrap_or_default();
            names.push((name("request", &[request, status, &due, receipt]), false));
        }
        _ => {}
    }
    if let Some(object) = text("object") {
        names.push((name("object", &[object]), false));
    }
    names
}

/// How many of the fields that a leaf should have it has: when, whose, and by whom, unless the installation did it itself.
fn fields(kind: &str, payload: &Value) -> (u64, u64) {
    let has = |field: &str| payload.get(field).is_some_and(|value| !value.is_null());
    let is_its_own = matches!(
        kind,
        "sessions_ended" | "shares_ended" | "tokens_ended" | "conversations_ended" | "reply_maps_ended"
    ) || kind.ends_with("_swept");
    let filled = u64::from(has("at")) + u64::from(has("tenant"));
    if is_its_own {
        (filled, 2)
    } else {
        (filled + u64::from(has("principal")), 3)
    }
}

fn definition_name(cells: &Cells) -> Option<Name> {
    let kind = DefinitionKind::ALL
        .into_iter()
        .find(|kind| Some(kind.name()) == cells.text(0))?;
    let leaf = match cells.int(5)? {
        0 => "definition_deleted",
        _ => "definition_changed",
    };
    let json = catalog::leaf_json(
        kind,
        cells.text(1)?,
        cells.int(2)?,
        cells.bytes(3)?,
        cells.text(4)?,
    );
    Some(exact(leaf, cells.int(6)?, &json.ok()?))
}

fn hold_name(cells: &Cells) -> Option<Name> {
    let row = HoldRow {
        hold: cells.text(0)?.to_owned(),
        version: cells.int(1)?,
        kind: cells.text(2)?.to_owned(),
        subject: cells.bytes(3).map(<[u8]>::to_vec),
        category: cells.text(4).map(str::to_owned),
        until: cells.int(5),
        actor: cells.text(6)?.to_owned(),
        reference: cells.text(7)?.to_owned(),
    };
    let (kind, json) = row.leaf().ok()??;
    Some(exact(kind, cells.int(8)?, &json))
}

impl Cells {
    /// The values behind the first `width`, as a row.
    fn behind(&self, width: usize) -> Row {
        Row::from(self.values_from(width))
    }
}

impl Look<'_, '_> {
    /// Tells of rows without a leaf, and of leaves without their row.
    pub(super) async fn leaves(&mut self) -> Result<(), Error> {
        let with_subjects = matches!(self.vault.keyring.inspect_tenant(self.tenant).await, Ok(Some(())));
        let compared = compare(self.vault, self.tenant, with_subjects).await?;
        (self.progress)("audit_events", compared.leaves);
        for (table, label) in &compared.without_leaf {
            self.found(FindingKind::LeafMissing, table, label);
        }
        for (kind, event) in &compared.without_row {
            let label = format!("{kind}/{event}");
            self.found(FindingKind::RowMissing, "audit_events", &label);
        }
        Ok(())
    }
}
