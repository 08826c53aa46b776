//! What one address of the gateway does with one method.

use http::Method;
use privet_access::Privilege;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Anybody,
    /// A key, or a session where the policies let it.
    Key,
    /// Somebody who has signed in.
    Session,
}

/// What is sent in the body.
#[derive(Clone, Copy)]
enum Sent {
    Nothing,
    Typed(fn(&mut SchemaGenerator) -> Schema),
    /// A shape of `shapes.json`.
    Named(&'static str),
}

/// One operation.
pub(crate) struct Operation {
    pub(super) method: Method,
    /// With `{names}` for parameters.
    pub(super) path: &'static str,
    pub(super) privilege: Option<Privilege>,
    by: By,
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    sent: Sent,
    status: u16,
    /// A shape of `shapes.json`.
    answer: Option<&'static str>,
    media: &'static str,
    /// The shape of refusals.
    refusal: &'static str,
}

impl Operation {
    /// For whoever has `privilege`, by a key.
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        privilege: Privilege,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            privilege: Some(privilege),
            by: By::Key,
            summary,
            query: &[],
            sent: Sent::Nothing,
            status: 204,
            answer: None,
            media: "application/json",
            refusal: "Error",
        }
    }

    /// For anybody.
    pub(crate) fn open(method: Method, path: &'static str, summary: &'static str) -> Self {
        Self {
            privilege: None,
            by: By::Anybody,
            ..Self::new(method, path, Privilege::Prompt, summary)
        }
    }

    /// For whoever comes to sign in.
    pub(crate) fn to_sign_in(method: Method, path: &'static str, summary: &'static str) -> Self {
        Self {
            by: By::Anybody,
            ..Self::new(method, path, Privilege::SignIn, summary)
        }
    }

    /// For somebody who has signed in and has `privilege`.
    pub(crate) fn signed_in(
        method: Method,
        path: &'static str,
        privilege: Privilege,
        summary: &'static str,
    ) -> Self {
        Self {
            by: By::Session,
            ..Self::new(method, path, privilege, summary)
        }
    }

    /// Takes JSON of `T`.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.sent = Sent::Typed(|generator| generator.subschema_for::<T>());
        self
    }

    /// Takes JSON of this shape of `shapes.json`.
    pub(crate) fn takes_shape(mut self, shape: &'static str) -> Self {
        self.sent = Sent::Named(shape);
        self
    }

    /// Answers `status` with JSON of this shape of `shapes.json`.
    pub(crate) fn gives(mut self, status: u16, shape: &'static str) -> Self {
        self.status = status;
        self.answer = Some(shape);
        self
    }

    /// Answers 200 with plain text, and refuses with it.
    pub(crate) fn gives_text(mut self) -> Self {
        self.media = "text/plain";
        self.refusal = "Text";
        self.gives(200, "Text")
    }

    /// Answers `status` with no body.
    pub(crate) fn gives_nothing(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// Refuses as Presidio does.
    pub(crate) fn refuses_as_presidio(mut self) -> Self {
        self.refusal = "PresidioError";
        self
    }

    pub(super) fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let mut operation = Map::new();
        let mut set = |name: &str, value: Value| operation.insert(name.to_owned(), value);
        set("summary", self.summary.into());
        if let Some(privilege) = self.privilege {
            set("x-privet-action", privilege.name().into());
            if let (By::Key, Some(scope)) = (self.by, privilege.scope()) {
                set("x-privet-scope", scope.name().into());
            }
        }
        let security = match self.by {
            By::Anybody => json!([]),
            By::Key => json!([{ "key": [] }, { "session": [] }]),
            By::Session => json!([{ "session": [] }]),
        };
        set("security", security);
        let parameters = self.parameters();
        if !parameters.is_empty() {
            set("parameters", parameters.into());
        }
        let sent = match self.sent {
            Sent::Nothing => None,
            Sent::Typed(shape) => Some(shape(generator).to_value()),
            Sent::Named(shape) => Some(reference(shape)),
        };
        if let Some(schema) = sent {
            let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
            set("requestBody", body);
        }
        set("responses", self.responses());
        Value::Object(operation)
    }

    fn parameters(&self) -> Vec<Value> {
        let names = self.path.split('{').skip(1);
        let names = names.filter_map(|rest| rest.split('}').next());
        let in_path =
            |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
        let mut parameters: Vec<Value> = names.map(in_path).collect();
        parameters.extend(self.query.iter().map(|(name, what)| {
            json!({ "name": name, "in": "query", "description": what, "schema": { "type": "string" } })
        }));
        if self.by == By::Session && self.method != Method::GET {
            parameters.push(json!({
                "name": "x-privet-csrf", "in": "header", "required": true, "schema": { "type": "string" },
                "description": "The `csrf_token` that signing in and `GET /api/v1/me` give.",
            }));
        }
        parameters
    }

    fn responses(&self) -> Value {
        let mut answer = json!({ "description": self.summary });
        if let (Some(shape), Some(answer)) = (self.answer, answer.as_object_mut()) {
            answer.insert(
                "content".to_owned(),
                json!({ self.media: { "schema": reference(shape) } }),
            );
        }
        let refused = json!({
            "description": "Why not; never with a value that was sent or stored.",
            "content": { self.media: { "schema": reference(self.refusal) } },
        });
        json!({ self.status.to_string(): answer, "default": refused })
    }
}

fn reference(shape: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{shape}") })
}
