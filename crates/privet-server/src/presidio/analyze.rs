//! `POST /analyze`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::StatusCode;
use privet_pii::presidio::{AllowList, BadRecognizer, class_of, dictionary, flags, known_entity};
use privet_pii::{Analyzer, Config, EntityAction, Explanation, Recognizer, WordPlace};
use privet_types::{Basis, Budget, Entity, Finding};
use serde_json::{Map, Value, json};

use super::lists::{OTHERS, known};
use super::{Analyzers, Call};
use crate::gateway::Gateway;
use crate::pool::INLINE_BYTES;
use crate::problem::Problem;
use crate::prompt::UNITS_PER_REQUEST;

/// Most recognisers and patterns that one request may bring along.
const MOST_RECOGNIZERS: usize = 64;
const MOST_PATTERNS: usize = 64;
/// Most words on the deny lists of one request.
const MOST_WORDS: usize = 10_000;
/// Work units per byte of text for each pattern: it runs over the text and over what was uncovered in it.
const UNITS_PER_PATTERN: u64 = 64;
const UNITS_PER_TEXT: u64 = 1 << 16;
/// Work units for each explanation, and most explanations of one request.
pub(crate) const UNITS_PER_EXPLANATION: u64 = 1 << 19;
pub(crate) const MOST_EXPLANATIONS: usize = 1000;
/// Flags of Presidio's recognisers: DOTALL, MULTILINE and IGNORECASE of Python's `re`.
const FLAGS: u8 = 26;

/// A request as understood.
struct Query {
    texts: Vec<String>,
    is_batch: bool,
    config: Config,
    /// As the request spells kinds that it brought along.
    names: BTreeMap<Entity, String>,
    threshold: f64,
    explains: bool,
    context: String,
    allow: AllowList,
    units: u64,
}

/// Finds what a request asks for.
pub(super) async fn serve(gateway: &Arc<Gateway>, call: Call) -> Result<String, Problem> {
    let bytes = call.body.len();
    let body = call.body;
    let held = Arc::clone(gateway);
    let parsed = gateway
        .pool
        .run(bytes, Budget::unlimited(), move |_| Query::parse(&held, &body));
    let query = parsed.await??;
    let analyzer = analyzer(gateway, &query.config).await?;
    let budget = Budget::new(query.units);
    gateway
        .pool
        .run(gateway.weight(bytes), budget, move |budget| {
            query.answer(&analyzer, budget)
        })
        .await?
}

/// The analyser for `config`, made if it is not at hand. Making one takes 0.5 to 4 ms, and 1.3 ms more for
/// each pattern of the request (measured), so it does not happen where requests are read.
pub(crate) async fn analyzer(gateway: &Arc<Gateway>, config: &Config) -> Result<Arc<Analyzer>, Problem> {
    let key = Analyzers::key(config);
    if let Some(known) = gateway.analyzers.get(&key) {
        return Ok(known);
    }
    let own = gateway.policy.pii().recognizers.len();
    let patterns = config.recognizers.iter().skip(own);
    let patterns = patterns.map(|r| r.patterns.len() + 1).sum();
    let config = config.clone();
    let model = gateway.model.clone();
    let make = move |_: &Budget| Analyzer::with_model(&config, model.as_ref());
    let made = gateway
        .pool
        .run(INLINE_BYTES + 1, Budget::unlimited(), make)
        .await?;
    let made = made.map_err(|e| Problem::told(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let made = Arc::new(made);
    gateway.analyzers.keep(key, &made, patterns);
    Ok(made)
}

/// The gateway's configuration, but for `entities` alone, or for every kind.
pub(crate) fn config_for(gateway: &Gateway, entities: Option<&BTreeSet<Entity>>, threshold: f64) -> Config {
    let mut config = gateway.policy.pii().clone();
    let action = match entities {
        None => EntityAction::Mask,
        Some(_) => EntityAction::Allow,
    };
    config.default_action = action;
    config.broad_action = action;
    config.entities = entities
        .into_iter()
        .flatten()
        .map(|e| (*e, EntityAction::Mask))
        .collect();
    config.threshold = threshold;
    config
}

fn wrong_form(problem: &str) -> Problem {
    Problem::told(
        StatusCode::BAD_REQUEST,
        format!("Failed to parse /analyze request for AnalyzerEngine.analyze(). {problem}"),
    )
}

fn failed(text: impl Into<String>) -> Problem {
    Problem::told(StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn bad_recognizer(error: BadRecognizer) -> Problem {
    match error {
        BadRecognizer::Form(text) => wrong_form(&text),
        BadRecognizer::Value(text) => failed(text),
    }
}

/// The fields of a request.
struct Fields(Map<String, Value>);

impl Fields {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|v| !v.is_null())
    }

    fn string(&self, key: &str) -> Result<Option<&str>, Problem> {
        let wrong = || wrong_form(&format!("`{key}` must be a string"));
        self.get(key).map(|v| v.as_str().ok_or_else(wrong)).transpose()
    }

    fn strings(&self, key: &str) -> Result<Option<Vec<String>>, Problem> {
        let wrong = || wrong_form(&format!("`{key}` must be a list of strings"));
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let list = value.as_array().ok_or_else(wrong)?.iter();
        let texts = list.map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong));
        texts.collect::<Result<_, _>>().map(Some)
    }
}

