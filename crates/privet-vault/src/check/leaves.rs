//! Rows and leaves: each row that should have a leaf has one, and each leaf that speaks of a row that stays, or whose end the
//! log would tell of, finds it.
//!
//! Both sides are turned into short names (what a leaf says of its row, and what the row says of itself), and compared in
//! parts of about a million names.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use privet_crypto::KeyId;
use privet_store::{FromRow, Row, Scope, values};
use serde_json::Value;

use super::said::{Name, Said, exact, name, said, seal_name};
use super::walk::{Cells, Walk, walk};
use super::{FindingKind, Look};
use crate::consent::{ConsentEvent, DefinitionKind, catalog, hex, history};
use crate::followed::name_of;
use crate::lineage::edge_name;
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
    pub(crate) without_row: Vec<(Arc<str>, i64)>,
    /// Rows whose end a leaf tells of: table and label.
    pub(crate) ended: Vec<(&'static str, String)>,
    /// Rows with another name than the log calls them by: table and label.
    pub(crate) renamed: Vec<(&'static str, String)>,
    /// Leaves of the tenant.
    pub(crate) leaves: u64,
    /// Fields that leaves should have: when, whose, by whom.
    pub(crate) fields: u64,
    /// Those that they have.
    pub(crate) filled: u64,
    /// Leaves that came, and got their position, in time.
    pub(crate) timely: u64,
}

/// What leaves said of a row.
struct Told {
    /// The leaf that told of it; absent as long as only its end was told of.
    leaf: Option<(i64, Arc<str>)>,
    /// Whose it is, as the log calls them.
    subject: Option<Name>,
    /// It stays for as long as there is a log, or until its end or that of its subject is told.
    stays: bool,
    has_ended: bool,
    is_seen: bool,
}

/// A leaf whose row should be there, and is not.
struct Unmet {
    event: i64,
    kind: Arc<str>,
    subject: Option<Name>,
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

/// Compares rows and leaves of `tenant`. `with_subjects`: its keys can be opened.
pub(crate) async fn compare(
    vault: &Vault,
    tenant: &TenantId,
    with_subjects: bool,
) -> Result<Compared, Error> {
    let leaves = count_leaves(vault, tenant).await?;
    let of = leaves.div_ceil(AT_ONCE).max(1);
    let mut compared = Compared::default();
    let (mut erased, mut unmet) = (HashSet::new(), Vec::new());
    for number in 0..of {
        let mut walker = Walker {
            vault,
            tenant,
            part: Part { number, of },
            told: HashMap::new(),
            compared: &mut compared,
            erased: &mut erased,
            kinds: HashMap::new(),
        };
        walker.leaves().await?;
        walker.rows(with_subjects).await?;
        unmet.extend(walker.end(with_subjects));
    }
    // A subject whose key was gone when a restored backup brought its rows back was erased without a pseudonym: nobody can
    // say which of these it was.
    let created = |one: &&Unmet| &*one.kind == "subject_created";
    if unmet.iter().filter(created).count() as u64 <= nameless(vault, tenant).await? {
        let theirs: HashSet<Name> = unmet
            .iter()
            .filter(created)
            .filter_map(|one| one.subject)
            .collect();
        unmet.retain(|one| one.subject.is_none_or(|subject| !theirs.contains(&subject)));
    }
    compared
        .without_row
        .extend(unmet.into_iter().map(|one| (one.kind, one.event)));
    compared.without_row.sort_unstable_by_key(|(_, event)| *event);
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
    /// Who was erased, as the log called them.
    erased: &'a mut HashSet<Name>,
    /// The kinds of leaves, each once.
    kinds: HashMap<String, Arc<str>>,
}

const SEALED: [(&str, Walk); 9] = [
    (
        "subject_versions",
        sealed("subject_versions t", &["subject", "version"]),
    ),
    ("subject_apps", named("subject_apps t", &["subject", "app"])),
    (
        "subject_app_versions",
        named("subject_app_versions t", &["subject", "app", "version"]),
    ),
    ("subject_sessions", named("subject_sessions t", &["id"])),
    ("subject_shares", named("subject_shares t", &["id"])),
    ("vault_tokens", named("vault_tokens t", &["token"])),
    ("archive_entries", named("archive_entries t", &["day", "id"])),
    ("reply_maps", named("reply_maps t", &["id"])),
    (
        "proposals",
        Walk {
            condition: "AND t.sealed IS NOT NULL",
            ..named("proposals t", &["id"])
        },
    ),
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

/// As [`sealed`], with the name that a row has in the log.
const fn named(from: &'static str, key: &'static [&'static str]) -> Walk {
    Walk {
        columns: "t.sealed, t.name_in_log",
        ..sealed(from, key)
    }
}

const OWN_TOKENS: Walk = Walk {
    from: "own_tokens t",
    key: &["id"],
    columns: "t.name_in_log",
    condition: "AND t.name_in_log IS NOT NULL",
    limit: 500,
};
const EDGES: Walk = Walk {
    from: "lineage t JOIN subjects s ON s.tenant = t.tenant AND s.id = t.subject",
    key: &["subject", "kind", "place", "node"],
    columns: "s.key_id",
    condition: "AND s.state <> 'erased'",
    limit: 500,
};
const LISTED: Walk = Walk {
    from: "erased_identifiers t",
    key: &["entry"],
    columns: "",
    condition: "",
    limit: 500,
};
const REQUESTS: Walk = Walk {
    from: "subject_requests t",
    key: &["id"],
    columns: "",
    condition: "",
    limit: 500,
};
const CALLS: Walk = Walk {
    from: "vault_calls t",
    key: &["id"],
    columns: "",
    condition: "",
    limit: 500,
};

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
                for one in said(self.tenant.as_str(), &leaf.kind, leaf.at, &leaf.payload, &payload) {
                    self.take(&leaf.kind, leaf.id, &one);
                }
            }
        }
    }

    /// What a leaf says, if it is of this part.
    fn take(&mut self, kind: &str, event: i64, said: &Said) {
        let (name, subject, stays) = match *said {
            Said::Erased(subject) => {
                self.erased.insert(subject);
                return;
            }
            Said::Ended(name) => {
                if self.part.has(&name) {
                    self.told.entry(name).or_insert_with(Told::nothing).has_ended = true;
                }
                return;
            }
            Said::Stored { name, subject, stays } => (name, subject, stays),
        };
        if !self.part.has(&name) {
            return;
        }
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.to_owned(), kind.into());
        }
        let kind = self.kinds.get(kind).cloned();
        let told = self.told.entry(name).or_insert_with(Told::nothing);
        if told.leaf.is_none() {
            told.leaf = kind.map(|kind| (event, kind));
            told.subject = subject;
        }
        told.stays |= stays;
    }

    /// Goes through all rows and takes from what was told what each says of itself.
    async fn rows(&mut self, with_subjects: bool) -> Result<(), Error> {
        let database = self.vault.store.database();
        for (table, sealed) in SEALED {
            walk!(sealed, database, self.tenant, |rows| {
                let width = sealed.key.len();
                for cells in &rows {
                    let hash = cells.bytes(width).map(name_of).unwrap_or_default();
                    let name_in_log = cells.array(width + 1);
                    let hash_hex = hex(&hash);
                    let short = hash_hex.get(..16).unwrap_or_default().to_owned();
                    // A token may be of its value's form. Others are written in place: with its hash each state is one of its
                    // own, so that two states that were each seen once are not one that was seen twice.
                    let label = match table {
                        "vault_tokens" => short,
                        _ => format!("{}/{short}", cells.label(width)),
                    };
                    let named = seal_name(&hash_hex);
                    // A version of a record has its number for a name.
                    let is_named = table == "subject_versions" || name_in_log == Some(hash);
                    if !is_named
                        && self.part.has(&named)
                        && (name_in_log.is_some() || self.is_followed(&named))
                    {
                        self.compared.renamed.push((table, label.clone()));
                    }
                    self.meet(table, label, named);
                }
            });
        }
        walk!(OWN_TOKENS, database, self.tenant, |rows| {
            for cells in &rows {
                let named = cells.bytes(1).map(hex).unwrap_or_default();
                self.meet("own_tokens", cells.label(1), seal_name(&named));
            }
        });
        walk!(LISTED, database, self.tenant, |rows| {
            for cells in &rows {
                let entry = cells.bytes(0).map(name_of).unwrap_or_default();
                self.see(&name("listed", &[&hex(&entry)]));
            }
        });
        for (table, what) in [(REQUESTS, "request_row"), (CALLS, "call")] {
            walk!(table, database, self.tenant, |rows| {
                for cells in &rows {
                    self.see(&name(what, &[cells.text(0).unwrap_or_default()]));
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
            self.edges().await?;
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

    /// Edges of the lineage, whose names only the subject's key gives.
    async fn edges(&mut self) -> Result<(), Error> {
        walk!(EDGES, self.vault.store.database(), self.tenant, |rows| {
            let key_of = |cells: &Cells| cells.array(4).map(KeyId::from_bytes);
            let ids: BTreeSet<KeyId> = rows.iter().filter_map(key_of).collect();
            let ids: Vec<KeyId> = ids.into_iter().collect();
            let keys = match self.vault.keyring.keys(self.tenant, &ids).await {
                Ok(keys) => keys,
                Err(privet_store::Error::BadRow { .. }) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let keys: HashMap<KeyId, Keys> = ids
                .into_iter()
                .zip(keys)
                .filter_map(|(id, key)| key.map(|key| (id, Keys::new(&key))))
                .collect();
            for cells in &rows {
                let key = key_of(cells).and_then(|id| keys.get(&id));
                let (Some(key), Some(subject)) = (key, cells.text(0)) else {
                    continue;
                };
                let end = [1, 2, 3].map(|at| cells.text(at).unwrap_or_default());
                let named = edge_name(key, self.tenant.as_str(), subject, end);
                self.see(&seal_name(&hex(&named)));
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
        let told = self.told.get(&named);
        if told.is_some_and(|told| told.has_ended) {
            self.compared.ended.push((table, label.clone()));
        }
        let has_leaf = self.see(&named);
        let counted = self.compared.rows.entry(table).or_default();
        counted.0 += 1;
        counted.1 += u64::from(has_leaf);
        if !has_leaf {
            self.compared.without_leaf.push((table, label));
        }
    }

    /// Whether a leaf told of this row; it is there.
    fn see(&mut self, named: &Name) -> bool {
        let told = self.told.get_mut(named);
        told.is_some_and(|told| {
            told.is_seen = true;
            told.leaf.is_some()
        })
    }

    fn is_followed(&self, named: &Name) -> bool {
        self.told.get(named).is_some_and(|told| told.stays)
    }

    /// Leaves of this part that speak of rows which are there until something else is told, and did not meet them.
    fn end(&mut self, with_subjects: bool) -> Vec<Unmet> {
        let needs_keys = |kind: &str| matches!(kind, "subject_created" | "lineage_registered");
        std::mem::take(&mut self.told)
            .into_values()
            .filter(|told| told.stays && !told.is_seen && !told.has_ended)
            .filter(|told| !told.subject.is_some_and(|subject| self.is_over(told, &subject)))
            .filter_map(|told| {
                let (event, kind) = told.leaf?;
                Some(Unmet {
                    event,
                    kind,
                    subject: told.subject,
                })
            })
            .filter(|unmet| with_subjects || !needs_keys(&unmet.kind))
            .collect()
    }

    /// Whether what was told of went with its subject. That there was one stays.
    fn is_over(&self, told: &Told, subject: &Name) -> bool {
        let is_creation = told
            .leaf
            .as_ref()
            .is_some_and(|(_, kind)| &**kind == "subject_created");
        !is_creation && self.erased.contains(subject)
    }
}

impl Told {
    const fn nothing() -> Self {
        Self {
            leaf: None,
            subject: None,
            stays: false,
            has_ended: false,
            is_seen: false,
        }
    }
}

/// Erased subjects of whom no erasure says how the log called them.
async fn nameless(vault: &Vault, tenant: &TenantId) -> Result<u64, Error> {
    let owner = tenant.clone();
    let count: i64 = vault
        .store
        .database()
        .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
            Box::pin(async move {
                Ok(tx
                    .one(
                        "SELECT COUNT(*) FROM subjects s WHERE s.tenant = $1 AND s.state = 'erased' AND NOT EXISTS \
                         (SELECT 1 FROM erasures e WHERE e.tenant = s.tenant AND e.subject = s.id)",
                        values![owner.as_str()],
                    )
                    .await?)
            })
        })
        .await?;
    Ok(count.unsigned_abs())
}

/// How the kinds of leaves begin that tell of keys: the keyring tells of them, whoever asked for the change.
const OF_KEYS: [&str; 6] = [
    "epoch_",
    "index_secret_",
    "root_key_",
    "subject_key_",
    "subject_keys_",
    "tenant_key",
];

/// How many of the fields that a leaf should have it has: when, whose, and by whom, unless the installation did it itself.
fn fields(kind: &str, payload: &Value) -> (u64, u64) {
    let has = |field: &str| payload.get(field).is_some_and(|value| !value.is_null());
    let is_its_own = matches!(
        kind,
        "sessions_ended"
            | "shares_ended"
            | "tokens_ended"
            | "own_tokens_ended"
            | "conversations_ended"
            | "reply_maps_ended"
    ) || kind.ends_with("_swept")
        || OF_KEYS.iter().any(|of| kind.starts_with(of));
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
        for (table, label) in &compared.ended {
            self.found(FindingKind::RowCameBack, table, label);
        }
        for (table, label) in &compared.renamed {
            self.found(FindingKind::RowRenamed, table, label);
        }
        Ok(())
    }
}
