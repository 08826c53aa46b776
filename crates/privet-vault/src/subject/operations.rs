//! Changes of records as their callers write them: a merge patch, or a list of operations (JSON Patch, RFC 6902).

use std::fmt;

use serde_json::{Map, Value};

use super::record::{MOST_BYTES, Record};
use crate::Error;

/// Most operations of a patch.
const MOST_OPERATIONS: usize = 1000;
/// Deepest nesting that operations may build. Deeper values could not be read again.
const DEEPEST: usize = 128;
/// Most bytes that operations may copy and add, so that copies of copies do not fill the memory.
const MOST_ADDED: usize = 2 * MOST_BYTES;

/// A change of a record. `Debug` shows no value.
#[derive(Clone, PartialEq)]
pub enum RecordChange {
    /// A JSON merge patch (RFC 7396).
    Merge(Value),
    /// The operations of a JSON Patch (RFC 6902): all of them, or none.
    Operations(Vec<Value>),
}

impl RecordChange {
    /// What it makes of `record`.
    ///
    /// # Errors
    /// [`Error::BadRecord`] if a merge patch is no object, or the result is no record; [`Error::BadField`] naming the
    /// operation, from 0, that cannot be done.
    pub fn apply(&self, record: Record) -> Result<Record, Error> {
        match self {
            Self::Merge(patch) => record.patched(patch.clone()),
            Self::Operations(operations) => {
                if operations.len() > MOST_OPERATIONS {
                    return Err(Error::TooMany {
                        what: "operations of a patch",
                        most: MOST_OPERATIONS as u64,
                    });
                }
                let mut work = Work {
                    value: record.into_value(),
                    added: 0,
                };
                for (number, operation) in operations.iter().enumerate() {
                    work.run(operation).map_err(|why| Error::BadField {
                        field: format!("patch[{number}]"),
                        why,
                    })?;
                }
                Record::from_value(work.value)
            }
        }
    }

    /// As it was written: an object, or a list of operations.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Merge(patch) => patch.clone(),
            Self::Operations(operations) => Value::Array(operations.clone()),
        }
    }

    /// What [`to_value`](Self::to_value) gave.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        match value {
            Value::Array(operations) => Self::Operations(operations),
            patch => Self::Merge(patch),
        }
    }
}

impl fmt::Debug for RecordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merge(_) => f.write_str("Merge"),
            Self::Operations(operations) => write!(f, "Operations({})", operations.len()),
        }
    }
}

/// A record while operations are done on it.
struct Work {
    value: Value,
    added: usize,
}

type Done<T = ()> = Result<T, &'static str>;

const MISSING: &str = "its path leads nowhere";
const BAD_INDEX: &str = "its path has a bad index";

impl Work {
    fn run(&mut self, operation: &Value) -> Done {
        let Value::Object(operation) = operation else {
            return Err("an operation is an object");
        };
        let path = pointer(operation, "path")?;
        match text(operation, "op")? {
            "add" => {
                let value = given(operation)?;
                self.count(&value, path.len())?;
                self.add(&path, value)
            }
            "remove" => self.remove(&path).map(|_| ()),
            "replace" => {
                let value = given(operation)?;
                self.count(&value, path.len())?;
                *find_mut(&mut self.value, &path).ok_or(MISSING)? = value;
                Ok(())
            }
            "move" => {
                let from = pointer(operation, "from")?;
                if path.len() > from.len() && path.starts_with(&from) {
                    return Err("nothing can be moved into itself");
                }
                let value = self.remove(&from)?;
                deep_enough(&value, path.len())?;
                self.add(&path, value)
            }
            "copy" => {
                let from = pointer(operation, "from")?;
                let value = find(&self.value, &from).ok_or(MISSING)?.clone();
                self.count(&value, path.len())?;
                self.add(&path, value)
            }
            "test" => {
                let value = given(operation)?;
                let found = find(&self.value, &path).ok_or(MISSING)?;
                is_same(found, &value)
                    .then_some(())
                    .ok_or("what it tests is not so")
            }
            _ => Err("its `op` is add, remove, replace, move, copy or test"),
        }
    }

