//! Forgetting a person.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use privet_types::{Secret, TenantId};
use privet_vault::{ErasureReason, ForgetOutcome, NodeOutcome, SubjectRef};
use serde::Serialize;

use crate::keyring::{CommonArgs, Format, print};
use crate::rim;

#[derive(Args)]
pub(crate) struct ForgetArgs {
    /// Whose person.
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    who: Who,
    /// Why.
    #[arg(long, value_enum)]
    reason: Reason,
    /// Show what would become of everything, and change nothing.
    #[arg(long, conflicts_with = "out")]
    dry_run: bool,
    /// The file for the receipt; must not be there. Without it, standard output.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

/// How the person is known. `-` reads the value from standard input, so that it is in no history of a shell.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// By the subject's id.
    #[arg(long)]
    token: Option<String>,
    /// By the address; `-` reads it from standard input.
    #[arg(long)]
    email: Option<String>,
    /// By the name of the login; `-` reads it from standard input.
    #[arg(long)]
    login: Option<String>,
    /// By the number; `-` reads it from standard input.
    #[arg(long, allow_hyphen_values = true)]
    phone: Option<String>,
    /// By the field `custom`; `-` reads it from standard input.
    #[arg(long)]
    custom: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reason {
    /// The person asked for it.
    Request,
    /// Consent was withdrawn.
    ConsentWithdrawn,
    /// The time to keep it is over.
    Retention,
    /// It must not have been processed.
    Unlawful,
}

impl From<Reason> for ErasureReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Request => Self::Request,
            Reason::ConsentWithdrawn => Self::ConsentWithdrawn,
            Reason::Retention => Self::Retention,
            Reason::Unlawful => Self::Unlawful,
        }
    }
}

impl Who {
    pub(super) fn read(&self) -> Result<SubjectRef> {
        let given = [
            ("token", &self.token),
            ("email", &self.email),
            ("login", &self.login),
            ("phone", &self.phone),
            ("custom", &self.custom),
        ];
        let Some((mode, value)) = given
            .into_iter()
            .find_map(|(mode, value)| value.as_ref().map(|value| (mode, value)))
        else {
            bail!("say who it is: --token, --email, --login, --phone or --custom");
        };
        if value != "-" {
            return Ok(SubjectRef::parse(mode, value)?);
        }
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("cannot read standard input")?;
        let line = Secret::new(line);
        if line.expose().trim().is_empty() {
            bail!("standard input is empty; write the value of `--{mode}` there");
        }
        Ok(SubjectRef::parse(mode, line.expose().trim())?)
    }
}

pub(super) fn run(args: &ForgetArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    if let Some(path) = args.out.as_ref().filter(|path| path.exists()) {
        bail!("`{}` is there already; nothing was erased", path.display());
    }
    let who = args.who.read()?;
    let actor = super::operator(&tenant);
    super::with(&settings, async |open| {
        if args.dry_run {
            let plan = open.vault().plan_erasure(&actor, &who).await?.value;
            if args.common.format == Format::Json {
                print(&args.common, &plan)?;
            } else {
                show(&plan.nodes)?;
            }
            return Ok(held(&plan.holds));
        }
        let receipt = match open.vault().forget(&actor, &who, args.reason.into()).await? {
            ForgetOutcome::Erased(receipt) => receipt,
            ForgetOutcome::Held(holds) => return Ok(held(&holds)),
        };
        let json = serde_json::to_string(&receipt)?;
        match &args.out {
            Some(path) => rim::write_new(path, json.as_bytes()).with_context(|| {
                let path = path.display();
                format!(
                    "the person is erased, but the receipt `{path}` cannot be written; the vault keeps it"
                )
            })?,
            None => rim::say(json)?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// 1 if legal holds keep the data.
fn held(holds: &[String]) -> ExitCode {
    if holds.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "privet: legal holds keep the data; nothing was erased: {}",
        holds.join(", ")
    );
    ExitCode::from(1)
}

pub(super) fn show(nodes: &[NodeOutcome]) -> Result<()> {
    rim::say(format_args!(
        "{:<26}{:<16}{:>8}  {:<18}note",
        "what", "where", "count", "outcome"
    ))?;
    for node in nodes {
        rim::say(format_args!(
            "{:<26}{:<16}{:>8}  {:<18}{}",
            name(&node.kind)?,
            node.place,
            node.count,
            name(&node.outcome)?,
            node.note
        ))?;
    }
    Ok(())
}

/// As JSON has it.
fn name(value: &impl Serialize) -> Result<String> {
    let value = serde_json::to_value(value)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

#[derive(Serialize)]
struct Resumed {
    erasures_finished: u64,
}

pub(super) fn resume(args: &CommonArgs) -> Result<ExitCode> {
    let settings = super::settings(args)?;
    let erasures_finished = super::with(&settings, async |open| Ok(open.vault().resume_erasures().await?))?;
    print(args, &Resumed { erasures_finished })?;
    Ok(ExitCode::SUCCESS)
}
