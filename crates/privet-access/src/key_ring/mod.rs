//! The API keys in memory: asked about every request, kept up to date from the store.

mod caller;
mod tokens;

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;
use privet_crypto::{HashKey, RootKey, SealingKey};
use privet_store::{ApiKeyRecord, ApiKeySnapshot, ApiKeyUse, Store};
use privet_types::{GroupName, Principal, TenantId};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, MissedTickBehavior, timeout};

pub use caller::{Authenticated, Vouched, Way};

use crate::account::{Account, Accounts};
use crate::api_key::{ApiKey, hash_key};
use crate::cedar::{Ask, Authorizer};
use crate::kill::{Board, Cut, LocalSwitches, Switches};
use crate::last_use::LastUse;
use crate::signed::Signer;
use crate::token::Book;
use crate::{Denied, Error, Privilege, PseudonymKey, TOKEN_PREFIX, token};

/// How often it is written down who used what: a crash loses so much of it.
const USES_EVERY: Duration = Duration::from_secs(60);

/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(1);

/// Most accounts with groups of tokens that are remembered.
const MOST_JOINED: usize = 4_096;

/// How old the keys in memory may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRingConfig {
    /// Age past which nobody is let in: the store could not be read for so long. Default 60 s.
    pub stale_after: Duration,
    /// Shortest time between two looks into the store that unknown keys cause. Default 100 ms.
    pub unknown_key_interval: Duration,
}

impl Default for KeyRingConfig {
    fn default() -> Self {
        Self {
            stale_after: Duration::from_secs(60),
            unknown_key_interval: Duration::from_millis(100),
        }
    }
}

/// What decides who may do what.
#[derive(Debug)]
pub struct AccessRules {
    /// The policies.
    pub authorizer: Authorizer,
    /// Whose signatures under training records count.
    pub signers: Vec<Signer>,
    /// Who may call without a key of their own.
    pub named: Vec<(TenantId, Principal)>,
}

/// No policy permits it, or one forbids it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Denied::NotPermitted(*privilege))]
pub struct NotPermitted {
    /// What was to be done.
    pub privilege: Privilege,
    /// What the policies that forbid it say to people.
    pub message: Option<String>,
}

impl From<NotPermitted> for Denied {
    fn from(not: NotPermitted) -> Self {
        Self::NotPermitted(not.privilege)
    }
}

/// How often a node looks for keys, people and kill switches that were changed elsewhere. What is changed while it looks is seen by the
/// look after that one, so that two of them are within the second that is promised.
pub const REFRESH: Duration = Duration::from_millis(500);

const _: () = assert!(
    2 * REFRESH.as_millis() <= 1_000,
    "changes reach a node within a second"
);

/// How often a node has looked, and acted on what it saw, in each of the places where it learns of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// In the store.
    pub store: u64,
    /// At this machine's own kill switches.
    pub local: u64,
    /// At kill switches that come from other machines, beside the store.
    pub shared: u64,
}

/// All API keys of the store, in memory. Knows a key without asking the store; learns of new and revoked keys from
/// [`run_refresh`].
#[derive(Debug)]
pub struct KeyRing {
    store: Store,
    hash_key: HashKey,
    config: KeyRingConfig,
    rules: RwLock<Arc<AccessRules>>,
    keys: RwLock<Keys>,
    kill: Board,
    looks: LookCounts,
    /// When the store was last asked. Held while it is asked, so that it is asked once at a time.
    last_look: Mutex<Instant>,
    token_seal: SealingKey,
    token_ids: HashKey,
    /// Held while a key is made that signs tokens.
    making_key: Mutex<()>,
    /// Whether the store said, when it was last asked, that this program is too old for it.
    is_shut_out: AtomicBool,
}

#[derive(Debug, Default)]
struct LookCounts {
    store: AtomicU64,
    local: AtomicU64,
    shared: AtomicU64,
}

