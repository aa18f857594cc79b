package decoders

// HintHTTP is handed over with the Open for what an HTTP exchange carries: the
// client's bytes of that stream are the target of the request, the server's
// the body of its response without its codings. A body whose end, or a part,
// was not captured ends with another reason than events.EndFIN.
type HintHTTP struct {
	Method     string
	Host       string
	FirstFrame uint64 `json:"first_frame"` // of the request
}
