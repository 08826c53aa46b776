//! The requests: a short chat, an agent's long one, and a long one full of private values.

use bytes::Bytes;
use memchr::memmem;
use serde_json::{Value, json};

use crate::mock;
use crate::values::{card, email, iban, person, phone};

/// Different requests of each kind, sent in turn, so that nothing is measured that one reply can be kept for.
const VARIANTS: usize = 16;
/// What agents send every turn; measured with Claude Code at 77 KB, 64 KB of it tools.
const AGENT_BYTES: usize = 80_000;
/// Lines of the table in the dense request; three private values each.
const DENSE_LINES: usize = 332;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// 1 KB: four messages, four private values.
    Chat,
    /// 80 KB: an agent's tools, a long history, eight private values.
    Agent,
    /// The same, no text of which was seen before: what an agent's first request costs.
    AgentCold,
    /// 80 KB with a thousand private values.
    Dense,
}

impl Size {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "1 KB",
            Self::Agent => "80 KB warm",
            Self::AgentCold => "80 KB cold",
            Self::Dense => "80 KB/1000 values",
        }
    }
}

/// How the reply is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    /// A stream, each event written as soon as the one before it is.
    Sse,
    /// A stream with a pause before each event.
    SsePaced,
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sse => "sse",
            Self::SsePaced => "sse-paced",
        }
    }
}

/// One request and what must come back.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    body: Bytes,
    /// Private values in it.
    pub(crate) values: usize,
    /// The reply's text if the values were masked and restored.
    pub(crate) restored: String,
    /// Where a word stands that is another one each time, one in each text: [`FRESH`] to begin with.
    fresh: Vec<usize>,
}

/// A word of letters alone, in which nothing is found.
const FRESH: &str = "qqqqqqqq";

impl Call {
    /// The body as the `n`-th request of the run sends it.
    pub(crate) fn body(&self, n: usize) -> Bytes {
        if self.fresh.is_empty() {
            return self.body.clone();
        }
        let mut word = *b"qqqqqqqq";
        let mut rest = n;
        for letter in word.iter_mut().rev() {
            *letter = b'a' + u8::try_from(rest % 16).unwrap_or_default();
            rest /= 16;
        }
        let mut body = self.body.to_vec();
        for at in &self.fresh {
            if let Some(place) = body.get_mut(*at..at + word.len()) {
                place.copy_from_slice(&word);
            }
        }
        Bytes::from(body)
    }
}

/// The requests of one row.
pub(crate) fn calls(size: Size, shape: Shape) -> Vec<Call> {
    (0..VARIANTS).map(|variant| call(size, shape, variant)).collect()
}

fn call(size: Size, shape: Shape, variant: usize) -> Call {
    let (messages, values) = match size {
        Size::Chat => chat(variant),
        Size::Agent | Size::AgentCold => agent(variant, 0),
        Size::Dense => agent(variant, DENSE_LINES),
    };
    let model = if shape == Shape::SsePaced {
        mock::PACED
    } else {
        mock::INSTANT
    };
    let is_stream = shape != Shape::Json;
    let mut body = format!(
        "{{\"model\":\"{model}\",\"stream\":{is_stream},\"messages\":{messages},\"temperature\":0.2,\"max_tokens\":512"
    );
    if size != Size::Chat {
        body.push_str(",\"tools\":[");
        let mut words = Words(7);
        for index in 0.. {
            let tool = tool(index, &mut words).to_string();
            if index > 0 && body.len() + tool.len() > AGENT_BYTES {
                break;
            }
            body.push_str(if index > 0 { "," } else { "" });
            body.push_str(&tool);
        }
        body.push(']');
    }
    body.push('}');
    let fresh = match size {
        Size::AgentCold => memmem::find_iter(body.as_bytes(), FRESH).collect(),
        Size::Chat | Size::Agent | Size::Dense => Vec::new(),
    };
    let first = |index: usize| values.get(index).map(String::as_str).unwrap_or_default();
    Call {
        restored: mock::reply_text([first(0), first(1), first(2)]),
        values: values.len(),
        body: Bytes::from(body),
        fresh,
    }
}

fn chat(variant: usize) -> (Value, Vec<String>) {
    let values = vec![email(variant), phone(variant), iban(variant), card(variant)];
    let [email, phone, iban, card] = values.as_slice() else {
        return (Value::Null, values);
    };
    let messages = json!([
        {"role": "system", "content": "You are the assistant of a travel agency. Answer politely, in three sentences at most, and keep to \
            what the customer has told you. If a booking has to change, repeat the data that you will change it with."},
        {"role": "user", "content": format!("Hello, I am {}. My train to Vienna on Friday was cancelled, and I would like to take the \
            one on Saturday morning instead. You reach me at {email} or by phone on {phone}.", person(variant))},
        {"role": "assistant", "content": "I am sorry to hear that. The connection at 8:27 on Saturday has free seats in your class. Where \
            shall I send the refund for the seat reservation?"},
        {"role": "user", "content": format!("Please send it to {iban}. The new reservation can be charged to my card {card} as \
            before; two seats at a table, if there are any.")},
    ]);
    (messages, values)
}

