//! What is looked for, as the command line says it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use privet_pii::{Analyzer, Config, EntityAction, Explanation, Terms, presidio};
use privet_policy::Policy;
use privet_types::{Budget, Entity, Finding};

use super::model::NetworkArgs;

/// What to look for.
#[derive(Args)]
pub(crate) struct LookArgs {
    /// Only these kinds, such as EMAIL_ADDRESS,IBAN_CODE; all without it. `privet pii entities` lists them.
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    pub(crate) entities: Vec<String>,
    /// Findings less sure than this, 0.0 to 1.0, are dropped; without it as the policy says, else 0.35.
    #[arg(long, value_name = "SCORE")]
    pub(crate) threshold: Option<f64>,
    /// A policy document, as for `privet serve`: its `[pii]` table says what is looked for, with recognisers, terms and
    /// values of your own. Without it every kind is looked for.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// A recogniser file of Presidio's (YAML): its custom recognisers are added, its predefined ones switch kinds on and
    /// off. May be given again. Recognisers in Privet's own form stand in the policy (`--policy`).
    #[arg(long, value_name = "FILE")]
    pub(crate) recognizers: Vec<PathBuf>,
    /// A value that is no personal data here, whatever its case; may be given again.
    #[arg(long, value_name = "VALUE")]
    pub(crate) allow: Vec<String>,
    /// A file with such values, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) allow_file: Vec<PathBuf>,
    /// A term that is private here, reported as TERM wherever it stands as whole words; may be given again.
    #[arg(long, value_name = "TERM")]
    pub(crate) deny: Vec<String>,
    /// A file with such terms, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) deny_file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// How many threads work; all cores without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

/// Looks for what [`LookArgs`] say.
pub(crate) struct Look {
    analyzer: Analyzer,
    /// Lower case.
    allowed: HashSet<String>,
    pub(crate) workers: usize,
}

impl LookArgs {
    /// Makes ready to look.
    ///
    /// # Errors
    /// For an unknown kind, a threshold off its range, or a list that cannot be read.
    pub(crate) fn look(&self) -> Result<Look> {
        let mut config = config(self.policy.as_deref(), self.threshold)?;
        for file in &self.recognizers {
            let yaml =
                std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            let read = presidio::recognizers(&yaml).with_context(|| format!("`{}`", file.display()))?;
            for warning in &read.warnings {
                eprintln!("warning: {}: {warning}", file.display());
            }
            read.apply(&mut config);
        }
        let mut denied = self.deny.clone();
        for file in &self.deny_file {
            denied.extend(lines(file)?);
        }
        if !self.entities.is_empty() {
            config.default_action = EntityAction::Allow;
            config.broad_action = EntityAction::Allow;
            config.entities.clear();
            for name in &self.entities {
                config.entities.insert(entity(name)?, EntityAction::Mask);
            }
        }
        if !denied.is_empty() {
            config.entities.insert(Entity::TERM, EntityAction::Mask);
            config.terms.push(Terms {
                entity: Entity::TERM,
                values: denied,
            });
        }
        let mut allowed: HashSet<String> = self.allow.iter().map(|v| v.trim().to_lowercase()).collect();
        for file in &self.allow_file {
            allowed.extend(lines(file)?.into_iter().map(|v| v.to_lowercase()));
        }
        let model = self.network.apply(&mut config)?;
        let analyzer = Analyzer::with_model(&config, model.as_ref()).context("what is to be looked for")?;
        Ok(Look {
            analyzer,
            allowed,
            workers: self.jobs.map_or_else(super::pool::cores, usize::from),
        })
    }
}

impl Look {
    /// What is found in `text`; see [`Analyzer::analyze`].
    ///
    /// # Errors
    /// If the text could not be looked at.
    pub(crate) fn at(&self, text: &str, context: Option<&str>) -> Result<Vec<Finding>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.analyzer.analyze(text, context, &Budget::unlimited())?;
        if !self.allowed.is_empty() {
            found.retain(|f| {
                let value = f.span.of(text).unwrap_or_default();
                !self.allowed.contains(&value.to_lowercase())
            });
        }
        Ok(found)
    }

    /// Why `finding` was found in `text` by [`at`](Self::at).
    ///
    /// # Errors
    /// If the text could not be looked at.
    pub(crate) fn why(&self, text: &str, context: Option<&str>, finding: &Finding) -> Result<Explanation> {
        Ok(self
            .analyzer
            .explain(text, context, finding, &Budget::unlimited())?)
    }
}

/// What the policy at `path` looks for; without one, every kind.
///
/// # Errors
/// For a policy that cannot be read, and a threshold off its range.
pub(crate) fn config(path: Option<&Path>, threshold: Option<f64>) -> Result<Config> {
    let mut config = match path {
        None => Config::everything(),
        Some(path) => {
            let name = path.display();
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read policy `{name}`"))?;
            Policy::parse(&text, path)?.pii().clone()
        }
    };
    if let Some(threshold) = threshold {
        if !(0.0..=1.0).contains(&threshold) {
            bail!("`--threshold {threshold}` is not between 0.0 and 1.0");
        }
        config.threshold = threshold;
    }
    Ok(config)
}

/// The kind named `name`.
///
/// # Errors
/// If there is none.
pub(crate) fn entity(name: &str) -> Result<Entity> {
    Entity::parse(name.trim()).with_context(|| {
        format!(
            "unknown entity `{}`; known ones: `privet pii entities`",
            name.trim()
        )
    })
}

/// The lines of a list that hold anything, trimmed.
fn lines(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// `32 KIND, 2 OTHER`: how many of what.
pub(crate) fn tally(counts: &BTreeMap<Entity, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(entity, count)| (std::cmp::Reverse(**count), **entity));
    let parts: Vec<_> = sorted
        .iter()
        .map(|(entity, count)| format!("{count} {entity}"))
        .collect();
    parts.join(", ")
}
