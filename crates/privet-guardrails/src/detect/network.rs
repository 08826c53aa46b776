//! A classifier in an ONNX file as a second opinion.

use privet_inference::{SequenceClassifier, SequenceFiles};
use privet_types::{Budget, Span};

use super::second::{Opinion, SecondOpinion};
use crate::error::Error;

/// Names of labels that say attack, in small letters, as PromptGuard, PIGuard and their like have them.
const ATTACKS: [&str; 8] = [
    "attack",
    "injection",
    "jailbreak",
    "malicious",
    "prompt_injection",
    "unsafe",
    "label_1",
    "1",
];

/// A classifier of whole texts, one of whose labels says attack.
#[derive(Debug)]
pub struct AttackClassifier {
    network: SequenceClassifier,
    attack: usize,
}

impl AttackClassifier {
    /// Reads the classifier in `files`; see [`SequenceClassifier::read`]. `attack`: the label that says attack; without it the
    /// one of two whose name says so (`INJECTION`, `JAILBREAK`, `LABEL_1` …).
    ///
    /// # Errors
    /// [`Error::SecondOpinion`] if the files cannot be used, or the label is not known.
    pub fn read(files: &SequenceFiles<'_>, attack: Option<&str>) -> Result<Self, Error> {
        let network = SequenceClassifier::read(files).map_err(|error| Error::SecondOpinion {
            problem: error.to_string(),
        })?;
        let labels = network.labels();
        let says_so = |label: &str| ATTACKS.contains(&label.to_lowercase().as_str());
        let mut fitting = labels.iter().enumerate().filter(|(_, label)| match attack {
            Some(wanted) => *label == wanted,
            None => labels.len() == 2 && says_so(label),
        });
        match (fitting.next(), fitting.next()) {
            (Some((attack, _)), None) => Ok(Self { network, attack }),
            _ => Err(Error::SecondOpinion {
                problem: format!(
                    "name the label that says attack (`--attack-label LABEL`); there are {}",
                    labels.join(", ")
                ),
            }),
        }
    }

    /// The label that says attack.
    #[must_use]
    pub fn attack_label(&self) -> &str {
        self.network.labels().get(self.attack).map_or("", String::as_str)
    }

    /// All labels.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        self.network.labels()
    }
}

impl SecondOpinion for AttackClassifier {
    fn opinion(&self, text: &str, budget: &Budget) -> Result<Opinion, Error> {
        let read = self.network.classify(text, self.attack, budget);
        let read = read.map_err(|error| match error {
            privet_inference::Error::Budget(error) => Error::Budget(error),
            error => Error::SecondOpinion {
                problem: error.to_string(),
            },
        })?;
        Ok(Opinion {
            chance: read.probabilities.get(self.attack).copied().unwrap_or(1.0),
            span: Span::new(read.start, read.end),
        })
    }

    fn units_per_byte(&self) -> u64 {
        self.network.units_per_byte()
    }

    fn units_per_text(&self) -> u64 {
        // The two pieces around a text.
        self.network.units_per_byte()
    }
}
