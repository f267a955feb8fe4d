//! Which VMI holds which CID, and which CIDs are in use.

use std::collections::HashMap;
use std::rc::Rc;

// What every pair of KubeVirt and Kubernetes accepts: some take status.VSOCKCID for an int32.
const MIN_CID: u32 = 3;
const MAX_CID: u32 = 2_147_483_647;

/// KubeVirt's pair of maps (pkg/virt-controller/watch/vsock). A key is namespace/name. But for this, it behaves alike:
/// CIDs are learnt from every event rather than at the start only, and where others have made duplicates, only the VMI
/// seen first frees the CID.
#[derive(Default)]
pub struct Cids {
    by_key: HashMap<Rc<str>, u32>,
    by_cid: HashMap<u32, Rc<str>>,
}

impl Cids {
    /// The VMI has this CID, be it ours or not.
    pub fn learn(&mut self, key: Rc<str>, cid: u32) {
        if self.by_key.get(&key) == Some(&cid) {
            return;
        }
        self.remove(&key);
        self.by_cid.entry(cid).or_insert_with(|| key.clone());
        self.by_key.insert(key, cid);
    }

    /// The CID that the VMI holds; where it holds none, the first free one from a random start on.
    pub fn allocate(&mut self, key: &Rc<str>) -> u32 {
        if let Some(&cid) = self.by_key.get(key) {
            return cid;
        }
        let mut cid = fastrand::u32(MIN_CID..=MAX_CID);
        while self.by_cid.contains_key(&cid) {
            cid = if cid == MAX_CID { MIN_CID } else { cid + 1 };
        }
        self.by_key.insert(key.clone(), cid);
        self.by_cid.insert(cid, key.clone());
        cid
    }

    /// The VMI is gone.
    pub fn remove(&mut self, key: &str) {
        if let Some(cid) = self.by_key.remove(key) {
            release(&mut self.by_cid, key, cid);
        }
    }

    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        let by_cid = &mut self.by_cid;
        self.by_key.retain(|key, &mut cid| {
            let stays = is_there(key);
            if !stays {
                release(by_cid, key, cid);
            }
            stays
        });
    }
}

fn release(by_cid: &mut HashMap<u32, Rc<str>>, key: &str, cid: u32) {
    if by_cid.get(&cid).is_some_and(|owner| **owner == *key) {
        by_cid.remove(&cid);
    }
}
