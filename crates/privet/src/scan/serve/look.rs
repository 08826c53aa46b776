//! Scans and mends what a caller sent.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use privet_server::SystemClock;
use privet_supplychain::Finding;
use privet_supplychain::fix::{self, How, Reach, Spot};
use privet_supplychain::report::Report;
use privet_supplychain::scan::{FileName, FileScan, Scanner};
use privet_supplychain::segments::Place;
use privet_types::{Budget, Clock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::scan::inputs::Inputs;
use crate::scan::mend;
use crate::scan::outcome::Ground;
use crate::scan::work::Done;

/// How long one file is looked at.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long a request waits until others are done.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file that is to be looked at.
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// What is to go out of a notebook.
pub(super) struct Wish {
    pub(super) mode: Mode,
    /// Whether the source of cells is redacted, too.
    pub(super) source: bool,
    /// If there are any: findings with these fingerprints alone.
    pub(super) fingerprints: Option<BTreeSet<String>>,
    /// If there are any: findings in these places alone.
    pub(super) places: Option<Vec<Spotted>>,
}

/// How, as with `--fix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Clear,
    Redact,
}

/// Where in a notebook, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spotted {
    cell_index: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_index: Option<u32>,
}

impl Spotted {
    fn of(finding: &Finding) -> Option<Self> {
        let place = Place::from(finding.place.as_deref()?);
        Some(Self {
            cell_index: place.cell?.checked_sub(1)?,
            output_index: place.output.and_then(|number| number.checked_sub(1)),
        })
    }

    fn covers(self, other: Self) -> bool {
        self.cell_index == other.cell_index
            && (self.output_index.is_none() || self.output_index == other.output_index)
    }
}

/// A finding with its place for programs.
#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    #[serde(flatten)]
    at: Option<Spotted>,
}

/// Looks at files, a few at once.
pub(super) struct Looker {
    inside: Arc<Inside>,
    places: Arc<Semaphore>,
}

struct Inside {
    ground: Ground,
    baseline: Option<PathBuf>,
}

impl Looker {
    /// Looks at up to `at_once` files at once.
    pub(super) fn new(ground: Ground, baseline: Option<PathBuf>, at_once: usize) -> Self {
        Self {
            inside: Arc::new(Inside { ground, baseline }),
            places: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// The longest file that the settings let be scanned.
    pub(super) fn most_bytes(&self) -> u64 {
        self.inside.ground.config.max_file_bytes
    }

    /// A place for one file. It is held until the work on it has really ended.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.places).acquire_owned();
        let waited = tokio::time::timeout(PATIENCE, place).await;
        waited.map_err(|_| Problem::Busy)?.map_err(|_| Problem::Busy)
    }

    /// The report on `file`, with the indices of cells and outputs.
    pub(super) async fn scan(&self, place: OwnedSemaphorePermit, file: File) -> Result<Value, Problem> {
        self.work(place, file, |inside, file, budget| {
            let report = inside.report(file, budget)?;
            let placed: Vec<Placed<'_>> = report
                .findings
                .iter()
                .map(|finding| Placed {
                    finding,
                    at: Spotted::of(finding),
                })
                .collect();
            let placed = serde_json::to_value(placed).map_err(|_| Problem::Failed)?;
            let mut value = serde_json::to_value(&report).map_err(|_| Problem::Failed)?;
            if let Some(findings) = value.get_mut("findings") {
                *findings = placed;
            }
            Ok(value)
        })
        .await
    }

    /// The notebook `file` without what `wish` names of its findings.
    pub(super) async fn mend(
        &self,
        place: OwnedSemaphorePermit,
        file: File,
        wish: Wish,
    ) -> Result<Value, Problem> {
        self.work(place, file, move |inside, file, budget| {
            inside.mended(file, &wish, budget)
        })
        .await
    }

    /// Runs `work` on a thread of its own, under a budget that ends with the deadline.
    async fn work<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        file: File,
        work: impl FnOnce(&Inside, &File, &Budget) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let inside = Arc::clone(&self.inside);
        let budget = Scanner::budget(file.bytes.len() as u64);
        let flag = budget.cancel_flag();
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&inside, &file, &budget);
            drop(place);
            done
        });
        match tokio::time::timeout(DEADLINE, task).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Problem::Failed),
            Err(_) => {
                flag.cancel();
                Err(Problem::Deadline(DEADLINE.as_secs()))
            }
        }
    }
}

impl Inside {
    /// As `privet scan` would report on a file of this name.
    fn report(&self, file: &File, budget: &Budget) -> Result<Report, Problem> {
        let name = FileName {
            shown: &file.name,
            path: &file.name,
        };
        let scanner = &self.ground.scanner;
        let (scan, error) = match scanner.scan(name, &file.bytes, &mut |_| None, budget) {
            Ok(scan) => (scan, None),
            Err(error) => (FileScan::default(), Some(error.to_string())),
        };
        let done = Done {
            scan,
            bytes: file.bytes.len() as u64,
            is_from_cache: false,
            error,
        };
        let today = SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let inputs = Inputs::named(file.name.clone());
        let mut report = self.ground.report(&inputs, vec![done], &file.name, today);
        self.ground
            .leave_out_known(self.baseline.as_deref(), &mut report, today)
            .map_err(|_| Problem::Baseline)?;
        // They tell of entries that fit nothing, and most fit nothing in a single file.
        report.warnings.clear();
        report.put_in_order();
        Ok(report)
    }

    fn mended(&self, file: &File, wish: &Wish, budget: &Budget) -> Result<Value, Problem> {
        let report = self.report(file, budget)?;
        let spots: Vec<Spot> = report
            .findings
            .iter()
            .filter(|finding| mend::can_be_mended(finding) && wish.is_for(finding))
            .map(|finding| Spot {
                start: finding.start,
                end: finding.end,
            })
            .collect();
        let how = match wish.mode {
            Mode::Clear => How::Clear,
            Mode::Redact => How::Redact,
        };
        let reach = if wish.source {
            Reach::OutputsAndSource
        } else {
            Reach::Outputs
        };
        let own = Scanner::budget(file.bytes.len() as u64);
        let fixed = fix::notebook(&file.bytes, &spots, how, reach, &own)
            .map_err(|error| Problem::NotMended(error.to_string()))?;
        let content = String::from_utf8(fixed.bytes)
            .map_err(|_| Problem::NotMended("mending would leave no valid notebook".to_owned()))?;
        Ok(json!({
            "content": content,
            "selected": spots.len(),
            "cleared_outputs": fixed.cleared_outputs,
            "redacted": fixed.redacted,
            "left_in_source": fixed.untouched_in_source,
            "left_elsewhere": fixed.untouched_elsewhere,
        }))
    }
}

impl Wish {
    fn is_for(&self, finding: &Finding) -> bool {
        let fingerprints = self.fingerprints.as_ref();
        let is_named = fingerprints.is_none_or(|wanted| wanted.contains(&finding.fingerprint));
        let is_there = self.places.as_ref().is_none_or(|places| {
            Spotted::of(finding).is_some_and(|at| places.iter().any(|place| place.covers(at)))
        });
        is_named && is_there
    }
}