#[derive(Debug)]
struct Keys {
    version: i64,
    by_hash: HashMap<[u8; 32], Known>,
    /// Hashes by the keys' ids.
    by_id: HashMap<String, [u8; 32]>,
    accounts: Accounts,
    /// Accounts with the groups that tokens put them into.
    joined: RwLock<Joined>,
    tokens: Book,
    /// When the store last said that these are the keys.
    checked_at: Instant,
}

type Joined = HashMap<(TenantId, Principal, BTreeSet<GroupName>), Arc<Account>>;

/// One key.
#[derive(Debug)]
struct Known {
    key: ApiKeyRecord,
    account: Arc<Account>,
    last_use: Arc<LastUse>,
}

impl Known {
    /// Who comes with it, if it is good.
    fn caller(&self) -> Authenticated {
        let key = &self.key;
        Authenticated {
            principal: key.principal.clone(),
            tenant: key.tenant.clone(),
            key_id: key.id.clone(),
            line: key.line.clone(),
            scopes: key.scopes,
            account: Arc::clone(&self.account),
            way: Way::Key,
            token: None,
        }
    }

    /// Why it lets nobody in at `now`, if it does not.
    fn denied(&self, now: Timestamp) -> Option<Denied> {
        if self.key.revoked_at.is_some() {
            Some(Denied::Revoked)
        } else if self.key.expires_at.is_some_and(|at| at <= now) {
            Some(Denied::Expired)
        } else if self.key.grace_until.is_some_and(|at| at <= now) {
            Some(Denied::Rotated)
        } else if self.account.is_disabled() {
            Some(Denied::Disabled)
        } else {
            None
        }
    }
}

/// What the keys in memory say.
enum Answer {
    Known(Result<Authenticated, Denied>),
    Unknown,
    Stale,
}

