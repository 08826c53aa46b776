//! The disk that tests steer.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::file::{Chance, FileState};
use crate::vfs;

/// What goes wrong from now on; nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Bytes by which files may still grow; then the disk is full (`SQLITE_FULL`).
    pub room: Option<u64>,
    /// One in so many syncs fails, and what was not written then is forgotten.
    pub failing_syncs: Option<u64>,
    /// One in so many writes fails, after some of its bytes were written.
    pub failing_writes: Option<u64>,
    /// One in so many reads fails.
    pub failing_reads: Option<u64>,
    /// One in so many reads comes back short, as at the end of the file.
    pub short_reads: Option<u64>,
    /// The power goes after so many more writes and syncs.
    pub power_for: Option<u64>,
}

/// How often something went wrong so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes refused for want of room.
    pub full: u64,
    /// Syncs that failed.
    pub syncs: u64,
    /// Writes that failed.
    pub writes: u64,
    /// Reads that failed or came short.
    pub reads: u64,
    /// Cuts of power.
    pub cuts: u64,
}

/// A disk with a VFS of its own.
#[derive(Debug)]
pub struct Disk {
    /// Lives as long as the process: SQLite may ask for it at any time.
    inner: &'static Inner,
}

#[derive(Debug)]
pub(crate) struct Inner {
    name: CString,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    faults: Faults,
    tally: Tally,
    is_on: bool,
    /// Grows with every cut: handles from before it are dead.
    boot: u64,
    files: BTreeMap<PathBuf, Arc<Mutex<FileState>>>,
}

/// Why a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Full,
    Io,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Handle {
    disk: &'static Inner,
    file: Arc<Mutex<FileState>>,
    boot: u64,
}

impl Disk {
    /// A disk without faults, its VFS registered with SQLite. `seed` decides all chance. `None` if SQLite has no VFS here.
    ///
    /// Each keeps some hundred bytes until the process ends.
    #[must_use]
    pub fn new(seed: u64) -> Option<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("privet-fault-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let inner: &'static Inner = Box::leak(Box::new(Inner {
            name: CString::new(name).ok()?,
            state: Mutex::new(State {
                chance: Chance(seed),
                faults: Faults::default(),
                tally: Tally::default(),
                is_on: true,
                boot: 0,
                files: BTreeMap::new(),
            }),
        }));
        vfs::register(inner, &inner.name).then_some(Self { inner })
    }

    /// The name of its VFS.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.name.to_str().unwrap_or_default()
    }

    /// Sets what goes wrong from now on.
    pub fn set(&self, faults: Faults) {
        self.inner.state().faults = faults;
    }

    /// Cuts the power: of what was not synced, chance decides what reached the disk. Every call fails until
    /// [`boot`](Self::boot).
    pub fn cut_power(&self) {
        self.inner.state().cut_power();
    }

    /// Whether the power is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.inner.state().is_on
    }

    /// Gives power back, without faults. Files opened before stay dead; close them before, for their locks.
    pub fn boot(&self) {
        let mut state = self.inner.state();
        if state.is_on {
            state.cut_power();
        }
        state.faults = Faults::default();
        state.is_on = true;
    }

    /// How often something went wrong so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.inner.state().tally
    }
}

impl State {
    fn cut_power(&mut self) {
        if !self.is_on {
            return;
        }
        self.is_on = false;
        self.boot += 1;
        self.tally.cuts += 1;
        for (_, file) in std::mem::take(&mut self.files) {
            let empty = FileState::open(None);
            let Ok(empty) = empty else { continue };
            let file = std::mem::replace(&mut *lock(&file), empty);
            // What cannot be written is lost, as the rest.
            drop(file.cut_power(&mut self.chance));
        }
    }

