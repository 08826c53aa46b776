//! Bulk import from files.

mod csv;
mod read;

use std::io::BufRead;

use read::{Line, Records, Trouble};

pub use read::ImportFormat;

use crate::subject::{MOST_BYTES, Prepared};
use crate::{Actor, Error, Lifetime, Record, Vault};

/// Records of a batch: one transaction.
const BATCH: usize = 500;
/// A batch takes no further record past so many bytes.
const BATCH_BYTES: usize = 2 << 20;
/// Lines that are told of one by one.
const MOST_ERRORS: usize = 1000;

/// How to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOptions {
    /// What the file is.
    pub format: ImportFormat,
    /// Look at everything and store nothing.
    pub is_dry_run: bool,
    /// Pass over all lines before this one, from 1: to go on after an import that was stopped.
    pub first_line: u64,
    /// What a record may hold.
    pub limits: ImportLimits,
}

/// What a record of a file may hold; a line with more is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportLimits {
    /// Most bytes of its line or row; never more than 1 MiB.
    pub bytes: usize,
    /// How many objects and lists may stand in each other in it, which is the first. Cells of a CSV have none.
    pub depth: usize,
}

impl Default for ImportLimits {
    /// 1 MiB, and 100 levels: 28 fewer than the parser takes.
    fn default() -> Self {
        Self {
            bytes: MOST_BYTES,
            depth: 100,
        }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// All lines before this one are done: durable, or refused.
    pub next_line: u64,
    /// Records stored (looked at and found good, in a dry run).
    pub created: u64,
    /// Lines refused.
    pub refused: u64,
}

/// Why a line was refused. Says nothing of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Its number, from 1.
    pub line: u64,
    /// The field, where it is one.
    pub field: Option<String>,
    /// What is wrong.
    pub why: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// How far it came.
    pub progress: ImportProgress,
    /// The first 1,000 lines that were refused.
    pub errors: Vec<LineError>,
}

/// The number of a line, from 1, and its record, or why it has none.
pub type ImportLine = (u64, Result<Record, LineError>);

/// Reads a file as [`Vault::import`] does, record by record, and stores nothing.
#[derive(Debug)]
pub struct ImportReader<R>(Records<R>);

impl<R: BufRead> ImportReader<R> {
    /// # Errors
    /// [`Error::BadImport`] if the first row of a CSV does not name its fields, [`Error::Read`] if `reader` fails.
    pub fn open(reader: R, format: ImportFormat) -> Result<Self, Error> {
        Records::open(reader, format, ImportLimits::default()).map(Self)
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// [`Error::BadImport`] if nobody knows where the next line is, [`Error::Read`] if the reader fails.
    pub fn next_record(&mut self) -> Result<Option<ImportLine>, Error> {
        let line = self.0.next()?;
        Ok(line.map(|line| {
            let record = line.record.map_err(|trouble| LineError::of(line.number, trouble));
            (line.number, record)
        }))
    }
}

/// Lines read, prepared, and not stored yet.
struct Batch {
    /// The number of each record's line.
    lines: Vec<u64>,
    prepared: Prepared,
    /// Lines refused so far.
    troubles: Vec<LineError>,
    next_line: u64,
}

impl Vault {
    /// Imports subjects from `reader`, in batches of 500 (2 MiB): one is stored while the next one is read and sealed. A
    /// line that cannot be stored keeps no other from it. Whom the list of erased subjects knows is refused. After each
    /// batch `tell` hears how far it is: an import that is stopped goes on at [`ImportProgress::next_line`].
    ///
    /// In a dry run two lines that have one unique value are noticed only within a batch.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::BadImport`] if the file cannot be read any further, and those of the store; what was
    /// told of before stays stored.
    pub async fn import<R: BufRead + Send + 'static>(
        &self,
        actor: &Actor,
        reader: R,
        options: ImportOptions,
        mut tell: impl FnMut(&ImportProgress) + Send,
    ) -> Result<ImportReport, Error> {
        // Reading may wait, for a disk or for who sends: not on the runtime.
        let opened =
            tokio::task::spawn_blocking(move || Records::open(reader, options.format, options.limits));
        let mut records = Some(opened.await.map_err(|_| Error::Stopped)??);
        let mut report = ImportReport {
            progress: ImportProgress {
                next_line: options.first_line.max(1),
                created: 0,
                refused: 0,
            },
            errors: Vec::new(),
        };
        let mut waiting: Option<Batch> = None;
        loop {
            // Read and sealed while the batch before is stored.
            let (stored, next) = tokio::join!(
                self.store_batch(actor, waiting.take(), options.is_dry_run),
                self.next_batch(actor, &mut records, options)
            );
            if let Some(stored) = stored? {
                report.add(stored);
                tell(&report.progress);
            }
            match next? {
                Some(batch) => waiting = Some(batch),
                None => return Ok(report),
            }
        }
    }

