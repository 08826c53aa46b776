//! Keyring and store: keys without rows, rows without keys.

use std::collections::HashSet;

use privet_crypto::KeyId;

use super::walk::{Walk, walk};
use super::{FindingKind, Look, is_damage};
use crate::Error;
use crate::consent::hex;

/// Keys whose rows are looked for at once: 16 bytes each, some 40 MiB with the set.
const AT_ONCE: usize = 1 << 20;
/// Keys read at a time.
const PAGE: u32 = 500;

/// Tables whose rows name a key.
const NAMING: [Walk; 6] = [
    naming(
        "subjects t",
        &["id"],
        "t.key_id, t.state, (SELECT MAX(e.state) FROM erasures e WHERE e.tenant = t.tenant AND e.subject = t.id)",
    ),
    naming("subject_sessions t", &["id"], "t.key_id"),
    naming("vault_tokens t", &["token"], "t.key_id"),
    naming("archive_entries t", &["day", "id"], "t.key_id"),
    naming("reply_maps t", &["id"], "t.key_id"),
    naming("day_keys t", &["purpose", "day"], "t.key_id"),
];

const fn naming(from: &'static str, key: &'static [&'static str], columns: &'static str) -> Walk {
    Walk {
        from,
        key,
        columns,
        condition: "",
        limit: 2000,
    }
}

impl Look<'_, '_> {
    /// Whether the tenant's own keys unwrap. Without them nothing else can be opened.
    pub(super) async fn keyring(&mut self) -> Result<bool, Error> {
        match self.vault.keyring.inspect_tenant(self.tenant).await {
            Ok(Some(())) => Ok(true),
            // Definitions need no key; all else does.
            Ok(None) => {
                if self.has_rows().await? {
                    self.found(FindingKind::KeyMissing, "tenant_keys", self.tenant.as_str());
                    self.findings.not_checked(
                        Some(self.tenant),
                        "records",
                        "the keyring has no keys of the tenant",
                        true,
                    );
                }
                Ok(false)
            }
            Err(privet_store::Error::BadRow { table, .. }) => {
                self.found(FindingKind::KeyUnreadable, table, self.tenant.as_str());
                self.findings.not_checked(
                    Some(self.tenant),
                    "records",
                    "the tenant's own keys do not open",
                    true,
                );
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn has_rows(&self) -> Result<bool, Error> {
        for table in NAMING {
            let first = Walk { limit: 1, ..table };
            let rows = first.page(self.vault.store.database(), self.tenant, None).await?;
            if !rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks at every key of the tenant, and for the rows that need it.
    pub(super) async fn unused_keys(&mut self) -> Result<(), Error> {
        let mut after: Option<KeyId> = None;
        loop {
            let first = after;
            let mut keys: HashSet<KeyId> = HashSet::new();
            let mut is_last = false;
            while keys.len() < AT_ONCE {
                let page = match self.vault.keyring.inspect_keys(self.tenant, after, PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        let error = Error::from(error);
                        return if is_damage(&error) { Ok(()) } else { Err(error) };
                    }
                };
                self.looked_at("subject_keys", page.len());
                let Some(last) = page.last() else {
                    is_last = true;
                    break;
                };
                after = Some(last.id);
                for key in page {
                    if !key.is_whole {
                        self.found(FindingKind::KeyUnreadable, "subject_keys", &name(key.id));
                    }
                    // Those that came beside a first one are as needed as that.
                    if key.family.is_none() {
                        keys.insert(key.id);
                    }
                }
            }
            if keys.is_empty() {
                return Ok(());
            }
            self.look_for(&mut keys, first, after).await?;
            let mut unused: Vec<KeyId> = keys.into_iter().collect();
            unused.sort_unstable();
            for id in unused {
                self.found(FindingKind::KeyUnused, "subject_keys", &name(id));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes from `keys`, which are those behind `from` up to `to`, all that a row names.
    async fn look_for(
        &mut self,
        keys: &mut HashSet<KeyId>,
        from: Option<KeyId>,
        to: Option<KeyId>,
    ) -> Result<(), Error> {
        for table in NAMING {
            walk!(table, self.vault.store.database(), self.tenant, |rows| {
                for cells in &rows {
                    let width = table.key.len();
                    let Some(id) = cells.array(width).map(KeyId::from_bytes) else {
                        continue;
                    };
                    let is_here = from.is_none_or(|from| id > from) && to.is_none_or(|to| id <= to);
                    if is_here
                        && keys.remove(&id)
                        && cells.text(width + 1) == Some("erased")
                        && cells.text(width + 2) != Some("begun")
                    {
                        self.found(FindingKind::KeyOfErased, "subjects", &cells.label(1));
                    }
                }
            });
        }
        Ok(())
    }
}

fn name(id: KeyId) -> String {
    hex(id.as_bytes())
}
