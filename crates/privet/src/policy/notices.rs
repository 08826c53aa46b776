//! `privet policy notices`: what people have to acknowledge, and who has.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use privet_access::{Account, load_accounts};
use privet_policy::Notice;
use privet_server::SystemClock;
use privet_types::{Clock, PrincipalKind};
use serde_json::json;

use crate::access::Access;
use crate::cli::Format;
use crate::{key, rim, serve};

#[derive(Args)]
pub(crate) struct NoticesArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// This tenant alone.
    #[arg(long)]
    tenant: Option<String>,
    /// Only those who have yet to acknowledge one.
    #[arg(long)]
    open: bool,
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How somebody stands to a notice.
struct Standing {
    /// When it was acknowledged as it is worded now.
    at: Option<Timestamp>,
    name: &'static str,
}

impl Standing {
    fn of(notice: &Notice, account: &Account, now: Timestamp) -> Self {
        let at = account.acknowledged_at(notice.id(), notice.hash());
        let name = match at {
            Some(at) if notice.counts(at, now) => "acknowledged",
            Some(_) => "over",
            None if account.acknowledged_before(notice.id()) => "changed",
            None => "open",
        };
        Self { at, name }
    }
}

pub(super) fn run(args: &NoticesArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let access = Access::load(&settings)?;
    let root = rim::root_key(&settings)?;
    let now = SystemClock.now();
    let accounts = serve::runtime()?.block_on(async {
        let store = key::open(&settings, &root).await?;
        let accounts = load_accounts(&store, &access.rules.signers).await?;
        store.close().await;
        anyhow::Ok(accounts)
    })?;
    if args.format == Format::Table {
        rim::say(format_args!(
            "{:<24}{:<34}{:<12}{:<24}{:<14}at",
            "notice", "hash", "tenant", "name", "standing"
        ))?;
    }
    let (mut all, mut done) = (0_usize, 0_usize);
    for notice in access.policy.notices() {
        for account in accounts.iter() {
            let is_meant = account.kind() == PrincipalKind::User
                && !account.is_disabled()
                && notice.concerns(account.kind(), account.roles())
                && args
                    .tenant
                    .as_deref()
                    .is_none_or(|tenant| account.tenant().as_str() == tenant);
            if !is_meant {
                continue;
            }
            let standing = Standing::of(notice, account, now);
            let is_done = standing.name == "acknowledged";
            all += 1;
            done += usize::from(is_done);
            if args.open && is_done {
                continue;
            }
            let (tenant, name) = (account.tenant().as_str(), account.name().as_str());
            if args.format == Format::Jsonl {
                rim::say(json!({
                    "notice": notice.id(),
                    "hash": notice.hash(),
                    "tenant": tenant,
                    "name": name,
                    "standing": standing.name,
                    "at": standing.at.map(|at| at.to_string()),
                }))?;
                continue;
            }
            let at = standing
                .at
                .map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M").to_string());
            rim::say(format_args!(
                "{:<24}{:<34}{tenant:<12}{name:<24}{:<14}{at}",
                notice.id(),
                notice.hash(),
                standing.name
            ))?;
        }
    }
    eprintln!("{done} of {all} acknowledgements are there");
    Ok(ExitCode::SUCCESS)
}
