//! Giving leaves their positions, and signing the head.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use privet_log::{Checkpoint, Edge, Hash, LOG_KEY_CHANGED, NoteSigner, TileId, write_leaf, write_tile};
use serde::Serialize;

use super::STORE_NODE;
use super::read::{damaged, read_edge, read_head, to_sql};
use super::successor::Successors;
use crate::sql::{Backend, Tx};
use crate::store::tie;
use crate::{Error, Store, values};

/// Leaves of one round: one short write transaction, some 5 ms.
const ROUND: i64 = 4096;

/// Leaves hashed before others may run on this thread; some 1 ms.
const LEAVES_AT_ONCE: usize = 512;

/// One checkpoint in so many milliseconds of events is kept.
const KEPT_EVERY: i64 = 3_600_000;

/// Longest pause between attempts while the store refuses.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Gives leaves their positions and signs checkpoints.
///
/// Any number of these may work on one store. A round is computed without a lock, and committed only if the log still
/// has the size it started from; else it is thrown away, with the checkpoint it signed, and the next round starts from
/// what the other one committed. So no two checkpoints of one size are ever published.
#[derive(Debug)]
pub struct Sequencer {
    store: Store,
    signer: NoteSigner,
    edge: Edge,
    last_event: i64,
    last_seq: i64,
    /// The log has another key by now.
    is_superseded: bool,
}

/// What a round has computed, ready to be committed.
struct Round {
    edge: Edge,
    first_position: u64,
    /// Leaves by id, with the number of those that came without one.
    events: Vec<(i64, Option<i64>)>,
    last_seq: i64,
    tiles: Vec<(TileId, Vec<u8>)>,
    note: String,
    /// When its newest leaf was written, milliseconds since 1970.
    at: i64,
    /// The key that the log must still have.
    key: String,
    is_key_change: bool,
}

impl Sequencer {
    /// Reads the head of the log, and checks that it was signed with this key over the stored tree. The first sequencer
    /// of a store ties the log to its key.
    ///
    /// # Errors
    /// [`Error::LogKeyChanged`] if the log was signed with another key, [`Error::LogDamaged`] if the stored tree is not
    /// the signed one, [`Error::Database`] if the store does not answer.
    pub async fn open(store: Store, signer: NoteSigner) -> Result<Self, Error> {
        let key = signer.key().to_string();
        let known = tie(store.database(), "log_key", &key).await?;
        if known != key {
            return Err(Error::LogKeyChanged { known });
        }
        let mut sequencer = Self {
            store,
            signer,
            edge: Edge::default(),
            last_event: 0,
            last_seq: 0,
            is_superseded: false,
        };
        sequencer.reload().await?;
        Ok(sequencer)
    }

    /// Gives positions to all leaves that are stored now. Returns how many this sequencer gave.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if another sequencer left something that
    /// does not hold.
    pub async fn run_once(&mut self) -> Result<u64, Error> {
        let mut given = 0;
        while let Some(round) = self.compute().await? {
            let leaves = round.events.len() as u64;
            if self.commit(round).await? {
                given += leaves;
            } else {
                tracing::debug!("another sequencer was first");
                self.reload().await?;
            }
        }
        Ok(given)
    }

