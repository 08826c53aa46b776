//! Events on their way from the spool to the store.

use std::time::Duration;

use privet_store::{Durability, Error, run_flusher};
use tokio::sync::oneshot;

use crate::support::{DURABLE, House, event};

const WINDOW: Durability = Durability::LossWindow(Duration::from_secs(3600));

#[tokio::test]
async fn shutdown_leaves_nothing_behind() {
    for house in House::each().await {
        let spool = house.spool(WINDOW).await;
        for i in 1..=3000 {
            spool.append(&event(i)).await.unwrap();
        }
        run_flusher(&spool, &house.store, Duration::from_secs(3600), async {})
            .await
            .unwrap();
        assert_eq!(
            house.store.last_audit_seq(spool.node()).await.unwrap(),
            Some(3000)
        );
        assert_eq!(house.store.audit_count().await.unwrap(), 3000);
        assert_eq!(spool.status().waiting_events, 0);
        let rows = house.store.audit_events(0, 3000).await.unwrap();
        assert!(
            rows.iter()
                .zip(1..)
                .all(|(row, i)| row.seq == i && row.event == event(i))
        );
        house.end().await;
    }
}

#[tokio::test]
async fn events_reach_the_store_while_it_runs() {
    for house in House::each().await {
        let spool = house.spool(DURABLE).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn({
            let (spool, store) = (spool.clone(), house.store.clone());
            async move {
                run_flusher(&spool, &store, Duration::from_millis(5), async move {
                    drop(stopped.await);
                })
                .await
            }
        });
        spool.append(&event(1)).await.unwrap();
        let arrived = tokio::time::timeout(Duration::from_secs(5), async {
            while house.store.audit_count().await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        });
        assert!(arrived.await.is_ok());
        drop(stop);
        task.await.unwrap().unwrap();
        house.end().await;
    }
}

#[tokio::test]
async fn a_store_that_refuses_is_reported_at_shutdown_and_the_events_wait() {
    for house in House::each().await {
        let spool = house.spool(DURABLE).await;
        spool.append(&event(1)).await.unwrap();
        house.store.close().await;
        let outcome = run_flusher(&spool, &house.store, Duration::from_millis(1), async {}).await;
        assert!(
            matches!(outcome, Err(Error::Database(_) | Error::Closed)),
            "{outcome:?}"
        );
        assert_eq!(spool.status().waiting_events, 1);
        drop(spool);
        let store = house.again().await;
        let house = House { store, ..house };
        let spool = house.spool(DURABLE).await;
        run_flusher(&spool, &house.store, Duration::from_millis(1), async {})
            .await
            .unwrap();
        assert_eq!(house.store.audit_count().await.unwrap(), 1);
        house.end().await;
    }
}
