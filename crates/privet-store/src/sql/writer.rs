//! The one task that writes to a SQLite database.
//!
//! Commands that wait together share a transaction, and so its sync: each runs in a savepoint, and is acknowledged after
//! the commit. One that fails is rolled back alone.
//!
//! A commit whose sync failed is rolled back in SQLite's memory, and the next one writes over its frames in the WAL. So
//! this connection goes on after such an error; closing it and reading the WAL again would take the frames, which the
//! kernel may have dropped, for durable. (The tests with a failing disk hold that.)

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::tx::{Link, Tx, Work};
use crate::{Error, values};

/// Commands that may wait.
const WAITING: usize = 1024;

/// Most commands of one transaction.
const GROUP: usize = 256;

/// A transaction takes no further command after so long, so that the first in it is not kept waiting.
const GROUP_TIME: Duration = Duration::from_millis(20);

tokio::task_local! {
    /// The writer whose command this task runs.
    static WRITING: u64;
}

/// The way to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    id: u64,
}

enum Message {
    Command(Box<dyn Command>),
    /// Empty the write-ahead log into the database.
    Checkpoint(oneshot::Sender<Result<bool, Error>>),
    /// Run what came before, take nothing more.
    Close,
}

/// What is to be written.
trait Command: Send {
    /// Runs it. Returns whether its changes are to stay.
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 'c>>;

    /// Tells its caller, once it is known whether the changes are durable.
    fn acknowledge(self: Box<Self>, fate: Fate);
}

/// What became of a transaction.
#[derive(Clone)]
enum Fate {
    Committed,
    /// Nothing of it was stored.
    Refused(Arc<sqlx::Error>),
    /// `COMMIT` failed: what it wrote may come to light when the database is opened again.
    Unknown(Arc<sqlx::Error>),
}

struct Pending<T, E, F> {
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Command for Pending<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E> + Send,
{
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 'c>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else {
                return false;
            };
            let outcome = match unpanicked(work, tx).await {
                // It went on after a statement that failed.
                Ok(_) if tx.is_spoilt() => Err(Error::Spoilt.into()),
                outcome => outcome,
            };
            let is_done = outcome.is_ok();
            self.outcome = Some(outcome);
            is_done
        })
    }

    fn acknowledge(self: Box<Self>, fate: Fate) {
        let outcome = match (fate, self.outcome) {
            (_, Some(Err(error))) => Err(error),
            (Fate::Committed, Some(done)) => done,
            (Fate::Committed, None) => Err(Error::Panicked.into()),
            (Fate::Refused(source), _) => Err(Error::Refused { source }.into()),
            (Fate::Unknown(source), _) => Err(Error::Commit { source }.into()),
        };
        // Who no longer waits does not want to know.
        drop(self.reply.send(outcome));
    }
}

impl Writer {
    /// Starts the task. It ends, and closes the connection, after [`close`](Self::close) or when every writer is
    /// dropped.
    pub(super) fn start(connection: SqliteConnection) -> (Self, JoinHandle<()>) {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let id = STARTED.fetch_add(1, Ordering::Relaxed);
        let (messages, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(WRITING.scope(id, run(connection, waiting)));
        (Self { messages, id }, task)
    }

    /// Asks the task to end when it has run what came before.
    pub(super) async fn close(&self) {
        // One that is closed already has ended.
        drop(self.messages.send(Message::Close).await);
    }

    /// Moves what the write-ahead log holds into the database and empties the log, so that it keeps no page as it was
    /// before. `false` if a reader still needs the log.
    pub(super) async fn checkpoint(&self) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        if self.messages.send(Message::Checkpoint(reply)).await.is_err() {
            return Err(Error::Closed);
        }
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Puts a command in the queue; whether there still is one. Boxed, so that it is compiled once, not for each caller.
    fn hand_over(&self, command: Box<dyn Command>) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move { self.messages.send(Message::Command(command)).await.is_ok() })
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E> + Send + 'static,
    {
        // It would wait for itself.
        if WRITING.try_with(|id| *id == self.id).unwrap_or(false) {
            return Err(Error::Nested.into());
        }
        let (reply, answer) = oneshot::channel();
        let command = Box::new(Pending {
            work: Some(work),
            outcome: None,
            reply,
        });
        if !self.hand_over(command).await {
            return Err(Error::Closed.into());
        }
        answer.await.unwrap_or_else(|_| Err(Error::Closed.into()))
    }
}