impl KeyRing {
    /// Loads all keys. The roles that ship with Privet decide what they may be used for.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub async fn open(store: Store, root: &RootKey, config: KeyRingConfig) -> Result<Self, Error> {
        let rules = AccessRules {
            authorizer: Authorizer::new(&[], Offset::UTC)?,
            signers: Vec::new(),
            named: Vec::new(),
        };
        Self::open_with(store, root, config, rules).await
    }

    /// As [`open`](Self::open), by rules of one's own.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub async fn open_with(
        store: Store,
        root: &RootKey,
        config: KeyRingConfig,
        rules: AccessRules,
    ) -> Result<Self, Error> {
        let asked_at = Instant::now();
        let mut snapshot = store.load_api_keys().await?;
        let kill = Board::new(std::mem::take(&mut snapshot.switches), PseudonymKey::new(root));
        let token_seal = token::sealing_key(root);
        let keys = Keys::new(snapshot, asked_at, &rules, &token_seal, None);
        Ok(Self {
            kill,
            looks: LookCounts::default(),
            store,
            hash_key: hash_key(root),
            config,
            rules: RwLock::new(Arc::new(rules)),
            keys: RwLock::new(keys),
            last_look: Mutex::new(asked_at),
            token_seal,
            token_ids: root.hash_key("privet/access/token-id", b""),
            making_key: Mutex::default(),
            is_shut_out: AtomicBool::new(false),
        })
    }

    /// With the kill switches of this machine, which are read now.
    #[must_use]
    pub fn with_local(mut self, local: LocalSwitches) -> Self {
        self.kill.follow(local);
        self
    }

    /// That no kill switch cuts `caller` off from `privilege` at `now`. One that cuts off all leaves it to those who look after
    /// switches, alerts, incidents and figures.
    ///
    /// # Errors
    /// [`Denied::SwitchedOff`] if one does.
    pub fn check_switches(
        &self,
        caller: &Authenticated,
        privilege: Option<Privilege>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        match self.kill.switches().cuts_off(caller, now) {
            None => Ok(()),
            Some(Cut::Wide) if privilege.is_some_and(Privilege::outlasts_kill) => Ok(()),
            Some(_) => Err(Denied::SwitchedOff),
        }
    }

    /// The kill switches in force. Not to be held while anything is waited for.
    #[must_use]
    pub fn switches_in_force(&self) -> watch::Ref<'_, Switches> {
        self.kill.switches()
    }

    /// The kill switches in force, and word of each change of them.
    #[must_use]
    pub fn switches(&self) -> watch::Receiver<Switches> {
        self.kill.subscribe()
    }

    /// Looks whether the file of this machine's kill switches changed, and reads it if so.
    pub fn look_at_local_switches(&self) {
        self.kill.look_at_local();
        self.looks.local.fetch_add(1, Ordering::Release);
    }

    /// How often it has looked until now.
    #[must_use]
    pub fn looks(&self) -> Looks {
        Looks {
            store: self.looks.store.load(Ordering::Acquire),
            local: self.looks.local.load(Ordering::Acquire),
            shared: self.looks.shared.load(Ordering::Acquire),
        }
    }

    /// Takes kill switches over that came from another machine of the installation, each `sealed` by [`LocalSwitches::seal`]. Returns how
    /// many cannot be opened; these are left alone.
    #[must_use]
    pub fn take_shared_switches(&self, sealed: &[Vec<u8>], now: Timestamp) -> usize {
        let strange = self.kill.take_shared(sealed, now);
        self.looks.shared.fetch_add(1, Ordering::Release);
        strange
    }

    /// Tells the store of this machine's kill switches that it does not know yet; from then on the store decides about them.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer. They stay in force.
    pub async fn hand_over_local_switches(&self) -> Result<(), Error> {
        let new = self.kill.untold();
        if new.is_empty() {
            return Ok(());
        }
        let home = TenantId::default();
        for switch in &new {
            let change = self.kill.told_of(switch, &home);
            let kept = timeout(PATIENCE, self.store.insert_kill_switch(switch, &change));
            kept.await
                .map_err(|_| Error::StoreTimeout { limit: PATIENCE })??;
        }
        // Only what is read from the store counts instead of them.
        self.refresh_if_changed().await?;
        self.kill.tell(new.iter().map(|switch| &switch.id));
        Ok(())
    }

    /// Says who presents the key or token `presented` at `now`; without the `Bearer` before it. Waits for the store only if the
    /// key is unknown and the last look is older than [`KeyRingConfig::unknown_key_interval`]; then for 1 s at most. A token
    /// that is good for some addresses alone is refused: [`authenticate_at`](Self::authenticate_at) knows of those.
    ///
    /// # Errors
    /// [`Denied`] says why nobody is let in.
    pub async fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Authenticated, Denied> {
        self.authenticate_at(presented, None, now).await
    }

    /// The same, of a request to the path `address`.
    ///
    /// # Errors
    /// [`Denied`] says why nobody is let in.
    pub async fn authenticate_at(
        &self,
        presented: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<Authenticated, Denied> {
        if presented.is_empty() {
            return Err(Denied::Missing);
        }
        if let Some(token) = presented.strip_prefix(TOKEN_PREFIX) {
            // Seldom, and its state is far larger than what keys need.
            return Box::pin(self.by_token(token, address, now)).await;
        }
        let hash = ApiKey::parse(presented)
            .ok_or(Denied::Malformed)?
            .hash(&self.hash_key);
        if let Answer::Known(answer) = self.ask(&hash, now) {
            return answer;
        }
        self.look_for_unknown().await;
        match self.ask(&hash, now) {
            Answer::Known(answer) => answer,
            Answer::Unknown => Err(Denied::Unknown),
            Answer::Stale => Err(Denied::StoreUnavailable),
        }
    }

    /// Lets in whom somebody else vouches for, if they are one of [`AccessRules::named`] and nobody has disabled them.
    ///
    /// # Errors
    /// [`Denied`] says why nobody is let in.
    pub fn vouched(&self, who: &Vouched) -> Result<Authenticated, Denied> {
        self.let_in(who, BTreeSet::new(), Way::Certificate)
    }

    /// Lets in whom a token of another issuer stands for, as a member of `groups` for this once, if they were made here and nobody
    /// has disabled them.
    ///
    /// # Errors
    /// [`Denied`] says why nobody is let in.
    pub fn federated(&self, who: &Vouched, groups: BTreeSet<GroupName>) -> Result<Authenticated, Denied> {
        let caller = self
            .let_in(who, groups, Way::Issuer)
            .map_err(|denied| match denied {
                Denied::Unknown => Denied::NoAccount,
                denied => denied,
            })?;
        // Who is only named by a key has no roles of its own, but those of keys.
        if caller.account.is_known() {
            Ok(caller)
        } else {
            Err(Denied::NoAccount)
        }
    }

    fn let_in(&self, who: &Vouched, groups: BTreeSet<GroupName>, way: Way) -> Result<Authenticated, Denied> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.checked_at.elapsed() > self.config.stale_after {
            return Err(Denied::StoreUnavailable);
        }
        let account = keys.accounts.get(&who.tenant, &who.principal);
        let account = account.ok_or(Denied::Unknown)?;
        if account.is_disabled() {
            return Err(Denied::Disabled);
        }
        Ok(Authenticated {
            principal: who.principal.clone(),
            tenant: who.tenant.clone(),
            key_id: who.id.clone(),
            line: None,
            scopes: who.scopes,
            account: keys.joined(account, groups),
            way,
            token: None,
        })
    }

    /// Whether the keys in memory are young enough to let anybody in.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.checked_at.elapsed() <= self.config.stale_after
    }

    /// Whether a newer Privet has brought the store to a schema that this one may not work on. Keys in memory stay good for as long
    /// as they would without the store: time to send callers to another node.
    #[must_use]
    pub fn is_shut_out(&self) -> bool {
        self.is_shut_out.load(Ordering::Relaxed)
    }

    /// The accounts of `tenant`, in order of their names: its principals, and those that only a key names.
    #[must_use]
    pub fn accounts_of(&self, tenant: &TenantId) -> Vec<Arc<Account>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.accounts.of(tenant).map(Arc::clone).collect()
    }

    /// Looks whether keys changed, and loads them if so. Returns whether they had.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read. Known keys stay good for [`KeyRingConfig::stale_after`].
    pub async fn refresh_if_changed(&self) -> Result<bool, Error> {
        let mut last_look = self.last_look.lock().await;
        self.look(&mut last_look).await
    }

    /// Whether the policies let `caller` do what is asked. That the key is good for it is for
    /// [`Authenticated::check`] to say.
    ///
    /// # Errors
    /// [`NotPermitted`] if they do not.
    pub fn authorise(&self, caller: &Authenticated, ask: &Ask<'_>) -> Result<(), NotPermitted> {
        let verdict = self.rules().authorizer.decide(&caller.account, ask);
        if verdict.is_allowed {
            caller.account.used(ask.privilege, ask.at);
            return Ok(());
        }
        tracing::info!(
            action = ask.privilege.name(),
            policies = verdict.policies.join(" "),
            "not permitted"
        );
        Err(NotPermitted {
            privilege: ask.privilege,
            message: verdict.message.clone(),
        })
    }

    /// Whether the policies would let `caller` do what is asked; that it was asked counts as no use.
    #[must_use]
    pub fn permits(&self, caller: &Authenticated, ask: &Ask<'_>) -> bool {
        self.rules().authorizer.decide(&caller.account, ask).is_allowed
    }

    /// The store that the keys are in.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<AccessRules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `policies` in force in place of those that are. Whose signatures count, and who may call without a key, stays.
    pub fn replace_policies(&self, policies: Authorizer) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        *rules = Arc::new(AccessRules {
            authorizer: policies,
            signers: rules.signers.clone(),
            named: rules.named.clone(),
        });
    }

    /// Writes down which keys and which privileges were used since this was last done.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be written; then it is tried again the next time.
    pub async fn flush_uses(&self) -> Result<(), Error> {
        let keys = self.flush_key_uses().await;
        self.flush_privilege_uses().await?;
        keys
    }

    async fn flush_key_uses(&self) -> Result<(), Error> {
        let mut uses = Vec::new();
        let mut noted = Noted::default();
        {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            for known in keys.by_hash.values() {
                if let Some(last_used_at) = known.last_use.take() {
                    uses.push(ApiKeyUse {
                        tenant: known.key.tenant.clone(),
                        id: known.key.id.clone(),
                        last_used_at,
                    });
                    noted.0.push(Arc::clone(&known.last_use));
                }
            }
        }
        let written = timeout(PATIENCE, self.store.note_api_key_uses(&uses)).await;
        written.map_err(|_| Error::StoreTimeout { limit: PATIENCE })??;
        noted.0.clear();
        Ok(())
    }

    async fn flush_privilege_uses(&self) -> Result<(), Error> {
        let accounts: Vec<Arc<Account>> = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.accounts.iter().map(Arc::clone).collect()
        };
        let mut all = Vec::new();
        for account in &accounts {
            all.extend(account.take_uses());
        }
        let written = timeout(PATIENCE, self.store.add_privilege_uses(&all)).await;
        let written = match written {
            Ok(written) => written.map_err(Error::from),
            Err(_) => Err(Error::StoreTimeout { limit: PATIENCE }),
        };
        if let Err(error) = written {
            let by_name = |used: &privet_store::PrivilegeUse| {
                accounts
                    .iter()
                    .find(|account| *account.tenant() == used.tenant && *account.name() == used.principal)
            };
            for used in &all {
                if let Some(account) = by_name(used) {
                    account.give_back_uses(used);
                }
            }
            return Err(error);
        }
        Ok(())
    }

    fn ask(&self, hash: &[u8; 32], now: Timestamp) -> Answer {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.checked_at.elapsed() > self.config.stale_after {
            return Answer::Stale;
        }
        // Looking up a keyed hash takes no secret-dependent time that a caller could steer.
        let Some(known) = keys.by_hash.get(hash) else {
            return Answer::Unknown;
        };
        if let Some(denied) = known.denied(now) {
            return Answer::Known(Err(denied));
        }
        known.last_use.note(now);
        Answer::Known(Ok(known.caller()))
    }

    /// One look for all who wait here, at the soonest one interval after the last one: callers with made-up keys cause ten
    /// looks a second, however many they are, and a key that was just made works at once.
    async fn look_for_unknown(&self) {
        let asked_at = Instant::now();
        let look = async {
            let mut last_look = self.last_look.lock().await;
            if *last_look >= asked_at {
                // Somebody looked while this call waited.
                return;
            }
            tokio::time::sleep_until(*last_look + self.config.unknown_key_interval).await;
            if let Err(error) = self.look(&mut last_look).await {
                warn(&error);
            }
        };
        // Past it, the answer stays what it was: unknown.
        let _ = timeout(PATIENCE, look).await;
    }

    async fn look(&self, last_look: &mut Instant) -> Result<bool, Error> {
        // Taken before asking: what changes while the store answers is looked for again.
        let asked_at = Instant::now();
        *last_look = asked_at;
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).version;
        let changed = timeout(PATIENCE, self.load_if_changed(known));
        let changed = changed
            .await
            .map_err(|_| Error::StoreTimeout { limit: PATIENCE })?;
        let is_shut_out = matches!(
            &changed,
            Err(Error::Store(privet_store::Error::NewerSchema { .. }))
        );
        self.is_shut_out.store(is_shut_out, Ordering::Relaxed);
        let changed = changed?;
        let has_changed = changed.is_some();
        // Made before anybody is kept out; whoever looks holds `last_look`, so nobody else writes meanwhile.
        let next = changed.map(|mut snapshot| {
            self.kill.read(std::mem::take(&mut snapshot.switches));
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            Keys::new(snapshot, asked_at, &self.rules(), &self.token_seal, Some(&keys))
        });
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match next {
            Some(next) => *keys = next,
            None => keys.checked_at = asked_at,
        }
        drop(keys);
        self.looks.store.fetch_add(1, Ordering::Release);
        Ok(has_changed)
    }

    async fn load_if_changed(&self, known: i64) -> Result<Option<ApiKeySnapshot>, Error> {
        let is_known = self.store.api_keys_version().await? == known;
        Ok(if is_known {
            None
        } else {
            Some(self.store.load_api_keys().await?)
        })
    }
}

