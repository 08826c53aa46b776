//! All callers and models, within a bounded memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::ModelProfile;
use crate::observation::{Observation, Reply};
use crate::profile::Profile;
use crate::{Alert, Standing, WatchConfig, Watched, stats};

/// Most versions of models that are remembered.
const MOST_MODELS: usize = 256;
/// The share of callers that is forgotten at once when there are too many: one in so many.
const FORGOTTEN: usize = 16;

/// What is usual of everybody, and what is not. No clock: the time comes with what is seen, and the same observations in the same
/// order lead to the same alerts. O(log n) for one; some 2 KiB for a caller, of whom `most_callers` are remembered.
#[derive(Debug)]
pub struct Watcher {
    config: WatchConfig,
    /// Seconds east of Greenwich.
    utc_offset: i32,
    /// The threshold of sums over days.
    threshold: f64,
    callers: BTreeMap<Watched, Profile>,
    models: BTreeMap<Watched, ModelProfile>,
}

/// What is kept of one caller or model over a restart: numbers under pseudonyms. Seal it: it tells when somebody works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Of whom.
    pub who: Watched,
    /// The numbers, as JSON.
    pub json: Vec<u8>,
}

/// What [`Snapshot`] holds as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Caller(Box<Profile>),
    Model(Box<ModelProfile>),
}

/// A snapshot that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("what was learnt of a caller cannot be read; delete it, and it is learnt anew")]
pub struct BadSnapshot(#[from] serde_json::Error);

impl Watcher {
    /// One that knows nothing yet. `utc_offset`: seconds east of Greenwich, for times of day.
    #[must_use]
    pub fn new(config: WatchConfig, utc_offset: i32) -> Self {
        Self {
            threshold: stats::threshold_for(0.5, config.run_length_days),
            config,
            utc_offset,
            callers: BTreeMap::new(),
            models: BTreeMap::new(),
        }
    }

    /// Goes by `config` from now on, and by local time at `utc_offset`. What was learnt stays.
    pub fn go_by(&mut self, config: WatchConfig, utc_offset: i32) {
        self.threshold = stats::threshold_for(0.5, config.run_length_days);
        self.config = config;
        self.utc_offset = utc_offset;
    }

    /// What it goes by.
    #[must_use]
    pub const fn config(&self) -> &WatchConfig {
        &self.config
    }

    /// Takes in one request, and says what is unusual about it.
    pub fn observe(&mut self, seen: &Observation) -> Vec<Alert> {
        if !self.callers.contains_key(&seen.who) {
            self.make_room();
        }
        let second = seen.at.as_second() + i64::from(self.utc_offset);
        self.callers
            .entry(seen.who)
            .or_default()
            .observe(seen, second, &self.config, self.threshold)
    }

    /// Takes in one reply, and says what has changed about its model.
    pub fn observe_reply(&mut self, reply: &Reply) -> Vec<Alert> {
        if !self.models.contains_key(&reply.model)
            && self.models.len() >= MOST_MODELS
            && let Some(oldest) = self.models.iter().min_by_key(|(_, model)| model.last_second)
        {
            let oldest = *oldest.0;
            self.models.remove(&oldest);
        }
        self.models
            .entry(reply.model)
            .or_default()
            .observe(reply, self.config.quiet_hours)
    }

    /// How far `who` is known; `None` if it was never seen.
    #[must_use]
    pub fn standing(&self, who: Watched) -> Option<Standing> {
        self.callers
            .get(&who)
            .map(|profile| profile.standing(&self.config))
    }

    /// How many callers are known.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.callers.len()
    }

    /// What changed since the last call, to be kept.
    pub fn changed(&mut self) -> Vec<Snapshot> {
        let mut all = Vec::new();
        let mut keep = |who: Watched, kept: &Kept| {
            // Numbers only: there is nothing in them that JSON cannot hold.
            if let Ok(json) = serde_json::to_vec(kept) {
                all.push(Snapshot { who, json });
            }
        };
        for (who, profile) in self.callers.iter_mut().filter(|(_, profile)| profile.is_dirty) {
            profile.is_dirty = false;
            keep(*who, &Kept::Caller(Box::new(profile.clone())));
        }
        for (who, model) in self.models.iter_mut().filter(|(_, model)| model.is_dirty) {
            model.is_dirty = false;
            keep(*who, &Kept::Model(Box::new(model.clone())));
        }
        all
    }

    /// Goes on from what was kept, but for callers who were not seen for 60 days before `now`. What is known already stays.
    ///
    /// # Errors
    /// [`BadSnapshot`] if it is none of [`Self::changed`].
    pub fn restore(&mut self, snapshot: &Snapshot, now: Timestamp) -> Result<(), BadSnapshot> {
        let hour = (now.as_second() + i64::from(self.utc_offset)).div_euclid(3600);
        match serde_json::from_slice(&snapshot.json)? {
            Kept::Caller(profile) if hour - profile.last_hour < 60 * 24 => {
                self.make_room();
                self.callers.entry(snapshot.who).or_insert(*profile);
            }
            Kept::Caller(_) => {}
            Kept::Model(model) => {
                if self.models.len() < MOST_MODELS {
                    self.models.entry(snapshot.who).or_insert(*model);
                }
            }
        }
        Ok(())
    }

    fn make_room(&mut self) {
        let most = self.config.most_callers as usize;
        if self.callers.len() < most {
            return;
        }
        let mut by_age: Vec<(i64, Watched)> = self
            .callers
            .iter()
            .map(|(who, profile)| (profile.last_hour, *who))
            .collect();
        by_age.sort_unstable();
        for (_, who) in by_age.into_iter().take(most.div_ceil(FORGOTTEN)) {
            self.callers.remove(&who);
        }
    }
}
