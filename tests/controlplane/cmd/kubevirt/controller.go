package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

type controllerOptions struct {
	noAllocator bool
	noHandler   bool
	minCID      uint64
}

// controller is virt-controller, as far as it is about VMIs and their launcher pods.
type controller struct {
	*cluster
	vmis cache.Indexer
	pods cache.Indexer
	cids *cidMap // nil: does not allocate
	own  *awaited
}

func controllerFlags(f *flag.FlagSet, o *options) {
	workersFlag(f, o)
	handlerFlags(f, o)
	f.BoolVar(&o.controller.noAllocator, "no-allocator", false, "phases only: never write a VSOCKCID")
	f.BoolVar(&o.controller.noHandler, "no-handler", false, "leave virt-handler's part to a process of its own")
	f.Uint64Var(&o.controller.minCID, "min-cid", lowestCID,
		"draw from here up to 4294967295 only (KubeVirt: 3), so that its CIDs can be told from others")
}

func runController(ctx context.Context, o *options, ready func() error) error {
	if o.controller.minCID < lowestCID || o.controller.minCID >= math.MaxUint32 {
		return usageError{fmt.Errorf("--min-cid must be from %d to %d", lowestCID, uint32(math.MaxUint32-1))}
	}
	if err := negative(o.handler.boot); err != nil {
		return err
	}
	self, err := as(ctx, o, controllerAccount, "virt-controller")
	if err != nil {
		return err
	}
	c := &controller{cluster: self, own: newAwaited()}
	work := newLoop(c.handle)
	vmis := vmiInformer(c.objects, "")
	pods := podInformer(c.kube)
	if err := work.follow(vmis); err != nil {
		return err
	}
	if err := work.followBy(pods, c.podChanged); err != nil {
		return err
	}
	if err := startInformers(ctx, vmis, pods); err != nil {
		return err
	}
	c.vmis, c.pods = vmis.GetIndexer(), pods.GetIndexer()
	if !o.controller.noAllocator {
		c.cids = newCIDMap(uint32(o.controller.minCID))
		c.learnCIDs()
	}
	var all sync.WaitGroup
	all.Go(func() { work.run(ctx, o.workers) })
	if !o.controller.noHandler {
		h, err := startHandler(ctx, o)
		if err != nil {
			return err
		}
		all.Go(func() { h.run(ctx, o.workers) })
	}
	if err := ready(); err != nil {
		return err
	}
	all.Wait()
	return nil
}

// learnCIDs believes what all VMIs show, once: also what a tenant has put there.
func (c *controller) learnCIDs() {
	known := 0
	for _, obj := range c.vmis.List() {
		v := vmiIn(obj)
		if cid := v.cid(); cid >= 0 && cid <= math.MaxUint32 {
			c.cids.learn(v.key(), uint32(cid))
			known++
		}
	}
	log.Printf("started with %d CIDs of %d VMIs", known, len(c.vmis.List()))
}

// podChanged finds the VMI that a launcher pod belongs to.
func (c *controller) podChanged(obj any) (string, error) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return "", nil
	}
	key := ownerKey(pod)
	c.own.sawPod(key, pod.Labels[createdByLabel])
	return key, nil
}

func (c *controller) forget(key string) {
	c.own.forget(key)
	if c.cids == nil {
		return
	}
	if cid, had := c.cids.remove(key); had {
		log.Printf("%s is gone, and CID %d free", key, cid)
	}
}

// handle does all that is to be done for one VMI: first its pods, then its status.
func (c *controller) handle(ctx context.Context, key string) (time.Duration, error) {
	obj, exists, err := c.vmis.GetByKey(key)
	if err != nil {
		return 0, err
	}
	if !exists {
		c.forget(key)
		return 0, c.deletePods(ctx, key, func(*corev1.Pod) bool { return true })
	}
	old := vmiIn(obj)
	// Pods of a VMI of the same name that was there before: elsewhere the garbage collector would see to them.
	err = c.deletePods(ctx, key, func(pod *corev1.Pod) bool { return pod.Labels[createdByLabel] != string(old.GetUID()) })
	if err != nil || c.own.lagging(old) {
		return 0, err
	}
	pods := c.podsOf(key, func(pod *corev1.Pod) bool { return pod.Labels[createdByLabel] == string(old.GetUID()) })
	pod := current(pods)
	switch {
	case old.deleting():
		err = c.deletePods(ctx, key, func(*corev1.Pod) bool { return true })
	case pod == nil && needsPod(old):
		pod, err = c.createPod(ctx, old)
	}
	if err != nil {
		return 0, err
	}
	next := vmi{old.DeepCopy()}
	if err := c.advance(old, next, pod, pods); err != nil {
		return 0, err
	}
	return 0, c.write(ctx, old, next)
}

// write stores what has changed. A VMI that is Scheduled or Running is virt-handler's, so it is only patched.
func (c *controller) write(ctx context.Context, old, next vmi) error {
	if phase := old.phase(); phase == phaseScheduled || phase == phaseRunning {
		return c.patch(ctx, old, next)
	}
	if same(old, next) {
		return nil
	}
	written, err := next.put(ctx, c.objects)
	if err != nil {
		return unlessGone(err)
	}
	c.own.wrote(old, written)
	if next.phase() == phaseScheduled && next.cid() != written.cid() {
		log.Printf("%s: is %s with CID %d, not with %d", old.key(), written.phase(), written.cid(), next.cid())
	}
	return nil
}

// patch sends the fields that have changed, each only if it is as it was. What is not named is never touched.
func (c *controller) patch(ctx context.Context, old, next vmi) error {
	operations := changes(old, next)
	if len(operations) == 0 {
		return nil
	}
	written, err := c.objects.Resource(vmiResource).Namespace(old.GetNamespace()).Patch(ctx, old.GetName(),
		types.JSONPatchType, encode(operations), metav1.PatchOptions{})
	if err != nil {
		return unlessGone(err)
	}
	c.own.wrote(old, vmi{written})
	return nil
}
