//! The way of conversations into the vault's archive: beside the reply, and never in its way.
//!
//! A prompt that is to be kept takes a place before it is sent. What was said goes into that place as it passes, and once
//! the reply has ended a task of its own writes it down. Where the policy says so, prompts are refused while there is no
//! place, or while nothing can be written. Where it says `durable`, no reply comes to its end before it is written.

mod part;
mod said;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use privet_crypto::HashKey;
use privet_policy::{ArchiveConfig, ArchiveContent, ArchiveFailure};
use privet_types::{Secret, SurfaceKind};
use privet_vault::{Actor, Error, Ground, NewConversation, SubjectRef, Vault};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::oneshot;
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

/// How long a reply that is to be durable waits for its conversation's being written.
const PATIENCE: Duration = Duration::from_secs(5);

/// There is no place for a conversation that must be kept.
#[derive(Debug)]
pub(crate) struct NoPlace;

/// A conversation that must be kept is not written yet.
#[derive(Debug, thiserror::Error)]
#[error("the conversation could not be kept")]
pub(crate) struct NotWritten;

/// The end of writing a conversation.
pub(crate) type Written = Pin<Box<dyn Future<Output = Result<(), NotWritten>> + Send>>;

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
    /// What for the subject's data is used.
    pub(crate) ground: Ground,
    pub(crate) part: Part,
}

/// Which conversation a prompt is part of.
pub(crate) enum Part {
    /// Its caller says so.
    Named(String),
    /// It is told by how it begins, under this key.
    Begun(Arc<HashKey>),
}

/// A conversation that goes on. Dropped before its end, it is kept as far as it came.
pub(crate) struct Taking {
    content: ArchiveContent,
    most: usize,
    on_failure: ArchiveFailure,
    /// Where the reply waits for its being written: when it is.
    written: Option<oneshot::Receiver<()>>,
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
    /// Whoever waits for its being written. Dropped where that is given up.
    waiting: Option<oneshot::Sender<()>>,
}

