//! Streams under a guard: calls are held back until they are judged, texts go through piece by piece.

mod chat;
mod messages;
mod typed;

use std::collections::VecDeque;

use privet_types::{Budget, SurfaceKind};

use self::chat::Chat;
use self::messages::Messages;
pub(super) use self::typed::ECHOES;
use self::typed::Typed;
use super::calls::{Calls, Turn};
use super::watch::{Halt, MOST_CALLS, Place, Watch};
use super::{GuardError, ReplyGuard};
use crate::json::{Document, Value};
use crate::splice::{Edit, splice};
use crate::sse::{Event, EventReader};

/// How the events of one dialect are looked at, and how its streams end.
trait Dialect: Send {
    /// Looks at one event: `edits` change it, and what is put in before it goes to `out`.
    fn event(
        &mut self,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<After, Halt>;

    /// All texts have ended: what was held back of them goes to `out`.
    fn end(&mut self, watch: &mut Watch<'_>, out: &mut Vec<u8>) -> Result<(), Halt>;

    /// The event that was looked at last has been shown.
    fn settle(&mut self) {}

    /// Tells the person that the reply was stopped, and ends the stream in the dialect's way.
    fn stop(&mut self, place: Place, watch: &mut Watch<'_>, out: &mut Vec<u8>);
}

/// What follows an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The next.
    More,
    /// Nothing: it says itself that the reply was stopped.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    Stopped,
    Failed(GuardError),
}

/// Runs one stream of server-sent events through a guard, however it is cut.
///
/// Each text that a client shows is a lane of the guard, piece by piece: answers, refusals, summaries of reasoning. What the guard
/// changes is changed in place; what it held back when its text ends becomes an event of its own. All other strings are given
/// to it as texts that came as a whole. Tool calls are held back, and all that comes while they are under way, until each is
/// whole and judged. Blocks of Anthropic's thinking are signed, and pass as they came; so do ids and types, sound and
/// pictures, and what a response tells again of its request.
///
/// When the guard stops the reply, the stream is brought to the end that its dialect has for that, and all that comes after is
/// dropped.
pub struct StreamGuard {
    surface: SurfaceKind,
    reader: EventReader,
    /// Whether a carriage return waits for the line feed that may belong to it.
    has_return: bool,
    watch: Watch<'static>,
    calls: Calls,
    /// Events held back, as they came.
    held: VecDeque<Vec<u8>>,
    held_bytes: usize,
    dialect: Option<Box<dyn Dialect>>,
    state: State,
}

/// What an event carries.
enum Data<'e> {
    /// Nothing that a client is told.
    Nothing,
    /// The end of an OpenAI stream.
    Done,
    Json(Document<'e>),
}

impl<'e> Data<'e> {
    fn read(data: &'e [u8]) -> Result<Self, GuardError> {
        match data.trim_ascii() {
            b"" => Ok(Self::Nothing),
            b"[DONE]" => Ok(Self::Done),
            _ => Ok(Self::Json(Document::parse(data, &Budget::unlimited())?)),
        }
    }
}

impl StreamGuard {
    /// A stream of this surface, looked at by `guard`. Surfaces that answer in no words pass unread.
    #[must_use]
    pub fn new(surface: SurfaceKind, guard: Box<dyn ReplyGuard>) -> Self {
        let dialect: Option<Box<dyn Dialect>> = match surface {
            SurfaceKind::OpenaiChat => Some(Box::new(Chat::default())),
            SurfaceKind::AnthropicMessages => Some(Box::new(Messages::default())),
            SurfaceKind::OpenaiResponses => Some(Box::new(Typed::default())),
            _ => None,
        };
        Self {
            surface,
            reader: EventReader::default(),
            has_return: false,
            watch: Watch::new(guard, surface == SurfaceKind::OpenaiResponses),
            calls: Calls::default(),
            held: VecDeque::new(),
            held_bytes: 0,
            dialect,
            state: State::Open,
        }
    }

    /// Takes the next bytes and appends to `out` what may be shown by now.
    ///
    /// # Errors
    /// [`GuardError`], then and ever after: what is in `out` may be shown, and nothing else. The stream has to be ended then.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), GuardError> {
        if self.dialect.is_none() {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        self.run(out, |this, out| {
            // So that no event ends between the two halves of a line's end.
            let (bytes, has_return) = match bytes.split_last() {
                Some((b'\r', before)) => (before, true),
                _ => (bytes, false),
            };
            if std::mem::replace(&mut this.has_return, has_return) {
                this.reader.push(b"\r")?;
            }
            this.reader.push(bytes)?;
            this.arrive(out)
        })
    }

    /// The stream has ended: appends what was held back. What is left of an event whose end never came is looked at like any
    /// other, or dropped if it is no whole one.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), GuardError> {
        self.run(out, |this, out| {
            if std::mem::take(&mut this.has_return) {
                this.reader.push(b"\r")?;
            }
            this.arrive(out)?;
            let rest = this.reader.rest().to_vec();
            this.reader = EventReader::default();
            let event = Event { raw: &rest };
            if Data::read(&joined(event)).is_ok() {
                this.take(event, out)?;
            }
            this.calls.end(&mut this.watch)?;
            this.release(out)?;
            let Some(dialect) = this
                .dialect
                .as_mut()
                .filter(|_| matches!(this.state, State::Open))
            else {
                return Ok(());
            };
            let mut tail = Vec::new();
            let ended = dialect.end(&mut this.watch, &mut tail);
            if !rest.is_empty() && (!tail.is_empty() || ended.is_err()) {
                out.extend_from_slice(b"\n\n");
            }
            out.append(&mut tail);
            ended
        })
    }

    /// Whether the guard has stopped it.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// Does one thing, and what follows from a stop or a failure.
    fn run(
        &mut self,
        out: &mut Vec<u8>,
        deed: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), Halt>,
    ) -> Result<(), GuardError> {
        match self.state {
            State::Open => {}
            State::Stopped => return Ok(()),
            State::Failed(error) => return Err(error),
        }
        match deed(self, out) {
            Ok(()) => return Ok(()),
            Err(Halt::Stop(place)) => {
                self.state = State::Stopped;
                if let Some(dialect) = &mut self.dialect {
                    dialect.stop(place, &mut self.watch, out);
                }
            }
            Err(Halt::Failed(error)) => self.state = State::Failed(error),
        }
        self.reader = EventReader::default();
        self.held.clear();
        match self.state {
            State::Failed(error) => Err(error),
            State::Open | State::Stopped => Ok(()),
        }
    }

