//! Taking a backup.

use std::io::Write;

use jiff::Timestamp;
use privet_crypto::{DataKey, StreamSealer};
use tokio::sync::mpsc;

use super::format::{write_end, write_header, write_row};
use super::tables::{PASSING, Table, list, quoted, tables};
use super::{BackupHeader, BackupSummary, BackupTables, FORMAT};
use crate::sql::{Database, FromRow, Row, Scope, Tx, Value};
use crate::{Error, values};

/// Rows asked for at once.
const PAGE: u32 = 500;

/// Pieces on their way to the file.
const PIECES: usize = 8;

/// Writes a sealed backup of `database` into `file`: one consistent state, while others go on writing. `key` and `context`
/// seal it; who restores it needs both. `progress` is told the rows written so far.
///
/// The caller makes the file durable and gives it its name only then.
///
/// # Errors
/// [`Error::Database`] if the database does not answer, [`Error::BackupFile`] if the file cannot be written.
pub async fn back_up(
    database: &Database,
    key: &DataKey,
    context: &[u8],
    at: Timestamp,
    file: &mut (impl Write + Send),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<BackupSummary, Error> {
    back_up_some(database, BackupTables::All, (key, context), at, file, progress).await
}

/// As [`back_up`], of some tables only. `seal`: key and context.
///
/// # Errors
/// As [`back_up`].
pub async fn back_up_some(
    database: &Database,
    which: BackupTables,
    seal: (&DataKey, &[u8]),
    at: Timestamp,
    file: &mut (impl Write + Send),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<BackupSummary, Error> {
    let (key, context) = seal;
    let (pieces, waiting) = mpsc::channel(PIECES);
    let name = database.schema().name;
    let reading = database.read(&Scope::Installation, move |tx| {
        Box::pin(async move { read_all(tx, (name, which), at, pieces).await })
    });
    let writing = seal_all(key, context, waiting, file, progress);
    let (read, written) = tokio::join!(reading, writing);
    // Where the file refuses, reading stops for want of a taker; the file's error is the one to tell.
    let bytes = written?;
    let (header, rows) = read?;
    Ok(BackupSummary::new(&header, &rows, bytes))
}

async fn seal_all(
    key: &DataKey,
    context: &[u8],
    mut pieces: mpsc::Receiver<(Vec<u8>, u64)>,
    file: &mut (impl Write + Send),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, Error> {
    let mut sealed = Vec::new();
    let mut bytes = 0;
    let mut sealer = StreamSealer::new(key, context, &mut sealed)?;
    let mut put = |sealed: &mut Vec<u8>| {
        bytes += sealed.len() as u64;
        let put = file.write_all(sealed);
        sealed.clear();
        put.map_err(|source| Error::BackupFile { source })
    };
    while let Some((piece, rows)) = pieces.recv().await {
        sealer.push(&piece, &mut sealed)?;
        put(&mut sealed)?;
        progress(rows);
    }
    sealer.finish(&mut sealed)?;
    put(&mut sealed)?;
    Ok(bytes)
}

async fn read_all(
    tx: &mut Tx,
    (database, which): (&'static str, BackupTables),
    at: Timestamp,
    pieces: mpsc::Sender<(Vec<u8>, u64)>,
) -> Result<(BackupHeader, Vec<u64>), Error> {
    let schema = tx
        .one("SELECT MAX(version) FROM schema_version", values![])
        .await?;
    let mut tables = tables(tx).await?;
    tables.retain(|table| which.holds(&table.table.name) && !PASSING.contains(&table.table.name.as_str()));
    let header = BackupHeader {
        format: FORMAT.to_owned(),
        database: database.to_owned(),
        schema,
        at,
        tables: tables.iter().map(|table| table.table.clone()).collect(),
    };
    let mut piece = Vec::new();
    write_header(&header, &mut piece).map_err(Error::Json)?;
    let mut rows = vec![0; tables.len()];
    for ((number, table), rows) in (0_u16..).zip(&tables).zip(&mut rows) {
        let mut after = None;
        loop {
            let page = read_page(tx, table, after.take()).await?;
            for values in &page {
                write_row(number, values, &mut piece);
            }
            *rows += page.len() as u64;
            send(&pieces, std::mem::take(&mut piece), *rows).await?;
            match page.last() {
                Some(last) if page.len() == PAGE as usize => after = Some(key_of(table, last)),
                _ => break,
            }
        }
    }
    write_end(&rows, &mut piece);
    send(&pieces, piece, rows.iter().sum()).await?;
    Ok((header, rows))
}

async fn send(pieces: &mpsc::Sender<(Vec<u8>, u64)>, piece: Vec<u8>, rows: u64) -> Result<(), Error> {
    pieces.send((piece, rows)).await.map_err(|_| Error::Closed)
}

/// The rows behind the one with the key `after`, in the order of the key.
async fn read_page(tx: &mut Tx, table: &Table, after: Option<Vec<Value>>) -> Result<Vec<Vec<Value>>, Error> {
    let (columns, name, key) = (
        list(&table.table.columns),
        quoted(&table.table.name),
        list(&table.key),
    );
    let behind = after.as_ref().map_or_else(String::new, |after| {
        let places: Vec<_> = (1..=after.len()).map(|place| format!("${place}")).collect();
        format!("WHERE ({key}) > ({})", places.join(", "))
    });
    let sql = format!("SELECT {columns} FROM {name} {behind} ORDER BY {key} LIMIT {PAGE}");
    let rows: Vec<Row> = tx.rows(sql, after.unwrap_or_default()).await?;
    rows.into_iter()
        .map(|row| Row::from_row(row).map(Row::into_values))
        .collect()
}

fn key_of(table: &Table, row: &[Value]) -> Vec<Value> {
    let place = |column| table.table.columns.iter().position(|name| name == column);
    let values = table.key.iter().filter_map(|column| row.get(place(column)?));
    values.cloned().collect()
}
