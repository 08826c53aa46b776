//! How tools of others described themselves when they were first seen, so that a change is noticed.

use jiff::Timestamp;
use privet_types::TenantId;
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// A tool of a server, as one tenant has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpTool {
    /// The server, as the settings name it.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// Keyed hash of how it described itself when it was first seen, or when a change was accepted.
    pub pinned: String,
    /// The same of when it was last seen.
    pub seen: String,
    /// When the first was written; millisecond precision.
    pub pinned_at: Timestamp,
    /// When it was first seen to differ.
    pub changed_at: Option<Timestamp>,
}

impl McpTool {
    /// Whether it describes itself otherwise than it did.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.pinned != self.seen
    }
}

/// What the log is told of a tool.
#[derive(Serialize)]
struct Told<'a> {
    at: Timestamp,
    tenant: &'a str,
    server: &'a str,
    tool: &'a str,
}

impl Store {
    /// Writes down how the tools of a server describe themselves now: `tools` are names and keyed hashes. What is new is pinned.
    /// What differs from its pin is kept as seen, and the log is told of it once. Returns the server's tools, by name.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn see_mcp_tools(
        &self,
        tenant: &TenantId,
        server: &str,
        tools: Vec<(String, String)>,
        now: Timestamp,
    ) -> Result<Vec<McpTool>, Error> {
        let (tenant, server) = (tenant.to_string(), server.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let known = tools_of(tx, &tenant, Some(&server)).await?;
                for (tool, hash) in tools {
                    match known.iter().find(|known| known.tool == tool) {
                        None => {
                            tx.execute(
                                "INSERT INTO mcp_tools (tenant, server, tool, pinned, seen, pinned_at) \
                                 VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT DO NOTHING",
                                values![tenant.as_str(), &server, &tool, &hash, now.as_millisecond()],
                            )
                            .await?;
                        }
                        Some(known) if known.seen == hash => {}
                        Some(known) => {
                            let changed_at = (known.pinned != hash)
                                .then(|| known.changed_at.unwrap_or(now).as_millisecond());
                            tx.execute(
                                "UPDATE mcp_tools SET seen = $4, changed_at = $5 \
                                 WHERE tenant = $1 AND server = $2 AND tool = $3",
                                values![tenant.as_str(), &server, &tool, &hash, changed_at],
                            )
                            .await?;
                            if known.pinned != hash {
                                tell(tx, "mcp_tool_changed", (&tenant, &server, &tool), now).await?;
                            }
                        }
                    }
                }
                tools_of(tx, &tenant, Some(&server)).await
            })
        })
        .await
    }

    /// The tools that a tenant has seen, of one server or of all, by server and name.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn list_mcp_tools(
        &self,
        tenant: &TenantId,
        server: Option<&str>,
    ) -> Result<Vec<McpTool>, Error> {
        let (tenant, server) = (tenant.to_string(), server.map(str::to_owned));
        self.read(move |tx| Box::pin(async move { tools_of(tx, &tenant, server.as_deref()).await }))
            .await
    }

    /// Pins a changed tool of a server, or all of them, as it was last seen. The log is told of each. Returns how many there
    /// were.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn accept_mcp_tools(
        &self,
        tenant: &TenantId,
        server: &str,
        tool: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let (tenant, server, tool) = (tenant.to_string(), server.to_owned(), tool.map(str::to_owned));
        self.write(move |tx| {
            Box::pin(async move {
                let known = tools_of(tx, &tenant, Some(&server)).await?;
                let is_meant = |known: &&McpTool| {
                    known.is_changed() && tool.as_ref().is_none_or(|tool| *tool == known.tool)
                };
                let mut accepted = 0;
                for known in known.iter().filter(is_meant) {
                    tx.execute(
                        "UPDATE mcp_tools SET pinned = seen, pinned_at = $4, changed_at = NULL \
                         WHERE tenant = $1 AND server = $2 AND tool = $3",
                        values![tenant.as_str(), &server, &known.tool, now.as_millisecond()],
                    )
                    .await?;
                    tell(tx, "mcp_tool_accepted", (&tenant, &server, &known.tool), now).await?;
                    accepted += 1;
                }
                Ok(accepted)
            })
        })
        .await
    }
}

async fn tell(
    tx: &mut Tx,
    kind: &'static str,
    (tenant, server, tool): (&str, &str, &str),
    at: Timestamp,
) -> Result<(), Error> {
    let payload = Told {
        at,
        tenant,
        server,
        tool,
    };
    let leaf = Leaf {
        kind,
        tenant,
        at,
        payload: &payload,
    };
    append_leaf(tx, leaf).await
}

async fn tools_of(tx: &mut Tx, tenant: &str, server: Option<&str>) -> Result<Vec<McpTool>, Error> {
    tx.rows(
        "SELECT server, tool, pinned, seen, pinned_at, changed_at FROM mcp_tools \
         WHERE tenant = $1 AND ($2 = '' OR server = $2) ORDER BY server, tool",
        values![tenant, server.unwrap_or_default()],
    )
    .await
}

impl FromRow for McpTool {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (server, tool, pinned, seen, pinned_at, changed_at) =
            <(String, String, String, String, i64, Option<i64>)>::from_row(row)?;
        let at = |millis| {
            Timestamp::from_millisecond(millis).map_err(|_| Error::BadRow {
                table: "mcp_tools",
                row: format!("{server}/{tool}"),
            })
        };
        let (pinned_at, changed_at) = (at(pinned_at)?, changed_at.map(at).transpose()?);
        Ok(Self {
            server,
            tool,
            pinned,
            seen,
            pinned_at,
            changed_at,
        })
    }
}
