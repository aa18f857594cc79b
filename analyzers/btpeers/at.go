package btpeers

// At is item i of list, which grows to hold it: what a question keeps of each
// swarm, peer or connection lies at its number.
func At[T any](list *[]T, i int) *T {
	for len(*list) <= i {
		var none T
		*list = append(*list, none)
	}
	return &(*list)[i]
}

// Made is At for items that are made when they are first wanted, and stay where
// they are while the list grows.
func Made[T any](list *[]*T, i int) *T {
	p := At(list, i)
	if *p == nil {
		*p = new(T)
	}
	return *p
}
