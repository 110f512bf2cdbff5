package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
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

// after reads a cursor of an operation into key, which keeps its value for the first page.
func (p Page) after(operation string, key any) error {
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

// paged returns a page: the first limit items of those that were read, one more than that if there is another page.
// keyOf returns the key of an item, in JSON.
func paged[T any](ctx context.Context, p Page, operation string, items []T, keyOf func(T) any) (*List[T], error) {
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

// nextOf returns the path and query of the page after a cursor.
func nextOf(of *url.URL, cursor string) string {
	query := of.Query()
	query.Set("after", cursor)
	next := url.URL{Path: of.Path, RawPath: of.RawPath, RawQuery: query.Encode()}
	return next.String()
}
