//! Tokens of single values. They are in bodies, not in addresses: one may look like what it stands for.

use http::StatusCode;
use privet_vault::{NewToken, Operation, Token, TokenForm};

use super::bodies::{
    NewTokenBody, NewTokensBody, OutcomeBody, OutcomesBody, TokenBody, TokenNameBody, ValueBody, secret,
};
use super::call::{Call, Reply, seconds};
use super::problem::VaultProblem;

/// Most values of one call.
const MOST: usize = 1_000;

pub(crate) async fn create(mut call: Call) -> Result<Reply, VaultProblem> {
    let new = order(call.json().await?)?;
    let ground = call.ground()?;
    let token = call.api.vault.create_token(&call.actor, &new, ground).await?;
    Reply::json(StatusCode::CREATED, &shown(token))
}

pub(crate) async fn create_many(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewTokensBody = call.json().await?;
    if body.rows.is_empty() || body.rows.len() > MOST {
        return Err(VaultProblem::field("rows", format!("send 1 to {MOST}")));
    }
    let ground = call.ground()?;
    let new: Vec<NewToken> = body.rows.into_iter().map(order).collect::<Result<_, _>>()?;
    let made = call.api.vault.create_tokens(&call.actor, &new, ground).await?;
    let rows = made.into_iter().map(|outcome| match outcome {
        Ok(token) => OutcomeBody::Stored(shown(token)),
        Err(error) => OutcomeBody::refused(error.into()),
    });
    Reply::ok(&OutcomesBody { rows: rows.collect() })
}

pub(crate) async fn resolve(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: TokenNameBody = call.json().await?;
    let ground = call.ground()?;
    let read = call
        .api
        .vault
        .resolve_token(&call.actor, &body.token, ground)
        .await;
    let value = call.show(Operation::ResolveToken, ground, read).await?;
    Reply::ok(&ValueBody {
        kind: value.kind,
        value: value.value.expose().clone(),
        subject: value.subject.map(Into::into),
        created_at: value.created_at.to_string(),
        expires_at: value.expires_at.map(|at| at.to_string()),
        preserves_format: value.preserves_format,
    })
}

pub(crate) async fn delete(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: TokenNameBody = call.json().await?;
    call.api.vault.delete_token(&call.actor, &body.token).await?;
    Ok(Reply::done())
}

fn order(body: NewTokenBody) -> Result<NewToken, VaultProblem> {
    Ok(NewToken {
        kind: body.kind,
        value: secret(body.value),
        subject: body.subject.map(|who| who.subject()).transpose()?,
        ttl: body
            .ttl_seconds
            .map(|asked| seconds("ttl_seconds", asked))
            .transpose()?,
        sliding: None,
        is_shared: body.is_shared,
        renews: false,
        substitute: None,
        form: if body.preserves_format {
            TokenForm::PreservingFormat
        } else {
            TokenForm::Random
        },
    })
}

fn shown(token: Token) -> TokenBody {
    TokenBody {
        token: token.token,
        expires_at: token.expires_at.map(|at| at.to_string()),
        is_known: token.is_known,
    }
}
