//! What Privet's own addresses answer: JSON, or the problem in its shape.

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use privet_types::SurfaceKind;
use serde_json::Value;

use crate::problem::Problem;
use crate::prompt::{new_request_id, with_request_id};

/// A status, and JSON or nothing.
pub(crate) struct Answer {
    status: StatusCode,
    json: Option<Value>,
}

impl From<Value> for Answer {
    fn from(json: Value) -> Self {
        (StatusCode::OK, json).into()
    }
}

impl From<(StatusCode, Value)> for Answer {
    fn from((status, json): (StatusCode, Value)) -> Self {
        Self {
            status,
            json: Some(json),
        }
    }
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Self { status, json: None }
    }
}

/// What came of a request, with an id of its own.
pub(crate) fn told(result: Result<impl Into<Answer>, Problem>) -> Response<Body> {
    let id = new_request_id();
    let response = match result {
        Ok(answer) => {
            let Answer { status, json } = answer.into();
            let is_json = json.is_some();
            let mut response =
                Response::new(json.map_or_else(Body::empty, |json| Body::from(json.to_string())));
            *response.status_mut() = status;
            if is_json {
                let kind = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, kind);
            }
            response
        }
        Err(problem) => {
            tracing::info!(request_id = id, problem = problem.code(), "refused");
            problem.respond(SurfaceKind::Pii, &id)
        }
    };
    with_request_id(response, &id)
}

/// The same of what no cache may keep: secrets, and what is one person's own.
pub(crate) fn told_once(result: Result<impl Into<Answer>, Problem>) -> Response<Body> {
    let mut response = told(result);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn has(headers: &HeaderMap, name: http::HeaderName) -> bool {
        headers.contains_key(name)
    }

    #[test]
    fn nothing_is_no_json_and_a_problem_has_its_own_status() {
        let created = told(Ok((StatusCode::CREATED, json!({ "a": 1 }))));
        assert_eq!(created.status(), StatusCode::CREATED);
        assert!(has(created.headers(), CONTENT_TYPE) && !has(created.headers(), CACHE_CONTROL));
        let nothing = told_once(Ok(StatusCode::NO_CONTENT));
        assert_eq!(nothing.status(), StatusCode::NO_CONTENT);
        assert!(!has(nothing.headers(), CONTENT_TYPE) && has(nothing.headers(), CACHE_CONTROL));
        let problem = told_once(Err::<Value, _>(Problem::Busy));
        assert_eq!(problem.status(), Problem::Busy.status());
        assert!(has(problem.headers(), CACHE_CONTROL));
    }
}
