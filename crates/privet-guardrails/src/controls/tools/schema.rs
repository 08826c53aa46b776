//! A strict subset of JSON Schema, draft 2020-12: what tools describe their arguments with. A keyword that is not known here is
//! refused when the schema is read, not passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use privet_types::Budget;
use regex::Regex;
use serde_json::{Map, Value};

use crate::controls::{Control, Error};

/// Rules of one schema.
const MOST_NODES: usize = 4096;
/// How deep a value is followed, through references too.
const MOST_DEPTH: usize = 128;

/// A schema, ready to be held against values.
#[derive(Debug, Clone)]
pub struct Schema {
    nodes: Vec<Node>,
}

/// Where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    /// The JSON Pointer (RFC 6901) of the place in the value.
    pub pointer: String,
    /// The keyword of the schema that it does not fit.
    pub keyword: &'static str,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// A schema that nothing fits.
    is_never: bool,
    types: Option<BTreeSet<String>>,
    one_of_values: Option<Vec<Value>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    above: Option<f64>,
    below: Option<f64>,
    multiple_of: Option<f64>,
    least_length: Option<u64>,
    most_length: Option<u64>,
    pattern: Option<Regex>,
    format: Option<Format>,
    items: Option<usize>,
    first_items: Vec<usize>,
    contains: Option<usize>,
    least_items: Option<u64>,
    most_items: Option<u64>,
    has_unique_items: bool,
    properties: BTreeMap<String, usize>,
    patterns: Vec<(Regex, usize)>,
    other_properties: Option<usize>,
    property_names: Option<usize>,
    required: Vec<String>,
    least_properties: Option<u64>,
    most_properties: Option<u64>,
    all_of: Vec<usize>,
    any_of: Vec<usize>,
    one_of: Vec<usize>,
    not: Option<usize>,
    reference: Option<usize>,
    /// What this node stands for, if it was made for a reference.
    is_for: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Date,
    DateTime,
    Email,
    Ipv4,
    Ipv6,
    Uri,
    Uuid,
}

/// What says nothing about values.
const NOTES: &[&str] = &[
    "$comment",
    "$defs",
    "$schema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "example",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`Error::Config`] with the place of what is not understood.
    ///
    /// ```
    /// use privet_guardrails::controls::Schema;
    /// use privet_types::Budget;
    /// let schema = Schema::new(&serde_json::json!({
    ///     "type": "object", "required": ["to"], "additionalProperties": false,
    ///     "properties": { "to": { "type": "string", "format": "email" } },
    /// }))?;
    /// let fault = schema.check(&serde_json::json!({ "to": "nobody" }), &Budget::unlimited())?.unwrap();
    /// assert_eq!((fault.pointer.as_str(), fault.keyword), ("/to", "format"));
    /// # Ok::<(), privet_guardrails::controls::Error>(())
    /// ```
    pub fn new(schema: &Value) -> Result<Self, Error> {
        let mut reading = Reading {
            root: schema,
            nodes: Vec::new(),
            references: BTreeMap::new(),
        };
        reading.node(schema, "#")?;
        while let Some((path, at)) = reading.references.iter().find_map(|(path, node)| match node {
            Target::Wanted(at) => Some((path.clone(), *at)),
            Target::Read => None,
        }) {
            reading.references.insert(path.clone(), Target::Read);
            let pointer = path.strip_prefix('#').unwrap_or(&path);
            let target = schema
                .pointer(pointer)
                .ok_or_else(|| fault(&path, "leads nowhere: references start with `#/$defs/`"))?;
            let read = reading.node(target, &path)?;
            if let Some(node) = reading.nodes.get_mut(at) {
                node.reference = Some(read);
            }
        }
        Ok(Self { nodes: reading.nodes })
    }

    /// The first place at which `value` does not fit; `None` if it fits. One work unit for each rule that is tried.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub fn check(&self, value: &Value, budget: &Budget) -> Result<Option<SchemaFault>, Error> {
        let checking = Checking { schema: self, budget };
        checking.node(0, value, &mut Vec::new(), 0)
    }
}