    fn count(&mut self, value: &Value, above: usize) -> Done {
        deep_enough(value, above)?;
        self.added += value.to_string().len();
        if self.added > MOST_ADDED {
            return Err("the operations add more than a record holds");
        }
        Ok(())
    }

    fn add(&mut self, path: &[String], value: Value) -> Done {
        let Some((last, parent)) = path.split_last() else {
            self.value = value;
            return Ok(());
        };
        match find_mut(&mut self.value, parent).ok_or(MISSING)? {
            Value::Object(fields) => {
                fields.insert(last.clone(), value);
                Ok(())
            }
            Value::Array(items) => {
                let at = match last.as_str() {
                    "-" => items.len(),
                    index => number(index).filter(|at| *at <= items.len()).ok_or(BAD_INDEX)?,
                };
                items.insert(at, value);
                Ok(())
            }
            _ => Err(MISSING),
        }
    }

    fn remove(&mut self, path: &[String]) -> Done<Value> {
        let Some((last, parent)) = path.split_last() else {
            return Err("a record cannot be taken away as a whole");
        };
        match find_mut(&mut self.value, parent).ok_or(MISSING)? {
            Value::Object(fields) => fields.remove(last).ok_or(MISSING),
            Value::Array(items) => {
                let at = number(last).filter(|at| *at < items.len()).ok_or(BAD_INDEX)?;
                Ok(items.remove(at))
            }
            _ => Err(MISSING),
        }
    }
}

fn text<'o>(operation: &'o Map<String, Value>, field: &str) -> Done<&'o str> {
    let value = operation.get(field).and_then(Value::as_str);
    value.ok_or("an operation has `op` and `path`, and `from` to move and copy")
}

fn given(operation: &Map<String, Value>) -> Done<Value> {
    operation.get("value").cloned().ok_or("it has no `value`")
}

/// The parts of a JSON Pointer (RFC 6901).
fn pointer(operation: &Map<String, Value>, field: &str) -> Done<Vec<String>> {
    let text = text(operation, field)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts = text.strip_prefix('/').ok_or("a path begins with `/`")?;
    parts
        .split('/')
        .map(|part| {
            let mut rest = part.split('~');
            let mut name = rest.next().unwrap_or_default().to_owned();
            for escaped in rest {
                let (sign, after) = match escaped.split_at_checked(1) {
                    Some(("0", after)) => ('~', after),
                    Some(("1", after)) => ('/', after),
                    _ => return Err("`~` in a path is followed by 0 or 1"),
                };
                name.push(sign);
                name.push_str(after);
            }
            Ok(name)
        })
        .collect()
}

/// An index of an array: no sign, no leading zero.
fn number(text: &str) -> Option<usize> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}

fn find<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Object(fields) => fields.get(part),
        Value::Array(items) => items.get(number(part)?),
        _ => None,
    })
}

fn find_mut<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Object(fields) => fields.get_mut(part),
        Value::Array(items) => items.get_mut(number(part)?),
        _ => None,
    })
}

/// That `value`, so many levels down, nests no deeper than can be read again.
fn deep_enough(value: &Value, above: usize) -> Done {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
            _ => 0,
        }
    }
    if above > DEEPEST || above + depth(value) > DEEPEST {
        return Err("the result nests too deep");
    }
    Ok(())
}

