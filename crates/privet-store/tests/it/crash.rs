//! What a crash or a damaged disk leaves, and what becomes of it.

use std::fs;
use std::path::{Path, PathBuf};

use privet_crypto::RootKey;
use privet_store::{Durability, Error, Spool, SpoolConfig};

use crate::support::{DURABLE, House, config, drain, event};

/// Offsets where the records of a segment begin, and its end.
fn bounds(segment: &[u8]) -> Vec<usize> {
    let mut bounds = vec![44];
    while let Some(length) = segment
        .get(bounds[bounds.len() - 1]..)
        .and_then(|rest| rest.first_chunk::<4>())
    {
        bounds.push(bounds[bounds.len() - 1] + 20 + u32::from_le_bytes(*length) as usize);
    }
    bounds
}

async fn opened_and_drained(house: &House) -> (Spool, Vec<u64>) {
    let spool = house.spool(DURABLE).await;
    let seqs = drain(&spool).await;
    (spool, seqs)
}

fn restore(house: &House, segment: &Path, bytes: &[u8]) {
    for path in house.segments() {
        fs::remove_file(path).unwrap();
    }
    fs::write(segment, bytes).unwrap();
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_loses_that_record_only_and_numbers_go_on() {
    let house = House::new().await;
    house.fill(3).await;
    let segment = house.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    let last = bounds(&whole)[2];
    for cut in last..whole.len() {
        restore(&house, &segment, &whole[..cut]);
        let (spool, seqs) = opened_and_drained(&house).await;
        assert_eq!(seqs, [1, 2], "cut at {cut}");
        assert_eq!(spool.append(&event(3)).await.unwrap(), 3);
        assert_eq!(drain(&spool).await, [3]);
    }
}

#[tokio::test]
async fn a_segment_torn_at_any_byte_of_its_header_holds_nothing() {
    let house = House::new().await;
    house.fill(1).await;
    let segment = house.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    for cut in 0..44 {
        restore(&house, &segment, &whole[..cut]);
        let (spool, seqs) = opened_and_drained(&house).await;
        assert!(seqs.is_empty());
        assert_eq!(spool.append(&event(1)).await.unwrap(), 1);
        assert_eq!(drain(&spool).await, [1]);
    }
}

#[tokio::test]
async fn a_tail_of_zeros_is_a_torn_tail() {
    let house = House::new().await;
    house.fill(2).await;
    let segment = house.segments().remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes.resize(bytes.len() + 4096, 0);
    fs::write(&segment, bytes).unwrap();
    assert_eq!(opened_and_drained(&house).await.1, [1, 2]);
}

#[tokio::test]
async fn any_byte_changed_before_the_last_record_is_an_error_that_names_the_event() {
    let house = House::new().await;
    house.fill(4).await;
    let segment = house.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    let bounds = bounds(&whole);
    for at in 0..bounds[3] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&segment, &bytes).unwrap();
        let refused = house.try_spool(config(DURABLE)).await.unwrap_err();
        let expected = bounds.iter().filter(|&&bound| bound <= at).count() as u64;
        match refused {
            Error::SpoolForeign { .. } => assert_eq!(expected, 0),
            Error::SpoolDamaged { seq, .. } => assert_eq!(seq, expected, "byte {at}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            fs::read(&segment).unwrap(),
            bytes,
            "a damaged segment is left as it is"
        );
    }
}

#[tokio::test]
async fn a_record_lost_within_the_last_write_is_a_torn_tail_though_later_ones_survived() {
    let house = House::new().await;
    house.fill(1).await;
    let spool = house
        .spool(Durability::LossWindow(std::time::Duration::from_secs(3600)))
        .await;
    for i in 2..=4 {
        spool.append(&event(i)).await.unwrap();
    }
    spool.close().await.unwrap();
    drop(spool);
    let segment = house.segments().remove(1);
    let mut bytes = fs::read(&segment).unwrap();
    let second = bounds(&bytes)[1];
    bytes[second..second + 100].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let (spool, seqs) = opened_and_drained(&house).await;
    assert_eq!(seqs, [1, 2]);
    assert_eq!(spool.append(&event(3)).await.unwrap(), 3);
}

async fn three_segments() -> (House, Vec<PathBuf>) {
    let house = House::new().await;
    let spool = house
        .try_spool(SpoolConfig {
            max_bytes: 64 << 10,
            durability: DURABLE,
        })
        .await
        .unwrap();
    let mut count = 0;
    while house.segments().len() < 3 {
        count += 1;
        spool.append(&event(count)).await.unwrap();
    }
    drop(spool);
    let segments = house.segments();
    (house, segments)
}

