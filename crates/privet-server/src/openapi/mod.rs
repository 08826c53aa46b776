//! The OpenAPI document of Privet's own addresses: the gateway's, each described beside its route, and the vault's.
//!
//! What providers' clients ask (`/v1/…`) and servers of tools (`/mcp/…`) is described by those whose it is.

mod operation;

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub(crate) use operation::Operation;

use crate::{
    admin, coached, gateway, guard, incidents, kill, limits, native, notices, presidio, protect, sign_in,
    tokens, vault, watch,
};

/// Where it is served.
const PATH: &str = "/api/v1/openapi.json";

/// The OpenAPI 3.1 document, as committed in `schema/openapi.json`; with a line end.
#[must_use]
pub fn openapi() -> String {
    document().to_owned()
}

/// The address of the document. It shows nothing of anybody.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route(
        PATH,
        get(|| async {
            let mut response = Response::new(Body::from(document()));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }),
    )
}

/// As [`openapi`]; made once.
fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut document = describe();
        document.sort_all_objects();
        // A JSON value with text keys; writing one cannot fail.
        serde_json::to_string_pretty(&document)
            .map(|text| text + "\n")
            .unwrap_or_default()
    })
}

/// What the gateway's addresses do.
fn operations() -> Vec<Operation> {
    [
        gateway::described(),
        native::described(),
        protect::described(),
        guard::described(),
        guard::described_holds(),
        presidio::described(),
        limits::described(),
        kill::described(),
        watch::described(),
        incidents::described(),
        sign_in::described(),
        tokens::described(),
        notices::described(),
        coached::described(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is sent to the gateway and answered there, where no type of the code says it.
fn shapes() -> Map<String, Value> {
    serde_json::from_str(include_str!("shapes.json")).unwrap_or_default()
}

/// An operation that stands at a path under the name of its method.
type Described = (&'static str, String, Value);

fn describe() -> Value {
    let mut generator: SchemaGenerator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let of_vault = vault::described(&mut generator);
    let of_admin = admin::described(&mut generator);
    let of_gateway = operations();
    let of_gateway = of_gateway.iter().map(|operation| {
        let method = operation.method.as_str().to_ascii_lowercase();
        (operation.path, method, operation.describe(&mut generator))
    });
    let all: Vec<Described> = of_gateway.chain(of_admin).chain(of_vault).collect();
    let mut paths = Map::new();
    for (path, method, operation) in all {
        let path = paths
            .entry(path.to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(method, operation);
        }
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), vault::problem_schema());
    schemas.extend(shapes());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Privet",
            "version": "1",
            "description": "Texts without private data, limits, alerts, incidents and kill switches, keys, people and their roles, how people sign in, notices and tokens, and the vault: personal records, consent, and the log of both. A key's tenant is the only one it sees: what belongs to another is answered as if it were not there.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "A key made by `privet key create --scope …`." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-privet_session",
                    "description": "The cookie of somebody who has signed in. What changes something needs `x-privet-csrf` as well.",
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::credentials;

    fn listed(document: &Value) -> Vec<(String, String)> {
        let paths = document["paths"].as_object().unwrap();
        let listed = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.keys().map(move |method| (path.clone(), method.clone()))
        });
        listed.collect()
    }

    #[test]
    fn no_operation_stands_twice() {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let tables = admin::described(&mut generator).len() + vault::described(&mut generator).len();
        let count = operations().len() + tables;
        assert_eq!(listed(&describe()).len(), count);
    }

    #[test]
    fn every_route_of_the_gateway_is_described() {
        let sources = [
            include_str!("../gateway.rs"),
            include_str!("../native.rs"),
            include_str!("../presidio/mod.rs"),
            include_str!("../protect/mod.rs"),
            include_str!("../limits/routes.rs"),
            include_str!("../sign_in/routes.rs"),
            include_str!("../sign_in/passkeys.rs"),
            include_str!("../sign_in/oidc.rs"),
            include_str!("../watch/routes.rs"),
            include_str!("../incidents/routes.rs"),
            include_str!("../kill/routes.rs"),
            include_str!("../guard/routes.rs"),
            include_str!("../guard/holds.rs"),
            include_str!("../tokens/routes.rs"),
            include_str!("../notices/routes.rs"),
            include_str!("../coached.rs"),
        ];
        let described: BTreeSet<(String, String)> = listed(&describe()).into_iter().collect();
        let mut missing = Vec::new();
        let mut count = 0;
        for source in sources {
            for route in source.split(".route(").skip(1) {
                let mut parts = route.splitn(2, ',');
                let path = parts.next().unwrap().trim().trim_matches('"');
                // Those of providers' clients are described by the providers, and `/` says nothing.
                if path.starts_with("/v1/") || !path.starts_with("/h") && path.len() < 2 || path == "path" {
                    continue;
                }
                let methods = parts.next().unwrap().split('\n').next().unwrap();
                for method in ["get", "post", "put", "delete"] {
                    if methods.contains(&format!("{method}(")) {
                        count += 1;
                        if !described.contains(&(path.to_owned(), method.to_owned())) {
                            missing.push(format!("{method} {path}"));
                        }
                    }
                }
            }
        }
        assert!(missing.is_empty() && count > 40, "{count}: {missing:#?}");
    }

    #[test]
    fn what_is_described_with_a_privilege_has_a_gate() {
        for operation in operations() {
            let gated = credentials::gate(operation.path).is_some();
            assert_eq!(gated, operation.privilege.is_some(), "{}", operation.path);
        }
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = describe();
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
        assert!(missing.is_empty() && wanted.len() > 50, "{missing:?}");
        // And none of those that were written by hand stands there for nothing.
        let unused: Vec<String> = shapes()
            .keys()
            .filter(|name| !wanted.contains(name.as_str()))
            .cloned()
            .collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
