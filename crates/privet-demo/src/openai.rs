//! The OpenAI chat dialect: requests read, replies, streams, lists and errors written.

mod read;

pub(crate) use read::read;

use crate::ask::Ask;
use crate::cuts::{Chance, Cuts};
use crate::json::{array, null, object, text};
use crate::model::Answer;
use crate::wire::{CREATED, Event, Failure};

fn usage(ask: &Ask, answers: &[Answer]) -> String {
    let completion: usize = answers.iter().map(Answer::tokens).sum();
    let zeroes = |names: &[&str]| {
        object(
            &names
                .iter()
                .map(|name| (*name, "0".to_owned()))
                .collect::<Vec<_>>(),
        )
    };
    object(&[
        ("prompt_tokens", ask.prompt_tokens().to_string()),
        ("completion_tokens", completion.to_string()),
        ("total_tokens", (ask.prompt_tokens() + completion).to_string()),
        (
            "prompt_tokens_details",
            zeroes(&["cached_tokens", "audio_tokens"]),
        ),
        (
            "completion_tokens_details",
            zeroes(&[
                "reasoning_tokens",
                "audio_tokens",
                "accepted_prediction_tokens",
                "rejected_prediction_tokens",
            ]),
        ),
    ])
}

fn finish_reason(answer: &Answer) -> String {
    text(if answer.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    })
}

fn call_id(id: &str, choice: usize, call: usize) -> String {
    text(&format!("call_{id}{choice}{call}"))
}

/// The whole reply as one JSON document.
pub(crate) fn reply(ask: &Ask, answers: &[Answer], id: &str) -> String {
    let choices: Vec<String> = answers
        .iter()
        .enumerate()
        .map(|(index, answer)| {
            let content = answer.text.as_deref().map_or_else(null, text);
            let mut message = vec![("role", text("assistant")), ("content", content)];
            if !answer.calls.is_empty() {
                let calls = answer.calls.iter().enumerate().map(|(at, call)| {
                    let function =
                        object(&[("name", text(&call.name)), ("arguments", text(&call.arguments))]);
                    object(&[
                        ("id", call_id(id, index, at)),
                        ("type", text("function")),
                        ("function", function),
                    ])
                });
                message.push(("tool_calls", array(&calls.collect::<Vec<_>>())));
            }
            message.extend([("refusal", null()), ("annotations", array(&[]))]);
            object(&[
                ("index", index.to_string()),
                ("message", object(&message)),
                ("logprobs", null()),
                ("finish_reason", finish_reason(answer)),
            ])
        })
        .collect();
    object(&[
        ("id", text(&format!("chatcmpl-{id}"))),
        ("object", text("chat.completion")),
        ("created", CREATED.to_string()),
        ("model", text(&ask.model)),
        ("choices", array(&choices)),
        ("usage", usage(ask, answers)),
        ("service_tier", text("default")),
        ("system_fingerprint", text("fp_demo")),
    ])
}

/// The reply as a stream; choices interleave.
pub(crate) fn events(ask: &Ask, answers: &[Answer], id: &str, cuts: Cuts, chance: &mut Chance) -> Vec<Event> {
    let mut lanes: Vec<std::vec::IntoIter<(String, String, bool)>> = answers
        .iter()
        .enumerate()
        .map(|(n, answer)| deltas(answer, id, n, cuts, chance).into_iter())
        .collect();
    let mut events = Vec::new();
    loop {
        let before = events.len();
        for (index, lane) in lanes.iter_mut().enumerate() {
            for (delta, finish, is_delta) in lane.by_ref().take(1 + chance.below(2)) {
                let choice = object(&[
                    ("index", index.to_string()),
                    ("delta", delta),
                    ("logprobs", null()),
                    ("finish_reason", finish),
                ]);
                let data = chunk(ask, id, &array(&[choice]), ask.wants_usage.then(null), chance);
                events.push(Event {
                    name: None,
                    data,
                    is_delta,
                });
            }
        }
        if events.len() == before {
            break;
        }
    }
    if ask.wants_usage {
        let data = chunk(ask, id, "[]", Some(usage(ask, answers)), chance);
        events.push(Event {
            name: None,
            data,
            is_delta: false,
        });
    }
    events.push(Event {
        name: None,
        data: "[DONE]".to_owned(),
        is_delta: false,
    });
    events
}

