//! Where texts come from: files, folders, standard input; and the jobs they are cut into.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use privet_pii::Window;
use privet_pii::documents::{self, CsvLeaves, JsonLeaves, Kind, Leaf, Shape, WindowReader};

/// About how many bytes of values or lines make one job.
const BATCH: usize = 64 * 1024;
/// Bytes of a file that are looked at to tell text from other data.
const HEAD: u64 = 8 * 1024;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// Plain text.
    Text,
    /// One `{"id","text"}` object a line; only `text` is looked at, and an optional `context` beside it.
    Jsonl,
    /// One or more JSON documents: every string, number and key.
    Json,
    /// Delimited values, RFC 4180: every cell; the first record names the columns.
    Csv,
    /// Markdown, read as text: what stands in code fences is looked at like the rest.
    Markdown,
}

impl DataFormat {
    /// The format that the name of a file speaks of; text if it speaks of none.
    fn of(path: &Path) -> Self {
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        match extension.as_str() {
            // Lines of any shape are documents that follow each other.
            "json" | "jsonl" | "ndjson" | "geojson" | "ipynb" => Self::Json,
            "csv" | "tsv" => Self::Csv,
            "md" | "markdown" => Self::Markdown,
            _ => Self::Text,
        }
    }
}

impl From<DataFormat> for Shape {
    fn from(format: DataFormat) -> Self {
        match format {
            DataFormat::Text | DataFormat::Markdown => Self::Text,
            DataFormat::Jsonl => Self::Jsonl,
            DataFormat::Json => Self::Json,
            DataFormat::Csv => Self::Csv,
        }
    }
}

/// How tables are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Table {
    pub(crate) delimiter: Option<u8>,
    pub(crate) has_header: bool,
}

/// One text to be read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file's path, or `-`.
    pub(crate) name: String,
    path: Option<PathBuf>,
    pub(crate) format: DataFormat,
    /// Length in bytes, if known.
    pub(crate) bytes: Option<u64>,
    /// Whether nobody named it, so that a file which cannot be read does not end the run.
    is_from_folder: bool,
}

/// The sources that `paths` name; folders stand for all files in them. Without a path: standard input.
///
/// # Errors
/// If a path does not exist or a folder cannot be read.
pub(crate) fn sources(paths: &[PathBuf], format: Option<DataFormat>) -> Result<Vec<Source>> {
    let mut all = Vec::new();
    for path in paths {
        add(path, format, false, &mut all)?;
    }
    if paths.is_empty() {
        all.push(standard_input(format));
    }
    Ok(all)
}

fn standard_input(format: Option<DataFormat>) -> Source {
    if std::io::stdin().is_terminal() {
        eprintln!("privet: reading standard input; end it with Ctrl-D");
    }
    Source {
        name: "-".to_owned(),
        path: None,
        format: format.unwrap_or(DataFormat::Text),
        bytes: None,
        is_from_folder: false,
    }
}

fn add(path: &Path, format: Option<DataFormat>, is_from_folder: bool, all: &mut Vec<Source>) -> Result<()> {
    if path.as_os_str() == "-" {
        all.push(standard_input(format));
        return Ok(());
    }
    let file = |bytes| Source {
        name: path.display().to_string(),
        path: Some(path.to_owned()),
        format: format.unwrap_or_else(|| DataFormat::of(path)),
        bytes,
        is_from_folder,
    };
    let metadata = if is_from_folder {
        // Links could lead out of the folder, or in circles.
        fs::symlink_metadata(path)
    } else {
        fs::metadata(path)
    };
    let inside = match &metadata {
        Ok(metadata) if metadata.is_dir() => folder(path),
        Ok(metadata) if metadata.is_file() => {
            all.push(file(Some(metadata.len())));
            return Ok(());
        }
        Ok(_) if is_from_folder => return Ok(()),
        _ => Ok(None),
    };
    match (metadata, inside) {
        (Ok(_), Ok(Some(inside))) => inside.iter().try_for_each(|path| add(path, format, true, all)),
        // That it cannot be read is said when it is its turn.
        (Ok(_), Ok(None)) => {
            all.push(file(None));
            Ok(())
        }
        _ if is_from_folder => {
            all.push(file(None));
            Ok(())
        }
        (Err(error), _) | (_, Err(error)) => {
            Err(error).with_context(|| format!("cannot read `{}`", path.display()))
        }
    }
}

/// What is in a folder, by name.
fn folder(path: &Path) -> std::io::Result<Option<Vec<PathBuf>>> {
    let mut inside = Vec::new();
    for entry in fs::read_dir(path)? {
        inside.push(entry?.path());
    }
    inside.sort();
    Ok(Some(inside))
}

impl Source {
    /// The bytes; none for a file of a folder that does not hold text.
    fn open(&self) -> Result<Option<Box<dyn Read + Send>>> {
        let Some(path) = &self.path else {
            return Ok(Some(Box::new(std::io::stdin())));
        };
        let cannot = || format!("cannot read `{}`", self.name);
        let mut file = File::open(path).with_context(cannot)?;
        let mut head = Vec::new();
        file.by_ref()
            .take(HEAD)
            .read_to_end(&mut head)
            .with_context(cannot)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            bail!(
                "`{}` is UTF-16; convert it first, for example with `iconv -f UTF-16 -t UTF-8`",
                self.name
            );
        }
        if head.contains(&0) {
            if self.is_from_folder {
                return Ok(None);
            }
            bail!("`{}` holds no text in UTF-8: it has zero bytes", self.name);
        }
        Ok(Some(Box::new(Cursor::new(head).chain(file))))
    }

    /// Reads the source as values of `format`.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn leaves(&self, format: DataFormat, table: Table) -> Result<Leaves> {
        Ok(Leaves::new(format, self.reader()?, table))
    }

    /// Reads the source as bytes.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn reader(&self) -> Result<Box<dyn Read + Send>> {
        Ok(self.open()?.unwrap_or_else(|| Box::new(std::io::empty())))
    }
}

