package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

const (
	vmis         = "virtualmachineinstances"
	kubeVirts    = "kubevirts"
	writeTimeout = 30 * time.Second
)

type peer struct {
	client     *rest.RESTClient
	vmis       cache.SharedIndexInformer
	cids       *cids
	queue      workqueue.TypedRateLimitingInterface[string]
	ignoreGate bool
	gate       atomic.Bool
}

func newPeer(client *rest.RESTClient, ignoreGate bool) (*peer, error) {
	informer, err := newInformer(client, vmis, &VirtualMachineInstance{})
	return &peer{
		client:     client,
		vmis:       informer,
		cids:       newCIDs(),
		ignoreGate: ignoreGate,
		queue:      workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}, err
}

func newInformer(client *rest.RESTClient, resource string, example runtime.Object) (cache.SharedIndexInformer, error) {
	request := func(options *metav1.ListOptions) *rest.Request {
		return client.Get().Resource(resource).VersionedParams(options, metav1.ParameterCodec)
	}
	informer := cache.NewSharedIndexInformerWithOptions(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return request(&options).Do(ctx).Get()
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			return request(&options).Watch(ctx)
		},
	}, example, cache.SharedIndexInformerOptions{})
	return informer, informer.SetTransform(drop)
}

// drop removes what only the reflector needs. All the rest that is not needed is not in the types.
func drop(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetAnnotations(nil)
	}
	return obj, nil
}

// run returns when ctx ends, or at once where it cannot start.
func (p *peer) run(ctx context.Context, workers int) error {
	handled, err := p.vmis.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { p.see(obj.(*VirtualMachineInstance)) },
		UpdateFunc: func(_, obj any) { p.see(obj.(*VirtualMachineInstance)) },
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

func (p *peer) see(v *VirtualMachineInstance) {
	if v.Status.VSOCKCID != 0 {
		p.cids.show(v.UID, v.Status.VSOCKCID)
	} else if v.waits() && p.open() {
		p.queue.Add(v.Namespace + "/" + v.Name)
	}
}

func (p *peer) forget(obj any) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	if v, ok := obj.(*VirtualMachineInstance); ok {
		p.cids.remove(v.UID)
	}
}

func (p *peer) open() bool {
	return p.ignoreGate || p.gate.Load()
}

// followGate keeps p.gate: on while any KubeVirt CR has the gate. When it comes on, all that waits is queued.
func (p *peer) followGate(ctx context.Context) error {
	informer, err := newInformer(p.client, kubeVirts, &KubeVirt{})
	if err != nil {
		return err
	}
	look := func() {
		on := false
		for _, obj := range informer.GetStore().List() {
			gates := obj.(*KubeVirt).Spec.Configuration.DeveloperConfiguration.FeatureGates
			on = on || slices.Contains(gates, "VSOCK")
		}
		if p.gate.Swap(on) || !on {
			return
		}
		for _, obj := range p.vmis.GetStore().List() {
			p.see(obj.(*VirtualMachineInstance))
		}
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { look() },
		UpdateFunc: func(_, _ any) { look() },
		DeleteFunc: func(any) { look() },
	})
	go informer.RunWithContext(ctx)
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
	if err != nil || !exists {
		return err
	}
	v := obj.(*VirtualMachineInstance)
	if !v.waits() || !p.open() {
		return nil
	}
	cid, due := p.cids.draw(v.UID)
	if !due {
		return nil
	}
	got, err := p.write(ctx, v, cid)
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		p.cids.remove(v.UID) // gone, or another object of that name: the watch says so, too
		return nil
	}
	if err != nil {
		return err
	}
	if got.Status.VSOCKCID == 0 {
		return fmt.Errorf("the answer has no CID")
	}
	p.cids.wrote(v.UID, got.Status.VSOCKCID)
	return nil
}

// write merges the CID in. The uid makes the server refuse it (422) where the name is another object's by now.
func (p *peer) write(ctx context.Context, v *VirtualMachineInstance, cid uint32) (*VirtualMachineInstance, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	body := make([]byte, 0, 128)
	body = append(body, `{"metadata":{"uid":"`...)
	body = append(body, v.UID...)
	body = append(body, `"},"status":{"VSOCKCID":`...)
	body = strconv.AppendUint(body, uint64(cid), 10)
	body = append(body, `}}`...)
	var got VirtualMachineInstance
	err := p.client.Patch(types.MergePatchType).Namespace(v.Namespace).Resource(vmis).Name(v.Name).
		Body(body).Do(ctx).Into(&got)
	return &got, err
}
