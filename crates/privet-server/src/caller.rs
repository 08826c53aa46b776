//! A caller's socket, given up when the caller does not read its reply.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Bytes that a caller who lags behind has to take in each of the settings' `write_timeout`s.
const LEAST: usize = 16 << 10;

/// A socket whose writes fail once what waits to be written has made too little way for `patience`: neither was all of it
/// taken, nor [`LEAST`] bytes of it.
pub(crate) struct Caller<S> {
    socket: S,
    patience: Duration,
    /// None while the caller keeps up.
    lag: Option<Lag>,
}

struct Lag {
    written: usize,
    ends: Pin<Box<Sleep>>,
}

impl<S> Caller<S> {
    pub(crate) const fn new(socket: S, patience: Duration) -> Self {
        Self {
            socket,
            patience,
            lag: None,
        }
    }

    /// The outcome of an attempt to write `wanted` bytes.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        wanted: usize,
        outcome: Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        match &outcome {
            Poll::Pending => {
                let patience = self.patience;
                let lag = self.lag.get_or_insert_with(|| Lag {
                    written: 0,
                    ends: Box::pin(tokio::time::sleep(patience)),
                });
                if lag.ends.as_mut().poll(context).is_ready() {
                    tracing::info!("a caller did not read its reply in time; its connection is closed");
                    return Poll::Ready(Err(Error::from(ErrorKind::TimedOut)));
                }
            }
            Poll::Ready(Ok(written)) => {
                if let Some(lag) = &mut self.lag {
                    lag.written = lag.written.saturating_add(*written);
                    if *written == wanted || lag.written >= LEAST {
                        self.lag = None;
                    }
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Caller<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Caller<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.judge(context, bytes.len(), outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        self.judge(context, wanted, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_caller_who_takes_too_little_is_given_up() {
        let (ours, mut theirs) = duplex(1024);
        let mut caller = Caller::new(ours, Duration::from_millis(30));
        let reply = [7; 64 << 10];
        let mut read = [0; 4096];
        let (written, taken) = tokio::join!(caller.write_all(&reply), theirs.read_exact(&mut read));
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!((taken.unwrap(), read), (4096, [7; 4096]));
    }

    #[tokio::test]
    async fn a_caller_who_lags_but_reads_gets_everything() {
        let (ours, mut theirs) = duplex(1024);
        let mut caller = Caller::new(ours, Duration::from_secs(60));
        let reply = vec![7; 1 << 20];
        let mut read = vec![0; reply.len()];
        let (written, taken) = tokio::join!(caller.write_all(&reply), theirs.read_exact(&mut read));
        assert_eq!((written.unwrap(), taken.unwrap()), ((), reply.len()));
        assert!(read == reply && caller.lag.is_none());
    }
}
