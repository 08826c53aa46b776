//! The copy as a page for people. Every text that is not of this file is escaped; the page loads and runs nothing.

use jiff::Timestamp;
use serde_json::Value;

use super::model::RequestKind;
use super::package::{Held, SubjectPackage};
use crate::Error;

/// Deeper values are shown as JSON.
const DEEPEST: usize = 8;

/// The part that is no part of what is held.
const EVENTS: &str = "events";

const ALL_HELD: &str = "The data held about you";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color:#1b1b1b;background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #ccc}\
    dl{margin:0 0 .5rem;display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.15rem 1rem}\
    dt{color:#555;overflow-wrap:anywhere}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}\
    ol{margin:0;padding-left:1.5rem}li{margin-bottom:.5rem}@media print{body{margin:0}}";

/// What each part is called, and what it is.
const PARTS: [(&str, &str, &str); 16] = [
    ("record", "Your data", "What is stored about you."),
    (
        "versions",
        "Earlier versions",
        "What was stored before it was changed.",
    ),
    (
        "applications",
        "Applications",
        "What single applications keep about you.",
    ),
    ("sessions", "Sessions", "What is kept while you are signed in."),
    (
        "tokens",
        "Tokens",
        "Stand-ins for single values of yours, and the values.",
    ),
    (
        "shares",
        "Shared",
        "When parts of your data were shared by a link.",
    ),
    (
        "conversations",
        "Conversations",
        "What you wrote to a language model and what it answered.",
    ),
    (
        "reply_maps",
        "Running conversations",
        "That stand-ins for your data are kept for a conversation that goes on.",
    ),
    (
        "consent",
        "What you agreed to",
        "What you agreed to, refused, withdrew or objected to.",
    ),
    (
        "purposes",
        "Purposes",
        "What data is processed for, and on which legal basis.",
    ),
    ("recipients", "Recipients", "Who may receive data."),
    ("retention", "How long", "How long data is kept."),
    (
        "elsewhere",
        "Made of your data",
        "What was made of your data in other places.",
    ),
    ("requests", "Your requests", "Which requests you made."),
    (
        "proposals",
        "Changes asked for",
        "Which changes of your data were asked for.",
    ),
    (
        EVENTS,
        "What was done",
        "Who did what with your data, and when: the newest entries of the log.",
    ),
];

const RIGHTS: &str = "You can ask for your data to be corrected (Article 16 GDPR), erased (17) or restricted (18), for a \
    machine-readable copy (20), and object to processing (21). You can withdraw a consent at any time (7(3)), and complain \
    to a supervisory authority (77).";

/// The page of `package`.
pub(super) fn page(package: &SubjectPackage) -> Result<String, Error> {
    let title = match package.kind {
        RequestKind::Portability => "The data you provided",
        _ => ALL_HELD,
    };
    let article = package.article.to_string();
    let of_request = [
        ("Request", package.request.as_str()),
        ("Article of the GDPR", article.as_str()),
    ];
    let made = (package.tenant.as_str(), package.generated_at);
    show_page(title, &of_request, made, &package.held, &[])
}

/// A page of all that is held, which no request asked for, and of the `events` about it.
pub(super) fn page_of_all(made: (&str, Timestamp), held: &Held, events: &[Value]) -> Result<String, Error> {
    show_page(ALL_HELD, &[], made, held, events)
}

/// `made` says by which organisation, and when. One part is a value at a time.
fn show_page(
    title: &str,
    first: &[(&str, &str)],
    made: (&str, Timestamp),
    held: &Held,
    events: &[Value],
) -> Result<String, Error> {
    let mut out = String::with_capacity(16 << 10);
    out.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    out.push_str("<meta name=\"referrer\" content=\"no-referrer\"><meta name=\"viewport\" content=\"width=device-width\">");
    for part in [
        "<title>",
        title,
        "</title><style>",
        STYLE,
        "</style></head><body><h1>",
        title,
        "</h1><dl>",
    ] {
        out.push_str(part);
    }
    let (at, since) = (made.1.to_string(), held.created_at.to_string());
    let facts = [
        ("Organisation", made.0),
        ("Made", at.as_str()),
        ("You are known as", &held.subject),
        ("State", held.state.name()),
        ("Held since", &since),
    ];
    for (name, value) in first.iter().chain(&facts) {
        pair(&mut out, name, |out| escape(out, value));
    }
    out.push_str("</dl>");
    for (field, heading, what) in PARTS {
        let value = match field {
            EVENTS if events.is_empty() => None,
            EVENTS => Some(Value::from(events)),
            field => held.part(field)?,
        };
        let Some(value) = value else { continue };
        for part in ["<section><h2>", heading, "</h2><p>", what, "</p>"] {
            out.push_str(part);
        }
        show(&mut out, &value, 0);
        out.push_str("</section>");
    }
    for part in [
        "<section><h2>Your rights</h2><p>",
        RIGHTS,
        "</p></section></body></html>\n",
    ] {
        out.push_str(part);
    }
    Ok(out)
}

fn show(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push('–'),
        Value::Bool(is) => out.push_str(if *is { "yes" } else { "no" }),
        Value::Number(number) => escape(out, &number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(_) | Value::Object(_) if depth >= DEEPEST => escape(out, &value.to_string()),
        Value::Array(values) => {
            out.push_str("<ol>");
            for value in values {
                out.push_str("<li>");
                show(out, value, depth + 1);
                out.push_str("</li>");
            }
            out.push_str("</ol>");
        }
        Value::Object(fields) => {
            out.push_str("<dl>");
            for (name, value) in fields {
                pair(out, name, |out| show(out, value, depth + 1));
            }
            out.push_str("</dl>");
        }
    }
}

fn pair(out: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    out.push_str("<dt>");
    escape(out, name);
    out.push_str("</dt><dd>");
    value(out);
    out.push_str("</dd>");
}

/// `text` as the content of an element. Control characters that HTML forbids become U+FFFD; so do those that change the
/// direction of what follows.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deep_value_is_shown_without_deep_recursion() {
        let mut deep = json!("end");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let mut out = String::new();
        show(&mut out, &deep, 0);
        assert_eq!(out.matches("<ol>").count(), DEEPEST);
        assert!(out.contains("end"), "{out}");
    }

    proptest! {
        #[test]
        fn no_text_makes_markup(name in ".{0,40}", value in "[<>&\"'a/!-]{0,60}") {
            let mut out = String::new();
            show(&mut out, &json!({name: value}), 0);
            let tags = ["<dl>", "</dl>", "<dt>", "</dt>", "<dd>", "</dd>"];
            let left = tags.iter().fold(out, |text, tag| text.replacen(tag, "", 1));
            prop_assert!(!left.contains(['<', '>', '"', '\'']), "{}", left);
        }
    }
}
