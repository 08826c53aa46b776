//! `[mcp]` of `privet.toml`: servers of tools (Model Context Protocol) that Privet stands before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::{count_within, period_within};
use super::wildcard;
use crate::document::beside;
use crate::key_path::{Fault, KeyPath};
use crate::secret_ref::looks_like_a_key;
use crate::{Period, SecretRef, web_address};

/// Most servers.
const MOST_SERVERS: usize = 256;
/// Most patterns in one list of a server.
const MOST_PATTERNS: usize = 1_024;

/// Headers that Privet sets itself.
const OWN_HEADERS: [&str; 10] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "transfer-encoding",
];

/// The `[mcp]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct McpFile {
    /// Origins of web pages that may call, such as `https://chat.example.com`. Requests that name another one, or any if there is
    /// none here, are refused: a page of a stranger's could reach this address through the browser of somebody inside.
    pub origins: Vec<String>,
    /// Most streams open at once; more are refused with 503.
    pub streams: u32,
    /// Most streams that one caller may have open at once.
    pub streams_per_caller: u32,
    /// How long a stream lives at most; clients open another one then.
    pub stream_time: Period,
    /// How long the values that were masked in what tools said are remembered, in memory alone, so that the same caller's prompts
    /// and calls can name them by their stand-ins.
    pub remember: Period,
    /// Most values remembered of one caller; the oldest are forgotten first.
    pub remember_values: u32,
    /// The servers.
    pub servers: Vec<McpServerFile>,
}

impl Default for McpFile {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            streams: 256,
            streams_per_caller: 16,
            stream_time: Period::from_secs(3_600),
            remember: Period::from_secs(3_600),
            remember_values: 4_096,
            servers: Vec::new(),
        }
    }
}

/// One of `[[mcp.servers]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpServerFile {
    /// The name in its address here, `/mcp/NAME`; letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Its own address.
    pub url: String,
    /// Headers that it wants, by name; what stands in them is kept elsewhere: `Authorization = { env = "WEATHER_AUTH" }`, where the
    /// variable holds the whole value, `Bearer …`.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretRef>,
    /// Certificates (PEM) to trust instead of the usual ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Allows `http://` to another machine, where anybody on the way can read along.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// What becomes of what is sent to it.
    #[serde(default)]
    pub arguments: McpArguments,
    /// Names of tools that may be seen and called, with `*` for any text; all if left out, none if empty.
    #[serde(default)]
    pub tools: Option<Vec<String>>,
    /// Addresses of resources that may be seen and read, in the same way.
    #[serde(default)]
    pub resources: Option<Vec<String>>,
    /// Names of prompts that may be seen and asked for, in the same way.
    #[serde(default)]
    pub prompts: Option<Vec<String>>,
    /// What becomes of what the server asks of its clients: words of their model, answers of their user, their folders.
    #[serde(default)]
    pub requests: McpRequests,
    /// What becomes of a tool that describes itself otherwise than when it was first seen.
    #[serde(default)]
    pub changed_tools: McpChangedTools,
    /// How long its reply may take to begin; that of `[limits]` if left out.
    #[serde(default)]
    pub first_byte_timeout: Option<Period>,
}

/// What becomes of what is sent to a server of tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum McpArguments {
    /// Private values are replaced: for a server outside.
    #[default]
    Mask,
    /// Stand-ins that the caller was handed become real values again: for a server inside, which is trusted with them.
    Restore,
    /// It goes as it comes.
    Pass,
}

/// What becomes of what a server asks of its clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum McpRequests {
    /// The server is told that its clients cannot do that.
    #[default]
    Refuse,
    /// It is masked and passed on; the answer is treated as `arguments` says.
    Mask,
}

/// What becomes of a tool that describes itself otherwise than when it was first seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum McpChangedTools {
    /// It is not shown and cannot be called until `privet mcp accept` is used.
    #[default]
    Block,
    /// The change is written down, and the tool goes on.
    Flag,
}

/// What there is on a server of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum McpThing {
    /// Something that can be called.
    Tool,
    /// Something that can be read.
    Resource,
    /// A text that can be asked for.
    Prompt,
}

/// Servers of tools, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpSettings {
    /// Origins of web pages that may call.
    pub origins: Vec<String>,
    /// Most streams open at once.
    pub streams: u32,
    /// Most of one caller.
    pub streams_per_caller: u32,
    /// How long a stream lives at most.
    pub stream_time: Duration,
    /// How long masked values are remembered.
    pub remember: Duration,
    /// Most values remembered of one caller.
    pub remember_values: usize,
    /// The servers. INVARIANT: no two of one name.
    pub servers: Vec<McpServer>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpServer {
    /// The name in its address here.
    pub name: String,
    /// Its own address.
    pub url: String,
    /// Where the values of its headers are kept, by name.
    pub headers: BTreeMap<String, SecretRef>,
    /// Certificates (PEM) to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// What becomes of what is sent to it.
    pub arguments: McpArguments,
    /// What becomes of what it asks of its clients.
    pub requests: McpRequests,
    /// What becomes of a tool that describes itself otherwise than when it was first seen.
    pub changed_tools: McpChangedTools,
    /// How long its reply may take to begin, if not as long as `[limits]` says.
    pub first_byte_timeout: Option<Duration>,
    tools: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    prompts: Option<Vec<String>>,
}

