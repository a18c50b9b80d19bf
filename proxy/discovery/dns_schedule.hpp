// When a name is asked for again: when the TTL of its records has run out, a little later at random
// so that a fleet does not ask in step; less and less often while there is nothing; after an error
// by the back-off of errors, or as soon as the system asks other servers. Owned by a source of kind
// dns; control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "config/model_endpoints.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/backoff.hpp"
#include "proxy/io/name_service.hpp"

namespace outrigger::discovery {

class DnsSchedule {
 public:
  // A TTL grows by up to this share, but never beyond ttl_max.
  static constexpr double kJitterShare = 0.1;
  // Without an answer it is looked so often whether the system asks other servers by now.
  static constexpr int64_t kLookMs = 1'000;

  // `names` outlives it.
  DnsSchedule(LoopContext loop, io::NameService& names, const config::DnsRegistryConfig& registry,
              std::function<void()> ask);

  // The question goes out.
  void note_asked() { x_asked_version = x_names.version(); }
  // After these answers, all of one question.
  int64_t wait_after(const std::vector<io::Answer>& answers);
  int64_t wait_for(int64_t ttl_s);
  // `is_in_touch`: the latest answer had records and no failure.
  void ask_in(int64_t ms, bool is_in_touch);
  int64_t left_ms() const { return x_ask_at_ms - x_loop.clock.now_ms(); }

 private:
  void on_timer();

  const LoopContext x_loop;
  io::NameService& x_names;
  const int64_t x_ttl_min_ms;
  const int64_t x_ttl_max_ms;
  const std::function<void()> x_ask;
  Backoff x_after_error{kErrorBackoffMinMs, kErrorBackoffMaxMs};
  Backoff x_after_empty;
  uint64_t x_asked_version = 0;  // of the name service
  bool x_is_in_touch = false;
  int64_t x_ask_at_ms = 0;
  Timer x_again = Timer::of<&DnsSchedule::on_timer>(*this);
};

}  // namespace outrigger::discovery
