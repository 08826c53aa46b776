//! `privet kill`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use privet_access::{COMMAND_LINE, KillOrder, KillSwitch, KillSwitches, KillTarget, LocalSwitches};
use privet_crypto::RootKey;
use privet_policy::Settings;
use privet_server::{SystemClock, share_switch};
use privet_types::{Clock, TenantId};
use serde_json::json;

use crate::cli::Format;
use crate::{key, rim, serve};

/// Switches that are listed: the newest.
const MOST: u32 = 1_000;

#[derive(Subcommand)]
pub(crate) enum KillCommand {
    /// Cut off at once. Running gateways refuse within a second, and end what is under way.
    On(OnArgs),
    /// Let back in.
    Off {
        /// The switch's id, of `privet kill list`.
        id: String,
        /// One that this machine keeps in its own file.
        #[arg(long)]
        local: bool,
        /// One that was handed to all machines by the server of `[shared_limits]`, while the store does not answer.
        #[arg(long, conflicts_with = "local")]
        shared: bool,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
    /// List switches, the newest first; those of this machine that the store does not know come before them.
    List {
        /// A table for people, or one JSON object per line.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// Only those that this machine keeps in its own file; for when the store does not answer.
        #[arg(long)]
        local: bool,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct OnArgs {
    /// What kind of thing.
    #[arg(value_enum)]
    kind: Kind,
    /// Its name; the id of a key; nothing for `all` and `tenant`.
    #[arg(default_value = "")]
    name: String,
    /// Why, in words. Callers are not told.
    #[arg(long)]
    reason: String,
    /// For how long, such as 2h; until it is taken back if left out.
    #[arg(long = "for")]
    time: Option<String>,
    /// Whose installation space. A model or a provider is cut off for all if this is left out; a tenant or a principal is one of
    /// `default`.
    #[arg(long)]
    tenant: Option<String>,
    /// On this machine alone, by a file, without the store: for when that does not answer. The store is told as soon as it does.
    #[arg(long)]
    local: bool,
    /// On all machines that share limits, by their server (`[shared_limits]`), without the store: each keeps it as with `--local`.
    #[arg(long, conflicts_with = "local")]
    shared: bool,
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Everybody.
    All,
    /// A whole tenant.
    Tenant,
    /// A person or a service account, with all its keys.
    Principal,
    /// An API key.
    Key,
    /// A model.
    Model,
    /// A provider.
    Provider,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tenant => "tenant",
            Self::Principal => "principal",
            Self::Key => "key",
            Self::Model => "model",
            Self::Provider => "provider",
        }
    }
}

pub(crate) fn run(command: &KillCommand) -> Result<ExitCode> {
    let config = match command {
        KillCommand::On(args) => &args.config,
        KillCommand::Off { config, .. } | KillCommand::List { config, .. } => config,
    };
    let settings = rim::settings(config)?;
    let root = rim::root_key(&settings)?;
    let local = rim::local_switches(&settings, &root);
    match command {
        KillCommand::On(args) => on(args, &settings, &root, &local)?,
        KillCommand::Off { id, local: true, .. } => off_here(id, &local)?,
        KillCommand::Off { id, shared: true, .. } => off_everywhere(id, &settings, &root, &local)?,
        KillCommand::Off { id, .. } => {
            let lifted = with_store(&settings, &root, async |switches| {
                let home = TenantId::default();
                Ok(switches.lift(id, COMMAND_LINE, &home, None).await?)
            })?;
            forget_here(id, &local)?;
            if settings.shared_limits.is_some()
                && let Err(error) = share(&settings, &root, &local, &lifted)
            {
                // The store decides, and every node asks it.
                eprintln!("privet: if {id} was set with `--shared`, lift it there, too: {error:#}");
            }
            eprintln!("kill switch {id} is off; running gateways know within a second");
        }
        KillCommand::List {
            format,
            local: is_local,
            ..
        } => {
            let mut all = local.read()?;
            if !is_local {
                let stored = with_store(&settings, &root, async |switches| {
                    Ok(switches.list(MOST, None).await?)
                });
                let stored = stored.context("`privet kill list --local` shows those of this machine")?;
                all.retain(|switch| !stored.iter().any(|known| known.id == switch.id));
                all.extend(stored);
            }
            list(&all, *format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn with_store<T>(
    settings: &Settings,
    root: &RootKey,
    work: impl AsyncFnOnce(KillSwitches<'_>) -> Result<T>,
) -> Result<T> {
    serve::runtime()?.block_on(async {
        let store = key::open(settings, root).await?;
        let done = work(KillSwitches::new(&store, root, &SystemClock)).await;
        store.close().await;
        done
    })
}

fn on(args: &OnArgs, settings: &Settings, root: &RootKey, local: &LocalSwitches) -> Result<()> {
    let now = SystemClock.now();
    let target = KillTarget::parse(args.kind.name(), &args.name)?;
    check_known(&target, settings)?;
    let tenant: Option<TenantId> = args.tenant.as_deref().map(str::parse).transpose()?;
    let ends_at = args.time.as_deref().map(|time| key::end_of(time, "--for", now));
    let order = KillOrder {
        tenant: match target {
            KillTarget::Tenant | KillTarget::Principal(_) => Some(tenant.unwrap_or_default()),
            _ => tenant,
        },
        target,
        reason: args.reason.clone(),
        ends_at: ends_at.transpose()?,
    };
    let switch = if args.local {
        let switch = order.switch(COMMAND_LINE, now)?;
        local.change(now, |all| all.push(switch.clone()))?;
        switch
    } else if args.shared {
        let switch = order.switch(COMMAND_LINE, now)?;
        share(settings, root, local, &switch)?;
        switch
    } else {
        let set = with_store(settings, root, async |switches| {
            Ok(switches.set(order, COMMAND_LINE, &TenantId::default()).await?)
        });
        set.context("if the store does not answer, use `--shared`, or `--local` on each machine")?
    };
    let place = if args.local {
        "the gateway of this machine refuses"
    } else if args.shared {
        "gateways that reach the server of shared limits refuse"
    } else {
        "running gateways refuse"
    };
    eprintln!(
        "kill switch {} is on {}; {place} within a second",
        switch.id,
        switch
            .ends_at
            .map_or("until it is taken back".to_owned(), |at| format!("until {at}"))
    );
    Ok(())
}

/// A provider that the settings do not have, and a model that leads nowhere, are most likely mistyped.
fn check_known(target: &KillTarget, settings: &Settings) -> Result<()> {
    match target {
        KillTarget::Provider(name) => {
            let names: Vec<&str> = settings.providers().iter().map(|known| known.name()).collect();
            if !names.contains(&name.as_str()) {
                bail!(
                    "there is no provider `{name}` in the settings; use {}",
                    names.join(", ")
                );
            }
        }
        KillTarget::Model(name) if settings.route(name).is_none() => {
            bail!("no route of the settings takes a model `{name}`; name it as callers do");
        }
        _ => {}
    }
    Ok(())
}

fn off_here(id: &str, local: &LocalSwitches) -> Result<()> {
    if !forget_here(id, local)? {
        bail!(
            "this machine keeps no kill switch `{id}`; `privet kill list --local` shows those that it does"
        );
    }
    eprintln!(
        "this machine keeps kill switch {id} no more; if the store was told of it, use `privet kill off {id}`, too"
    );
    Ok(())
}

/// Hands `switch` to all machines that share limits.
fn share(settings: &Settings, root: &RootKey, local: &LocalSwitches, switch: &KillSwitch) -> Result<()> {
    let shared = rim::shared_limits(settings)?.context(
        "the settings have no `[shared_limits]`, by whose server a switch could go to other machines; use `--local` on each",
    )?;
    serve::runtime()?.block_on(share_switch(&shared, root, local, switch))?;
    Ok(())
}

fn off_everywhere(id: &str, settings: &Settings, root: &RootKey, local: &LocalSwitches) -> Result<()> {
    let here = local.read()?.into_iter().find(|switch| switch.id == *id);
    // Those of other machines need its id alone.
    let now = SystemClock.now();
    let switch = here.unwrap_or(KillSwitch {
        id: id.to_owned(),
        tenant: None,
        target: KillTarget::All,
        reason: String::new(),
        set_by: COMMAND_LINE.to_owned(),
        set_at: now,
        ends_at: None,
        lifted_at: None,
        lifted_by: None,
    });
    let lifted = KillSwitch {
        lifted_at: Some(now),
        ..switch
    };
    share(settings, root, local, &lifted)?;
    eprintln!(
        "machines that reach the server of shared limits keep kill switch {id} no more; if the store was told of it, use `privet kill off {id}`, too"
    );
    Ok(())
}

/// Takes one out of this machine's file. Returns whether it was there.
fn forget_here(id: &str, local: &LocalSwitches) -> Result<bool> {
    if local.read()?.is_empty() {
        // There may be no folder yet.
        return Ok(false);
    }
    let mut was_there = false;
    local.change(SystemClock.now(), |all| {
        let before = all.len();
        all.retain(|switch| switch.id != id);
        was_there = all.len() < before;
    })?;
    Ok(was_there)
}

fn list(switches: &[KillSwitch], format: Format) -> Result<()> {
    let now = SystemClock.now();
    if format == Format::Table {
        rim::say(format_args!(
            "{:<14}{:<11}{:<24}{:<12}{:<22}{:<22}{:<10}reason",
            "id", "kind", "name", "tenant", "since", "until", "state"
        ))?;
    }
    for switch in switches {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let tenant = switch.tenant.as_ref().map_or("(all)", TenantId::as_str);
        match format {
            Format::Table => rim::say(format_args!(
                "{:<14}{:<11}{:<24}{:<12}{:<22}{:<22}{:<10}{}",
                switch.id,
                switch.target.kind(),
                switch.target.name(),
                tenant,
                day(switch.set_at),
                switch.ends_at.map_or("taken back".to_owned(), day),
                state(switch, now),
                switch.reason
            ))?,
            Format::Jsonl => rim::say(format_args!(
                "{}",
                json!({
                    "id": switch.id, "tenant": switch.tenant, "kind": switch.target.kind(),
                    "name": switch.target.name(), "reason": switch.reason, "set_by": switch.set_by,
                    "set_at": switch.set_at, "until": switch.ends_at, "lifted_at": switch.lifted_at,
                    "lifted_by": switch.lifted_by, "state": state(switch, now),
                })
            ))?,
        }
    }
    Ok(())
}

fn state(switch: &KillSwitch, now: Timestamp) -> &'static str {
    if switch.is_in_force(now) {
        "on"
    } else if switch.lifted_by.is_some() {
        "off"
    } else {
        "over"
    }
}
