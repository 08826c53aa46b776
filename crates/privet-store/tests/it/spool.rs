//! The spool in good days and bad ones.

use std::collections::BTreeSet;
use std::time::Duration;

use privet_store::{Durability, Error, SpoolConfig};

use crate::support::{DURABLE, House, config, drain, event};

/// Longer than any test, so that only what asks for a write causes one.
const LONG_WINDOW: Durability = Durability::LossWindow(Duration::from_secs(7200));

#[tokio::test]
async fn events_are_numbered_from_one_and_handed_on_in_order() {
    let house = House::new().await;
    let spool = house.spool(DURABLE).await;
    for i in 1..=3 {
        assert_eq!(spool.append(&event(i)).await.unwrap(), i);
    }
    let batch = spool.next_batch().await.unwrap().unwrap();
    assert!(
        batch
            .records()
            .iter()
            .all(|record| record.event().unwrap() == event(record.seq()))
    );
    assert_eq!(drain(&spool).await, [1, 2, 3]);
    assert!(spool.next_batch().await.unwrap().is_none());
}

#[tokio::test]
async fn a_durable_append_is_on_the_disk_when_it_is_answered_and_cannot_be_read_there() {
    let house = House::new().await;
    let spool = house.spool(DURABLE).await;
    // Zeros behind the events are set aside for more.
    let size = || {
        let bytes = std::fs::read(&house.segments()[0]).unwrap_or_default();
        bytes.iter().rposition(|b| *b != 0).unwrap_or_default()
    };
    let mut before = 0;
    for i in 1..=20 {
        spool.append(&event(i)).await.unwrap();
        assert!(size() > before + 300);
        before = size();
    }
    let bytes = std::fs::read(&house.segments()[0]).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"tenant"));
}

#[tokio::test]
async fn an_append_with_a_loss_window_is_answered_before_it_is_on_the_disk() {
    let house = House::new().await;
    let spool = house.spool(LONG_WINDOW).await;
    assert_eq!(spool.append(&event(1)).await.unwrap(), 1);
    assert_eq!(spool.append(&event(2)).await.unwrap(), 2);
    assert!(spool.next_batch().await.unwrap().is_none());
    assert_eq!(spool.status().waiting_events, 2);
    spool.sync().await.unwrap();
    assert_eq!(drain(&spool).await, [1, 2]);
}

#[tokio::test]
async fn events_of_a_loss_window_reach_the_disk_without_being_asked_to() {
    let house = House::new().await;
    let spool = house
        .spool(Durability::LossWindow(Duration::from_millis(20)))
        .await;
    spool.append(&event(1)).await.unwrap();
    let arrived = tokio::time::timeout(Duration::from_secs(5), async {
        while spool.next_batch().await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    });
    assert!(arrived.await.is_ok());
}

#[tokio::test]
async fn closing_or_dropping_a_spool_writes_what_the_loss_window_held() {
    let house = House::new().await;
    let spool = house.spool(LONG_WINDOW).await;
    spool.append(&event(1)).await.unwrap();
    spool.close().await.unwrap();
    assert!(matches!(spool.append(&event(2)).await, Err(Error::SpoolClosed)));
    drop(spool);
    let spool = house.spool(LONG_WINDOW).await;
    spool.append(&event(2)).await.unwrap();
    drop(spool);
    assert_eq!(drain(&house.spool(LONG_WINDOW).await).await, [1, 2]);
}

#[tokio::test]
async fn many_appends_share_a_sync() {
    let house = House::new().await;
    let spool = house.spool(DURABLE).await;
    let tasks: Vec<_> = (0..300)
        .map(|i| {
            let spool = spool.clone();
            tokio::spawn(async move { spool.append(&event(i)).await.unwrap() })
        })
        .collect();
    let mut seqs = BTreeSet::new();
    for task in tasks {
        seqs.insert(task.await.unwrap());
    }
    assert_eq!(seqs, (1..=300).collect());
    drop(spool);
    let syncs: usize = house
        .segments()
        .iter()
        .map(|path| syncs(&std::fs::read(path).unwrap()))
        .sum();
    assert!(syncs < 150, "{syncs} syncs for 300 events");
}

/// Counts the writes a segment was made by: the records of one say the same about what was durable before.
fn syncs(segment: &[u8]) -> usize {
    let mut seen = BTreeSet::new();
    let mut rest = &segment[44..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        seen.insert(rest[12..20].to_vec());
        rest = &rest[20 + length..];
    }
    seen.len()
}

#[tokio::test]
async fn a_full_spool_refuses_until_events_were_handed_on() {
    let house = House::new().await;
    let config = SpoolConfig {
        max_bytes: 64 << 10,
        durability: DURABLE,
    };
    let spool = house.try_spool(config).await.unwrap();
    let mut taken = 0;
    let full = loop {
        match spool.append(&event(1)).await {
            Ok(seq) => taken = seq,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::SpoolFull { max_bytes: 65536 }), "{full:?}");
    let on_disk: u64 = house
        .segments()
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(
        on_disk <= 65536 && on_disk == spool.status().used_bytes,
        "{on_disk}"
    );
    assert_eq!(drain(&spool).await.len() as u64, taken);
    assert_eq!(house.segments().len(), 1);
    assert_eq!(spool.append(&event(1)).await.unwrap(), taken + 1);
}

#[tokio::test]
async fn an_event_larger_than_a_record_is_refused() {
    let house = House::new().await;
    let mut large = event(1);
    large.model = Some("m".repeat(70_000));
    let refused = house.spool(DURABLE).await.append(&large).await.unwrap_err();
    assert!(matches!(refused, Error::EventTooLarge { .. }), "{refused:?}");
}