#[tokio::test]
async fn a_segment_cut_short_is_damage_unless_it_is_the_last() {
    let (house, segments) = three_segments().await;
    let bytes = fs::read(&segments[1]).unwrap();
    fs::write(&segments[1], &bytes[..bytes.len() - 1]).unwrap();
    let refused = house.try_spool(config(DURABLE)).await.unwrap_err();
    assert!(
        matches!(&refused, Error::SpoolDamaged { segment, .. } if *segment == segments[1]),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_missing_segment_is_damage_until_it_is_given_up_by_renaming() {
    let (house, segments) = three_segments().await;
    let given_up = segments[1].with_extension("spool.damaged");
    let aside = house.dir.path().join("aside");
    fs::rename(&segments[1], &aside).unwrap();
    assert!(matches!(
        house.try_spool(config(DURABLE)).await,
        Err(Error::SpoolDamaged { .. })
    ));
    fs::rename(&aside, &given_up).unwrap();
    let (spool, seqs) = opened_and_drained(&house).await;
    let first_of_last: u64 = segments[2]
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let first_of_lost: u64 = segments[1]
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        seqs,
        (1..first_of_lost)
            .chain(first_of_last..=first_of_last)
            .collect::<Vec<_>>()
    );
    assert!(spool.append(&event(1)).await.unwrap() > first_of_last);
}

#[tokio::test]
async fn numbers_of_a_given_up_last_segment_are_not_used_again() {
    let house = House::new().await;
    house.fill(3).await;
    let segment = house.segments().remove(0);
    fs::rename(&segment, segment.with_extension("spool.damaged")).unwrap();
    assert!(house.spool(DURABLE).await.append(&event(1)).await.unwrap() > 3);
}

#[tokio::test]
async fn another_root_key_or_node_id_is_an_error_and_not_a_torn_tail() {
    let house = House::new().await;
    house.fill(1).await;
    let other = RootKey::generate().unwrap().into();
    let refused = Spool::open(&house.spool_dir(), other, config(DURABLE), &house.store)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::SpoolForeign { .. }), "{refused:?}");
    fs::write(house.spool_dir().join("node-id"), "0123456789abcdef").unwrap();
    assert!(matches!(
        house.try_spool(config(DURABLE)).await,
        Err(Error::SpoolForeign { .. })
    ));
    fs::write(house.spool_dir().join("node-id"), "").unwrap();
    assert!(matches!(
        house.try_spool(config(DURABLE)).await,
        Err(Error::BadNodeId { .. })
    ));
}

#[tokio::test]
async fn a_crash_between_storing_and_acknowledging_stores_nothing_twice() {
    let house = House::new().await;
    house.fill(5).await;
    let spool = house.spool(DURABLE).await;
    let batch = spool.next_batch().await.unwrap().unwrap();
    house
        .store
        .append_audit(spool.node(), &batch.records()[..3])
        .await
        .unwrap();
    drop(spool);
    let (spool, seqs) = opened_and_drained(&house).await;
    assert_eq!(seqs, [4, 5]);
    assert_eq!(spool.append(&event(6)).await.unwrap(), 6);
}

#[tokio::test]
async fn numbers_go_on_behind_the_store_when_the_spool_is_older() {
    let house = House::new().await;
    house.fill(2).await;
    let segment = house.segments().remove(0);
    let old = fs::read(&segment).unwrap();
    house.fill_more(3..=8).await;
    let spool = house.spool(DURABLE).await;
    let batch = spool.next_batch().await.unwrap().unwrap();
    house
        .store
        .append_audit(spool.node(), batch.records())
        .await
        .unwrap();
    let batch = {
        spool.acknowledge(batch).await.unwrap();
        spool.next_batch().await.unwrap().unwrap()
    };
    house
        .store
        .append_audit(spool.node(), batch.records())
        .await
        .unwrap();
    drop(spool);
    restore(&house, &segment, &old);
    let (spool, seqs) = opened_and_drained(&house).await;
    assert!(seqs.is_empty());
    assert_eq!(spool.append(&event(9)).await.unwrap(), 9);
    drop(spool);
    assert_eq!(opened_and_drained(&house).await.1, [9]);
}
