//! libFuzzer's door to `privet_fuzz::fuzz_secret_rules`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::fuzz_secret_rules(data));
