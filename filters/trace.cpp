#include "filters/trace.hpp"

#include <algorithm>
#include <array>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "proxy/chain/exchange.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

constexpr bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Lower case only (W3C Trace Context section 3.2.2). Sixteen at a time: it is done for each call.
bool is_hex(std::string_view text) {
#ifdef __SSE2__
  for (constexpr size_t kStep = 16; text.size() >= kStep; text.remove_prefix(kStep)) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data()));
    const auto within = [&](char first, char last_from_first) {
      const __m128i from_first = _mm_sub_epi8(part, _mm_set1_epi8(first));
      return _mm_cmpeq_epi8(from_first, _mm_min_epu8(from_first, _mm_set1_epi8(last_from_first)));
    };
    const __m128i good = _mm_or_si128(within('0', 9), within('a', 5));
    if (_mm_movemask_epi8(good) != 0xFFFF) return false;
  }
#endif
  return std::all_of(text.begin(), text.end(), is_hex_digit);
}

bool is_zero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

std::string_view new_id(Random& random, Arena& arena) {
  std::array<char, 32> text;
  for (size_t half = 0; half < 2; ++half) {
    const uint64_t bits = random.next();
    for (size_t i = 0; i < 16; ++i) text[half * 16 + i] = kHex[(bits >> (4 * i)) & 15];
  }
  return arena.copy({text.data(), text.size()});
}

}  // namespace

std::string_view trace_id(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags; a later version may be longer.
  constexpr size_t kLength = 55;
  if (traceparent.size() < kLength) return {};
  const std::string_view version = traceparent.substr(0, 2);
  const std::string_view trace = traceparent.substr(3, 32);
  const std::string_view parent = traceparent.substr(36, 16);
  const std::string_view flags = traceparent.substr(53, 2);
  const bool separated = traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-';
  const bool length_fits = version == "00"
                               ? traceparent.size() == kLength
                               : traceparent.size() == kLength || traceparent[kLength] == '-';
  if (!separated || !length_fits || version == "ff") return {};
  if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(flags)) return {};
  return is_zero(trace) || is_zero(parent) ? std::string_view() : trace;
}

void Trace::make(const Context& context, FilterList& filters) {
  const bool logs = context.access_log != nullptr;
  if (!logs && !context.config.request_id.generate && !context.config.tracing.propagate) return;
  filters.push_back(std::make_unique<Trace>(context));
}

Trace::Trace(const Context& context)
    : x_random(context.runtime.loop.random),
      x_header(context.config.request_id.header),
      x_generate(context.config.request_id.generate),
      x_propagate(context.config.tracing.propagate) {}

Step Trace::on_request(Leg& leg, void*) {
  identify(leg);
  if (x_propagate) propagate(leg);
  return Step::kContinue;
}

void Trace::identify(Leg& leg) const {
  chain::Facts& facts = leg.exchange().facts();
  if (const http::Field* field = leg.request().fields.find(std::string_view(x_header))) {
    facts.request_id = field->value;
  } else if (x_generate) {
    Arena& arena = leg.exchange().arena();
    facts.request_id = new_id(x_random, arena);
    leg.edit_request().fields.add(arena, std::string_view(x_header), facts.request_id);
  }
}

// A malformed traceparent is not passed on, nor the tracestate that depends on it (section 4.3
// there).
void Trace::propagate(Leg& leg) const {
  const http::Field* parent = leg.request().fields.find(http::Name::kTraceparent);
  if (parent == nullptr) return;
  const bool single = leg.request().fields.count(http::Name::kTraceparent) == 1;
  const std::string_view trace = single ? trace_id(parent->value) : std::string_view();
  leg.exchange().facts().trace_id = trace;
  if (!trace.empty()) return;
  http::Fields& fields = leg.edit_request().fields;
  fields.remove(http::Name::kTraceparent);
  fields.remove(http::Name::kTracestate);
}

}  // namespace outrigger::filters
