//! Auditability: can everything that happened be proved?

use privet_types::{ClassShare, Interval, Measurement, Part, TenantId};

use super::{Surroundings, wilson};
use crate::check::leaves;
use crate::{Error, Vault};

pub(super) async fn measure(
    vault: &Vault,
    tenant: &TenantId,
    around: &Surroundings,
    blank: Measurement,
) -> Result<Measurement, Error> {
    let has_keys = matches!(vault.keyring.inspect_tenant(tenant).await, Ok(Some(())));
    let compared = leaves::compare(vault, tenant, has_keys).await?;
    let classes: Vec<ClassShare> = compared
        .rows
        .iter()
        .map(|(table, (rows, told))| ClassShare {
            class: (*table).to_owned(),
            numerator: *told,
            denominator: *rows,
        })
        .collect();
    let rows: u64 = classes.iter().map(|class| class.denominator).sum();
    let told: u64 = classes.iter().map(|class| class.numerator).sum();
    let coverage = Part::share("coverage", told, rows, "rows that have the leaf of their change");
    let completeness = Part::share(
        "field_completeness",
        compared.filled,
        compared.fields,
        "of when, whose and by whom, in the leaves themselves",
    );
    let (verified, has_gap) = verified(around);
    let verified_within = verified.interval;
    let timeliness = Part::share(
        "timeliness",
        compared.timely,
        compared.leaves,
        "leaves that came, and got their position, within 10 s",
    );
    let parts = vec![coverage, completeness, verified, timeliness];
    let missing = parts.iter().find(|part| part.value.is_none());
    let reason = missing.map(|part| match part.name.as_str() {
        "verified_share" => format!("the log was not verified: {}", part.note),
        "coverage" => "nothing is kept that should have a leaf".to_owned(),
        _ => "the log has no leaf of this tenant".to_owned(),
    });
    let value = match (&reason, has_gap) {
        (Some(_), _) => None,
        (None, true) => Some(0.0),
        (None, false) => {
            let product: f64 = parts.iter().filter_map(|part| part.value).product();
            Some(product.powf(0.25))
        }
    };
    // The other parts are counted, so only this one is unsure.
    let interval = match (value, verified_within) {
        (Some(value), Some(within)) if !has_gap => {
            let share = parts.iter().find(|part| part.name == "verified_share");
            let share = share.and_then(|part| part.value).filter(|share| *share > 0.0);
            share.map(|share| Interval {
                low: value * (within.low / share).powf(0.25),
                high: value * (within.high / share).powf(0.25),
                confidence: within.confidence,
            })
        }
        _ => None,
    };
    let mut excluded = vec![
        "changes that left neither row nor leaf".to_owned(),
        "rows that ended by their time or were deleted: nothing is there to hold a leaf against".to_owned(),
    ];
    if !has_keys {
        excluded.push("rows of subjects and requests: the tenant has no keys that open".to_owned());
    }
    if has_gap {
        excluded.push("the log has a gap, so the value is 0 whatever the parts are".to_owned());
    }
    Ok(Measurement {
        value,
        interval,
        method: match around.log.as_ref().and_then(|log| log.sampled) {
            None => "every row held against the leaves of its tenant; the tree computed again from all leaves",
            Some(_) => {
                "every row held against the leaves of its tenant; the tree computed again from the hashes of all leaves, \
                 and leaves drawn at random held against their hashes"
            }
        }
        .to_owned(),
        sample_size: rows + compared.leaves,
        population: rows + compared.leaves,
        classes,
        parts,
        excluded,
        reason,
        ..blank
    })
}

/// Leaves that are what was signed, of all that are under the signed head; and whether the log has a gap.
fn verified(around: &Surroundings) -> (Part, bool) {
    let name = "verified_share";
    let Some(log) = &around.log else {
        return (Part::share(name, 0, 0, "nobody held the log's key"), false);
    };
    if log.position.size == 0 {
        return (
            Part::share(name, 0, 0, "nothing was sequenced yet"),
            log.has_gap(),
        );
    }
    // Without a good head and tree nothing is proved, whatever the leaves are.
    let is_rooted = !log.faults.iter().any(|fault| {
        matches!(
            fault,
            privet_store::LogFault::Head | privet_store::LogFault::Root | privet_store::LogFault::Tile { .. }
        )
    });
    let good = if is_rooted { log.verified } else { 0 };
    let part = match log.sampled {
        None if log.is_recomputed => {
            let note = "leaves under the signed head that are what was signed, of the whole installation";
            Part::share(name, good, log.position.size, note)
        }
        None => Part::share(name, 0, 0, "its leaves were not computed again"),
        Some(drawn) => {
            let note = "leaves, drawn at random, that are what was signed, of the whole installation; the tree above all \
                        leaves was computed as a whole";
            Part {
                interval: wilson(good, drawn),
                ..Part::share(name, good, drawn, note)
            }
        }
    };
    (part, log.has_gap())
}
