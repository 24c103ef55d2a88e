package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("hello world", len(os.Args))
	for _, a := range os.Args[1:] {
		fmt.Printf("%q\n", a)
	}
	fmt.Fprintln(os.Stderr, "to stderr")
}
