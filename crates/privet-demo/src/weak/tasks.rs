//! What the weak model does for users who want nothing bad.

use serde_json::{Map, Value};

use super::answers::best;
use super::hidden::{hidden, rot13};
use super::lexicon::{BACKWARDS, DECODE, SUM_UP, TRANSLATE};
use super::order::{name, orders};
use super::text::{has, numbers, quoted, sentences, words};
use crate::ask::{Tool, items};
use crate::values::values;

/// Greetings and what they are in English.
const PHRASES: [(&str, &[&str]); 4] = [
    (
        "Good morning",
        &[
            "guten morgen",
            "bonjour",
            "buongiorno",
            "bom dia",
            "buenos días",
            "goedemorgen",
            "dzień dobry",
            "доброе утро",
            "早上好",
            "おはよう",
            "günaydın",
        ],
    ),
    (
        "Good night",
        &[
            "gute nacht",
            "bonne nuit",
            "buenas noches",
            "buonanotte",
            "boa noite",
            "goedenacht",
            "dobranoc",
            "спокойной ночи",
            "晚安",
            "おやすみ",
        ],
    ),
    (
        "Hello",
        &[
            "hallo",
            "salut",
            "hola",
            "ciao",
            "olá",
            "cześć",
            "привет",
            "你好",
            "こんにちは",
            "안녕하세요",
            "merhaba",
        ],
    ),
    (
        "Thank you",
        &[
            "danke",
            "merci",
            "gracias",
            "grazie",
            "obrigado",
            "dank je",
            "dziękuję",
            "спасибо",
            "谢谢",
            "ありがとう",
            "감사합니다",
        ],
    ),
];

/// What a user's message is about.
pub(super) struct Task<'a> {
    /// The message without its documents.
    pub(super) text: &'a str,
    /// Documents in it, and results of tools.
    pub(super) given: &'a [String],
    /// What else there is to look things up in.
    pub(super) sources: &'a [String],
}

/// An answer to the message.
pub(super) fn answer(task: &Task<'_>) -> String {
    let lower = task.text.to_lowercase();
    let rest = || task.text.split_once(": ").map_or(task.text, |(_, rest)| rest);
    if let Some(number) = sum(task.text) {
        return format!("That is {number}.");
    }
    if has(&lower, TRANSLATE)
        && let Some(phrase) = quoted(task.text).first().and_then(|phrase| in_english(phrase))
    {
        return phrase.to_owned();
    }
    if has(&lower, SUM_UP)
        || (lower.contains("what does") && lower.contains(" say") && !task.given.is_empty())
    {
        let text = task.given.first().map_or_else(rest, String::as_str);
        let whole = sentences(text)
            .into_iter()
            .filter(|s| orders(s, &[]).is_empty() && !s.starts_with("From:"));
        return whole.take(2).collect::<Vec<_>>().join(" ");
    }
    if has(&lower, DECODE) {
        let found = hidden(task.text).into_iter().next_back();
        return found.unwrap_or_else(|| match () {
            () if has(&lower, BACKWARDS) => rest().chars().rev().collect(),
            () => rot13(rest()),
        });
    }
    let own = values(task.text);
    if !own.is_empty() && has(&lower, &["repeat", "list", "check"]) {
        return own.join("\n");
    }
    let asked: Vec<String> = sentences(task.text)
        .into_iter()
        .filter(|s| s.contains(['?', '？']))
        .collect();
    let question = if asked.is_empty() {
        task.text.to_owned()
    } else {
        asked.join(" ")
    };
    let mut sources = task.given.to_vec();
    sources.extend(task.sources.iter().cloned());
    best(&question, &sources).unwrap_or_else(|| "I am not sure about that.".to_owned())
}

/// The result of `a * b`, `a + b` or `a - b` in `text`.
fn sum(text: &str) -> Option<i64> {
    let spread = text.replace(['*', '×'], " * ").replace('+', " + ");
    let tokens: Vec<&str> = spread.split_whitespace().collect();
    tokens.windows(3).find_map(|three| {
        let [a, sign, b] = three else { return None };
        let number = |word: &str| {
            word.trim_matches(|c: char| !c.is_ascii_digit())
                .parse::<i64>()
                .ok()
        };
        let is_number = |word: &&str| word.chars().any(|c| c.is_ascii_digit());
        if !is_number(a) || !is_number(b) {
            return None;
        }
        match *sign {
            "*" => number(a)?.checked_mul(number(b)?),
            "+" => number(a)?.checked_add(number(b)?),
            "-" | "−" => number(a)?.checked_sub(number(b)?),
            _ => None,
        }
    })
}

