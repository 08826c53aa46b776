//! Single messages on their way: what a client sends, what a server says. Pure work over bytes, for the pool.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use privet_crypto::HashKey;
use privet_guardrails::gate::Approvals;
use privet_pii::{Pair, SurrogateMap, UrlAllow};
use privet_policy::{McpArguments, McpChangedTools, McpRequests, McpThing, NotCleared, Protecting};
use privet_surface::json::{JsonError, Kind, Value};
use privet_surface::mcp::{BadMessage, Message, MessageKind, canonical};
use privet_surface::{DetectionMemory, Refusal, Restoration, RestoreConfig};
use privet_types::{Action, Budget, Entity, RoleName, SurfaceKind, TenantId};

use super::record::Found;
use super::rules;
use super::upstream::Server;
use crate::gateway::Gateway;
use crate::guard::Hits;
use crate::problem::Problem;

/// Most tools of one list.
const MOST_TOOLS: usize = 1_024;
/// Longest name of a tool.
const LONGEST_NAME: usize = 128;
/// Most arguments of a call that headers may repeat.
const MOST_ARGUMENTS: usize = 256;
/// Longest argument that headers may repeat.
const LONGEST_ARGUMENT: usize = 1_024;

/// Who speaks with which server.
#[derive(Clone)]
pub(super) struct Between {
    pub(super) gateway: Arc<Gateway>,
    pub(super) server: Arc<Server>,
    pub(super) tenant: TenantId,
    pub(super) principal: String,
    pub(super) key: Arc<HashKey>,
    pub(super) hashes: Arc<HashKey>,
    pub(super) memory: DetectionMemory,
}

/// A message of a client's that may go on.
pub(super) struct Outgoing {
    pub(super) kind: MessageKind,
    /// The tool, prompt or resource that it names, as the client wrote it.
    pub(super) named: Option<(McpThing, String)>,
    pub(super) body: Vec<u8>,
    /// `params.name` or `params.uri` of what goes on.
    pub(super) sent_name: Option<String>,
    /// Texts, numbers and truth values among the arguments of what goes on.
    pub(super) arguments: BTreeSet<String>,
    pub(super) is_as_it_came: bool,
    pub(super) counts: BTreeMap<Entity, u32>,
    pub(super) masked: usize,
    pub(super) request_hash: String,
    pub(super) sent_hash: String,
}

/// What becomes of a message of a server's.
pub(super) enum Incoming {
    /// It goes on to the client.
    Passed(Passed),
    /// The server is told this, and the client nothing.
    Answered(String),
}

/// A message of a server's that may go on.
pub(super) struct Passed {
    pub(super) body: Vec<u8>,
    pub(super) kind: MessageKind,
    pub(super) found: Found,
    pub(super) masked: usize,
    /// What guardrails did about it, if they found anything.
    pub(super) guarded: Option<Action>,
    pub(super) request_hash: String,
    pub(super) sent_hash: String,
}

/// Why a message of a server's is held back.
pub(super) struct Held {
    /// The number of the request it answers, as it was written.
    pub(super) id: Option<String>,
    pub(super) problem: Problem,
}

fn refused(refusal: Refusal) -> Problem {
    Problem::NotCleared(NotCleared::Refused { refusal, model: None })
}

pub(super) fn bad_message(error: BadMessage) -> Problem {
    match error {
        BadMessage::Json(error) => refused(Refusal::Json(error)),
        other => Problem::coded(http::StatusCode::BAD_REQUEST, "bad_message", other.to_string()),
    }
}

fn forbidden(code: &'static str, text: &str) -> Problem {
    Problem::coded(http::StatusCode::FORBIDDEN, code, text)
}

impl Between {
    /// Reads, checks and treats what a client sends.
    pub(super) fn outgoing(
        &self,
        body: &[u8],
        budget: &Budget,
    ) -> Result<Outgoing, (Option<String>, Problem)> {
        let message = Message::parse(body, budget).map_err(|error| (None, bad_message(error)))?;
        let id = match message.kind() {
            MessageKind::Request { id, .. } => Some(id.clone()),
            _ => None,
        };
        self.treated(body, &message, budget)
            .map_err(|problem| (id, problem))
    }

