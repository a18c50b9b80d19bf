#include "filters/headers.hpp"

#include <utility>

#include "proxy/chain/exchange.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;

// A secret file usually ends in a newline that is not part of the secret.
std::optional<std::string> header_value(const config::HeaderValue& header) {
  if (header.file.empty()) return header.value;
  if (header.content == nullptr) return std::nullopt;
  std::string value = header.prefix + *header.content;
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  // What would end the field early is not sent at all.
  const bool breaks = value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
  return breaks ? std::nullopt : std::optional(std::move(value));
}

void Headers::make(const Context& context, FilterList& filters) {
  const config::Headers& policy = context.policy.headers;
  if (policy.request.empty() && policy.response.empty()) return;
  filters.push_back(std::make_unique<Headers>(policy));
}

Headers::Headers(const config::Headers& policy)
    : x_request(policy.request), x_response(policy.response) {}

Headers::Edits::Edits(const config::HeaderEdits& policy) : remove(policy.remove) {
  const auto resolve = [](const std::vector<config::HeaderValue>& headers, auto& into) {
    for (const auto& header : headers) {
      if (auto value = header_value(header)) into.emplace_back(header.name, std::move(*value));
    }
  };
  resolve(policy.set, set);
  resolve(policy.add, add);
}

void Headers::Edits::apply(http::Fields& fields, Arena& arena) const {
  for (const std::string& name : remove) fields.remove(std::string_view(name));
  for (const auto& [name, value] : set) fields.set(arena, std::string_view(name), value);
  for (const auto& [name, value] : add) fields.add(arena, std::string_view(name), value);
}

Step Headers::on_request(Leg& leg, void*) {
  x_request.apply(leg.edit_request().fields, leg.exchange().arena());
  return Step::kContinue;
}

Step Headers::on_response(Leg& leg, void*) {
  if (leg.response() != nullptr) {
    x_response.apply(leg.edit_response().fields, leg.exchange().arena());
  }
  return Step::kContinue;
}

}  // namespace outrigger::filters
