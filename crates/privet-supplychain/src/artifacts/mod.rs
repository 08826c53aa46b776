//! Verdicts on model files, without ever loading or running anything in them.
//!
//! Each format has a small reader of its own that takes what matters (the opcodes of a pickle, the operators of a graph, the
//! headers of tensors, the names in an archive) and leaves tensors alone, so files of many gigabytes cost a few reads. Formats are
//! told apart by their bytes. Whatever cannot be read to its end is [`Unreadable`](crate::Verdict::Unreadable), never safe.
//!
//! ```
//! use privet_supplychain::{Verdict, artifacts};
//! let mut file = std::io::Cursor::new(b"cos\nsystem\n(S'id'\ntR.".to_vec());
//! let budget = privet_types::Budget::new(1 << 20);
//! let report = artifacts::inspect("model.pkl", &mut file, &artifacts::Limits::default(), &budget)?;
//! assert_eq!(report.verdict, Verdict::Dangerous);
//! # Ok::<(), artifacts::Error>(())
//! ```
//!
//! It does not say whether weights are good, and it knows no model's behaviour: only whether a file can run code, write files or
//! exhaust the machine of the one who loads it.

mod archive;
mod error;
mod gguf;
mod hdf5;
mod inspect;
mod joblib;
mod keras;
mod npy;
mod onnx;
mod pickle;
mod protobuf;
mod recognise;
mod report;
mod safetensors;
mod saved_model;
pub mod seal;
mod skops;
mod source;
mod tar;
mod template;
mod torch;
mod zip;

pub use error::Error;
pub use inspect::{inspect, inspect_members};
pub use recognise::recognise;
pub use report::{ArtifactFinding, Facts, Format, Limits, Report};