fn fault(path: &str, problem: &str) -> Error {
    Error::config(Control::Tools, format!("arguments {path}"), problem)
}

/// What became of a schema that is referred to.
enum Target {
    /// The node that stands for it.
    Wanted(usize),
    Read,
}

struct Reading<'s> {
    root: &'s Value,
    nodes: Vec<Node>,
    references: BTreeMap<String, Target>,
}

impl Reading<'_> {
    fn node(&mut self, schema: &Value, path: &str) -> Result<usize, Error> {
        let at = self.nodes.len();
        if at >= MOST_NODES || path.matches('/').count() > 2 * MOST_DEPTH {
            return Err(fault(path, "is too large: use at most 4,096 schemas, 128 deep"));
        }
        self.nodes.push(Node::default());
        let mut node = Node::default();
        match schema {
            Value::Bool(fits) => node.is_never = !fits,
            Value::Object(keywords) => {
                for (keyword, value) in keywords {
                    self.keyword(&mut node, keyword, value, path)?;
                }
            }
            _ => return Err(fault(path, "is no schema: use an object, `true` or `false`")),
        }
        if let Some(place) = self.nodes.get_mut(at) {
            *place = node;
        }
        Ok(at)
    }

    fn keyword(&mut self, node: &mut Node, keyword: &str, value: &Value, path: &str) -> Result<(), Error> {
        let here = format!("{path}/{keyword}");
        let bad = |problem: &str| fault(&here, problem);
        let number = || value.as_f64().ok_or_else(|| bad("use a number"));
        let count = || value.as_u64().ok_or_else(|| bad("use a whole number, 0 or more"));
        match keyword {
            "type" => node.types = Some(types(value).ok_or_else(|| bad("use names of JSON types"))?),
            "enum" => node.one_of_values = Some(value.as_array().ok_or_else(|| bad("use a list"))?.clone()),
            "const" => node.one_of_values = Some(vec![value.clone()]),
            "minimum" => node.minimum = Some(number()?),
            "maximum" => node.maximum = Some(number()?),
            "exclusiveMinimum" => node.above = Some(number()?),
            "exclusiveMaximum" => node.below = Some(number()?),
            "multipleOf" => {
                node.multiple_of = Some(
                    Some(number()?)
                        .filter(|n| *n > 0.0)
                        .ok_or_else(|| bad("use a number above 0"))?,
                );
            }
            "minLength" => node.least_length = Some(count()?),
            "maxLength" => node.most_length = Some(count()?),
            "minItems" => node.least_items = Some(count()?),
            "maxItems" => node.most_items = Some(count()?),
            "minProperties" => node.least_properties = Some(count()?),
            "maxProperties" => node.most_properties = Some(count()?),
            "pattern" => node.pattern = Some(pattern(value.as_str(), &here)?),
            "format" => {
                node.format = Some(format(value.as_str()).ok_or_else(|| {
                    bad("use `date`, `date-time`, `email`, `ipv4`, `ipv6`, `uri` or `uuid`, or a `pattern`")
                })?);
            }
            "uniqueItems" => {
                node.has_unique_items = value.as_bool().ok_or_else(|| bad("use `true` or `false`"))?;
            }
            "items" => node.items = Some(self.node(value, &here)?),
            "contains" => node.contains = Some(self.node(value, &here)?),
            "propertyNames" => node.property_names = Some(self.node(value, &here)?),
            "additionalProperties" => node.other_properties = Some(self.node(value, &here)?),
            "not" => node.not = Some(self.node(value, &here)?),
            "prefixItems" => node.first_items = self.list(value, &here)?,
            "allOf" => node.all_of = self.list(value, &here)?,
            "anyOf" => node.any_of = self.list(value, &here)?,
            "oneOf" => node.one_of = self.list(value, &here)?,
            "required" => {
                let names = value.as_array().ok_or_else(|| bad("use a list of names"))?;
                let name = |name: &Value| {
                    name.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| bad("use a list of names"))
                };
                node.required = names.iter().map(name).collect::<Result<_, _>>()?;
            }
            "properties" => {
                for (name, schema) in object(value, &here)? {
                    node.properties
                        .insert(name.clone(), self.node(schema, &format!("{here}/{name}"))?);
                }
            }
            "patternProperties" => {
                for (name, schema) in object(value, &here)? {
                    let name = pattern(Some(name), &here)?;
                    node.patterns.push((name, self.node(schema, &here)?));
                }
            }
            "$ref" => {
                let target = value.as_str().filter(|target| target.starts_with('#'));
                let target = target.ok_or_else(|| bad("use a reference into this schema, `#/$defs/NAME`"))?;
                node.reference = Some(self.refer(target)?);
            }
            _ if NOTES.contains(&keyword) => {}
            _ => {
                return Err(bad(
                    "is a keyword that is not understood: leave it out, or say it otherwise",
                ));
            }
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, path: &str) -> Result<Vec<usize>, Error> {
        let list = value.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| fault(path, "use a list of schemas"))?;
        list.iter().map(|schema| self.node(schema, path)).collect()
    }

    /// The node that stands for what is referred to; it is read later, once.
    fn refer(&mut self, target: &str) -> Result<usize, Error> {
        if target == "#" && self.root.is_object() {
            return Ok(0);
        }
        let known = self
            .nodes
            .iter()
            .position(|node| node.is_for.as_deref() == Some(target));
        if let Some(at) = known {
            return Ok(at);
        }
        let at = self.nodes.len();
        self.nodes.push(Node {
            is_for: Some(target.to_owned()),
            ..Node::default()
        });
        self.references.insert(target.to_owned(), Target::Wanted(at));
        Ok(at)
    }
}

