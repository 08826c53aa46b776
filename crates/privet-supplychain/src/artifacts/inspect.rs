//! Which reader looks at what, and where findings are gathered.

use std::io::{Read, Seek, SeekFrom};

use privet_types::Budget;

use super::error::{Broken, Error, Stop};
use super::report::{ArtifactFinding, Facts, Format, Limits, Report, clip};
use super::source::{self, Allowance, Inflate, Metered, Source, Wrapping};
use super::{archive, gguf, hdf5, joblib, keras, npy, onnx, pickle, safetensors, saved_model, tar, torch};
use crate::{Severity, Verdict};

/// Bytes from the start that a format is recognised by.
pub(super) const HEAD: u64 = 1 << 16;

/// Takes a member's name, and its bytes unless it is too long.
type EachText<'a> = dyn FnMut(&str, Option<&[u8]>) + 'a;

/// Longest member that is handed on as a text.
const LONGEST_TEXT: u64 = 16 << 20;

/// Bytes of members that are handed on as texts whatever the size of the file, and for each of its bytes.
const FREE_TEXT: u64 = 64 << 20;
const TEXT_RATIO: u64 = 100;

/// Looks at one model file or archive. Nothing in it is run, loaded or unpacked to disk.
///
/// `name` is a hint only: it decides between formats where the bytes allow several, and it makes a damaged `.pkl` unreadable
/// instead of unknown. `budget` is charged about one unit for each byte read and each byte unpacked; `limits` bound memory.
///
/// # Errors
/// [`Error::NotAModel`] if it is neither a model file nor an archive, [`Error::Read`] if the disk fails, [`Error::Budget`] if the
/// budget ends. Damaged and hostile files give a report.
pub fn inspect(
    name: &str,
    source: &mut (impl Read + Seek),
    limits: &Limits,
    budget: &Budget,
) -> Result<Report, Error> {
    inspect_with(Inspector::new(limits, budget), name, source)
}

/// The same, and hands each member of an archive that is no model to `each`: its name within the file (nested ones after `!/`), and its
/// bytes, or `None` if it is longer than 16 MiB or [`Limits::held_bytes`], or if those before it were 64 MiB and
/// a hundred times the file, for looking at texts takes longer than unpacking them.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_members(
    name: &str,
    source: &mut (impl Read + Seek),
    limits: &Limits,
    budget: &Budget,
    each: &mut dyn FnMut(&str, Option<&[u8]>),
) -> Result<Report, Error> {
    let mut inspector = Inspector::new(limits, budget);
    inspector.texts = Some(each);
    let size = source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    inspector.texts_left = size.saturating_mul(TEXT_RATIO).saturating_add(FREE_TEXT);
    inspect_with(inspector, name, source)
}

fn inspect_with(
    mut inspector: Inspector<'_>,
    name: &str,
    source: &mut (impl Read + Seek),
) -> Result<Report, Error> {
    let budget = inspector.budget;
    let mut metered = Metered {
        inner: source,
        budget,
    };
    let format = inspector
        .judge(name, &mut metered)
        .map_err(|stop| match stop {
            Stop::Io(error) => Error::Read(error),
            Stop::Budget(error) => Error::Budget(error),
            Stop::Broken(broken) => Error::Read(std::io::Error::other(broken)),
        })?
        .ok_or(Error::NotAModel)?;
    Ok(inspector.into_report(format))
}

/// Gathers findings and facts while readers work.
pub(super) struct Inspector<'a> {
    pub(super) limits: &'a Limits,
    pub(super) budget: &'a Budget,
    pub(super) facts: Facts,
    findings: Vec<ArtifactFinding>,
    places: Vec<String>,
    depth: u32,
    allowance: Allowance,
    /// Who gets the members that are no models.
    texts: Option<&'a mut EachText<'a>>,
    /// Bytes of members that may still be handed on.
    texts_left: u64,
}

impl<'a> Inspector<'a> {
    pub(super) fn new(limits: &'a Limits, budget: &'a Budget) -> Self {
        Self {
            limits,
            budget,
            facts: Facts::default(),
            findings: Vec::new(),
            places: Vec::new(),
            depth: 0,
            allowance: Allowance::new(limits),
            texts: None,
            texts_left: 0,
        }
    }

    /// What bounds a reader of packed data.
    pub(super) fn unpacking(&self) -> (&'a Limits, Allowance) {
        (self.limits, self.allowance.clone())
    }

