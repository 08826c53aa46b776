//! Taking up another policy while the gateway runs: when its files change, or at SIGHUP.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use privet_pii::Model;
use privet_policy::{Policy, Settings};
use privet_server::{Live, NextPolicy};
use tokio::signal::unix::{SignalKind, signal};

use crate::access::{self, Access};
use crate::rim;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What can be told of a file without reading it.
type State = Option<(SystemTime, u64)>;

/// The policy's files and what they were like when they were read.
pub(crate) struct PolicyFiles {
    settings: Settings,
    model: Option<Arc<Model>>,
    /// Which network the policy in force asks for.
    wanted: Option<String>,
    paths: Vec<PathBuf>,
    seen: Vec<State>,
}

impl PolicyFiles {
    /// Those of the policy that was just read.
    pub(crate) fn new(settings: &Settings, access: &Access, model: Option<Arc<Model>>) -> Self {
        let paths = paths(settings, &access.policy);
        Self {
            seen: states(&paths),
            paths,
            settings: settings.clone(),
            model,
            wanted: wanted(&access.policy),
        }
    }

    /// Takes up what changes until `stopped`. What cannot be used is told in the log, and the policy before it stays.
    pub(crate) async fn watch(mut self, live: Arc<Live>, stopped: impl Future<Output = ()>) {
        let mut asked = match signal(SignalKind::hangup()) {
            Ok(asked) => asked,
            Err(error) => return tracing::error!(%error, "the policy's files are not watched"),
        };
        let mut stopped = std::pin::pin!(stopped);
        // Files that are being written change from look to look.
        let mut changing: Option<Vec<State>> = None;
        loop {
            let is_asked = tokio::select! {
                () = &mut stopped => return,
                _ = asked.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let now = states(&self.paths);
            if !is_asked && now == self.seen {
                changing = None;
                continue;
            }
            if !is_asked && changing.as_ref() != Some(&now) {
                changing = Some(now);
                continue;
            }
            changing = None;
            self.seen = now;
            match self.take_up(&live).await {
                Ok(true) => tracing::info!(version = live.version(), "another policy is in force"),
                Ok(false) => tracing::info!(
                    version = live.version(),
                    "the policy was read again and is the same"
                ),
                Err(error) => tracing::error!(
                    error = %format!("{error:#}"),
                    version = live.version(),
                    "the policy's files changed and cannot be used; the policy before them stays in force"
                ),
            }
        }
    }

    async fn take_up(&mut self, live: &Live) -> Result<bool> {
        let settings = self.settings.clone();
        let (known, before) = (self.model.clone(), self.wanted.clone());
        let read = move || {
            let access = Access::load(&settings)?;
            // A network takes long to read.
            let model = if wanted(&access.policy) == before {
                known
            } else {
                rim::model(&settings, &access.policy)?
            };
            Ok::<_, anyhow::Error>((access, model))
        };
        let (access, model) = tokio::task::spawn_blocking(read)
            .await
            .context("reading the policy was cut off")??;
        let wanted = wanted(&access.policy);
        let paths = paths(&self.settings, &access.policy);
        let next = NextPolicy {
            policy: access.policy,
            model: model.clone(),
            policies: access.rules.authorizer,
            assessments: access.assessments,
        };
        let is_other = live.replace(next).await?;
        (self.wanted, self.model) = (wanted, model);
        if paths != self.paths {
            // Read just now.
            self.seen = states(&paths);
            self.paths = paths;
        }
        Ok(is_other)
    }
}

/// Which network `policy` asks for, if it is not the one in the binary.
fn wanted(policy: &Policy) -> Option<String> {
    policy.pii().model_wanted().map(|name| name.to_string())
}

/// The files that make `policy`.
fn paths(settings: &Settings, policy: &Policy) -> Vec<PathBuf> {
    let document = settings.policy.iter().cloned();
    let own = access::own_policy_files(settings, policy);
    let assessments = settings.access.assessments.iter().cloned();
    document.chain(own).chain(assessments).collect()
}

/// What the files are like now. One that is not there has no state.
fn states(paths: &[PathBuf]) -> Vec<State> {
    let state = |path: &PathBuf| {
        let data = fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    paths.iter().map(state).collect()
}
