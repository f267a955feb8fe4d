package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

type kubeletOptions struct {
	delay    time.Duration
	patience time.Duration
	nodes    int
}

// kubelet is the scheduler and the kubelets of all nodes, for launcher pods only.
type kubelet struct {
	*cluster
	pods     cache.Indexer
	delay    time.Duration
	patience time.Duration // 0: without end
	nodes    int
	delays   delays
	made     sync.Map // uid of each pod by key that was made ready, as the cache may still show it as Pending
}

func kubeletFlags(f *flag.FlagSet, o *options) {
	workersFlag(f, o)
	f.DurationVar(&o.kubelet.delay, "delay", 0, "how long a pod takes to get ready")
	f.DurationVar(&o.kubelet.patience, "launcher-timeout", 0, "how long virt-launcher waits for its VMI to be Scheduled "+
		"before it fails, 0: for ever (KubeVirt: 4 to 6 minutes)")
	f.IntVar(&o.kubelet.nodes, "nodes", 2, "how many nodes there are (there are no Node objects)")
}

func runKubelet(ctx context.Context, o *options, ready func() error) error {
	if err := negative(o.kubelet.delay); err != nil {
		return err
	}
	if err := negative(o.kubelet.patience); err != nil {
		return err
	}
	if o.kubelet.nodes < 1 {
		return usageError{errors.New("--nodes must be at least 1")}
	}
	self, err := admin(o, "kubelet")
	if err != nil {
		return err
	}
	k := &kubelet{cluster: self, delay: o.kubelet.delay, patience: o.kubelet.patience, nodes: o.kubelet.nodes}
	work := newLoop(k.handle)
	pods := podInformer(k.kube)
	if err := work.follow(pods); err != nil {
		return err
	}
	k.pods = pods.GetIndexer()
	if err := startInformers(ctx, pods); err != nil {
		return err
	}
	if err := ready(); err != nil {
		return err
	}
	work.run(ctx, o.workers)
	return nil
}

func (k *kubelet) handle(ctx context.Context, key string) (time.Duration, error) {
	obj, exists, err := k.pods.GetByKey(key)
	if err != nil {
		return 0, err
	}
	if !exists {
		k.delays.forget(key)
		k.made.Delete(key)
		return 0, nil
	}
	pod := obj.(*corev1.Pod)
	left := k.delays.left(key, pod.UID, k.delay)
	made, _ := k.made.Load(key)
	switch {
	case pod.DeletionTimestamp != nil:
		err = k.finish(ctx, pod)
	case pod.Status.Phase == corev1.PodRunning && k.patience > 0:
		left, err = k.watchLauncher(ctx, pod)
	case made == pod.UID || pod.Status.Phase != corev1.PodPending:
		left = 0 // it has become ready, or somebody wants it to be otherwise
	case pod.Spec.NodeName == "":
		if err = k.bind(ctx, pod); err == nil && left <= 0 {
			err = k.makeReady(ctx, pod)
		}
	case left <= 0:
		err = k.makeReady(ctx, pod)
	}
	return max(left, 0), unlessGone(err)
}

// node is the one that a pod gets, each about as often as the others.
func (k *kubelet) node(pod *corev1.Pod) string {
	sum := fnv.New32a()
	sum.Write([]byte(pod.UID))
	return fmt.Sprintf("node%02d", sum.Sum32()%uint32(k.nodes)+1)
}

func (k *kubelet) bind(ctx context.Context, pod *corev1.Pod) error {
	return k.kube.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: k.node(pod)},
	}, metav1.CreateOptions{})
}

func (k *kubelet) makeReady(ctx context.Context, pod *corev1.Pod) error {
	moment := metav1.Now()
	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &moment}
	for _, condition := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized,
		corev1.ContainersReady, corev1.PodReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: condition, Status: corev1.ConditionTrue,
			LastTransitionTime: moment})
	}
	for _, container := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: moment}},
		})
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return err
	}
	_, err = k.kube.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{}, "status")
	if err == nil {
		k.made.Store(pod.Namespace+"/"+pod.Name, pod.UID)
	}
	return err
}

// watchLauncher ends a pod whose launcher has waited for too long for virt-handler to define its domain, which that does
// not do before the VMI is Scheduled. Returns how long it still waits.
func (k *kubelet) watchLauncher(ctx context.Context, pod *corev1.Pod) (time.Duration, error) {
	if pod.Status.StartTime == nil {
		return 0, nil
	}
	if left := k.patience - time.Since(pod.Status.StartTime.Time); left > 0 {
		return left, nil
	}
	object, err := k.objects.Resource(vmiResource).Namespace(pod.Namespace).Get(ctx, pod.Annotations["kubevirt.io/domain"],
		metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	if !slices.Contains([]string{"", phasePending, phaseScheduling, phaseWaitingForSync}, vmi{object}.phase()) {
		return 0, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID},
		"status": corev1.PodStatus{Phase: corev1.PodFailed, Message: "timed out waiting for the domain"}})
	if err != nil {
		return 0, err
	}
	_, err = k.kube.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{}, "status")
	return 0, err
}

// finish is the end of a pod whose containers have stopped.
func (k *kubelet) finish(ctx context.Context, pod *corev1.Pod) error {
	err := k.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)), Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	if apierrors.IsConflict(err) {
		return nil // another pod of this name, which has its own event
	}
	return err
}
