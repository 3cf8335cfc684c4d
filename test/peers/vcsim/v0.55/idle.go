package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func expireAfter(model *simulator.Model, seconds int) {
	if seconds == 0 {
		return
	}
	options := model.Map().OptionManager()
	options.Setting = append(options.Setting, &types.OptionValue{
		Key: "config.vmacore.soap.sessionTimeout", Value: fmt.Sprintf("%ds", seconds),
	})
}
