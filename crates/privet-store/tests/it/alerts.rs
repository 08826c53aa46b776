//! Alerts, who is held, what was learnt, and incidents, on both databases.

use jiff::{SignedDuration, Timestamp};
use privet_store::{AlertRecord, IncidentChange, IncidentRecord, WatchState};
use privet_types::{Pseudonym, TenantId};

use crate::support::House;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap() + SignedDuration::from_hours(hours)
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn alert(id: &str, response: &str, hours: i64) -> AlertRecord {
    AlertRecord {
        tenant: tenant("acme"),
        id: id.to_owned(),
        at: at(hours),
        rule: "personal_data".to_owned(),
        severity: "high".to_owned(),
        who: "f".repeat(32),
        key_id: Some("k1".to_owned()),
        finding: "{}".to_owned(),
        response: response.to_owned(),
        requests: 0,
        held_until: (response != "alert").then(|| at(hours + 2)),
        lifted_at: None,
        closed_at: None,
        incident: None,
    }
}

async fn kinds(house: &House, tenant: &TenantId) -> Vec<String> {
    let events = house.store.tenant_events(tenant, 0, None, 1000).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_held_caller_is_held_until_its_time_is_over_or_its_alert_closed() {
    for house in House::each().await {
        let store = &house.store;
        let (acme, other) = (tenant("acme"), tenant("other"));
        store.insert_alert(&alert("a", "suspend", 0)).await.unwrap();
        store.insert_alert(&alert("b", "alert", 1)).await.unwrap();
        let mut graver = alert("c", "suspend", 0);
        graver.at = at(-1);
        store.insert_alert(&graver).await.unwrap();
        // What was kept already is neither an error nor told again.
        store.insert_alert(&graver).await.unwrap();
        let ids = |alerts: Vec<AlertRecord>| alerts.into_iter().map(|alert| alert.id).collect::<Vec<_>>();
        assert_eq!(
            ids(store.alerts(&acme, false, 10).await.unwrap()),
            ["b", "a", "c"]
        );
        assert_eq!(store.alerts(&other, false, 10).await.unwrap(), []);
        assert_eq!(store.alert(&other, "a").await.unwrap(), None);
        let held = store.held_callers(at(1)).await.unwrap();
        assert_eq!(
            (held.len(), held[0].alert.as_str(), held[0].until),
            (2, "a", at(2))
        );
        assert_eq!(store.held_callers(at(3)).await.unwrap(), []);
        let by = Pseudonym("officer".to_owned());
        assert!(!store.close_alert(&other, "a", &by, at(1)).await.unwrap());
        assert!(store.close_alert(&acme, "a", &by, at(1)).await.unwrap());
        assert!(!store.close_alert(&acme, "a", &by, at(1)).await.unwrap());
        assert_eq!(store.held_callers(at(1)).await.unwrap(), []);
        assert_eq!(ids(store.alerts(&acme, true, 10).await.unwrap()), ["b", "c"]);
        assert_eq!(
            kinds(&house, &acme).await,
            [
                "alert_raised",
                "caller_suspended",
                "alert_raised",
                "alert_raised",
                "caller_suspended",
                "alert_closed",
                "caller_released"
            ]
        );
        assert!(store.assign_alert(&acme, "b", "inc-1").await.unwrap());
        assert_eq!(
            ids(store.alerts_of_incident(&acme, "inc-1").await.unwrap()),
            ["b"]
        );
        house.end().await;
    }
}

#[tokio::test]
async fn what_was_learnt_is_kept_by_node_and_forgotten_when_nobody_adds_to_it() {
    for house in House::each().await {
        let store = &house.store;
        let state = |who: &str, sealed: &[u8]| WatchState {
            who: who.to_owned(),
            sealed: sealed.to_vec(),
        };
        store
            .save_watch_states("n1", vec![state("a", b"1"), state("b", b"2")], at(0))
            .await
            .unwrap();
        store
            .save_watch_states("n2", vec![state("a", b"3")], at(0))
            .await
            .unwrap();
        store
            .save_watch_states("n1", vec![state("a", b"4")], at(1))
            .await
            .unwrap();
        let learnt = store.watch_states("n1").await.unwrap();
        assert_eq!(learnt, [state("a", b"4"), state("b", b"2")]);
        store
            .save_watch_states("n1", vec![state("c", b"5")], at(91 * 24))
            .await
            .unwrap();
        assert_eq!(store.watch_states("n1").await.unwrap(), [state("c", b"5")]);
        assert_eq!(store.watch_states("n2").await.unwrap(), []);
        house.end().await;
    }
}

#[tokio::test]
async fn of_two_changes_of_an_incident_at_once_one_is_refused_and_leaves_nothing() {
    for house in House::each().await {
        let store = &house.store;
        let acme = tenant("acme");
        let actor = Pseudonym("officer".to_owned());
        let mut incident = IncidentRecord {
            tenant: acme.clone(),
            id: "inc-1".to_owned(),
            kind: "leaked_key".to_owned(),
            state: "open".to_owned(),
            opened_at: at(0),
            aware_at: at(0),
            notified_at: None,
            needs_none_at: None,
            closed_at: None,
            scope: "{}".to_owned(),
            sealed: b"title".to_vec(),
        };
        let change = |incident: &IncidentRecord, kind: &'static str, seq: u64| {
            let incident = incident.clone();
            let actor = actor.clone();
            async move {
                let change = IncidentChange {
                    incident: &incident,
                    actor: &actor,
                    at: at(1),
                    kind,
                    sealed: b"text".to_vec(),
                    hash: "00".to_owned(),
                    seq,
                };
                store.change_incident(change).await.unwrap()
            }
        };
        assert_eq!(store.next_incident_entry(&acme, "inc-1").await.unwrap(), 1);
        assert!(change(&incident, "opened", 1).await);
        "closed".clone_into(&mut incident.state);
        assert!(!change(&incident, "state", 1).await);
        assert_eq!(
            store.incident(&acme, "inc-1").await.unwrap().unwrap().state,
            "open"
        );
        assert!(change(&incident, "state", 2).await);
        assert_eq!(store.incidents(&acme).await.unwrap()[0].state, "closed");
        assert_eq!(store.incident_entries(&acme, "inc-1").await.unwrap().len(), 2);
        assert_eq!(store.incident(&tenant("other"), "inc-1").await.unwrap(), None);
        assert_eq!(
            kinds(&house, &acme).await,
            ["incident_opened", "incident_changed"]
        );
        house.end().await;
    }
}
