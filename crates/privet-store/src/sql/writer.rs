//! The one task that writes to a SQLite database.
//!
//! Commands that wait together share a transaction, and so its sync: each runs in a savepoint, and is acknowledged after
//! the commit. One that fails is rolled back alone.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
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

/// The way to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
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
    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>);
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
            let outcome = unpanicked(work, tx).await;
            let is_done = outcome.is_ok();
            self.outcome = Some(outcome);
            is_done
        })
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) | (Err(_), Some(outcome @ Err(_))) => outcome,
            (Err(source), Some(Ok(_)) | None) => Err(Error::Commit { source }.into()),
            (Ok(()), None) => Err(Error::Panicked.into()),
        };
        // Who no longer waits does not want to know.
        drop(self.reply.send(outcome));
    }
}

impl Writer {
    /// Starts the task. It ends, and closes the connection, after [`close`](Self::close) or when every writer is
    /// dropped.
    pub(super) fn start(connection: SqliteConnection) -> (Self, JoinHandle<()>) {
        let (messages, waiting) = mpsc::channel(WAITING);
        (Self { messages }, tokio::spawn(run(connection, waiting)))
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

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(Pending {
            work: Some(work),
            outcome: None,
            reply,
        });
        if self.messages.send(Message::Command(command)).await.is_err() {
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
    if let Err(source) = control(tx, "BEGIN IMMEDIATE").await {
        first.acknowledge(Err(Arc::new(source)));
        return None;
    }
    let mut left = None;
    let started = Instant::now();
    let mut done = Vec::new();
    let mut next = Some(first);
    let mut broken = None;
    while let Some(mut command) = next.take() {
        match savepoint(tx, &mut *command).await {
            Ok(()) => done.push(command),
            Err(source) => {
                done.push(command);
                broken = Some(Arc::new(source));
                break;
            }
        }
        if done.len() < GROUP && started.elapsed() < GROUP_TIME {
            match waiting.try_recv() {
                Ok(Message::Command(command)) => next = Some(command),
                Ok(Message::Close) => waiting.close(),
                Ok(message @ Message::Checkpoint(_)) => left = Some(message),
                Err(_) => {}
            }
        }
    }
    let committed = match broken {
        Some(source) => Err(source),
        None => control(tx, "COMMIT").await.map_err(Arc::new),
    };
    if committed.is_err() {
        // Fails where SQLite has rolled back by itself.
        drop(control(tx, "ROLLBACK").await);
    }
    for command in done {
        command.acknowledge(committed.clone());
    }
    left
}

/// Runs a command; what it changed is undone if it fails. An error is that of the transaction as a whole.
async fn savepoint(tx: &mut Tx, command: &mut dyn Command) -> Result<(), sqlx::Error> {
    control(tx, "SAVEPOINT command").await?;
    if !command.run(tx).await {
        control(tx, "ROLLBACK TO command").await?;
    }
    control(tx, "RELEASE command").await
}

async fn control(tx: &mut Tx, sql: &'static str) -> Result<(), sqlx::Error> {
    match tx.execute(sql, values![]).await {
        Ok(_) => Ok(()),
        Err(Error::Database(source)) => Err(source),
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
