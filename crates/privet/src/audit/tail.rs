//! `privet audit tail`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use privet_store::LogLeaf;
use serde_json::{Value, json};

use super::filter::Filter;
use super::show::plain;
use super::{Log, Output, TailArgs, block_on, open};
use crate::{rim, serve};

/// Leaves read at once.
const BLOCK: u32 = 1000;

/// How often `--follow` looks for new leaves.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn run(args: &TailArgs) -> Result<ExitCode> {
    let filter = Filter::parse(&args.filter)?;
    let settings = rim::settings(&args.config)?;
    block_on(async {
        let Some(mut log) = open(&settings).await? else {
            eprintln!("privet: there is no store yet, and so no log");
            return Ok(());
        };
        let shown = show(&mut log, args, &filter).await;
        log.store.close().await;
        shown
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn show(log: &mut Log, args: &TailArgs, filter: &Filter) -> Result<()> {
    let mut next = match args.from {
        Some(from) => from,
        None => show_newest(log, args, filter).await?,
    };
    if !args.follow {
        return forward(log, args, filter, &mut next).await;
    }
    let interrupted = serve::shutdown_signal()?;
    tokio::select! {
        ended = follow(log, args, filter, next) => ended,
        () = interrupted => Ok(()),
    }
}

/// Shows what comes, until showing fails.
async fn follow(log: &mut Log, args: &TailArgs, filter: &Filter, mut next: u64) -> Result<()> {
    loop {
        forward(log, args, filter, &mut next).await?;
        tokio::time::sleep(LOOK).await;
        log.sequencer.run_once().await?;
    }
}

/// Shows the newest leaves that the filter takes; returns the position behind them.
async fn show_newest(log: &Log, args: &TailArgs, filter: &Filter) -> Result<u64> {
    let size = log.sequencer.size();
    let mut found = Vec::new();
    let mut end = size;
    while end > 0 && found.len() < args.lines as usize {
        let start = end.saturating_sub(u64::from(BLOCK));
        let count = u32::try_from(end - start).unwrap_or(BLOCK);
        for leaf in log.store.log_leaves(start, count).await?.into_iter().rev() {
            let value = parse(&leaf)?;
            if filter.takes(&value) && found.len() < args.lines as usize {
                found.push((leaf, value));
            }
        }
        end = start;
    }
    for (leaf, value) in found.iter().rev() {
        print(leaf, value, args.format)?;
    }
    Ok(size)
}

/// Shows what the filter takes from `next` on, and moves `next` behind it.
async fn forward(log: &Log, args: &TailArgs, filter: &Filter, next: &mut u64) -> Result<()> {
    loop {
        let leaves = log.store.log_leaves(*next, BLOCK).await?;
        let Some(last) = leaves.last() else {
            return Ok(());
        };
        *next = last.position + 1;
        for leaf in &leaves {
            let value = parse(leaf)?;
            if filter.takes(&value) {
                print(leaf, &value, args.format)?;
            }
        }
    }
}

fn parse(leaf: &LogLeaf) -> Result<Value> {
    serde_json::from_slice(&leaf.entry).with_context(|| format!("leaf {} cannot be read", leaf.position))
}

fn print(leaf: &LogLeaf, value: &Value, format: Output) -> Result<()> {
    match format {
        Output::Jsonl => rim::say(json!({"position": leaf.position, "leaf": value})),
        Output::Text => rim::say(plain(&line(leaf.position, value))),
    }
}

/// `position  time  kind  node#seq  what happened`
fn line(position: u64, leaf: &Value) -> String {
    let text = |pointer: &str| leaf.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let at = text("/event/at").split('.').next().unwrap_or("-");
    let seq = leaf.get("seq").and_then(Value::as_u64).unwrap_or(0);
    let what = match text("/kind") {
        "decision" => {
            let counts = leaf.pointer("/event/decision/counts").and_then(Value::as_object);
            let masked: u64 = counts
                .into_iter()
                .flatten()
                .filter_map(|(_, count)| count.as_u64())
                .sum();
            format!(
                "{} {} {} values={masked} model={} provider={}",
                text("/event/decision/action"),
                text("/event/decision/reason"),
                text("/event/surface"),
                text("/event/model"),
                text("/event/provider"),
            )
        }
        _ => format!("object={}", text("/event/object")),
    };
    let principal = text("/event/principal");
    let principal = principal.get(..8).unwrap_or(principal);
    format!(
        "{position:>8} {at:<20} {:<16} {}#{seq} principal={principal} {what}",
        text("/kind"),
        text("/node")
    )
}
