//! Checking everything.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use privet_types::TenantId;
use privet_vault::{CheckOutcome, CheckReport, Severity};

use super::log::{Against, Checked};
use crate::audit::{CONTRADICTED, INCOMPLETE};
use crate::keyring::{CommonArgs, Format};
use crate::rim;

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Whose data; may be repeated. Everybody's if left out.
    #[arg(long)]
    tenant: Vec<String>,
    /// How bad a finding must be for exit 1.
    #[arg(long, value_enum, default_value_t = FailOn::Damage)]
    fail_on: FailOn,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Something was changed, is missing, or should not be there.
    Damage,
    /// Something is left over or behind, too.
    Leftover,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let settings = super::settings(&args.common)?;
    let tenants: Vec<TenantId> = args
        .tenant
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()?;
    let checked = super::with(&settings, async |open| {
        let known = open.vault().tenants().await?;
        if let Some(unknown) = tenants.iter().find(|tenant| !known.contains(tenant)) {
            bail!("the vault keeps nothing of a tenant `{unknown}`");
        }
        let log = match args.against.check(open, &settings).await? {
            Checked::Contradicted(why) => return Ok(Err(why)),
            Checked::Done(log) => log,
        };
        let bar = bar();
        let report = open
            .vault()
            .check_all(&tenants, &log, &mut |table, rows| {
                bar.set_message(table.to_owned());
                bar.inc(rows);
            })
            .await;
        bar.finish_and_clear();
        Ok(Ok(report?))
    })?;
    let report = match checked {
        Ok(report) => report,
        Err(why) => {
            eprintln!("privet: {why}");
            return Ok(ExitCode::from(CONTRADICTED));
        }
    };
    if args.common.format == Format::Json {
        rim::say(serde_json::to_string(&report)?)?;
    } else {
        show(&report)?;
    }
    let least = match args.fail_on {
        FailOn::Damage => Severity::Damage,
        FailOn::Leftover => Severity::Leftover,
    };
    let fails = report.findings.iter().any(|finding| finding.severity >= least);
    let is_incomplete = report.not_checked.iter().any(|one| one.is_needed);
    Ok(ExitCode::from(match (fails, is_incomplete) {
        (true, _) => CONTRADICTED,
        (false, true) => INCOMPLETE,
        (false, false) => 0,
    }))
}

fn show(report: &CheckReport) -> Result<()> {
    for finding in &report.findings {
        let word = match finding.severity {
            Severity::Damage => "WRONG",
            Severity::Leftover => "LEFT",
        };
        let whose = finding.tenant.as_deref().map(|tenant| format!(" of `{tenant}`"));
        rim::say(format_args!(
            "{word:<6}{} ({}): {} in `{}`{}",
            finding.kind.name(),
            finding.kind.says().trim(),
            rows(finding.count),
            finding.table,
            whose.unwrap_or_default()
        ))?;
        let more = finding.count.saturating_sub(finding.rows.len() as u64);
        for row in &finding.rows {
            rim::say(format_args!("      {row}"))?;
        }
        if more > 0 {
            rim::say(format_args!("      and {more} more"))?;
        }
    }
    for one in &report.not_checked {
        let word = if one.is_needed { "MISSING" } else { "not checked" };
        let whose = one.tenant.as_deref().map(|tenant| format!(" of `{tenant}`"));
        rim::say(format_args!(
            "{word}: {}{}: {}",
            one.what,
            whose.unwrap_or_default(),
            one.why
        ))?;
    }
    let all: Vec<String> = report
        .checked
        .iter()
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    rim::say(format_args!("looked at: {}", all.join(", ")))?;
    let position = &report.log_position;
    let root = position.root.as_deref().unwrap_or("-");
    rim::say(format_args!(
        "log: {} leaves under the signed head, root {root}",
        position.size
    ))?;
    rim::say(match report.outcome {
        CheckOutcome::Whole => "whole",
        CheckOutcome::Leftovers => "whole, with leftovers",
        CheckOutcome::Damaged => "damaged",
        CheckOutcome::Incomplete => "incomplete",
    })
}

fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {pos} rows in all, {per_sec}") {
        bar.set_style(style);
    }
    bar
}