/// Whether two values are the same, numbers by what they are worth (RFC 6902 §4.6).
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn done(record: Value, operations: Value) -> Result<Value, Error> {
        let change = RecordChange::from_value(operations);
        let record = change.apply(Record::from_value(record).unwrap())?;
        Ok(record.into_value())
    }

    #[test]
    fn the_examples_of_rfc_6902_appendix_a_that_are_objects_hold() {
        let cases = [
            (
                json!({"foo": "bar"}),
                json!([{"op": "add", "path": "/baz", "value": "qux"}]),
                json!({"baz": "qux", "foo": "bar"}),
            ),
            (
                json!({"foo": ["bar", "baz"]}),
                json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
                json!({"foo": ["bar", "qux", "baz"]}),
            ),
            (
                json!({"baz": "qux", "foo": "bar"}),
                json!([{"op": "remove", "path": "/baz"}]),
                json!({"foo": "bar"}),
            ),
            (
                json!({"foo": ["bar", "qux", "baz"]}),
                json!([{"op": "remove", "path": "/foo/1"}]),
                json!({"foo": ["bar", "baz"]}),
            ),
            (
                json!({"baz": "qux", "foo": "bar"}),
                json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
                json!({"baz": "boo", "foo": "bar"}),
            ),
            (
                json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
                json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
                json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
            ),
            (
                json!({"foo": ["all", "grass", "cows", "eat"]}),
                json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
                json!({"foo": ["all", "cows", "eat", "grass"]}),
            ),
            (
                json!({"baz": "qux", "foo": ["a", 2, "c"]}),
                json!([
                    {"op": "test", "path": "/baz", "value": "qux"},
                    {"op": "test", "path": "/foo/1", "value": 2.0}
                ]),
                json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            ),
            (
                json!({"foo": "bar"}),
                json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}, "xyz": 1}]),
                json!({"foo": "bar", "child": {"grandchild": {}}}),
            ),
            (
                json!({"/": 9, "~1": 10}),
                json!([{"op": "test", "path": "/~01", "value": 10}, {"op": "copy", "from": "/~1", "path": "/s"}]),
                json!({"/": 9, "~1": 10, "s": 9}),
            ),
            (
                json!({"foo": ["bar"]}),
                json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
                json!({"foo": ["bar", ["abc", "def"]]}),
            ),
        ];
        for (record, operations, result) in cases {
            assert_eq!(done(record, operations.clone()).unwrap(), result, "{operations}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_told_by_its_number() {
        let bad = [
            json!({"op": "test", "path": "/foo", "value": "hush"}),
            json!({"op": "add", "path": "/none/x", "value": 1}),
            json!({"op": "add", "path": "/list/7", "value": 1}),
            json!({"op": "add", "path": "/list/01", "value": 1}),
            json!({"op": "remove", "path": "/none"}),
            json!({"op": "remove", "path": ""}),
            json!({"op": "replace", "path": "/none", "value": 1}),
            json!({"op": "move", "from": "/list", "path": "/list/0"}),
            json!({"op": "copy", "from": "/none", "path": "/x"}),
            json!({"op": "add", "path": "/x"}),
            json!({"op": "add", "path": "x", "value": 1}),
            json!({"op": "add", "path": "/~2", "value": 1}),
            json!({"op": "replicate", "path": "/x", "value": 1}),
            json!({"path": "/x", "value": 1}),
            json!("add"),
        ];
        for operation in bad {
            let first = json!({"op": "add", "path": "/more", "value": 1});
            let error = done(json!({"foo": "bar", "list": [1]}), json!([first, operation])).unwrap_err();
            assert!(
                matches!(&error, Error::BadField { field, .. } if field == "patch[1]"),
                "{operation}"
            );
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[test]
    fn the_result_must_be_a_record() {
        let list = json!([{"op": "add", "path": "", "value": [1]}]);
        assert!(matches!(
            done(json!({"a": 1}), list),
            Err(Error::BadRecord { .. })
        ));
    }

    #[test]
    fn copies_of_copies_end_before_they_fill_the_memory_or_the_stack() {
        let wide = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let operations = Value::Array(vec![wide; 100]);
        assert!(done(json!({"a": ["0123456789"]}), operations).is_err());
        let deep = json!({"op": "copy", "from": "", "path": "/a"});
        let operations = Value::Array(vec![deep; 200]);
        assert!(done(json!({"a": 1}), operations).is_err());
        let many = json!({"op": "test", "path": "/a", "value": 1});
        let operations = Value::Array(vec![many; 1001]);
        assert!(matches!(
            done(json!({"a": 1}), operations),
            Err(Error::TooMany { .. })
        ));
    }

    proptest! {
        #[test]
        fn adding_and_removing_a_field_changes_nothing(
            fields in prop::collection::btree_map("[a-c/~]{1,3}", any::<i32>(), 0..5),
            name in "[d-f/~]{4}",
        ) {
            let record = Value::Object(fields.into_iter().map(|(name, value)| (name, value.into())).collect());
            let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let operations = json!([
                {"op": "add", "path": path, "value": 1},
                {"op": "test", "path": path, "value": 1},
                {"op": "remove", "path": path},
            ]);
            prop_assert_eq!(done(record.clone(), operations).unwrap(), record);
        }
    }
}
