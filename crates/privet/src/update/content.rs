//! Whether a gateway could work with what an update holds.

use std::path::Path;

use anyhow::{Context, Result, bail};
use privet_access::check_breached_hashes;
use privet_guardrails::gate::Models;
use privet_pii::Analyzer;
use privet_policy::{RulesFile, Settings};
use privet_types::UpdateKind;
use privet_update::UpdateBundle;

use super::shelf::Shelf;
use super::sources::{Sources, named};
use crate::access::Access;
use crate::{policy, rim};

/// Cases for `privet policy test` that come with an update: it is refused if one is not met.
const CASES: &str = "cases.jsonl";

/// That the documents of `bundle` can be used with these settings, that it has the files that they name, and that its cases are met.
pub(crate) fn check(settings: &Settings, bundle: &UpdateBundle) -> Result<()> {
    let kind = bundle.head().manifest().kind;
    let updates = &settings.updates;
    for (name, bytes) in bundle.files() {
        let is_rules = kind != UpdateKind::Policy && has_extension(name, "toml");
        if is_rules {
            RulesFile::parse(text(name, bytes)?, Path::new(name))?;
        }
    }
    for file in named(settings)? {
        if file.kind == kind && !bundle.files().contains_key(&file.name) {
            bail!(
                "the settings name the file `{}` of it, which it does not have",
                file.name
            );
        }
    }
    let mut tried = without_missing(settings, kind)?;
    // Also where the settings do not name it yet.
    if let Some(document) = kind.document() {
        let document = updates.current(kind).join(document);
        if kind == UpdateKind::Policy {
            tried.policy = Some(document);
        } else if !tried.rules.contains(&document) {
            tried.rules.push(document);
        }
    }
    let sources = Sources::with(&tried, bundle);
    let access = Access::read(&sources)?;
    access.policy.routing().check_against(&tried)?;
    let model = rim::model(&tried, &access.policy)?;
    Analyzer::with_model(access.policy.pii(), model.as_ref())?;
    rim::guard_models(&tried, &access.policy, &Models::default())?;
    if let Some(cases) = bundle.files().get(CASES) {
        let outcome = policy::hold_against(text(CASES, cases)?, CASES, &tried, &access)?;
        if !outcome.failed.is_empty() {
            let names: Vec<&str> = outcome.failed.iter().map(|(name, _)| name.as_str()).collect();
            bail!(
                "{} of its {} cases are not met: {}",
                names.len(),
                outcome.all,
                names.join(", ").escape_debug()
            );
        }
    }
    Ok(())
}

/// That the lists of `bundle` which the settings name are such as can be used; `folder` is where they lie.
pub(crate) fn check_lists(settings: &Settings, bundle: &UpdateBundle, folder: &Path) -> Result<()> {
    let hashes = settings
        .sign_in
        .as_ref()
        .and_then(|sign_in| sign_in.breached_hashes.as_ref());
    let Some(path) = hashes else { return Ok(()) };
    match settings.updates.file_at(path)? {
        Some(file) if file.kind == bundle.head().manifest().kind => {
            Ok(check_breached_hashes(&folder.join(&file.name))?)
        }
        _ => Ok(()),
    }
}

/// The settings without the updates of other kinds that cannot be used now: they are put in force later, or have to be replaced
/// themselves, and must not keep this one out.
fn without_missing(settings: &Settings, kind: UpdateKind) -> Result<Settings> {
    let mut left = settings.clone();
    for other in UpdateKind::ALL.into_iter().filter(|other| *other != kind) {
        let is_of = |path: &Path| {
            let file = settings.updates.file_at(path);
            file.is_ok_and(|file| file.is_some_and(|file| file.kind == other))
        };
        let is_named = settings
            .policy
            .iter()
            .chain(&settings.rules)
            .any(|path| is_of(path));
        if !is_named {
            continue;
        }
        let shelf = Shelf::new(settings, other)?;
        if let Err(error) = shelf.in_force() {
            eprintln!("privet: looked at without the update of kind `{other}` in force: {error:#}");
            left.policy = left.policy.filter(|path| !is_of(path));
            left.rules.retain(|path| !is_of(path));
        }
    }
    Ok(left)
}

fn has_extension(name: &str, wanted: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == wanted)
}

fn text<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str> {
    std::str::from_utf8(bytes).with_context(|| format!("its file `{name}` is no text"))
}
