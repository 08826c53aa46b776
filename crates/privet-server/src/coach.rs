//! Refusals that say in plain words, and in the reader's language, what to do instead.

use axum::body::Body;
use http::header::{ACCEPT_LANGUAGE, HeaderValue};
use http::{HeaderMap, Response};
use privet_policy::{Advice, NotCleared};
use privet_surface::Refusal;
use privet_types::{Entity, SurfaceKind};

use crate::gateway::Gateway;
use crate::problem::Problem;

/// What a caller says of the languages that its reader understands.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ACCEPT_LANGUAGE).cloned()
}

/// The refusal in the shape of `surface`, with advice where there is any.
pub(crate) fn respond(
    gateway: &Gateway,
    problem: &Problem,
    surface: SurfaceKind,
    accepted: Option<&HeaderValue>,
    request_id: &str,
) -> Response<Body> {
    let kinds = kinds(problem);
    let coaching = gateway.policy.coaching();
    let language = coaching.language_for(accepted.and_then(|value| value.to_str().ok()));
    let advice: Option<Advice> = coaching.advice(problem.code(), &kinds, language);
    problem.respond_with(surface, request_id, advice.map(|advice| (advice, kinds)).as_ref())
}

/// What was found that must not be sent, as far as the refusal says.
fn kinds(problem: &Problem) -> Vec<Entity> {
    match problem {
        Problem::NotCleared(NotCleared::Sensitive { kinds, .. }) => kinds.clone(),
        Problem::NotCleared(NotCleared::Refused {
            refusal: Refusal::Blocked { entity, .. } | Refusal::CannotMask { entity, .. },
            ..
        }) => vec![*entity],
        _ => Vec::new(),
    }
}