    /// Reads and prepares a batch; `None` at the end of the file.
    async fn next_batch<R: BufRead + Send + 'static>(
        &self,
        actor: &Actor,
        records: &mut Option<Records<R>>,
        options: ImportOptions,
    ) -> Result<Option<Batch>, Error> {
        let Some(mut reader) = records.take() else {
            return Ok(None);
        };
        let read = tokio::task::spawn_blocking(move || {
            let lines = read_lines(&mut reader, options.first_line);
            (reader, lines)
        });
        let (reader, lines) = read.await.map_err(|_| Error::Stopped)?;
        let (lines, is_last) = lines?;
        let Some(last) = lines.last() else {
            return Ok(None);
        };
        if !is_last {
            *records = Some(reader);
        }
        let next_line = last.number + 1;
        let mut troubles = Vec::new();
        let mut numbers = Vec::with_capacity(lines.len());
        let mut good = Vec::with_capacity(lines.len());
        for line in lines {
            match line.record {
                Ok(record) => {
                    numbers.push(line.number);
                    good.push(record);
                }
                Err(trouble) => troubles.push(LineError::of(line.number, trouble)),
            }
        }
        let (numbers, good) = self.without_erased(actor, numbers, good, &mut troubles).await?;
        let prepared = if options.is_dry_run {
            self.check(actor, &good).await?
        } else {
            self.prepare(actor, good, Lifetime::default()).await?
        };
        let batch = Batch {
            lines: numbers,
            prepared,
            troubles,
            next_line,
        };
        Ok(Some(batch))
    }

    /// Leaves out whom the list of erased subjects knows. The one place where imports ask it.
    async fn without_erased(
        &self,
        actor: &Actor,
        numbers: Vec<u64>,
        records: Vec<Record>,
        troubles: &mut Vec<LineError>,
    ) -> Result<(Vec<u64>, Vec<Record>), Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        // A record that cannot be indexed is refused when it is prepared.
        let identifiers = |record| indexes.entries(record).map(|entries| entries.identifiers);
        let people: Vec<_> = records
            .iter()
            .map(|record| identifiers(record).unwrap_or_default())
            .collect();
        let are_erased = self.are_erased(&actor.tenant, &people).await?;
        if are_erased.len() != people.len() {
            return Err(Error::Stopped);
        }
        let mut kept = (Vec::new(), Vec::new());
        for ((number, record), is_erased) in numbers.into_iter().zip(records).zip(are_erased) {
            if is_erased {
                troubles.push(LineError {
                    line: number,
                    field: None,
                    why: "this subject was erased and is not to come back".to_owned(),
                });
            } else {
                kept.0.push(number);
                kept.1.push(record);
            }
        }
        Ok(kept)
    }

    async fn store_batch(
        &self,
        actor: &Actor,
        batch: Option<Batch>,
        is_dry_run: bool,
    ) -> Result<Option<Batch>, Error> {
        let Some(mut batch) = batch else {
            return Ok(None);
        };
        let prepared = std::mem::take(&mut batch.prepared);
        let outcomes = if is_dry_run {
            prepared.into_outcomes()
        } else {
            let stored = self.store_prepared(actor, prepared).await?;
            stored.into_iter().map(|outcome| outcome.map(|_| ())).collect()
        };
        let mut stored = Vec::with_capacity(outcomes.len());
        for (line, outcome) in batch.lines.iter().zip(outcomes) {
            match outcome {
                Ok(()) => stored.push(*line),
                Err(error) => {
                    let trouble = Trouble::of(error)?;
                    batch.troubles.push(LineError::of(*line, trouble));
                }
            }
        }
        batch.lines = stored;
        Ok(Some(batch))
    }
}

impl Trouble {
    /// What is wrong with one line; any other error ends the import.
    fn of(error: Error) -> Result<Self, Error> {
        match error {
            Error::BadField { field, why } => Ok(Self {
                field: Some(field),
                why,
            }),
            Error::Taken { field } => Ok(Self {
                field: Some(field),
                why: "another subject has this value already",
            }),
            Error::BadRecord { why } => Ok(Self { field: None, why }),
            other => Err(other),
        }
    }
}

/// The next lines from `first` on, and whether they are the last.
fn read_lines<R: BufRead>(records: &mut Records<R>, first: u64) -> Result<(Vec<Line>, bool), Error> {
    let mut lines = Vec::with_capacity(BATCH);
    let mut bytes = 0;
    while lines.len() < BATCH && bytes < BATCH_BYTES {
        match records.next()? {
            Some(line) if line.number < first => {}
            Some(line) => {
                bytes += line.bytes;
                lines.push(line);
            }
            None => return Ok((lines, true)),
        }
    }
    Ok((lines, false))
}

impl ImportReport {
    fn add(&mut self, mut batch: Batch) {
        self.progress.created += batch.lines.len() as u64;
        self.progress.refused += batch.troubles.len() as u64;
        self.progress.next_line = batch.next_line;
        batch.troubles.sort_by_key(|trouble| trouble.line);
        let room = MOST_ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(batch.troubles.into_iter().take(room));
    }
}

impl LineError {
    fn of(line: u64, trouble: Trouble) -> Self {
        Self {
            line,
            field: trouble.field,
            why: trouble.why.to_owned(),
        }
    }
}
