//! The files that pages load: one style sheet, one script of ours, htmx, and the icon. Their names hold a hash of what they hold, so
//! browsers may keep them for good.

use std::fmt::Write;

/// Where they lie.
pub const FOLDER: &str = "/console/assets/";

/// A file that pages load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    hash: u64,
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
}

/// The style sheet.
pub const STYLE: Asset = Asset::new(
    "console",
    "css",
    "text/css; charset=utf-8",
    include_bytes!("../assets/console.css"),
);
/// The script of ours.
pub const SCRIPT: Asset = Asset::new(
    "console",
    "js",
    "text/javascript; charset=utf-8",
    include_bytes!("../assets/console.js"),
);
/// htmx, as its makers publish it.
pub const HTMX: Asset = Asset::new(
    "htmx-2.0.11",
    "js",
    "text/javascript; charset=utf-8",
    include_bytes!("../assets/htmx-2.0.11.min.js"),
);
/// The icon.
pub const ICON: Asset = Asset::new(
    "icon",
    "svg",
    "image/svg+xml",
    include_bytes!("../assets/icon.svg"),
);

/// All of them.
pub const ALL: [Asset; 4] = [STYLE, SCRIPT, HTMX, ICON];

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        media_type: &'static str,
        bytes: &'static [u8],
    ) -> Self {
        Self {
            stem,
            extension,
            hash: hash(bytes),
            media_type,
            bytes,
        }
    }

    /// Its file name.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = String::new();
        // Writing to a String does not fail.
        let _ = write!(name, "{}-{:016x}.{}", self.stem, self.hash, self.extension);
        name
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{FOLDER}{}", self.name())
    }
}

/// The file of this name.
#[must_use]
pub fn find(name: &str) -> Option<Asset> {
    ALL.into_iter().find(|asset| asset.name() == name)
}

/// FNV-1a of 64 bits: tells versions of a file apart, and protects nothing.
const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = bytes;
    while let Some((byte, others)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = others;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_name_that_pages_load_and_by_no_other() {
        for asset in ALL {
            assert_eq!(find(&asset.name()), Some(asset));
            assert_eq!(asset.path(), format!("/console/assets/{}", asset.name()));
        }
        for other in ["", "console.css", "../frame.html", "console-0000000000000000.css"] {
            assert_eq!(find(other), None, "{other}");
        }
    }

    #[test]
    fn the_hash_is_that_of_its_makers() {
        // Fowler, Noll, Vo: test vectors of FNV-1a.
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
