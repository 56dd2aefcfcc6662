package main

import (
	"math/rand"
	"time"
)

// measureMachine measures how long this machine takes to follow a pointer in 8 MiB, which its caches near the processor do
// not hold. On a machine that is shared with others this changes by half within minutes, and all figures with it: it tells whether
// two runs can be compared.
func measureMachine(r *report, when string) {
	const steps = 1_000_000
	next := ring(2 << 20)
	begun, at := time.Now(), int32(0)
	for range steps {
		at = next[at]
	}
	took := time.Since(begun)
	if at < 0 { // never: without a use, the loop could be left out
		say("the ring is broken")
	}
	r.add(figure{Name: "this machine, " + when + ": one random read of 8 MiB", Value: float64(took.Nanoseconds()) / steps, Unit: "ns"})
}

// ring returns numbers of which each says where the next one is, in an order that cannot be foreseen, through all n.
func ring(n int) []int32 {
	order, next := rand.Perm(n), make([]int32, n)
	for i, at := range order {
		next[at] = int32(order[(i+1)%n])
	}
	return next
}
