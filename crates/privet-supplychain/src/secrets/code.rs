//! What the embedded rules are made of, as one number: two programs of the same version that find other things have another one.

const FILES: [&[u8]; 21] = [
    include_bytes!("allow.rs"),
    include_bytes!("assign.rs"),
    include_bytes!("checksum.rs"),
    include_bytes!("code.rs"),
    include_bytes!("engine.rs"),
    include_bytes!("error.rs"),
    include_bytes!("examples.rs"),
    include_bytes!("files.rs"),
    include_bytes!("foreign.rs"),
    include_bytes!("issuer.rs"),
    include_bytes!("issuers.txt"),
    include_bytes!("mod.rs"),
    include_bytes!("names.rs"),
    include_bytes!("near.rs"),
    include_bytes!("patterns.rs"),
    include_bytes!("rule.rs"),
    include_bytes!("special.rs"),
    include_bytes!("table.rs"),
    include_bytes!("template.rs"),
    include_bytes!("tokens.txt"),
    include_bytes!("value.rs"),
];

/// A hash (FNV-1a, eight bytes at a step, turned so that high bits reach low ones) over the sources of this module: its rules, and the
/// code that says what they find. Made when it is compiled.
pub(super) const CODE: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut files = FILES.as_slice();
    while let Some((file, rest)) = files.split_first() {
        let mut bytes = *file;
        while let Some((eight, left)) = bytes.split_first_chunk() {
            hash = (hash ^ u64::from_le_bytes(*eight))
                .wrapping_mul(0x0100_0000_01b3)
                .rotate_left(29);
            bytes = left;
        }
        while let Some((byte, left)) = bytes.split_first() {
            hash = (hash ^ u64::from_le_bytes([*byte, 0, 0, 0, 0, 0, 0, 0])).wrapping_mul(0x0100_0000_01b3);
            bytes = left;
        }
        files = rest;
    }
    hash
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_the_module_are_in_the_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/secrets");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len());
        assert_ne!(CODE, 0);
    }
}