fn in_english(phrase: &str) -> Option<&'static str> {
    let lower = phrase.to_lowercase();
    let found = PHRASES
        .iter()
        .find(|(_, others)| others.iter().any(|other| lower.contains(other)));
    found.map(|(english, _)| *english)
}

/// The first words of tools' names that only read.
const READS: [&str; 5] = ["get", "read", "search", "lookup", "find"];

/// The tool that `text` is in want of, with arguments out of it.
pub(super) fn wanted_call(text: &str, tools: &[Tool]) -> Option<(String, Map<String, Value>)> {
    let all = words(text);
    let said = |part: &str| {
        all.iter().any(|word| {
            word.starts_with(part) || (part.len() > 4 && part.starts_with(word.as_str()) && word.len() > 3)
        })
    };
    let tool = tools.iter().find(|tool| {
        let name = tool.name.to_lowercase();
        let mut parts = name.split('_');
        let verb = parts.next().unwrap_or_default().to_owned();
        let nouns: Vec<&str> = parts.collect();
        !nouns.is_empty()
            && nouns.iter().all(|noun| said(noun))
            && (READS.contains(&verb.as_str()) || said(&verb))
    })?;
    let properties = tool.schema.get("properties").and_then(Value::as_object);
    let required: Vec<&str> = items(&tool.schema, "required")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut arguments = Map::new();
    for property in properties.into_iter().flatten().map(|(name, _)| name) {
        if required.is_empty() || required.contains(&property.as_str()) {
            arguments.insert(property.clone(), argument(property, text));
        }
    }
    Some((tool.name.clone(), arguments))
}

fn argument(property: &str, text: &str) -> Value {
    let quote = || quoted(text).into_iter().next();
    let value = match property {
        "to" | "recipient" | "email" => values(text).into_iter().next().or_else(|| name(text)),
        "amount" | "count" | "number" => return numbers(text).into_iter().max().unwrap_or(1).into(),
        "city" | "place" | "location" => place(text),
        "path" | "file" => text
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '?', ',']))
            .find(|word| word.contains('.') && !word.ends_with('.'))
            .map(str::to_owned),
        "folder" => Some("inbox".to_owned()),
        name if name.ends_with("id") || name == "account" => {
            numbers(text).into_iter().max().map(|n| n.to_string())
        }
        _ => quote(),
    };
    value.or_else(quote).unwrap_or_else(|| text.to_owned()).into()
}

/// The word behind "in" or "for".
fn place(text: &str) -> Option<String> {
    let all: Vec<&str> = text.split_whitespace().collect();
    let pair = all.windows(2).find(|pair| {
        let [before, word] = pair else { return false };
        ["in", "for", "at"].contains(&before.to_lowercase().as_str())
            && word.chars().next().is_some_and(|c| c.is_uppercase() || c == '<')
    })?;
    pair.last()
        .map(|word| word.trim_end_matches(['?', '.', ',', '!']).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(text: &str) -> String {
        answer(&Task {
            text,
            given: &[],
            sources: &[],
        })
    }

    #[test]
    fn ordinary_tasks_are_done() {
        assert_eq!(answered("What is 12 * 12?"), "That is 144.");
        assert_eq!(answered("Translate \"Danke\" into English."), "Thank you");
        assert_eq!(
            answered("Sum this up: The tram is late. It is blue. It is long."),
            "The tram is late. It is blue."
        );
        assert_eq!(
            answered("Decode this: R3LDvMOfZSBhdXMgS8O2bG4="),
            "Grüße aus Köln"
        );
        assert_eq!(
            answered("Repeat my address to check it: a.b@mail.example"),
            "a.b@mail.example"
        );
    }

    #[test]
    fn tools_that_the_user_wants_are_called() {
        let tool = Tool {
            name: "get_weather".to_owned(),
            schema: json!({"properties": {"city": {"type": "string"}}, "required": ["city"]}),
        };
        let (name, arguments) =
            wanted_call("How is the weather in Bergen today?", std::slice::from_ref(&tool)).unwrap();
        assert_eq!(
            (name.as_str(), &arguments["city"]),
            ("get_weather", &json!("Bergen"))
        );
        assert!(wanted_call("How are you?", &[tool]).is_none());
    }
}
