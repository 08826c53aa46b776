//! Opening and restoring a backup.

use std::collections::BTreeMap;
use std::io::Read;

use privet_crypto::{CHUNK_SIZE, DataKey, StreamOpener};
use tokio::sync::mpsc;

use super::format::{BadFrame, Frame, FrameReader};
use super::tables::{PASSING, Table, list, quoted, tables};
use super::{BackupHeader, BackupSummary, EPOCH_KEYS, FORMAT};
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

/// A sealed file that is to be read.
pub struct SealedFile<'a, R> {
    /// The key it is sealed with.
    pub key: &'a DataKey,
    /// What it is sealed for.
    pub context: &'a [u8],
    /// Its bytes.
    pub file: R,
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
    let mut opened = [Opened::new(key, context, file)];
    let header = opened_header(database, &mut opened).await?;
    let (mut done, _) = put(database, &mut opened, header, progress).await?;
    done.pop().ok_or(Error::NotWhole)
}

/// As [`restore`], of a keyring whose epoch keys were backed up apart. Keys of subjects whose epoch key is not in `epochs`
/// any more are left out, and counted: nothing opens them, and that is what the two backups are for. Returns what each file
/// held, and that count.
///
/// # Errors
/// As [`restore`]; [`Error::BadBackup`], too, if `epochs` was taken before `rest`, or is of another time of a tenant's key.
pub async fn restore_keyring<R: Read>(
    database: &Database,
    rest: SealedFile<'_, R>,
    epochs: SealedFile<'_, R>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<([BackupSummary; 2], u64), Error> {
    let mut opened = [rest, epochs].map(|sealed| Opened::new(sealed.key, sealed.context, sealed.file));
    let headers = opened_header(database, &mut opened).await?;
    if let [rest, epochs] = headers.as_slice() {
        let holds = |header: &BackupHeader| header.tables.iter().any(|table| table.name == EPOCH_KEYS);
        if holds(rest) || !holds(epochs) || epochs.tables.len() != 1 {
            return Err(bad(
                "the two are not a keyring without epoch keys, and those".to_owned()
            ));
        }
        if epochs.at < rest.at {
            return Err(bad(format!(
                "the epoch keys ({}) are older than the rest ({}): keys of subjects would be lost",
                epochs.at, rest.at
            )));
        }
    }
    let (done, left_out) = put(database, &mut opened, headers, progress).await?;
    let done = <[BackupSummary; 2]>::try_from(done).map_err(|_| Error::NotWhole)?;
    Ok((done, left_out))
}

/// The headers of all files, each fit for `database`.
async fn opened_header<R: Read>(
    database: &Database,
    opened: &mut [Opened<'_, R>],
) -> Result<Vec<BackupHeader>, Error> {
    let mut headers = Vec::with_capacity(opened.len());
    for opened in opened {
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
                oldest: header.schema,
                known,
            });
        }
        headers.push(header);
    }
    Ok(headers)
}

