//! The task that looks at what was seen: alerts, what is done about them, and what is learnt over a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use privet_store::{AlertRecord, HeldCaller, Store, WatchState};
use privet_types::TenantId;
use privet_watch::incident::IncidentState;
use privet_watch::{Alert, Labels, Observation, Reply, Response, Snapshot, Watched};

use super::{AlertOutbox, MOST_NETWORKS, Seen, Watch, network, short};
use crate::gateway::Gateway;
use crate::incidents::{IncidentError, Incidents, Opening};

/// How many rounds lie between two times at which what was learnt is saved.
const ROUNDS_A_SAVE: u32 = 60;
/// Alerts that wait for a store that does not answer.
const MOST_KEPT: usize = 1024;
/// Alerts of one kind about one caller within so many hours belong to one incident.
const HOURS_OF_AN_INCIDENT: i64 = 24;

/// What this task alone knows.
struct Round<'g> {
    gateway: &'g Gateway,
    store: &'g Store,
    incidents: Incidents,
    outbox: AlertOutbox,
    networks: BTreeMap<[u8; 7], u64>,
    /// Of the hashes in alerts.
    names: HashMap<u64, String>,
    unsaved: Vec<Unsaved>,
    /// The incidents that alerts opened of late, by tenant, kind, and whom they are about.
    opened: BTreeMap<(TenantId, &'static str, String), (String, Timestamp)>,
    is_failing: bool,
    unseen: u64,
}

/// An alert that is not in the store yet.
struct Unsaved {
    record: AlertRecord,
    /// The incident that it is to open or join; `None` once it has, or where it needs none.
    opening: Option<Opening>,
}

impl Gateway {
    /// Looks every `every` at what was seen, and once more at the end; tells of what is unusual, and holds who the policy says.
    /// Callers who are held on another node are held here a round later.
    pub async fn keep_watch(
        &self,
        store: &Store,
        outbox: AlertOutbox,
        every: Duration,
        stopped: impl Future<Output = ()>,
    ) {
        // Alerts and incidents are there where nobody watches, too.
        self.watch.store.get_or_init(|| store.clone());
        let mut round = Round {
            gateway: self,
            store,
            incidents: Incidents::new(store.clone(), &self.root),
            outbox,
            networks: BTreeMap::new(),
            names: HashMap::new(),
            unsaved: Vec::new(),
            opened: BTreeMap::new(),
            is_failing: false,
            unseen: 0,
        };
        round.restore().await;
        let mut stopped = std::pin::pin!(stopped);
        let mut rounds = 0_u32;
        loop {
            let has_ended = tokio::select! {
                () = tokio::time::sleep(every) => false,
                () = &mut stopped => true,
            };
            round.look().await;
            rounds = rounds.wrapping_add(1);
            if has_ended || rounds.is_multiple_of(ROUNDS_A_SAVE) {
                round.save().await;
            }
            if has_ended {
                return;
            }
        }
    }
}

