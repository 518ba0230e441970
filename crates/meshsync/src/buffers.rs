//! The memory a change is encoded in. A change is encoded without waiting for anything, so each
//! thread needs it once, however many resources there are.

use std::cell::Cell;
use std::mem;

/// What a thread keeps from one change to the next, of each buffer.
const KEPT_BYTES_MAX: usize = 256 << 10;

std::thread_local! {
    static SPARE: Cell<Spare> = const { Cell::new((Vec::new(), Vec::new())) };
}

type Spare = (Vec<u8>, Vec<u8>);

/// The thread's buffers while one change is encoded; they return when this is dropped.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// The object as records carry it.
    pub(crate) body: Vec<u8>,
    /// One payload in the making: what leaves is exactly as long as it is.
    pub(crate) payload: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        let (body, payload) = SPARE.take();
        Self { body, payload }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        let kept = |buffer: &mut Vec<u8>| {
            let mut buffer = mem::take(buffer);
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES_MAX);
            buffer
        };
        SPARE.set((kept(&mut self.body), kept(&mut self.payload)));
    }
}
