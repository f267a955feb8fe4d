package main

import (
	"context"
	"flag"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

type handlerOptions struct {
	boot time.Duration
}

// handler is virt-handler, of all nodes at once. It replaces whole VMIs, so that it carries the CID along that its
// cache shows.
type handler struct {
	objects dynamic.Interface
	vmis    cache.Indexer
	boot    time.Duration
	delays  delays
	own     *awaited
}

func handlerFlags(f *flag.FlagSet, o *options) {
	if o.workers == 0 {
		workersFlag(f, o)
	}
	f.DurationVar(&o.handler.boot, "boot", 200*time.Millisecond, "how long a VMI is Scheduled before it is Running")
}

func runHandler(ctx context.Context, o *options, ready func() error) error {
	if err := negative(o.handler.boot); err != nil {
		return err
	}
	work, err := startHandler(ctx, o)
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		return err
	}
	work.run(ctx, o.workers)
	return nil
}

// startHandler returns what is to be run when the caches are filled.
func startHandler(ctx context.Context, o *options) (*loop, error) {
	self, err := as(ctx, o, handlerAccount, "virt-handler")
	if err != nil {
		return nil, err
	}
	h := &handler{objects: self.objects, boot: o.handler.boot, own: newAwaited()}
	work := newLoop(h.handle)
	vmis := vmiInformer(h.objects, nodeNameLabel)
	if err := work.follow(vmis); err != nil {
		return nil, err
	}
	h.vmis = vmis.GetIndexer()
	return work, startInformers(ctx, vmis)
}

func (h *handler) handle(ctx context.Context, key string) (time.Duration, error) {
	obj, exists, err := h.vmis.GetByKey(key)
	if err != nil {
		return 0, err
	}
	if !exists {
		h.delays.forget(key)
		h.own.forget(key)
		return 0, nil
	}
	old := vmiIn(obj)
	if h.own.lagging(old) {
		return 0, nil
	}
	v := vmi{old.DeepCopy()}
	switch phase := v.phase(); {
	case phase == phaseScheduled && v.deleting():
		v.setPhase(phaseFailed) // it never ran
	case phase == phaseRunning && v.deleting():
		v.setPhase(phaseSucceeded)
	case phase == phaseScheduled:
		if left := h.delays.left(key, v.GetUID(), h.boot); left > 0 {
			return left, nil
		}
		v.setPhase(phaseRunning)
	default:
		return 0, nil
	}
	written, err := v.put(ctx, h.objects)
	if err != nil {
		return 0, unlessGone(err)
	}
	h.own.wrote(old, written)
	return 0, nil
}
