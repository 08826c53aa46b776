//! Whether a request has become dearer: its CPU time beside that of a proxy that does nothing, in the same run.
//!
//! The figure itself depends on the machine and on what else runs there; the two move together, so their ratio is held
//! against a bound. Rounds alternate, and the least of each counts: what else ran can only add.

use crate::args::{Audit, GateOptions, Options};
use crate::body::{Shape, Size};
use crate::error::Error;
use crate::facts::Facts;
use crate::matrix::{Case, Target};
use crate::process::{Gateway, Own, Policy, find_privet};
use crate::report::Report;
use crate::run::{Server, measure};

/// Rounds of which the least counts.
const ROUNDS: usize = 4;
const CONNECTIONS: usize = 16;

/// What is held against what.
#[derive(Debug, Clone, Copy)]
struct Bound {
    shape: Shape,
    size: Size,
    /// Most times what the bare proxy takes for the same shape of reply to a 1 KB request.
    at_most: f64,
}

/// A third above what was measured on a busy machine (docs/benchmarks.md); a change that needs more raises it, and says there what for.
const BOUNDS: [Bound; 3] = [
    Bound {
        shape: Shape::Json,
        size: Size::Chat,
        at_most: 7.0,
    },
    Bound {
        shape: Shape::Sse,
        size: Size::Chat,
        at_most: 2.5,
    },
    Bound {
        shape: Shape::Json,
        size: Size::Agent,
        at_most: 32.0,
    },
];

/// What one bound came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) name: String,
    /// CPU-µs for each request.
    pub(crate) privet: f64,
    pub(crate) proxy: f64,
    pub(crate) at_most: f64,
}

impl Held {
    /// How many times the bare proxy's time.
    pub(crate) fn ratio(&self) -> f64 {
        self.privet / self.proxy
    }

    /// A time of nothing is no measurement, and holds nothing.
    pub(crate) fn is_kept(&self) -> bool {
        self.proxy > 0.0 && self.privet > 0.0 && self.ratio() <= self.at_most
    }
}

pub(crate) async fn run(options: &GateOptions) -> Result<(), Error> {
    let privet = find_privet(options.privet.as_deref())?;
    let dir = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let report = Report::new(options.format);
    report.gate(&Facts::collect(&privet, &dir));
    let mock = Own::start(&["mock"])?;
    let proxy = Own::start(&["proxy", &mock.address.to_string()])?;
    let gateway = Gateway::start(
        &privet,
        &dir,
        mock.address,
        Policy::ByRules,
        Audit::DurableBeforeSend,
    )?;
    let times = Options {
        measured: options.measured,
        ..Options::default()
    };
    let mut all = Vec::new();
    for bound in BOUNDS {
        let case = |target, size| Case {
            target,
            shape: bound.shape,
            size,
            connections: CONNECTIONS,
        };
        let (mut least_privet, mut least_proxy) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let row = measure(
                case(Target::BareProxy, Size::Chat),
                &mock,
                Server::proxy(&proxy),
                &times,
            )
            .await?;
            least_proxy = least_proxy.min(row.cpu_us.unwrap_or_default());
            let row = measure(
                case(Target::MaskedByRules, bound.size),
                &mock,
                Server::gateway(&gateway),
                &times,
            )
            .await?;
            least_privet = least_privet.min(row.cpu_us.unwrap_or_default());
        }
        let held = Held {
            name: case(Target::MaskedByRules, bound.size).name(&times),
            privet: least_privet,
            proxy: least_proxy,
            at_most: bound.at_most,
        };
        report.held(&held);
        all.push(held);
    }
    match all.iter().find(|held| !held.is_kept()) {
        None => Ok(()),
        Some(held) => Err(Error::Wrong {
            row: held.name.clone(),
            what: format!(
                "{:.1} CPU-µs, {:.1} times the bare proxy's {:.1}; at most {} times is allowed",
                held.privet,
                held.ratio(),
                held.proxy,
                held.at_most
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_of_the_ratio_and_a_time_of_nothing_keeps_none() {
        let held = |privet, proxy| Held {
            name: String::new(),
            privet,
            proxy,
            at_most: 5.0,
        };
        assert!(held(100.0, 20.0).is_kept());
        assert!(!held(101.0, 20.0).is_kept());
        assert!(!held(0.0, 20.0).is_kept());
        assert!(!held(100.0, 0.0).is_kept());
    }
}