fn object<'v>(value: &'v Value, path: &str) -> Result<&'v Map<String, Value>, Error> {
    value
        .as_object()
        .ok_or_else(|| fault(path, "use an object of schemas"))
}

fn types(value: &Value) -> Option<BTreeSet<String>> {
    let known = [
        "array", "boolean", "integer", "null", "number", "object", "string",
    ];
    let name = |value: &Value| {
        value
            .as_str()
            .filter(|name| known.contains(name))
            .map(str::to_owned)
    };
    match value {
        Value::Array(names) => names.iter().map(name).collect(),
        name_of_one => Some(BTreeSet::from([name(name_of_one)?])),
    }
}

fn pattern(value: Option<&str>, path: &str) -> Result<Regex, Error> {
    let text = value.ok_or_else(|| fault(path, "use a regular expression"))?;
    Regex::new(text).map_err(|_| {
        fault(
            path,
            "is no regular expression without look-around and back-references",
        )
    })
}

fn format(name: Option<&str>) -> Option<Format> {
    Some(match name? {
        "date" => Format::Date,
        "date-time" => Format::DateTime,
        "email" => Format::Email,
        "ipv4" => Format::Ipv4,
        "ipv6" => Format::Ipv6,
        "uri" => Format::Uri,
        "uuid" => Format::Uuid,
        _ => return None,
    })
}

struct Checking<'s> {
    schema: &'s Schema,
    budget: &'s Budget,
}

type Fault = Result<Option<SchemaFault>, Error>;

fn at(path: &[String], keyword: &'static str) -> Fault {
    let escaped = path
        .iter()
        .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")));
    Ok(Some(SchemaFault {
        pointer: escaped.collect(),
        keyword,
    }))
}