async fn run(connection: SqliteConnection, mut waiting: mpsc::Receiver<Message>) {
    let mut tx = Tx::new(Link::SqliteWriter(connection));
    let mut left = None;
    while let Some(message) = next(&mut left, &mut waiting).await {
        match message {
            Message::Command(first) => left = group(&mut tx, first, &mut waiting).await,
            // Who no longer waits does not want to know.
            Message::Checkpoint(reply) => drop(reply.send(checkpoint(&mut tx).await)),
            Message::Close => waiting.close(),
        }
    }
    if let Err(error) = tx.close_writer().await {
        tracing::warn!(error = %error, "the store did not close cleanly; it is repaired when it is opened again");
    }
}

async fn next(left: &mut Option<Message>, waiting: &mut mpsc::Receiver<Message>) -> Option<Message> {
    match left.take() {
        Some(message) => Some(message),
        None => waiting.recv().await,
    }
}

/// Whether the log could be emptied.
async fn checkpoint(tx: &mut Tx) -> Result<bool, Error> {
    let (busy, _, _): (i64, i64, i64) = tx.one("PRAGMA wal_checkpoint(TRUNCATE)", values![]).await?;
    Ok(busy == 0)
}

/// One transaction: `first`, and those that wait by the time it has run. Returns the message that is no command and ended
/// it.
async fn group(
    tx: &mut Tx,
    first: Box<dyn Command>,
    waiting: &mut mpsc::Receiver<Message>,
) -> Option<Message> {
    // The write lock from the start, so that no command can fail half-way for want of it.
    if let Err(source) = control(tx, "BEGIN IMMEDIATE; SAVEPOINT command").await {
        // Nothing may be open when the next one begins.
        drop(control(tx, "ROLLBACK").await);
        refuse(first, &Arc::new(source), waiting);
        return None;
    }
    let mut left = None;
    let started = Instant::now();
    let mut done = Vec::new();
    let mut next = Some(first);
    let mut broken = None;
    while let Some(mut command) = next.take() {
        tx.mend();
        let is_done = command.run(tx).await;
        done.push(command);
        if !is_done && let Err(source) = control(tx, "ROLLBACK TO command").await {
            broken = Some(Arc::new(source));
            break;
        }
        if done.len() < GROUP && started.elapsed() < GROUP_TIME {
            match waiting.try_recv() {
                Ok(Message::Command(command)) => next = Some(command),
                Ok(Message::Close) => waiting.close(),
                Ok(message @ Message::Checkpoint(_)) => left = Some(message),
                Err(_) => {}
            }
        }
        // After "ROLLBACK TO" the savepoint is there still.
        if next.is_some()
            && is_done
            && let Err(source) = control(tx, "RELEASE command; SAVEPOINT command").await
        {
            done.extend(next.take());
            broken = Some(Arc::new(source));
        }
    }
    tx.mend();
    let fate = match broken {
        Some(source) => Fate::Refused(source),
        None => match control(tx, "COMMIT").await {
            Ok(()) => Fate::Committed,
            Err(source) => Fate::Unknown(Arc::new(source)),
        },
    };
    if !matches!(fate, Fate::Committed) {
        // Fails where SQLite has rolled back by itself.
        drop(control(tx, "ROLLBACK").await);
    }
    for command in done {
        command.acknowledge(fate.clone());
    }
    left
}

/// Refuses `first` and all that wait behind it: each of them would wait for the lock as long again.
fn refuse(first: Box<dyn Command>, source: &Arc<sqlx::Error>, waiting: &mut mpsc::Receiver<Message>) {
    first.acknowledge(Fate::Refused(Arc::clone(source)));
    for _ in 0..WAITING {
        match waiting.try_recv() {
            Ok(Message::Command(command)) => command.acknowledge(Fate::Refused(Arc::clone(source))),
            Ok(Message::Checkpoint(reply)) => drop(reply.send(Ok(false))),
            Ok(Message::Close) => waiting.close(),
            Err(_) => return,
        }
    }
}

async fn control(tx: &mut Tx, sql: &'static str) -> Result<(), sqlx::Error> {
    match tx.control(sql).await {
        Ok(()) => Ok(()),
        Err(Error::Database(source) | Error::Unreachable(source)) => Err(source),
        Err(_) => Err(sqlx::Error::WorkerCrashed),
    }
}

/// Runs `work`; a panic in it becomes an error, so that one caller's fault does not stop all others.
pub(super) async fn unpanicked<T, E, F>(work: F, tx: &mut Tx) -> Result<T, E>
where
    E: From<Error>,
    F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E>,
{
    let Ok(mut future) = catch_unwind(AssertUnwindSafe(|| work(tx))) else {
        return Err(Error::Panicked.into());
    };
    std::future::poll_fn(move |context| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(Error::Panicked.into())))
    })
    .await
}
