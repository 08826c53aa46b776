//! Taking updates into use on this machine.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::{VerifyingKey, sha256};
use privet_policy::Settings;
use privet_server::SystemClock;
use privet_store::{UpdateChange, UpdateStep};
use privet_types::{Clock, UpdateKind};
use privet_update::UpdateHead;
use serde_json::json;

use super::install::{self, Plan};
use super::shelf::{Shelf, State};
use super::step::{self, Step};
use super::{author, content};
use crate::cli::Format;
use crate::{key, rim, serve};

pub(super) fn verify(file: &Path, config: &Path) -> Result<ExitCode> {
    let settings = rim::settings(config)?;
    let bundle = author::open(file)?;
    let manifest = bundle.head().manifest();
    let shelf = Shelf::new(&settings, manifest.kind)?;
    let signers = shelf.check_head(bundle.head());
    let shown = json!({
        "manifest": manifest,
        "claimed": texts(bundle.head().claimed()),
        "signers": signers.as_ref().map(|signers| texts(signers.iter().copied())).unwrap_or_default(),
    });
    rim::say(format_args!("{shown:#}"))?;
    let outcome = signers.and_then(|_| {
        // Nothing of the plan is done, so the shelf need not be locked.
        install::install(&shelf, &bundle, false, SystemClock.now())?;
        content::check(&settings, &bundle)
    });
    Ok(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("privet: `{}` cannot be installed: {error:#}", file.display());
            ExitCode::FAILURE
        }
    })
}

pub(super) fn install(file: &Path, may_go_back: bool, config: &Path) -> Result<ExitCode> {
    let settings = rim::settings(config)?;
    let bundle = author::open(file)?;
    let head = bundle.head();
    let shelf = Shelf::new(&settings, head.manifest().kind)?;
    let refused = || format!("`{}` is not installed", file.display());
    let signers = shelf.check_head(head).with_context(refused)?;
    let _locked = shelf.lock()?;
    let now = SystemClock.now();
    let plan = install::install(&shelf, &bundle, may_go_back, now).with_context(refused)?;
    content::check(&settings, &bundle).with_context(refused)?;
    let went_back = plan.before.is_some_and(|before| plan.version < before);
    let done = if went_back {
        UpdateStep::RolledBack
    } else {
        UpdateStep::Installed
    };
    let told = change(shelf.kind(), &plan, head, &signers, now)?;
    let folder = shelf.folder_of(plan.version);
    let was_there = folder.exists();
    step::run(&plan.stage)?;
    let usable = content::check_lists(&settings, &bundle, &folder);
    let taken = usable.and_then(|()| record(&settings, done, &told));
    if taken.is_err() && !was_there {
        // Its version is free for another one.
        step::run(&[Step::Remove(folder)])?;
    }
    taken.with_context(refused)?;
    step::run(&plan.flip)?;
    say_in_force(&settings, &shelf)
}

pub(super) fn roll_back(kind: UpdateKind, to: Option<u64>, config: &Path) -> Result<ExitCode> {
    let settings = rim::settings(config)?;
    let shelf = Shelf::new(&settings, kind)?;
    let _locked = shelf.lock()?;
    let now = SystemClock.now();
    let plan = install::roll_back(&shelf, to)?;
    let (bundle, signers) = shelf.bundle(plan.version)?;
    let head = bundle.head();
    let name = head.manifest().name();
    let used = super::Used {
        name,
        expires: head.manifest().expires,
    };
    used.check(&settings, now)?;
    if let Some(warning) = used.warning(now) {
        eprintln!("privet: {warning}");
    }
    let refused = || format!("there is no way back to {name}");
    content::check(&settings, &bundle).with_context(refused)?;
    content::check_lists(&settings, &bundle, &shelf.folder_of(plan.version)).with_context(refused)?;
    record(
        &settings,
        UpdateStep::RolledBack,
        &change(kind, &plan, head, &signers, now)?,
    )?;
    step::run(&plan.flip)?;
    say_in_force(&settings, &shelf)
}

