//! Telling others of changes of a request's status: what waits, and how telling it went. Sending is the server's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use privet_store::values;
use serde::Serialize;
use serde_json::Value;

use super::Requests;
use crate::{Actor, Error, Vault};

/// Most callbacks that one call returns.
const MOST: u32 = 200;
/// How often a callback is tried. With the pauses between the tries: for about a day.
const TRIES: i64 = 12;
/// The pause after the first try; each further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(6);

/// How telling others of a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Not all were told yet.
    Waiting,
    /// All were told.
    Told,
    /// Somebody could not be told, and is not tried any more.
    GivenUp,
}

/// That somebody wants to be told of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    /// The request's id.
    pub request: String,
    /// The step's number.
    pub seq: u64,
    /// Whom to tell: the URLs that were not told yet, by their place in the request.
    pub urls: BTreeMap<u8, String>,
    /// Those of `urls` that were not told an earlier step of the request yet. They are not to be told this one before.
    pub held: BTreeSet<u8>,
    /// What to tell them, as OpenDSR shapes it.
    pub body: Value,
    /// How often it was tried.
    tries: i64,
    told_urls: i64,
}

/// That nobody can be told of a change, because the row of its request is not what was written, or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedCallback {
    /// The request's id.
    pub request: String,
    /// The step's number.
    pub seq: u64,
    tries: i64,
}

/// Callbacks that are due.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DueCallbacks {
    /// Who is to be told, oldest first; the steps of one request in their order.
    pub ready: Vec<Callback>,
    /// What cannot be told.
    pub damaged: Vec<DamagedCallback>,
}

/// Request, number, status, tries, who was told, when it is due.
type Waiting = (String, i64, String, i64, i64, i64);

impl CallbackState {
    pub(super) const fn stored(is_told: i64) -> Self {
        match is_told {
            0 => Self::Waiting,
            1 => Self::Told,
            _ => Self::GivenUp,
        }
    }

    const fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Told => 1,
            Self::GivenUp => 2,
        }
    }
}