impl Checking<'_> {
    fn node(&self, index: usize, value: &Value, path: &mut Vec<String>, depth: usize) -> Fault {
        self.budget.charge(1)?;
        let Some(node) = self.schema.nodes.get(index).filter(|_| depth < MOST_DEPTH) else {
            return at(path, "$ref");
        };
        if node.is_never {
            return at(path, "false");
        }
        if node
            .types
            .as_ref()
            .is_some_and(|types| !types.iter().any(|name| is_of(value, name)))
        {
            return at(path, "type");
        }
        if node
            .one_of_values
            .as_ref()
            .is_some_and(|all| !all.iter().any(|one| is_equal(one, value)))
        {
            return at(path, "enum");
        }
        let keyword = match value {
            Value::Number(number) => number.as_f64().and_then(|number| self.number(node, number)),
            Value::String(text) => self.text(node, text)?,
            _ => None,
        };
        if let Some(keyword) = keyword {
            return at(path, keyword);
        }
        let inside = match value {
            Value::Array(items) => self.items(node, items, path, depth)?,
            Value::Object(entries) => self.entries(node, entries, path, depth)?,
            _ => None,
        };
        if inside.is_some() {
            return Ok(inside);
        }
        self.combined(node, value, path, depth)
    }

    fn combined(&self, node: &Node, value: &Value, path: &mut Vec<String>, depth: usize) -> Fault {
        for part in node.all_of.iter().chain(&node.reference) {
            let fault = self.node(*part, value, path, depth + 1)?;
            if fault.is_some() {
                return Ok(fault);
            }
        }
        let fitting = |parts: &[usize], path: &mut Vec<String>| -> Result<usize, Error> {
            let mut count = 0;
            for part in parts {
                count += usize::from(self.node(*part, value, path, depth + 1)?.is_none());
            }
            Ok(count)
        };
        if !node.any_of.is_empty() && fitting(&node.any_of, path)? == 0 {
            return at(path, "anyOf");
        }
        if !node.one_of.is_empty() && fitting(&node.one_of, path)? != 1 {
            return at(path, "oneOf");
        }
        if let Some(not) = node.not
            && fitting(&[not], path)? > 0
        {
            return at(path, "not");
        }
        Ok(None)
    }

    fn number(&self, node: &Node, number: f64) -> Option<&'static str> {
        let is_multiple = |of: f64| {
            let times = number / of;
            (times - times.round()).abs() < 1e-9
        };
        [
            (node.minimum.is_some_and(|least| number < least), "minimum"),
            (node.maximum.is_some_and(|most| number > most), "maximum"),
            (
                node.above.is_some_and(|bound| number <= bound),
                "exclusiveMinimum",
            ),
            (
                node.below.is_some_and(|bound| number >= bound),
                "exclusiveMaximum",
            ),
            (node.multiple_of.is_some_and(|of| !is_multiple(of)), "multipleOf"),
        ]
        .into_iter()
        .find_map(|(is_off, keyword)| is_off.then_some(keyword))
    }

    fn text(&self, node: &Node, text: &str) -> Result<Option<&'static str>, Error> {
        self.budget.charge(text.len() as u64)?;
        let length = text.chars().count() as u64;
        Ok([
            (node.least_length.is_some_and(|least| length < least), "minLength"),
            (node.most_length.is_some_and(|most| length > most), "maxLength"),
            (
                node.pattern
                    .as_ref()
                    .is_some_and(|pattern| !pattern.is_match(text)),
                "pattern",
            ),
            (
                node.format.is_some_and(|format| !has_format(text, format)),
                "format",
            ),
        ]
        .into_iter()
        .find_map(|(is_off, keyword)| is_off.then_some(keyword)))
    }

    fn items(&self, node: &Node, items: &[Value], path: &mut Vec<String>, depth: usize) -> Fault {
        let length = items.len() as u64;
        if node.least_items.is_some_and(|least| length < least) {
            return at(path, "minItems");
        }
        if node.most_items.is_some_and(|most| length > most) {
            return at(path, "maxItems");
        }
        if node.has_unique_items {
            for (index, item) in items.iter().enumerate() {
                self.budget.charge(index as u64)?;
                if items.iter().take(index).any(|other| is_equal(other, item)) {
                    return at(path, "uniqueItems");
                }
            }
        }
        let mut contains = node.contains.is_none();
        for (index, item) in items.iter().enumerate() {
            path.push(index.to_string());
            let schema = node.first_items.get(index).copied().or(node.items);
            let fault = match schema {
                Some(schema) => self.node(schema, item, path, depth + 1)?,
                None => None,
            };
            if let Some(wanted) = node.contains {
                contains |= self.node(wanted, item, path, depth + 1)?.is_none();
            }
            path.pop();
            if fault.is_some() {
                return Ok(fault);
            }
        }
        if contains { Ok(None) } else { at(path, "contains") }
    }

    fn entries(
        &self,
        node: &Node,
        entries: &Map<String, Value>,
        path: &mut Vec<String>,
        depth: usize,
    ) -> Fault {
        let length = entries.len() as u64;
        if node.least_properties.is_some_and(|least| length < least) {
            return at(path, "minProperties");
        }
        if node.most_properties.is_some_and(|most| length > most) {
            return at(path, "maxProperties");
        }
        if node.required.iter().any(|name| !entries.contains_key(name)) {
            return at(path, "required");
        }
        for (name, value) in entries {
            path.push(name.clone());
            let named = node.properties.get(name).copied();
            let matching = node.patterns.iter().filter(|(pattern, _)| pattern.is_match(name));
            let mut schemas: Vec<usize> = named
                .into_iter()
                .chain(matching.map(|(_, schema)| *schema))
                .collect();
            if schemas.is_empty() {
                schemas.extend(node.other_properties);
            }
            for schema in schemas {
                let fault = self.node(schema, value, path, depth + 1)?;
                if fault.is_some() {
                    path.pop();
                    return Ok(fault);
                }
            }
            if let Some(names) = node.property_names
                && self
                    .node(names, &Value::String(name.clone()), path, depth + 1)?
                    .is_some()
            {
                path.pop();
                return at(path, "propertyNames");
            }
            path.pop();
        }
        Ok(None)
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
        Value::Number(number) => {
            let is_whole =
                number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0);
            name == "number" || (name == "integer" && is_whole)
        }
    }
}

