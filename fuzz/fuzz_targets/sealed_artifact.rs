//! libFuzzer's door to `privet_fuzz::fuzz_sealed_artifact`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::fuzz_sealed_artifact(data));
