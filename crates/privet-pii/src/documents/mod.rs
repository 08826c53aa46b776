//! Documents of any length, read value by value: JSON by pointer, tables, lines of records, plain text in windows; and the
//! manifest that restores them.
//!
//! For `privet pii`, which opens the files. These are plain functions over [`Read`](std::io::Read); they open nothing, and
//! hold one value or window at a time. What stands between the values is kept as it is written, so that a document can be
//! written again byte for byte. No error repeats a piece of the text.
//!
//! ```
//! use privet_pii::documents::{At, JsonLeaves};
//! let mut leaves = JsonLeaves::new(br#"{"mail": ["ada@example.com"]}"#.as_slice());
//! let key = leaves.next_leaf()?.ok_or("a key")?;
//! let value = leaves.next_leaf()?.ok_or("a value")?;
//! assert_eq!((key.text.as_str(), value.text.as_str()), ("mail", "ada@example.com"));
//! assert_eq!(value.at, At::Pointer { pointer: "/mail/0".to_owned(), is_key: false });
//! assert_eq!(value.context.as_deref(), Some("mail"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bytes;
mod csv;
mod error;
mod json;
mod leaf;
mod ledger;
mod record;
mod windows;

pub use csv::CsvLeaves;
pub use error::Error;
pub use json::JsonLeaves;
pub use leaf::{At, Kind, Leaf, Writing, write};
pub use ledger::{Head, LedgerReader, LedgerWriter, Piece, Shape};
pub use record::{Record, record_leaves};
pub use windows::WindowReader;
