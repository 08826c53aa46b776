//! The top of the keyring: root keys, and how one gives way to another.
//!
//! While a root key is replaced, each of the two is wrapped under the other ("bridge"), so that nodes which still have the
//! former one read what the new one wraps, and the other way round.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_crypto::{KeyId, RootKey, WrappingKey};

use super::place::{bad_row, bridge, first_root};
use crate::sql::{Database, Scope, Tx};
use crate::{Error, values};

/// The root keys that are known to this process.
pub(super) struct Roots {
    known: BTreeMap<KeyId, Arc<WrappingKey>>,
    /// INVARIANT: the id of a known one.
    current: KeyId,
    key: Arc<WrappingKey>,
    first: Arc<RootKey>,
    /// Those that gave way, and when.
    pub(super) retired: Vec<(KeyId, i64)>,
}

type RootRow = ([u8; 16], Option<i64>, Vec<u8>, Option<i64>);
type BridgeRow = ([u8; 16], [u8; 16], Vec<u8>);

/// The key that wraps for a root key.
pub(super) fn wrapping_key(root: &RootKey) -> WrappingKey {
    root.wrapping_key("privet/keyring/root/1", b"")
}

impl Roots {
    /// What the keyring holds for `root`. A new keyring is tied to it.
    pub(super) async fn open(database: &Database, root: &RootKey, now: i64) -> Result<Self, Error> {
        let own = wrapping_key(root);
        let row = values![
            *own.id().as_bytes(),
            1_i64,
            own.wrap(&first_root(), root)?,
            now,
            None::<i64>
        ];
        let is_new: bool = database
            .read(&Scope::Installation, |tx| {
                Box::pin(async { Ok::<_, Error>(select(tx).await?.0.is_empty()) })
            })
            .await?;
        if is_new {
            database
                .write(&Scope::Installation, move |tx| {
                    Box::pin(async move {
                        // Another process may have been first.
                        tx.insert_many(
                            "INSERT INTO roots (id, is_current, first, since, retired_at)",
                            vec![row],
                            "ON CONFLICT DO NOTHING",
                        )
                        .await
                    })
                })
                .await?;
        }
        Self::load(database, own).await
    }

    /// What the keyring holds for the root key of the wrapping key `own`.
    pub(super) async fn load(database: &Database, own: WrappingKey) -> Result<Self, Error> {
        let (roots, bridges) = database
            .read(&Scope::Installation, |tx| Box::pin(select(tx)))
            .await?;
        let wrong = || Error::WrongRootKey {
            store: database.location().to_string(),
        };
        let own_id = own.id();
        if !roots.iter().any(|(id, ..)| KeyId::from_bytes(*id) == own_id) {
            return Err(wrong());
        }
        let known = known(own, &bridges)?;
        let mut retired = Vec::new();
        let mut current = None;
        for (id, is_current, first, retired_at) in roots {
            let id = KeyId::from_bytes(id);
            match is_current {
                Some(_) => current = Some((id, first)),
                None => retired.push((id, retired_at.unwrap_or(0))),
            }
        }
        retired.sort_by_key(|(_, at)| *at);
        let (current, first) = current.ok_or_else(|| bad_row("roots", "current"))?;
        let key = Arc::clone(known.get(&current).ok_or_else(wrong)?);
        let first = key
            .unwrap(&first_root(), &first)
            .map_err(|_| bad_row("roots", current))?;
        Ok(Self {
            known,
            current,
            key,
            first: Arc::new(first),
            retired,
        })
    }

    /// The key that wraps from now on.
    pub(super) fn key(&self) -> &WrappingKey {
        &self.key
    }

    /// Its name.
    pub(super) const fn current(&self) -> KeyId {
        self.current
    }

    /// The root key of that name, if this process knows it.
    pub(super) fn get(&self, id: KeyId) -> Option<&WrappingKey> {
        self.known.get(&id).map(AsRef::as_ref)
    }

    /// The root key that the keyring was made with.
    pub(super) const fn first(&self) -> &Arc<RootKey> {
        &self.first
    }
}

async fn select(tx: &mut Tx) -> Result<(Vec<RootRow>, Vec<BridgeRow>), Error> {
    let roots = tx
        .rows(
            "SELECT id, is_current, first, retired_at FROM roots ORDER BY since, id",
            values![],
        )
        .await?;
    let bridges = tx
        .rows("SELECT under, holds, wrapped FROM root_bridges", values![])
        .await?;
    Ok((roots, bridges))
}

/// `own`, and what it leads to over bridges.
fn known(own: WrappingKey, bridges: &[BridgeRow]) -> Result<BTreeMap<KeyId, Arc<WrappingKey>>, Error> {
    let mut known = BTreeMap::from([(own.id(), Arc::new(own))]);
    loop {
        let step = bridges.iter().find_map(|(under, holds, wrapped)| {
            let is_new = !known.contains_key(&KeyId::from_bytes(*holds));
            let under = known.get(&KeyId::from_bytes(*under))?;
            is_new.then(|| (under.unwrap::<WrappingKey>(&bridge(holds), wrapped), *holds))
        });
        let Some((key, holds)) = step else {
            return Ok(known);
        };
        let id = KeyId::from_bytes(holds);
        let key = key.map_err(|_| bad_row("root_bridges", id))?;
        if key.id() != id {
            return Err(bad_row("root_bridges", id));
        }
        known.insert(id, Arc::new(key));
    }
}
