package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	virtv1 "kubevirt.io/api/core/v1"
)

const (
	vmis         = "virtualmachineinstances"
	kubeVirts    = "kubevirts"
	writeTimeout = 30 * time.Second
)

type peer struct {
	client     *rest.RESTClient
	vmis       cache.SharedIndexInformer
	kubeVirts  cache.SharedIndexInformer
	cids       *cids
	queue      workqueue.TypedRateLimitingInterface[string]
	ignoreGate bool
	gate       atomic.Bool
}

func newPeer(client *rest.RESTClient, ignoreGate bool) (*peer, error) {
	vmiInformer, err := newInformer(client, vmis, &virtv1.VirtualMachineInstance{})
	if err != nil {
		return nil, err
	}
	kubeVirtInformer, err := newInformer(client, kubeVirts, &virtv1.KubeVirt{})
	return &peer{
		client:     client,
		vmis:       vmiInformer,
		kubeVirts:  kubeVirtInformer,
		cids:       newCIDs(),
		ignoreGate: ignoreGate,
		queue:      workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}, err
}

func newInformer(client *rest.RESTClient, resource string, example runtime.Object) (cache.SharedIndexInformer, error) {
	source := cache.NewListWatchFromClient(client, resource, metav1.NamespaceAll, fields.Everything())
	informer := cache.NewSharedIndexInformerWithOptions(source, example, cache.SharedIndexInformerOptions{})
	return informer, informer.SetTransform(dropManagedFields)
}

func dropManagedFields(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return obj, nil
}

// run returns when ctx ends, or at once where it cannot start.
func (p *peer) run(ctx context.Context, workers int) error {
	handled, err := p.vmis.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    p.see,
		UpdateFunc: func(_, obj any) { p.see(obj) },
		DeleteFunc: p.forget,
	})
	if err != nil {
		return err
	}
	go p.vmis.RunWithContext(ctx)
	if !p.ignoreGate {
		if err := p.followGate(ctx); err != nil {
			return err
		}
	}
	if !cache.WaitFor(ctx, "", handled.HasSyncedChecker()) {
		return nil
	}
	fmt.Printf("ready %d\n", len(p.vmis.GetStore().ListKeys()))
	for range workers {
		go p.work(ctx)
	}
	<-ctx.Done()
	return nil
}

func (p *peer) see(obj any) {
	vmi := obj.(*virtv1.VirtualMachineInstance)
	key := cache.MetaObjectToName(vmi).String()
	if vmi.Status.VSOCKCID != nil {
		p.cids.learn(key, *vmi.Status.VSOCKCID)
	} else if p.open() && waits(vmi) {
		p.queue.Add(key)
	}
}

// forget leaves it to a worker to free the CID, so that no write of the same VMI is under way.
func (p *peer) forget(obj any) {
	if name, err := cache.DeletionHandlingObjectToName(obj); err == nil {
		p.queue.Add(name.String())
	}
}

// waits is true for a VMI that is to be given a CID: it wants one, has none, is not being deleted and has not started.
func waits(vmi *virtv1.VirtualMachineInstance) bool {
	wants := vmi.Spec.Domain.Devices.AutoattachVSOCK
	if wants == nil || !*wants || vmi.Status.VSOCKCID != nil || vmi.DeletionTimestamp != nil {
		return false
	}
	switch vmi.Status.Phase {
	case virtv1.VmPhaseUnset, virtv1.Pending, virtv1.Scheduling:
		return true
	}
	return false
}

func (p *peer) open() bool {
	return p.ignoreGate || p.gate.Load()
}

func hasGate(kubeVirt *virtv1.KubeVirt) bool {
	config := kubeVirt.Spec.Configuration.DeveloperConfiguration
	return config != nil && slices.Contains(config.FeatureGates, "VSOCK")
}

// followGate keeps p.gate: on while any KubeVirt CR has the gate. When it comes on, all that waits is queued.
func (p *peer) followGate(ctx context.Context) error {
	look := func() {
		on := false
		for _, obj := range p.kubeVirts.GetStore().List() {
			on = on || hasGate(obj.(*virtv1.KubeVirt))
		}
		if p.gate.Swap(on) || !on {
			return
		}
		for _, obj := range p.vmis.GetStore().List() {
			p.see(obj)
		}
	}
	_, err := p.kubeVirts.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { look() },
		UpdateFunc: func(_, _ any) { look() },
		DeleteFunc: func(any) { look() },
	})
	go p.kubeVirts.RunWithContext(ctx)
	return err
}

func (p *peer) work(ctx context.Context) {
	for {
		key, quit := p.queue.Get()
		if quit {
			return
		}
		if err := p.serve(ctx, key); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "peer-go: %s: %v\n", key, err)
			p.queue.AddRateLimited(key)
		} else {
			p.queue.Forget(key)
		}
		p.queue.Done(key)
	}
}

func (p *peer) serve(ctx context.Context, key string) error {
	obj, exists, err := p.vmis.GetStore().GetByKey(key)
	if err != nil {
		return err
	}
	if !exists {
		p.cids.remove(key)
		return nil
	}
	vmi := obj.(*virtv1.VirtualMachineInstance)
	if !waits(vmi) || !p.open() {
		return nil
	}
	cid, err := p.cids.allocate(key)
	if err != nil {
		return err
	}
	got, err := p.write(ctx, vmi, cid)
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		return nil // gone, or another object of that name: the watch will say so
	}
	if err != nil {
		return err
	}
	if got.Status.VSOCKCID == nil {
		return errors.New("the answer has no CID")
	}
	p.cids.learn(key, *got.Status.VSOCKCID)
	return nil
}

// write merges the CID in. The uid makes the server refuse it (422) where the name is another object's by now.
func (p *peer) write(ctx context.Context, vmi *virtv1.VirtualMachineInstance, cid uint32) (*virtv1.VirtualMachineInstance, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q},"status":{"VSOCKCID":%d}}`, vmi.UID, cid)
	got := &virtv1.VirtualMachineInstance{}
	err := p.client.Patch(types.MergePatchType).Namespace(vmi.Namespace).Resource(vmis).Name(vmi.Name).
		Body(patch).Do(ctx).Into(got)
	return got, err
}
