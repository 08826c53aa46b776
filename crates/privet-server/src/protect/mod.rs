//! `POST /api/v1/protect` and `POST /api/v1/restore`: for apps that call providers themselves. Nothing is kept here: what
//! restores a text is sealed, and goes to the caller.

mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{Denied, Privilege};
use privet_crypto::SealingKey;
use privet_policy::{NotCleared, Protecting};
use privet_surface::Restoration;
use privet_surface::json::{Document, Kind, Value};
use privet_types::{Action, Budget, Entity, SurfaceKind};
use serde_json::json;

use crate::gateway::Gateway;
use crate::native::finish;
use crate::openapi::Operation;
use crate::presidio::{Call, admit, answer};
use crate::problem::Problem;
use crate::prompt::{UNITS_PER_REQUEST, new_request_id};
use token::{NoToken, Restorable};

/// How long a token restores if the request does not say.
const TTL: Duration = Duration::from_secs(3600);
/// The longest that it may.
const LONGEST_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// A finished answer and what was found, by kind.
type Done = (String, BTreeMap<Entity, u32>);

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/protect", post(protect))
        .route("/api/v1/restore", post(restore))
        .with_state(gateway)
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/api/v1/protect",
            Privilege::AnonymizeText,
            "Masks texts, or a request to a provider, as the gateway would.",
        )
        .takes_shape("Protect")
        .gives(200, "Protected"),
        Operation::new(
            Method::POST,
            "/api/v1/restore",
            Privilege::RestoreText,
            "Restores what a model made of what was protected.",
        )
        .takes_shape("Unprotect")
        .gives(200, "Unprotected"),
    ]
}

async fn protect(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let mut call = admit(&gateway, request, SurfaceKind::Protect, true).await?;
        let body = std::mem::take(&mut call.body);
        let (tenant, principal) = caller(&call)?;
        let key = gateway.surrogate_key(tenant, principal);
        let seal = gateway.restoration_key(tenant, principal);
        let budget = Budget::new(gateway.units_per_byte() * body.len() as u64 + UNITS_PER_REQUEST);
        let (bytes, now) = (gateway.weight(body.len()), gateway.clock.now());
        let memory = gateway.memory.of(tenant);
        let shared = Arc::clone(&gateway);
        let work = move |budget: &Budget| {
            let protecting = Protecting {
                analyzer: &shared.analyzer,
                key: &key,
                memory: Some(&memory),
                known: None,
            };
            protected(&shared, &body, protecting, &seal, now, budget)
        };
        let done = gateway.pool.run(bytes, budget, work).await?;
        let is_masked = done.as_ref().is_ok_and(|(_, counts)| !counts.is_empty());
        let (action, reason) = if is_masked {
            (Action::Redact, "protected")
        } else {
            (Action::Allow, "clean")
        };
        finish(&gateway, (SurfaceKind::Protect, &call), done, action, reason, &id).await
    };
    answer(SurfaceKind::Protect, work.await, &id)
}

async fn restore(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let mut call = admit(&gateway, request, SurfaceKind::Protect, true).await?;
        let body = std::mem::take(&mut call.body);
        let (tenant, principal) = caller(&call)?;
        let seal = gateway.restoration_key(tenant, principal);
        let budget = Budget::new(1024 * body.len() as u64 + UNITS_PER_REQUEST);
        let (bytes, now) = (body.len(), gateway.clock.now());
        let shared = Arc::clone(&gateway);
        let work = move |budget: &Budget| restored(&shared, &body, &seal, now, budget);
        let done = gateway.pool.run(bytes, budget, work).await?;
        finish(
            &gateway,
            (SurfaceKind::Protect, &call),
            done,
            Action::Allow,
            "restored",
            &id,
        )
        .await
    };
    answer(SurfaceKind::Protect, work.await, &id)
}

fn caller(call: &Call) -> Result<(&privet_types::TenantId, &str), Problem> {
    let caller = call.caller.as_ref().ok_or(Problem::Denied(Denied::Missing))?;
    Ok((&caller.tenant, caller.principal.as_str()))
}

fn refuse(text: impl Into<String>) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

/// The fields of a request. All are read by their spans, so that what is not masked stays as it came.
struct Asked<'d> {
    /// The field that holds what is to be worked on: `text`, `texts` or `body`.
    field: &'static str,
    content: Value<'d>,
    others: BTreeMap<&'static str, Value<'d>>,
}

impl<'d> Asked<'d> {
    /// `others`: fields that may stand beside the content.
    fn read(document: &'d Document<'_>, others: &[&'static str]) -> Result<Self, Problem> {
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(refuse("the body must be a JSON object"));
        }
        let (mut contents, mut beside) = (Vec::new(), BTreeMap::new());
        for (key, value) in root.entries() {
            let name = key.as_str().unwrap_or_default();
            let known = |fields: &[&'static str]| fields.iter().copied().find(|field| *field == name);
            if let Some(field) = known(&["text", "texts", "body"]) {
                contents.push((field, value));
            } else if let Some(field) = known(others) {
                beside.insert(field, value);
            } else {
                // A mistyped name must not change what is protected; it is not quoted, as it may be private itself.
                let all = [&["text", "texts", "body"], others].concat().join("`, `");
                return Err(refuse(format!(
                    "the body holds an unknown field; known ones are `{all}`"
                )));
            }
        }
        let [(field, content)] = contents.as_slice() else {
            return Err(refuse("give one of `text`, `texts` and `body`"));
        };
        let fits = match *field {
            "text" => content.kind() == Kind::String,
            "texts" => {
                content.kind() == Kind::Array && content.items().all(|text| text.kind() == Kind::String)
            }
            _ => content.kind() == Kind::Object,
        };
        if !fits {
            return Err(refuse(
                "`text` is a string, `texts` a list of strings, and `body` an object",
            ));
        }
        Ok(Self {
            field,
            content: *content,
            others: beside,
        })
    }

    fn text(&self, field: &str) -> Option<std::borrow::Cow<'d, str>> {
        self.others.get(field).and_then(Value::as_str)
    }
}