#[tokio::test]
async fn handed_on_segments_are_deleted_and_numbers_go_on_over_many_of_them() {
    let house = House::new().await;
    let small = SpoolConfig {
        max_bytes: 64 << 10,
        durability: DURABLE,
    };
    let mut handed_on = Vec::new();
    for i in 0..3 {
        let spool = house.try_spool(small).await.unwrap();
        for j in 1..=50 {
            assert_eq!(spool.append(&event(j)).await.unwrap(), i * 50 + j);
        }
        assert!(house.segments().len() > 1);
        // The store of this test learns of nothing, so a restart would hand the newest segment on again.
        let batches = drain(&spool).await;
        handed_on.extend(batches.into_iter().filter(|seq| *seq > i * 50));
        spool.close().await.unwrap();
        assert_eq!(house.segments().len(), 1);
    }
    assert_eq!(handed_on, (1..=150).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_second_server_on_one_directory_is_refused() {
    let house = House::new().await;
    let first = house.spool(DURABLE).await;
    let refused = house.try_spool(config(DURABLE)).await.unwrap_err();
    assert!(matches!(refused, Error::SpoolInUse { .. }), "{refused:?}");
    drop(first);
    house.spool(DURABLE).await;
}

#[tokio::test]
async fn a_node_keeps_its_id() {
    let house = House::new().await;
    let node = house.spool(DURABLE).await.node().to_owned();
    assert!(node.len() == 16 && node.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(house.spool(DURABLE).await.node(), node);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_spool() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new().await;
    house.fill(1).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&house.spool_dir()), 0o700);
    let files: Vec<_> = std::fs::read_dir(house.spool_dir())
        .unwrap()
        .map(|entry| mode(&entry.unwrap().path()))
        .collect();
    assert_eq!(files, [0o600; 3]);
}

/// A disk without room, in the place of the segment that the next event starts.
#[cfg(target_os = "linux")]
fn fill_disk(house: &House, next: u64) -> std::path::PathBuf {
    let path = house.spool_dir().join(format!("{next:020}.spool"));
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    path
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_fails_every_waiting_append_until_there_is_room() {
    let house = House::new().await;
    let spool = house.spool(DURABLE).await;
    let full_disk = fill_disk(&house, 1);
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            let spool = spool.clone();
            tokio::spawn(async move { spool.append(&event(i)).await })
        })
        .collect();
    for task in tasks {
        let failed = task.await.unwrap().unwrap_err();
        assert!(matches!(failed, Error::SpoolWrite { .. }), "{failed:?}");
    }
    assert!(spool.status().is_failing);
    std::fs::remove_file(full_disk).unwrap();
    assert_eq!(spool.append(&event(7)).await.unwrap(), 1);
    assert!(!spool.status().is_failing);
    assert_eq!(drain(&spool).await, [1]);
    let status = spool.status();
    drop(spool);
    assert_eq!(
        (status.waiting_events, status.used_bytes),
        (0, house.segments()[0].metadata().unwrap().len())
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_loss_window_promised_outlives_a_full_disk() {
    let house = House::new().await;
    let spool = house.spool(LONG_WINDOW).await;
    let full_disk = fill_disk(&house, 1);
    assert_eq!(spool.append(&event(1)).await.unwrap(), 1);
    assert_eq!(spool.append(&event(2)).await.unwrap(), 2);
    assert!(matches!(spool.sync().await, Err(Error::SpoolWrite { .. })));
    assert!(matches!(
        spool.append(&event(3)).await,
        Err(Error::SpoolWrite { .. })
    ));
    std::fs::remove_file(full_disk).unwrap();
    spool.sync().await.unwrap();
    assert_eq!(spool.append(&event(4)).await.unwrap(), 3);
    spool.sync().await.unwrap();
    assert_eq!(drain(&spool).await, [1, 2, 3]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn closing_says_that_promised_events_are_lost() {
    let house = House::new().await;
    let spool = house.spool(LONG_WINDOW).await;
    let _full_disk = fill_disk(&house, 1);
    spool.append(&event(1)).await.unwrap();
    assert!(matches!(spool.close().await, Err(Error::SpoolWrite { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn a_segment_deleted_under_the_spool_fails_the_next_append() {
    let house = House::new().await;
    let spool = house.spool(DURABLE).await;
    spool.append(&event(1)).await.unwrap();
    drain(&spool).await;
    std::fs::remove_file(&house.segments()[0]).unwrap();
    assert!(matches!(
        spool.append(&event(2)).await,
        Err(Error::SpoolWrite { .. })
    ));
    assert_eq!(spool.append(&event(2)).await.unwrap(), 2);
    assert_eq!(drain(&spool).await, [2]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_deleted_directory_fails_appends_even_when_another_took_its_place() {
    let house = House::new().await;
    let spool = house.spool(DURABLE).await;
    spool.append(&event(1)).await.unwrap();
    std::fs::remove_dir_all(house.spool_dir()).unwrap();
    assert!(matches!(
        spool.append(&event(2)).await,
        Err(Error::SpoolWrite { .. })
    ));
    assert!(matches!(
        spool.append(&event(2)).await,
        Err(Error::SpoolWrite { .. })
    ));
    let other = house.spool(DURABLE).await;
    assert!(matches!(
        spool.append(&event(2)).await,
        Err(Error::SpoolWrite { .. })
    ));
    assert_eq!(other.append(&event(1)).await.unwrap(), 1);
}
