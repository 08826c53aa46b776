//! What lies on the disk and how far it was handed on.

/// A segment on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of its first event; also its file name.
    pub(super) first: u64,
    /// Number of its last durable event; `first` − 1 while there is none.
    pub(super) last: u64,
    /// Size of the file.
    pub(super) bytes: u64,
}

/// How far events were handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Last event handed on.
    pub(super) seq: u64,
    /// First number of the segment to read on in.
    pub(super) segment: u64,
    /// Offset to read on at.
    pub(super) offset: u64,
}

/// What lies on the disk and how far it was handed on.
#[derive(Debug)]
pub(super) struct Ledger {
    /// INVARIANT: sorted by number, disjoint.
    pub(super) segments: Vec<Segment>,
    pub(super) cursor: Position,
    /// Last durable event; the next one has the number behind it.
    pub(super) durable: u64,
}

impl Ledger {
    /// Notes a segment that starts with event `first`, in place of an empty one of that number.
    pub(super) fn start_segment(&mut self, first: u64) {
        self.segments.retain(|segment| segment.first != first);
        self.segments.push(Segment {
            first,
            last: first - 1,
            bytes: 0,
        });
    }

    /// Notes that the newest segment has `bytes` bytes, and durable events up to `durable`.
    pub(super) fn grow(&mut self, bytes: u64, durable: u64) {
        if let Some(segment) = self.segments.last_mut() {
            segment.bytes = bytes;
            segment.last = durable;
        }
        self.durable = durable;
    }

    /// Where to read on, and the segment that lies there; `None` when all durable events were handed on.
    pub(super) fn read_on(&self) -> Option<(Position, Segment)> {
        let segment = self
            .segments
            .iter()
            .find(|segment| segment.last > self.cursor.seq)?;
        let at = if segment.first == self.cursor.segment {
            self.cursor
        } else {
            Position {
                seq: segment.first - 1,
                segment: segment.first,
                offset: super::segment::HEADER as u64,
            }
        };
        Some((at, *segment))
    }

    /// Moves the cursor on to `to`; returns the segments that are of no more use.
    pub(super) fn hand_on(&mut self, to: Position) -> Vec<Segment> {
        if to.seq > self.cursor.seq {
            self.cursor = to;
        }
        // The newest stays, for it carries the numbering.
        let finished = self.segments.iter().take(self.segments.len().saturating_sub(1));
        finished
            .copied()
            .take_while(|segment| segment.last <= self.cursor.seq)
            .collect()
    }

    /// Forgets a deleted segment.
    pub(super) fn forget(&mut self, first: u64) {
        self.segments.retain(|segment| segment.first != first);
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}
