//! A disk for SQLite that loses, tears, fills up and fails: a VFS over SQLite's own.
//!
//! For the tests of the store alone; nothing that is shipped may import it. Files lie where they are named, and hold what
//! was synced; what was written since then is in memory, as in a kernel's page cache, until it is synced or
//! [`Disk::cut_power`] decides what of it reached the disk. Locks and the WAL's shared memory are those of SQLite's own
//! VFS.
//!
//! What is modelled: writes since the last sync are kept, dropped or torn each on its own and by sectors of 512 bytes, in
//! any order; growth of a file without its data (zeros); a sync that fails and whose writes are then taken for written by
//! the cache, though the disk does not have them ("fsyncgate"); a full disk; reads and writes that fail, reads that come
//! short. What is not: directory entries that are lost (files that SQLite makes and deletes are made and deleted at once),
//! bits that rot, a disk that lies about a sync that succeeded, bytes changed outside a write (SQLite's "powersafe
//! overwrite").
//!
//! ```
//! let disk = privet_faultfs::Disk::new(7).ok_or("SQLite has no VFS here")?;
//! disk.set(privet_faultfs::Faults { room: Some(1 << 20), ..Default::default() });
//! // sqlite3_open_v2(path, …, disk.name()), and some work.
//! disk.cut_power();
//! // Close the connections, whose calls all fail by now.
//! disk.boot();
//! # Ok::<(), &str>(())
//! ```

mod disk;
mod file;
mod vfs;

pub use disk::{Disk, Faults, Tally};
