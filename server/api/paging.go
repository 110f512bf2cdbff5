package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/sluicehq/sluice/access"
)

// Page is the input of an operation that lists.
type Page struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items."`
	After string `query:"after" maxLength:"1000" doc:"Cursor of the page before: the parameter of its link next."`
}

// List is a page of a list.
type List[T any] struct {
	Link string `header:"Link" doc:"Link to the next page, with rel=next; absent on the last page."`
	Body struct {
		Items []T    `json:"items" maxItems:"200"`
		Next  string `json:"next,omitempty" doc:"Path and query of the next page; absent on the last page."`
	}
}

// cursorVersion changes with the meaning of cursors.
const cursorVersion = 1

// cursor is the content of a cursor. It is opaque to clients.
type cursor struct {
	Version int `json:"v"`
	// Of is the operation.
	Of string `json:"o"`
	// Key is the key of the last item.
	Key json.RawMessage `json:"k"`
}

// key reads the cursor into key, which keeps its value for the first page.
func (p Page) key(operation string, key any) error {
	if p.After == "" {
		return nil
	}
	wrong := invalidParameter("after", "want a cursor of this operation, as in the link next of a page")
	data, err := base64.RawURLEncoding.DecodeString(p.After)
	if err != nil {
		return wrong
	}
	var c cursor
	if err := json.Unmarshal(data, &c); err != nil || c.Version != cursorVersion || c.Of != operation {
		return wrong
	}
	if err := json.Unmarshal(c.Key, key); err != nil {
		return wrong
	}
	return nil
}

// paged answers a list. read returns up to limit items behind the key after, which is zero for the first page: limit is
// one more than a page has, so that another page shows. keyOf returns the key of an item. Keys are in JSON.
func paged[T, K any](
	ctx context.Context, p Page, read func(after K, limit int) ([]T, error), keyOf func(T) K,
) (*List[T], error) {
	operation := operationOf(ctx)
	var after K
	if err := p.key(operation, &after); err != nil {
		return nil, err
	}
	items, err := read(after, p.Limit+1)
	if err != nil {
		return nil, err
	}
	list := &List[T]{}
	if items == nil {
		items = []T{}
	}
	list.Body.Items = items
	if len(items) <= p.Limit {
		return list, nil
	}
	list.Body.Items = items[:p.Limit]
	key, err := json.Marshal(keyOf(items[p.Limit-1]))
	if err != nil {
		return nil, fmt.Errorf("encode a cursor: %w", err)
	}
	data, err := json.Marshal(cursor{Version: cursorVersion, Of: operation, Key: key})
	if err != nil {
		return nil, fmt.Errorf("encode a cursor: %w", err)
	}
	list.Body.Next = nextOf(requestOf(ctx).url, base64.RawURLEncoding.EncodeToString(data))
	list.Link = "<" + list.Body.Next + `>; rel="next"`
	return list, nil
}

// scopedPage is paged for an operation with reachSome: read is limited to the sites of the caller.
func scopedPage[T, K any](
	ctx context.Context, p Page, read func(scope access.Scope, after K, limit int) ([]T, error), keyOf func(T) K,
) (*List[T], error) {
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	if err != nil {
		return nil, err
	}
	return paged(ctx, p, func(after K, limit int) ([]T, error) { return read(scope, after, limit) }, keyOf)
}

// namedPage is paged for items that are read at once, sorted by name: there are few.
func namedPage[T any](ctx context.Context, p Page, all []T, nameOf func(T) string) (*List[T], error) {
	return paged(ctx, p, func(after string, limit int) ([]T, error) {
		from := 0
		for from < len(all) && after != "" && nameOf(all[from]) <= after {
			from++
		}
		rest := all[from:]
		return rest[:min(len(rest), limit)], nil
	}, nameOf)
}

// nextOf returns the path and query of the page after a cursor.
func nextOf(of *url.URL, cursor string) string {
	query := of.Query()
	query.Set("after", cursor)
	next := url.URL{Path: of.Path, RawPath: of.RawPath, RawQuery: query.Encode()}
	return next.String()
}
