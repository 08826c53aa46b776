//! Reading a part of a file, packed or not, with the caller's budget charged and every bound kept.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};
use privet_types::Budget;

use super::Limits;
use super::error::{Broken, Stop};

/// What can be read at any place.
pub(super) trait Source: Read + Seek {}

impl<T: Read + Seek + ?Sized> Source for T {}

/// Charges what is read.
pub(super) struct Metered<'a, R: ?Sized> {
    pub(super) inner: &'a mut R,
    pub(super) budget: &'a Budget,
}

impl<R: Read + ?Sized> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        let units = u64::try_from(read).unwrap_or(u64::MAX).saturating_add(16);
        self.budget.charge(units).map_err(io::Error::other)?;
        Ok(read)
    }
}

impl<R: Seek + ?Sized> Seek for Metered<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// A run of bytes of another source.
pub(super) struct Window<'a> {
    inner: &'a mut dyn Source,
    start: u64,
    size: u64,
    at: u64,
}

impl<'a> Window<'a> {
    pub(super) fn new(inner: &'a mut dyn Source, start: u64, size: u64) -> Self {
        Self {
            inner,
            start,
            size,
            at: 0,
        }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let Some(into) = into
            .get_mut(..left.min(into.len()))
            .filter(|into| !into.is_empty())
        else {
            return Ok(0);
        };
        self.inner
            .seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let read = self.inner.read(into)?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(0));
        Ok(read)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = target(to, self.at, || Ok(self.size))?;
        Ok(self.at)
    }
}

/// Where a seek ends.
fn target(to: SeekFrom, at: u64, size: impl FnOnce() -> io::Result<u64>) -> io::Result<u64> {
    match to {
        SeekFrom::Start(to) => Some(to),
        SeekFrom::Current(by) => at.checked_add_signed(by),
        SeekFrom::End(by) => size()?.checked_add_signed(by),
    }
    .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

/// How deflated data are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Not at all (RFC 1951), as in a zip.
    Raw,
    /// With zlib's header (RFC 1950).
    Zlib,
    /// With gzip's header (RFC 1952).
    Gzip,
}

/// Bytes that may still be unpacked, by all readers of one inspection together.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Rc::new(Cell::new(limits.unpacked_bytes)))
    }

    /// Takes `bytes` off; whether some are left.
    fn spend(&self, bytes: u64) -> bool {
        self.0.set(self.0.get().saturating_sub(bytes));
        self.0.get() > 0
    }
}

/// Deflated data, unpacked while they are read. A seek backwards begins again from the start, at the expense of the bound on all
/// unpacked bytes.
pub(super) struct Inflate<'a> {
    packed: &'a mut dyn Source,
    wrapping: Wrapping,
    budget: &'a Budget,
    ratio: u64,
    /// Charged for restarts too.
    allowance: Allowance,
    state: Decompress,
    input: Vec<u8>,
    input_at: usize,
    taken: u64,
    output: Vec<u8>,
    output_at: usize,
    /// Offset of the first byte of `output`.
    base: u64,
    /// Unpacked since the last start.
    unpacked: u64,
    ended: bool,
    begun: bool,
}

const PIECE: usize = 1 << 16;
/// Unpacked bytes whose ratio does not matter: arrays of zeroes are honest and pack a thousandfold.
pub(super) const FREE: u64 = 256 << 20;

impl<'a> Inflate<'a> {
    /// `packed` must hold nothing but the packed data.
    pub(super) fn new(
        packed: &'a mut dyn Source,
        wrapping: Wrapping,
        (limits, allowance): (&Limits, Allowance),
        budget: &'a Budget,
    ) -> Self {
        Self {
            packed,
            wrapping,
            budget,
            ratio: limits.ratio,
            allowance,
            state: Decompress::new(false),
            input: Vec::new(),
            input_at: 0,
            taken: 0,
            output: Vec::new(),
            output_at: 0,
            base: 0,
            unpacked: 0,
            ended: false,
            begun: false,
        }
    }

    fn restart(&mut self) -> io::Result<()> {
        self.packed.seek(SeekFrom::Start(0))?;
        self.state.reset(false);
        self.input.clear();
        self.output.clear();
        (self.input_at, self.output_at) = (0, 0);
        (self.taken, self.base, self.unpacked) = (0, 0, 0);
        self.ended = false;
        self.begun = true;
        match self.wrapping {
            Wrapping::Raw => {}
            Wrapping::Zlib => {
                self.byte()?;
                self.byte()?;
            }
            Wrapping::Gzip => {
                self.gzip_header()?;
            }
        }
        Ok(())
    }

    fn refill(&mut self) -> io::Result<bool> {
        if self.input_at < self.input.len() {
            return Ok(true);
        }
        self.input.resize(PIECE, 0);
        let read = self.packed.read(&mut self.input)?;
        self.input.truncate(read);
        self.input_at = 0;
        self.taken = self.taken.saturating_add(u64::try_from(read).unwrap_or(0));
        Ok(read > 0)
    }

