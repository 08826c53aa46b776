//! The copy of what is held of a subject.

use jiff::Timestamp;
use privet_store::values;
use serde::Serialize;
use serde_json::{Value, json};

use super::Requests;
use super::capped;
use super::flow::FOR_THE_SUBJECT;
use super::html;
use super::model::{Request, RequestKind};
use crate::subject::{Found, timestamp};
use crate::{
    Actor, AppData, Archived, ConsentEvent, Error, Proposal, ProposalPage, Proposals, Purpose, Recipient,
    Record, Registered, RetentionPolicy, Session, SubjectRef, SubjectState, Vault,
};

/// Name of the format, with its version.
const FORMAT: &str = "privet-subject-package-1";
/// Largest copy, as JSON. A subject with more gets conversations by the archive's own export.
const MOST_BYTES: usize = 256 << 20;
/// What a copy is called in errors.
const BYTES: &str = "bytes of a copy";
/// Where what is held is sealed. Sealed, it has no fewer bytes than open.
const STORED: [&str; 6] = [
    "subject_versions",
    "subject_apps",
    "subject_sessions",
    "vault_tokens",
    "archive_entries",
    "proposals",
];

/// A copy of what is held of a subject. Has no `Debug`: it is personal data.
#[derive(Clone, Serialize)]
pub struct SubjectPackage {
    /// `privet-subject-package-1`.
    pub format: &'static str,
    /// The request it answers.
    pub request: String,
    /// Which right: access gives everything, portability what the subject provided.
    pub kind: RequestKind,
    /// The article of the GDPR.
    pub article: u8,
    /// Tenant name.
    pub tenant: String,
    /// When it was made, UTC.
    pub generated_at: Timestamp,
    /// What is held.
    pub held: Held,
}

/// What is held of a subject. Parts that are empty are left out of the JSON.
#[derive(Clone, Serialize)]
pub struct Held {
    /// The subject's id here.
    pub subject: String,
    /// Where the subject stands.
    pub state: SubjectState,
    /// Since when something is held, UTC.
    pub created_at: Timestamp,
    /// When the record was last changed, UTC.
    pub updated_at: Timestamp,
    /// The record.
    pub record: Record,
    /// Older versions of it, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Value>,
    /// What applications keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<AppData>,
    /// Sessions that go on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
    /// Tokens that stand for values of the subject, with the values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Value>,
    /// Records that were shared with others: when, until when, how often read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Value>,
    /// Archived conversations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conversations: Vec<Archived>,
    /// Stand-ins that are kept for calls to come: when made, until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_maps: Vec<Value>,
    /// What the subject said about purposes, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consent: Vec<ConsentLine>,
    /// What data is processed for: Article 15(1)(a) and (b).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<Purpose>,
    /// Who may get it: Article 15(1)(c).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    /// How long it is kept: Article 15(1)(d).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retention: Vec<RetentionPolicy>,
    /// What was made of the data elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Registered>,
    /// Requests of the subject.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Value>,
    /// Changes that were asked for, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<Proposal>,
}

/// Something that the subject said about a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentLine {
    /// When it took effect, UTC.
    pub at: Timestamp,
    /// What: `given`, `withdrawn`, ….
    pub event: &'static str,
    /// For which purpose; `*` for all.
    pub purpose: String,
    /// Until when a consent is good, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Which categories of data; all of the purpose if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Which recipients; all of the purpose if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<String>>,
    /// Under which agreement, and which version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Who spoke.
    pub given_by: &'static str,
    /// How.
    pub method: String,
}

impl SubjectPackage {
    /// As JSON, for machines.
    ///
    /// # Errors
    /// [`Error::TooMany`] past 256 MiB.
    pub fn to_json(&self) -> Result<String, Error> {
        capped::to_pretty_json(self, BYTES, MOST_BYTES)
    }

    /// As one HTML page, for people. It loads nothing and runs nothing.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn to_html(&self) -> Result<String, Error> {
        capped::check(self, BYTES, MOST_BYTES)?;
        html::page(self)
    }
}

impl Requests {
    /// What the subject provided: the record, what applications keep, conversations, what was said.
    pub(super) async fn portable(
        &self,
        actor: &Actor,
        request: &Request,
        found: &Found,
    ) -> Result<SubjectPackage, Error> {
        let who = SubjectRef::Token(found.row.id.clone());
        let mut held = self.core(found)?;
        held.applications = self.applications(actor, &who).await?;
        held.conversations = self.vault.archived_of(actor, found).await?;
        held.consent = self.said(actor, found).await?;
        Ok(self.package_of(actor, request, held))
    }

