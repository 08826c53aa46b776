//! What a file is, by its first bytes; its name decides only between what the bytes leave open.

use std::io::Cursor;

use privet_types::Budget;

use super::joblib::is_zlib;
use super::report::{Format, Limits};
use super::source::{self, Allowance, Inflate, Wrapping};
use super::{gguf, hdf5, npy, onnx, pickle, safetensors, saved_model, tar, torch};

/// Says what a file is from its first bytes; 64 KiB are enough, and the whole of a shorter file.
///
/// `None`: neither a model nor an archive. A name that promises a pickle (`.pkl`, `.joblib`, `.pt`, …) makes anything that is no
/// other format a (damaged) pickle, since a loader would try.
#[must_use]
pub fn recognise(name: &str, head: &[u8]) -> Option<Format> {
    let extension = extension(name);
    if let Some(format) = by_magic(&extension, head) {
        return Some(format);
    }
    if let [first, second, ..] = head
        && is_zlib(*first, *second)
        && unpacks_to_pickle(head, Wrapping::Zlib)
    {
        return Some(Format::Joblib);
    }
    if pickle::is_pickle(head) {
        return Some(if is_torch_legacy(head) {
            Format::TorchLegacy
        } else {
            Format::Pickle
        });
    }
    if saved_model::is_saved_model(&extension, head) {
        return Some(Format::SavedModel);
    }
    if onnx::is_onnx(&extension, head) {
        return Some(Format::Onnx);
    }
    if extension == "json" && is_keras_config(head) {
        return Some(Format::KerasConfig);
    }
    by_name(&extension, head)
}

fn by_magic(extension: &str, head: &[u8]) -> Option<Format> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || head.starts_with(b"PK\x07\x08") {
        return Some(match extension {
            "npz" => Format::Npz,
            "keras" => Format::Keras,
            "skops" => Format::Skops,
            "pt" | "pth" | "ckpt" | "bin" | "torch" | "ptl" | "pt2" => Format::TorchZip,
            _ => zip_kind(head),
        });
    }
    if head.starts_with(npy::MAGIC) {
        return Some(Format::Npy);
    }
    if head.starts_with(gguf::MAGIC) {
        return Some(Format::Gguf);
    }
    if hdf5::is_hdf5(head) {
        return Some(Format::Hdf5);
    }
    if head.get(4..8) == Some(b"TFL3") {
        return Some(Format::Tflite);
    }
    if safetensors::is_safetensors(extension, head) {
        return Some(Format::Safetensors);
    }
    if head.starts_with(b"\x1f\x8b") {
        let is_joblib = matches!(extension, "gz" | "z" | "pkl" | "joblib" | "pickle" | "sav")
            && unpacks_to_pickle(head, Wrapping::Gzip);
        return Some(if is_joblib { Format::Joblib } else { Format::Gzip });
    }
    if tar::is_tar(head) {
        return Some(Format::Tar);
    }
    let packed: [&[u8]; 7] = [
        b"BZh",
        b"\xfd7zXZ\0",
        b"\x5d\0\0",
        b"\x04\x22\x4d\x18",
        b"\x28\xb5\x2f\xfd",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
    ];
    if let Some(magic) = packed.iter().find(|magic| head.starts_with(magic)) {
        let is_dump = is_pickle_name(extension) || extension == "z";
        let is_archive = magic.len() > 3 || (head.starts_with(b"BZh") && head.get(4..7) == Some(b"1AY"));
        return if is_dump {
            Some(Format::Joblib)
        } else {
            is_archive.then_some(Format::Packed)
        };
    }
    None
}

/// What a zip of another name is, by the first names in it.
fn zip_kind(head: &[u8]) -> Format {
    let mut rest = head;
    let mut names = Vec::new();
    while let Some(at) = memchr::memmem::find(rest, b"PK\x03\x04") {
        let Some(header) = rest.get(at..) else { break };
        let size = header.get(26..28).map_or(0, |b| {
            usize::from(u16::from_le_bytes(b.try_into().unwrap_or_default()))
        });
        if let Some(name) = header.get(30..30 + size) {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        rest = header.get(4..).unwrap_or_default();
    }
    if names
        .iter()
        .any(|n| n.ends_with("/data.pkl") || n.ends_with("/constants.pkl") || n == "data.pkl")
    {
        Format::TorchZip
    } else if names.iter().any(|n| n == "schema.json") {
        Format::Skops
    } else if names.iter().any(|n| n == "config.json")
        && names
            .iter()
            .any(|n| n == "metadata.json" || n == "model.weights.h5")
    {
        Format::Keras
    } else if !names.is_empty() && names.iter().all(|n| n.ends_with(".npy")) {
        Format::Npz
    } else {
        Format::Zip
    }
}

fn extension(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    last.rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

fn is_pickle_name(extension: &str) -> bool {
    matches!(
        extension,
        "pkl"
            | "pickle"
            | "pck"
            | "pcl"
            | "pk"
            | "p"
            | "joblib"
            | "sav"
            | "dill"
            | "pt"
            | "pth"
            | "ckpt"
            | "torch"
    )
}

/// A file that a loader would take for a model by its name, though its bytes are of no known format.
fn by_name(extension: &str, head: &[u8]) -> Option<Format> {
    // Text has these endings too: gettext's `.po`, checkpoints' indexes, notes.
    let is_text = std::str::from_utf8(head).is_ok() && !head.contains(&0);
    match extension {
        "pkl" | "pickle" | "joblib" | "dill" | "pck" | "pcl" => Some(Format::Pickle),
        "sav" | "pt" | "pth" | "ckpt" | "torch" | "pk" if !is_text => Some(Format::Pickle),
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        "gguf" => Some(Format::Gguf),
        "safetensors" => Some(Format::Safetensors),
        "keras" => Some(Format::Keras),
        "onnx" => Some(Format::Onnx),
        "h5" | "hdf5" if !is_text => Some(Format::Hdf5),
        _ => None,
    }
}

fn is_torch_legacy(head: &[u8]) -> bool {
    matches!(head, [0x80, _, rest @ ..] if rest.starts_with(torch::MAGIC)) || head.starts_with(torch::MAGIC)
}

fn is_keras_config(head: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(head, needle).is_some();
    has(b"\"class_name\"") && has(b"\"config\"")
}

fn unpacks_to_pickle(head: &[u8], wrapping: Wrapping) -> bool {
    let limits = Limits::default();
    let budget = Budget::new(1 << 22);
    let mut cursor = Cursor::new(head);
    let bounds = (&limits, Allowance::new(&limits));
    let mut inflate = Inflate::new(&mut cursor, wrapping, bounds, &budget);
    let mut start = Vec::new();
    // The head may end within a block, so that the last read fails.
    let mut feed = match source::Feed::new(&mut inflate, 0) {
        Ok(feed) => feed,
        Err(_) => return false,
    };
    while start.len() < 1 << 15 {
        match feed.next() {
            Ok(Some(byte)) => start.push(byte),
            _ => break,
        }
    }
    pickle::is_pickle(&start)
}