/// Reads a body, and says nothing of what stands in it.
fn parse<'t>(body: &'t [u8], budget: &Budget) -> Result<Document<'t>, Problem> {
    Document::parse(body, budget).map_err(|error| {
        Problem::from(NotCleared::Refused {
            refusal: error.into(),
            model: None,
        })
    })
}

fn protected(
    gateway: &Gateway,
    body: &[u8],
    protecting: Protecting<'_>,
    seal: &SealingKey,
    now: Timestamp,
    budget: &Budget,
) -> Result<Done, Problem> {
    let document = parse(body, budget)?;
    let asked = Asked::read(&document, &["surface", "ttl_seconds"])?;
    let ttl = match asked.others.get("ttl_seconds") {
        None => TTL,
        Some(value) => {
            let seconds: Option<u64> = value.raw().parse().ok();
            let ttl = seconds.map(Duration::from_secs);
            ttl.filter(|ttl| (Duration::from_secs(1)..=LONGEST_TTL).contains(ttl))
                .ok_or_else(|| refuse("`ttl_seconds` is a whole number from 1 to 2592000 (30 days)"))?
        }
    };
    let surface = match (asked.field, asked.others.contains_key("surface")) {
        ("body", _) => asked.text("surface").and_then(|name| token::surface(&name)).ok_or_else(|| {
            refuse(
                "name the API that `body` is for in `surface`: openai_chat, openai_responses, openai_embeddings or anthropic_messages",
            )
        })?,
        (_, false) => SurfaceKind::AnthropicMessages,
        (_, true) => return Err(refuse("`surface` belongs to `body`; leave it out for texts")),
    };
    // Texts are masked as the turns of a conversation are: what one becomes depends on those before it only.
    let (before, after) = if asked.field == "body" {
        ("", "")
    } else {
        ("{\"messages\":", "}")
    };
    let inner = [before, asked.content.raw(), after].concat();
    let masked = gateway
        .policy
        .protect(surface, inner.as_bytes(), protecting, budget)?;
    let out = std::str::from_utf8(&masked.body).unwrap_or_default();
    let out = out.strip_prefix(before).and_then(|out| out.strip_suffix(after));
    let out = out.ok_or(Problem::DetectorFailed)?;
    let ends = now
        .as_second()
        .saturating_add(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
    let restorable = Restorable {
        expires: ends,
        surface,
        map: masked.map,
    };
    let token = token::seal(seal, &restorable).map_err(|error| match error {
        NoToken::TooLarge => Problem::told(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the private values of this request fill more than {} bytes, the most that one token holds; protect less at once",
                token::MOST_BYTES
            ),
        ),
        NoToken::Crypto => Problem::DetectorFailed,
    })?;
    let expires_at = Timestamp::from_second(ends).map_err(|_| Problem::DetectorFailed)?;
    let beside = json!({ "token": token, "expires_at": expires_at.to_string(), "masked": masked.replaced.len(), "counts": masked.counts });
    let beside = beside.to_string();
    let beside = beside.strip_prefix('{').unwrap_or_default();
    Ok((format!("{{\"{}\":{out},{beside}", asked.field), masked.counts))
}

fn restored(
    gateway: &Gateway,
    body: &[u8],
    seal: &SealingKey,
    now: Timestamp,
    budget: &Budget,
) -> Result<Done, Problem> {
    let document = parse(body, budget)?;
    let asked = Asked::read(&document, &["token"])?;
    let token = asked
        .text("token")
        .ok_or_else(|| refuse("give the `token` that came with the protected text"))?;
    let Some(restorable) = token::open(seal, &token) else {
        return Err(Problem::told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the token cannot be used: it was changed, or made for another caller or with another root key; protect the text again with this key",
        ));
    };
    if restorable.expires <= now.as_second() {
        let text = "the token has expired; protect the text again, with a longer `ttl_seconds` if need be";
        return Err(Problem::told(StatusCode::GONE, text));
    }
    let restoration = gateway.policy.unprotect(restorable.surface, restorable.map);
    let said = |text: Value<'_>| restoration.text(&text.as_str().unwrap_or_default());
    let content = match asked.field {
        "text" => json!(said(asked.content)).to_string(),
        "texts" => {
            let texts: Vec<String> = asked.content.items().map(said).collect();
            json!(texts).to_string()
        }
        _ => restored_body(&restoration, asked.content.raw(), budget)?,
    };
    Ok((format!("{{\"{}\":{content}}}", asked.field), BTreeMap::new()))
}

/// A provider's whole reply, restored.
fn restored_body(restoration: &Restoration, body: &str, budget: &Budget) -> Result<String, Problem> {
    let restored = restoration
        .json(body.as_bytes(), budget)
        .map_err(|_| Problem::DetectorFailed)?;
    Ok(restored
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| body.to_owned()))
}
