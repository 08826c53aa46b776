//! A long run with many streams at once: does memory stay as it is?

use std::time::{Duration, Instant};

use crate::args::{Audit, SoakOptions};
use crate::body::{self, Shape, Size};
use crate::error::Error;
use crate::facts::Facts;
use crate::load::{Connections, Expects, Plan};
use crate::process::{Gateway, Memory, Own, Policy, find_privet};
use crate::report::Report;
use crate::run::SURFACE;

/// Looks at the memory, in one run.
const LOOKS: u32 = 180;
/// Growth that counts as none: what allocators and page caches move by, MiB and share of what there was.
const LEEWAY: (f64, f64) = (1.0, 0.03);

/// What was seen at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) after: Duration,
    pub(crate) memory: Memory,
    /// CPU time since the look before, as a share of one core.
    pub(crate) cores: f64,
}

/// What a soak came to.
#[derive(Debug)]
pub(crate) struct Soaked {
    pub(crate) streams: usize,
    pub(crate) replies: usize,
    /// Median MiB in the second sixth of the run: when all is warm.
    pub(crate) early: f64,
    /// The same in the last sixth.
    pub(crate) late: f64,
}

impl Soaked {
    /// Whether memory stayed as it was, but for what moves anyway.
    pub(crate) fn is_flat(&self) -> bool {
        let (least, share) = LEEWAY;
        self.late - self.early <= least.max(share * self.early)
    }
}

pub(crate) async fn run(options: &SoakOptions) -> Result<(), Error> {
    let privet = find_privet(options.privet.as_deref())?;
    let dir = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let report = Report::new(options.format);
    report.soak(&Facts::collect(&privet, &dir), options);
    let mock = Own::start(&["mock"])?;
    let gateway = Gateway::start(
        &privet,
        &dir,
        mock.address,
        Policy::Masked,
        Audit::DurableBeforeSend,
    )?;
    let plan = Plan {
        row: format!("soak x{}", options.streams),
        address: gateway.address,
        path: SURFACE.to_owned(),
        key: gateway.key.clone(),
        headers: Vec::new(),
        calls: body::calls(Size::Chat, Shape::SsePaced),
        shape: Shape::SsePaced,
        expects: Expects::Restored,
    };
    let mut connections = Connections::open(plan, options.streams).await?;
    let began = Instant::now();
    let mut load = std::pin::pin!(connections.run(options.duration));
    let mut looks = Vec::new();
    let pause = options.duration / LOOKS;
    let mut before = (began, gateway.process.cpu()?);
    let (samples, _) = loop {
        tokio::select! {
            done = &mut load => break done?,
            () = tokio::time::sleep(pause) => {}
        }
        let (now, cpu) = (Instant::now(), gateway.process.cpu()?);
        let look = Look {
            after: now - began,
            memory: gateway.process.memory()?,
            cores: (cpu.saturating_sub(before.1)).as_secs_f64() / (now - before.0).as_secs_f64(),
        };
        before = (now, cpu);
        report.look(&look);
        looks.push(look);
    };
    let soaked = Soaked {
        streams: options.streams,
        replies: samples.total_us.len(),
        early: middle(&looks, 1).unwrap_or_default(),
        late: middle(&looks, 5).unwrap_or_default(),
    };
    report.soaked(&soaked);
    if soaked.is_flat() {
        Ok(())
    } else {
        Err(Error::Wrong {
            row: format!("soak x{}", options.streams),
            what: format!("memory grew from {:.1} to {:.1} MiB", soaked.early, soaked.late),
        })
    }
}

/// Median of what was resident in the `sixth`-th sixth of the run, counted from 0.
fn middle(looks: &[Look], sixth: usize) -> Option<f64> {
    let part = looks.get(looks.len() * sixth / 6..looks.len() * (sixth + 1) / 6)?;
    let mut resident: Vec<f64> = part.iter().map(|look| look.memory.resident).collect();
    resident.sort_unstable_by(f64::total_cmp);
    resident.get(resident.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(resident: impl Fn(u32) -> f64) -> Vec<Look> {
        let look = |n| Look {
            after: Duration::from_secs(u64::from(n)),
            memory: Memory {
                resident: resident(n),
                anonymous: 0.0,
                peak: 0.0,
            },
            cores: 0.0,
        };
        (0..LOOKS).map(look).collect()
    }

    fn verdict(looks: &[Look]) -> bool {
        let soaked = Soaked {
            streams: 1,
            replies: 1,
            early: middle(looks, 1).unwrap(),
            late: middle(looks, 5).unwrap(),
        };
        soaked.is_flat()
    }

    #[test]
    fn growth_is_told_from_warming_up_and_from_noise() {
        // Warm after ten looks.
        assert!(verdict(&looks(|n| if n < 10 { 40.0 } else { 80.0 })));
        assert!(verdict(&looks(|n| 80.0 + f64::from(n % 7))));
        assert!(!verdict(&looks(|n| 60.0 + 0.1 * f64::from(n))));
    }
}
