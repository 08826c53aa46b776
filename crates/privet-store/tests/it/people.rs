//! Tenants, principals, groups, roles and what they used.

use jiff::Timestamp;
use privet_store::{
    GrantRecord, GroupRecord, Holder, Membership, PeopleChange, PrincipalRecord, PrivilegeUse, Store,
    TrainingRecord,
};
use privet_types::{Principal, PrincipalKind, Pseudonym, TenantId};

use crate::support::House;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn change(ms: i64) -> PeopleChange {
    PeopleChange {
        at: at(ms),
        tenant: "acme".to_owned(),
        principal: Some(Pseudonym("5".repeat(32))),
        by: None,
        principal_kind: None,
        group: None,
        role: None,
        course: None,
        expires_at: None,
    }
}

fn ann() -> PrincipalRecord {
    PrincipalRecord {
        tenant: "acme".parse().unwrap(),
        name: "ann".parse().unwrap(),
        kind: PrincipalKind::User,
        created_at: at(0),
        disabled_at: None,
    }
}

fn membership() -> Membership {
    Membership {
        tenant: "acme".parse().unwrap(),
        group: "lab".parse().unwrap(),
        principal: "ann".parse().unwrap(),
        added_at: at(2),
    }
}

fn grant(holder: Holder) -> GrantRecord {
    GrantRecord {
        tenant: "acme".parse().unwrap(),
        holder,
        role: "user".parse().unwrap(),
        granted_at: at(3),
    }
}

async fn fill(store: &Store) {
    let group = GroupRecord {
        tenant: "acme".parse().unwrap(),
        name: "lab".parse().unwrap(),
        created_at: at(1),
    };
    let training = TrainingRecord {
        tenant: "acme".parse().unwrap(),
        principal: "ann".parse().unwrap(),
        course: "basics".parse().unwrap(),
        expires_at: at(9),
        record: "{}".to_owned(),
    };
    let to_ann = grant(Holder::Principal("ann".parse().unwrap()));
    let to_lab = grant(Holder::Group("lab".parse().unwrap()));
    assert!(store.insert_principal(&ann(), &change(0)).await.unwrap());
    assert!(store.insert_group(&group, &change(1)).await.unwrap());
    assert!(store.set_member(&membership(), true, &change(2)).await.unwrap());
    assert!(store.set_grant(&to_ann, true, &change(3)).await.unwrap());
    assert!(store.set_grant(&to_lab, true, &change(3)).await.unwrap());
    store.put_training(&training, &change(4)).await.unwrap();
}

