//! Receipts: checked without the vault and without a network.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use privet_crypto::VerifyingKey;
use privet_types::TenantId;
use privet_vault::{
    ConsentReceipt, ErasureReceipt, ErasureStatement, RequestReceipt, RequestStatement, verify_receipt,
};

use crate::keyring::{CommonArgs, Format};
use crate::rim;

#[derive(Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Check a receipt of an erasure, a request or of consent, offline: exit 1 if the key did not sign it.
    #[command(after_help = "Examples:
  privet vault receipt verify receipt.json --key HEX     the key that `privet vault receipt key` showed")]
    Verify(VerifyArgs),
    /// Show the public key that a tenant's receipts are signed with.
    #[command(after_help = "Examples:
  privet vault receipt key --tenant acme")]
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
    #[command(flatten)]
    common: CommonArgs,
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
    match check(&json, &key) {
        Ok(Checked::Erasure(statement)) if args.format == Format::Text => {
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
        Ok(Checked::Erasure(statement)) => rim::say(serde_json::to_string(&statement)?)?,
        Ok(Checked::Request(statement)) => rim::say(serde_json::to_string(&statement)?)?,
        Ok(Checked::Consent(receipt)) => rim::say(serde_json::to_string(&receipt)?)?,
        Err(error) => {
            eprintln!("privet: `{}`: {error:#}", args.file.display());
            return Ok(ExitCode::from(1));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a receipt says, by its kind.
enum Checked {
    Erasure(Box<ErasureStatement>),
    Request(Box<RequestStatement>),
    Consent(Box<ConsentReceipt>),
}

/// Which of the three it is shows in its fields, and in those of its statement.
fn check(json: &[u8], key: &VerifyingKey) -> Result<Checked> {
    let Ok(receipt) = ErasureReceipt::parse(json) else {
        return Ok(Checked::Consent(Box::new(verify_receipt(json, key)?)));
    };
    if let Ok(statement) = RequestReceipt::parse(json)?.verify(key) {
        return Ok(Checked::Request(Box::new(statement)));
    }
    Ok(Checked::Erasure(Box::new(receipt.verify(key)?)))
}

fn key(args: &KeyArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let key = super::with(&settings, async |open| {
        let key = open.vault().receipt_key(&tenant).await?;
        Ok(HEXLOWER.encode(key.as_bytes()))
    })?;
    rim::say(key)?;
    Ok(ExitCode::SUCCESS)
}
