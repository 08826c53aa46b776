//! Paths and bytes of tiles and bundles.

use privet_log::{
    BadTile, Hash, LogPath, TileId, TilePath, read_entries, read_tile, write_entry, write_tile,
};
use proptest::prelude::*;

#[test]
fn paths_are_those_of_c2sp() {
    let hashes = |level, index, width| TilePath::Hashes {
        id: TileId { level, index },
        width,
    };
    for (path, text) in [
        (hashes(0, 0, 256), "tile/0/000"),
        (hashes(3, 1_234_067, 256), "tile/3/x001/x234/067"),
        (hashes(0, 1000, 7), "tile/0/x001/000.p/7"),
        (hashes(63, 999, 255), "tile/63/999.p/255"),
        (
            TilePath::Entries {
                index: 273_244,
                width: 1,
            },
            "tile/entries/x273/244.p/1",
        ),
    ] {
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse(), Ok(path));
    }
}

#[test]
fn other_spellings_name_no_file() {
    for text in [
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/",
        "tile/data/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "checkpoints/1",
        "checkpoints/+0000000000000000001",
        "cosignatures/00000000000000000001-0000000",
        "cosignatures/00000000000000000001-0000000A",
        "",
    ] {
        assert!(text.parse::<LogPath>().is_err(), "{text}");
    }
}

#[test]
fn a_bundle_of_another_length_than_its_entries_is_refused() {
    let mut bundle = Vec::new();
    assert!(write_entry(&mut bundle, b"one") && write_entry(&mut bundle, b""));
    assert_eq!(read_entries(&bundle, 2), Ok(vec![&b"one"[..], b""]));
    assert_eq!(read_entries(&bundle, 1), Err(BadTile::Trailing { bytes: 2 }));
    assert_eq!(read_entries(&bundle, 3), Err(BadTile::Cut { entry: 2 }));
    assert_eq!(read_entries(&bundle[..4], 2), Err(BadTile::Cut { entry: 0 }));
    assert!(!write_entry(&mut bundle, &[0; 65_536]));
    assert_eq!(bundle.len(), 7);
}

#[test]
fn a_tile_of_another_length_than_its_hashes_is_refused() {
    let hashes = [Hash::of_leaf(b"a"), Hash::of_leaf(b"b")];
    let bytes = write_tile(&hashes);
    assert_eq!(read_tile(&bytes, 2).unwrap(), hashes);
    assert!(
        read_tile(&bytes, 1).is_err() && read_tile(&bytes[1..], 2).is_err() && read_tile(&[], 1).is_err()
    );
}

proptest! {
    #[test]
    fn every_path_is_read_as_it_was_written(level in 0_u8..64, index in any::<u64>(), width in 1_u16..=256) {
        for path in [TilePath::Hashes { id: TileId { level, index }, width }, TilePath::Entries { index, width }] {
            prop_assert_eq!(path.to_string().parse(), Ok(path));
            prop_assert_eq!(path.to_string().parse::<LogPath>(), Ok(LogPath::Tile(path)));
        }
        for path in [LogPath::CheckpointOf(index), LogPath::Cosignature { size: index, key: [level; 4] }] {
            prop_assert_eq!(path.to_string().parse::<LogPath>(), Ok(path));
        }
    }

    #[test]
    fn what_is_read_as_a_bundle_is_written_as_the_same_bytes(bytes in proptest::collection::vec(0_u8..4, 0..40), width in 1_u16..6) {
        if let Ok(entries) = read_entries(&bytes, width) {
            let mut again = Vec::new();
            prop_assert!(entries.iter().all(|entry| write_entry(&mut again, entry)));
            prop_assert_eq!(again, bytes);
        }
    }
}
