//! The VSOCK feature gate, as all KubeVirt CRs say it.

use kube::runtime::watcher::Event;

use crate::object::KubeVirt;

/// On while any KubeVirt CR has the gate.
#[derive(Default)]
pub struct Gate {
    /// The uids of those that have it.
    on: Vec<String>,
    listed: Vec<String>,
}

impl Gate {
    pub fn is_on(&self) -> bool {
        !self.on.is_empty()
    }

    pub fn see(&mut self, event: Event<KubeVirt>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(k) => {
                if k.has_gate() {
                    self.listed.push(k.uid().to_owned());
                }
            }
            Event::InitDone => self.on = std::mem::take(&mut self.listed),
            Event::Apply(k) => {
                self.on.retain(|uid| uid != k.uid());
                if k.has_gate() {
                    self.on.push(k.uid().to_owned());
                }
            }
            Event::Delete(k) => self.on.retain(|uid| uid != k.uid()),
        }
    }
}
