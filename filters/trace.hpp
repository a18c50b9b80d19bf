// Identities that tie a call to others: the request id, made here when asked to, and the trace id
// of the caller's W3C traceparent. It makes no spans.
#pragma once

#include <string>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

class Trace final : public chain::Filter {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit Trace(const Context& context);

  std::string_view name() const override { return "trace"; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;

 private:
  void identify(chain::Leg& leg) const;
  void propagate(chain::Leg& leg) const;

  Random& x_random;
  const std::string x_header;
  const http::Name x_header_id;  // kOther: it is found by its name
  const bool x_generate;
  const bool x_propagate;
};

// The trace id of a traceparent field (W3C Trace Context section 3.2), or empty if it is malformed.
std::string_view trace_id(std::string_view traceparent);

}  // namespace outrigger::filters
