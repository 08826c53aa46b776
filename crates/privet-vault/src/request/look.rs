//! Looking at requests.

use jiff::Timestamp;
use privet_store::values;
use privet_types::Secret;
use serde_json::Value;

use super::Requests;
use super::model::{Request, RequestKind, RequestStatus};
use super::row::Row;
use crate::audit::{Access, Audited, Operation};
use crate::{Actor, Error, Ground, PermittedUse, SubjectId, SubjectRef};

/// Most requests that one call returns.
const MOST: u32 = 1000;

/// Which requests are listed: those that fit all that is said.
#[derive(Debug, Clone, Default)]
pub struct RequestQuery {
    /// Where they stand.
    pub status: Option<RequestStatus>,
    /// Which right.
    pub kind: Option<RequestKind>,
    /// Open ones whose time is over before then.
    pub due_before: Option<Timestamp>,
    /// Behind the request of this id.
    pub after: Option<String>,
    /// How many at most; no more than 1,000.
    pub limit: u32,
}

/// What a request asks for. `Debug` shows none of the patch and the note.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks; absent if nobody of that name is known, or the subject was erased.
    pub subject: Option<SubjectId>,
    /// What to correct, as the JSON merge patch that came with it.
    pub patch: Option<Secret<String>>,
    /// To which purposes the subject objects; to all if empty.
    pub purposes: Vec<String>,
    /// What the subject says.
    pub note: Option<Secret<String>>,
}

impl Requests {
    /// The requests that fit `query`, by when they were received.
    ///
    /// # Errors
    /// [`Error::Absent`] if the one to go on behind is not there.
    pub async fn list(&self, actor: &Actor, query: &RequestQuery) -> Result<Vec<Request>, Error> {
        let mut values = values![actor.tenant.as_str()];
        let mut condition = "TRUE".to_owned();
        let mut and = |sql: &str, value: privet_store::Value| {
            values.push(value);
            condition.push_str(&format!(" AND {sql} ${}", values.len()));
        };
        if let Some(status) = query.status {
            and("status =", status.name().into());
        }
        if let Some(kind) = query.kind {
            and("kind =", kind.name().into());
        }
        if let Some(before) = query.due_before {
            and("due_at <", before.as_millisecond().into());
            condition.push_str(" AND status IN ('pending', 'in_progress')");
        }
        if let Some(after) = &query.after {
            let last = self.row(actor, after).await?.case.request;
            values.push(last.received_at.as_millisecond().into());
            values.push(last.id.into());
            let (at, id) = (values.len() - 1, values.len());
            condition.push_str(&format!(
                " AND (received_at > ${at} OR (received_at = ${at} AND id > ${id}))"
            ));
        }
        let limit = query.limit.min(MOST);
        condition.push_str(&format!(" ORDER BY received_at, id LIMIT {limit}"));
        requests(self.select(actor, &condition, values).await?)
    }

    /// What the request `id` asks for, for who decides about it.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Damaged`].
    pub async fn asked(&self, actor: &Actor, id: &str) -> Result<Audited<Asked>, Error> {
        let row = self.row(actor, id).await?;
        let ground = Ground::Permitted(PermittedUse::SubjectRequest);
        let access = Access::shown(actor, self.vault.now(), Operation::ReadRequest, ground);
        let mut value = Asked {
            subject: None,
            patch: None,
            purposes: Vec::new(),
            note: None,
        };
        let Some(subject) = &row.case.request.subject else {
            return Ok(Audited { value, access });
        };
        let found = match self.vault.find(actor, &SubjectRef::Token(subject.clone())).await {
            Ok(found) => found,
            Err(Error::Absent { .. }) => return Ok(Audited { value, access }),
            Err(error) => return Err(error),
        };
        let details = Self::details(&row, &found)?;
        let field = |name: &str| details.fields().get(name).filter(|value| !value.is_null());
        value.subject = Some(subject.clone());
        value.patch = field("patch").map(|patch| Secret::new(patch.to_string()));
        value.note = field("note")
            .and_then(Value::as_str)
            .map(|note| Secret::new(note.to_owned()));
        if let Some(Value::Array(purposes)) = field("purposes") {
            let names = purposes.iter().filter_map(Value::as_str);
            value.purposes.extend(names.map(str::to_owned));
        }
        let shown = usize::from(value.patch.is_some()) + usize::from(value.note.is_some());
        let access = access.of(found.pseudonym(), shown);
        Ok(Audited { value, access })
    }

    /// Open requests whose time is over before `before`, the most urgent first, 1,000 at most. With the current instant:
    /// those that are overdue.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn due(&self, actor: &Actor, before: Timestamp) -> Result<Vec<Request>, Error> {
        let condition = "status IN ('pending', 'in_progress') AND due_at < $2 ORDER BY due_at, id LIMIT 1000";
        let values = values![actor.tenant.as_str(), before.as_millisecond()];
        requests(self.select(actor, condition, values).await?)
    }

    /// The requests of the subject `who`, oldest first, 1,000 at most.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn requests_of(&self, actor: &Actor, who: &SubjectRef) -> Result<Vec<Request>, Error> {
        let found = self.vault.find(actor, who).await?;
        let condition = "subject = $2 ORDER BY received_at, id LIMIT 1000";
        let values = values![actor.tenant.as_str(), found.row.id.as_str()];
        requests(self.select(actor, condition, values).await?)
    }
}

fn requests(rows: Vec<Row>) -> Result<Vec<Request>, Error> {
    Ok(rows.into_iter().map(|row| row.case.request).collect())
}
