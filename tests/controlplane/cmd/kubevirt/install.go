package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// patience bounds every wait for what the API server does by itself.
const patience = time.Minute

type installOptions struct {
	version      string
	featureGates string
	architecture string
}

func installFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.install.version, "version", "v1.9.0", "version that the KubeVirt CR's status shows")
	f.StringVar(&o.install.featureGates, "feature-gates", "",
		"gates of the KubeVirt CR, separated by commas; only where there is no CR yet")
	f.StringVar(&o.install.architecture, "architecture", "amd64", "the KubeVirt CR's defaultArchitecture")
}

// install leaves behind what KubeVirt's operator would. It can be run again: what is there is brought up to date, but
// for the spec of a KubeVirt CR, which is the test's.
func install(ctx context.Context, o *options, ready func() error) error {
	if !strings.HasPrefix(o.install.version, "v") {
		return usageError{fmt.Errorf("a version looks like v1.9.0, not like %q", o.install.version)}
	}
	c, err := admin(o, "virt-operator")
	if err != nil {
		return err
	}
	objects := strings.NewReplacer("$NAMESPACE", o.namespace, "$LABELS", managedLabels).Replace(roles)
	if err := apply(ctx, c, objects); err != nil {
		return err
	}
	if err := installCR(ctx, c, o); err != nil {
		return fmt.Errorf("KubeVirt CR: %w", err)
	}
	if err := awaitRights(ctx, c, o.namespace); err != nil {
		return err
	}
	return ready()
}

var appliedResources = map[string]schema.GroupVersionResource{
	"Namespace":          {Version: "v1", Resource: "namespaces"},
	"ServiceAccount":     {Version: "v1", Resource: "serviceaccounts"},
	"ClusterRole":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	"ClusterRoleBinding": {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	"Role":               {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	"RoleBinding":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
}

// apply takes YAML documents.
func apply(ctx context.Context, c *cluster, documents string) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(documents), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resource, known := appliedResources[object.GetKind()]
		if !known {
			return fmt.Errorf("no resource is known for kind %q", object.GetKind())
		}
		_, err = c.objects.Resource(resource).Namespace(object.GetNamespace()).Apply(ctx, object.GetName(), &object,
			metav1.ApplyOptions{FieldManager: "virt-operator", Force: true})
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

// installCR makes a KubeVirt CR where there is none, and says in its status that all of KubeVirt runs.
func installCR(ctx context.Context, c *cluster, o *options) error {
	crs := c.objects.Resource(kubevirtResource).Namespace(o.namespace)
	gates := []any{}
	for gate := range strings.SplitSeq(o.install.featureGates, ",") {
		if gate != "" {
			gates = append(gates, gate)
		}
	}
	cr := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt",
		"metadata": map[string]any{"name": "kubevirt"},
		"spec": map[string]any{"configuration": map[string]any{"developerConfiguration": map[string]any{
			"featureGates": gates}}},
	}}
	list, err := crs.List(ctx, metav1.ListOptions{})
	switch {
	case err != nil:
		return err
	case len(list.Items) > 0:
		cr = &list.Items[0]
	default:
		if cr, err = crs.Create(ctx, cr, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"phase":                   "Deployed",
		"operatorVersion":         o.install.version,
		"targetKubeVirtVersion":   o.install.version,
		"observedKubeVirtVersion": o.install.version,
		"defaultArchitecture":     o.install.architecture,
	}})
	if err != nil {
		return err
	}
	_, err = crs.Patch(ctx, cr.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err == nil {
		log.Printf("KubeVirt %s/%s is %s now", o.namespace, cr.GetName(), o.install.version)
	}
	return err
}

// awaitRights waits until the authorizer knows of the roles, so that no component has to try twice.
func awaitRights(ctx context.Context, c *cluster, namespace string) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		for _, account := range accounts {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: username(namespace, account),
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "update", Group: vmiResource.Group,
					Version: vmiResource.Version, Resource: vmiResource.Resource, Namespace: namespace, Name: "any"},
			}}
			review, err := c.kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
			if err != nil && !apierrors.IsTooManyRequests(err) {
				return false, err
			}
			if err != nil || !review.Status.Allowed {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the rights of KubeVirt's accounts: %w", err)
	}
	return nil
}
