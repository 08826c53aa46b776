//! Networks that are no part of the binary: their bytes are handed in.

use std::ops::Range;

use privet_types::{Budget, Entity, Finding, Span};

#[cfg(feature = "onnx")]
use super::classifier::{Classifier, ClassifierFiles, Labels};
use super::rampart::Rampart;
use crate::error::Error;

/// From this probability on a person or an address of the network in the binary stands beside Rampart's: of 0, 0.7, 0.8,
/// 0.9 and 1 the one at which recall, precision and F were better than that network's alone, on the development sentences
/// and on the own gold texts.
const SURE: f32 = 0.8;

/// A network that is no part of the binary. Made once from bytes that the caller has read and checked, then shared between threads.
#[derive(Debug)]
pub struct Model {
    name: String,
    network: Network,
}

#[derive(Debug)]
enum Network {
    Rampart(Rampart),
    #[cfg(feature = "onnx")]
    Classifier(Classifier),
}

/// What a network has found, and where it has looked.
pub(super) struct Found {
    /// Sorted and disjoint.
    pub(super) findings: Vec<Finding>,
    /// Sorted and disjoint.
    pub(super) looked_at: Vec<Range<usize>>,
}

pub(super) fn of_encoder(error: privet_inference::Error) -> Error {
    match error {
        privet_inference::Error::Budget(error) => Error::Budget(error),
        other => Error::Recognizers {
            reason: other.to_string(),
        },
    }
}

impl Model {
    /// The name under which a policy asks for Rampart.
    pub const RAMPART: &'static str = "rampart";

    /// Rampart, by the National Design Studio: `model`, the bytes of `model_q4.onnx`, and its `vocab.txt`.
    ///
    /// Takes 15 MB of memory. Its tens of milliseconds are for one start, not for a request.
    ///
    /// # Errors
    /// [`Error::Recognizers`] if the bytes are not Rampart.
    pub fn rampart(model: &[u8], vocabulary: &str) -> Result<Self, Error> {
        Ok(Self {
            name: Self::RAMPART.to_owned(),
            network: Network::Rampart(Rampart::read(model, vocabulary)?),
        })
    }

    /// A token classifier of the user's choice, called `name` by policies: a BERT or DistilBERT that finds what `labels` say
    /// its labels mean.
    ///
    /// Takes the size of its matrices as 32-bit numbers in memory.
    ///
    /// # Errors
    /// [`Error::Classifier`] if the files are no such network, or do not fit each other or the labels.
    #[cfg(feature = "onnx")]
    pub fn classifier(name: &str, files: &ClassifierFiles<'_>, labels: &Labels) -> Result<Self, Error> {
        Ok(Self {
            name: name.to_owned(),
            network: Network::Classifier(Classifier::read(files, labels)?),
        })
    }

    /// The name under which a policy asks for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kinds that it reports.
    pub(crate) fn entities(&self) -> &[Entity] {
        match &self.network {
            Network::Rampart(_) => &Rampart::ENTITIES,
            #[cfg(feature = "onnx")]
            Network::Classifier(classifier) => classifier.entities(),
        }
    }

    /// Work units that a byte of text needs at most, with all that looks at it.
    pub(crate) fn units_per_byte(&self) -> u64 {
        match &self.network {
            Network::Rampart(_) => 12_288,
            #[cfg(feature = "onnx")]
            Network::Classifier(classifier) => 512 + classifier.units_per_byte(),
        }
    }

    /// What this network finds in `text`, and whether its word counts for a kind.
    fn find(&self, text: &str, budget: &Budget) -> Result<(Found, &[Entity]), Error> {
        Ok(match &self.network {
            Network::Rampart(rampart) => (
                rampart.find(text, budget)?,
                &[Entity::PERSON, Entity::STREET_ADDRESS],
            ),
            #[cfg(feature = "onnx")]
            Network::Classifier(classifier) => (classifier.find(text, budget)?, classifier.entities()),
        })
    }

    /// What this network finds in `text`, with what the network in the binary, `small`, found there.
    ///
    /// Where this one has looked, its word counts for the kinds it knows, of Rampart's those of persons and addresses; where the
    /// other is sure of one, it stands as well.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled.
    pub(crate) fn join(
        &self,
        text: &str,
        small: Vec<Finding>,
        budget: &Budget,
    ) -> Result<Vec<Finding>, Error> {
        let (found, own_kinds) = self.find(text, budget)?;
        let is_looked_at = |at: usize| {
            let next = found.looked_at.partition_point(|range| range.end <= at);
            found.looked_at.get(next).is_some_and(|range| range.start <= at)
        };
        let mut all = small;
        all.retain(|f| !own_kinds.contains(&f.entity) || f.score >= SURE || !is_looked_at(f.span.start));
        // Who knows no organisations takes many for towns.
        let knows_none = !self.entities().contains(&Entity::ORGANIZATION);
        let organisations: Vec<Span> = all
            .iter()
            .filter(|f| knows_none && f.entity == Entity::ORGANIZATION)
            .map(|f| f.span)
            .collect();
        let is_organisation = |f: &Finding| {
            let next = organisations.partition_point(|span| span.end <= f.span.start);
            f.entity == Entity::LOCATION && organisations.get(next).is_some_and(|span| span.overlaps(f.span))
        };
        all.extend(found.findings.into_iter().filter(|f| !is_organisation(f)));
        Ok(all)
    }
}
