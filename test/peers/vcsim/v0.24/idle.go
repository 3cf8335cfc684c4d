package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
)

func expireAfter(_ *simulator.Model, seconds int) {
	simulator.SessionIdleTimeout = time.Duration(seconds) * time.Second
}
