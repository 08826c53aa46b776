//! Configurations of Keras models: layers that carry code, and classes that are imported by name.
//!
//! # Source
//! Keras documentation, "Serialization utilities" and `safe_mode`; CVE-2024-3660 (Lambda layers), CVE-2025-1550 (modules and
//! functions by name), CVE-2025-49655 (`TorchModuleWrapper`), CVE-2025-12058 (vocabularies from files).

use serde_json::{Map, Value};

use super::inspect::Inspector;
use super::pickle;
use super::report::clip;
use crate::{Severity, Verdict};

/// Packages whose classes Keras finds by itself.
const PACKAGES: [&str; 6] = [
    "keras",
    "tf_keras",
    "tensorflow",
    "keras_hub",
    "keras_nlp",
    "keras_cv",
];

/// Functions of Keras that load, fetch or unlock.
const FUNCTIONS: [&str; 11] = [
    "get_file",
    "load_model",
    "load_weights",
    "load_img",
    "model_from_json",
    "deserialize_keras_object",
    "enable_unsafe_deserialization",
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "save_model",
    "run_script",
];

/// Looks at a configuration; says whether it was one.
pub(super) fn inspect_config(inspector: &mut Inspector<'_>, text: &[u8], at: u64) -> bool {
    match serde_json::from_slice::<Value>(text) {
        Ok(config) => inspect_value(inspector, &config, at),
        Err(_) => {
            inspector.report(
                "damaged",
                Severity::Medium,
                Verdict::Unreadable,
                at..at,
                "its configuration is not JSON, so nothing is known of its layers".to_owned(),
            );
            false
        }
    }
}

/// Looks at a configuration that is parsed already.
pub(super) fn inspect_value(inspector: &mut Inspector<'_>, config: &Value, at: u64) -> bool {
    let mut waiting = vec![config];
    let mut is_config = false;
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => {
                if let Some(class) = fields.get("class_name").and_then(Value::as_str) {
                    is_config = true;
                    object(inspector, class, fields, at);
                }
                waiting.extend(fields.values());
            }
            _ => {}
        }
    }
    if is_config {
        inspector.facts.packages.insert("keras".to_owned());
    }
    is_config
}

fn object(inspector: &mut Inspector<'_>, class: &str, fields: &Map<String, Value>, at: u64) {
    let mut report = |rule, severity, verdict, message: String| {
        inspector.report(rule, severity, verdict, at..at, message);
    };
    let bare = class.rsplit(['>', '.']).next().unwrap_or(class);
    let config = fields.get("config");
    match bare {
        "Lambda" if !is_named_function(config) => report(
            "keras-lambda",
            Severity::Critical,
            Verdict::Dangerous,
            "a Lambda layer carries Python bytecode, which runs when the model is loaded or used: do not load it, and ask for the model without it".to_owned(),
        ),
        "Lambda" => report(
            "keras-lambda",
            Severity::Medium,
            Verdict::Suspicious,
            "a Lambda layer calls a function by its name: load it only if you know the function".to_owned(),
        ),
        "__lambda__" => report(
            "keras-lambda",
            Severity::Critical,
            Verdict::Dangerous,
            "its configuration carries Python bytecode, which runs when the model is loaded: do not load it".to_owned(),
        ),
        "TorchModuleWrapper" => report(
            "keras-nested-pickle",
            Severity::Critical,
            Verdict::Dangerous,
            "a `TorchModuleWrapper` layer loads a pickle that it carries: do not load it".to_owned(),
        ),
        "TFOpLambda" | "TensorFlowOpLayer" | "SlicingOpLambda" => {
            let text = config.map(Value::to_string).unwrap_or_default();
            let reaches_out = [
                "read_file", "write_file", "ReadFile", "WriteFile", "py_func", "PyFunc", "numpy_function", "io.",
            ];
            if let Some(what) = reaches_out.iter().find(|what| text.contains(**what)) {
                report(
                    "keras-operator",
                    Severity::Critical,
                    Verdict::Dangerous,
                    format!("the layer `{bare}` uses `{what}`, which reaches files or Python: do not load it"),
                );
            }
        }
        _ => {}
    }
    if FUNCTIONS.contains(&bare)
        || config
            .and_then(Value::as_str)
            .is_some_and(|name| FUNCTIONS.contains(&name))
    {
        report(
            "keras-function",
            Severity::Critical,
            Verdict::Dangerous,
            format!(
                "its configuration calls `{}`, which reads, fetches or writes files: do not load it",
                clip(bare)
            ),
        );
    }
    if let Some(vocabulary) = config
        .and_then(|config| config.get("vocabulary"))
        .and_then(Value::as_str)
        .filter(|path| path.contains(['/', '\\', ':']))
    {
        report(
            "keras-path",
            Severity::High,
            Verdict::Suspicious,
            format!(
                "the layer `{}` reads its vocabulary from `{}`, outside the model: do not load it unless you know why",
                clip(bare),
                clip(vocabulary)
            ),
        );
    }
    module(inspector, class, bare, fields, at);
}

/// Judges the module that a class is imported from.
fn module(inspector: &mut Inspector<'_>, class: &str, bare: &str, fields: &Map<String, Value>, at: u64) {
    let registered = fields.get("registered_name").and_then(Value::as_str);
    let module = fields.get("module").and_then(Value::as_str);
    let is_own = |module: &str| {
        let package = module.split('.').next().unwrap_or(module);
        PACKAGES.contains(&package)
    };
    match module {
        Some(module) if pickle::is_dangerous_module(module) => {
            let path = clip(&format!("{module}.{class}"));
            inspector.report(
                "keras-module",
                Severity::Critical,
                Verdict::Dangerous,
                at..at,
                format!("its configuration imports `{path}`, which no layer needs: do not load it, and find out where it came from"),
            );
        }
        Some("builtins") if bare == "function" || bare.starts_with("__") => {
            let name = fields
                .get("config")
                .and_then(Value::as_str)
                .unwrap_or("a function");
            inspector.report(
                "keras-custom-class",
                Severity::Medium,
                Verdict::Suspicious,
                at..at,
                format!("its configuration needs the function `{}` of whoever loads it: load it only if you know what it does", clip(name)),
            );
        }
        Some(module) if !is_own(module) => {
            pickle::judge_named(inspector, module, class, "Keras");
        }
        _ if registered.is_some_and(|name| name.contains('>')) || class.contains('>') => {
            inspector.report(
                "keras-custom-class",
                Severity::Medium,
                Verdict::Suspicious,
                at..at,
                format!("its configuration needs the class `{}` of a package of its own: load it only if you trust that package", clip(registered.unwrap_or(class))),
            );
        }
        _ => {}
    }
}

/// A Lambda whose function is written as a name, not as code.
fn is_named_function(config: Option<&Value>) -> bool {
    let Some(config) = config else { return false };
    let kind = config.get("function_type").and_then(Value::as_str);
    matches!(config.get("function"), Some(Value::String(_))) && kind != Some("raw") && kind != Some("lambda")
}
