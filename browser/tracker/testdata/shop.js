// A page that uses the tracker as its documentation says.
import { init, track } from '@plausible-analytics/tracker'

const { domain, endpoint } = document.documentElement.dataset

init({ domain, endpoint, outboundLinks: true, fileDownloads: true, formSubmissions: true })

function on(event, id, act) {
  document.getElementById(id).addEventListener(event, act)
}

on('click', 'subscribe', () => track('Signup', { props: { plan: 'pro', seats: 3 } }))
on('click', 'buy', () => track('Purchase', { revenue: { amount: 1299.95, currency: 'EUR' } }))
// The test stays on the page.
on('click', 'prices', (event) => event.preventDefault())
on('submit', 'contact', (event) => event.preventDefault())
// A single-page application changes the address by itself.
on('click', 'pricing', () => history.pushState({}, '', '/pricing?from=shop'))
