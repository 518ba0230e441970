//! See `meshsync_fuzz::list_page`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| meshsync_fuzz::list_page(data));
