//! What decides who may do what, read from files: Cedar policies and signed assessments.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::tz::Offset;
use privet_access::{AccessRules, Assessments, Authorizer, PolicyText, Signer};
use privet_policy::{Policy, Settings};

use crate::rim;

/// The policy document and all that belongs to it.
pub(crate) struct Access {
    /// In its version the Cedar policies count, too.
    pub(crate) policy: Policy,
    pub(crate) rules: AccessRules,
    pub(crate) assessments: Assessments,
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
        })
    }

    /// What the settings name. Assessments that do not count are told on standard error.
    pub(crate) fn load(settings: &Settings) -> Result<Self> {
        let policy = rim::policy(settings)?;
        let files = own_policies(settings, &policy)?;
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
        })
    }
}

/// The policies that `files` hold, beside those that ship.
pub(crate) fn authorizer(policy: &Policy, files: &[(String, String)]) -> Result<Authorizer> {
    let offset = Offset::from_seconds(policy.access().utc_offset_seconds())?;
    Ok(Authorizer::new(&texts(files), offset)?)
}

pub(crate) fn texts(files: &[(String, String)]) -> Vec<PolicyText<'_>> {
    files
        .iter()
        .map(|(name, text)| PolicyText { name, text })
        .collect()
}

/// The names and texts of the Cedar policies that the policy document names.
pub(crate) fn own_policies(settings: &Settings, policy: &Policy) -> Result<Vec<(String, String)>> {
    named_files(settings, policy)
        .into_iter()
        .map(|(name, path)| {
            let text = fs::read_to_string(&path)
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
