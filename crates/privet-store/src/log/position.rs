//! What the log is at a moment.

use privet_log::{Checkpoint, Note};
use privet_types::LogPosition;

use super::read::read_head;
use crate::Error;
use crate::sql::Tx;

/// The newest signed state of the log, as this transaction sees it. Its signature is not checked here:
/// [`Store::check_log`](crate::Store::check_log) does that.
///
/// # Errors
/// [`Error::Database`] if the store does not answer.
pub async fn log_position(tx: &mut Tx) -> Result<LogPosition, Error> {
    let head = read_head(tx).await?;
    let checkpoint = Note::parse(head.note.as_bytes())
        .ok()
        .and_then(|note| Checkpoint::parse(note.text()).ok());
    Ok(LogPosition {
        size: head.size,
        root: checkpoint.map(|checkpoint| checkpoint.root.to_base64()),
    })
}
