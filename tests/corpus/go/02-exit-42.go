package main

import "os"

func main() {
	defer println("never")
	os.Exit(42)
}