    fn treated(&self, body: &[u8], message: &Message<'_>, budget: &Budget) -> Result<Outgoing, Problem> {
        let settings = &self.server.settings;
        match message.kind() {
            MessageKind::Request { method, .. } if !rules::is_request(method) => {
                return Err(Problem::coded(
                    http::StatusCode::NOT_FOUND,
                    "method_not_found",
                    "this method is none of the Model Context Protocol's that Privet passes on",
                ));
            }
            MessageKind::Notification { method } if !rules::is_notification(method) => {
                return Err(Problem::coded(
                    http::StatusCode::BAD_REQUEST,
                    "method_not_found",
                    "this notification is none of the Model Context Protocol's that Privet passes on",
                ));
            }
            MessageKind::Response { .. } if settings.requests == McpRequests::Refuse => {
                return Err(Problem::coded(
                    http::StatusCode::BAD_REQUEST,
                    "nothing_asked",
                    "nothing was asked of this client: the server may not ask its clients (`requests` in the settings)",
                ));
            }
            _ => {}
        }
        let named = rules::named(message);
        if let Some((thing, name)) = &named {
            if !settings.allows(*thing, name) {
                let text = "this tool, resource or prompt is not allowed here; the list shows those that are";
                return Err(forbidden("tool_not_allowed", text));
            }
            if *thing == McpThing::Tool && settings.changed_tools == McpChangedTools::Block {
                match self.server.has_changed(&self.tenant, name) {
                    Some(false) => {}
                    Some(true) => {
                        return Err(forbidden(
                            "tool_changed",
                            "this tool describes itself otherwise than when it was first seen, and is held back until an administrator accepts it (`privet mcp accept`)",
                        ));
                    }
                    None => {
                        return Err(Problem::coded(
                            http::StatusCode::SERVICE_UNAVAILABLE,
                            "tools_unknown",
                            "it is not known yet whether this tool has changed; try again in a moment",
                        ));
                    }
                }
            }
        }
        let stripped = self.without_capabilities(message);
        let reread = stripped
            .as_deref()
            .map(|stripped| Message::parse(stripped, budget).map_err(bad_message))
            .transpose()?;
        let (message, plain) = match (&reread, &stripped) {
            (Some(message), Some(stripped)) => (message, stripped.as_slice()),
            _ => (message, body),
        };
        let now = Instant::now();
        let known = self.gateway.recall_of(&self.tenant, &self.principal);
        let (mut counts, mut masked) = (BTreeMap::new(), 0);
        let mut out = match settings.arguments {
            McpArguments::Pass => plain.to_vec(),
            McpArguments::Restore => match known {
                None => plain.to_vec(),
                Some(known) => restored(&known, plain, budget)?,
            },
            McpArguments::Mask => {
                let done = self
                    .gateway
                    .policy
                    .mask_message(message, self.protecting(known.as_deref()), budget)
                    .map_err(refused)?;
                counts.clone_from(&done.counts);
                masked = done.replaced.len();
                self.remember(done.map.made(), None);
                // What the server said itself it may be asked for again.
                if message.at(&["params", "uri"]).is_some() {
                    let caller = (&self.tenant, self.principal.as_str());
                    let its_own = self.gateway.recall.said_by(caller, &self.server.name, now);
                    with_own_address(its_own, done.body, budget)?
                } else {
                    done.body
                }
            }
        };
        let sent = Message::parse(&out, budget).map_err(bad_message)?;
        let sent_name = sent
            .param("name")
            .or_else(|| sent.param("uri"))
            .map(std::borrow::Cow::into_owned);
        let mut arguments = BTreeSet::new();
        if let Some(value) = sent.at(&["params", "arguments"]) {
            gather(value, &mut arguments);
        }
        let kind = message.kind().clone();
        drop(sent);
        out.shrink_to_fit();
        Ok(Outgoing {
            is_as_it_came: out == body,
            request_hash: self.hashes.hash_hex(&[body]),
            sent_hash: self.hashes.hash_hex(&[&out]),
            kind,
            named,
            sent_name,
            arguments,
            body: out,
            counts,
            masked,
        })
    }

    /// The message without what a client can do for a server that may not ask for it.
    fn without_capabilities(&self, message: &Message<'_>) -> Option<Vec<u8>> {
        if self.server.settings.requests == McpRequests::Mask {
            return None;
        }
        let told = message.without_keys(&["params", "capabilities"], &rules::CAPABILITIES);
        let place = ["params", "_meta", "io.modelcontextprotocol/clientCapabilities"];
        let Some(told) = told else {
            return message.without_keys(&place, &rules::CAPABILITIES);
        };
        let again = Message::parse(&told, &Budget::unlimited()).ok()?;
        let twice = again.without_keys(&place, &rules::CAPABILITIES);
        drop(again);
        Some(twice.unwrap_or(told))
    }

