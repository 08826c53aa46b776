//! What decides who may do what, read from files: Cedar policies and signed assessments.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use jiff::tz::Offset;
use privet_access::{AccessRules, Assessments, Authorizer, KindAsked, PolicyText, Signer};
use privet_guardrails::gate::Models;
use privet_policy::{Policy, Settings};
use privet_server::SystemClock;
use privet_types::Clock;

use crate::rim;
use crate::update::{Sources, Used};

/// The policy document and all that belongs to it.
pub(crate) struct Access {
    /// In its version the Cedar policies count, too.
    pub(crate) policy: Policy,
    pub(crate) rules: AccessRules,
    pub(crate) assessments: Assessments,
    /// The signed updates that it was read from.
    pub(crate) updates: Vec<Used>,
}

impl Access {
    /// Only what ships.
    pub(crate) fn shipped(policy: Policy) -> Result<Self> {
        Ok(Self {
            policy,
            rules: AccessRules {
                authorizer: Authorizer::new(&[], Offset::UTC)?,
                signers: Vec::new(),
                named: Vec::new(),
            },
            assessments: Assessments::default(),
            updates: Vec::new(),
        })
    }

    /// What the settings name. Assessments that do not count are told on standard error. Updates that have expired are no error
    /// if the settings say so.
    pub(crate) fn load(settings: &Settings) -> Result<Self> {
        let sources = Sources::new(settings);
        sources.verify_all()?;
        let loaded = Self::read(&sources)?;
        let now = SystemClock.now();
        loaded
            .updates
            .iter()
            .try_for_each(|used| used.check(settings, now))?;
        Ok(loaded)
    }

    /// The same from `sources`, whatever has expired.
    pub(crate) fn read(sources: &Sources<'_>) -> Result<Self> {
        let settings = sources.settings();
        let policy = sources.policy()?;
        let files = own_policies(sources, &policy)?;
        let authorizer = authorizer(&policy, &files)?;
        let signers = signers(settings)?;
        let assessments = assessments(settings, &signers)?;
        Ok(Self {
            policy: match authorizer.version() {
                Some(version) => policy.with_rules(version),
                None => policy,
            },
            rules: AccessRules {
                authorizer,
                signers,
                named: settings.by_certificate().collect(),
            },
            assessments,
            updates: sources.used(),
        })
    }

    /// The same with the networks that the policy's guardrails ask in doubt; `known` are some that were read before.
    ///
    /// # Errors
    /// If one is not where the settings say, or was changed.
    pub(crate) fn with_guard_models(mut self, settings: &Settings, known: &Models) -> Result<Self> {
        let models = rim::guard_models(settings, &self.policy, known)?;
        self.policy = self.policy.with_guard_models(models);
        Ok(self)
    }
}

/// The policies that `files` hold, beside those that ship. One that asks for data that is not looked for is refused: it would seem to
/// hold, and never do.
pub(crate) fn authorizer(policy: &Policy, files: &[(String, String)]) -> Result<Authorizer> {
    let offset = Offset::from_seconds(policy.access().utc_offset_seconds())?;
    let authorizer = Authorizer::new(&texts(files), offset)?;
    for KindAsked { policy: id, kind } in authorizer.kinds_asked() {
        match policy.looks_for(&kind) {
            Some(true) => {}
            Some(false) => bail!(
                "the policy `{id}` asks whether {kind} was found, which the policy document lets pass unseen, so that it never is; set {kind} to \"mask\" in `[pii.entities]`, or take it out of `{id}`"
            ),
            None => bail!(
                "the policy `{id}` asks whether `{kind}` was found, and there is no such kind; see `privet pii entities`"
            ),
        }
    }
    Ok(authorizer)
}

pub(crate) fn texts(files: &[(String, String)]) -> Vec<PolicyText<'_>> {
    files
        .iter()
        .map(|(name, text)| PolicyText { name, text })
        .collect()
}

/// The names and texts of the Cedar policies that the policy document names.
pub(crate) fn own_policies(sources: &Sources<'_>, policy: &Policy) -> Result<Vec<(String, String)>> {
    let document = sources.settings().policy.as_deref();
    named_files(sources.settings(), policy)
        .into_iter()
        .map(|(name, path)| {
            if let Some(document) = document {
                sources.check_named(document, &path)?;
            }
            let text = sources
                .read(&path)
                .with_context(|| format!("cannot read the policies `{}`", path.display()))?;
            Ok((name, text))
        })
        .collect()
}

/// The files of the Cedar policies that the policy document names.
pub(crate) fn own_policy_files(settings: &Settings, policy: &Policy) -> Vec<PathBuf> {
    let files = named_files(settings, policy).into_iter();
    files.map(|(_, path)| path).collect()
}

fn named_files(settings: &Settings, policy: &Policy) -> Vec<(String, PathBuf)> {
    match &settings.policy {
        None => Vec::new(),
        Some(document) => policy.access().policy_files(document).collect(),
    }
}

/// The public keys whose signatures count.
pub(crate) fn signers(settings: &Settings) -> Result<Vec<Signer>> {
    let signers = settings.access.signers.iter();
    signers.map(|signer| Ok(signer.parse()?)).collect()
}

fn assessments(settings: &Settings, signers: &[Signer]) -> Result<Assessments> {
    let paths = &settings.access.assessments;
    let texts = paths
        .iter()
        .map(|path| {
            fs::read_to_string(path)
                .with_context(|| format!("cannot read the assessment `{}`", path.display()))
        })
        .collect::<Result<Vec<_>>>()?;
    let (assessments, faults) = Assessments::read(&texts, signers);
    for (number, fault) in faults {
        if let Some(path) = paths.get(number) {
            eprintln!(
                "privet: the assessment `{}` does not count: it {fault}",
                path.display()
            );
        }
    }
    Ok(assessments)
}
