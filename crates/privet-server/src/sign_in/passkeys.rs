//! The addresses for passkeys.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{delete, get, post};
use http::{Method, Request, Response, StatusCode};
use privet_access::{NewPasskey, Privilege, SignInError, SignedPasskey};
use privet_types::TenantId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::{Answer, Call, Desk, answer, found};
use super::views::Name;
use crate::access::address_of;
use crate::named::Named;
use crate::openapi::Operation;

/// In which tenant somebody signs in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasskeyTenant")]
struct OfTenant {
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    tenant: Name<TenantId>,
}

/// What a passkey has signed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasskeySignIn")]
struct SignedIn {
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    tenant: Name<TenantId>,
    /// As `PublicKeyCredential.toJSON()` of a browser gives it.
    #[schemars(schema_with = "signed")]
    credential: SignedPasskey,
}

/// What a passkey has signed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasskeyProof")]
struct Proved {
    /// As `PublicKeyCredential.toJSON()` of a browser gives it.
    #[schemars(schema_with = "signed")]
    credential: SignedPasskey,
}

/// A new passkey, and what it is to be called.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasskeyAdd")]
struct Added {
    name: String,
    /// As `PublicKeyCredential.toJSON()` of a browser gives it.
    #[schemars(schema_with = "made")]
    credential: NewPasskey,
}

fn signed(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "$ref": "#/components/schemas/PasskeySigned" })
}

fn made(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "$ref": "#/components/schemas/PasskeyMade" })
}

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/sessions/passkey/options", post(sign_in_options))
        .route("/api/v1/sessions/passkey", post(sign_in))
        .route("/api/v1/me/proof/passkey/options", post(proof_options))
        .route("/api/v1/me/proof/passkey", post(prove))
        .route("/api/v1/me/passkeys/options", post(creation_options))
        .route("/api/v1/me/passkeys", get(list).post(add))
        .route("/api/v1/me/passkeys/{id}", delete(remove))
}

/// What they do.
pub(super) fn described() -> Vec<Operation> {
    let own = |method, path, summary| Operation::signed_in(method, path, Privilege::SignIn, summary);
    vec![
        Operation::to_sign_in(
            Method::POST,
            "/api/v1/sessions/passkey/options",
            "What a browser is to sign with a passkey to sign in.",
        )
        .takes::<OfTenant>()
        .gives(200, "PasskeyOptions"),
        Operation::to_sign_in(Method::POST, "/api/v1/sessions/passkey", "Signs in by a passkey.")
            .takes::<SignedIn>()
            .gives(201, "SessionOpened"),
        own(
            Method::POST,
            "/api/v1/me/proof/passkey/options",
            "What a browser is to sign with a passkey as a proof.",
        )
        .gives(200, "PasskeyOptions"),
        own(
            Method::POST,
            "/api/v1/me/proof/passkey",
            "Shows by a passkey who one is.",
        )
        .takes::<Proved>()
        .gives(200, "SessionOpened"),
        own(
            Method::POST,
            "/api/v1/me/passkeys/options",
            "What a browser is to make a passkey of.",
        )
        .gives(200, "PasskeyOptions"),
        own(Method::GET, "/api/v1/me/passkeys", "Lists one's passkeys.").gives(200, "Passkeys"),
        own(Method::POST, "/api/v1/me/passkeys", "Adds a passkey.")
            .takes::<Added>()
            .gives(201, "SessionOpened"),
        own(Method::DELETE, "/api/v1/me/passkeys/{id}", "Removes a passkey."),
    ]
}

async fn sign_in_options(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (parts, body) = request.into_parts();
        let asked: OfTenant = desk.read(&parts, body).await?;
        let options = desk.door.sign_in.passkey_sign_in(&asked.tenant.0, desk.now())?;
        Ok(Answer::json(json!({ "publicKey": options })))
    })
    .await
}

async fn sign_in(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (parts, body) = request.into_parts();
        if desk.door.comes_from_us(&parts.headers) == Some(false) {
            return Err(SignInError::Forged.into());
        }
        let asked: SignedIn = desk.read(&parts, body).await?;
        let address = address_of(&parts.extensions);
        let signed = &asked.credential;
        let new = desk
            .door
            .sign_in
            .sign_in_by_passkey(&asked.tenant.0, signed, address, desk.now());
        Ok(Answer::session(&desk.door, &new.await?, StatusCode::CREATED))
    })
    .await
}

async fn proof_options(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        let options = desk.door.sign_in.passkey_proof(&call.live, call.now).await?;
        Ok(Answer::json(json!({ "publicKey": options })))
    })
    .await
}

async fn prove(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let Call {
            live,
            parts,
            body,
            now,
        } = desk.call(request).await?;
        let asked: Proved = desk.read(&parts, body).await?;
        let new = desk
            .door
            .sign_in
            .prove_by_passkey(&live, &asked.credential, now)
            .await?;
        Ok(Answer::session(&desk.door, &new, StatusCode::OK))
    })
    .await
}

async fn creation_options(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        let options = desk.door.sign_in.passkey_creation(&call.live, call.now).await?;
        Ok(Answer::json(json!({ "publicKey": options })))
    })
    .await
}

async fn add(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let Call {
            live,
            parts,
            body,
            now,
        } = desk.call(request).await?;
        let asked: Added = desk.read(&parts, body).await?;
        let (codes, new) = desk
            .door
            .sign_in
            .add_passkey(&live, &asked.name, &asked.credential, now)
            .await?;
        Ok(Answer::session(&desk.door, &new, StatusCode::CREATED).with_codes(&codes))
    })
    .await
}

async fn list(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        call.check()?;
        let passkeys = desk.door.sign_in.list_passkeys(&call.live).await?;
        let passkeys: Vec<Value> = passkeys
            .iter()
            .map(|passkey| {
                json!({
                    "id": passkey.id,
                    "name": passkey.name,
                    "made_at": passkey.made_at,
                    "used_at": passkey.used_at,
                    "suspect_at": passkey.suspect_at,
                })
            })
            .collect();
        Ok(Answer::json(json!({ "passkeys": passkeys })))
    })
    .await
}

async fn remove(State(desk): State<Desk>, Named(id): Named, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        let removed = desk
            .door
            .sign_in
            .remove_passkey(&call.live, &id, call.now)
            .await?;
        found(u64::from(removed))
    })
    .await
}
