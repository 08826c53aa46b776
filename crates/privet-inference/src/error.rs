//! What can go wrong while weights are read or used.

use privet_types::BudgetError;

/// Why weights were refused, or a text was not tagged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not weights of this layout.
    #[error("the weights do not begin with the name of layout 1")]
    Layout,
    /// There are fewer or more bytes than the layout needs.
    #[error("the weights have {found} bytes where {needed} are needed")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes the layout needs.
        needed: usize,
    },
    /// The checksum differs.
    #[error("the weights are damaged: their checksum differs")]
    Checksum,
    /// A number is not finite or out of its range.
    #[error("the weights hold a number that is not finite or out of range")]
    Number,
    /// The bytes are not an encoder that can be run here.
    #[error("the model file cannot be used: {reason}")]
    Model {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The graph of a token classifier goes another way than a BERT's.
    #[error(
        "its graph has the operator `{operator}` where BERT and DistilBERT have {wanted}; export it anew, without \
         optimisation and dynamic quantisation"
    )]
    Operator {
        /// The operator, as ONNX or its vendor calls it.
        operator: String,
        /// What stands there in a graph that can be run.
        wanted: &'static str,
    },
    /// A file beside the graph cannot be used, or does not fit it.
    #[error("{problem}")]
    Files {
        /// What is wrong with it.
        problem: String,
    },
    /// The vocabulary cannot be used.
    #[error("the vocabulary cannot be used: {reason}")]
    Vocabulary {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The work budget is spent, or the caller gave up.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}
