//! The gold texts; see `fixtures/README.md` for their form and origin.

use std::path::Path;

/// The texts of `fixtures/gold/NAME.txt`, without their marks.
pub(crate) fn texts(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/fixtures/gold/{name}.txt"));
    let file = std::fs::read_to_string(path).unwrap();
    file.split("\n---\n").map(plain).collect()
}

/// A text without the line that names it and without the marks of its values.
fn plain(marked: &str) -> String {
    let (_, body) = marked.trim_start().split_once('\n').unwrap_or_default();
    let mut text = String::new();
    for (i, part) in body.split("[[").enumerate() {
        let (value, rest) = match (i, part.split_once("]]")) {
            (1.., Some((mark, rest))) => (mark.split_once('|').map_or(mark, |(_, value)| value), rest),
            _ => ("", part),
        };
        text.push_str(value);
        text.push_str(rest);
    }
    text
}
