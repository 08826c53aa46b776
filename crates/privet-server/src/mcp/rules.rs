//! What clients and servers may say to each other.

use privet_policy::{McpServer, McpThing};
use privet_surface::mcp::{Message, MessageKind};

/// Versions of the protocol that have this transport.
pub(super) const VERSIONS: [&str; 4] = ["2025-03-26", STREAMS_FROM, "2025-11-25", HEADERS_FROM];
/// The first one whose clients name their version in a header.
const STREAMS_FROM: &str = "2025-06-18";
/// The first one whose clients say in headers what the body says.
pub(super) const HEADERS_FROM: &str = "2026-07-28";
/// What a client speaks that does not say.
pub(super) const DEFAULT_VERSION: &str = "2025-03-26";

/// What clients may ask.
const REQUESTS: [&str; 19] = [
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "tasks/get",
    "tasks/result",
    "tasks/list",
    "tasks/cancel",
    "server/discover",
    "subscriptions/listen",
];

/// What clients may tell.
const NOTIFICATIONS: [&str; 5] = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
];

/// What servers may ask of clients, where the settings let them.
const OF_CLIENTS: [&str; 7] = [
    "sampling/createMessage",
    "elicitation/create",
    "roots/list",
    "tasks/get",
    "tasks/result",
    "tasks/list",
    "tasks/cancel",
];

/// What a client says it can do for a server, and is not to be asked for.
pub(super) const CAPABILITIES: [&str; 3] = ["sampling", "elicitation", "roots"];

pub(super) fn is_request(method: &str) -> bool {
    REQUESTS.contains(&method)
}

pub(super) fn is_notification(method: &str) -> bool {
    NOTIFICATIONS.contains(&method)
}

pub(super) fn may_ask_clients(method: &str) -> bool {
    OF_CLIENTS.contains(&method)
}

/// Whether the answer to `method` goes to a model, so that the log is told of it.
pub(super) fn is_for_model(method: &str) -> bool {
    matches!(
        method,
        "tools/call" | "resources/read" | "prompts/get" | "tasks/result"
    )
}

/// The thing that a request is about, if it names one.
pub(super) fn named(message: &Message<'_>) -> Option<(McpThing, String)> {
    let MessageKind::Request { method, .. } = message.kind() else {
        return None;
    };
    let param = |name: &str| message.param(name).map(std::borrow::Cow::into_owned);
    match method.as_str() {
        "tools/call" => Some((McpThing::Tool, param("name").unwrap_or_default())),
        "prompts/get" => Some((McpThing::Prompt, param("name").unwrap_or_default())),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            Some((McpThing::Resource, param("uri").unwrap_or_default()))
        }
        "completion/complete" => {
            let about = message.at(&["params", "ref"])?;
            let name = about
                .get_str("name")
                .map(|name| (McpThing::Prompt, name.into_owned()));
            let uri = || {
                about
                    .get_str("uri")
                    .map(|uri| (McpThing::Resource, uri.into_owned()))
            };
            Some(name.or_else(uri).unwrap_or((McpThing::Prompt, String::new())))
        }
        _ => None,
    }
}

/// Whether the settings let callers see `item` of the list `list` in an answer.
pub(super) fn is_shown(server: &McpServer, list: &str, item: privet_surface::json::Value<'_>) -> bool {
    let (thing, key) = match list {
        "tools" => (McpThing::Tool, "name"),
        "prompts" => (McpThing::Prompt, "name"),
        "resources" => (McpThing::Resource, "uri"),
        _ => (McpThing::Resource, "uriTemplate"),
    };
    item.get_str(key).is_some_and(|name| server.allows(thing, &name))
}

/// The lists in answers that name things.
pub(super) const LISTS: [&str; 4] = ["tools", "prompts", "resources", "resourceTemplates"];
