//! `privet audit consistency`.

use std::process::ExitCode;

use anyhow::{Context, Result};

use super::{CONTRADICTED, ConsistencyArgs, Log, block_on, open_log};
use crate::rim;

pub(super) fn run(args: &ConsistencyArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let old = std::fs::read(&args.old).with_context(|| format!("cannot read `{}`", args.old.display()))?;
    block_on(async {
        let log = open_log(&settings).await?;
        let done = prove(&log, args, &old).await;
        log.store.close().await;
        done
    })
}

async fn prove(log: &Log, args: &ConsistencyArgs, old: &[u8]) -> Result<ExitCode> {
    let head = log.store.log_head(&log.key).await?.context("the log is empty")?;
    let keys = log.store.log_keys(&log.key).await?;
    let (held, _) = keys
        .open(old)
        .with_context(|| format!("`{}`", args.old.display()))?;
    let (held_size, size) = (held.size, head.checkpoint.size);
    if held_size > size {
        eprintln!(
            "privet: that checkpoint is of {held_size} leaves and the log has {size}: the store was set back"
        );
        return Ok(ExitCode::from(CONTRADICTED));
    }
    if log.store.log_edge(held_size).await?.root() != held.root {
        eprintln!(
            "privet: the first {held_size} leaves of the log are not those of that checkpoint: it has two histories"
        );
        return Ok(ExitCode::from(CONTRADICTED));
    }
    let proof = log.store.growth_proof(held_size, &head).await?;
    rim::say(proof.to_string().trim_end_matches('\n'))?;
    Ok(ExitCode::SUCCESS)
}
