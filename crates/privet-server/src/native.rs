//! Privet's own endpoints for text, `POST /api/v1/pii/…`: more than Presidio's, and always with a key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use http::{Method, Request, Response, StatusCode};
use privet_access::{Authenticated, Privilege};
use privet_pii::presidio::known_entity;
use privet_pii::{Analyzer, Anonymizer, Config, Explanation, Keys, Manifest, Operators, WordPlace};
use privet_types::{Action, Budget, Entity, Finding, SurfaceKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::openapi::Operation;
use crate::presidio::{
    Call, Deed, MOST_EXPLANATIONS, UNITS_PER_EXPLANATION, admit, analyzer, answer, config_for, detector,
    known, note, rounded,
};
use crate::problem::Problem;
use crate::prompt::{UNITS_PER_REQUEST, new_request_id};

/// Work units for each text beyond those for its bytes.
const UNITS_PER_TEXT: u64 = 1 << 17;

/// In which unit offsets are counted.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Offsets {
    #[default]
    Bytes,
    Chars,
    Utf16,
}

/// What is looked for, in `text` or in each of `texts`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PiiDetect")]
struct Detect {
    text: Option<String>,
    texts: Option<Vec<String>>,
    entities: Option<Vec<String>>,
    threshold: Option<f64>,
    #[serde(default)]
    offsets: Offsets,
    /// Whether each finding is explained.
    #[serde(default)]
    explain: bool,
}

/// What becomes of what is found, in `text` or in each of `texts`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PiiAnonymize")]
struct Anonymize {
    text: Option<String>,
    texts: Option<Vec<String>>,
    entities: Option<Vec<String>>,
    threshold: Option<f64>,
    #[serde(default)]
    operators: Operators,
    #[serde(default)]
    scope: String,
}

/// A text that was made by `/api/v1/pii/anonymize`, and its manifest if it is at hand.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PiiRestore")]
struct Restore {
    text: String,
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    manifest: Option<Manifest>,
    #[serde(default)]
    is_edited: bool,
    #[serde(default)]
    scope: String,
}

/// The addresses, all with a key.
pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/pii/detect", post(detect))
        .route("/api/v1/pii/anonymize", post(anonymize))
        .route("/api/v1/pii/restore", post(restore))
        .with_state(gateway)
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/api/v1/pii/detect",
            Privilege::DetectText,
            "Finds what is private in texts.",
        )
        .takes::<Detect>()
        .gives(200, "PiiFindings"),
        Operation::new(
            Method::POST,
            "/api/v1/pii/anonymize",
            Privilege::AnonymizeText,
            "Replaces what is private in texts.",
        )
        .takes::<Anonymize>()
        .gives(200, "PiiAnonymized"),
        Operation::new(
            Method::POST,
            "/api/v1/pii/restore",
            Privilege::RestoreText,
            "Puts back what was replaced, for whoever had it replaced.",
        )
        .takes::<Restore>()
        .gives(200, "PiiRestored"),
    ]
}

async fn detect(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&gateway, request, SurfaceKind::Pii, true).await?;
        let asked: Detect = parse(&call.body)?;
        let texts = Texts::new(asked.text, asked.texts)?;
        let config = config(&gateway, asked.entities.as_deref(), asked.threshold)?;
        let analyzer = analyzer(&gateway, &config).await?;
        let budget = texts.budget(&gateway, asked.explain);
        gateway
            .pool
            .run(gateway.weight(texts.bytes()), budget, move |budget| {
                let mut left = if asked.explain { MOST_EXPLANATIONS } else { 0 };
                texts.each(|text| {
                    let found = find(&analyzer, text, budget)?;
                    let mut shown = shown(text, &found, asked.offsets);
                    for (finding, shown) in found.iter().zip(&mut shown).take(left) {
                        let why = analyzer.explain(text, None, finding, budget);
                        explain(&why.map_err(|e| detector(&e))?, shown);
                    }
                    left = left.saturating_sub(found.len());
                    Ok(json!({ "findings": shown }))
                })
            })
            .await?
    };
    answer(SurfaceKind::Pii, work.await, &id)
}