/// How long after try number `tries`, from 1, the next one is.
fn pause(tries: i64) -> SignedDuration {
    let doublings = u32::try_from(tries - 1).unwrap_or_default().min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

impl Requests {
    /// Who is to be told of which change now: of the 200 changes that are due longest. Requests whose rows are damaged are
    /// named, and keep nobody else from being told.
    ///
    /// # Errors
    /// Those of the store and of the keyring.
    pub async fn callbacks(&self, actor: &Actor) -> Result<DueCallbacks, Error> {
        let (tenant, now) = (actor.tenant.clone(), self.vault.now().as_millisecond());
        // Steps of the same requests that are not due yet, too: a later one waits for them.
        let rows: Vec<Waiting> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT request, seq, status, tries, told_urls, next_at FROM subject_request_steps \
                         WHERE tenant = $1 AND is_told = 0 AND request IN (SELECT request FROM \
                         subject_request_steps WHERE tenant = $1 AND is_told = 0 AND next_at <= $2 \
                         ORDER BY at, request, seq LIMIT {MOST}) ORDER BY at, request, seq"
                    );
                    Ok(tx.rows(sql, values![tenant.as_str(), now]).await?)
                })
            })
            .await?;
        let (mut due, mut late) = (DueCallbacks::default(), BTreeMap::<_, BTreeSet<u8>>::new());
        for (id, seq, status, tries, told_urls, next_at) in rows {
            let is_due = next_at <= now;
            let request = match self.row(actor, &id).await {
                Ok(row) => row.case.request,
                Err(Error::Damaged { .. } | Error::Absent { .. }) => {
                    due.damaged.extend(is_due.then_some(DamagedCallback {
                        request: id,
                        seq: seq.unsigned_abs(),
                        tries,
                    }));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut body = request.open_dsr(actor.tenant.as_str());
            if let Some(body) = body.as_object_mut() {
                // What it was then, which need not be what it is now. The number tells the order in which they belong.
                body.insert("request_status".to_owned(), Value::String(status));
                body.insert("step".to_owned(), seq.into());
            }
            let places = (0..u8::MAX).zip(request.callbacks);
            let urls: BTreeMap<u8, String> =
                places.filter(|(place, _)| told_urls & bit(*place) == 0).collect();
            let late = late.entry(id.clone()).or_default();
            if !is_due {
                late.extend(urls.into_keys());
                continue;
            }
            due.ready.push(Callback {
                request: id,
                seq: seq.unsigned_abs(),
                held: urls
                    .keys()
                    .copied()
                    .filter(|place| late.contains(place))
                    .collect(),
                urls,
                body,
                tries,
                told_urls,
            });
        }
        Ok(due)
    }

    /// Puts a callback off that cannot be told, as one that did not arrive: it is looked at again later, and given up at the
    /// end. `None` if another node did so first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put_off_callback(
        &self,
        actor: &Actor,
        damaged: &DamagedCallback,
    ) -> Result<Option<CallbackState>, Error> {
        let tries = damaged.tries;
        let state = if tries + 1 >= TRIES {
            CallbackState::GivenUp
        } else {
            CallbackState::Waiting
        };
        let next = self.next_try(tries + 1);
        let (tenant, request) = (actor.tenant.clone(), damaged.request.clone());
        let seq = i64::try_from(damaged.seq).unwrap_or(i64::MAX);
        let changed = self
            .vault
            .store
            .database()
            .write::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE subject_request_steps SET is_told = $1, tries = $2, next_at = $3 \
                               WHERE tenant = $4 AND request = $5 AND seq = $6 AND is_told = 0 AND tries = $7";
                    let values = values![state.number(), tries + 1, next, tenant.as_str(), request, seq, tries];
                    Ok(tx.execute(sql, values).await?)
                })
            })
            .await?;
        Ok((changed == 1).then_some(state))
    }

    /// When a callback is due again that is tried for the time `tries` now.
    fn next_try(&self, tries: i64) -> i64 {
        let next = self.vault.now().saturating_add(pause(tries));
        next.map_or(i64::MAX, |next| next.as_millisecond())
    }

    /// Takes `callback` to be tried now, so that no other node does. Says whether it could. Whoever takes it and ends before
    /// it says how it went has used up a try.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn take_callback(&self, actor: &Actor, callback: &mut Callback) -> Result<bool, Error> {
        let (tenant, request, seq) = (actor.tenant.clone(), callback.request.clone(), seq(callback));
        let tries = callback.tries;
        let next = self.next_try(tries + 1);
        let taken = self
            .vault
            .store
            .database()
            .write::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE subject_request_steps SET tries = $1, next_at = $2 WHERE tenant = $3 \
                               AND request = $4 AND seq = $5 AND is_told = 0 AND tries = $6";
                    let values = values![tries + 1, next, tenant.as_str(), request, seq, tries];
                    Ok(tx.execute(sql, values).await?)
                })
            })
            .await?;
        callback.tries += i64::from(taken == 1);
        Ok(taken == 1)
    }

    /// That those at the places `told` of `callback`, which was taken before, have been told. Says where it stands now.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is nothing to tell them.
    pub async fn settle_callback(
        &self,
        actor: &Actor,
        callback: &Callback,
        told: &BTreeSet<u8>,
    ) -> Result<CallbackState, Error> {
        let state = if callback.urls.keys().all(|place| told.contains(place)) {
            CallbackState::Told
        } else if callback.tries >= TRIES {
            CallbackState::GivenUp
        } else {
            CallbackState::Waiting
        };
        let told_urls = told
            .iter()
            .fold(callback.told_urls, |bits, place| bits | bit(*place));
        let (tenant, request, seq) = (actor.tenant.clone(), callback.request.clone(), seq(callback));
        self.vault
            .store
            .database()
            .write::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE subject_request_steps SET is_told = $1, told_urls = told_urls | $2 \
                               WHERE tenant = $3 AND request = $4 AND seq = $5 AND is_told = 0";
                    let values = values![state.number(), told_urls, tenant.as_str(), request, seq];
                    match tx.execute(sql, values).await? {
                        0 => Err(Error::Absent { what: "callback" }),
                        _ => Ok(state),
                    }
                })
            })
            .await
    }
}

fn seq(callback: &Callback) -> i64 {
    i64::try_from(callback.seq).unwrap_or(i64::MAX)
}

/// The bit of the URL at `place`; a request has 16 at most.
fn bit(place: u8) -> i64 {
    1_i64.checked_shl(place.into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_tried_for_about_a_day() {
        let pauses: Vec<i64> = (1..TRIES).map(|tries| pause(tries).as_mins()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
        assert_eq!(pauses.iter().sum::<i64>() / 60, 20);
    }
}
