//! What a consent check costs from memory, in CPU time: `cargo run --release -p privet-vault --example consent_cost`.
//!
//! Under `perf stat -e instructions:u` with two numbers of checks, the difference is instructions a check.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::{DataKey, RootKey};
use privet_store::Store;
use privet_types::{Clock, Pseudonym, TenantId};
use privet_vault::{
    Actor, Ask, Consent, ConsentConfig, EventKind, KeyAnswer, LegalBasis, Purpose, Recipient, RecipientRole,
    Statement, SubjectKeys,
};

const SUBJECTS: usize = 1_000;

struct Keys(HashMap<String, Arc<DataKey>>);

impl SubjectKeys for Keys {
    fn data_key<'a>(&'a self, _: &'a TenantId, subject: &'a str) -> KeyAnswer<'a> {
        let key = self.0.get(subject).cloned();
        Box::pin(async move { Ok(key) })
    }
}

/// The system's clock, as a server has it.
struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "an example is the rim")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let checks: u32 = arguments.next().map_or(1_000_000, |text| text.parse().unwrap());
    let events: usize = arguments.next().map_or(4, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let root = RootKey::generate().unwrap();
    let store = Store::open(&dir.path().join("privet.sqlite"), &root)
        .await
        .unwrap();
    let subjects: Vec<String> = (0..SUBJECTS)
        .map(|_| privet_crypto::random_uuid().unwrap())
        .collect();
    let keys = subjects
        .iter()
        .map(|id| (id.clone(), Arc::new(DataKey::generate().unwrap())))
        .collect();
    // What is known stays fresh for the whole measurement; a server's watch sees to that.
    let config = ConsentConfig {
        fresh_ms: 3_600_000,
        ..ConsentConfig::default()
    };
    let consent = Consent::new(
        store.database().clone(),
        Arc::new(Keys(keys)),
        Arc::new(System),
        config,
    );
    let actor = Actor {
        tenant: TenantId::default(),
        principal: Pseudonym("0123456789abcdef0123456789abcdef".to_owned()),
    };
    define(&consent, &actor).await;
    let started = System.now();
    for subject in &subjects {
        for number in 0..events {
            let kind = if (events - 1 - number).is_multiple_of(2) {
                EventKind::Given
            } else {
                EventKind::Withdrawn
            };
            // No two at one instant: a withdrawal would hold.
            let ago = i64::try_from(events - number).unwrap();
            let at = started - jiff::SignedDuration::from_millis(ago);
            let statement = Statement::new(kind, &["support"], at);
            consent.record(&actor, subject, &statement).await.unwrap();
        }
    }
    let ask = Ask {
        purpose: "support",
        category: Some("prompt"),
        recipient: Some("acme-ai"),
    };
    let (at, mut allowed) = (System.now(), 0_u32);
    let before = cpu();
    for subject in &subjects {
        let verdict = consent.check(&actor.tenant, Some(subject), &ask, at).await;
        allowed += u32::from(verdict.allowed);
    }
    let cold = cpu() - before;
    let before = cpu();
    for subject in subjects.iter().cycle().take(checks as usize) {
        let verdict = consent.check(&actor.tenant, Some(subject), &ask, at).await;
        allowed += u32::from(verdict.allowed);
    }
    let warm = cpu() - before;
    assert_eq!(
        allowed as usize,
        SUBJECTS + checks as usize,
        "all of them consented"
    );
    println!("{SUBJECTS} subjects with {events} events each");
    println!(
        "first check, from the store: {:.0} µs of CPU time",
        cold.as_secs_f64() * 1e6 / SUBJECTS as f64
    );
    println!(
        "further checks, from memory: {:.0} ns of CPU time",
        warm.as_secs_f64() * 1e9 / f64::from(checks)
    );
    store.close().await;
}

async fn define(consent: &Consent, actor: &Actor) {
    let recipient = Recipient {
        name: "acme-ai".to_owned(),
        title: String::new(),
        role: RecipientRole::Processor,
        country: "DE".to_owned(),
        transfer: None,
    };
    consent.define(actor, &recipient).await.unwrap();
    let purpose: Purpose = serde_json::from_value(serde_json::json!({
        "name": "support", "basis": LegalBasis::Consent, "categories": ["profile", "prompt"], "recipients": ["acme-ai"]
    }))
    .unwrap();
    consent.define(actor, &purpose).await.unwrap();
}

/// CPU time of this process so far: fields 14 and 15 of `/proc/self/stat`, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}
