// What a proxy owes to Via and Max-Forwards of a request (RFC 9110 sections 7.6.2 and 7.6.3). Pure
// functions over a head; any thread.
#pragma once

#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::downstream {

// Whether `pseudonym` has already passed this message on.
bool passed_by(const http::Fields& fields, std::string_view pseudonym);

// Adds us as the next recipient.
void add_via(http::RequestHead& request, std::string_view pseudonym, Arena& arena);

// OPTIONS only, the one method besides the refused TRACE that Max-Forwards is about. True: the
// request ends here. Else the field, if there is one, was counted down.
bool ends_here(http::RequestHead& request, Arena& arena);

}  // namespace outrigger::downstream
