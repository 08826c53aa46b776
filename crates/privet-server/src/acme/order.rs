//! Obtaining one certificate: the account, the order, the answers, the certificate.

use std::time::Duration;

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType,
    ExternalAccountKey, Identifier, NewAccount, NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use privet_store::AcmeChallenge;
use privet_types::Secret;

use super::Acme;
use super::authority::NoAnswer;
use super::certificate::{self, Facts, Pair, Unusable};
use super::challenge::is_token;

/// Longest wait until the authority has looked, and then until it has signed.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_secs(90));
/// How long answers are kept: longer than an attempt lasts.
pub(super) const ANSWERED: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Longest text of the authority's in the log, in characters.
const LONGEST_DETAIL: usize = 300;
/// Before the kinds of errors that RFC 8555 knows.
const URN: &str = "urn:ietf:params:acme:error:";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotObtained {
    #[error("the authority: {0}")]
    NoAnswer(#[from] NoAnswer),
    /// What the authority says itself.
    #[error("the authority says `{kind}`: {detail}")]
    Refused { kind: String, detail: String },
    #[error(
        "the authority does not offer `{0}` for one of the names; choose the other `challenge` in `[tls.acme]`"
    )]
    NoChallenge(&'static str),
    #[error("the authority did not come to an end in time")]
    Silence,
    #[error("the authority's answers cannot be understood")]
    BadAnswer,
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("another node has taken over meanwhile")]
    Overtaken,
    #[error("the store does not answer")]
    Store(#[from] privet_store::Error),
    #[error("what is kept of the authority's cannot be opened; was the root key changed?")]
    Sealed,
    #[error("no key can be made")]
    Key,
    #[error("the attempt took too long, or broke off")]
    BrokeOff,
}

/// The key of an account elsewhere.
pub(super) fn external_key(text: &Secret<String>) -> Option<Secret<Vec<u8>>> {
    let text = text.expose().trim();
    let key = BASE64URL_NOPAD
        .decode(text.as_bytes())
        .or_else(|_| BASE64URL.decode(text.as_bytes()));
    key.ok().filter(|key| !key.is_empty()).map(Secret::new)
}

impl NotObtained {
    /// A kind that RFC 8555 knows, without what is the same for all.
    fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == wanted)
    }

    fn of(error: instant_acme::Error, contact: Option<&str>) -> Self {
        use instant_acme::Error;
        match error {
            Error::Api(problem) => Self::refused(&problem, contact),
            Error::Timeout(_) => Self::Silence,
            Error::Crypto | Error::KeyRejected => Self::Key,
            Error::Other(other) => match other.downcast_ref::<NoAnswer>() {
                Some(why) => Self::NoAnswer(*why),
                None => Self::BadAnswer,
            },
            _ => Self::BadAnswer,
        }
    }

    /// The authority's words, cut short; without the e-mail address that it was told.
    fn refused(problem: &Problem, contact: Option<&str>) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or("about:blank");
        let subproblems = problem.subproblems.iter().filter_map(|sub| sub.detail.as_deref());
        let mut detail = problem.detail.clone().unwrap_or_default();
        for more in subproblems {
            detail = format!("{detail}; {more}");
        }
        if let Some(contact) = contact {
            detail = detail.replace(contact, "(contact)");
        }
        let shown = |text: &str| -> String {
            let shown = text.chars().filter(|char| !char.is_control());
            shown.take(LONGEST_DETAIL).collect()
        };
        Self::Refused {
            kind: shown(kind.strip_prefix(URN).unwrap_or(kind)),
            detail: shown(&detail),
        }
    }
}

impl Acme {
    fn told(&self, error: instant_acme::Error) -> NotObtained {
        NotObtained::of(error, self.settings.contact.as_deref())
    }

