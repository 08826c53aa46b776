//! Networks that are no part of the binary: their bytes are handed in.

use privet_types::{Budget, Entity, Finding, Span};

use super::rampart::Rampart;
use crate::error::Error;

/// From this probability on a person or an address of the network in the binary stands beside Rampart's: of 0, 0.7, 0.8,
/// 0.9 and 1 the one at which recall, precision and F were better than that network's alone, on the development sentences
/// and on the own gold texts.
const SURE: f32 = 0.8;

/// A network that is no part of the binary. Made once from bytes that the caller has read and checked, then shared between threads.
#[derive(Debug)]
pub struct Model {
    rampart: Rampart,
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
            rampart: Rampart::read(model, vocabulary)?,
        })
    }

    /// The name under which a policy asks for it.
    #[must_use]
    pub fn name(&self) -> &str {
        Self::RAMPART
    }

    /// The kinds that it reports.
    pub(crate) fn entities(&self) -> &[Entity] {
        &Rampart::ENTITIES
    }

    /// What this network finds in `text`, with what the network in the binary, `small`, found there.
    ///
    /// Where this one has looked, its word counts for persons and addresses; where the other is sure of one, it stands as
    /// well.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled.
    pub(crate) fn join(
        &self,
        text: &str,
        small: Vec<Finding>,
        budget: &Budget,
    ) -> Result<Vec<Finding>, Error> {
        let found = self.rampart.find(text, budget)?;
        let is_looked_at = |at: usize| {
            let next = found.looked_at.partition_point(|range| range.end <= at);
            found.looked_at.get(next).is_some_and(|range| range.start <= at)
        };
        let mut all = small;
        all.retain(|f| {
            let is_ours = matches!(f.entity, Entity::PERSON | Entity::STREET_ADDRESS);
            !is_ours || f.score >= SURE || !is_looked_at(f.span.start)
        });
        // It knows no organisations, and takes many for towns.
        let organisations: Vec<Span> = all
            .iter()
            .filter(|f| f.entity == Entity::ORGANIZATION)
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
