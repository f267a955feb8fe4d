//! peer-rs: gives VMIs their CID, as a lean kube-rs controller does. A peer for tests/bench, not a product: no leader
//! election, no metrics, no events, no stripes; see ../peers.md.

mod cids;
mod gate;
mod object;
mod waiting;

use std::collections::HashSet;
use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Config, Resource};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use cids::Cids;
use gate::Gate;
use object::{CidPatch, KubeVirt, Vmi};
use waiting::{Job, Waiting};

const USAGE: &str = "usage: peer-rs [--kubeconfig FILE] [--ignore-gate]";
const EXIT_USAGE: u8 = 2;

/// Enough to keep the server busy: beyond 8 it writes no faster.
const IN_FLIGHT: usize = 16;
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(30);

struct Options {
    kubeconfig: Option<String>,
    ignore_gate: bool,
}

type Events<K> = Pin<Box<dyn Stream<Item = watcher::Result<Event<K>>>>>;

struct Peer {
    client: Client,
    ignore_gate: bool,
    gate: Gate,
    cids: Cids,
    waiting: Waiting,
    seen: usize,
    listed: bool,
    /// What a list after the first has shown: all else is gone.
    shown: HashSet<Rc<str>>,
}

impl Peer {
    fn see(&mut self, event: Event<Vmi>) {
        match event {
            Event::Init => {
                self.seen = 0;
                self.shown.clear();
            }
            Event::InitApply(vmi) => {
                self.seen += 1;
                if self.listed {
                    self.shown.insert(vmi.key());
                }
                self.apply(&vmi, true);
            }
            Event::InitDone => self.list_ends(),
            Event::Apply(vmi) => self.apply(&vmi, false),
            Event::Delete(vmi) => self.remove(&vmi.key()),
        }
    }

    fn apply(&mut self, vmi: &Vmi, listed: bool) {
        if let Some(cid) = vmi.cid() {
            let key = vmi.key();
            self.waiting.remove(&key);
            self.cids.learn(key, cid);
        } else if vmi.waits() {
            self.waiting.add(vmi.key(), vmi.uid(), listed);
        } else {
            self.waiting.remove(&vmi.key());
        }
    }

    fn remove(&mut self, key: &str) {
        self.waiting.remove(key);
        self.cids.remove(key);
    }

    fn list_ends(&mut self) {
        if std::mem::replace(&mut self.listed, true) {
            let shown = std::mem::take(&mut self.shown);
            self.waiting.retain(|key| shown.contains(key));
            self.cids.retain(|key| shown.contains(key));
        } else {
            let mut out = std::io::stdout();
            let _ = writeln!(out, "ready {}", self.seen).and_then(|()| out.flush());
        }
    }

    /// The next write and its CID, once all CIDs in use are known and while the gate is on.
    fn next_job(&mut self) -> Option<(Job, u32)> {
        if !self.listed || !(self.ignore_gate || self.gate.is_on()) {
            return None;
        }
        let job = self.waiting.next()?;
        let cid = self.cids.allocate(&job.key);
        Some((job, cid))
    }

    /// A write has ended. Returns the job where it has to be tried again.
    fn answered(&mut self, mut job: Job, result: Result<Vmi, kube::Error>) -> Option<Job> {
        if !self.waiting.is_writing(&job) {
            return None; // an event has overtaken the answer
        }
        let problem = match result.map(|vmi| vmi.cid()) {
            Ok(Some(cid)) => {
                self.waiting.written(&job);
                self.cids.learn(job.key, cid);
                return None;
            }
            Ok(None) => "the answer has no CID".to_string(),
            // Gone, or another object of that name: the watch says so too.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 422) => {
                self.remove(&job.key);
                return None;
            }
            Err(e) => e.to_string(),
        };
        eprintln!("peer-rs: {}: {problem}", job.key);
        job.tries += 1;
        Some(job)
    }
}