fn agent(variant: usize, lines: usize) -> (Value, Vec<String>) {
    let base = variant * (DENSE_LINES + 8);
    let mut values = vec![
        email(base),
        phone(base),
        iban(base),
        card(base),
        email(base + 1),
        phone(base + 1),
        iban(base + 1),
        card(base + 1),
    ];
    let quoted = values.join(", ");
    let mut words = Words(variant as u64 + 1);
    let mut messages = vec![
        json!({"role": "system", "content": words.text(if lines > 0 { 3000 } else { 8000 })}),
        json!({"role": "user", "content": format!("Merge the customer records of {} and {}: {quoted}. Then look up who else has the \
            same address, and write a migration for it.", person(base), person(base + 1))}),
    ];
    for turn in 0..4 {
        let id = format!("call_{variant}_{turn}");
        let arguments = json!({"path": format!("src/customers/part_{turn}.rs"), "limit": 40 + turn, "reason": words.text(120)});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function", "function":
            {"name": "read_file_0", "arguments": arguments.to_string()}}]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": words.text(1200)}));
    }
    if lines > 0 {
        let mut table = String::from("number;name;email;phone;account\n");
        for line in 0..lines {
            let n = base + 8 + line;
            let row = [email(n), phone(n), iban(n)];
            table.push_str(&format!("{line};{};{}\n", person(n), row.join(";")));
            values.extend(row);
        }
        messages.push(json!({"role": "user", "content": format!("These are the records so far:\n{table}")}));
    }
    messages.push(json!({"role": "user", "content": "Go on, and tell me when the tests pass."}));
    (Value::Array(messages), values)
}

fn tool(index: usize, words: &mut Words) -> Value {
    let property = |name: &str, words: &mut Words| {
        (
            name.to_owned(),
            json!({"type": "string", "description": words.text(110)}),
        )
    };
    let properties: serde_json::Map<String, Value> =
        ["path", "pattern", "reason", "before", "after", "encoding"]
            .iter()
            .map(|name| property(name, words))
            .chain([(
                "limit".to_owned(),
                json!({"type": "integer", "minimum": 1, "maximum": 2000}),
            )])
            .collect();
    let kinds = [
        "read_file",
        "write_file",
        "search",
        "run_tests",
        "list_folder",
        "web_fetch",
    ];
    let kind = kinds.get(index % kinds.len()).copied().unwrap_or_default();
    json!({"type": "function", "function": {
        "name": format!("{kind}_{index}"), "description": words.text(1300),
        "parameters": {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": false},
    }})
}

/// Text as agents' prompts and tools hold it: always the same from the same start.
struct Words(u64);

const SENTENCES: [&str; 16] = [
    "Reads a file from the local file system; the path must be absolute.",
    "By default it reads up to 2000 lines from the beginning of the file.",
    "IMPORTANT: never run a command that changes files outside of the project's folder.\n",
    "- Lines longer than 2000 characters are cut off.\n- Results are returned with line numbers, starting at 1.\n",
    "For example, to find all uses of a function: `search(pattern=\"fn\\\\s+main\", path=\"/repo/src\")`.",
    "If the command takes longer than 120000 ms it is ended, and what it printed so far is returned.",
    "Use this tool when you need to look at several files at once, and prefer it to `cat`, `head` or `tail`.",
    "See https://docs.example.com/tools/reference#limits for the version 2.4.1 of the interface.",
    "The user may interrupt at any time; keep what you have done so far consistent.\n\n",
    "```rust\npub fn total(items: &[Item]) -> u64 {\n    items.iter().map(|item| item.price * 100).sum()\n}\n```\n",
    "Do not guess: when you are not sure what a name means, search for its definition first.",
    "Returns an object with `status`, `stdout` and `stderr`; a status other than 0 means that it failed.",
    "When the tests fail, read the first error, change one thing, and run them again.",
    "Notes of 2024-11-05: the table `orders` has 1,284,977 rows, and grows by 3.5 % each month.\n",
    "Paths such as src/main.rs:42 are shown as links; keep them relative to the working folder.",
    "Write short commit messages in the imperative mood, without a trailing full stop.",
];

impl Words {
    /// Sentences of at least `bytes` bytes in all.
    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 128);
        text.push_str(FRESH);
        text.push(' ');
        while text.len() < bytes {
            // Knuth's MMIX generator; only its high bits are good.
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let index = usize::try_from(self.0 >> 60).unwrap_or_default();
            text.push_str(SENTENCES.get(index).copied().unwrap_or_default());
            text.push(' ');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_json_of_the_size_they_claim() {
        for (size, range, values) in [
            (Size::Chat, 900..1300, 4),
            (Size::Agent, 76_000..80_001, 8),
            (Size::AgentCold, 76_000..80_001, 8),
            (Size::Dense, 76_000..80_001, 1004),
        ] {
            for call in calls(size, Shape::Sse) {
                assert!(
                    range.contains(&call.body.len()),
                    "{} {}",
                    size.name(),
                    call.body.len()
                );
                assert_eq!(call.values, values);
                let (first, second) = (call.body(7), call.body(0xabcd));
                assert_eq!(first.len(), call.body.len());
                assert_eq!(first != second, size == Size::AgentCold, "{}", size.name());
                serde_json::from_slice::<Value>(&second).unwrap();
                serde_json::from_slice::<Value>(&call.body).unwrap();
            }
        }
    }
}
