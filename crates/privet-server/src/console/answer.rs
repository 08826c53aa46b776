//! What goes back: a page, or the way to another one. The headers keep scripts of others, frames and caches out.

use std::time::Duration;

use axum::body::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use privet_access::{Denied, SignInError};
use privet_console::problem::ProblemPage;
use privet_console::{Frame, Template};
use tokio::time::timeout;

use super::form::with_query;
use crate::problem::Problem;
use crate::prompt::{new_request_id, with_request_id};

/// Longest that a page takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Only what comes from here runs, and nothing that stands in a page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page, or the way to another one.
pub(super) struct Answer {
    status: StatusCode,
    html: String,
    /// Another page to go to.
    see: Option<String>,
    /// What the browser is to keep, or to forget.
    cookie: Option<HeaderValue>,
    retry_after: Option<u64>,
    /// Whether a part of a page was asked for, by script.
    is_part: bool,
    /// Whether it takes the place of the whole page, even where a part was asked for.
    is_whole: bool,
}

/// Why there is no page.
pub(super) enum Stop {
    /// Somebody must sign in first, or show more; then it goes on at the path.
    See {
        path: &'static str,
        next: String,
        is_part: bool,
    },
    Problem {
        problem: Problem,
        /// What stands round it, if it is known who looks.
        frame: Option<Box<Frame>>,
    },
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem { problem, frame: None }
    }
}

impl From<SignInError> for Stop {
    fn from(error: SignInError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Problem::from(denied).into()
    }
}

impl Stop {
    /// The same within what stands round every page of who looks.
    pub(super) fn within(self, frame: impl FnOnce() -> Frame) -> Self {
        match self {
            Self::Problem { problem, frame: None } => Self::Problem {
                problem,
                frame: Some(Box::new(frame())),
            },
            other => other,
        }
    }
}

impl Answer {
    /// A page.
    pub(super) fn page(page: &impl Template) -> Result<Self, Stop> {
        let html = page.render().map_err(|error| {
            tracing::error!(%error, "a page of the console cannot be made");
            Problem::told(
                StatusCode::INTERNAL_SERVER_ERROR,
                "This page cannot be shown; the operator finds the reason in Privet's log.",
            )
        })?;
        Ok(Self {
            status: StatusCode::OK,
            html,
            see: None,
            cookie: None,
            retry_after: None,
            is_part: false,
            is_whole: false,
        })
    }

    /// The way to another page, after something was done.
    pub(super) fn see(path: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SEE_OTHER,
            html: String::new(),
            see: Some(path.into()),
            cookie: None,
            retry_after: None,
            is_part: false,
            is_whole: false,
        }
    }

    pub(super) fn with_cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        self.cookie = cookie;
        self
    }

    /// The same page as the answer to a form that was not accepted, because of `problem`.
    pub(super) fn because_of(mut self, problem: &Problem) -> Self {
        self.status = problem.status();
        self.retry_after = match problem {
            Problem::SignIn(SignInError::AddressLocked { retry_after }) => Some(*retry_after),
            _ => None,
        };
        self
    }

    pub(super) fn respond(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.html));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(path) = &self.see
            && let Ok(path) = HeaderValue::from_str(path)
        {
            if self.is_part {
                // A part of a page would be put into the page that asks.
                *response.status_mut() = StatusCode::OK;
                let headers = response.headers_mut();
                headers.insert(HeaderName::from_static("hx-redirect"), path);
            } else {
                headers.insert(LOCATION, path);
            }
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if self.is_whole {
            // For htmx alone; other programs do not know these.
            for (name, value) in [
                ("hx-retarget", "body"),
                ("hx-reswap", "innerHTML"),
                ("hx-reselect", "unset"),
            ] {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
        }
        if let Some(cookie) = self.cookie {
            headers.insert(SET_COOKIE, cookie);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Stop> for Answer {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::See { path, next, is_part } => Self {
                is_part,
                ..Self::see(with_query(path, &[("next", &next)]))
            },
            Stop::Problem { problem, frame } => {
                let status = problem.status();
                let mut frame = frame.map_or_else(|| Frame::outside(""), |frame| *frame);
                frame.title = title(status).to_owned();
                frame.notice = None;
                let page = ProblemPage {
                    frame,
                    status: status.as_u16(),
                    text: in_words(&problem),
                };
                let mut answer = Self::see("/console");
                answer.see = None;
                answer.is_whole = true;
                // Without a template there is still a status.
                answer.html = page.render().unwrap_or_default();
                answer.because_of(&problem)
            }
        }
    }
}

const fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "Not permitted",
        404 => "Not found",
        405 => "Not done",
        429 => "Too many attempts",
        500..=599 => "Not available",
        _ => "That did not work",
    }
}

/// What went wrong, for somebody who looks at a page and not at an API.
pub(super) fn in_words(problem: &Problem) -> String {
    match problem {
        Problem::SignIn(SignInError::Forged) | Problem::Denied(Denied::Forged) => {
            "This form was not sent from a page of Privet's, or that page is too old. Go back, load it again, and try once more.".to_owned()
        }
        Problem::SignIn(SignInError::NeedsProof) => {
            "It is too long since you showed who you are. Sign out, sign in again, and try once more.".to_owned()
        }
        Problem::SignIn(SignInError::NoTotp) => "There is no new app to confirm. Start over.".to_owned(),
        Problem::SignIn(SignInError::NoFactor) => {
            "You have no second factor, so there is nothing to recover.".to_owned()
        }
        Problem::SignIn(SignInError::TotpExists) => "You have an authenticator app already.".to_owned(),
        Problem::Denied(Denied::NotPermitted(_)) => {
            "Your roles do not let you do this. If you need it, ask an administrator.".to_owned()
        }
        Problem::WrongMethod => "This page does not take that. Go back and try again.".to_owned(),
        other => capitalised(&other.to_string()),
    }
}

/// A text of the API as a sentence.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), chars.as_str())
}

/// Waits for `work`, and answers.
pub(super) async fn answer(work: impl Future<Output = Result<Answer, Stop>>) -> Response<Body> {
    let id = new_request_id();
    let done = match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(Problem::StoreUnavailable.into()),
    };
    let answer = done.unwrap_or_else(|stop| {
        if let Stop::Problem { problem, .. } = &stop {
            tracing::info!(request_id = id, problem = problem.code(), "refused");
            if let Problem::SignIn(SignInError::Store(error)) = problem {
                tracing::error!(request_id = id, %error, "the store cannot be asked about who signs in");
            }
        }
        Answer::from(stop)
    });
    with_request_id(dress(answer.respond()), &id)
}

/// The headers of all that the console answers.
pub(super) fn dress(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: with that browsers send `Origin: null` with forms, which could not be told from another site's.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_api_becomes_a_sentence() {
        assert_eq!(
            capitalised("the store does not answer"),
            "The store does not answer."
        );
        assert_eq!(capitalised("Done."), "Done.");
        assert_eq!(capitalised(""), ".");
    }

    #[test]
    fn the_policy_of_pages_lets_nothing_run_that_stands_in_them() {
        assert!(POLICY.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(!POLICY.contains("unsafe"));
    }
}
