//! What the network can say of a token.

/// Kinds of span that the network marks, in the order of its output.
pub const KINDS: [&str; 6] = [
    "PERSON",
    "LOCATION",
    "ORGANIZATION",
    "NRP",
    "DATE_TIME",
    "STREET_ADDRESS",
];

/// Labels: outside every span; then for each kind begin, inside, last and whole.
pub const LABELS: usize = 1 + 4 * KINDS.len();

/// Where a token stands in a span, as offset from the kind's first label.
pub(crate) const BEGIN: usize = 0;
pub(crate) const INSIDE: usize = 1;
pub(crate) const LAST: usize = 2;
pub(crate) const WHOLE: usize = 3;

/// The label of a token that is the `index`th of `count` tokens of a span of kind `kind`.
#[must_use]
pub const fn label(kind: usize, index: usize, count: usize) -> usize {
    let place = if count == 1 {
        WHOLE
    } else if index == 0 {
        BEGIN
    } else if index + 1 == count {
        LAST
    } else {
        INSIDE
    };
    1 + 4 * kind + place
}
