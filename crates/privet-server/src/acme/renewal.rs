//! When a certificate is renewed: when the authority suggests it (ARI, RFC 9773), or after two thirds of its time.

use std::sync::PoisonError;
use std::time::Duration;

use instant_acme::CertificateIdentifier;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::{Acme, Issued};

/// Longest wait for what the authority suggests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Shortest and longest time until it is asked again.
const AGAIN: [SignedDuration; 2] = [SignedDuration::from_hours(1), SignedDuration::from_hours(24)];

/// What the authority suggests for the certificate in use.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// When to renew it.
    at: Option<Timestamp>,
    /// When to ask again.
    ask_at: Option<Timestamp>,
    /// Whether it wants to be told what a new one replaces.
    is_offered: bool,
}

impl Acme {
    /// When `issued` is to be renewed. No suggestion puts that past seven eighths of its time.
    pub(super) fn renew_at(&self, issued: &Issued) -> Timestamp {
        let facts = &issued.facts;
        let after = |parts_of_24: i32| {
            let time = facts.lifetime() / 24 * parts_of_24;
            facts.from.saturating_add(time).unwrap_or(facts.until)
        };
        let renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        match renewal.at {
            None => after(16),
            Some(at) => at.min(after(21)),
        }
    }

    /// Asks the authority what it suggests, if it is time to. Without an answer it stays with two thirds.
    pub(super) async fn ask_when(&self, issued: &Issued, now: Timestamp) {
        let is_time = {
            let renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
            renewal.ask_at.is_none_or(|at| at <= now)
        };
        if !is_time {
            return;
        }
        let answer = match identifier(issued) {
            Some(id) => timeout(PATIENCE, self.suggestion(issued, id))
                .await
                .ok()
                .flatten(),
            None => None,
        };
        let [least, most] = AGAIN;
        let mut renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = match answer {
            Some((at, again)) => {
                (renewal.at, renewal.is_offered) = (Some(at), true);
                again.clamp(least, most)
            }
            None => most,
        };
        renewal.ask_at = now.saturating_add(pause).ok();
    }

    /// What a certificate that is obtained now replaces, where the authority wants to know.
    pub(super) fn replaced(&self) -> Option<CertificateIdentifier<'static>> {
        let is_offered = self
            .renewal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_offered;
        self.issued()
            .filter(|_| is_offered)
            .and_then(|issued| identifier(&issued))
    }

    /// A time in the window that the authority suggests, the same on every node, and when to ask again.
    async fn suggestion(
        &self,
        issued: &Issued,
        id: CertificateIdentifier<'static>,
    ) -> Option<(Timestamp, SignedDuration)> {
        let account = self.known_account().await.ok()??;
        let (info, again) = account.renewal_info(&id).await.ok()?;
        let at = |time: i64| Timestamp::from_second(time).ok();
        let start = at(info.suggested_window.start.unix_timestamp())?;
        let end = at(info.suggested_window.end.unix_timestamp())?;
        let window = end.duration_since(start);
        if window.is_negative() {
            return None;
        }
        // Spread over the certificates of all installations: a hash is as good as chance.
        let [place, ..] = issued.facts.hash;
        let at = start.saturating_add(window / 256 * i32::from(place)).ok()?;
        Some((at, SignedDuration::try_from(again).ok()?))
    }
}

/// As RFC 9773, 4.1 names a certificate.
fn identifier(issued: &Issued) -> Option<CertificateIdentifier<'static>> {
    let authority = issued.facts.authority_key.as_deref()?;
    let id = CertificateIdentifier::new(authority.into(), issued.facts.serial.as_slice().into());
    Some(id.into_owned())
}
