package ingest

import (
	"context"

	"github.com/sluicehq/sluice/ingest/request"
)

// putRevenue sets the amounts of an event that is a revenue goal of the site. The
// reporting amount is in the goal's currency, or nil if there is no rate.
func (r run) putRevenue(_ context.Context, e *Event) error {
	revenue := e.Request.Revenue
	reporting, goal := e.Site.RevenueGoals[e.Request.EventName]
	if revenue == nil || !goal {
		return nil
	}
	a := &e.EventAttributes
	a.RevenueSourceAmount, a.RevenueSourceCurrency = &revenue.Amount, revenue.Currency
	a.RevenueReportingCurrency = reporting
	converted, ok := r.data.Rates.Convert(revenue.Amount, revenue.Currency, reporting)
	if !ok {
		return nil
	}
	if converted, ok = request.Storable(converted); ok {
		a.RevenueReportingAmount = &converted
	}
	return nil
}