/// Equal as JSON Schema has it: numbers by what they are worth.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| is_equal(a, b)))
        }
        _ => a == b,
    }
}

fn has_format(text: &str, format: Format) -> bool {
    match format {
        Format::Date => is_date(text),
        Format::DateTime => text
            .split_once(['T', 't'])
            .is_some_and(|(date, time)| is_date(date) && is_time(time)),
        Format::Email => text.split_once('@').is_some_and(|(name, host)| {
            let is_plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
            let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
            let has_dot = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
            !name.is_empty() && name.chars().all(is_plain) && has_dot && host.chars().all(is_host)
        }),
        Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
        Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
        Format::Uri => url::Url::parse(text).is_ok() && !text.chars().any(char::is_whitespace),
        Format::Uuid => {
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        }
    }
}

/// A full date of RFC 3339.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// A full time of RFC 3339: with fractions, and with a zone.
fn is_time(text: &str) -> bool {
    let zone = text.find(['Z', 'z', '+', '-']);
    let Some((time, zone)) = zone.and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else {
        return false;
    };
    let fits = |part: &str, most: u32| digits(part, 2).is_some_and(|n| n <= most);
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let is_zone = match zone.split_at_checked(1) {
        Some(("Z" | "z", "")) => true,
        Some((_, offset)) => offset
            .split_once(':')
            .is_some_and(|(h, m)| fits(h, 23) && fits(m, 59)),
        None => false,
    };
    fits(hour, 23) && fits(minute, 59) && fits(second, 60) && is_fraction && is_zone
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let is_number = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
