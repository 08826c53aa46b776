//! Principals, groups and roles, as a running gateway learns of them.

use privet_access::{
    AccessRules, Ask, Authorizer, Denied, Error, Holder, KeyRing, People, Privilege, Resource, Signer,
    Training,
};
use privet_crypto::SigningKey;
use privet_types::{PrincipalKind, RoleName, TenantId};

use crate::{House, KeyRingConfig};

fn ask(privilege: Privilege, house: &House) -> Ask<'static> {
    Ask {
        privilege,
        resource: Resource::Tenant,
        at: house.now(),
        address: None,
        prompt: None,
    }
}

fn people(house: &House) -> People<'_> {
    People::new(&house.store, &house.root, TenantId::default(), &house.clock)
}

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_key_of_a_name_that_nobody_made_is_a_service_accounts() {
    let house = House::new().await;
    let key = house.key("crm", None).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    assert!(!caller.account.is_known());
    assert_eq!(caller.account.kind(), PrincipalKind::Service);
    assert!(
        ring.authorise(&caller, &ask(Privilege::DetectText, &house))
            .is_ok()
    );
    assert!(
        ring.authorise(&caller, &ask(Privilege::KeyManage, &house))
            .is_err()
    );
}

#[tokio::test]
async fn a_person_may_do_nothing_until_a_role_or_a_group_permits_it() {
    let house = House::new().await;
    let (ann, lab) = ("ann".parse().unwrap(), "lab".parse().unwrap());
    people(&house).create(&ann, PrincipalKind::User).await.unwrap();
    let key = house.key("ann", None).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    assert!(
        ring.authorise(&caller, &ask(Privilege::DetectText, &house))
            .is_err()
    );

    people(&house).create_group(&lab).await.unwrap();
    people(&house).set_member(&lab, &ann, true).await.unwrap();
    people(&house)
        .set_role(&Holder::Group(lab.clone()), &role("user"), true)
        .await
        .unwrap();
    assert!(ring.refresh_if_changed().await.unwrap());
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    assert!(
        ring.authorise(&caller, &ask(Privilege::DetectText, &house))
            .is_ok()
    );

    people(&house).set_member(&lab, &ann, false).await.unwrap();
    ring.refresh_if_changed().await.unwrap();
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    assert!(
        ring.authorise(&caller, &ask(Privilege::DetectText, &house))
            .is_err()
    );
}

#[tokio::test]
async fn the_keys_of_who_is_switched_off_are_refused_and_good_again_later() {
    let house = House::new().await;
    let name = "crm".parse().unwrap();
    people(&house)
        .create(&name, PrincipalKind::Service)
        .await
        .unwrap();
    let key = house.key("crm", None).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    assert!(
        people(&house)
            .switch(&name, PrincipalKind::Service, false)
            .await
            .unwrap()
    );
    ring.refresh_if_changed().await.unwrap();
    assert_eq!(
        ring.authenticate(key.key.expose(), house.now()).await,
        Err(Denied::Disabled)
    );
    people(&house)
        .switch(&name, PrincipalKind::Service, true)
        .await
        .unwrap();
    people(&house).switch_tenant(false).await.unwrap();
    ring.refresh_if_changed().await.unwrap();
    assert_eq!(
        ring.authenticate(key.key.expose(), house.now()).await,
        Err(Denied::Disabled)
    );
    people(&house).switch_tenant(true).await.unwrap();
    ring.refresh_if_changed().await.unwrap();
    assert!(ring.authenticate(key.key.expose(), house.now()).await.is_ok());
}

