// The package is the directory of the entry: its other files are in it, tests and other directories are not.
package main

import "fmt"

func main() {
	fmt.Println(greeting("package"), answer)
}
