//! What the leaves say of themselves: their form, and the numbers of their nodes.

use super::Check;
use crate::leaf::{LEAF_VERSION, Leaf};
use crate::report::{Fault, NodeLeaves};

impl Check<'_> {
    pub(super) fn check_leaf(&mut self, position: u64, entry: &[u8]) {
        self.report.leaves += 1;
        let Ok(leaf) = Leaf::parse(entry) else {
            self.report.add(Fault::Leaf { position });
            return;
        };
        if leaf.v != LEAF_VERSION {
            let version = leaf.v;
            self.report.add(Fault::LeafVersion { position, version });
            return;
        }
        match self.report.kinds.get_mut(leaf.kind.as_ref()) {
            Some(count) => *count += 1,
            None => {
                self.report.kinds.insert(leaf.kind.to_string(), 1);
            }
        }
        let node = leaf.node.as_ref();
        let last = self.report.nodes.get(node).map_or(0, |node| node.last);
        if leaf.seq <= last {
            self.report.add(Fault::Repeated {
                position,
                node: node.to_owned(),
                seq: leaf.seq,
                last,
            });
        } else if leaf.seq > last + 1 {
            self.note_gap(node, last + 1, leaf.seq - 1, position);
        }
        let last = last.max(leaf.seq);
        match self.report.nodes.get_mut(node) {
            Some(leaves) => {
                leaves.count += 1;
                leaves.last = last;
            }
            None => {
                self.report
                    .nodes
                    .insert(node.to_owned(), NodeLeaves { count: 1, last });
            }
        }
    }

    fn note_gap(&mut self, node: &str, from: u64, to: u64, position: u64) {
        let is_known = |(name, gap): &(String, std::ops::RangeInclusive<u64>)| {
            name == node && gap.contains(&from) && gap.contains(&to)
        };
        if !self.expected.known_gaps.iter().any(is_known) {
            self.report.add(Fault::Gap {
                node: node.to_owned(),
                from,
                to,
                position,
            });
        }
    }
}
