//! Another secret for a tenant's blind indexes.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use privet_types::TenantId;
use serde::Serialize;

use crate::keyring::{CommonArgs, print};

#[derive(Args)]
pub(crate) struct RotateIndexArgs {
    /// Whose indexes.
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// What was done.
#[derive(Serialize)]
struct Report {
    version: u32,
    subjects: u64,
    refused: u64,
    damaged: u64,
}

pub(super) fn run(args: &RotateIndexArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let done = super::with(&settings, async |open| {
        super::is_known(open, &tenant).await?;
        let by = super::operator(&tenant);
        Ok(open.vault().rotate_indexes(&by, &mut |_| {}).await?)
    })?;
    print(
        &args.common,
        &Report {
            version: done.version,
            subjects: done.subjects,
            refused: done.refused,
            damaged: done.damaged,
        },
    )?;
    Ok(super::exit(done.damaged))
}
