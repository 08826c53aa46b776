//! The evidence of an incident as files: what is known of it, and proofs that the log holds what is said, under one signed list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::sha256;
use privet_store::{NoteSigner, TenantEvent};
use privet_types::{AuditEvent, TenantId};
use privet_watch::incident::Playbook;
use serde_json::{Value, json};

use super::{IncidentError, IncidentScope, Incidents};

/// The first line of the signed list: no checkpoint of a log begins so, which the same key signs.
pub const BUNDLE: &str = "privet incident bundle v1";
/// The signed list's name.
pub const MANIFEST: &str = "manifest";

/// The file that lists the others, each with its hash; the manifest names its own.
pub const LIST: &str = "list";
/// Leaves that are proved one by one.
const MOST_LEAVES: usize = 2000;
/// Rows of a page.
const PAGE: u32 = 1000;

/// Files by their names, [`MANIFEST`] among them: a signed note (C2SP signed-note) whose lines are [`BUNDLE`], the tenant, the
/// incident, the time, and then a hash (SHA-256, hexadecimal), a size in bytes and a name for each other file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// By name; names have no more than one `/`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Leaves that were to be in it and are not, and why.
    pub left_out: Vec<String>,
}

impl Incidents {
    /// The evidence of an incident at `now`, signed by the log's `signer`.
    ///
    /// # Errors
    /// [`IncidentError::Unknown`], [`IncidentError::NoLog`], and those of the store.
    pub async fn bundle(
        &self,
        tenant: &TenantId,
        id: &str,
        playbook: &Playbook,
        signer: &NoteSigner,
        now: Timestamp,
    ) -> Result<Bundle, IncidentError> {
        let incident = self.show(tenant, id, now).await?;
        let affected = self.affected(tenant, id, now).await?;
        let alerts = self.store.alerts_of_incident(tenant, id).await?;
        let head = self
            .store
            .log_head(signer.key())
            .await?
            .ok_or(IncidentError::NoLog)?;
        let mut files = BTreeMap::new();
        let mut put = |name: &str, json: &Value| {
            files.insert(name.to_owned(), format!("{json:#}\n").into_bytes());
        };
        put(
            "incident.json",
            &json!({ "incident": incident, "playbook": playbook }),
        );
        put("affected.json", &serde_json::to_value(&affected)?);
        let findings: Vec<Value> = alerts
            .iter()
            .map(|alert| serde_json::from_str(&alert.finding))
            .collect::<Result<_, _>>()?;
        put("alerts.json", &Value::from(findings));
        files.insert("checkpoint".to_owned(), head.note.clone().into_bytes());
        let ids: BTreeSet<String> = alerts.into_iter().map(|alert| alert.id).collect();
        let wanted = self.leaves(tenant, id, &ids, &incident.scope, now).await?;
        let (mut left_out, mut proved) = (wanted.left_out(head.checkpoint.size), 0_usize);
        for position in wanted.positions(head.checkpoint.size) {
            if proved >= MOST_LEAVES {
                left_out.push(format!(
                    "leaves beyond the first {MOST_LEAVES}: `privet audit export` has all"
                ));
                break;
            }
            let proof = self.store.leaf_proof(position, &head).await?;
            files.insert(format!("leaves/{position}.proof"), proof.to_string().into_bytes());
            proved += 1;
        }
        files.insert(
            "left_out.json".to_owned(),
            format!("{:#}\n", json!(left_out)).into_bytes(),
        );
        let mut list = String::new();
        for (name, bytes) in &files {
            let hash = HEXLOWER.encode(&sha256(bytes));
            // Writing to a string cannot fail.
            let _ = writeln!(list, "{hash} {} {name}", bytes.len());
        }
        // A note is short; the list may be long.
        let hash = HEXLOWER.encode(&sha256(list.as_bytes()));
        let text = format!("{BUNDLE}\n{tenant}\n{id}\n{now}\n{hash} {} {LIST}\n", list.len());
        let line = signer.sign(&text, now.as_second().unsigned_abs());
        files.insert(LIST.to_owned(), list.into_bytes());
        files.insert(MANIFEST.to_owned(), format!("{text}\n{line}").into_bytes());
        Ok(Bundle { files, left_out })
    }

    /// What the log holds of an incident: its own leaves, those of its alerts, and the decisions in its scope.
    async fn leaves(
        &self,
        tenant: &TenantId,
        id: &str,
        alerts: &BTreeSet<String>,
        scope: &IncidentScope,
        now: Timestamp,
    ) -> Result<Wanted, IncidentError> {
        let (mut wanted, mut after) = (Wanted::default(), 0);
        loop {
            let events = self.store.tenant_events(tenant, after, None, PAGE).await?;
            let Some(last) = events.last() else {
                return Ok(wanted);
            };
            after = last.id;
            for event in &events {
                if tells_of(event, id, alerts) {
                    wanted.first.push(event.position);
                } else if event.kind == "decision"
                    && let Ok(decision) = serde_json::from_str::<AuditEvent>(&event.payload)
                    && scope.covers(&decision, now)
                {
                    wanted.then.push(event.position);
                }
            }
        }
    }
}

/// Positions of leaves; none for those that have no position yet.
#[derive(Default)]
struct Wanted {
    first: Vec<Option<u64>>,
    then: Vec<Option<u64>>,
}

impl Wanted {
    fn positions(&self, size: u64) -> impl Iterator<Item = u64> + '_ {
        let all = self.first.iter().chain(&self.then).copied().flatten();
        all.filter(move |position| *position < size)
    }

    fn left_out(&self, size: u64) -> Vec<String> {
        let all = self.first.iter().chain(&self.then);
        let late = all
            .filter(|position| position.is_none_or(|position| position >= size))
            .count();
        if late == 0 {
            return Vec::new();
        }
        vec![format!(
            "{late} leaves that the log's checkpoint does not cover yet; make the bundle again in a second, while a gateway runs"
        )]
    }
}

fn tells_of(event: &TenantEvent, id: &str, alerts: &BTreeSet<String>) -> bool {
    let is_named = |key: &str, is_it: &dyn Fn(&str) -> bool| {
        let payload = serde_json::from_str::<Value>(&event.payload);
        payload.is_ok_and(|payload| payload.get(key).and_then(Value::as_str).is_some_and(is_it))
    };
    match event.kind.as_str() {
        "incident_opened" | "incident_changed" => is_named("incident", &|named| named == id),
        "alert_raised" | "alert_closed" | "caller_throttled" | "caller_suspended" | "caller_released" => {
            is_named("alert", &|named| alerts.contains(named))
        }
        _ => false,
    }
}
