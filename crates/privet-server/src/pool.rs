//! Where engines run: bounded in number, bounded in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use privet_types::Budget;
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Work on at most this many bytes runs where it is asked for: handing it to another thread would cost more than it saves the
/// other connections of this one, which wait some 2.5 ms while the network reads as much for the first time.
pub(crate) const INLINE_BYTES: usize = 4 << 10;

/// A bounded pool of threads for detection. When its queue is full the work is refused, not delayed.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    threads: usize,
    deadline: Duration,
    fault: Arc<AtomicU8>,
}

/// How engines fail, for tests of what becomes of a prompt then. There is no fault that lets one through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineFault {
    /// They panic.
    Panic = 1,
    /// They give up, with an error.
    Error = 2,
}

impl Pool {
    /// `threads` jobs at once, `queue` more waiting, each ended `deadline` after it was handed in.
    pub(crate) fn new(threads: usize, queue: usize, deadline: Duration) -> Self {
        let threads = threads.max(1);
        Self {
            running: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads + queue)),
            threads,
            deadline,
            fault: Arc::default(),
        }
    }

    /// Makes all work fail from now on, or no longer.
    pub(crate) fn set_fault(&self, fault: Option<EngineFault>) {
        self.fault
            .store(fault.map_or(0, |fault| fault as u8), Ordering::Relaxed);
    }

    /// Fails as it was told to.
    #[expect(clippy::panic, reason = "this is the fault that tests ask for")]
    fn fail(&self, budget: &Budget) {
        match self.fault.load(Ordering::Relaxed) {
            0 => {}
            fault if fault == EngineFault::Panic as u8 => panic!("a fault that a test asked for"),
            _ => budget.cancel_flag().cancel(),
        }
    }

    /// How many jobs run at once.
    pub(crate) const fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `work` on `bytes` bytes of input under `budget`.
    pub(crate) async fn run<T, W>(&self, bytes: usize, budget: Budget, work: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: FnOnce(&Budget) -> T + Send + 'static,
    {
        let _admitted = self.admitted.try_acquire().map_err(|_| Problem::Busy)?;
        if bytes <= INLINE_BYTES {
            let work = std::panic::AssertUnwindSafe(|| {
                self.fail(&budget);
                work(&budget)
            });
            return std::panic::catch_unwind(work).map_err(|_| Problem::DetectorFailed);
        }
        let cancel = budget.cancel_flag();
        let running = Arc::clone(&self.running);
        let pool = self.clone();
        let job = async move {
            let permit = running.acquire_owned().await.map_err(|_| Problem::Busy)?;
            let done = tokio::task::spawn_blocking(move || {
                pool.fail(&budget);
                let result = work(&budget);
                drop(permit);
                result
            });
            done.await.map_err(|_| Problem::DetectorFailed)
        };
        match tokio::time::timeout(self.deadline, job).await {
            Ok(result) => result,
            Err(_) => {
                cancel.cancel();
                Err(Problem::Deadline)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_past_its_deadline_is_cancelled_and_refused() {
        let pool = Pool::new(1, 1, Duration::from_millis(20));
        let spin = |budget: &Budget| {
            while budget.charge(1).is_ok() {
                std::thread::yield_now();
            }
        };
        let result = pool.run(INLINE_BYTES + 1, Budget::unlimited(), spin).await;
        assert!(matches!(result, Err(Problem::Deadline)), "{result:?}");
        // On a busy machine the next one may come late, too; what matters is that there is a place for it.
        let begun = std::time::Instant::now();
        while pool
            .run(INLINE_BYTES + 1, Budget::unlimited(), |_| ())
            .await
            .is_err()
        {
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
    }

    #[tokio::test]
    async fn a_full_pool_refuses() {
        let pool = Pool::new(1, 0, Duration::from_secs(60));
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(INLINE_BYTES + 1, Budget::unlimited(), move |_| {
                    wait.recv().is_err()
                })
                .await
            }
        });
        while pool.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(1, Budget::unlimited(), |_| ()).await;
        assert!(matches!(refused, Err(Problem::Busy)), "{refused:?}");
        drop(release);
        assert!(busy.await.unwrap().unwrap());
    }
}