    /// Leaves that have a position.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    async fn reload(&mut self) -> Result<(), Error> {
        let (head, edge) = self
            .store
            .read(|tx| {
                Box::pin(async move {
                    let head = read_head(tx).await?;
                    let edge = read_edge(tx, head.size).await?;
                    Ok((head, edge))
                })
            })
            .await?;
        let (last_event, last_seq) = (head.last_event, head.last_seq);
        if let Some(head) = head.check(self.signer.key())?
            && head.checkpoint.root != edge.root()
        {
            return Err(damaged(
                "its tiles have another root than its head signs".to_owned(),
            ));
        }
        self.edge = edge;
        self.last_event = last_event;
        self.last_seq = last_seq;
        Ok(())
    }

    /// The next round; `None` if there is no new leaf. Also looks whether the log has another key: where others sequence
    /// everything, nothing else tells.
    async fn compute(&mut self) -> Result<Option<Round>, Error> {
        let last_event = self.last_event;
        let (rows, known): (Vec<UnsequencedLeaf>, Option<String>) = self
            .store
            .read(move |tx| {
                Box::pin(async move { Ok((unsequenced(tx, last_event).await?, known_key(tx).await?)) })
            })
            .await?;
        self.is_superseded = known.is_some_and(|known| known != self.signer.key().to_string());
        if rows.is_empty() {
            return Ok(None);
        }
        self.build(&rows, None).await.map(Some)
    }

    /// The round that puts `rows` behind the log; signed by `successor`, too, where the key changes with it.
    async fn build(&self, rows: &[UnsequencedLeaf], successor: Option<&NoteSigner>) -> Result<Round, Error> {
        let mut edge = self.edge.clone();
        let mut last_seq = self.last_seq;
        let mut tiles = Vec::new();
        let mut events = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(LEAVES_AT_ONCE) {
            for (id, kind, node, seq, payload, _) in chunk {
                let given = seq.is_none().then(|| {
                    last_seq += 1;
                    last_seq
                });
                let seq = seq.or(given).unwrap_or_default().unsigned_abs();
                let entry = write_leaf(kind, node, seq, payload).map_err(Error::Json)?;
                edge.push(Hash::of_leaf(&entry), &mut |id, hashes| {
                    tiles.push((id, write_tile(hashes)));
                });
                events.push((*id, given));
            }
            tokio::task::yield_now().await;
        }
        // Those of levels where nothing was added are the same as before.
        let changed = edge.unfinished().filter(|(id, hashes)| {
            let before = self.edge.unfinished().find(|(before, _)| before == id);
            before.is_none_or(|(_, before)| before.len() != hashes.len())
        });
        tiles.extend(changed.map(|(id, hashes)| (id, write_tile(hashes))));
        let head = Checkpoint {
            origin: self.signer.key().name().to_owned(),
            size: edge.size(),
            root: edge.root(),
        };
        let mut note = head.sign(&self.signer);
        if let Some(successor) = successor {
            note.push_str(&successor.sign(&head.to_text(), 0));
        }
        Ok(Round {
            first_position: self.edge.size(),
            events,
            last_seq,
            tiles,
            note,
            at: rows.iter().map(|row| row.5).max().unwrap_or(0),
            key: self.signer.key().to_string(),
            is_key_change: successor.is_some(),
            edge,
        })
    }

    /// Commits a round unless the log has another size by now. Returns whether it did.
    async fn commit(&mut self, round: Round) -> Result<bool, Error> {
        // On SQLite the last one is also the highest.
        let Some(last_event) = round.events.iter().map(|(id, _)| *id).max() else {
            return Ok(true);
        };
        let (edge, last_seq) = (round.edge.clone(), round.last_seq);
        let before = (self.edge.size(), self.last_event);
        let is_first = self
            .store
            .write(move |tx| Box::pin(async move { replace(tx, round, last_event, before).await }))
            .await;
        match is_first {
            Ok(()) => {
                self.edge = edge;
                self.last_event = last_event;
                self.last_seq = last_seq;
                Ok(true)
            }
            Err(Error::NotFirst) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Id, kind, node, number, payload, time.
type UnsequencedLeaf = (i64, String, String, Option<i64>, String, i64);

/// The next leaves without a position.
async fn unsequenced(tx: &mut Tx, last_event: i64) -> Result<Vec<UnsequencedLeaf>, Error> {
    match tx.backend() {
        // Ids are given under SQLite's write lock, so none below the last one seen can appear later.
        Backend::Sqlite => {
            tx.rows(
                "SELECT id, kind, node, seq, payload, at FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2",
                values![last_event, ROUND],
            )
            .await
        }
        Backend::Postgres => {
            tx.rows(
                "SELECT e.id, e.kind, e.node, e.seq, e.payload, e.at FROM log_queue q \
                 JOIN audit_events e ON e.id = q.event ORDER BY q.event LIMIT $1",
                values![ROUND],
            )
            .await
        }
    }
}

/// The key that the log has.
async fn known_key(tx: &mut Tx) -> Result<Option<String>, Error> {
    tx.optional("SELECT value FROM settings WHERE name = 'log_key'", values![])
        .await
}

/// Puts a round behind the head of size and last event `before`; [`Error::NotFirst`] if the head is another by now.
async fn replace(tx: &mut Tx, round: Round, last_event: i64, before: (u64, i64)) -> Result<(), Error> {
    let replaced = tx
        .execute(
            "UPDATE log_head SET size = $1, last_event = $2, last_seq = $3, checkpoint = $4 \
             WHERE size = $5 AND last_event = $6 \
             AND EXISTS (SELECT 1 FROM settings WHERE name = 'log_key' AND value = $7)",
            values![
                to_sql(round.edge.size()),
                last_event,
                round.last_seq,
                &round.note,
                to_sql(before.0),
                before.1,
                &round.key
            ],
        )
        .await?;
    if replaced != 1 {
        let known: String = tx
            .one("SELECT value FROM settings WHERE name = 'log_key'", values![])
            .await?;
        return Err(if known == round.key {
            Error::NotFirst
        } else {
            Error::LogKeyChanged { known }
        });
    }
    tx.execute(
        "INSERT INTO log_checkpoints (size, at, is_key_change, checkpoint) SELECT $1, $2, $3, $4 \
         WHERE $3 = 1 OR NOT EXISTS (SELECT 1 FROM log_checkpoints WHERE at > $5)",
        values![
            to_sql(round.edge.size()),
            round.at,
            i64::from(round.is_key_change),
            &round.note,
            round.at.saturating_sub(KEPT_EVERY)
        ],
    )
    .await?;
    let positions = round.events.iter().zip(to_sql(round.first_position)..);
    let positions = positions.map(|((event, seq), position)| values![position, *event, *seq]);
    tx.insert_many(
        "INSERT INTO log_positions (position, event, seq)",
        positions.collect(),
        "",
    )
    .await?;
    if tx.backend() == Backend::Postgres {
        for chunk in round.events.chunks(1000) {
            let ids: Vec<String> = chunk.iter().map(|(id, _)| id.to_string()).collect();
            let sql = format!("DELETE FROM log_queue WHERE event IN ({})", ids.join(","));
            tx.script(sql).await?;
        }
    }
    let tiles = round.tiles.iter();
    let tiles = tiles.map(|(id, hashes)| values![i64::from(id.level), to_sql(id.index), hashes.as_slice()]);
    for tile in tiles {
        tx.insert_many(
            "INSERT INTO log_tiles (level, tile, hashes)",
            vec![tile],
            "ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes",
        )
        .await?;
    }
    Ok(())
}

/// The leaf that tells of another key.
#[derive(Serialize)]
struct KeyChanged {
    at: Timestamp,
    tenant: &'static str,
    from: String,
    to: String,
}

impl Sequencer {
    /// Gives the log another key, from a leaf on that names both; the checkpoint that ends with it is signed by both, and
    /// is kept. Sequencers with the former key stop: what is stored meanwhile waits for one with the new key.
    ///
    /// # Errors
    /// [`Error::LogKeyChanged`] if somebody else changed it first, [`Error::LogKey`] if `successor` is of another log, and
    /// those of [`run_once`](Self::run_once).
    pub async fn change_key(mut self, successor: NoteSigner, at: Timestamp) -> Result<Self, Error> {
        if successor.key().name() != self.signer.key().name() {
            return Err(privet_log::BadNote::NotSigned {
                name: self.signer.key().name().to_owned(),
            }
            .into());
        }
        let (from, to) = (self.signer.key().to_string(), successor.key().to_string());
        if from == to {
            return Ok(self);
        }
        loop {
            self.run_once().await?;
            let told = KeyChanged {
                at,
                tenant: "*",
                from: from.clone(),
                to: to.clone(),
            };
            let payload = serde_json::to_string(&told).map_err(Error::Json)?;
            let kind = LOG_KEY_CHANGED.to_owned();
            let leaf = (0, kind, STORE_NODE.to_owned(), None, payload, at.as_millisecond());
            let round = self.build(std::slice::from_ref(&leaf), Some(&successor)).await?;
            let (edge, last_seq) = (round.edge.clone(), round.last_seq);
            let before = (self.edge.size(), self.last_event);
            let to = to.clone();
            let changed = self
                .store
                .write(move |tx| Box::pin(async move { change(tx, leaf, round, before, to).await }))
                .await;
            match changed {
                Ok(last_event) => {
                    return Ok(Self {
                        store: self.store,
                        signer: successor,
                        edge,
                        last_event,
                        last_seq,
                        is_superseded: false,
                    });
                }
                Err(Error::NotFirst) => self.reload().await?,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes the leaf, its round and the new key, in one transaction. Returns the leaf's id.
async fn change(
    tx: &mut Tx,
    leaf: UnsequencedLeaf,
    mut round: Round,
    before: (u64, i64),
    to: String,
) -> Result<i64, Error> {
    if tx.backend() == Backend::Sqlite {
        // There the last id is what tells new leaves from old ones: none may be passed over.
        let waiting: i64 = tx
            .one(
                "SELECT COUNT(*) FROM audit_events WHERE id > $1",
                values![before.1],
            )
            .await?;
        if waiting > 0 {
            return Err(Error::NotFirst);
        }
    }
    let (_, kind, node, _, payload, at) = leaf;
    let id: i64 = tx
        .one(
            "INSERT INTO audit_events (node, at, kind, tenant, payload) VALUES ($1, $2, $3, '*', $4) RETURNING id",
            values![node, at, kind, payload],
        )
        .await?;
    for event in &mut round.events {
        event.0 = id;
    }
    let (from, size) = (round.key.clone(), to_sql(round.edge.size()));
    replace(tx, round, id, before).await?;
    tx.execute(
        "INSERT INTO log_former_keys (last_size, key) VALUES ($1, $2)",
        values![size, &from],
    )
    .await?;
    tx.execute(
        "UPDATE settings SET value = $1 WHERE name = 'log_key'",
        values![to],
    )
    .await?;
    Ok(id)
}

/// Sequences what is stored every `interval` until `shutdown`, then once more. While the store refuses, pauses grow from
/// `interval` to 5 s and each attempt is logged.
///
/// # Errors
/// What kept the last leaves from being sequenced at shutdown. They are sequenced at the next start.
pub async fn run_sequencer(
    sequencer: Sequencer,
    interval: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    run(sequencer, None, interval, shutdown).await
}

/// As [`run_sequencer`]. If the log is given another key meanwhile, it goes on with that as soon as `successors` have it.
///
/// # Errors
/// As [`run_sequencer`].
pub async fn run_sequencer_through_changes(
    sequencer: Sequencer,
    successors: Successors,
    interval: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    run(sequencer, Some(successors), interval, shutdown).await
}

async fn run(
    mut sequencer: Sequencer,
    mut successors: Option<Successors>,
    interval: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let mut shutdown = pin!(shutdown);
    let (mut pause, mut is_told) = (interval, false);
    loop {
        let is_last = tokio::select! {
            () = &mut shutdown => true,
            () = tokio::time::sleep(pause) => false,
        };
        let mut done = sequencer.run_once().await;
        if let Some(successors) = &mut successors
            && (done.is_err() || sequencer.is_superseded)
        {
            match succeeded(&sequencer, successors).await {
                Some(next) => {
                    (sequencer, is_told) = (next, false);
                    done = sequencer.run_once().await;
                }
                None if sequencer.is_superseded && !is_told => {
                    is_told = true;
                    tracing::warn!(
                        "the audit log has another key than this process; name it in the settings, or restart"
                    );
                }
                None => {}
            }
        }
        pause = match done {
            Ok(_) if sequencer.is_superseded => (pause * 2).min(LONGEST_PAUSE),
            Ok(_) => interval,
            Err(error) if is_last => return Err(error),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(error = %error, source = source.as_deref(), "cannot sequence the audit log");
                (pause * 2).min(LONGEST_PAUSE)
            }
        };
        if is_last {
            return Ok(());
        }
    }
}

/// A sequencer with the key that the log has now, if it has another one, and that is known here.
async fn succeeded(sequencer: &Sequencer, successors: &mut Successors) -> Option<Sequencer> {
    let known = sequencer.store.read(|tx| Box::pin(known_key(tx))).await;
    let known = known.ok().flatten()?;
    if known == sequencer.signer.key().to_string() {
        return None;
    }
    let signer = successors.find(&known)?;
    match Sequencer::open(sequencer.store.clone(), signer).await {
        Ok(next) => {
            successors.tell(&next.signer);
            tracing::info!("the audit log goes on under the key that it was given");
            Some(next)
        }
        Err(error) => {
            tracing::warn!(%error, "the audit log was given another key, and does not go on under it");
            None
        }
    }
}