async fn anonymize(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&gateway, request, SurfaceKind::Pii, true).await?;
        let asked: Anonymize = parse(&call.body)?;
        let texts = Texts::new(asked.text, asked.texts)?;
        let config = config(&gateway, asked.entities.as_deref(), asked.threshold)?;
        let analyzer = analyzer(&gateway, &config).await?;
        let anonymizer = Anonymizer::new(asked.operators).map_err(|e| unusable(&e))?;
        let keys = keys(&gateway, &call, &asked.scope)?;
        let budget = texts.budget(&gateway, false);
        let work = move |budget: &Budget| {
            let mut counts = BTreeMap::new();
            let json = texts.each(|text| {
                let found = find(&analyzer, text, budget)?;
                let made = anonymizer
                    .anonymize(text, &found, &keys, budget)
                    .map_err(|e| unusable(&e))?;
                for item in &made.items {
                    *counts.entry(item.entity).or_insert(0_u32) += 1;
                }
                Ok(json!({ "text": made.text, "items": made.items, "manifest": made.manifest }))
            });
            json.map(|json| (json, counts))
        };
        let weight = gateway.weight(call.body.len());
        let done = gateway.pool.run(weight, budget, work).await?;
        finish(
            &gateway,
            (SurfaceKind::Pii, &call),
            done,
            Action::Redact,
            "anonymized",
            &id,
        )
        .await
    };
    answer(SurfaceKind::Pii, work.await, &id)
}

async fn restore(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&gateway, request, SurfaceKind::Pii, true).await?;
        let asked: Restore = parse(&call.body)?;
        let keys = keys(&gateway, &call, &asked.scope)?;
        let bytes = call.body.len();
        let budget = Budget::new(gateway.units_per_byte() * bytes as u64 + UNITS_PER_REQUEST);
        let work = move |budget: &Budget| {
            let json = match &asked.manifest {
                Some(manifest) if !asked.is_edited => {
                    let text = manifest.restore(&asked.text, &keys, budget);
                    json!({ "text": text.map_err(|e| unusable(&e))? })
                }
                manifest => {
                    let restored = match manifest {
                        Some(manifest) => manifest.restore_edited(&asked.text, &keys, budget),
                        None => keys.restore_tokens(&asked.text, budget),
                    };
                    let restored = restored.map_err(|e| unusable(&e))?;
                    json!({ "text": restored.text, "restored": restored.restored, "left": restored.left })
                }
            };
            Ok((json.to_string(), BTreeMap::new()))
        };
        let done = gateway.pool.run(bytes, budget, work).await?;
        finish(
            &gateway,
            (SurfaceKind::Pii, &call),
            done,
            Action::Allow,
            "restored",
            &id,
        )
        .await
    };
    answer(SurfaceKind::Pii, work.await, &id)
}

/// Writes down what was done on `surface`, or that it could not be.
pub(crate) async fn finish(
    gateway: &Gateway,
    (surface, call): (SurfaceKind, &Call),
    done: Result<(String, BTreeMap<Entity, u32>), Problem>,
    action: Action,
    reason: &'static str,
    request_id: &str,
) -> Result<String, Problem> {
    let (json, counts, action, reason) = match done {
        Ok((json, counts)) => (Ok(json), counts, action, reason),
        Err(problem) => {
            let code = problem.code();
            (Err(problem), BTreeMap::new(), Action::Block, code)
        }
    };
    let deed = Deed {
        surface,
        action,
        reason,
        counts,
    };
    note(gateway, (call.caller.as_ref(), call.read_at), deed, request_id).await?;
    json
}

fn refuse(text: impl Into<String>) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

/// What an operator or a manifest could not do. The texts hold no value.
fn unusable(error: &privet_pii::Error) -> Problem {
    match error {
        privet_pii::Error::Budget(_) | privet_pii::Error::Crypto(_) => detector(error),
        other => Problem::told(StatusCode::UNPROCESSABLE_ENTITY, other.to_string()),
    }
}

/// Says where the body is wrong, and not what stands there.
fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| {
        refuse(format!(
            "the body is not what this address takes: look at line {}, column {}",
            e.line(),
            e.column()
        ))
    })
}

/// The texts of one request, and whether they came as a list.
struct Texts(Vec<String>, bool);

impl Texts {
    fn new(text: Option<String>, texts: Option<Vec<String>>) -> Result<Self, Problem> {
        match (text, texts) {
            (Some(text), None) => Ok(Self(vec![text], false)),
            (None, Some(texts)) => Ok(Self(texts, true)),
            _ => Err(refuse("give either `text` or `texts`")),
        }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(String::len).sum()
    }