impl Query {
    fn parse(gateway: &Gateway, body: &[u8]) -> Result<Self, Problem> {
        let Ok(Value::Object(map)) = serde_json::from_slice(body) else {
            return Err(Problem::told(
                StatusCode::BAD_REQUEST,
                "the request body is not a JSON object",
            ));
        };
        let fields = Fields(map);
        let is_batch = fields.get("text").is_some_and(Value::is_array);
        let texts = if is_batch {
            fields.strings("text")?.unwrap_or_default()
        } else {
            let text = fields.string("text")?.filter(|text| !text.is_empty());
            text.map(str::to_owned).into_iter().collect()
        };
        if texts.is_empty() {
            return Err(failed("No text provided"));
        }
        let language = fields.string("language")?.filter(|l| !l.is_empty());
        let mut names = BTreeMap::new();
        let own = recognizers(&fields, language, &mut names)?;
        let threshold = match fields.get("score_threshold") {
            None => 0.0,
            Some(value) => value
                .as_f64()
                .ok_or_else(|| wrong_form("`score_threshold` must be a number"))?,
        };
        let asked = fields.strings("entities")?.filter(|list| !list.is_empty());
        let entities = asked.map(|asked| asked_for(gateway, &asked, &own)).transpose()?;
        let mut config = config_for(gateway, entities.as_ref(), threshold.clamp(0.0, 1.0));
        let patterns: usize = own.iter().map(|r| r.patterns.len() + 1).sum();
        config.recognizers.extend(own);
        let context = fields.strings("context")?.unwrap_or_default().join(" ");
        let bytes: usize = texts.iter().map(|t| t.len() + context.len()).sum();
        let explains = fields
            .get("return_decision_process")
            .is_some_and(|v| *v != json!(false));
        // A finding takes some bytes of text.
        let explanations = if explains {
            MOST_EXPLANATIONS.min(bytes / 2)
        } else {
            0
        };
        let units_per_byte = gateway.units_per_byte() + UNITS_PER_PATTERN * patterns as u64;
        Ok(Self {
            units: units_per_byte * bytes as u64
                + UNITS_PER_TEXT * texts.len() as u64
                + UNITS_PER_EXPLANATION * explanations as u64
                + UNITS_PER_REQUEST,
            texts,
            is_batch,
            config,
            names,
            threshold,
            explains,
            context,
            allow: allow_list(&fields)?,
        })
    }

