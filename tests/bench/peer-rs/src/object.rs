//! What is read of objects, and no more: all else in their 6 KB is skipped, not stored.

use std::borrow::Cow;
use std::rc::Rc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Debug, Deserialize)]
pub struct Vmi {
    #[serde(deserialize_with = "needed")]
    metadata: ObjectMeta,
    spec: Option<VmiSpec>,
    status: Option<VmiStatus>,
}

#[derive(Clone, Debug, Deserialize)]
struct VmiSpec {
    domain: Option<Domain>,
}

#[derive(Clone, Debug, Deserialize)]
struct Domain {
    devices: Option<Devices>,
}

#[derive(Clone, Debug, Deserialize)]
struct Devices {
    #[serde(rename = "autoattachVSOCK")]
    autoattach_vsock: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
struct VmiStatus {
    phase: Option<String>,
    #[serde(rename = "VSOCKCID")]
    cid: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct KubeVirt {
    #[serde(deserialize_with = "needed")]
    metadata: ObjectMeta,
    spec: Option<KubeVirtSpec>,
}

#[derive(Clone, Debug, Deserialize)]
struct KubeVirtSpec {
    configuration: Option<Configuration>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    developer_configuration: Option<DeveloperConfiguration>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeveloperConfiguration {
    feature_gates: Option<Vec<String>>,
}

/// Managed fields, which are a third of an object, and labels and annotations are not needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NeededMeta {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<Time>,
}

fn needed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let NeededMeta { namespace, name, uid, resource_version, deletion_timestamp } =
        NeededMeta::deserialize(deserializer)?;
    Ok(ObjectMeta { namespace, name, uid, resource_version, deletion_timestamp, ..ObjectMeta::default() })
}

impl Vmi {
    /// namespace/name
    pub fn key(&self) -> Rc<str> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let name = self.metadata.name.as_deref().unwrap_or_default();
        [namespace, name].join("/").into()
    }

    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    pub fn cid(&self) -> Option<u32> {
        self.status.as_ref()?.cid
    }

    /// It is to be given a CID: it wants one, has none, is not being deleted and has not started.
    pub fn waits(&self) -> bool {
        let devices = self.spec.as_ref().and_then(|s| s.domain.as_ref()?.devices.as_ref());
        let phase = self.status.as_ref().and_then(|s| s.phase.as_deref());
        devices.and_then(|d| d.autoattach_vsock) == Some(true)
            && self.cid().is_none()
            && self.metadata.deletion_timestamp.is_none()
            && matches!(phase.unwrap_or_default(), "" | "Pending" | "Scheduling")
    }
}

impl KubeVirt {
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    pub fn has_gate(&self) -> bool {
        let configuration = self.spec.as_ref().and_then(|s| s.configuration.as_ref());
        let gates = configuration.and_then(|c| c.developer_configuration.as_ref()?.feature_gates.as_ref());
        gates.is_some_and(|g| g.iter().any(|name| name == "VSOCK"))
    }
}

macro_rules! impl_resource {
    ($type:ty, $kind:literal, $plural:literal) => {
        impl Resource for $type {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind(_: &()) -> Cow<'_, str> {
                $kind.into()
            }
            fn group(_: &()) -> Cow<'_, str> {
                "kubevirt.io".into()
            }
            fn version(_: &()) -> Cow<'_, str> {
                "v1".into()
            }
            fn plural(_: &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

impl_resource!(Vmi, "VirtualMachineInstance", "virtualmachineinstances");
impl_resource!(KubeVirt, "KubeVirt", "kubevirts");

/// The merge patch that gives a VMI its CID. The uid makes the server refuse it (422) where the name belongs to another
/// object by now.
#[derive(Debug, Serialize)]
pub struct CidPatch<'a> {
    metadata: PatchMeta<'a>,
    status: PatchStatus,
}

#[derive(Debug, Serialize)]
struct PatchMeta<'a> {
    uid: &'a str,
}

#[derive(Debug, Serialize)]
struct PatchStatus {
    #[serde(rename = "VSOCKCID")]
    cid: u32,
}

impl<'a> CidPatch<'a> {
    pub fn new(uid: &'a str, cid: u32) -> Self {
        Self { metadata: PatchMeta { uid }, status: PatchStatus { cid } }
    }
}
