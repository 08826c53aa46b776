//! Replies through the guardrails, and what was found in them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use privet_guardrails::gate::{Held, Reply};
use privet_surface::{ReplyGuard, Request, Unguarded, Verdict};
use privet_types::{Action, AuditEvent, SurfaceKind};

use super::{Hits, Passed, by_rule, failed, heard, holds, recorded};
use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::prompt;

/// What is written down of a reply in which something was found, once it has ended.
pub(crate) struct Notes {
    gateway: Weak<Gateway>,
    /// The decision about the prompt.
    event: AuditEvent,
}

impl Notes {
    pub(crate) fn new(gateway: &Arc<Gateway>, event: AuditEvent) -> Self {
        Self {
            gateway: Arc::downgrade(gateway),
            event,
        }
    }

    /// Hands what was found to the spool. The reply has gone out by now.
    fn tell(mut self, hits: &Hits, held: Vec<Held>) {
        let gravest = hits.keys().map(|(_, _, action)| *action).max();
        let Some((gateway, action)) = self.gateway.upgrade().zip(gravest.and_then(recorded)) else {
            return;
        };
        // What stops a reply stops it, whatever is to follow; only tool calls can be approved.
        let action = match action {
            Action::Hold if !held.is_empty() => Action::Hold,
            Action::Route | Action::Hold => Action::Block,
            other => other,
        };
        let event = &mut self.event;
        event.at = gateway.clock.now();
        event.decision.action = action;
        event.decision.reason = match action {
            Action::Block => "reply_blocked",
            Action::Hold => "reply_held",
            Action::Redact => "reply_redacted",
            _ => "reply_flagged",
        }
        .to_owned();
        event.decision.counts = BTreeMap::new();
        event.decision.guardrails = by_rule(hits);
        event.decision.latency_us = 0;
        gateway.metrics.guarded("reply", hits);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            prompt::record_beside(&gateway, &self.event).await;
            if !held.is_empty() {
                holds::open(&gateway, &self.event, &held).await;
            }
        });
    }
}

/// A reply that is looked at as it comes. When it goes, what was found is written down.
pub(crate) struct GuardedReply {
    reply: Reply,
    surface: SurfaceKind,
    told: String,
    notes: Option<Notes>,
}

impl GuardedReply {
    /// The reply to a prompt that passed and was sent as `sent`. `told` is what people read where it is stopped.
    pub(crate) fn new(
        gateway: &Arc<Gateway>,
        surface: SurfaceKind,
        passed: Passed,
        sent: &[u8],
        told: String,
        notes: Notes,
    ) -> Result<Option<Self>, Problem> {
        let guards = gateway.guards.as_ref();
        let Some(guards) = guards.filter(|_| surface.has_words_in_reply()) else {
            return Ok(None);
        };
        let mut reply = guards.guardrails.reply(
            passed.judged,
            (passed.roles, &passed.model),
            &gateway.analyzer,
            &guards.shadows,
            privet_types::Budget::unlimited(),
        );
        // Stand-ins are the request's own words, and the only ones that the model knows.
        let budget = privet_types::Budget::unlimited();
        // A reply that cannot be judged is not asked for.
        let request = Request::parse(surface, sent, &budget).map_err(|_| Problem::DetectorFailed)?;
        let said = request.said();
        let heard: Vec<_> = said.iter().map(heard).collect();
        let done = guards.guardrails.sent(&mut reply, &heard, &budget);
        done.map_err(|error| failed(&error))?;
        Ok(Some(Self {
            reply,
            surface,
            told,
            notes: Some(notes),
        }))
    }

    /// The dialect of the reply.
    pub(crate) const fn surface(&self) -> SurfaceKind {
        self.surface
    }

    fn verdict(result: Result<bool, privet_guardrails::controls::Error>) -> Result<Verdict, Unguarded> {
        match result {
            Ok(true) => Ok(Verdict::Stop),
            Ok(false) => Ok(Verdict::Pass),
            Err(error) => {
                tracing::error!(%error, "guardrails could not look at a reply");
                Err(Unguarded)
            }
        }
    }
}

impl ReplyGuard for GuardedReply {
    fn push(&mut self, lane: usize, piece: &str, out: &mut String) -> Result<Verdict, Unguarded> {
        Self::verdict(self.reply.push(lane, piece, out))
    }

    fn finish(&mut self, lane: usize, out: &mut String) -> Result<Verdict, Unguarded> {
        Self::verdict(self.reply.finish(lane, out))
    }

    fn call(&mut self, name: &str, arguments: &str) -> Result<Verdict, Unguarded> {
        Self::verdict(self.reply.call(name, arguments))
    }

    fn told(&self) -> String {
        match (self.reply.stopped_by(), self.reply.held()) {
            (Some(rule), []) => format!("{} ({})", self.told, rule.0),
            (Some(rule), held) => {
                let numbers: Vec<String> = held.iter().map(|held| held.id.to_hex()).collect();
                format!(
                    "{} ({}: `privet guard approve {}`)",
                    self.told,
                    rule.0,
                    numbers.join(" ")
                )
            }
            (None, _) => self.told.clone(),
        }
    }
}

impl Drop for GuardedReply {
    fn drop(&mut self) {
        if let Some(notes) = self.notes.take()
            && !self.reply.hits().is_empty()
        {
            notes.tell(self.reply.hits(), self.reply.held().to_vec());
        }
    }
}
