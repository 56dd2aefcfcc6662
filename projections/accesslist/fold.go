package accesslist

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// fact is one thing that can hold of a subject.
type fact struct {
	workspace uuid.UUID
	subject   string
	role      string
	value     string
	rule      string
	whileOpen bool
}

// span is when a fact held.
type span struct {
	from, to int64
	stored   bool // that the table has it
}

type spannedFact struct {
	fact
	*span
}

// node is a subject or a value of a workspace.
type node struct {
	workspace uuid.UUID
	name      string
}

type nodes map[node]struct{}

func (n nodes) columns() (workspaces []uuid.UUID, names []string) {
	workspaces, names = make([]uuid.UUID, 0, len(n)), make([]string, 0, len(n))
	for k := range n {
		workspaces, names = append(workspaces, k.workspace), append(names, k.name)
	}
	return workspaces, names
}

// fold is the part of the facts that a batch meets, and what the batch did to them.
type fold struct {
	holding   map[fact]*span
	bySubject map[node]map[fact]struct{}
	byValue   map[node]map[fact]struct{}
	begun     []spannedFact
	ended     []spannedFact // of those stored
}

func newFold() *fold {
	return &fold{holding: map[fact]*span{}, bySubject: map[node]map[fact]struct{}{}, byValue: map[node]map[fact]struct{}{}}
}

func (f *fold) add(v fact, s *span) {
	f.holding[v] = s
	enter(f.bySubject, node{v.workspace, v.subject}, v)
	if v.value != "" {
		enter(f.byValue, node{v.workspace, v.value}, v)
	}
}

func enter(index map[node]map[fact]struct{}, at node, v fact) {
	if index[at] == nil {
		index[at] = map[fact]struct{}{}
	}
	index[at][v] = struct{}{}
}

// begin lets a fact hold from a position on. One that holds already keeps its beginning.
func (f *fold) begin(v fact, position int64) {
	if f.holding[v] == nil {
		s := &span{from: position, to: open}
		f.add(v, s)
		f.begun = append(f.begun, spannedFact{v, s})
	}
}

func (f *fold) end(v fact, position int64) {
	s := f.holding[v]
	if s == nil {
		return
	}
	s.to = position
	if s.stored {
		f.ended = append(f.ended, spannedFact{v, s})
	}
	delete(f.holding, v)
	delete(f.bySubject[node{v.workspace, v.subject}], v)
	delete(f.byValue[node{v.workspace, v.value}], v)
}

// become makes the facts the only ones of their subject.
func (f *fold) become(subject node, facts []fact, position int64) {
	for _, v := range f.of(subject) {
		if !slices.Contains(facts, v) {
			f.end(v, position)
		}
	}
	for _, v := range facts {
		f.begin(v, position)
	}
}

// remove ends every fact about a thing and every fact that names it.
func (f *fold) remove(thing node, position int64) {
	for _, v := range slices.Concat(f.of(thing), sorted(f.byValue[thing])) {
		f.end(v, position)
	}
}

func (f *fold) of(subject node) []fact { return sorted(f.bySubject[subject]) }

// sorted makes the order in which facts end, and so are written, the same in every run.
func sorted(facts map[fact]struct{}) []fact {
	return slices.SortedFunc(maps.Keys(facts), func(a, b fact) int {
		return strings.Compare(a.subject+"\x00"+a.role+"\x00"+a.value+"\x00"+a.rule, b.subject+"\x00"+b.role+"\x00"+b.value+"\x00"+b.rule)
	})
}
