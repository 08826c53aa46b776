//! Python pickles: what they import and call, found by running their opcodes over stand-ins for objects.

mod calls;
mod danger;
mod known;
mod machine;
mod policy;
mod text;
mod value;

use super::error::Stop;
use super::inspect::Inspector;
use super::report::clip;
use super::source::{Feed, Source, Window};
use crate::{Severity, Verdict};

use machine::{End, Machine};
use policy::{Gadget, Judgement};

/// Whether a machine takes arrays between opcodes, as joblib's unpickler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrays {
    /// `joblib.load` reads an array after each `NumpyArrayWrapper`.
    Interleaved,
    /// `pickle.load` takes the same bytes for opcodes.
    Ignored,
}

/// Most pickles that are read one after another in one file.
const PICKLES: usize = 10_000;

/// Looks at a file of one or more pickles.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let mut nested = Vec::new();
    let run = run_all(inspector, source, Arrays::Interleaved, &mut nested);
    let has_arrays = match &run {
        Ok(has_arrays) => *has_arrays,
        Err(_) => false,
    };
    inspector.survive(run.map(|_| ()))?;
    if has_arrays {
        // What joblib takes for an array, `pickle.load` takes for opcodes: a file must be harmless both ways. The second way is
        // no honest pickle, so that it ends in nonsense or names some is as it should be; only danger counts.
        let mut scratch = inspector.scratch();
        match run_all(&mut scratch, source, Arrays::Ignored, &mut nested) {
            Ok(_) | Err(Stop::Broken(_)) => {}
            Err(stop) => return Err(stop),
        }
        inspector.absorb_dangers(scratch);
    }
    look_into(inspector, source, nested)
}

/// Looks at exactly one pickle from `at` on and says where it ends.
pub(super) fn inspect_one(
    inspector: &mut Inspector<'_>,
    source: &mut dyn Source,
    at: u64,
) -> Result<u64, Stop> {
    let mut nested = Vec::new();
    let mut feed = Feed::new(source, at)?;
    let end = Machine::new(inspector, &mut feed, Arrays::Ignored, &mut nested).run();
    let after = feed.at();
    look_into(inspector, source, nested)?;
    match end? {
        End::Stopped => Ok(after),
        End::Empty => Err(Stop::damaged(at, "a pickle is missing")),
    }
}

/// Whether the bytes at the start of a file read as a pickle that imports something, or as a whole pickle.
pub(super) fn is_pickle(head: &[u8]) -> bool {
    machine::probe(head)
}

/// Files that are loaded from bytes within the pickle.
fn look_into(
    inspector: &mut Inspector<'_>,
    source: &mut dyn Source,
    mut nested: Vec<(u64, u64)>,
) -> Result<(), Stop> {
    nested.sort_unstable();
    nested.dedup();
    for (start, size) in nested {
        let mut window = Window::new(source, start, size);
        inspector.within(Some(&format!("bytes at {start}")), |inspector| {
            if inspector.judge("nested.pkl", &mut window)?.is_none() {
                return Err(Stop::damaged(0, "it loads bytes of no known format"));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Runs pickle after pickle; says whether arrays lay between opcodes.
fn run_all(
    inspector: &mut Inspector<'_>,
    source: &mut dyn Source,
    arrays: Arrays,
    nested: &mut Vec<(u64, u64)>,
) -> Result<bool, Stop> {
    let mut feed = Feed::new(source, 0)?;
    let mut has_arrays = false;
    for number in 0..PICKLES {
        let start = feed.at();
        let mut machine = Machine::new(inspector, &mut feed, arrays, nested);
        let end = machine.run();
        has_arrays |= machine.has_arrays();
        let named_something = machine.named_something();
        match end {
            Ok(End::Stopped) => {}
            Ok(End::Empty) if number > 0 => return Ok(has_arrays),
            Ok(End::Empty) => return Err(Stop::damaged(0, "it is empty")),
            Err(Stop::Broken(_)) if number > 0 && !named_something => {
                inspector.report(
                    "pickle-trailing-data",
                    Severity::Low,
                    Verdict::Suspicious,
                    start..start,
                    "other bytes follow the end of the pickle; Python ignores them, but another loader may not: find out what they are"
                        .to_owned(),
                );
                return Ok(has_arrays);
            }
            Err(stop) => return Err(stop),
        }
    }
    Err(Stop::over(
        feed.at(),
        "it holds too many pickles to read them all",
    ))
}

/// Judges a class or function that another format (`through`) names to be built or called.
pub(super) fn judge_named(inspector: &mut Inspector<'_>, module: &str, name: &str, through: &str) {
    let path = clip(&format!("{module}.{name}"));
    if inspector.facts.globals.len() < 1000 {
        inspector.facts.globals.insert(path.clone());
        inspector.facts.packages.insert(clip(policy::package(module)));
    }
    let (rule, severity, verdict, what) = match policy::judge(module, name) {
        Judgement::Harmless | Judgement::Depends(Gadget::Partial | Gadget::Ufunc) => return,
        Judgement::Dangerous(effect) => (
            "named-dangerous",
            Severity::Critical,
            Verdict::Dangerous,
            format!("`{path}`, which {effect}: do not load it, and find out where it came from"),
        ),
        Judgement::Suspicious(reason) => (
            "named-unknown",
            Severity::Medium,
            Verdict::Suspicious,
            format!("`{path}`, which {reason}: load it only if you trust who made it"),
        ),
        Judgement::Depends(_) => (
            "named-unknown",
            Severity::Medium,
            Verdict::Suspicious,
            format!("`{path}`, which reaches other functions: load it only if you trust who made it"),
        ),
    };
    inspector.report(
        rule,
        severity,
        verdict,
        0..0,
        format!("its {through} tree builds or calls {what}"),
    );
}

/// Judges an attribute that another format takes from an object.
pub(super) fn judge_attribute(inspector: &mut Inspector<'_>, name: &str) {
    let telltale = danger::TELLTALES.iter().find(|(known, _)| *known == name);
    if telltale.is_some() || name.starts_with('_') {
        inspector.report(
            "named-dangerous",
            Severity::Critical,
            Verdict::Dangerous,
            0..0,
            format!(
                "it takes `{}` from an object, by which it reaches any function: do not load it",
                clip(name)
            ),
        );
    }
}

/// Whether a Python module is one in which nearly everything runs code or reaches files and networks.
pub(super) fn is_dangerous_module(module: &str) -> bool {
    matches!(policy::judge(module, "anything"), Judgement::Dangerous(_))
}
