//! What was used of budgets, as nodes save it.

use privet_store::LimitCounter;

use crate::support::House;

const DAY: i64 = 86_400;

fn counter(name: &str, window_start: i64, tokens: u64) -> LimitCounter {
    LimitCounter {
        counter: name.to_owned(),
        window_start,
        requests: 1,
        tokens,
        cost_nanos: 7,
    }
}

#[tokio::test]
async fn the_latest_count_of_each_budget_is_kept_for_each_node_apart() {
    for house in House::each().await {
        let store = &house.store;
        assert_eq!(store.limit_counters("n1").await.unwrap(), []);
        let many: Vec<_> = (0..200)
            .map(|number| counter(&format!("c{number:03}"), DAY, number))
            .collect();
        store.save_limit_counters("n1", many.clone()).await.unwrap();
        store
            .save_limit_counters("n2", vec![counter("c000", DAY, 99)])
            .await
            .unwrap();
        assert_eq!(store.limit_counters("n1").await.unwrap(), many);
        let later = counter("c000", 2 * DAY, u64::MAX);
        store
            .save_limit_counters("n1", vec![later.clone()])
            .await
            .unwrap();
        let saved = store.limit_counters("n1").await.unwrap();
        let largest = i64::MAX.unsigned_abs();
        assert_eq!(
            (saved.len(), saved[0].window_start, saved[0].tokens),
            (200, 2 * DAY, largest)
        );
        assert_eq!(
            store.limit_counters("n2").await.unwrap(),
            [counter("c000", DAY, 99)]
        );
        // A month and more later the others say nothing any more.
        store
            .save_limit_counters("n1", vec![counter("c000", 40 * DAY, 1)])
            .await
            .unwrap();
        assert_eq!(
            store.limit_counters("n1").await.unwrap(),
            [counter("c000", 40 * DAY, 1)]
        );
        assert_eq!(store.limit_counters("n2").await.unwrap().len(), 1);
        house.end().await;
    }
}
