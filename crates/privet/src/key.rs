//! `privet key`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_access::{NewKey, create_key, list_keys, revoke_key, revoke_line, rotate_key};
use privet_crypto::RootKey;
use privet_policy::{Period, Settings};
use privet_server::SystemClock;
use privet_store::Store;
use privet_types::{Clock, KeyScope, KeyScopes, TenantId};
use serde_json::json;

use crate::cli::{Format, KeyCommand, KeyCreateArgs, KeyListArgs, KeyRevokeArgs, KeyRotateArgs};
use crate::{rim, serve};

pub(crate) fn run(command: KeyCommand) -> Result<ExitCode> {
    let config = match &command {
        KeyCommand::Create(args) => &args.config,
        KeyCommand::List(args) => &args.config,
        KeyCommand::Rotate(args) => &args.config,
        KeyCommand::Revoke(args) => &args.config,
    };
    let settings = rim::settings(config)?;
    // Only making a key makes a store.
    if !rim::has_store(&settings) {
        match &command {
            KeyCommand::Create(_) => {}
            KeyCommand::List(args) => {
                print_head(args.format)?;
                return Ok(ExitCode::SUCCESS);
            }
            KeyCommand::Rotate(KeyRotateArgs { id, .. }) | KeyCommand::Revoke(KeyRevokeArgs { id, .. }) => {
                bail!(
                    "there is no key `{id}`, and no store `{}` yet; `privet key list` shows the ids of all keys",
                    settings.store.path.display()
                )
            }
        }
    }
    let root = rim::root_key(&settings)?;
    serve::runtime()?.block_on(async {
        let store = open(&settings, &root).await?;
        let done = match command {
            KeyCommand::Create(args) => create(&store, &root, &args).await,
            KeyCommand::List(args) => list(&store, &args).await,
            KeyCommand::Rotate(args) => rotate(&store, &root, &args).await,
            KeyCommand::Revoke(args) => revoke(&store, &root, &args).await,
        };
        store.close().await;
        done
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn open(settings: &Settings, root: &RootKey) -> Result<Store> {
    let location = rim::store_location(settings)?;
    Store::open(&location, root)
        .await
        .with_context(|| format!("cannot open the store `{location}`"))
}

async fn create(store: &Store, root: &RootKey, args: &KeyCreateArgs) -> Result<()> {
    let clock = SystemClock;
    let expires_at = args
        .expires
        .as_deref()
        .map(|text| expiry(text, clock.now()))
        .transpose()?;
    let principal = args.name.parse()?;
    let tenant = args
        .tenant
        .as_deref()
        .map_or_else(|| Ok(TenantId::default()), str::parse)?;
    let scopes = scopes(&args.scopes)?;
    let new = create_key(store, root, &tenant, &principal, scopes, expires_at, &clock).await?;
    show(&new)
}

fn show(new: &NewKey) -> Result<()> {
    let record = &new.record;
    let until = record
        .expires_at
        .map_or("it is revoked".to_owned(), |at| at.to_string());
    eprintln!(
        "key {} for {} is good for {} until {until}; it is shown this once:",
        record.id, record.principal, record.scopes
    );
    rim::say(format_args!("{}", new.key.expose()))?;
    Ok(())
}

async fn rotate(store: &Store, root: &RootKey, args: &KeyRotateArgs) -> Result<()> {
    let grace: Period = args.grace.parse().with_context(|| {
        format!(
            "`--grace {}` is no length of time; write it such as 24h or 7d",
            args.grace
        )
    })?;
    let new = rotate_key(store, root, &args.id, grace.duration(), &SystemClock).await?;
    match store
        .find_api_key(&args.id)
        .await?
        .and_then(|old| old.grace_until)
    {
        Some(until) => eprintln!("key {} works beside its successor until {until}", args.id),
        None => eprintln!("key {} has a successor", args.id),
    }
    show(&new)
}

/// `vault` stands for all scopes of the vault.
fn scopes(names: &[String]) -> Result<KeyScopes> {
    let mut scopes = Vec::new();
    for name in names {
        if name == "vault" {
            scopes.extend(
                KeyScope::ALL
                    .into_iter()
                    .filter(|scope| scope.name().starts_with("vault.")),
            );
        } else {
            scopes.push(name.parse().with_context(|| format!("`--scope {name}`"))?);
        }
    }
    Ok(if scopes.is_empty() {
        KeyScopes::default()
    } else {
        KeyScopes::of(&scopes)
    })
}

fn expiry(text: &str, now: Timestamp) -> Result<Timestamp> {
    end_of(text, "--expires", now)
}

/// When the time `text`, which `option` gives, has passed from `now` on.
pub(crate) fn end_of(text: &str, option: &str, now: Timestamp) -> Result<Timestamp> {
    let period: Period = text
        .parse()
        .with_context(|| format!("`{option} {text}` is no length of time; write it such as 12h or 90d"))?;
    let Ok(end) = now.checked_add(period.duration()) else {
        bail!("`{option} {text}` is too far off; leave it out for one without an end");
    };
    Ok(end)
}

fn print_head(format: Format) -> Result<()> {
    if format == Format::Table {
        rim::say(format_args!(
            "{:<14}{:<24}{:<12}{:<22}{:<22}{:<10}{:<12}scopes",
            "id", "name", "tenant", "created", "expires", "state", "last used"
        ))?;
    }
    Ok(())
}

async fn list(store: &Store, args: &KeyListArgs) -> Result<()> {
    let (format, now) = (args.format, SystemClock.now());
    let before = args.unused_since.as_deref().map(|text| before(text, now));
    let before = before.transpose()?;
    let keys = list_keys(store).await?;
    let uses = store.list_api_key_uses().await?;
    let uses: BTreeMap<&str, Timestamp> = uses
        .iter()
        .map(|used| (used.id.as_str(), used.last_used_at))
        .collect();
    print_head(format)?;
    for key in keys {
        let last = uses.get(key.id.as_str()).copied();
        if before.is_some_and(|before| !key.is_unused_since(before, last, now)) {
            continue;
        }
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        match format {
            Format::Table => rim::say(format_args!(
                "{:<14}{:<24}{:<12}{:<22}{:<22}{:<10}{:<12}{}",
                key.id,
                key.principal.as_str(),
                key.tenant.as_str(),
                day(key.created_at),
                key.expires_at.map_or("never".to_owned(), day),
                key.state(now),
                last.map_or("never".to_owned(), |at| ago(at, now)),
                key.scopes
            ))?,
            Format::Jsonl => rim::say(format_args!(
                "{}",
                json!({
                    "id": key.id, "name": key.principal, "tenant": key.tenant,
                    "scopes": key.scopes.iter().map(KeyScope::name).collect::<Vec<_>>(), "created_at": key.created_at, "expires_at": key.expires_at,
                    "revoked_at": key.revoked_at, "state": key.state(now), "successor": key.successor,
                    "grace_until": key.grace_until, "last_used_at": last,
                })
            ))?,
        }
    }
    Ok(())
}

/// The moment that lies `text` back.
fn before(text: &str, now: Timestamp) -> Result<Timestamp> {
    let period: Period = text.parse().with_context(|| {
        format!("`--unused-since {text}` is no length of time; write it such as 24h or 90d")
    })?;
    let Ok(before) = now.checked_sub(period.duration()) else {
        bail!("`--unused-since {text}` is too far back");
    };
    Ok(before)
}

/// How long ago `at` was, in its largest unit.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_secs().max(0) / 60;
    match minutes {
        0 => "now".to_owned(),
        1..60 => format!("{minutes}m ago"),
        60..1440 => format!("{}h ago", minutes / 60),
        _ => format!("{}d ago", minutes / 1440),
    }
}

async fn revoke(store: &Store, root: &RootKey, args: &KeyRevokeArgs) -> Result<()> {
    let id = &args.id;
    if args.line {
        let revoked = revoke_line(store, root, id, &SystemClock).await?;
        let many = revoked.len();
        eprintln!(
            "{many} keys of the line of {id} are revoked; running gateways refuse them within a second"
        );
        return Ok(());
    }
    let at = revoke_key(store, root, id, &SystemClock).await?;
    eprintln!("key {id} is revoked since {at}; running gateways refuse it within a second");
    if let Some(successor) = store.find_api_key(id).await?.and_then(|key| key.successor) {
        eprintln!("its successor {successor} is not; `privet key revoke {id} --line` revokes both");
    }
    Ok(())
}
