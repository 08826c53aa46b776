//! Signed records: assessments of providers, and trainings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use privet_access::{Assessment, AssessmentStatus, Signer, Training};
use privet_crypto::{SigningKey, sha256};
use privet_policy::Period;
use privet_server::SystemClock;
use privet_types::{Clock, TenantId};
use serde_json::json;

use crate::{access, rim};

#[derive(Args)]
pub(crate) struct AssessArgs {
    /// The provider, as the settings name it.
    #[arg(long)]
    provider: String,
    /// The reference of the contract.
    #[arg(long)]
    contract: String,
    /// For how many days the provider keeps prompts; 0 for not at all.
    #[arg(long)]
    retention_days: u32,
    /// Where it works on them, such as `eu`.
    #[arg(long)]
    region: String,
    /// It has promised not to train on them.
    #[arg(long)]
    training_opt_out: bool,
    /// The evidence: its hash goes into the record.
    #[arg(long)]
    evidence: PathBuf,
    /// Who assesses.
    #[arg(long)]
    assessor: String,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args)]
pub(crate) struct TrainingArgs {
    /// The person's principal.
    #[arg(long)]
    user: String,
    /// The course.
    #[arg(long)]
    course: String,
    /// Who vouches for it.
    #[arg(long)]
    trainer: String,
    /// The tenant of the person.
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args)]
struct Signing {
    /// How long it holds, such as 365d.
    #[arg(long, default_value = "365d")]
    expires: String,
    /// The file of the key that signs (`privet policy signer`).
    #[arg(long)]
    key: PathBuf,
    /// Where to write it; to standard output if left out.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum AssessmentCommand {
    /// Check a signed assessment: 0 if it holds now, 1 if not.
    Verify {
        /// The file.
        file: PathBuf,
        /// A public key that may have signed it, instead of those of the settings; may be given several times.
        #[arg(long = "signer")]
        signers: Vec<String>,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
}

impl Signing {
    fn write(&self, text: &str) -> Result<()> {
        match &self.out {
            None => rim::say(text.trim_end()),
            Some(path) => fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display())),
        }
    }
}

/// The key in a file that `privet policy signer` made.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| {
        format!("cannot read the key `{shown}`; make one with `privet policy signer --key {shown} --new`")
    })?;
    SigningKey::parse(&text).with_context(|| format!("`{shown}`"))
}

/// From `now` until `expires` later; whole seconds.
pub(crate) fn term(expires: &str, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let period: Period = expires
        .parse()
        .with_context(|| format!("`--expires {expires}` is no length of time; write it such as 365d"))?;
    let now = Timestamp::from_second(now.as_second())?;
    let until = now
        .checked_add(period.duration())
        .with_context(|| format!("`--expires {expires}` is too far off"))?;
    Ok((now, Timestamp::from_second(until.as_second())?))
}

pub(super) fn assess(args: AssessArgs) -> Result<ExitCode> {
    let evidence = fs::read(&args.evidence)
        .with_context(|| format!("cannot read the evidence `{}`", args.evidence.display()))?;
    let (issued_at, expires_at) = term(&args.signing.expires, SystemClock.now())?;
    let record = Assessment {
        provider: args.provider,
        contract: args.contract,
        retention_days: args.retention_days,
        region: args.region,
        training_opt_out: args.training_opt_out,
        evidence_sha256: sha256(&evidence)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        assessor: args.assessor,
        issued_at,
        expires_at,
    };
    args.signing
        .write(&record.sign(&signing_key(&args.signing.key)?)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn training(args: TrainingArgs) -> Result<ExitCode> {
    let tenant: TenantId = args.tenant.parse()?;
    let (issued_at, expires_at) = term(&args.signing.expires, SystemClock.now())?;
    let record = Training {
        tenant: tenant.to_string(),
        principal: args.user,
        course: args.course,
        trainer: args.trainer,
        issued_at,
        expires_at,
    };
    args.signing
        .write(&record.sign(&signing_key(&args.signing.key)?)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn assessment(command: AssessmentCommand) -> Result<ExitCode> {
    let AssessmentCommand::Verify {
        file,
        signers,
        config,
    } = command;
    let signers: Vec<Signer> = if signers.is_empty() {
        access::signers(&rim::settings(&config)?)?
    } else {
        signers
            .iter()
            .map(|signer| Ok(signer.parse()?))
            .collect::<Result<_>>()?
    };
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let (record, signer) = match Assessment::verify(&text, &signers) {
        Ok(verified) => verified,
        Err(error) => {
            eprintln!("privet: `{}` does not count: it {error}", file.display());
            return Ok(ExitCode::FAILURE);
        }
    };
    let status = record.status(SystemClock.now());
    let shown = json!({ "status": status.name(), "signer": signer.to_string(), "record": record });
    rim::say(format_args!("{shown:#}"))?;
    Ok(if status == AssessmentStatus::Valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints the public half of the key in `path`, and makes it before if `is_new`.
pub(super) fn signer(path: &Path, is_new: bool) -> Result<ExitCode> {
    let shown = path.display();
    let key = if is_new {
        let key = SigningKey::generate()?;
        rim::write_exactly(path, key.to_text().as_bytes())
            .with_context(|| format!("cannot write the new key `{shown}`; an older one is not replaced"))?;
        key
    } else {
        if !path.exists() {
            bail!("there is no key `{shown}`; make one with `--new`");
        }
        SigningKey::parse(&fs::read_to_string(path)?).with_context(|| format!("`{shown}`"))?
    };
    rim::say(Signer::of(&key))?;
    Ok(ExitCode::SUCCESS)
}
