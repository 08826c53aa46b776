//! `privet mcp`: tools of others that were seen, and those that have changed.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use privet_server::SystemClock;
use privet_store::Store;
use privet_types::{Clock, TenantId};
use serde_json::json;

use crate::{rim, serve};

/// Where, and in whose installation space.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// Whose installation space.
    #[arg(long, default_value = "default")]
    tenant: String,
}

#[derive(Subcommand)]
pub(crate) enum McpCommand {
    /// List the tools that were seen, one JSON object a line, and whether they have changed since.
    Tools {
        #[command(flatten)]
        place: Place,
    },
    /// Take a changed tool of a server as it is now, or all that have changed. Gateways learn of it with the next list of tools that
    /// a client asks for.
    Accept {
        /// The server, as the settings name it.
        server: String,
        /// The tool; all if left out.
        tool: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) fn run(command: McpCommand) -> Result<ExitCode> {
    match command {
        McpCommand::Tools { place } => with_store(&place, async |store, tenant| {
            for tool in store.list_mcp_tools(&tenant, None).await? {
                let line = json!({
                    "server": tool.server,
                    "tool": tool.tool,
                    "changed": tool.is_changed(),
                    "pinned_at": tool.pinned_at.to_string(),
                    "changed_at": tool.changed_at.map(|at| at.to_string()),
                });
                rim::say(format_args!("{line}"))?;
            }
            Ok(())
        }),
        McpCommand::Accept { server, tool, place } => with_store(&place, async |store, tenant| {
            let now = SystemClock.now();
            let accepted = store
                .accept_mcp_tools(&tenant, &server, tool.as_deref(), now)
                .await?;
            if accepted == 0 {
                bail!(
                    "no such tool of `{server}` has changed; `privet mcp tools` lists those that were seen"
                );
            }
            eprintln!("accepted: {accepted}");
            Ok(())
        }),
    }
}

fn with_store(place: &Place, work: impl AsyncFnOnce(&Store, TenantId) -> Result<()>) -> Result<ExitCode> {
    let settings = rim::settings(&place.config)?;
    let tenant: TenantId = place.tenant.parse()?;
    let root = rim::root_key(&settings)?;
    serve::runtime()?.block_on(async {
        let location = rim::store_location(&settings)?;
        let store = Store::open(&location, &root)
            .await
            .with_context(|| format!("cannot open the store `{location}`"))?;
        let done = work(&store, tenant).await;
        store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })
}
