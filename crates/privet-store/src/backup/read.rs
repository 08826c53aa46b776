//! Opening and restoring a backup.

use std::collections::BTreeSet;
use std::io::Read;

use privet_crypto::{CHUNK_SIZE, DataKey, StreamOpener};
use tokio::sync::mpsc;

use super::format::{BadFrame, Frame, FrameReader};
use super::tables::{Table, list, quoted, tables};
use super::{BackupHeader, BackupSummary, FORMAT};
use crate::sql::{Backend, Database, Scope, Tx, Value};
use crate::{Error, values};

/// Rows put in at once.
const BATCH: usize = 256;

/// Batches on their way to the database.
const BATCHES: usize = 8;

/// Reads a backup to its end without keeping anything: that it is whole, genuine and sealed for `context`.
///
/// # Errors
/// [`Error::BadBackup`] if it is not, [`Error::BackupFile`] if the file cannot be read.
pub fn open_backup(key: &DataKey, context: &[u8], file: &mut impl Read) -> Result<BackupSummary, Error> {
    let mut opened = Opened::new(key, context, file);
    let header = opened.header()?;
    while opened.next()?.is_some() {}
    let (rows, bytes) = opened.finish()?;
    Ok(BackupSummary::new(&header, &rows, bytes))
}

/// Puts the rows of a backup into `database`, which must be empty, in one transaction: all of them or none. `progress` is
/// told the rows put in so far.
///
/// # Errors
/// [`Error::BadBackup`] if the backup is not whole, not genuine or of another database; [`Error::NewerSchema`] if a newer
/// Privet took it; [`Error::NotEmpty`] if the database holds something already; [`Error::Database`] if it refuses.
pub async fn restore(
    database: &Database,
    key: &DataKey,
    context: &[u8],
    file: &mut impl Read,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<BackupSummary, Error> {
    let mut opened = Opened::new(key, context, file);
    let header = opened.header()?;
    if header.database != database.schema().name {
        return Err(bad(format!(
            "it is of a {}, not of a {}",
            header.database,
            database.schema().name
        )));
    }
    let known = database.schema().newest(database.backend());
    if header.schema > known {
        return Err(Error::NewerSchema {
            store: "backup".to_owned(),
            found: header.schema,
            known,
        });
    }
    let (batches, waiting) = mpsc::channel(BATCHES);
    let seeded = database.schema().seeded;
    let (place, told) = (database.location().to_string(), header.clone());
    let writing = database.write(&Scope::Installation, move |tx| {
        Box::pin(async move { put_all(tx, &told, seeded, place, waiting).await })
    });
    let reading = send_all(&mut opened, &header, batches, progress);
    let (written, read) = tokio::join!(writing, reading);
    let (rows, bytes) = match (written, read) {
        (Ok(()), read) => read?,
        // Reading stops for want of a taker where the database refused, and the other way round.
        (Err(Error::NotWhole), Err(error)) => return Err(error),
        (Err(error), _) => return Err(error),
    };
    Ok(BackupSummary::new(&header, &rows, bytes))
}

/// Rows of one table, or the word that all of them were there.
enum Batch {
    Rows { table: u16, rows: Vec<Vec<Value>> },
    Whole,
}

async fn send_all<R: Read>(
    opened: &mut Opened<'_, R>,
    header: &BackupHeader,
    batches: mpsc::Sender<Batch>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(Vec<u64>, u64), Error> {
    let mut batch = (0, Vec::new());
    let mut sent = 0;
    loop {
        let frame = opened.next()?;
        let table = match &frame {
            Some((table, _)) => *table,
            None => u16::MAX,
        };
        if !batch.1.is_empty() && (table != batch.0 || batch.1.len() >= BATCH) {
            sent += batch.1.len() as u64;
            let rows = std::mem::take(&mut batch.1);
            let batch = Batch::Rows { table: batch.0, rows };
            batches.send(batch).await.map_err(|_| Error::Closed)?;
            progress(sent);
        }
        let Some((table, values)) = frame else { break };
        batch.0 = table;
        batch.1.push(values);
    }
    let (rows, bytes) = opened.finish()?;
    debug_assert_eq!(rows.len(), header.tables.len());
    batches.send(Batch::Whole).await.map_err(|_| Error::Closed)?;
    Ok((rows, bytes))
}

async fn put_all(
    tx: &mut Tx,
    header: &BackupHeader,
    seeded: &[&str],
    place: String,
    mut batches: mpsc::Receiver<Batch>,
) -> Result<(), Error> {
    // Tables come by name: a row can be there before the one that it points to. Checked at the end.
    let deferred = match tx.backend() {
        Backend::Sqlite => "PRAGMA defer_foreign_keys = ON",
        Backend::Postgres => "SET CONSTRAINTS ALL DEFERRED",
    };
    tx.script(deferred).await?;
    let present = tables(tx).await?;
    for table in &present {
        let name = quoted(&table.table.name);
        let rows: i64 = tx.one(format!("SELECT COUNT(*) FROM {name}"), values![]).await?;
        if rows > 0 && seeded.contains(&table.table.name.as_str()) {
            tx.execute(format!("DELETE FROM {name}"), values![]).await?;
        } else if rows > 0 {
            return Err(Error::NotEmpty { store: place });
        }
    }
    let targets = header.tables.iter().map(|table| target(table, &present));
    let targets: Vec<_> = targets.collect::<Result<_, _>>()?;
    loop {
        match batches.recv().await {
            Some(Batch::Rows { table, rows }) => {
                let target = targets.get(usize::from(table)).ok_or(Error::NotWhole)?;
                let overriding = match (tx.backend(), target.identity.is_some()) {
                    (Backend::Postgres, true) => "OVERRIDING SYSTEM VALUE",
                    _ => "",
                };
                let head = format!(
                    "INSERT INTO {} ({}) {overriding}",
                    quoted(&target.table.name),
                    list(&target.table.columns)
                );
                tx.insert_many(&head, rows, "").await?;
            }
            Some(Batch::Whole) => break,
            None => return Err(Error::NotWhole),
        }
    }
    if tx.backend() == Backend::Postgres {
        settle_postgres(tx, &targets).await?;
    }
    Ok(())
}

/// The table of the database that takes the rows of one of the backup; columns that are newer than the backup get their
/// default.
fn target(table: &super::BackupTable, present: &[Table]) -> Result<Table, Error> {
    let found = present.iter().find(|present| present.table.name == table.name);
    let found = found.ok_or_else(|| bad(format!("its table `{}` is not known", table.name)))?;
    let known: BTreeSet<_> = found.table.columns.iter().collect();
    if let Some(column) = table.columns.iter().find(|column| !known.contains(column)) {
        return Err(bad(format!(
            "column `{column}` of its table `{}` is not known",
            table.name
        )));
    }
    Ok(Table {
        table: table.clone(),
        key: found.key.clone(),
        identity: found.identity.clone(),
    })
}

/// Numbering goes on behind the highest number, and leaves that have a position wait for none.
async fn settle_postgres(tx: &mut Tx, targets: &[Table]) -> Result<(), Error> {
    for table in targets {
        if let Some(identity) = &table.identity {
            let (name, column) = (quoted(&table.table.name), quoted(identity));
            tx.rows::<i64>(
                format!(
                    "SELECT setval(pg_get_serial_sequence($1, $2), (SELECT COALESCE(MAX({column}), 0) + 1 FROM {name}), false)"
                ),
                values![&name, identity],
            )
            .await?;
        }
        if table.table.name == "log_positions" {
            tx.execute(
                "DELETE FROM log_queue WHERE event IN (SELECT event FROM log_positions)",
                values![],
            )
            .await?;
        }
    }
    Ok(())
}

/// A backup that is being read.
struct Opened<'k, R> {
    file: R,
    opener: Option<StreamOpener<'k>>,
    frames: FrameReader,
    plain: Vec<u8>,
    rows: Vec<u64>,
    said: Option<Vec<u64>>,
    bytes: u64,
}

impl<'k, R: Read> Opened<'k, R> {
    fn new(key: &'k DataKey, context: &[u8], file: R) -> Self {
        Self {
            file,
            opener: Some(StreamOpener::new(key, context)),
            frames: FrameReader::default(),
            plain: Vec::new(),
            rows: Vec::new(),
            said: None,
            bytes: 0,
        }
    }

    fn header(&mut self) -> Result<BackupHeader, Error> {
        loop {
            if let Some(header) = self.frames.header().map_err(unreadable)? {
                let header = header.clone();
                if header.format != FORMAT {
                    return Err(bad(format!("its format is not {FORMAT}")));
                }
                self.rows = vec![0; header.tables.len()];
                return Ok(header);
            }
            if !self.fill()? {
                return Err(unreadable(BadFrame::Early));
            }
        }
    }

    /// The next row; `None` at the end.
    fn next(&mut self) -> Result<Option<(u16, Vec<Value>)>, Error> {
        loop {
            match self.frames.next().map_err(unreadable)? {
                Some(Frame::Row { table, values }) => {
                    if let Some(rows) = self.rows.get_mut(usize::from(table)) {
                        *rows += 1;
                    }
                    return Ok(Some((table, values)));
                }
                Some(Frame::End { rows }) => self.said = Some(rows),
                None => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// That all of it was there. Returns the rows of each table, and the bytes of the file.
    fn finish(&mut self) -> Result<(Vec<u64>, u64), Error> {
        self.frames.finish().map_err(unreadable)?;
        if self.said.as_ref() != Some(&self.rows) {
            return Err(bad("it holds another number of rows than it says".to_owned()));
        }
        Ok((self.rows.clone(), self.bytes))
    }

    /// Opens some more of the file. Returns whether there was more.
    fn fill(&mut self) -> Result<bool, Error> {
        let Some(mut opener) = self.opener.take() else {
            return Ok(false);
        };
        let mut sealed = vec![0; CHUNK_SIZE];
        let read = loop {
            match self.file.read(&mut sealed) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                done => break done.map_err(|source| Error::BackupFile { source })?,
            }
        };
        self.bytes += read as u64;
        if read == 0 {
            opener.finish(&mut self.plain).map_err(unsealed)?;
        } else {
            let sealed = sealed.get(..read).unwrap_or_default();
            opener.push(sealed, &mut self.plain).map_err(unsealed)?;
            self.opener = Some(opener);
        }
        self.frames.push(&self.plain);
        self.plain.clear();
        Ok(true)
    }
}

fn bad(what: String) -> Error {
    Error::BadBackup { what }
}

fn unreadable(why: BadFrame) -> Error {
    bad(why.to_string())
}

fn unsealed(why: privet_crypto::Error) -> Error {
    bad(format!("its seal does not open: {why}"))
}
