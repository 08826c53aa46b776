//! Skops archives: a JSON tree that says which classes to build.
//!
//! # Source
//! skops documentation, "Secure persistence with skops"; CVE-2025-54412, CVE-2025-54413 and CVE-2025-54886.

use serde_json::Value;

use super::inspect::Inspector;
use super::pickle;

/// Looks at `schema.json`.
pub(super) fn inspect_schema(inspector: &mut Inspector<'_>, text: &[u8]) {
    let Ok(schema) = serde_json::from_slice::<Value>(text) else {
        inspector.report(
            "damaged",
            crate::Severity::Medium,
            crate::Verdict::Unreadable,
            0..0,
            "its schema is not JSON, so nothing is known of what it builds".to_owned(),
        );
        return;
    };
    let mut waiting = vec![&schema];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => {
                let text = |key: &str| fields.get(key).and_then(Value::as_str);
                for (module, name) in [("__module__", "__class__"), ("module_path", "function")] {
                    if let (Some(module), Some(name)) = (text(module), text(name))
                        && !is_plain(module, name)
                    {
                        pickle::judge_named(inspector, module, name, "skops");
                    }
                }
                // The attribute that a method node takes from its object.
                if text("__loader__") == Some("MethodNode")
                    && let Some(name) = fields
                        .get("content")
                        .and_then(|content| content.get("func"))
                        .and_then(Value::as_str)
                {
                    pickle::judge_attribute(inspector, name);
                }
                waiting.extend(fields.values());
            }
            _ => {}
        }
    }
}

/// Kinds of nodes that name no class of their own.
fn is_plain(module: &str, name: &str) -> bool {
    matches!(
        (module, name),
        (
            "builtins",
            "method" | "function" | "type" | "NoneType" | "builtin_function_or_method"
        ) | ("types", "MethodType")
            | ("numpy", "ufunc")
            | ("operator", "itemgetter")
    )
}
