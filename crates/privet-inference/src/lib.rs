//! Runs the small neural network that tags words of a text.
//!
//! For privet-pii. Text is cut into tokens ([`token::tokenize`]) and these into windows ([`token::windows`]); [`Tagger`]
//! gives each token of a window a probability for each label ([`label`]). Its weights are part of the binary.
//! [`Encoder`] is slower and stronger, and its weights are handed in: those of [`rampart`], or, with the feature `onnx`, those
//! of another BERT; [`SequenceClassifier`] gives a whole text the chances of its labels. Pure functions.
//!
//! ```
//! use privet_inference::{Memory, Tagger, token};
//! let tagger = Tagger::shipped()?;
//! let text = "My name is Ann.";
//! let tokens = token::tokenize(text);
//! let (mut memory, mut scores) = (Memory::default(), Vec::new());
//! tagger.tag(text, &tokens, 0..tokens.len(), &mut memory, &mut scores);
//! assert_eq!(scores.len(), tokens.len());
//! # Ok::<(), privet_inference::Error>(())
//! ```

mod encoder;
mod error;
pub mod feature;
pub mod label;
mod network;
pub mod rampart;
pub mod token;
mod weights;

#[cfg(feature = "onnx")]
pub use encoder::{Classified, SequenceClassifier, SequenceFiles, WordPieces};
pub use encoder::{Encoder, EncoderMemory, Piece, Spelling, TaggedWords, Word};
pub use error::Error;
pub use network::{Memory, Tagger};
pub use weights::REACH;
