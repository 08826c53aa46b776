//! Bringing a vault back.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_crypto::RootKey;
use privet_policy::Settings;
use privet_store::SealedFile;
use privet_types::TenantId;
use privet_vault::{Ground, Page, PermittedUse, SubjectRef, Vault};
use serde::Serialize;

use super::backup::{Part, bar};
use crate::keyring::{CommonArgs, print};
use crate::{rim, serve};

/// Subjects listed at once.
const PAGE: u32 = 500;

#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// The backup of the store.
    #[arg(long)]
    store: PathBuf,
    /// The newest backup of the keyring there is: an older one would bring shredded keys back. Without it, the keyring that
    /// the settings name is there already.
    #[arg(long)]
    keyring: Option<PathBuf>,
    /// The newest backup of the epoch keys, where they are backed up apart.
    #[arg(long, requires = "keyring")]
    epochs: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

/// What was done.
#[derive(Default, Serialize)]
struct Report {
    store_rows: u64,
    keyring_rows: u64,
    keys_without_epoch: u64,
    tenants: u64,
    erased_again: u64,
    subjects_opened: u64,
    subjects_damaged: u64,
}

pub(super) fn run(args: &RestoreArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let root = rim::current_root(&settings)?;
    // Both are read to their ends before anything is written.
    let of_store = Part::Store.read(&args.store, &root)?;
    if let Some(path) = &args.keyring {
        let of_keyring = Part::Keyring.read(path, &root)?;
        if of_keyring.at < of_store.at {
            bail!(
                "the backup of the keyring ({}) is older than that of the store ({}): people who came in between would be lost, \
                 and erased ones could come back; take a newer one",
                of_keyring.at,
                of_store.at
            );
        }
        if !of_keyring.rows.contains_key("epoch_keys") && args.epochs.is_none() {
            bail!(
                "the backup of the keyring has no keys of epochs; name the newest backup of those: --epochs FILE"
            );
        }
        if let Some(path) = &args.epochs {
            Part::Epochs.read(path, &root)?;
        }
    } else if settings.keyring.url.is_none() && !settings.keyring.path.exists() {
        bail!(
            "there is no keyring `{}`; name its backup: --keyring FILE",
            settings.keyring.path.display()
        );
    }
    let mut report = Report::default();
    serve::runtime()?.block_on(async {
        if let Some(path) = &args.keyring {
            (report.keyring_rows, report.keys_without_epoch) =
                put_back_keyring(path, args.epochs.as_deref(), &settings, &root).await?;
        }
        let put = put_back(Part::Store, &args.store, &settings, &root).await;
        report.store_rows = if args.keyring.is_some() {
            put.context("the keyring is restored, the store is not; call it again without --keyring")?
        } else {
            put?
        };
        anyhow::Ok(())
    })?;
    super::with(&settings, async |open| {
        for status in open.keyring().status().await?.tenants {
            report.tenants += 1;
            let actor = super::operator(&status.tenant);
            report.erased_again += open.vault().reapply_erasures(&actor).await?;
            look_through(open.vault(), &status.tenant, &mut report).await?;
        }
        Ok(())
    })
    .context("the backups are restored, but serve nobody before this is done")?;
    print(&args.common, &report)?;
    Ok(ExitCode::from(u8::from(report.subjects_damaged > 0)))
}

/// Returns rows put back, and keys that were left out because the key of their epoch is gone.
async fn put_back_keyring(
    path: &Path,
    epochs: Option<&Path>,
    settings: &Settings,
    root: &RootKey,
) -> Result<(u64, u64)> {
    let Some(epochs) = epochs else {
        return Ok((put_back(Part::Keyring, path, settings, root).await?, 0));
    };
    let keys = [Part::Keyring.key(root), Part::Epochs.key(root)];
    let open = |part: Part, path: &Path| -> Result<(BufReader<File>, &'static [u8])> {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok((BufReader::new(file), part.context()))
    };
    let (rest, rest_context) = open(Part::Keyring, path)?;
    let (epochs, epochs_context) = open(Part::Epochs, epochs)?;
    let [rest_key, epochs_key] = &keys;
    let database = Part::Keyring.open(settings).await?;
    let bar = bar(Part::Keyring);
    let restored = privet_store::restore_keyring(
        &database,
        SealedFile {
            key: rest_key,
            context: rest_context,
            file: rest,
        },
        SealedFile {
            key: epochs_key,
            context: epochs_context,
            file: epochs,
        },
        &mut |rows| bar.set_position(rows),
    )
    .await;
    bar.finish_and_clear();
    database.close().await;
    let (summaries, left_out) = restored?;
    let rows = summaries
        .iter()
        .flat_map(|summary| summary.rows.values())
        .sum::<u64>();
    Ok((rows - left_out, left_out))
}

async fn put_back(part: Part, path: &Path, settings: &Settings, root: &RootKey) -> Result<u64> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let database = part.open(settings).await?;
    let bar = bar(part);
    let restored = privet_store::restore(
        &database,
        &part.key(root),
        part.context(),
        &mut BufReader::new(file),
        &mut |rows| bar.set_position(rows),
    )
    .await;
    bar.finish_and_clear();
    database.close().await;
    Ok(restored?.rows.values().sum())
}

/// Opens every record of `tenant`. Nobody is shown anything.
async fn look_through(vault: &Vault, tenant: &TenantId, report: &mut Report) -> Result<()> {
    let actor = super::operator(tenant);
    let ground = Ground::Permitted(PermittedUse::RightsOfOthers);
    let mut page = Page {
        after: None,
        limit: PAGE,
    };
    loop {
        let listed = vault.list(&actor, &page).await?.value;
        let Some(last) = listed.last() else { return Ok(()) };
        page.after = Some(last.id.clone());
        for info in &listed {
            match vault
                .read(&actor, &SubjectRef::Token(info.id.clone()), ground)
                .await
            {
                Ok(_) => report.subjects_opened += 1,
                Err(error) => {
                    report.subjects_damaged += 1;
                    eprintln!("privet: subject {} of `{tenant}`: {error}", info.id);
                }
            }
        }
    }
}
