//! Keeping memory out of files: no core dumps, no panic messages with data in them.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Call first in `main`.
pub(crate) fn process() {
    // A core dump would hold prompts and keys. Where the system refuses, the rest still helps.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // A panic's message can quote the text that caused it; its place cannot.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|l| format!("{}:{}", l.file(), l.line()))
            .unwrap_or_default();
        eprintln!("privet: internal error at {place}; please report it");
    }));
}
