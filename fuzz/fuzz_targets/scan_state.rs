//! libFuzzer's door to `privet_fuzz::fuzz_scan_state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::fuzz_scan_state(data));
