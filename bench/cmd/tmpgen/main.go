package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	var tables []*schema.Table
	if len(os.Args) > 3 {
		tables = []*schema.Table{schema.Pages}
	}
	f, err := sampledata.Write(os.Args[1], sampledata.Spec{Days: calendar.Range{First: calendar.DayOf(time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)), Last: calendar.DayOf(time.Date(2023, 12, 31, 0, 0, 0, 0, time.UTC))}, PageRows: n, Tables: tables})
	fmt.Println(f, err)
}
