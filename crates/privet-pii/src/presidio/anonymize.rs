//! Anonymising and restoring as Presidio's endpoints do, on offsets in code points.

use serde::Serialize;
use serde_json::Value;

use super::operators::{Invalid, Operators, Way, wrong};

/// One stretch of text and what it is said to be, from `analyzer_results` or `anonymizer_results`.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyzerResult {
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// What kind it is: any text.
    pub entity_type: String,
    /// How sure; absent where a text is restored.
    pub score: Option<f64>,
}

/// One value that was treated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Where the result stands in the new text: first code point.
    pub start: usize,
    /// One past its last code point.
    pub end: usize,
    /// What kind it is.
    pub entity_type: String,
    /// The result.
    pub text: String,
    /// The operator's name.
    pub operator: String,
    /// The score that was given.
    pub score: Option<f64>,
}

/// A text whose values were treated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// The new text.
    pub text: String,
    /// What was done, from the end of the text to its beginning.
    pub items: Vec<Item>,
}

impl AnalyzerResult {
    /// Reads one of `analyzer_results`, or of `anonymizer_results`, which need no score.
    ///
    /// # Errors
    /// [`Invalid`] with Presidio's text.
    pub fn parse(value: &Value, way: Way) -> Result<Self, Invalid> {
        let refuse = |text: &str| Err(Invalid(text.to_owned()));
        let given = |key: &str| value.get(key).filter(|v| !v.is_null());
        let place = |key: &str| match given(key) {
            None => Err(Invalid(format!("Invalid input, result must contain {key}"))),
            Some(Value::Number(n)) if n.is_i64() || n.is_u64() => Ok(n.as_i64().unwrap_or(i64::MAX)),
            Some(other) => wrong(key, "number", other),
        };
        let (start, end) = (place("start")?, place("end")?);
        let entity_type = match given("entity_type") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            _ => return refuse("Invalid input, result must contain entity_type"),
        };
        let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
            return refuse("Invalid input, result start and end must be positive");
        };
        if start > end {
            return Err(Invalid(format!(
                "Invalid input, start index '{start}' must be smaller than end index '{end}'"
            )));
        }
        let score = given("score").and_then(Value::as_f64);
        if score.is_none() && way == Way::Anonymize {
            return refuse("Invalid input, analyzer result must contain score");
        }
        Ok(Self {
            start,
            end,
            entity_type,
            score,
        })
    }
}

/// Treats `results` in `text`. As in Presidio, overlapping results of one kind become one, a result inside another is
/// dropped, of equal ones the surer (or last) stays, and two of one kind with only spaces between become one. O(n log n).
///
/// ```
/// use privet_pii::presidio::{AnalyzerResult, Operators, anonymize};
/// let found = AnalyzerResult { start: 2, end: 5, entity_type: "PERSON".into(), score: Some(0.8) };
/// assert_eq!(anonymize("é Ada", vec![found], &Operators::default())?.text, "é <PERSON>");
/// # Ok::<(), privet_pii::presidio::Invalid>(())
/// ```
///
/// # Errors
/// [`Invalid`] if a result lies outside the text or its operator cannot be applied. There is no text then.
pub fn anonymize(text: &str, results: Vec<AnalyzerResult>, operators: &Operators) -> Result<Made, Invalid> {
    let bounds = Bounds::of(text);
    let results = without_contained(merged(results));
    let mut parts: Vec<AnalyzerResult> = Vec::with_capacity(results.len());
    for result in results {
        match parts.last_mut() {
            Some(last)
                if last.entity_type == result.entity_type
                    && bounds.of_text(text, last.end, result.start).is_some_and(is_gap) =>
            {
                last.end = result.end;
                last.score = result.score;
            }
            _ => parts.push(result),
        }
    }
    parts.sort_by_key(|r| (r.start, r.end));
    operate(text, &bounds, parts, operators, Way::Anonymize)
}

/// Brings values back where `results` say they stand.
///
/// # Errors
/// [`Invalid`] as for [`anonymize`], also for a value that does not open.
pub fn deanonymize(
    text: &str,
    mut results: Vec<AnalyzerResult>,
    operators: &Operators,
) -> Result<Made, Invalid> {
    let bounds = Bounds::of(text);
    results.sort_by_key(|r| (r.start, r.end));
    operate(text, &bounds, results, operators, Way::Deanonymize)
}

