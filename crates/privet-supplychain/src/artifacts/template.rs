//! Chat templates: Jinja that the loader of a model renders, and by which one climbs from any object to Python's modules where
//! the renderer is not sandboxed.
//!
//! # Source
//! Jinja documentation, "Sandbox"; CVE-2024-34359 (a chat template of a GGUF file ran code).

use super::inspect::Inspector;
use crate::{Severity, Verdict};

/// Attributes and names by which templates leave Jinja.
const ESCAPES: [&str; 20] = [
    "__class__",
    "__globals__",
    "__builtins__",
    "__subclasses__",
    "__mro__",
    "__base__",
    "__bases__",
    "__init__",
    "__import__",
    "__getattribute__",
    "__dict__",
    "__code__",
    "__reduce__",
    "__func__",
    "__self__",
    "__loader__",
    ".popen",
    "import_module",
    ".mro(",
    "os.system",
];

/// Things that are odd in a template of a chat.
const ODD: [(&str, &str); 9] = [
    (
        "cycler",
        "uses Jinja's `cycler`, from which one reaches Python's modules",
    ),
    (
        "joiner",
        "uses Jinja's `joiner`, from which one reaches Python's modules",
    ),
    (
        "lipsum",
        "uses Jinja's `lipsum`, from which one reaches Python's modules",
    ),
    ("attr(", "looks attributes up by computed names"),
    ("include", "includes other templates"),
    ("import", "imports other templates"),
    ("extends", "extends other templates"),
    ("self.", "reaches into the renderer"),
    ("_context", "reaches into the renderer"),
];

/// Looks at a template that starts at `at`.
pub(super) fn inspect(inspector: &mut Inspector<'_>, template: &str, at: u64) {
    let code = code(template);
    let span = at..at.saturating_add(u64::try_from(template.len()).unwrap_or(0));
    let plain = code.replace([' ', '\t', '\n'], "");
    let hides_underscore = ["\\x5f", "\\u005f", "\\137", "\\x5F", "\\u005F"]
        .iter()
        .any(|escape| code.contains(escape));
    let escape = ESCAPES
        .iter()
        .find(|name| plain.contains(**name))
        .copied()
        .or(hides_underscore.then_some("escaped underscores"));
    if let Some(name) = escape {
        inspector.report(
            "template-escape",
            Severity::Critical,
            Verdict::Dangerous,
            span,
            format!("its chat template reaches for `{name}`, by which it leaves Jinja and runs Python: do not load it, and find out where it came from"),
        );
        return;
    }
    let bare = without_strings(&code);
    for (word, what) in ODD {
        if has_word(&bare, word) {
            inspector.report(
                "template-odd",
                Severity::Medium,
                Verdict::Suspicious,
                span.clone(),
                format!("its chat template {what}, which none needs: read it before you load it"),
            );
        }
    }
    if plain.contains("__") && has_dunder(&plain) {
        inspector.report(
            "template-odd",
            Severity::Medium,
            Verdict::Suspicious,
            span,
            "its chat template holds names with two underscores, as used to leave Jinja: read it before you load it".to_owned(),
        );
    }
}

/// What stands in `{{ … }}` and `{% … %}`.
fn code(template: &str) -> String {
    let mut code = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let Some((_, from)) = rest.split_at_checked(at) else {
            break;
        };
        let closing = if from.starts_with("{{") { "}}" } else { "%}" };
        let (inside, after) = match from.get(2..).unwrap_or_default().split_once(closing) {
            Some(parts) => parts,
            None => (from, ""),
        };
        code.push_str(inside);
        code.push('\n');
        rest = after;
    }
    code
}

fn without_strings(code: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut is_escaped = false;
    for c in code.chars() {
        match quote {
            Some(open) => {
                if !is_escaped && c == open {
                    quote = None;
                }
                is_escaped = !is_escaped && c == '\\';
            }
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                out.push(' ');
            }
            None => out.push(c),
        }
    }
    out
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|head| head.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|tail| tail.chars().next());
        let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        // A field of a message may have any name.
        let is_field = before == Some('.');
        !is_inside(before) && !is_field && (word.ends_with(['(', '.']) || !is_inside(after))
    })
}

fn has_dunder(code: &str) -> bool {
    code.match_indices("__").any(|(at, _)| {
        let tail = code.get(at + 2..).unwrap_or_default();
        let name: String = tail.chars().take_while(char::is_ascii_lowercase).collect();
        !name.is_empty() && tail.get(name.len()..).is_some_and(|rest| rest.starts_with("__"))
    })
}
