//! Refusals that say in plain words, and in the reader's language, what to do instead.

use std::collections::BTreeMap;

use axum::body::Body;
use http::header::{ACCEPT_LANGUAGE, HeaderValue};
use http::{HeaderMap, Response};
use privet_access::Authenticated;
use privet_policy::{Advice, Language, NotCleared};
use privet_surface::Refusal;
use privet_types::{Entity, Pseudonym, SurfaceKind};

use crate::coached::MASKED;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// The code of replies that guardrails stop.
const REPLY_BLOCKED: &str = "reply_blocked";

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
    let coaching = gateway.policy.coaching();
    let language = coaching.language_for(accepted.and_then(|value| value.to_str().ok()));
    problem.respond_with(surface, request_id, advice(gateway, problem, language).as_ref())
}

/// What is said in the place of the rest of a reply that guardrails stop.
pub(crate) fn of_reply(gateway: &Gateway, headers: &HeaderMap) -> String {
    let coaching = gateway.policy.coaching();
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = coaching.language_for(accepted);
    let advice = coaching.advice(REPLY_BLOCKED, &[], language);
    advice.map_or_else(|| REPLY_BLOCKED.to_owned(), |advice| advice.text)
}

/// What there is to say of a refusal, and of which kinds.
fn advice(gateway: &Gateway, problem: &Problem, language: Language) -> Option<(Advice, Vec<Entity>)> {
    let kinds = kinds(problem);
    let advice = match problem {
        // What is to be acknowledged is said in its own words.
        Problem::NotAcknowledged(lacking) => gateway.told_of_notice(&lacking.id, language),
        _ => gateway.policy.coaching().advice(problem.code(), &kinds, language),
    };
    Some((advice?, kinds))
}

/// Counts a refusal that says to somebody what to do instead.
pub(crate) fn refused(gateway: &Gateway, caller: &Authenticated, who: &Pseudonym, problem: &Problem) {
    let language = gateway.policy.coaching().language;
    if let Some((_, kinds)) = advice(gateway, problem, language) {
        gateway.coached.count(&caller.tenant, who, problem.code(), &kinds);
    }
}

/// Counts a prompt that goes on, if kinds were replaced in it that people are coached about. Returns whether there were any.
pub(crate) fn masked(
    gateway: &Gateway,
    caller: &Authenticated,
    who: &Pseudonym,
    found: &BTreeMap<Entity, u32>,
) -> bool {
    let hint = &gateway.policy.coaching().hint;
    let kinds = found.keys().copied().filter(|kind| hint.contains(kind.name()));
    let kinds: Vec<Entity> = kinds.collect();
    if !kinds.is_empty() {
        gateway.coached.count(&caller.tenant, who, MASKED, &kinds);
    }
    !kinds.is_empty()
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
