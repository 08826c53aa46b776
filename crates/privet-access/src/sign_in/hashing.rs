//! Hashing passwords: a bounded number at once, on threads that nothing else waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::SignInError;

/// How many may wait for each place.
const WAITING: usize = 16;

/// Places for work that takes tens of milliseconds and megabytes.
#[derive(Debug)]
pub(super) struct Hashers {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    done: Arc<AtomicU64>,
}

/// A place in the queue for one piece of work.
#[derive(Debug)]
pub(super) struct Queued(OwnedSemaphorePermit);

impl Hashers {
    pub(super) fn new(at_once: usize) -> Self {
        let at_once = at_once.max(1);
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            queue: Arc::new(Semaphore::new(at_once * (WAITING + 1))),
            done: Arc::default(),
        }
    }

    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// A place in the queue, if there is one.
    pub(super) fn queue(&self) -> Result<Queued, SignInError> {
        let place = Arc::clone(&self.queue).try_acquire_owned();
        place.map(Queued).map_err(|_| SignInError::Busy)
    }

    /// Does `work` as soon as there is a place, if there is one in the queue.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SignInError> {
        self.run_queued(self.queue()?, work).await
    }

    /// Does `work` as soon as there is a place. Who hangs up gives its place back when the work is done, not before.
    pub(super) async fn run_queued<T: Send + 'static>(
        &self,
        Queued(queued): Queued,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SignInError> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| SignInError::Busy)?;
        let done = Arc::clone(&self.done);
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            done.fetch_add(1, Ordering::Relaxed);
            drop((place, queued));
            result
        });
        work.await.map_err(|_| SignInError::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_run_at_once_than_there_are_places_and_past_the_queue_all_are_turned_away() {
        let hashers = Arc::new(Hashers::new(2));
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let running = Arc::new(AtomicU64::new(0));
        let most = Arc::new(AtomicU64::new(0));
        let begin = || {
            let (hashers, held) = (Arc::clone(&hashers), Arc::clone(&held));
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                hashers
                    .run(move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        held.lock().unwrap().recv().unwrap();
                        running.fetch_sub(1, Ordering::SeqCst);
                    })
                    .await
            })
        };
        let all: Vec<_> = (0..2 * (WAITING + 1)).map(|_| begin()).collect();
        while hashers.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hashers.run(|| ()).await, Err(SignInError::Busy)));
        for _ in &all {
            release.send(()).unwrap();
        }
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert_eq!(hashers.done(), 2 * (WAITING as u64 + 1));
        assert!(hashers.run(|| ()).await.is_ok());
    }
}