    fn byte(&mut self) -> io::Result<u8> {
        if !self.refill()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let byte = self.input.get(self.input_at).copied().unwrap_or(0);
        self.input_at += 1;
        Ok(byte)
    }

    /// Reads a member's header; `false` if there is none.
    fn gzip_header(&mut self) -> io::Result<bool> {
        if !self.refill()? {
            return Ok(false);
        }
        let mut head = [0_u8; 10];
        for slot in &mut head {
            *slot = self.byte()?;
        }
        let [0x1f, 0x8b, 8, flags, ..] = head else {
            // Zeroes after the last member are padding, other bytes are ignored by gzip with a warning.
            return Ok(false);
        };
        if flags & 4 != 0 {
            let extra = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..extra {
                self.byte()?;
            }
        }
        for bit in [8, 16] {
            if flags & bit != 0 {
                while self.byte()? != 0 {}
            }
        }
        if flags & 2 != 0 {
            self.byte()?;
            self.byte()?;
        }
        Ok(true)
    }

    fn fill(&mut self) -> io::Result<()> {
        if !self.begun {
            self.restart()?;
        }
        self.base = self
            .base
            .saturating_add(u64::try_from(self.output.len()).unwrap_or(0));
        self.output.clear();
        self.output_at = 0;
        while self.output.is_empty() && !self.ended {
            let more = self.refill()?;
            let before = (self.state.total_in(), self.state.total_out());
            self.output.resize(PIECE, 0);
            let input = self.input.get(self.input_at..).unwrap_or_default();
            let status = self
                .state
                .decompress(input, &mut self.output, FlushDecompress::None)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let took = usize::try_from(self.state.total_in() - before.0).unwrap_or(0);
            let made = self.state.total_out() - before.1;
            self.input_at += took;
            self.output.truncate(usize::try_from(made).unwrap_or(0));
            self.account(made)?;
            if status == Status::StreamEnd {
                self.ended = !self.next_member()?;
            } else if took == 0 && made == 0 && !more {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn account(&mut self, made: u64) -> io::Result<()> {
        self.budget
            .charge(made.saturating_add(16))
            .map_err(io::Error::other)?;
        self.unpacked = self.unpacked.saturating_add(made);
        let bomb = self.unpacked > FREE && self.unpacked / self.taken.max(1) > self.ratio;
        let is_spent = !self.allowance.spend(made);
        if bomb || is_spent {
            return Err(io::Error::other(Broken {
                rule: if bomb { "bomb" } else { "over-limit" },
                at: None,
                why:
                    "it unpacks to far more than it is packed: it would fill memory or disk; do not unpack it"
                        .into(),
            }));
        }
        Ok(())
    }

    fn next_member(&mut self) -> io::Result<bool> {
        if self.wrapping != Wrapping::Gzip {
            return Ok(false);
        }
        for _ in 0..8 {
            self.byte()?;
        }
        self.state.reset(false);
        self.gzip_header().or_else(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(false),
            _ => Err(error),
        })
    }

    fn left(&self) -> usize {
        self.output.len().saturating_sub(self.output_at)
    }

    fn at(&self) -> u64 {
        self.base
            .saturating_add(u64::try_from(self.output_at).unwrap_or(0))
    }
}

impl Read for Inflate<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left() == 0 && !self.ended {
            self.fill()?;
        }
        let rest = self.output.get(self.output_at..).unwrap_or_default();
        let n = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..n), rest.get(..n)) {
            into.copy_from_slice(from);
        }
        self.output_at += n;
        Ok(n)
    }
}

impl Seek for Inflate<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.at();
        let target = match to {
            SeekFrom::End(by) => {
                self.forward(u64::MAX)?;
                target(SeekFrom::Current(by), self.at(), || Ok(0))?
            }
            to => target(to, at, || Ok(0))?,
        };
        if target < self.base {
            self.restart()?;
        } else {
            // Within the piece at hand, or after it.
            self.output_at = usize::try_from(target - self.base)
                .unwrap_or(usize::MAX)
                .min(self.output.len());
        }
        self.forward(target)?;
        Ok(self.at())
    }
}

impl Inflate<'_> {
    /// Unpacks and forgets up to `target`, or to the end.
    fn forward(&mut self, target: u64) -> io::Result<()> {
        loop {
            let want = usize::try_from(target.saturating_sub(self.at())).unwrap_or(usize::MAX);
            self.output_at += want.min(self.left());
            if want == 0 || self.ended || self.at() >= target {
                return Ok(());
            }
            if self.left() == 0 {
                self.fill()?;
            }
        }
    }
}

