//! `GET /v1/models` and `GET /v1/models/{id}`: what the settings offer, as the providers list it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use privet_policy::{NotCleared, Provider};
use privet_types::SurfaceKind;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::problem::{self, Problem};
use crate::prompt::{new_request_id, with_request_id};
use crate::query::decode;

/// How long the providers are waited for.
const DEADLINE: Duration = Duration::from_secs(5);
/// Largest list read from a provider.
const LIST_BYTES: usize = 4 << 20;

/// Answers with all models that lead to a provider, in the shape of the caller's dialect.
pub(crate) async fn list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let request_id = new_request_id();
    let shape = problem::shape_of(request.uri().path(), request.headers());
    let (parts, _) = request.into_parts();
    let response = match gateway.admit(&parts).await {
        Err(problem) => problem.respond(shape, &request_id),
        Ok(_) => json_response(&shaped(collect(&gateway).await, shape)),
    };
    with_request_id(response, &request_id)
}

/// Answers with one model, by its name at the end of the address.
pub(crate) async fn one(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let request_id = new_request_id();
    let (parts, _) = request.into_parts();
    let path = parts.uri.path();
    let shape = problem::shape_of(path, &parts.headers);
    let id = path.strip_prefix("/v1/models/").and_then(|id| decode(id, b'+'));
    let response = match gateway.admit(&parts).await {
        Err(problem) => problem.respond(shape, &request_id),
        Ok(_) => match find(&gateway, &id.unwrap_or_default()).await {
            Some((id, model)) => json_response(&shaped_one(&id, model, shape)),
            None => Problem::from(NotCleared::NoRoute).respond(shape, &request_id),
        },
    };
    with_request_id(response, &request_id)
}

fn json_response(json: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(json.to_string()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// One model that leads to a provider: as that lists it, or as the settings name it outright.
async fn find(gateway: &Gateway, id: &str) -> Option<(String, Value)> {
    let provider = gateway.settings.route(id)?.provider;
    let listed = tokio::time::timeout(DEADLINE, fetch(gateway, provider)).await;
    let listed = listed.ok().flatten().unwrap_or_default();
    let is_it = |model: &Value| model.get("id").and_then(Value::as_str) == Some(id);
    let found = listed.into_iter().find(is_it);
    let is_named = || gateway.settings.models().any(|(pattern, _)| pattern == id);
    let model = found.or_else(|| is_named().then(|| named(id, provider)))?;
    Some((id.to_owned(), model))
}

/// Every model by name: those the settings name outright, and those the providers list and the settings lead to them.
async fn collect(gateway: &Arc<Gateway>) -> BTreeMap<String, Value> {
    let mut models = BTreeMap::new();
    for (pattern, provider) in gateway
        .settings
        .models()
        .filter(|(pattern, _)| !pattern.contains('*'))
    {
        models.insert(pattern.to_owned(), named(pattern, provider));
    }
    let mut lists = tokio::task::JoinSet::new();
    for (index, _) in gateway.settings.providers().iter().enumerate() {
        let gateway = Arc::clone(gateway);
        lists.spawn(async move {
            let provider = gateway.settings.providers().get(index)?;
            Some((
                index,
                tokio::time::timeout(DEADLINE, fetch(&gateway, provider))
                    .await
                    .ok()??,
            ))
        });
    }
    for (index, listed) in lists.join_all().await.into_iter().flatten() {
        let Some(provider) = gateway.settings.providers().get(index) else {
            continue;
        };
        for model in listed {
            let Some(id) = model.get("id").and_then(Value::as_str).map(str::to_owned) else {
                continue;
            };
            if gateway
                .settings
                .route(&id)
                .is_some_and(|route| route.provider.name() == provider.name())
            {
                models.insert(id, model);
            }
        }
    }
    models
}

/// A provider's own list; none if it does not answer with one.
async fn fetch(gateway: &Gateway, provider: &Provider) -> Option<Vec<Value>> {
    let response = gateway
        .upstream
        .models(provider)
        .await
        .ok()
        .filter(|r| r.status().is_success())?;
    let body = Limited::new(response.into_body(), LIST_BYTES)
        .collect()
        .await
        .ok()?
        .to_bytes();
    let list: Value = serde_json::from_slice(&body).ok()?;
    Some(list.get("data")?.as_array()?.clone())
}

fn named(id: &str, provider: &Provider) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": provider.name() })
}

fn shaped(models: BTreeMap<String, Value>, shape: SurfaceKind) -> Value {
    let (first, last) = (models.keys().next().cloned(), models.keys().next_back().cloned());
    let data = models
        .into_iter()
        .map(|(id, model)| shaped_one(&id, model, shape));
    let data: Vec<Value> = data.collect();
    if shape == SurfaceKind::AnthropicMessages {
        json!({ "data": data, "has_more": false, "first_id": first, "last_id": last })
    } else {
        json!({ "object": "list", "data": data })
    }
}

fn shaped_one(id: &str, mut model: Value, shape: SurfaceKind) -> Value {
    let defaults = if shape == SurfaceKind::AnthropicMessages {
        let created_at = "1970-01-01T00:00:00Z";
        json!({ "id": id, "type": "model", "display_name": id, "created_at": created_at })
    } else {
        json!({ "id": id, "object": "model", "created": 0, "owned_by": "unknown" })
    };
    fill(&mut model, &defaults);
    model
}

fn fill(model: &mut Value, defaults: &Value) {
    if let (Some(model), Some(defaults)) = (model.as_object_mut(), defaults.as_object()) {
        for (key, value) in defaults {
            model.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}
