package scim

import (
	"strings"

	lib "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/scim2/filter-parser/v2"

	"github.com/kdesk/client-secrets/projections/directory"
)

// equals returns the attribute, in lower case, and the value that a list is to be narrowed to; empty for the whole list. Of
// filters only a single "eq" is known: it is what identity providers find their users and groups by.
func equals(params lib.ListRequestParams) (attribute, value string, err error) {
	if params.FilterValidator == nil {
		return "", "", nil
	}
	e, ok := params.FilterValidator.GetFilter().(*filter.AttributeExpression)
	if !ok || !strings.EqualFold(string(e.Operator), string(filter.EQ)) {
		return "", "", errors.ScimErrorInvalidFilter
	}
	attribute = strings.ToLower(e.AttributePath.AttributeName)
	if sub := e.AttributePath.SubAttributeName(); sub != "" {
		attribute += "." + strings.ToLower(sub)
	}
	if value, ok = e.CompareValue.(string); !ok {
		return "", "", errors.ScimErrorInvalidFilter
	}
	return attribute, value, nil
}

func sliceOf(params lib.ListRequestParams) directory.Slice {
	return directory.Slice{Skip: params.StartIndex - 1, Limit: min(params.Count, maxResults)}
}