/// The values of a document of any structured format.
pub(crate) enum Leaves {
    Json(JsonLeaves<Box<dyn Read + Send>>),
    Csv(CsvLeaves<Box<dyn Read + Send>>),
}

impl Leaves {
    fn new(format: DataFormat, reader: Box<dyn Read + Send>, table: Table) -> Self {
        if format == DataFormat::Csv {
            Self::Csv(CsvLeaves::new(reader, table.delimiter, table.has_header))
        } else {
            Self::Json(JsonLeaves::new(reader))
        }
    }

    /// The next value; last one of [`Kind::End`], then none.
    ///
    /// # Errors
    /// If the document cannot be read or is not what it is said to be.
    pub(crate) fn next_leaf(&mut self) -> Result<Option<Leaf>, documents::Error> {
        match self {
            Self::Json(leaves) => leaves.next_leaf(),
            Self::Csv(leaves) => leaves.next_leaf(),
        }
    }
}

/// A piece of work.
pub(crate) enum Work {
    Window(Window),
    Leaves(Vec<Leaf>),
    /// Lines and their numbers, counted from 1.
    Lines(Vec<(u64, Vec<u8>)>),
    /// The source could not be read to its end; why.
    Problem(anyhow::Error),
    /// The source holds no text.
    NoText,
}

/// A piece of work, and where it comes from.
pub(crate) struct Job {
    pub(crate) source: Arc<Source>,
    /// Whether it begins its source.
    pub(crate) is_first: bool,
    pub(crate) work: Work,
}

/// Cuts sources into jobs.
pub(crate) struct Jobs {
    sources: std::vec::IntoIter<Source>,
    open: Option<(Arc<Source>, Reader)>,
    table: Table,
    /// Whether what stands between the values is kept.
    is_whole: bool,
}

enum Reader {
    Windows(WindowReader<Box<dyn Read + Send>>),
    Leaves(Leaves),
    Lines(BufReader<Box<dyn Read + Send>>, u64),
}

impl Jobs {
    /// Jobs with values only.
    pub(crate) fn new(sources: Vec<Source>, table: Table) -> Self {
        Self {
            sources: sources.into_iter(),
            open: None,
            table,
            is_whole: false,
        }
    }

    /// Jobs with all that the sources hold.
    pub(crate) fn whole(sources: Vec<Source>, table: Table) -> Self {
        Self {
            is_whole: true,
            ..Self::new(sources, table)
        }
    }

    fn start(&self, source: &Source) -> Result<Option<Reader>> {
        let Some(reader) = source.open()? else {
            return Ok(None);
        };
        Ok(Some(match source.format {
            DataFormat::Text | DataFormat::Markdown => Reader::Windows(WindowReader::new(reader)),
            DataFormat::Jsonl => Reader::Lines(BufReader::with_capacity(BATCH, reader), 0),
            format => Reader::Leaves(Leaves::new(format, reader, self.table)),
        }))
    }
}

impl Iterator for Jobs {
    type Item = Result<Job>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut is_first = false;
            if self.open.is_none() {
                let source = Arc::new(self.sources.next()?);
                let job = |work| {
                    Some(Ok(Job {
                        source: Arc::clone(&source),
                        is_first: true,
                        work,
                    }))
                };
                match self.start(&source) {
                    Ok(Some(reader)) => self.open = Some((source, reader)),
                    Ok(None) => return job(Work::NoText),
                    Err(error) if source.is_from_folder => return job(Work::Problem(error)),
                    Err(error) => return Some(Err(error)),
                }
                is_first = true;
            }
            let (source, reader) = self.open.as_mut()?;
            let source = Arc::clone(source);
            let work = match reader.next_work(self.is_whole) {
                Ok(Some(work)) => work,
                Ok(None) => {
                    self.open = None;
                    continue;
                }
                Err(error) => {
                    self.open = None;
                    let error = error.context(format!("`{}`", source.name));
                    if !source.is_from_folder {
                        return Some(Err(error));
                    }
                    Work::Problem(error)
                }
            };
            return Some(Ok(Job {
                source,
                is_first,
                work,
            }));
        }
    }
}

impl Reader {
    fn next_work(&mut self, is_whole: bool) -> Result<Option<Work>> {
        match self {
            Self::Windows(windows) => Ok(windows.next_window()?.map(Work::Window)),
            Self::Leaves(leaves) => {
                let mut batch = Vec::new();
                let mut bytes = 0;
                while bytes < BATCH {
                    let Some(mut leaf) = leaves.next_leaf()? else {
                        break;
                    };
                    bytes += leaf.before.len() + leaf.raw.len() + 64;
                    if !is_whole {
                        leaf.before = Vec::new();
                        leaf.raw = Vec::new();
                    }
                    if is_whole || leaf.kind != Kind::End {
                        batch.push(leaf);
                    }
                }
                Ok((!batch.is_empty()).then_some(Work::Leaves(batch)))
            }
            Self::Lines(reader, number) => {
                let mut batch = Vec::new();
                let mut bytes = 0;
                while bytes < BATCH {
                    let mut line = Vec::new();
                    if reader.read_until(b'\n', &mut line)? == 0 {
                        break;
                    }
                    *number += 1;
                    bytes += line.len() + 64;
                    if is_whole || !line.trim_ascii().is_empty() {
                        batch.push((*number, line));
                    }
                    // Who writes one line and waits for the answer gets it.
                    if reader.buffer().is_empty() {
                        break;
                    }
                }
                Ok((bytes > 0).then_some(Work::Lines(batch)))
            }
        }
    }
}
