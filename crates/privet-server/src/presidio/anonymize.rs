//! `POST /anonymize` and `POST /deanonymize`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use privet_pii::presidio::{AnalyzerResult, Invalid, Made, Operators, anonymize, deanonymize, known_entity};
use privet_types::{Action, Budget, Entity, SurfaceKind};
use serde_json::{Map, Value};

use super::{Call, Deed, note};
use crate::gateway::Gateway;
use crate::problem::Problem;

pub(super) use privet_pii::presidio::Way;

/// Treats the texts of a request and writes down what was done.
pub(super) async fn serve(
    gateway: &Arc<Gateway>,
    call: Call,
    way: Way,
    request_id: &str,
) -> Result<String, Problem> {
    let body = call.body;
    let bytes = body.len();
    let work = move |_: &Budget| treat(&body, way);
    let done = gateway.pool.run(bytes, Budget::unlimited(), work).await?;
    let (json, counts) = match done {
        Ok((json, counts)) => (Ok(json), counts),
        Err(problem) => (Err(problem), BTreeMap::new()),
    };
    let (action, reason) = match (&json, way) {
        (Err(problem), _) => (Action::Block, problem.code()),
        (Ok(_), Way::Anonymize) => (Action::Redact, "anonymized"),
        (Ok(_), Way::Deanonymize) => (Action::Allow, "restored"),
    };
    let deed = Deed {
        surface: SurfaceKind::Presidio,
        action,
        reason,
        counts,
    };
    note(gateway, (call.caller.as_ref(), call.read_at), deed, request_id).await?;
    json
}

fn invalid(error: Invalid) -> Problem {
    Problem::told(StatusCode::UNPROCESSABLE_ENTITY, error.0)
}

fn bad(text: &str) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

/// The answer as JSON, and how many values of which kind were treated.
fn treat(body: &[u8], way: Way) -> Result<(String, BTreeMap<Entity, u32>), Problem> {
    let request = match serde_json::from_slice(body) {
        Ok(Value::Object(map)) if !map.is_empty() => map,
        _ => return Err(bad("Invalid request json")),
    };
    let (operators, results) = match way {
        Way::Anonymize => ("anonymizers", "analyzer_results"),
        Way::Deanonymize => ("deanonymizers", "anonymizer_results"),
    };
    let operators = Operators::parse(request.get(operators)).map_err(invalid)?;
    if operators.wants_custom() {
        return Err(bad("Custom type anonymizer is not supported"));
    }
    let one = |text: &str, results: Option<&Value>| one(text, results, &operators, way);
    let made = match request.get("text") {
        Some(Value::Array(texts)) => {
            let each = batch(&request, results, texts.len())?;
            let texts = texts.iter().zip(each);
            let made = texts.map(|(text, results)| {
                let text = text.as_str().ok_or_else(|| bad("`text` must hold strings"))?;
                one(text, Some(results))
            });
            Batch::Many(made.collect::<Result<_, _>>()?)
        }
        None | Some(Value::Null) => Batch::One(one("", request.get(results))?),
        Some(Value::String(text)) => Batch::One(one(text, request.get(results))?),
        Some(_) => return Err(bad("`text` must be a string or a list of strings")),
    };
    let mut counts = BTreeMap::new();
    let texts = match &made {
        Batch::One(one) => std::slice::from_ref(one),
        Batch::Many(many) => many,
    };
    for item in texts.iter().flat_map(|made| &made.items) {
        // The log knows closed names only; a kind may be any text here.
        let entity = known_entity(&item.entity_type).filter(|e| Entity::ALL.contains(e));
        *counts.entry(entity.unwrap_or(Entity::TERM)).or_insert(0_u32) += 1;
    }
    let json = match &made {
        Batch::One(one) => serde_json::to_string(one),
        Batch::Many(many) => serde_json::to_string(many),
    };
    Ok((json.map_err(|_| Problem::DetectorFailed)?, counts))
}

enum Batch {
    One(Made),
    Many(Vec<Made>),
}

const NONE: &Value = &Value::Array(Vec::new());

/// One list of results for each text.
fn batch<'v>(request: &'v Map<String, Value>, key: &str, texts: usize) -> Result<Vec<&'v Value>, Problem> {
    match request.get(key) {
        None | Some(Value::Null) => Ok(vec![NONE; texts]),
        Some(Value::Array(lists)) if lists.len() == texts => Ok(lists.iter().collect()),
        Some(_) => Err(Problem::told(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!(
                "Invalid input, '{key}' must contain one list of results per item in 'text' when 'text' is a list ({texts} text items)"
            ),
        )),
    }
}

fn one(text: &str, results: Option<&Value>, operators: &Operators, way: Way) -> Result<Made, Problem> {
    let results = match (results, way) {
        (Some(Value::Array(list)), _) => list
            .iter()
            .map(|value| AnalyzerResult::parse(value, way))
            .collect::<Result<Vec<_>, _>>()
            .map_err(invalid)?,
        (None | Some(Value::Null), Way::Deanonymize) => Vec::new(),
        (None | Some(Value::Null), Way::Anonymize) => {
            return Err(invalid(Invalid(
                "Invalid input, request must contain analyzer results".to_owned(),
            )));
        }
        (Some(_), _) => return Err(bad("results must be a list of objects")),
    };
    match way {
        Way::Anonymize => anonymize(text, results, operators),
        Way::Deanonymize => deanonymize(text, results, operators),
    }
    .map_err(invalid)
}
