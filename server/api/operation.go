package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/access"
)

// The extensions of an operation in the document.
const (
	// extensionPermission is the access.Permission that the operation needs, or its audience.
	extensionPermission = "x-sluice-permission"
	// extensionScope says how the sites of the caller limit it: the name of its reach.
	extensionScope = "x-sluice-scope"
	// extensionChanges says whether the operation changes something: then the audit has an entry of each change.
	extensionChanges = "x-sluice-changes"
	// extensionProblems lists the types of problems that it may answer with.
	extensionProblems = "x-sluice-problems"
)

// operation describes an operation. All fields of the first group are required.
type operation struct {
	// id names it in the document, in kebab case with the verb first: list-imports.
	id string
	// method and path are those of HTTP; the path is below Prefix.
	method, path string
	// tag is the resource, in the plural.
	tag string
	// summary says what it does, imperative, in one line without a period.
	summary string
	// need is the permission that the caller needs, reach how the caller's sites limit it. Both are required, unless
	// the operation has an audience instead.
	need  access.Permission
	reach reach

	// audience says who may call an operation that needs no permission: it is about the caller. Defaults to
	// principals with the permission.
	audience audience
	// reads means that the operation changes nothing although its method is not GET: it has a body. The audit has no
	// entry of it.
	reads bool

	// description says more, in Markdown.
	description string
	// status is that of success. Defaults to 200, or 204 without a body.
	status int
	// problems are the types of problems that it may answer with, beside those of every operation.
	problems []problemType
	// maxBody bounds the body, in bytes. Defaults to 1 MiB.
	maxBody int64
	// unbuffered means that the handler reads the body, or writes the answer, bit by bit. Such an operation takes no
	// Idempotency-Key.
	unbuffered bool
	// noKey means that it takes no Idempotency-Key: its answer has a secret, which is never kept, or its body, of which
	// the hash would be kept, or it takes long.
	noKey bool
	// responses replaces parts of what the document says about the answers.
	responses map[string]*huma.Response
	// request describes the body of an unbuffered POST.
	request *huma.RequestBody
}

// input is the input of an operation, with a body and no parameters of its own.
type input[T any] struct{ Body T }

// output is the answer of an operation, with a body and no headers of its own.
type output[T any] struct{ Body T }

// answer answers with a body, or with an error.
func answer[T any](body T, err error) (*output[T], error) {
	if err != nil {
		return nil, err
	}
	return &output[T]{body}, nil
}

// items is an answer with all there is of something, in one page.
type items[T any] struct {
	Body struct {
		Items []T `json:"items"`
	}
}

func itemsOf[T any](all []T) *items[T] {
	out := &items[T]{}
	out.Body.Items = all
	return out
}

// tagged is an answer with the state of a resource.
type tagged[T any] struct {
	ETag string `header:"ETag" doc:"Tag of what can be edited, for If-Match."`
	Body T
}

// answerTagged answers with the state of a resource and its tag, or with an error.
func answerTagged[T any](body T, etag string, err error) (*tagged[T], error) {
	if err != nil {
		return nil, err
	}
	return &tagged[T]{ETag: etag, Body: body}, nil
}

// created is an answer with a new resource.
type created[T any] struct {
	Location string `header:"Location" doc:"Path of the resource."`
	Body     T
}

// createdTagged is an answer with a new resource that can be edited.
type createdTagged[T any] struct {
	Location string `header:"Location" doc:"Path of the resource."`
	ETag     string `header:"ETag" doc:"Tag of what can be edited, for If-Match."`
	Body     T
}

// audience is who may call an operation that needs no permission.
type audience string

const (
	// audiencePrincipals is every principal.
	audiencePrincipals audience = "any"
	// audienceEverybody is of operations without authentication.
	audienceEverybody audience = "none"
)

// permission returns the value of extensionPermission.
func (o operation) permission() string { return cmp.Or(string(o.audience), string(o.need)) }

// scope returns the value of extensionScope.
func (o operation) scope() string {
	if o.audience != "" {
		return "none"
	}
	return o.reach.name
}

// defaultBody is the default of operation.maxBody, in bytes.
const defaultBody = 1 << 20

