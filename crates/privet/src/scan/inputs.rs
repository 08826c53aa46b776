//! What is scanned: files, what is staged, what history holds, standard input.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use privet_supplychain::walk::{Entry, Unread, WalkOptions, walk};

use super::git::{self, Blob, Object, Objects};
use super::options::ScanArgs;

/// Names that standard input may come under.
const STDIN: &str = "-";

/// One thing that is scanned.
pub(super) enum Input {
    /// A file.
    File(Entry),
    /// What git holds in the repository of that number.
    Blob(usize, Blob, String),
    /// What came on standard input.
    Bytes(String, Vec<u8>),
}

/// Its content.
pub(super) enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// It is too long to be held: the file, and its length.
    Large(File, u64),
    /// It is gone, or no file.
    Nothing,
}

/// All that is scanned, and what was passed over.
pub(super) struct Inputs {
    pub(super) all: Vec<Input>,
    pub(super) unread: Vec<Unread>,
    /// Top folders of repositories.
    repositories: Vec<PathBuf>,
    most: u64,
    /// What git says, one question at a time.
    objects: Vec<Mutex<Option<Objects>>>,
}

impl Input {
    /// As reports show it.
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::File(entry) => &entry.shown,
            Self::Blob(_, _, shown) => shown,
            Self::Bytes(name, _) => name,
        }
    }

    /// What its kind is told by.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::File(entry) => &entry.shown,
            Self::Blob(_, blob, _) => &blob.path,
            Self::Bytes(name, _) => name,
        }
    }

    pub(super) fn file(&self) -> Option<&Entry> {
        match self {
            Self::File(entry) => Some(entry),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::File(entry) => entry.bytes,
            Self::Blob(..) => 0,
            Self::Bytes(_, bytes) => bytes.len() as u64,
        }
    }
}

impl Inputs {
    /// What `args` name. `most`: the longest file that is held in memory.
    pub(super) fn gather(args: &ScanArgs, exclude: Vec<String>, most: u64) -> Result<Self> {
        let mut inputs = Self {
            all: Vec::new(),
            unread: Vec::new(),
            repositories: Vec::new(),
            most,
            objects: Vec::new(),
        };
        let here = [PathBuf::from(".")];
        let (std_in, roots): (Vec<_>, Vec<_>) = args
            .paths
            .iter()
            .cloned()
            .partition(|path| path == Path::new(STDIN));
        if !std_in.is_empty() {
            inputs.standard_input(args)?;
        }
        let roots = if args.paths.is_empty() { &here[..] } else { &roots };
        if args.staged {
            for root in roots {
                inputs.staged(root)?;
            }
        } else {
            let options = WalkOptions {
                no_ignore: args.no_ignore,
                exclude,
            };
            let (entries, unread) = walk(roots, &options)?;
            inputs.all.extend(entries.into_iter().map(Input::File));
            inputs.unread = unread;
            if args.history {
                for root in roots {
                    inputs.history(root)?;
                }
            }
        }
        inputs.objects = inputs.repositories.iter().map(|_| Mutex::new(None)).collect();
        Ok(inputs)
    }

    /// One that is held elsewhere, under the name `name`.
    pub(super) fn named(name: String) -> Self {
        Self {
            all: vec![Input::Bytes(name, Vec::new())],
            unread: Vec::new(),
            repositories: Vec::new(),
            most: 0,
            objects: Vec::new(),
        }
    }

    fn standard_input(&mut self, args: &ScanArgs) -> Result<()> {
        let name = args.stdin_name.clone().unwrap_or_else(|| "stdin".to_owned());
        let mut bytes = Vec::new();
        let read = std::io::stdin()
            .lock()
            .take(self.most + 1)
            .read_to_end(&mut bytes);
        read.context("cannot read standard input")?;
        if bytes.len() as u64 > self.most {
            bail!("standard input is longer than `max_file_bytes`; name the file instead");
        }
        self.all.push(Input::Bytes(name, bytes));
        Ok(())
    }

    fn repository(&mut self, root: &Path) -> Result<usize> {
        let top = git::top(root)?;
        let known = self.repositories.iter().position(|known| *known == top);
        Ok(known.unwrap_or_else(|| {
            self.repositories.push(top);
            self.repositories.len() - 1
        }))
    }

    fn staged(&mut self, root: &Path) -> Result<()> {
        let number = self.repository(root)?;
        let top = self.repositories.get(number).cloned().unwrap_or_default();
        for blob in git::staged(&top)? {
            let shown = blob.path.clone();
            self.all.push(Input::Blob(number, blob, shown));
        }
        Ok(())
    }

    fn history(&mut self, root: &Path) -> Result<()> {
        let number = self.repository(root)?;
        let top = self.repositories.get(number).cloned().unwrap_or_default();
        for blob in git::history(&top)? {
            let name = blob.object.get(..12).unwrap_or(&blob.object);
            let shown = format!("{name}:{}", blob.path);
            self.all.push(Input::Blob(number, blob, shown));
        }
        Ok(())
    }

    /// The content of one of them.
    pub(super) fn read(&self, input: &Input) -> Result<Content> {
        match input {
            Input::Bytes(_, bytes) => Ok(Content::Bytes(bytes.clone())),
            Input::File(entry) => {
                let mut file = File::open(&entry.path)?;
                let length = file.metadata()?.len();
                if length > self.most {
                    return Ok(Content::Large(file, length));
                }
                let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
                // It may have grown since.
                file.by_ref().take(self.most + 1).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > self.most {
                    let length = file.metadata()?.len();
                    file.seek(SeekFrom::Start(0))?;
                    return Ok(Content::Large(file, length));
                }
                Ok(Content::Bytes(bytes))
            }
            Input::Blob(number, blob, _) => {
                let (Some(top), Some(objects)) = (self.repositories.get(*number), self.objects.get(*number))
                else {
                    return Ok(Content::Nothing);
                };
                let mut objects = objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let open = match objects.take() {
                    Some(open) => open,
                    None => Objects::open(top, self.most)?,
                };
                let open = objects.insert(open);
                match open.read(&blob.object)? {
                    Object::Bytes(bytes) => Ok(Content::Bytes(bytes)),
                    Object::TooLong(length) => {
                        bail!("git holds {length} bytes of it, more than `max_file_bytes`")
                    }
                    Object::Other => Ok(Content::Nothing),
                }
            }
        }
    }
}
