package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// figure is one measured number and what it should be.
type figure struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	AtLeast float64 `json:"at_least,omitempty"`
	Below   float64 `json:"below,omitempty"`
}

// limit says in words what the figure should be; empty for one that has no limit.
func (f figure) limit() string {
	switch {
	case f.AtLeast > 0:
		return "at least " + number(f.AtLeast) + " " + f.Unit
	case f.Below > 0:
		return "below " + number(f.Below) + " " + f.Unit
	}
	return ""
}

func (f figure) ok() bool {
	return (f.AtLeast == 0 || f.Value >= f.AtLeast) && (f.Below == 0 || f.Value < f.Below)
}

// report is all figures, in the order they were taken.
type report struct{ figures []figure }

func (r *report) add(figures ...figure) {
	r.figures = append(r.figures, figures...)
	for _, f := range figures {
		say("%s: %s %s", f.Name, number(f.Value), f.Unit)
	}
}

// writeTable writes a table in Markdown.
func (r *report) writeTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| figure | measured | limit | ok |\n| --- | ---: | ---: | --- |\n")
	for _, f := range r.figures {
		ok := ""
		switch limited := f.limit() != ""; {
		case limited && f.ok():
			ok = "yes"
		case limited:
			ok = "**no**"
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", f.Name, number(f.Value), f.Unit, f.limit(), ok)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeJSON writes the figures with whether each is within its limit.
func (r *report) writeJSON(w io.Writer) error {
	type judged struct {
		figure
		OK bool `json:"ok"`
	}
	all := make([]judged, len(r.figures))
	for i, f := range r.figures {
		all[i] = judged{f, f.ok()}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"figures": all})
}

// number writes a number as people read it: 12,345 or 2.71.
func number(v float64) string {
	if v < 100 {
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