    /// Everything.
    pub(super) async fn everything(
        &self,
        actor: &Actor,
        request: &Request,
        found: &Found,
    ) -> Result<SubjectPackage, Error> {
        let held = self.all_held(actor, found).await?;
        Ok(self.package_of(actor, request, held))
    }

    /// Refuses, before anything is loaded, who has more than `most` bytes stored in the parts that are sealed.
    ///
    /// # Errors
    /// [`Error::TooMany`] of `what`; those of the store.
    pub(super) async fn check_stored(
        &self,
        actor: &Actor,
        found: &Found,
        what: &'static str,
        most: usize,
    ) -> Result<(), Error> {
        let parts = STORED
            .map(|table| {
                format!("SELECT LENGTH(sealed) AS bytes FROM {table} WHERE tenant = $1 AND subject = $2")
            })
            .join(" UNION ALL ");
        let sql = format!("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM ({parts}) stored");
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        let bytes: i64 = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move { Ok(tx.one(sql, values![tenant.as_str(), id.as_str()]).await?) })
            })
            .await?;
        if bytes.unsigned_abs() > most as u64 {
            let most = most as u64;
            return Err(Error::TooMany { what, most });
        }
        Ok(())
    }

    /// All that is held of a subject.
    pub(super) async fn all_held(&self, actor: &Actor, found: &Found) -> Result<Held, Error> {
        let (who, tenant) = (SubjectRef::Token(found.row.id.clone()), &actor.tenant);
        let mut held = self.core(found)?;
        held.versions = self.versions(actor, &who, found.row.version).await?;
        held.applications = self.applications(actor, &who).await?;
        held.sessions = self.vault.sessions(actor, &who, FOR_THE_SUBJECT).await?.value;
        held.tokens = self.tokens(actor, found).await?;
        let sql = "SELECT created_at, expires_at, reads FROM subject_shares WHERE tenant = $1 AND subject = $2 \
             ORDER BY created_at";
        for (created_at, expires_at, reads) in self.rows::<(i64, i64, i64)>(actor, found, sql).await? {
            let (from, to) = (timestamp(created_at)?, timestamp(expires_at)?);
            held.shares
                .push(json!({"created_at": from, "expires_at": to, "reads": reads}));
        }
        let sql = "SELECT created_at, expires_at FROM reply_maps WHERE tenant = $1 AND subject = $2 \
             ORDER BY created_at";
        for (created_at, expires_at) in self.rows::<(i64, i64)>(actor, found, sql).await? {
            let (from, to) = (timestamp(created_at)?, timestamp(expires_at)?);
            held.reply_maps
                .push(json!({"created_at": from, "expires_at": to}));
        }
        held.conversations = self.vault.archived_of(actor, found).await?;
        held.consent = self.said(actor, found).await?;
        held.purposes = definitions(self.consent.definitions(tenant, false).await?);
        held.recipients = definitions(self.consent.definitions(tenant, false).await?);
        held.retention = definitions(self.consent.definitions(tenant, false).await?);
        held.elsewhere = self.vault.nodes(actor, &found.row.id).await?;
        for request in self.requests_of(actor, &who).await? {
            held.requests.push(request.open_dsr(tenant.as_str()));
        }
        let asked = Proposals::new(self.vault.clone(), self.consent.clone());
        let page = ProposalPage {
            status: None,
            offset: 0,
            limit: u32::MAX,
        };
        held.proposals = asked.of_subject(actor, &who, page).await?.value.1;
        Ok(held)
    }

    fn package_of(&self, actor: &Actor, request: &Request, held: Held) -> SubjectPackage {
        SubjectPackage {
            format: FORMAT,
            request: request.id.clone(),
            kind: request.kind,
            article: request.kind.article(),
            tenant: actor.tenant.as_str().to_owned(),
            generated_at: self.vault.now(),
            held,
        }
    }

    fn core(&self, found: &Found) -> Result<Held, Error> {
        let subject = found.subject()?;
        Ok(Held {
            subject: subject.id.to_string(),
            state: subject.state,
            created_at: subject.created_at,
            updated_at: subject.updated_at,
            record: subject.record,
            versions: Vec::new(),
            applications: Vec::new(),
            sessions: Vec::new(),
            tokens: Vec::new(),
            shares: Vec::new(),
            conversations: Vec::new(),
            reply_maps: Vec::new(),
            consent: Vec::new(),
            purposes: Vec::new(),
            recipients: Vec::new(),
            retention: Vec::new(),
            elsewhere: Vec::new(),
            requests: Vec::new(),
            proposals: Vec::new(),
        })
    }

    async fn versions(&self, actor: &Actor, who: &SubjectRef, current: u64) -> Result<Vec<Value>, Error> {
        let infos = self.vault.versions(actor, who, FOR_THE_SUBJECT).await?.value;
        let mut versions = Vec::new();
        for info in infos.into_iter().filter(|info| info.version != current) {
            let read = self.vault.read_version(actor, who, info.version, FOR_THE_SUBJECT);
            let subject = read.await?.value;
            versions.push(json!({"version": info.version, "at": info.at, "record": subject.record}));
        }
        Ok(versions)
    }

    async fn applications(&self, actor: &Actor, who: &SubjectRef) -> Result<Vec<AppData>, Error> {
        let names = self.vault.apps(actor, who, FOR_THE_SUBJECT).await?.value;
        let mut applications = Vec::with_capacity(names.len());
        for name in names {
            let read = self.vault.read_app(actor, who, &name, FOR_THE_SUBJECT);
            applications.push(read.await?.value);
        }
        Ok(applications)
    }

    async fn tokens(&self, actor: &Actor, found: &Found) -> Result<Vec<Value>, Error> {
        let sql =
            "SELECT token FROM vault_tokens WHERE tenant = $1 AND subject = $2 ORDER BY created_at, token";
        let mut tokens = Vec::new();
        for token in self.rows::<String>(actor, found, sql).await? {
            let resolved = match self.vault.resolve_token(actor, &token, FOR_THE_SUBJECT).await {
                Ok(resolved) => resolved.value,
                // It has ended, and waits to be deleted.
                Err(Error::Absent { .. }) => continue,
                Err(error) => return Err(error),
            };
            tokens.push(json!({
                "token": token,
                "kind": resolved.kind,
                "value": resolved.value.expose(),
                "created_at": resolved.created_at,
                "expires_at": resolved.expires_at,
            }));
        }
        Ok(tokens)
    }

    async fn said(&self, actor: &Actor, found: &Found) -> Result<Vec<ConsentLine>, Error> {
        let id = found.row.id.as_str();
        let history = self.consent.history(&actor.tenant, id).await?;
        history.into_iter().map(line).collect()
    }

    /// The rows of a query of tenant `$1` and subject `$2`.
    async fn rows<T: privet_store::FromRow + Send + 'static>(
        &self,
        actor: &Actor,
        found: &Found,
        sql: &'static str,
    ) -> Result<Vec<T>, Error> {
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        self.vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values![tenant.as_str(), id.as_str()]).await?) })
            })
            .await
    }
}

