#include "proxy/discovery/dns_schedule.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/io/known_name.hpp"

namespace outrigger::discovery {
namespace {

// Within the bounds of a TTL.
Backoff after_empty(int64_t ttl_min_ms, int64_t ttl_max_ms) {
  return {ttl_min_ms, std::clamp(kErrorBackoffMaxMs, ttl_min_ms, ttl_max_ms)};
}

}  // namespace

DnsSchedule::DnsSchedule(LoopContext loop, io::NameService& names,
                         const config::DnsRegistryConfig& registry, std::function<void()> ask)
    : x_loop(loop),
      x_names(names),
      x_ttl_min_ms(std::max<int64_t>(1, registry.ttl_min_ms)),
      x_ttl_max_ms(std::max(x_ttl_min_ms, registry.ttl_max_ms)),
      x_ask(std::move(ask)),
      x_after_empty(after_empty(x_ttl_min_ms, x_ttl_max_ms)) {}

int64_t DnsSchedule::wait_after(const std::vector<io::Answer>& answers) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  int64_t in_ms = kNone;
  for (const io::Answer& answer : answers) {
    if (answer.verdict == io::Verdict::kRecords) in_ms = std::min(in_ms, wait_for(answer.ttl_s));
  }
  if (std::ranges::any_of(answers, io::is_failure)) {
    return std::min(in_ms, x_after_error.next_ms(x_loop.random));
  }
  x_after_error.reset();
  if (in_ms == kNone) return x_after_empty.next_ms(x_loop.random);
  x_after_empty.reset();
  return in_ms;
}

int64_t DnsSchedule::wait_for(int64_t ttl_s) {
  const auto longest = static_cast<double>(x_ttl_max_ms) / (1 + kJitterShare);
  const double ttl_ms =
      std::clamp(static_cast<double>(ttl_s) * 1000, static_cast<double>(x_ttl_min_ms),
                 std::max(static_cast<double>(x_ttl_min_ms), longest));
  const auto later = static_cast<int64_t>(ttl_ms * x_loop.random.between(1, 1 + kJitterShare));
  return std::min(later, x_ttl_max_ms);
}

void DnsSchedule::ask_in(int64_t ms, bool is_in_touch) {
  const int64_t now_ms = x_loop.clock.now_ms();
  x_is_in_touch = is_in_touch;
  x_ask_at_ms = now_ms + ms;
  x_loop.timers.arm(x_again, now_ms + (is_in_touch ? ms : std::min(ms, kLookMs)));
}

void DnsSchedule::on_timer() {
  if (left_ms() <= 0 || x_names.version() != x_asked_version) return x_ask();
  ask_in(left_ms(), x_is_in_touch);
}

}  // namespace outrigger::discovery
