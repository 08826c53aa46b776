//! Subjects and their records.

use http::StatusCode;
use privet_vault::{EVERY_PURPOSE, EventKind, GivenBy, Operation, Page, Search, Statement};
use serde_json::Value;

use super::bodies::{
    ChangedBody, IdentityBody, InfoBody, InfosBody, NewSubjectBody, Object, RecordBody, RestrictBody,
    SearchBody, StoredBody, SubjectBody, SubjectsBody, VersionBody, VersionsBody, record,
};
use super::call::{Call, Reply};
use super::problem::VaultProblem;

pub(crate) async fn create(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewSubjectBody = call.json().await?;
    let stored = call.api.vault.create(&call.actor, record(body.record)?).await?;
    let version = stored.version;
    Ok(Reply::json(StatusCode::CREATED, &StoredBody::from(stored))?.at_version(version))
}

pub(crate) async fn read(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    let vault = &call.api.vault;
    let subject = match call.asked("fields") {
        Some(fields) => {
            let fields: Vec<&str> = fields.split(',').filter(|field| !field.is_empty()).collect();
            let read = vault.read_fields(&call.actor, &who, &fields, ground).await;
            call.show(Operation::ReadFields, ground, read).await?
        }
        None => {
            let read = vault.read(&call.actor, &who, ground).await;
            call.show(Operation::ReadRecord, ground, read).await?
        }
    };
    let version = subject.version;
    Ok(Reply::ok(&SubjectBody::from(subject))?.at_version(version))
}

pub(crate) async fn look_up(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: IdentityBody = call.json().await?;
    let ground = call.ground()?;
    let read = match body.subject() {
        Ok(who) => call.api.vault.read(&call.actor, &who, ground).await,
        Err(problem) => return Err(problem),
    };
    let subject = call.show(Operation::ReadRecord, ground, read).await?;
    let version = subject.version;
    Ok(Reply::ok(&SubjectBody::from(subject))?.at_version(version))
}

pub(crate) async fn update(mut call: Call) -> Result<Reply, VaultProblem> {
    let patch: Object = call.json().await?;
    let (who, ground, expected) = (call.subject()?, call.ground()?, call.expected()?);
    let stored = call
        .api
        .vault
        .update(&call.actor, &who, &Value::Object(patch), expected, ground)
        .await?;
    let version = stored.version;
    Ok(Reply::ok(&StoredBody::from(stored))?.at_version(version))
}

pub(crate) async fn replace(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: RecordBody = call.json().await?;
    let (who, ground, expected) = (call.subject()?, call.ground()?, call.expected()?);
    let stored = call
        .api
        .vault
        .replace(&call.actor, &who, &record(body.record)?, expected, ground)
        .await?;
    let version = stored.version;
    Ok(Reply::ok(&StoredBody::from(stored))?.at_version(version))
}

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let page = Page {
        after: call.after()?,
        limit: call.limit()?,
    };
    let (vault, ground) = (&call.api.vault, call.ground()?);
    let listed = vault.list(&call.actor, &page).await;
    let rows = call.show(Operation::ListSubjects, ground, listed).await?;
    let total = vault.count(&call.actor).await?;
    let rows = rows.into_iter().map(|info| InfoBody {
        token: info.id.into(),
        state: info.state.name(),
        version: info.version,
        created_at: info.created_at.to_string(),
        updated_at: info.updated_at.to_string(),
    });
    Reply::ok(&InfosBody {
        rows: rows.collect(),
        total,
    })
}

pub(crate) async fn search(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: SearchBody = call.json().await?;
    let most = call.api.limits.page;
    let limit = body.limit.unwrap_or(most);
    if !(1..=most).contains(&limit) {
        return Err(VaultProblem::field("limit", format!("use 1 to {most}")));
    }
    let ground = call.ground()?;
    let search = Search {
        field: body.field,
        value: body.value,
        is_prefix: body.is_prefix,
    };
    let found = call.api.vault.search(&call.actor, &search, limit, ground).await;
    let found = call.show(Operation::Search, ground, found).await?;
    Reply::ok(&SubjectsBody::from(found))
}

pub(crate) async fn versions(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    let versions = call.api.vault.versions(&call.actor, &who, ground).await;
    let versions = call.show(Operation::ListVersions, ground, versions).await?;
    let rows = versions.into_iter().map(|info| VersionBody {
        version: info.version,
        at: info.at.to_string(),
    });
    Reply::ok(&VersionsBody { rows: rows.collect() })
}

pub(crate) async fn version(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    // What is no number is no version.
    let version = call
        .param("version")
        .parse()
        .map_err(|_| VaultProblem::absent("version"))?;
    let read = call
        .api
        .vault
        .read_version(&call.actor, &who, version, ground)
        .await;
    let subject = call.show(Operation::ReadVersion, ground, read).await?;
    Reply::ok(&SubjectBody::from(subject))
}

pub(crate) async fn restrict(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: RestrictBody = call.json().await?;
    let (id, who) = (call.subject_id()?, call.subject()?);
    let kind = if body.is_restricted {
        EventKind::Restricted
    } else {
        EventKind::RestrictionLifted
    };
    let mut statement = Statement::new(kind, &[EVERY_PURPOSE], call.api.clock.now());
    statement.given_by = GivenBy::Controller;
    // The gateway and jobs go by the history: it closes first, and opens last.
    let (consent, vault) = (&call.api.consent, &call.api.vault);
    if body.is_restricted {
        consent.record(&call.actor, id.as_str(), &statement).await?;
    }
    let has_changed = vault.restrict(&call.actor, &who, body.is_restricted).await?;
    if !body.is_restricted {
        consent.record(&call.actor, id.as_str(), &statement).await?;
    }
    Reply::ok(&ChangedBody { has_changed })
}
