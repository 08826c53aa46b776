//! What a principal may do, decided by Cedar: what no policy permits is denied, what one forbids is denied whatever others
//! say, and a policy that cannot be evaluated denies, too.

mod ask;
mod explain;
mod lint;
mod mention;
mod read;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{Authorizer as Cedar, Decision, Entities, PolicySet, Request, Schema};
use jiff::tz::Offset;
use privet_crypto::sha256_parts;

pub(crate) use ask::uid;
pub use ask::{Ask, PromptFacts, Resource};
pub use explain::{Explanation, PolicyBearing, PolicyStep};
pub use lint::Lint;
pub use mention::KindAsked;
pub use read::{PolicyError, PolicyText};

use crate::account::Account;
use mention::Mentioned;

/// Most answers that are remembered. Past it, all are forgotten.
const MOST_ANSWERS: usize = 1 << 14;

/// Longest question whose answer is remembered, in bytes: names come from callers.
const MOST_KEY: usize = 512;

/// A question could not be put to the policies; then the answer is no.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the policies could not be asked: {0}")]
pub struct DecideError(String);

impl DecideError {
    pub(crate) fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be done.
    pub is_allowed: bool,
    /// The policies that decided, by name; none where no policy permits it.
    pub policies: Vec<String>,
    /// What the deciding policies say to people (`@message`).
    pub message: Option<String>,
}

/// The policies in force. Answers are remembered by all that they can depend on.
pub struct Authorizer {
    policies: PolicySet,
    schema: Schema,
    mentioned: Mentioned,
    offset: Offset,
    version: Option<String>,
    answers: RwLock<HashMap<Vec<u8>, Arc<Verdict>>>,
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorizer({} policies)", self.policies.num_of_policies())
    }
}

impl Authorizer {
    /// The roles that ship with Privet, and what `own` says beside them. `offset` is where hours and days of the week are told.
    ///
    /// # Errors
    /// [`PolicyError`] at the first fault in a policy.
    pub fn new(own: &[PolicyText<'_>], offset: Offset) -> Result<Self, PolicyError> {
        let schema = read::schema()?;
        let policies = read::read(own, &schema)?;
        Ok(Self {
            mentioned: Mentioned::of(&policies),
            policies,
            schema,
            offset,
            version: version(own),
            answers: RwLock::default(),
        })
    }

    /// The schema that policies are checked against, as Cedar writes it.
    #[must_use]
    pub const fn schema_text() -> &'static str {
        read::SCHEMA
    }

    /// The roles that ship with Privet, as Cedar writes them.
    #[must_use]
    pub const fn shipped_text() -> &'static str {
        read::SHIPPED.text
    }

    /// Names the policies of the operator's own: 16 hexadecimal digits; `None` if there are none.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether `account` may do what is asked. About 1 µs where it was asked before, 50 to 200 µs else.
    #[must_use]
    pub fn decide(&self, account: &Account, ask: &Ask<'_>) -> Arc<Verdict> {
        let key = ask.key(account, &self.mentioned, self.offset);
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = known.get(&key) {
            return Arc::clone(verdict);
        }
        drop(known);
        let verdict = match self.evaluate(&self.policies, account, ask) {
            Ok(verdict) => Arc::new(verdict),
            Err(error) => {
                tracing::error!(%error, action = ask.privilege.name(), "denied");
                return Arc::new(Verdict {
                    is_allowed: false,
                    policies: Vec::new(),
                    message: None,
                });
            }
        };
        if key.len() > MOST_KEY {
            return verdict;
        }
        let mut known = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_ANSWERS {
            known.clear();
        }
        known.insert(key, Arc::clone(&verdict));
        verdict
    }

    fn evaluate(
        &self,
        policies: &PolicySet,
        account: &Account,
        ask: &Ask<'_>,
    ) -> Result<Verdict, DecideError> {
        let (request, entities) = self.request(account, ask)?;
        let response = Cedar::new().is_authorized(&request, policies, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(DecideError::new(error));
        }
        let mut deciding: Vec<_> = response.diagnostics().reason().cloned().collect();
        deciding.sort();
        let is_allowed = response.decision() == Decision::Allow;
        let messages: Vec<&str> = deciding
            .iter()
            .filter(|_| !is_allowed)
            .filter_map(|id| policies.annotation(id, "message"))
            .collect();
        Ok(Verdict {
            is_allowed,
            message: (!messages.is_empty()).then(|| messages.join(" ")),
            policies: deciding.iter().map(ToString::to_string).collect(),
        })
    }

    fn request(&self, account: &Account, ask: &Ask<'_>) -> Result<(Request, Entities), DecideError> {
        let (resource, more) = ask.resource(account)?;
        let (principal, base) = account.entities()?;
        let entities = base.clone().add_entities(more, None).map_err(DecideError::new)?;
        let action = uid("Action", ask.privilege.name())?;
        let context = ask.context(account, self.offset)?;
        let request = Request::new(principal.clone(), action, resource, context, Some(&self.schema));
        Ok((request.map_err(DecideError::new)?, entities))
    }
}

fn version(own: &[PolicyText<'_>]) -> Option<String> {
    if own.is_empty() {
        return None;
    }
    let parts: Vec<Vec<u8>> = own
        .iter()
        .flat_map(|file| [file.name.as_bytes(), file.text.as_bytes()])
        .flat_map(|part| [(part.len() as u64).to_le_bytes().to_vec(), part.to_vec()])
        .collect();
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let hash = sha256_parts(&parts);
    Some(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
