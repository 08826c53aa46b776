//! Failures to sign in, and how long they lock.

use jiff::Timestamp;

use super::{SignInChange, tell};
use crate::sql::Tx;
use crate::{Error, Store, values};

/// After how many failures one behind the other how long nobody gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// Failures that cost nothing.
    pub free: u32,
    /// How long the next one locks, in milliseconds; each one after it locks twice as long.
    pub first_ms: i64,
    /// The longest that one locks.
    pub longest_ms: i64,
    /// Failures after which it is locked until somebody unlocks it.
    pub most: Option<u32>,
    /// After how long without a failure all are forgotten.
    pub forget_ms: Option<i64>,
}

/// Whose failures are counted: a keyed hash, whole or cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter(pub Vec<u8>);

/// What became of an attempt that was to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It counts as a failure until it is settled.
    Open {
        /// Failures of the person before it.
        failures: u32,
        /// Until when it locks the person, in milliseconds since 1970; 0 if it does not.
        person_until: i64,
        /// Until when it locks the address, in milliseconds since 1970; 0 if it does not.
        address_until: i64,
    },
    /// The person is locked, and the attempt must fail.
    PersonLocked,
    /// Too many failures came from the address.
    AddressLocked {
        /// Until when.
        until: Timestamp,
    },
}

/// Locked until somebody unlocks it.
const FOR_GOOD: i64 = i64::MAX;

impl BackOff {
    /// How long `failures` one behind the other lock from the last one on, in milliseconds.
    #[must_use]
    pub fn lock_ms(&self, failures: u32) -> Option<i64> {
        if self.most.is_some_and(|most| failures >= most) {
            return Some(FOR_GOOD);
        }
        let beyond = failures.checked_sub(self.free)?.checked_sub(1)?;
        let doubled = 1_i64.checked_shl(beyond.min(40)).unwrap_or(i64::MAX);
        Some(self.first_ms.saturating_mul(doubled).min(self.longest_ms))
    }
}

/// A row of `sign_in_failures`.
struct Row {
    failures: u32,
    last_at: i64,
    locked_until: i64,
}

