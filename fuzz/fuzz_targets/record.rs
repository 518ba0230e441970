//! See `meshsync_fuzz::record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| meshsync_fuzz::record(data));
