//! HTTP/1.1 messages, read by hand so that tests see every piece as it came.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

/// Longest wait for anything. Long, because machines under load are slow; a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// `future`'s result.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("{what} took more than {PATIENCE:?}"),
    }
}

/// First line and headers of a message. Names are in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    /// Bytes left of the current chunk.
    Chunked(usize),
    UntilClose,
    Done,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn framing(&self, otherwise: Framing) -> Framing {
        if self.header("transfer-encoding").is_some_and(|v| v == "chunked") {
            return Framing::Chunked(0);
        }
        match self.header("content-length").and_then(|v| v.parse().ok()) {
            Some(0) => Framing::Done,
            Some(length) => Framing::Length(length),
            None => otherwise,
        }
    }
}

pub(crate) struct Reader {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(stream: OwnedReadHalf) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The head of the next message; none if the connection ended before it.
    pub(crate) async fn head(&mut self) -> Result<Option<Head>> {
        let start = match self.line().await {
            Ok(line) => line,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.buffer.is_empty() => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(Head {
            start,
            headers: self.fields().await?,
        }))
    }

    async fn fields(&mut self) -> Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next piece of a body, as it came; none at its proper end.
    pub(crate) async fn piece(&mut self, framing: &mut Framing) -> Result<Option<Vec<u8>>> {
        match *framing {
            Framing::Done => Ok(None),
            Framing::UntilClose => {
                let piece = self.some(usize::MAX).await?;
                if piece.is_empty() {
                    *framing = Framing::Done;
                }
                Ok((!piece.is_empty()).then_some(piece))
            }
            Framing::Length(left) => {
                let piece = self.certain(left).await?;
                *framing = match left - piece.len() {
                    0 => Framing::Done,
                    left => Framing::Length(left),
                };
                Ok(Some(piece))
            }
            Framing::Chunked(0) => {
                let line = self.line().await?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData)?;
                if size == 0 {
                    self.fields().await?;
                    *framing = Framing::Done;
                    return Ok(None);
                }
                *framing = Framing::Chunked(size);
                Box::pin(self.piece(framing)).await
            }
            Framing::Chunked(left) => {
                let piece = self.certain(left).await?;
                if piece.len() == left {
                    self.line().await?;
                }
                *framing = Framing::Chunked(left - piece.len());
                Ok(Some(piece))
            }
        }
    }

    /// The whole of a body, as far as it came, and whether it came to its proper end.
    pub(crate) async fn rest(&mut self, framing: &mut Framing) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            match self.piece(framing).await {
                Ok(Some(piece)) => body.extend(piece),
                Ok(None) => return (body, true),
                Err(_) => return (body, false),
            }
        }
    }

    /// Done when the other side has closed the connection.
    pub(crate) async fn closed(&mut self) {
        while self.some(usize::MAX).await.is_ok_and(|piece| !piece.is_empty()) {}
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// One to `most` bytes; none at the end of the connection.
    async fn some(&mut self, most: usize) -> Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        let taken = self.buffer.len().min(most);
        Ok(self.buffer.drain(..taken).collect())
    }

    async fn certain(&mut self, most: usize) -> Result<Vec<u8>> {
        let piece = self.some(most).await?;
        if piece.is_empty() {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        Ok(piece)
    }

    async fn fill(&mut self) -> Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }
}
