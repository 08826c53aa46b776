//! `POST /api/v1/guard`: texts that are checked for attacks before they go into an index or a prompt.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use http::{Method, Request, Response, StatusCode};
use privet_access::Privilege;
use privet_guardrails::{Detector, Evidence, Feed, Input, MOST_BYTES, Origin, Provenance, Verdict};
use privet_types::{Budget, SurfaceKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{channel, units};
use crate::gateway::Gateway;
use crate::openapi::Operation;
use crate::presidio::{admit, answer};
use crate::problem::Problem;
use crate::prompt::new_request_id;

/// Texts of one request.
const MOST_TEXTS: usize = 1024;

/// Texts to be checked for attacks on a model: `text`, or `texts`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardCheck")]
struct Check {
    /// One text.
    text: Option<String>,
    /// Several, each with its id and its channel.
    texts: Option<Vec<OneText>>,
    /// Where texts come from that do not say so: `user`, `document` (without this), `tool` or `memory`.
    channel: Option<String>,
    /// The instructions that the model was given, if they are known.
    system: Option<String>,
    /// How far who wrote them is trusted: `own`, `unknown` (without this) or `foreign`.
    trust: Option<String>,
}

/// A text to be checked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardText")]
struct OneText {
    /// Comes back with what is said of it.
    #[serde(default)]
    id: Value,
    /// The text.
    text: String,
    /// Where it comes from, if not from where the others do.
    channel: Option<String>,
}

/// Each text with its id and where it comes from.
type Texts = Vec<(Value, String, Origin)>;

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/guard", post(check))
        .with_state(gateway)
}

/// What it does.
pub(crate) fn described() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/api/v1/guard",
            Privilege::DetectText,
            "Checks texts for attacks on a model, before they go into an index or a prompt.",
        )
        .takes::<Check>()
        .gives(200, "GuardVerdicts"),
    ]
}

async fn check(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&gateway, request, SurfaceKind::Pii, true).await?;
        let asked: Check = serde_json::from_slice(&call.body).map_err(|_| {
            refuse("the body must be JSON with `text`, or with `texts`: [{\"id\", \"text\", \"channel\"}]; beside them `channel`, `system`, `trust`")
        })?;
        let (texts, is_single) = asked.texts()?;
        let trust = asked.provenance()?;
        let detector = Arc::clone(gateway.checking.detector()?);
        let bytes: usize = texts.iter().map(|(_, text, _)| text.len()).sum();
        let budget = Budget::new(units(bytes as u64) * 2 + (texts.len() as u64) * (1 << 17));
        let system = asked.system;
        gateway
            .pool
            .run(gateway.weight(bytes), budget, move |budget| {
                let mut results = Vec::with_capacity(texts.len());
                for (id, text, origin) in &texts {
                    let verdict = verdict(&detector, text, *origin, system.as_deref(), trust, budget)?;
                    results.push(shown(id, &verdict));
                }
                let body = match (is_single, results.pop()) {
                    (true, Some(only)) => only,
                    (_, last) => {
                        results.extend(last);
                        json!({ "results": results })
                    }
                };
                Ok(body.to_string())
            })
            .await?
    };
    answer(SurfaceKind::Pii, work.await, &id)
}

fn refuse(text: &str) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

fn origin(name: Option<&str>) -> Result<Origin, Problem> {
    match name {
        None => Ok(Origin::Document),
        Some(name) => {
            channel(name).ok_or_else(|| refuse("`channel` is one of user, document, tool and memory"))
        }
    }
}

impl Check {
    /// The texts, and whether it was a single one.
    fn texts(&self) -> Result<(Texts, bool), Problem> {
        let general = origin(self.channel.as_deref())?;
        match (&self.text, &self.texts) {
            (Some(text), None) => Ok((vec![(Value::Null, text.clone(), general)], true)),
            (None, Some(texts)) if texts.len() <= MOST_TEXTS => {
                let texts = texts.iter().map(|one| {
                    let own = one.channel.as_deref().map(|name| origin(Some(name)));
                    Ok((one.id.clone(), one.text.clone(), own.unwrap_or(Ok(general))?))
                });
                Ok((texts.collect::<Result<_, Problem>>()?, false))
            }
            (None, Some(_)) => Err(refuse("send at most 1,024 texts at once")),
            _ => Err(refuse("give one of `text` and `texts`")),
        }
    }

    fn provenance(&self) -> Result<Provenance, Problem> {
        match self.trust.as_deref() {
            None | Some("unknown") => Ok(Provenance::Unknown),
            Some("own") => Ok(Provenance::Own),
            Some("foreign") => Ok(Provenance::Foreign),
            Some(_) => Err(refuse("`trust` is one of own, unknown and foreign")),
        }
    }
}

fn verdict(
    detector: &Detector,
    text: &str,
    origin: Origin,
    system: Option<&str>,
    provenance: Provenance,
    budget: &Budget,
) -> Result<Verdict, Problem> {
    let failed = |_| Problem::DetectorFailed;
    if text.len() <= MOST_BYTES {
        let input = Input {
            system,
            provenance,
            ..Input::new(text, origin)
        };
        return detector.check(input, budget).map_err(failed);
    }
    let mut feed = Feed::new(detector, origin).with_provenance(provenance);
    if let Some(system) = system {
        feed = feed.with_system(system);
    }
    feed.push(text.as_bytes(), budget).map_err(failed)?;
    feed.finish(budget).map_err(failed)
}

/// As `privet guard check --format jsonl` writes it; offsets are bytes of UTF-8.
fn shown(id: &Value, verdict: &Verdict) -> Value {
    let round = |score: f32| (f64::from(score) * 10_000.0).round() / 10_000.0;
    let finding = |one: &Evidence| {
        let mut shown = json!({
            "rule": one.rule.0,
            "start": one.span.start,
            "end": one.span.end,
            "score": round(one.score),
        });
        if let Some((disguise, object)) = one.disguise.zip(shown.as_object_mut()) {
            object.insert("hidden".to_owned(), json!(disguise.name()));
        }
        shown
    };
    let findings: Vec<Value> = verdict.evidence.iter().map(finding).collect();
    json!({
        "id": id,
        "score": round(verdict.score),
        "flagged": verdict.is_flagged(),
        "findings": findings,
    })
}
