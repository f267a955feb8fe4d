//! What is read of a VirtualMachineInstance, and no more: everything else in its 6 KB is skipped, not stored.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::{Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, Serialize};

/// metadata.uid in 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uid(pub u64, pub u64);

/// Where a VMI is found: namespace/name, in one piece of memory since thousands may wait.
#[derive(Clone, Debug)]
pub struct Place(Box<str>);

impl Place {
    fn new(namespace: &str, name: &str) -> Self {
        Self([namespace, name].join("/").into())
    }

    pub fn split(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One VMI as an event or an answer shows it.
#[derive(Clone, Debug)]
pub struct Vmi {
    pub uid: Uid,
    pub cid: Option<u32>,
    /// Set where the VMI is to be given a CID: it wants vsock, has none, is not being deleted and has not started.
    pub waits: Option<Place>,
    /// resourceVersion only, which the watcher goes by.
    meta: ObjectMeta,
}

impl Uid {
    /// A UUID is its own digits; what is none (no server makes such) is hashed.
    fn parse(text: &str) -> Self {
        let (mut digits, mut count) = (0u128, 0);
        for byte in text.bytes().filter(|&b| b != b'-') {
            match (byte as char).to_digit(16) {
                Some(digit) if count < 32 => digits = digits << 4 | u128::from(digit),
                _ => return Self::hash(text),
            }
            count += 1;
        }
        Self((digits >> 64) as u64, digits as u64)
    }

    fn hash(text: &str) -> Self {
        let fnv = |seed: u64| text.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self(fnv(0xcbf2_9ce4_8422_2325), fnv(0x9e37_79b9_7f4a_7c15))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (high, low) = (self.0, self.1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Uid;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a uid")
            }
            fn visit_str<E>(self, text: &str) -> Result<Uid, E> {
                Ok(Uid::parse(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: WireMeta<'a>,
    spec: Option<WireSpec>,
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMeta<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    uid: Uid,
    resource_version: Option<String>,
    deletion_timestamp: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireSpec {
    domain: Option<WireDomain>,
}

#[derive(Deserialize)]
struct WireDomain {
    devices: Option<WireDevices>,
}

#[derive(Deserialize)]
struct WireDevices {
    #[serde(rename = "autoattachVSOCK")]
    autoattach_vsock: Option<bool>,
}

#[derive(Default, Deserialize)]
struct WireStatus {
    phase: Option<Phase>,
    #[serde(rename = "VSOCKCID")]
    cid: Option<u32>,
}

#[derive(Deserialize, PartialEq)]
enum Phase {
    #[serde(rename = "")]
    New,
    Pending,
    Scheduling,
    #[serde(other)]
    Later,
}

impl<'de> Deserialize<'de> for Vmi {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { metadata, spec, status } = Wire::deserialize(deserializer)?;
        let status = status.unwrap_or_default();
        let wants = spec.and_then(|s| s.domain?.devices?.autoattach_vsock) == Some(true);
        let started = status.phase.is_some_and(|p| p == Phase::Later);
        let waits = wants && !started && status.cid.is_none() && metadata.deletion_timestamp.is_none();
        Ok(Self {
            uid: metadata.uid,
            cid: status.cid,
            waits: waits.then(|| Place::new(&metadata.namespace, &metadata.name)),
            meta: ObjectMeta { resource_version: metadata.resource_version, ..ObjectMeta::default() },
        })
    }
}

impl Resource for Vmi {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "VirtualMachineInstance".into()
    }
    fn group(_: &()) -> Cow<'_, str> {
        "kubevirt.io".into()
    }
    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }
    fn plural(_: &()) -> Cow<'_, str> {
        "virtualmachineinstances".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// The merge patch that gives a VMI its CID. The uid makes the server refuse it (422) where the name belongs to another
/// object by now.
#[derive(Debug, Serialize)]
pub struct CidPatch {
    metadata: PatchMeta,
    status: PatchStatus,
}

#[derive(Debug, Serialize)]
struct PatchMeta {
    uid: String,
}

#[derive(Debug, Serialize)]
struct PatchStatus {
    #[serde(rename = "VSOCKCID")]
    cid: u32,
}

impl CidPatch {
    pub fn new(uid: Uid, cid: u32) -> Self {
        Self { metadata: PatchMeta { uid: uid.to_string() }, status: PatchStatus { cid } }
    }
}
