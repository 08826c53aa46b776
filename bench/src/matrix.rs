//! Which rows there are.

use crate::args::{Audit, Options};
use crate::body::{Shape, Size};

/// Who answers the load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The mock itself: what the load generator and the mock cost each other.
    Direct,
    /// A proxy that looks at nothing: what any proxy of these parts costs on this machine.
    BareProxy,
    /// Privet, authenticated and audited, told to look for nothing.
    PassThrough,
    /// Privet with everything on, names by the network apart: keys, policies of its own, rules, restoring, limits, audit, watch.
    MaskedByRules,
    /// The same with the network.
    Masked,
    /// The same with the other audit mode.
    MaskedOtherAudit,
    /// Another gateway: its place in the list of them. It masks nothing.
    Peer(usize),
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) target: Target,
    pub(crate) shape: Shape,
    pub(crate) size: Size,
    pub(crate) connections: usize,
}

impl Target {
    pub(crate) fn name(self, options: &Options) -> String {
        match self {
            Self::Direct => "direct".to_owned(),
            Self::BareProxy => "bare proxy".to_owned(),
            Self::PassThrough => "pass-through".to_owned(),
            Self::MaskedByRules => "rules".to_owned(),
            Self::Masked => "masked".to_owned(),
            Self::MaskedOtherAudit => format!("masked/{}", other_audit(options.audit).name()),
            Self::Peer(index) => options
                .peers
                .get(index)
                .map(|peer| peer.name.clone())
                .unwrap_or_default(),
        }
    }
}

impl Case {
    pub(crate) fn name(self, options: &Options) -> String {
        let (target, shape, size) = (self.target.name(options), self.shape.name(), self.size.name());
        format!("{target} {shape} {size} x{}", self.connections)
    }
}

/// The audit mode that [`Target::MaskedOtherAudit`] is measured with.
pub(crate) fn other_audit(audit: Audit) -> Audit {
    match audit {
        Audit::DurableBeforeSend => Audit::LossWindow,
        Audit::LossWindow => Audit::DurableBeforeSend,
    }
}

/// All rows that `options` asks for, those to be compared beside each other.
pub(crate) fn cases(options: &Options) -> Vec<Case> {
    const ALL: [Target; 5] = [
        Target::Direct,
        Target::BareProxy,
        Target::PassThrough,
        Target::MaskedByRules,
        Target::Masked,
    ];
    let middle = options
        .connections
        .get(options.connections.len() / 2)
        .copied()
        .unwrap_or(1);
    let mut cases = Vec::new();
    for shape in [Shape::Json, Shape::Sse] {
        for size in [Size::Chat, Size::Agent, Size::AgentCold] {
            for connections in &options.connections {
                let case = |target| Case {
                    target,
                    shape,
                    size,
                    connections: *connections,
                };
                cases.extend(ALL.map(case));
                if (shape, size) == (Shape::Json, Size::Chat) {
                    cases.push(case(Target::MaskedOtherAudit));
                }
                cases.extend((0..options.peers.len()).map(|index| case(Target::Peer(index))));
            }
        }
    }
    for (shape, size) in [(Shape::Json, Size::Dense), (Shape::SsePaced, Size::Chat)] {
        cases.extend(ALL.map(|target| Case {
            target,
            shape,
            size,
            connections: middle,
        }));
    }
    // Nothing is kept of texts that nobody looks at, and a stream is read like another.
    cases.retain(|case| {
        case.size != Size::AgentCold
            || (case.shape == Shape::Json && matches!(case.target, Target::MaskedByRules | Target::Masked))
    });
    // The bare proxy's cost does not depend on what it does not read.
    cases.retain(|case| case.target != Target::BareProxy || case.size == Size::Chat);
    if let Some(text) = &options.only {
        cases.retain(|case| case.name(options).contains(text.as_str()));
    }
    cases
}
