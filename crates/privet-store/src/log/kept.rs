//! What stays of the log beside its newest head: older checkpoints, former keys, signatures of witnesses.

use jiff::Timestamp;
use privet_log::{Checkpoint, KeyChange, LogKeys, NoteKey};

use super::LogHead;
use super::read::{damaged, to_sql};
use crate::{Error, Store, values};

/// An older checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Leaves.
    pub size: u64,
    /// Whether it is the one that two keys have signed.
    pub is_key_change: bool,
    /// The signed note.
    pub note: String,
}

impl Store {
    /// The checkpoints that are kept, in the order of their sizes.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn kept_checkpoints(&self) -> Result<Vec<KeptCheckpoint>, Error> {
        let rows: Vec<(i64, i64, String)> = self
            .read(|tx| {
                Box::pin(tx.rows(
                    "SELECT size, is_key_change, checkpoint FROM log_checkpoints ORDER BY size",
                    values![],
                ))
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|(size, is_key_change, note)| KeptCheckpoint {
                size: size.unsigned_abs(),
                is_key_change: is_key_change == 1,
                note,
            })
            .collect())
    }

    /// Keeps `head`, because somebody was given it.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn keep_checkpoint(&self, head: &LogHead, at: Timestamp) -> Result<(), Error> {
        let values = values![
            to_sql(head.checkpoint.size),
            at.as_millisecond(),
            head.note.as_str()
        ];
        self.write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO log_checkpoints (size, at, is_key_change, checkpoint) VALUES ($1, $2, 0, $3) \
                     ON CONFLICT (size) DO NOTHING",
                    values,
                )
                .await
                .map(|_| ())
            })
        })
        .await
    }

    /// The keys of the log, of which `current` is the newest.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if the former keys are not linked to it.
    pub async fn log_keys(&self, current: &NoteKey) -> Result<LogKeys, Error> {
        let rows: Vec<(i64, String)> = self
            .read(|tx| {
                Box::pin(tx.rows(
                    "SELECT last_size, key FROM log_former_keys ORDER BY last_size",
                    values![],
                ))
            })
            .await?;
        let mut changes: Vec<KeyChange> = Vec::with_capacity(rows.len());
        let mut to = current.clone();
        for (size, key) in rows.into_iter().rev() {
            let from: NoteKey = key.parse().map_err(|_| damaged("a former key".to_owned()))?;
            changes.push(KeyChange {
                size: size.unsigned_abs(),
                from: from.clone(),
                to,
            });
            to = from;
        }
        changes.reverse();
        let kept = self.kept_checkpoints().await?;
        let keys = LogKeys::follow(current, &changes, |size| {
            let found = kept.iter().find(|kept| kept.size == size)?;
            Some(found.note.clone().into_bytes())
        });
        if keys.all().count() == changes.len() + 1 {
            Ok(keys)
        } else {
            Err(damaged(
                "its former keys are not linked to the one it has".to_owned(),
            ))
        }
    }

    /// Stores what the witness `witness` has signed below `head`: `line`, as it gave it. The checkpoint is kept with it.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn keep_cosignature(
        &self,
        head: &LogHead,
        at: Timestamp,
        witness: &NoteKey,
        line: &str,
    ) -> Result<(), Error> {
        self.keep_checkpoint(head, at).await?;
        let values = values![to_sql(head.checkpoint.size), witness.to_string(), line];
        self.write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO log_cosignatures (size, witness, line) VALUES ($1, $2, $3) \
                     ON CONFLICT (size, witness) DO NOTHING",
                    values,
                )
                .await
                .map(|_| ())
            })
        })
        .await
    }

    /// Size, key and line of each signature that a witness gave, in the order of sizes.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::LogDamaged`] if a key is none.
    pub async fn cosignatures(&self) -> Result<Vec<(u64, NoteKey, String)>, Error> {
        let rows: Vec<(i64, String, String)> = self
            .read(|tx| {
                Box::pin(tx.rows(
                    "SELECT size, witness, line FROM log_cosignatures ORDER BY size, witness",
                    values![],
                ))
            })
            .await?;
        rows.into_iter()
            .map(|(size, witness, line)| {
                let witness = witness
                    .parse()
                    .map_err(|_| damaged("the key of a witness".to_owned()))?;
                Ok((size.unsigned_abs(), witness, line))
            })
            .collect()
    }

    /// The largest checkpoint that `witness` has signed.
    ///
    /// # Errors
    /// As [`cosignatures`](Self::cosignatures).
    pub async fn last_cosigned(&self, witness: &NoteKey) -> Result<u64, Error> {
        let key = witness.to_string();
        let last: Option<i64> = self
            .read(move |tx| {
                Box::pin(async move {
                    tx.one(
                        "SELECT MAX(size) FROM log_cosignatures WHERE witness = $1",
                        values![key],
                    )
                    .await
                })
            })
            .await?;
        Ok(last.unwrap_or(0).unsigned_abs())
    }
}

impl KeptCheckpoint {
    /// What it says, if it was signed with the key of its time.
    ///
    /// # Errors
    /// [`Error::LogDamaged`] if not.
    pub fn open(&self, keys: &LogKeys) -> Result<Checkpoint, Error> {
        let opened = keys.open(self.note.as_bytes());
        let (checkpoint, _) =
            opened.map_err(|why| damaged(format!("its checkpoint of {} leaves: {why}", self.size)))?;
        Ok(checkpoint)
    }
}
