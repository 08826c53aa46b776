//! What an inspection gives back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Severity, Verdict};

/// Bounds on what one inspection takes, whatever the file claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most bytes of one header, configuration or nested file held in memory.
    pub held_bytes: u64,
    /// Most bytes unpacked from all compressed members together.
    pub unpacked_bytes: u64,
    /// Most members of one archive.
    pub members: u64,
    /// How deep archives and models may lie in one another.
    pub depth: u32,
    /// Most times larger than its packed form a member may unpack to, beyond its first 256 MiB.
    pub ratio: u64,
    /// Most opcodes of one pickle.
    pub opcodes: u64,
    /// Most entries of a pickle's memo, and of its stack.
    pub memo: usize,
    /// Most findings kept.
    pub findings: usize,
}

impl Limits {
    /// These, with bounds of one's own on archives.
    #[must_use]
    pub const fn with_archives(mut self, depth: u32, ratio: u32, members: u32) -> Self {
        self.depth = depth;
        self.ratio = ratio as u64;
        self.members = members as u64;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_bytes: 64 << 20,
            unpacked_bytes: 16 << 30,
            members: 200_000,
            depth: 4,
            ratio: 200,
            opcodes: 500_000_000,
            memo: 8_000_000,
            findings: 500,
        }
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// One or more Python pickles.
    Pickle,
    /// PyTorch's zip of a pickle and its storages (since 1.6).
    TorchZip,
    /// PyTorch's sequence of pickles before 1.6.
    TorchLegacy,
    /// A compressed `joblib.dump` (an uncompressed one is a pickle).
    Joblib,
    /// One NumPy array.
    Npy,
    /// A zip of NumPy arrays.
    Npz,
    /// HDF5, which Keras before 3 keeps models in.
    Hdf5,
    /// Keras 3's zip.
    Keras,
    /// TensorFlow's SavedModel or MetaGraphDef.
    SavedModel,
    /// ONNX.
    Onnx,
    /// Safetensors.
    Safetensors,
    /// GGUF, the format of llama.cpp.
    Gguf,
    /// A skops archive of scikit-learn objects.
    Skops,
    /// TensorFlow Lite.
    Tflite,
    /// Any other zip.
    Zip,
    /// A tar, plain or gzipped.
    Tar,
    /// A gzip of one file.
    Gzip,
    /// A configuration of a Keras model, as JSON.
    KerasConfig,
    /// Packed in a way that is not read here (7z, RAR, bzip2, xz, LZ4, Zstandard).
    Packed,
}

impl Format {
    /// The name as it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pickle => "pickle",
            Self::TorchZip => "torch-zip",
            Self::TorchLegacy => "torch-legacy",
            Self::Joblib => "joblib",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Hdf5 => "hdf5",
            Self::Keras => "keras",
            Self::SavedModel => "saved-model",
            Self::Onnx => "onnx",
            Self::Safetensors => "safetensors",
            Self::Gguf => "gguf",
            Self::Skops => "skops",
            Self::Tflite => "tflite",
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Gzip => "gzip",
            Self::KerasConfig => "keras-config",
            Self::Packed => "packed",
        }
    }
}

/// What is to be said of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it is.
    pub format: Format,
    /// The worst of its findings; safe if there are none.
    pub verdict: Verdict,
    /// What was found, in the order of the file.
    pub findings: Vec<ArtifactFinding>,
    /// What a bill of materials wants to know.
    pub facts: Facts,
}

/// What a file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Packages whose objects it holds, for example `numpy`.
    pub packages: BTreeSet<String>,
    /// Python names that its pickles name, as `module.name`; at most 1000.
    pub globals: BTreeSet<String>,
    /// Licence, name, architecture and other short texts of its header; at most 100, each at most 200 characters.
    pub metadata: BTreeMap<String, String>,
    /// Members of its archives.
    pub members: u64,
}

/// One thing found in a model file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactFinding {
    /// The rule, for example `pickle-dangerous-global`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it makes of the file.
    pub verdict: Verdict,
    /// First byte, counted in the file, or in the unpacked member.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// The member of an archive; nested ones after `!/`.
    pub member: Option<String>,
    /// What it would do and what to do.
    pub message: String,
}

impl Facts {
    /// Keeps a short text of a header.
    pub(super) fn note(&mut self, key: &str, value: &str) {
        if self.metadata.len() < 100 && !value.is_empty() {
            self.metadata.insert(clip(key), clip(value));
        }
    }
}

/// The first 200 characters, control characters replaced.
pub(super) fn clip(text: &str) -> String {
    text.chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