/// Puts the rows of all files in, in one transaction. Returns what each held, and how many subject keys were left out.
async fn put<R: Read>(
    database: &Database,
    opened: &mut [Opened<'_, R>],
    headers: Vec<BackupHeader>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(Vec<BackupSummary>, u64), Error> {
    let (batches, waiting) = mpsc::channel(BATCHES);
    let seeded = database.schema().seeded;
    let (place, told) = (database.location().to_string(), headers.clone());
    let writing = database.write(&Scope::Installation, move |tx| {
        Box::pin(async move { put_all(tx, &told, seeded, place, waiting).await })
    });
    let reading = async {
        let batches = batches;
        let mut sent = 0;
        let mut read = Vec::with_capacity(headers.len());
        for (opened, header) in opened.iter_mut().zip(&headers) {
            let (rows, bytes) = send_all(opened, header, &batches, &mut sent, progress).await?;
            read.push(BackupSummary::new(header, &rows, bytes));
        }
        Ok(read)
    };
    let (written, read) = tokio::join!(writing, reading);
    // Reading stops for want of a taker where the database refused, and the other way round.
    match (written, read) {
        (Ok(left_out), read) => Ok((read?, left_out)),
        (Err(Error::NotWhole), Err(error)) => Err(error),
        (Err(error), _) => Err(error),
    }
}

/// Rows of one table, or the word that all of them were there.
enum Batch {
    Rows { table: u16, rows: Vec<Vec<Value>> },
    Whole,
}

async fn send_all<R: Read>(
    opened: &mut Opened<'_, R>,
    header: &BackupHeader,
    batches: &mpsc::Sender<Batch>,
    sent: &mut u64,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(Vec<u64>, u64), Error> {
    let mut batch = (0, Vec::new());
    loop {
        let frame = opened.next()?;
        let table = match &frame {
            Some((table, _)) => *table,
            None => u16::MAX,
        };
        if !batch.1.is_empty() && (table != batch.0 || batch.1.len() >= BATCH) {
            *sent += batch.1.len() as u64;
            let rows = std::mem::take(&mut batch.1);
            let batch = Batch::Rows { table: batch.0, rows };
            batches.send(batch).await.map_err(|_| Error::Closed)?;
            progress(*sent);
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
    headers: &[BackupHeader],
    seeded: &[&str],
    place: String,
    mut batches: mpsc::Receiver<Batch>,
) -> Result<u64, Error> {
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
    let mut left_out = 0;
    for header in headers {
        let targets = header.tables.iter().map(|table| target(table, &present));
        let targets: Vec<_> = targets.collect::<Result<_, _>>()?;
        put_one(tx, &targets, &mut batches).await?;
        if tx.backend() == Backend::Postgres {
            settle_postgres(tx, &targets).await?;
        }
    }
    for name in PASSING {
        if present.iter().any(|table| table.table.name == name) {
            // A backup of an earlier version may hold some.
            tx.execute(format!("DELETE FROM {}", quoted(name)), values![])
                .await?;
        }
    }
    if let [_, epochs] = headers {
        left_out = fit_epoch_keys(tx, epochs.at.as_millisecond()).await?;
    }
    Ok(left_out)
}

/// What has no key of its epoch goes; keys of epochs must be under keys that are there.
async fn fit_epoch_keys(tx: &mut Tx, at: i64) -> Result<u64, Error> {
    // A tenant that came in between: the other file has nothing of it.
    tx.execute(
        "DELETE FROM epoch_keys WHERE NOT EXISTS (SELECT 1 FROM tenant_keys k WHERE k.tenant = epoch_keys.tenant)",
        values![],
    )
    .await?;
    let strange: i64 = tx
        .one(
            "SELECT COUNT(*) FROM epoch_keys e WHERE NOT EXISTS \
             (SELECT 1 FROM tenant_keys k WHERE k.tenant = e.tenant AND k.version = e.version)",
            values![],
        )
        .await?;
    if strange > 0 {
        return Err(bad(
            "keys of epochs are under a tenant's key that the other file does not have: the tenant's key was rotated \
             in between; take a backup of the rest that is newer than that"
                .to_owned(),
        ));
    }
    // An epoch that began in between: nothing of the other file is under its key, but what comes next is, and its number is
    // not given again.
    tx.execute(
        "INSERT INTO epochs (tenant, epoch, started_at) SELECT k.tenant, k.epoch, $1 FROM epoch_keys k \
         WHERE NOT EXISTS (SELECT 1 FROM epochs e WHERE e.tenant = k.tenant AND e.epoch = k.epoch)",
        values![at],
    )
    .await?;
    tx.execute(
        "UPDATE epochs SET ended_at = $1 WHERE ended_at IS NULL AND EXISTS (SELECT 1 FROM epoch_keys k \
         WHERE k.tenant = epochs.tenant AND k.epoch > epochs.epoch)",
        values![at],
    )
    .await?;
    tx.execute(
        "DELETE FROM subject_keys WHERE NOT EXISTS (SELECT 1 FROM epoch_keys e \
         WHERE e.tenant = subject_keys.tenant AND e.epoch = subject_keys.epoch)",
        values![],
    )
    .await
}

/// Puts the rows of one file in.
async fn put_one(tx: &mut Tx, targets: &[Table], batches: &mut mpsc::Receiver<Batch>) -> Result<(), Error> {
    loop {
        match batches.recv().await {
            Some(Batch::Rows { table, mut rows }) => {
                let target = targets.get(usize::from(table)).ok_or(Error::NotWhole)?;
                for row in &mut rows {
                    for (value, kind) in row.iter_mut().zip(&target.kinds) {
                        if let Value::Null(_) = value {
                            *value = Value::Null(*kind);
                        }
                    }
                }
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
            Some(Batch::Whole) => return Ok(()),
            None => return Err(Error::NotWhole),
        }
    }
}

/// The table of the database that takes the rows of one of the backup; columns that are newer than the backup get their
/// default.
fn target(table: &super::BackupTable, present: &[Table]) -> Result<Table, Error> {
    let found = present.iter().find(|present| present.table.name == table.name);
    let found = found.ok_or_else(|| bad(format!("its table `{}` is not known", table.name)))?;
    let known: BTreeMap<_, _> = found.table.columns.iter().zip(&found.kinds).collect();
    let mut kinds = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let kind = known.get(column).ok_or_else(|| {
            bad(format!(
                "column `{column}` of its table `{}` is not known",
                table.name
            ))
        })?;
        kinds.push(**kind);
    }
    Ok(Table {
        table: table.clone(),
        key: found.key.clone(),
        kinds,
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