fn chunk(ask: &Ask, id: &str, choices: &str, usage: Option<String>, chance: &mut Chance) -> String {
    let mut fields = vec![
        ("id", text(&format!("chatcmpl-{id}"))),
        ("object", text("chat.completion.chunk")),
        ("created", CREATED.to_string()),
        ("model", text(&ask.model)),
        ("service_tier", text("default")),
        ("system_fingerprint", text("fp_demo")),
        ("choices", choices.to_owned()),
    ];
    fields.extend(usage.map(|usage| ("usage", usage)));
    if ask.wants_obfuscation {
        let len = 1 + chance.below(12);
        fields.push(("obfuscation", text(&chance.letters(len))));
    }
    object(&fields)
}

/// The deltas of one choice, each with its finish reason and whether it carries a piece of the answer.
fn deltas(
    answer: &Answer,
    id: &str,
    choice: usize,
    cuts: Cuts,
    chance: &mut Chance,
) -> Vec<(String, String, bool)> {
    let mut deltas = Vec::new();
    let opening = |content: String| {
        [
            ("role", text("assistant")),
            ("content", content),
            ("refusal", null()),
        ]
    };
    if let Some(said) = &answer.text {
        deltas.push((object(&opening(text(""))), null(), false));
        for step in cuts.steps(said, chance) {
            deltas.push((object(&[("content", text(&step))]), null(), true));
        }
    } else {
        deltas.push((object(&opening(null())), null(), false));
    }
    for (at, call) in answer.calls.iter().enumerate() {
        let function = object(&[("name", text(&call.name)), ("arguments", text(""))]);
        let first = object(&[
            ("index", at.to_string()),
            ("id", call_id(id, choice, at)),
            ("type", text("function")),
            ("function", function),
        ]);
        deltas.push((object(&[("tool_calls", array(&[first]))]), null(), false));
        for step in cuts.steps(&call.arguments, chance) {
            let function = object(&[("arguments", text(&step))]);
            let next = object(&[("index", at.to_string()), ("function", function)]);
            deltas.push((object(&[("tool_calls", array(&[next]))]), null(), true));
        }
    }
    deltas.push(("{}".to_owned(), finish_reason(answer), false));
    deltas
}

/// `GET /v1/models`.
pub(crate) fn models(names: &[String]) -> String {
    let models: Vec<String> = names.iter().map(|name| model(name)).collect();
    object(&[("object", text("list")), ("data", array(&models))])
}

/// One model of that list.
pub(crate) fn model(name: &str) -> String {
    object(&[
        ("id", text(name)),
        ("object", text("model")),
        ("created", CREATED.to_string()),
        ("owned_by", text("privet-demo")),
    ])
}

/// The body of an error.
pub(crate) fn error(failure: &Failure) -> String {
    let (kind, code) = match failure {
        Failure::Bad(bad) => ("invalid_request_error", bad.code),
        Failure::Key => ("invalid_request_error", Some("invalid_api_key")),
        Failure::TooManyRequests => ("requests", Some("rate_limit_exceeded")),
        Failure::Broken | Failure::Overloaded => ("server_error", None),
        Failure::NoSuchPath { .. } => ("invalid_request_error", None),
    };
    let message = match failure {
        Failure::Bad(bad) => bad.message.clone(),
        Failure::Key => "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.".to_owned(),
        Failure::TooManyRequests => "Rate limit reached for demo-error-429 on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 1s.".to_owned(),
        Failure::Broken => "The server had an error while processing your request. Sorry about that!".to_owned(),
        Failure::Overloaded => "The server is currently overloaded with other requests. Sorry about that!".to_owned(),
        Failure::NoSuchPath { method, path } => format!("Invalid URL ({method} {path})"),
    };
    let param = match failure {
        Failure::Bad(bad) => bad.param.as_deref().map_or_else(null, text),
        _ => null(),
    };
    let code = code.map_or_else(null, text);
    object(&[(
        "error",
        object(&[
            ("message", text(&message)),
            ("type", text(kind)),
            ("param", param),
            ("code", code),
        ]),
    )])
}
