//! libFuzzer's door to `privet_fuzz::fuzz_scan_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::fuzz_scan_file(data));
