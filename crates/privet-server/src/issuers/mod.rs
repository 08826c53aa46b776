//! Callers who come by a token of another issuer (JWT) in the place of an API key.

mod fetch;
mod login;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privet_access::{
    Algorithm, Authenticated, BadToken, Denied, Issuer, IssuerConfig, KeyRing, NameClaim, Presented,
    PseudonymKey, SignedIn, Vouched, Wanted,
};
use privet_crypto::RootKey;
use privet_policy::{Settings, TokenAlgorithm, TokenClaim, TrustedIssuer};
use privet_types::{Principal, Secret, TenantId};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Error;
use crate::upstream::connector;
use fetch::Source;
use login::Login;
pub(crate) use login::{Attempt, NotSignedIn, Returned};

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest wait for an issuer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The secrets by which issuers know Privet: by the issuer's name in the settings.
pub type LoginSecrets = BTreeMap<String, Secret<String>>;

/// Whose tokens are taken. Shared by all connections.
pub(crate) struct Issuers {
    /// By what tokens have in `iss`.
    all: BTreeMap<String, Arc<Trusted>>,
    ring: Arc<KeyRing>,
    pseudonyms: PseudonymKey,
}

/// One issuer, and where its keys are.
struct Trusted {
    issuer: Issuer,
    source: Source,
    /// Held while the keys are fetched.
    fetching: Arc<Mutex<()>>,
    /// How people sign in there, if they do.
    login: Option<Login>,
}

/// An issuer at which people sign in.
#[derive(Clone, Copy)]
pub(crate) struct SignInAt<'g>(&'g Arc<Trusted>, &'g Login);

impl Issuers {
    /// Those of the settings; `None` if there are none.
    pub(crate) fn new(
        settings: &Settings,
        root: &RootKey,
        ring: &Arc<KeyRing>,
        mut secrets: LoginSecrets,
    ) -> Result<Option<Arc<Self>>, Error> {
        let mut all = BTreeMap::new();
        for wanted in &settings.access.issuers {
            let connector = connector(wanted.ca_file.as_deref(), CONNECT)?;
            let secret = secrets.remove(&wanted.name);
            let trusted = Trusted {
                issuer: Issuer::new(config(wanted)),
                source: Source::new(wanted, &connector)?,
                fetching: Arc::default(),
                login: match &wanted.login {
                    Some(login) => Some(Login::new(wanted, login, secret, connector)?),
                    None => None,
                },
            };
            all.insert(wanted.issuer.clone(), Arc::new(trusted));
        }
        if all.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self {
            all,
            ring: Arc::clone(ring),
            pseudonyms: PseudonymKey::new(root),
        })))
    }

    /// Whether any issuer's tokens are taken in the place of keys.
    pub(crate) fn takes_tokens(&self) -> bool {
        let mut all = self.all.values();
        all.any(|trusted| !trusted.issuer.config().audiences.is_empty())
    }

    /// The names of those at which people sign in, in order.
    pub(crate) fn logins(&self) -> Vec<&str> {
        let with_login = self.all.values().filter(|trusted| trusted.login.is_some());
        let mut names: Vec<&str> = with_login
            .map(|trusted| trusted.issuer.config().name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    /// The one of this name at which people sign in.
    pub(crate) fn login(&self, name: &str) -> Option<SignInAt<'_>> {
        let mut all = self.all.values();
        let trusted = all.find(|trusted| trusted.issuer.config().name == name)?;
        Some(SignInAt(trusted, trusted.login.as_ref()?))
    }

    /// Whom `token` lets in at `now`. Nobody is made by it.
    pub(crate) async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Authenticated, Denied> {
        let refused = |issuer: Option<&str>, why: BadToken| {
            tracing::info!(issuer, %why, "a token was not accepted");
            match why {
                BadToken::KeysUnavailable => Denied::IssuerUnavailable,
                _ => Denied::BadToken,
            }
        };
        let token = Presented::parse(token).map_err(|why| refused(None, why))?;
        let trusted = token.issuer().and_then(|issuer| self.all.get(issuer));
        let trusted = trusted.ok_or_else(|| refused(None, BadToken::Issuer))?;
        let issuer = &trusted.issuer;
        let name = issuer.config().name.as_str();
        trusted.freshen(&token, now).await;
        let claimed = issuer
            .verify(&token, now)
            .map_err(|why| refused(Some(name), why))?;
        let principal = issuer.principal(&claimed).ok_or_else(|| {
            tracing::info!(issuer = name, "a token stands for nobody that the settings name");
            Denied::NoAccount
        })?;
        let pseudonym = self.pseudonyms.pseudonym(&issuer.config().tenant, &principal);
        let who = Vouched::by_token(issuer.config(), principal, &pseudonym);
        self.ring.federated(&who, issuer.groups(&claimed))
    }
}

