package main

// managedLabels are on all that KubeVirt's operator makes.
const managedLabels = `kubevirt.io: "", app.kubernetes.io/managed-by: virt-operator`

// roles is what KubeVirt's operator makes, as far as it concerns VMIs. There each rule is as wide as KubeVirt's is: what
// an account must not do with a VMI here it cannot do there. Around VMIs only what the stand-ins need is certain.
const roles = `
apiVersion: v1
kind: Namespace
metadata:
  name: $NAMESPACE
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: kubevirt-apiserver
  namespace: $NAMESPACE
  labels: {$LABELS}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: kubevirt-controller
  namespace: $NAMESPACE
  labels: {$LABELS}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: kubevirt-handler
  namespace: $NAMESPACE
  labels: {$LABELS}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: kubevirt-synchronization-controller
  namespace: $NAMESPACE
  labels: {$LABELS}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt-apiserver
  labels: {$LABELS}
rules:
- {apiGroups: [kubevirt.io], resources: [virtualmachines, virtualmachineinstances],
   verbs: [get, list, watch, patch, update]}
- {apiGroups: [kubevirt.io], resources: [virtualmachineinstancemigrations],
   verbs: [create, get, list, watch, patch]}
- {apiGroups: [kubevirt.io], resources: [kubevirts], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch, delete, patch]}
- {apiGroups: [""], resources: [namespaces, limitranges, persistentvolumeclaims], verbs: [get, list, watch]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt-controller
  labels: {$LABELS}
rules:
- {apiGroups: [kubevirt.io], resources: ["*"], verbs: ["*"]}
- {apiGroups: [""], resources: [pods, configmaps, endpoints, services],
   verbs: [get, list, watch, delete, update, create, patch]}
- {apiGroups: [""], resources: [pods/finalizers], verbs: [update]}
- {apiGroups: [""], resources: [events], verbs: [update, create, patch]}
- {apiGroups: [""], resources: [secrets], verbs: [create]}
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch, update, patch]}
- {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get, list, watch, create, update, delete, patch]}
- {apiGroups: [""], resources: [namespaces, limitranges, resourcequotas], verbs: [get, list, watch]}
- {apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt-handler
  labels: {$LABELS}
rules:
- {apiGroups: [kubevirt.io], resources: [virtualmachineinstances], verbs: [update, list, watch]}
- {apiGroups: [kubevirt.io], resources: [kubevirts, virtualmachineinstancemigrations], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch, patch]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt-synchronization-controller
  labels: {$LABELS}
rules:
- {apiGroups: [kubevirt.io], resources: [virtualmachineinstances], verbs: [get, list, watch, update, patch]}
- {apiGroups: [kubevirt.io], resources: [virtualmachineinstancemigrations], verbs: [get, list, watch, patch, delete]}
- {apiGroups: [kubevirt.io], resources: [kubevirts], verbs: [get, list, watch]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [events], verbs: [create, update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kubevirt-controller
  namespace: $NAMESPACE
  labels: {$LABELS}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, delete, update, create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kubevirt-synchronization-controller
  namespace: $NAMESPACE
  labels: {$LABELS}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update, delete]}
` + bindings + tenantRoles

const bindings = `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubevirt-apiserver
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubevirt-apiserver}
subjects: [{kind: ServiceAccount, namespace: $NAMESPACE, name: kubevirt-apiserver}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubevirt-controller
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubevirt-controller}
subjects: [{kind: ServiceAccount, namespace: $NAMESPACE, name: kubevirt-controller}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubevirt-handler
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubevirt-handler}
subjects: [{kind: ServiceAccount, namespace: $NAMESPACE, name: kubevirt-handler}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubevirt-synchronization-controller
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubevirt-synchronization-controller}
subjects: [{kind: ServiceAccount, namespace: $NAMESPACE, name: kubevirt-synchronization-controller}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: kubevirt-controller
  namespace: $NAMESPACE
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kubevirt-controller}
subjects: [{kind: ServiceAccount, namespace: $NAMESPACE, name: kubevirt-controller}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: kubevirt-synchronization-controller
  namespace: $NAMESPACE
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kubevirt-synchronization-controller}
subjects: [{kind: ServiceAccount, namespace: $NAMESPACE, name: kubevirt-synchronization-controller}]
`

// tenantRoles are what tenants get from the roles admin, edit and view of a cluster. Nothing aggregates them here, as
// there is no controller-manager: a test binds kubevirt.io:edit itself.
const tenantRoles = `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt.io:admin
  labels: {$LABELS, rbac.authorization.k8s.io/aggregate-to-admin: "true"}
rules:
- {apiGroups: [kubevirt.io], resources: [virtualmachines, virtualmachineinstances, virtualmachineinstancemigrations],
   verbs: [get, delete, create, update, patch, list, watch, deletecollection]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt.io:edit
  labels: {$LABELS, rbac.authorization.k8s.io/aggregate-to-edit: "true"}
rules:
- {apiGroups: [kubevirt.io], resources: [virtualmachines, virtualmachineinstances],
   verbs: [get, delete, create, update, patch, list, watch]}
- {apiGroups: [kubevirt.io], resources: [virtualmachineinstancemigrations], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt.io:view
  labels: {$LABELS, rbac.authorization.k8s.io/aggregate-to-view: "true"}
rules:
- {apiGroups: [kubevirt.io], resources: [virtualmachines, virtualmachineinstances, virtualmachineinstancemigrations],
   verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubevirt.io:default
  labels: {$LABELS}
rules:
- {apiGroups: [kubevirt.io], resources: [kubevirts], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubevirt.io:default
  labels: {$LABELS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubevirt.io:default}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
`
