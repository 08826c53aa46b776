//! Times: moments and spans, in all the ways the peer takes them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::refusal::Refusal;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The peer's `m`, which its documentation of one call takes for a minute.
const MONTH: u64 = 31 * DAY;
const YEAR: u64 = 365 * DAY;
/// From this number on digits are a moment in Unix seconds, and no span: September 2001.
const MOMENTS: u64 = 1_000_000_000;

/// What was sent as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Moment(Timestamp),
    Span(Duration),
}

/// The moment that `value` of `field` names; `None` if it is left out, empty or 0.
pub(crate) fn moment(
    field: &'static str,
    value: Option<&Value>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    match told(field, value)? {
        None => Ok(None),
        Some(Told::Moment(at)) => Ok(Some(at)),
        Some(Told::Span(span)) => from_now(field, span, now).map(Some),
    }
}

/// As [`moment`], which must be to come.
pub(crate) fn end(
    field: &'static str,
    value: Option<&Value>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    let end = moment(field, value, now)?;
    if end.is_some_and(|end| end <= now) {
        return Err(Refusal::field(field, "the time is past"));
    }
    Ok(end)
}

/// The span that `value` of `field` names, a moment being the span until then; `None` if it is left out, empty or 0.
pub(crate) fn span(
    field: &'static str,
    value: Option<&Value>,
    now: Timestamp,
) -> Result<Option<Duration>, Refusal> {
    match told(field, value)? {
        None => Ok(None),
        Some(Told::Span(span)) => from_now(field, span, now).map(|_| Some(span)),
        Some(Told::Moment(at)) => Duration::try_from(at.duration_since(now))
            .ok()
            .filter(|span| !span.is_zero())
            .map(Some)
            .ok_or_else(|| Refusal::field(field, "the time is past")),
    }
}

/// As it is answered: Unix seconds, 0 for none.
pub(crate) fn seconds(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_second)
}

fn from_now(field: &'static str, span: Duration, now: Timestamp) -> Result<Timestamp, Refusal> {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| now.checked_add(span).ok())
        .ok_or_else(|| too_far(field))
}

fn told(field: &'static str, value: Option<&Value>) -> Result<Option<Told>, Refusal> {
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(_) => return Err(unreadable(field)),
    };
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(ends);
    if digits.is_empty() {
        return Err(unreadable(field));
    }
    let unit = match unit {
        "" => {
            let number: u64 = digits.parse().map_err(|_| too_far(field))?;
            return Ok(Some(if number >= MOMENTS {
                let at = i64::try_from(number).ok();
                Told::Moment(
                    at.and_then(|at| Timestamp::from_second(at).ok())
                        .ok_or_else(|| too_far(field))?,
                )
            } else {
                Told::Span(Duration::from_secs(number))
            }));
        }
        "s" => 1,
        "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "m" => MONTH,
        "y" => YEAR,
        _ => {
            let at: Timestamp = text.parse().map_err(|_| unreadable(field))?;
            return Ok(Some(Told::Moment(at)));
        }
    };
    let count: u64 = digits.parse().map_err(|_| too_far(field))?;
    if count == 0 {
        return Err(unreadable(field));
    }
    let span = count.checked_mul(unit).ok_or_else(|| too_far(field))?;
    Ok(Some(Told::Span(Duration::from_secs(span))))
}

fn unreadable(field: &'static str) -> Refusal {
    Refusal::field(
        field,
        "use a span such as 90s, 10min, 2h, 3d, 1m, 1y, or a moment in Unix seconds or as RFC 3339",
    )
}

fn too_far(field: &'static str) -> Refusal {
    Refusal::field(field, "the time is too far off")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn after(value: &Value) -> i64 {
        end("t", Some(value), now()).unwrap().unwrap().as_second() - now().as_second()
    }

    #[test]
    fn spans_and_moments_are_read() {
        assert_eq!(after(&json!("90s")), 90);
        assert_eq!(after(&json!("10min")), 600);
        assert_eq!(after(&json!("2h")), 7_200);
        assert_eq!(after(&json!("1m")), 31 * 86_400);
        assert_eq!(after(&json!("1y")), 365 * 86_400);
        assert_eq!(after(&json!(60)), 60);
        assert_eq!(after(&json!(1_800_000_060)), 60);
        assert_eq!(after(&json!("2027-01-15T08:01:00Z")), 60);
    }

    #[test]
    fn nothing_and_zero_are_left_out() {
        for value in [json!(null), json!(""), json!("0"), json!(0)] {
            assert_eq!(end("t", Some(&value), now()).unwrap(), None, "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_is_past_or_too_far_is_refused() {
        for value in [
            json!("soon"),
            json!("-1d"),
            json!("1x"),
            json!("1.5d"),
            json!(1.5),
            json!("0d"),
            json!("1000000001"),
            json!("99999999999999999999d"),
            json!("9999999999999999999"),
            json!("999999y"),
            json!(true),
            json!(["1d"]),
        ] {
            assert!(end("t", Some(&value), now()).is_err(), "{value}");
            assert!(span("t", Some(&value), now()).is_err(), "{value}");
        }
    }

    #[test]
    fn a_moment_in_the_past_may_begin_something() {
        let began = moment("t", Some(&json!("2001-09-10T00:00:00Z")), now()).unwrap();
        assert!(began.unwrap() < now());
    }
}
