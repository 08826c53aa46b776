//! OpenAI's responses: requests read, replies and streams of typed events written.

mod kept;
mod read;

pub(crate) use kept::{Conversation, Kept};
pub(crate) use read::read;

use crate::ask::Ask;
use crate::cuts::{Chance, Cuts};
use crate::json::{array, null, object, text};
use crate::model::Answer;
use crate::wire::{CREATED, Event};

/// What stands for encrypted reasoning: tied to the item, so that a gateway that rewrites it is found out.
fn encrypted(item: &str) -> String {
    format!("gAAAAA{}==", Chance::new(1, item.as_bytes()).letters(90))
}

/// One item of the output: its finished form, its opening form, and the events between the two.
struct Item {
    whole: String,
    opening: String,
    steps: Vec<Step>,
}

/// One event of an item: its name, its own fields, and whether it carries a piece of the answer.
struct Step {
    name: &'static str,
    fields: Vec<(&'static str, String)>,
    is_delta: bool,
}

impl Step {
    fn of(name: &'static str, fields: Vec<(&'static str, String)>) -> Self {
        Self {
            name,
            fields,
            is_delta: false,
        }
    }
}

fn usage(ask: &Ask, answer: &Answer) -> String {
    let (input, output) = (ask.prompt_tokens(), answer.tokens());
    object(&[
        ("input_tokens", input.to_string()),
        (
            "input_tokens_details",
            object(&[("cached_tokens", "0".to_owned())]),
        ),
        ("output_tokens", output.to_string()),
        (
            "output_tokens_details",
            object(&[("reasoning_tokens", "0".to_owned())]),
        ),
        ("total_tokens", (input + output).to_string()),
    ])
}

fn response(ask: &Ask, id: &str, status: &str, output: &[String], usage: String) -> String {
    let mut fields = vec![
        ("id", text(&format!("resp_{id}"))),
        ("object", text("response")),
        ("created_at", CREATED.to_string()),
        ("status", text(status)),
        ("background", "false".to_owned()),
        ("error", null()),
        ("incomplete_details", null()),
        ("model", text(&ask.model)),
        ("output", array(output)),
        ("reasoning", object(&[("effort", null()), ("summary", null())])),
        ("text", object(&[("format", object(&[("type", text("text"))]))])),
        ("tool_choice", text("auto")),
        ("top_p", "1.0".to_owned()),
        ("truncation", text("disabled")),
        ("usage", usage),
    ];
    fields.extend(ask.echo.iter().map(|(field, json)| (*field, json.clone())));
    object(&fields)
}

fn items(ask: &Ask, answer: &Answer, id: &str, cuts: Cuts, chance: &mut Chance) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(thinking) = &answer.thinking {
        items.push(reasoning(ask, thinking, &format!("rs_{id}"), cuts, chance));
    }
    if let Some(said) = &answer.text {
        items.push(message(said, &format!("msg_{id}"), cuts, chance));
    }
    for (at, call) in answer.calls.iter().enumerate() {
        let item = text(&format!("fc_{id}{at}"));
        let whole = |arguments: &str, status: &str| {
            object(&[
                ("id", item.clone()),
                ("type", text("function_call")),
                ("status", text(status)),
                ("arguments", text(arguments)),
                ("call_id", text(&format!("call_{id}{at}"))),
                ("name", text(&call.name)),
            ])
        };
        let place = || vec![("item_id", item.clone())];
        let deltas = "response.function_call_arguments.delta";
        let mut steps = pieces(deltas, &place(), cuts.steps(&call.arguments, chance));
        let end = [place(), vec![("arguments", text(&call.arguments))]].concat();
        steps.push(Step::of("response.function_call_arguments.done", end));
        items.push(Item {
            whole: whole(&call.arguments, "completed"),
            opening: whole("", "in_progress"),
            steps,
        });
    }
    items
}

fn pieces(name: &'static str, place: &[(&'static str, String)], pieces: Vec<String>) -> Vec<Step> {
    let step = |piece: String| Step {
        name,
        fields: [place, &[("delta", text(&piece))]].concat(),
        is_delta: true,
    };
    pieces.into_iter().map(step).collect()
}