    /// A new certificate, and what it says of itself. `replaced` is the one before, where the authority wants to know.
    pub(super) async fn obtain(
        &self,
        replaced: Option<CertificateIdentifier<'static>>,
    ) -> Result<(Pair, Facts), NotObtained> {
        let mut answers = Vec::new();
        let obtained = match self.order(replaced.clone(), &mut answers).await {
            // It was deleted there: another one is made.
            Err(why) if why.is("accountDoesNotExist") => {
                self.forget_account().await?;
                self.order(replaced, &mut answers).await
            }
            Err(why) if why.is("alreadyReplaced") => self.order(None, &mut answers).await,
            obtained => obtained,
        };
        for (kind, name, answer) in answers {
            // Their time ends by itself, too.
            let _ = self.store.remove_acme_answer((kind, &name), answer).await;
        }
        obtained
    }

    async fn order(
        &self,
        replaced: Option<CertificateIdentifier<'static>>,
        answers: &mut Vec<(AcmeChallenge, String, Vec<u8>)>,
    ) -> Result<(Pair, Facts), NotObtained> {
        let account = self.account().await?;
        let domains = self.settings.domains.iter();
        let identifiers: Vec<Identifier> = domains.cloned().map(Identifier::Dns).collect();
        let mut wanted = NewOrder::new(&identifiers);
        if let Some(profile) = &self.settings.profile {
            wanted = wanted.profile(profile);
        }
        if let Some(replaced) = replaced {
            wanted = wanted.replaces(replaced);
        }
        let told = |error| self.told(error);
        let mut order = account.new_order(&wanted).await.map_err(told)?;
        self.answer_all(&mut order, answers).await?;
        match order.poll_ready(&PATIENCE).await.map_err(told)? {
            OrderStatus::Ready => {}
            _ => return Err(self.why_invalid(&mut order).await),
        }
        let made = certificate::request(&self.settings.domains);
        let (key, request) = made.map_err(|_| NotObtained::Key)?;
        order.finalize_csr(&request).await.map_err(told)?;
        let chain = order.poll_certificate(&PATIENCE).await.map_err(told)?;
        let pair = Pair::new(&key, chain);
        let (_, facts) = pair.open(&self.settings.domains)?;
        // Ahead of time is not looked at: authorities set the beginning back, and clocks differ.
        if facts.until <= self.clock.now() || facts.lifetime().is_negative() {
            return Err(Unusable::OutOfTime.into());
        }
        Ok((pair, facts))
    }

