//! The thread that numbers, seals and writes events, many to one sync of the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::directory::segment_path;
use super::queue::{Failure, Gather, Queued};
use super::segment::SegmentKey;
use super::{Durability, Shared};
use crate::files::{is_linked, private_file, sync_dir};

/// Bytes of one write and sync; more only makes the first event of it wait longer.
const WRITE_BYTES: usize = 1 << 20;

/// How long the next sync waits at most, when the last one was shared, until as many events have come as shared that one:
/// many callers then pay for few syncs, and a caller who is alone does not wait.
const SHARED_SYNC: Duration = Duration::from_millis(2);

/// Zeros that are written ahead of the events at once. To write over them changes nothing that the file system has to note,
/// neither the file's length nor which blocks hold data, so a sync is a write to the disk and no more: 50 to 90 µs of the CPU
/// instead of 80 to 120 with blocks that were only set aside (`fallocate`, ext4).
const SET_ASIDE: u64 = 256 << 10;

/// Segments below this are written without anything set aside: they are of small spools, which must keep to their bound.
const LEAST_SET_ASIDE_FOR: u64 = 1 << 20;

/// Pauses between attempts while the disk refuses; doubled from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// The segment being written; none after the start, after a failure, and when the last one is large enough.
    segment: Option<OpenSegment>,
    /// Number of the next event to be written.
    next: u64,
    buffer: Vec<u8>,
}

struct OpenSegment {
    file: File,
    key: SegmentKey,
    first: u64,
    bytes: u64,
    /// Length of the file, with the zeros behind what was written. None where nothing is set aside.
    set_aside: Option<u64>,
}

impl OpenSegment {
    /// Makes room for a write up to offset `end`, if the file system can.
    fn make_room(&mut self, end: u64) {
        if let Some(length) = self.set_aside.filter(|length| *length < end) {
            let more = (end - length).next_multiple_of(SET_ASIDE);
            let zeros = vec![0; usize::try_from(more).unwrap_or_default()];
            let done = self.file.write_all_at(&zeros, length);
            // Whether the disk is full, the write itself will tell.
            self.set_aside = done.ok().map(|()| length + more);
        }
    }
}

impl Drop for OpenSegment {
    fn drop(&mut self) {
        if self.set_aside.is_some() {
            // Left as they are, the zeros would be taken for a torn tail by the next start, which is no error.
            let _ = self.file.set_len(self.bytes);
        }
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, next: u64) -> Self {
        Self {
            shared,
            segment: None,
            next,
            buffer: Vec::new(),
        }
    }

    /// Writes until the queue is closed and empty. Returns how many events that were promised it had to leave.
    pub(super) fn run(mut self) -> usize {
        let shared = Arc::clone(&self.shared);
        let mut events = VecDeque::new();
        let mut retry = RETRY.0;
        // How many events shared the last write.
        let mut company = 0;
        loop {
            let mut state = if events.is_empty() {
                shared.queue.wait_for_work(match shared.config.durability {
                    Durability::BeforeSend if company < 2 => Gather::Nothing,
                    Durability::BeforeSend => Gather::Company {
                        events: company,
                        time: SHARED_SYNC,
                    },
                    // Half the window: the write itself takes time too.
                    Durability::LossWindow(window) => Gather::After(window / 2),
                })
            } else {
                shared.queue.wait_to_retry(retry)
            };
            events.extend(state.events.drain(..));
            let syncs = std::mem::take(&mut state.syncs);
            let is_closed = state.is_closed;
            drop(state);
            company = events.len();
            if events.is_empty() && syncs.is_empty() && is_closed {
                return 0;
            }

            let outcome = self.write_all(&mut events).map_err(Arc::new);
            retry = match &outcome {
                Ok(()) => RETRY.0,
                Err(failure) => {
                    self.abandon_segment();
                    give_up_unpromised(&shared, &mut events, failure);
                    (retry * 2).min(RETRY.1)
                }
            };
            for done in syncs {
                // Who asked may have gone.
                let _ = done.send(outcome.clone());
            }
            if is_closed && outcome.is_err() && !events.is_empty() {
                return events.len();
            }
        }
    }

