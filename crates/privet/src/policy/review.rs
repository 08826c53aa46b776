//! `privet policy review`: what was granted against what is used.

use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use privet_access::{ReviewRow, list_keys, load_accounts, review};
use privet_server::SystemClock;
use privet_types::Clock;

use super::ReviewArgs;
use crate::access::Access;
use crate::cli::Format;
use crate::{key, rim, serve};

pub(super) fn run(args: &ReviewArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let access = Access::load(&settings)?;
    let root = rim::root_key(&settings)?;
    let now = SystemClock.now();
    let rows = serve::runtime()?.block_on(async {
        let store = key::open(&settings, &root).await?;
        let accounts = load_accounts(&store, &access.rules.signers).await?;
        let (keys, uses) = (list_keys(&store).await?, store.list_privilege_uses().await?);
        let key_uses = store.list_api_key_uses().await?;
        store.close().await;
        let authorizer = &access.rules.authorizer;
        anyhow::Ok(review(authorizer, accounts.iter(), &keys, &key_uses, &uses, now)?)
    })?;
    let is_shown = |row: &&ReviewRow| {
        args.tenant
            .as_deref()
            .is_none_or(|tenant| row.tenant.as_str() == tenant)
            && (!args.unused || (row.uses == 0 && row.has_key))
    };
    let rows: Vec<&ReviewRow> = rows.iter().filter(is_shown).collect();
    if args.format == Format::Jsonl {
        for row in &rows {
            rim::say(serde_json::to_string(row)?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    rim::say(format_args!(
        "{:<12}{:<24}{:<9}{:<24}{:<18}{:<5}{:<18}{:<18}uses",
        "tenant", "name", "kind", "roles", "action", "key", "key used", "last used"
    ))?;
    for row in &rows {
        let moment = |at: Option<Timestamp>| {
            at.map_or_else(
                || "never".to_owned(),
                |at| at.strftime("%Y-%m-%d %H:%M").to_string(),
            )
        };
        let (last, key_last) = (moment(row.last_used_at), moment(row.key_last_used_at));
        let key = if row.has_key { "yes" } else { "no" };
        rim::say(format_args!(
            "{:<12}{:<24}{:<9}{:<24}{:<18}{key:<5}{key_last:<18}{last:<18}{}",
            row.tenant.as_str(),
            row.principal.as_str(),
            row.kind.name(),
            row.roles.join(","),
            row.action,
            row.uses
        ))?;
    }
    let usable = rows.iter().filter(|row| row.has_key && !row.is_disabled);
    let (all, used) = usable.fold((0, 0), |(all, used), row| {
        (all + 1, used + usize::from(row.uses > 0))
    });
    eprintln!("{used} of {all} privileges that somebody has a good key for were ever used");
    Ok(ExitCode::SUCCESS)
}
