//! Certificates that an authority issues (ACME, RFC 8555): obtained once for all nodes, kept sealed in the store, renewed in time.
//!
//! Serving never waits for it. Which node obtains a certificate is decided in the store; which nodes use it: all of them.

mod authority;
mod certificate;
mod challenge;
mod order;
mod renewal;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use privet_crypto::{RootKey, SealingKey};
use privet_policy::AcmeSettings;
use privet_store::{AcmeChallenge, AcmeChange, AcmeState, AcmeTurn, Store};
use privet_types::{Clock, Secret};
use rustls::sign::CertifiedKey;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Error;
use authority::Authority;
use certificate::{Facts, Pair};
pub(crate) use challenge::{handshake, is_challenge, router};
use order::NotObtained;
use renewal::Renewal;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Longest attempt.
const ATTEMPT: Duration = Duration::from_secs(300);
/// For how long no other node begins an attempt of its own; longer than one lasts.
const TURN: SignedDuration = SignedDuration::from_mins(6);
/// The pause after the first failure; each further one doubles it. Let's Encrypt allows five failures an hour for a name.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(6);
/// The shortest time between two certificates, or a sixth of their time where that is less: a clock that is wrong asks for no more.
const BETWEEN: SignedDuration = SignedDuration::from_hours(1);
/// The longest pause that an authority can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);
/// Answers to the authority that are looked up at once.
const LOOKUPS: usize = 16;

/// The key of an account elsewhere, as the rim reads it: base64url.
pub type ExternalAccountKey = Secret<String>;

/// One certificate, and how it is come by. Shared by all connections.
pub(crate) struct Acme {
    settings: AcmeSettings,
    /// Of its row in the store.
    name: String,
    node: String,
    store: Store,
    clock: Arc<dyn Clock>,
    seal: SealingKey,
    authority: Authority,
    external_key: Option<Secret<Vec<u8>>>,
    issued: RwLock<Option<Arc<Issued>>>,
    renewal: Mutex<Renewal>,
    failures: Mutex<Failures>,
    lookups: Semaphore,
}

/// The certificate in use.
struct Issued {
    version: i64,
    key: Arc<CertifiedKey>,
    facts: Facts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: Option<Timestamp>,
    /// Whether it was said that the store does not answer.
    is_told: bool,
    /// The version of which it was said that it cannot be used.
    unusable: Option<i64>,
}

/// For a monitoring system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Until when the certificate in use is good, if there is one.
    pub(crate) expires_at: Option<Timestamp>,
    /// Attempts that failed since it was obtained.
    pub(crate) failures: u32,
    /// When the last of them did.
    pub(crate) failed_at: Option<Timestamp>,
}

/// That what `settings` say of the authority can be used.
///
/// # Errors
/// [`Error::BadCertificates`], [`Error::BadAuthority`], [`Error::BadExternalKey`].
pub(crate) fn check(settings: &AcmeSettings, key: Option<&ExternalAccountKey>) -> Result<(), Error> {
    Authority::new(settings)?;
    external_key(key).map(drop)
}

fn external_key(key: Option<&ExternalAccountKey>) -> Result<Option<Secret<Vec<u8>>>, Error> {
    key.map(|key| order::external_key(key).ok_or(Error::BadExternalKey))
        .transpose()
}

