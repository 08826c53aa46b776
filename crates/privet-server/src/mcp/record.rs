//! What the log is told of messages between clients and servers of tools.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use privet_access::Authenticated;
use privet_guardrails::gate::Held;
use privet_types::{Action, AuditEvent, Decision, Entity, SurfaceKind};

use crate::gateway::Gateway;
use crate::guard::{self, Hits};
use crate::problem::Problem;
use crate::prompt::record;
use crate::tokens;

/// What was found in a message.
#[derive(Default)]
pub(super) struct Found {
    pub(super) counts: BTreeMap<Entity, u32>,
    /// By guardrails.
    pub(super) hits: Hits,
    /// What waits for an approval.
    pub(super) held: Vec<Held>,
}

impl From<BTreeMap<Entity, u32>> for Found {
    fn from(counts: BTreeMap<Entity, u32>) -> Self {
        Self {
            counts,
            ..Self::default()
        }
    }
}

/// Whom the log is told of.
pub(super) struct Told {
    pub(super) gateway: Arc<Gateway>,
    pub(super) caller: Authenticated,
    pub(super) server: Arc<str>,
    /// The tool.
    pub(super) name: Option<String>,
    pub(super) request_id: String,
}

impl Told {
    pub(super) async fn blocked(&self, code: &str, since: Instant) -> Result<(), Problem> {
        self.decided(Action::Block, code, Found::default(), None, since)
            .await
    }

    pub(super) async fn decided(
        &self,
        action: Action,
        reason: &str,
        found: Found,
        hashes: Option<(String, String)>,
        since: Instant,
    ) -> Result<(), Problem> {
        let (request_hash, sent_hash) = hashes.unzip();
        let (way, token) = tokens::came_by(&self.caller);
        let event = AuditEvent {
            at: self.gateway.clock.now(),
            tenant: self.caller.tenant.to_string(),
            principal: Some(
                self.gateway
                    .pseudonyms
                    .pseudonym(&self.caller.tenant, &self.caller.principal),
            ),
            way,
            token,
            request_id: self.request_id.clone(),
            issuer: self.caller.issuer().map(str::to_owned),
            subject: None,
            purpose: None,
            surface: SurfaceKind::Mcp,
            model: self.name.clone(),
            provider: Some(self.server.to_string()),
            decision: Decision {
                action,
                reason: reason.to_owned(),
                counts: found.counts,
                guardrails: guard::by_rule(&found.hits),
                latency_us: u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX),
            },
            request_hash,
            sent_hash,
            policy: self.gateway.policy.version().to_owned(),
        };
        self.gateway.metrics.guarded("tool", &found.hits);
        record(&self.gateway, &event).await?;
        if !found.held.is_empty() {
            guard::open_holds(&self.gateway, &event, &found.held).await;
        }
        Ok(())
    }
}