    fn answer(&self, analyzer: &Analyzer, budget: &Budget) -> Result<String, Problem> {
        let context = (!self.context.is_empty()).then_some(self.context.as_str());
        let mut all = Vec::with_capacity(self.texts.len());
        let mut explanations = 0;
        for text in &self.texts {
            let found = analyzer
                .analyze(text, context, budget)
                .map_err(|e| detector(&e))?;
            let hits = self.hits(text, &found, budget)?;
            let mut shown = Vec::with_capacity(hits.len());
            for hit in &hits {
                let explained = if self.explains && explanations < MOST_EXPLANATIONS {
                    explanations += 1;
                    let why = analyzer.explain(text, context, hit.finding, budget);
                    self.explain(hit.finding, &why.map_err(|e| detector(&e))?)
                } else {
                    Value::Null
                };
                shown.push(self.show(hit, &explained));
            }
            all.push(Value::Array(shown));
        }
        let value = if self.is_batch {
            Value::Array(all)
        } else {
            all.pop().unwrap_or_default()
        };
        Ok(value.to_string())
    }

    /// Sorted as Presidio sorts: the surest first, then by place.
    fn hits<'f>(&self, text: &str, found: &'f [Finding], budget: &Budget) -> Result<Vec<Hit<'f>>, Problem> {
        let mut at = (0, 0);
        let mut hits = Vec::with_capacity(found.len());
        for finding in found {
            let value = finding.span.of(text).unwrap_or_default();
            budget
                .charge(value.len() as u64 + 64)
                .map_err(|e| detector(&e.into()))?;
            at = forward(text, at, finding.span.start);
            let start = at.1;
            at = forward(text, at, finding.span.end);
            let score = rounded(finding.score);
            if finding.entity == Entity::SURROGATE || score < self.threshold || self.allow.allows(value) {
                continue;
            }
            hits.push(Hit {
                score,
                start,
                end: at.1,
                finding,
            });
        }
        let place = |h: &Hit<'_>| (h.start, std::cmp::Reverse(h.end));
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(place(a).cmp(&place(b))));
        Ok(hits)
    }

    fn show(&self, hit: &Hit<'_>, explained: &Value) -> Value {
        let entity = hit.finding.entity;
        json!({
            "entity_type": self.names.get(&entity).map_or(entity.name(), String::as_str),
            "start": hit.start,
            "end": hit.end,
            "score": hit.score,
            "analysis_explanation": explained,
        })
    }

    /// Presidio's fields: the score without the words beside it, what the one that decided adds, and whether check digits are
    /// right.
    fn explain(&self, finding: &Finding, why: &Explanation) -> Value {
        let rule = finding.rule.0;
        let recognizer = why.recognizer.as_deref();
        let recognizer = recognizer.or_else(|| class_of(finding.entity)).unwrap_or(OTHERS);
        let (score, original) = (rounded(why.score), rounded(why.score_without_context));
        let word = why.context.as_ref().map_or("", |c| c.word.as_str());
        let basis = match finding.basis {
            Basis::Form => "a form that other things have, too",
            Basis::Network => "a neural network",
            Basis::Pattern => "a form that hardly anything else has",
            Basis::Context => "a form and a word beside it",
            Basis::Checksum => "a check digit or an equal rule",
            Basis::Listed => "a list",
        };
        let place = match why.context.as_ref().map(|c| c.place) {
            Some(WordPlace::Before(_)) => format!("; `{word}` stands before it"),
            Some(WordPlace::After(_)) => format!("; `{word}` stands behind it"),
            Some(WordPlace::Name) => format!("; `{word}` stands in the request's context"),
            None => String::new(),
        };
        let checksum = why
            .checksum
            .map(|c| format!("; right by {c}"))
            .unwrap_or_default();
        let language = why
            .language
            .map(|l| format!("; the language there is {}", l.code()))
            .unwrap_or_default();
        json!({
            "recognizer": recognizer,
            "pattern_name": why.pattern.as_deref().unwrap_or(rule),
            "pattern": null,
            "original_score": original,
            "score": score,
            "score_context_improvement": if word.is_empty() { 0.0 } else { rounded(why.score - why.score_without_context) },
            "supportive_context_word": word,
            "textual_explanation": format!(
                "Detected by `{recognizer}` using rule `{rule}`; it rests on {basis}{place}{checksum}{language}"
            ),
            "validation_result": why.checksum.map(|_| true),
            "regex_flags": if rule == "custom/pattern" { json!(FLAGS) } else { Value::Null },
        })
    }
}