impl Acme {
    /// As `settings` have it; `key` is what their `external_account` leads to.
    ///
    /// # Errors
    /// As [`check`].
    pub(crate) fn new(
        settings: &AcmeSettings,
        key: Option<&ExternalAccountKey>,
        root: &RootKey,
        (store, node): (Store, String),
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Ok(Self {
            authority: Authority::new(settings)?,
            external_key: external_key(key)?,
            name: name_of(settings),
            seal: root.sealing_key("privet/server/acme", b""),
            settings: settings.clone(),
            node,
            store,
            clock,
            issued: RwLock::default(),
            renewal: Mutex::default(),
            failures: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS),
        })
    }

    /// Which kind of question the authority asks.
    pub(crate) const fn challenge(&self) -> AcmeChallenge {
        match self.settings.http_listen {
            None => AcmeChallenge::TlsAlpn01,
            Some(_) => AcmeChallenge::Http01,
        }
    }

    /// The certificate that handshakes show, if there is one.
    pub(crate) fn certified(&self) -> Option<Arc<CertifiedKey>> {
        self.issued().map(|issued| Arc::clone(&issued.key))
    }

    /// Whether there is a certificate that is good now.
    pub(crate) fn is_served(&self) -> bool {
        let now = self.clock.now();
        self.issued().is_some_and(|issued| now < issued.facts.until)
    }

    pub(crate) fn standing(&self) -> Standing {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        Standing {
            expires_at: self.issued().map(|issued| issued.facts.until),
            failures: failures.count,
            failed_at: failures.last,
        }
    }

    /// What the authority is to be answered, if it was told that it may ask. Any node is asked.
    async fn answer(&self, kind: AcmeChallenge, name: &str) -> Option<Vec<u8>> {
        if kind == AcmeChallenge::Http01 && !challenge::is_token(name) {
            return None;
        }
        let _place = self.lookups.acquire().await.ok()?;
        let answer = self.store.acme_answer((kind, name), self.clock.now()).await;
        answer
            .inspect_err(|error| tracing::warn!(%error, "the authority of certificates asks, and the store does not answer"))
            .ok()
            .flatten()
    }

    /// Takes what the store holds already, so that a restart needs no authority.
    pub(crate) async fn begin(&self) {
        if let Err(error) = self.refresh().await {
            self.tell_once(&error);
        }
        if self.issued().is_none() {
            tracing::warn!(
                "there is no certificate from the authority yet; handshakes fail until there is one"
            );
        }
    }

    /// Obtains, renews and takes over certificates for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.look().await {
                self.tell_once(&error);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(self: &Arc<Self>) -> Result<(), NotObtained> {
        let state = self.refresh().await?;
        let now = self.clock.now();
        if let Some(issued) = self.issued() {
            self.ask_when(&issued, now).await;
            if now < self.renew_at(&issued) {
                return Ok(());
            }
        }
        if state.retry_at.is_some_and(|at| now < at) {
            return Ok(());
        }
        let version = state.version;
        let until = now.saturating_add(TURN).unwrap_or(now);
        let turn = self
            .store
            .take_acme_turn((&self.name, version), &self.node, now, until);
        match turn.await? {
            None => Ok(()),
            Some(turn) => self.attempt(turn, version).await,
        }
    }

    /// Takes over what another node has obtained. Returns how things stand in the store.
    async fn refresh(&self) -> Result<AcmeState, NotObtained> {
        let state = self.store.acme_state(&self.name).await?;
        {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            (failures.count, failures.last) = (state.failures, state.failed_at);
            failures.is_told = false;
        }
        let known = self.issued().map_or(0, |issued| issued.version);
        if state.version != known
            && let Some((version, sealed)) = self.store.acme_certificate(&self.name).await?
        {
            let opened = self.open(version, &sealed);
            if let Err(error) = opened.and_then(|pair| self.take(version, &pair)) {
                // Another one is obtained when the one in use ends, or at once where there is none.
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                if failures.unusable.replace(version) != Some(version) {
                    tracing::warn!(%error, version, "the certificate that is kept cannot be used");
                }
            }
        }
        Ok(state)
    }

    fn open(&self, version: i64, sealed: &[u8]) -> Result<Pair, NotObtained> {
        let opened = self.seal.open(&self.place(version), sealed);
        let opened = opened.map_err(|_| NotObtained::Sealed)?;
        serde_json::from_slice(&opened).map_err(|_| NotObtained::Sealed)
    }

    fn take(&self, version: i64, pair: &Pair) -> Result<(), NotObtained> {
        let (key, facts) = pair.open(&self.settings.domains)?;
        tracing::info!(version, expires_at = %facts.until, "a certificate from the authority is in use for new connections");
        let issued = Issued {
            version,
            key: Arc::new(key),
            facts,
        };
        *self.renewal.lock().unwrap_or_else(PoisonError::into_inner) = Renewal::default();
        *self.issued.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(issued));
        Ok(())
    }

    async fn attempt(self: &Arc<Self>, turn: AcmeTurn, version: i64) -> Result<(), NotObtained> {
        let replaced = self.replaced();
        self.authority.take_wait();
        // Of a task of its own nothing reaches this one but its end.
        let mut task = JoinSet::new();
        let acme = Arc::clone(self);
        task.spawn(async move { acme.obtain(replaced).await });
        let ended = timeout(ATTEMPT, task.join_next()).await;
        let obtained = match ended {
            Ok(Some(Ok(obtained))) => obtained,
            _ => Err(NotObtained::BrokeOff),
        };
        let obtained = match obtained {
            Ok(obtained) => self.keep(&turn, version, obtained).await,
            Err(why) => Err(why),
        };
        let Err(why) = obtained else { return Ok(()) };
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner).count;
        let now = self.clock.now();
        let pause = self.pause(failures);
        let retry_at = now.saturating_add(pause).unwrap_or(now);
        if self.is_served() {
            tracing::warn!(%why, failures = failures.saturating_add(1), %retry_at, "the certificate could not be renewed; the one before stays in use");
        } else {
            tracing::error!(%why, failures = failures.saturating_add(1), %retry_at, "no certificate could be obtained; handshakes fail");
        }
        self.store.fail_acme_turn(&turn, now, retry_at).await?;
        let mut known = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        (known.count, known.last) = (failures.saturating_add(1), Some(now));
        Ok(())
    }

    async fn keep(
        &self,
        turn: &AcmeTurn,
        version: i64,
        (pair, facts): (Pair, Facts),
    ) -> Result<(), NotObtained> {
        let text = serde_json::to_vec(&pair).map_err(|_| NotObtained::Key)?;
        let next = version.saturating_add(1);
        let sealed = self.seal.seal(&self.place(next), &text);
        let change = AcmeChange {
            at: self.clock.now(),
            directory: self.settings.directory.clone(),
            domains: self.settings.domains.iter().cloned().collect(),
            certificate: HEXLOWER.encode(&facts.hash),
            expires_at: facts.until,
            node: self.node.clone(),
        };
        let sealed = sealed.map_err(|_| NotObtained::Key)?;
        let between = BETWEEN.min(facts.lifetime() / 6);
        let again_at = change.at.saturating_add(between).unwrap_or(change.at);
        let kept = self
            .store
            .put_acme_certificate(turn, version, sealed, again_at, &change);
        if !kept.await? {
            return Err(NotObtained::Overtaken);
        }
        self.take(next, &pair)
    }

    /// How long nobody tries after one more failure than `failures`: the longer the more there were, with up to a quarter more by
    /// chance, and at least as long as the authority asked for.
    fn pause(&self, failures: u32) -> SignedDuration {
        let doubled = 2_i32.saturating_pow(failures.min(20));
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        let [chance] = privet_crypto::random().unwrap_or([0]);
        let more = pause / 1024 * i32::from(chance);
        let wait = self.authority.take_wait().unwrap_or_default().min(LONGEST_WAIT);
        let wait = SignedDuration::try_from(wait).unwrap_or_default();
        pause.saturating_add(more).max(wait)
    }

    /// What a certificate is sealed for.
    fn place(&self, version: i64) -> Vec<u8> {
        format!("certificate\0{}\0{version}", self.name).into_bytes()
    }

    fn issued(&self) -> Option<Arc<Issued>> {
        let issued = self.issued.read().unwrap_or_else(PoisonError::into_inner);
        issued.clone()
    }

    /// Says what is wrong, and not again before it was right.
    fn tell_once(&self, error: &NotObtained) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut failures.is_told, true) {
            tracing::warn!(%error, "certificates from the authority cannot be looked after");
        }
    }
}

/// The same on every node, and another one where the settings want another certificate.
fn name_of(settings: &AcmeSettings) -> String {
    let profile = settings.profile.as_deref().unwrap_or_default();
    let mut parts = vec![settings.directory.as_bytes(), profile.as_bytes()];
    parts.extend(settings.domains.iter().map(String::as_bytes));
    HEXLOWER.encode(&privet_crypto::sha256_parts(&parts))
}
