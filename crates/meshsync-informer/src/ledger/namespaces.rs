//! Namespace names, each kept once for as long as an entry needs it.

use hashbrown::HashMap;

/// Number 0 is no namespace; others are given out from 1 on, and again after
/// their last entry is gone.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    numbers: HashMap<Box<str>, u32>,
}

#[derive(Debug)]
struct Slot {
    name: Box<str>,
    entries: u32,
}

impl Namespaces {
    /// Number of a namespace for one more entry.
    pub(super) fn retain(&mut self, namespace: Option<&str>) -> u32 {
        let Some(namespace) = namespace else { return 0 };
        if let Some(&number) = self.numbers.get(namespace) {
            if let Some(Some(slot)) = self.slots.get_mut(number as usize - 1) {
                slot.entries += 1;
            }
            return number;
        }
        let slot = Some(Slot {
            name: namespace.into(),
            entries: 1,
        });
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize - 1] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32
            }
        };
        self.numbers.insert(namespace.into(), number);
        number
    }

    /// One entry less needs it.
    pub(super) fn release(&mut self, number: u32) {
        let Some(at) = (number as usize).checked_sub(1) else {
            return;
        };
        let Some(Some(slot)) = self.slots.get_mut(at) else {
            return;
        };
        slot.entries -= 1;
        if slot.entries == 0 {
            self.numbers.remove(&slot.name);
            self.slots[at] = None;
            self.free.push(number);
        }
    }

    pub(super) fn find(&self, namespace: Option<&str>) -> Option<u32> {
        match namespace {
            None => Some(0),
            Some(namespace) => self.numbers.get(namespace).copied(),
        }
    }

    pub(super) fn name(&self, number: u32) -> Option<Box<str>> {
        self.text(number).map(Into::into)
    }

    pub(super) fn text(&self, number: u32) -> Option<&str> {
        let at = (number as usize).checked_sub(1)?;
        self.slots.get(at)?.as_ref().map(|slot| &*slot.name)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}
