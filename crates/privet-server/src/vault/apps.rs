//! What applications keep of a subject.

use privet_vault::Operation;
use serde_json::Value;

use super::bodies::{AppBody, AppDataBody, NamesBody, Object, StoredBody, record};
use super::call::{Call, Reply};
use super::problem::VaultProblem;

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    let apps = call.api.vault.apps(&call.actor, &who, ground).await;
    let rows = call.show(Operation::ListApps, ground, apps).await?;
    Reply::ok(&NamesBody { rows })
}

pub(crate) async fn read(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    let read = call
        .api
        .vault
        .read_app(&call.actor, &who, call.param("app"), ground)
        .await;
    let data = call.show(Operation::ReadApp, ground, read).await?;
    let body = AppBody {
        app: data.app,
        version: data.version,
        updated_at: data.updated_at.to_string(),
        data: data.data,
    };
    Ok(Reply::ok(&body)?.at_version(data.version))
}

pub(crate) async fn put(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: AppDataBody = call.json().await?;
    let (who, ground, expected) = (call.subject()?, call.ground()?, call.expected()?);
    let (data, app) = (record(body.data)?, call.param("app"));
    let vault = &call.api.vault;
    let stored = vault
        .put_app(&call.actor, &who, app, &data, expected, ground)
        .await?;
    let version = stored.version;
    Ok(Reply::ok(&StoredBody::from(stored))?.at_version(version))
}

pub(crate) async fn update(mut call: Call) -> Result<Reply, VaultProblem> {
    let patch: Object = call.json().await?;
    let (who, ground, expected) = (call.subject()?, call.ground()?, call.expected()?);
    let (patch, app) = (Value::Object(patch), call.param("app"));
    let vault = &call.api.vault;
    let stored = vault
        .update_app(&call.actor, &who, app, &patch, expected, ground)
        .await?;
    let version = stored.version;
    Ok(Reply::ok(&StoredBody::from(stored))?.at_version(version))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    let app = call.param("app");
    call.api.vault.delete_app(&call.actor, &who, app, ground).await?;
    Ok(Reply::done())
}
