//! Taking up another policy while the gateway runs: when its files change, or at SIGHUP.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use privet_pii::Model;
use privet_policy::{Policy, Settings};
use privet_server::{Live, NextPolicy};
use tokio::signal::unix::{SignalKind, signal};

use crate::access::{self, Access};
use crate::rim;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What could not be taken up is tried again after this long at first, and after twice as long each time.
const AGAIN: Duration = Duration::from_secs(5);
/// The longest of those times.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

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

/// That the files could not be taken up as they are.
struct Failed {
    /// What the log was told.
    told: String,
    again: Instant,
    wait: Duration,
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
        // What it fails for may lie beyond the files: a store that does not answer.
        let mut failed: Option<Failed> = None;
        loop {
            let is_asked = tokio::select! {
                () = &mut stopped => return,
                _ = asked.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let now = states(&self.paths);
            let is_same = now == self.seen;
            let is_due = failed
                .as_ref()
                .is_some_and(|failed| failed.again <= Instant::now());
            if !is_asked && is_same && !is_due {
                changing = None;
                continue;
            }
            if !is_asked && !is_same && changing.as_ref() != Some(&now) {
                changing = Some(now);
                continue;
            }
            changing = None;
            match self.take_up(&live).await {
                Ok(is_other) => {
                    failed = None;
                    let version = live.version();
                    if is_other {
                        tracing::info!(version, "another policy is in force");
                    } else {
                        tracing::info!(version, "the policy was read again and is the same");
                    }
                }
                Err(error) => {
                    let told = format!("{error:#}");
                    let before = failed
                        .take()
                        .filter(|failed| !is_asked && is_same && failed.told == told);
                    if before.is_none() {
                        tracing::error!(
                            error = %told,
                            version = live.version(),
                            "the policy's files changed and cannot be used; the policy before them stays in force"
                        );
                    }
                    let wait = before.map_or(AGAIN, |failed| (failed.wait * 2).min(AGAIN_AT_MOST));
                    failed = Some(Failed {
                        told,
                        again: Instant::now() + wait,
                        wait,
                    });
                }
            }
        }
    }

    async fn take_up(&mut self, live: &Live) -> Result<bool> {
        let settings = self.settings.clone();
        let (known, before) = (self.model.clone(), self.wanted.clone());
        let mut watched = self.paths.clone();
        let read = move || {
            // Also those of a document that cannot be used for what they hold.
            for path in named(&settings) {
                if !watched.contains(&path) {
                    watched.push(path);
                }
            }
            // Before they are read: what changes meanwhile shows at the next look.
            let seen = states(&watched);
            let loaded = load(&settings, known, before.as_deref());
            (watched, seen, loaded)
        };
        let (watched, seen, loaded) = tokio::task::spawn_blocking(read)
            .await
            .context("reading the policy was cut off")?;
        (self.paths, self.seen) = (watched, seen);
        let (access, model) = loaded?;
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
        let state = |path: &PathBuf| {
            let mut all = self.paths.iter().zip(&self.seen);
            all.find(|(known, _)| *known == path)
                .and_then(|(_, state)| *state)
        };
        let seen: Vec<State> = paths.iter().map(state).collect();
        (self.paths, self.seen) = (paths, seen);
        Ok(is_other)
    }
}

/// The policy as its files are now, and its network: `known`, where it asks for the same one as `before`.
fn load(
    settings: &Settings,
    known: Option<Arc<Model>>,
    before: Option<&str>,
) -> Result<(Access, Option<Arc<Model>>)> {
    let access = Access::load(settings)?;
    // A network takes long to read.
    let model = if wanted(&access.policy).as_deref() == before {
        known
    } else {
        rim::model(settings, &access.policy)?
    };
    Ok((access, model))
}

/// Which network `policy` asks for, if it is not the one in the binary.
fn wanted(policy: &Policy) -> Option<String> {
    policy.pii().model_wanted().map(|name| name.to_string())
}

/// The files that make the policy as its document is now; none if that cannot be read.
fn named(settings: &Settings) -> Vec<PathBuf> {
    rim::policy(settings).map_or_else(|_| Vec::new(), |policy| paths(settings, &policy))
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
