//! Memory that a burst of work left free goes back to the system.

use std::hint::black_box;
use std::time::Duration;

/// The allocator keeps what was freed for a second, and then looks at it when something large is freed; an idle process frees
/// nothing. Some 2 MiB are left over from reading metadata and building automata at the start, more from large requests.
const EVERY: Duration = Duration::from_millis(1500);

/// Bytes of a block that has pages of its own (512 KiB and up), so that to free it is such a look. They are never touched.
const LARGE: usize = 1 << 20;

/// Does not end.
pub(crate) async fn give_back() {
    loop {
        tokio::time::sleep(EVERY).await;
        drop(black_box(Vec::<u8>::with_capacity(LARGE)));
    }
}
