//! Holds JSON against the part of JSON Schema that the committed schemas use. A keyword that is not known here is a mistake.

use serde_json::{Map, Value};

/// What is wrong with `value`; nothing if it is as `schema` wants it.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    against(schema, schema, value, "$")
}

fn against(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else {
        return match schema.as_bool() {
            Some(true) => Ok(()),
            _ => Err(format!("{at}: nothing is allowed here")),
        };
    };
    for (keyword, rule) in rules {
        one(root, rules, (keyword, rule), value, at)?;
    }
    Ok(())
}

fn one(
    root: &Value,
    rules: &Map<String, Value>,
    (keyword, rule): (&str, &Value),
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let list = || rule.as_array().cloned().unwrap_or_default();
    let fits = |schema: &Value| against(root, schema, value, at).is_ok();
    let is_right = match keyword {
        "$ref" => {
            let path = rule.as_str().and_then(|path| path.strip_prefix('#'));
            let target = path
                .and_then(|path| root.pointer(path))
                .ok_or("a reference leads nowhere")?;
            return against(root, target, value, at);
        }
        "type" => match rule {
            Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
            kind => is_of(kind, value),
        },
        "enum" => list().contains(value),
        "const" => rule == value,
        "anyOf" => list().iter().any(fits),
        "oneOf" => list().iter().filter(|schema| fits(schema)).count() == 1,
        "allOf" => list().iter().all(fits),
        "minimum" => value
            .as_f64()
            .is_none_or(|number| rule.as_f64().is_some_and(|least| number >= least)),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| rule.as_f64().is_some_and(|most| number <= most)),
        "required" => value.as_object().is_none_or(|fields| {
            list()
                .iter()
                .all(|name| name.as_str().is_some_and(|name| fields.contains_key(name)))
        }),
        "properties" => {
            for (name, schema) in rule.as_object().into_iter().flatten() {
                if let Some(value) = value.get(name) {
                    against(root, schema, value, &format!("{at}.{name}"))?;
                }
            }
            true
        }
        "additionalProperties" => {
            let known = rules.get("properties").and_then(Value::as_object);
            for (name, value) in value.as_object().into_iter().flatten() {
                if known.is_none_or(|known| !known.contains_key(name)) {
                    against(root, rule, value, &format!("{at}.{name}"))?;
                }
            }
            true
        }
        "items" => {
            for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                against(root, rule, value, &format!("{at}[{number}]"))?;
            }
            true
        }
        "$defs" | "$schema" | "$id" | "title" | "description" | "default" | "format" | "examples" => true,
        other => return Err(format!("{at}: the keyword `{other}` is not known to this test")),
    };
    if is_right {
        Ok(())
    } else {
        Err(format!("{at}: {keyword} {rule} does not hold"))
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        _ => false,
    }
}

#[test]
fn what_does_not_fit_a_schema_is_told() {
    use serde_json::json;
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "$ref": "#/$defs/few" }, "b": { "type": ["string", "null"] } },
        "$defs": { "few": { "type": "array", "items": { "enum": [1, 2] } } },
    });
    check(&schema, &json!({ "a": [1, 2], "b": null })).unwrap();
    for wrong in [
        json!([]),
        json!({}),
        json!({ "a": [3] }),
        json!({ "a": [], "b": 1 }),
        json!({ "a": [], "c": 1 }),
    ] {
        assert!(check(&schema, &wrong).is_err(), "{wrong}");
    }
    assert!(check(&json!({ "pattern": "a" }), &json!("a")).is_err());
}