    /// Puts the answers where every node finds them, and tells the authority that it may look.
    async fn answer_all(
        &self,
        order: &mut Order,
        answers: &mut Vec<(AcmeChallenge, String, Vec<u8>)>,
    ) -> Result<(), NotObtained> {
        let kind = self.challenge();
        let wanted = match kind {
            AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
            AcmeChallenge::Http01 => ChallengeType::Http01,
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.told(error))?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let challenge = authorization.challenge(wanted.clone());
            let mut challenge = challenge.ok_or(NotObtained::NoChallenge(kind.name()))?;
            let answer = challenge.key_authorization();
            let (name, answer) = match kind {
                AcmeChallenge::TlsAlpn01 => {
                    let name = challenge.identifier().to_string().to_ascii_lowercase();
                    (name, answer.digest().as_ref().to_vec())
                }
                AcmeChallenge::Http01 => (challenge.token.clone(), answer.as_str().as_bytes().to_vec()),
            };
            if !is_token(&challenge.token) {
                return Err(NotObtained::BadAnswer);
            }
            let now = self.clock.now();
            let until = now.saturating_add(ANSWERED).unwrap_or(now);
            self.store
                .put_acme_answer((kind, &name), answer.clone(), now, until)
                .await?;
            answers.push((kind, name, answer));
            challenge.set_ready().await.map_err(|error| self.told(error))?;
        }
        Ok(())
    }

    /// What the authority found at the first name that it did not believe.
    async fn why_invalid(&self, order: &mut Order) -> NotObtained {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let Ok(mut authorization) = authorization else {
                break;
            };
            let Ok(state) = authorization.refresh().await else {
                break;
            };
            let mut problems = state
                .challenges
                .iter()
                .filter_map(|challenge| challenge.error.as_ref());
            if let Some(problem) = problems.next() {
                return NotObtained::refused(problem, self.settings.contact.as_deref());
            }
        }
        NotObtained::BadAnswer
    }

    /// The account with the authority, if there is one.
    pub(super) async fn known_account(&self) -> Result<Option<Account>, NotObtained> {
        match self.store.acme_account(&self.settings.directory).await? {
            None => Ok(None),
            Some(sealed) => self.open_account(&sealed).await.map(Some),
        }
    }

    /// The account with the authority; a new one if there is none.
    async fn account(&self) -> Result<Account, NotObtained> {
        if let Some(account) = self.known_account().await? {
            return Ok(account);
        }
        let directory = &self.settings.directory;
        let contact = self
            .settings
            .contact
            .as_ref()
            .map(|contact| format!("mailto:{contact}"));
        let contact: Vec<&str> = contact.as_deref().into_iter().collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let elsewhere = self
            .settings
            .external_account
            .as_ref()
            .zip(self.external_key.as_ref());
        let elsewhere =
            elsewhere.map(|(account, key)| ExternalAccountKey::new(account.id.clone(), key.expose()));
        let builder = Account::builder_with_http(Box::new(self.authority.clone()));
        let made = builder
            .create(&wanted, directory.clone(), elsewhere.as_ref())
            .await;
        let (account, credentials) = made.map_err(|error| self.told(error))?;
        let text = serde_json::to_vec(&credentials).map_err(|_| NotObtained::Key)?;
        let sealed = self.seal.seal(&self.account_place(), &text);
        let sealed = sealed.map_err(|_| NotObtained::Key)?;
        let kept = self
            .store
            .put_acme_account(directory, sealed.clone(), self.clock.now())
            .await?;
        if kept == sealed {
            tracing::info!(%directory, "an account with the authority of certificates was made");
            return Ok(account);
        }
        // For another certificate one was made at the same time.
        self.open_account(&kept).await
    }

    async fn open_account(&self, sealed: &[u8]) -> Result<Account, NotObtained> {
        let opened = self.seal.open(&self.account_place(), sealed);
        let opened = opened.map_err(|_| NotObtained::Sealed)?;
        let credentials: AccountCredentials =
            serde_json::from_slice(&opened).map_err(|_| NotObtained::Sealed)?;
        let builder = Account::builder_with_http(Box::new(self.authority.clone()));
        let account = builder.from_credentials(credentials).await;
        account.map_err(|error| self.told(error))
    }

    async fn forget_account(&self) -> Result<(), NotObtained> {
        let directory = &self.settings.directory;
        if let Some(sealed) = self.store.acme_account(directory).await? {
            self.store.remove_acme_account(directory, &sealed).await?;
        }
        Ok(())
    }

    /// What an account is sealed for.
    fn account_place(&self) -> Vec<u8> {
        format!("account\0{}", self.settings.directory).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authoritys_words_are_cut_short_and_do_not_repeat_the_contact() {
        let said = format!("{URN}invalidContact");
        let problem: Problem = serde_json::from_value(serde_json::json!({
            "type": said,
            "detail": format!("ann@example.com\n\u{1b}[31m {}", "x".repeat(9_999)),
        }))
        .unwrap();
        let told = NotObtained::refused(&problem, Some("ann@example.com")).to_string();
        assert!(
            told.contains("`invalidContact`") && told.contains("(contact)"),
            "{told}"
        );
        assert!(
            !told.contains("ann@") && !told.contains(char::is_control),
            "{told}"
        );
        assert!(told.len() < 400, "{}", told.len());
    }

    #[test]
    fn a_key_of_an_account_elsewhere_is_base64url_with_and_without_padding() {
        let key = |text: &str| external_key(&Secret::new(text.to_owned())).map(|key| key.expose().clone());
        assert_eq!(key("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(key(" -_8=\n"), Some(vec![0xfb, 0xff]));
        assert_eq!(key("+/8"), None);
        assert_eq!(key(""), None);
    }
}
