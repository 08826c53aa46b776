//! What SQLite calls: content goes to the disk of the tests, locks and shared memory to SQLite's own VFS.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use libsqlite3_sys as sqlite;
use sqlite::{sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::disk::{Failure, Handle, Inner};
use crate::file::SECTOR;

/// What SQLite allocates for a file: this, and the own VFS's file behind it.
#[repr(C, align(8))]
struct Shim {
    base: sqlite3_file,
    /// From `Box::into_raw`; null once closed.
    handle: *mut Handle,
}

/// What `pAppData` points to.
struct App {
    disk: &'static Inner,
    own: *mut sqlite3_vfs,
}

/// Length of [`Shim`] as SQLite counts.
const SHIM: c_int = size_of::<Shim>() as c_int;

/// Makes a VFS of `disk` known as `name`. Returns whether SQLite took it.
pub(crate) fn register(disk: &'static Inner, name: &'static CStr) -> bool {
    // SAFETY: null asks for the default VFS, which SQLite initialises if need be and keeps for the process.
    let own = unsafe { sqlite::sqlite3_vfs_find(ptr::null()) };
    if own.is_null() {
        return false;
    }
    // SAFETY: `own` is not null, and a registered VFS stays valid and is not changed.
    let (file_size, longest_path) = unsafe { ((*own).szOsFile, (*own).mxPathname) };
    let app = Box::leak(Box::new(App { disk, own }));
    let vfs = Box::leak(Box::new(sqlite3_vfs {
        iVersion: 2,
        szOsFile: SHIM + file_size,
        mxPathname: longest_path,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: ptr::from_mut(app).cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(current_time_ms),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }));
    // SAFETY: `vfs`, `name` and `app` are leaked or `'static`, so they outlive SQLite's use of them; the functions follow
    // the contract of `sqlite3_vfs` version 2, and loading of extensions (`xDl…`) is not compiled to be used here.
    unsafe { sqlite::sqlite3_vfs_register(vfs, 0) == sqlite::SQLITE_OK }
}

/// Version 2: shared memory, but no memory-mapped reads, which would go past the cache.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(file_lock),
    xUnlock: Some(file_unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `vfs` is one that [`register`] made.
unsafe fn app<'a>(vfs: *mut sqlite3_vfs) -> &'a App {
    // SAFETY: by the caller's word `pAppData` is a leaked `App`, shared and never changed.
    unsafe { &*(*vfs).pAppData.cast::<App>() }
}

/// # Safety
/// `file` was opened by [`open`] and not closed.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
    // SAFETY: by the caller's word `file` is a `Shim` whose handle came from `Box::into_raw` and was not freed.
    unsafe { &*(*file.cast::<Shim>()).handle }
}

/// The own VFS's file.
///
/// # Safety
/// `file` points to `szOsFile` bytes of a VFS that [`register`] made.
unsafe fn own(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the own VFS's file lies right behind the `Shim`, inside the allocation; SQLite aligns it to 8 bytes, as all it allocates.
    unsafe { file.cast::<u8>().add(size_of::<Shim>()).cast() }
}

/// Calls a method of the own VFS's file; one that it does not have is an error.
macro_rules! forward {
    ($file:expr, $method:ident ( $($argument:expr),* )) => {{
        // SAFETY: SQLite calls with a file that `open` opened, so the own file behind it is open with methods.
        let own = unsafe { own($file) };
        // SAFETY: as above; the methods of an open file are valid until it is closed.
        match unsafe { (*(*own).pMethods).$method } {
            // SAFETY: the arguments are those that SQLite gave for the same method.
            Some(method) => unsafe { method(own $(, $argument)*) },
            None => sqlite::SQLITE_IOERR,
        }
    }};
}

/// SQLite's code for what failed in a call whose own code is `io`.
const fn code(outcome: Result<(), Failure>, io: c_int) -> c_int {
    match outcome {
        Ok(()) => sqlite::SQLITE_OK,
        Err(Failure::Full) => sqlite::SQLITE_FULL,
        Err(Failure::Io) => io,
    }
}

fn offset(at: sqlite::sqlite3_int64) -> usize {
    usize::try_from(at).unwrap_or(0)
}

fn length(bytes: c_int) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

/// # Safety
/// `name` is null or a C string that lives as long as `'a`.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by the caller's word.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: sqlite::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let shim = file.cast::<Shim>();
    // SAFETY: SQLite gives `szOsFile` bytes. Without methods it does not call `close` after an error.
    unsafe {
        (*shim).base.pMethods = ptr::null();
        (*shim).handle = ptr::null_mut();
    }
    // SAFETY: SQLite calls with the VFS that was registered.
    let app = unsafe { app(vfs) };
    if !app.disk.is_powered() {
        return sqlite::SQLITE_CANTOPEN;
    }
    // SAFETY: `file` has room for the own file; `app.own` is registered.
    let (own_file, own_open) = unsafe { (own(file), (*app.own).xOpen) };
    let Some(own_open) = own_open else {
        return sqlite::SQLITE_CANTOPEN;
    };
    // SAFETY: the arguments are those that SQLite gave for the same method.
    let opened = unsafe { own_open(app.own, name, own_file, flags, flags_out) };
    if opened != sqlite::SQLITE_OK {
        return opened;
    }
    // SAFETY: SQLite's file names are C strings that live as long as the file is open.
    match app.disk.open(unsafe { path(name) }) {
        Ok(handle) => {
            // SAFETY: as above; the methods are `'static`.
            unsafe {
                (*shim).handle = Box::into_raw(Box::new(handle));
                (*shim).base.pMethods = &raw const METHODS;
            }
            sqlite::SQLITE_OK
        }
        Err(_) => {
            forward!(file, xClose());
            sqlite::SQLITE_CANTOPEN
        }
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let shim = file.cast::<Shim>();
    // SAFETY: SQLite closes an open file once; its handle came from `Box::into_raw`.
    unsafe {
        drop(Box::from_raw((*shim).handle));
        (*shim).handle = ptr::null_mut();
    }
    forward!(file, xClose())
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    at: sqlite::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a buffer of `amount` bytes that it reads only afterwards. It may be uninitialised, so it is made
    // bytes first.
    let into = unsafe {
        ptr::write_bytes(into.cast::<u8>(), 0, length(amount));
        std::slice::from_raw_parts_mut(into.cast::<u8>(), length(amount))
    };
    // SAFETY: the file is open.
    match unsafe { handle(file) }.read(offset(at), into) {
        Ok(true) => sqlite::SQLITE_OK,
        Ok(false) => sqlite::SQLITE_IOERR_SHORT_READ,
        Err(_) => sqlite::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    at: sqlite::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives `amount` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), length(amount)) };
    // SAFETY: the file is open.
    let outcome = unsafe { handle(file) }.write(offset(at), bytes);
    code(outcome, sqlite::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite::sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    let outcome = unsafe { handle(file) }.truncate(offset(size));
    code(outcome, sqlite::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let outcome = unsafe { handle(file) }.sync();
    code(outcome, sqlite::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, into: *mut sqlite::sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    match unsafe { handle(file) }.size() {
        Ok(size) => {
            // SAFETY: SQLite gives a place for the size.
            unsafe { *into = i64::try_from(size).unwrap_or(i64::MAX) };
            sqlite::SQLITE_OK
        }
        Err(_) => sqlite::SQLITE_IOERR_FSTAT,
    }
}

unsafe extern "C" fn file_lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    forward!(file, xLock(level))
}

unsafe extern "C" fn file_unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    forward!(file, xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, into: *mut c_int) -> c_int {
    forward!(file, xCheckReservedLock(into))
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, what: c_int, argument: *mut c_void) -> c_int {
    match what {
        // They would change or map the file itself, past the cache.
        sqlite::SQLITE_FCNTL_SIZE_HINT
        | sqlite::SQLITE_FCNTL_CHUNK_SIZE
        | sqlite::SQLITE_FCNTL_MMAP_SIZE
        | sqlite::SQLITE_FCNTL_SYNC
        | sqlite::SQLITE_FCNTL_COMMIT_PHASETWO => sqlite::SQLITE_NOTFOUND,
        _ => forward!(file, xFileControl(what, argument)),
    }
}

unsafe extern "C" fn sector_size(_file: *mut sqlite3_file) -> c_int {
    SECTOR as c_int
}

unsafe extern "C" fn device_characteristics(_file: *mut sqlite3_file) -> c_int {
    sqlite::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    into: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is open.
    if !unsafe { handle(file) }.is_alive() {
        return sqlite::SQLITE_IOERR_SHMMAP;
    }
    forward!(file, xShmMap(region, size, extend, into))
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, at: c_int, count: c_int, flags: c_int) -> c_int {
    forward!(file, xShmLock(at, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: the file is open, and so is the own file behind it.
    unsafe {
        let own = own(file);
        if let Some(barrier) = (*(*own).pMethods).xShmBarrier {
            barrier(own);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    forward!(file, xShmUnmap(delete))
}

/// Calls a method of the own VFS.
macro_rules! forward_vfs {
    ($vfs:expr, $method:ident ( $($argument:expr),* )) => {{
        // SAFETY: SQLite calls with the VFS that was registered.
        let own = unsafe { app($vfs) }.own;
        // SAFETY: the own VFS is registered for the life of the process.
        match unsafe { (*own).$method } {
            // SAFETY: the arguments are those that SQLite gave for the same method.
            Some(method) => unsafe { method(own $(, $argument)*) },
            None => sqlite::SQLITE_ERROR,
        }
    }};
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite calls with the VFS that was registered, and a C string.
    let (app, path) = unsafe { (app(vfs), path(name)) };
    if path.is_none_or(|path| app.disk.delete(path).is_err()) {
        return sqlite::SQLITE_IOERR_DELETE;
    }
    forward_vfs!(vfs, xDelete(name, sync_directory))
}

unsafe extern "C" fn access(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    into: *mut c_int,
) -> c_int {
    forward_vfs!(vfs, xAccess(name, flags, into))
}

unsafe extern "C" fn full_pathname(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    into: *mut c_char,
) -> c_int {
    forward_vfs!(vfs, xFullPathname(name, room, into))
}

unsafe extern "C" fn randomness(vfs: *mut sqlite3_vfs, count: c_int, into: *mut c_char) -> c_int {
    forward_vfs!(vfs, xRandomness(count, into))
}

unsafe extern "C" fn sleep(vfs: *mut sqlite3_vfs, micros: c_int) -> c_int {
    forward_vfs!(vfs, xSleep(micros))
}

unsafe extern "C" fn current_time(vfs: *mut sqlite3_vfs, into: *mut f64) -> c_int {
    forward_vfs!(vfs, xCurrentTime(into))
}

unsafe extern "C" fn last_error(vfs: *mut sqlite3_vfs, room: c_int, into: *mut c_char) -> c_int {
    forward_vfs!(vfs, xGetLastError(room, into))
}

unsafe extern "C" fn current_time_ms(vfs: *mut sqlite3_vfs, into: *mut sqlite::sqlite3_int64) -> c_int {
    forward_vfs!(vfs, xCurrentTimeInt64(into))
}
