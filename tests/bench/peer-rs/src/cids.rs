//! Which VMI holds which CID, and which CIDs are in use: KubeVirt's two maps, with uids for names and filled by every
//! event rather than at the start only.

use rustc_hash::FxHashMap;

use crate::vmi::Uid;

const MIN_CID: u32 = 3;
const MAX_CID: u32 = 2_147_483_647;

const NO_CID: u32 = 0;

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// In the queue of those to be served.
    Waiting,
    /// A write is under way, or a pause before the next try.
    Writing,
    /// The server has answered that it has the CID; no event has shown it yet.
    Written,
    /// An event has shown its CID.
    Shown,
}

struct Record {
    cid: u32,
    state: State,
    /// The list that has shown it last.
    list: u8,
}

/// Only VMIs that hold a CID or are to be given one have a record.
#[derive(Default)]
pub struct Cids {
    vmis: FxHashMap<Uid, Record>,
    /// How many hold it: more than one where others have made duplicates, and then it is free when the last is gone.
    holders: FxHashMap<u32, u32>,
    list: u8,
}

impl Cids {
    /// The VMI waits. True where it has to be put into the queue.
    pub fn wait(&mut self, uid: Uid, listed: bool) -> bool {
        let list = self.list;
        let record = self.vmis.entry(uid).or_insert(Record { cid: NO_CID, state: State::Shown, list });
        record.list = list;
        match record.state {
            State::Waiting | State::Writing => return false,
            // An event from before our write: the one that shows the CID is to come, unless a list has replaced it.
            State::Written if !listed => return false,
            // Never served, or its CID was removed: then it gets the same one again.
            State::Written | State::Shown => record.state = State::Waiting,
        }
        true
    }

    /// The VMI shows a CID, be it ours or not.
    pub fn show(&mut self, uid: Uid, cid: u32) {
        self.hold(uid, cid, State::Shown);
    }

    /// The server has answered a write so.
    pub fn written(&mut self, uid: Uid, cid: u32) {
        if self.vmis.get(&uid).is_some_and(|r| r.state == State::Writing) {
            self.hold(uid, cid, State::Written);
        }
    }

    fn hold(&mut self, uid: Uid, cid: u32, state: State) {
        let list = self.list;
        let record = self.vmis.entry(uid).or_insert(Record { cid: NO_CID, state, list });
        record.list = list;
        record.state = state;
        if record.cid != cid {
            let old = std::mem::replace(&mut record.cid, cid);
            self.release(old);
            *self.holders.entry(cid).or_default() += 1;
        }
    }

    /// A VMI that neither waits nor has a CID: nothing is to be written any more. Where a CID was drawn for it already, it
    /// stays drawn until the VMI is gone.
    pub fn pass(&mut self, uid: Uid) {
        let list = self.list;
        if let Some(record) = self.vmis.get_mut(&uid) {
            record.list = list;
            record.state = State::Shown;
            if record.cid == NO_CID {
                self.vmis.remove(&uid);
            }
        }
    }

    pub fn remove(&mut self, uid: Uid) {
        if let Some(record) = self.vmis.remove(&uid) {
            self.release(record.cid);
        }
    }

    /// Takes a VMI from the queue: the CID that is to be written, or None where it does not wait any more.
    pub fn draw(&mut self, uid: Uid) -> Option<u32> {
        let record = self.vmis.get_mut(&uid).filter(|r| r.state == State::Waiting)?;
        record.state = State::Writing;
        if record.cid == NO_CID {
            let mut cid = fastrand::u32(MIN_CID..=MAX_CID);
            while self.holders.contains_key(&cid) {
                cid = if cid == MAX_CID { MIN_CID } else { cid + 1 };
            }
            record.cid = cid;
            self.holders.insert(cid, 1);
        }
        Some(record.cid)
    }

    /// The write has failed. True where the VMI has to be put into the queue again.
    pub fn wait_again(&mut self, uid: Uid) -> bool {
        let record = self.vmis.get_mut(&uid).filter(|r| r.state == State::Writing);
        record.map(|r| r.state = State::Waiting).is_some()
    }

    /// A new list begins: what it does not show is gone.
    pub fn list_begins(&mut self) {
        self.list = self.list.wrapping_add(1);
    }

    pub fn list_ends(&mut self) {
        let (list, holders) = (self.list, &mut self.holders);
        self.vmis.retain(|_, record| {
            if record.list != list {
                release(holders, record.cid);
            }
            record.list == list
        });
    }

    fn release(&mut self, cid: u32) {
        release(&mut self.holders, cid);
    }
}

fn release(holders: &mut FxHashMap<u32, u32>, cid: u32) {
    if let Some(count) = holders.get_mut(&cid) {
        *count -= 1;
        if *count == 0 {
            holders.remove(&cid);
        }
    }
}
