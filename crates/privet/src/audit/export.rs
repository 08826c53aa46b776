//! `privet audit export`.

use std::process::ExitCode;

use anyhow::Result;
use privet_log::{Checkpoint, Hash, LogFiles, LogPath, Packer, TILE_WIDTH, TileId, TilePath};
use privet_server::SystemClock;
use privet_store::{LogHead, LogLeaf, Store};
use privet_types::Clock;

use super::folder::Writer;
use super::progress::bar;
use super::{CONTRADICTED, Contradiction, ExportArgs, INCOMPLETE, Log, block_on, open};
use crate::rim;

pub(super) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let done = block_on(async {
        let Some(log) = open(&settings).await? else {
            return Ok(None);
        };
        let exported = export(&log, args).await;
        log.store.close().await;
        exported
    });
    match done {
        Ok(Some(())) => Ok(ExitCode::SUCCESS),
        Ok(None) => {
            eprintln!("privet: the log is empty; there is nothing to export yet");
            Ok(ExitCode::from(INCOMPLETE))
        }
        Err(error) if contradicts(&error) => {
            eprintln!("privet: {error:#}");
            Ok(ExitCode::from(CONTRADICTED))
        }
        Err(error) => Err(error),
    }
}

/// Whether the store or the folder contradicts the signed log, and not just something failed.
fn contradicts(error: &anyhow::Error) -> bool {
    let is_damage = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(privet_store::Error::LogDamaged { .. }))
    };
    error.is::<Contradiction>() || error.chain().any(is_damage)
}

async fn export(log: &Log, args: &ExportArgs) -> Result<Option<()>> {
    let Some(head) = log.store.log_head(&log.key).await? else {
        return Ok(None);
    };
    let mut writer = Writer::open(&args.dir)?;
    let keys = log.store.log_keys(&log.key).await?;
    let from = writer.folder().head(&keys)?.map_or(0, |whole| whole.size);
    let earlier = writer.folder().checkpoints(&keys)?;
    log.store.keep_checkpoint(&head, SystemClock.now()).await?;
    let signed = log.store.cosignatures().await?;
    let mut kept = log.store.kept_checkpoints().await?;
    // Those that others rest on: where the key changed, and what witnesses have signed.
    kept.retain(|kept| {
        let is_needed = kept.is_key_change || signed.iter().any(|(size, ..)| *size == kept.size);
        is_needed && kept.size > from && kept.size < head.checkpoint.size && !earlier.contains_key(&kept.size)
    });
    for kept in &kept {
        check_continues(&log.store, &kept.open(&keys)?, &head).await?;
    }
    for checkpoint in earlier.values() {
        check_continues(&log.store, checkpoint, &head).await?;
    }
    let start = from - from % TILE_WIDTH;
    check_tiles(&log.store, start, &head).await?;
    let note = head.note.as_bytes();
    let size = head.checkpoint.size;
    // First what is meant to be there: an export that is cut off is finished by the next one, with the unfinished tiles
    // of its checkpoint, though the log has grown.
    let ends: Vec<u64> = earlier
        .into_keys()
        .filter(|size| *size > from)
        .chain(kept.iter().map(|kept| kept.size))
        .chain([size])
        .collect();
    for kept in &kept {
        writer.put(LogPath::CheckpointOf(kept.size), kept.note.as_bytes())?;
    }
    writer.put(LogPath::CheckpointOf(size), note)?;
    writer.sync()?;
    write_leaves(&log.store, start, &ends, &mut writer).await?;
    for (size, witness, line) in &signed {
        let has_checkpoint = writer
            .folder()
            .read(&LogPath::CheckpointOf(*size).to_string())?
            .is_some();
        if has_checkpoint {
            let (size, key) = (*size, witness.id());
            writer.put(LogPath::Cosignature { size, key }, line.as_bytes())?;
        }
    }
    writer.finish(note)?;
    eprintln!(
        "privet: `{}` holds {size} leaves, {} of them new, in {} new files; give the public key to who checks it: privet audit key",
        args.dir.display(),
        size - from,
        writer.written
    );
    Ok(Some(()))
}

/// The store must have the history that the folder has.
async fn check_continues(store: &Store, earlier: &Checkpoint, head: &LogHead) -> Result<()> {
    let (size, now) = (earlier.size, head.checkpoint.size);
    if size > now {
        return Err(Contradiction(format!(
            "the folder holds {size} leaves and the store {now}: the store was set back, for example by an old backup"
        ))
        .into());
    }
    if store.log_edge(size).await?.root() == earlier.root {
        return Ok(());
    }
    Err(Contradiction(format!(
        "the first {size} leaves of the store are not those of the folder: one of the two was changed"
    ))
    .into())
}

/// The stored tiles must have the signed root, before anything of them is written.
async fn check_tiles(store: &Store, start: u64, head: &LogHead) -> Result<()> {
    let mut edge = store.log_edge(start).await?;
    let size = head.checkpoint.size;
    for index in start / TILE_WIDTH..size.div_ceil(TILE_WIDTH) {
        let hashes = store.log_tile(TileId { level: 0, index }).await?;
        let taken = usize::try_from((size - index * TILE_WIDTH).min(TILE_WIDTH)).unwrap_or(usize::MAX);
        for hash in hashes.into_iter().take(taken) {
            edge.push(hash, &mut |_, _| {});
        }
    }
    if edge.root() == head.checkpoint.root {
        return Ok(());
    }
    Err(Contradiction(
        "the tiles in the store are not those of the signed head: the store was changed".to_owned(),
    )
    .into())
}

/// Writes the leaves from `start` to the last of `ends`, with the unfinished tiles at each of them.
async fn write_leaves(store: &Store, start: u64, ends: &[u64], writer: &mut Writer) -> Result<()> {
    let size = ends.iter().copied().max().unwrap_or(start);
    let bar = bar(size - start);
    let edge = store.log_edge(start).await?;
    let mut packer = Packer::new(edge).unwrap_or_default();
    for index in start / TILE_WIDTH..size.div_ceil(TILE_WIDTH) {
        let leaves = read_bundle(store, index, size).await?;
        for leaf in &leaves {
            packer.push(&leaf.entry, &mut |path, bytes| put(writer, path, bytes))?;
            if ends.contains(&packer.edge().size()) {
                packer.write_unfinished(&mut |path, bytes| put(writer, path, bytes))?;
            }
        }
        bar.inc(leaves.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The leaves of bundle `index` of a log of `size` leaves, each of which must have the hash that was signed.
async fn read_bundle(store: &Store, index: u64, size: u64) -> Result<Vec<LogLeaf>> {
    let first = index * TILE_WIDTH;
    let wanted = u32::try_from((size - first).min(TILE_WIDTH)).unwrap_or(u32::MAX);
    let leaves = store.log_leaves(first, wanted).await?;
    let hashes = store.log_tile(TileId { level: 0, index }).await?;
    if leaves.len() != wanted as usize {
        let missing = first + leaves.len() as u64;
        return Err(Contradiction(format!("leaf {missing} is missing in the store")).into());
    }
    let is_changed = |(leaf, hash): &(&LogLeaf, &Hash)| Hash::of_leaf(&leaf.entry) != **hash;
    if let Some((leaf, _)) = leaves.iter().zip(&hashes).find(is_changed) {
        let position = leaf.position;
        return Err(Contradiction(format!(
            "leaf {position} was changed in the store after it was signed"
        ))
        .into());
    }
    Ok(leaves)
}

fn put(writer: &mut Writer, path: TilePath, bytes: &[u8]) -> Result<()> {
    writer.put(LogPath::Tile(path), bytes)
}
