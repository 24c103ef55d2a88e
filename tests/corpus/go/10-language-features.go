package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
)

type Shape interface{ Area() float64 }
type Square struct{ Side float64 }

func (s Square) Area() float64 { return s.Side * s.Side }

func Map[T, U any](in []T, f func(T) U) (out []U) {
	for _, v := range in {
		out = append(out, f(v))
	}
	return
}

func main() {
	var s Shape = Square{3}
	fmt.Printf("%v %+v %#v %T %.2f\n", s, s, s, s, s.Area())
	m := map[string]int{"b": 2, "a": 1}
	keys := make([]string, 0)
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	j, _ := json.Marshal(struct {
		A []int          `json:"a"`
		M map[string]int `json:"m"`
	}{[]int{1, 2}, m})
	fmt.Println(keys, string(j), Map([]int{1, 2}, func(n int) string { return strings.Repeat("x", n) }), len("ünï"), []rune("ünï→😀"))
	for i, r := range "ü→" {
		fmt.Println(i, string(r))
	}
	fmt.Println(-7/2, -7%3, 1<<62, time.Unix(0, 0).UTC().Format(time.RFC3339), time.Duration(90)*time.Minute)
	switch x := any(5).(type) {
	case int:
		fmt.Println("int", x)
	}
}
