//! What Presidio's users bring along: recogniser files and dictionaries, patterns in Python's syntax, operators.
//!
//! For the gateway's Presidio endpoints and for `--recognizers FILE.yaml`. Names, fields, defaults and error texts are
//! those of Presidio 2.2.366 (PyPI `presidio-analyzer`, `presidio-anonymizer`), compared with its answers.

mod allow;
mod anonymize;
mod classes;
mod operators;
mod python_regex;
mod recognizers;

pub use allow::AllowList;
pub use anonymize::{AnalyzerResult, Item, Made, anonymize, deanonymize};
pub use classes::{class_of, classes, entities_of};
pub use operators::{Invalid, Operators, Way, operator_names};
pub use python_regex::translate;
pub use recognizers::{
    BadRecognizer, Dictionary, Recognizers, dictionary, entity, flags, known_entity, recognizers,
};