impl McpServer {
    /// Whether the settings let callers see and use `name`. O(patterns × name).
    #[must_use]
    pub fn allows(&self, thing: McpThing, name: &str) -> bool {
        let patterns = match thing {
            McpThing::Tool => &self.tools,
            McpThing::Resource => &self.resources,
            McpThing::Prompt => &self.prompts,
        };
        let fits = |patterns: &Vec<String>| patterns.iter().any(|pattern| wildcard::matches(pattern, name));
        patterns.as_ref().is_none_or(fits)
    }
}

/// Checks `[mcp]`; none if there is no server.
pub(super) fn check(file: McpFile, document: &Path) -> Result<Option<McpSettings>, Fault> {
    let at = KeyPath::of("mcp");
    count_within(file.streams, 1, 100_000, &at, "streams")?;
    count_within(file.streams_per_caller, 1, 100_000, &at, "streams_per_caller")?;
    count_within(file.remember_values, 0, 65_536, &at, "remember_values")?;
    period_within(file.stream_time, Period::from_secs(1), &at, "stream_time")?;
    period_within(file.remember, Period::from_millis(0), &at, "remember")?;
    for (index, origin) in file.origins.iter().enumerate() {
        let address = web_address::parse(origin);
        if address.is_err() || address.is_ok_and(|address| !address.path.is_empty()) {
            return Err(at.key("origins").index(index).fault(
                "use scheme and host, and a port where it is not the usual one, such as `https://chat.example.com`",
            ));
        }
    }
    let servers_at = at.key("servers");
    if file.servers.len() > MOST_SERVERS {
        return Err(servers_at.fault(format!("use at most {MOST_SERVERS} servers")));
    }
    let mut servers: Vec<McpServer> = Vec::with_capacity(file.servers.len());
    for (index, server) in file.servers.into_iter().enumerate() {
        let here = servers_at.index(index);
        let server = check_server(server, &here, document)?;
        if let Some(first) = servers.iter().position(|known| known.name == server.name) {
            return Err(here.key("name").fault(format!(
                "is already the name of `mcp.servers[{first}]`; use another"
            )));
        }
        servers.push(server);
    }
    Ok((!servers.is_empty()).then_some(McpSettings {
        origins: file
            .origins
            .iter()
            .map(|origin| origin.to_ascii_lowercase())
            .collect(),
        streams: file.streams,
        streams_per_caller: file.streams_per_caller,
        stream_time: file.stream_time.duration(),
        remember: file.remember.duration(),
        remember_values: file.remember_values as usize,
        servers,
    }))
}

fn check_server(file: McpServerFile, at: &KeyPath, document: &Path) -> Result<McpServer, Fault> {
    let is_name = (1..=64).contains(&file.name.len())
        && file
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !matches!(file.name.as_str(), "." | "..")
        && !looks_like_a_key(&file.name);
    if !is_name {
        return Err(at
            .key("name")
            .fault("use 1 to 64 letters, digits, `.`, `_` or `-`"));
    }
    let address = web_address::parse(&file.url).map_err(|message| at.key("url").fault(message))?;
    if !address.is_https && !address.is_loopback() && !file.allow_plain_http {
        return Err(at.key("url").fault(
            "sends what is asked and said in the clear to another machine; use `https://`, or set `allow_plain_http = true` if the way there is safe",
        ));
    }
    for name in file.headers.keys() {
        let is_token = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let lower = name.to_ascii_lowercase();
        if !is_token || OWN_HEADERS.contains(&lower.as_str()) {
            return Err(at
                .key("headers")
                .fault("use names of headers that Privet does not set itself, such as `Authorization`"));
        }
    }
    let lists = [
        (&file.tools, "tools"),
        (&file.resources, "resources"),
        (&file.prompts, "prompts"),
    ];
    for (list, key) in lists {
        if list.as_ref().is_some_and(|list| list.len() > MOST_PATTERNS) {
            return Err(at.key(key).fault(format!("use at most {MOST_PATTERNS} patterns")));
        }
    }
    if let Some(period) = file.first_byte_timeout {
        period_within(period, Period::from_millis(1), at, "first_byte_timeout")?;
    }
    let headers = file.headers.into_iter();
    Ok(McpServer {
        name: file.name,
        url: file.url,
        headers: headers
            .map(|(name, value)| (name, value.beside(document)))
            .collect(),
        ca_file: file.ca_file.map(|path| beside(document, &path)),
        arguments: file.arguments,
        requests: file.requests,
        changed_tools: file.changed_tools,
        first_byte_timeout: file.first_byte_timeout.map(Period::duration),
        tools: file.tools,
        resources: file.resources,
        prompts: file.prompts,
    })
}