    fn arrive(&mut self, out: &mut Vec<u8>) -> Result<(), Halt> {
        let mut reader = std::mem::take(&mut self.reader);
        while let (State::Open, Some(event)) = (self.state, reader.next_event()) {
            self.take(event, out)?;
        }
        self.reader = reader;
        Ok(())
    }

    /// Takes one event: shows it, or holds it back.
    fn take(&mut self, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), Halt> {
        let data = joined(event);
        let read = Data::read(&data)?;
        let turn = match &read {
            Data::Nothing if self.held.is_empty() => Turn::Go,
            Data::Nothing => Turn::Hold,
            Data::Done => {
                self.calls.end(&mut self.watch)?;
                Turn::Go
            }
            Data::Json(document) => self.calls.take(self.surface, document.root(), &mut self.watch)?,
        };
        if turn == Turn::Go {
            self.release(out)?;
            return self.show(event, &data, &read, out);
        }
        self.held_bytes += event.raw.len();
        if self.held_bytes > MOST_CALLS {
            return Err(GuardError::CallTooLarge.into());
        }
        self.held.push_back(event.raw.to_vec());
        Ok(())
    }

    /// Shows what was held back.
    fn release(&mut self, out: &mut Vec<u8>) -> Result<(), Halt> {
        self.held_bytes = 0;
        while let (State::Open, Some(raw)) = (self.state, self.held.pop_front()) {
            let event = Event { raw: &raw };
            let data = joined(event);
            self.show(event, &data, &Data::read(&data)?, out)?;
        }
        Ok(())
    }

    /// Runs the texts of one event through the guard, and shows what may be shown of it.
    fn show(
        &mut self,
        event: Event<'_>,
        data: &[u8],
        read: &Data<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let Some(dialect) = self
            .dialect
            .as_mut()
            .filter(|_| matches!(self.state, State::Open))
        else {
            return Ok(());
        };
        let mut edits = Vec::new();
        match read {
            Data::Nothing => {}
            Data::Done => dialect.end(&mut self.watch, out)?,
            Data::Json(document) => {
                let after = dialect.event(document.root(), &mut self.watch, &mut edits, out)?;
                if after == After::Nothing {
                    self.state = State::Stopped;
                }
            }
        }
        if edits.is_empty() {
            out.extend_from_slice(event.raw);
        } else {
            edits.sort_by_key(|edit| edit.range.start);
            let data = splice(data, &edits);
            out.extend_from_slice(
                &event.with_data(&String::from_utf8_lossy(&data).replace(['\n', '\r'], " ")),
            );
        }
        dialect.settle();
        Ok(())
    }
}

/// The data of an event, its lines joined.
fn joined(event: Event<'_>) -> Vec<u8> {
    event.data_lines().collect::<Vec<_>>().join(&b'\n')
}
