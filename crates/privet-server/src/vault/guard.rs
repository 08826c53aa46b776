//! Whether a prompt about a person may be sent: what its headers say, and what the vault says to that.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use http::HeaderMap;
use jiff::Timestamp;
use privet_policy::ConsentConfig;
use privet_types::{Pseudonym, SurfaceKind, TenantId};
use privet_vault::{Actor, Ask, Ground, PermittedUse, Processing, Reason, SubjectId, Verdict};

use super::VaultApi;

/// Whom a prompt is about: the token of a subject.
const SUBJECT: &str = "x-privet-subject";
/// What a prompt is for: the name of a purpose.
const PURPOSE: &str = "x-privet-purpose";
/// Of which conversation a prompt is: a name of the caller's own.
const CONVERSATION: &str = "x-privet-conversation";
/// Longest name of a conversation.
const LONGEST_CONVERSATION: usize = 128;

/// Subjects whose pseudonyms are kept at hand.
const SUBJECTS: usize = 10_000;

/// Why a prompt about a person is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoConsent {
    #[error("a prompt has to name the person it is about in `x-privet-subject`")]
    NoSubject,
    #[error("a prompt about a person has to name what it is for in `x-privet-purpose`")]
    NoPurpose,
    #[error("`x-privet-subject` takes one token of a subject, and `x-privet-purpose` one name of a purpose")]
    BadHeader,
    #[error(
        "`x-privet-conversation` takes one name of a conversation: 1 to 128 letters, digits, `.`, `_` and `-`, and nothing personal"
    )]
    BadConversation,
    #[error("there is no vault here, so consent cannot be checked")]
    NoVault,
    #[error("the person has withdrawn consent for this purpose, so nothing was sent")]
    Withdrawn,
    #[error("nothing allows this purpose for this person and provider, so nothing was sent ({0})")]
    Missing(&'static str),
    #[error("consent cannot be checked at the moment, so nothing was sent; try again in a moment")]
    Unavailable,
}

/// Whom a prompt is about and what for, as it says itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
}

/// What the record of a decision says of that.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    pub(crate) subject: Option<Pseudonym>,
    pub(crate) purpose: Option<String>,
    /// What for the subject's data is used, if it may be.
    pub(crate) ground: Ground,
    /// The categories of data that were asked about.
    pub(crate) categories: Vec<String>,
    /// When they were.
    pub(crate) asked_at: Option<Timestamp>,
}

/// Pseudonyms of subjects that prompts were about.
#[derive(Default)]
pub(crate) struct Subjects(RwLock<HashMap<TenantId, HashMap<SubjectId, Pseudonym>>>);

impl About {
    /// What `headers` say; `None` if they name nobody and nothing, and need not.
    pub(crate) fn read(headers: &HeaderMap, policy: &ConsentConfig) -> Result<Option<Self>, NoConsent> {
        let (subject, purpose) = (one(headers, SUBJECT)?, one(headers, PURPOSE)?);
        if subject.is_none() && purpose.is_none() && !policy.required {
            return Ok(None);
        }
        let subject = subject.ok_or(NoConsent::NoSubject)?;
        let purpose = purpose
            .or(policy.purpose.as_deref())
            .ok_or(NoConsent::NoPurpose)?;
        Ok(Some(Self {
            subject: subject.parse().map_err(|_| NoConsent::BadHeader)?,
            purpose: purpose.to_owned(),
        }))
    }
}

/// The name that `headers` give to the conversation. It can hold nothing that a stand-in, an address or a name with spaces is
/// written with.
pub(crate) fn conversation(headers: &HeaderMap) -> Result<Option<&str>, NoConsent> {
    let name = one(headers, CONVERSATION).map_err(|_| NoConsent::BadConversation)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = |name: &str| name.len() <= LONGEST_CONVERSATION && name.bytes().all(fits);
    match name {
        Some(name) if !is_name(name) => Err(NoConsent::BadConversation),
        name => Ok(name),
    }
}

/// The value of the header `name`. Two of them leave open which one counts.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, NoConsent> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) if !text.trim().is_empty() => Ok(Some(text.trim())),
        _ => Err(NoConsent::BadHeader),
    }
}

impl VaultApi {
    /// That what `about` says may be sent to `recipient` with data of all `categories` (`None`: of all that the purpose has).
    /// What is to be recorded of it goes to `guarded`, also if it may not.
    pub(crate) async fn guard(
        &self,
        tenant: &TenantId,
        about: &About,
        (recipient, categories): (&str, Option<BTreeSet<&str>>),
        at: Timestamp,
        guarded: &mut Guarded,
    ) -> Result<(), NoConsent> {
        guarded.asked_at = Some(at);
        guarded.categories = categories.iter().flatten().map(|&name| name.to_owned()).collect();
        let verdict = self.ask(tenant, about, recipient, categories, at).await;
        // A name that is no purpose's may be anything, and is not written down.
        if verdict.reason != Reason::UnknownPurpose {
            guarded.purpose = Some(about.purpose.clone());
        }
        guarded.subject = self.pseudonym(tenant, &about.subject).await;
        if verdict.allowed {
            if verdict.serves_legal_claims {
                guarded.ground = Ground::Permitted(PermittedUse::LegalClaims);
            }
            // Without a pseudonym the record would not say whom this was about.
            return guarded.subject.as_ref().map(|_| ()).ok_or(NoConsent::Unavailable);
        }
        Err(match verdict.reason {
            Reason::Withdrawn => NoConsent::Withdrawn,
            Reason::Stale => NoConsent::Unavailable,
            reason => NoConsent::Missing(word(reason)),
        })
    }

