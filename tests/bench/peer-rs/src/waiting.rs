//! The VMIs that wait for a CID, in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A VMI that is to be given a CID.
pub struct Job {
    pub key: Rc<str>,
    pub uid: Rc<str>,
    pub tries: u32,
}

#[derive(PartialEq)]
enum State {
    Queued,
    /// A write is under way, or a pause before the next try.
    Writing,
    /// The server has answered that it has the CID; no event has shown it yet.
    Written,
}

struct Entry {
    uid: Rc<str>,
    state: State,
}

#[derive(Default)]
pub struct Waiting {
    entries: HashMap<Rc<str>, Entry>,
    queue: VecDeque<Job>,
}

impl Waiting {
    /// An event shows that the VMI waits.
    pub fn add(&mut self, key: Rc<str>, uid: &str, listed: bool) {
        if let Some(entry) = self.entries.get(&key)
            && *entry.uid == *uid
            // Written: the event is from before, and the one that shows the CID is to come; unless a list replaces it.
            && (entry.state != State::Written || !listed)
        {
            return;
        }
        self.queue(Job { key, uid: uid.into(), tries: 0 });
    }

    fn queue(&mut self, job: Job) {
        self.entries.insert(job.key.clone(), Entry { uid: job.uid.clone(), state: State::Queued });
        self.queue.push_back(job);
    }

    /// The next to be served.
    pub fn next(&mut self) -> Option<Job> {
        while let Some(job) = self.queue.pop_front() {
            if let Some(entry) = self.entry(&job).filter(|e| e.state == State::Queued) {
                entry.state = State::Writing;
                return Some(job);
            }
        }
        None
    }

    fn entry(&mut self, job: &Job) -> Option<&mut Entry> {
        self.entries.get_mut(&job.key).filter(|e| e.uid == job.uid)
    }

    /// True where it is still this VMI that is being served.
    pub fn is_writing(&mut self, job: &Job) -> bool {
        self.entry(job).is_some_and(|e| e.state == State::Writing)
    }

    pub fn written(&mut self, job: &Job) {
        if let Some(entry) = self.entry(job) {
            entry.state = State::Written;
        }
    }

    /// A job that has failed has had its pause.
    pub fn again(&mut self, job: Job) {
        if self.is_writing(&job) {
            self.queue(job);
        }
    }

    /// The VMI does not wait any more.
    pub fn remove(&mut self, key: &str) {
        self.entries.remove(key);
    }

    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.entries.retain(|key, _| is_there(key));
    }
}
