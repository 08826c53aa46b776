//! Work for all cores, results in the order of the jobs, memory for a bounded number of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};

/// Jobs that are read, worked on or waiting to be written, for each worker.
const JOBS_PER_WORKER: usize = 3;

/// How many workers there are if nobody says.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Does `work` on every job with `workers` threads and hands the results to `take` in the order of the jobs, each as soon as
/// those before it are taken: reading the next job does not hold a result back.
///
/// # Errors
/// The first error of the jobs, or of `take`, after the results before it were taken.
pub(crate) fn in_order<J: Send, R: Send>(
    jobs: impl Iterator<Item = Result<J>> + Send,
    workers: usize,
    work: impl Fn(J) -> R + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let workers = workers.max(1);
    let (job_sender, job_receiver) = channel();
    let (result_sender, results) = channel();
    // One token for each job that is not taken yet.
    let (tokens, taken) = sync_channel(workers * JOBS_PER_WORKER);
    let shared = Mutex::new(job_receiver);
    thread::scope(|scope| {
        for _ in 0..workers {
            let results = result_sender.clone();
            let (shared, work) = (&shared, &work);
            scope.spawn(move || {
                while let Some((number, job)) = next(shared) {
                    // A panic must not leave the others waiting for its result.
                    let result = catch_unwind(AssertUnwindSafe(|| work(job)));
                    let result = result.map_err(|_| {
                        anyhow::anyhow!("a piece of the work failed; nothing after it was looked at")
                    });
                    if results.send((number, result)).is_err() {
                        break;
                    }
                }
            });
        }
        scope.spawn(move || {
            for (number, job) in (0_u64..).zip(jobs) {
                let is_wanted = tokens.send(()).is_ok();
                let is_sent = match job {
                    Ok(job) => is_wanted && job_sender.send((number, job)).is_ok(),
                    Err(error) => {
                        // Nobody may be left to hear it.
                        let _ = result_sender.send((number, Err(error)));
                        false
                    }
                };
                if !is_sent {
                    break;
                }
            }
        });
        collect(&results, taken, &mut take)
    })
}

fn next<T>(receiver: &Mutex<Receiver<T>>) -> Option<T> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// Takes results in their order until there are no more. That `tokens` ends with it stops the reader.
fn collect<R>(
    results: &Receiver<(u64, Result<R>)>,
    tokens: Receiver<()>,
    take: &mut impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let mut wanted = 0;
    let mut waiting = BTreeMap::new();
    while let Ok((number, result)) = results.recv() {
        waiting.insert(number, result);
        while let Some(result) = waiting.remove(&wanted) {
            take(result?)?;
            // One was sent for each job.
            let _ = tokens.recv();
            wanted += 1;
        }
    }
    drop(tokens);
    if !waiting.is_empty() {
        bail!("a piece of the work was lost; nothing after it was looked at");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let mut taken = Vec::new();
        let slow_first = |n: u64| {
            thread::sleep(std::time::Duration::from_micros((200 - n) * 5));
            n * 2
        };
        in_order((0..200).map(Ok), 4, slow_first, |r| {
            taken.push(r);
            Ok(())
        })
        .unwrap();
        assert_eq!(taken, (0..200).map(|n| n * 2).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_the_work_after_what_came_before_it() {
        let mut taken = 0;
        let jobs = (0..10).map(|n| {
            if n < 5 {
                Ok(n)
            } else {
                Err(anyhow::anyhow!("at {n}"))
            }
        });
        let error = in_order(
            jobs,
            3,
            |n: i32| n,
            |_| {
                taken += 1;
                Ok(())
            },
        );
        assert_eq!((taken, error.unwrap_err().to_string().as_str()), (5, "at 5"));
        let refused = in_order((0..100).map(Ok), 3, |n: i32| n, |_| bail!("no"));
        assert_eq!(refused.unwrap_err().to_string(), "no");
    }

    #[test]
    fn a_result_is_taken_before_the_next_job_is_there() {
        let (sender, receiver) = channel();
        sender.send(1).unwrap();
        let mut sender = Some(sender);
        let mut taken = Vec::new();
        in_order(
            receiver.into_iter().map(Ok),
            2,
            |n: i32| n,
            |n| {
                taken.push(n);
                // Only now does the next job come.
                if let Some(open) = sender.take()
                    && n < 4
                {
                    open.send(n + 1).unwrap();
                    sender = Some(open);
                }
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(taken, [1, 2, 3, 4]);
    }

    #[test]
    fn a_panic_in_the_work_is_an_error_not_a_standstill() {
        let work = |n: i32| if n == 3 { panic!("on purpose") } else { n };
        let result = in_order((0..50).map(Ok), 2, work, |_| Ok(()));
        assert!(result.unwrap_err().to_string().contains("failed"));
    }
}