    /// Writes down that a prompt about a person goes to `recipient`, with data of all `categories` that were asked about.
    pub(crate) fn sends(
        &self,
        actor: &Actor,
        about: &About,
        (categories, asked_at): (&[String], Option<Timestamp>),
        (recipient, surface): (&str, SurfaceKind),
    ) {
        let at = asked_at.unwrap_or_else(|| self.clock.now());
        let of = |category: Option<&String>| Processing {
            subject: about.subject.as_str().to_owned(),
            purpose: about.purpose.clone(),
            category: category.cloned(),
            recipient: Some(recipient.to_owned()),
            surface: surface.name().to_owned(),
            at,
        };
        if categories.is_empty() {
            self.processed.note(actor, of(None));
        }
        for category in categories {
            self.processed.note(actor, of(Some(category)));
        }
    }

    /// The first refusal, or the last permission.
    async fn ask(
        &self,
        tenant: &TenantId,
        about: &About,
        recipient: &str,
        categories: Option<BTreeSet<&str>>,
        at: Timestamp,
    ) -> Verdict {
        let subject = Some(about.subject.as_str());
        let mut ask = Ask {
            purpose: &about.purpose,
            category: None,
            recipient: Some(recipient),
        };
        let mut verdict = None;
        for category in categories.into_iter().flatten() {
            ask.category = Some(category);
            let found = self.consent.check(tenant, subject, &ask, at).await;
            let is_allowed = found.allowed;
            verdict = Some(found);
            if !is_allowed {
                break;
            }
        }
        match verdict {
            Some(verdict) => verdict,
            None => self.consent.check(tenant, subject, &ask, at).await,
        }
    }

    /// How the log calls the subject; `None` if there is none, or that cannot be said now.
    pub(crate) async fn pseudonym(&self, tenant: &TenantId, id: &SubjectId) -> Option<Pseudonym> {
        if let Some(known) = self.subjects.get(tenant, id) {
            return Some(known);
        }
        match self.vault.subject_pseudonym(tenant, id).await {
            Ok(Some(pseudonym)) => {
                self.subjects.keep(tenant, id, &pseudonym);
                Some(pseudonym)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the pseudonym of a subject cannot be looked up");
                None
            }
        }
    }
}

impl Subjects {
    fn get(&self, tenant: &TenantId, id: &SubjectId) -> Option<Pseudonym> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant)?.get(id).cloned()
    }

    fn keep(&self, tenant: &TenantId, id: &SubjectId, pseudonym: &Pseudonym) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.values().map(HashMap::len).sum::<usize>() >= SUBJECTS {
            known.clear();
        }
        let of_tenant = known.entry(tenant.clone()).or_default();
        of_tenant.insert(id.clone(), pseudonym.clone());
    }
}

/// The reason, for the caller.
const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::UnknownPurpose => "unknown purpose",
        Reason::UnknownSubject => "unknown subject",
        Reason::CategoryNotCovered => "category not covered",
        Reason::RecipientNotCovered => "the provider is no recipient of this purpose",
        Reason::Refused => "refused",
        Reason::Revoked => "revoked",
        Reason::Expired => "expired",
        Reason::NotExplicit => "consent is not explicit",
        Reason::MinorAlone => "a child consented alone",
        Reason::SpecialCategory => "special category",
        Reason::Objected => "objected",
        Reason::Restricted => "restricted",
        _ => "no consent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11";

    fn read(headers: &[(&'static str, &'static str)], policy: &ConsentConfig) -> Result<bool, NoConsent> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_static(value));
        }
        About::read(&map, policy).map(|about| about.is_some())
    }

    #[test]
    fn a_prompt_names_both_or_neither() {
        let policy = ConsentConfig::default();
        assert_eq!(read(&[], &policy), Ok(false));
        assert_eq!(read(&[(SUBJECT, TOKEN), (PURPOSE, "help")], &policy), Ok(true));
        assert_eq!(read(&[(SUBJECT, TOKEN)], &policy), Err(NoConsent::NoPurpose));
        assert_eq!(read(&[(PURPOSE, "help")], &policy), Err(NoConsent::NoSubject));
    }

    #[test]
    fn a_header_that_stands_twice_or_is_no_token_is_refused() {
        let policy = ConsentConfig::default();
        let twice = [(SUBJECT, TOKEN), (SUBJECT, TOKEN), (PURPOSE, "help")];
        assert_eq!(read(&twice, &policy), Err(NoConsent::BadHeader));
        let name = [(SUBJECT, "ada"), (PURPOSE, "help")];
        assert_eq!(read(&name, &policy), Err(NoConsent::BadHeader));
        assert_eq!(
            read(&[(SUBJECT, " "), (PURPOSE, "help")], &policy),
            Err(NoConsent::BadHeader)
        );
    }

    #[test]
    fn a_conversation_has_one_plain_name() {
        let named = |values: &[&'static str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(CONVERSATION, http::HeaderValue::from_static(value));
            }
            conversation(&map).map(|name| name.map(str::to_owned))
        };
        assert_eq!(named(&[]), Ok(None));
        assert_eq!(named(&["chat-7_a.B"]), Ok(Some("chat-7_a.B".to_owned())));
        let long: &'static str = "x".repeat(129).leak();
        for bad in [
            &["a", "a"][..],
            &[""],
            &["ada@example.com"],
            &["Ada Lovelace"],
            &["~1"],
            &[long],
        ] {
            assert_eq!(named(bad), Err(NoConsent::BadConversation), "{bad:?}");
        }
    }

    #[test]
    fn the_policy_can_demand_a_subject_and_give_a_purpose() {
        let policy = ConsentConfig {
            required: true,
            purpose: Some("help".to_owned()),
            ..ConsentConfig::default()
        };
        assert_eq!(read(&[], &policy), Err(NoConsent::NoSubject));
        assert_eq!(read(&[(SUBJECT, TOKEN)], &policy), Ok(true));
    }
}
