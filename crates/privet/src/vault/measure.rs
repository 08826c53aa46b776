//! Measuring.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use jiff::Timestamp;
use privet_policy::Settings;
use privet_types::{Measurement, Part, TenantId};
use privet_vault::{Metric, Surroundings};
use serde::Serialize;

use super::log::{Against, Checked};
use crate::audit::{CONTRADICTED, INCOMPLETE};
use crate::keyring::{CommonArgs, Format};
use crate::{open_vault, rim};

#[derive(Args)]
pub(crate) struct MeasureArgs {
    /// What to measure; everything if nothing is named.
    #[arg(value_parser = metric)]
    names: Vec<Metric>,
    /// Whose data.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Only consent, reads and prompts from this time on, RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Look at so many subjects and events at most, and give an interval.
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// A backup that counts as a link of the chain; it is read to its end. May be repeated.
    #[arg(long, value_name = "FILE")]
    backup: Vec<PathBuf>,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Serialize)]
struct Told {
    tenant: TenantId,
    measurements: Vec<Measurement>,
}

fn metric(name: &str) -> Result<Metric, String> {
    Metric::parse(name).ok_or_else(|| {
        let all: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        format!("there is no such number; there are: {}", all.join(", "))
    })
}

pub(super) fn run(args: &MeasureArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenant: TenantId = args.tenant.parse()?;
    let backups = backups(&settings, &args.backup)?;
    let wanted: Vec<Metric> = if args.names.is_empty() {
        Metric::ALL.to_vec()
    } else {
        args.names.clone()
    };
    let told = super::with(&settings, async |open| {
        if !open.vault().tenants().await?.contains(&tenant) {
            bail!("the vault keeps nothing of a tenant `{tenant}`");
        }
        let needs_log = wanted.contains(&Metric::Auditability) || args.against.is_given();
        let log = if needs_log {
            match args.against.check(open, &settings).await? {
                Checked::Contradicted(why) => return Ok(Err(why)),
                Checked::Done(log) => Some(log),
            }
        } else {
            None
        };
        let around = Surroundings {
            root: open_vault::root_protection(&settings)?,
            log,
            backups,
            since: args.since,
            sample: args.sample,
        };
        let mut measurements = Vec::new();
        for metric in &wanted {
            measurements.extend(open.measures().measure(&tenant, *metric, &around).await?);
        }
        Ok(Ok(measurements))
    })?;
    let measurements = match told {
        Ok(measurements) => measurements,
        Err(why) => {
            eprintln!("privet: {why}");
            return Ok(ExitCode::from(CONTRADICTED));
        }
    };
    let is_all = measurements.iter().all(|one| one.value.is_some());
    if args.common.format == Format::Json {
        rim::say(serde_json::to_string(&Told { tenant, measurements })?)?;
    } else {
        show(&measurements)?;
    }
    Ok(ExitCode::from(if is_all { 0 } else { INCOMPLETE }))
}

/// How many of the files are whole backups under the root key, and how many are not.
fn backups(settings: &Settings, files: &[PathBuf]) -> Result<Option<(u64, u64)>> {
    if files.is_empty() {
        return Ok(None);
    }
    let root = rim::current_root(settings)?;
    let (mut whole, mut not) = (0, 0);
    for path in files {
        match super::backup::of_either(path, &root) {
            Ok(_) => whole += 1,
            Err(error) => {
                eprintln!("privet: {error:#}");
                not += 1;
            }
        }
    }
    Ok(Some((whole, not)))
}

fn show(measurements: &[Measurement]) -> Result<()> {
    rim::say(format_args!(
        "{:<30}{:>12}  {:<22}{:>16}",
        "what", "value", "interval", "of"
    ))?;
    for one in measurements {
        let of = match (one.numerator, one.denominator) {
            (Some(numerator), Some(denominator)) => format!("{numerator} / {denominator}"),
            _ => String::new(),
        };
        let interval = one.interval.map(|i| {
            let (low, high) = (number(i.low, &one.unit), number(i.high, &one.unit));
            format!("{low} to {high}")
        });
        line(
            &one.metric,
            one.value,
            &one.unit,
            &interval.unwrap_or_default(),
            &of,
        )?;
        if let Some(reason) = &one.reason {
            rim::say(format_args!("  not measured: {reason}"))?;
        }
        for part in &one.parts {
            show_part(part)?;
        }
        for class in &one.classes {
            let of = format!("{} / {}", class.numerator, class.denominator);
            line(&format!("  {}", class.class), class.share(), "share", "", &of)?;
        }
        for what in &one.excluded {
            rim::say(format_args!("  left out: {what}"))?;
        }
    }
    if let Some(first) = measurements.first() {
        let position = &first.log_position;
        rim::say(format_args!(
            "log: {} leaves, root {}; measured {}",
            position.size,
            position.root.as_deref().unwrap_or("-"),
            first.at
        ))?;
    }
    Ok(())
}

fn show_part(part: &Part) -> Result<()> {
    let of = format!("{} / {}", part.numerator, part.denominator);
    let interval = part.interval.map(|i| {
        let (low, high) = (number(i.low, &part.unit), number(i.high, &part.unit));
        format!("{low} to {high}")
    });
    let name = format!("  {}", part.name);
    line(&name, part.value, &part.unit, &interval.unwrap_or_default(), &of)?;
    if !part.note.is_empty() {
        rim::say(format_args!("    {}", part.note))?;
    }
    Ok(())
}

fn line(name: &str, value: Option<f64>, unit: &str, interval: &str, of: &str) -> Result<()> {
    let value = value.map_or_else(|| "-".to_owned(), |value| number(value, unit));
    let text = format!("{name:<30}{value:>12}  {interval:<22}{of:>16}");
    rim::say(text.trim_end())
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "share" => format!("{:.2} %", value * 100.0),
        "count" => format!("{value:.0}"),
        unit => format!("{value:.0} {unit}"),
    }
}
