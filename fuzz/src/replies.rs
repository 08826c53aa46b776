//! Streamed replies.

use std::sync::Arc;

use privet_surface::{Restoration, RestoreConfig, RestoreError, StreamRestorer};
use privet_types::SurfaceKind;

use crate::texts::{map, urls};
use crate::{pieces, surface, variant};

fn restored<'p>(
    surface: SurfaceKind,
    pieces: impl Iterator<Item = &'p [u8]>,
) -> Result<Vec<u8>, RestoreError> {
    let config = Arc::new(RestoreConfig::default());
    let mut restorer = StreamRestorer::new(Restoration::new(surface, map(), config, urls()));
    let mut out = Vec::new();
    for piece in pieces {
        restorer.push(piece, &mut out)?;
    }
    restorer.finish(&mut out);
    Ok(out)
}

/// The events as a client reads them: their lines, whatever ends a line, and however many blank lines lie between.
fn events(stream: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(stream)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    lines
        .split(String::is_empty)
        .filter(|event| !event.is_empty())
        .map(<[String]>::to_vec)
        .collect()
}

/// A stream is restored to the same events however it is cut.
pub fn fuzz_sse(data: &[u8]) {
    let Some((variant, stream)) = variant(data) else {
        return;
    };
    let surface = surface(variant);
    let whole = restored(surface, std::iter::once(stream)).expect("no input is large enough to be refused");
    let joined = restored(surface, pieces(stream, variant)).expect("no input is large enough to be refused");
    assert_eq!(events(&whole), events(&joined));
}
