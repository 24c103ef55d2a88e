// Each goroutine that waits in a system call holds a thread.
package main

import (
	"fmt"
	"sync"
	"syscall"
	"time"
)

func main() {
	var wg sync.WaitGroup
	for i := 0; i < 40; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			t := syscall.NsecToTimespec(int64(50 * time.Millisecond))
			_ = syscall.Nanosleep(&t, nil)
		}()
	}
	wg.Wait()
	fmt.Println("done")
}
