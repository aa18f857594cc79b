//go:build !linux

package live

import "runtime"

// bringUp is the command that makes an interface ready.
func bringUp(name string) string {
	if runtime.GOOS == "windows" {
		return `netsh interface set interface "` + name + `" enabled`
	}
	return "sudo ifconfig " + name + " up"
}
