//! Work for all cores, results in the order of the jobs, memory for a bounded number of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};

/// Jobs that are read, worked on or waiting to be written, for each worker.
const JOBS_PER_WORKER: usize = 3;

/// How many workers there are if nobody says.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Does `work` on every job with `workers` threads and hands the results to `take` in the order of the jobs.
///
/// # Errors
/// The first error of the jobs, or of `take`, after the results before it were taken.
pub(crate) fn in_order<J: Send, R: Send>(
    jobs: impl Iterator<Item = Result<J>>,
    workers: usize,
    work: impl Fn(J) -> R + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let workers = workers.max(1);
    let (job_sender, job_receiver) = channel::<(u64, J)>();
    let (result_sender, result_receiver) = channel::<(u64, Option<R>)>();
    let shared = Mutex::new(job_receiver);
    thread::scope(|scope| {
        for _ in 0..workers {
            let results = result_sender.clone();
            let (shared, work) = (&shared, &work);
            scope.spawn(move || {
                while let Some((number, job)) = next(shared) {
                    // A panic must not leave the others waiting for its result.
                    let result = catch_unwind(AssertUnwindSafe(|| work(job))).ok();
                    if results.send((number, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(result_sender);
        let fed = feed(
            jobs,
            &job_sender,
            &result_receiver,
            workers * JOBS_PER_WORKER,
            &mut take,
        );
        // This ends the workers, also after an error.
        drop(job_sender);
        fed
    })
}

fn next<T>(receiver: &Mutex<Receiver<T>>) -> Option<T> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

fn feed<J, R>(
    jobs: impl Iterator<Item = Result<J>>,
    sender: &Sender<(u64, J)>,
    results: &Receiver<(u64, Option<R>)>,
    most: usize,
    take: &mut impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let mut jobs = jobs;
    let mut failed = None;
    let mut is_open = true;
    let (mut sent, mut taken) = (0_u64, 0_u64);
    let mut waiting = BTreeMap::new();
    loop {
        while is_open && sent - taken < most as u64 {
            match jobs.next() {
                Some(Ok(job)) => {
                    if sender.send((sent, job)).is_err() {
                        bail!("the workers ended before the work did");
                    }
                    sent += 1;
                }
                Some(Err(error)) => {
                    failed = Some(error);
                    is_open = false;
                }
                None => is_open = false,
            }
        }
        if taken == sent {
            return failed.map_or(Ok(()), Err);
        }
        let Ok((number, result)) = results.recv() else {
            bail!("a worker ended before its work did");
        };
        waiting.insert(number, result);
        while let Some(result) = waiting.remove(&taken) {
            let Some(result) = result else {
                bail!("a piece of the work failed; nothing after it was looked at");
            };
            take(result)?;
            taken += 1;
        }
    }
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
    fn a_panic_in_the_work_is_an_error_not_a_standstill() {
        let work = |n: i32| if n == 3 { panic!("on purpose") } else { n };
        let result = in_order((0..50).map(Ok), 2, work, |_| Ok(()));
        assert!(result.unwrap_err().to_string().contains("failed"));
    }
}
