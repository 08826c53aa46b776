//! `privet policy`.

mod assess;
mod case;
mod notices;
mod review;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use privet_access::{Accounts, Authorizer, Lint, PolicyBearing, PseudonymKey, load_accounts};
use privet_crypto::RootKey;
use privet_policy::{GuardModels, Settings};
use privet_server::SystemClock;
use privet_store::Store;
use privet_types::{AuditEvent, Clock, PrincipalKind};
use serde_json::json;

use crate::access::{self, Access};
use crate::cli::Format;
use crate::update::Sources;
use crate::{key, rim, serve};
use assess::{AssessArgs, AssessmentCommand, TrainingArgs};
pub(crate) use assess::{signing_key, term};
pub(crate) use case::Answer;
use case::{Case, Expected, Whom};
use notices::NoticesArgs;

/// Events read at once.
const BLOCK: u32 = 1000;

#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Look through the policies: 0 if there is nothing to say, 1 if there is, 2 if they cannot be used.
    Check(CheckArgs),
    /// Print the roles that ship with Privet, or the schema that policies are checked against.
    Show {
        /// The schema instead of the roles.
        #[arg(long)]
        schema: bool,
    },
    /// Say what is decided on a request, and why: 0 if it is permitted, 1 if not. Kill switches, limits and what a prompt holds are not
    /// looked at.
    #[command(after_help = "Examples:
  privet policy explain --user ann --model gpt-4.1 --kind EMAIL_ADDRESS=2
  privet policy explain --service crm --action vault.read
  privet policy explain --user ann --role developer --model gpt-4.1 --at 2026-03-01T22:00:00Z --address 10.1.2.3
  privet policy explain --request 5f0c…              a request that the log knows, by its x-privet-request-id")]
    Explain(Box<ExplainArgs>),
    /// Hold the policies against cases with expected answers: 0 if all are met, 1 if not.
    #[command(after_help = "Each line of FILE is a case:
  {\"name\": \"no mail at night\", \"expect\": \"deny\", \"user\": \"ann\", \"roles\": [\"user\"], \"model\": \"gpt-4.1\",
   \"kinds\": {\"EMAIL_ADDRESS\": 1}, \"at\": \"2026-03-01T22:00:00Z\"}")]
    Test {
        /// Cases, one JSON object per line; `-` for standard input.
        file: PathBuf,
        /// The settings file.
        #[arg(long, default_value = "privet.toml")]
        config: PathBuf,
    },
    /// Make and sign an assessment of a provider.
    Assess(AssessArgs),
    /// Check signed assessments.
    #[command(subcommand)]
    Assessment(AssessmentCommand),
    /// Make and sign a record of training, for `privet user train`.
    Training(TrainingArgs),
    /// Print the public key of a key that signs such records.
    Signer {
        /// The file of the key.
        #[arg(long)]
        key: PathBuf,
        /// Make it before; a key that is there is not replaced.
        #[arg(long)]
        new: bool,
    },
    /// List the notices of the policy, and who has acknowledged them.
    Notices(NoticesArgs),
    /// Hold what was granted against what is used.
    Review(ReviewArgs),
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct ReviewArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// This tenant alone.
    #[arg(long)]
    tenant: Option<String>,
    /// Only what was never used.
    #[arg(long)]
    unused: bool,
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct ExplainArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// The person who asks.
    #[arg(long, conflicts_with = "service")]
    user: Option<String>,
    /// The service account that asks.
    #[arg(long)]
    service: Option<String>,
    /// The tenant of whoever asks.
    #[arg(long)]
    tenant: Option<String>,
    /// A role, for somebody who is only described; may be given several times.
    #[arg(long = "role")]
    roles: Vec<String>,
    /// A group, for somebody who is only described; may be given several times.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// A course that counts, for somebody who is only described; may be given several times.
    #[arg(long = "training")]
    training: Vec<String>,
    /// A notice that is acknowledged; may be given several times.
    #[arg(long = "acknowledged")]
    acknowledged: Vec<String>,
    /// What is to be done.
    #[arg(long)]
    action: Option<String>,
    /// The model of a prompt.
    #[arg(long)]
    model: Option<String>,
    /// Its provider, if not the one that the settings lead it to.
    #[arg(long)]
    provider: Option<String>,
    /// A subject of the vault, by its token.
    #[arg(long)]
    subject: Option<String>,
    /// With `--action mcp.call`: the server of tools, as the settings name it.
    #[arg(long)]
    server: Option<String>,
    /// With `--action mcp.call`: the tool.
    #[arg(long)]
    tool: Option<String>,
    /// What was found in the prompt: `EMAIL_ADDRESS=2`; may be given several times.
    #[arg(long = "kind")]
    kinds: Vec<String>,
    /// What the prompt is for.
    #[arg(long)]
    purpose: Option<String>,
    /// It names a person, who has agreed.
    #[arg(long)]
    consent: bool,
    /// When, such as 2026-03-01T22:00:00Z; now, if left out.
    #[arg(long)]
    at: Option<Timestamp>,
    /// From where: an IP address.
    #[arg(long)]
    address: Option<IpAddr>,
    /// The description as JSON, instead of all these; `-` for standard input.
    #[arg(long, conflicts_with_all = ["user", "service", "request"])]
    case: Option<PathBuf>,
    /// A request that the log knows, by its id.
    #[arg(long, conflicts_with_all = ["user", "service"])]
    request: Option<String>,
    /// Text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(crate) fn run(command: PolicyCommand) -> Result<ExitCode> {
    match command {
        PolicyCommand::Check(args) => check(&args),
        PolicyCommand::Show { schema } => {
            let text = if schema {
                Authorizer::schema_text()
            } else {
                Authorizer::shipped_text()
            };
            rim::say(text.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        PolicyCommand::Explain(args) => explain(*args),
        PolicyCommand::Test { file, config } => test(&file, &config),
        PolicyCommand::Assess(args) => assess::assess(args),
        PolicyCommand::Assessment(command) => assess::assessment(command),
        PolicyCommand::Training(args) => assess::training(args),
        PolicyCommand::Signer { key, new } => assess::signer(&key, new),
        PolicyCommand::Notices(args) => notices::run(&args),
        PolicyCommand::Review(args) => review::run(&args),
    }
}

fn check(args: &CheckArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let sources = Sources::new(&settings);
    let policy = sources.policy()?;
    rim::guard_models(&settings, &policy, &GuardModels::default())?;
    let files = access::own_policies(&sources, &policy)?;
    let authorizer = access::authorizer(&policy, &files)?;
    let granted = if rim::has_store(&settings) {
        Some(at_store(&settings, async |store, _| {
            let grants = store.load_people().await?.grants;
            Ok(grants
                .into_iter()
                .map(|grant| grant.role)
                .collect::<BTreeSet<_>>())
        })?)
    } else {
        None
    };
    let found = Lint::look(&access::texts(&files), granted.as_ref())?;
    for lint in &found {
        match args.format {
            Format::Table => rim::say(format_args!("{}: {}", lint.policy, lint.message))?,
            Format::Jsonl => rim::say(serde_json::to_string(lint)?)?,
        }
    }
    for role in granted
        .iter()
        .flatten()
        .filter(|role| !authorizer.speaks_of(role))
    {
        match args.format {
            Format::Table => rim::say(format_args!(
                "role {role}: is granted, and no policy speaks of it"
            ))?,
            Format::Jsonl => {
                rim::say(json!({ "role": role, "message": "is granted, and no policy speaks of it" }))?;
            }
        }
    }
    let unspoken = granted.iter().flatten().any(|role| !authorizer.speaks_of(role));
    Ok(if found.is_empty() && !unspoken {
        eprintln!("privet: {} policy files are fine", files.len());
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Works on the open store, and closes it.
fn at_store<T>(settings: &Settings, work: impl AsyncFnOnce(&Store, &RootKey) -> Result<T>) -> Result<T> {
    let root = rim::root_key(settings)?;
    serve::runtime()?.block_on(async {
        let store = key::open(settings, &root).await?;
        let done = work(&store, &root).await;
        store.close().await;
        done
    })
}

fn explain(args: ExplainArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let access = Access::load(&settings)?;
    let now = SystemClock.now();
    let format = args.format;
    let request = args.request.clone();
    let case = match &args.case {
        Some(path) => serde_json::from_str(&read(path)?)
            .with_context(|| format!("`{}` describes no request", path.display()))?,
        None => args.into_case()?,
    };
    let has_store = rim::has_store(&settings);
    if request.is_some() && !has_store {
        bail!("there is no store yet, so no request can be looked up");
    }
    let answer = if has_store {
        at_store(&settings, async |store, root| {
            let accounts = load_accounts(store, &access.rules.signers).await?;
            let case = match request {
                Some(id) => of_request(store, root, &accounts, &id).await?,
                None => case,
            };
            case.explain(&settings, &access, &Whom::Known(&accounts), now)
        })?
    } else {
        case.explain(&settings, &access, &Whom::Described, now)?
    };
    tell(&answer, format)?;
    Ok(if answer.is_allowed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn tell(answer: &Answer, format: Format) -> Result<()> {
    let Answer {
        privilege,
        explanation,
        refusals,
    } = answer;
    let verdict = &explanation.verdict;
    let decision = if answer.is_allowed() { "allow" } else { "deny" };
    if format == Format::Jsonl {
        return rim::say(json!({
            "decision": decision, "action": privilege.name(), "refusals": refusals, "policies": verdict.policies,
            "message": verdict.message, "steps": explanation.steps,
        }));
    }
    rim::say(format_args!("{decision}: {privilege}"))?;
    for refusal in refusals {
        rim::say(format_args!("  {refusal}"))?;
    }
    if let Some(message) = &verdict.message {
        rim::say(format_args!("  {message}"))?;
    }
    for step in &explanation.steps {
        let (does, would) = if step.is_permit {
            ("permits it", "would permit it")
        } else {
            ("forbids it", "would forbid it")
        };
        let bearing = match step.bearing {
            PolicyBearing::Applies => does.to_owned(),
            PolicyBearing::ConditionFails => format!("{would}, but its conditions do not hold"),
            PolicyBearing::CannotBeEvaluated => "cannot be evaluated, so it is denied".to_owned(),
        };
        rim::say(format_args!("  {}: {bearing}", step.policy))?;
        if !step.missing.is_empty() {
            rim::say(format_args!(
                "    it looks at what was not said: {}",
                step.missing.join(", ")
            ))?;
        }
    }
    let is_permitted =
        |step: &privet_access::PolicyStep| step.is_permit && step.bearing == PolicyBearing::Applies;
    if !explanation.steps.iter().any(is_permitted) {
        rim::say("  no policy permits it, and what none permits is denied")?;
    }
    Ok(())
}

fn test(file: &Path, config: &Path) -> Result<ExitCode> {
    let settings = rim::settings(config)?;
    let access = Access::load(&settings)?;
    let cases = hold_against(&read(file)?, &file.display().to_string(), &settings, &access)?;
    for (name, answer) in &cases.failed {
        rim::say(format_args!("FAILED: {name}"))?;
        tell(answer, Format::Table)?;
    }
    let failed = cases.failed.len();
    eprintln!(
        "privet: {} of {} cases are as expected",
        cases.all - failed,
        cases.all
    );
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How cases fared.
pub(crate) struct Cases {
    pub(crate) all: usize,
    /// Those that were answered otherwise, by name.
    pub(crate) failed: Vec<(String, Answer)>,
}

/// Holds policies against the cases in `text`, one a line, which `name` calls in errors.
///
/// # Errors
/// If there is no case, or one cannot be read.
pub(crate) fn hold_against(text: &str, name: &str, settings: &Settings, access: &Access) -> Result<Cases> {
    let now = SystemClock.now();
    let mut cases = Cases {
        all: 0,
        failed: Vec::new(),
    };
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let place = || format!("`{name}` line {number}");
        let case: Case = serde_json::from_str(line).with_context(place)?;
        let Some(expected) = case.expect else {
            bail!("{}: `expect` is missing; write \"allow\" or \"deny\"", place());
        };
        let answer = case
            .explain(settings, access, &Whom::Described, now)
            .with_context(place)?;
        cases.all += 1;
        if answer.is_allowed() != (expected == Expected::Allow) {
            let name = case.name.unwrap_or_else(|| format!("line {number}"));
            cases.failed.push((name, answer));
        }
    }
    if cases.all == 0 {
        bail!("`{name}` holds no case");
    }
    Ok(cases)
}

fn read(path: &Path) -> Result<String> {
    if path.as_os_str() == "-" {
        return std::io::read_to_string(std::io::stdin()).context("cannot read standard input");
    }
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The request `id` as the log knows it, by whoever has its pseudonym today.
async fn of_request(store: &Store, root: &RootKey, accounts: &Accounts, id: &str) -> Result<Case> {
    let mut after = 0;
    let event = loop {
        let rows = store.audit_events(after, BLOCK).await?;
        let Some(last) = rows.last() else {
            bail!("the log knows no request `{id}`; it takes a second to get there");
        };
        after = last.id;
        if let Some(row) = rows.into_iter().find(|row| row.event.request_id == id) {
            break row.event;
        }
    };
    let AuditEvent {
        tenant,
        principal,
        surface,
        model,
        provider,
        decision,
        purpose,
        at,
        subject,
        ..
    } = event;
    let pseudonyms = PseudonymKey::new(root);
    let of_event = |account: &&std::sync::Arc<privet_access::Account>| {
        account.tenant().as_str() == tenant
            && Some(pseudonyms.pseudonym(account.tenant(), account.name())) == principal
    };
    let account = accounts.iter().find(of_event);
    let account = account.context("whoever sent that request is not there any more")?;
    let name = Some(account.name().to_string());
    let (user, service) = match account.kind() {
        PrincipalKind::User => (name, None),
        PrincipalKind::Service => (None, name),
    };
    let counts = decision.counts.into_iter();
    Ok(Case {
        tenant: Some(tenant.clone()),
        user,
        service,
        model,
        provider,
        surface: Some(surface.name().to_owned()),
        kinds: counts
            .map(|(kind, count)| (kind.name().to_owned(), count))
            .collect(),
        purpose,
        consent: subject.is_some(),
        at: Some(at),
        ..Case::default()
    })
}

impl ExplainArgs {
    fn into_case(self) -> Result<Case> {
        let kinds = self.kinds.iter().map(|kind| {
            let (name, count) = kind.split_once('=').unwrap_or((kind, "1"));
            let count = count.parse().with_context(|| {
                format!("`--kind {kind}`: write a kind and a number, such as EMAIL_ADDRESS=2")
            })?;
            Ok((name.to_owned(), count))
        });
        Ok(Case {
            kinds: kinds.collect::<Result<BTreeMap<String, u32>>>()?,
            name: None,
            expect: None,
            tenant: self.tenant,
            user: self.user,
            service: self.service,
            roles: self.roles,
            groups: self.groups.into_iter().map(|group| (group, Vec::new())).collect(),
            training: self.training,
            acknowledged: self.acknowledged,
            action: self.action,
            model: self.model,
            provider: self.provider,
            subject: self.subject,
            server: self.server,
            tool: self.tool,
            surface: None,
            purpose: self.purpose,
            consent: self.consent,
            assessed: None,
            at: self.at,
            address: self.address,
        })
    }
}
