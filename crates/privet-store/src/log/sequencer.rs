//! Giving leaves their positions, and signing the head.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use privet_log::{Checkpoint, Edge, Hash, NoteSigner, TileId, write_tile};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::read::{damaged, read_edge, read_entry, read_head, to_sql};
use crate::{Error, Store};

/// Leaves of one round: one short write transaction, some 5 ms.
const ROUND: i64 = 4096;

/// Leaves hashed before others may run on this thread; some 1 ms.
const LEAVES_AT_ONCE: usize = 512;

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
}

/// What a round has computed, ready to be committed.
struct Round {
    edge: Edge,
    first_position: u64,
    events: Vec<i64>,
    tiles: Vec<(TileId, Vec<u8>)>,
    note: String,
}

impl Sequencer {
    /// Reads the head of the log, and checks that it was signed with this key over the stored tree. The first sequencer
    /// of a store ties the log to its key.
    ///
    /// # Errors
    /// [`Error::LogKeyChanged`] if the log was signed with another key, [`Error::LogDamaged`] if the stored tree is not
    /// the signed one, [`Error::Database`] if the store does not answer.
    pub async fn open(store: Store, signer: NoteSigner) -> Result<Self, Error> {
        tie_key(&store, &signer.key().to_string()).await?;
        let mut sequencer = Self {
            store,
            signer,
            edge: Edge::default(),
            last_event: 0,
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
        let mut read = self.store.readers().begin().await?;
        let head = read_head(&mut read).await?;
        let (size, last_event) = (head.size, head.last_event);
        let edge = read_edge(&mut read, size).await?;
        read.commit().await?;
        if let Some(head) = head.check(self.signer.key())?
            && head.checkpoint.root != edge.root()
        {
            return Err(damaged(
                "its tiles have another root than its head signs".to_owned(),
            ));
        }
        self.edge = edge;
        self.last_event = last_event;
        Ok(())
    }

    /// The next round; `None` if there is no new leaf.
    async fn compute(&self) -> Result<Option<Round>, Error> {
        // Ids are given under SQLite's write lock, so none below the last one seen can appear later.
        let rows = sqlx::query(
            "SELECT id, kind, node, seq, payload FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(self.last_event)
        .bind(ROUND)
        .fetch_all(self.store.readers())
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut edge = self.edge.clone();
        let mut tiles = Vec::new();
        let mut events = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(LEAVES_AT_ONCE) {
            for row in chunk {
                let leaf = Hash::of_leaf(&read_entry(row)?);
                edge.push(leaf, &mut |id, hashes| tiles.push((id, write_tile(hashes))));
                events.push(row.try_get("id")?);
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
        Ok(Some(Round {
            first_position: self.edge.size(),
            events,
            tiles,
            note: head.sign(&self.signer),
            edge,
        }))
    }

    /// Commits a round unless the log has another size by now. Returns whether it did.
    async fn commit(&mut self, round: Round) -> Result<bool, Error> {
        let Some(last_event) = round.events.last().copied() else {
            return Ok(true);
        };
        let mut write = self.store.begin_write().await?;
        let replaced = sqlx::query(
            "UPDATE log_head SET size = $1, last_event = $2, checkpoint = $3 WHERE size = $4 AND last_event = $5",
        )
        .bind(to_sql(round.edge.size()))
        .bind(last_event)
        .bind(&round.note)
        .bind(to_sql(round.first_position))
        .bind(self.last_event)
        .execute(&mut *write)
        .await?
        .rows_affected();
        if replaced != 1 {
            write.rollback().await?;
            return Ok(false);
        }
        insert_positions(&mut write, round.first_position, &round.events).await?;
        for (id, hashes) in &round.tiles {
            sqlx::query(
                "INSERT INTO log_tiles (level, tile, hashes) VALUES ($1, $2, $3) \
                 ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes",
            )
            .bind(i64::from(id.level))
            .bind(to_sql(id.index))
            .bind(hashes)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        self.edge = round.edge;
        self.last_event = last_event;
        Ok(true)
    }
}

async fn insert_positions(write: &mut SqliteConnection, first: u64, events: &[i64]) -> Result<(), Error> {
    let mut position = to_sql(first);
    for chunk in events.chunks(256) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO log_positions (position, event) ");
        insert.push_values(chunk, |mut row, event| {
            row.push_bind(position).push_bind(*event);
            position += 1;
        });
        insert.build().execute(&mut *write).await?;
    }
    Ok(())
}

async fn tie_key(store: &Store, key: &str) -> Result<(), Error> {
    let mut write = store.begin_write().await?;
    sqlx::query("INSERT INTO settings (name, value) VALUES ('log_key', $1) ON CONFLICT (name) DO NOTHING")
        .bind(key)
        .execute(&mut *write)
        .await?;
    let known: String = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'log_key'")
        .fetch_one(&mut *write)
        .await?;
    write.commit().await?;
    if known == key {
        Ok(())
    } else {
        Err(Error::LogKeyChanged { known })
    }
}

/// Sequences what is stored every `interval` until `shutdown`, then once more. While the store refuses, pauses grow from
/// `interval` to 5 s and each attempt is logged.
///
/// # Errors
/// What kept the last leaves from being sequenced at shutdown. They are sequenced at the next start.
pub async fn run_sequencer(
    mut sequencer: Sequencer,
    interval: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let mut shutdown = pin!(shutdown);
    let mut pause = interval;
    loop {
        let is_last = tokio::select! {
            () = &mut shutdown => true,
            () = tokio::time::sleep(pause) => false,
        };
        pause = match sequencer.run_once().await {
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
