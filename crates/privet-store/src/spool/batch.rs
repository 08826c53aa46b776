//! Reading durable events back, for the flusher.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::directory::segment_path;
use super::ledger::{Position, Segment};
use super::segment::{MAX_JSON, RECORD_OVERHEAD, SegmentKey};
use super::{Shared, Spool, blocking};
use crate::{AuditRecord, Error};

/// Most events of one batch: one transaction of the store, some 10 ms.
const BATCH_EVENTS: usize = 1024;

/// Bytes read for one batch; holds the largest event.
const BATCH_BYTES: usize = 1 << 20;
const _: () = assert!(BATCH_BYTES > MAX_JSON + RECORD_OVERHEAD);

/// The next durable events, in order; to be stored, then given to [`Spool::acknowledge`].
#[derive(Debug)]
pub struct Batch {
    records: Vec<AuditRecord>,
    end: Position,
    has_more: bool,
}

impl Batch {
    /// The events; at least one, with consecutive numbers.
    #[must_use]
    pub fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    /// Whether more events were durable already when this batch was asked for.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }
}

impl Spool {
    /// The durable events that come next, up to 1024; `None` when all were acknowledged. Until a batch is
    /// acknowledged, it comes again. For one consumer.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::SpoolDamaged`] if the disk does not give back what was written to it.
    pub async fn next_batch(&self) -> Result<Option<Batch>, Error> {
        let (next, durable) = {
            let ledger = self.shared.ledger();
            (ledger.read_on(), ledger.durable)
        };
        let Some((from, segment)) = next else {
            return Ok(None);
        };
        let shared = self.shared.clone();
        blocking(move || read_batch(&shared, from, segment, durable))
            .await
            .map(Some)
    }

    /// Forgets the events of `batch`, which are stored now, and deletes the segments that are of no more use.
    ///
    /// # Errors
    /// [`Error::File`] if a segment cannot be deleted; the events are forgotten all the same, and it is tried again with
    /// the next batch.
    pub async fn acknowledge(&self, batch: Batch) -> Result<(), Error> {
        let finished = self.shared.ledger().hand_on(batch.end);
        if finished.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        blocking(move || {
            for segment in finished {
                let path = segment_path(&shared.claim.dir, segment.first);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(Error::file(&path)(error));
                    }
                    _deleted => {}
                }
                shared.ledger().forget(segment.first);
            }
            Ok(())
        })
        .await
    }
}

/// `durable`: last durable event when the batch was asked for.
fn read_batch(shared: &Shared, from: Position, segment: Segment, durable: u64) -> Result<Batch, Error> {
    let path = segment_path(&shared.claim.dir, segment.first);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(from.offset))?;
            // What lies behind is being written, or set aside.
            let durable = segment.bytes.saturating_sub(from.offset);
            file.take(durable.min(BATCH_BYTES as u64)).read_to_end(&mut bytes)
        })
        .map_err(Error::file(&path))?;
    let key = SegmentKey::new(&shared.root, &shared.claim.node, segment.first);
    let mut records = Vec::new();
    let mut offset = 0;
    for seq in (from.seq + 1..=segment.last).take(BATCH_EVENTS) {
        let Some((json, end)) = key.read_record(&bytes, offset, seq) else {
            break;
        };
        records.push(AuditRecord::from_json(seq, json)?);
        offset = end;
    }
    let Some(last) = records.last() else {
        return Err(Error::SpoolDamaged {
            segment: path,
            seq: from.seq + 1,
        });
    };
    let end = Position {
        seq: last.seq(),
        segment: segment.first,
        offset: from.offset + offset as u64,
    };
    Ok(Batch {
        records,
        has_more: end.seq < durable,
        end,
    })
}
