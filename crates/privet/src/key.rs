//! `privet key`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_access::{create_key, list_keys, revoke_key};
use privet_crypto::RootKey;
use privet_policy::{Period, Settings};
use privet_server::SystemClock;
use privet_store::{ApiKeyRecord, Store};
use privet_types::{Clock, KeyScope, KeyScopes, TenantId};
use serde_json::json;

use crate::cli::{Format, KeyCommand, KeyCreateArgs};
use crate::{rim, serve};

pub(crate) fn run(command: KeyCommand) -> Result<ExitCode> {
    let config = match &command {
        KeyCommand::Create(args) => &args.config,
        KeyCommand::List(args) => &args.config,
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
            KeyCommand::Revoke(args) => bail!(
                "there is no key `{}`, and no store `{}` yet; `privet key list` shows the ids of all keys",
                args.id,
                settings.store.path.display()
            ),
        }
    }
    let root = rim::root_key(&settings)?;
    serve::runtime()?.block_on(async {
        let store = open(&settings, &root).await?;
        let done = match command {
            KeyCommand::Create(args) => create(&store, &root, &args).await,
            KeyCommand::List(args) => list(&store, args.format).await,
            KeyCommand::Revoke(args) => revoke(&store, &root, &args.id).await,
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
    let until = new
        .record
        .expires_at
        .map_or("it is revoked".to_owned(), |at| at.to_string());
    eprintln!(
        "key {} for {} is good for {scopes} until {until}; it is shown this once:",
        new.record.id, new.record.principal
    );
    rim::say(format_args!("{}", new.key.expose()))?;
    Ok(())
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
            "{:<14}{:<24}{:<12}{:<22}{:<22}{:<10}scopes",
            "id", "name", "tenant", "created", "expires", "state"
        ))?;
    }
    Ok(())
}

async fn list(store: &Store, format: Format) -> Result<()> {
    let now = SystemClock.now();
    let keys = list_keys(store).await?;
    print_head(format)?;
    for key in keys {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        match format {
            Format::Table => rim::say(format_args!(
                "{:<14}{:<24}{:<12}{:<22}{:<22}{:<10}{}",
                key.id,
                key.principal.as_str(),
                key.tenant.as_str(),
                day(key.created_at),
                key.expires_at.map_or("never".to_owned(), day),
                state(&key, now),
                key.scopes
            ))?,
            Format::Jsonl => rim::say(format_args!(
                "{}",
                json!({
                    "id": key.id, "name": key.principal, "tenant": key.tenant,
                    "scopes": key.scopes.iter().map(KeyScope::name).collect::<Vec<_>>(), "created_at": key.created_at, "expires_at": key.expires_at,
                    "revoked_at": key.revoked_at, "state": state(&key, now),
                })
            ))?,
        }
    }
    Ok(())
}

fn state(key: &ApiKeyRecord, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "active"
    }
}

async fn revoke(store: &Store, root: &RootKey, id: &str) -> Result<()> {
    let at = revoke_key(store, root, id, &SystemClock).await?;
    eprintln!("key {id} is revoked since {at}; running gateways refuse it within a second");
    Ok(())
}
