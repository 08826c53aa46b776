//! What becomes of the nodes of a person.

use std::collections::BTreeMap;

use privet_store::Backend;

use super::{NodeOutcome, Outcome};
use crate::lineage::{NodeKind, Reach, Registered};
use crate::subject::belongings::Belongings;

/// Where the vault's own rows are.
const HERE: &str = "vault";

/// The nodes that connectors erase, by place and kind.
pub(super) fn by_connector(nodes: &[Registered]) -> BTreeMap<(&str, NodeKind), Vec<String>> {
    let mut by_place: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for registered in nodes.iter().filter(|node| node.node.reach == Reach::Connector) {
        let node = &registered.node;
        let ids = by_place.entry((node.place.as_str(), node.kind)).or_default();
        ids.push(node.node.clone());
    }
    by_place
}

pub(super) fn gone(kind: NodeKind, place: &str, count: u64) -> NodeOutcome {
    NodeOutcome {
        kind,
        place: place.to_owned(),
        count,
        outcome: Outcome::PhysicallyGone,
        note:
            "deleted and counted again by its connector; the store's own files and backups are its operator's"
                .to_owned(),
    }
}

/// What no connector erases.
pub(super) fn unreachable(nodes: &[Registered]) -> Vec<NodeOutcome> {
    let mut outcomes: BTreeMap<(NodeKind, &str, Outcome, &str), u64> = BTreeMap::new();
    for node in nodes.iter().map(|registered| &registered.node) {
        let outcome = match node.reach {
            Reach::Connector => continue,
            Reach::Hidden => Outcome::HiddenOnly,
            Reach::Retained => Outcome::Retained,
            Reach::OutOfScope => Outcome::OutOfScope,
        };
        *outcomes
            .entry((node.kind, node.place.as_str(), outcome, node.basis.as_str()))
            .or_default() += 1;
    }
    let outcomes = outcomes.into_iter();
    outcomes
        .map(|((kind, place, outcome, basis), count)| NodeOutcome {
            kind,
            place: place.to_owned(),
            count,
            outcome,
            note: basis.to_owned(),
        })
        .collect()
}

/// The vault's own rows. Those under the subject's key are shredded with it, whatever a disk keeps of them; of those that
/// are keyed hashes only deletion is left to say.
pub(super) fn own_nodes(rows: &Belongings, backend: Backend) -> Vec<NodeOutcome> {
    let deleted = match backend {
        // `secure_delete` overwrites what is deleted.
        Backend::Sqlite => (Outcome::PhysicallyGone, ""),
        Backend::Postgres => (
            Outcome::HiddenOnly,
            "deleted; keyed hashes stay in dead rows until PostgreSQL's vacuum",
        ),
    };
    let shredded = (Outcome::Shredded, "");
    let kept = [
        (
            NodeKind::Surrogates,
            Outcome::OutOfScope,
            "of stateless calls no map is kept; derivable from a value itself under the caller's key until its epoch ends",
        ),
        (
            NodeKind::AuditLeaves,
            Outcome::Retained,
            "metadata under a pseudonym that nobody can lead back; the log is evidence (GDPR 5(2), 17(3)(b))",
        ),
        (
            NodeKind::ConsentHistory,
            Outcome::Retained,
            "that somebody agreed, under a pseudonym that nobody can lead back; evidence (GDPR 7(1), 17(3)(b))",
        ),
    ];
    let rows = [
        (NodeKind::Records, shredded),
        (NodeKind::AppData, shredded),
        (NodeKind::Sessions, shredded),
        (NodeKind::Shares, shredded),
        (NodeKind::Tokens, shredded),
        (NodeKind::Conversations, shredded),
        (NodeKind::SurrogateMaps, shredded),
        (NodeKind::Proposals, shredded),
        (NodeKind::OwnTokens, deleted),
        (NodeKind::RequestNames, deleted),
        (NodeKind::IndexEntries, deleted),
        (
            NodeKind::FormatPreservingTokens,
            (
                Outcome::HiddenOnly,
                "rows are deleted, but who holds the tenant's key and a copy of a token can compute its value",
            ),
        ),
    ]
    .map(|(kind, (outcome, note))| (kind, rows.get(&kind).copied().unwrap_or(0), outcome, note));
    let kept = kept.map(|(kind, outcome, note)| (kind, 0, outcome, note));
    rows.into_iter()
        .filter(|(_, count, ..)| *count > 0)
        .chain(kept)
        .map(|(kind, count, outcome, note)| NodeOutcome {
            kind,
            place: HERE.to_owned(),
            count,
            outcome,
            note: note.to_owned(),
        })
        .collect()
}

/// Remembers how many things the outside store `place` had before it was emptied: a later look, when the erasure is taken up
/// again, finds fewer. Returns whether that is news.
pub(super) fn remember(found: &mut Vec<NodeOutcome>, outcome: NodeOutcome) -> bool {
    let known = found
        .iter_mut()
        .find(|known| known.kind == outcome.kind && known.place == outcome.place);
    match known {
        Some(known) if known.count >= outcome.count => false,
        Some(known) => {
            known.count = outcome.count;
            true
        }
        None => {
            found.push(outcome);
            true
        }
    }
}
