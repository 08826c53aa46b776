//! `privet incident`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use privet_policy::{Settings, playbook};
use privet_server::incidents::{Affected, Incident, IncidentScope, Opening, Step};
use privet_types::Clock;
use privet_watch::incident::{Clock72, IncidentKind, Playbook};
use serde_json::json;

use super::{CommonArgs, bundle, operator, with};
use crate::cli::Format;
use crate::rim;

#[derive(Subcommand)]
pub(crate) enum IncidentCommand {
    /// Open an incident. The 72 hours of Article 33 GDPR run from when you knew of it.
    #[command(after_help = "Examples:
  privet incident open leaked_key --title 'key of the build server in a public repository' --principal ci
  privet incident open provider_breach --title 'told by mail' --provider openai --from 2026-03-01T00:00:00Z \\
      --aware 2026-03-02T09:30:00Z

Kinds: leaked_key, exfiltration, provider_breach, prompt_injection, lost_device, model_misbehaviour, other.
Write no names of persons affected into titles and notes: they are sealed, but not erased with the person.")]
    Open(OpenArgs),
    /// List incidents with what is left of the 72 hours.
    List(ListArgs),
    /// Show an incident, its playbook and what happened with it.
    Show(ShowArgs),
    /// Note something.
    #[command(after_help = "Example:
  privet incident note inc-2f61c09be11d 'key revoked, owner told'")]
    Note(NoteArgs),
    /// Bring it to another state: open, contained, resolved.
    State(StateArgs),
    /// Note that the supervisory authority was told, or need not be.
    #[command(after_help = "Examples:
  privet incident notified inc-2f61c09be11d 'reference 2026-117'
  privet incident notified inc-2f61c09be11d 'the key was never used' --not-needed")]
    Notified(NotifiedArgs),
    /// Close it.
    Close(NoteArgs),
    /// Put an alert into an incident.
    Assign(AssignArgs),
    /// List whose data passed, as far as the log tells.
    Affected(ShowArgs),
    /// Write the evidence into a folder, signed by the log's key.
    #[command(after_help = "Example:
  privet incident bundle inc-2f61c09be11d --out evidence/")]
    Bundle(bundle::BundleArgs),
    /// Check such a folder, without a store and without a network: exit 1 if it was changed.
    #[command(after_help = "Example:
  privet incident verify evidence/ --key log.pub    the key that `privet audit key` showed")]
    Verify(bundle::VerifyArgs),
}

