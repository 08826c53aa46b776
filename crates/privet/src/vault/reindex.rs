//! A tenant's blind indexes, built anew from the records.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use privet_types::TenantId;
use privet_vault::Page;
use serde::Serialize;

use crate::keyring::{CommonArgs, print};

/// Subjects of one page.
const PAGE: u32 = 500;

#[derive(Args)]
pub(crate) struct ReindexArgs {
    /// Whose indexes.
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// What was done.
#[derive(Serialize)]
struct Report {
    subjects: u64,
    refused: u64,
    damaged: u64,
}

pub(super) fn run(args: &ReindexArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let report = super::with(&settings, async |open| {
        super::is_known(open, &tenant).await?;
        let by = super::operator(&tenant);
        let mut report = Report {
            subjects: 0,
            refused: 0,
            damaged: 0,
        };
        let mut page = Page {
            after: None,
            limit: PAGE,
        };
        loop {
            let built = open.vault().rebuild_indexes(&by, &page).await?;
            report.subjects += built.subjects;
            report.refused += built.refused.len() as u64;
            report.damaged += built.damaged.len() as u64;
            match built.last {
                Some(last) => page.after = Some(last),
                None => return Ok(report),
            }
        }
    })?;
    print(&args.common, &report)?;
    Ok(super::exit(report.damaged))
}