    /// Whether the call may go on; a write or sync uses up power.
    fn spend_power(&mut self) -> bool {
        if let Some(left) = &mut self.faults.power_for {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.cut_power(),
            }
        }
        self.is_on
    }

    fn strikes(&mut self, one_in: Option<u64>) -> bool {
        one_in.is_some_and(|times| self.chance.once_in(times))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Opens the file at `path`, or a temporary one.
    pub(crate) fn open(&'static self, path: Option<&Path>) -> Result<Handle, Failure> {
        let mut state = self.state();
        if !state.is_on {
            return Err(Failure::Io);
        }
        let known = path.and_then(|path| state.files.get(path).cloned());
        let file = match known {
            Some(file) => file,
            None => {
                let file = FileState::open(path.map(Path::to_owned)).map_err(|_| Failure::Io)?;
                let file = Arc::new(Mutex::new(file));
                if let Some(path) = path {
                    state.files.insert(path.to_owned(), Arc::clone(&file));
                }
                file
            }
        };
        let boot = state.boot;
        drop(state);
        Ok(Handle {
            disk: self,
            file,
            boot,
        })
    }

    /// Forgets the file at `path`, which is to be deleted; refuses while the power is off.
    pub(crate) fn delete(&self, path: &Path) -> Result<(), Failure> {
        let mut state = self.state();
        if !state.is_on {
            return Err(Failure::Io);
        }
        state.files.remove(path);
        Ok(())
    }

    pub(crate) fn is_powered(&self) -> bool {
        self.state().is_on
    }
}

impl Handle {
    /// The disk's state, unless this file was opened before the power went.
    fn state(&self) -> Result<MutexGuard<'static, State>, Failure> {
        let state = self.disk.state();
        if state.is_on && state.boot == self.boot {
            Ok(state)
        } else {
            Err(Failure::Io)
        }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.state().is_ok()
    }

    /// Returns whether all of `into` was there.
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) -> Result<bool, Failure> {
        let mut state = self.state()?;
        let faults = state.faults;
        if state.strikes(faults.failing_reads) {
            state.tally.reads += 1;
            return Err(Failure::Io);
        }
        let wanted = into.len();
        let mut count = lock(&self.file).read(at, into);
        if count == wanted && state.strikes(faults.short_reads) {
            state.tally.reads += 1;
            count = usize::try_from(state.chance.next()).unwrap_or(0) % wanted.max(1);
            into.iter_mut().skip(count).for_each(|byte| *byte = 0);
        }
        Ok(count == wanted)
    }

    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Failure> {
        let mut state = self.state()?;
        if !state.spend_power() {
            return Err(Failure::Io);
        }
        let mut file = lock(&self.file);
        let faults = state.faults;
        if state.strikes(faults.failing_writes) {
            state.tally.writes += 1;
            let count = usize::try_from(state.chance.next()).unwrap_or(0) % (bytes.len() + 1);
            file.write(at, bytes.get(..count).unwrap_or_default());
            return Err(Failure::Io);
        }
        let growth = at.saturating_add(bytes.len()).saturating_sub(file.size()) as u64;
        if let Some(room) = &mut state.faults.room {
            let Some(left) = room.checked_sub(growth) else {
                state.tally.full += 1;
                return Err(Failure::Full);
            };
            *room = left;
        }
        file.write(at, bytes);
        Ok(())
    }

    pub(crate) fn truncate(&self, size: usize) -> Result<(), Failure> {
        let mut state = self.state()?;
        if !state.spend_power() {
            return Err(Failure::Io);
        }
        let mut file = lock(&self.file);
        let freed = file.size().saturating_sub(size) as u64;
        if let Some(room) = &mut state.faults.room {
            *room = room.saturating_add(freed);
        }
        file.truncate(size);
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), Failure> {
        let mut state = self.state()?;
        if !state.spend_power() {
            return Err(Failure::Io);
        }
        let faults = state.faults;
        if state.strikes(faults.failing_syncs) {
            state.tally.syncs += 1;
            drop(lock(&self.file).fail_sync(&mut state.chance));
            return Err(Failure::Io);
        }
        lock(&self.file).sync().map_err(|_| Failure::Io)
    }

    pub(crate) fn size(&self) -> Result<usize, Failure> {
        let _state = self.state()?;
        Ok(lock(&self.file).size())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