#[tokio::test]
async fn names_that_are_taken_or_that_nobody_has_are_refused() {
    let house = House::new().await;
    let (ann, bob, lab) = (
        "ann".parse().unwrap(),
        "bob".parse().unwrap(),
        "lab".parse().unwrap(),
    );
    let people = people(&house);
    people.create(&ann, PrincipalKind::User).await.unwrap();
    let again = people.create(&ann, PrincipalKind::Service).await;
    assert!(matches!(again, Err(Error::PrincipalExists { .. })), "{again:?}");
    let wrong_kind = people.switch(&ann, PrincipalKind::Service, false).await;
    assert!(
        matches!(wrong_kind, Err(Error::UnknownPrincipal { .. })),
        "{wrong_kind:?}"
    );
    let no_group = people.set_member(&lab, &ann, true).await;
    assert!(
        matches!(no_group, Err(Error::UnknownGroup { .. })),
        "{no_group:?}"
    );
    let nobody = people
        .set_role(&Holder::Principal(bob), &role("user"), true)
        .await;
    assert!(matches!(nobody, Err(Error::NoPrincipal { .. })), "{nobody:?}");
    let person = people
        .set_role(&Holder::Principal(ann), &role("service"), true)
        .await;
    assert!(matches!(person, Err(Error::PersonAsService)), "{person:?}");
}

#[tokio::test]
async fn what_was_used_is_written_down_once() {
    let house = House::new().await;
    let key = house.key("crm", None).await;
    let ring = house.ring(KeyRingConfig::default()).await;
    let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
    ring.authorise(&caller, &ask(Privilege::DetectText, &house))
        .unwrap();
    ring.authorise(&caller, &ask(Privilege::DetectText, &house))
        .unwrap();
    assert!(ring.authorise(&caller, &ask(Privilege::KeyRead, &house)).is_err());
    ring.flush_uses().await.unwrap();
    ring.flush_uses().await.unwrap();
    let used = house.store.list_privilege_uses().await.unwrap();
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].action.as_str(), used[0].uses), ("text.detect", 2));
    assert_eq!(used[0].last_used_at, house.now());
}

#[tokio::test]
async fn training_counts_if_it_is_signed_for_this_very_person_and_as_long_as_it_says() {
    let house = House::new().await;
    let trainer = SigningKey::generate().unwrap();
    let signers = vec![Signer::of(&trainer)];
    let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
    let people = people(&house);
    people.create(&ann, PrincipalKind::User).await.unwrap();
    people.create(&bob, PrincipalKind::User).await.unwrap();
    let training = Training {
        tenant: "default".to_owned(),
        principal: "ann".to_owned(),
        course: "basics".to_owned(),
        trainer: "HR".to_owned(),
        issued_at: house.now(),
        expires_at: house
            .now()
            .checked_add(jiff::SignedDuration::from_secs(60))
            .unwrap(),
    };
    let text = training.sign(&trainer).unwrap();
    let unsigned = people.record_training(&text, &[]).await;
    assert!(matches!(unsigned, Err(Error::Record(_))), "{unsigned:?}");
    people.record_training(&text, &signers).await.unwrap();
    let changed = people
        .record_training(&text.replace("\"ann\"", "\"bob\""), &signers)
        .await;
    assert!(matches!(changed, Err(Error::Record(_))), "{changed:?}");

    let (ann_key, bob_key) = (house.key("ann", None).await, house.key("bob", None).await);
    let rules = AccessRules {
        authorizer: Authorizer::new(&[], jiff::tz::Offset::UTC).unwrap(),
        signers,
        named: Vec::new(),
    };
    let ring = KeyRing::open_with(house.store.clone(), &house.root, KeyRingConfig::default(), rules)
        .await
        .unwrap();
    let of = async |key: &privet_access::NewKey| {
        let caller = ring.authenticate(key.key.expose(), house.now()).await.unwrap();
        let courses: Vec<_> = caller.account.trained(house.now()).map(str::to_owned).collect();
        courses
    };
    assert_eq!(of(&ann_key).await, ["basics"]);
    assert!(of(&bob_key).await.is_empty());
    let later = house
        .now()
        .checked_add(jiff::SignedDuration::from_secs(60))
        .unwrap();
    let caller = ring
        .authenticate(ann_key.key.expose(), house.now())
        .await
        .unwrap();
    assert_eq!(caller.account.trained(later).count(), 0);
}
