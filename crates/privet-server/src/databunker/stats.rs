//! How the vault is: counts, a sign of life, metrics.

use std::fmt::Write;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::HeaderValue;
use http::{Method, StatusCode};
use privet_types::KeyScope::VaultRead;
use serde_json::json;

use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::table::{Entry, Interface, Table};

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What is counted of calls: how many were answered in which way.
#[derive(Debug, Default)]
pub(super) struct Counters {
    v1: Outcomes,
    v2: Outcomes,
}

#[derive(Debug, Default)]
struct Outcomes {
    ok: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, interface: Interface, status: StatusCode) {
        let outcomes = match interface {
            Interface::V1 => &self.v1,
            Interface::V2 => &self.v2,
        };
        let counter = if status.is_success() {
            &outcomes.ok
        } else if status.is_server_error() {
            &outcomes.failed
        } else {
            &outcomes.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// As Prometheus reads it. Labels come from closed sets and name nobody.
    fn text(&self, free_places: usize) -> String {
        let mut text = "# HELP privet_vault_databunker_calls_total Calls by how they were answered.\n\
                        # TYPE privet_vault_databunker_calls_total counter\n"
            .to_owned();
        for (interface, outcomes) in [("v1", &self.v1), ("v2", &self.v2)] {
            for (outcome, counter) in [
                ("ok", &outcomes.ok),
                ("refused", &outcomes.refused),
                ("failed", &outcomes.failed),
            ] {
                let count = counter.load(Ordering::Relaxed);
                // Writing to a text does not fail.
                let _ = writeln!(
                    text,
                    "privet_vault_databunker_calls_total{{interface=\"{interface}\",outcome=\"{outcome}\"}} {count}"
                );
            }
        }
        let _ = writeln!(
            text,
            "# HELP privet_vault_free_places Calls that could be taken beside those at work.\n\
             # TYPE privet_vault_free_places gauge\n\
             privet_vault_free_places {free_places}"
        );
        text
    }
}

pub(super) fn register(table: &mut Table) {
    let entry = Entry::new("SystemGetSystemStats", VaultRead, |call| Box::pin(stats(call)));
    table.v2(entry.unlogged());
    let entry = Entry::new("SystemStatus", VaultRead, |call| {
        Box::pin(async move { Ok(status(call).await) })
    });
    table.v1(Method::GET, "status", entry.without_key().unlogged());
    let entry = Entry::new("SystemMetrics", VaultRead, |call| {
        Box::pin(ready(Ok(metrics(call))))
    });
    table.v1(Method::GET, "metrics", entry.with_any_key().unlogged());
}

async fn stats(call: &mut Call) -> Result<Answer, Refusal> {
    let counts = call.vault().counts(&call.actor).await?;
    Ok(Answer::of(json!({ "stats": {
        "numusers": counts.subjects,
        "numtenants": 1,
        "numtokens": counts.tokens,
        "numsessions": counts.sessions,
    } })))
}

async fn status(call: &Call) -> Answer {
    match call.bunker.api.store.api_keys_version().await {
        Ok(_) => Answer::Text(StatusCode::OK, PLAIN, "OK".to_owned()),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Answer::Text(status, PLAIN, "error".to_owned())
        }
    }
}

fn metrics(call: &Call) -> Answer {
    let free = call.bunker.api.places.available_permits();
    let text = call.bunker.counters.text(free);
    Answer::Text(StatusCode::OK, PROMETHEUS, text)
}
