// What becomes of a request whose head is well-formed, whatever carried it: refused, answered here,
// or on its way along a route; and what a proxy owes to its Via and Max-Forwards (RFC 9110 sections
// 7.6.2 and 7.6.3). One thread.
#pragma once

#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/downstream/server_context.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::downstream {

struct Admission {
  Resolution found;        // a cause: the request is refused with it
  bool ends_here = false;  // to be answered with options_head(), for it may go no further
};

// May edit the request of `exchange`. `original` as in Resolver.
Admission admit(chain::Exchange& exchange, const Address* original, ServerContext& context);

Error refusal(Cause cause);

// What we ourselves can do (RFC 9110 section 7.6.2).
http::ResponseHead options_head(Arena& arena);

// Whether `pseudonym` has already passed this message on.
bool passed_by(const http::Fields& fields, std::string_view pseudonym);

// Adds us as the next recipient.
void add_via(http::RequestHead& request, std::string_view pseudonym, Arena& arena);

// OPTIONS only, the one method besides the refused TRACE that Max-Forwards is about. True: the
// request ends here. Else the field, if there is one, was counted down.
bool ends_here(http::RequestHead& request, Arena& arena);

}  // namespace outrigger::downstream
