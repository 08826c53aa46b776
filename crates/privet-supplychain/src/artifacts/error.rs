//! Why an inspection gave no report, and why a reader stopped.

use std::borrow::Cow;
use std::io;

use privet_types::BudgetError;

/// Why there is no report. A damaged or hostile file is no error: its report says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read from its disk.
    #[error("cannot read the model file")]
    Read(#[source] io::Error),
    /// The work was stopped before the end; the file counts as not looked at.
    #[error("the model file was not read to its end: {0}")]
    Budget(#[source] BudgetError),
    /// The bytes are of no known format of models or archives.
    #[error("neither a model file nor an archive")]
    NotAModel,
}

/// Why a reader stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The disk failed.
    Io(io::Error),
    /// The caller's budget ended.
    Budget(BudgetError),
    /// The file itself is at fault, or too large: nothing is known of the rest.
    Broken(Broken),
}

/// What is wrong with a file.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub(super) struct Broken {
    /// Which rule this is reported under.
    pub(super) rule: &'static str,
    /// Where it was noticed, if that is known.
    pub(super) at: Option<u64>,
    /// What is wrong.
    pub(super) why: Cow<'static, str>,
}

impl Stop {
    /// The file is not as its format wants it.
    pub(super) fn damaged(at: u64, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Broken(Broken {
            rule: "damaged",
            at: Some(at),
            why: why.into(),
        })
    }

    /// The file asks for more than the limits allow.
    pub(super) fn over(at: u64, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Broken(Broken {
            rule: "over-limit",
            at: Some(at),
            why: why.into(),
        })
    }
}

impl From<BudgetError> for Stop {
    fn from(error: BudgetError) -> Self {
        Self::Budget(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if let Some(budget) = error.get_ref().and_then(|e| e.downcast_ref::<BudgetError>()) {
            return Self::Budget(*budget);
        }
        if let Some(broken) = error.get_ref().and_then(|e| e.downcast_ref::<Broken>()) {
            return Self::Broken(broken.clone());
        }
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early",
            io::ErrorKind::InvalidData => "its compressed data are damaged",
            // A seek before the start or past what a disk can address: the file gave the number.
            io::ErrorKind::InvalidInput => "it points outside itself",
            _ => return Self::Io(error),
        };
        Self::Broken(Broken {
            rule: "damaged",
            at: None,
            why: why.into(),
        })
    }
}
