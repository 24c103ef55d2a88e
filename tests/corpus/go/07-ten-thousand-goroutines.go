package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum, c := 0, make(chan int)
	for i := 0; i < 10000; i++ {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			mu.Lock()
			sum += n
			mu.Unlock()
		}(i)
	}
	wg.Wait()
	go func() {
		defer close(c)
		for i := 0; i < 3; i++ {
			c <- i * i
		}
	}()
	for v := range c {
		fmt.Println(v)
	}
	fmt.Println(sum)
}
