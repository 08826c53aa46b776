//! The way of conversations into the vault's archive: beside the reply, and never in its way.
//!
//! A prompt that is to be kept takes a place before it is sent. What was said goes into that place as it passes, and once
//! the reply has ended a task of its own writes it down. Where the policy says so, prompts are refused while there is no
//! place, or while nothing can be written.

mod said;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use privet_policy::{ArchiveConfig, ArchiveContent, ArchiveFailure};
use privet_types::{Secret, SurfaceKind};
use privet_vault::{Actor, Error, Ground, NewConversation, SubjectRef, Vault};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Conversations that may wait for being written, beside those that go on.
const WAITING: usize = 256;
/// KiB of conversations that go on or wait, before further ones find no place.
const WAITING_KIB: usize = 128 << 10;
/// Conversations that are written at once.
const AT_ONCE: usize = 8;
/// Largest prompt and reply together; the vault takes 8 MiB, and rewriting JSON may add to it.
const MOST_BYTES: usize = 7 << 20;
/// What a reply is taken to need until more of it comes.
const REPLY_BYTES: usize = 16 << 10;
/// KiB by which the share of a reply grows, so that not every piece of it asks.
const STEP_KIB: usize = 64;
/// How long after a failure it is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often, where prompts go on whether or not they are kept.
const TRIES: u32 = 5;

/// Takes conversations on their way into the archive.
pub(crate) struct Archive {
    config: ArchiveConfig,
    queue: mpsc::Sender<Conversation>,
    waiting: Mutex<Option<mpsc::Receiver<Conversation>>>,
    bytes: Arc<Semaphore>,
    is_failing: AtomicBool,
}

/// There is no place for a conversation that must be kept.
#[derive(Debug)]
pub(crate) struct NoPlace;

/// A place in the archive, taken.
pub(crate) struct Place {
    permit: OwnedPermit<Conversation>,
    bytes: OwnedSemaphorePermit,
}

/// Whose conversation it is, and about whom.
pub(crate) struct About {
    pub(crate) actor: Actor,
    pub(crate) subject: Option<SubjectRef>,
    pub(crate) purpose: Option<String>,
    pub(crate) surface: SurfaceKind,
    pub(crate) model: String,
}

/// A conversation that goes on. Dropped before its end, it is kept as far as it came.
pub(crate) struct Taking {
    content: ArchiveContent,
    most: usize,
    /// `None` once it was handed on.
    open: Option<(Place, Conversation)>,
}

/// A prompt and its reply.
struct Conversation {
    about: About,
    prompt: Vec<u8>,
    reply: Vec<u8>,
    is_stream: bool,
    is_whole: bool,
    /// Its share of the memory, until it is written.
    bytes: Option<OwnedSemaphorePermit>,
}

