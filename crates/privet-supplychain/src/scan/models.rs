//! Files as models and archives.

use std::io::{Cursor, Read, Seek, SeekFrom};

use privet_types::Budget;

use super::{FileName, FileScan, ScanError, Scanner, Spot};
use crate::artifacts::{self, Format};
use crate::report::{Hash, HashAlgorithm, ModelFile};
use crate::{Category, Verdict};

/// Bytes at the start that say what a file is.
const HEAD: usize = 64 << 10;

/// Whether it is a container of files rather than a model.
const fn is_container(format: Format) -> bool {
    matches!(format, Format::Zip | Format::Tar | Format::Gzip | Format::Packed)
}

/// Whether its members are looked at by themselves.
const fn has_members(format: Format) -> bool {
    matches!(
        format,
        Format::Zip
            | Format::Tar
            | Format::TorchZip
            | Format::Npz
            | Format::Keras
            | Format::Skops
            | Format::Gzip
    )
}

impl Scanner {
    /// Looks at a file as a model or archive. Returns whether it is an archive whose members were looked at.
    pub(super) fn models(
        &self,
        name: FileName<'_>,
        bytes: &[u8],
        scan: &mut FileScan,
        budget: &Budget,
    ) -> Result<bool, ScanError> {
        let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or(bytes);
        let Some(format) = artifacts::recognise(name.path, head) else {
            return Ok(false);
        };
        let length = bytes.len() as u64;
        self.model(name, (&mut Cursor::new(bytes), length, Some(bytes)), scan, budget)?;
        Ok(has_members(format))
    }

    /// A file that is too long to be held in memory: as a model only.
    ///
    /// # Errors
    /// [`ScanError`] if it could not be looked at.
    pub fn scan_large(
        &self,
        name: FileName<'_>,
        mut source: impl Read + Seek,
        length: u64,
        budget: &Budget,
    ) -> Result<FileScan, ScanError> {
        let mut scan = FileScan::default();
        let mut head = Vec::new();
        let read = source.by_ref().take(HEAD as u64).read_to_end(&mut head);
        let back = source.seek(SeekFrom::Start(0));
        if let Err(error) = read.and(back.map(|_| 0)) {
            scan.gaps.push(format!("cannot be read: {}", error.kind()));
            return Ok(scan);
        }
        let format = artifacts::recognise(name.path, &head);
        if format.is_some() {
            self.model(name, (&mut source, length, None), &mut scan, budget)?;
        }
        if format.is_none_or(is_container) {
            scan.gaps
                .push("longer than files are read for text (`max_file_bytes`)".to_owned());
        }
        scan.sort();
        Ok(scan)
    }

    fn model(
        &self,
        name: FileName<'_>,
        (source, length, whole): (&mut (impl Read + Seek), u64, Option<&[u8]>),
        scan: &mut FileScan,
        budget: &Budget,
    ) -> Result<(), ScanError> {
        let mut texts = FileScan::default();
        let mut failed = None;
        let mut each = |member: &str, bytes: Option<&[u8]>| {
            let shown = format!("{}!/{member}", name.shown);
            let Some(bytes) = bytes else {
                texts
                    .gaps
                    .push(format!("{member}: too long to be read as a text"));
                return;
            };
            let inner = FileName {
                shown: &shown,
                path: member.rsplit("!/").next().unwrap_or(member),
            };
            if failed.is_none()
                && let Err(error) = self.texts(inner, bytes, false, &mut texts, budget)
            {
                failed = Some(error);
            }
        };
        let report = artifacts::inspect_members(name.path, source, &self.parts.artifacts, budget, &mut each);
        if let Some(error) = failed {
            return Err(error);
        }
        let report = report?;
        scan.take(texts);
        if !self.wants(Category::Model) {
            return Ok(());
        }
        for found in &report.findings {
            let path = match &found.member {
                Some(member) => format!("{}!/{member}", name.shown),
                None => name.shown.to_owned(),
            };
            scan.findings.push(self.finding(Spot {
                path: &path,
                category: Category::Model,
                rule: found.rule,
                severity: found.severity,
                verdict: Some(found.verdict),
                line: 0,
                span: found.start..found.end,
                value: found.message.as_bytes(),
                message: self.without_secrets(&found.message, budget)?,
                place: None,
                snippet: None,
            }));
        }
        let is_model = !is_container(report.format);
        if is_model || report.verdict > Verdict::Safe {
            scan.models.push(ModelFile {
                path: name.shown.to_owned(),
                format: report.format.name().to_owned(),
                verdict: report.verdict,
                bytes: length,
                hashes: whole.map(sha256).into_iter().collect(),
                licence: licence(&report.facts)
                    .map(|told| self.without_secrets(&told, budget))
                    .transpose()?,
            });
        }
        Ok(())
    }

    /// `told`, which may repeat names that stand in a file: those can be secrets, and are masked.
    fn without_secrets(&self, told: &str, budget: &Budget) -> Result<String, ScanError> {
        let mut found = self.parts.rules.scan("", told.as_bytes(), budget)?;
        // Names that stood in lines of their own are told with dots between them.
        let in_lines = told.replace('.', "\n");
        found.extend(self.parts.rules.scan("", in_lines.as_bytes(), budget)?);
        let is_secret = |at: usize| found.iter().any(|secret| secret.span.contains(&at));
        let masked = told
            .char_indices()
            .map(|(at, letter)| if is_secret(at) { '*' } else { letter });
        Ok(masked.collect())
    }
}

/// By which a report's word is held to the file itself.
fn sha256(bytes: &[u8]) -> Hash {
    Hash {
        algorithm: HashAlgorithm::Sha256,
        digits: data_encoding::HEXLOWER.encode(&privet_crypto::sha256(bytes)),
    }
}

fn licence(facts: &artifacts::Facts) -> Option<String> {
    let named = facts
        .metadata
        .iter()
        .find(|(key, _)| key.ends_with("license") || key.ends_with("licence"));
    named.map(|(_, value)| value.clone())
}
