package jobsbench

import "fmt"

// How figures are written.
const (
	milliseconds1 = "%.1f ms"
	milliseconds2 = "%.2f ms"
	seconds1      = "%.1f s"
	quotient      = "%.2f"
	whole         = "%.0f"
)

// rows are the table.
func rows(cfg Config, r Result) []row {
	return []row{
		{fmt.Sprintf("%.0f jobs a second", cfg.Rate), figuresOf("latency", r.Latency, latencyFigures())},
		{fmt.Sprintf("%d jobs have piled up", cfg.Burn), figuresOf("burn_down", r.Burn, burnFigures())},
		{
			fmt.Sprintf("%d destinations, %.0f jobs a second", lanes, cfg.LaneRate),
			figuresOf("isolation", r.Isolation, isolationFigures()),
		},
	}
}

func latencyFigures() []oneFigure[Latency] {
	return []oneFigure[Latency]{
		{"p50_ms", "due to delivered, p50", milliseconds1, func(l Latency) float64 { return l.Delay.P50 }},
		{"p99_ms", "due to delivered, p99", milliseconds1, func(l Latency) float64 { return l.Delay.P99 }},
		{"max_ms", "due to delivered, most", milliseconds1, func(l Latency) float64 { return l.Delay.Max }},
		{"enqueued_p50_ms", "due to enqueued, p50", milliseconds1, func(l Latency) float64 { return l.Enqueued.P50 }},
		{"enqueued_p99_ms", "due to enqueued, p99", milliseconds1, func(l Latency) float64 { return l.Enqueued.P99 }},
		{"delivered", "delivered", whole, func(l Latency) float64 { return float64(l.Delivered) }},
		{"doubles", "delivered again", whole, func(l Latency) float64 { return float64(l.Doubles) }},
		{
			"enqueuer_ms", "processor, who enqueues, a job", milliseconds2,
			func(l Latency) float64 { return l.Used.Enqueuer },
		},
		{"worker_ms", "processor, worker, a job", milliseconds2, func(l Latency) float64 { return l.Used.Worker }},
		{"sum_ms", "processor, with engines, a job", milliseconds2, func(l Latency) float64 { return l.Used.Sum }},
	}
}

func burnFigures() []oneFigure[BurnDown] {
	return []oneFigure[BurnDown]{
		{"jobs_per_second", "jobs a second", whole, func(d BurnDown) float64 { return d.PerSecond }},
		{"seconds", "the sink has all", seconds1, func(d BurnDown) float64 { return d.Seconds }},
		{"settled_s", "the store knows of all", seconds1, func(d BurnDown) float64 { return d.Settled }},
		{"enqueueing_s", "enqueueing before", seconds1, func(d BurnDown) float64 { return d.Enqueueing }},
		{"delivered", "delivered", whole, func(d BurnDown) float64 { return float64(d.Delivered) }},
		{"doubles", "delivered again", whole, func(d BurnDown) float64 { return float64(d.Doubles) }},
		{"worker_ms", "processor, worker, a job", milliseconds2, func(d BurnDown) float64 { return d.Used.Worker }},
		{"sum_ms", "processor, with engines, a job", milliseconds2, func(d BurnDown) float64 { return d.Used.Sum }},
	}
}

func isolationFigures() []oneFigure[Isolation] {
	return []oneFigure[Isolation]{
		{"well_p99_ms", "p99 of nine, all well", milliseconds1, func(i Isolation) float64 { return i.Well.Delay.P99 }},
		{
			"hanging_p99_ms", "p99 of nine, one hangs", milliseconds1,
			func(i Isolation) float64 { return i.Hanging.Delay.P99 },
		},
		{"p99_ratio", "p99, one hangs to all well", quotient, func(i Isolation) float64 { return i.Ratio }},
		{
			"delivered", "delivered to nine, one hangs", whole,
			func(i Isolation) float64 { return float64(i.Hanging.Delivered) },
		},
		{"well_sum_ms", "processor, all well, a job", milliseconds2, func(i Isolation) float64 { return i.Well.Used.Sum }},
	}
}