    fn budget(&self, gateway: &Gateway, explains: bool) -> Budget {
        let texts = UNITS_PER_TEXT * self.0.len() as u64;
        // A finding takes some bytes of text.
        let explanations = if explains {
            MOST_EXPLANATIONS.min(self.bytes() / 2)
        } else {
            0
        };
        let explanations = UNITS_PER_EXPLANATION * explanations as u64;
        Budget::new(
            2 * gateway.units_per_byte() * self.bytes() as u64 + texts + explanations + UNITS_PER_REQUEST,
        )
    }

    /// `work` on each; its results in the shape in which the texts came.
    fn each(&self, work: impl FnMut(&str) -> Result<Value, Problem>) -> Result<String, Problem> {
        let mut done: Vec<Value> = self
            .0
            .iter()
            .map(String::as_str)
            .map(work)
            .collect::<Result<_, _>>()?;
        let value = if self.1 {
            json!({ "results": done })
        } else {
            done.pop().unwrap_or_default()
        };
        Ok(value.to_string())
    }
}

/// Without `entities` the policy says what is looked for.
fn config(gateway: &Gateway, asked: Option<&[String]>, threshold: Option<f64>) -> Result<Config, Problem> {
    let policy = gateway.policy.pii();
    let threshold = threshold.unwrap_or(policy.threshold);
    if !(0.0..=1.0).contains(&threshold) {
        return Err(refuse("`threshold` must be between 0 and 1"));
    }
    let known = known(gateway);
    let entities = match asked {
        None => known
            .into_iter()
            .filter(|e| policy.action(*e) != privet_pii::EntityAction::Allow)
            .collect(),
        Some(asked) => asked
            .iter()
            .map(|name| {
                let entity = known_entity(name).filter(|e| known.contains(e));
                entity.ok_or_else(|| {
                    refuse("`entities` holds an unknown kind; GET /supportedentities lists them")
                })
            })
            .collect::<Result<BTreeSet<_>, _>>()?,
    };
    Ok(config_for(gateway, Some(&entities), threshold))
}

/// One caller's keys within one scope of theirs: nobody else can restore what they made.
fn keys(gateway: &Gateway, call: &Call, scope: &str) -> Result<Keys, Problem> {
    let Some(Authenticated {
        principal, tenant, ..
    }) = &call.caller
    else {
        return Err(Problem::Denied(privet_access::Denied::Missing));
    };
    // A principal's name holds no zero byte.
    let scope = format!("api\0{principal}\0{scope}");
    Ok(Keys::derive(&gateway.root, tenant, &scope))
}

fn find(analyzer: &Analyzer, text: &str, budget: &Budget) -> Result<Vec<Finding>, Problem> {
    analyzer.analyze(text, None, budget).map_err(|e| detector(&e))
}

/// As `privet pii detect --format jsonl` writes them. O(n).
fn shown(text: &str, found: &[Finding], offsets: Offsets) -> Vec<Value> {
    let measure = |piece: &str| match offsets {
        Offsets::Bytes => piece.len(),
        Offsets::Chars => piece.chars().count(),
        Offsets::Utf16 => piece.encode_utf16().count(),
    };
    let (mut at, mut counted) = (0, 0);
    let mut place = |to: usize| {
        counted += measure(text.get(at..to).unwrap_or_default());
        at = to;
        counted
    };
    found
        .iter()
        .map(|f| {
            json!({
                "type": f.entity,
                "start": place(f.span.start),
                "end": place(f.span.end),
                "score": rounded(f.score),
                "rule": f.rule.0,
            })
        })
        .collect()
}

/// Adds to a finding what it rests on, as `privet pii detect --explain` writes it.
fn explain(why: &Explanation, finding: &mut Value) {
    let Value::Object(fields) = finding else { return };
    let place = why.context.as_ref().map(|c| match c.place {
        WordPlace::Before(_) => "before",
        WordPlace::After(_) => "after",
        WordPlace::Name => "name",
    });
    let more = [
        ("recognizer", json!(why.recognizer)),
        ("pattern", json!(why.pattern)),
        ("context_word", json!(why.context.as_ref().map(|c| &c.word))),
        ("context_place", json!(place)),
        ("checksum", json!(why.checksum)),
        ("language", json!(why.language)),
        ("basis", json!(why.basis)),
        ("score_without_context", json!(rounded(why.score_without_context))),
        ("is_disguised", json!(why.is_disguised)),
    ];
    for (name, value) in more.into_iter().filter(|(_, value)| !value.is_null()) {
        fields.insert(name.to_owned(), value);
    }
}
