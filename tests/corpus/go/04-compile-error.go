package main

import (
	"fmt"
	"os"
)

func main() {
	var x int = "text"
	undefined()
}
