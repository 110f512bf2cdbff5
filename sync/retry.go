package sync

import (
	"context"
	"time"
)

// Retry reads records again by their keys and delivers them.
type Retry struct {
	// Fetcher, Writer, Mapping, List and Wait are required.
	Fetcher Fetcher
	Writer  Writer
	Mapping *Mapping
	List    string
	Wait    func(ctx context.Context, d time.Duration) error
}

// RetryResult says what became of the keys of a retry, each of which is in one of the lists.
type RetryResult struct {
	Delivered []string
	// Consents are those of the delivered records.
	Consents map[string]Consent
	// Gone are records that do not exist any more.
	Gone    []string
	Rejects []Reject
}

// Do retries records.
func (r *Retry) Do(ctx context.Context, keys []string) (RetryResult, error) {
	result := RetryResult{Consents: map[string]Consent{}}
	var fetched []string
	b := &batch{write: r.Writer.Write, wait: r.Wait}
	for _, key := range keys {
		page, err := retry(ctx, r.Wait, func() (Page, error) { return r.Fetcher.Fetch(ctx, r.List, key) })
		switch {
		case err != nil:
			return RetryResult{}, err
		case len(page.Rejects) > 0:
			page.Rejects[0].Key = key
			result.Rejects = append(result.Rejects, page.Rejects[0])
			continue
		case len(page.Records) == 0:
			result.Gone = append(result.Gone, key)
			continue
		}
		i := &item{}
		if i.body, err = r.Mapping.Map(page.Records[0].Data); err != nil {
			i.reject(StageMap, err.Error())
		}
		b.items, fetched = append(b.items, i), append(fetched, key)
	}
	if err := b.deliver(ctx); err != nil {
		return RetryResult{}, err
	}
	for n, i := range b.items {
		if i.rejected {
			result.Rejects = append(result.Rejects, Reject{Key: fetched[n], Stage: i.stage, Reason: i.reason})
			continue
		}
		result.Delivered = append(result.Delivered, fetched[n])
		result.Consents[fetched[n]] = consentOf(r.Writer, i.body)
	}
	return result, nil
}