    /// Hands the member that is looked at to who wants texts.
    pub(super) fn text(&mut self, source: &mut dyn Source) -> Result<(), Stop> {
        let Some(each) = &mut self.texts else {
            return Ok(());
        };
        let place = self.places.join("!/");
        let limit = self.limits.held_bytes.min(LONGEST_TEXT).min(self.texts_left);
        match source::whole(source, limit) {
            Ok(bytes) => {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.texts_left = self.texts_left.saturating_sub(size);
                each(&place, Some(&bytes));
            }
            Err(Stop::Broken(_)) => each(&place, None),
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// Recognises and inspects; `None` if it is no model and no archive.
    pub(super) fn judge(&mut self, name: &str, source: &mut dyn Source) -> Result<Option<Format>, Stop> {
        let head = match source::head(source, HEAD) {
            Err(Stop::Broken(broken)) => {
                self.broken(&broken);
                return Ok(Some(Format::Packed));
            }
            other => other?,
        };
        let Some(format) = super::recognise(name, &head) else {
            return Ok(None);
        };
        let done = self.look(format, name, source);
        self.survive(done)?;
        Ok(Some(format))
    }

    fn look(&mut self, format: Format, name: &str, source: &mut dyn Source) -> Result<(), Stop> {
        match format {
            Format::Pickle => {
                pickle::inspect(self, source)?;
                archive::inspect_appended(self, source)
            }
            Format::TorchLegacy => {
                torch::inspect_legacy(self, source)?;
                archive::inspect_appended(self, source)
            }
            Format::Joblib => joblib::inspect(self, name, source),
            Format::Npy => npy::inspect(self, source),
            Format::TorchZip | Format::Npz | Format::Keras | Format::Skops | Format::Zip => {
                archive::inspect(self, source)
            }
            Format::Hdf5 => hdf5::inspect(self, source),
            Format::SavedModel => saved_model::inspect(self, source),
            Format::Onnx => onnx::inspect(self, source),
            Format::Safetensors => safetensors::inspect(self, source),
            Format::Gguf => gguf::inspect(self, source),
            Format::KerasConfig => {
                let text = source::whole(source, self.limits.held_bytes)?;
                keras::inspect_config(self, &text, 0);
                Ok(())
            }
            Format::Tar => tar::inspect(self, source),
            Format::Gzip => self.gzip(name, source),
            Format::Tflite => Ok(()),
            Format::Packed => Err(Stop::Broken(Broken {
                rule: "packed",
                at: Some(0),
                why: "it is packed in a way that is not read here; unpack it and scan what is in it".into(),
            })),
        }
    }

    fn gzip(&mut self, name: &str, source: &mut dyn Source) -> Result<(), Stop> {
        let inner = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".tgz"))
            .unwrap_or(name)
            .to_owned();
        let (limits, budget) = (self.unpacking(), self.budget);
        let mut inflate = Inflate::new(source, Wrapping::Gzip, limits, budget);
        self.within(None, |inspector| {
            inspector.judge(&inner, &mut inflate).map(|_| ())
        })
    }

    /// Looks at something that lies in this file: a member if it has a name.
    pub(super) fn within(
        &mut self,
        member: Option<&str>,
        look: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if let Some(member) = member {
            self.places.push(clip(member));
        }
        self.depth += 1;
        let done = if self.depth > self.limits.depth {
            Err(Stop::over(
                0,
                "archives lie too deep in one another to be read; unpack it and scan what is in it",
            ))
        } else {
            look(self)
        };
        let done = self.survive(done);
        self.depth -= 1;
        if member.is_some() {
            self.places.pop();
        }
        done
    }

    /// Turns damage into a finding; only the disk's failure and the budget's end go further.
    pub(super) fn survive(&mut self, done: Result<(), Stop>) -> Result<(), Stop> {
        match done {
            Err(Stop::Broken(broken)) => {
                self.broken(&broken);
                Ok(())
            }
            other => other,
        }
    }

    fn broken(&mut self, broken: &Broken) {
        let at = broken.at.unwrap_or(0);
        let severity = if broken.rule == "bomb" {
            Severity::High
        } else {
            Severity::Medium
        };
        let message = format!(
            "it cannot be read to its end, so nothing is known of the rest: {}",
            broken.why
        );
        self.report(broken.rule, severity, Verdict::Unreadable, at..at, message);
    }

    /// Adds a finding.
    pub(super) fn report(
        &mut self,
        rule: &'static str,
        severity: Severity,
        verdict: Verdict,
        span: std::ops::Range<u64>,
        message: String,
    ) {
        let member = (!self.places.is_empty()).then(|| self.places.join("!/"));
        let is_known = self
            .findings
            .iter()
            .any(|f| f.rule == rule && f.member == member && f.message == message);
        if is_known {
            return;
        }
        let finding = ArtifactFinding {
            rule,
            severity,
            verdict,
            start: span.start,
            end: span.end,
            member,
            message,
        };
        if self.findings.len() < self.limits.findings {
            self.findings.push(finding);
        } else if let Some(mildest) = self
            .findings
            .iter_mut()
            .min_by_key(|f| f.verdict)
            .filter(|f| f.verdict < verdict)
        {
            // INVARIANT: however many findings there are, the worst verdict is kept.
            *mildest = finding;
        }
    }

    /// One for the same file whose findings are not yet believed.
    pub(super) fn scratch(&self) -> Self {
        let mut scratch = Self::new(self.limits, self.budget);
        scratch.allowance = self.allowance.clone();
        scratch.places.clone_from(&self.places);
        scratch.depth = self.depth;
        scratch
    }

    /// Takes over what is dangerous.
    pub(super) fn absorb_dangers(&mut self, scratch: Self) {
        for found in scratch.findings {
            if found.verdict == Verdict::Dangerous {
                self.report(
                    found.rule,
                    found.severity,
                    found.verdict,
                    found.start..found.end,
                    found.message,
                );
            }
        }
    }

    /// The worst verdict so far.
    pub(super) fn verdict(&self) -> Verdict {
        self.findings
            .iter()
            .map(|f| f.verdict)
            .max()
            .unwrap_or(Verdict::Safe)
    }

    pub(super) fn into_report(mut self, format: Format) -> Report {
        let verdict = self.verdict();
        self.findings
            .sort_by(|a, b| (&a.member, a.start, a.rule).cmp(&(&b.member, b.start, b.rule)));
        Report {
            format,
            verdict,
            findings: self.findings,
            facts: self.facts,
        }
    }
}