    /// Writes `events`, makes them durable, tells who waits, and takes them off the list; all, or those before a failure.
    fn write_all(&mut self, events: &mut VecDeque<Queued>) -> io::Result<()> {
        while !events.is_empty() {
            let first = self.next;
            let written = self.write_some(events)?;
            let written: Vec<Queued> = events.drain(..written).collect();
            // Counted before anybody is told, so that who was told finds it counted.
            self.shared.queue.count_off(&written, None);
            for (seq, event) in (first..).zip(written) {
                event.tell(Ok(seq));
            }
        }
        Ok(())
    }

    /// Writes as many of the first `events` as fit one write and the segment, at least one; returns how many.
    fn write_some(&mut self, events: &VecDeque<Queued>) -> io::Result<usize> {
        let segment = match self.segment.take() {
            Some(segment) if segment.bytes < self.shared.segment_bytes => self.segment.insert(segment),
            _ => {
                let segment = start_segment(&self.shared, self.next)?;
                self.segment.insert(segment)
            }
        };
        let is_new = segment.bytes == 0;
        let room = self.shared.segment_bytes.saturating_sub(segment.bytes);
        self.buffer.clear();
        if is_new {
            segment.key.write_header(&mut self.buffer, segment.first)?;
        }
        let synced = self.next - 1;
        let mut next = self.next;
        for event in events {
            let is_enough = self.buffer.len() >= WRITE_BYTES || self.buffer.len() as u64 >= room;
            if next > self.next && is_enough {
                break;
            }
            segment
                .key
                .write_record(&mut self.buffer, next, synced, &event.json)?;
            next += 1;
        }
        segment.make_room(segment.bytes + self.buffer.len() as u64);
        segment.file.write_all(&self.buffer)?;
        segment.file.sync_data()?;
        if !is_linked(&segment.file)? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the spool's segment was deleted",
            ));
        }
        if is_new {
            sync_dir(&self.shared.claim.dir)?;
        }
        segment.bytes += self.buffer.len() as u64;
        self.shared.ledger().grow(segment.bytes, next - 1);
        let written = next - self.next;
        self.next = next;
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }

    /// Leaves a segment of which it is not known what reached the disk: its durable events stay, the next ones go to
    /// a new segment, and where that begins this one ends.
    fn abandon_segment(&mut self) {
        if let Some(mut segment) = self.segment.take() {
            // What lies behind the durable events is of no use; where it cannot be cut off, it counts.
            segment.set_aside = None;
            let bytes = match segment.file.set_len(segment.bytes) {
                Ok(()) => Some(segment.bytes),
                Err(_) => segment.file.metadata().ok().map(|m| m.len()),
            };
            if let Some(bytes) = bytes {
                let durable = self.next - 1;
                self.shared.ledger().grow(bytes, durable);
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // However the thread ends, nothing may be promised any more.
        self.shared.queue.close();
    }
}

/// An empty file for the segment whose first number is `first`, in place of one that has no durable event.
fn start_segment(shared: &Shared, first: u64) -> io::Result<OpenSegment> {
    if !is_linked(&shared.claim.lock)? {
        // Another server may have claimed what is there now.
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the spool directory was replaced",
        ));
    }
    let path = segment_path(&shared.claim.dir, first);
    let file = private_file().create(true).truncate(true).open(path)?;
    shared.ledger().start_segment(first);
    let key = SegmentKey::new(&shared.root, &shared.claim.node, first);
    Ok(OpenSegment {
        file,
        key,
        first,
        bytes: 0,
        set_aside: (shared.segment_bytes >= LEAST_SET_ASIDE_FOR).then_some(0),
    })
}

/// Tells those who wait that their events were not written. Their numbers were told to nobody and are used again.
fn give_up_unpromised(shared: &Shared, events: &mut VecDeque<Queued>, failure: &Failure) {
    let (waiting, promised) = events.drain(..).partition::<Vec<_>, _>(Queued::is_waited_for);
    *events = promised.into();
    shared.queue.count_off(&waiting, Some(failure));
    for event in waiting {
        event.tell(Err(Arc::clone(failure)));
    }
}
