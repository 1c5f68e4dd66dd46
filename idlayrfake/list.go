package idlayrfake

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type listBody struct {
	Page struct {
		Size          int `json:"size"`
		Number        int `json:"number"`
		TotalPages    int `json:"total_pages"`
		TotalElements int `json:"total_elements"`
	} `json:"page"`
	Embedded struct {
		Checks []checkBody `json:"checks"`
	} `json:"_embedded"`
	Links listLinks `json:"_links"`
}

// listLinks: next and prev are absent where there is no such page, so that
// following next comes to an end.
type listLinks struct {
	Self  link  `json:"self"`
	First link  `json:"first"`
	Last  link  `json:"last"`
	Next  *link `json:"next,omitempty"`
	Prev  *link `json:"prev,omitempty"`
}

// listQuery is what a list is asked for.
type listQuery struct {
	page, size   int
	search, sort string // as they came; empty if they did not

	match query                  // nil: all
	order func(a, b *record) int // nil: by creation
	desc  bool
}

// readList reads the query of a list.
func readList(api *product, rawQuery string) (q listQuery, e *problem) {
	q = listQuery{page: 1, size: 10, desc: true}
	params, e := queryParams(rawQuery)
	if e != nil {
		return q, e
	}
	if s := params["page"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return q, badRequest.with("page: expected a number from 1")
		}
		q.page = n
	}
	if s := params["size"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100 {
			return q, badRequest.with("size: expected a number from 1 to 100")
		}
		q.size = n
	}
	if q.sort = params["sort"]; q.sort != "" {
		property, direction, _ := strings.Cut(q.sort, ",")
		f, ok := api.field(property)
		if !ok {
			return q, badRequest.with("sort: there is no property ", strconv.Quote(property), " to sort by")
		}
		if direction != "asc" && direction != "desc" {
			return q, badRequest.with("sort: expected asc or desc after the property and a comma")
		}
		q.order, q.desc = f.order, direction == "desc"
	}
	if q.search = params["search"]; q.search != "" {
		match, err := parseRSQL(q.search, api.searchField)
		if err != nil {
			return q, badRequest.with(err.Error())
		}
		q.match = match
	}
	return q, nil
}

// order compares two checks by a field. Those without it come first.
func (f listField) order(a, b *record) int {
	v, hasV := f.value(&a.Check)
	w, hasW := f.value(&b.Check)
	switch {
	case hasV && hasW:
		return v.compare(w)
	case hasV:
		return 1
	case hasW:
		return -1
	}
	return 0
}

// queryParams reads a query in which no parameter comes twice. Semicolons are
// left alone, unlike in url.ParseQuery: they are RSQL's "and".
func queryParams(rawQuery string) (map[string]string, *problem) {
	params := map[string]string{}
	for _, pair := range strings.Split(rawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil {
			return nil, badRequest.with("the query is not percent-encoded")
		}
		if _, twice := params[name]; twice && name != "" {
			return nil, badRequest.with(name, ": given twice")
		}
		params[name] = value
	}
	return params, nil
}

// listChecks is GET /checks.
func (p *Platform) listChecks(x *exchange) failure {
	project, fail := p.authorize(x, x.api.name)
	if fail != nil {
		return fail
	}
	q, e := readList(x.api, x.r.URL.RawQuery)
	if e != nil {
		return e
	}
	p.passTime()
	found, total := p.pageOf(x.api, project, q)

	var body listBody
	body.Page.Size, body.Page.Number, body.Page.TotalElements = q.size, q.page, total
	body.Page.TotalPages = (total + q.size - 1) / q.size
	body.Embedded.Checks = make([]checkBody, len(found))
	for i, c := range found {
		body.Embedded.Checks[i] = p.wire(x, c)
	}
	body.Links = q.links(p.base(x.r)+x.api.path()+"/checks", body.Page.TotalPages)
	writeJSON(x.w, http.StatusOK, "application/hal+json", body)
	return nil
}

// pageOf returns a page of a project's checks and how many there are on all.
func (p *Platform) pageOf(api *product, project *Project, q listQuery) (page []Check, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*record
	for e := p.store.order.Front(); e != nil; e = e.Next() {
		r := e.Value.(*record)
		if r.api == api && r.project == project && (q.match == nil || q.match(&r.Check)) {
			all = append(all, r)
		}
	}
	if q.order != nil {
		slices.SortStableFunc(all, q.order)
	}
	if q.desc {
		slices.Reverse(all)
	}
	if pages := (len(all) + q.size - 1) / q.size; q.page <= pages {
		first := (q.page - 1) * q.size
		for _, r := range all[first:min(first+q.size, len(all))] {
			page = append(page, snapshot(r))
		}
	}
	return page, len(all)
}

// links are those of a page out of so many. All carry the filters.
func (q listQuery) links(collection string, pages int) listLinks {
	to := func(page int) link {
		href := collection + "?page=" + strconv.Itoa(page) + "&size=" + strconv.Itoa(q.size)
		if q.search != "" {
			href += "&search=" + url.QueryEscape(q.search)
		}
		if q.sort != "" {
			href += "&sort=" + url.QueryEscape(q.sort)
		}
		return link{href}
	}
	l := listLinks{Self: to(q.page), First: to(1), Last: to(max(1, pages))}
	if q.page < pages {
		next := to(q.page + 1)
		l.Next = &next
	}
	if before := min(q.page-1, pages); before > 0 {
		prev := to(before)
		l.Prev = &prev
	}
	return l
}
