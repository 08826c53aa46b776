//! Taking up another policy while the gateway runs: when its files change, or at SIGHUP.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use privet_guardrails::gate::Models;
use privet_pii::Model;
use privet_policy::{Policy, Settings};
use privet_server::{Live, NextPolicy, SystemClock};
use privet_types::Clock;
use privet_update::UpdateHead;
use tokio::signal::unix::{SignalKind, signal};

use crate::access::{self, Access};
use crate::rim;
use crate::update::{self, Sources, Used};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What could not be taken up is tried again after this long at first, and after twice as long each time.
const AGAIN: Duration = Duration::from_secs(5);
/// The longest of those times.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// How often it is said that an update has expired.
const REMIND: Duration = Duration::from_secs(24 * 3600);

/// What can be told of a file without reading it: when it was changed, how long it is, and which one it is.
type State = Option<(SystemTime, u64, u64)>;

/// What the policy's files were like before they were read: what changes meanwhile shows at the next look.
pub(crate) struct Seen {
    paths: Vec<PathBuf>,
    states: Vec<State>,
}

/// The policy's files and what they were like when they were read.
pub(crate) struct PolicyFiles {
    settings: Settings,
    model: Option<Arc<Model>>,
    /// The networks that its guardrails ask.
    guard_models: Models,
    /// Which network the policy in force asks for.
    wanted: Option<String>,
    /// The signed updates that it was read from.
    updates: Vec<Used>,
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

impl Seen {
    /// Looks at the files of the policy that is about to be read, and at `more`.
    pub(crate) fn now(settings: &Settings, more: &[PathBuf]) -> Self {
        let mut paths = more.to_vec();
        // Also those of a document that cannot be used for what they hold.
        for path in named(settings) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Self {
            states: states(&paths),
            paths,
        }
    }

    /// What was seen of `paths`. One that was not looked at counts as one that was not there, and is looked at again.
    fn of(&self, paths: &[PathBuf]) -> Vec<State> {
        let state = |path: &PathBuf| {
            let mut all = self.paths.iter().zip(&self.states);
            all.find(|(known, _)| *known == path)
                .and_then(|(_, state)| *state)
        };
        paths.iter().map(state).collect()
    }
}

impl PolicyFiles {
    /// Those of the policy that was just read; `seen` is what they were like before.
    pub(crate) fn new(settings: &Settings, access: &Access, seen: &Seen, model: Option<Arc<Model>>) -> Self {
        let paths = paths(settings, &access.policy);
        Self {
            seen: seen.of(&paths),
            paths,
            settings: settings.clone(),
            model,
            guard_models: access.policy.guard_models().clone(),
            wanted: wanted(&access.policy),
            updates: access.updates.clone(),
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
        let mut reminded: Option<Instant> = None;
        loop {
            if reminded.is_none_or(|at| at.elapsed() >= REMIND) {
                let now = SystemClock.now();
                for warning in self.updates.iter().filter_map(|used| used.warning(now)) {
                    tracing::error!("{warning}");
                    reminded = Some(Instant::now());
                }
            }
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
        let (watched, asked) = (self.paths.clone(), self.guard_models.clone());
        let read = move || {
            let seen = Seen::now(&settings, &watched);
            let loaded = load(&settings, known, before.as_deref(), &asked);
            (seen, loaded)
        };
        let (seen, loaded) = tokio::task::spawn_blocking(read)
            .await
            .context("reading the policy was cut off")?;
        (self.paths, self.seen) = (seen.paths.clone(), seen.states.clone());
        let (access, model) = loaded?;
        let wanted = wanted(&access.policy);
        let paths = paths(&self.settings, &access.policy);
        let updates = access.updates;
        let guard_models = access.policy.guard_models().clone();
        let next = NextPolicy {
            policy: access.policy,
            model: model.clone(),
            policies: access.rules.authorizer,
            assessments: access.assessments,
        };
        let is_other = live.replace(next).await?;
        (self.wanted, self.model, self.updates) = (wanted, model, updates);
        self.guard_models = guard_models;
        (self.seen, self.paths) = (seen.of(&paths), paths);
        Ok(is_other)
    }
}

/// The policy as its files are now, and its networks: `known`, where it asks for the same one as `before`, and those of `asked` that are
/// the same.
fn load(
    settings: &Settings,
    known: Option<Arc<Model>>,
    before: Option<&str>,
    asked: &Models,
) -> Result<(Access, Option<Arc<Model>>)> {
    let access = Access::load(settings)?.with_guard_models(settings, asked)?;
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

/// The files that make the policy as its document is now; without those that it names if that cannot be read.
fn named(settings: &Settings) -> Vec<PathBuf> {
    match Sources::new(settings).policy() {
        Ok(policy) => paths(settings, &policy),
        Err(_) => plain(settings).collect(),
    }
}

/// The files that make `policy`.
fn paths(settings: &Settings, policy: &Policy) -> Vec<PathBuf> {
    let own = access::own_policy_files(settings, policy);
    plain(settings).chain(own).collect()
}

/// The files that the settings name.
fn plain(settings: &Settings) -> impl Iterator<Item = PathBuf> + '_ {
    let document = settings.policy.iter().chain(&settings.rules).cloned();
    let assessments = settings.access.assessments.iter().cloned();
    // Lists are read when they are needed; which update they are of is looked at here.
    let updates = update::named(settings).unwrap_or_default();
    let lists = updates
        .into_iter()
        .map(|file| settings.updates.current(file.kind).join(UpdateHead::FILE));
    document.chain(assessments).chain(lists)
}

/// What the files are like now. One that is not there has no state.
fn states(paths: &[PathBuf]) -> Vec<State> {
    let state = |path: &PathBuf| {
        let data = fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len(), data.ino()))
    };
    paths.iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_between_reading_and_the_first_look_is_seen_at_that_look() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, own) = (folder.path().join("policy.toml"), folder.path().join("own.cedar"));
        fs::write(&policy, "").unwrap();
        let text = "policy = \"policy.toml\"\n[[providers]]\nname = \"a\"\ndialect = \"openai\"\n\
                    base_url = \"http://127.0.0.1:1/v1\"\n[[models]]\nmatch = \"*\"\nprovider = \"a\"\n";
        let settings = Settings::parse(text, &folder.path().join("privet.toml")).unwrap();
        let files = |seen: &Seen| PolicyFiles::new(&settings, &Access::load(&settings).unwrap(), seen, None);
        let seen = Seen::now(&settings, &[]);
        let unchanged = files(&seen);
        assert_eq!(unchanged.seen, states(&unchanged.paths));
        // Read as it was, and then written before anybody looks again.
        fs::write(&policy, "[pii]\nthreshold = 0.4\n").unwrap();
        assert_ne!(unchanged.seen, states(&unchanged.paths));
        // A file that the document names only since it was looked at counts as changed, too.
        fs::write(&own, "").unwrap();
        fs::write(&policy, "[access]\npolicies = [\"own.cedar\"]\n").unwrap();
        let grown = files(&seen);
        assert_eq!(grown.paths.last(), Some(&own));
        assert_eq!(grown.seen.last(), Some(&None));
    }

    #[test]
    fn a_file_that_another_took_the_place_of_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, beside) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "same").unwrap();
        fs::write(&beside, "size").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options()
            .write(true)
            .open(&beside)
            .unwrap()
            .set_modified(time)
            .unwrap();
        let before = states(std::slice::from_ref(&path));
        fs::rename(&beside, &path).unwrap();
        assert_ne!(before, states(&[path]));
    }
}
