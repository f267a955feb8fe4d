package main

import (
	"context"
	"log"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	launcherSelector = "kubevirt.io=virt-launcher"
	byVMI            = "vmi"
)

// podInformer watches all launcher pods, and finds them by the namespace/name of their VMI.
func podInformer(kube kubernetes.Interface) cache.SharedIndexInformer {
	factory := informers.NewSharedInformerFactoryWithOptions(kube, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = launcherSelector }),
		informers.WithTransform(withoutManagedFields))
	informer := factory.Core().V1().Pods().Informer()
	must(informer.AddIndexers(cache.Indexers{byVMI: func(obj any) ([]string, error) {
		return []string{ownerKey(obj.(*corev1.Pod))}, nil
	}}))
	return informer
}

// ownerKey is the key of the pod's VMI; "" if it has none.
func ownerKey(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind != "VirtualMachineInstance" {
		return ""
	}
	return pod.Namespace + "/" + owner.Name
}

func (c *controller) podsOf(key string, which func(*corev1.Pod) bool) []*corev1.Pod {
	objects, err := c.pods.ByIndex(byVMI, key)
	must(err)
	var pods []*corev1.Pod
	for _, obj := range objects {
		if pod := obj.(*corev1.Pod); which(pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// current is the pod that counts: the youngest.
func current(pods []*corev1.Pod) *corev1.Pod {
	var youngest *corev1.Pod
	for _, pod := range pods {
		if youngest == nil || youngest.CreationTimestamp.Before(&pod.CreationTimestamp) {
			youngest = pod
		}
	}
	return youngest
}

func isReady(pod *corev1.Pod) bool {
	if isGoing(pod) || pod.Status.Phase != corev1.PodRunning {
		return false
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func isGoing(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func (c *controller) createPod(ctx context.Context, v vmi) (*corev1.Pod, error) {
	c.own.pod(v, true)
	pod, err := c.kube.CoreV1().Pods(v.GetNamespace()).Create(ctx, launcherPod(v), metav1.CreateOptions{})
	if err != nil {
		c.own.pod(v, false)
	}
	return pod, err
}

func launcherPod(v vmi) *corev1.Pod {
	limits := corev1.ResourceList{"devices.kubevirt.io/kvm": resource.MustParse("1")}
	if v.wantsVSOCK() {
		limits["devices.kubevirt.io/vhost-vsock"] = resource.MustParse("1")
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "virt-launcher-" + v.GetName() + "-",
			Labels:       map[string]string{"kubevirt.io": "virt-launcher", createdByLabel: string(v.GetUID())},
			Annotations:  map[string]string{"kubevirt.io/domain": v.GetName()},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: vmiResource.GroupVersion().String(), Kind: "VirtualMachineInstance",
				Name: v.GetName(), UID: v.GetUID(), Controller: new(true), BlockOwnerDeletion: new(true),
			}},
		},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: new(int64(30)),
			AutomountServiceAccountToken:  new(false),
			Containers: []corev1.Container{{
				Name: "compute", Image: "kubevirt.invalid/virt-launcher",
				Resources: corev1.ResourceRequirements{Limits: limits},
			}},
		},
	}
}

// deletePods deletes those pods of a VMI that are not going already.
func (c *controller) deletePods(ctx context.Context, key string, which func(*corev1.Pod) bool) error {
	for _, pod := range c.podsOf(key, which) {
		if pod.DeletionTimestamp != nil {
			continue
		}
		log.Printf("%s: deleting pod %s", key, pod.Name)
		err := c.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}
