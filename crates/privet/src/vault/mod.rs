//! `privet vault`: backups of the vault, the erasure of people, and what they ask for.

mod backup;
mod check;
mod conversations;
mod forget;
mod index;
mod log;
mod measure;
mod receipt;
mod reindex;
mod request;
mod restore;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use privet_policy::{SecretRef, Settings};
use privet_server::SystemClock;
use privet_store::Store;
use privet_types::{Clock, Pseudonym, TenantId};
use privet_vault::Actor;

use crate::keyring::CommonArgs;
use crate::open_vault::OpenVault;
use crate::{open_vault, rim, serve};

#[derive(Subcommand)]
pub(crate) enum VaultCommand {
    /// Write sealed backups of store and keyring while gateways serve, and read them back.
    #[command(after_help = "Examples:
  privet vault backup --out backups/                     two files: store-TIME.privet, keyring-TIME.privet
  privet vault backup --out /mnt/keys --only keyring     keep keyring and store apart, and the root key apart from both")]
    Backup(backup::BackupArgs),
    /// Read backups to their end: exit 1 if one is not whole and genuine.
    #[command(after_help = "Examples:
  privet vault verify-backup backups/*.privet
  privet vault verify-backup store.privet --format json | jq '.backups[].rows'")]
    VerifyBackup(backup::VerifyArgs),
    /// Put backups into the empty databases that the settings name, and erase again who was erased since.
    #[command(after_help = "Examples:
  privet vault restore --store store-TIME.privet --keyring keyring-TIME.privet --config new.toml
  privet vault restore --store store-TIME.privet --keyring keyring-TIME.privet --epochs epochs-TIME.privet
  privet vault restore --store store-TIME.privet     the keyring that is there is today's: only the store was lost")]
    Restore(restore::RestoreArgs),
    /// Erase a person: shred the key, delete the rows, write a signed receipt.
    #[command(after_help = "Examples:
  privet vault forget --tenant acme --email - --reason request --dry-run     reads the address from standard input
  privet vault forget --tenant acme --token ID --reason request --out receipt.json")]
    Forget(forget::ForgetArgs),
    /// Give a tenant's blind indexes another secret and build them anew, while gateways serve.
    #[command(after_help = "Examples:
  privet vault rotate-index --tenant acme
  privet vault rotate-index --tenant acme --format json | jq .refused

An interrupted rotation is brought to its end by calling it again. `refused` are records whose entries are gone: another one has
the value, or it has not the index's form. `damaged` are records that do not open; `privet vault check` names them. While there
are any, exit 1, and the former secret stays: restore or erase them, then call it again.")]
    RotateIndex(index::RotateIndexArgs),
    /// Build a tenant's blind indexes anew from the records, while gateways serve.
    #[command(after_help = "Examples:
  privet vault reindex --tenant acme
  privet vault reindex --tenant acme --format json | jq .refused

For after an index or a search by prefix was switched on: records that were there before are found by it only then. First restart
every gateway with the new settings: one with the old ones writes no such entries. `refused` are records that keep the entries
they had: another one has the value, or it has not the index's form. `damaged` are records that do not open and keep theirs, too:
exit 1; `privet vault check` names them.")]
    Reindex(reindex::ReindexArgs),
    /// Go on with erasures that were begun and not finished.
    #[command(after_help = "Examples:
  privet vault resume")]
    Resume(CommonArgs),
    /// Check every record, index entry, edge, key and leaf: exit 1 if something is damaged.
    #[command(after_help = "Examples:
  privet vault check
  privet vault check --tenant acme --fail-on leftover
  privet vault check --against kept-checkpoint --format json | jq '.findings[].kind'

Changes nothing. Exit status: 0 whole, 1 findings (leftovers count with `--fail-on leftover`), 2 it cannot be done,
3 something could not be looked at.")]
    Check(check::CheckArgs),
    /// Measure consent, retention, encryption, minimisation and auditability from what is really there.
    #[command(after_help = "Examples:
  privet vault measure --tenant acme
  privet vault measure auditability encryption_strength --tenant acme --backup backups/store-TIME.privet
  privet vault measure --tenant acme --format json | jq '.measurements[] | {metric, value}'

Exit status: 0 measured, 1 the log contradicts `--against`, 2 it cannot be done, 3 something could not be measured.
docs/numbers.md has the formulas.")]
    Measure(measure::MeasureArgs),
    /// Check receipts, and show the key that checks them.
    #[command(
        subcommand,
        after_help = "Examples:
  privet vault receipt key --tenant acme
  privet vault receipt verify receipt.json --key HEX"
    )]
    Receipt(receipt::ReceiptCommand),
    /// Write the archived conversations of a person into a file, a JSON object a line.
    #[command(after_help = "Examples:
  privet vault conversations --tenant acme --token ID --from 2027-01-01 --to 2027-01-31 --out january.jsonl
  privet vault conversations --tenant acme --email - --from 2027-01-01 --to 2027-12-31 --part-of chat-7 --out chat-7.jsonl")]
    Conversations(conversations::ConversationsArgs),
    /// Requests of people: what is asked for, by whom it is decided, what it gives.
    #[command(
        subcommand,
        after_help = "Examples:
  privet vault request list --tenant acme --overdue
  privet vault request run ID --tenant acme --out copy.json"
    )]
    Request(request::RequestCommand),
}

pub(crate) fn run(command: &VaultCommand) -> Result<ExitCode> {
    match command {
        VaultCommand::Backup(args) => backup::run(args),
        VaultCommand::VerifyBackup(args) => backup::verify(args),
        VaultCommand::Restore(args) => restore::run(args),
        VaultCommand::Forget(args) => forget::run(args),
        VaultCommand::RotateIndex(args) => index::run(args),
        VaultCommand::Reindex(args) => reindex::run(args),
        VaultCommand::Resume(args) => forget::resume(args),
        VaultCommand::Check(args) => check::run(args),
        VaultCommand::Measure(args) => measure::run(args),
        VaultCommand::Receipt(command) => receipt::run(command),
        VaultCommand::Conversations(args) => conversations::run(args),
        VaultCommand::Request(command) => request::run(command),
    }
}

/// The settings, of an installation whose root key is there: none is made here.
fn settings(args: &CommonArgs) -> Result<Settings> {
    let settings = rim::settings(&args.config)?;
    if let SecretRef::File(path) = &settings.root_key
        && !path.exists()
    {
        bail!(
            "the root key `{}` is missing; put the key file there",
            path.display()
        );
    }
    Ok(settings)
}

/// Opens the vault that the settings name, works with it and closes it.
fn with<T>(settings: &Settings, work: impl AsyncFnOnce(&OpenVault) -> Result<T>) -> Result<T> {
    if !rim::has_store(settings) {
        bail!("there is no store `{}`", settings.store.path.display());
    }
    let root = rim::root_key(settings)?;
    serve::runtime()?.block_on(async {
        let location = rim::store_location(settings)?;
        let store = Store::open(&location, &root)
            .await
            .with_context(|| format!("cannot open the store `{location}`"))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let done = match open_vault::open(settings, &store, &clock).await {
            Ok(vault) => {
                let done = work(&vault).await;
                let told = vault.keyring().relay_events(&store).await;
                vault.keyring().close().await;
                let done = done?;
                told.context("what happened to keys is not in the log yet")?;
                Ok(done)
            }
            Err(error) => Err(error),
        };
        store.close().await;
        done
    })
}

/// That there is such a tenant: looking after the indexes of another name would make keys for it.
async fn is_known(open: &OpenVault, tenant: &TenantId) -> Result<()> {
    if open.keyring().inspect_tenant(tenant).await?.is_none() {
        bail!(
            "the keyring has no keys of a tenant `{tenant}`; `privet keyring status` lists those that there are"
        );
    }
    Ok(())
}

/// 1 if something is damaged.
fn exit(damaged: u64) -> ExitCode {
    if damaged == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// Whoever works on the machine itself. No person: who that was, the machine's own records say.
fn operator(tenant: &TenantId) -> Actor {
    Actor {
        tenant: tenant.clone(),
        principal: Pseudonym("operator".to_owned()),
    }
}
