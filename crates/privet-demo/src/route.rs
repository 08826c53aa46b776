//! From a request to its reply.

use bytes::Bytes;
use http::request::Parts;
use http::response::Builder;
use hyper::{Method, Response, StatusCode};

use crate::ask::{Ask, BadRequest};
use crate::body::Frames;
use crate::cuts::{Chance, Cuts};
use crate::model::{Answer, Style, answer, half};
use crate::provider::Shared;
use crate::wire::{Event, Failure, sse};
use crate::{anthropic, embeddings, mcp, openai, responses};

/// Whose shapes a reply has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Responses,
    Anthropic,
}

/// A request on its way to a reply.
struct Visit<'a> {
    shared: &'a Shared,
    dialect: Dialect,
    /// Part of all ids in the reply.
    id: String,
    chance: Chance,
}

pub(crate) fn route(shared: &Shared, head: &Parts, body: &Bytes) -> Response<Frames> {
    let path = head.uri.path();
    let is_anthropic = path.starts_with("/v1/messages") || head.headers.contains_key("anthropic-version");
    let mut visit = visit(
        shared,
        if is_anthropic {
            Dialect::Anthropic
        } else if path == "/v1/responses" {
            Dialect::Responses
        } else {
            Dialect::OpenAi
        },
        body,
    );
    if head.method == Method::HEAD && path == "/" {
        return visit.json(StatusCode::OK, "");
    }
    if !has_key(shared, head) {
        return visit.failure(&Failure::Key);
    }
    let needs_version = path.starts_with("/v1/messages") && !head.headers.contains_key("anthropic-version");
    match (&head.method, path) {
        (&Method::POST, _) if needs_version => visit.failure(&Failure::Bad(BadRequest::new(
            "anthropic-version: header is required",
        ))),
        (&Method::POST, "/v1/chat/completions") => visit.talk(openai::read(body)),
        (&Method::POST, "/v1/responses") => visit.talk(responses::read(body, |id| shared.kept().find(id))),
        (&Method::POST, "/v1/embeddings") => visit.embed(body),
        (&Method::POST, "/v1/messages") => visit.talk(anthropic::read(body).and_then(with_limit(body))),
        (&Method::POST, "/v1/messages/count_tokens") => match anthropic::read(body) {
            Ok(ask) => visit.json(StatusCode::OK, &anthropic::count(&ask)),
            Err(bad) => visit.failure(&Failure::Bad(bad)),
        },
        (&Method::POST, "/mcp") => visit.tools(body),
        (&Method::DELETE, "/mcp") => finish(visit.head(StatusCode::OK), Frames::new(Vec::new())),
        // It has nothing to say by itself.
        (&Method::GET, "/mcp") => finish(
            visit.head(StatusCode::METHOD_NOT_ALLOWED),
            Frames::new(Vec::new()),
        ),
        (&Method::GET, "/v1/models") => {
            let names = &shared.config.models;
            let list = if is_anthropic {
                anthropic::models(names)
            } else {
                openai::models(names)
            };
            visit.json(StatusCode::OK, &list)
        }
        (&Method::GET, path) if model(shared, path).is_some() => {
            let name = model(shared, path).unwrap_or_default();
            let json = if is_anthropic {
                anthropic::model(name)
            } else {
                openai::model(name)
            };
            visit.json(StatusCode::OK, &json)
        }
        (method, path) => {
            let failure = Failure::NoSuchPath {
                method: method.to_string(),
                path: path.to_owned(),
            };
            visit.failure(&failure)
        }
    }
}

/// The reply to a body that is too long to read.
pub(crate) fn too_long(shared: &Shared, head: &Parts) -> Response<Frames> {
    let is_anthropic = head.headers.contains_key("anthropic-version");
    let dialect = if is_anthropic {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    };
    visit(shared, dialect, b"").failure(&Failure::Bad(BadRequest::new("Request exceeds the maximum size")))
}

fn visit<'a>(shared: &'a Shared, dialect: Dialect, body: &[u8]) -> Visit<'a> {
    let seed = match shared.config.cuts {
        Cuts::Awkward(seed) => seed,
        Cuts::Whole => 0,
    };
    let number = shared.number();
    Visit {
        shared,
        dialect,
        id: format!("demo{number:06}"),
        chance: Chance::new(seed, body),
    }
}

