//! libFuzzer's door to `privet_fuzz::fuzz_sse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::fuzz_sse(data));
