//! Requests of subjects, for who works on the machine itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use privet_types::TenantId;
use privet_vault::{
    Actor, Answer, CancelGround, Request, RequestKind, RequestQuery, RequestStatus, SubjectPackage,
};
use serde::Serialize;
use serde_json::json;

use crate::keyring::{CommonArgs, Format};
use crate::open_vault::OpenVault;
use crate::rim;

/// Most requests that are listed at once.
const MOST: u32 = 1_000;

#[derive(Subcommand)]
pub(crate) enum RequestCommand {
    /// List requests, by when they were received.
    #[command(after_help = "Examples:
  privet vault request list --tenant acme --status pending
  privet vault request list --tenant acme --overdue --format json")]
    List(ListArgs),
    /// Show where a request stands, and what happened to it.
    #[command(after_help = "Examples:
  privet vault request show ID --tenant acme")]
    Show(OneArgs),
    /// Approve a request. Who approves it does not carry it out.
    #[command(after_help = "Examples:
  privet vault request approve ID --tenant acme")]
    Approve(OneArgs),
    /// End a request without doing it.
    #[command(after_help = "Examples:
  privet vault request refuse ID --tenant acme --ground identity_not_proven")]
    Refuse(RefuseArgs),
    /// Carry a request out, and write down what it gives.
    #[command(after_help = "Examples:
  privet vault request run ID --tenant acme --out copy.json      access and portability: the copy
  privet vault request run ID --tenant acme                      anything else: the receipt goes to standard output")]
    Run(RunArgs),
    /// Write the copy of a completed request again, of what is held now.
    #[command(after_help = "Examples:
  privet vault request export ID --tenant acme --out copy.html --html")]
    Export(ExportArgs),
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Whose.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Only those that stand there.
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only open ones whose time is over.
    #[arg(long)]
    overdue: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct OneArgs {
    /// The request's id.
    id: String,
    /// Whose.
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct RefuseArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Why.
    #[arg(long, value_enum)]
    ground: GroundWord,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The file for the copy; must not be there.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The file for the copy; must not be there.
    #[arg(long)]
    out: PathBuf,
    /// One page for people instead of JSON.
    #[arg(long)]
    html: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Status {
    Pending,
    InProgress,
    Completed,
    Cancelled,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum GroundWord {
    /// The subject took it back.
    Withdrawn,
    /// The same was asked before.
    Duplicate,
    /// It could not be made sure that the subject asks.
    IdentityNotProven,
    ManifestlyUnfounded,
    Excessive,
    /// A law obliges to keep the data.
    LegalObligation,
    /// The data is needed for legal claims.
    LegalClaims,
    RightsOfOthers,
    CompellingGrounds,
}

impl From<Status> for RequestStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::InProgress => Self::InProgress,
            Status::Completed => Self::Completed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl From<GroundWord> for CancelGround {
    fn from(ground: GroundWord) -> Self {
        match ground {
            GroundWord::Withdrawn => Self::Withdrawn,
            GroundWord::Duplicate => Self::Duplicate,
            GroundWord::IdentityNotProven => Self::IdentityNotProven,
            GroundWord::ManifestlyUnfounded => Self::ManifestlyUnfounded,
            GroundWord::Excessive => Self::Excessive,
            GroundWord::LegalObligation => Self::LegalObligation,
            GroundWord::LegalClaims => Self::LegalClaims,
            GroundWord::RightsOfOthers => Self::RightsOfOthers,
            GroundWord::CompellingGrounds => Self::CompellingGrounds,
        }
    }
}

pub(super) fn run(command: &RequestCommand) -> Result<ExitCode> {
    match command {
        RequestCommand::List(args) => list(args),
        RequestCommand::Show(args) => with(args, async |open, actor| show(open, actor, args).await),
        RequestCommand::Approve(args) => with(args, async |open, actor| {
            let request = open.requests().approve(actor, &args.id).await?;
            tell(args, &request)
        }),
        RequestCommand::Refuse(args) => with(&args.one, async |open, actor| {
            let ground = args.ground.into();
            let (_, receipt) = open.requests().cancel(actor, &args.one.id, ground).await?;
            rim::say(serde_json::to_string(&receipt)?)
        }),
        RequestCommand::Run(args) => with(&args.one, async |open, actor| carry_out(open, actor, args).await),
        RequestCommand::Export(args) => with(&args.one, async |open, actor| export(open, actor, args).await),
    }
}

fn with(args: &OneArgs, work: impl AsyncFnOnce(&OpenVault, &Actor) -> Result<()>) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let actor = super::operator(&tenant);
    super::with(&settings, async |open| work(open, &actor).await)?;
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let actor = super::operator(&tenant);
    super::with(&settings, async |open| {
        let query = RequestQuery {
            status: args.status.map(Into::into),
            due_before: args.overdue.then(|| open.now()),
            limit: MOST,
            ..RequestQuery::default()
        };
        let requests = open.requests().list(&actor, &query).await?;
        if args.common.format == Format::Json {
            let rows: Vec<_> = requests
                .iter()
                .map(|request| request.open_dsr(tenant.as_str()))
                .collect();
            return rim::say(json!({ "requests": rows }));
        }
        rim::say(format_args!(
            "{:<38}{:<15}{:<13}{:<26}identity  approval",
            "request", "kind", "status", "due"
        ))?;
        requests.iter().try_for_each(line)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(request: &Request) -> Result<()> {
    let stands = |is_needed, has| match (is_needed, has) {
        (_, true) => "yes",
        (true, false) => "missing",
        (false, false) => "-",
    };
    rim::say(format_args!(
        "{:<38}{:<15}{:<13}{:<26}{:<10}{}",
        request.id,
        request.kind.name(),
        request.status.name(),
        request.due_at.to_string(),
        stands(request.needs_identity, request.identity.is_some()),
        stands(request.needs_approval, request.approval.is_some())
    ))
}

fn tell(args: &OneArgs, request: &Request) -> Result<()> {
    if args.common.format == Format::Json {
        return rim::say(request.open_dsr(&args.tenant));
    }
    line(request)
}

#[derive(Serialize)]
struct Shown<'a> {
    request: &'a Request,
    steps: &'a [privet_vault::RequestStep],
}

async fn show(open: &OpenVault, actor: &Actor, args: &OneArgs) -> Result<()> {
    let request = open.requests().request(actor, &args.id).await?;
    let steps = open.requests().steps(actor, &args.id).await?;
    if args.common.format == Format::Json {
        let (request, steps) = (&request, steps.as_slice());
        return rim::say(serde_json::to_string(&Shown { request, steps })?);
    }
    line(&request)?;
    for step in &steps {
        let at = step.at.to_string();
        let status = &step.status;
        rim::say(format_args!(
            "{at:<32}{:<28}{status:<13}{}",
            step.step, step.principal.0
        ))?;
    }
    Ok(())
}

async fn carry_out(open: &OpenVault, actor: &Actor, args: &RunArgs) -> Result<()> {
    let kind = open.requests().request(actor, &args.one.id).await?.kind;
    let gives_copy = matches!(kind, RequestKind::Access | RequestKind::Portability);
    match &args.out {
        // Before anything is done: the copy whose hash the receipt has is given once.
        None if gives_copy => bail!("the request gives a copy; say where it is to go: --out FILE"),
        Some(_) if !gives_copy => bail!("the request gives no copy; leave out --out"),
        Some(path) => expect_free(path)?,
        None => {}
    }
    let Answer {
        receipt,
        package,
        erasure,
        ..
    } = open.requests().execute(actor, &args.one.id).await?;
    if let Some((package, path)) = package.as_ref().zip(args.out.as_ref()) {
        write(path, &package.to_json()?)?;
    }
    rim::say(serde_json::to_string(&receipt)?)?;
    erasure.map_or(Ok(()), |receipt| rim::say(serde_json::to_string(&receipt)?))
}

async fn export(open: &OpenVault, actor: &Actor, args: &ExportArgs) -> Result<()> {
    expect_free(&args.out)?;
    let read = open.requests().package(actor, &args.one.id).await?;
    // As with the server: what cannot be recorded is not shown.
    open.vault().record_access(actor, &read.access).await?;
    let text = if args.html {
        SubjectPackage::to_html(&read.value)?
    } else {
        SubjectPackage::to_json(&read.value)?
    };
    write(&args.out, &text)
}

pub(super) fn expect_free(path: &Path) -> Result<()> {
    if path.exists() {
        bail!("`{}` is there already; name another file", path.display());
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    rim::write_exactly(path, text.as_bytes()).with_context(|| {
        let path = path.display();
        format!("the copy `{path}` cannot be written; make it again with `privet vault request export`")
    })
}