impl Archive {
    /// An archive for what `config` says, beside so many requests at once.
    pub(crate) fn new(config: ArchiveConfig, requests: usize) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(requests + WAITING);
        Arc::new(Self {
            config,
            queue,
            waiting: Mutex::new(Some(waiting)),
            bytes: Arc::new(Semaphore::new(WAITING_KIB)),
            is_failing: AtomicBool::new(false),
        })
    }

    /// What is kept of a conversation that names somebody, or nobody.
    pub(crate) fn keeps(&self, names_somebody: bool) -> Option<ArchiveContent> {
        (names_somebody || self.config.unnamed).then_some(self.config.content)
    }

    /// A place for a prompt of so many bytes and its reply; `None` if it goes on without being kept.
    pub(crate) fn place(&self, prompt: usize) -> Result<Option<Place>, NoPlace> {
        let is_refused = self.config.on_failure == ArchiveFailure::Refuse;
        if is_refused && self.is_failing.load(Ordering::Relaxed) {
            return Err(NoPlace);
        }
        let kib = u32::try_from((prompt + REPLY_BYTES).div_ceil(1024)).unwrap_or(u32::MAX);
        let fits = prompt <= MOST_BYTES;
        let bytes = fits.then(|| Arc::clone(&self.bytes).try_acquire_many_owned(kib));
        let place = match (bytes, self.queue.clone().try_reserve_owned()) {
            (Some(Ok(bytes)), Ok(permit)) => Some(Place { permit, bytes }),
            _ => None,
        };
        match place {
            None if is_refused => Err(NoPlace),
            None => {
                tracing::warn!(
                    "there is no place in the archive for a conversation; it goes on without being kept"
                );
                Ok(None)
            }
            place => Ok(place),
        }
    }

    /// Whether a prompt, of so many bytes as it is to be kept, may be sent: it fits, or need not be kept.
    pub(crate) fn fits(&self, kept: usize) -> bool {
        kept <= MOST_BYTES || self.config.on_failure == ArchiveFailure::GoOn
    }

    /// Begins a conversation.
    pub(crate) fn take(&self, place: Place, about: About, prompt: Vec<u8>) -> Taking {
        let conversation = Conversation {
            about,
            prompt,
            reply: Vec::new(),
            is_stream: false,
            is_whole: false,
            bytes: None,
        };
        Taking {
            content: self.config.content,
            most: MOST_BYTES.saturating_sub(conversation.prompt.len()),
            open: Some((place, conversation)),
        }
    }

    /// Writes conversations down as they end, until `ended` and all that waited then is written.
    pub(crate) async fn work(self: Arc<Self>, vault: Vault, ended: impl Future<Output = ()>) {
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = taken else { return };
        let mut ended = std::pin::pin!(ended);
        let (mut under_way, mut is_ending) = (JoinSet::new(), false);
        loop {
            while under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let next = tokio::select! {
                () = &mut ended, if !is_ending => {
                    is_ending = true;
                    waiting.close();
                    continue;
                }
                next = waiting.recv() => next,
            };
            let Some(conversation) = next else { break };
            let (archive, vault) = (Arc::clone(&self), vault.clone());
            under_way.spawn(async move { archive.keep(&vault, conversation).await });
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn keep(&self, vault: &Vault, conversation: Conversation) {
        // Megabytes of JSON are not read where others wait for their turn.
        let read = tokio::task::spawn_blocking(move || conversation.read()).await;
        let Ok((actor, new, _bytes)) = read else {
            tracing::error!("a conversation cannot be read, and is not kept");
            return;
        };
        let mut tries = 0;
        loop {
            match vault.archive(&actor, &new, Ground::Ordinary).await {
                Ok(_) => {
                    self.is_failing.store(false, Ordering::Relaxed);
                    return;
                }
                Err(Error::Absent { .. } | Error::Restricted) => {
                    tracing::info!("a conversation is not kept: its subject is gone, or restricted");
                    return;
                }
                Err(
                    error @ (Error::BadField { .. }
                    | Error::BadRecord { .. }
                    | Error::TooMany { .. }
                    | Error::Damaged { .. }),
                ) => {
                    tracing::error!(%error, "a conversation cannot be kept");
                    return;
                }
                Err(error) => {
                    tries += 1;
                    if !self.is_failing.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "conversations cannot be kept at the moment; it is tried again");
                    }
                    if tries >= TRIES && self.config.on_failure == ArchiveFailure::GoOn {
                        tracing::error!(tries, "a conversation is not kept");
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Place {
    /// Whether there is room for so many bytes; what is lacking is taken, if it is there.
    fn holds(&mut self, needed: usize) -> bool {
        let lacking = needed.div_ceil(1024).saturating_sub(self.bytes.num_permits());
        if lacking == 0 {
            return true;
        }
        let more = u32::try_from(lacking.max(STEP_KIB)).unwrap_or(u32::MAX);
        let more = Arc::clone(self.bytes.semaphore()).try_acquire_many_owned(more);
        more.map(|more| self.bytes.merge(more)).is_ok()
    }
}

impl Conversation {
    fn read(self) -> (Actor, NewConversation, Option<OwnedSemaphorePermit>) {
        let new = NewConversation {
            subject: self.about.subject,
            surface: self.about.surface.name().to_owned(),
            purpose: self.about.purpose,
            model: self.about.model,
            conversation: None,
            prompt: Secret::new(said::prompt(&self.prompt)),
            reply: Secret::new(said::reply(&self.reply, self.is_stream)),
            is_whole: self.is_whole,
        };
        (self.about.actor, new, self.bytes)
    }
}

impl Taking {
    /// The reply comes as events.
    pub(crate) fn streams(&mut self) {
        if let Some((_, conversation)) = &mut self.open {
            conversation.is_stream = true;
        }
    }

    /// What the provider said.
    pub(crate) fn heard(&mut self, bytes: &[u8]) {
        if self.content == ArchiveContent::Masked {
            self.add(bytes);
        }
    }

    /// What the caller is told.
    pub(crate) fn told(&mut self, bytes: &[u8]) {
        if self.content == ArchiveContent::Plain {
            self.add(bytes);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let Some((place, conversation)) = &mut self.open else {
            return;
        };
        let needed = conversation.prompt.len() + conversation.reply.len() + bytes.len();
        let fits = if place.holds(needed) {
            bytes.len().min(self.most)
        } else {
            0
        };
        self.most -= fits;
        conversation.reply.extend(bytes.iter().take(fits));
        if fits < bytes.len() {
            // It is too long to be kept whole, or there is no room for more.
            self.hand_on(false);
        }
    }

    /// The reply has come to its end.
    pub(crate) fn end(&mut self) {
        self.hand_on(true);
    }

    fn hand_on(&mut self, is_whole: bool) {
        if let Some((Place { permit, bytes }, mut conversation)) = self.open.take() {
            conversation.is_whole = is_whole;
            conversation.bytes = Some(bytes);
            permit.send(conversation);
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.hand_on(false);
    }
}
