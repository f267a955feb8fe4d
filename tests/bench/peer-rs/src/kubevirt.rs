//! The VSOCK feature gate, as all KubeVirt CRs say it.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::ObjectMeta;
use kube::runtime::watcher::Event;
use serde::Deserialize;

use crate::vmi::Uid;

#[derive(Clone, Debug)]
pub struct KubeVirt {
    uid: Uid,
    vsock: bool,
    meta: ObjectMeta,
}

#[derive(Deserialize)]
struct Wire {
    metadata: WireMeta,
    spec: Option<WireSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMeta {
    uid: Uid,
    resource_version: Option<String>,
}

#[derive(Deserialize)]
struct WireSpec {
    configuration: Option<WireConfiguration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireConfiguration {
    developer_configuration: Option<WireDeveloper>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDeveloper {
    feature_gates: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for KubeVirt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { metadata, spec } = Wire::deserialize(deserializer)?;
        let gates = spec.and_then(|s| s.configuration?.developer_configuration?.feature_gates);
        Ok(Self {
            uid: metadata.uid,
            vsock: gates.is_some_and(|g| g.iter().any(|name| name == "VSOCK")),
            meta: ObjectMeta { resource_version: metadata.resource_version, ..ObjectMeta::default() },
        })
    }
}

impl Resource for KubeVirt {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "KubeVirt".into()
    }
    fn group(_: &()) -> Cow<'_, str> {
        "kubevirt.io".into()
    }
    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }
    fn plural(_: &()) -> Cow<'_, str> {
        "kubevirts".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// On while any KubeVirt CR has the gate.
#[derive(Default)]
pub struct Gate {
    on: Vec<Uid>,
    listed: Vec<Uid>,
}

impl Gate {
    pub fn is_on(&self) -> bool {
        !self.on.is_empty()
    }

    pub fn see(&mut self, event: Event<KubeVirt>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(k) => {
                if k.vsock {
                    self.listed.push(k.uid);
                }
            }
            Event::InitDone => self.on = std::mem::take(&mut self.listed),
            Event::Apply(k) => {
                self.on.retain(|&uid| uid != k.uid);
                if k.vsock {
                    self.on.push(k.uid);
                }
            }
            Event::Delete(k) => self.on.retain(|&uid| uid != k.uid),
        }
    }
}