async fn write(client: Client, job: Job, cid: u32) -> (Job, Result<Vmi, kube::Error>) {
    let (namespace, name) = job.key.split_once('/').unwrap_or(("", &job.key));
    let vmis: Api<Vmi> = Api::namespaced(client, namespace);
    let patch = Patch::Merge(CidPatch::new(&job.uid, cid));
    let params = PatchParams::default();
    let result = match timeout(WRITE_TIMEOUT, vmis.patch(name, &params, &patch)).await {
        Ok(result) => result,
        Err(elapsed) => Err(kube::Error::Service(elapsed.into())),
    };
    (job, result)
}

async fn pause(job: Job) -> Job {
    sleep(RETRY_LAST.min(RETRY_FIRST * 2u32.pow(job.tries.min(10)))).await;
    job
}

fn watch<K>(client: &Client, config: watcher::Config) -> Events<K>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    Box::pin(watcher(Api::all(client.clone()), config).default_backoff())
}

/// The server does not know sendInitialEvents, or has it switched off.
fn is_refused(error: &watcher::Error) -> bool {
    use watcher::Error::WatchStartFailed;
    matches!(error, WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 400 | 422))
}

/// What the stream says, or None where it had only a problem to tell; from a server that refuses streaming lists, lists in
/// pages from then on.
fn take<K>(item: Option<watcher::Result<Event<K>>>, client: &Client, events: &mut Events<K>) -> Option<Event<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    match item? {
        Ok(event) => return Some(event),
        Err(e) if is_refused(&e) => *events = watch(client, watcher::Config::default()),
        Err(e) => eprintln!("peer-rs: {}: {e}", K::plural(&())),
    }
    None
}

async fn run(config: Config, ignore_gate: bool) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let client = Client::try_from(config)?;
    let streaming = || watcher::Config::default().streaming_lists();
    let mut vmis: Events<Vmi> = watch(&client, streaming());
    let mut kubevirts: Events<KubeVirt> =
        if ignore_gate { Box::pin(futures::stream::pending()) } else { watch(&client, streaming()) };
    let mut writes = FuturesUnordered::new();
    let mut pauses = FuturesUnordered::new();
    let mut peer = Peer {
        client,
        ignore_gate,
        gate: Gate::default(),
        cids: Cids::default(),
        waiting: Waiting::default(),
        seen: 0,
        listed: false,
        shown: HashSet::new(),
    };

    loop {
        while writes.len() < IN_FLIGHT
            && let Some((job, cid)) = peer.next_job()
        {
            writes.push(write(peer.client.clone(), job, cid));
        }
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            Some((job, result)) = writes.next() => {
                if let Some(job) = peer.answered(job, result) {
                    pauses.push(pause(job));
                }
            }
            Some(job) = pauses.next() => peer.waiting.again(job),
            item = kubevirts.next() => {
                if let Some(event) = take(item, &peer.client, &mut kubevirts) {
                    peer.gate.see(event);
                }
            }
            item = vmis.next() => {
                if let Some(event) = take(item, &peer.client, &mut vmis) {
                    peer.see(event);
                }
            }
        }
    }
}

fn read_options() -> Option<Options> {
    let mut options = Options { kubeconfig: None, ignore_gate: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--kubeconfig" => options.kubeconfig = Some(args.next()?),
            "--ignore-gate" => options.ignore_gate = true,
            _ => return None,
        }
    }
    Some(options)
}

async fn read_config(file: Option<String>) -> Result<Config, Box<dyn std::error::Error>> {
    let kubeconfig = match file {
        Some(file) => Kubeconfig::read_from(file)?,
        None => Kubeconfig::read()?,
    };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    if config.cluster_url.scheme_str() == Some("http") {
        config.root_cert = Some(Vec::new()); // or all of the system's would be loaded
    }
    Ok(config)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(options) = read_options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_USAGE);
    };
    let result = match read_config(options.kubeconfig).await {
        Ok(config) => run(config, options.ignore_gate).await,
        Err(e) => Err(e),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("peer-rs: {e}");
            ExitCode::FAILURE
        }
    }
}
