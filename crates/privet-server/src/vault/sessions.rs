//! Sessions.

use http::StatusCode;
use privet_vault::{NewSession, Operation, Session};

use super::bodies::{NewSessionBody, SessionBody, SessionsBody, record};
use super::call::{Call, Reply, seconds};
use super::problem::VaultProblem;

pub(crate) async fn put(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewSessionBody = call.json().await?;
    let ground = call.ground()?;
    let new = NewSession {
        name: body.name,
        subject: body.subject.map(|who| who.subject()).transpose()?,
        data: record(body.data)?,
        ttl: body
            .ttl_seconds
            .map(|asked| seconds("ttl_seconds", asked))
            .transpose()?,
        ..NewSession::default()
    };
    let session = call.api.vault.put_session(&call.actor, new, ground).await?;
    Reply::json(StatusCode::CREATED, &shown(session))
}

pub(crate) async fn read(call: Call) -> Result<Reply, VaultProblem> {
    let ground = call.ground()?;
    let read = call
        .api
        .vault
        .session(&call.actor, call.param("session"), ground)
        .await;
    let session = call.show(Operation::ReadSession, ground, read).await?;
    Reply::ok(&shown(session))
}

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let (who, ground) = (call.subject()?, call.ground()?);
    let listed = call.api.vault.sessions(&call.actor, &who, ground).await;
    let sessions = call.show(Operation::ListSessions, ground, listed).await?;
    Reply::ok(&SessionsBody {
        rows: sessions.into_iter().map(shown).collect(),
    })
}

pub(crate) async fn delete(call: Call) -> Result<Reply, VaultProblem> {
    call.api
        .vault
        .delete_session(&call.actor, call.param("session"))
        .await?;
    Ok(Reply::done())
}

fn shown(session: Session) -> SessionBody {
    SessionBody {
        name: session.name,
        subject: session.subject.map(Into::into),
        created_at: session.created_at.to_string(),
        expires_at: session.expires_at.to_string(),
        data: session.data,
    }
}
