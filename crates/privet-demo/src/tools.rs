//! Which tools the model calls, and with what.

use serde_json::{Map, Value};

use crate::ask::{Ask, Tool, ToolChoice, items};
use crate::values::values;

/// The tools the model calls now: none after a tool's result unless forced; else those the user names, or the first one
/// if the user says "call", "send" or "tool".
pub(crate) fn tools_to_call<'a>(ask: &'a Ask, last: &str) -> Vec<&'a Tool> {
    if !ask.tool_results().is_empty() {
        return Vec::new();
    }
    let lower = last.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let named = |tool: &&Tool| {
        let name = tool.name.to_lowercase();
        words.contains(&name.as_str())
            || (name.contains('_') && name.split('_').all(|part| words.contains(&part)))
    };
    let is_asked = ["call", "send", "tool"].iter().any(|word| words.contains(word));
    let mut chosen: Vec<&Tool> = match &ask.tool_choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Named(name) => ask.tools.iter().filter(|tool| tool.name == *name).collect(),
        ToolChoice::Auto | ToolChoice::Any => ask.tools.iter().filter(named).collect(),
    };
    let is_forced = ask.tool_choice == ToolChoice::Any;
    if chosen.is_empty() && (is_forced || (is_asked && ask.tool_choice == ToolChoice::Auto)) {
        chosen.extend(ask.tools.first());
    }
    if !ask.allows_parallel {
        chosen.truncate(1);
    }
    chosen
}

/// Arguments for `tool` made of what the user wrote: a JSON object that fits simple schemas.
pub(crate) fn arguments(tool: &Tool, text: &str) -> String {
    let mut unused = values(text).into_iter();
    filled(&tool.schema, text, &mut unused).to_string()
}

/// Names of properties that hold prose rather than one value.
const PROSE: [&str; 8] = [
    "body", "content", "message", "note", "prompt", "query", "summary", "text",
];

fn filled(schema: &Value, text: &str, unused: &mut impl Iterator<Item = String>) -> Value {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Value::Object(Map::new());
    };
    // The order of `required` is the author's; that of `properties` is lost in parsing.
    let required: Vec<&str> = items(schema, "required")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|name| required.iter().position(|r| r == name).unwrap_or(usize::MAX));
    let mut object = Map::new();
    for name in names {
        if let Some(property) = properties.get(name) {
            object.insert(name.clone(), argument(name, property, text, unused));
        }
    }
    Value::Object(object)
}

fn argument(name: &str, schema: &Value, text: &str, unused: &mut impl Iterator<Item = String>) -> Value {
    if let Some(fixed) = schema.get("const").or_else(|| items(schema, "enum").first()) {
        return fixed.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("integer" | "number") => 1.into(),
        Some("boolean") => true.into(),
        Some("null") => Value::Null,
        Some("object") => filled(schema, text, unused),
        Some("array") => {
            let item = schema.get("items").cloned().unwrap_or(Value::Null);
            vec![argument(name, &item, text, unused)].into()
        }
        _ if PROSE.contains(&name) => text.into(),
        _ => unused.next().unwrap_or_else(|| text.to_owned()).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ask::Turn;
    use crate::model::answer;
    use crate::model::tests::ask;

    const TAG: &str = "<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>";

    fn send_mail() -> Tool {
        let properties = json!({
            "to": {"type": "string"}, "body": {"type": "string"}, "urgent": {"type": "boolean"},
            "copies": {"type": "integer"}, "folder": {"enum": ["sent", "drafts"]}, "cc": {"type": "array", "items": {"type": "string"}},
        });
        Tool {
            name: "send_mail".to_owned(),
            schema: json!({"properties": properties, "required": ["to", "cc"]}),
        }
    }

    #[test]
    fn a_tool_asked_for_is_called_with_the_values_of_the_text() {
        let text = format!("Please send a mail to {TAG}, cc bob@example.com");
        let ask = Ask {
            tools: vec![send_mail()],
            ..ask("demo-small", &text)
        };
        let answer = answer(&ask, 0, &[]);
        assert_eq!(answer.calls[0].name, "send_mail");
        let arguments: Value = serde_json::from_str(&answer.calls[0].arguments).unwrap();
        let expected = json!({
            "to": TAG, "cc": ["bob@example.com"], "body": text, "urgent": true, "copies": 1, "folder": "sent",
        });
        assert_eq!(arguments, expected);
    }

    #[test]
    fn no_tool_is_called_unasked_or_when_forbidden_or_after_a_result() {
        let offered = |text: &str| Ask {
            tools: vec![send_mail()],
            ..ask("demo-small", text)
        };
        assert!(answer(&offered("recall my mails"), 0, &[]).calls.is_empty());
        assert!(
            answer(
                &Ask {
                    tool_choice: ToolChoice::None,
                    ..offered("send it")
                },
                0,
                &[]
            )
            .calls
            .is_empty()
        );
        let mut after = offered("send it");
        after.turns.push(Turn::Tool("sent".to_owned()));
        assert_eq!(answer(&after, 0, &[]).text.unwrap(), "The tool answered: sent");
        assert_eq!(
            answer(
                &Ask {
                    tool_choice: ToolChoice::Any,
                    ..offered("hello")
                },
                0,
                &[]
            )
            .calls
            .len(),
            1
        );
    }
}
