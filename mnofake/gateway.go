package mnofake

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
)

// stampKey marks a request that passed a gateway. The mark travels beside the headers, where no client can write.
type stampKey struct{}

// stamp says whose gateway named which subscriber.
type stamp struct {
	by     *Operator
	msisdn string
}

// Gateway is the operator's packet gateway in front of next. It belongs on clear HTTP requests that come over one of the
// operator's data sessions, and on nothing else: it cannot read, let alone enrich, a secure connection, and WiFi does not
// pass it.
//
// It finds the subscriber by the source address (r.RemoteAddr), removes every subscriber header the client sent
// (SubscriberHeaders) and every trailer, and stamps X-MSISDN for a subscriber it knows. It works on a copy: the request it
// was given, its header map included, stays as it was.
func (o *Operator) Gateway(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header, removed := names().strip(r.Header)
		if removed > 0 {
			o.observe(r.Context(), "gateway removes "+strconv.Itoa(removed)+" subscriber header(s) sent by the client")
		}
		ctx := r.Context()
		s, ok := o.source(r.RemoteAddr)
		why := "no known subscriber at this source address"
		if ok {
			why = s.anonymous()
		}
		if why == "" {
			header.Set(stampHeader, s.MSISDN)
			ctx = context.WithValue(ctx, stampKey{}, stamp{by: o, msisdn: s.MSISDN})
			o.observe(ctx, "gateway stamps "+s.MSISDN)
		} else {
			// Masks a mark of an outer gateway: its header is gone too.
			ctx = context.WithValue(ctx, stampKey{}, stamp{})
			o.observe(ctx, "gateway stamps nothing: "+why)
		}
		enriched := r.WithContext(ctx)
		enriched.Header = header
		enriched.Trailer = nil
		next.ServeHTTP(w, enriched)
	})
}

func (o *Operator) source(remoteAddr string) (Subscriber, bool) {
	ap, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return Subscriber{}, false
	}
	return o.subscriberAt(ap)
}

// stamped returns the MSISDN that this operator's own gateway put on the request. The header alone proves nothing: a client
// on WiFi can send it too, and another operator's gateway vouches for its own subscribers only.
func (o *Operator) stamped(r *http.Request) (msisdn string, ok bool) {
	s, _ := r.Context().Value(stampKey{}).(stamp)
	if s.by != o || r.Header.Get(stampHeader) != s.msisdn {
		return "", false
	}
	return s.msisdn, true
}