pub(super) fn pin(kind: UpdateKind, version: &str, config: &Path) -> Result<ExitCode> {
    let settings = rim::settings(config)?;
    let wanted: Option<u64> = match version {
        "none" => None,
        number => Some(number.parse().with_context(|| {
            format!("`{number}` is no version; use the number of the one in force, or `none`")
        })?),
    };
    let shelf = Shelf::new(&settings, kind)?;
    let _locked = shelf.lock()?;
    let current = shelf
        .current()?
        .with_context(|| format!("no update of kind `{kind}` is in force"))?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != current) {
        bail!(
            "version {current} of `{kind}` is in force; install {wanted}, or roll back to it, before you pin it"
        );
    }
    let before = shelf.state()?.unwrap_or_default();
    if before.pin == wanted {
        eprintln!("nothing is changed: that was so before");
        return Ok(ExitCode::SUCCESS);
    }
    let (step, version) = match wanted {
        Some(version) => (UpdateStep::Pinned, version),
        None => (UpdateStep::Unpinned, current),
    };
    let told = UpdateChange {
        at: SystemClock.now(),
        update: kind.name(),
        version,
        before: before.pin,
        head: None,
        signers: Vec::new(),
    };
    record(&settings, step, &told)?;
    step::run(&shelf.remember(State {
        pin: wanted,
        ..before
    })?)?;
    match wanted {
        Some(version) => eprintln!("`{kind}` takes no other version than {version} now"),
        None => eprintln!("`{kind}` takes newer versions again"),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list(format: Format, config: &Path) -> Result<ExitCode> {
    let settings = rim::settings(config)?;
    let now = SystemClock.now();
    if format == Format::Table {
        rim::say(format_args!(
            "{:<8}{:<9}{:<22}{:<22}{:<10}state",
            "kind", "version", "created", "expires", "signed by"
        ))?;
    }
    for kind in UpdateKind::ALL {
        let shelf = Shelf::new(&settings, kind)?;
        let (current, pin) = (shelf.current()?, shelf.state()?.unwrap_or_default().pin);
        for version in shelf.versions()? {
            let is_current = current == Some(version);
            // Who looks at a list wants to see what is damaged, too.
            let kept = if is_current {
                shelf.in_force()
            } else {
                shelf.kept(version)
            };
            let fault = kept.as_ref().err().map(|error| format!("{error:#}"));
            let manifest = kept.as_ref().ok().map(|kept| kept.head.manifest());
            let expires = manifest.map(|manifest| manifest.expires);
            let is_over = expires.is_some_and(|at| at <= now);
            let signed = kept.as_ref().map_or(0, |kept| kept.signers.len());
            if format == Format::Jsonl {
                rim::say(json!({
                    "kind": kind, "version": version, "current": is_current, "pinned": pin == Some(version),
                    "expired": is_over, "manifest": manifest, "fault": fault,
                    "signers": kept.as_ref().map(|kept| texts(kept.signers.iter().copied())).unwrap_or_default(),
                }))?;
                continue;
            }
            let words = [
                (is_current, "in force"),
                (pin == Some(version), "pinned"),
                (is_over, "EXPIRED"),
                (fault.is_some(), "CANNOT BE USED"),
            ];
            let words: Vec<&str> = words
                .into_iter()
                .filter(|(is, _)| *is)
                .map(|(_, word)| word)
                .collect();
            let day = |at: Option<Timestamp>| {
                at.map_or("?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
            };
            rim::say(format_args!(
                "{:<8}{version:<9}{:<22}{:<22}{signed:<10}{}",
                kind.name(),
                day(manifest.map(|manifest| manifest.created)),
                day(expires),
                if words.is_empty() {
                    "kept".to_owned()
                } else {
                    words.join(", ")
                }
            ))?;
            if let Some(fault) = fault {
                eprintln!("privet: {fault}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn change(
    kind: UpdateKind,
    plan: &Plan,
    head: &UpdateHead,
    signers: &[VerifyingKey],
    at: Timestamp,
) -> Result<UpdateChange> {
    Ok(UpdateChange {
        at,
        update: kind.name(),
        version: plan.version,
        before: plan.before,
        head: Some(HEXLOWER.encode(&sha256(&head.to_bytes()?))),
        signers: texts(signers.iter().copied()),
    })
}

/// Tells the log, before anything is in force of which it knows nothing.
fn record(settings: &Settings, step: UpdateStep, change: &UpdateChange) -> Result<()> {
    let root = rim::root_key(settings)?;
    serve::runtime()?.block_on(async {
        let store = key::open(settings, &root).await?;
        let told = store.tell_update(step, change).await;
        store.close().await;
        told.context("the audit log cannot be told, so nothing is changed")
    })
}

/// Says that it is, once it was read as a gateway will.
fn say_in_force(settings: &Settings, shelf: &Shelf<'_>) -> Result<ExitCode> {
    let name = shelf.in_force()?.head.manifest().name();
    eprintln!("the update {name} is in force; running gateways of this machine take it up within seconds");
    let is_named = super::named(settings)?.iter().any(|file| file.kind == name.kind);
    if !is_named {
        let reference = match name.kind {
            UpdateKind::Policy => "policy = \"updates:policy\"",
            UpdateKind::Rules => "rules = [\"updates:rules\"]",
            _ => "`updates:feed/FILE` where a list is named",
        };
        eprintln!("privet: the settings use none of its files yet; write {reference} to them, and restart");
    }
    Ok(ExitCode::SUCCESS)
}

fn texts(signers: impl Iterator<Item = VerifyingKey>) -> Vec<String> {
    signers.map(|signer| signer.to_string()).collect()
}