/// The model that `path` names, if it is one of the provider's.
fn model<'s>(shared: &'s Shared, path: &str) -> Option<&'s str> {
    let wanted = path.strip_prefix("/v1/models/")?;
    let names = &shared.config.models;
    names.iter().map(String::as_str).find(|name| *name == wanted)
}

fn has_key(shared: &Shared, head: &Parts) -> bool {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let given = header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .or(header("x-api-key"));
    shared.config.key.is_none() || shared.config.key.as_deref() == given
}

/// Messages need `max_tokens`; counting them does not.
fn with_limit(body: &Bytes) -> impl FnOnce(Ask) -> Result<Ask, BadRequest> {
    let has_limit = serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|request| request.get("max_tokens").is_some_and(serde_json::Value::is_u64));
    move |ask| {
        if has_limit {
            Ok(ask)
        } else {
            Err(BadRequest::new("max_tokens: Field required"))
        }
    }
}

impl Visit<'_> {
    fn talk(&mut self, ask: Result<Ask, BadRequest>) -> Response<Frames> {
        let ask = match ask {
            Ok(ask) => ask,
            Err(bad) => return self.failure(&Failure::Bad(bad)),
        };
        match Style::of(&ask.model) {
            Style::Error429 => return self.failure(&Failure::TooManyRequests),
            Style::Error500 => return self.failure(&Failure::Broken),
            Style::ErrorStream if !ask.is_stream => return self.failure(&Failure::Overloaded),
            _ => {}
        }
        let answers: Vec<Answer> = (0..ask.n)
            .map(|choice| answer(&ask, choice, &self.shared.config.knows))
            .collect();
        if self.dialect == Dialect::Responses {
            self.shared.kept().keep(&ask, &first(&answers), &self.id);
        }
        if ask.is_stream {
            self.stream(&ask, answers)
        } else {
            self.whole(&ask, &answers)
        }
    }

    fn embed(&mut self, body: &Bytes) -> Response<Frames> {
        let ask = match embeddings::read(body) {
            Ok(ask) => ask,
            Err(bad) => return self.failure(&Failure::Bad(bad)),
        };
        match Style::of(&ask.model) {
            Style::Error429 => self.failure(&Failure::TooManyRequests),
            Style::Error500 => self.failure(&Failure::Broken),
            _ => self.json(StatusCode::OK, &embeddings::reply(&ask)),
        }
    }

    fn tools(&mut self, body: &Bytes) -> Response<Frames> {
        match mcp::answer(body) {
            mcp::Reply::Taken => finish(self.head(StatusCode::ACCEPTED), Frames::new(Vec::new())),
            mcp::Reply::Bad => self.failure(&Failure::Bad(BadRequest::new("no message of JSON-RPC"))),
            mcp::Reply::Json { message, begins } => {
                let mut response = self.json(StatusCode::OK, &message);
                if begins {
                    let session = http::HeaderValue::from_static(mcp::SESSION);
                    response.headers_mut().insert("mcp-session-id", session);
                }
                response
            }
            mcp::Reply::Stream(messages) => {
                let cuts = self.shared.config.cuts;
                let event = |data| Event {
                    name: Some("message"),
                    data,
                    is_delta: false,
                };
                let events: Vec<Event> = messages.into_iter().map(event).collect();
                let parts = sse(&events, cuts, &mut self.chance);
                let head = self
                    .head(StatusCode::OK)
                    .header("content-type", "text/event-stream");
                finish(head, Frames::new(cuts.frames(parts, &mut self.chance)))
            }
        }
    }

    fn whole(&mut self, ask: &Ask, answers: &[Answer]) -> Response<Frames> {
        let json = match self.dialect {
            Dialect::OpenAi => openai::reply(ask, answers, &self.id),
            Dialect::Responses => responses::reply(ask, &first(answers), &self.id),
            Dialect::Anthropic => anthropic::reply(ask, &first(answers), &self.id),
        };
        if Style::of(&ask.model) != Style::Cut {
            return self.json(StatusCode::OK, &json);
        }
        let start = Bytes::from(half(&json));
        let head = self.head(StatusCode::OK).header("content-length", json.len());
        finish(head, Frames::new(vec![start]).cut_short())
    }

    fn stream(&mut self, ask: &Ask, answers: Vec<Answer>) -> Response<Frames> {
        let style = Style::of(&ask.model);
        // The slow model is for watching: one frame per event, or it would take minutes.
        let cuts = if style == Style::Slow {
            Cuts::Whole
        } else {
            self.shared.config.cuts
        };
        let answers = match style {
            Style::Cut => answers.into_iter().map(Answer::cut_short).collect(),
            _ => answers,
        };
        let mut events = match self.dialect {
            Dialect::OpenAi => openai::events(ask, &answers, &self.id, cuts, &mut self.chance),
            Dialect::Responses => responses::events(ask, &first(&answers), &self.id, cuts, &mut self.chance),
            Dialect::Anthropic => anthropic::events(ask, &first(&answers), &self.id, cuts, &mut self.chance),
        };
        if matches!(style, Style::Cut | Style::ErrorStream) {
            let end = events
                .iter()
                .rposition(|event| event.is_delta)
                .map_or(0, |last| last + 1);
            events.truncate(end);
        }
        if style == Style::ErrorStream {
            let (name, data) = match self.dialect {
                Dialect::OpenAi => (None, self.error_body(&Failure::Overloaded)),
                Dialect::Responses => (Some("error"), responses::error_event(events.len())),
                Dialect::Anthropic => (Some("error"), self.error_body(&Failure::Overloaded)),
            };
            events.push(Event {
                name,
                data,
                is_delta: false,
            });
        }
        let parts = sse(&events, cuts, &mut self.chance);
        let mut frames = Frames::new(cuts.frames(parts, &mut self.chance));
        if style == Style::Slow {
            frames = frames.with_pause(self.shared.config.pause);
        }
        if style == Style::Cut {
            frames = frames.cut_short();
        }
        let kind = match self.dialect {
            Dialect::OpenAi => "text/event-stream",
            Dialect::Responses | Dialect::Anthropic => "text/event-stream; charset=utf-8",
        };
        let head = self
            .head(StatusCode::OK)
            .header("content-type", kind)
            .header("cache-control", "no-cache");
        finish(head, frames)
    }

    fn json(&mut self, status: StatusCode, json: &str) -> Response<Frames> {
        let cuts = self.shared.config.cuts;
        let json = crate::json::respell(json, cuts.escape(&mut self.chance));
        let frames = match cuts {
            _ if json.is_empty() => Vec::new(),
            cuts => cuts.frames(vec![Bytes::from(json)], &mut self.chance),
        };
        finish(
            self.head(status).header("content-type", "application/json"),
            Frames::new(frames),
        )
    }

    fn failure(&mut self, failure: &Failure) -> Response<Frames> {
        let status = match (failure, self.dialect) {
            (Failure::Bad(_), _) => StatusCode::BAD_REQUEST,
            (Failure::Key, _) => StatusCode::UNAUTHORIZED,
            (Failure::NoSuchPath { .. }, _) => StatusCode::NOT_FOUND,
            (Failure::TooManyRequests, _) => StatusCode::TOO_MANY_REQUESTS,
            (Failure::Broken, _) => StatusCode::INTERNAL_SERVER_ERROR,
            (Failure::Overloaded, Dialect::OpenAi | Dialect::Responses) => StatusCode::SERVICE_UNAVAILABLE,
            (Failure::Overloaded, Dialect::Anthropic) => {
                StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
        };
        let body = self.error_body(failure);
        let mut head = self.head(status).header("content-type", "application/json");
        if *failure == Failure::TooManyRequests {
            head = head.header("retry-after", "1").header("retry-after-ms", "250");
            head = head.header("x-ratelimit-remaining-requests", "0");
        }
        // One frame: errors are short, and clients that read them are not what the cuts are for.
        finish(head, Frames::new(vec![Bytes::from(body)]))
    }

    fn error_body(&self, failure: &Failure) -> String {
        match self.dialect {
            Dialect::OpenAi | Dialect::Responses => openai::error(failure),
            Dialect::Anthropic => anthropic::error(failure, &self.request_id()),
        }
    }

    fn request_id(&self) -> String {
        format!("req_{}", self.id)
    }

    fn head(&self, status: StatusCode) -> Builder {
        let name = match self.dialect {
            Dialect::OpenAi | Dialect::Responses => "x-request-id",
            Dialect::Anthropic => "request-id",
        };
        Response::builder().status(status).header(name, self.request_id())
    }
}

fn first(answers: &[Answer]) -> Answer {
    answers.first().cloned().unwrap_or_default()
}

fn finish(head: Builder, frames: Frames) -> Response<Frames> {
    // All names and values above are plain ASCII, so building cannot fail; an empty 200 would be the worst case.
    head.body(frames)
        .unwrap_or_else(|_| Response::new(Frames::new(Vec::new())))
}