/// A conversation as it is to be written.
struct Ready {
    actor: Actor,
    new: NewConversation,
    ground: Ground,
    _bytes: Option<OwnedSemaphorePermit>,
    waiting: Option<oneshot::Sender<()>>,
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
        let (waiting, written) = self.config.durable.then(oneshot::channel).unzip();
        let conversation = Conversation {
            about,
            prompt,
            reply: Vec::new(),
            is_stream: false,
            is_whole: false,
            bytes: None,
            waiting,
        };
        Taking {
            content: self.config.content,
            on_failure: self.config.on_failure,
            written,
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
        let Ok(mut ready) = read else {
            tracing::error!("a conversation cannot be read, and is not kept");
            return;
        };
        let mut tries = 0;
        loop {
            match vault.archive(&ready.actor, &ready.new, ready.ground).await {
                Ok(_) => {
                    self.is_failing.store(false, Ordering::Relaxed);
                    ready.is_settled();
                    return;
                }
                Err(Error::Absent { .. } | Error::Restricted) => {
                    tracing::info!("a conversation is not kept: its subject is gone, or restricted");
                    ready.is_settled();
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
    fn read(self) -> Ready {
        let conversation = match self.about.part {
            Part::Named(name) => Some(name),
            Part::Begun(key) => {
                let subject = match &self.about.subject {
                    Some(SubjectRef::Token(id)) => id.as_str(),
                    _ => "",
                };
                let whose = [self.about.actor.principal.0.as_bytes(), subject.as_bytes()];
                part::of(&key, &whose, &self.prompt)
            }
        };
        let new = NewConversation {
            subject: self.about.subject,
            surface: self.about.surface.name().to_owned(),
            purpose: self.about.purpose,
            model: self.about.model,
            conversation,
            prompt: Secret::new(said::prompt(&self.prompt)),
            reply: Secret::new(said::reply(&self.reply, self.is_stream)),
            is_whole: self.is_whole,
        };
        Ready {
            actor: self.about.actor,
            new,
            ground: self.about.ground,
            _bytes: self.bytes,
            waiting: self.waiting,
        }
    }
}

impl Ready {
    /// It is written, or must not be.
    fn is_settled(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            // Whoever called may be gone.
            let _ = waiting.send(());
        }
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

    /// Whether the end of the reply waits for its being written.
    pub(crate) const fn is_durable(&self) -> bool {
        self.written.is_some()
    }

    /// The reply has come to its end. Returns what it has to wait for before the caller may see that.
    pub(crate) fn end(&mut self) -> Option<Written> {
        self.hand_on(true);
        let (written, on_failure) = (self.written.take()?, self.on_failure);
        Some(Box::pin(async move {
            match (tokio::time::timeout(PATIENCE, written).await, on_failure) {
                (Ok(Ok(())), _) | (_, ArchiveFailure::GoOn) => Ok(()),
                _ => Err(NotWritten),
            }
        }))
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

#[cfg(test)]
mod tests {
    use privet_types::Pseudonym;

    use super::*;

    fn archive(on_failure: ArchiveFailure) -> Arc<Archive> {
        let config = ArchiveConfig {
            content: ArchiveContent::Plain,
            on_failure,
            ..ArchiveConfig::default()
        };
        Archive::new(config, 1000)
    }

    fn about() -> About {
        About {
            actor: Actor {
                tenant: "acme".parse().unwrap(),
                principal: Pseudonym("p".to_owned()),
            },
            subject: None,
            purpose: None,
            surface: SurfaceKind::OpenaiChat,
            model: "m".to_owned(),
            ground: Ground::Ordinary,
            part: Part::Named("c".to_owned()),
        }
    }

    #[test]
    fn no_more_waits_than_the_memory_that_is_set_aside() {
        let refusing = archive(ArchiveFailure::Refuse);
        let mut places = Vec::new();
        while let Ok(Some(place)) = refusing.place(MOST_BYTES) {
            places.push(place);
        }
        let kib = (MOST_BYTES + REPLY_BYTES) / 1024;
        assert_eq!(places.len(), WAITING_KIB / kib);
        assert!(matches!(refusing.place(MOST_BYTES), Err(NoPlace)));
        assert!(
            matches!(refusing.place(MOST_BYTES + 1), Err(NoPlace)),
            "never fits"
        );
        // What was written leaves its share to others.
        places.pop();
        assert!(matches!(refusing.place(MOST_BYTES), Ok(Some(_))));
        let going_on = archive(ArchiveFailure::GoOn);
        let places: Vec<_> = (0..20).map(|_| going_on.place(MOST_BYTES).unwrap()).collect();
        assert_eq!(places.iter().flatten().count(), WAITING_KIB / kib);
    }

    #[tokio::test]
    async fn a_reply_for_which_no_memory_is_left_is_kept_as_far_as_it_came() {
        let archive = archive(ArchiveFailure::Refuse);
        let place = archive.place(0).unwrap().unwrap();
        let mut taking = archive.take(place, about(), Vec::new());
        taking.told(&[b'x'; REPLY_BYTES]);
        let mut others = Vec::new();
        while let Ok(Some(place)) = archive.place(MOST_BYTES) {
            others.push(place);
        }
        while let Ok(Some(place)) = archive.place(0) {
            others.push(place);
        }
        taking.told(&[b'y'; 1024]);
        taking.end();
        let mut waiting = archive.waiting.lock().unwrap().take().unwrap();
        let kept = waiting.recv().await.unwrap();
        assert!(!kept.is_whole);
        assert_eq!(kept.reply, [b'x'; REPLY_BYTES]);
    }

    #[tokio::test]
    async fn a_reply_is_kept_up_to_the_largest_that_the_vault_takes() {
        let archive = archive(ArchiveFailure::Refuse);
        let place = archive.place(1000).unwrap().unwrap();
        let mut taking = archive.take(place, about(), vec![b'p'; 1000]);
        for _ in 0..8 {
            taking.told(&vec![b'x'; 1 << 20]);
        }
        taking.end();
        let mut waiting = archive.waiting.lock().unwrap().take().unwrap();
        let kept = waiting.recv().await.unwrap();
        assert!(!kept.is_whole);
        assert_eq!(kept.prompt.len() + kept.reply.len(), MOST_BYTES);
    }
}
