// What the clients of the matrix have in common: the calls of each story, and what they came to.
// PROGRAM STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
)

// The file of the authority, or none.
func authority() string {
	if len(os.Args) > 5 {
		return os.Args[5]
	}
	return ""
}

// `call` makes the i-th call of a story, and says in a word what it came to.
func tell(call func(story string, i int) string) {
	atOnce, _ := strconv.Atoi(os.Args[3])
	told := map[string]map[string]int{}
	for _, part := range strings.Split(os.Args[1], ",") {
		story, count, _ := strings.Cut(part, ":")
		calls, _ := strconv.Atoi(count)
		told[story] = tellOne(calls, atOnce, func(i int) string { return call(story, i) })
	}
	json.NewEncoder(os.Stdout).Encode(told)
}

func tellOne(calls, atOnce int, call func(i int) string) map[string]int {
	outcomes := map[string]int{}
	var lock sync.Mutex
	var group sync.WaitGroup
	next := make(chan int)
	for w := 0; w < atOnce; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range next {
				word := call(i)
				lock.Lock()
				outcomes[word]++
				lock.Unlock()
			}
		}()
	}
	for i := 0; i < calls; i++ {
		next <- i
	}
	close(next)
	group.Wait()
	return outcomes
}