impl Held {
    /// One part as it stands in the JSON; `None` if it is left out there, or no part has this name.
    pub(super) fn part(&self, name: &str) -> Result<Option<Value>, Error> {
        fn all<T: Serialize>(part: &[T]) -> Result<Option<Value>, Error> {
            let shown = (!part.is_empty()).then(|| serde_json::to_value(part));
            shown.transpose().map_err(Error::Json)
        }
        match name {
            "record" => serde_json::to_value(&self.record).map(Some).map_err(Error::Json),
            "versions" => all(&self.versions),
            "applications" => all(&self.applications),
            "sessions" => all(&self.sessions),
            "tokens" => all(&self.tokens),
            "shares" => all(&self.shares),
            "conversations" => all(&self.conversations),
            "reply_maps" => all(&self.reply_maps),
            "consent" => all(&self.consent),
            "purposes" => all(&self.purposes),
            "recipients" => all(&self.recipients),
            "retention" => all(&self.retention),
            "elsewhere" => all(&self.elsewhere),
            "requests" => all(&self.requests),
            "proposals" => all(&self.proposals),
            _ => Ok(None),
        }
    }
}

fn definitions<D>(versions: Vec<crate::Versioned<D>>) -> Vec<D> {
    versions.into_iter().map(|one| one.definition).collect()
}

fn line(event: ConsentEvent) -> Result<ConsentLine, Error> {
    Ok(ConsentLine {
        at: timestamp(event.at)?,
        event: event.kind.name(),
        purpose: event.purpose,
        expires_at: event.expires_at.map(timestamp).transpose()?,
        categories: event.categories,
        recipients: event.recipients,
        agreement: event
            .agreement
            .map(|agreement| format!("{} (version {})", agreement.name, agreement.version)),
        given_by: event.given_by.name(),
        method: event.method,
    })
}
