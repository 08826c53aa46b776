//! The table of the vault's routes: what the router and the OpenAPI document are both made from.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::routing::any;
use http::header::HeaderValue;
use http::{Method, Request, Response};
use privet_types::KeyScope;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::call::{Call, JSON, Reply};
use super::problem::VaultProblem;
use super::{VaultApi, call};

/// What a handler gives back.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Reply, VaultProblem>> + Send>>;

/// Makes the schema of a type.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// One route.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With `{names}` for parameters.
    pub(crate) path: &'static str,
    /// Which scope a key needs; `None` where no key is asked for.
    pub(crate) scope: Option<KeyScope>,
    pub(crate) summary: &'static str,
    /// Parameters of the query, and what they are.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Whether `if-match` names the version that is to be changed.
    pub(crate) takes_version: bool,
    pub(crate) body: Option<Takes>,
    pub(crate) status: u16,
    pub(crate) answer: Option<Shape>,
    /// The media type of the answer.
    pub(crate) media: &'static str,
    pub(crate) handler: fn(Call) -> Answer,
}

/// What a route takes in the body.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    /// JSON of this shape.
    Json(Shape),
    /// A JSON merge patch of an object.
    MergePatch,
    /// JSON Lines or CSV, read as it comes.
    Lines,
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Route {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        scope: KeyScope,
        summary: &'static str,
        handler: fn(Call) -> Answer,
    ) -> Self {
        Self {
            method,
            path,
            scope: Some(scope),
            summary,
            query: &[],
            takes_version: false,
            body: None,
            status: 204,
            answer: None,
            media: JSON,
            handler,
        }
    }

    /// Takes JSON of `T`.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Takes::Json(shape::<T>));
        self
    }

    pub(crate) fn takes_body(mut self, takes: Takes) -> Self {
        self.body = Some(takes);
        self
    }

    /// Answers `status` with JSON of `T`.
    pub(crate) fn gives<T: JsonSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.answer = Some(shape::<T>);
        self
    }

    /// Answers 200 with a text of this media type.
    pub(crate) fn gives_text(mut self, media: &'static str) -> Self {
        self.media = media;
        self.gives::<String>(200)
    }

    pub(crate) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn versioned(mut self) -> Self {
        self.takes_version = true;
        self
    }

    pub(crate) fn without_key(mut self) -> Self {
        self.scope = None;
        self
    }
}

/// The router of `routes`.
///
/// Each address takes all methods and chooses itself: axum would answer HEAD by running what GET does, with all its
/// effects.
pub(crate) fn router(api: &Arc<VaultApi>, routes: Vec<Route>) -> Router {
    let mut by_path: BTreeMap<&'static str, Vec<Route>> = BTreeMap::new();
    for route in routes {
        by_path.entry(route.path).or_default().push(route);
    }
    let mut router = Router::new();
    for (path, routes) in by_path {
        let routes: Arc<[Route]> = routes.into();
        let api = Arc::clone(api);
        router = router.route(
            path,
            any(
                move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request<Body>| {
                    let (api, routes) = (Arc::clone(&api), Arc::clone(&routes));
                    async move {
                        match params {
                            Ok(params) => dispatch(api, &routes, &params, request).await,
                            // What is no text names nothing.
                            Err(_) => VaultProblem::no_route().respond(),
                        }
                    }
                },
            ),
        );
    }
    router
}

async fn dispatch(
    api: Arc<VaultApi>,
    routes: &[Route],
    params: &RawPathParams,
    request: Request<Body>,
) -> Response<Body> {
    let params = params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match routes.iter().find(|route| route.method == *request.method()) {
        Some(route) => call::answer(api, route, params, request).await,
        None => {
            let allowed: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
            let allow = HeaderValue::from_str(&allowed.join(", "));
            let allow = allow.unwrap_or(HeaderValue::from_static(""));
            VaultProblem::wrong_method(allow).respond()
        }
    }
}