#[derive(Args)]
pub(crate) struct OpenArgs {
    /// What kind.
    kind: String,
    /// In a few words.
    #[arg(long)]
    title: String,
    /// Only what this principal did, by its name; may be given several times.
    #[arg(long)]
    principal: Vec<String>,
    /// The same by the pseudonym in the log, as alerts show it.
    #[arg(long)]
    pseudonym: Vec<String>,
    /// Only what went to this provider; may be given several times.
    #[arg(long)]
    provider: Vec<String>,
    /// Only what went to this model; may be given several times.
    #[arg(long)]
    model: Vec<String>,
    /// Only from then on.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only until then.
    #[arg(long)]
    until: Option<Timestamp>,
    /// When you knew of it; now if left out.
    #[arg(long)]
    aware: Option<Timestamp>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The incident's id, as `privet incident list` shows it.
    pub(super) id: String,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct NoteArgs {
    /// The incident's id.
    id: String,
    /// In words.
    text: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct StateArgs {
    /// The incident's id.
    id: String,
    /// To which state.
    to: String,
    /// Why.
    why: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct NotifiedArgs {
    /// The incident's id.
    id: String,
    /// The authority's reference, or why it need not be told.
    text: String,
    /// When it was told; now if left out.
    #[arg(long, conflicts_with = "not_needed")]
    at: Option<Timestamp>,
    /// It was decided that it need not be told.
    #[arg(long)]
    not_needed: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
pub(crate) struct AssignArgs {
    /// The incident's id.
    id: String,
    /// The alert's id.
    alert: String,
    #[command(flatten)]
    common: CommonArgs,
}

pub(crate) fn run(command: IncidentCommand) -> Result<ExitCode> {
    match command {
        IncidentCommand::Open(args) => open(args)?,
        IncidentCommand::List(args) => list(&args)?,
        IncidentCommand::Show(args) => show(&args)?,
        IncidentCommand::Note(args) => step(&args.common, &args.id, Step::Note(args.text))?,
        IncidentCommand::State(args) => {
            let to = args.to.parse()?;
            step(&args.common, &args.id, Step::State(to, args.why))?;
        }
        IncidentCommand::Close(args) => {
            let to = "closed".parse()?;
            step(&args.common, &args.id, Step::State(to, args.text))?;
        }
        IncidentCommand::Notified(args) => notified(args)?,
        IncidentCommand::Assign(args) => assign(&args)?,
        IncidentCommand::Affected(args) => affected(&args)?,
        IncidentCommand::Bundle(args) => return bundle::make(&args),
        IncidentCommand::Verify(args) => return bundle::verify(&args),
    }
    Ok(ExitCode::SUCCESS)
}

/// The playbook of `kind`: the operator's own, or the one that ships.
pub(super) fn playbook_of(settings: &Settings, kind: IncidentKind) -> Result<Playbook> {
    let own = settings.alerts.playbooks.as_ref();
    let own = own.map(|folder| folder.join(format!("{kind}.toml")));
    let (text, path) = match own.filter(|path| path.exists()) {
        Some(path) => {
            let text = std::fs::read_to_string(&path);
            (
                text.with_context(|| format!("cannot read the playbook `{}`", path.display()))?,
                path,
            )
        }
        None => (kind.playbook_toml().to_owned(), PathBuf::from("playbook.toml")),
    };
    Ok(playbook(&text, &path)?)
}

fn open(args: OpenArgs) -> Result<()> {
    let kind: IncidentKind = args.kind.parse()?;
    let (id, playbook) = with(&args.common, async |open| {
        // A playbook that cannot be read is told before anything is opened.
        let playbook = playbook_of(&open.settings, kind)?;
        let incidents = open.incidents();
        let mut principals = args.pseudonym;
        for name in &args.principal {
            principals.push(incidents.pseudonym(&open.tenant, &name.parse()?).0);
        }
        let opening = Opening {
            kind,
            title: args.title,
            scope: IncidentScope {
                principals,
                providers: args.provider,
                models: args.model,
                from: args.from,
                until: args.until,
            },
            aware_at: args.aware,
            actor: operator(),
        };
        let id = incidents.open(&open.tenant, opening, open.clock.now()).await?;
        Ok((id, playbook))
    })?;
    rim::say(&id)?;
    eprintln!("{}:", playbook.title);
    for (step, number) in playbook.steps.iter().zip(1..) {
        eprintln!("{number:>3}. {step}");
    }
    Ok(())
}

fn list(args: &ListArgs) -> Result<()> {
    let incidents = with(&args.common, async |open| {
        Ok(open.incidents().list(&open.tenant, open.clock.now()).await?)
    })?;
    if args.format == Format::Table {
        rim::say(format_args!(
            "{:<18}{:<20}{:<11}{:<22}{:<28}title",
            "id", "kind", "state", "opened", "authority"
        ))?;
    }
    for incident in &incidents {
        match args.format {
            Format::Jsonl => rim::say(serde_json::to_string(incident)?)?,
            Format::Table => rim::say(format_args!(
                "{:<18}{:<20}{:<11}{:<22}{:<28}{}",
                incident.id,
                incident.kind.name(),
                incident.state.name(),
                incident.opened_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                authority(&incident.notification),
                incident.title
            ))?,
        }
    }
    Ok(())
}

fn authority(clock: &Clock72) -> String {
    match (clock.notified_at, clock.remaining) {
        (Some(_), _) if clock.is_late => "told late".to_owned(),
        (Some(_), _) => "told".to_owned(),
        (None, None) => "need not be told".to_owned(),
        (None, Some(left)) if left < 0 => format!("LATE by {} h", -left / 3600),
        (None, Some(left)) => format!("{} h {} min left", left / 3600, left % 3600 / 60),
    }
}

fn show(args: &ShowArgs) -> Result<()> {
    let shown = with(&args.common, async |open| {
        let incident = open
            .incidents()
            .show(&open.tenant, &args.id, open.clock.now())
            .await?;
        let playbook = playbook_of(&open.settings, incident.kind)?;
        let alerts = open.store.alerts_of_incident(&open.tenant, &args.id).await?;
        let alerts: Vec<String> = alerts.into_iter().map(|alert| alert.id).collect();
        Ok(json!({ "incident": incident, "playbook": playbook, "alerts": alerts }))
    })?;
    rim::say(format_args!("{shown:#}"))
}

fn step(common: &CommonArgs, id: &str, step: Step) -> Result<()> {
    let incident: Incident = with(common, async |open| {
        let (incidents, now) = (open.incidents(), open.clock.now());
        incidents.step(&open.tenant, id, step, &operator(), now).await?;
        Ok(incidents.show(&open.tenant, id, now).await?)
    })?;
    eprintln!(
        "{id} is {}; authority: {}",
        incident.state,
        authority(&incident.notification)
    );
    Ok(())
}

fn notified(args: NotifiedArgs) -> Result<()> {
    let taken = if args.not_needed {
        Step::NoNotice(args.text)
    } else {
        let at = args.at.unwrap_or_else(|| privet_server::SystemClock.now());
        Step::Notified(at, args.text)
    };
    step(&args.common, &args.id, taken)
}

fn assign(args: &AssignArgs) -> Result<()> {
    with(&args.common, async |open| {
        let incident = open
            .incidents()
            .show(&open.tenant, &args.id, open.clock.now())
            .await?;
        let is_there = open
            .store
            .assign_alert(&open.tenant, &args.alert, &incident.id)
            .await?;
        anyhow::ensure!(
            is_there,
            "there is no alert `{}`; `privet alert list` shows all",
            args.alert
        );
        Ok(())
    })?;
    step(
        &args.common,
        &args.id,
        Step::Note(format!("alert {} belongs to it", args.alert)),
    )
}

fn affected(args: &ShowArgs) -> Result<()> {
    let affected: Affected = with(&args.common, async |open| {
        Ok(open
            .incidents()
            .affected(&open.tenant, &args.id, open.clock.now())
            .await?)
    })?;
    rim::say(format_args!("{:#}", serde_json::to_value(&affected)?))
}