// validate panics on a mistake: an operation without authorisation must never be served.
func (o operation) validate() {
	for _, field := range []string{o.id, o.method, o.path, o.tag, o.summary} {
		if field == "" {
			panic(fmt.Sprintf("api: operation %q %s %q: id, method, path, tag and summary are required", o.id, o.method, o.path))
		}
	}
	switch o.audience {
	case "":
	case audiencePrincipals, audienceEverybody:
		if o.need != "" || o.reach.name != "" {
			panic(fmt.Sprintf("api: operation %s: an audience leaves out the permission and the reach", o.id))
		}
		if o.audience == audienceEverybody && o.repeatable() {
			panic(fmt.Sprintf("api: operation %s: without a principal, an Idempotency-Key has no owner", o.id))
		}
		return
	default:
		panic(fmt.Sprintf("api: operation %s: unknown audience %q", o.id, o.audience))
	}
	if o.need == access.PermissionRead && o.method != http.MethodGet && !o.reads {
		panic(fmt.Sprintf("api: operation %s: a change needs another permission than %s", o.id, o.need))
	}
	if !slices.Contains(access.Permissions(), o.need) {
		panic(fmt.Sprintf("api: operation %s: permission %q: want one of %v", o.id, o.need, access.Permissions()))
	}
	if o.reach.name == "" {
		panic(fmt.Sprintf("api: operation %s: its reach is missing", o.id))
	}
	if o.reach.parameter != "" && !strings.Contains(o.path, "{"+o.reach.parameter+"}") {
		panic(fmt.Sprintf("api: operation %s: reach %s needs {%s} in its path", o.id, o.reach.name, o.reach.parameter))
	}
}

// bodyLimit returns the limit of the body, in bytes.
func (o operation) bodyLimit() int64 { return cmp.Or(o.maxBody, defaultBody) }

// repeatable tells whether the operation takes an Idempotency-Key.
func (o operation) repeatable() bool {
	return o.method == http.MethodPost && !o.unbuffered && !o.noKey
}

// register adds an operation. Its handler runs once the caller is authenticated and has the permission on the site;
// the context has the principal. A handler only translates: its errors become problems.
func register[I, O any](a *API, o operation, handle func(ctx context.Context, in *I) (*O, error)) {
	o.validate()
	documented := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.description,
		Tags:          []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: o.bodyLimit() + 1, BodyReadTimeout: -1,
		Responses: o.responses, Security: []map[string][]string{{securityToken: {}}, {securitySession: {}}},
		Extensions: map[string]any{
			extensionPermission: o.permission(), extensionScope: o.scope(),
			extensionChanges: o.method != http.MethodGet && !o.reads,
		},
	}
	if o.audience == audienceEverybody {
		documented.Security = nil
	}
	if documented.Responses == nil {
		documented.Responses = map[string]*huma.Response{}
	}
	documented.Middlewares = huma.Middlewares{a.authorised(o)}
	if !o.unbuffered {
		documented.Middlewares = append(documented.Middlewares, a.buffered(o))
	}
	if o.repeatable() {
		documented.Middlewares = append(documented.Middlewares, a.idempotent(o))
		documented.Parameters = append(documented.Parameters, idempotencyParameter())
	}
	a.documentProblems(&documented, o)
	huma.Register(a.huma, documented, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
	if o.request != nil {
		// Described afterwards: huma would read a body that it knows of.
		a.huma.OpenAPI().Paths[o.path].Post.RequestBody = o.request
	}
}

// problemsOf returns the types of problems that an operation may answer with.
func problemsOf(o operation) []problemType {
	all := []problemType{problemCrossOrigin, problemInvalid, problemInternal, problemUnavailable, problemBusy}
	if o.audience != audienceEverybody {
		all = append(all, problemUnauthenticated)
	}
	if o.audience == "" {
		all = append(all, problemForbidden)
	}
	if strings.Contains(o.path, "{") || o.reach.parameter != "" {
		all = append(all, problemNotFound)
	}
	if o.method == http.MethodPost || o.method == http.MethodPut || o.method == http.MethodPatch {
		all = append(all, problemMalformed, problemTimeout, problemTooLarge, problemMediaType)
	}
	if o.repeatable() {
		all = append(all, problemKeyBusy, problemKeyLost, problemKeyReuse)
	}
	for _, t := range o.problems {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// documentProblems adds the problems of an operation to the document.
func (a *API) documentProblems(documented *huma.Operation, o operation) {
	var uris []string
	titles := map[int][]string{}
	for _, t := range problemsOf(o) {
		uris = append(uris, t.uri())
		titles[t.status] = append(titles[t.status], t.title)
	}
	slices.Sort(uris)
	documented.Extensions[extensionProblems] = uris
	for status, of := range titles {
		documented.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: strings.Join(of, ". ") + ".",
			Content:     map[string]*huma.MediaType{problemMedia: {Schema: a.problemSchema}},
		}
	}
}