    fn protecting<'a>(&'a self, known: Option<&'a SurrogateMap>) -> Protecting<'a> {
        Protecting {
            analyzer: &self.gateway.analyzer,
            key: &self.key,
            memory: Some(&self.memory),
            known,
        }
    }

    fn remember<'p>(&self, pairs: impl IntoIterator<Item = &'p Pair>, source: Option<&Arc<str>>) {
        let caller = (&self.tenant, self.principal.as_str());
        self.gateway
            .recall
            .remember(caller, pairs, source, Instant::now());
    }

    /// The tools that `body` lists, and the hash of how each describes itself. What is no message lists none: it is refused by
    /// who reads it next, as are tools without a name.
    pub(super) fn listed_tools(
        &self,
        body: &[u8],
        budget: &Budget,
    ) -> Result<Vec<(String, String)>, Problem> {
        let message = match Message::parse(body, budget) {
            Ok(message) => message,
            Err(error @ BadMessage::Json(JsonError::Budget(_))) => return Err(bad_message(error)),
            Err(_) => return Ok(Vec::new()),
        };
        let Some(list) = message
            .at(&["result", "tools"])
            .filter(|list| list.kind() == Kind::Array)
        else {
            return Ok(Vec::new());
        };
        let (mut found, mut names) = (Vec::new(), BTreeSet::new());
        for tool in list.items() {
            let Some(name) = tool.get_str("name") else {
                continue;
            };
            let name = name.into_owned();
            if name.contains('\0') || !names.insert(name.clone()) {
                return Err(Problem::UpstreamUnusable(
                    "a list that names a tool twice, or by what is no name",
                ));
            }
            if name.len() > LONGEST_NAME || found.len() >= MOST_TOOLS {
                return Err(Problem::UpstreamUnusable(
                    "more tools, or longer names, than can be looked after",
                ));
            }
            let fields = [
                "title",
                "description",
                "inputSchema",
                "outputSchema",
                "annotations",
            ];
            let written = fields.map(|field| tool.get(field).map(canonical).unwrap_or_default());
            let mut parts = vec![
                b"mcp-tool".as_slice(),
                self.server.name.as_bytes(),
                name.as_bytes(),
            ];
            parts.extend(written.iter().map(String::as_bytes));
            let hash = self.hashes.hash_hex(&parts);
            found.push((name, hash));
        }
        Ok(found)
    }

    /// Reads, checks and masks what a server says. `asked`: the number of the request that this stream answers.
    pub(super) fn incoming(
        &self,
        body: &[u8],
        (asked, roles, approved): (Option<&str>, Vec<RoleName>, &Arc<Approvals>),
        is_held: &dyn Fn(&str) -> bool,
        budget: &Budget,
    ) -> Result<Incoming, Held> {
        let nobody = |problem| Held { id: None, problem };
        let unusable = |what| nobody(Problem::UpstreamUnusable(what));
        let message = Message::parse(body, budget).map_err(|error| match error {
            BadMessage::Json(_) => unusable("a message that is no JSON to be trusted"),
            _ => unusable("what is no message of JSON-RPC"),
        })?;
        let kind = message.kind().clone();
        match &kind {
            MessageKind::Request { id, method } => {
                if method != "ping" && !self.may_ask(method) {
                    let told = format!(
                        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"clients cannot be asked for this here"}}}}"#
                    );
                    return Ok(Incoming::Answered(told));
                }
            }
            MessageKind::Response { id, .. } => {
                if let (Some(asked), Some(id)) = (asked, id)
                    && asked != id
                {
                    return Err(unusable("an answer to another request"));
                }
            }
            MessageKind::Notification { .. } => {}
        }
        let answers = match &kind {
            MessageKind::Response { id, .. } => id.clone().or_else(|| asked.map(str::to_owned)),
            _ => None,
        };
        let treated = || {
            let (changed, hits, guarded) = match &self.gateway.guards {
                Some(guards) => {
                    let who = (&self.tenant, self.principal.as_str());
                    let passed = guards.prompt((SurfaceKind::Mcp, body), who, (roles, approved), budget)?;
                    (passed.body, passed.hits, passed.action)
                }
                None => (None, Hits::new(), None),
            };
            let reread = changed
                .as_deref()
                .map(|changed| Message::parse(changed, budget).map_err(bad_message))
                .transpose()?;
            let message = reread.as_ref().unwrap_or(&message);
            let mut passed = self.masked(body, message, kind, is_held, budget)?;
            passed.found.hits = hits;
            passed.guarded = guarded;
            Ok(passed)
        };
        treated()
            .map(Incoming::Passed)
            .map_err(|problem| Held { id: answers, problem })
    }

    fn may_ask(&self, method: &str) -> bool {
        self.server.settings.requests == McpRequests::Mask && rules::may_ask_clients(method)
    }

    fn masked(
        &self,
        body: &[u8],
        message: &Message<'_>,
        kind: MessageKind,
        is_held: &dyn Fn(&str) -> bool,
        budget: &Budget,
    ) -> Result<Passed, Problem> {
        let asks = message.at(&["result", "inputRequests"]).is_some();
        if asks && self.server.settings.requests == McpRequests::Refuse {
            return Err(forbidden(
                "client_not_asked",
                "the server wants something of this client or of its user, which the settings do not let it (`requests`)",
            ));
        }
        let mut filtered: Option<Vec<u8>> = None;
        for list in rules::LISTS {
            let is_kept = |item: Value<'_>| {
                let is_shown = rules::is_shown(&self.server.settings, list, item);
                is_shown && !(list == "tools" && item.get_str("name").is_some_and(|name| is_held(&name)))
            };
            let less = match &filtered {
                None => message.without_items(&["result", list], is_kept),
                Some(filtered) => Message::parse(filtered, budget)
                    .map_err(bad_message)?
                    .without_items(&["result", list], is_kept),
            };
            filtered = less.or(filtered);
        }
        let reread = filtered
            .as_deref()
            .map(|filtered| Message::parse(filtered, budget).map_err(bad_message))
            .transpose()?;
        let message = reread.as_ref().unwrap_or(message);
        let known = self.gateway.recall_of(&self.tenant, &self.principal);
        let done = self
            .gateway
            .policy
            .mask_message(message, self.protecting(known.as_deref()), budget)
            .map_err(refused)?;
        // What it held as a stand-in already the server need not know.
        self.remember(done.map.made(), Some(&self.server.name));
        Ok(Passed {
            request_hash: self.hashes.hash_hex(&[body]),
            sent_hash: self.hashes.hash_hex(&[&done.body]),
            masked: done.replaced.len(),
            found: done.counts.into(),
            guarded: None,
            body: done.body,
            kind,
        })
    }
}