#[tokio::test]
async fn what_was_made_is_read_as_it_was_made_and_each_change_is_counted_and_logged() {
    for house in House::each().await {
        let (version, leaves) = (
            house.store.api_keys_version().await.unwrap(),
            house.store.audit_count().await.unwrap(),
        );
        fill(&house.store).await;
        let people = house.store.load_people().await.unwrap();
        assert_eq!(people.principals, [ann()]);
        assert_eq!(people.members, [membership()]);
        assert_eq!(people.groups.len(), 1);
        let holders: Vec<_> = people.grants.iter().map(|g| g.holder.clone()).collect();
        assert_eq!(
            holders,
            [
                Holder::Group("lab".parse().unwrap()),
                Holder::Principal("ann".parse().unwrap())
            ]
        );
        assert_eq!(people.trainings[0].expires_at, at(9));
        // PostgreSQL counts a statement that may insert or update as both.
        assert!(house.store.api_keys_version().await.unwrap() >= version + 6);
        assert_eq!(house.store.audit_count().await.unwrap(), leaves + 6);
        assert_eq!(house.store.load_api_keys().await.unwrap().people, people);
        house.end().await;
    }
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_neither_counted_nor_logged() {
    for house in House::each().await {
        fill(&house.store).await;
        let (version, leaves) = (
            house.store.api_keys_version().await.unwrap(),
            house.store.audit_count().await.unwrap(),
        );
        let absent = grant(Holder::Principal("bob".parse().unwrap()));
        let (acme, name): (TenantId, Principal) = ("acme".parse().unwrap(), "ann".parse().unwrap());
        assert!(!house.store.insert_principal(&ann(), &change(5)).await.unwrap());
        assert!(
            !house
                .store
                .set_member(&membership(), true, &change(5))
                .await
                .unwrap()
        );
        assert!(!house.store.set_grant(&absent, false, &change(5)).await.unwrap());
        assert!(
            !house
                .store
                .switch_principal(&acme, &name, true, &change(5))
                .await
                .unwrap()
        );
        assert!(!house.store.switch_tenant(&acme, true, &change(5)).await.unwrap());
        assert_eq!(house.store.audit_count().await.unwrap(), leaves);
        assert_eq!(
            house.store.load_people().await.unwrap().principals[0].disabled_at,
            None
        );
        // PostgreSQL counts statements, SQLite rows; neither loses a change.
        assert!(house.store.api_keys_version().await.unwrap() >= version);
        house.end().await;
    }
}

#[tokio::test]
async fn a_principal_and_a_tenant_are_switched_off_and_on_again() {
    for house in House::each().await {
        fill(&house.store).await;
        let (acme, name): (TenantId, Principal) = ("acme".parse().unwrap(), "ann".parse().unwrap());
        let store = &house.store;
        assert!(
            store
                .switch_principal(&acme, &name, false, &change(6))
                .await
                .unwrap()
        );
        assert!(store.switch_tenant(&acme, false, &change(7)).await.unwrap());
        assert!(!store.switch_tenant(&acme, false, &change(8)).await.unwrap());
        let off = store.load_people().await.unwrap();
        assert_eq!(off.principals[0].disabled_at, Some(at(6)));
        assert_eq!(off.tenants[0].disabled_at, Some(at(7)));
        assert!(
            store
                .switch_principal(&acme, &name, true, &change(9))
                .await
                .unwrap()
        );
        assert!(store.switch_tenant(&acme, true, &change(9)).await.unwrap());
        let on = store.load_people().await.unwrap();
        assert_eq!(
            (on.principals[0].disabled_at, on.tenants[0].disabled_at),
            (None, None)
        );
        house.end().await;
    }
}

#[tokio::test]
async fn a_member_and_a_role_can_be_taken_back() {
    for house in House::each().await {
        fill(&house.store).await;
        let to_lab = grant(Holder::Group("lab".parse().unwrap()));
        assert!(
            house
                .store
                .set_member(&membership(), false, &change(6))
                .await
                .unwrap()
        );
        assert!(house.store.set_grant(&to_lab, false, &change(6)).await.unwrap());
        let people = house.store.load_people().await.unwrap();
        assert_eq!((people.members.len(), people.grants.len()), (0, 1));
        house.end().await;
    }
}

#[tokio::test]
async fn uses_add_up_and_the_last_one_counts() {
    let used = |ms, uses| PrivilegeUse {
        tenant: "acme".parse().unwrap(),
        principal: "ann".parse().unwrap(),
        action: "prompt".to_owned(),
        last_used_at: at(ms),
        uses,
    };
    for house in House::each().await {
        let version = house.store.api_keys_version().await.unwrap();
        house.store.add_privilege_uses(&[used(5, 2)]).await.unwrap();
        house.store.add_privilege_uses(&[used(3, 4)]).await.unwrap();
        house.store.add_privilege_uses(&[]).await.unwrap();
        assert_eq!(house.store.list_privilege_uses().await.unwrap(), [used(5, 6)]);
        assert_eq!(house.store.api_keys_version().await.unwrap(), version);
        house.end().await;
    }
}

#[tokio::test]
async fn a_change_that_others_overtook_changes_nothing_and_of_two_at_once_one_is_made() {
    for house in House::each().await {
        let store = &house.store;
        fill(store).await;
        let version = store.api_keys_version().await.unwrap();
        let other = |name: &str| PrincipalRecord {
            name: name.parse().unwrap(),
            ..ann()
        };
        let (one, two) = (store.expecting(version), store.expecting(version));
        let (bob, eve) = (other("bob"), other("eve"));
        let told = change(10);
        let both = tokio::join!(
            one.insert_principal(&bob, &told),
            two.insert_principal(&eve, &told)
        );
        let both = [both.0, both.1];
        let overtaken = both
            .iter()
            .filter(|done| matches!(done, Err(privet_store::Error::Overtaken)))
            .count();
        let made = both.iter().filter(|done| matches!(done, Ok(true))).count();
        assert_eq!((made, overtaken), (1, 1), "{both:?}");
        let people = store.load_people().await.unwrap();
        assert_eq!(people.principals.len(), 2, "{people:?}");
        // Nor does one go on that knows nothing newer; one that does changes what it wants.
        let late = one
            .switch_principal(&ann().tenant, &ann().name, false, &change(11))
            .await;
        assert!(matches!(late, Err(privet_store::Error::Overtaken)), "{late:?}");
        let now = store.expecting(store.api_keys_version().await.unwrap());
        assert!(
            now.switch_principal(&ann().tenant, &ann().name, false, &change(12))
                .await
                .unwrap()
        );
        house.end().await;
    }
}
