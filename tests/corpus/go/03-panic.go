package main

import (
	"errors"
	"fmt"
)

func inner(n int) { panic(fmt.Errorf("went wrong: %w", errors.New("because"))) }

func main() {
	defer fmt.Println("deferred")
	func() {
		defer func() { fmt.Println("recovered", recover()) }()
		var m map[string]int
		m["x"] = 1
	}()
	inner(1)
}
