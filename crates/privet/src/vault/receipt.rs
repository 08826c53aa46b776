//! Receipts: checked without the vault and without a network.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use privet_crypto::VerifyingKey;
use privet_types::TenantId;
use privet_vault::{ErasureReceipt, RequestReceipt, verify_receipt};

use crate::keyring::{CommonArgs, Format};
use crate::rim;

#[derive(Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Check a receipt of an erasure, of consent or of a request, offline: exit 1 if the key did not sign it.
    #[command(after_help = "Examples:
  privet vault receipt verify receipt.json --key HEX     the key that `privet vault receipt key` showed")]
    Verify(VerifyArgs),
    /// Show the public key that a tenant's receipts are signed with.
    #[command(after_help = "Examples:
  privet vault receipt key --tenant acme
  privet vault receipt key --tenant acme --of requests")]
    Key(KeyArgs),
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The receipt.
    file: PathBuf,
    /// The public key, known from elsewhere: 64 hexadecimal digits. The one in the receipt proves nothing.
    #[arg(long)]
    key: String,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// Whose.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Of which receipts.
    #[arg(long, value_enum, default_value_t = Kind::Erasures)]
    of: Kind,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Erasures, and consent.
    Erasures,
    /// Requests of subjects.
    Requests,
}

pub(super) fn run(command: &ReceiptCommand) -> Result<ExitCode> {
    match command {
        ReceiptCommand::Verify(args) => verify(args),
        ReceiptCommand::Key(args) => key(args),
    }
}

fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let bytes = HEXLOWER_PERMISSIVE.decode(args.key.trim().as_bytes());
    let Some(bytes) = bytes.ok().and_then(|bytes| bytes.try_into().ok()) else {
        bail!("`--key` is not 64 hexadecimal digits");
    };
    let key = VerifyingKey::from_bytes(bytes);
    let json = std::fs::read(&args.file).with_context(|| format!("cannot read `{}`", args.file.display()))?;
    // Only a receipt of a request is signed with the key of those.
    if let Ok(statement) = RequestReceipt::parse(&json).and_then(|receipt| receipt.verify(&key)) {
        rim::say(serde_json::to_string(&statement)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Which of the others it is shows in its fields.
    let checked = match ErasureReceipt::parse(&json) {
        Ok(receipt) => receipt.verify(&key).map_err(anyhow::Error::from).map(Ok),
        Err(_) => verify_receipt(&json, &key).map_err(anyhow::Error::from).map(Err),
    };
    match checked {
        Ok(Ok(statement)) if args.format == Format::Text => {
            rim::say(format_args!(
                "erasure {} of {} for `{}`, done {}, final {}",
                statement.erasure,
                statement.subject.0,
                statement.tenant,
                statement.done_at,
                statement.final_at
            ))?;
            super::forget::show(&statement.nodes)?;
        }
        Ok(Ok(statement)) => rim::say(serde_json::to_string(&statement)?)?,
        Ok(Err(consent)) => rim::say(serde_json::to_string(&consent)?)?,
        Err(error) => {
            eprintln!("privet: `{}`: {error:#}", args.file.display());
            return Ok(ExitCode::from(1));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn key(args: &KeyArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let key = super::with(&settings, async |open| {
        if let Kind::Requests = args.of {
            let key = open.requests().receipt_key(&tenant).await?;
            return Ok(HEXLOWER.encode(key.as_bytes()));
        }
        let secret = open.keyring().tenant_secret(&tenant).await?;
        let signer = secret.signing_key("privet/vault/receipts", tenant.as_str().as_bytes())?;
        Ok(HEXLOWER.encode(signer.verifying_key().as_bytes()))
    })?;
    rim::say(key)?;
    Ok(ExitCode::SUCCESS)
}
