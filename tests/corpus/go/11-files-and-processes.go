package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	fmt.Println(os.MkdirAll("sub/dir", 0o755), os.WriteFile("sub/dir/f", []byte("one\n"), 0o644))
	b, err := os.ReadFile("sub/dir/f")
	fmt.Printf("%q %v\n", b, err)
	_, err = os.Open("missing")
	fmt.Println(err, os.TempDir(), os.Getenv("HOME"))
	c := exec.Command("sh", "-c", "cat; exit 3")
	c.Stdin = strings.NewReader("through cat")
	out, err := c.Output()
	fmt.Printf("%s %v\n", out, err)
}