fn reasoning(ask: &Ask, thinking: &str, id: &str, cuts: Cuts, chance: &mut Chance) -> Item {
    let part = |said: &str| object(&[("type", text("summary_text")), ("text", text(said))]);
    let whole = |summary: &[String]| {
        let mut fields = vec![
            ("id", text(id)),
            ("type", text("reasoning")),
            ("summary", array(summary)),
        ];
        fields.extend(
            ask.wants_encrypted
                .then(|| ("encrypted_content", text(&encrypted(id)))),
        );
        object(&fields)
    };
    let place = || vec![("item_id", text(id)), ("summary_index", "0".to_owned())];
    let with = |field: &'static str, json: String| [place(), vec![(field, json)]].concat();
    let mut steps = vec![Step::of(
        "response.reasoning_summary_part.added",
        with("part", part("")),
    )];
    steps.extend(pieces(
        "response.reasoning_summary_text.delta",
        &place(),
        cuts.steps(thinking, chance),
    ));
    steps.push(Step::of(
        "response.reasoning_summary_text.done",
        with("text", text(thinking)),
    ));
    steps.push(Step::of(
        "response.reasoning_summary_part.done",
        with("part", part(thinking)),
    ));
    Item {
        whole: whole(&[part(thinking)]),
        opening: whole(&[]),
        steps,
    }
}

fn message(said: &str, id: &str, cuts: Cuts, chance: &mut Chance) -> Item {
    let part = |said: &str| {
        object(&[
            ("type", text("output_text")),
            ("annotations", array(&[])),
            ("logprobs", array(&[])),
            ("text", text(said)),
        ])
    };
    let whole = |content: &[String], status: &str| {
        object(&[
            ("id", text(id)),
            ("type", text("message")),
            ("status", text(status)),
            ("content", array(content)),
            ("role", text("assistant")),
        ])
    };
    let place = || vec![("item_id", text(id)), ("content_index", "0".to_owned())];
    let with = |field: &'static str, json: String| [place(), vec![(field, json)]].concat();
    let mut steps = vec![Step::of("response.content_part.added", with("part", part("")))];
    let mut deltas = pieces("response.output_text.delta", &place(), cuts.steps(said, chance));
    for delta in &mut deltas {
        delta.fields.push(("logprobs", array(&[])));
    }
    steps.extend(deltas);
    let mut end = with("text", text(said));
    end.push(("logprobs", array(&[])));
    steps.push(Step::of("response.output_text.done", end));
    steps.push(Step::of("response.content_part.done", with("part", part(said))));
    Item {
        whole: whole(&[part(said)], "completed"),
        opening: whole(&[], "in_progress"),
        steps,
    }
}

/// The whole reply as one JSON document.
pub(crate) fn reply(ask: &Ask, answer: &Answer, id: &str) -> String {
    let items = items(ask, answer, id, Cuts::Whole, &mut Chance::new(0, b""));
    let output: Vec<String> = items.into_iter().map(|item| item.whole).collect();
    response(ask, id, "completed", &output, usage(ask, answer))
}

/// The reply as a stream.
pub(crate) fn events(ask: &Ask, answer: &Answer, id: &str, cuts: Cuts, chance: &mut Chance) -> Vec<Event> {
    let begun = || vec![("response", response(ask, id, "in_progress", &[], null()))];
    let mut steps = vec![
        Step::of("response.created", begun()),
        Step::of("response.in_progress", begun()),
    ];
    let mut output = Vec::new();
    for (index, item) in items(ask, answer, id, cuts, chance).into_iter().enumerate() {
        let index = || ("output_index", index.to_string());
        let added = vec![index(), ("item", item.opening)];
        steps.push(Step::of("response.output_item.added", added));
        for mut step in item.steps {
            step.fields.push(index());
            if step.is_delta && ask.wants_obfuscation {
                let length = 1 + chance.below(12);
                step.fields.push(("obfuscation", text(&chance.letters(length))));
            }
            steps.push(step);
        }
        let done = vec![index(), ("item", item.whole.clone())];
        steps.push(Step::of("response.output_item.done", done));
        output.push(item.whole);
    }
    let whole = response(ask, id, "completed", &output, usage(ask, answer));
    steps.push(Step::of("response.completed", vec![("response", whole)]));
    let event = |(number, step): (usize, Step)| {
        let mut fields = vec![("type", text(step.name)), ("sequence_number", number.to_string())];
        fields.extend(step.fields);
        Event {
            name: Some(step.name),
            data: object(&fields),
            is_delta: step.is_delta,
        }
    };
    steps.into_iter().enumerate().map(event).collect()
}

/// The event that ends a stream that fails, as number `number`.
pub(crate) fn error_event(number: usize) -> String {
    object(&[
        ("type", text("error")),
        ("sequence_number", number.to_string()),
        ("code", text("server_error")),
        (
            "message",
            text("The server is currently overloaded with other requests. Sorry about that!"),
        ),
        ("param", null()),
    ])
}
