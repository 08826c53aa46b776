//! The table of both interfaces: which route or call leads to which handler, and who may.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use http::Method;
use http::header::HeaderValue;
use privet_types::KeyScope;

use super::call::{Answer, Call};
use super::refusal::Refusal;
use crate::query::decode;

/// What a handler gives back.
pub(crate) type Handled<'a> = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send + 'a>>;

/// Answers a call that was let in, whose body could be read and whose needed fields are there.
pub(crate) type Handler = for<'a> fn(&'a mut Call) -> Handled<'a>;

/// Which of the two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    /// Databunker's.
    V1,
    /// Databunker Pro's.
    V2,
}

/// What a call needs to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing; the tenant comes from a header.
    NoKey,
    /// A key, whatever it may.
    AnyKey,
    /// A key with this scope.
    Scope(KeyScope),
}

/// One route or call.
pub(crate) struct Entry {
    /// The name in `/v2` of what is done, also where it is done by `/v1`. The log's `eventtype`.
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    /// Whether a token of a subject's own may, on that subject.
    pub(crate) is_for_own_tokens: bool,
    /// Fields that a `/v2` call cannot do without, in the order in which missing ones are named.
    pub(crate) fields: &'static [&'static str],
    /// Whether the body may hold many records.
    pub(crate) is_bulk: bool,
    /// Whether the log is told.
    pub(crate) is_logged: bool,
    pub(crate) handler: Handler,
}

/// All routes and calls.
#[derive(Default)]
pub(crate) struct Table {
    v1: Vec<(Method, Pattern, Entry)>,
    v2: BTreeMap<&'static str, Entry>,
}

/// A path of `/v1`: literal segments, and names in braces. Without the `/v1/` before it.
struct Pattern(Vec<&'static str>);

/// Parameters of a path, decoded.
pub(crate) type Params = Vec<(&'static str, String)>;

impl Table {
    /// A call of `/v2`.
    pub(crate) fn v2(&mut self, entry: Entry) {
        self.v2.insert(entry.name, entry);
    }

    /// `method` on the route `path` of `/v1`, such as `user/{mode}/{identity}`. Of two routes that fit, the one that was
    /// registered first is taken.
    pub(crate) fn v1(&mut self, method: Method, path: &'static str, entry: Entry) {
        self.v1.push((method, Pattern(path.split('/').collect()), entry));
    }

    /// The entry of `method` on the undecoded `path`.
    pub(crate) fn find(
        &self,
        interface: Interface,
        method: &Method,
        path: &str,
    ) -> Result<(&Entry, Params), Refusal> {
        match interface {
            Interface::V2 => {
                let entry = self.v2.get(path).ok_or(Refusal::NoPath)?;
                if *method != Method::POST {
                    return Err(Refusal::WrongMethod(HeaderValue::from_static("POST")));
                }
                Ok((entry, Vec::new()))
            }
            Interface::V1 => self.find_v1(method, path),
        }
    }

    fn find_v1(&self, method: &Method, path: &str) -> Result<(&Entry, Params), Refusal> {
        let mut segments: Vec<&str> = path.split('/').collect();
        if segments.last() == Some(&"") {
            segments.pop();
        }
        let mut allowed: Vec<&str> = Vec::new();
        for (entry_method, pattern, entry) in &self.v1 {
            let Some(found) = pattern.matched(&segments) else {
                continue;
            };
            if entry_method != method {
                allowed.push(entry_method.as_str());
                continue;
            }
            let mut params = Params::new();
            for (name, segment) in found {
                params.push((name, decode(segment, b'+').ok_or(Refusal::NoPath)?));
            }
            return Ok((entry, params));
        }
        if allowed.is_empty() {
            return Err(Refusal::NoPath);
        }
        let allow = HeaderValue::from_str(&allowed.join(", "));
        Err(Refusal::WrongMethod(
            allow.unwrap_or(HeaderValue::from_static("")),
        ))
    }
}

impl Entry {
    /// What `name` does in `/v2`, by a key with `scope`.
    pub(crate) fn new(name: &'static str, scope: KeyScope, handler: Handler) -> Self {
        Self {
            name,
            needs: Needs::Scope(scope),
            is_for_own_tokens: false,
            fields: &[],
            is_bulk: false,
            is_logged: true,
            handler,
        }
    }

    /// Cannot do without `fields`.
    pub(crate) fn fields(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    /// A token of a subject's own may, on that subject.
    pub(crate) fn own(mut self) -> Self {
        self.is_for_own_tokens = true;
        self
    }

    /// Nobody needs a key.
    pub(crate) fn without_key(mut self) -> Self {
        self.needs = Needs::NoKey;
        self
    }

    /// Any key will do.
    pub(crate) fn with_any_key(mut self) -> Self {
        self.needs = Needs::AnyKey;
        self
    }

    /// The body may hold many records.
    pub(crate) fn bulk(mut self) -> Self {
        self.is_bulk = true;
        self
    }

    /// The log is not told.
    pub(crate) fn unlogged(mut self) -> Self {
        self.is_logged = false;
        self
    }
}

impl Pattern {
    /// The segments that stand where the pattern has names.
    fn matched<'a>(&self, segments: &[&'a str]) -> Option<Vec<(&'static str, &'a str)>> {
        if self.0.len() != segments.len() {
            return None;
        }
        let mut found = Vec::new();
        for (part, segment) in self.0.iter().zip(segments) {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) if !segment.is_empty() => found.push((name, *segment)),
                None if part == segment => {}
                _ => return None,
            }
        }
        Some(found)
    }
}
