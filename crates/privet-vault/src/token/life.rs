//! How long a token lives.

use jiff::Timestamp;

use super::{NewToken, bad};
use crate::Error;
use crate::subject::{Keys, millis};

/// The times of a token, milliseconds since the epoch; a span in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it ends however it is used.
    pub(crate) final_at: Option<i64>,
    /// It ends when it was not read for so long.
    pub(crate) sliding: Option<i64>,
    /// When it ends as things stand.
    pub(crate) expires_at: Option<i64>,
}

impl Life {
    /// Of a token that is made, or whose times start anew, at `now`.
    ///
    /// # Errors
    /// [`Error::BadField`] if it would live longer than time is counted.
    pub(super) fn new(now: i64, new: &NewToken) -> Result<Self, Error> {
        let life = Self {
            final_at: new.ttl.map(|ttl| now.saturating_add(millis(ttl))),
            sliding: new.sliding.map(millis),
            expires_at: None,
        };
        let life = life.slid(now);
        let is_time = |end: i64| Timestamp::from_millisecond(end).is_ok();
        if [life.final_at, life.sliding.map(|span| now.saturating_add(span))]
            .into_iter()
            .flatten()
            .all(is_time)
        {
            Ok(life)
        } else {
            Err(bad("expiration", "a token lives too long"))
        }
    }

    /// As it stands after it was read at `now`.
    pub(super) fn slid(self, now: i64) -> Self {
        let slid = self.sliding.map(|span| now.saturating_add(span));
        Self {
            expires_at: [self.final_at, slid].into_iter().flatten().min(),
            ..self
        }
    }

    /// The keyed hash that stands beside it, so that nobody prolongs a token in the database.
    pub(crate) fn mark(self, keys: &Keys, tenant: &str, token: &str) -> [u8; 32] {
        let [last, span, end] =
            [self.final_at, self.sliding, self.expires_at].map(|time| time.unwrap_or(i64::MIN).to_le_bytes());
        keys.mark(
            "privet/vault/token-life/1",
            &[tenant.as_bytes(), token.as_bytes(), &last, &span, &end],
        )
    }
}
