//! Kill switches: kept, counted, logged, and read as more than they say where they cannot be read.

use jiff::Timestamp;
use privet_store::{KillSwitch, KillSwitchChange, KillTarget, Scope, values};
use privet_types::TenantId;

use crate::support::House;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn switch(id: &str, tenant: Option<&str>, target: KillTarget) -> KillSwitch {
    KillSwitch {
        id: id.to_owned(),
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        target,
        reason: "laptop stolen".to_owned(),
        set_by: "sam".to_owned(),
        set_at: at(0),
        ends_at: None,
        lifted_at: None,
        lifted_by: None,
    }
}

fn change(switch: &KillSwitch, ms: i64) -> KillSwitchChange {
    KillSwitchChange {
        at: at(ms),
        tenant: "acme".to_owned(),
        object: switch.id.clone(),
        target: switch.target.kind(),
        is_everywhere: switch.tenant.is_none(),
        principal: None,
        name: None,
        actor: None,
        ends_at: switch.ends_at,
    }
}

#[tokio::test]
async fn a_switch_is_counted_and_logged_once_and_the_log_is_not_told_why() {
    for house in House::each().await {
        let store = &house.store;
        let (version, leaves) = (
            store.api_keys_version().await.unwrap(),
            store.audit_count().await.unwrap(),
        );
        let mut one = switch("one", Some("acme"), KillTarget::Principal("ann".parse().unwrap()));
        assert!(store.insert_kill_switch(&one, &change(&one, 0)).await.unwrap());
        assert!(!store.insert_kill_switch(&one, &change(&one, 1)).await.unwrap());
        let set = store.api_keys_version().await.unwrap();
        assert!(set > version);
        assert_eq!(store.load_api_keys().await.unwrap().switches, [one.clone()]);
        assert!(store.lift_kill_switch("tom", &change(&one, 5)).await.unwrap());
        assert!(!store.lift_kill_switch("tom", &change(&one, 6)).await.unwrap());
        assert!(store.api_keys_version().await.unwrap() > set);
        assert_eq!(store.load_api_keys().await.unwrap().switches, []);
        (one.lifted_at, one.lifted_by) = (Some(at(5)), Some("tom".to_owned()));
        assert_eq!(store.kill_switches(9, None).await.unwrap(), [one.clone()]);
        assert_eq!(store.kill_switch("one").await.unwrap(), Some(one));
        let bank: TenantId = "bank".parse().unwrap();
        assert_eq!(store.kill_switches(9, Some(&bank)).await.unwrap(), []);
        assert_eq!(store.audit_count().await.unwrap(), leaves + 2);
        let acme = "acme".parse().unwrap();
        let events = store.tenant_events(&acme, 0, None, 100).await.unwrap();
        let told = format!("{events:?}");
        assert!(
            told.contains("kill_switch_set") && told.contains("kill_switch_lifted"),
            "{told}"
        );
        assert!(!told.contains("laptop stolen") && !told.contains("sam"), "{told}");
        house.end().await;
    }
}

#[tokio::test]
async fn one_that_is_over_is_put_away_when_the_next_is_set() {
    for house in House::each().await {
        let store = &house.store;
        let mut first = switch("first", None, KillTarget::All);
        first.ends_at = Some(at(10));
        store
            .insert_kill_switch(&first, &change(&first, 0))
            .await
            .unwrap();
        let second = switch("second", None, KillTarget::Model("demo".to_owned()));
        store
            .insert_kill_switch(&second, &change(&second, 10))
            .await
            .unwrap();
        assert_eq!(store.load_api_keys().await.unwrap().switches, [second]);
        house.end().await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_cuts_off_more_and_never_less() {
    for house in House::each().await {
        for (number, (tenant, kind, name, wide)) in [
            ("acme", "galaxy", "x", Some("acme")),
            ("acme", "principal", "no name", Some("acme")),
            ("no tenant", "model", "demo", None),
            ("", "principal", "ann", None),
            ("", "galaxy", "", None),
        ]
        .into_iter()
        .enumerate()
        {
            let row = values![format!("id{number}"), tenant, kind, name];
            let sql = "INSERT INTO kill_switches (id, tenant, kind, name, reason, set_by, set_at, ends_at) \
                       VALUES ($1, $2, $3, $4, 'r', 's', 0, 9223372036854775807)";
            let database = house.store.database();
            database
                .write(&Scope::Installation, move |tx| {
                    Box::pin(async move { tx.execute(sql, row).await })
                })
                .await
                .unwrap();
            let found = house
                .store
                .kill_switch(&format!("id{number}"))
                .await
                .unwrap()
                .unwrap();
            let target = if wide.is_some() {
                KillTarget::Tenant
            } else {
                KillTarget::All
            };
            assert_eq!(found.target, target, "{tenant} {kind}");
            assert_eq!(
                found.tenant.as_ref().map(TenantId::as_str),
                wide,
                "{tenant} {kind}"
            );
            assert!(found.is_in_force(Timestamp::MAX), "{tenant} {kind}");
        }
        house.end().await;
    }
}
