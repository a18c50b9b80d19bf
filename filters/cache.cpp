#include "filters/cache.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/chain/exchange.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;

// The answer that is being kept; null: none.
struct CacheSlot {
  std::string key;
  std::unique_ptr<StoredAnswer> answer;
};

std::optional<StoreRules> store_rules(const Context& context) {
  if (!context.policy.cache) return std::nullopt;
  StoreRules rules{*context.policy.cache, {context.config.request_id.header}};
  if (context.policy.deadline_header) rules.noise.push_back(*context.policy.deadline_header);
  return rules;
}

bool has_body(const Leg& leg) {
  const http::RequestHead& request = leg.request();
  const bool declared_empty =
      request.framing == http::Framing::kLength && request.content_length == 0;
  if (request.framing == http::Framing::kNone || declared_empty) return false;
  const chain::RequestBody& body = leg.exchange().body();
  return !body.is_complete() || body.size() > 0;
}

void Cache::make(const Context& context, FilterList& filters) {
  const auto is_stale = [](const config::Fallback& fallback) {
    return std::holds_alternative<config::FallbackStale>(fallback.action);
  };
  auto rules = store_rules(context);
  if (!rules || std::ranges::none_of(context.policy.fallback, is_stale)) return;
  filters.push_back(std::make_unique<Cache>(context, std::move(*rules)));
}

Cache::Cache(const Context& context, StoreRules rules)
    : x_clock(context.runtime.loop.clock),
      x_label(context.label),
      x_rules(std::move(rules)),
      x_series(context.series),
      x_store(context.stale) {}

Step Cache::on_response(Leg& leg, void* slot) {
  const bool stands_in = leg.is_local_reply() || !leg.exchange().facts().fallback.empty();
  if (leg.response() == nullptr || stands_in) return Step::kContinue;
  if (const auto why = why_not(leg)) {
    skip(*why);
    return Step::kContinue;
  }
  const http::RequestHead& request = leg.request();
  const http::ResponseHead& head = *leg.response();
  of(slot).key = cache_key(x_rules, x_label, request);
  of(slot).answer = std::make_unique<StoredAnswer>();
  StoredAnswer& answer = *of(slot).answer;
  answer.status = head.status;
  answer.content_length = head.content_length;
  answer.vary = list_of(head.fields, http::Name::kVary);
  answer.vary_key = vary_key(answer.vary, request);
  const std::string_view age = head.fields.value(http::Name::kAge);
  std::from_chars(age.data(), age.data() + age.size(), answer.age_s);
  for (const http::Field& field : head.fields) {
    answer.fields.emplace_back(std::string(field.name), std::string(field.value));
  }
  return Step::kContinue;
}

std::optional<metrics::CacheSkip> Cache::why_not(const Leg& leg) const {
  const auto why = why_not_stored(x_rules.policy, leg.request(), *leg.response());
  if (!why && has_body(leg)) return metrics::CacheSkip::kBody;
  return why;
}

void Cache::on_chunk(Leg&, void* slot, chain::Way, std::string_view bytes) {
  auto& answer = of(slot).answer;
  if (answer == nullptr) return;
  if (static_cast<int64_t>(answer->body.size() + bytes.size()) > x_rules.policy.entry_bytes) {
    skip(metrics::CacheSkip::kTooLarge);
    answer.reset();
    return;
  }
  answer->body.append(bytes);
}

// Only a complete answer is kept.
void Cache::on_body_end(Leg&, void* slot, chain::Way) {
  auto& answer = of(slot).answer;
  if (answer == nullptr) return;
  answer->stored_ms = x_clock.now_ms();
  if (!x_store.put(x_label, of(slot).key, std::move(*answer))) skip(metrics::CacheSkip::kBudget);
  answer.reset();
}

void Cache::skip(metrics::CacheSkip why) const {
  x_series.cache_skipped[static_cast<size_t>(why)].add();
}

}  // namespace outrigger::filters