fn is_gap(between: &str) -> bool {
    !between.is_empty() && between.bytes().all(|b| b == b' ')
}

/// The byte at which each code point begins, and the end.
struct Bounds(Vec<usize>);

impl Bounds {
    fn of(text: &str) -> Self {
        let starts = text.char_indices().map(|(at, _)| at);
        Self(starts.chain([text.len()]).collect())
    }

    fn len(&self) -> usize {
        self.0.len() - 1
    }

    fn of_text<'t>(&self, text: &'t str, start: usize, end: usize) -> Option<&'t str> {
        text.get(*self.0.get(start)?..*self.0.get(end)?)
    }
}

/// A result and its place among the others, which decides between equal ones.
type Placed = (usize, AnalyzerResult);

/// Overlapping results of one kind made one, at the place of the last of them.
fn merged(mut results: Vec<AnalyzerResult>) -> Vec<Placed> {
    results.sort_by_key(|r| (r.start, r.end));
    let mut placed: Vec<Placed> = results.into_iter().enumerate().collect();
    placed.sort_by(|(_, a), (_, b)| a.entity_type.cmp(&b.entity_type));
    let mut out: Vec<Placed> = Vec::with_capacity(placed.len());
    for (place, result) in placed {
        match out.last_mut() {
            Some((last_place, last))
                if last.entity_type == result.entity_type
                    && result.start.max(last.start) < result.end.min(last.end) =>
            {
                last.end = last.end.max(result.end);
                last.score = larger(last.score, result.score);
                *last_place = place;
            }
            _ => out.push((place, result)),
        }
    }
    out.sort_by_key(|(place, _)| *place);
    out
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

/// Results that lie in no other, by their places; of equal ones the surest, the last on a tie.
fn without_contained(mut results: Vec<Placed>) -> Vec<AnalyzerResult> {
    results.sort_by(|(_, a), (_, b)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut out: Vec<Placed> = Vec::with_capacity(results.len());
    for (place, result) in results {
        match out.last_mut() {
            Some((last_place, last)) if last.start == result.start && last.end == result.end => {
                if result.score >= last.score {
                    *last = result;
                    *last_place = place;
                }
            }
            // Ends rise with starts in `out`, so that the last one decides.
            Some((_, last)) if result.end <= last.end => {}
            _ => out.push((place, result)),
        }
    }
    out.sort_by_key(|(place, _)| *place);
    out.into_iter().map(|(_, result)| result).collect()
}

/// Parts are sorted by start. Where two overlap, each operator sees its whole value, and nothing of either is left.
fn operate(
    text: &str,
    bounds: &Bounds,
    parts: Vec<AnalyzerResult>,
    operators: &Operators,
    way: Way,
) -> Result<Made, Invalid> {
    let mut out = String::with_capacity(text.len());
    let mut length = 0;
    let mut end = 0;
    let mut items = Vec::with_capacity(parts.len());
    for part in parts {
        let value = bounds.of_text(text, part.start, part.end).ok_or_else(|| {
            Invalid(format!(
                "Invalid analyzer result, start: {} and end: {}, while text length is only {}.",
                part.start,
                part.end,
                bounds.len()
            ))
        })?;
        if part.start > end {
            out.push_str(bounds.of_text(text, end, part.start).unwrap_or_default());
            length += part.start - end;
        }
        end = end.max(part.end);
        let (made, operator) = operators.apply(way, &part.entity_type, part.start, value)?;
        let start = length;
        length += made.chars().count();
        out.push_str(&made);
        items.push(Item {
            start,
            end: length,
            entity_type: part.entity_type,
            text: made,
            operator: operator.to_owned(),
            score: part.score,
        });
    }
    out.push_str(bounds.of_text(text, end, bounds.len()).unwrap_or_default());
    items.reverse();
    Ok(Made { text: out, items })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "😀 Ada Lovelace, ada@example.com, 030 1234567";

    fn result(start: usize, end: usize, kind: &str, score: f64) -> AnalyzerResult {
        AnalyzerResult {
            start,
            end,
            entity_type: kind.to_owned(),
            score: Some(score),
        }
    }

    fn three() -> Vec<AnalyzerResult> {
        vec![
            result(33, 44, "PHONE_NUMBER", 0.5),
            result(2, 14, "PERSON", 0.8),
            result(16, 31, "EMAIL_ADDRESS", 1.0),
        ]
    }

    fn operators(value: impl Into<Value>) -> Operators {
        Operators::parse(Some(&value.into())).unwrap()
    }

    /// The expected values are Presidio 2.2.366's answers to the same calls.
    #[test]
    fn texts_and_items_are_presidios() {
        let made = anonymize(TEXT, three(), &Operators::default()).unwrap();
        assert_eq!(made.text, "😀 <PERSON>, <EMAIL_ADDRESS>, <PHONE_NUMBER>");
        assert_eq!(
            serde_json::to_value(&made.items).unwrap(),
            json!([
                {"start": 29, "end": 43, "entity_type": "PHONE_NUMBER", "text": "<PHONE_NUMBER>", "operator": "replace", "score": 0.5},
                {"start": 12, "end": 27, "entity_type": "EMAIL_ADDRESS", "text": "<EMAIL_ADDRESS>", "operator": "replace", "score": 1.0},
                {"start": 2, "end": 10, "entity_type": "PERSON", "text": "<PERSON>", "operator": "replace", "score": 0.8},
            ])
        );
        let several = operators(json!({
            "DEFAULT": {"type": "replace", "new_value": "ANON"},
            "PHONE_NUMBER": {"type": "mask", "masking_char": "*", "chars_to_mask": 4, "from_end": true},
            "EMAIL_ADDRESS": {"type": "hash", "salt": "0123456789abcdef"},
        }));
        assert_eq!(
            anonymize(TEXT, three(), &several).unwrap().text,
            "😀 ANON, be7af8dda3e35f24b91ed3d5c2e02d590b9e1a675d6de4a53874eb88bb036507, 030 123****"
        );
        let few = operators(json!({"DEFAULT": {"type": "redact"}, "PHONE_NUMBER": {"type": "keep"}}));
        assert_eq!(anonymize(TEXT, three(), &few).unwrap().text, "😀 , , 030 1234567");
    }

    #[test]
    fn overlaps_are_resolved_as_presidio_does() {
        let overlapping = vec![
            result(2, 14, "PERSON", 0.8),
            result(6, 20, "LOC", 0.9),
            result(2, 14, "B", 0.7),
        ];
        let made = anonymize(TEXT, overlapping, &Operators::default()).unwrap();
        assert_eq!(made.text, "😀 <PERSON><LOC>example.com, 030 1234567");
        assert_eq!((made.items[1].start, made.items[1].end), (2, 10));
        let equal = vec![
            result(0, 3, "B", 0.5),
            result(0, 3, "C", 0.5),
            result(0, 3, "A", 0.1),
            result(1, 1, "B", 0.9),
        ];
        let made = anonymize("Ada", equal, &Operators::default()).unwrap();
        assert_eq!((made.text.as_str(), made.items[0].score), ("<C>", Some(0.5)));
        let apart = vec![result(0, 3, "name", 0.8), result(4, 7, "name", 0.9)];
        let made = anonymize("Ada Ann", apart, &Operators::default()).unwrap();
        assert_eq!(made.text, "<name>");
        assert_eq!(made.items[0].score, Some(0.9));
    }

    #[test]
    fn what_was_encrypted_comes_back_and_presidios_own_values_too() {
        let key = "WmZq4t7w!z%C&F)J";
        let encrypt = operators(
            json!({"PERSON": {"type": "encrypt", "key": key}, "odd kind": {"type": "encrypt", "key": key}}),
        );
        let found = vec![result(2, 14, "PERSON", 0.8), result(33, 44, "odd kind", 0.8)];
        let made = anonymize(TEXT, found, &encrypt).unwrap();
        assert!(made.text.contains("<PERSON:enc:") && made.text.contains("<ODD_KIND:enc:"));
        let places: Vec<_> = made
            .items
            .iter()
            .map(|item| {
                AnalyzerResult::parse(&serde_json::to_value(item).unwrap(), Way::Deanonymize).unwrap()
            })
            .collect();
        let decrypt = operators(json!({"DEFAULT": {"type": "decrypt", "key": key}}));
        let back = deanonymize(&made.text, places.clone(), &decrypt).unwrap();
        assert_eq!(back.text, TEXT);
        let other = operators(json!({"DEFAULT": {"type": "decrypt", "key": "WmZq4t7w!z%C&F)K"}}));
        let error = deanonymize(&made.text, places, &other).unwrap_err().to_string();
        assert!(error.contains("cannot be decrypted"), "{error}");
        // Made by Presidio 2.2.366 under the same key.
        let theirs = "2jjSbSmDtcRGiEtE8_uO9m_w0ePAe7xuJ8HaePUaejE=";
        let back = deanonymize(theirs, vec![result(0, 44, "PERSON", 0.8)], &decrypt).unwrap();
        assert_eq!(back.text, "Ada Lovelace");
    }

    #[test]
    fn errors_are_worded_as_presidio_words_them() {
        let person = || vec![result(2, 14, "PERSON", 0.8)];
        for (operator, text) in [
            (
                json!({"type": "encrypt", "key": "short"}),
                "Invalid input, key must be of length 128, 192 or 256 bits",
            ),
            (json!({"type": "encrypt"}), "Expected parameter key"),
            (json!({"type": "nope"}), "Invalid operator class 'nope'."),
            (json!({"type": "decrypt"}), "Invalid operator class 'decrypt'."),
            (json!({"type": "mask"}), "Expected parameter masking_char"),
            (
                json!({"type": "mask", "masking_char": "**", "chars_to_mask": 1, "from_end": false}),
                "Invalid input, masking_char must be a character",
            ),
            (
                json!({"type": "mask", "masking_char": "*", "chars_to_mask": "1", "from_end": false}),
                "Invalid parameter value for chars_to_mask. Expecting 'number', but got 'string'.",
            ),
            (
                json!({"type": "mask", "masking_char": "*", "chars_to_mask": 3}),
                "Expected parameter from_end",
            ),
            (
                json!({"type": "hash", "salt": "x"}),
                "Salt must be at least 16 bytes (128 bits). Provided salt is 1 bytes.",
            ),
            (
                json!({"type": "replace", "new_value": 5}),
                "Invalid parameter value for new_value. Expecting 'string', but got 'number'.",
            ),
        ] {
            let error = anonymize(TEXT, person(), &operators(json!({ "PERSON": operator })));
            assert_eq!(error.unwrap_err().0, text);
        }
        let far = anonymize(TEXT, vec![result(2, 99, "P", 1.0)], &Operators::default());
        assert_eq!(
            far.unwrap_err().0,
            "Invalid analyzer result, start: 2 and end: 99, while text length is only 44."
        );
        for (value, text) in [
            (
                json!({"end": 3, "score": 1, "entity_type": "X"}),
                "Invalid input, result must contain start",
            ),
            (
                json!({"start": "1", "end": 3, "score": 1, "entity_type": "X"}),
                "Invalid parameter value for start. Expecting 'number', but got 'string'.",
            ),
            (
                json!({"start": 5, "end": 3, "score": 1, "entity_type": "X"}),
                "Invalid input, start index '5' must be smaller than end index '3'",
            ),
            (
                json!({"start": -1, "end": 3, "score": 1, "entity_type": "X"}),
                "Invalid input, result start and end must be positive",
            ),
            (
                json!({"start": 1, "end": 3, "score": 1}),
                "Invalid input, result must contain entity_type",
            ),
            (
                json!({"start": 1, "end": 3, "entity_type": "X"}),
                "Invalid input, analyzer result must contain score",
            ),
        ] {
            assert_eq!(AnalyzerResult::parse(&value, Way::Anonymize).unwrap_err().0, text);
        }
        let empty = Operators::parse(Some(&json!({"PERSON": {}}))).unwrap_err();
        assert_eq!(
            empty.0,
            "Invalid input, operator config must contain operator_name"
        );
    }
}
