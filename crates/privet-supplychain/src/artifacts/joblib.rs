//! Compressed files of `joblib.dump`: a stream of zlib or gzip round a pickle with arrays between its opcodes.

use super::error::{Broken, Stop};
use super::inspect::Inspector;
use super::source::{Inflate, Source, Wrapping};
use super::{pickle, source};

/// Looks at a compressed dump.
pub(super) fn inspect(
    inspector: &mut Inspector<'_>,
    name: &str,
    source: &mut dyn Source,
) -> Result<(), Stop> {
    let wrapping = match source::head(source, 2)?.as_slice() {
        [0x1f, 0x8b] => Wrapping::Gzip,
        [first, second] if is_zlib(*first, *second) => Wrapping::Zlib,
        _ => {
            return Err(Stop::Broken(Broken {
                rule: "packed",
                at: Some(0),
                why: format!(
                    "`{}` is compressed in a way that is not read here; load it where it was made, dump it with zlib or not compressed, and scan that",
                    super::report::clip(name)
                )
                .into(),
            }));
        }
    };
    let (limits, budget) = (inspector.unpacking(), inspector.budget);
    inspector.facts.packages.insert("joblib".to_owned());
    let mut inflate = Inflate::new(source, wrapping, limits, budget);
    pickle::inspect(inspector, &mut inflate)
}

/// Whether two bytes begin zlib's format (RFC 1950, section 2.2).
pub(super) fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8
        && first >> 4 <= 7
        && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31)
        && second & 0x20 == 0
}
