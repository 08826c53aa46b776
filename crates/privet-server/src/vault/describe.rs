//! What the OpenAPI document says of the vault, made from the table of routes.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::route::{Route, Takes};
use super::table::routes;

/// Each route: its path, its method in small letters, and what it does.
pub(crate) fn described(generator: &mut SchemaGenerator) -> Vec<(&'static str, String, Value)> {
    let described = routes().into_iter().map(|route| {
        let method = route.method.as_str().to_ascii_lowercase();
        (route.path, method, operation(&route, generator))
    });
    described.collect()
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), route.summary.into());
    let security = match route.scope {
        Some(scope) => {
            operation.insert("x-privet-scope".to_owned(), scope.name().into());
            json!([{ "key": [] }])
        }
        None => json!([]),
    };
    operation.insert("security".to_owned(), security);
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(takes) = route.body {
        operation.insert("requestBody".to_owned(), request_body(takes, generator));
    }
    let mut answer = json!({ "description": route.summary });
    if let (Some(shape), Some(answer)) = (route.answer, answer.as_object_mut()) {
        let schema = shape(generator);
        answer.insert("content".to_owned(), json!({ route.media: { "schema": schema } }));
    }
    let refused = json!({
        "description": "Why not; never with a value that was sent or stored.",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut responses = Map::new();
    responses.insert(route.status.to_string(), answer);
    responses.insert("default".to_owned(), refused);
    operation.insert("responses".to_owned(), Value::Object(responses));
    Value::Object(operation)
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(route.query.iter().map(|(name, what)| {
        json!({ "name": name, "in": "query", "description": what, "schema": { "type": "string" } })
    }));
    if route.takes_version {
        parameters.push(json!({
            "name": "if-match", "in": "header", "schema": { "type": "string" },
            "description": "Change this version only, as `etag` told it.",
        }));
    }
    if route.scope.is_some() {
        parameters.push(json!({
            "name": "x-privet-ground", "in": "header",
            "schema": { "enum": ["consent", "legal_claims", "rights_of_others", "public_interest", "subject_request"] },
            "description": "The purpose, where processing of the subject's data is restricted (GDPR Article 18).",
        }));
    }
    parameters
}

fn request_body(takes: Takes, generator: &mut SchemaGenerator) -> Value {
    let content = match takes {
        Takes::Json(shape) => json!({ "application/json": { "schema": shape(generator) } }),
        Takes::MergePatch => json!({ "application/merge-patch+json": { "schema": { "type": "object" } } }),
        Takes::Lines => json!({
            "application/x-ndjson": { "schema": { "type": "string" } },
            "text/csv": { "schema": { "type": "string" } },
        }),
    };
    json!({ "required": true, "content": content })
}

/// The shape of the vault's refusals: RFC 9457, with a stable code and the field at fault.
pub(crate) fn problem_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "From a closed set." },
            "detail": { "type": "string", "description": "For people." },
            "field": { "type": "string", "description": "The field at fault." },
            "holds": {
                "type": "array", "items": { "type": "string" },
                "description": "Where legal holds are in the way: their cases.",
            },
            "erasure": { "type": "string", "description": "Where an erasure is not finished: its id." },
        },
    })
}
