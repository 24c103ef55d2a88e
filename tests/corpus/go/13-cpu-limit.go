package main

func main() {
	println("before")
	for {
	}
}
