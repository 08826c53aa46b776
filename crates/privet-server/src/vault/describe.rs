//! OpenAPI documents, made from tables of routes; and that of the vault.

use std::sync::OnceLock;

use axum::body::Body;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::route::{Handler, Route, Takes};
use super::table::routes;

/// The OpenAPI 3.1 document of the vault, as committed in `schema/vault.openapi.json`; with a line end.
#[must_use]
pub fn openapi() -> String {
    document().to_owned()
}

/// As [`openapi`]; made once.
pub(super) fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| write(describe(&routes(), &VAULT)))
}

/// What a document says beside its routes.
pub(crate) struct About<H> {
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    /// The security schemes of routes that need a scope: name, and what it is.
    pub(crate) schemes: &'static [(&'static str, fn() -> Value)],
    /// Adds to an operation what is the document's own.
    pub(crate) finish: fn(&Route<H>, &mut Map<String, Value>),
}

const VAULT: About<Handler> = About {
    title: "Privet vault",
    description: "Personal records, consent, and the log of both. A key's tenant is the only one it sees: what belongs to another is answered as if it were not there.",
    schemes: &[("key", by_key)],
    finish: add_ground,
};

/// The scheme of API keys.
pub(crate) fn by_key() -> Value {
    json!({ "type": "http", "scheme": "bearer", "description": "A key made by `privet key create --scope …`." })
}

/// `document` as text with a line end.
pub(crate) fn write(mut document: Value) -> String {
    document.sort_all_objects();
    // A JSON value with text keys; writing one cannot fail.
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .unwrap_or_default()
}

/// Shows a document.
pub(crate) async fn show(document: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(document));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn describe<H>(routes: &[Route<H>], about: &About<H>) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = Map::new();
    for route in routes {
        let operation = operation(route, about, &mut generator);
        let path = paths
            .entry(route.path.to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    let schemes: Map<String, Value> = about
        .schemes
        .iter()
        .map(|(name, scheme)| ((*name).to_owned(), scheme()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": "1",
            "description": about.description,
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": schemes,
        },
    })
}

fn operation<H>(route: &Route<H>, about: &About<H>, generator: &mut SchemaGenerator) -> Value {
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), route.summary.into());
    let security: Vec<Value> = match route.scope {
        Some(scope) => {
            operation.insert("x-privet-scope".to_owned(), scope.name().into());
            about
                .schemes
                .iter()
                .map(|(name, _)| json!({ *name: [] }))
                .collect()
        }
        None => Vec::new(),
    };
    operation.insert("security".to_owned(), security.into());
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
    (about.finish)(route, &mut operation);
    Value::Object(operation)
}

fn parameters<H>(route: &Route<H>) -> Vec<Value> {
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
    parameters
}

/// Every route with a key takes a ground.
fn add_ground(route: &Route<Handler>, operation: &mut Map<String, Value>) {
    if route.scope.is_none() {
        return;
    }
    let ground = json!({
        "name": "x-privet-ground", "in": "header",
        "schema": { "enum": ["consent", "legal_claims", "rights_of_others", "public_interest", "subject_request"] },
        "description": "The purpose, where processing of the subject's data is restricted (GDPR Article 18).",
    });
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.push(ground);
    }
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

/// RFC 9457, with a stable code and the field at fault.
fn problem() -> Value {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_stands_in_the_document_and_nothing_else_does() {
        let routes = routes();
        let listed: BTreeSet<(String, String)> = routes
            .iter()
            .map(|route| (route.path.to_owned(), route.method.as_str().to_ascii_lowercase()))
            .collect();
        assert_eq!(listed.len(), routes.len(), "a route stands twice");
        let document = describe(&routes, &VAULT);
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap();
                methods.keys().map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(described, listed);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = describe(&routes(), &VAULT);
        let text = document.to_string();
        let wanted: BTreeSet<&str> = text
            .split("\"$ref\":\"#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let missing: Vec<_> = wanted
            .iter()
            .filter(|name| !schemas.contains_key(**name))
            .collect();
        assert!(missing.is_empty() && wanted.len() > 20, "{missing:?}");
    }
}
