// The limit is 32 MiB. The bare program ends by itself, so only what was printed before can be compared.
package main

import "fmt"

func main() {
	fmt.Println("before")
	var keep [][]byte
	for i := 0; i < 10; i++ {
		b := make([]byte, 20_000_000)
		for j := range b {
			b[j] = byte(j)
		}
		keep = append(keep, b)
	}
	fmt.Println("after", len(keep))
}