impl Keys {
    fn new(
        snapshot: ApiKeySnapshot,
        checked_at: Instant,
        rules: &AccessRules,
        seal: &SealingKey,
        before: Option<&Self>,
    ) -> Self {
        let tokens = Book::new(snapshot.tokens, seal, before.map(|before| &before.tokens));
        let by_key = snapshot.keys.iter().map(|key| (&key.tenant, &key.principal));
        let others = rules.named.iter().map(|(tenant, principal)| (tenant, principal));
        let nobody = Accounts::default();
        let known = before.map_or(&nobody, |before| &before.accounts);
        let accounts = Accounts::new(&snapshot.people, by_key.chain(others), &rules.signers, known);
        let with_account = |key: ApiKeyRecord| {
            let account = Arc::clone(accounts.get(&key.tenant, &key.principal)?);
            let known = before.and_then(|before| before.by_hash.get(&key.hash));
            let last_use = known.map_or_else(Arc::default, |known| Arc::clone(&known.last_use));
            let hash = key.hash;
            let known = Known {
                key,
                account,
                last_use,
            };
            Some((hash, known))
        };
        Self {
            version: snapshot.version,
            by_id: snapshot
                .keys
                .iter()
                .map(|key| (key.id.clone(), key.hash))
                .collect(),
            tokens,
            by_hash: snapshot.keys.into_iter().filter_map(with_account).collect(),
            accounts,
            joined: RwLock::default(),
            checked_at,
        }
    }