/// A finding that is shown, with offsets in code points.
struct Hit<'f> {
    score: f64,
    start: usize,
    end: usize,
    finding: &'f Finding,
}

/// The kinds that were asked for and can be found, as in Presidio at least one.
fn asked_for(gateway: &Gateway, asked: &[String], own: &[Recognizer]) -> Result<BTreeSet<Entity>, Problem> {
    let mut known = known(gateway);
    known.extend(own.iter().map(|r| r.entity));
    let found: BTreeSet<Entity> = asked
        .iter()
        .filter_map(|name| known_entity(name))
        .filter(|entity| known.contains(entity))
        .collect();
    if found.is_empty() {
        return Err(failed("No matching recognizers were found to serve the request."));
    }
    Ok(found)
}

fn recognizers(
    fields: &Fields,
    language: Option<&str>,
    names: &mut BTreeMap<Entity, String>,
) -> Result<Vec<Recognizer>, Problem> {
    let list = match fields.get("ad_hoc_recognizers") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong_form("`ad_hoc_recognizers` must be a list")),
    };
    let mut own = Vec::new();
    for value in list {
        let read = dictionary(value).map_err(bad_recognizer)?;
        // One that speaks another language than the request names is not asked, as in Presidio.
        if language.is_none_or(|named| read.language.is_none_or(|l| l == named)) {
            names.insert(read.recognizer.entity, read.entity_name);
            own.push(read.recognizer);
        }
    }
    let patterns: usize = own.iter().map(|r| r.patterns.len()).sum();
    let words: usize = own.iter().map(|r| r.deny_list.len()).sum();
    if own.len() > MOST_RECOGNIZERS || patterns > MOST_PATTERNS || words > MOST_WORDS {
        return Err(wrong_form(&format!(
            "a request may bring along {MOST_RECOGNIZERS} recognisers with {MOST_PATTERNS} patterns and {MOST_WORDS} listed words; put more into the policy"
        )));
    }
    Ok(own)
}

fn allow_list(fields: &Fields) -> Result<AllowList, Problem> {
    let Some(list) = fields.strings("allow_list")?.filter(|list| !list.is_empty()) else {
        return Ok(AllowList::Nothing);
    };
    match fields.string("allow_list_match")?.unwrap_or("exact") {
        "exact" => Ok(AllowList::Exact(list.into_iter().collect())),
        "regex" => {
            let (flags, is_verbose) = flags(fields.get("regex_flags")).map_err(bad_recognizer)?;
            AllowList::regex(&list, flags, is_verbose).map_err(bad_recognizer)
        }
        _ => Err(failed(
            "allow_list_match must either be set to 'exact' or 'regex'.",
        )),
    }
}

/// The byte `to` and how many code points lie before it, going on from `from`.
fn forward(text: &str, from: (usize, usize), to: usize) -> (usize, usize) {
    let between = text.get(from.0..to).unwrap_or_default();
    (to, from.1 + between.chars().count())
}

/// Four digits are more than scores are worth; more would show how they are stored.
pub(crate) fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1e4).round() / 1e4
}

/// What a detector could not do, for the caller.
pub(crate) fn detector(error: &privet_pii::Error) -> Problem {
    match error {
        privet_pii::Error::Budget(privet_types::BudgetError::Spent) => Problem::told(
            StatusCode::BAD_REQUEST,
            "the request needs more work than its size allows; send less at once",
        ),
        privet_pii::Error::Pattern { .. } => Problem::told(StatusCode::BAD_REQUEST, error.to_string()),
        _ => Problem::DetectorFailed,
    }
}
