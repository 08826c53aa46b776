//! libFuzzer's door to `privet_fuzz::fuzz_notebook_fix`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::fuzz_notebook_fix(data));