impl Store {
    /// Begins an attempt of a person, and of an address if those are counted: it counts as a failure at once, so that attempts at the
    /// same time pass no limit together. Of a lock that begins here the log is told.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn begin_sign_in(
        &self,
        person: (&Counter, BackOff),
        address: Option<(&Counter, BackOff)>,
        change: &SignInChange,
    ) -> Result<Begun, Error> {
        let person = (person.0.clone(), person.1);
        let address = address.map(|(counter, rule)| (counter.clone(), rule));
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let now = change.at.as_millisecond();
                // Always the person first, so that no two wait for each other.
                let of_person = hold(tx, &person.0, person.1, now).await?;
                let mut address_until = 0;
                if let Some((counter, rule)) = &address {
                    let of_address = hold(tx, counter, *rule, now).await?;
                    if of_address.locked_until > now {
                        let until = Timestamp::from_millisecond(of_address.locked_until);
                        return Ok(Begun::AddressLocked {
                            until: until.unwrap_or(Timestamp::MAX),
                        });
                    }
                    address_until = count(tx, counter, *rule, &of_address, now).await?;
                    if address_until > 0 {
                        let change = SignInChange {
                            principal: None,
                            count: Some(u64::from(of_address.failures) + 1),
                            ..change.clone()
                        };
                        tell(tx, "address_locked", &change).await?;
                    }
                }
                if of_person.locked_until > now {
                    return Ok(Begun::PersonLocked);
                }
                let person_until = count(tx, &person.0, person.1, &of_person, now).await?;
                if person_until > 0 {
                    let change = SignInChange {
                        count: Some(u64::from(of_person.failures) + 1),
                        ..change.clone()
                    };
                    tell(tx, "person_locked", &change).await?;
                }
                Ok(Begun::Open {
                    failures: of_person.failures,
                    person_until,
                    address_until,
                })
            })
        })
        .await
    }

    /// An attempt that [`begin_sign_in`](Self::begin_sign_in) began came to a good end: the person's failures are forgotten, the
    /// address has one less, and is not locked by it.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn settle_sign_in(
        &self,
        person: &Counter,
        address: Option<&Counter>,
        begun: &Begun,
    ) -> Result<(), Error> {
        let (person, address) = (person.clone(), address.cloned());
        let Begun::Open { address_until, .. } = *begun else {
            return Ok(());
        };
        self.write(move |tx| {
            Box::pin(async move {
                forget(tx, &person).await?;
                if let Some(address) = address {
                    uncount(tx, &address, address_until).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// An attempt that [`begin_sign_in`](Self::begin_sign_in) began was not looked at, or may not come to an end: the person and the
    /// address have one failure less, and are not locked by it.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn take_back_sign_in(
        &self,
        person: &Counter,
        address: Option<&Counter>,
        begun: &Begun,
    ) -> Result<(), Error> {
        let (person, address) = (person.clone(), address.cloned());
        let Begun::Open {
            person_until,
            address_until,
            ..
        } = *begun
        else {
            return Ok(());
        };
        self.write(move |tx| {
            Box::pin(async move {
                uncount(tx, &person, person_until).await?;
                if let Some(address) = address {
                    uncount(tx, &address, address_until).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Forgets the failures of all of `counters`, and tells the log. Returns whether there were any.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn unlock_sign_in(&self, counters: &[Counter], change: &SignInChange) -> Result<bool, Error> {
        let (counters, change) = (counters.to_vec(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let mut forgotten = 0;
                for counter in &counters {
                    forgotten += forget(tx, counter).await?;
                }
                if forgotten > 0 {
                    tell(tx, "person_unlocked", &change).await?;
                }
                Ok(forgotten > 0)
            })
        })
        .await
    }
}

/// The row of `counter`, which nobody else changes before this transaction ends.
async fn hold(tx: &mut Tx, counter: &Counter, rule: BackOff, now: i64) -> Result<Row, Error> {
    let sql = "INSERT INTO sign_in_failures (counter, failures, last_at, locked_until) VALUES ($1, 0, $2, 0) \
               ON CONFLICT (counter) DO UPDATE SET counter = excluded.counter \
               RETURNING failures, last_at, locked_until";
    let (failures, last_at, locked_until) = tx
        .one::<(i64, i64, i64)>(sql, values![counter.0.as_slice(), now])
        .await?;
    let is_old = rule
        .forget_ms
        .is_some_and(|forget| now.saturating_sub(last_at) > forget);
    Ok(Row {
        failures: if is_old {
            0
        } else {
            u32::try_from(failures).unwrap_or(u32::MAX)
        },
        last_at,
        locked_until,
    })
}

/// Counts one failure more than `row` has. Returns until when it locks, or 0.
async fn count(tx: &mut Tx, counter: &Counter, rule: BackOff, row: &Row, now: i64) -> Result<i64, Error> {
    let failures = row.failures.saturating_add(1);
    let lock = rule.lock_ms(failures);
    let until = lock.map_or(0, |ms| now.saturating_add(ms));
    let sql = "UPDATE sign_in_failures SET failures = $2, last_at = $3, locked_until = $4 WHERE counter = $1";
    let row = values![counter.0.as_slice(), failures, now.max(row.last_at), until];
    tx.execute(sql, row).await?;
    Ok(until)
}

/// Counts one failure less: that which locked until `until`.
async fn uncount(tx: &mut Tx, counter: &Counter, until: i64) -> Result<(), Error> {
    let sql = "UPDATE sign_in_failures SET failures = failures - 1, \
               locked_until = CASE WHEN locked_until = $2 THEN 0 ELSE locked_until END \
               WHERE counter = $1 AND failures > 0";
    tx.execute(sql, values![counter.0.as_slice(), until])
        .await
        .map(drop)
}

/// Returns how many rows there were.
pub(super) async fn forget(tx: &mut Tx, counter: &Counter) -> Result<u64, Error> {
    let sql = "DELETE FROM sign_in_failures WHERE counter = $1";
    tx.execute(sql, values![counter.0.as_slice()]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_past_the_free_ones_locks_twice_as_long_up_to_a_bound() {
        let rule = BackOff {
            free: 2,
            first_ms: 30,
            longest_ms: 100,
            most: Some(7),
            forget_ms: None,
        };
        let locks: Vec<Option<i64>> = (0..8).map(|failures| rule.lock_ms(failures)).collect();
        let good = Some(FOR_GOOD);
        assert_eq!(
            locks,
            [None, None, None, Some(30), Some(60), Some(100), Some(100), good]
        );
        assert_eq!(BackOff { most: None, ..rule }.lock_ms(u32::MAX), Some(100));
    }
}
