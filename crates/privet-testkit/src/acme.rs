//! An authority that issues certificates by ACME (RFC 8555), and believes nothing: it checks every signature, nonce and request, and
//! looks itself whether a name leads to who asks.

#![expect(
    clippy::indexing_slicing,
    reason = "places of its own lists, which do not get shorter"
)]

mod jws;
mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use privet_demo::Recording;
use rcgen::{CertificateSigningRequestParams, SanType};
use rustls::pki_types::CertificateSigningRequestDer;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::jws::{Jws, Refusal};
use crate::authority::Authority;
use crate::raw_provider::{Answer, RawProvider, json_reply};
use crate::tls_front::TlsFront;

/// How long a certificate is good if nothing else is said: from 2025 on for two hundred years, so that it is by the tests' clock and by
/// that of the TLS library.
const GOOD: [&str; 2] = ["2025-01-01T00:00:00Z", "2225-01-01T00:00:00Z"];

/// Each connection is for one request, and says so.
const CLOSE: &str = "connection: close\r\n";

/// An authority on 127.0.0.1. Dropped, it is gone.
pub struct TestAcme {
    provider: RawProvider,
    front: TlsFront,
    shared: Arc<Shared>,
}

struct Shared {
    authority: Authority,
    /// `https://`, and where it is.
    base: OnceLock<String>,
    state: Mutex<State>,
    /// Where names lead: to the gateway's TLS, and to its address for plain questions.
    places: watch::Sender<Places>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Places {
    tls: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

#[derive(Default)]
struct State {
    nonces: BTreeSet<String>,
    posts: usize,
    accounts: Vec<Account>,
    orders: Vec<Order>,
    authorizations: Vec<Authorization>,
    validity: Option<(Timestamp, Timestamp)>,
    failing: Option<(u16, String)>,
    external: Option<(String, Vec<u8>)>,
    suggested: Option<(Timestamp, Timestamp)>,
    replaced: Vec<String>,
    wants_to_redirect: bool,
}

struct Account {
    key: Value,
    contact: Value,
    is_gone: bool,
}

struct Order {
    account: usize,
    domains: Vec<String>,
    authorizations: Vec<usize>,
    replaces: Option<String>,
    /// How often it was looked at since it was finalized: the first time it is still at work.
    looks: usize,
    chain: Option<String>,
}

#[derive(Clone)]
struct Authorization {
    domain: String,
    token: String,
    thumbprint: String,
    /// By kind.
    challenges: BTreeMap<&'static str, Status>,
}

#[derive(Debug, Clone, PartialEq)]
enum Status {
    Pending,
    Processing,
    Valid,
    Invalid(String),
}

impl TestAcme {
    /// One that has not issued anything yet.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            authority: Authority::default(),
            base: OnceLock::new(),
            state: Mutex::default(),
            places: watch::Sender::default(),
        });
        let for_script = Arc::clone(&shared);
        let provider = RawProvider::start(move |request: &Recording| {
            let answered = for_script.answer(request);
            Answer::Bytes(answered.unwrap_or_else(|refusal| for_script.refuse(&refusal)))
        });
        let provider = provider.await;
        let front = TlsFront::start(provider.address()).await;
        let base = format!("https://{}", front.address());
        shared.base.set(base).expect("it starts once");
        Self {
            provider,
            front,
            shared,
        }
    }

    /// The address of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        self.shared.url("directory")
    }

    /// The certificate that its own address rests on, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.front.ca_pem()
    }

    /// Who signs the certificates that it issues.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// All names lead to this TLS address from now on.
    pub fn leads_to(&self, tls: SocketAddr) {
        self.shared.places.send_modify(|places| places.tls = Some(tls));
    }

    /// Plain questions about all names lead to this address from now on.
    pub fn leads_to_plain(&self, http: SocketAddr) {
        self.shared.places.send_modify(|places| places.http = Some(http));
    }

    /// Issues certificates of this time from now on.
    pub fn issue_for(&self, from: Timestamp, until: Timestamp) {
        self.shared.state().validity = Some((from, until));
    }

    /// Turns orders away with this status from now on, and these further header lines.
    pub fn fail(&self, status: u16, headers: &str) {
        self.shared.state().failing = Some((status, headers.to_owned()));
    }

    /// Takes orders again.
    pub fn recover(&self) {
        self.shared.state().failing = None;
    }

    /// Sends who asks for its directory elsewhere from now on.
    pub fn redirect(&self) {
        self.shared.state().wants_to_redirect = true;
    }

    /// Wants an account elsewhere, of this id and key, from now on.
    pub fn want_external(&self, id: &str, key: &[u8]) {
        self.shared.state().external = Some((id.to_owned(), key.to_vec()));
    }

    /// Suggests a renewal in this window from now on (RFC 9773).
    pub fn suggest(&self, start: Timestamp, end: Timestamp) {
        self.shared.state().suggested = Some((start, end));
    }

    /// Forgets all accounts.
    pub fn forget_accounts(&self) {
        for account in &mut self.shared.state().accounts {
            account.is_gone = true;
        }
    }

    /// How many certificates it has issued.
    #[must_use]
    pub fn issued(&self) -> usize {
        let state = self.shared.state();
        state.orders.iter().filter(|order| order.chain.is_some()).count()
    }

    /// How many orders it has taken.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.shared.state().orders.len()
    }

    /// What the accounts have said of how to reach them, the oldest first.
    #[must_use]
    pub fn contacts(&self) -> Vec<Value> {
        let state = self.shared.state();
        state
            .accounts
            .iter()
            .map(|account| account.contact.clone())
            .collect()
    }

    /// What orders said that they replace.
    #[must_use]
    pub fn replaced(&self) -> Vec<String> {
        self.shared.state().replaced.clone()
    }

    /// What it was sent, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recording> {
        self.provider.requests()
    }

    /// Its `[tls.acme]` for these names, with these further lines. Its own certificate is to lie in `authority.pem`.
    #[must_use]
    pub fn table(&self, domains: &[&str], more: &str) -> String {
        let directory = self.directory();
        format!(
            "[tls.acme]\ndirectory = \"{directory}\"\nca_file = \"authority.pem\"\ndomains = {domains:?}\nagree_to_terms = true\n{more}\n"
        )
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.get().map_or("", String::as_str))
    }

    /// Header lines that every answer to a POST has.
    fn nonce(&self) -> String {
        let nonce = random_text();
        self.state().nonces.insert(nonce.clone());
        format!("replay-nonce: {nonce}\r\n{CLOSE}")
    }

    fn reply(&self, status: &str, headers: &str, body: &Value) -> Vec<u8> {
        json_reply(status, &format!("{}{headers}", self.nonce()), &body.to_string())
    }

    fn refuse(&self, refusal: &Refusal) -> Vec<u8> {
        let kind = format!("urn:ietf:params:acme:error:{}", refusal.kind);
        let body = json!({ "type": kind, "detail": refusal.detail, "status": refusal.status });
        let status = format!("{} No", refusal.status);
        self.reply(&status, &refusal.headers, &body)
    }

    fn answer(self: &Arc<Self>, request: &Recording) -> Result<Vec<u8>, Refusal> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/directory") if self.state().wants_to_redirect => {
                let elsewhere = format!("location: {}\r\n{CLOSE}", self.url("moved"));
                return Ok(json_reply("302 Found", &elsewhere, "{}"));
            }
            ("GET", "/directory" | "/moved") => return Ok(self.show_directory()),
            ("HEAD", "/nonce") => return Ok(json_reply("200 OK", &self.nonce(), "")),
            ("GET", path) => return self.suggestion(path),
            ("POST", _) => {}
            _ => return Err(Refusal::malformed("no such address")),
        }
        let jws = Jws::read(request, &self.url(request.path.trim_start_matches('/')))?;
        {
            let mut state = self.state();
            state.posts += 1;
            // A nonce may be lost at any time: the first request has to be sent again.
            if !state.nonces.remove(&jws.nonce) || state.posts == 1 {
                return Err(Refusal::new(400, "badNonce", "that nonce is not good"));
            }
        }
        if request.path == "/account" {
            return self.new_account(&jws);
        }
        let account = self.account_of(&jws)?;
        let mut path = request.path.trim_start_matches('/').split('/');
        let (kind, id) = (path.next().unwrap_or_default(), path.next());
        let id: Option<usize> = id.and_then(|id| id.parse().ok());
        match (kind, id) {
            ("order", None) => self.new_order(account, &jws),
            ("order", Some(id)) => self.show_order(account, id, &jws),
            ("finalize", Some(id)) => self.finalize(account, id, &jws),
            ("certificate", Some(id)) => self.show_certificate(account, id, &jws),
            ("authorization", Some(id)) => self.show_authorization(id, &jws),
            ("challenge", Some(id)) => self.begin_challenge(id, path.next().unwrap_or_default(), &jws),
            _ => Err(Refusal::malformed("no such address")),
        }
    }

    fn show_directory(&self) -> Vec<u8> {
        let mut directory = json!({
            "newNonce": self.url("nonce"), "newAccount": self.url("account"), "newOrder": self.url("order"),
            "revokeCert": self.url("revoke"), "keyChange": self.url("key-change"),
            "meta": { "termsOfService": self.url("terms") },
        });
        if let (Some(directory), true) = (directory.as_object_mut(), self.state().suggested.is_some()) {
            directory.insert("renewalInfo".to_owned(), json!(self.url("renewal")));
        }
        json_reply("200 OK", CLOSE, &directory.to_string())
    }

    fn suggestion(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let known = path
            .strip_prefix("/renewal/")
            .filter(|id| id.split('.').count() == 2);
        let suggested = self.state().suggested;
        let (_, (start, end)) = known
            .zip(suggested)
            .ok_or_else(|| Refusal::new(404, "malformed", "no such certificate"))?;
        let window = json!({ "suggestedWindow": { "start": start.to_string(), "end": end.to_string() } });
        Ok(json_reply(
            "200 OK",
            &format!("retry-after: 21600\r\n{CLOSE}"),
            &window.to_string(),
        ))
    }

    fn new_account(&self, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        let key = jws
            .jwk
            .clone()
            .ok_or_else(|| Refusal::malformed("a new account needs its key"))?;
        if jws.payload["termsOfServiceAgreed"] != true {
            return Err(Refusal::new(
                403,
                "userActionRequired",
                "the terms are not agreed to",
            ));
        }
        let mut state = self.state();
        if let Some((id, secret)) = &state.external {
            let url = self.url("account");
            jws::check_external(&jws.payload["externalAccountBinding"], &key, (id, secret), &url)?;
        }
        state.accounts.push(Account {
            key,
            contact: jws.payload["contact"].clone(),
            is_gone: false,
        });
        let url = self.url(&format!("account/{}", state.accounts.len() - 1));
        drop(state);
        let headers = format!("location: {url}\r\n");
        Ok(self.reply("201 Created", &headers, &json!({ "status": "valid" })))
    }

    /// Whose key has signed.
    fn account_of(&self, jws: &Jws) -> Result<usize, Refusal> {
        let state = self.state();
        let kid = jws.kid.as_deref().unwrap_or_default();
        let id = kid
            .strip_prefix(&self.url("account/"))
            .and_then(|id| id.parse().ok());
        let known = id.and_then(|id: usize| Some((id, state.accounts.get(id)?)));
        let (id, account) = known
            .filter(|(_, account)| !account.is_gone)
            .ok_or_else(|| Refusal::new(400, "accountDoesNotExist", "nobody has that account"))?;
        jws.verify(&account.key)?;
        Ok(id)
    }

    fn new_order(&self, account: usize, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        let mut state = self.state();
        if let Some((status, headers)) = state.failing.clone() {
            let kind = if status == 429 {
                "rateLimited"
            } else {
                "serverInternal"
            };
            let refusal = Refusal::new(status, kind, "not now, said to security@example.com");
            return Err(Refusal { headers, ..refusal });
        }
        let mut domains = Vec::new();
        for identifier in jws.payload["identifiers"].as_array().into_iter().flatten() {
            let (kind, value) = (&identifier["type"], identifier["value"].as_str());
            let value = value.filter(|_| kind == "dns");
            domains.push(
                value
                    .ok_or_else(|| Refusal::malformed("that is no name"))?
                    .to_owned(),
            );
        }
        if domains.is_empty() {
            return Err(Refusal::malformed("there are no names"));
        }
        let replaces = jws.payload["replaces"].as_str().map(str::to_owned);
        state.replaced.extend(replaces.clone());
        let thumbprint = jws::thumbprint(&state.accounts[account].key);
        let mut authorizations = Vec::new();
        for domain in &domains {
            authorizations.push(state.authorizations.len());
            state.authorizations.push(Authorization {
                domain: domain.clone(),
                token: random_text(),
                thumbprint: thumbprint.clone(),
                challenges: [("tls-alpn-01", Status::Pending), ("http-01", Status::Pending)].into(),
            });
        }
        state.orders.push(Order {
            account,
            domains,
            authorizations,
            replaces,
            looks: 0,
            chain: None,
        });
        let id = state.orders.len() - 1;
        let shown = self.order_shown(&state, id);
        drop(state);
        let headers = format!("location: {}\r\n", self.url(&format!("order/{id}")));
        Ok(self.reply("201 Created", &headers, &shown))
    }

    fn order_shown(&self, state: &State, id: usize) -> Value {
        let order = &state.orders[id];
        let all = order
            .authorizations
            .iter()
            .map(|id| state.authorizations[*id].status());
        let all: Vec<&str> = all.collect();
        let status = match &order.chain {
            Some(_) if order.looks > 1 => "valid",
            Some(_) => "processing",
            None if all.contains(&"invalid") => "invalid",
            None if all.iter().all(|status| *status == "valid") => "ready",
            None => "pending",
        };
        let places = order.authorizations.iter();
        let mut shown = json!({
            "status": status,
            "identifiers": order.domains.iter().map(|name| json!({ "type": "dns", "value": name })).collect::<Vec<_>>(),
            "authorizations": places.map(|id| self.url(&format!("authorization/{id}"))).collect::<Vec<_>>(),
            "finalize": self.url(&format!("finalize/{id}")),
        });
        if status == "valid" {
            shown["certificate"] = json!(self.url(&format!("certificate/{id}")));
        }
        if let Some(replaces) = &order.replaces {
            shown["replaces"] = json!(replaces);
        }
        shown
    }

    fn own_order(state: &mut State, account: usize, id: usize) -> Result<&mut Order, Refusal> {
        let order = state.orders.get_mut(id).filter(|order| order.account == account);
        order.ok_or_else(|| Refusal::new(403, "unauthorized", "that is another's order"))
    }

    fn show_order(&self, account: usize, id: usize, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        jws.asks_only()?;
        let mut state = self.state();
        let order = Self::own_order(&mut state, account, id)?;
        order.looks += usize::from(order.chain.is_some());
        let shown = self.order_shown(&state, id);
        drop(state);
        Ok(self.reply("200 OK", "", &shown))
    }

    fn show_authorization(&self, id: usize, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        jws.asks_only()?;
        let shown = {
            let state = self.state();
            let authorization = state.authorizations.get(id);
            let authorization = authorization.ok_or_else(|| Refusal::malformed("no such authorization"))?;
            let challenges = authorization.challenges.keys();
            json!({
                "identifier": { "type": "dns", "value": authorization.domain },
                "status": authorization.status(),
                "challenges": challenges.map(|kind| self.challenge_shown(authorization, id, kind)).collect::<Vec<_>>(),
            })
        };
        Ok(self.reply("200 OK", "", &shown))
    }

    fn challenge_shown(&self, authorization: &Authorization, id: usize, kind: &str) -> Value {
        let url = self.url(&format!("challenge/{id}/{kind}"));
        let mut shown = json!({ "type": kind, "url": url, "token": authorization.token });
        let (status, detail) = match &authorization.challenges[kind] {
            Status::Pending => ("pending", None),
            Status::Processing => ("processing", None),
            Status::Valid => ("valid", None),
            Status::Invalid(detail) => ("invalid", Some(detail)),
        };
        shown["status"] = json!(status);
        if let Some(detail) = detail {
            shown["error"] =
                json!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": detail, "status": 403 });
        }
        shown
    }

    /// Looks, and does not let who asks wait for it.
    fn begin_challenge(self: &Arc<Self>, id: usize, kind: &str, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        if jws.payload != json!({}) {
            return Err(Refusal::malformed("a challenge is begun with an empty object"));
        }
        let (shown, authorization, kind) = {
            let mut state = self.state();
            let authorization = state.authorizations.get_mut(id);
            let authorization = authorization.ok_or_else(|| Refusal::malformed("no such authorization"))?;
            let known = ["tls-alpn-01", "http-01"]
                .into_iter()
                .find(|known| *known == kind);
            let kind = known.ok_or_else(|| Refusal::malformed("no such challenge"))?;
            authorization.challenges.insert(kind, Status::Processing);
            (
                self.challenge_shown(authorization, id, kind),
                authorization.clone(),
                kind,
            )
        };
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let answer = format!("{}.{}", authorization.token, authorization.thumbprint);
            let mut places = shared.places.subscribe();
            let looked = if kind == "http-01" {
                let known = places.wait_for(|places| places.http.is_some()).await;
                let at = known
                    .expect("the authority is there")
                    .http
                    .expect("it was waited for");
                look::plainly(at, &authorization.domain, &authorization.token, &answer).await
            } else {
                let known = places.wait_for(|places| places.tls.is_some()).await;
                let at = known
                    .expect("the authority is there")
                    .tls
                    .expect("it was waited for");
                look::by_tls(at, &authorization.domain, &answer).await
            };
            let status = looked.map_or_else(Status::Invalid, |()| Status::Valid);
            shared.state().authorizations[id].challenges.insert(kind, status);
        });
        Ok(self.reply("200 OK", "", &shown))
    }

    fn finalize(&self, account: usize, id: usize, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        let mut state = self.state();
        Self::own_order(&mut state, account, id)?;
        if self.order_shown(&state, id)["status"] != "ready" {
            return Err(Refusal::new(
                403,
                "orderNotReady",
                "the names are not looked at yet",
            ));
        }
        let bad = |why: &str| Refusal::new(400, "badCSR", why);
        let csr = BASE64URL_NOPAD.decode(jws.payload["csr"].as_str().unwrap_or_default().as_bytes());
        let csr = CertificateSigningRequestDer::from(csr.map_err(|_| bad("it is no base64url"))?);
        let csr = CertificateSigningRequestParams::from_der(&csr).map_err(|_| bad("it cannot be read"))?;
        let asked: BTreeSet<String> = csr
            .params
            .subject_alt_names
            .iter()
            .filter_map(|name| match name {
                SanType::DnsName(name) => Some(name.to_string()),
                _ => None,
            })
            .collect();
        let ordered: BTreeSet<String> = state.orders[id].domains.iter().cloned().collect();
        if asked != ordered || csr.params.subject_alt_names.len() != ordered.len() {
            return Err(bad("it is for other names than the order"));
        }
        let [from, until] = GOOD.map(|at| at.parse().expect("a time"));
        let validity = state.validity.unwrap_or((from, until));
        let names: Vec<String> = ordered.into_iter().collect();
        state.orders[id].chain = Some(self.authority.issue(&names, &csr.public_key, validity));
        let shown = self.order_shown(&state, id);
        drop(state);
        Ok(self.reply("200 OK", "", &shown))
    }

    fn show_certificate(&self, account: usize, id: usize, jws: &Jws) -> Result<Vec<u8>, Refusal> {
        jws.asks_only()?;
        let chain = {
            let mut state = self.state();
            Self::own_order(&mut state, account, id)?.chain.clone()
        };
        let chain = chain.ok_or_else(|| Refusal::malformed("there is no certificate"))?;
        let (nonce, length) = (self.nonce(), chain.len());
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/pem-certificate-chain\r\n{nonce}content-length: {length}\r\n\r\n"
        );
        Ok((head + &chain).into_bytes())
    }
}

impl Authorization {
    fn status(&self) -> &'static str {
        let mut all = self.challenges.values();
        if all.clone().any(|status| *status == Status::Valid) {
            "valid"
        } else if all.any(|status| matches!(status, Status::Invalid(_))) {
            "invalid"
        } else {
            "pending"
        }
    }
}

fn random_text() -> String {
    HEXLOWER.encode(&privet_crypto::random::<24>().expect("random bytes"))
}