/// Puts the texts, numbers and truth values in `value` into `found`, as far as headers may repeat them.
fn gather(value: Value<'_>, found: &mut BTreeSet<String>) {
    if found.len() >= MOST_ARGUMENTS {
        return;
    }
    let text = match value.kind() {
        Kind::Object => return value.entries().for_each(|(_, value)| gather(value, found)),
        Kind::Array => return value.items().for_each(|item| gather(item, found)),
        Kind::String => value.as_str().unwrap_or_default(),
        Kind::Number | Kind::Literal => value.raw().into(),
    };
    if text.len() <= LONGEST_ARGUMENT {
        found.insert(text.into_owned());
    }
}

fn restoration(known: Arc<SurrogateMap>) -> Restoration {
    let config = RestoreConfig::default();
    Restoration::new(
        SurfaceKind::Mcp,
        known,
        Arc::new(config),
        Arc::new(UrlAllow::everywhere()),
    )
}

/// `body` with the real values of `known` in it.
fn restored(known: &Arc<SurrogateMap>, body: &[u8], budget: &Budget) -> Result<Vec<u8>, Problem> {
    let restored = restoration(Arc::clone(known)).json(body, budget);
    let restored = restored.map_err(|_| Problem::DetectorFailed)?;
    Ok(restored.unwrap_or_else(|| body.to_vec()))
}

/// `body` with the address of the resource that it asks for as the server itself gave it.
fn with_own_address(
    its_own: Option<Arc<SurrogateMap>>,
    body: Vec<u8>,
    budget: &Budget,
) -> Result<Vec<u8>, Problem> {
    let Some(its_own) = its_own else { return Ok(body) };
    let message = Message::parse(&body, budget).map_err(bad_message)?;
    let Some(address) = message
        .at(&["params", "uri"])
        .filter(|uri| uri.kind() == Kind::String)
    else {
        return Ok(body);
    };
    let written = address.raw().as_bytes();
    let Some(restored) = restoration(its_own)
        .json(written, budget)
        .map_err(|_| Problem::DetectorFailed)?
    else {
        return Ok(body);
    };
    let range = address.range();
    let (before, after) = (body.get(..range.start), body.get(range.end..));
    let (before, after) = before.zip(after).ok_or(Problem::DetectorFailed)?;
    Ok([before, &restored, after].concat())
}
