//! See `meshsync_fuzz::watch_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| meshsync_fuzz::watch_line(data));
