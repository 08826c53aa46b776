"""The exported audit log, checked by an independent implementation of C2SP's formats (PyPI aics-tlog)."""

import os
import subprocess

import pytest

aics_tlog = pytest.importorskip("aics_tlog")

from aics_tlog.checkpoint import checkpoint_from_note
from aics_tlog.verified import audit_tiles

if os.environ.get("PRIVET_DIRECT") == "1":
    pytest.skip("there is no gateway, and so no log", allow_module_level=True)


def privet(*arguments):
    command = [os.environ["PRIVET_BIN"], *arguments, "--config", os.environ["PRIVET_CONFIG"]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def export(folder):
    privet("audit", "export", str(folder))
    return aics_tlog.parse_note((folder / "checkpoint").read_bytes())


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder after four exports with keys made between them, the notes of each, and the log's public key."""
    folder = tmp_path_factory.mktemp("log")
    notes = []
    for number in range(4):
        for _ in range(number):
            privet("key", "create", "--name", f"log-{number}")
        notes.append(export(folder))
    return folder, notes, aics_tlog.parse_vkey(privet("audit", "key").strip())


def test_every_checkpoint_is_signed_by_the_log(exported):
    folder, notes, key = exported
    kept = [aics_tlog.parse_note(path.read_bytes()) for path in sorted((folder / "checkpoints").iterdir())]
    assert len(kept) >= 3
    for note in [*notes, *kept]:
        result = aics_tlog.verify_checkpoint(note, key, expected_origin=key.name)
        assert result.ok, result


def test_every_tile_and_every_entry_belongs_to_the_signed_root(exported):
    folder, notes, _ = exported
    checkpoint, _ = checkpoint_from_note(notes[-1])
    report = audit_tiles(aics_tlog.FileSystemTileReader(folder), checkpoint.size, checkpoint.root)
    assert report.size == checkpoint.size
    assert report.bundles == (checkpoint.size + 255) // 256


def test_the_root_is_that_of_the_entries_and_every_leaf_is_included(exported):
    folder, notes, _ = exported
    checkpoint, _ = checkpoint_from_note(notes[-1])
    reader = aics_tlog.FileSystemTileReader(folder)
    entries = [aics_tlog.read_entry(reader, index, checkpoint.size) for index in range(checkpoint.size)]
    tree = aics_tlog.MerkleTree(entries)
    assert tree.root() == checkpoint.root
    for index, entry in enumerate(entries):
        proof = aics_tlog.inclusion_proof_from_tiles(reader, index, checkpoint.size)
        assert aics_tlog.verify_leaf_inclusion(entry, index, checkpoint.size, proof, checkpoint.root)


def test_each_checkpoint_continues_the_one_before(exported):
    folder, notes, _ = exported
    reader = aics_tlog.FileSystemTileReader(folder)
    heads = [checkpoint_from_note(note)[0] for note in notes]
    for old, new in zip(heads, heads[1:]):
        proof = aics_tlog.consistency_proof_from_tiles(reader, old.size, new.size)
        assert aics_tlog.verify_consistency(old.size, new.size, old.root, new.root, proof)


def test_a_changed_entry_is_noticed_here_too(exported, tmp_path):
    folder, notes, _ = exported
    copy = tmp_path / "log"
    subprocess.run(["cp", "-r", str(folder), str(copy)], check=True)
    checkpoint, _ = checkpoint_from_note(notes[-1])
    bundle = copy / "tile" / "entries" / f"000.p/{checkpoint.size}"
    data = bytearray(bundle.read_bytes())
    data[-2] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(aics_tlog.TileVerificationError):
        audit_tiles(aics_tlog.FileSystemTileReader(copy), checkpoint.size, checkpoint.root)