impl Round<'_> {
    fn watch(&self) -> &Watch {
        &self.gateway.watch
    }

    /// Goes on from what was learnt before.
    async fn restore(&self) {
        let now = self.gateway.clock.now();
        let states = match self.store.watch_states(self.gateway.spool.node()).await {
            Ok(states) => states,
            Err(error) => {
                tracing::warn!(%error, "what was learnt of callers cannot be read; it is learnt anew");
                return;
            }
        };
        let mut unreadable = 0_u32;
        let mut watcher = self
            .watch()
            .watcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for state in states {
            let opened = self.watch().states.open(state.who.as_bytes(), &state.sealed);
            let who = u128::from_str_radix(&state.who, 16);
            let restored = match (opened, who) {
                (Ok(json), Ok(who)) => {
                    let snapshot = Snapshot {
                        who: Watched(who),
                        json: json.to_vec(),
                    };
                    watcher.restore(&snapshot, now).is_ok()
                }
                _ => false,
            };
            unreadable += u32::from(!restored);
        }
        if unreadable > 0 {
            tracing::warn!(
                unreadable,
                "some of what was learnt of callers cannot be read; it is learnt anew"
            );
        }
    }

    async fn save(&self) {
        let changed = {
            let mut watcher = self
                .watch()
                .watcher
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            watcher.changed()
        };
        let sealed = |snapshot: Snapshot| {
            let who = format!("{:032x}", snapshot.who.0);
            let sealed = self.watch().states.seal(who.as_bytes(), &snapshot.json).ok()?;
            Some(WatchState { who, sealed })
        };
        let states = changed.into_iter().filter_map(sealed).collect();
        let at = self.gateway.clock.now();
        let saved = self
            .store
            .save_watch_states(self.gateway.spool.node(), states, at)
            .await;
        if let Err(error) = saved {
            tracing::warn!(%error, "what was learnt of callers cannot be saved; a restart would learn it anew");
        }
    }

    async fn look(&mut self) {
        let mut alerts = Vec::new();
        for seen in self.watch().take() {
            self.see(seen, &mut alerts);
        }
        for (tenant, model, alert) in alerts {
            self.raise(tenant, model, &alert);
        }
        // Held before it is told: whoever sees the alert sees it done.
        self.hold().await;
        let waiting = std::mem::take(&mut self.unsaved);
        for mut unsaved in waiting {
            if let Err(error) = self.keep(&mut unsaved).await {
                tracing::error!(%error, alert = unsaved.record.id, "an alert cannot be stored; it is tried again");
                if self.unsaved.len() < MOST_KEPT {
                    self.unsaved.push(unsaved);
                }
            }
        }
        let unseen = self.watch().unseen();
        if unseen > self.unseen {
            let missed = unseen - self.unseen;
            tracing::warn!(missed, "the watch missed requests, because too many waited");
            self.unseen = unseen;
        }
    }

    fn see(&mut self, seen: Seen, alerts: &mut Vec<(TenantId, Option<String>, Alert)>) {
        let watch = &self.gateway.watch;
        let tenant_of_hash = |name: &str| short(&watch.names, &[name.as_bytes()]);
        match seen {
            Seen::Request(seen) => {
                let network = seen.address.map(|address| {
                    let network = network(address);
                    if self.networks.len() >= MOST_NETWORKS {
                        self.networks.clear();
                    }
                    *self
                        .networks
                        .entry(network)
                        .or_insert_with(|| short(&watch.names, &[b"network", &network]))
                });
                let key = tenant_of_hash(&seen.key_id);
                let observation = Observation {
                    at: seen.at,
                    who: Watched(seen.who),
                    key,
                    network,
                    model: seen.model.as_deref().map(tenant_of_hash),
                    is_denied: seen.is_denied,
                    values: seen.values,
                    bytes: seen.bytes,
                    sketch: seen.sketch,
                };
                let told = {
                    let mut watcher = watch.watcher.lock().unwrap_or_else(PoisonError::into_inner);
                    watcher.observe(&observation)
                };
                if !told.is_empty() && self.names.len() < MOST_NETWORKS {
                    self.names.insert(key, seen.key_id);
                }
                alerts.extend(told.into_iter().map(|alert| (seen.tenant.clone(), None, alert)));
            }
            Seen::Reply(seen) => {
                let hash = watch.names.hash(&[b"model", seen.model.as_bytes()]);
                let model = hash.first_chunk().map_or(0, |first| u128::from_be_bytes(*first));
                let told = {
                    let mut watcher = watch.watcher.lock().unwrap_or_else(PoisonError::into_inner);
                    watcher.observe_reply(&Reply {
                        at: seen.at,
                        model: Watched(model),
                        is_error: seen.is_error,
                        is_refusal: seen.is_refusal,
                        bytes: seen.bytes,
                        has_leftover: seen.has_leftover,
                    })
                };
                let name = seen.model;
                alerts.extend(
                    told.into_iter()
                        .map(|alert| (seen.tenant.clone(), Some(name.clone()), alert)),
                );
            }
        }
    }

    fn raise(&mut self, tenant: TenantId, model: Option<String>, alert: &Alert) {
        let action = {
            let watcher = self
                .watch()
                .watcher
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            watcher.config().action_for(alert.rule, alert.severity).cloned()
        };
        let action = action.as_ref();
        let is_of_caller = !alert.rule.is_of_model();
        let response = action.map_or(Response::Alert, |action| action.action);
        let response = if is_of_caller { response } else { Response::Alert };
        let held_until = action.filter(|_| response != Response::Alert).and_then(|action| {
            let minutes = SignedDuration::from_mins(i64::from(action.minutes));
            alert.at.checked_add(minutes).ok()
        });
        let Ok(bytes) = privet_crypto::random::<8>() else {
            tracing::error!("an alert is lost: there are no random bytes for its id");
            return;
        };
        let labels = Labels {
            id: format!("{:016x}", u64::from_be_bytes(bytes)),
            tenant: tenant.to_string(),
            who: model.unwrap_or_else(|| format!("{:032x}", alert.who.0)),
            key: alert.key.and_then(|key| self.names.get(&key).cloned()),
            response,
        };
        tracing::warn!(
            alert = labels.id,
            %tenant,
            rule = alert.rule.name(),
            severity = alert.severity.name(),
            who = labels.who,
            response = response.name(),
            "alert"
        );
        let finding = alert.to_ocsf(&labels);
        let record = AlertRecord {
            tenant,
            id: labels.id,
            at: alert.at,
            rule: alert.rule.name().to_owned(),
            severity: alert.severity.name().to_owned(),
            who: labels.who,
            key_id: labels.key,
            finding: finding.to_string(),
            response: response.name().to_owned(),
            requests: if response == Response::Throttle {
                action.map_or(0, |action| action.requests)
            } else {
                0
            },
            held_until,
            lifted_at: None,
            closed_at: None,
            incident: None,
        };
        let opening = action
            .is_some_and(|action| action.incident)
            .then(|| Opening::of_alert(alert.rule, &record, alert.explanation()));
        self.outbox.tell(alert.severity, &finding);
        self.unsaved.push(Unsaved { record, opening });
    }

    /// Stores an alert, and before it the incident that it opens. Can be tried again if the store does not answer.
    async fn keep(&mut self, unsaved: &mut Unsaved) -> Result<(), privet_store::Error> {
        if let Some(opening) = &unsaved.opening {
            let opened = self.incident_for(opening, &unsaved.record).await;
            match opened {
                Ok(id) => unsaved.record.incident = Some(id),
                Err(IncidentError::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(%error, alert = unsaved.record.id, "no incident could be opened for an alert");
                }
            }
            unsaved.opening = None;
        }
        self.store.insert_alert(&unsaved.record).await
    }

    /// The incident that an alert of the same kind about the same caller opened within a day, if it is neither resolved nor closed;
    /// else a new one.
    async fn incident_for(
        &mut self,
        opening: &Opening,
        record: &AlertRecord,
    ) -> Result<String, IncidentError> {
        self.opened
            .retain(|_, (_, at)| record.at.duration_since(*at).as_hours() < HOURS_OF_AN_INCIDENT);
        let about = (record.tenant.clone(), opening.kind.name(), record.who.clone());
        let known = self.opened.get(&about).map(|(id, _)| id.clone());
        if let Some(id) = known
            && self.is_under_way(&record.tenant, &id).await?
        {
            return Ok(id);
        }
        let opening = opening.clone();
        let id = self.incidents.open(&record.tenant, opening, record.at).await?;
        self.opened.insert(about, (id.clone(), record.at));
        Ok(id)
    }

    async fn is_under_way(&self, tenant: &TenantId, id: &str) -> Result<bool, IncidentError> {
        let incident = self.store.incident(tenant, id).await?;
        let is =
            |state: &str| state == IncidentState::Open.name() || state == IncidentState::Contained.name();
        Ok(incident.is_some_and(|incident| is(&incident.state)))
    }

    /// Takes over who is held, by this node or another. While the store does not answer those who were held stay so, and those
    /// whose alerts wait for it are held too.
    async fn hold(&mut self) {
        let now = self.gateway.clock.now();
        let stored = self.store.held_callers(now).await;
        let waiting = self.unsaved.iter().filter_map(|unsaved| held(&unsaved.record));
        match stored {
            Ok(mut callers) => {
                callers.extend(waiting);
                self.is_failing = false;
                self.watch().hold(callers, now);
            }
            Err(error) => {
                let waiting = waiting.collect();
                if !self.is_failing {
                    self.is_failing = true;
                    tracing::warn!(%error, "who is held cannot be read; those who were stay so");
                }
                self.watch().hold_too(waiting, now);
            }
        }
    }
}

fn held(record: &AlertRecord) -> Option<HeldCaller> {
    let until: Timestamp = record.held_until?;
    Some(HeldCaller {
        tenant: record.tenant.clone(),
        who: record.who.clone(),
        response: record.response.clone(),
        requests: record.requests,
        until,
        alert: record.id.clone(),
    })
}
