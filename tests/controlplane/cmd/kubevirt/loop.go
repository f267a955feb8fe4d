package main

import (
	"context"
	"errors"
	"log"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// loop is what all components that reconcile have in common: keys (namespace/name) in a queue, several workers, and
// for a key that failed another try later, each time after twice as long (5 ms to 1000 s, as KubeVirt's queues do).
// A key that changes is looked at at once, however long it still had to wait.
type loop struct {
	queue workqueue.TypedRateLimitingInterface[string]
	// handle does what is to be done about a key. again, if not 0, says when to look next without any change.
	handle func(ctx context.Context, key string) (again time.Duration, err error)
}

func newLoop(handle func(ctx context.Context, key string) (time.Duration, error)) *loop {
	limiter := workqueue.DefaultTypedControllerRateLimiter[string]()
	return &loop{queue: workqueue.NewTypedRateLimitingQueue(limiter), handle: handle}
}

// follow puts the key of each object that changes into the queue.
func (l *loop) follow(informer cache.SharedIndexInformer) error {
	return l.followBy(informer, cache.DeletionHandlingMetaNamespaceKeyFunc)
}

// followBy does so with the key that keyOf finds; "" is none.
func (l *loop) followBy(informer cache.SharedIndexInformer, keyOf func(obj any) (string, error)) error {
	add := func(obj any) {
		if key, err := keyOf(obj); err == nil && key != "" {
			l.queue.Add(key)
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    add,
		UpdateFunc: func(_, obj any) { add(obj) },
		DeleteFunc: add,
	})
	return err
}

// run works until ctx ends, and then waits for what is under way.
func (l *loop) run(ctx context.Context, workers int) {
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	l.queue.ShutDown()
	all.Wait()
}

func (l *loop) next(ctx context.Context) bool {
	key, end := l.queue.Get()
	if end {
		return false
	}
	defer l.queue.Done(key)
	if ctx.Err() != nil {
		return true
	}
	again, err := l.handle(ctx, key)
	switch {
	case err != nil:
		l.queue.AddRateLimited(key)
		if ctx.Err() == nil {
			log.Printf("%s: try %d: %v", key, l.queue.NumRequeues(key), err)
		}
	case again > 0:
		l.queue.AddAfter(key, again)
	default:
		l.queue.Forget(key)
	}
	return true
}

// withoutManagedFields keeps the caches small. A PUT without them leaves them as they are.
func withoutManagedFields(obj any) (any, error) {
	if object, err := meta.Accessor(obj); err == nil {
		object.SetManagedFields(nil)
	}
	return obj, nil
}

// startInformers returns when all of them know everything.
func startInformers(ctx context.Context, informers ...cache.SharedIndexInformer) error {
	for _, informer := range informers {
		go informer.RunWithContext(ctx)
	}
	return wait.PollUntilContextCancel(ctx, 5*time.Millisecond, true, func(context.Context) (bool, error) {
		for _, informer := range informers {
			if !informer.HasSynced() {
				return false, nil
			}
		}
		return true, nil
	})
}

// delays lets things happen some time after an object was first asked about.
type delays struct {
	mu    sync.Mutex
	first map[string]firstSeen
}

type firstSeen struct {
	uid types.UID
	at  time.Time
}

// left is what is left of d for the object; 0 or less: it is time.
func (d *delays) left(key string, uid types.UID, delay time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.first[key]
	if seen.uid != uid {
		if d.first == nil {
			d.first = map[string]firstSeen{}
		}
		seen = firstSeen{uid, time.Now()}
		d.first[key] = seen
	}
	return delay - time.Since(seen.at)
}

func (d *delays) forget(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.first, key)
}

// negative refuses options that no clock can do.
func negative(d time.Duration) error {
	if d < 0 {
		return usageError{errors.New("a duration is negative")}
	}
	return nil
}
