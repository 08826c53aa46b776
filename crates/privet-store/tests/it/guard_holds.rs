//! What guardrails hold until somebody approves it.

use jiff::Timestamp;
use privet_store::{HoldDecided, NewHold};
use privet_types::{Pseudonym, TenantId};

use crate::support::House;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn hold(id: &str, who: &str) -> NewHold {
    NewHold {
        id: id.to_owned(),
        rule: "taint/side_effect".to_owned(),
        surface: "openai_chat".to_owned(),
        model: "m".to_owned(),
        tool: Some("send_mail".to_owned()),
        who: Pseudonym(who.to_owned()),
    }
}

#[tokio::test]
async fn what_is_held_passes_from_its_approval_by_somebody_else_until_that_runs_out() {
    for house in House::each().await {
        let store = &house.store;
        let acme: TenantId = "acme".parse().unwrap();
        let (ann, bob) = (Pseudonym("ann".to_owned()), Pseudonym("bob".to_owned()));
        let open = async |second| {
            store
                .open_holds(&acme, vec![hold("h1", "ann")], at(second))
                .await
                .unwrap()
        };
        assert_eq!(open(0).await[0].state(at(0)), "open");
        assert_eq!(open(5).await[0].opened_at, at(0), "asked for once");
        assert_eq!(store.approved_holds(&acme, at(5)).await.unwrap(), [""; 0]);

        let own = store
            .decide_hold(&acme, "h1", Some(at(60)), &ann, at(6))
            .await
            .unwrap();
        assert_eq!(own, HoldDecided::Own);
        let missing = store
            .decide_hold(&acme, "h2", Some(at(60)), &bob, at(6))
            .await
            .unwrap();
        assert_eq!(missing, HoldDecided::Missing);
        let elsewhere: TenantId = "other".parse().unwrap();
        let foreign = store
            .decide_hold(&elsewhere, "h1", Some(at(60)), &bob, at(6))
            .await
            .unwrap();
        assert_eq!(foreign, HoldDecided::Missing);
        let done = store
            .decide_hold(&acme, "h1", Some(at(60)), &bob, at(6))
            .await
            .unwrap();
        assert!(matches!(done, HoldDecided::Done(record) if record.state(at(7)) == "approved"));
        assert_eq!(store.approved_holds(&acme, at(59)).await.unwrap(), ["h1"]);
        assert_eq!(store.approved_holds(&elsewhere, at(59)).await.unwrap(), [""; 0]);
        assert_eq!(store.approved_holds(&acme, at(60)).await.unwrap(), [""; 0]);

        let again = open(61).await;
        assert_eq!((again[0].state(at(61)), again[0].opened_at), ("open", at(61)));
        store.decide_hold(&acme, "h1", None, &bob, at(62)).await.unwrap();
        assert_eq!(open(63).await[0].state(at(63)), "refused", "a refusal stands");
        assert_eq!(store.holds(&acme, 10).await.unwrap().len(), 1);
        assert_eq!(store.holds(&elsewhere, 10).await.unwrap(), []);
        // After a month nobody waits for it any more.
        store
            .open_holds(&acme, vec![hold("h3", "ann")], at(40 * 86_400))
            .await
            .unwrap();
        let left = store.holds(&acme, 10).await.unwrap();
        assert_eq!(
            left.iter()
                .map(|record| record.hold.id.as_str())
                .collect::<Vec<_>>(),
            ["h3"]
        );
    }
}

#[tokio::test]
async fn a_caller_cannot_fill_the_list() {
    for house in House::each().await {
        let store = &house.store;
        let acme: TenantId = "acme".parse().unwrap();
        let many = (0..150)
            .map(|number| hold(&format!("h{number}"), "ann"))
            .collect();
        let kept = store.open_holds(&acme, many, at(0)).await.unwrap();
        assert_eq!(kept.len(), 100);
        let other = store
            .open_holds(&acme, vec![hold("x", "bob")], at(1))
            .await
            .unwrap();
        assert_eq!(other.len(), 1);
    }
}