    /// `account` as a member of `groups`, too.
    fn joined(&self, account: &Arc<Account>, groups: BTreeSet<GroupName>) -> Arc<Account> {
        if groups.is_empty() {
            return Arc::clone(account);
        }
        let place = (account.tenant().clone(), account.name().clone(), groups);
        let known = self.joined.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(joined) = known.get(&place) {
            return Arc::clone(joined);
        }
        drop(known);
        let joined = self.accounts.joined(account, &place.2);
        let joined = joined.map_or_else(|| Arc::clone(account), Arc::new);
        let mut known = self.joined.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_JOINED {
            known.clear();
        }
        known.insert(place, Arc::clone(&joined));
        joined
    }
}

/// Uses that were taken to be written down, and are given back unless that was done.
#[derive(Default)]
struct Noted(Vec<Arc<LastUse>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.iter().for_each(|last_use| last_use.give_back());
    }
}

/// Keeps `ring` up to date until `shutdown`: a look every `interval` ([`REFRESH`], so that a revocation reaches
/// every server within a second). Failures are logged; known keys stay good for [`KeyRingConfig::stale_after`]. Once a minute, and
/// at the end, it is written down who used what.
pub async fn run_refresh(ring: &KeyRing, interval: Duration, shutdown: impl Future<Output = ()> + Send) {
    let ticks = || {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let store = async {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            let looked = async {
                ring.refresh_if_changed().await?;
                ring.hand_over_local_switches().await
            };
            if let Err(error) = looked.await {
                warn(&error);
            }
        }
    };
    // Apart from looking: a store that is slow to write must not keep a revocation from being seen.
    let uses = async {
        loop {
            tokio::time::sleep(USES_EVERY).await;
            write_uses(ring).await;
        }
    };
    // Apart from the store: the file is for when that does not answer.
    let local = async {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            ring.look_at_local_switches();
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = store => {}
        () = uses => {}
        () = local => {}
    }
    write_uses(ring).await;
}

async fn write_uses(ring: &KeyRing) {
    if let Err(error) = ring.flush_uses().await {
        tracing::warn!(%error, "cannot write down which keys and privileges were used; it is tried again");
    }
}

fn warn(error: &Error) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(error = %error, source = source.as_deref(), "cannot read API keys from the store");
}