/// Reads a source from here on, piece by piece.
pub(super) struct Feed<'a> {
    source: &'a mut dyn Source,
    buffer: Vec<u8>,
    next: usize,
    /// Offset of the byte after the buffer.
    after: u64,
}

impl<'a> Feed<'a> {
    /// From `at` on.
    pub(super) fn new(source: &'a mut dyn Source, at: u64) -> Result<Self, Stop> {
        source.seek(SeekFrom::Start(at))?;
        Ok(Self {
            source,
            buffer: Vec::new(),
            next: 0,
            after: at,
        })
    }

    /// Offset of the next byte.
    pub(super) fn at(&self) -> u64 {
        let held = self.buffer.len().saturating_sub(self.next);
        self.after.saturating_sub(u64::try_from(held).unwrap_or(0))
    }

    fn refill(&mut self) -> Result<bool, Stop> {
        self.buffer.resize(PIECE, 0);
        let read = loop {
            match self.source.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.buffer.clear();
                self.next = 0;
                return Err(error.into());
            }
        };
        self.buffer.truncate(read);
        self.next = 0;
        self.after = self.after.saturating_add(u64::try_from(read).unwrap_or(0));
        Ok(read > 0)
    }

    /// The next byte; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<u8>, Stop> {
        if self.next >= self.buffer.len() && !self.refill()? {
            return Ok(None);
        }
        let byte = self.buffer.get(self.next).copied();
        self.next += 1;
        Ok(byte)
    }

    /// The next byte; the end is damage.
    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        let at = self.at();
        self.next()?.ok_or_else(|| Stop::damaged(at, "it ends too early"))
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        for slot in &mut bytes {
            *slot = self.byte()?;
        }
        Ok(bytes)
    }

    /// The next `size` bytes, which the caller has bounded.
    pub(super) fn take(&mut self, size: usize) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        while bytes.len() < size {
            if self.next >= self.buffer.len() && !self.refill()? {
                return Err(Stop::damaged(self.at(), "it ends too early"));
            }
            let rest = self.buffer.get(self.next..).unwrap_or_default();
            let n = rest.len().min(size - bytes.len());
            bytes.extend_from_slice(rest.get(..n).unwrap_or_default());
            self.next += n;
        }
        Ok(bytes)
    }

    /// Up to the next line feed, which is taken too; longer lines than `limit` are damage.
    pub(super) fn line(&mut self, limit: usize) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(bytes),
                byte if bytes.len() < limit => bytes.push(byte),
                _ => return Err(Stop::over(self.at(), "a line is too long to be read")),
            }
        }
    }

    /// Passes over `size` bytes; the end within them is damage.
    pub(super) fn skip(&mut self, size: u64) -> Result<(), Stop> {
        let held = self.buffer.len().saturating_sub(self.next);
        let held_size = u64::try_from(held).unwrap_or(u64::MAX);
        if size <= held_size {
            self.next += usize::try_from(size).unwrap_or(0);
            return Ok(());
        }
        let at = self.at();
        let last = at
            .checked_add(size - 1)
            .filter(|last| i64::try_from(*last).is_ok())
            .ok_or_else(|| Stop::damaged(at, "it ends too early"))?;
        self.buffer.clear();
        self.next = 0;
        self.after = self.source.seek(SeekFrom::Start(last))?;
        if self.after != last {
            return Err(Stop::damaged(at, "it ends too early"));
        }
        // The last byte is read, since a seek past the end is no error.
        self.byte().map(|_| ())
    }
}

/// How many bytes a source has.
pub(super) fn size(source: &mut dyn Source) -> Result<u64, Stop> {
    Ok(source.seek(SeekFrom::End(0))?)
}

/// At most `limit` bytes from the start.
pub(super) fn head(source: &mut dyn Source, limit: u64) -> Result<Vec<u8>, Stop> {
    source.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE.min(usize::try_from(limit).unwrap_or(PIECE))];
    while u64::try_from(bytes.len()).unwrap_or(u64::MAX) < limit {
        let left = usize::try_from(limit).unwrap_or(usize::MAX) - bytes.len();
        let room = left.min(piece.len());
        let read = source.read(piece.get_mut(..room).unwrap_or_default())?;
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    Ok(bytes)
}

/// The whole of it, if it is at most `limit` bytes.
pub(super) fn whole(source: &mut dyn Source, limit: u64) -> Result<Vec<u8>, Stop> {
    let bytes = head(source, limit.saturating_add(1))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Stop::over(
            0,
            format!("it is larger than {limit} bytes, the most that is read of such a part"),
        ));
    }
    Ok(bytes)
}

/// `size` bytes at `at`, which the caller has bounded.
pub(super) fn at(source: &mut dyn Source, at: u64, size: usize) -> Result<Vec<u8>, Stop> {
    Feed::new(source, at)?.take(size)
}