impl SignInAt<'_> {
    /// The issuer's name in the settings.
    pub(crate) fn name(&self) -> &str {
        &self.0.issuer.config().name
    }

    /// As its tokens have it in `iss`.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer.config().issuer
    }

    /// In whose installation space people are who sign in there.
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.0.issuer.config().tenant
    }

    /// Where a browser is sent for `attempt`.
    pub(crate) async fn address(&self, attempt: &Attempt, now: Timestamp) -> Result<String, NotSignedIn> {
        let provider = self.0.provider(now).await?;
        Ok(self.1.address(&provider, attempt))
    }

    /// Who signed in there, in exchange for what the browser came back with.
    pub(crate) async fn signed_in(
        &self,
        attempt: &Attempt,
        returned: &Returned<'_>,
        now: Timestamp,
    ) -> Result<SignedIn, NotSignedIn> {
        self.0.signed_in(attempt, returned, now).await
    }

    /// Whether that was with two factors.
    pub(crate) fn has_two_factors(&self, found: &SignedIn) -> bool {
        self.1.has_two_factors(found)
    }

    /// Who that is by the table of the settings.
    pub(crate) fn listed(&self, found: &SignedIn) -> Option<Principal> {
        self.0.issuer.listed(&found.claimed)
    }

    /// Who has the name, where names match.
    pub(crate) fn namesake(&self, found: &SignedIn) -> Option<Principal> {
        self.0.issuer.namesake(&found.claimed)
    }
}

impl Trusted {
    /// Fetches the issuer's keys, if that has to be done for `token` and may be done now.
    async fn freshen(self: &Arc<Self>, token: &Presented<'_>, now: Timestamp) {
        let wanted = self.issuer.wanted(token, now);
        let place = match wanted {
            Wanted::Nothing => return,
            // Those that are there will do; nobody waits.
            Wanted::Soon => Arc::clone(&self.fetching).try_lock_owned().ok(),
            Wanted::Now => timeout(PATIENCE, Arc::clone(&self.fetching).lock_owned())
                .await
                .ok(),
        };
        let Some(place) = place else { return };
        // Somebody may have fetched them while this call waited.
        if self.issuer.wanted(token, now) == Wanted::Nothing || !self.issuer.begin_fetch(now) {
            return;
        }
        let trusted = Arc::clone(self);
        // On its own: a caller who hangs up does not end it.
        let fetching = tokio::spawn(async move {
            trusted.fetch(now).await;
            drop(place);
        });
        if wanted == Wanted::Now {
            // An error says that it ended early; then the keys are not there, and nobody is let in.
            let _ = fetching.await;
        }
    }

    async fn fetch(&self, now: Timestamp) {
        let issuer = self.issuer.config().name.as_str();
        let fetched = timeout(PATIENCE, self.source.fetch()).await;
        match fetched.unwrap_or(Err(fetch::NotFetched::Silence)) {
            Err(error) => tracing::warn!(issuer, %error, "the keys of an issuer cannot be fetched"),
            Ok(keys) => match self.issuer.take_up(&keys, now) {
                Ok(()) => tracing::debug!(issuer, "the keys of an issuer were fetched"),
                Err(error) => tracing::warn!(issuer, %error, "the keys of an issuer cannot be used"),
            },
        }
    }
}

fn config(wanted: &TrustedIssuer) -> IssuerConfig {
    let algorithm = |algorithm: &TokenAlgorithm| match algorithm {
        TokenAlgorithm::EdDsa => Algorithm::EdDsa,
        TokenAlgorithm::Es256 => Algorithm::Es256,
        TokenAlgorithm::Rs256 => Algorithm::Rs256,
    };
    IssuerConfig {
        name: wanted.name.clone(),
        issuer: wanted.issuer.clone(),
        audiences: wanted.audiences.clone(),
        algorithms: wanted.algorithms.iter().map(algorithm).collect(),
        types: wanted.types.clone(),
        leeway: wanted.leeway,
        longest_life: wanted.longest_life,
        refresh_after: wanted.refresh,
        stale_after: wanted.stale_after,
        claim: match wanted.claim {
            TokenClaim::Sub => NameClaim::Subject,
            TokenClaim::Email => NameClaim::Email,
        },
        principals: wanted.principals.clone(),
        matches_names: wanted.matches_names,
        tenant: wanted.tenant.clone(),
        scopes: wanted.scopes,
        groups_claim: wanted.groups_claim.clone(),
        groups: wanted.groups.clone(),
    }
}
