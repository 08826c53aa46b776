//! `privet audit prove`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::{CONTRADICTED, Log, ProveArgs, block_on, open_log};
use crate::rim;

pub(super) fn run(args: &ProveArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    block_on(async {
        let log = open_log(&settings).await?;
        let done = prove(&log, args).await;
        log.store.close().await;
        done
    })
}

async fn prove(log: &Log, args: &ProveArgs) -> Result<ExitCode> {
    let head = log.store.log_head(&log.key).await?.context("the log is empty")?;
    let index = match (&args.request, args.index) {
        (Some(request), _) => {
            let found = log.store.positions_of_request(request).await?;
            match found.as_slice() {
                [] => bail!("there is no decision about the request `{request}` in the log"),
                [only] => *only,
                several => bail!(
                    "there are several decisions about the request `{request}`, at {several:?}; name one by its position"
                ),
            }
        }
        (None, index) => index.unwrap_or_default(),
    };
    let size = head.checkpoint.size;
    if index >= size {
        bail!("there is no leaf {index}; the log has {size}");
    }
    let proof = log.store.leaf_proof(index, &head).await?;
    if proof.check(&log.key).is_err() {
        eprintln!("privet: leaf {index} is not the one that was signed: the store was changed");
        return Ok(ExitCode::from(CONTRADICTED));
    }
    // Ends with a line end of its own.
    rim::say(proof.to_string().trim_end_matches('\n'))?;
    Ok(ExitCode::SUCCESS)
}
